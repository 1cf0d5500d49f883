use super::*;
use crate::http::Headers;
use crate::settings::read;
use crate::testing::test;
use serde_json::{Value, json};

fn routing(value: Value) -> Result<Routing, Vec<String>> {
    read(&json!({ "routing": value }), &|_| None, |root| Some(Routing::read(root)))
        .map_err(|mistakes| mistakes.iter().map(|mistake| mistake.to_string()).collect())
}

fn request(method: &str, path: &str) -> Request {
    let head = [(":method", method), (":path", path), (":authority", "Airbyte.example:443"), ("x-canary", "1")];
    Request::new(Headers::from_pairs(head)).unwrap()
}

#[test]
fn every_path_of_airbyte_has_its_class() {
    let routing = Routing::default();
    for (path, slow, class) in [
        ("/", false, "ui"),
        ("/workspaces/1/connections", false, "ui"),
        ("/apiary", false, "ui"),
        ("/API/v1/jobs", false, "ui"),
        ("/assets/app.js", false, "ui"),
        ("/api/v1/connections/get", false, "api"),
        ("/api/v1/sources/discover_schema", true, "slow"),
        ("/api/public/v1/jobs", false, "public-api"),
        ("/api/public/v1/connections", true, "slow"),
        ("/api/v1/connector_builder/stream/read", true, "builder"),
        ("/api/v1/connector_builder_projects/list", false, "api"),
        ("/api/v1/health", false, "health"),
        ("/api/v1/health/", false, "health"),
        ("/api/public/v1/health", false, "health"),
        ("/auth_flow?code=a", false, "auth-flow"),
        ("/scim/v2/Users", false, "scim"),
    ] {
        let route = routing.route(&request("POST", path), &Asker::default(), slow);
        assert_eq!(route.class.name(), class, "{path}");
        assert_eq!((route.upstream, route.headers.iter().count()), (None, 0));
    }
}

#[test]
fn rules_see_what_is_asked_and_who_asks() {
    let claims = json!({"team": "data", "realm": {"roles": ["ops", "x"]}, "https://aws/": {"account": 7}});
    let asker = Asker { role: Some("admin"), client: Some("ci"), claims: claims.as_object() };
    for (when, expected) in [
        (json!({}), true),
        (json!({"host": "airbyte.EXAMPLE"}), true),
        (json!({"host": "example"}), false),
        (json!({"path": "/api/**", "method": "POST"}), true),
        (json!({"method": "post"}), false),
        (json!({"header": {"name": "X-Canary"}}), true),
        (json!({"header": {"name": "x-canary", "equals": "1"}}), true),
        (json!({"header": {"name": "x-canary", "equals": "2"}}), false),
        (json!({"header": {"name": "absent"}}), false),
        (json!({"role": "admin", "client": "ci"}), true),
        (json!({"role": "reader"}), false),
        (json!({"client": "c"}), false),
        (json!({"claim": {"pointer": "/team", "equals": "data"}}), true),
        (json!({"claim": {"pointer": "/realm/roles", "equals": "ops"}}), true),
        (json!({"claim": {"pointer": "/realm/roles/0", "equals": "ops"}}), true),
        (json!({"claim": {"pointer": "/https:~1~1aws~1/account", "equals": 7}}), true),
        (json!({"claim": {"pointer": "/team", "equals": "dat"}}), false),
        (json!({"claim": {"pointer": "/absent", "equals": "data"}}), false),
        (json!({"path": "/api/**", "client": "other"}), false),
    ] {
        let rules = json!({"rules": [{"when": when, "then": {"upstream": "canary"}}]});
        let routing = routing(rules).unwrap();
        let route = routing.route(&request("POST", "/api/v1/jobs/list"), &asker, false);
        assert_eq!(route.upstream.is_some(), expected, "{when}");
    }
}

#[test]
fn a_condition_on_an_unknown_caller_does_not_hold() {
    for when in [json!({"role": "admin"}), json!({"client": "a"}), json!({"claim": {"pointer": "/a", "equals": null}})]
    {
        let routing = routing(json!({"rules": [{"when": when, "then": {"upstream": "x"}}]})).unwrap();
        assert_eq!(routing.route(&request("GET", "/"), &Asker::default(), false).upstream, None, "{when}");
    }
}

#[test]
fn of_two_rules_the_first_choice_wins_and_headers_add_up() {
    let routing = routing(json!({"rules": [
        {"name": "one", "then": {"class": "slow", "headers": {"X-Team": "data", "x-a": "1"}}},
        {"name": "two", "then": {"class": "ui", "upstream": "canary", "headers": {"x-team": "ops", "x-b": "2"}}},
    ]}))
    .unwrap();
    let asked = request("GET", "/api/v1/x");
    let route = routing.route(&asked, &Asker::default(), false);
    assert_eq!((route.class, route.upstream), (Class::Slow, Some("canary")));
    assert_eq!(route.headers.iter().collect::<Vec<_>>(), [("x-team", "data"), ("x-a", "1"), ("x-b", "2")]);
}

#[test]
fn mistakes_are_named_with_their_place() {
    let found = routing(json!({"rules": [
        {"when": {"path": "api", "claim": {"pointer": "a", "equals": "b"}, "header": {"equals": "x"}}, "then": {"class": "fast"}},
        {"then": {"headers": {"x-airgate-user": "a", "Host": "b", "x y": "c", "x-ok": "a\nb", "x_a": "b"}, "upstream": "a b"}},
        {"when": {"claim": {"pointer": "/a", "equals": []}}},
    ]}))
    .err()
    .unwrap();
    assert_eq!(
        found,
        [
            "routing.rules[0].when.path: a path pattern begins with a slash",
            "routing.rules[0].when.header.name: must be written",
            "routing.rules[0].when.claim.pointer: expected a JSON Pointer such as /sub, which begins with a slash",
            "routing.rules[0].then.class: expected one of: ui, api, slow, public-api, builder, health, auth-flow, scim",
            "routing.rules[1].then.upstream: expected a name of letters, digits, - and _",
            "routing.rules[1].then.headers[\"Host\"]: this header belongs to the proxy",
            "routing.rules[1].then.headers[\"x y\"]: not a header name",
            "routing.rules[1].then.headers[\"x-airgate-user\"]: x-airgate- headers are the gateway's own",
            "routing.rules[1].then.headers[\"x-ok\"]: expected a text of printable ASCII characters",
            "routing.rules[1].then.headers[\"x_a\"]: underscores in header names are refused by the proxy; use dashes",
            "routing.rules[2].when.claim.equals: expected a text, a number, true or false",
            "routing.rules[2].then: must be written",
        ]
    );
}
