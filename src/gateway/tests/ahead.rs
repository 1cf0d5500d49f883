//! Where the host hands out no body before the headers have gone on.

use super::*;
use crate::audit::{Field, Record};
use crate::decision::Decision;
use crate::testing::test;

const JOBS: &str = "/api/public/v1/jobs";
const MINE: &str = "cccccccc-0000-4000-8000-000000000001";
const YOURS: &str = "cccccccc-0000-4000-8000-000000000002";

/// Headers go ahead, and everybody is a runner unless `access` says otherwise.
fn ahead(access: Value) -> impl FnOnce(&mut Value) {
    move |config| {
        config["bodies"] = json!("headers_ahead");
        config["access"] = access;
    }
}

fn runners() -> Bed {
    Bed::ready(ahead(json!({"default_role": "runner"})))
}

impl Bed {
    fn post(&mut self, stream: u32, path: &str, fields: &[(&str, &str)]) -> Step {
        let token = format!("Bearer {}", self.token());
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("authorization", token.as_str())]).collect();
        self.send(stream, "POST", path, &fields)
    }

    fn body(&mut self, stream: u32, body: &str) -> Step {
        self.gateway.on_body(StreamId(stream), Body::Whole(body.as_bytes().to_vec()), &self.host, self.now)
    }
}

#[track_caller]
fn record(step: Step) -> Record {
    let (Step::Forward(Forward { record, .. }) | Step::Reply { record, .. }) = step else { panic!("{step:?}") };
    record.expect("a record")
}

/// What is changed in headers that go ahead.
#[track_caller]
fn went_ahead(step: Step) -> Edits {
    match step {
        Step::Read { limit: 65_536, head: Head::Ahead(Advance { edits, .. }) } => edits,
        other => panic!("expected headers to go ahead, found {other:?}"),
    }
}

#[track_caller]
fn caught_up(step: &Step) {
    assert!(matches!(step, Step::Forward(Forward { edits, .. }) if edits.iter().next().is_none()), "{step:?}");
}

#[test]
fn headers_go_ahead_as_they_would_go_and_the_body_decides() {
    let mut bed = runners();
    let edits = went_ahead(bed.post(1, JOBS, &[("x-airgate-role", "admin"), ("X-Airbyte-Auth", "x")]));
    let sets = |name: &str, value: &str| edits.iter().any(|edit| edit == Edit::Add(name.as_bytes(), value.as_bytes()));
    for (name, value) in [("role", "runner"), ("user", "alice"), ("route", "public-api")] {
        assert!(sets(&format!("x-airgate-{name}"), value), "{name}");
    }
    for name in ["authorization", "x-airbyte-auth"] {
        let removed = |edit: Edit<'_>| matches!(edit, Edit::Remove(gone) if gone.eq_ignore_ascii_case(name.as_bytes()));
        assert!(edits.iter().any(removed), "{name}");
    }
    let step = bed.body(1, &format!(r#"{{"connectionId":"{MINE}","jobType":"sync"}}"#));
    caught_up(&step);
    let record = record(step);
    assert_eq!((record.decision, record.reason), (Decision::Allow, "default_role"));
    let told = [Field::Operation, Field::Ids, Field::Route].map(|field| record.get(field).unwrap_or_default());
    assert_eq!(told, ["publicCreateJob", &format!("connection:{MINE}"), "public-api"]);

    for body in [r#"{"jobType":"reset"}"#, "", "jobType=sync", r#"{"jobType":"sync","jobType":"reset"}"#] {
        went_ahead(bed.post(2, JOBS, &[]));
        assert_eq!(replied(bed.body(2, body)).1, "low_role", "{body}");
    }
    went_ahead(bed.post(3, JOBS, &[]));
    let step = bed.gateway.on_body(StreamId(3), Body::TooLong, &bed.host, bed.now);
    assert_eq!(replied(step).1, "low_role", "the stricter reading");
    assert_eq!(replied(bed.body(3, r#"{"jobType":"sync"}"#)).1, "body_unexpected", "a body is taken once");
}

#[test]
fn what_no_body_changes_is_decided_at_once() {
    for (role, expected) in
        [("none", Err("no_role")), ("reader", Err("low_role")), ("editor", Ok(())), ("admin", Ok(()))]
    {
        let mut bed = Bed::ready(ahead(json!({"default_role": role})));
        match (bed.post(1, JOBS, &[]), expected) {
            (step @ Step::Reply { .. }, Err(reason)) => assert_eq!(replied(step).1, reason, "{role}"),
            (step, Ok(())) => drop(forwarded(step)),
            (step, _) => panic!("{role}: {step:?}"),
        }
        let step = bed.post(2, "/api/v1/web_backend/connections/get", &[]);
        match role {
            "none" => assert_eq!(replied(step).1, "no_role"),
            "reader" => drop(went_ahead(step)),
            // It may look at the source anew, which takes minutes.
            _ => assert_eq!(forwarded(step)["x-airgate-route"], "slow"),
        }
    }
    let mut bed = runners();
    assert_eq!(replied(bed.send(1, "POST", JOBS, &[])).1, "no_credentials");
    let deny = json!([{"name": "frozen", "what": {"operation": "publicCreateJob"}, "then": "deny"}]);
    let mut bed = Bed::ready(ahead(json!({"default_role": "admin", "rules": deny})));
    assert_eq!(replied(bed.post(1, JOBS, &[])).1, "rule_denied");
}

#[test]
fn what_would_only_be_reported_is_told_by_the_body() {
    let mut bed = Bed::ready(ahead(json!({"default_role": "runner", "report_only": true})));
    for (body, reason) in [(r#"{"jobType":"sync"}"#, "default_role"), (r#"{"jobType":"reset"}"#, "report_only")] {
        went_ahead(bed.post(1, JOBS, &[]));
        let step = bed.body(1, body);
        caught_up(&step);
        assert_eq!(record(step).reason, reason, "{body}");
    }
}

#[test]
fn ids_in_bodies_decide_for_rules_and_agents() {
    let update = "/api/v1/connections/update";
    let rules = json!([
        {"name": "not that one", "which": {"connection": [YOURS]}, "then": "deny"},
        {"name": "this one", "what": {"effect": "mutates"}, "which": {"connection": [MINE]}, "then": "allow"},
    ]);
    let mut bed = Bed::ready(ahead(json!({"default_role": "reader", "rules": rules})));
    for (body, reason) in [(MINE, "rule"), (YOURS, "rule_denied"), ("1-1-1-1-1", "rule_denied")] {
        went_ahead(bed.post(1, update, &[]));
        let step = bed.body(1, &json!({"connectionId": body}).to_string());
        assert_eq!(record(step).reason, reason);
    }
    // The head says already that it cannot be.
    let step = bed.post(2, &format!("{update}?connectionId={YOURS}"), &[]);
    assert_eq!(replied(step).1, "rule_denied");

    let agents = json!([{"name": "bot", "client": "cli", "connections": [MINE]}]);
    let mut bed = Bed::ready(ahead(json!({"default_role": "admin", "agents": agents})));
    let sync = "/api/v1/connections/sync";
    for (id, passes) in [(MINE, true), (YOURS, false)] {
        went_ahead(bed.post(1, sync, &[]));
        let step = bed.body(1, &json!({"connectionId": id}).to_string());
        assert_eq!(matches!(step, Step::Forward(_)), passes, "{id}: {step:?}");
    }
    assert_eq!(replied(bed.post(1, &format!("{sync}?connectionId={YOURS}"), &[])).1, "agent_ids");
    assert_eq!(replied(bed.post(1, "/api/v1/connections/delete", &[])).1, "agent_never");
}

#[test]
fn a_budget_is_spent_once_and_an_empty_one_sends_nothing_ahead() {
    let agents = json!([{"name": "bot", "client": "cli", "connections": [MINE], "budget": 2}]);
    let mut bed = Bed::ready(ahead(json!({"default_role": "admin", "agents": agents})));
    for (id, reason) in [(YOURS, "agent_ids"), (MINE, "default_role"), (YOURS, "agent_ids"), (MINE, "default_role")] {
        went_ahead(bed.post(1, "/api/v1/connections/sync", &[]));
        let step = bed.body(1, &json!({"connectionId": id}).to_string());
        assert_eq!(record(step).reason, reason);
    }
    assert_eq!(replied(bed.post(1, "/api/v1/connections/sync", &[])).1, "agent_budget");
}

#[test]
fn headers_that_pass_for_a_whole_request_are_judged_as_one() {
    let mut bed = runners();
    for fields in [
        [("content-length", "0"), ("x", "x")],
        [("content-length", "00"), ("x", "x")],
        [("content-length", "x"), ("x", "x")],
        [("content-length", "2"), ("content-length", "0")],
        [("upgrade", "websocket"), ("connection", "upgrade")],
    ] {
        assert_eq!(replied(bed.post(1, JOBS, &fields)).1, "low_role", "{fields:?}");
    }
    went_ahead(bed.post(1, JOBS, &[("content-length", "20")]));
    let get = "/api/v1/web_backend/connections/get";
    let mut bed = Bed::ready(ahead(json!({"default_role": "reader"})));
    assert_eq!(replied(bed.post(1, get, &[("content-length", "0")])).1, "low_role");
    let deny = json!([{"name": "frozen", "which": {"connection": [YOURS]}, "then": "deny"}]);
    let mut bed = Bed::ready(ahead(json!({"default_role": "admin", "rules": deny})));
    let step = bed.post(1, "/api/v1/connections/update", &[("content-length", "0")]);
    assert_eq!(replied(step).1, "rule_denied", "the required id is missing");
}

#[test]
fn a_request_without_a_body_is_judged_by_its_headers() {
    for mode in ["headers_held", "headers_ahead"] {
        let mut bed = Bed::ready(|config| {
            config["bodies"] = json!(mode);
            config["access"] = json!({"default_role": "runner"});
        });
        let token = format!("Bearer {}", bed.token());
        let head = [(":method", "POST"), (":path", JOBS), (":authority", "a"), ("authorization", token.as_str())];
        let step = bed.gateway.on_request(StreamId(1), Headers::from_pairs(head), true, &bed.host, bed.now);
        assert_eq!(replied(step).1, "low_role", "{mode}");
    }
}

#[test]
fn whoever_waits_for_keys_waits_with_headers_and_body() {
    let mut bed = Bed::new(ahead(json!({"default_role": "runner"})));
    assert!(matches!(bed.post(1, JOBS, &[]), Step::Await));
    bed.tick();
    bed.discovery();
    let mut wakes = bed.keys();
    let Some(Wake { stream: StreamId(1), step }) = wakes.pop() else { panic!("not woken") };
    went_ahead(step);
    // Who it was stays known, whatever happens to keys meanwhile.
    caught_up(&bed.body(1, r#"{"jobType":"sync"}"#));
}

#[test]
fn an_answer_before_the_body_is_left_out() {
    let mut bed = runners();
    went_ahead(bed.post(1, JOBS, &[]));
    let step = bed.gateway.on_early_answer(StreamId(1), &bed.host, bed.now);
    assert!(matches!(&step, Step::Reply { reply, .. } if reply.status == 502), "{step:?}");
    let left = record(step);
    assert_eq!((left.decision, left.reason), (Decision::Deny, "answered_early"));
    assert_eq!(left.get(Field::Operation), Some("publicCreateJob"));
    assert_eq!(replied(bed.body(1, r#"{"jobType":"sync"}"#)).1, "body_unexpected", "and it is not judged any more");

    went_ahead(bed.post(2, JOBS, &[]));
    let gone = bed.gateway.on_undecided(StreamId(2), "proxy_refused", &bed.host, bed.now).expect("a record");
    assert_eq!(gone.reason, "client_gone");
}

#[test]
fn what_is_ours_to_answer_goes_nowhere() {
    let config = json!({
        "external_url": "https://a.example.com", "bodies": "headers_ahead", "token_relay": {"provider": "corp"},
        "providers": [{"name": "corp", "issuer": "https://idp", "cluster": "idp", "audiences": ["a"]}],
        "access": {"default_role": "none"},
    });
    let mistakes = Settings::read(&config, &|_| None).err().expect("a mistake");
    let said: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert!(said.len() == 1 && said[0].starts_with("token_relay: cannot be with bodies: headers_ahead"), "{said:?}");

    let mut bed = Bed::ready(|config| {
        config["bodies"] = json!("headers_ahead");
        config["providers"][0]["login"] = json!({"client_id": "airgate", "client_secret": {"env": "SECRET"}});
        config["session"] = json!({"keys": [{"id": "k1", "secret": {"env": "SECRET"}}]});
    });
    let (status, reason, _) = replied(bed.send(1, "POST", "/.airgate/backchannel-logout", &[]));
    assert_eq!((status, reason), (501, "body_out_of_reach"));
}
