use jwt_simple::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::gateway::{Forward, Gate, StreamId};
use crate::http::{Answer, Edit, Reply};
use crate::testing::{TestHost, test};
use crate::time::Time;

const STREAM: StreamId = StreamId(7);

fn now() -> Time {
    Time::from_seconds(1_800_000_000)
}

fn open<G: Gate>(config: Value) -> Result<G, Vec<String>> {
    let environment = |name: &str| (name == "KEY").then(|| crate::testing::key(1));
    G::open(&config, &environment, &TestHost::default())
        .map_err(|found| found.iter().map(|one| one.to_string()).collect())
}

fn opened<G: Gate>(config: Value) -> G {
    open(config).unwrap_or_else(|found| panic!("{found:?}"))
}

fn ask<G: Gate>(gate: &mut G, path: &str, fields: &[(&str, &str)]) -> Step<G::Exchange> {
    let head = [(":method", "GET"), (":path", path), (":authority", "airbyte.example.com"), ("x-request-id", "r1")];
    gate.on_request(STREAM, Headers::from_pairs(head.iter().chain(fields).copied()), false, &TestHost::default(), now())
}

/// What is left of the headers that were sent, and the new ones.
#[track_caller]
fn forwarded<E>(step: Step<E>, sent: &[(&str, &str)]) -> (Vec<(String, String)>, E) {
    let Step::Forward(Forward { edits, exchange, .. }) = step else { panic!("not forwarded") };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut left: Vec<(String, String)> =
        sent.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    for edit in edits.iter() {
        match edit {
            Edit::Remove(name) => left.retain(|(known, _)| known.as_bytes() != name),
            Edit::Set(name, value) => {
                left.retain(|(known, _)| known.as_bytes() != name);
                left.push((text(name), text(value)));
            }
            Edit::Add(name, value) => left.push((text(name), text(value))),
        }
    }
    left.sort();
    (left, exchange)
}

#[track_caller]
fn refused<E>(step: Step<E>) -> (u16, &'static str, Reply) {
    let Step::Reply { reply, reason, .. } = step else { panic!("not refused") };
    assert_eq!(serde_json::from_slice::<Value>(&reply.body).unwrap()["status"], reply.status);
    (reply.status, reason, reply)
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

#[test]
fn affinity_keeps_a_client_and_nothing_else() {
    let mut gate: AffinityAlone = opened(json!({}));
    let sent = [
        ("X-Airgate_Affinity", "mine"),
        ("x-airgate-pin", "mine"),
        ("x-airgate-user", "a filter's"),
        ("cookie", "a=b"),
    ];
    let (left, stay) = forwarded(ask(&mut gate, "//any;path", &sent), &sent);
    let key = stay.key().unwrap().to_owned();
    assert_eq!(left, pairs(&[("cookie", "a=b"), ("x-airgate-affinity", &key), ("x-airgate-user", "a filter's")]));
    let edits = gate.on_response(&stay, || Some(Headers::default()), now());
    let cookie = format!("__Host-airgate-affinity={key}");
    let set = edits.iter().find_map(|edit| match edit {
        Edit::Add(b"set-cookie", value) => Some(String::from_utf8(value.to_vec()).unwrap()),
        _ => None,
    });
    assert!(set.is_some_and(|set| set.starts_with(&format!("{cookie}; "))));
    assert!(edits.iter().any(|edit| edit == Edit::Set(b"cache-control", b"private")));

    let sent = [("cookie", cookie.as_str())];
    let (left, stay) = forwarded(ask(&mut gate, "/", &sent), &sent);
    assert_eq!(left, pairs(&[("x-airgate-affinity", &key)]), "the cookie goes no further");
    assert_eq!(gate.on_response(&stay, || panic!("not looked at"), now()).iter().count(), 0);
}

#[test]
fn affinity_names_every_mistake() {
    let keys = json!([{"id": "k1", "secret": {"env": "KEY"}}]);
    let config = json!({"affinity": {"mode": "pin", "bearer": "client", "keys": keys}, "providers": []});
    let found = open::<AffinityAlone>(config).err().unwrap();
    assert_eq!(
        found,
        [
            "affinity.bearer: mode pin keeps the backend in the cookie, so it needs bearer: cookie",
            "external_url: must be written",
            "affinity.bearer: depends on who asks, which only airgate.wasm knows",
            "providers: unknown field",
        ]
    );
    opened::<AffinityAlone>(json!({"external_url": "https://a.example", "affinity": {"mode": "pin", "keys": keys}}));
}

#[test]
fn routing_says_what_a_request_is() {
    let rule = json!({"when": {"path": "/api/v1/health"}, "then": {"upstream": "canary", "headers": {"x-lane": "1"}}});
    let mut gate: RoutingAlone = opened(json!({"routing": {"rules": [rule]}}));
    let sent = [
        ("x-airgate-route", "slow"),
        ("x-airgate-retry", "safe"),
        ("X_Airgate-Upstream", "mine"),
        ("x-airgate-user", "a filter's"),
        ("authorization", "Bearer x"),
    ];
    let (left, ()) = forwarded(ask(&mut gate, "/api/v1/he%61lth", &sent), &sent);
    assert_eq!(
        left,
        pairs(&[
            (":path", "/api/v1/health"),
            ("authorization", "Bearer x"),
            ("x-airgate-retry", "safe"),
            ("x-airgate-route", "health"),
            ("x-airgate-upstream", "canary"),
            ("x-airgate-user", "a filter's"),
            ("x-lane", "1"),
        ])
    );
    let (left, ()) = forwarded(ask(&mut gate, "/api/v1/no/such/operation", &sent[..2]), &[]);
    assert_eq!(left, pairs(&[("x-airgate-route", "api")]), "what nobody knows is not repeated");
    let (status, reason, _) = refused(ask(&mut gate, "/open/..;/api", &[]));
    assert_eq!((status, reason), (400, "path_semicolon"));
    let method = [(":method", "POST"), (":path", "/api/v1/web_backend/connections/get"), (":authority", "a")];
    let step = gate.on_request(STREAM, Headers::from_pairs(method), false, &TestHost::default(), now());
    assert_eq!(forwarded(step, &[]).0, pairs(&[("x-airgate-route", "slow")]), "its body may start a discovery");
}

#[test]
fn routing_takes_no_rule_that_depends_on_who_asks() {
    let when = json!({"role": "admin", "client": "ci", "claim": {"pointer": "/a", "equals": 1}});
    let found = open::<RoutingAlone>(json!({"routing": {"rules": [{"when": when, "then": {}}]}, "access": {}}));
    let text = "depends on who asks, which only airgate.wasm knows";
    let mut expected: Vec<String> =
        ["role", "claim", "client"].iter().map(|name| format!("routing.rules[0].when.{name}: {text}")).collect();
    expected.push("access: unknown field".to_owned());
    assert_eq!(found.err().unwrap(), expected);
}

/// A filter that has a provider's key, and a token of it.
fn tokens(change: impl FnOnce(&mut Value)) -> (TokensAlone, String) {
    let key = Ed25519KeyPair::generate().with_key_id("k1");
    let jwk: Value = serde_json::from_str(&key.public_key().to_jwk()).unwrap();
    let mut config = json!({
        "signatures": "software",
        "providers": [{"name": "corp", "issuer": "https://idp", "audiences": ["airbyte"], "jwks": {"keys": [jwk]}}],
        "public": ["/open/*"],
    });
    change(&mut config);
    (opened(config), signed(&key, "alice"))
}

fn signed(key: &Ed25519KeyPair, subject: &str) -> String {
    let mut claims = Claims::create(Duration::from_hours(1)).with_issuer("https://idp").with_subject(subject);
    claims = claims.with_audience("airbyte");
    claims.issued_at = Some(UnixTimeStamp::from_secs(now().seconds()));
    claims.invalid_before = None;
    claims.expires_at = Some(UnixTimeStamp::from_secs(now().seconds() + 600));
    key.sign(claims).unwrap()
}

#[test]
fn tokens_say_who_asks() {
    let (mut gate, token) = tokens(|_| {});
    let bearer = format!("Bearer {token}");
    let sent = [
        ("authorization", bearer.as_str()),
        ("X-Airgate_User", "root"),
        ("x-airgate-groups", "admins"),
        ("x-airbyte-user-id", "root"),
        ("x-airgate-route", "a filter's"),
        ("cookie", "__Host-airgate-affinity=k"),
    ];
    for _ in 0..2 {
        let (left, ()) = forwarded(ask(&mut gate, "/api", &sent), &sent);
        assert_eq!(
            left,
            pairs(&[
                ("cookie", "__Host-airgate-affinity=k"),
                ("x-airgate-auth", "bearer"),
                ("x-airgate-request-id", "r1"),
                ("x-airgate-route", "a filter's"),
                ("x-airgate-user", "alice"),
            ])
        );
    }
    let sent = [("authorization", "Bearer wrong"), ("x-airgate-user", "root")];
    let (left, ()) = forwarded(ask(&mut gate, "/open/page", &sent), &sent);
    assert_eq!(left, pairs(&[("x-airgate-request-id", "r1")]), "what is public is nobody's");
}

#[test]
fn whoever_has_no_good_token_is_refused() {
    let (mut gate, token) = tokens(|_| {});
    // Somebody else's key, of the same name.
    let forged = format!("Bearer {}", signed(&Ed25519KeyPair::generate().with_key_id("k1"), "alice"));
    let twice = format!("Bearer {token}, Bearer {token}");
    for (path, field, expected) in [
        ("/", None, (401, "no_credentials")),
        ("/", Some("Basic YTpi"), (401, "unsupported_scheme")),
        ("/", Some(twice.as_str()), (400, "malformed_credentials")),
        ("/", Some(forged.as_str()), (401, "bad_signature")),
        ("/", Some("Bearer opaque"), (401, "opaque_token")),
        ("//", Some(forged.as_str()), (400, "path_empty_segment")),
    ] {
        let fields: Vec<_> = field.map(|value| ("authorization", value)).into_iter().collect();
        let (status, reason, reply) = refused(ask(&mut gate, path, &fields));
        assert_eq!((status, reason), expected, "{field:?}");
        assert_eq!(reply.headers.iter().any(|(name, _)| name == "www-authenticate"), path == "/");
    }
}

#[test]
fn a_claim_that_is_required_decides() {
    let (mut gate, token) = tokens(|config| config["providers"][0]["required_claims"] = json!({"/azp": "airbyte-cli"}));
    let bearer = format!("Bearer {token}");
    let (status, ..) = refused(ask(&mut gate, "/", &[("authorization", &bearer)]));
    assert_eq!(status, 401);
}

#[test]
fn tokens_wait_for_keys_and_not_for_ever() {
    let (mut gate, token) = tokens(|config| {
        config["providers"][0]["cluster"] = "idp".into();
        config["providers"][0].as_object_mut().unwrap().remove("jwks");
    });
    let host = TestHost::default();
    let bearer = format!("Bearer {token}");
    let fields = [("authorization", bearer.as_str())];
    assert!(matches!(ask(&mut gate, "/", &fields), Step::Await));
    let call = gate.on_tick(&host, now()).calls.remove(0);
    assert_eq!(call.endpoint.path, "/.well-known/openid-configuration");
    let later = Time::from_millis(now().millis() + 60_000);
    let mut wakes = gate.on_called(call.id, &Answer::Failed, &host, later).wakes;
    wakes.extend(gate.on_tick(&host, later).wakes);
    let (status, reason, reply) = refused(wakes.remove(0).step);
    assert_eq!((status, reason, wakes.len()), (503, "provider_unavailable", 0));
    assert!(reply.headers.iter().any(|(name, _)| name == "retry-after"));
    // Whoever went away is on no list any more.
    assert!(matches!(ask(&mut gate, "/", &fields), Step::Await | Step::Reply { .. }));
    gate.on_stream_end(STREAM);
    assert_eq!(gate.on_tick(&host, Time::from_millis(later.millis() + 60_000)).wakes.len(), 0);
}

#[test]
fn tokens_name_every_mistake() {
    let config = json!({
        "external_url": "https://a.example",
        "providers": [{"issuer": "https://idp", "cluster": "idp", "audiences": ["a"], "login": {"client_id": "a"}}],
        "session": {},
        "upstream": {"mode": "token", "identity_headers": ["user", "role"]},
    });
    let mut found = open::<TokensAlone>(config).err().unwrap();
    found.sort();
    assert_eq!(
        found,
        [
            "external_url: unknown field",
            "providers[0].login: unknown field",
            "session: unknown field",
            "upstream.identity_headers: role: nobody has one without a policy, which only airgate.wasm has",
            "upstream.mode: unknown field",
        ]
    );
}
