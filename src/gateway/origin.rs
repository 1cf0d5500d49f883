//! Whether a request that a cookie speaks for was sent by our own pages.

use http::uri::Authority;

use crate::http::Request;

/// Why a request may be another site's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OriginFault {
    /// The browser says that another site sent it, or nobody's page.
    CrossSite,
    /// Its origin is not us, or not one origin.
    WrongOrigin,
    /// Nothing tells where it comes from.
    NoOrigin,
}

impl OriginFault {
    /// The reason in the record.
    pub fn reason(self) -> &'static str {
        match self {
            OriginFault::CrossSite => "cross_site",
            OriginFault::WrongOrigin => "wrong_origin",
            OriginFault::NoOrigin => "no_origin",
        }
    }
}

/// Accepts what reads, and of the rest what our own pages send: by
/// `Sec-Fetch-Site`, or without it by `Origin`. Never by `Host`, which is what
/// the request says about us and not about its sender.
pub(super) fn is_ours(request: &Request, external_urls: &[&str]) -> Result<(), OriginFault> {
    if matches!(request.method(), "GET" | "HEAD" | "OPTIONS") {
        return Ok(());
    }
    let mut sites = request.headers().all("sec-fetch-site");
    match (sites.next(), sites.next()) {
        (Some(b"same-origin"), None) => return Ok(()),
        (Some(_), _) => return Err(OriginFault::CrossSite),
        (None, _) => {}
    }
    let mut origins = request.headers().all("origin");
    match (origins.next(), origins.next()) {
        (None, _) => Err(OriginFault::NoOrigin),
        (Some(origin), None) if is_one_of(origin, external_urls) => Ok(()),
        _ => Err(OriginFault::WrongOrigin),
    }
}

/// Accepts a request that the browser attributes to a page of this origin, or to
/// the person alone (`Sec-Fetch-Site: none`). A GET carries no `Origin` by which an
/// older browser could say so.
pub(super) fn is_own_navigation(request: &Request) -> Result<(), OriginFault> {
    let mut sites = request.headers().all("sec-fetch-site");
    match (sites.next(), sites.next()) {
        (Some(b"same-origin" | b"none"), None) => Ok(()),
        (Some(_), _) => Err(OriginFault::CrossSite),
        (None, _) => Err(OriginFault::NoOrigin),
    }
}

fn is_one_of(origin: &[u8], urls: &[&str]) -> bool {
    let origin = std::str::from_utf8(origin).ok().and_then(place);
    origin.is_some() && urls.iter().any(|url| place(url) == origin)
}

/// Host and port of an `https` origin. All of ours are `https`, so that another
/// scheme has no place to compare.
fn place(origin: &str) -> Option<(String, u16)> {
    let (scheme, rest) = origin.split_once("://")?;
    let authority: Authority = rest.parse().ok().filter(|_| scheme.eq_ignore_ascii_case("https"))?;
    let host = authority.host();
    // Neither user information nor half a port.
    let port = match rest.strip_prefix(host)?.strip_prefix(':') {
        None if rest == host => 443,
        None => return None,
        Some(_) => authority.port_u16()?,
    };
    Some((host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;
    use crate::testing::test;

    const URLS: [&str; 2] = ["https://airbyte.example.com", "https://Other.example.com:8443"];

    fn judge(method: &str, fields: &[(&str, &str)]) -> Result<(), OriginFault> {
        let head = [(":method", method), (":path", "/api/v1/x"), (":authority", "airbyte.example.com")];
        let headers = Headers::from_pairs(head.iter().chain(fields).copied());
        is_ours(&Request::new(headers).unwrap(), &URLS)
    }

    #[test]
    fn what_reads_passes_whoever_sends_it() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert_eq!(judge(method, &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")]), Ok(()));
        }
        for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "get", "PROPFIND"] {
            assert_eq!(judge(method, &[]), Err(OriginFault::NoOrigin), "{method}");
        }
    }

    #[test]
    fn the_browsers_own_word_decides_where_there_is_one() {
        let ours = ("origin", URLS[0]);
        let site = |value| ("sec-fetch-site", value);
        assert_eq!(judge("POST", &[site("same-origin")]), Ok(()));
        assert_eq!(judge("POST", &[site("same-origin"), ("origin", "null")]), Ok(()));
        for value in ["same-site", "cross-site", "none", "", "Same-Origin", "same-origin, same-origin", "same-origin "]
        {
            assert_eq!(judge("POST", &[site(value), ours]), Err(OriginFault::CrossSite), "{value:?}");
        }
        let twice = [site("same-origin"), site("cross-site"), ours];
        assert_eq!(judge("POST", &twice), Err(OriginFault::CrossSite));
        assert_eq!(judge("POST", &[("sec_fetch_site", "same-origin")]), Err(OriginFault::NoOrigin));
    }

    #[test]
    fn a_get_that_acts_comes_from_this_site_or_the_address_bar() {
        let judge = |fields: &[(&str, &str)]| {
            let head = [(":method", "GET"), (":path", "/api/public/v1/streams"), (":authority", "airbyte.example.com")];
            let headers = Headers::from_pairs(head.iter().chain(fields).copied());
            is_own_navigation(&Request::new(headers).unwrap())
        };
        let site = |value| ("sec-fetch-site", value);
        for value in ["same-origin", "none"] {
            assert_eq!(judge(&[site(value)]), Ok(()), "{value}");
        }
        for value in ["same-site", "cross-site", "", "Same-Origin", "none, cross-site"] {
            assert_eq!(judge(&[site(value), ("origin", URLS[0])]), Err(OriginFault::CrossSite), "{value:?}");
        }
        assert_eq!(judge(&[site("none"), site("cross-site")]), Err(OriginFault::CrossSite));
        assert_eq!(judge(&[("origin", URLS[0])]), Err(OriginFault::NoOrigin));
    }

    #[test]
    fn without_it_the_origin_must_be_ours() {
        for origin in [
            "https://airbyte.example.com",
            "https://airbyte.example.com:443",
            "HTTPS://AIRBYTE.example.com",
            "https://other.example.com:8443",
        ] {
            assert_eq!(judge("POST", &[("origin", origin)]), Ok(()), "{origin}");
        }
        for origin in [
            "",
            "null",
            "http://airbyte.example.com",
            "http://airbyte.example.com:443",
            "https://airbyte.example.com:8443",
            "https://airbyte.example.com:",
            "https://airbyte.example.com:0",
            "https://airbyte.example.com:65979",
            "https://airbyte.example.com/",
            "https://airbyte.example.com?",
            "https://airbyte.example.com#",
            "https://airbyte.example.com.",
            "https://airbyte.example.com.evil.example",
            "https://evil.example",
            "https://evil-airbyte.example.com",
            "https://airbyte.example.com@evil.example",
            "https://evil.example@airbyte.example.com",
            "https://other.example.com",
            "https:airbyte.example.com",
            "https:///airbyte.example.com",
            "://airbyte.example.com",
            "airbyte.example.com",
            " https://airbyte.example.com",
            "https://airbyte.example.com ",
            "https://airbyte.example.com, https://airbyte.example.com",
            "https://airbyte.example.com https://evil.example",
            "https://*.example.com",
            "https://a\u{ef}rbyte.example.com",
            "file://",
        ] {
            assert_eq!(judge("POST", &[("origin", origin)]), Err(OriginFault::WrongOrigin), "{origin:?}");
        }
        let twice = [("origin", URLS[0]), ("origin", URLS[0])];
        assert_eq!(judge("POST", &twice), Err(OriginFault::WrongOrigin));
    }

    #[test]
    fn nothing_else_tells_where_a_request_comes_from() {
        let other = [("referer", "https://airbyte.example.com/"), ("x-forwarded-host", "airbyte.example.com")];
        assert_eq!(judge("POST", &other), Err(OriginFault::NoOrigin));
        assert_eq!(OriginFault::NoOrigin.reason(), "no_origin");
    }

    #[test]
    fn bytes_that_are_no_text_are_no_origin() {
        let head = [(":method", &b"POST"[..]), (":path", b"/"), (":authority", b"a"), ("origin", b"https://\xff")];
        let request = Request::new(Headers::from_pairs(head)).unwrap();
        assert_eq!(is_ours(&request, &URLS), Err(OriginFault::WrongOrigin));
    }
}
