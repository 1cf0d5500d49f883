use super::*;
use crate::access::Access;
use crate::settings::read;
use crate::testing::test;
use serde_json::{Value, json};

const ID: &str = "7b3f0000-0000-4000-8000-00000000000a";

fn mistakes(mut policy: Value, several: bool) -> Vec<String> {
    policy["default_role"] = json!("none");
    let vouchers = Vouchers { has: &|name| name == "corp", several };
    let found = read(&json!({"access": policy}), &|_| None, |root| Access::read(root, &vouchers));
    found.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn mistakes_in_rules_are_named_with_their_place() {
    let found = mistakes(
        json!({"rules": [
            {"name": "a"},
            {"name": "a", "then": "deny"},
            {"name": "a", "then": "deny"},
            {"name": "x/y", "then": "permit"},
            {"name": " x", "who": {}, "then": "deny"},
            {"name": "b", "who": {"role": "root", "auth": "basic", "provider": ["corp", "crop"]}, "then": "deny"},
            {"name": "c", "who": {"group": [], "client": 1, "email_domain": "a@b", "user": [""]}, "then": "deny"},
            {"name": "d", "what": {}, "then": "deny"},
            {"name": "e", "what": {"operation": ["getConection", "xyz", "zz*"], "tag": "conections"}, "then": "deny"},
            {"name": "f", "what": {"method": "HEAD", "path": "x", "effect": "write"}, "then": "deny"},
            {"name": "g", "which": {}, "then": "deny"},
            {"name": "h", "which": {"connection": ["1-1-1-1-1", ID], "job": ID}, "then": "deny"},
            {"name": "i", "then": "allow"},
            {"name": "j", "who": {"user": "a"}, "then": "allow", "reason": "x"},
            {"name": "k", "then": "deny", "reason": "a\nb"},
            {"name": "l", "then": "step_up"},
            {"name": "m", "then": "step_up", "step_up": {}},
            {"name": "n", "then": "step_up", "step_up": {"acr": ["a b"], "max_age": "0s"}},
            {"name": "o", "then": "deny", "step_up": {"acr": "mfa"}},
            {"name": "p", "then": "deny", "until": "tomorrow"},
        ]}),
        false,
    );
    let at = |index: usize, text: &str| format!("access.rules[{index}].{text}");
    let expected = [
        at(0, "then: must be written"),
        at(2, "name: another rule has this name"),
        at(3, "name: expected at most 64 letters, digits, spaces, - _ and ."),
        at(3, "then: expected one of: allow, deny, step_up"),
        at(4, "name: expected at most 64 letters, digits, spaces, - _ and ."),
        at(4, "who.role: is about whom? Write role, auth, claim, group, client, provider, user or email_domain"),
        at(5, "who.provider: no provider has this name"),
        at(5, "who.auth: expected one of: bearer, session"),
        at(5, "who.role: expected one of: reader, runner, editor, admin"),
        at(6, "who.email_domain: a@b: expected what follows the @"),
        at(6, "who.group: must not be empty"),
        at(6, "who.client: expected a text or a list of texts"),
        at(6, "who.user[0]: expected a text that is not empty"),
        at(7, "what.operation: is about what? Write operation, preset, tag, effect, method or path"),
        at(8, "what.operation: getConection: no operation has this name; did you mean getConnection?"),
        at(8, "what.operation: xyz: no operation has this name"),
        at(8, "what.operation: zz*: no operation has such a name"),
        at(8, "what.tag: conections: no operation's path has this tag; did you mean connections?"),
        at(9, "what.effect: expected one of: reads, mutates"),
        at(9, "what.method: expected a method such as POST, in capitals; GET covers HEAD"),
        at(9, "what.path: x: a path pattern begins with a slash"),
        at(10, "which.connection: which? Write connection, workspace, source or destination"),
        at(11, "which.connection: 1-1-1-1-1: expected an id of 36 characters, as Airbyte shows it"),
        at(11, "which.job: unknown field"),
        at(12, "then: allows everybody everything; write who, what or which beside it"),
        at(13, "reason: has a place with then: deny only"),
        at(14, "reason: expected one line of at most 200 characters"),
        at(15, "step_up: must be written"),
        at(16, "step_up.acr: demands nothing; write acr or max_age"),
        at(17, "step_up.max_age: must be between 1s and 34560000s"),
        at(17, "step_up.acr: expected words without spaces, quotes and backslashes"),
        at(18, "step_up: has a place with then: step_up only"),
        at(19, "until: expected a date such as 2026-12-31, or a moment such as 2026-12-31T18:00:00Z"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn mistakes_in_agents_groups_and_report_only_are_named_with_their_place() {
    let found = mistakes(
        json!({
            "groups": [
                {"group": "a", "emails": ["a@b"]},
                {"group": "a", "provider": "crop", "emails": ["a", "@b", "a@b@c"]},
                {"provider": "corp"},
                {"group": "a", "provider": "corp", "emails": []},
            ],
            "agents": [
                {},
                {"name": "a", "client": "x", "preset": "all", "budget": 0},
                {"name": "a", "act": "*", "operations": ["deleteConnection", "publicCreateJob", "get*"]},
                {"name": "b", "provider": "corp", "connections": "x", "budget": "30"},
            ],
            "report_only": [{}, {"user": "ana"}],
        }),
        true,
    );
    let expected = [
        "access.groups[0].provider: must be written where there are several: each may vouch for any address",
        "access.groups[1].provider: no provider has this name",
        "access.groups[1].emails: expected addresses such as ana@example.com",
        "access.groups[1].emails: expected addresses such as ana@example.com",
        "access.groups[1].emails: expected addresses such as ana@example.com",
        "access.groups[2].group: must be written",
        "access.groups[2].emails: must be written",
        "access.groups[3].emails: must not be empty",
        "access.agents[0].name: must be written",
        "access.agents[0].client: is about whom? Write client, claim or act",
        "access.agents[1].preset: expected one of: observer, sync-operator",
        "access.agents[1].budget: expected a whole number from 1 to 10000: mutating calls a minute",
        "access.agents[2].operations: deleteConnection: no agent may do this",
        "access.agents[2].name: another agent has this name",
        "access.agents[3].connections: x: expected an id of 36 characters, as Airbyte shows it",
        "access.agents[3].budget: expected a whole number from 1 to 10000: mutating calls a minute",
        "access.agents[3].client: is about whom? Write client, claim or act",
        "access.report_only[0].role: is about whom? Write role, auth, claim, group, client, provider, user or \
         email_domain",
    ];
    assert_eq!(found, expected);
    assert_eq!(mistakes(json!({"report_only": "yes"}), false), ["access.report_only: expected true or false"]);
}

#[test]
fn a_date_lasts_through_its_end_in_utc() {
    let seconds = |text: &str| moment(text).map(Time::seconds);
    assert_eq!(seconds("1970-01-02"), Some(2 * 86_400));
    assert_eq!(seconds("2026-12-31"), seconds("2027-01-01T00:00:00Z"));
    assert_eq!(seconds("1970-01-01T00:01:00Z"), Some(60));
    for text in ["", "2026-13-01", "2026-02-30", "26-12-31", "2026-12-31 ", "2026-12-31T00:00:00+02:00", "31.12.2026"] {
        assert_eq!(seconds(text), None, "{text}");
    }
}

#[test]
fn bits_are_found_in_order() {
    let words = [0b1001, 0, 1 << 63];
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(bit) = next_bit(|index| words.get(index).copied(), from) {
        found.push(bit);
        from = bit + 1;
    }
    assert_eq!(found, [0, 3, 191]);
    assert_eq!(next_bit(|_| None, 0), None);
}

#[test]
fn a_reason_is_one_line_of_at_most_200_characters() {
    let refused =
        |reason: &str| !mistakes(json!({"rules": [{"name": "a", "then": "deny", "reason": reason}]}), false).is_empty();
    for (length, too_long) in [(199, false), (200, false), (201, true), (202, true)] {
        assert_eq!(refused(&"ä".repeat(length)), too_long, "{length}");
    }
}
