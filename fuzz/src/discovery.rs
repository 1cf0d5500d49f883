use airgate::gateway::Step;
use airgate::http::{Answer, Endpoint};
use serde_json::{Value, json};

use super::promises::{check, is_telling};
use super::site::{ISSUER, Site, config, head, honest, jwk};

/// What a provider says about itself: nothing is asked for its keys, and nobody sent to it, unless it speaks for itself
/// and of `https`.
pub fn discovery(data: &[u8]) -> bool {
    if is_telling(data) {
        return false;
    }
    let mut site = Site::new(&config());
    site.tick();
    let outcome = site.answer(Answer::Response { status: 200, body: data.to_vec() });
    let document: Value = serde_json::from_slice(data).unwrap_or_default();
    let asks = !outcome.calls.is_empty();
    if let Some(call) = outcome.calls.first() {
        assert_eq!(document["issuer"], ISSUER);
        let endpoint = document["jwks_uri"].as_str().and_then(Endpoint::parse);
        assert_eq!(Some(&call.endpoint), endpoint.as_ref());
        assert_eq!((call.cluster.as_str(), &call.authorization), ("idp", &None));
        site.answer(honest(&json!({"keys": [jwk(1)]})));
    }
    let sent = head("GET", "/workspaces", &[("sec-fetch-mode", b"navigate")]);
    let step = site.send(1, sent.clone());
    let Step::Reply { reply, .. } = &step else {
        assert!(!check(&sent, &step).is_let_in());
        return asks;
    };
    let location = reply.headers.iter().find(|(name, _)| name == "location");
    let Some((_, location)) = location else {
        return asks;
    };
    let location = std::str::from_utf8(location).expect("a URL is text");
    let there = document["authorization_endpoint"].as_str().and_then(Endpoint::parse).expect("where it says");
    assert!(location.starts_with(&format!("https://{}{}", there.authority, there.path)), "{location}");
    assert!(!location.contains(['\r', '\n', '\0', ' ']));
    asks
}
