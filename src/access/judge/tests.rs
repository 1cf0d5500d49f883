#[cfg(not(target_arch = "wasm32"))]
mod properties;

use super::*;
use crate::access::operation::tests::rows;
use crate::access::tests::{caller, judge, request, with};
use crate::access::{Boundary, IdKind, Role};
use crate::caller::Groups;
use crate::testing::test;
use serde_json::{Value, json};

const A: &str = "7b3f0000-0000-4000-8000-00000000000a";
const B: &str = "7b3f0000-0000-4000-8000-00000000000b";

/// Somebody in these groups.
fn member(groups: &[&str]) -> Caller {
    caller(Groups::Known(groups.iter().map(|group| (*group).to_owned()).collect()))
}

/// Somebody with more claims than others.
fn claiming(claims: Value) -> Caller {
    let mut known = member(&[]);
    known.claims.extend(claims.as_object().unwrap().clone());
    known
}

/// In one word: `allow`, or why not.
fn word(verdict: &Verdict) -> &'static str {
    match &verdict.outcome {
        Ok(_) => "allow",
        Err(denial) => denial.reason(),
    }
}

fn reported(verdict: &Verdict) -> Option<(&'static str, Option<&str>)> {
    verdict.report.as_ref().map(|(denial, rule)| (denial.reason(), rule.as_deref()))
}

const ROLES: [Option<Role>; 5] = [None, Some(Role::Reader), Some(Role::Runner), Some(Role::Editor), Some(Role::Admin)];

#[test]
fn every_operation_for_every_role_and_agent() {
    let access = with(json!({
        "default_role": "none",
        "roles": Role::NAMES.map(|(name, _)| json!({"role": name, "group": name})),
        "agents": [
            {"name": "watcher", "client": "watcher", "preset": "observer"},
            {"name": "worker", "client": "worker", "preset": "sync-operator"},
        ],
    }));
    let syncs = ["syncConnection", "cancelJob", "publicCancelJob"];
    for row in rows() {
        let path = row.path.replace("{workspaceId}", A).replace(['{', '}'], "");
        for role in ROLES {
            for agent in ["", "watcher", "worker"] {
                let mut asking = member(role.map(Role::name).as_slice());
                asking.client = Some(agent.to_owned());
                let looks = row.effect == "reads" && ["reader", "public"].contains(&row.role);
                let has = looks || (agent == "worker" && syncs.contains(&row.name));
                let needed =
                    Role::NAMES.iter().find(|(name, _)| *name == row.role).map_or(Role::Reader, |(_, role)| *role);
                let expected = match role {
                    _ if row.role == "closed" => "closed",
                    _ if !agent.is_empty() && row.agents == "never" => "agent_never",
                    _ if !agent.is_empty() && !has => "agent_operation",
                    Some(role) if role >= needed => "allow",
                    Some(_) => "low_role",
                    None => "no_role",
                };
                let verdict = judge(&access, row.method, &path, &asking, None);
                assert_eq!(word(&verdict), expected, "{} {path} as {role:?} {agent}", row.method);
                assert_eq!(verdict.agent.as_deref().unwrap_or_default(), agent);
                assert_eq!(verdict.role, role);
            }
        }
    }
}

/// Whether one `deny` rule with this `who` is about somebody.
fn is_met(who: Value, asking: &Caller) -> &'static str {
    let access = with(json!({
        "default_role": "reader",
        "groups": [{"group": "mail", "emails": ["Ana@Example.com"]}],
        "rules": [{"name": "r", "who": who, "then": "deny"}],
    }));
    word(&judge(&access, "GET", "/", asking, None))
}

#[test]
fn a_rule_is_about_whom_it_says_only() {
    let mut ana = member(&["data"]);
    ana.email = Some("ana@example.com".into());
    ana.email_verified = true;
    for (who, met) in [
        (json!({"role": "reader"}), true),
        (json!({"role": ["editor", "reader"]}), true),
        (json!({"role": "runner"}), false),
        (json!({"claim": "/team", "equals": "data"}), true),
        (json!({"claim": "/team", "equals": "ops"}), false),
        (json!({"group": "data"}), true),
        (json!({"group": ["ops", "data"]}), true),
        (json!({"group": "ops"}), false),
        (json!({"group": "mail"}), true),
        (json!({"client": "cl*"}), true),
        (json!({"client": ["x", "cli"]}), true),
        (json!({"client": "x"}), false),
        (json!({"provider": "corp"}), true),
        (json!({"provider": "other"}), false),
        (json!({"auth": "bearer"}), true),
        (json!({"auth": "session"}), false),
        (json!({"user": ["bob", "alice"]}), true),
        (json!({"user": "al*"}), false),
        (json!({"email_domain": "EXAMPLE.com"}), true),
        (json!({"email_domain": "ample.com"}), false),
        // All of it must hold.
        (json!({"client": "cli", "group": "data", "auth": "bearer"}), true),
        (json!({"client": "cli", "group": "ops"}), false),
        (json!({"client": "x", "group": "data"}), false),
    ] {
        assert_eq!(is_met(who.clone(), &ana), if met { "rule_denied" } else { "allow" }, "{who}");
    }
    ana.email_verified = false;
    for who in [json!({"email_domain": "example.com"}), json!({"group": "mail"})] {
        assert_eq!(is_met(who.clone(), &ana), "allow", "{who}: only the verified address counts");
    }
    ana.groups = Groups::Unknown;
    assert_eq!(is_met(json!({"group": "data"}), &ana), "groups_overage");
    assert_eq!(is_met(json!({"group": "data", "client": "x"}), &ana), "allow");
    ana.email_verified = true;
    assert_eq!(is_met(json!({"group": "mail"}), &ana), "rule_denied", "by e-mail it is certain");
}

#[test]
fn an_address_is_of_a_group_that_lists_it_if_its_provider_vouches_for_it() {
    let access = with(json!({
        "default_role": "reader",
        "groups": [{"group": "mail", "provider": "corp", "emails": ["ana@example.com", "eve@example.com"]}],
        "rules": [{"name": "r", "who": {"group": "mail"}, "then": "deny"}],
    }));
    for (email, provider, met) in [
        ("ana@example.com", "corp", true),
        ("Eve@Example.com", "corp", true),
        ("bob@example.com", "corp", false),
        ("ana@example.com", "other", false),
        ("bob@example.com", "other", false),
    ] {
        let mut asking = member(&[]);
        asking.email = Some(email.into());
        asking.email_verified = true;
        asking.provider = provider.into();
        let found = word(&judge(&access, "GET", "/", &asking, None));
        assert_eq!(found, if met { "rule_denied" } else { "allow" }, "{email} of {provider}");
    }
}

#[test]
fn a_rule_is_about_what_it_says_only() {
    let judged = |what: Value, then: &str, method: &str, path: &str| {
        let access = with(json!({
            "default_role": if then == "allow" { "none" } else { "admin" },
            "operations": [
                {"method": "POST", "path": "/api/v1/new/thing", "role": "reader", "name": "newThing"},
                {"method": "POST", "path": "/api/v1/tags/list", "role": "editor"},
            ],
            "rules": [{"name": "r", "what": what, "then": then}],
        }));
        let verdict = judge(&access, method, path, &member(&[]), None);
        verdict.rule.is_some()
    };
    let get = ("POST", "/api/v1/connections/get");
    let sync = ("POST", "/api/v1/connections/sync");
    let page = ("GET", "/workspaces");
    let new = ("POST", "/api/v1/new/thing");
    let tags = ("POST", "/api/v1/tags/list");
    for (what, (method, path), met) in [
        (json!({"operation": "getConnection"}), get, true),
        (json!({"operation": "getConnection"}), sync, false),
        (json!({"operation": ["get*", "list*"]}), get, true),
        (json!({"operation": "*"}), page, false),
        (json!({"operation": "newThing"}), new, true),
        (json!({"operation": "new*"}), new, true),
        (json!({"operation": "listTags"}), tags, true),
        (json!({"tag": "connections"}), get, true),
        (json!({"tag": "connections"}), ("GET", "/api/public/v1/connections/1"), true),
        (json!({"tag": "connections"}), ("POST", "/api/v1/web_backend/connections/list"), true),
        (json!({"tag": ["jobs", "tags"]}), tags, true),
        (json!({"tag": "new"}), new, true),
        (json!({"tag": "scim"}), ("GET", "/scim/v2/Users"), true),
        (json!({"tag": "scim"}), ("GET", "/scim"), true),
        (json!({"tag": "scim"}), ("GET", "/scimitar"), false),
        (json!({"tag": "connections"}), page, false),
        (json!({"effect": "reads"}), get, true),
        (json!({"effect": "reads"}), sync, false),
        (json!({"effect": "mutates"}), sync, true),
        (json!({"effect": "reads"}), page, true),
        (json!({"effect": "mutates"}), page, false),
        (json!({"effect": "mutates"}), new, true),
        (json!({"path": "/api/v1/connections/**"}), sync, true),
        (json!({"path": ["/x", "/api/*/connections/get"]}), get, true),
        (json!({"path": "/api/v1/jobs/**"}), sync, false),
        (json!({"path": "/workspaces"}), page, true),
        (json!({"method": "GET"}), ("HEAD", "/workspaces"), true),
        (json!({"method": ["PUT", "POST"]}), get, true),
        (json!({"method": "GET"}), get, false),
        (
            json!({"operation": "get*", "tag": "connections", "effect": "reads", "method": "POST", "path": "/api/**"}),
            get,
            true,
        ),
        (json!({"operation": "get*", "tag": "connections", "effect": "mutates"}), get, false),
    ] {
        for then in ["allow", "deny"] {
            assert_eq!(judged(what.clone(), then, method, path), met, "{what} {then} {method} {path}");
        }
    }
    // What nobody knows may change something, or not.
    for effect in ["reads", "mutates"] {
        assert!(judged(json!({"effect": effect}), "deny", "POST", "/api/v2/unknown"));
        assert!(!judged(json!({"effect": effect}), "allow", "POST", "/api/v2/unknown"));
    }
}

#[test]
fn an_id_counts_at_its_operations_own_place() {
    let read = |method: &str, target: &str, body: Option<&str>| {
        let access = with(json!({"default_role": "admin"}));
        let ids = judge(&access, method, target, &member(&[]), body).ids;
        let text = |(kind, id): (IdKind, &str)| format!("{} {}", kind.name(), &id[35..]);
        let own: Vec<String> = ids.iter().map(text).collect();
        let elsewhere: Vec<String> = ids.elsewhere().map(text).collect();
        (own.join(", "), elsewhere.join(", "), ids.are_unclear())
    };
    let large = A.to_uppercase();
    let sync = "/api/v1/connections/sync";
    let own = |id: &str| format!(r#"{{"connectionId":"{id}"}}"#);
    let around = &format!(r#"{{"sourceIds":["{A}"],"filter":[{{"workspaceId":"{B}"}}],"connectionId":"{A}"}}"#);
    let jobs = "/api/public/v1/jobs";
    let cases = [
        ("GET", format!("/api/public/v1/connections/{A}"), None, "connection a", "", false),
        ("GET", format!("/api/public/v1/connections/{large}/"), None, "connection a", "", false),
        ("GET", "/api/public/v1/connections/1-1-1-1-1".into(), None, "", "", true),
        ("DELETE", format!("/api/public/v1/sources/{A}"), None, "source a", "", false),
        ("GET", format!("/api/public/v1/workspaces/{A}/definitions/sources/{B}"), None, "workspace a", "", false),
        ("GET", format!("{jobs}/1"), None, "", "", false),
        ("GET", format!("{jobs}/1?connectionId={A}"), None, "", "connection a", false),
        ("GET", format!("{jobs}?connectionId={A}&limit=2"), None, "connection a", "", false),
        ("GET", format!("{jobs}?workspaceIds={A},{B}"), None, "workspace a, workspace b", "", false),
        ("GET", format!("{jobs}?workspaceId={A}"), None, "", "workspace a", false),
        ("GET", format!("{jobs}?connectionId={A}&connectionId={B}"), None, "", "", true),
        ("GET", format!("{jobs}?a=1;connectionId={B}&connectionId={A}"), None, "", "", true),
        ("GET", format!("{jobs}?=connectionId={B}&connectionId={A}"), None, "", "", true),
        ("GET", format!("{jobs}?connection%49d={A}"), None, "connection a", "", false),
        ("GET", format!("{jobs}?connectionId="), None, "", "", true),
        ("GET", format!("{jobs}?x=%zz"), None, "", "", true),
        ("GET", format!("{jobs}?connection_id={A}"), None, "", "", true),
        ("GET", format!("{jobs}?connectionId[]={A}"), None, "", "", true),
        ("GET", "/api/public/v1/streams".into(), None, "", "", true),
        ("GET", format!("/api/v3/things/{A}"), None, "", "any a", false),
        ("GET", "/api/v3/things/1-1-1-1-1".into(), None, "", "", true),
        ("POST", sync.into(), None, "", "", true),
        ("POST", sync.into(), Some(""), "", "", true),
        ("POST", sync.into(), Some("{}"), "", "", true),
        ("POST", sync.into(), Some(r#"{"connectionId":null}"#), "", "", true),
        ("POST", sync.into(), Some("connectionId=1"), "", "", true),
        ("POST", sync.into(), Some(r#"{"connectionId":"x","connectionId":"y"}"#), "", "", true),
        ("POST", sync.into(), Some(r#"{"connectionId":5}"#), "", "", true),
        ("POST", sync.into(), Some(r#"{"connectionId":"1-1-1-1-1"}"#), "", "", true),
        ("POST", sync.into(), Some(r#"{"ConnectionID":"x"}"#), "", "", true),
        ("POST", sync.into(), Some(&own(A)), "connection a", "", false),
        ("POST", format!("{sync}?connectionId={B}"), Some(&own(A)), "connection a", "connection b", false),
        // A list of one is taken for its item, and an item for a list of one.
        ("POST", sync.into(), Some(&format!(r#"{{"connectionId":["{A}"]}}"#)), "connection a", "", false),
        ("POST", sync.into(), Some(&format!("[{}]", own(A))), "connection a", "", false),
        ("POST", sync.into(), Some(&format!(r#"{{"x":{}}}"#, own(A))), "", "connection a", true),
        ("POST", sync.into(), Some(around), "connection a", "workspace b, source a", false),
        (
            "POST",
            sync.into(),
            Some(&format!(r#"{{"connectionId":"{A}","configId":"{B}"}}"#)),
            "connection a",
            "any b",
            false,
        ),
        ("POST", "/api/v1/jobs/cancel".into(), Some(&own(A)), "", "connection a", false),
        ("POST", "/api/v1/jobs/list".into(), Some(&format!(r#"{{"configId":"{A}"}}"#)), "any a", "", false),
        (
            "POST",
            "/api/v1/connections/update_with_reason".into(),
            Some(&format!(
                r#"{{"connectionId":"{B}","connectionUpdate":{{"connectionId":"{A}","tags":[{{"workspaceId":"{B}"}}]}}}}"#
            )),
            "connection a, workspace b",
            "connection b",
            false,
        ),
        (
            "POST",
            "/api/v1/commands/run/replicate".into(),
            Some(&format!(r#"{{"connection_id":"{A}","id":"{B}","job_id":"1"}}"#)),
            "connection a",
            "",
            false,
        ),
        (
            "POST",
            "/api/v1/connections/status".into(),
            Some(&format!(r#"{{"connectionIds":["{A}","{B}"]}}"#)),
            "connection a, connection b",
            "",
            false,
        ),
        (
            "POST",
            "/api/v1/connections/status".into(),
            Some(&format!(r#"{{"connectionIds":"{A}"}}"#)),
            "connection a",
            "",
            false,
        ),
        ("POST", "/api/v1/connections/status".into(), Some(r#"{"connectionIds":[]}"#), "", "", true),
        ("POST", "/api/v1/connections/status".into(), Some(r#"{"connectionIds":[1]}"#), "", "", true),
    ];
    for (method, target, body, own, elsewhere, unclear) in cases {
        assert_eq!(
            read(method, &target, body),
            (own.to_owned(), elsewhere.to_owned(), unclear),
            "{method} {target} {body:?}"
        );
    }
}

#[test]
fn allowing_needs_certainty_and_denying_does_not() {
    // Each of (allow, deny): whether the rule matches.
    let matches = |which: &Value, path: &str, body: Option<&str>| {
        [("allow", "none"), ("deny", "admin")].map(|(then, role)| {
            let rule = json!({"name": "r", "which": which, "then": then});
            let access = with(json!({"default_role": role, "rules": [rule]}));
            judge(&access, "POST", path, &member(&[]), body).rule.is_some()
        })
    };
    let one = json!({"connection": A.to_uppercase()});
    let two = json!({"connection": [A], "workspace": [B]});
    let carry = |pairs: &[(&str, &str)]| {
        let pairs: Vec<String> = pairs.iter().map(|(name, id)| format!(r#""{name}":"{id}""#)).collect();
        format!("{{{}}}", pairs.join(","))
    };
    let connection = "connectionId";
    let (sync, list, create) = ("/api/v1/connections/sync", "/api/v1/jobs/list", "/api/v1/connections/create");
    for (which, path, body, expected) in [
        (&one, sync, Some(carry(&[(connection, A)])), [true, true]),
        (&one, sync, Some(carry(&[(connection, B)])), [false, false]),
        (&one, sync, Some(carry(&[("x", A)])), [false, true]),
        (&one, sync, Some(carry(&[(connection, A), ("workspaceId", A)])), [true, true]),
        (&one, sync, Some(carry(&[(connection, A), ("workspaceId", "1-1-1-1-1")])), [true, true]),
        (&one, sync, Some(carry(&[(connection, A), ("configId", B)])), [false, true]),
        (&one, sync, Some(carry(&[("configId", A)])), [false, true]),
        (&one, sync, Some(format!(r#"{{"connectionIds":["{A}","{B}"]}}"#)), [false, true]),
        (&one, sync, Some(carry(&[(connection, "1-1-1-1-1")])), [false, true]),
        (&one, sync, Some(carry(&[(connection, A), ("connection_id", B)])), [false, true]),
        (&one, sync, Some(format!(r#"{{"connectionId":"{A}","connectionId":"{A}"}}"#)), [false, true]),
        (&one, sync, Some("{}".to_owned()), [false, true]),
        (&one, sync, Some(String::new()), [false, true]),
        (&one, sync, None, [false, true]),
        (&two, sync, Some(carry(&[(connection, A)])), [true, true]),
        (&two, sync, Some(carry(&[("workspaceId", B)])), [false, true]),
        (&two, sync, Some(carry(&[(connection, A), ("workspaceId", A)])), [false, true]),
        (&two, sync, Some(carry(&[(connection, A), ("workspaceId", B)])), [true, true]),
        (&one, list, Some(carry(&[("configId", A)])), [true, true]),
        (&one, list, Some(carry(&[("configId", B)])), [false, false]),
        (&one, list, Some(carry(&[("configId", A), (connection, B)])), [false, true]),
        // Another resource beside the listed ones.
        (&one, list, Some(format!(r#"{{"configId":"{A}","includingJobId":5}}"#)), [false, true]),
        (&one, create, Some(carry(&[(connection, A)])), [false, true]),
        (&one, create, Some(carry(&[("sourceId", A), ("destinationId", A)])), [false, false]),
        (&json!({"source": A}), create, Some(carry(&[("sourceId", A), ("destinationId", A)])), [false, true]),
        (
            &json!({"source": A, "destination": A}),
            create,
            Some(carry(&[("sourceId", A), ("destinationId", A)])),
            [true, true],
        ),
        (&one, "/api/v1/jobs/cancel", Some(format!(r#"{{"id":999,"connectionId":"{A}"}}"#)), [false, true]),
        (&one, "/api/v1/unknown", Some(carry(&[(connection, A)])), [false, true]),
    ] {
        assert_eq!(matches(which, path, body.as_deref()), expected, "{which} {path} {body:?}");
    }
}

#[test]
fn a_preset_follows_what_the_body_says() {
    let matches = |preset: &str, then: &str, method: &str, path: &str, body: Option<&str>| {
        let rule = json!({"name": "r", "what": {"preset": preset}, "then": then});
        let access = with(json!({"default_role": if then == "allow" { "none" } else { "admin" }, "rules": [rule]}));
        judge(&access, method, path, &member(&[]), body).rule.is_some()
    };
    let all = ["/api/v1/connections/update", "/api/v1/web_backend/connections/update"];
    let (jobs, refresh) = ("/api/public/v1/jobs", "/api/v1/connections/refresh");
    // Whether `deny` matches by (destructive, changes). `allow` matches the same where
    // the body is clear.
    let cases = [
        ("POST", "/api/v1/connections/get", Some("{}"), [false, false], true),
        ("POST", "/api/v1/connections/sync", Some("{}"), [false, false], true),
        ("POST", "/api/v1/sources/create", Some("{}"), [false, true], true),
        ("POST", "/api/v1/connections/delete", Some("{}"), [true, true], true),
        ("DELETE", "/api/public/v1/sources/x", None, [true, true], true),
        ("GET", "/workspaces", None, [false, false], true),
        ("POST", "/api/v9/unknown", None, [true, true], false),
        ("POST", jobs, Some(r#"{"jobType":"sync"}"#), [false, false], true),
        ("POST", jobs, Some(r#"{"jobType":"reset"}"#), [true, true], true),
        ("POST", jobs, Some(r#"{"jobType":"sync","jobtype":"reset"}"#), [true, true], true),
        ("POST", jobs, None, [true, true], false),
        ("POST", refresh, Some(r#"{"refreshMode":"Merge"}"#), [false, false], true),
        ("POST", refresh, Some(r#"{"refreshMode":"merge"}"#), [true, true], true),
        ("POST", refresh, Some(r#"{"refreshMode":"Truncate"}"#), [true, true], true),
        ("POST", refresh, Some("{}"), [true, true], true),
        ("POST", all[0], Some(r#"{"status":"active","syncCatalog":{}}"#), [false, true], true),
        ("POST", all[0], Some(r#"{"status":"deprecated"}"#), [true, true], true),
        ("POST", all[0], Some(r#"{"status":"Deprecated"}"#), [true, true], true),
        ("POST", all[0], Some(r#"{"status":["deprecated"]}"#), [true, true], true),
        ("POST", all[0], Some(r#"{"status":null}"#), [false, true], true),
        ("POST", all[0], Some("{"), [true, true], false),
        ("POST", all[1], Some(r#"{"status":"inactive"}"#), [false, true], true),
        ("POST", all[1], Some(r#"{"syncCatalog":{},"skipReset":true}"#), [false, true], true),
        ("POST", all[1], Some(r#"{"syncCatalog":{}}"#), [true, true], true),
        ("POST", all[1], Some(r#"{"syncCatalog":{},"skipReset":"true"}"#), [true, true], true),
        ("PATCH", "/api/public/v1/connections/x", Some(r#"{"status":"deprecated"}"#), [true, true], true),
        ("PATCH", "/api/public/v1/connections/x", Some(r#"{"name":"x"}"#), [false, true], true),
        (
            "POST",
            "/api/v1/connections/update_with_reason",
            Some(r#"{"status":"active","connectionUpdate":{"status":"deprecated"}}"#),
            [true, true],
            true,
        ),
        (
            "POST",
            "/api/v1/connections/update_with_reason",
            Some(r#"{"status":"deprecated","connectionUpdate":{"status":"active"}}"#),
            [false, true],
            true,
        ),
    ];
    for (method, path, body, expected, is_clear) in cases {
        let found = |then: &str| ["destructive", "changes"].map(|preset| matches(preset, then, method, path, body));
        assert_eq!(found("deny"), expected, "deny {method} {path} {body:?}");
        let allowed = if is_clear { expected } else { [false, false] };
        assert_eq!(found("allow"), allowed, "allow {method} {path} {body:?}");
    }
}

#[test]
fn a_discovery_by_query_needs_what_a_discovery_needs() {
    let access = with(
        json!({"default_role": "none", "roles": [{"role": "reader", "group": "r"}, {"role": "editor", "group": "e"}]}),
    );
    let streams = "/api/public/v1/streams?sourceId=7b3f0000-0000-4000-8000-00000000000a";
    for (query, needs_editor) in [
        ("", false),
        ("&ignoreCache=false", false),
        ("&ignoreCache=true", true),
        ("&ignoreCache=1", true),
        ("&ignoreCache=", true),
        ("&ignoreCache", true),
        ("&ignoreCache=False", true),
        ("&ignorecache=true", true),
        ("&ignore%43ache=true", true),
        ("&ignoreCache=false;ignoreCache=true", true),
        ("&=ignoreCache=true", true),
        ("&ignoreCache=false&ignoreCache=true", true),
        ("&x=%zz", true),
    ] {
        let target = [streams, query].concat();
        let verdict = judge(&access, "GET", &target, &member(&["r"]), None);
        assert_eq!(word(&verdict), if needs_editor { "low_role" } else { "allow" }, "{query}");
        let effect = verdict.operation.unwrap().effect;
        assert_eq!(effect == crate::access::Effect::Mutates, needs_editor, "{query}");
        assert_eq!(word(&judge(&access, "GET", &target, &member(&["e"]), None)), "allow", "{query}");
    }
}

#[test]
fn the_first_rule_that_decides_does() {
    let access = with(json!({"default_role": "reader", "rules": [
        {"name": "over", "until": "1970-01-11", "then": "deny"},
        {"name": "tried", "what": {"tag": "jobs"}, "then": "deny", "report_only": true},
        {"name": "frozen", "what": {"tag": "connections", "effect": "mutates"}, "then": "deny", "reason": "Until Monday."},
        {"name": "nightly", "who": {"client": "cli"}, "what": {"operation": "*Connection"}, "until": "1970-01-12", "then": "allow"},
        {"name": "fresh", "what": {"tag": "sources"}, "then": "step_up", "step_up": {"acr": "mfa", "max_age": "10m"}},
        {"name": "no deletes", "what": {"operation": "delete*"}, "then": "deny"},
    ]}));
    let mut lately = claiming(json!({"acr": "mfa", "auth_time": 999_900}));
    for (path, asking, expected, rule) in [
        ("/api/v1/connections/delete", &member(&[]), "rule_denied", Some("frozen")),
        ("/api/v1/connections/get", &member(&[]), "allow", Some("nightly")),
        ("/api/v1/sources/delete", &member(&[]), "step_up_required", Some("fresh")),
        // As if it were not there.
        ("/api/v1/sources/delete", &lately, "rule_denied", Some("no deletes")),
        ("/api/v1/sources/get", &lately, "allow", None),
        ("/api/v1/sources/create", &lately, "low_role", None),
        ("/api/v1/jobs/list", &member(&[]), "allow", None),
        ("/api/v1/jobs/cancel", &member(&[]), "low_role", None),
    ] {
        let verdict = judge(&access, "POST", path, asking, Some(""));
        assert_eq!((word(&verdict), verdict.rule.as_deref()), (expected, rule), "{path}");
        let tried = (path == "/api/v1/jobs/list").then_some(("rule_denied", Some("tried")));
        assert_eq!(reported(&verdict), tried, "{path}: nothing else is reported");
    }
    let denied = judge(&access, "POST", "/api/v1/connections/delete", &lately, None).outcome.unwrap_err();
    assert_eq!(denied, Denial::Rule { name: "frozen".into(), reason: Some("Until Monday.".into()) });
    assert_eq!(access.demand("fresh").unwrap().acr, ["mfa"]);
    assert!(access.demand("frozen").is_none() && access.demand("x").is_none());

    // Who could sign in, and who could not.
    lately.claims.remove("acr");
    for (change, is_user) in [
        (json!({}), true),
        (json!({"idtyp": "user"}), true),
        (json!({"idtyp": "app"}), false),
        (json!({"gty": "client-credentials"}), false),
    ] {
        let mut asking = lately.clone();
        asking.claims.extend(change.as_object().unwrap().clone());
        let verdict = judge(&access, "POST", "/api/v1/sources/get", &asking, None);
        let is = matches!(verdict.outcome, Err(Denial::StepUp { is_user: found, .. }) if found == is_user);
        assert!(is, "{change}");
    }
    for subject in ["cli", "x@clients"] {
        lately.subject = subject.into();
        let verdict = judge(&access, "POST", "/api/v1/sources/get", &lately, None);
        assert!(matches!(verdict.outcome, Err(Denial::StepUp { is_user: false, .. })), "{subject}");
    }
}

#[test]
fn a_rule_never_opens_what_is_closed_or_outside_an_agents_boundary() {
    let access = with(json!({
        "default_role": "none",
        "rules": [{"name": "all", "who": {"user": "alice"}, "then": "allow"}],
        "agents": [{"name": "bot", "client": "bot"}],
    }));
    let mut bot = member(&[]);
    bot.client = Some("bot".into());
    for (method, path, person, agent) in [
        ("POST", "/api/v1/dataplanes/token", "closed", "closed"),
        ("POST", "/api/v1/workload/claim", "closed", "closed"),
        ("POST", "/api/v1/connections/delete", "allow", "agent_never"),
        ("POST", "/api/v1/applications/list", "allow", "agent_never"),
        ("POST", "/api/v1/connections/sync", "allow", "allow"),
        ("GET", "/", "allow", "agent_no_operation"),
        ("GET", "/api/v9/x", "allow", "agent_no_operation"),
    ] {
        let verdict = judge(&access, method, path, &member(&[]), None);
        assert_eq!(word(&verdict), person, "{path}");
        assert_eq!(word(&judge(&access, method, path, &bot, None)), agent, "{path}");
        if let Ok(permit) = verdict.outcome {
            assert_eq!((permit.role(), permit.reason()), (None, PermitReason::Rule));
        }
    }
}

#[test]
fn groups_that_are_not_known_refuse_wherever_they_matter() {
    let lost = |mut claims: Value| {
        let mut lost = claiming(claims.take());
        lost.groups = Groups::Unknown;
        lost
    };
    let met = json!({"acr": "mfa"});
    let step_up = json!({"name": "s", "who": {"group": "g"}, "then": "step_up", "step_up": {"acr": "mfa"}});
    let allow = json!({"name": "a", "who": {"group": "g"}, "then": "allow"});
    let deny = json!({"name": "d", "who": {"group": "g"}, "then": "deny"});
    let by_role = json!({"name": "r", "who": {"role": "admin"}, "then": "deny"});
    let all = json!({"name": "all", "then": "deny"});
    for (default, roles, rules, claims, expected) in [
        ("admin", json!([]), json!([deny]), json!({}), "groups_overage"),
        ("admin", json!([]), json!([step_up]), json!({}), "groups_overage"),
        ("admin", json!([]), json!([step_up]), met, "allow"),
        ("admin", json!([]), json!([allow]), json!({}), "allow"),
        ("none", json!([]), json!([allow]), json!({}), "groups_overage"),
        ("admin", json!([]), json!([allow, all]), json!({}), "groups_overage"),
        ("admin", json!([]), json!([all, allow]), json!({}), "rule_denied"),
        // The role depends on a group, and the rule on the role.
        ("reader", json!([{"role": "admin", "group": "g"}]), json!([by_role]), json!({}), "groups_overage"),
        ("reader", json!([{"role": "editor", "group": "g"}]), json!([by_role]), json!({}), "allow"),
    ] {
        let access = with(json!({"default_role": default, "roles": roles, "rules": rules}));
        let verdict = judge(&access, "GET", "/", &lost(claims), None);
        assert_eq!(word(&verdict), expected, "{default} {roles} {rules}");
    }
}

#[test]
fn an_agent_stays_inside_its_boundary() {
    let access = with(json!({
        "default_role": "admin",
        "agents": [
            {"name": "tried", "client": "bot", "preset": "observer", "report_only": true},
            {"name": "sync-bot", "client": "bot", "preset": "sync-operator", "operations": ["updateTag"], "connections": [A]},
            {"name": "marked", "claim": "/kind", "equals": "agent", "operations": ["list*"]},
            {"name": "known", "act": "known-*", "provider": "corp"},
        ],
    }));
    let bot = |claims: Value| {
        let mut bot = claiming(claims);
        bot.client = Some("bot".into());
        bot
    };
    let own = format!(r#"{{"connectionId":"{A}"}}"#);
    let foreign = format!(r#"{{"connectionId":"{B}"}}"#);
    let job = |kind: &str| format!(r#"{{"connectionId":"{A}","jobType":"{kind}"}}"#);
    let refresh = |mode: &str| format!(r#"{{"connectionId":"{A}","refreshMode":"{mode}"}}"#);
    let (sync, jobs) = ("/api/v1/connections/sync", "/api/public/v1/jobs");
    let none = json!({});
    for (claims, is_bot, path, body, expected, agent) in [
        (&none, true, sync, own.clone(), "allow", "sync-bot"),
        (&none, true, sync, foreign, "agent_ids", "sync-bot"),
        (&none, true, sync, "{}".into(), "agent_ids", "sync-bot"),
        (&none, true, sync, "".into(), "agent_ids", "sync-bot"),
        (&none, true, jobs, job("sync"), "allow", "sync-bot"),
        (&none, true, jobs, job("refresh"), "allow", "sync-bot"),
        (&none, true, jobs, job("reset"), "agent_never", "sync-bot"),
        (&none, true, jobs, job("clear"), "agent_never", "sync-bot"),
        (&none, true, jobs, own.clone(), "agent_never", "sync-bot"),
        (&none, true, "/api/v1/tags/update", own.clone(), "agent_ids", "sync-bot"),
        (&none, true, "/api/v1/connections/get", own.clone(), "allow", "sync-bot"),
        (&none, true, "/api/v1/connections/list", own.clone(), "agent_ids", "sync-bot"),
        (&none, true, "/api/v1/jobs/cancel", format!(r#"{{"id":999,"connectionId":"{A}"}}"#), "agent_ids", "sync-bot"),
        (&none, true, "/api/v1/connections/refresh", refresh("Merge"), "allow", "sync-bot"),
        (&none, true, "/api/v1/connections/refresh", refresh("Truncate"), "agent_never", "sync-bot"),
        (&none, true, "/api/v1/tags/create", own.clone(), "agent_operation", "sync-bot"),
        (&none, true, "/api/v1/connections/delete", own.clone(), "agent_never", "sync-bot"),
        (&none, true, "/api/v1/instance_configuration/setup", own.clone(), "agent_never", "sync-bot"),
        (&none, true, "/api/login", own.clone(), "agent_no_operation", "sync-bot"),
        (&json!({"kind": "agent"}), false, "/api/v1/jobs/list", "".into(), "allow", "marked"),
        (&json!({"kind": "agent"}), false, sync, own.clone(), "agent_operation", "marked"),
        (&json!({"kind": "agency"}), false, "/api/v1/connections/delete", own.clone(), "allow", ""),
        // Any token with `act` is an agent's.
        (&json!({"act": {"sub": "known-1"}}), false, sync, own.clone(), "allow", "known"),
        (
            &json!({"act": {"client_id": "known-1"}}),
            false,
            "/api/v1/connections/delete",
            own.clone(),
            "agent_never",
            "known",
        ),
        (&json!({"act": {"sub": "x", "act": {"sub": "known-1"}}}), false, sync, own.clone(), "allow", "x"),
        (&json!({"act": {"sub": "x"}}), false, "/api/v1/connections/delete", own.clone(), "agent_never", "x"),
        (&json!({"act": {}}), false, "/api/v1/connections/delete", own.clone(), "agent_never", ""),
        (&json!({"act": "x"}), false, "/api/v1/connections/delete", own.clone(), "agent_never", ""),
        (&json!({"act": null}), false, "/api/v1/connections/delete", own.clone(), "allow", ""),
    ] {
        let asking = if is_bot { bot(claims.clone()) } else { claiming(claims.clone()) };
        let verdict = judge(&access, "POST", path, &asking, Some(&body));
        assert_eq!(
            (word(&verdict), verdict.agent.as_deref().unwrap_or_default()),
            (expected, agent),
            "{claims} {path} {body}"
        );
        assert_eq!(verdict.acts_for, !claims["act"].is_null());
        let looks = path == "/api/v1/connections/get";
        let tried = (is_bot && expected == "allow" && !looks).then_some(("agent_operation", None));
        assert_eq!(reported(&verdict), tried, "{path}");
    }
    let everyone =
        with(json!({"default_role": "admin", "agents": [{"name": "any", "act": "*", "preset": "observer"}]}));
    for act in [json!({"sub": "x"}), json!({}), json!([])] {
        let verdict = judge(&everyone, "POST", sync, &claiming(json!({ "act": act })), None);
        assert_eq!(word(&verdict), "agent_operation", "{act}");
    }
}

#[test]
fn reports_change_nothing_but_what_is_reported() {
    let policy = |report_only: Value| {
        with(json!({
            "default_role": "none",
            "roles": [{"role": "reader", "group": "r"}],
            "rules": [{"name": "frozen", "who": {"group": "r"}, "what": {"tag": "jobs"}, "then": "deny"}],
            "agents": [{"name": "bot", "client": "bot", "preset": "observer"}],
            "report_only": report_only,
        }))
    };
    let reader = member(&["r"]);
    let mut bot = member(&["r"]);
    bot.client = Some("bot".into());
    let mut lost = member(&[]);
    lost.groups = Groups::Unknown;
    let (list, jobs, closed) = ("/api/v1/connections/list", "/api/v1/jobs/list", "/api/v1/dataplanes/list");
    for (report_only, asking, path, expected, report) in [
        (json!(false), &reader, jobs, "rule_denied", None),
        (json!(true), &reader, list, "allow", None),
        (json!(true), &reader, jobs, "allow", Some(("rule_denied", Some("frozen")))),
        (json!(true), &reader, "/api/v1/connections/sync", "allow", Some(("low_role", None))),
        (json!(true), &member(&[]), list, "allow", Some(("no_role", None))),
        (json!(true), &bot, "/api/v1/connections/delete", "allow", Some(("agent_never", None))),
        (json!(true), &reader, closed, "closed", None),
        (json!(true), &lost, jobs, "allow", Some(("groups_overage", Some("frozen")))),
        (json!([{"client": "bot"}]), &bot, jobs, "allow", Some(("rule_denied", Some("frozen")))),
        (json!([{"client": "bot"}]), &reader, jobs, "rule_denied", None),
        (json!([{"group": "r"}]), &reader, jobs, "allow", Some(("rule_denied", Some("frozen")))),
        // Nobody is spared by a group that is not certain.
        (json!([{"group": "r"}]), &lost, jobs, "groups_overage", None),
    ] {
        let verdict = judge(&policy(report_only.clone()), "POST", path, asking, None);
        assert_eq!((word(&verdict), reported(&verdict)), (expected, report), "{report_only} {path}");
        if let (Ok(permit), Some(_)) = (&verdict.outcome, report) {
            assert_eq!((permit.reason(), &verdict.rule), (PermitReason::ReportOnly, &None));
        }
    }
}

#[test]
fn a_budget_is_spent_by_what_goes_on_and_changes_something() {
    let mut access = with(json!({
        "default_role": "admin",
        "agents": [
            {"name": "tried", "client": "tried", "budget": 1, "report_only": true},
            {"name": "bot", "client": ["bot", "tried"], "budget": 2},
            {"name": "helper", "act": "*", "budget": 1},
            {"name": "marked", "claim": "/kind", "equals": "agent", "budget": 1},
        ],
        "report_only": [{"user": "spared"}],
    }));
    let as_client = |client: &str, claims: Value| {
        let mut asking = claiming(claims);
        asking.client = Some(client.into());
        asking
    };
    let mut send = |second: u64, path: &str, asking: &Caller| {
        let request = request("POST", path);
        let now = Time::from_seconds(second);
        let question = Question { request: &request, caller: asking, auth: Auth::Bearer, body: None, now };
        let verdict = access.judge(&question, access.errand(&request), &mut ());
        let verdict = access.spend(verdict, now);
        (word(&verdict), reported(&verdict).map(|(reason, _)| reason))
    };
    let (sync, get, delete) = ("/api/v1/connections/sync", "/api/v1/connections/get", "/api/v1/connections/delete");
    let bot = as_client("bot", json!({}));
    assert_eq!(send(0, sync, &bot), ("allow", None));
    assert_eq!(send(0, get, &bot), ("allow", None), "reads are free");
    assert_eq!(send(0, delete, &bot), ("agent_never", None), "refusals are, too");
    assert_eq!(send(1, sync, &bot), ("allow", None));
    assert_eq!(send(2, sync, &bot), ("agent_budget", None));
    assert_eq!(send(2, get, &bot), ("allow", None));
    assert_eq!(send(60, sync, &bot), ("allow", None));

    // One agent is one, whomever it acts for; another is another.
    let mut helper = as_client("web", json!({"act": {"sub": "h1"}}));
    assert_eq!(send(0, sync, &helper), ("allow", None));
    helper.subject = "bob".into();
    assert_eq!(send(0, sync, &helper), ("agent_budget", None));
    let other = as_client("web", json!({"act": {"sub": "h2"}}));
    assert_eq!(send(0, sync, &other), ("allow", None));

    // Where a claim says that it is one, the token's subject says which, whatever client it shares.
    let mut marked = as_client("web", json!({"kind": "agent"}));
    assert_eq!(send(0, sync, &marked), ("allow", None));
    marked.subject = "bob".into();
    assert_eq!(send(0, sync, &marked), ("allow", None));
    assert_eq!(send(0, sync, &marked), ("agent_budget", None));

    // What is reported only counts, and refuses nothing.
    let tried = as_client("tried", json!({}));
    assert_eq!(send(0, sync, &tried), ("allow", None));
    assert_eq!(send(0, sync, &tried), ("allow", Some("agent_budget")));
    assert_eq!(send(0, sync, &tried), ("agent_budget", Some("agent_budget")));
    let mut spared = as_client("spared", json!({"act": {"sub": "h3"}}));
    spared.user = "spared".into();
    assert_eq!(send(0, sync, &spared), ("allow", None));
    assert_eq!(send(0, sync, &spared), ("allow", Some("agent_budget")));
}

#[test]
fn a_body_is_wanted_only_where_it_matters() {
    let plain = with(json!({"default_role": "reader", "agents": [{"name": "b", "client": "b", "preset": "observer"}],
        "rules": [{"name": "x", "what": {"tag": "connections"}, "then": "deny"}]}));
    let access = with(json!({
        "default_role": "reader",
        "agents": [{"name": "bot", "client": "bot", "preset": "sync-operator", "connections": [A]}],
        "rules": [
            {"name": "own", "who": {"client": "ci"}, "what": {"operation": "syncConnection"}, "which": {"connection": A}, "then": "allow"},
            {"name": "over", "what": {"tag": "tags"}, "which": {"connection": A}, "then": "deny", "until": "1970-01-02"},
        ],
    }));
    let wants = |access: &Access, method: &str, path: &str, client: Option<&str>| {
        let request = request(method, path);
        let operation = access.errand(&request).operation;
        let mut asking = member(&[]);
        asking.client = client.map(str::to_owned);
        let known = client.map(|_| (&asking, Auth::Bearer));
        access.body_need(&request, operation.as_ref(), known, Time::from_seconds(1_000_000)) != BodyNeed::None
    };
    let sync = "/api/v1/connections/sync";
    for (access, method, path, client, expected) in [
        (&plain, "POST", "/api/public/v1/jobs", None, true),
        (&plain, "POST", "/api/public/v1/jobs", Some("x"), true),
        (&plain, "POST", sync, None, false),
        (&access, "POST", sync, None, true),
        (&access, "POST", sync, Some("ci"), true),
        (&access, "POST", sync, Some("bot"), true),
        (&access, "POST", sync, Some("x"), false),
        (&access, "POST", "/api/v1/connections/get", None, true),
        (&access, "POST", "/api/v1/connections/get", Some("bot"), true),
        (&access, "POST", "/api/v1/connections/get", Some("ci"), false),
        (&access, "POST", "/api/v1/connections/update", Some("bot"), false),
        (&access, "POST", "/api/v1/tags/create", None, false),
        (&access, "GET", "/api/public/v1/jobs", Some("bot"), false),
        (&access, "GET", "/", None, false),
        (&access, "POST", "/api/v9/x", Some("ci"), false),
    ] {
        assert_eq!(wants(access, method, path, client), expected, "{method} {path} {client:?}");
    }
}

#[test]
fn many_rules_are_found_like_few() {
    let rules: Vec<Value> = (0..200)
        .map(|index| {
            let operation = if index == 150 { "syncConnection" } else { "getJob" };
            json!({"name": format!("r{index}"), "what": {"operation": operation}, "then": "deny"})
        })
        .collect();
    let access = with(json!({"default_role": "admin", "rules": rules}));
    let rule = |method: &str, path: &str| judge(&access, method, path, &member(&[]), None).rule;
    assert_eq!(rule("POST", "/api/v1/connections/sync").as_deref(), Some("r150"));
    assert_eq!(rule("GET", "/api/public/v1/jobs/1").as_deref(), Some("r0"));
    assert_eq!(rule("POST", "/api/v1/connections/get"), None);
    let get = access.errand(&request("POST", "/api/v1/connections/get")).operation;
    assert_eq!(access.rules.about(get.as_ref(), None).count(), 0);
}

#[test]
fn what_is_reckoned_of_a_caller_is_theirs_and_this_policys() {
    let policy =
        |who: Value| with(json!({"default_role": "admin", "rules": [{"name": "r", "who": who, "then": "deny"}]}));
    let asked = |access: &Access, caller: &Caller, auth: Auth| {
        let (request, now) = (request("GET", "/"), Time::from_seconds(1_000_000));
        let question = Question { request: &request, caller, auth, body: None, now };
        word(&access.judge(&question, access.errand(&request), &mut ()))
    };
    let alice = member(&[]);
    let (of_ana, of_alice) = (policy(json!({"user": "ana"})), policy(json!({"user": "alice"})));
    for _ in 0..2 {
        assert_eq!(asked(&of_ana, &alice, Auth::Bearer), "allow");
        assert_eq!(asked(&of_alice, &alice, Auth::Bearer), "rule_denied", "another policy");
    }
    let ana = Caller { user: "ana".into(), ..alice.clone() };
    assert_eq!(asked(&of_ana, &ana, Auth::Bearer), "rule_denied", "somebody else");

    let (of_sessions, bob) = (policy(json!({"auth": "session"})), member(&[]));
    assert_eq!(asked(&of_sessions, &bob, Auth::Bearer), "allow");
    assert_eq!(asked(&of_sessions, &bob, Auth::Session), "rule_denied");
}

/// Remembers the last word on each rule, agent and boundary.
#[derive(Default)]
struct Notes(Vec<String>);

impl Trace for Notes {
    fn note(&mut self, note: Note<'_>) {
        match note {
            Note::Rule { name, what, who, which, outcome, .. } => {
                self.0.push(format!("{name}: {what:?} {who:?} {which:?} {outcome:?}"));
            }
            Note::Agent { name, who, .. } => self.0.push(format!("{name}: {who:?}")),
            Note::Boundary { entry, crossed, ids } => self.0.push(format!("{entry:?}: {crossed:?} {ids:?}")),
            Note::Needs { role } => self.0.push(format!("needs {}", role.name())),
            Note::Grant { index, role, who } => self.0.push(format!("roles[{index}] {}: {who:?}", role.name())),
            _ => {}
        }
    }
}

#[test]
fn whoever_listens_hears_why() {
    let access = with(json!({
        "default_role": "none",
        "roles": [{"role": "reader", "group": "r"}, {"role": "runner", "client": "cli"}],
        "agents": [{"name": "other", "client": "x"}, {"name": "bot", "client": "cli", "connections": [A]}],
        "rules": [
            {"name": "jobs", "what": {"tag": "jobs"}, "then": "deny"},
            {"name": "nightly", "who": {"client": "ci"}, "what": {"operation": "syncConnection"}, "then": "allow"},
            {"name": "past", "until": "1970-01-02", "then": "deny"},
            {"name": "tried", "then": "deny", "report_only": true},
            {"name": "elsewhere", "which": {"connection": B}, "then": "deny"},
        ],
    }));
    let request = request("POST", "/api/v1/connections/sync");
    let body = format!(r#"{{"connectionId":"{A}"}}"#);
    let question = Question {
        request: &request,
        caller: &member(&["r"]),
        auth: Auth::Bearer,
        body: Some(body.as_bytes()),
        now: Time::from_seconds(1_000_000),
    };
    let mut notes = Notes::default();
    let verdict = access.judge(&question, access.errand(&request), &mut notes);
    assert_eq!(
        notes.0,
        [
            "roles[0] reader: Yes",
            "roles[1] runner: Yes",
            "other: No(\"client\")",
            "bot: Yes",
            "Some(\"bot\"): None Listed",
            "jobs: No(\"tag\") Yes NotAsked Passed",
            "nightly: Yes No(\"client\") NotAsked Passed",
            "past: Yes Yes NotAsked Over",
            "tried: Yes Yes NotAsked ReportedOnly",
            "elsewhere: Yes Yes NotListed Passed",
            "needs runner",
        ]
    );
    assert_eq!((word(&verdict), reported(&verdict)), ("allow", Some(("rule_denied", Some("tried")))));
    assert_eq!(verdict.groups.iter().map(|name| &**name).collect::<Vec<_>>(), ["r"]);
    assert_eq!(verdict.ids.iter().collect::<Vec<_>>(), [(IdKind::Connection, A)]);
    assert_ne!(verdict.outcome.map(|permit| permit.role()), Err(Denial::Agent(Boundary::Ids)));
}

/// Two providers may call different machines by one name.
#[test]
fn an_agent_of_one_provider_is_nobody_elses() {
    let access = with(json!({
        "default_role": "admin",
        "agents": [{"name": "reads", "client": "bot", "provider": "corp", "preset": "observer"}],
    }));
    for (provider, expected, agent) in [("corp", "agent_operation", "reads"), ("other", "allow", "")] {
        let mut bot = claiming(json!({}));
        bot.client = Some("bot".into());
        bot.provider = provider.into();
        let verdict = judge(&access, "POST", "/api/v1/connections/sync", &bot, None);
        assert_eq!((word(&verdict), verdict.agent.as_deref().unwrap_or_default()), (expected, agent), "{provider}");
    }
}
