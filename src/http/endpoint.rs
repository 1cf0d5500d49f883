//! Where a call goes.

use super::Form;

/// An `https` URL, split the way a call needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The `:authority` of the request.
    pub authority: String,
    /// The `:path` of the request, with its query.
    pub path: String,
}

impl Endpoint {
    /// Reads an `https` URL without user information or fragment, in printable ASCII
    /// (RFC 3986 section 2): other bytes would go into a call's headers as they are.
    pub fn parse(url: &str) -> Option<Endpoint> {
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let uri: http::Uri = url.parse().ok()?;
        let authority = uri.authority()?.as_str();
        if uri.scheme_str() != Some("https") || authority.contains('@') || url.contains('#') {
            return None;
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Some(Endpoint { authority: authority.to_owned(), path: path.to_owned() })
    }

    /// The URL with more parameters in its query.
    pub fn url_with(&self, parameters: &Form) -> String {
        let joint = if self.path.contains('?') { '&' } else { '?' };
        format!("https://{}{}{joint}{}", self.authority, self.path, parameters.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn only_plain_https_urls_are_endpoints() {
        let endpoint = |authority: &str, path: &str| Some(Endpoint { authority: authority.into(), path: path.into() });
        assert_eq!(Endpoint::parse("https://a.example:8443/keys?v=1"), endpoint("a.example:8443", "/keys?v=1"));
        assert_eq!(Endpoint::parse("https://a.example"), endpoint("a.example", "/"));
        for url in
            ["http://a/", "https://u@a/", "https://a/#x", "ftp://a/", "/keys", "a", "", "https:///x", "https://a b/"]
        {
            assert_eq!(Endpoint::parse(url), None, "{url}");
        }
    }

    #[test]
    fn bytes_outside_printable_ascii_are_refused() {
        for odd in ["é", "\u{80}", "\u{202e}", " ", "\t", "\r\n", "\0", "\x7f"] {
            for url in [format!("https://a/{odd}"), format!("https://a{odd}/"), format!("https://a/?x={odd}")] {
                assert_eq!(Endpoint::parse(&url), None, "{url:?}");
            }
        }
        assert!(Endpoint::parse("https://a/%C3%A9?x=%20").is_some());
    }

    #[test]
    fn parameters_join_those_that_are_there() {
        let form = Form::new([("a", "b c")]);
        let url = |text| Endpoint::parse(text).unwrap().url_with(&form);
        assert_eq!(url("https://a"), "https://a/?a=b+c");
        assert_eq!(url("https://a/x?policy=p"), "https://a/x?policy=p&a=b+c");
    }
}
