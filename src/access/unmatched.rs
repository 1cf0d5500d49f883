//! Operations that an entry of the policy is about and can never match, because of
//! the ids that it lists. Such an entry holds less than it seems to say.

use super::what::Asked;
use super::{Access, Catalog, Needs, Role};

/// The operations that the ids of one entry can never match.
#[derive(Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// The entry, for example `access.rules[0].which`.
    pub path: String,
    /// Whether the entry allows or bounds; otherwise it denies or asks for a
    /// sign-in.
    pub gives: bool,
    /// The names of the operations.
    pub operations: Vec<String>,
    /// How many operations the entry is about.
    pub of: usize,
}

impl Access {
    /// For each rule and each agent that lists ids, the operations that it is about
    /// and that carry no such id, or for what allows, that also need another
    /// resource.
    pub fn unmatched(&self) -> Vec<Unmatched> {
        let catalog = Catalog::new(&self.amendments);
        let rows = || catalog.rows().iter();
        let mut found = Vec::new();
        for (index, rule) in self.rules.iter().enumerate().filter(|(_, rule)| !rule.which.is_empty()) {
            let about = rows()
                .filter(|(path, method, operation)| rule.may_be_about_path(&Asked::of_row(method, path, operation)));
            found.push(Unmatched::new(format!("access.rules[{index}].which"), rule.gives(), about, |operation| {
                rule.which.can_match(operation.places.unwrap_or_default(), rule.gives())
            }));
        }
        for (index, agent) in self.agents.iter().enumerate().filter(|(_, agent)| !agent.which.is_empty()) {
            let is_open = |operation: &super::Operation| {
                let is_admins = matches!(operation.needs, Needs::Role(Role::Admin) | Needs::Closed);
                !is_admins && (!operation.never_for_agents || operation.body.is_some())
            };
            let about = rows().filter(|(.., operation)| is_open(operation) && agent.has(operation));
            found.push(Unmatched::new(format!("access.agents[{index}]"), true, about, |operation| {
                agent.which.can_match(operation.places.unwrap_or_default(), true)
            }));
        }
        found.retain(|entry| !entry.operations.is_empty());
        found
    }
}

impl Unmatched {
    fn new<'a>(
        path: String,
        gives: bool,
        about: impl Iterator<Item = &'a (&'static str, &'static str, super::Operation)>,
        can_match: impl Fn(&super::Operation) -> bool,
    ) -> Unmatched {
        let mut unmatched = Unmatched { path, gives, operations: Vec::new(), of: 0 };
        for (.., operation) in about {
            unmatched.of = unmatched.of.saturating_add(1);
            if !can_match(operation) {
                unmatched.operations.push(operation.name.to_string());
            }
        }
        unmatched
    }
}

#[cfg(test)]
mod tests {
    use crate::access::tests::with;
    use crate::testing::test;
    use serde_json::json;

    const A: &str = "7b3f0000-0000-4000-8000-00000000000a";

    #[test]
    fn operations_that_ids_can_never_match_are_named() {
        let access = with(json!({
            "default_role": "none",
            "rules": [
                {"name": "w", "what": {"operation": ["deleteConnection", "listTags", "getConnection"]}, "which": {"workspace": A}, "then": "deny"},
                {"name": "c", "what": {"operation": ["deleteConnection", "cancelJob", "createConnection"]}, "which": {"connection": A}, "then": "allow"},
                {"name": "good", "what": {"path": "/api/v1/connections/sync"}, "which": {"connection": A}, "then": "deny"},
                {"name": "all", "then": "deny"},
            ],
            "agents": [
                {"name": "sync", "client": "a", "operations": ["syncConnection", "publicCreateJob"], "connections": A},
                {"name": "more", "client": "b", "preset": "sync-operator", "operations": ["getJob"], "connections": A},
            ],
        }));
        let found = access.unmatched();
        let of = |path: &str| found.iter().find(|entry| entry.path == path);
        let rule = of("access.rules[0].which").unwrap();
        assert_eq!(
            (&rule.operations[..], rule.of, rule.gives),
            (&["deleteConnection", "getConnection"].map(String::from)[..], 3, false)
        );
        let rule = of("access.rules[1].which").unwrap();
        assert_eq!(
            (&rule.operations[..], rule.of, rule.gives),
            (&["createConnection", "cancelJob"].map(String::from)[..], 3, true)
        );
        assert!(
            [of("access.rules[2].which"), of("access.rules[3].which"), of("access.agents[0]")]
                .iter()
                .all(Option::is_none)
        );
        let agent = of("access.agents[1]").unwrap();
        assert!(
            agent.operations.iter().any(|name| name == "getJob")
                && agent.operations.iter().any(|name| name == "cancelJob")
        );
        assert!(!agent.operations.iter().any(|name| name == "refreshConnectionStream" || name == "syncConnection"));
    }
}
