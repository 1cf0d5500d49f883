//! What holds for every policy and every request.

use super::*;
use proptest::prelude::*;
use serde_json::Map;

const IDS: [&str; 3] = ["7b3f0000-0000-4000-8000-00000000000a", "7b3f0000-0000-4000-8000-00000000000b", "1-1-1-1-1"];

/// Somebody listens, so every rule is looked at in every part.
struct Listener;

impl Trace for Listener {
    fn note(&mut self, _: Note<'_>) {}
}

fn pick(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words)
}

/// An object with some of these members.
fn some(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> impl Strategy<Value = Value> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, value)| prop::option::weighted(0.3, value.prop_map(move |value| (name, value))))
        .collect();
    members.prop_map(|members| members.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn words(words: &'static [&'static str]) -> BoxedStrategy<Value> {
    prop::collection::vec(pick(words), 1..3).prop_map(|words| json!(words)).boxed()
}

fn who() -> impl Strategy<Value = Value> {
    some(vec![
        ("role", words(&["reader", "runner", "editor", "admin"])),
        ("group", words(&["g1", "g2", "mail"])),
        ("client", words(&["cli", "bot", "c*"])),
        ("provider", words(&["corp", "other"])),
        ("auth", pick(&["bearer", "session"]).prop_map(Value::from).boxed()),
        ("email_domain", words(&["example.com", "example.org"])),
        ("user", words(&["alice", "bob"])),
    ])
}

fn what() -> impl Strategy<Value = Value> {
    some(vec![
        ("operation", words(&["syncConnection", "get*", "*Connection", "publicCreateJob", "listJobs"])),
        ("tag", words(&["connections", "jobs", "scim"])),
        ("preset", pick(&["changes", "destructive"]).prop_map(Value::from).boxed()),
        ("effect", pick(&["reads", "mutates"]).prop_map(Value::from).boxed()),
        ("path", words(&["/api/**", "/api/v1/connections/*", "/"])),
        ("method", words(&["GET", "POST"])),
    ])
}

fn which(names: [&'static str; 2]) -> impl Strategy<Value = Value> {
    let ids = || prop::collection::vec(prop::sample::select(&IDS[..2]), 1..3).prop_map(|ids| json!(ids)).boxed();
    some(names.map(|name| (name, ids())).to_vec())
}

fn rule(thens: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let until = prop::option::weighted(0.2, pick(&["1970-01-02", "2100-01-01"]));
    (who(), what(), which(["connection", "workspace"]), pick(thens), until, any::<bool>()).prop_map(
        |(who, what, which, then, until, by_age)| {
            let mut rule = json!({"then": then});
            for (name, part) in [("who", who), ("what", what), ("which", which)] {
                if part.as_object().is_some_and(|part| !part.is_empty()) {
                    rule[name] = part;
                }
            }
            if then == "step_up" {
                rule["step_up"] = if by_age { json!({"max_age": "1h"}) } else { json!({"acr": "mfa"}) };
            }
            if let Some(until) = until {
                rule["until"] = until.into();
            }
            if then == "allow" && ["who", "what", "which"].iter().all(|name| rule[name].is_null()) {
                rule["who"] = json!({"user": "alice"});
            }
            rule
        },
    )
}

const THENS: &[&str] = &["allow", "deny", "step_up"];

fn agent() -> impl Strategy<Value = Value> {
    let about = prop_oneof![
        words(&["cli", "bot", "*"]).prop_map(|client| json!({"client": client})),
        words(&["h*", "*"]).prop_map(|act| json!({"act": act})),
    ];
    let operations = some(vec![
        ("preset", pick(&["observer", "sync-operator"]).prop_map(Value::from).boxed()),
        ("operations", words(&["syncConnection", "get*", "list*"])),
        ("budget", (1..3_u32).prop_map(Value::from).boxed()),
    ]);
    (about, operations, which(["connections", "workspaces"])).prop_map(|(mut agent, operations, which)| {
        for part in [operations, which] {
            agent.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        }
        agent
    })
}

/// A policy without names yet, see [`named`].
fn policy() -> impl Strategy<Value = Value> {
    let roles = prop::collection::vec(
        (pick(&["reader", "runner", "editor", "admin"]), pick(&["g1", "g2", "mail"]))
            .prop_map(|(role, group)| json!({"role": role, "group": group})),
        0..3,
    );
    let rules = prop::collection::vec(rule(THENS), 0..5);
    let agents = prop::collection::vec(agent(), 0..3);
    let report_only = prop_oneof![
        8 => Just(json!(false)),
        1 => Just(json!(true)),
        1 => Just(json!([{"client": "bot"}])),
    ];
    (pick(&["none", "reader", "editor", "admin"]), roles, rules, agents, report_only).prop_map(
        |(default_role, roles, rules, agents, report_only)| {
            json!({
                "default_role": default_role, "roles": roles, "rules": rules, "agents": agents,
                "report_only": report_only, "groups": [{"group": "mail", "emails": ["ana@example.com"]}],
            })
        },
    )
}

/// The policy, each entry with a name of its own.
fn named(mut policy: Value) -> Access {
    for list in ["rules", "agents"] {
        for (index, entry) in policy[list].as_array_mut().unwrap().iter_mut().enumerate() {
            entry["name"] = format!("n{index}").into();
        }
    }
    with(policy)
}

/// What is asked, and by whom.
#[derive(Clone, Debug)]
struct Ask {
    caller: Caller,
    auth: Auth,
    method: &'static str,
    path: String,
    query: Vec<String>,
    body: Option<Vec<(String, String)>>,
}

fn ask() -> impl Strategy<Value = Ask> {
    let groups = prop_oneof![
        3 => prop::collection::vec(pick(&["g1", "g2", "g3"]).prop_map(str::to_owned), 0..3).prop_map(Groups::Known),
        1 => Just(Groups::Unknown),
        1 => Just(Groups::Absent),
    ];
    let claims = some(vec![
        ("act", prop_oneof![Just(json!({"sub": "h1"})), Just(json!({})), Just(json!("x"))].boxed()),
        ("acr", pick(&["mfa", "pwd"]).prop_map(Value::from).boxed()),
        ("auth_time", prop_oneof![Just(999_000), Just(1)].prop_map(Value::from).boxed()),
    ]);
    let who = (groups, claims, pick(&["cli", "bot"]), pick(&["alice", "bob"]), any::<bool>(), any::<bool>()).prop_map(
        |(groups, claims, client, user, verified, session)| {
            let mut known = caller(groups);
            known.claims = claims.as_object().unwrap().clone();
            known.client = Some(client.into());
            known.user = user.into();
            known.email = Some("ana@example.com".into());
            known.email_verified = verified;
            (known, if session { Auth::Session } else { Auth::Bearer })
        },
    );
    let target = prop_oneof![
        Just(("POST", "/api/v1/connections/sync")),
        Just(("POST", "/api/v1/connections/get")),
        Just(("POST", "/api/v1/connections/delete")),
        Just(("POST", "/api/v1/connections/refresh")),
        Just(("POST", "/api/v1/connections/update")),
        Just(("POST", "/api/v1/web_backend/connections/update")),
        Just(("POST", "/api/v1/web_backend/connections/get")),
        Just(("GET", "/api/public/v1/streams")),
        Just(("POST", "/api/public/v1/jobs")),
        Just(("GET", "/api/public/v1/jobs")),
        Just(("GET", "/api/public/v1/connections/7b3f0000-0000-4000-8000-00000000000a")),
        Just(("GET", "/scim/v2/Users")),
        Just(("GET", "/")),
        Just(("POST", "/api/v9/unknown")),
        Just(("POST", "/api/v1/dataplanes/token")),
    ];
    let name = || pick(&["connectionId", "workspaceId", "configId", "connection_id", "x"]);
    let id = || prop::sample::select(&IDS[..]);
    let parameter = prop_oneof![
        4 => (name(), id()).prop_map(|(name, id)| format!("{name}={id}")),
        1 => any::<bool>().prop_map(|ignore| format!("ignoreCache={ignore}")),
    ];
    let query = prop::collection::vec(parameter, 0..3);
    let member = prop_oneof![
        4 => (name(), id()).prop_map(|(name, id)| (name.to_owned(), json!(id).to_string())),
        1 => (pick(&["connectionIds"]), id(), id()).prop_map(|(name, a, b)| (name.to_owned(), json!([a, b]).to_string())),
        2 => pick(&["sync", "reset", "refresh"]).prop_map(|kind| ("jobType".to_owned(), json!(kind).to_string())),
        1 => pick(&["Merge", "Truncate"]).prop_map(|mode| ("refreshMode".to_owned(), json!(mode).to_string())),
        1 => pick(&["active", "deprecated"]).prop_map(|status| ("status".to_owned(), json!(status).to_string())),
        1 => any::<bool>().prop_map(|skip| ("skipReset".to_owned(), json!(skip).to_string())),
        1 => Just(("syncCatalog".to_owned(), "{}".to_owned())),
        1 => (name(), id()).prop_map(|(name, id)| ("inner".to_owned(), json!({ name: id }).to_string())),
    ];
    let body = prop::option::of(prop::collection::vec(member, 0..4));
    (who, target, query, body).prop_map(|((caller, auth), (method, path), query, body)| Ask {
        caller,
        auth,
        method,
        path: path.to_owned(),
        query,
        body,
    })
}

fn judged<T: Trace>(access: &Access, ask: &Ask, trace: &mut T) -> Verdict {
    asked(access, ask, |question, errand| {
        // A body that was not wanted makes no difference.
        let verdict = access.judge(&question, errand.clone(), trace);
        let known = Some((&ask.caller, ask.auth));
        if access.body_need(question.request, errand.operation.as_ref(), known, question.now) == BodyNeed::None {
            let without = access.judge(&Question { body: None, ..question }, errand, &mut ());
            assert_eq!(said(&without), said(&verdict));
        } else {
            assert!(
                access.body_need(question.request, errand.operation.as_ref(), None, question.now) != BodyNeed::None,
                "for anybody"
            );
        }
        verdict
    })
}

fn asked<T>(access: &Access, ask: &Ask, about: impl FnOnce(Question<'_>, Errand) -> T) -> T {
    let mut target = ask.path.clone();
    if !ask.query.is_empty() {
        target = format!("{target}?{}", ask.query.join("&"));
    }
    let request = request(ask.method, &target);
    let errand = access.errand(&request);
    let members = ask.body.as_ref().map(|members| {
        let members: Vec<String> = members.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
        format!("{{{}}}", members.join(","))
    });
    let question = Question {
        request: &request,
        caller: &ask.caller,
        auth: ask.auth,
        body: members.as_ref().map(String::as_bytes),
        now: Time::from_seconds(1_000_000),
    };
    about(question, errand)
}

/// Outcome, rule and report.
type Said = (Result<(Option<Role>, PermitReason), Denial>, Option<String>, Option<Report>);

fn said(verdict: &Verdict) -> Said {
    let outcome = match &verdict.outcome {
        Ok(permit) => Ok((permit.role(), permit.reason())),
        Err(denial) => Err(denial.clone()),
    };
    (outcome, verdict.rule.as_deref().map(str::to_owned), verdict.report.clone())
}

/// Puts an entry into a list, somewhere.
fn insert(policy: &Value, list: &str, entry: &Value, at: prop::sample::Index) -> Value {
    let mut more = policy.clone();
    let list = more[list].as_array_mut().unwrap();
    list.insert(at.index(list.len() + 1), entry.clone());
    more
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_listens_changes_nothing(policy in policy(), asks in prop::collection::vec(ask(), 24)) {
        let access = named(policy);
        for ask in &asks {
            let verdict = judged(&access, ask, &mut ());
            prop_assert_eq!(said(&verdict), said(&judged(&access, ask, &mut Listener)));
        }
    }

    #[test]
    fn what_takes_away_never_gives(
        policy in policy(),
        deny in rule(&["deny", "step_up"]),
        at in any::<prop::sample::Index>(),
        asks in prop::collection::vec(ask(), 24),
    ) {
        let (before, after) = (named(policy.clone()), named(insert(&policy, "rules", &deny, at)));
        for ask in &asks {
            if judged(&before, ask, &mut ()).outcome.is_err() {
                prop_assert!(judged(&after, ask, &mut ()).outcome.is_err(), "{:?}", ask);
            }
        }
    }

    #[test]
    fn an_agent_more_never_gives(policy in policy(), agent in agent(), asks in prop::collection::vec(ask(), 24)) {
        let mut more = policy.clone();
        more["agents"].as_array_mut().unwrap().push(agent);
        let (before, after) = (named(policy), named(more));
        for ask in &asks {
            if judged(&before, ask, &mut ()).outcome.is_err() {
                prop_assert!(judged(&after, ask, &mut ()).outcome.is_err(), "{:?}", ask);
            }
        }
    }

    #[test]
    fn what_is_reported_only_is_as_if_absent(
        policy in policy(),
        mut reported in rule(THENS),
        at in any::<prop::sample::Index>(),
        asks in prop::collection::vec(ask(), 24),
    ) {
        reported["report_only"] = json!(true);
        let (without, with) = (named(policy.clone()), named(insert(&policy, "rules", &reported, at)));
        for ask in &asks {
            let (one, other) = (judged(&without, ask, &mut ()), judged(&with, ask, &mut ()));
            prop_assert_eq!(said(&one).0.map_err(|denial| denial.reason()), said(&other).0.map_err(|denial| denial.reason()));
        }
    }

    #[test]
    fn what_is_settled_before_the_body_is_what_every_body_gets(
        policy in policy(),
        asks in prop::collection::vec(ask(), 24),
    ) {
        let access = named(policy);
        for ask in &asks {
            let seen = judged(&access, ask, &mut ());
            match asked(&access, ask, |question, errand| access.foresee(&question, &errand)) {
                Foresight::Settled(settled) => {
                    prop_assert_eq!(settled.outcome.is_ok(), seen.outcome.is_ok(), "{:?}", ask);
                    prop_assert!(settled.report.is_none() && (settled.outcome.is_err() || seen.report.is_none()));
                }
                Foresight::Open { prospect, .. } => prop_assert_eq!(prospect.role(), seen.role),
            }
        }
    }

    #[test]
    fn order_in_query_and_body_changes_nothing(policy in policy(), asks in prop::collection::vec(ask(), 24)) {
        let access = named(policy);
        for ask in &asks {
            let mut turned = ask.clone();
            turned.query.reverse();
            if let Some(body) = &mut turned.body {
                body.reverse();
            }
            prop_assert_eq!(said(&judged(&access, ask, &mut ())), said(&judged(&access, &turned, &mut ())));
        }
    }

    #[test]
    fn closed_stays_closed_and_agents_stay_outside(policy in policy(), asks in prop::collection::vec(ask(), 24)) {
        let access = named(policy.clone());
        for ask in &asks {
            let verdict = judged(&access, ask, &mut ());
            if ask.path.starts_with("/api/v1/dataplanes") {
                prop_assert_eq!(said(&verdict).0, Err(Denial::Closed));
            }
            let is_agent = verdict.agent.is_some() && policy["report_only"] == false;
            if is_agent && ["/api/v1/connections/delete", "/", "/scim/v2/Users"].contains(&ask.path.as_str()) {
                prop_assert!(verdict.outcome.is_err(), "{:?}", ask);
            }
        }
    }
}

#[test]
fn members_of_the_strategies_are_met() {
    // Otherwise the properties would hold of nothing.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut met: Map<String, Value> = Map::new();
    for _ in 0..150 {
        let tree = (policy(), ask()).new_tree(&mut runner).unwrap();
        let (policy, ask) = proptest::strategy::ValueTree::current(&tree);
        let verdict = judged(&named(policy), &ask, &mut ());
        let word = said(&verdict).0.map_or_else(
            |denial| denial.reason(),
            |(_, reason)| match reason {
                PermitReason::Rule => "rule",
                PermitReason::ReportOnly => "report_only",
                _ => "role",
            },
        );
        met.insert(word.to_owned(), Value::Null);
    }
    for word in [
        "rule",
        "report_only",
        "role",
        "rule_denied",
        "step_up_required",
        "groups_overage",
        "no_role",
        "low_role",
        "closed",
        "agent_never",
        "agent_operation",
        "agent_no_operation",
    ] {
        assert!(met.contains_key(word), "{word} is not in {met:?}");
    }
}
