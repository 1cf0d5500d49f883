//! Where a provider says its keys are (OpenID Connect Discovery 1.0).

use std::fmt;

use serde_json::Value;

use super::KeySetFault;
use crate::http::Endpoint;
use crate::json;

/// Where an issuer's discovery document is (section 4 of the specification).
pub(super) fn discovery_endpoint(issuer: &str) -> Option<Endpoint> {
    Endpoint::parse(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))
}

/// What a provider says about itself, as far as it is of use here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Metadata {
    pub jwks_uri: Option<Endpoint>,
    pub authorization: Option<Endpoint>,
    pub token: Option<Endpoint>,
    pub userinfo: Option<Endpoint>,
    pub revocation: Option<Endpoint>,
    pub end_session: Option<Endpoint>,
    /// Whether every authorization answer carries `iss` (RFC 9207).
    pub sends_issuer: bool,
}

impl Metadata {
    /// Reads a provider's own words, or the same members of its settings.
    /// Whatever is no `https` URL is not there.
    pub fn read(document: &Value) -> Metadata {
        let endpoint = |name: &str| document.get(name).and_then(Value::as_str).and_then(Endpoint::parse);
        let sends = document.get("authorization_response_iss_parameter_supported");
        Metadata {
            jwks_uri: endpoint("jwks_uri"),
            authorization: endpoint("authorization_endpoint"),
            token: endpoint("token_endpoint"),
            userinfo: endpoint("userinfo_endpoint"),
            revocation: endpoint("revocation_endpoint"),
            end_session: endpoint("end_session_endpoint"),
            sends_issuer: sends == Some(&Value::Bool(true)),
        }
    }

    /// The members that [`Metadata::read`] reads; the others of a document may
    /// be many.
    pub const MEMBERS: [&str; 7] = [
        "jwks_uri",
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "revocation_endpoint",
        "end_session_endpoint",
        "authorization_response_iss_parameter_supported",
    ];
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

/// Reads a discovery document: it must speak for one of `issuers`, exactly, and
/// name the place of the keys. Answers the members that are of use.
pub(super) fn read_discovery(text: &[u8], issuers: &[String]) -> Result<Value, ProviderFault> {
    let Ok(Value::Object(mut document)) = json::parse(text) else {
        return Err(ProviderFault::NotJson);
    };
    let issuer = document.get("issuer").and_then(Value::as_str);
    if !issuer.is_some_and(|issuer| issuers.iter().any(|ours| ours == issuer)) {
        return Err(ProviderFault::WrongIssuer);
    }
    document.retain(|name, _| Metadata::MEMBERS.contains(&name.as_str()));
    let mut endpoints = document.iter().filter(|(name, value)| name.contains('_') && value.is_string());
    if let Some((name, _)) = endpoints.find(|(_, value)| value.as_str().and_then(Endpoint::parse).is_none()) {
        // Its value is the provider's word, and may be anything.
        log::warn!("the discovery document's {name} is not used: no https URL of ASCII without user and fragment");
    }
    let document = Value::Object(document);
    Metadata::read(&document).jwks_uri.ok_or(ProviderFault::NoJwksUri)?;
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn a_document_lies_below_its_issuer() {
        let path = |issuer| discovery_endpoint(issuer).unwrap().path;
        assert_eq!(path("https://a"), "/.well-known/openid-configuration");
        assert_eq!(path("https://a/realms/x/"), "/realms/x/.well-known/openid-configuration");
    }

    #[test]
    fn what_is_no_endpoint_is_not_there() {
        let document = serde_json::json!({"token_endpoint": "http://a/t", "userinfo_endpoint": 1,
            "revocation_endpoint": "https://a/r", "authorization_response_iss_parameter_supported": "true"});
        let expected = Metadata { revocation: Endpoint::parse("https://a/r"), ..Metadata::default() };
        assert_eq!(Metadata::read(&document), expected);
    }

    #[test]
    fn a_document_speaks_for_its_own_issuer_only() {
        let issuers = ["https://a".to_owned(), "https://alias".to_owned()];
        let read =
            |text: &str| read_discovery(text.as_bytes(), &issuers).map(|document| Metadata::read(&document).jwks_uri);
        let keys = Endpoint::parse("https://k/keys");
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
            (r#"{"issuer":"https://a","jwks_uri":"https://k/é"}"#, ProviderFault::NoJwksUri),
            (r#"{"issuer":"https://a","jwks_uri":"https://u@k/keys"}"#, ProviderFault::NoJwksUri),
            (r#"{"issuer":"https://a","jwks_uri":"http://k/keys"}"#, ProviderFault::NoJwksUri),
        ] {
            assert_eq!(read(text), Err(fault), "{text}");
        }
    }
}
