use airgate::access::PermitReason;
use airgate::config::Settings;
use airgate::gateway::{Gateway, StreamId};
use airgate::http::Headers;

use super::promises::{Fate, check, is_telling};
use super::site::{Desk, environment, head, now};

/// A configuration is good, or every mistake in it is named and no secret told; and whatever it says, nobody is let in
/// whom nobody knows.
pub fn configuration(data: &[u8]) -> bool {
    if is_telling(data) {
        return false;
    }
    let settings = match Settings::parse(data, &environment) {
        Ok(settings) => settings,
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            for mistake in mistakes {
                let text = mistake.to_string();
                assert!(!is_telling(text.as_bytes()), "{text}");
            }
            return false;
        }
    };
    let host = Desk::default();
    let mut gateway = Gateway::new(settings, &host);
    gateway.on_tick(&host, now());
    let forged: [(&str, &[u8]); 2] = [("authorization", b"Bearer a.b.c"), ("x-airgate-user", b"root")];
    let requests: [Headers; 3] = [
        head("POST", "/api/v1/connections/delete", &[]),
        head("GET", "/workspaces", &forged),
        head("GET", "/api/v1/health", &forged[1..]),
    ];
    for (stream, sent) in (0..).zip(requests) {
        let step = gateway.on_request(StreamId(stream), sent.clone(), false, &host, now());
        if let Fate::Forwarded { reason, .. } = check(&sent, &step) {
            assert_eq!(reason, PermitReason::Public);
        }
    }
    true
}
