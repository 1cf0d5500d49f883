//! Limits of waiting requests: each list under attack while a good caller's
//! requests pass.

use super::*;
use crate::decision::Decision;
use crate::testing::test;

const LOGOUT: &str = "/.airgate/backchannel-logout";
const TOKEN: &str = "/api/public/v1/applications/token";
const JOBS: &str = "/api/public/v1/jobs";
const SYNC: &str = "/api/v1/connections/sync";
const MINE: &str = "cccccccc-0000-4000-8000-000000000001";

/// The only one with a role; all others have none.
const GOOD: &str = "alice";

fn bed(change: impl FnOnce(&mut Value)) -> Bed {
    Bed::ready(|config| {
        config["token_relay"] = json!({"provider": "corp"});
        config["session"] = json!({"keys": [{"id": "k1", "secret": {"env": "KEY"}}]});
        config["providers"][0]["login"] = json!({"client_id": "airgate", "client_secret": {"env": "SECRET"}});
        config["access"] = json!({
            "default_role": "none",
            "roles": [{"role": "runner", "group": "a"}],
            "rules": [{
                "name": "mine",
                "what": {"effect": "mutates"},
                "which": {"connection": [MINE]},
                "who": {"group": "a"},
                "then": "allow",
            }],
        });
        change(config);
    })
}

impl Bed {
    /// From now on requests come from this address.
    fn at(&mut self, address: &str) -> &mut Bed {
        self.host.facts.borrow_mut().insert("source.address", address.into());
        self
    }

    fn token_of(&self, subject: &str, claims: &Value) -> String {
        let mut all = json!({"iss": "https://idp", "aud": "airbyte", "sub": subject, "exp": START + 600});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        self.sign(&all)
    }

    fn sends(&mut self, stream: u32, path: &str, token: Option<&str>) -> Step {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let fields: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        self.send(stream, "POST", path, &fields)
    }

    /// Sends headers, from each address in turn, until all were sent; the reasons
    /// of those that were refused.
    fn attack(&mut self, addresses: &[&str], path: &str, token: Option<&str>, count: u32) -> Vec<(u16, &'static str)> {
        let mut refused = Vec::new();
        for number in 0..count {
            self.at(addresses[number as usize % addresses.len()]);
            if let Step::Reply { reply, reason, .. } = self.sends(1000 + number, path, token) {
                refused.push((reply.status, reason));
            }
        }
        refused
    }

    #[track_caller]
    fn good_callers_pass(&mut self) {
        self.at("192.0.2.1:5000");
        let token = self.token_of(GOOD, &json!({"groups": ["a"]}));
        let sync = json!({"connectionId": MINE}).to_string();
        for (path, body) in [(JOBS, r#"{"jobType":"sync"}"#), (SYNC, &sync)] {
            let step = self.sends(1, path, Some(&token));
            assert!(matches!(step, Step::Read { .. }), "{path}: {step:?}");
            let step = self.gateway.on_body(StreamId(1), Body::Whole(body.into()), &self.host, self.now);
            forwarded(step);
        }
    }

    fn counted(&self, name: &str) -> u32 {
        self.host.counted().iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count)
    }
}

/// So many addresses.
fn addresses(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("198.51.100.{number}:4000")).collect()
}

#[test]
fn bodies_of_clients_without_credentials_take_no_place_of_callers() {
    for path in [LOGOUT, TOKEN] {
        for (count, reasons) in [
            (1, vec![(429, "too_many_by_address"); 300 - 16]),
            (2, vec![(429, "too_many_by_address"); 300 - 32]),
            (60, vec![(503, "overloaded"); 300 - 64]),
        ] {
            let mut bed = bed(|_| {});
            let addresses = addresses(count);
            let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
            assert_eq!(bed.attack(&addresses, path, None, 300), reasons, "{path} from {count} addresses");
            bed.good_callers_pass();
            if count < 4 {
                let step = bed.at("192.0.2.2:1").sends(2, path, None);
                assert!(matches!(step, Step::Read { .. }), "another address has its places");
            }
        }
    }
}

#[test]
fn a_body_that_does_not_arrive_is_refused_after_ten_seconds() {
    let mut bed = bed(|_| {});
    assert_eq!(bed.attack(&["198.51.100.1:4000"], LOGOUT, None, 16), []);
    let token = bed.token_of(GOOD, &json!({"groups": ["a"]}));
    assert!(matches!(bed.sends(1, JOBS, Some(&token)), Step::Read { .. }));
    assert!(bed.after(9_900).tick().is_empty());
    let wakes = bed.after(100).tick();
    assert_eq!(wakes.len(), 17);
    for wake in wakes {
        let Step::Reply { reply, reason, record: Some(record), .. } = wake.step else { panic!("{:?}", wake.step) };
        assert_eq!((reply.status, reason, record.decision), (408, "body_timeout", Decision::Deny));
        assert_eq!(record.get(crate::audit::Field::WaitedMs), Some("10000"));
        assert!(text(&reply.body).contains("did not arrive within 10 seconds"), "{}", text(&reply.body));
    }
    assert!(bed.after(100).tick().is_empty(), "answered once");
    let step = bed.gateway.on_body(StreamId(1), Body::Whole(Vec::new()), &bed.host, bed.now);
    assert_eq!(replied(step).1, "body_unexpected");
    assert_eq!(bed.attack(&["198.51.100.1:4000"], LOGOUT, None, 16), [], "the places are free again");
}

#[test]
fn late_bodies_and_late_waits_are_one_batch() {
    let mut bed = bed(|config| config["providers"][0]["keys"] = json!({"wait": "10s", "timeout": "30s"}));
    let addresses = addresses(60);
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    bed.after(11_000);
    let unknown = Ed25519KeyPair::generate().with_key_id("k9");
    let known = std::mem::replace(&mut bed.key, unknown);
    let token = bed.token_of("mallory", &json!({}));
    for stream in 0..40 {
        assert!(matches!(
            bed.at("192.0.2.9:1").send(stream, "GET", "/", &[("authorization", &format!("Bearer {token}"))]),
            Step::Await
        ));
    }
    bed.key = known;
    bed.attack(&addresses, LOGOUT, None, 64);
    bed.tick();
    assert_eq!([bed.after(10_000).tick().len(), bed.tick().len(), bed.tick().len()], [64, 40, 0]);
}

#[test]
fn a_caller_whom_no_body_could_help_is_refused_at_once() {
    let mut bed = bed(|_| {});
    let token = bed.token_of("mallory", &json!({}));
    for path in [JOBS, SYNC] {
        let refused = bed.attack(&["198.51.100.1:4000"], path, Some(&token), 300);
        assert_eq!(refused, [(403, "no_role"); 300], "{path}");
    }
    bed.good_callers_pass();
}

#[test]
fn no_caller_and_no_address_takes_all_places_of_callers() {
    let mut bed = bed(|_| {});
    let claims = json!({"groups": ["a"]});
    let token = bed.token_of("mallory", &claims);
    let addresses = addresses(60);
    let spread: Vec<&str> = addresses.iter().map(String::as_str).collect();
    assert_eq!(bed.attack(&spread, JOBS, Some(&token), 300), [(429, "too_many_by_caller"); 300 - 64]);
    assert_eq!(bed.counted("airgate.limits.caller_bodies"), 300 - 64);
    // Another token of the same caller has no places of its own.
    let other = bed.token_of("mallory", &json!({"groups": ["a"], "jti": "2"}));
    assert_eq!(replied(bed.sends(1, JOBS, Some(&other))).1, "too_many_by_caller");
    bed.good_callers_pass();

    let mut bed = self::bed(|_| {});
    let mut refused = Vec::new();
    for number in 0..300 {
        let token = bed.token_of(&format!("mallory-{number}"), &claims);
        if let Step::Reply { reason, .. } = bed.at("198.51.100.1:1").sends(1000 + number, JOBS, Some(&token)) {
            refused.push(reason);
        }
    }
    assert_eq!(refused, ["too_many_by_address"; 300 - 128]);
    bed.good_callers_pass();
}

#[test]
fn tokens_by_unknown_keys_take_no_place_of_callers() {
    let mut bed = bed(|_| {});
    bed.after(11_000);
    let unknown = Ed25519KeyPair::generate().with_key_id("k9");
    let known = std::mem::replace(&mut bed.key, unknown);
    let token = bed.token_of("mallory", &json!({}));
    bed.key = known;
    let addresses = addresses(60);
    let spread: Vec<&str> = addresses.iter().map(String::as_str).collect();
    // With a body that could matter, it is awaited first.
    assert_eq!(bed.attack(&spread, JOBS, Some(&token), 300), [(503, "overloaded"); 300 - 64]);
    assert_eq!(bed.counted("airgate.limits.other_bodies"), 300 - 64);
    bed.good_callers_pass();
    for number in 0..300 {
        let _ = bed.at(spread[number as usize % 60]).send(
            2000 + number,
            "GET",
            "/",
            &[("authorization", &format!("Bearer {token}"))],
        );
    }
    assert_eq!(bed.counted("airgate.limits.keys"), 300 - 256);
    bed.good_callers_pass();
}

#[test]
fn a_place_of_one_address_is_free_as_soon_as_its_request_ends() {
    let mut bed = bed(|_| {});
    assert_eq!(bed.attack(&["198.51.100.1:4000"], LOGOUT, None, 16), []);
    assert_eq!(replied(bed.sends(1, LOGOUT, None)).1, "too_many_by_address");
    bed.gateway.on_stream_end(StreamId(1003));
    assert!(matches!(bed.sends(1, LOGOUT, None), Step::Read { .. }));
}

#[test]
fn where_the_host_knows_no_address_only_the_places_are_bounded() {
    let mut bed = bed(|_| {});
    let mut refused = 0;
    for stream in 0..300 {
        if let Step::Reply { reason, .. } = bed.sends(1000 + stream, LOGOUT, None) {
            assert_eq!(reason, "overloaded");
            refused += 1;
        }
    }
    assert_eq!(refused, 300 - 64);
}

#[test]
fn a_refusal_by_a_limit_says_so_and_when_to_come_back() {
    let mut bed = bed(|_| {});
    bed.attack(&["198.51.100.1:4000"], LOGOUT, None, 16);
    let Step::Reply { reply, .. } = bed.sends(1, LOGOUT, None) else { panic!("a reply") };
    let retry = reply.headers.iter().find(|(name, _)| name == "retry-after").map(|(_, value)| text(value));
    assert_eq!((reply.status, retry.as_deref()), (429, Some("1")));
    let body = text(&reply.body);
    assert!(
        body.contains("too_many_requests") && body.contains("Your address") && !body.contains("identity"),
        "{body}"
    );
    // As many other clients, and all places are taken.
    let addresses = addresses(40);
    let spread: Vec<&str> = addresses.iter().map(String::as_str).collect();
    bed.attack(&spread[1..], LOGOUT, None, 100);
    let Step::Reply { reply, .. } = bed.at("192.0.2.7:1").sends(1, LOGOUT, None) else { panic!("a reply") };
    let body = text(&reply.body);
    assert!(reply.status == 503 && body.contains("as it can hold") && !body.contains("identity"), "{body}");
}
