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
    for body in [r#"{"jobType":"sync"}"#, r#"{"connectionId":"x","jobType":"refresh"}"#, r#"{"job\u0054ype":"sync"}"#] {
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
    for body in [r#"{"connectionId":"x"}"#, r#"{"withRefreshedCatalog":false}"#, r#"{"withRefreshedCatalog":null}"#] {
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
