mod ahead;
#[cfg(not(target_arch = "wasm32"))]
mod explain;
mod grants;
mod limits;
mod logout;
#[cfg(not(target_arch = "wasm32"))]
mod order;
mod record;
#[cfg(not(target_arch = "wasm32"))]
mod refusals;
mod relay;
mod responses;
mod sessions;
mod sign_in;
mod step_up;

use std::collections::HashMap;

use super::*;
use crate::http::{Call, Edit};
use crate::testing::{TestHost, test};
use jwt_simple::prelude::*;
use serde_json::{Value, json};

/// A gateway in front of a scripted provider, with a clock of its own.
struct Bed {
    gateway: Gateway,
    host: TestHost,
    key: Ed25519KeyPair,
    now: Time,
    calls: Vec<Call>,
}

const START: u64 = 1_800_000_000;

impl Bed {
    fn new(change: impl FnOnce(&mut Value)) -> Bed {
        let mut config = json!({
            "external_url": "https://airbyte.example.com",
            "signatures": "software",
            "providers": [{"name": "corp", "issuer": "https://idp", "cluster": "idp", "audiences": ["airbyte"]}],
            "access": {"default_role": "admin"},
        });
        change(&mut config);
        let host = TestHost::default();
        // 32 bytes in base64url, good for every secret.
        let environment = |_: &str| Some(crate::testing::key(1));
        let settings =
            Settings::parse(config.to_string().as_bytes(), &environment).unwrap_or_else(|found| panic!("{found:?}"));
        let gateway = Gateway::new(settings, &host);
        let key = Ed25519KeyPair::generate().with_key_id("k1");
        Bed { gateway, host, key, now: Time::from_seconds(START), calls: Vec::new() }
    }

    /// With keys fetched.
    fn ready(change: impl FnOnce(&mut Value)) -> Bed {
        let mut bed = Bed::new(change);
        bed.tick();
        bed.discovery();
        bed.keys();
        bed
    }

    fn tick(&mut self) -> Vec<Wake> {
        let outcome = self.gateway.on_tick(&self.host, self.now);
        self.calls.extend(outcome.calls);
        outcome.wakes
    }

    fn after(&mut self, millis: u64) -> &mut Bed {
        self.now = Time::from_millis(self.now.millis() + millis);
        self
    }

    /// Answers the oldest call.
    fn answer(&mut self, answer: &Answer) -> Vec<Wake> {
        let call = self.calls.remove(0);
        let outcome = self.gateway.on_called(call.id, answer, &self.host, self.now);
        self.calls.extend(outcome.calls);
        outcome.wakes
    }

    fn discovery(&mut self) -> Vec<Wake> {
        assert_eq!(self.calls[0].endpoint.path, "/.well-known/openid-configuration");
        let document = json!({"issuer": "https://idp", "jwks_uri": "https://idp/keys"});
        self.answer(&Answer::Response { status: 200, body: document.to_string().into_bytes() })
    }

    fn keys(&mut self) -> Vec<Wake> {
        assert_eq!((self.calls[0].endpoint.path.as_str(), self.calls[0].endpoint.authority.as_str()), ("/keys", "idp"));
        let jwk: Value = serde_json::from_str(&self.key.public_key().to_jwk()).unwrap();
        let set = json!({"keys": [jwk]});
        self.answer(&Answer::Response { status: 200, body: set.to_string().into_bytes() })
    }

    fn token(&self) -> String {
        self.token_with(json!({"groups": ["a"], "azp": "cli"}))
    }

    fn token_with(&self, claims: Value) -> String {
        let mut claims = Claims::with_custom_claims(claims, jwt_simple::prelude::Duration::from_mins(10))
            .with_issuer("https://idp")
            .with_audience("airbyte")
            .with_subject("alice");
        claims.issued_at = Some(jwt_simple::prelude::Duration::from_secs(START));
        claims.invalid_before = None;
        claims.expires_at = Some(jwt_simple::prelude::Duration::from_secs(START + 600));
        self.key.sign(claims).unwrap()
    }

    /// A token of these very claims.
    fn sign(&self, claims: &Value) -> String {
        let mut signed = JWTClaims::new();
        signed.custom = claims.clone();
        self.key.sign(signed).unwrap()
    }

    /// Sends a request's headers; a POST to Airbyte declares JSON unless `fields` has
    /// a content type.
    fn send(&mut self, stream: u32, method: &str, path: &str, fields: &[(&str, &str)]) -> Step {
        let head =
            [(":method", method), (":path", path), (":authority", "airbyte.example.com"), ("x-request-id", "r1")];
        let has_type = fields.iter().any(|(name, _)| *name == "content-type");
        let json =
            (["POST", "PUT", "PATCH"].contains(&method) && path.starts_with("/api/") && !has_type).then_some(JSON);
        let headers = Headers::from_pairs(head.iter().chain(fields).copied().chain(json));
        self.gateway.on_request(StreamId(stream), headers, false, &self.host, self.now)
    }

    fn get(&mut self, path: &str) -> Step {
        let token = format!("Bearer {}", self.token());
        self.send(1, "GET", path, &[("authorization", &token)])
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[track_caller]
fn replied(step: Step) -> (u16, &'static str, Value) {
    match step {
        Step::Reply { reply, reason, .. } => {
            (reply.status, reason, serde_json::from_slice(&reply.body).unwrap_or_default())
        }
        other => panic!("expected a reply, found {other:?}"),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn forwarded(step: Step) -> HashMap<String, String> {
    match step {
        Step::Forward(forward) => forward
            .edits
            .iter()
            .filter_map(|edit| match edit {
                Edit::Set(name, value) | Edit::Add(name, value) => Some((text(name), text(value))),
                _ => None,
            })
            .collect(),
        other => panic!("expected to forward, found {other:?}"),
    }
}

#[test]
fn a_caller_is_recognised_and_announced() {
    let mut bed = Bed::ready(|_| {});
    let said = forwarded(bed.get("/api/public/v1/jobs"));
    for (name, value) in [
        ("x-airgate-user", "alice"),
        ("x-airgate-groups", "a"),
        ("x-airgate-client", "cli"),
        ("x-airgate-role", "admin"),
        ("x-airgate-auth", "bearer"),
        ("x-airgate-route", "public-api"),
        ("x-airgate-retry", "safe"),
        ("x-airgate-request-id", "r1"),
    ] {
        assert_eq!(said.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(said.contains_key("x-airgate-affinity"));
}

#[test]
fn a_provider_signs_only_as_its_settings_say() {
    for (algorithms, good) in [(json!(["EdDSA"]), true), (json!(["ES256", "RS256"]), false)] {
        let mut bed = Bed::ready(|config| config["providers"][0]["algorithms"] = algorithms.clone());
        match good {
            true => assert_eq!(forwarded(bed.get("/api/v1/x"))["x-airgate-user"], "alice"),
            false => assert_eq!(replied(bed.get("/api/v1/x")).1, "algorithm_not_allowed", "{algorithms}"),
        }
    }
}

#[test]
fn without_credentials_nothing_but_the_public_passes() {
    let mut bed = Bed::ready(|_| {});
    for (fields, status, reason) in [
        (&[][..], 401, "no_credentials"),
        (&[("authorization", "Basic YTpi")], 401, "unsupported_scheme"),
        (&[("authorization", "Bearer a, Bearer b")], 400, "malformed_credentials"),
        (&[("authorization", "Bearer opaque")], 401, "opaque_token"),
        (&[("proxy-authorization", "Bearer x")], 401, "no_credentials"),
        (&[("x-forwarded-uri", "/api/v1/health"), ("x-original-url", "/api/v1/health")], 401, "no_credentials"),
    ] {
        let (found, why, body) = replied(bed.send(1, "GET", "/api/v1/x", fields));
        assert_eq!((found, why), (status, reason));
        assert_eq!(body["request_id"], "r1");
    }
    let said = forwarded(bed.send(1, "GET", "/api/v1/health", &[("authorization", "Bearer a, Bearer b")]));
    assert_eq!(said.get("x-airgate-route").map(String::as_str), Some("health"));
    assert!(!said.contains_key("x-airgate-user") && !said.contains_key("x-airgate-role"));
    assert!(said.contains_key("x-airgate-retry") && !said.contains_key("x-airgate-affinity"));
}

#[test]
fn a_request_waits_for_the_first_keys_and_then_passes() {
    let mut bed = Bed::new(|_| {});
    assert!(matches!(bed.get("/api/v1/x"), Step::Await));
    bed.tick();
    assert!(bed.discovery().is_empty());
    let mut wakes = bed.keys();
    let wake = wakes.pop().unwrap();
    assert_eq!((wake.stream, wakes.len()), (StreamId(1), 0));
    forwarded(wake.step);
}

#[test]
fn a_request_that_ended_is_not_woken() {
    let mut bed = Bed::new(|_| {});
    assert!(matches!(bed.get("/api/v1/x"), Step::Await));
    bed.gateway.on_stream_end(StreamId(1));
    bed.tick();
    bed.discovery();
    assert!(bed.keys().is_empty());
}

#[test]
fn waiting_ends_at_its_bound() {
    let mut bed = Bed::new(|_| {});
    assert!(matches!(bed.get("/api/v1/x"), Step::Await));
    bed.tick();
    assert!(bed.after(4_900).tick().is_empty());
    let wake = bed.after(200).tick().pop().unwrap();
    assert_eq!(replied(wake.step).1, "provider_unavailable");
    assert!(bed.after(200).tick().is_empty(), "answered once");
}

#[test]
fn the_waiting_list_is_bounded() {
    let mut bed = Bed::new(|_| {});
    let token = format!("Bearer {}", bed.token());
    for stream in 0..256 {
        assert!(matches!(bed.send(stream, "GET", "/", &[("authorization", &token)]), Step::Await));
    }
    assert_eq!(replied(bed.send(256, "GET", "/", &[("authorization", &token)])).1, "overloaded");
}

#[test]
fn no_event_answers_more_than_a_host_can_bear() {
    let mut bed = Bed::new(|_| {});
    let token = format!("Bearer {}", bed.token());
    for stream in 0..256 {
        assert!(matches!(bed.send(stream, "GET", "/", &[("authorization", &token)]), Step::Await));
    }
    bed.tick();
    bed.discovery();
    let mut answered = vec![bed.keys().len()];
    while answered.last() != Some(&0) {
        answered.push(bed.after(200).tick().len());
    }
    assert_eq!(answered, [64, 64, 64, 64, 0]);
}

#[test]
fn the_late_are_sent_away_in_batches_too() {
    let mut bed = Bed::new(|_| {});
    let token = format!("Bearer {}", bed.token());
    for stream in 0..100 {
        assert!(matches!(bed.send(stream, "GET", "/", &[("authorization", &token)]), Step::Await));
    }
    bed.tick();
    assert_eq!((bed.after(6_000).tick().len(), bed.tick().len(), bed.tick().len()), (64, 36, 0));
}

#[test]
fn a_provider_that_is_down_is_said_and_tried_again() {
    let mut bed = Bed::new(|_| {});
    assert!(matches!(bed.get("/api/v1/x"), Step::Await));
    bed.tick();
    let wake = bed.answer(&Answer::Failed).pop().unwrap();
    assert_eq!(replied(wake.step), (503, "provider_unavailable", replied(bed.get("/api/v1/x")).2));
    assert!(bed.calls.is_empty());
    bed.after(1_500).tick();
    bed.discovery();
    bed.keys();
    forwarded(bed.get("/api/v1/x"));
}

#[test]
fn rotation_costs_one_fetch_and_the_request_waits_for_it() {
    let mut bed = Bed::ready(|_| {});
    bed.after(11_000);
    bed.key = Ed25519KeyPair::generate().with_key_id("k2");
    assert!(matches!(bed.get("/api/v1/x"), Step::Await));
    bed.tick();
    let wake = bed.keys().pop().unwrap();
    forwarded(wake.step);
}

#[test]
fn a_flood_of_unknown_keys_causes_one_fetch_each_ten_seconds() {
    let mut bed = Bed::ready(|_| {});
    bed.after(11_000);
    let known = Ed25519KeyPair::generate().with_key_id("k1");
    let known = std::mem::replace(&mut bed.key, known);
    for second in 0..60 {
        for kid in 0..20 {
            bed.key = Ed25519KeyPair::from_bytes(&bed.key.to_bytes()).unwrap().with_key_id(&format!("{second}-{kid}"));
            let _ = bed.get("/api/v1/x");
        }
        let attacker =
            std::mem::replace(&mut bed.key, Ed25519KeyPair::from_bytes(&known.to_bytes()).unwrap().with_key_id("k1"));
        bed.tick();
        for call in bed.calls.clone() {
            assert_eq!(call.endpoint.path, "/keys");
            bed.keys();
            bed.host.keep("fetches", b"");
        }
        bed.key = attacker;
        bed.after(1_000);
    }
    assert!(bed.host.shelf.borrow()["fetches"].1 <= 6);
}

#[test]
fn keys_on_the_shelf_outlive_a_reload_while_the_provider_is_away() {
    let mut bed = Bed::ready(|_| {});
    let token = format!("Bearer {}", bed.token());
    let host = std::mem::take(&mut bed.host);
    let mut reloaded = Bed::new(|_| {});
    reloaded.host = host;
    reloaded.tick();
    assert!(reloaded.calls.is_empty());
    forwarded(reloaded.send(1, "GET", "/api/v1/x", &[("authorization", &token)]));
    let mut other = Bed::new(|config| config["providers"][0]["cluster"] = "elsewhere".into());
    other.host = reloaded.host;
    other.tick();
    assert_eq!(other.calls.len(), 1, "another source never finds these keys");
}

#[test]
fn late_doubled_and_foreign_answers_are_dropped() {
    let mut bed = Bed::ready(|_| {});
    for id in [0, 1, 2, u64::MAX] {
        for answer in [Answer::Failed, Answer::TooLarge, Answer::Response { status: 200, body: b"{}".to_vec() }] {
            let outcome = bed.gateway.on_called(CallId(id), &answer, &bed.host, bed.now);
            assert!(outcome.calls.is_empty() && outcome.wakes.is_empty());
        }
    }
    forwarded(bed.get("/api/v1/x"));
}

#[test]
fn the_path_that_is_judged_is_the_path_that_is_forwarded() {
    let mut bed = Bed::ready(|_| {});
    let said = forwarded(bed.get("/%61pi/v1/health?q=%61"));
    assert_eq!(said[":path"], "/api/v1/health?q=%61");
    assert_eq!(replied(bed.get("/api/v1/health/..%2f")).1, "path_encoded_slash");
    assert!(!forwarded(bed.get("/api/v1/health")).contains_key(":path"));
}

#[test]
fn reserved_paths_are_answered_here() {
    let mut bed = Bed::new(|_| {});
    assert_eq!(replied(bed.send(1, "GET", "/.airgate/health", &[])).2, json!({"status": "waiting_for_keys"}));
    let mut bed = Bed::ready(|_| {});
    assert_eq!(replied(bed.send(1, "GET", "/.airgate/health", &[])).2, json!({"status": "ok"}));
    for path in ["/.airgate", "/.airgate/", "/.airgate/login", "/.airgate/health/x"] {
        assert_eq!(replied(bed.get(path)).0, 404, "{path}");
    }
    forwarded(bed.get("/.airgate2"));
}

#[test]
fn wrong_token_urls_name_the_right_one() {
    let mut bed = Bed::ready(|_| {});
    for (wrong, right) in [
        ("/applications/token", "/api/v1/applications/token"),
        ("/api/public/v1/v1/applications/token", "/api/public/v1/applications/token"),
    ] {
        let (status, reason, body) = replied(bed.send(1, "POST", wrong, &[]));
        assert_eq!((status, reason), (404, "wrong_token_url"));
        assert!(body["message"].as_str().unwrap().ends_with(&format!("{right}.")));
    }
}

#[test]
fn writes_and_long_calls_are_never_marked_repeatable() {
    let mut bed = Bed::ready(|_| {});
    let token = format!("Bearer {}", bed.token());
    for (method, path, safe) in [
        ("POST", "/api/v1/connections/list", true),
        ("POST", "/api/v1/connections/sync", false),
        ("POST", "/api/v1/sources/discover_schema", false),
        ("GET", "/api/v1/unknown", false),
        ("GET", "/workspaces", true),
        ("POST", "/workspaces", false),
    ] {
        let said = forwarded(bed.send(1, method, path, &[("authorization", &token)]));
        assert_eq!(said.contains_key("x-airgate-retry"), safe, "{method} {path}");
    }
}

#[test]
fn people_get_a_page_and_programs_get_json() {
    let mut bed = Bed::ready(|_| {});
    let Step::Reply { reply, .. } = bed.send(1, "GET", "/", &[("accept", "text/html")]) else {
        panic!("expected a reply");
    };
    let field = |name: &str| {
        reply
            .headers
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    assert_eq!(field("content-type").as_deref(), Some("text/html; charset=utf-8"));
    assert_eq!(field("www-authenticate").as_deref(), Some("Bearer"));
    assert_eq!(field("cache-control").as_deref(), Some("no-store"));
    let page = String::from_utf8(reply.body).unwrap();
    assert!(page.contains("<code>r1</code>") && !page.contains("src=") && !page.contains("http"), "{page}");
}

#[test]
fn closed_paths_are_refused_with_their_operation() {
    let mut bed = Bed::ready(|_| {});
    let token = format!("Bearer {}", bed.token());
    let (status, reason, body) = replied(bed.send(1, "POST", "/api/v1/dataplanes/token", &[("authorization", &token)]));
    assert_eq!((status, reason), (403, "closed"));
    assert!(body["operation"].is_string());
}

#[test]
fn who_may_not_is_told_what_is_missing() {
    let roles = json!([{"role": "runner", "group": "a"}]);
    let mut bed = Bed::ready(|config| config["access"] = json!({"default_role": "none", "roles": roles}));
    let bearer = format!("Bearer {}", bed.token());
    let said = forwarded(bed.send(1, "POST", "/api/v1/connections/sync", &[("authorization", &bearer)]));
    assert_eq!(said["x-airgate-role"], "runner");
    assert_eq!(replied(bed.get("/.airgate/me")).2["role"], "runner");

    let Step::Reply { reply, reason, .. } =
        bed.send(1, "POST", "/api/v1/connections/delete", &[("authorization", &bearer)])
    else {
        panic!("forwarded");
    };
    assert_eq!((reply.status, reason), (403, "low_role"));
    let field = |name: &str| reply.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_slice());
    assert_eq!(field("content-type"), Some(&b"application/json"[..]));
    assert_eq!(field("www-authenticate"), Some(&b"Bearer error=\"insufficient_scope\""[..]));
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(
        body,
        json!({
            "status": 403, "error": "insufficient_scope", "request_id": "r1", "operation": "deleteConnection",
            "role": "editor",
            "message": "Airbyte's operation deleteConnection needs the role editor, and yours is runner.",
        })
    );
    let (status, _, body) = replied(bed.get("/api/v9/new"));
    assert_eq!((status, body["role"].as_str(), body.get("operation")), (403, Some("admin"), None));

    let navigation =
        [("authorization", bearer.as_str()), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let Step::Reply { reply, .. } = bed.send(1, "GET", "/api/v9/new", &navigation) else { panic!("forwarded") };
    let page = String::from_utf8(reply.body).unwrap();
    for part in ["needs the role admin, and yours is runner", "href=\"/.airgate/me\"", "<code>r1</code>"] {
        assert!(reply.status == 403 && page.contains(part), "{page}");
    }
}

#[test]
fn without_a_role_not_even_a_page_is_there() {
    let mut bed = Bed::ready(|config| config["access"]["default_role"] = json!("none"));
    for path in ["/", "/api/public/v1/workspaces"] {
        let (status, reason, body) = replied(bed.get(path));
        assert_eq!((status, reason, body["role"].as_str()), (403, "no_role", Some("reader")), "{path}");
    }
    let (status, _, me) = replied(bed.get("/.airgate/me"));
    assert_eq!((status, &me["role"]), (200, &Value::Null));
}

#[test]
fn whoever_is_refused_with_a_session_is_told_nothing_of_tokens() {
    let refusal = |bearer| Refusal::Denied {
        denial: crate::access::Denial::GroupsOverage { needed: Some(crate::access::Role::Editor) },
        operation: None,
        bearer,
    };
    for (bearer, error) in [(true, "insufficient_scope"), (false, "forbidden")] {
        let reply = refusal(bearer).reply("r1", None, None);
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((body["error"].as_str(), body["role"].as_str()), (Some(error), Some("editor")));
        assert_eq!(reply.headers.iter().any(|(name, _)| name == "www-authenticate"), bearer);
        assert_eq!(refusal(bearer).reason(), "groups_overage");
    }
}

#[test]
fn a_broken_request_id_is_replaced_not_repeated() {
    let mut bed = Bed::ready(|_| {});
    for id in ["", "a b", "a\"b", "ä", &"x".repeat(129)] {
        let head = [(":method", "GET"), (":path", "/"), (":authority", "a"), ("x-request-id", id)];
        let step = bed.gateway.on_request(StreamId(1), Headers::from_pairs(head), false, &bed.host, bed.now);
        let given = replied(step).2["request_id"].as_str().unwrap().to_owned();
        assert!(given.len() == 32 && given.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}: {given}");
    }
}

#[test]
fn a_body_that_is_said_to_be_empty_is_not_waited_for() {
    let mut bed = Bed::ready(|config| config["access"] = json!({"default_role": "runner"}));
    let token = format!("Bearer {}", bed.token());
    let mut ask = |lengths: &[&str]| {
        let lengths = lengths.iter().map(|length| ("content-length", *length));
        let headers: Vec<_> = lengths.chain([("authorization", token.as_str())]).collect();
        bed.send(1, "POST", "/api/public/v1/jobs", &headers)
    };
    assert_eq!(replied(ask(&["0"])).1, "low_role", "what cannot be read is judged strictly");
    for lengths in [&["0", "0"][..], &["00"], &[""], &["18"], &[]] {
        assert!(matches!(ask(lengths), Step::Read { .. }), "{lengths:?}");
    }
}

#[test]
fn a_body_that_would_have_to_be_decoded_is_refused_before_it_is_read() {
    let (jobs, update) = ("/api/public/v1/jobs", "/api/v1/connections/update");
    let frozen = |report_only: bool| {
        json!([{"name": "frozen", "which": {"connection": "7b3f0000-0000-4000-8000-00000000000a"}, "then": "deny",
                "report_only": report_only}])
    };
    for mode in ["headers_held", "headers_ahead"] {
        let bed = |rules: Value| {
            Bed::ready(move |config| {
                config["bodies"] = json!(mode);
                config["access"] = json!({"default_role": "editor", "rules": rules});
            })
        };
        let send = |bed: &mut Bed, path: &str, fields: &[(&str, &str)]| {
            let token = format!("Bearer {}", bed.token());
            let fields: Vec<_> = fields.iter().copied().chain([("authorization", token.as_str())]).collect();
            bed.send(1, "POST", path, &fields)
        };
        let mut decided = bed(frozen(false));
        for (field, reason) in [
            (("content-encoding", "deflate"), "content_encoding"),
            (("transfer-encoding", "gzip, chunked"), "transfer_encoding"),
            (("content-type", "text/plain"), "content_type"),
            (("content-type", "application/json; charset=utf-16"), "content_charset"),
        ] {
            for path in [jobs, update] {
                let (status, found, body) = replied(send(&mut decided, path, &[field]));
                assert_eq!((status, found), (415, reason), "{mode} {path} {field:?}");
                assert!(body["operation"].is_string() && body["message"].is_string(), "{body}");
            }
        }
        assert!(matches!(send(&mut decided, update, &[]), Step::Read { .. }), "{mode}");
        let empty = [("content-encoding", "deflate"), ("content-length", "0")];
        assert_eq!(replied(send(&mut decided, update, &empty)).1, "rule_denied", "{mode}: there is nothing to decode");
        // Where no part of the policy needs the body it passes as it is; a rule that is
        // report-only refuses nothing.
        for rules in [json!([]), frozen(true)] {
            let mut other = bed(rules);
            let step = send(&mut other, update, &[("content-encoding", "gzip")]);
            assert!(matches!(step, Step::Forward(_)), "{mode}: {step:?}");
        }
    }
}

#[test]
fn a_body_that_decides_comes_before_a_wait_for_keys() {
    let mut bed = Bed::new(|config| config["access"] = json!({"default_role": "runner"}));
    let token = format!("Bearer {}", bed.token());
    for (stream, body) in [(1, &br#"{"jobType":"sync"}"#[..]), (2, br#"{"jobType":"reset"}"#)] {
        let step = bed.send(stream, "POST", "/api/public/v1/jobs", &[("authorization", &token)]);
        assert!(matches!(step, Step::Read { limit: 65_536, head: Head::Held }), "{step:?}");
        let step = bed.gateway.on_body(StreamId(stream), Body::Whole(body.to_vec()), &bed.host, bed.now);
        assert!(matches!(step, Step::Await), "{step:?}");
    }
    bed.tick();
    bed.discovery();
    let mut wakes = bed.keys();
    wakes.sort_by_key(|wake| wake.stream.0);
    let mut steps = wakes.into_iter().map(|wake| wake.step);
    forwarded(steps.next().unwrap());
    assert_eq!(replied(steps.next().unwrap()).1, "low_role");
    assert!(matches!(bed.send(3, "POST", "/api/public/v1/jobs", &[]), Step::Reply { .. }), "nobody's is not read");
}
