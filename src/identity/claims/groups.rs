//! Group memberships.

use serde_json::{Map, Value};

use super::text;
use crate::caller::Groups;
use crate::pointer::Pointer;

const MAX_GROUPS: usize = 1000;

impl Groups {
    pub(super) fn read(pointer: &Pointer, claims: &Map<String, Value>) -> Groups {
        if is_elsewhere(pointer.member(), claims) {
            return Groups::Unknown;
        }
        match pointer.find(claims) {
            None => Groups::Absent,
            // One name: cutting it at commas or spaces would let whoever picks
            // a group's name pick several.
            Some(name @ Value::String(_)) => Groups::all([name]),
            Some(Value::Array(list)) if list.len() <= MAX_GROUPS => Groups::all(list),
            Some(_) => Groups::Unknown,
        }
    }

    fn all<'a>(values: impl IntoIterator<Item = &'a Value>) -> Groups {
        let names = values.into_iter().map(|value| text::name(value).map(str::to_owned));
        names.collect::<Option<Vec<String>>>().map_or(Groups::Unknown, Groups::Known)
    }
}

/// Whether the token points to where this claim is (OpenID Connect Core section
/// 5.6.2), or says in one of Entra ID's ways that it did not fit.
fn is_elsewhere(claim: &str, claims: &Map<String, Value>) -> bool {
    let named = match claims.get("_claim_names") {
        None => false,
        Some(Value::Object(names)) => names.contains_key(claim),
        Some(_) => true,
    };
    let flagged = claim == "groups" && claims.get("hasgroups").is_some_and(|flag| *flag != Value::Bool(false));
    named || flagged || claims.keys().any(|name| is_source(name, claim))
}

/// Whether [`is_elsewhere`] looks at the claim `name` when asked for `claim`.
pub(super) fn tells_where(name: &str, claim: &str) -> bool {
    ["_claim_names", "hasgroups"].contains(&name) || is_source(name, claim)
}

fn is_source(name: &str, claim: &str) -> bool {
    name.strip_prefix(claim).is_some_and(|rest| rest.starts_with(":src"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;
    use serde_json::json;

    fn known(names: &[&str]) -> Groups {
        Groups::Known(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn nobody_becomes_a_member_by_accident() {
        let many = |count: usize| (0..count).map(|index| format!("g{index}")).collect::<Vec<_>>();
        let cases = [
            ("none", json!({}), Groups::Absent),
            ("null", json!({"groups": null}), Groups::Absent),
            ("empty", json!({"groups": []}), known(&[])),
            ("a list", json!({"groups": ["a", "b"]}), known(&["a", "b"])),
            ("a text is one group", json!({"groups": "admins"}), known(&["admins"])),
            ("a text with commas is one group", json!({"groups": "a,admins"}), known(&["a,admins"])),
            ("a text with spaces is one group", json!({"groups": "a admins"}), known(&["a admins"])),
            ("a name with a comma", json!({"groups": ["a,admins"]}), known(&["a,admins"])),
            ("a JSON list in a text", json!({"groups": "[\"admins\"]"}), known(&["[\"admins\"]"])),
            ("nested", json!({"groups": [["admins"]]}), Groups::Unknown),
            ("a number among them", json!({"groups": ["a", 1]}), Groups::Unknown),
            ("null among them", json!({"groups": ["a", null]}), Groups::Unknown),
            ("an object", json!({"groups": {"admins": true}}), Groups::Unknown),
            ("a truth value", json!({"groups": true}), Groups::Unknown),
            ("an empty name", json!({"groups": [""]}), Groups::Unknown),
            ("a line feed", json!({"groups": ["a\nadmins"]}), Groups::Unknown),
            ("a space that a header would lose", json!({"groups": [" admins"]}), Groups::Unknown),
            ("1000", json!({"groups": many(1000)}), Groups::Known(many(1000))),
            ("3000", json!({"groups": many(3000)}), Groups::Unknown),
            ("Entra ID's overage", json!({"_claim_names": {"groups": "src1"}, "_claim_sources": {}}), Groups::Unknown),
            ("overage of another claim", json!({"_claim_names": {"x": "src1"}, "groups": ["a"]}), known(&["a"])),
            ("overage beside a list", json!({"_claim_names": {"groups": "src1"}, "groups": ["a"]}), Groups::Unknown),
            ("claim names of a wrong type", json!({"_claim_names": "groups"}), Groups::Unknown),
            ("hasgroups", json!({"hasgroups": true}), Groups::Unknown),
            ("hasgroups as a text", json!({"hasgroups": "true"}), Groups::Unknown),
            ("hasgroups: false", json!({"hasgroups": false}), Groups::Absent),
            ("groups:src1", json!({"groups:src1": "https://graph.example"}), Groups::Unknown),
        ];
        let pointer = Pointer::parse("/groups").unwrap();
        for (name, claims, expected) in cases {
            let groups = Groups::read(&pointer, claims.as_object().unwrap());
            assert_eq!(groups, expected, "{name}");
            assert!(!groups.contains("admins") || name == "a text is one group", "{name}");
        }
    }

    #[test]
    fn nested_roles_are_groups_too() {
        let pointer = Pointer::parse("/realm_access/roles").unwrap();
        let claims = json!({"realm_access": {"roles": ["a"]}, "hasgroups": true});
        assert_eq!(Groups::read(&pointer, claims.as_object().unwrap()), known(&["a"]));
    }
}
