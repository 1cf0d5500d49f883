use std::sync::OnceLock;

use airgate::access::{Needs, Operations, Role};
use airgate::gateway::{Body, Head, Step, StreamId};
use airgate::http::Target;
use serde_json::{Value, json};

use super::promises::{Fate, check, is_telling};
use super::site::{ISSUER, NOW, Site, config_offline, head, header, shared, sign};

/// What the agent may touch.
const CONNECTION: &str = "0b5a4f9e-6c1d-4a57-9d6e-2f1c8e7a9b30";

/// A line of method and path, and a body: a runner does no more than a runner may, and an agent touches nothing but its
/// own connection, in whatever spelling it names another one. Where headers go ahead of the body, the same get through.
pub fn operations(data: &[u8]) -> bool {
    if is_telling(data) {
        return false;
    }
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let (line, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Some((method, path)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once(' ')) else {
        return false;
    };
    let held = shared("operations", || guarded("headers_held"), |site| judge(site, method, path, body));
    let ahead = shared("operations ahead", || guarded("headers_ahead"), |site| judge(site, method, path, body));
    assert_eq!(held, ahead, "whether headers wait for the body makes no difference");
    held.1
}

/// Runners, and an agent in its boundary.
fn guarded(bodies: &str) -> Site {
    let mut config = config_offline();
    config["bodies"] = json!(bodies);
    config["access"] = json!({
        "default_role": "runner",
        "agents": [{"name": "bot", "client": "bot", "preset": "sync-operator", "connections": [CONNECTION]}],
    });
    Site::new(&config)
}

/// Who gets through: the runner, the agent.
fn judge(site: &mut Site, method: &str, path: &str, body: &[u8]) -> (bool, bool) {
    thread_local! {
        static OPERATIONS: Operations = Operations::builtin();
    }
    let runner = ask(site, 1, "cli", method, path, body);
    let agent = ask(site, 2, "bot", method, path, body);
    let Ok(target) = Target::parse(path.as_bytes()) else {
        assert!(!runner && !agent);
        return (false, false);
    };
    let method = if method == "HEAD" { "GET" } else { method };
    if let Some(operation) = OPERATIONS.with(|operations| operations.find(method, target.matched()).cloned()) {
        // Where the body decides, the list holds the stricter reading.
        let needs = operation.needs;
        let beyond = needs == Needs::Closed || matches!(needs, Needs::Role(role) if role > Role::Runner);
        assert!(!beyond || operation.body.is_some() || !runner, "more than a runner may: {}", operation.name);
        if operation.never_for_agents && operation.body.is_none() {
            assert!(!agent, "no agent may: {}", operation.name);
        }
    }
    if agent {
        assert!(runner, "an agent's boundary only takes away");
        let mut touched = Vec::new();
        let body = serde_json::from_slice::<Value>(body).unwrap_or_default();
        collect(&body, &mut touched);
        assert!(touched.iter().all(|id| id.eq_ignore_ascii_case(CONNECTION)), "{touched:?}");
    }
    (runner, agent)
}

/// Every text that stands for a connection, at any depth.
fn collect(value: &Value, touched: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if let (true, Some(id)) = (name == "connectionId", value.as_str()) {
                    touched.push(id.to_owned());
                }
                collect(value, touched);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, touched)),
        _ => {}
    }
}

/// A client's good token, signed once.
fn authorization(client: &'static str) -> &'static str {
    static SIGNED: [OnceLock<String>; 2] = [const { OnceLock::new() }; 2];
    SIGNED[usize::from(client == "bot")].get_or_init(|| {
        let claims = json!({"iss": ISSUER, "aud": "airbyte", "sub": "alice", "azp": client, "exp": NOW + 600});
        format!("Bearer {}", sign(1, &header(1), claims.to_string().as_bytes()))
    })
}

/// Whether a client's request goes on.
fn ask(site: &mut Site, stream: u32, client: &'static str, method: &str, path: &str, body: &[u8]) -> bool {
    let sent = head(method, path, &[("authorization", authorization(client).as_bytes())]);
    let mut step = site.send(stream, sent.clone());
    if let Step::Read { limit, head } = step {
        let body = if body.len() > limit { Body::TooLong } else { Body::Whole(body.to_vec()) };
        step = site.gateway.on_body(StreamId(stream), body, &site.host, site.now);
        if let (Head::Ahead(ahead), Step::Forward(forward)) = (head, &mut step) {
            assert!(forward.edits.iter().next().is_none(), "its headers are out of reach");
            forward.edits = ahead.edits;
        }
    }
    let fate = check(&sent, &step);
    assert!(matches!(fate, Fate::Forwarded { .. } | Fate::Replied { .. }), "{fate:?}: its keys and its body are there");
    fate.is_let_in()
}
