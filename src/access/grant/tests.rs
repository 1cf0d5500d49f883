use super::*;
use crate::access::Access;
use crate::access::tests::caller;
use crate::caller::{Auth, Caller, Groups};
use crate::settings::read;
use crate::testing::test;
use serde_json::{Value, json};

fn grants(policy: Value) -> Result<Access, Vec<String>> {
    let vouchers = Vouchers { has: &|name| name == "corp" || name == "other", several: false };
    read(&json!({"access": policy}), &|_| None, |root| Access::read(root, &vouchers))
        .map_err(|mistakes| mistakes.iter().map(|mistake| mistake.to_string()).collect())
}

fn standing(default: &str, roles: Value, caller: &Caller) -> Standing {
    grants(json!({"default_role": default, "roles": roles})).unwrap().asking(caller, Auth::Bearer, &mut ()).standing
}

/// Whether one entry is about somebody.
fn is_met(condition: Value, caller: &Caller) -> bool {
    let mut entry = condition;
    entry["role"] = json!("editor");
    standing("none", json!([entry]), caller).role == Some(Role::Editor)
}

fn member(groups: &[&str]) -> Caller {
    caller(Groups::Known(groups.iter().map(|group| (*group).to_owned()).collect()))
}

#[test]
fn each_condition_is_met_by_what_it_says_only() {
    let mut alice = member(&["data", "a,b"]);
    alice.claims = json!({
        "team": "data", "level": 3, "on": true, "empty": "", "nothing": null,
        "roles": ["ops", 7], "realm": {"roles": ["admin"]}, "https://aws/": {"account": "123"},
    })
    .as_object()
    .unwrap()
    .clone();
    let cases = [
        (json!({"claim": "/team", "equals": "data"}), true),
        (json!({"claim": "/team", "equals": "dat"}), false),
        (json!({"claim": "/team", "equals": "Data"}), false),
        (json!({"claim": "/level", "equals": 3}), true),
        (json!({"claim": "/level", "equals": "3"}), false),
        (json!({"claim": "/on", "equals": true}), true),
        (json!({"claim": "/on", "equals": "true"}), false),
        (json!({"claim": "/empty", "equals": ""}), true),
        (json!({"claim": "/nothing", "equals": "null"}), false),
        (json!({"claim": "/absent", "equals": ""}), false),
        (json!({"claim": "/roles", "equals": "ops"}), false),
        (json!({"claim": "/roles/0", "equals": "ops"}), true),
        (json!({"claim": "/team", "one_of": ["ops", "data"]}), true),
        (json!({"claim": "/team", "one_of": ["ops"]}), false),
        (json!({"claim": "/level", "one_of": [1, 3]}), true),
        (json!({"claim": "/roles", "one_of": ["ops"]}), false),
        (json!({"claim": "/roles", "contains": "ops"}), true),
        (json!({"claim": "/roles", "contains": 7}), true),
        (json!({"claim": "/roles", "contains": "op"}), false),
        (json!({"claim": "/realm/roles", "contains": "admin"}), true),
        (json!({"claim": "/team", "contains": "data"}), false),
        (json!({"claim": "/team", "contains": "dat"}), false),
        (json!({"claim": "/team", "prefix": "da"}), true),
        (json!({"claim": "/team", "prefix": "at"}), false),
        (json!({"claim": "/level", "prefix": "3"}), false),
        (json!({"claim": "/roles", "prefix": "ops"}), false),
        (json!({"claim": "/https:~1~1aws~1/account", "equals": "123"}), true),
        (json!({"group": "data"}), true),
        (json!({"group": "dat"}), false),
        (json!({"group": "a,b"}), true),
        (json!({"group": "a"}), false),
        (json!({"client": "cli"}), true),
        (json!({"client": "cl"}), false),
        (json!({"client": "c*"}), true),
        (json!({"client": "d*"}), false),
        (json!({"provider": "corp"}), true),
        (json!({"provider": "other"}), false),
        // All of an entry must hold.
        (json!({"provider": "corp", "client": "cli", "group": "data", "claim": "/team", "equals": "data"}), true),
        (json!({"provider": "other", "client": "cli", "group": "data", "claim": "/team", "equals": "data"}), false),
        (json!({"provider": "corp", "client": "x", "group": "data", "claim": "/team", "equals": "data"}), false),
        (json!({"provider": "corp", "client": "cli", "group": "x", "claim": "/team", "equals": "data"}), false),
        (json!({"provider": "corp", "client": "cli", "group": "data", "claim": "/team", "equals": "x"}), false),
    ];
    for (condition, expected) in cases {
        assert_eq!(is_met(condition.clone(), &alice), expected, "{condition}");
    }
    alice.client = None;
    assert!(!is_met(json!({"client": "*"}), &alice), "no client is no client of any name");
    alice.groups = Groups::Absent;
    assert!(!is_met(json!({"group": "data"}), &alice));
}

#[test]
fn the_highest_role_counts_and_the_default_only_where_none_does() {
    let roles = json!([
        {"role": "reader", "group": "contractors"},
        {"role": "admin", "group": "admins"},
        {"role": "runner", "client": "ci-*"},
    ]);
    for (groups, default, expected, is_default) in [
        (&["admins", "contractors"][..], "none", Some(Role::Admin), false),
        (&["contractors", "admins"], "none", Some(Role::Admin), false),
        (&["contractors"], "editor", Some(Role::Reader), false),
        (&["others"], "editor", Some(Role::Editor), true),
        (&[], "none", None, true),
    ] {
        let found = standing(default, roles.clone(), &member(groups));
        assert_eq!(found, Standing { role: expected, highest: expected, is_default }, "{groups:?} {default}");
    }
}

#[test]
fn groups_that_are_not_known_may_give_any_role_and_give_none() {
    let lost = caller(Groups::Unknown);
    let roles = json!([
        {"role": "reader", "group": "contractors"},
        {"role": "admin", "group": "admins"},
        {"role": "runner", "client": "cli"},
    ]);
    let (reader, runner, editor, admin) =
        (Some(Role::Reader), Some(Role::Runner), Some(Role::Editor), Some(Role::Admin));
    let cases = [
        ("none", roles.clone(), runner, admin),
        // The client gives a role, so the default one does not count.
        ("editor", roles, runner, admin),
        ("none", json!([{"role": "editor", "group": "x"}]), None, editor),
        ("reader", json!([{"role": "editor", "group": "x"}]), reader, editor),
        // A contractor is a reader, whatever everybody else is.
        ("admin", json!([{"role": "reader", "group": "x"}]), reader, admin),
        ("admin", json!([{"role": "reader", "group": "x"}, {"role": "editor", "group": "y"}]), reader, admin),
        // The entry is not about this caller, with or without the group.
        ("reader", json!([{"role": "admin", "group": "x", "client": "y"}]), reader, reader),
        ("reader", json!([{"role": "admin", "claim": "/groups", "contains": "x"}]), reader, reader),
    ];
    for (default, roles, role, highest) in cases {
        let found = standing(default, roles.clone(), &lost);
        assert_eq!((found.role, found.highest), (role, highest), "{default} {roles}");
    }
}

#[test]
fn what_roles_look_at_is_told() {
    let access = grants(json!({"default_role": "none", "roles": [
        {"role": "reader", "claim": "/team", "equals": "a"},
        {"role": "reader", "provider": "corp"},
        {"role": "reader", "claim": "/realm/roles", "contains": "a", "provider": "other"},
    ]}));
    let access = access.unwrap();
    let claims = ["/act", "/team", "/realm/roles"].map(|text| Pointer::parse(text).unwrap());
    assert_eq!(access.claims().cloned().collect::<Vec<_>>(), claims);
}

#[test]
fn mistakes_are_named_with_their_place() {
    let found = grants(json!({"default_role": "none", "roles": [
        {"role": "reader"},
        {"role": "none", "group": "a"},
        {"group": "a"},
        {"role": "reader", "claim": "/a"},
        {"role": "reader", "claim": "/a", "equals": "a", "prefix": "a"},
        {"role": "reader", "equals": "a", "group": "a"},
        {"role": "reader", "claim": "a", "equals": "a"},
        {"role": "reader", "claim": "/a", "equals": ["a"]},
        {"role": "reader", "claim": "/a", "one_of": "a"},
        {"role": "reader", "claim": "/a", "one_of": []},
        {"role": "reader", "claim": "/a", "contains": null},
        {"role": "reader", "claim": "/a", "prefix": ""},
        {"role": "reader", "groups": "a"},
    ]}));
    assert_eq!(
        found.err().unwrap(),
        [
            "access.roles[0].role: is for whom? Write claim, group, client, provider, user or email_domain beside it",
            "access.roles[1].role: expected one of: reader, runner, editor, admin",
            "access.roles[2].role: must be written",
            "access.roles[3].claim: needs exactly one of equals, one_of, contains and prefix",
            "access.roles[4].claim: needs exactly one of equals, one_of, contains and prefix",
            "access.roles[5].claim: must be written: equals, one_of, contains and prefix are about it",
            "access.roles[6].claim: expected a JSON Pointer such as /sub, which begins with a slash",
            "access.roles[7].equals: expected a text, a number, true or false",
            "access.roles[8].one_of: expected a list of values",
            "access.roles[9].one_of: expected a list of values",
            "access.roles[10].contains: expected a text, a number, true or false",
            "access.roles[11].prefix: must not be empty",
            "access.roles[12].groups: unknown field; did you mean group?",
            "access.roles[12].role: is for whom? Write claim, group, client, provider, user or email_domain beside it",
        ]
    );
}
