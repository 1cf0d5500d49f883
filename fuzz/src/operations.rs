mod reading;

use std::sync::OnceLock;

use airgate::access::{Needs, Operations, Role};
use airgate::gateway::{Body, Head, Step, StreamId};
use airgate::http::{Headers, Target};
use serde_json::{Value, json};

use super::promises::{Fate, check, is_telling};
use super::site::{ISSUER, NOW, Site, config_offline, head, header, shared, sign};
use reading::{Row, members_named};

/// What the policy lists, of every kind.
const LISTED: &str = "0b5a4f9e-6c1d-4a57-9d6e-2f1c8e7a9b30";
/// How many bytes of a body are judged.
const LIMIT: usize = 64 * 1024;

/// A caller, and what holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Client {
    /// A runner, held by nothing.
    Runner,
    /// A runner and an agent with a preset and a connection.
    Bot,
    /// An editor and an agent with a connection.
    Free,
    /// An editor and an agent with a workspace.
    Desk,
    /// An editor and an agent with a source and a destination.
    Mover,
    /// Nobody, but for a rule that allows a connection.
    Given,
    /// An editor, but for a rule that denies a connection.
    Barred,
}

use Client::{Barred, Bot, Desk, Free, Given, Mover, Runner};

impl Client {
    const ALL: [(Client, &'static str); 7] = [
        (Runner, "cli"),
        (Bot, "bot"),
        (Free, "free"),
        (Desk, "desk"),
        (Mover, "mover"),
        (Given, "given"),
        (Barred, "barred"),
    ];

    /// The kinds of ids in the table of which a permit needs one, each of them the listed one.
    fn kinds(self) -> &'static [&'static str] {
        match self {
            Runner | Barred => &[],
            Bot | Free | Given => &["connection", "any"],
            Desk => &["workspace", "scope", "any"],
            Mover => &["source", "destination", "actor", "any"],
        }
    }
}

/// A request as the fuzzer writes it.
#[derive(Clone)]
struct Asked {
    method: String,
    path: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

/// A request as text: method and path, fields on a line each, an empty line, and the body. Whoever is held to ids gets
/// through with those alone, at the places where the operation takes them, whatever the request says elsewhere; what a
/// body decides is decided of the bytes that Airbyte reads. Where headers go ahead of the body, the same get through.
pub fn operations(data: &[u8]) -> bool {
    if is_telling(data) {
        return false;
    }
    let Some(asked) = Asked::read(data) else {
        return false;
    };
    let held = shared("operations", || guarded("headers_held"), |site| judge(site, &asked));
    let ahead = shared("operations ahead", || guarded("headers_ahead"), |site| judge(site, &asked));
    assert_eq!(held, ahead, "whether headers wait for the body makes no difference");
    held.contains(&Bot)
}

impl Asked {
    fn read(data: &[u8]) -> Option<Asked> {
        let (head, body) = match data.windows(2).position(|two| two == b"\n\n") {
            Some(at) => (&data[..at], &data[at + 2..]),
            None => (data, &b""[..]),
        };
        let mut lines = head.split(|byte| *byte == b'\n');
        let (method, path) = std::str::from_utf8(lines.next()?).ok()?.split_once(' ')?;
        let field = |line: &[u8]| {
            let at = line.iter().position(|byte| *byte == b':')?;
            let name = std::str::from_utf8(&line[..at]).ok()?.to_ascii_lowercase();
            // Who sends it, and what a proxy says about it, is not the fuzzer's here.
            let ours = ["content-", "transfer-encoding", "accept", "x-http-method"];
            ours.iter().any(|own| name.starts_with(own)).then(|| (name, line[at + 1..].trim_ascii().to_vec()))
        };
        let fields = lines.filter_map(field).collect();
        Some(Asked { method: method.to_owned(), path: path.to_owned(), fields, body: body.to_vec() })
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn has_body(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "DELETE")
    }
}

/// Callers of every kind.
fn guarded(bodies: &str) -> Site {
    let mut config = config_offline();
    config["bodies"] = json!(bodies);
    config["access"] = json!({
        "default_role": "none",
        "roles": [
            {"role": "runner", "client": "cli"},
            {"role": "runner", "client": "bot"},
            {"role": "editor", "client": "free"},
            {"role": "editor", "client": "desk"},
            {"role": "editor", "client": "mover"},
            {"role": "editor", "client": "barred"},
        ],
        "agents": [
            {"name": "bot", "client": "bot", "preset": "sync-operator", "connections": [LISTED]},
            {"name": "free", "client": "free", "connections": [LISTED]},
            {"name": "desk", "client": "desk", "workspaces": [LISTED]},
            {"name": "mover", "client": "mover", "sources": [LISTED], "destinations": [LISTED]},
        ],
        "rules": [
            {"name": "given", "who": {"client": "given"}, "which": {"connection": [LISTED]}, "then": "allow"},
            {"name": "barred", "who": {"client": "barred"}, "which": {"connection": [LISTED]}, "then": "deny"},
        ],
    });
    Site::new(&config)
}

/// Who gets through.
fn judge(site: &mut Site, asked: &Asked) -> Vec<Client> {
    let passed: Vec<Client> =
        Client::ALL.iter().map(|(client, _)| *client).filter(|client| ask(site, *client, asked)).collect();
    let Ok(target) = Target::parse(asked.path.as_bytes()) else {
        assert!(passed.is_empty());
        return passed;
    };
    check_table(&passed, asked, &target);
    let row = reading::find(&asked.method, target.matched());
    let query = std::str::from_utf8(target.query().unwrap_or_default()).unwrap_or_default();
    for client in &passed {
        check_ids(*client, row, asked, target.matched(), query);
    }
    if passed.contains(&Runner) {
        check_start(row, asked);
    }
    check_decoys(site, &passed, row, asked);
    passed
}

/// What the list says of an operation, whatever else is asked.
fn check_table(passed: &[Client], asked: &Asked, target: &Target) {
    thread_local! {
        static OPERATIONS: Operations = Operations::builtin();
    }
    let method = if asked.method == "HEAD" { "GET" } else { &asked.method };
    if let Some(operation) = OPERATIONS.with(|operations| operations.find(method, target.matched()).cloned()) {
        // Where the body decides, the list holds the stricter reading.
        let needs = operation.needs;
        let beyond = needs == Needs::Closed || matches!(needs, Needs::Role(role) if role > Role::Runner);
        let runner = passed.contains(&Runner);
        assert!(!beyond || operation.body.is_some() || !runner, "more than a runner may: {}", operation.name);
        if operation.never_for_agents && operation.body.is_none() {
            let agent = passed.iter().find(|client| matches!(client, Bot | Free | Desk | Mover));
            assert_eq!(agent, None, "no agent may: {}", operation.name);
        }
    }
    assert!(!passed.contains(&Bot) || passed.contains(&Runner), "an agent's boundary only takes away");
}

/// An agent or an `allow` rule lets through only what carries listed ids, at places of the operation, and nothing else;
/// a `deny` rule nothing that carries one.
fn check_ids(client: Client, row: Option<&Row>, asked: &Asked, path: &str, query: &str) {
    let body = if asked.has_body() { asked.json() } else { Value::Null };
    let values = row.map(|row| row.values(path, query, &body)).unwrap_or_default();
    let is_listed = |id: &String| id.eq_ignore_ascii_case(LISTED);
    let name = row.map_or("no operation", |row| row.name);
    if client == Barred {
        let all = values.iter().filter(|(place, _)| matches!(place.kind, "connection" | "any"));
        assert!(!all.flat_map(|(_, ids)| ids).any(is_listed), "denied: {name}");
    }
    let kinds = client.kinds();
    if kinds.is_empty() {
        return;
    }
    let (own, others): (Vec<_>, Vec<_>) = values.iter().partition(|(place, _)| kinds.contains(&place.kind));
    let ids: Vec<&String> = own.iter().flat_map(|(_, ids)| ids).collect();
    assert!(!ids.is_empty(), "{client:?} carries no id: {name}");
    assert!(ids.into_iter().all(is_listed), "{client:?} carries another id: {name}");
    for (place, ids) in others {
        assert!(!place.is_required && ids.is_empty(), "{client:?} reaches {} {ids:?}: {name}", place.name);
    }
}

/// A runner's bodies start work and destroy nothing, however the deciding member is spelled.
fn check_start(row: Option<&Row>, asked: &Asked) {
    let (member, harmless): (&str, &[&str]) = match row.map(|row| row.name) {
        Some("publicCreateJob") => ("jobType", &["sync", "refresh"]),
        Some("refreshConnectionStream") => ("refreshMode", &["Merge"]),
        _ => return,
    };
    let body: Value = serde_json::from_slice(&asked.body).expect("a body that decides is JSON");
    let mut found = Vec::new();
    members_named(&body, member, &mut found);
    assert!(!found.is_empty(), "{member} is missing");
    assert!(found.iter().all(|value| value.as_str().is_some_and(|text| harmless.contains(&text))), "{found:?}");
}

/// A listed id that Airbyte ignores never turns a refusal into a permit.
fn check_decoys(site: &mut Site, passed: &[Client], row: Option<&Row>, asked: &Asked) {
    let held = [Bot, Free, Desk, Mover, Given];
    for decoy in decoys(row, asked) {
        for client in held.into_iter().filter(|client| !passed.contains(client)) {
            let is_permitted = ask(site, client, &decoy);
            let (path, body) = (&decoy.path, String::from_utf8_lossy(&decoy.body));
            assert!(!is_permitted, "{client:?} gets through with a decoy: {path} {body}");
        }
    }
}

/// The same request with a listed id more, in the query and in the body. One of each, by what the request is: all of
/// them would take ten times as long.
fn decoys(row: Option<&Row>, asked: &Asked) -> Vec<Asked> {
    const NAMES: [&str; 12] = [
        "connectionId",
        "workspaceId",
        "sourceId",
        "destinationId",
        "connectionIds",
        "workspaceIds",
        "connection_id",
        "ConnectionId",
        "actorId",
        "scopeId",
        "configId",
        "connectionIds[]",
    ];
    let sum = asked.path.bytes().chain(asked.body.iter().copied()).fold(0, |sum, byte| sum + usize::from(byte));
    let name = NAMES[sum % NAMES.len()];
    let is_own = |part: &str| row.is_some_and(|row| row.takes(part, name));
    let mut decoys = Vec::new();
    if !is_own("query") && !asked.path.contains('#') {
        let separator = if asked.path.contains('?') { '&' } else { '?' };
        decoys.push(Asked { path: format!("{}{separator}{name}={LISTED}", asked.path), ..asked.clone() });
    }
    if let (true, Value::Object(mut members)) = (asked.body.len() < LIMIT / 2, asked.json()) {
        match sum / NAMES.len() % 3 {
            0 if !is_own("body") && !members.contains_key(name) => {
                members.insert(name.to_owned(), json!(LISTED));
            }
            1 => {
                members.insert("decoy".to_owned(), json!([{name: [LISTED]}]));
            }
            _ => {
                members.insert("decoy".to_owned(), json!({"x": {name: LISTED}}));
            }
        }
        // A body that names a member twice is read otherwise than it was written.
        if same(&asked.json(), &asked.body) {
            decoys.push(Asked { body: Value::Object(members).to_string().into_bytes(), ..asked.clone() });
        }
    }
    decoys
}

/// Whether a text has as many members as its value: none comes twice.
fn same(value: &Value, text: &[u8]) -> bool {
    let colons = |text: &[u8]| text.iter().filter(|byte| **byte == b':').count();
    colons(value.to_string().as_bytes()) == colons(text)
}

/// A client's good token, signed once.
fn authorization(client: Client) -> &'static str {
    static SIGNED: [OnceLock<String>; 7] = [const { OnceLock::new() }; 7];
    let at = Client::ALL.iter().position(|(known, _)| *known == client).expect("it is one of them");
    SIGNED[at].get_or_init(|| {
        let claims =
            json!({"iss": ISSUER, "aud": "airbyte", "sub": "alice", "azp": Client::ALL[at].1, "exp": NOW + 600});
        format!("Bearer {}", sign(1, &header(1), claims.to_string().as_bytes()))
    })
}

/// Whether a client's request goes on.
fn ask(site: &mut Site, client: Client, asked: &Asked) -> bool {
    let stream = client as u32 + 1;
    let mut more: Vec<(&str, &[u8])> = vec![("authorization", authorization(client).as_bytes())];
    more.extend(asked.fields.iter().map(|(name, value)| (name.as_str(), value.as_slice())));
    let sent = head(&asked.method, &asked.path, &more);
    let mut step = site.send(stream, sent.clone());
    let is_judged = matches!(step, Step::Read { .. });
    if let Step::Read { limit, head } = step {
        let body = if asked.body.len() > limit { Body::TooLong } else { Body::Whole(asked.body.clone()) };
        step = site.gateway.on_body(StreamId(stream), body, &site.host, site.now);
        if let (Head::Ahead(ahead), Step::Forward(forward)) = (head, &mut step) {
            assert!(forward.edits.iter().next().is_none(), "its headers are out of reach");
            forward.edits = ahead.edits;
        }
    }
    let fate = check(&sent, &step);
    assert!(matches!(fate, Fate::Forwarded { .. } | Fate::Replied { .. }), "{fate:?}: its keys and its body are there");
    let is_forwarded = matches!(fate, Fate::Forwarded { .. });
    // Ids in bodies are judged of whoever is held to ids.
    let is_held = !client.kinds().is_empty() && asked.has_body();
    if is_forwarded && !asked.body.is_empty() && (is_judged || is_held) {
        assert!(is_plain(&sent), "Airbyte decodes what was judged as it stands");
    }
    fate.is_let_in()
}

/// Whether a server reads a body as it stands.
fn is_plain(sent: &Headers) -> bool {
    sent.all("content-encoding").all(|value| value.eq_ignore_ascii_case(b"identity"))
        && sent.all("transfer-encoding").all(|value| value.eq_ignore_ascii_case(b"chunked"))
        && sent.all("content-type").all(|value| {
            let value = String::from_utf8_lossy(value).to_ascii_lowercase();
            let mut parts = value.split(';').map(str::trim);
            let is_json = parts.next().is_some_and(|media| media.contains("json"));
            is_json && parts.all(|part| !part.starts_with("charset") || part.contains("utf-8") || part.contains("utf8"))
        })
}
