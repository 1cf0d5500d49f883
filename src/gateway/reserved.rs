//! Paths that the gateway answers itself.

use serde_json::json;

use super::refusal::Refusal;
use super::{Step, refuse};
use crate::http::{Reply, Request};

/// Everything below belongs to the gateway and never reaches Airbyte.
const OURS: &str = "/.airgate";

/// Where people look for Airbyte's token endpoint and find its web page, which
/// no client can read (airflow #42520), with the place where it is.
const WRONG_TOKEN_URLS: [(&str, &str); 4] = [
    ("/applications/token", "/api/v1/applications/token"),
    ("/v1/applications/token", "/api/v1/applications/token"),
    ("/api/public/applications/token", "/api/public/v1/applications/token"),
    ("/api/public/v1/v1/applications/token", "/api/public/v1/applications/token"),
];

/// The gateway's own answer to a request, if it has one.
pub(super) fn answer(request: &Request, request_id: &str, ready: bool) -> Option<Step> {
    let path = request.target().matched();
    if let Some((_, right)) = WRONG_TOKEN_URLS.iter().find(|(wrong, _)| *wrong == path) {
        return Some(refuse(&Refusal::WrongTokenUrl(right), request_id, false));
    }
    let rest = path.strip_prefix(OURS)?;
    match (rest, request.method()) {
        ("/health", "GET" | "HEAD") => Some(health(ready)),
        _ if rest.is_empty() || rest.starts_with('/') => {
            Some(refuse(&Refusal::NotFound, request_id, request.is_navigation()))
        }
        _ => None,
    }
}

/// Alive even without keys: what is public is served, and whoever holds a
/// verified token as well, so a provider's outage must not take us out of a
/// balancer.
fn health(ready: bool) -> Step {
    let body = json!({ "status": if ready { "ok" } else { "waiting_for_keys" } });
    let headers =
        vec![("content-type".into(), b"application/json".to_vec()), ("cache-control".into(), b"no-store".to_vec())];
    Step::Reply { reply: Reply { status: 200, headers, body: body.to_string().into_bytes() }, reason: "health" }
}
