use super::*;
use crate::caller::{Groups, Reckoned};
use crate::http::Headers;
use crate::settings::read;
use crate::testing::test;
use crate::time::Time;
use serde_json::{Value, json};

fn access(value: Value) -> Result<Access, Vec<String>> {
    let vouchers = Vouchers { has: &|name| name == "corp" || name == "other", several: false };
    read(&value, &|_| None, |root| Access::read(root, &vouchers))
        .map_err(|mistakes| mistakes.iter().map(|mistake| mistake.to_string()).collect())
}

pub(super) fn with(policy: Value) -> Access {
    access(json!({"access": policy})).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

pub(super) fn request(method: &str, path: &str) -> Request {
    Request::new(Headers::from_pairs([(":method", method), (":path", path), (":authority", "a")])).unwrap()
}

pub(super) fn caller(groups: Groups) -> Caller {
    Caller {
        provider: "corp".into(),
        issuer: "https://idp".into(),
        subject: "alice".into(),
        user: "alice".into(),
        email: None,
        email_verified: false,
        name: None,
        groups,
        client: Some("cli".into()),
        expires: Time::from_seconds(1),
        claims: json!({"team": "data"}).as_object().unwrap().clone(),
        reckoned: Reckoned::default(),
    }
}

/// At the second 1,000,000, by a token.
pub(super) fn judge(access: &Access, method: &str, path: &str, caller: &Caller, body: Option<&str>) -> Verdict {
    let request = request(method, path);
    let now = Time::from_seconds(1_000_000);
    let body = body.map(str::as_bytes);
    let question = Question { request: &request, caller, auth: Auth::Bearer, body, now };
    access.judge(&question, access.errand(&request), &mut ())
}

fn decide(access: &Access, method: &str, path: &str, groups: &[&str]) -> Result<Option<Role>, Denial> {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    judge(access, method, path, &caller(Groups::Known(groups)), None).outcome.map(|permit| permit.role())
}

fn is_public(access: &Access, method: &str, path: &str) -> bool {
    let request = request(method, path);
    access.permit_public(&request, access.errand(&request).operation.as_ref()).is_some()
}

/// A group for each role, and nothing for the rest.
fn ladder() -> Access {
    let roles: Vec<Value> = Role::NAMES.iter().map(|(name, _)| json!({"role": name, "group": name})).collect();
    with(json!({"default_role": "none", "roles": roles}))
}

#[test]
fn nobody_becomes_admin_because_a_line_was_forgotten() {
    assert_eq!(access(json!({})).err().unwrap(), ["access: must be written"]);
    assert_eq!(access(json!({"access": {}})).err().unwrap(), ["access.default_role: must be written"]);
    let found = access(json!({"access": {"default_role": "root"}})).err().unwrap();
    assert_eq!(found, ["access.default_role: expected one of: none, reader, runner, editor, admin"]);
}

#[test]
fn health_and_listed_paths_are_public_to_readers_only() {
    let access = access(json!({"public": ["/status/**"], "access": {"default_role": "admin"}})).unwrap();
    for (method, path, public) in [
        ("GET", "/api/v1/health", true),
        ("HEAD", "/api/v1/health/", true),
        ("GET", "/api/public/v1/health", true),
        ("GET", "/status/a", true),
        ("POST", "/api/v1/health", false),
        ("POST", "/status/a", false),
        ("GET", "/api/v1/healthy", false),
        ("GET", "/api/v1/instance_configuration", false),
        ("GET", "/", false),
        ("OPTIONS", "/api/v1/health", false),
    ] {
        assert_eq!(is_public(&access, method, path), public, "{method} {path}");
    }
}

#[test]
fn each_role_may_what_the_lower_ones_may() {
    let access = ladder();
    let cases = [
        ("GET", "/", Role::Reader),
        ("HEAD", "/assets/app.js", Role::Reader),
        ("GET", "/auth_flow?code=1", Role::Reader),
        ("GET", "/apis", Role::Reader),
        ("POST", "/api/login", Role::Reader),
        ("POST", "/api/v1/connections/list", Role::Reader),
        ("GET", "/api/public/v1/workspaces/", Role::Reader),
        ("HEAD", "/api/public/v1/workspaces", Role::Reader),
        ("POST", "/api/v1/connections/sync", Role::Runner),
        ("DELETE", "/api/public/v1/jobs/1", Role::Runner),
        ("POST", "/api/public/v1/jobs", Role::Editor),
        ("POST", "/api/v1/connections/reset", Role::Editor),
        ("DELETE", "/api/public/v1/connections/1", Role::Editor),
        ("POST", "/api/v1/applications/list", Role::Admin),
        ("GET", "/scim/v2/Users", Role::Admin),
        // What nobody knows.
        ("GET", "/scim/v3/Users", Role::Admin),
        ("GET", "/scim", Role::Admin),
        ("GET", "/api", Role::Admin),
        ("GET", "/api/v2/new", Role::Admin),
        ("GET", "/api/v1/connections/sync", Role::Admin),
        ("OPTIONS", "/api/v1/connections/list", Role::Admin),
        ("HEAD", "/api/v1/connections/list", Role::Admin),
        ("POST", "/", Role::Admin),
        ("DELETE", "/assets/app.js", Role::Admin),
    ];
    for (method, path, needed) in cases {
        for (name, role) in Role::NAMES {
            let expected = if role >= needed { Ok(Some(role)) } else { Err(Denial::LowRole { needed, role }) };
            assert_eq!(decide(&access, method, path, &[name]), expected, "{method} {path} as {name}");
        }
        let nobody = Err(Denial::NoRole { needed });
        assert_eq!(decide(&access, method, path, &["others"]), nobody, "{method} {path} as nobody");
    }
}

#[test]
fn roles_are_in_order_and_have_names() {
    assert!(Role::NAMES.windows(2).all(|pair| pair[0].1 < pair[1].1));
    for (name, role) in Role::NAMES {
        assert_eq!((role.name(), Needs::named(name)), (name, Some(Needs::Role(role))));
    }
    assert!(None < Some(Role::Reader));
}

#[test]
fn data_plane_paths_are_closed_until_opened_to_admins() {
    let config = |role: &str, open: Value| with(json!({"default_role": role, "open": open}));
    let closed = [
        "/api/v1/dataplanes/token",
        "/api/v1/dataplanes",
        "/api/v1/workload/claim",
        "/api/v1/workload_output/write",
        "/api/v1/secret_storage/get",
        "/api/v1/service_accounts/token",
    ];
    for path in closed {
        let open = json!(["/api/v1/**"]);
        assert_eq!(decide(&config("admin", json!([])), "POST", path, &[]), Err(Denial::Closed), "{path}");
        assert_eq!(decide(&config("admin", open.clone()), "POST", path, &[]), Ok(Some(Role::Admin)), "{path}");
        let low = Denial::LowRole { needed: Role::Admin, role: Role::Editor };
        assert_eq!(decide(&config("editor", open), "POST", path, &[]), Err(low), "{path}");
    }
}

#[test]
fn the_configuration_has_the_last_word_on_operations() {
    let access = with(json!({"default_role": "reader", "operations": [
        {"method": "POST", "path": "/api/v1/web_backend/connections/get", "role": "reader"},
        {"method": "POST", "path": "/api/v1/new/*", "role": "runner", "name": "newThing"},
        {"method": "POST", "path": "/api/v1/new/**", "role": "reader"},
        {"method": "GET", "path": "/api/v1/health", "role": "reader", "name": "health"},
        {"method": "GET", "path": "/api/v1/instance_configuration", "role": "public"},
        {"method": "POST", "path": "/api/v1/workload/claim", "role": "reader"},
        {"method": "GET", "path": "/api/public/v1/jobs/*", "role": "closed"},
        {"method": "POST", "path": "/auth/**", "role": "reader"},
        {"method": "GET", "path": "/api/v1/new/*", "role": "reader"},
        {"method": "DELETE", "path": "/api/v1/new/*", "role": "reader"},
    ]}));
    let runner = Err(Denial::LowRole { needed: Role::Runner, role: Role::Reader });
    let reader = || Ok(Some(Role::Reader));
    for (method, path, expected, name) in [
        ("POST", "/api/v1/web_backend/connections/get", reader(), "webBackendGetConnection"),
        ("POST", "/api/v1/new/a", runner, "newThing"),
        ("POST", "/api/v1/new/a/b", reader(), "POST /api/v1/new/**"),
        ("GET", "/api/v1/health", reader(), "health"),
        ("HEAD", "/api/v1/instance_configuration", reader(), "getInstanceConfiguration"),
        ("POST", "/api/v1/workload/claim", reader(), "POST /api/v1/workload/claim"),
        ("HEAD", "/api/public/v1/jobs/1", Err(Denial::Closed), "getJob"),
        ("POST", "/auth/realms/airbyte", reader(), "POST /auth/**"),
    ] {
        assert_eq!(decide(&access, method, path, &[]), expected, "{method} {path}");
        assert_eq!(access.errand(&request(method, path)).operation.unwrap().name, name);
    }
    assert!(!is_public(&access, "GET", "/api/v1/health"));
    assert!(is_public(&access, "HEAD", "/api/v1/instance_configuration"));
    assert!(!is_public(&access, "POST", "/api/v1/instance_configuration"));
    let get = access.errand(&request("POST", "/api/v1/web_backend/connections/get")).operation.unwrap();
    assert_eq!((get.effect, get.slow), (Effect::Reads, false), "what the list knows stays");
    // Of what it does not know the method tells.
    for (method, effect, never) in
        [("GET", Effect::Reads, false), ("POST", Effect::Mutates, false), ("DELETE", Effect::Mutates, true)]
    {
        let new = access.errand(&request(method, "/api/v1/new/a")).operation.unwrap();
        assert_eq!((new.effect, new.never_for_agents), (effect, never), "{method}");
    }
}

#[test]
fn mistakes_are_named_with_their_place() {
    let found = access(json!({
        "public": ["/a", "b"],
        "access": {"default_role": "admin", "open": ["/**/x"], "operations": [
            {"method": "POST", "path": "/api/x", "role": "public"},
            {"method": "post", "path": "x", "role": "root"},
            {"method": "HEAD", "path": "/x", "role": "reader"},
            {},
        ]},
    }));
    assert_eq!(
        found.err().unwrap(),
        [
            "public[1]: a path pattern begins with a slash",
            "access.operations[0].role: only what GET reads can be public",
            "access.operations[1].method: expected a method such as POST, in capitals; GET covers HEAD",
            "access.operations[1].path: a path pattern begins with a slash",
            "access.operations[1].role: expected one of: public, reader, runner, editor, admin, closed",
            "access.operations[2].method: expected a method such as POST, in capitals; GET covers HEAD",
            "access.operations[3].method: must be written",
            "access.operations[3].path: must be written",
            "access.operations[3].role: must be written",
            "access.open[0]: ** stands only at the end of a path pattern",
        ]
    );
}

/// A session keeps what is asked for here, and of the rest nothing can be known.
#[test]
fn sessions_keep_each_claim_that_the_policy_looks_at() {
    let kept = |mut policy: Value| -> Vec<String> {
        policy["default_role"] = "none".into();
        let access = with(policy);
        let all =
            json!({"act": 1, "acr": 1, "auth_time": 1, "role": 1, "rule": 1, "agent": 1, "spared": 1, "other": 1});
        let mut slim = serde_json::Map::new();
        access.claims().for_each(|claim| claim.copy(all.as_object().unwrap(), &mut slim));
        slim.keys().cloned().collect()
    };
    let by = |name: &str| json!({"claim": format!("/{name}"), "equals": "x"});
    assert_eq!(kept(json!({})), ["act"]);
    assert_eq!(kept(json!({"report_only": true})), ["act"]);
    assert_eq!(
        kept(json!({
            "roles": [{"role": "reader", "claim": "/role", "equals": "x"}],
            "agents": [{"name": "a", "claim": "/agent", "equals": "x", "preset": "observer"}],
            "rules": [{"name": "r", "who": by("rule"), "then": "deny"}],
            "report_only": [by("spared")],
        })),
        ["act", "agent", "role", "rule", "spared"]
    );
    let step_up = json!({"name": "s", "who": {"group": "g"}, "then": "step_up", "step_up": {"acr": "mfa"}});
    assert_eq!(kept(json!({"rules": [step_up]})), ["acr", "act", "auth_time"]);
}
