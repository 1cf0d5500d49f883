//! Operations whose meaning is in their body.

use serde_json::{Map, Value};

use super::{Needs, Operation, Role};

/// What has to be known of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyQuestion {
    /// `jobType`: `sync` and `refresh` start a job; `clear` and `reset` destroy
    /// data.
    JobType,
    /// `withRefreshedCatalog`: whether a discovery is started, which takes
    /// minutes.
    RefreshedCatalog,
}

impl BodyQuestion {
    /// The longest body that is looked into, in bytes.
    pub const LIMIT: usize = 64 * 1024;

    /// What has to be known for an operation of Airbyte's list.
    pub(super) fn of(operation: &str) -> Option<BodyQuestion> {
        match operation {
            "publicCreateJob" => Some(BodyQuestion::JobType),
            "webBackendGetConnection" => Some(BodyQuestion::RefreshedCatalog),
            _ => None,
        }
    }
}

impl Operation {
    /// The operation once its body is known; `None`: it is too long, or cannot be
    /// read in one way only. Then the stricter reading stays, which is the
    /// table's.
    pub(crate) fn by_body(self, body: Option<&Value>) -> Operation {
        let members = body.and_then(Value::as_object);
        let mut operation = self;
        match (operation.body, members) {
            (Some(BodyQuestion::JobType), Some(members)) if starts_only(members) => {
                operation.needs = Needs::Role(Role::Runner);
                operation.never_for_agents = false;
            }
            (Some(BodyQuestion::RefreshedCatalog), Some(members)) if as_it_is(members) => {
                operation.needs = Needs::Role(Role::Reader);
            }
            (Some(BodyQuestion::RefreshedCatalog), _) => operation.slow = true,
            _ => {}
        }
        operation.body = None;
        operation
    }

    /// The operation as the body that asks least would have it.
    pub(super) fn at_best(&self) -> Operation {
        let mut operation = self.clone();
        match self.body {
            Some(BodyQuestion::JobType) => {
                operation.needs = Needs::Role(Role::Runner);
                operation.never_for_agents = false;
            }
            Some(BodyQuestion::RefreshedCatalog) => operation.needs = Needs::Role(Role::Reader),
            None => {}
        }
        operation.body = None;
        operation
    }
}

fn starts_only(members: &Map<String, Value>) -> bool {
    members.get("jobType").and_then(Value::as_str).is_some_and(|kind| kind == "sync" || kind == "refresh")
}

fn as_it_is(members: &Map<String, Value>) -> bool {
    matches!(members.get("withRefreshedCatalog"), None | Some(Value::Null | Value::Bool(false)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Operations;
    use crate::json;
    use crate::testing::test;

    fn read(method: &str, path: &str, body: Option<&str>) -> (Needs, bool) {
        let operations = Operations::builtin();
        let operation = operations.find(method, path).unwrap().clone();
        assert!(operation.body.is_some(), "{path}");
        let read = operation.by_body(body.and_then(|body| json::parse(body.as_bytes()).ok()).as_ref());
        (read.needs, read.slow)
    }

    #[test]
    fn only_a_job_that_destroys_nothing_is_a_runners() {
        let needs = |body| read("POST", "/api/public/v1/jobs", body).0;
        for body in
            [r#"{"jobType":"sync"}"#, r#"{"connectionId":"x","jobType":"refresh"}"#, r#"{"job\u0054ype":"sync"}"#]
        {
            assert_eq!(needs(Some(body)), Needs::Role(Role::Runner), "{body}");
        }
        for body in [
            "",
            "{}",
            "null",
            "sync",
            r#"{"jobType":"reset"}"#,
            r#"{"jobType":"clear"}"#,
            r#"{"jobType":"SYNC"}"#,
            r#"{"jobType":["sync"]}"#,
            r#"{"jobType":"sync","jobType":"reset"}"#,
            r#"{"jobType":"reset","jobType":"sync"}"#,
            r#"{"jobType":"sync"}{"jobType":"reset"}"#,
            r#"[{"jobType":"sync"}]"#,
            "\u{feff}{\"jobType\":\"sync\"}",
            "jobType=sync",
        ] {
            assert_eq!(needs(Some(body)), Needs::Role(Role::Editor), "{body}");
        }
        assert_eq!(needs(None), Needs::Role(Role::Editor));
    }

    #[test]
    fn a_refreshed_catalog_is_an_editors_and_slow() {
        let answer = |body| read("POST", "/api/v1/web_backend/connections/get", body);
        for body in [r#"{"connectionId":"x"}"#, r#"{"withRefreshedCatalog":false}"#, r#"{"withRefreshedCatalog":null}"#]
        {
            assert_eq!(answer(Some(body)), (Needs::Role(Role::Reader), false), "{body}");
        }
        for body in [
            r#"{"withRefreshedCatalog":true}"#,
            r#"{"withRefreshedCatalog":"true"}"#,
            r#"{"withRefreshedCatalog":1}"#,
            "",
            "[]",
        ] {
            assert_eq!(answer(Some(body)), (Needs::Role(Role::Editor), true), "{body}");
        }
        assert_eq!(answer(None), (Needs::Role(Role::Editor), true));
    }
}
