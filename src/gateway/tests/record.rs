use super::*;
use crate::audit::{Field, Record};
use crate::decision::Decision;
use crate::testing::test;

fn record(step: &Step) -> &Record {
    match step {
        Step::Forward(forward) => forward.record.as_ref(),
        Step::Reply { record, .. } => record.as_ref(),
        _ => None,
    }
    .unwrap()
}

/// What a line in the log says; the test's host prints it nowhere, so it is what
/// the proxy is told.
fn told(bed: &Bed, record: Record, head: &[(&str, &str)]) -> HashMap<String, String> {
    bed.gateway.on_log(record, || Some(Headers::from_pairs(head.iter().copied())), &bed.host, || bed.now);
    bed.host.told.take().into_iter().collect()
}

fn names(bed: &Bed) -> Vec<String> {
    bed.host.counted().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_forwarded_request_says_who_what_and_why() {
    let mut bed = Bed::ready(|config| {
        config["access"] = json!({"default_role": "none", "roles": [{"role": "editor", "group": "a"}]})
    });
    bed.host.counted();
    let token = format!("Bearer {}", bed.token());
    let step = bed.send(1, "POST", "/api/v1/connections/list?code=s3cret&a=1", &[("authorization", &token)]);
    let record = record(&step).clone();
    assert_eq!((record.decision, record.reason), (Decision::Allow, "role"));
    for (field, text) in [
        (Field::User, Some("alice")),
        (Field::Subject, None),
        (Field::Email, None),
        (Field::Client, Some("cli")),
        (Field::Provider, Some("corp")),
        (Field::Auth, Some("bearer")),
        (Field::Role, Some("editor")),
        (Field::Operation, Some("listConnectionsForWorkspace")),
        (Field::Route, Some("api")),
        (Field::Query, Some("code=REDACTED&a=1")),
        (Field::RequestId, None),
        (Field::WaitedMs, None),
    ] {
        assert_eq!(record.get(field), text, "{field:?}");
    }
    assert_eq!(names(&bed), ["airgate.tokens.good.software", "airgate.decisions.allow.role"]);
    let told = told(&bed, record, &[]);
    assert_eq!((told.get("airgate.record"), told["airgate.enduser.id"].as_str()), (None, "alice"));
    bed.send(1, "GET", "/api/v9/unheard_of", &[("authorization", &token)]);
    assert_eq!(
        names(&bed),
        ["airgate.tokens.good.cache", "airgate.operations.unknown", "airgate.decisions.deny.low_role"]
    );
}

#[test]
fn what_became_of_keys_and_tokens_is_counted() {
    let mut bed = Bed::ready(|_| {});
    assert_eq!(names(&bed), ["airgate.keys.fetched"]);
    let bad = |bed: &mut Bed, token: String| {
        let token = format!("Bearer {token}");
        assert_eq!(replied(bed.send(1, "GET", "/api/v1/x", &[("authorization", &token)])).0, 401);
        names(bed)
    };
    let other = bed.sign(&json!({"iss": "https://idp", "aud": "other", "sub": "alice", "exp": START + 60}));
    assert_eq!(bad(&mut bed, other), ["airgate.tokens.bad.claims", "airgate.decisions.deny.wrong_audience"]);
    let [head, payload, _] = bed.token().split('.').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
    let forged = [head, payload, "A".repeat(86)].join(".");
    assert_eq!(bad(&mut bed, forged), ["airgate.tokens.bad.software", "airgate.decisions.deny.bad_signature"]);

    let mut bed = Bed::new(|_| {});
    bed.tick();
    bed.answer(&Answer::Failed);
    assert_eq!(names(&bed), ["airgate.keys.failed"]);
}

#[test]
fn a_refusal_says_as_much_as_is_known() {
    let mut bed = Bed::ready(|config| config["access"]["default_role"] = "reader".into());
    let denied = bed.get("/api/v9/x");
    let denied = record(&denied);
    assert_eq!((denied.decision, denied.reason, denied.get(Field::Role)), (Decision::Deny, "low_role", Some("reader")));
    assert_eq!(denied.get(Field::User), Some("alice"));
    let nobody = bed.send(1, "GET", "/api/v1/x?token=s3cret", &[]);
    let nobody = record(&nobody);
    assert_eq!((nobody.reason, nobody.get(Field::User)), ("no_credentials", None));
    assert_eq!(nobody.get(Field::Query), Some("token=REDACTED"));
    let bad = bed.send(1, "GET", "/a//b", &[]);
    let bad = record(&bad).clone();
    assert_eq!((bad.reason, bad.has_head), ("path_empty_segment", false));
    let told = told(&bed, bad, &[(":path", "/a//b?key=s3cret"), ("x-request-id", "r1")]);
    assert_eq!(told["airgate.url.query"], "key=REDACTED");
}

#[test]
fn an_id_of_our_own_is_told() {
    let mut bed = Bed::ready(|_| {});
    let head = [(":method", "GET"), (":path", "/a"), (":authority", "a"), ("x-request-id", "not one")];
    let step = bed.gateway.on_request(StreamId(1), Headers::from_pairs(head), false, &bed.host, bed.now);
    assert_eq!(record(&step).get(Field::RequestId).map(str::len), Some(32));
}

#[test]
fn waiting_is_told_apart_from_working() {
    let mut bed = Bed::new(|_| {});
    assert!(matches!(bed.get("/api/v1/x"), Step::Await));
    bed.tick();
    bed.discovery();
    let wake = bed.after(300).keys().pop().unwrap();
    assert_eq!(record(&wake.step).get(Field::WaitedMs), Some("300"));
}

#[test]
fn who_went_away_is_written_down() {
    let mut bed = Bed::new(|_| {});
    assert!(matches!(bed.get("/api/v1/x?a=1"), Step::Await));
    let record = bed.gateway.on_undecided(StreamId(1), "proxy_refused", &bed.host, bed.now).unwrap();
    assert_eq!((record.decision, record.reason), (Decision::Deny, "client_gone"));
    assert_eq!(record.get(Field::Query), Some("a=1"));
    let record = bed.gateway.on_undecided(StreamId(1), "proxy_refused", &bed.host, bed.now).unwrap();
    assert_eq!(record.reason, "proxy_refused");
    assert_eq!(names(&bed), ["airgate.decisions.deny.proxy_refused", "airgate.decisions.deny.client_gone"]);
}

#[test]
fn delegation_is_written_down() {
    let mut bed = Bed::ready(|_| {});
    let token = format!("Bearer {}", bed.token_with(json!({"act": {"sub": "helper"}})));
    let step = bed.send(1, "POST", "/api/v1/connections/list", &[("authorization", &token)]);
    let record = record(&step);
    assert_eq!((record.get(Field::Agent), record.get(Field::OnBehalfOf)), (Some("helper"), Some("alice")));
}

#[test]
fn reads_are_left_out_where_only_changes_count() {
    let mut bed = Bed::ready(|config| config["audit"] = json!({"record": "mutations"}));
    let token = format!("Bearer {}", bed.token());
    let mut has_record = |method: &str, path: &str, token: Option<&str>| {
        let fields: Vec<_> = token.map(|token| ("authorization", token)).into_iter().collect();
        match bed.send(1, method, path, &fields) {
            Step::Forward(forward) => forward.record.is_some(),
            Step::Reply { record, .. } => record.is_some(),
            _ => panic!("no decision"),
        }
    };
    for (method, path, known, wanted) in [
        ("POST", "/api/v1/connections/list", true, false),
        ("POST", "/api/v1/connections/delete", true, true),
        ("POST", "/api/v9/new", true, true),
        ("GET", "/api/v9/new", true, false),
        ("GET", "/assets/app.js", true, false),
        ("GET", "/api/v1/health", false, false),
        ("GET", "/.airgate/health", false, false),
        ("GET", "/assets/app.js", false, true),
    ] {
        assert_eq!(has_record(method, path, known.then_some(&token)), wanted, "{method} {path}");
    }
}
