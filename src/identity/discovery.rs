//! Where a provider says its keys are (OpenID Connect Discovery 1.0).

use std::fmt;

use super::KeySetFault;
use crate::json;

/// An `https` URL, split the way a call needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub authority: String,
    pub path: String,
}

impl Endpoint {
    /// Reads an `https` URL without user information or fragment.
    pub fn parse(url: &str) -> Option<Endpoint> {
        let uri: http::Uri = url.parse().ok()?;
        let authority = uri.authority()?.as_str();
        if uri.scheme_str() != Some("https") || authority.contains('@') || url.contains('#') {
            return None;
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Some(Endpoint { authority: authority.to_owned(), path: path.to_owned() })
    }

    /// The discovery document of an issuer (section 4 of the specification).
    pub fn of_discovery(issuer: &str) -> Option<Endpoint> {
        Endpoint::parse(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))
    }
}

/// Why a provider's answer is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProviderFault {
    /// No answer.
    Unreachable,
    /// An answer other than 200; redirects are not followed.
    Status(u16),
    /// More than [`crate::http::Answer::MAX_BODY`] bytes.
    TooLarge,
    /// The discovery document is no JSON object.
    NotJson,
    /// The discovery document speaks for another issuer.
    WrongIssuer,
    /// The discovery document names no `https` place for the keys.
    NoJwksUri,
    /// No key set, or none that is usable.
    Keys(KeySetFault),
}

impl fmt::Display for ProviderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProviderFault::Unreachable => f.write_str("no answer"),
            ProviderFault::Status(status) => write!(f, "answered with status {status}"),
            ProviderFault::TooLarge => f.write_str("answered with more than 1 MiB"),
            ProviderFault::NotJson => f.write_str("the discovery document is no JSON object"),
            ProviderFault::WrongIssuer => f.write_str("the discovery document names another issuer"),
            ProviderFault::NoJwksUri => f.write_str("the discovery document names no https jwks_uri"),
            ProviderFault::Keys(fault) => write!(f, "{fault}"),
        }
    }
}

/// Reads a discovery document: it must speak for one of `issuers`, exactly.
pub(super) fn read_discovery(text: &[u8], issuers: &[String]) -> Result<Endpoint, ProviderFault> {
    let document = json::parse(text).map_err(|_| ProviderFault::NotJson)?;
    let member = |name| document.get(name).and_then(|value| value.as_str());
    if !document.is_object() {
        return Err(ProviderFault::NotJson);
    }
    if !member("issuer").is_some_and(|issuer| issuers.iter().any(|ours| ours == issuer)) {
        return Err(ProviderFault::WrongIssuer);
    }
    member("jwks_uri").and_then(Endpoint::parse).ok_or(ProviderFault::NoJwksUri)
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
        let path = |issuer| Endpoint::of_discovery(issuer).unwrap().path;
        assert_eq!(path("https://a"), "/.well-known/openid-configuration");
        assert_eq!(path("https://a/realms/x/"), "/realms/x/.well-known/openid-configuration");
    }

    #[test]
    fn a_document_speaks_for_its_own_issuer_only() {
        let issuers = ["https://a".to_owned(), "https://alias".to_owned()];
        let read = |text: &str| read_discovery(text.as_bytes(), &issuers);
        let keys = Endpoint::parse("https://k/keys").unwrap();
        assert_eq!(read(r#"{"issuer":"https://a","jwks_uri":"https://k/keys"}"#), Ok(keys.clone()));
        assert_eq!(read(r#"{"issuer":"https://alias","jwks_uri":"https://k/keys"}"#), Ok(keys));
        for (text, fault) in [
            ("<html>", ProviderFault::NotJson),
            ("[]", ProviderFault::NotJson),
            (r#"{"issuer":"https://a","issuer":"https://b"}"#, ProviderFault::NotJson),
            ("{}", ProviderFault::WrongIssuer),
            (r#"{"issuer":"https://a/"}"#, ProviderFault::WrongIssuer),
            (r#"{"issuer":["https://a"]}"#, ProviderFault::WrongIssuer),
            (r#"{"issuer":"https://a"}"#, ProviderFault::NoJwksUri),
            (r#"{"issuer":"https://a","jwks_uri":"http://k/keys"}"#, ProviderFault::NoJwksUri),
        ] {
            assert_eq!(read(text), Err(fault), "{text}");
        }
    }
}
