//! One request, as the gateway sees it.

use http::Method;

use super::{Headers, PathRefusal, Target};

/// A request whose head can be read one way only.
#[derive(Clone, Debug)]
pub struct Request {
    headers: Headers,
    method: Method,
    target: Target,
}

/// Why a request cannot be read one way only. Answered with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestRefusal {
    /// No method, or one that is no token of RFC 9110 section 5.6.2.
    Method,
    /// `CONNECT`, or anything else without a path.
    NoPath,
    /// No `Host`, several that differ, or bytes no host name has.
    Authority,
    /// A path that two readers would read differently.
    Path(PathRefusal),
}

impl RequestRefusal {
    /// The reason in the record.
    pub fn reason(self) -> &'static str {
        match self {
            RequestRefusal::Method => "bad_method",
            RequestRefusal::NoPath => "no_path",
            RequestRefusal::Authority => "bad_authority",
            RequestRefusal::Path(refusal) => refusal.reason(),
        }
    }
}

impl Request {
    /// Reads a request's head from its headers, pseudo-headers included.
    pub fn new(headers: Headers) -> Result<Request, RequestRefusal> {
        let method = single(&headers, ":method").and_then(|method| Method::from_bytes(method).ok());
        let method = method.ok_or(RequestRefusal::Method)?;
        let path = single(&headers, ":path").ok_or(RequestRefusal::NoPath)?;
        let target = Target::parse(path).map_err(RequestRefusal::Path)?;
        let authority = single(&headers, ":authority").ok_or(RequestRefusal::Authority)?;
        // A comma is what two `Host` lines leave behind once they are joined.
        if authority.iter().any(|byte| b",@".contains(byte)) || !is_authority(authority) {
            return Err(RequestRefusal::Authority);
        }
        Ok(Request { headers, method, target })
    }

    /// The headers, pseudo-headers included, as the client sent them.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The method, in the client's spelling: methods are case-sensitive.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// Path and query.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The host that was asked for, without its port, in the client's case.
    pub fn host(&self) -> &str {
        let authority = self.headers.first(":authority").unwrap_or_default();
        let authority = std::str::from_utf8(authority).unwrap_or_default();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }

    /// Whether a person's browser asks for a page: the only kind of request
    /// that is answered with HTML.
    pub fn is_navigation(&self) -> bool {
        if self.method != Method::GET {
            return false;
        }
        match self.headers.first("sec-fetch-mode") {
            Some(mode) => mode == b"navigate",
            None => self.headers.all("accept").any(|accept| accept.windows(9).any(|word| word == b"text/html")),
        }
    }
}

/// Nearly every one is a plain name; reading another makes a copy of it.
fn is_authority(authority: &[u8]) -> bool {
    authority.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(byte))
        || http::uri::Authority::try_from(authority).is_ok()
}

/// The value of a field that must be there exactly once.
fn single<'a>(headers: &'a Headers, name: &'a str) -> Option<&'a [u8]> {
    let mut values = headers.all(name);
    let value = values.next()?;
    match (value, values.next()) {
        (b"", _) | (_, Some(_)) => None,
        (value, None) => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn read(pairs: &[(&str, &[u8])]) -> Result<Request, RequestRefusal> {
        Request::new(Headers::from_pairs(pairs.iter().copied()))
    }

    #[test]
    fn a_head_is_read() {
        let request = read(&[(":method", b"GET"), (":path", b"/a?b"), (":authority", b"Example.com:8443")]).unwrap();
        assert_eq!((request.method(), request.host()), ("GET", "Example.com"));
        let request = read(&[(":method", b"get"), (":path", b"/"), (":authority", b"[::1]")]).unwrap();
        assert_eq!((request.method(), request.host()), ("get", "[::1]"));
    }

    #[test]
    fn what_has_no_one_meaning_is_refused() {
        let head = |method: &'static [u8], path: &'static [u8], authority: &'static [u8]| {
            read(&[(":method", method), (":path", path), (":authority", authority)]).map(drop)
        };
        assert_eq!(head(b"GET\xff", b"/", b"a"), Err(RequestRefusal::Method));
        assert_eq!(head(b"G T", b"/", b"a"), Err(RequestRefusal::Method));
        assert_eq!(head(b"", b"/", b"a"), Err(RequestRefusal::Method));
        assert_eq!(head(b"GET", b"/", b"a b"), Err(RequestRefusal::Authority));
        assert_eq!(head(b"GET", b"/", b"a,b"), Err(RequestRefusal::Authority));
        assert_eq!(head(b"GET", b"/", b"\xff"), Err(RequestRefusal::Authority));
        assert_eq!(head(b"GET", b"//evil", b"a"), Err(RequestRefusal::Path(PathRefusal::EmptySegment)));
        assert_eq!(read(&[(":method", b"CONNECT"), (":authority", b"a:1")]).map(drop), Err(RequestRefusal::NoPath));
        let twice = [(":method", &b"GET"[..]), (":path", b"/"), (":path", b"/x"), (":authority", b"a")];
        assert_eq!(read(&twice).map(drop), Err(RequestRefusal::NoPath));
    }

    #[test]
    fn only_a_page_navigation_is_one() {
        let navigates = |method: &'static [u8], name: &'static str, value: &'static [u8]| {
            let head = [(":method", method), (":path", b"/"), (":authority", b"a"), (name, value)];
            read(&head).unwrap().is_navigation()
        };
        assert!(navigates(b"GET", "sec-fetch-mode", b"navigate"));
        assert!(navigates(b"GET", "accept", b"text/html,*/*"));
        assert!(!navigates(b"GET", "accept", b"*/*"));
        assert!(!navigates(b"POST", "accept", b"text/html"));
        assert!(!navigates(b"GET", "sec-fetch-mode", b"cors"));
    }
}
