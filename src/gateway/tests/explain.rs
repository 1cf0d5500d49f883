//! What is explained is what is done.

use super::*;
use crate::access::Trace;

const TABLE: &str = include_str!("../../access/operations.tsv");

/// Listens, so that every step is gone through, and remembers nothing.
struct Listener;

impl Trace for Listener {
    fn note(&mut self, _: crate::access::Note<'_>) {}
}

fn bed() -> Bed {
    Bed::ready(|config| {
        config["affinity"] = json!({"mode": "off"});
        config["public"] = json!(["/status/**"]);
        config["access"] = json!({
            "default_role": "none",
            "roles": [
                {"role": "reader", "group": "analysts"},
                {"role": "editor", "group": "engineers"},
                {"role": "admin", "claim": "/boss", "equals": true},
            ],
            "rules": [
                {"name": "no deletes", "what": {"operation": "delete*"}, "then": "deny", "reason": "Ask first."},
                {"name": "one sync", "who": {"client": "ci"}, "what": {"operation": "publicCreateJob"}, "then": "allow",
                 "which": {"connection": ID}},
                {"name": "fresh", "who": {"role": "admin"}, "what": {"effect": "mutates", "tag": "sources"},
                 "then": "step_up", "step_up": {"max_age": "15m"}},
                {"name": "tried", "what": {"tag": "jobs"}, "then": "deny", "report_only": true},
            ],
            "agents": [{"name": "bot", "client": "bot", "preset": "sync-operator", "connections": [ID], "budget": 10000}],
        });
        config["routing"] = json!({"rules": [
            {"when": {"role": "editor"}, "then": {"upstream": "canary", "headers": {"x-team": "data"}}},
        ]});
    })
}

const ID: &str = "8d8f0000-0000-0000-0000-000000000001";

fn sign(bed: &Bed, claims: &Value) -> String {
    let claims = Claims::with_custom_claims(claims.clone(), jwt_simple::prelude::Duration::from_mins(10));
    let mut claims = claims.with_issuer("https://idp").with_audience("airbyte").with_subject("alice");
    claims.issued_at = Some(jwt_simple::prelude::Duration::from_secs(START));
    claims.invalid_before = None;
    claims.expires_at = Some(jwt_simple::prelude::Duration::from_secs(START + 600));
    bed.key.sign(claims).unwrap()
}

/// What can be seen of a step from outside.
fn seen(step: Step) -> String {
    match step {
        Step::Forward(forward) => format!("{:?} {:?}", forward.exchange.permit(), forward.edits),
        Step::Reply { reply, reason, cookies, .. } => format!("{reply:?} {reason} {cookies:?}"),
        other => format!("{other:?}"),
    }
}

#[test]
fn what_is_explained_is_what_is_done() {
    let (mut done, mut told) = (bed(), bed());
    let callers = [
        json!({}),
        json!({"groups": ["analysts"]}),
        json!({"groups": ["engineers"]}),
        json!({"hasgroups": true}),
        json!({"boss": true}),
        json!({"boss": true, "auth_time": START - 10}),
        json!({"azp": "ci"}),
        json!({"azp": "bot", "groups": ["engineers"]}),
        json!({"act": {"sub": "someone"}, "boss": true}),
    ];
    let mut requests: Vec<(&str, String)> = TABLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|cells| {
            (
                cells[0],
                cells[1]
                    .split('/')
                    .map(|part| if part.contains('{') { ID } else { part })
                    .collect::<Vec<_>>()
                    .join("/"),
            )
        })
        .collect();
    for path in ["/", "/assets/app.js", "/api/v9/new", "/status/a", "/a//b", "/applications/token", "/.airgate/nothing"]
    {
        requests.extend([("GET", path.to_owned()), ("POST", path.to_owned())]);
    }
    let bodies = [json!({"connectionId": ID, "jobType": "sync"}).to_string(), "[".to_owned()];
    let mut outcomes = HashMap::new();
    for claims in &callers {
        let token = format!("Bearer {}", sign(&done, claims));
        let mut whole = claims.clone();
        whole["sub"] = json!("alice");
        whole["iss"] = json!("https://idp");
        whole["aud"] = json!("airbyte");
        whole["iat"] = json!(START);
        whole["exp"] = json!(START + 600);
        let caller = told.gateway.caller_of_claims(None, whole.as_object().unwrap(), told.now).unwrap().unwrap();
        let caller = Rc::new(caller);
        for (method, path) in &requests {
            for body in &bodies {
                let mut step = done.send(1, method, path, &[("authorization", &token)]);
                let reads = matches!(step, Step::Read { .. });
                if reads {
                    let body = Body::Whole(body.clone().into_bytes());
                    step = done.gateway.on_body(StreamId(1), body, &done.host, done.now);
                }
                let head = [(":method", *method), (":path", path.as_str()), (":authority", "airbyte.example.com")];
                let more = [("x-request-id", "r1"), ("authorization", &token), JSON];
                let inquiry = Inquiry {
                    headers: Headers::from_pairs(head.into_iter().chain(more)),
                    body: body.clone().into_bytes(),
                    sender: Some((Rc::clone(&caller), Auth::Bearer)),
                };
                let explained = told.gateway.explain(inquiry, &mut Listener, &told.host, told.now);
                let word = match &explained.step {
                    Step::Forward(forward) => format!("{:?}", forward.exchange.permit().reason()),
                    Step::Reply { reason, .. } => (*reason).to_owned(),
                    other => panic!("{other:?}"),
                };
                *outcomes.entry(word).or_insert(0) += 1;
                assert_eq!(explained.reads_body, reads, "{method} {path} {claims}");
                assert_eq!(seen(explained.step), seen(step), "{method} {path} {claims} {body}");
                if !reads {
                    break;
                }
            }
        }
    }
    for word in [
        "Role",
        "Rule",
        "Public",
        "low_role",
        "no_role",
        "rule_denied",
        "agent_never",
        "agent_ids",
        "agent_operation",
        "agent_no_operation",
        "groups_overage",
        "step_up_required",
        "closed",
        "not_found",
        "wrong_token_url",
        "path_empty_segment",
    ] {
        assert!(outcomes.contains_key(word), "never happened: {word}, of {outcomes:?}");
    }
}

#[test]
fn nothing_is_spent_by_asking() {
    let mut bed = bed();
    let claims = json!({"sub": "alice", "azp": "bot", "groups": ["engineers"]});
    let caller =
        Rc::new(bed.gateway.caller_of_claims(Some("corp"), claims.as_object().unwrap(), bed.now).unwrap().unwrap());
    for _ in 0..10_001 {
        let head = [(":method", "POST"), (":path", "/api/v1/connections/sync"), (":authority", "a"), JSON];
        let inquiry = Inquiry {
            headers: Headers::from_pairs(head),
            body: json!({"connectionId": ID}).to_string().into_bytes(),
            sender: Some((Rc::clone(&caller), Auth::Bearer)),
        };
        let explained = bed.gateway.explain(inquiry, &mut Listener, &bed.host, bed.now);
        assert!(matches!(explained.step, Step::Forward(_)), "{:?}", explained.step);
    }
}

#[test]
fn a_session_must_come_from_our_own_pages() {
    let mut bed = bed();
    let claims = json!({"sub": "alice", "groups": ["engineers"]});
    let caller = Rc::new(bed.gateway.caller_of_claims(None, claims.as_object().unwrap(), bed.now).unwrap().unwrap());
    for (site, expected) in [(Some("same-origin"), "forward"), (Some("cross-site"), "cross_site"), (None, "no_origin")]
    {
        let head = [(":method", "POST"), (":path", "/api/v1/connections/sync"), (":authority", "a"), JSON];
        let headers = Headers::from_pairs(head.into_iter().chain(site.map(|site| ("sec-fetch-site", site))));
        let inquiry = Inquiry { headers, body: Vec::new(), sender: Some((Rc::clone(&caller), Auth::Session)) };
        let found = match bed.gateway.explain(inquiry, &mut Listener, &bed.host, bed.now).step {
            Step::Forward(_) => "forward",
            Step::Reply { reason, .. } => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected);
    }
}

#[test]
fn a_token_is_checked_as_far_as_there_are_keys() {
    let mut bed = Bed::new(|_| {});
    let token = sign(&bed, &json!({}));
    let asker = |bed: &mut Bed, token: &str| bed.gateway.asker_of_token(token.as_bytes(), &bed.host, bed.now);
    assert!(matches!(asker(&mut bed, &token), Ok(Asker::Unverified(caller)) if caller.subject == "alice"));
    let other = Ed25519KeyPair::generate().with_key_id("k1");
    let set = |key: &Ed25519KeyPair| {
        let jwk: Value = serde_json::from_str(&key.public_key().to_jwk()).unwrap();
        json!({"keys": [jwk]})
    };
    bed.gateway.pin_keys("corp", &set(&other)).unwrap();
    assert_eq!(asker(&mut bed, &token).err().map(|fault| fault.reason()), Some("bad_signature"));
    let ours = set(&bed.key);
    bed.gateway.pin_keys("corp", &ours).unwrap();
    assert!(matches!(asker(&mut bed, &token), Ok(Asker::Verified(_))));
    assert!(bed.gateway.pin_keys("corp", &json!({"keys": []})).is_err());
}
