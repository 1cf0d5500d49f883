//! `airgate replay`: what a configuration would have decided about requests that
//! are in the record.
//!
//! A record does not say everything that a decision may depend on. What it leaves
//! open is tried in every way that it leaves open; only where all come to the same
//! end is a line decided again.

mod heard;
mod tally;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use airgate::access::{Operations, Role};
use airgate::caller::{Auth, Caller, Groups, Reckoned};
use airgate::gateway::{Gateway, Inquiry};
use airgate::time::Time;
use serde_json::{Map, Value, json};

use crate::console::{self, Failure};
use crate::desk::{self, Desk, DeskHost};
use crate::explain::Ending;
use crate::line::Line;
use heard::Heard;
use tally::Tally;

/// Decide requests of the record again: what would be refused that was allowed?
#[derive(clap::Args)]
#[command(after_help = "\
RECORDS has a record in JSON on each line, as the proxy's access log or the gateway's own log writes them; other lines
are counted and left. What a record does not say (claims, whether an address is verified, groups that the policy did not
name, a body but for its ids) is never guessed: a line whose end depends on it counts as undecided, with the reason.
Where roles ask for claims, the role in the record stands for them, and such lines are counted.

Exit codes: 0 nothing that was allowed would be refused, 1 something would, 2 a file cannot be read.

Examples:
  airgate replay new.yaml access.log
  airgate replay new.yaml access.log --was old.yaml --json
  kubectl logs deploy/gateway | airgate replay new.yaml -")]
pub struct Args {
    /// The configuration, as `check` takes it
    config: PathBuf,
    /// The records, one on each line; - is the standard input
    records: PathBuf,
    /// The configuration that was in force: the groups that it names are in the record
    #[arg(long, value_name = "CONFIG")]
    was: Option<PathBuf>,
    /// Decide as of this moment (RFC 3339), and not of each record's own
    #[arg(long, value_name = "MOMENT")]
    now: Option<String>,
    /// How many examples to show of each difference
    #[arg(long, default_value_t = 3, value_name = "NUMBER")]
    examples: usize,
    /// Print the differences as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let text = console::read(&args.records)?;
    let lines: Vec<Option<Line>> = text.lines().filter(|line| !line.trim().is_empty()).map(Line::read).collect();
    let now = args.now.as_deref().map(|text| desk::moment(Some(text))).transpose()?;
    let mut replay = Replay::open(args, &lines)?;
    let mut tally = Tally::new(args.examples);
    for line in &lines {
        match line {
            Some(line) => tally.add(line, replay.decide(line, now)),
            None => tally.add_foreign(),
        }
    }
    console::print(&if args.json { tally.json() } else { tally.text() })?;
    Ok(if tally.refuses_nothing() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What came of a line.
enum Again {
    Decided(End),
    /// It cannot be decided, for this reason.
    Undecided(String),
}

/// How a request ends.
struct End {
    allowed: bool,
    reason: String,
    /// The rule or agent that decided.
    by: String,
    /// Whether the role in the record stands for claims.
    by_recorded_role: bool,
}

struct Replay {
    gateway: Gateway,
    authority: String,
    /// The same, where the role in the record stands for those that claims give.
    by_role: Gateway,
    /// For each entry of `access.roles` whether it asks for claims in a way that
    /// the record has no answer to.
    new_claims: Vec<bool>,
    /// The same for `access.agents`.
    new_agents: Vec<bool>,
    agents: Vec<Value>,
    operations: Operations,
    issuers: BTreeMap<String, String>,
    /// Groups that the configuration names, and records perhaps do not.
    open_groups: Vec<String>,
}

/// Before the name of a role: a group of those who had that role in the record.
const ROLE_GROUP: &str = "the role in the record: ";

impl Replay {
    fn open(args: &Args, records: &[Option<Line>]) -> Result<Replay, Failure> {
        let desk = Desk::open(&args.config)?;
        let was = args.was.as_ref().map(|path| Desk::open(path)).transpose()?.map(|desk| desk.config);
        let by_role = desk::gateway(&with_recorded_roles(&desk.config), &args.config)?;
        let agents = list(&desk.config, "/access/agents").to_vec();
        let (new_claims, new_agents) = match &was {
            Some(before) => (new(before, &desk.config, "/access/roles"), new(before, &desk.config, "/access/agents")),
            None => (new(&Value::Null, &desk.config, "/access/roles"), vec![true; agents.len()]),
        };
        let named = match &was {
            Some(config) => groups_of(config),
            None => {
                let listed = records.iter().flatten().flat_map(|line| line.list("airgate.groups"));
                listed.map(str::to_owned).collect()
            }
        };
        let open_groups = groups_of(&desk.config).into_iter().filter(|group| !named.contains(group)).collect();
        let text = |provider: &Value, name: &str| provider.get(name).and_then(Value::as_str).map(str::to_owned);
        let read = |provider: &Value| {
            let issuer = text(provider, "issuer")?;
            Some((text(provider, "name").unwrap_or_else(|| issuer.clone()), issuer))
        };
        let issuers = list(&desk.config, "/providers").iter().filter_map(read).collect();
        let authority = desk.authority();
        let operations = Operations::builtin();
        let gateway = desk.gateway;
        Ok(Replay { gateway, authority, by_role, new_claims, new_agents, agents, operations, issuers, open_groups })
    }

    fn decide(&mut self, line: &Line, now: Option<Time>) -> Again {
        if let Some(obstacle) = line.obstacle() {
            return Again::Undecided(obstacle.to_owned());
        }
        let now = now.or_else(|| desk::moment(Some(line.get("time"))).ok()).unwrap_or_default();
        if line.get("airgate.provider").is_empty() {
            return self.ask(line, None, &Map::new(), now);
        }
        let Some(caller) = self.caller(line, now) else {
            return Again::Undecided("its provider is not in the configuration".to_owned());
        };
        let mut first = None;
        for (caller, open) in self.callers(caller) {
            for (body, open_body) in bodies(line, &self.operations) {
                let end = match self.ask(line, Some(&caller), &body, now) {
                    Again::Decided(end) => end,
                    undecided => return undecided,
                };
                let Some(base): Option<&End> = first.as_ref() else {
                    first = Some(end);
                    continue;
                };
                if base.allowed != end.allowed {
                    return Again::Undecided(if open_body.is_empty() { open } else { open_body.to_owned() });
                }
            }
        }
        match first {
            Some(end) => Again::Decided(end),
            None => Again::Undecided("nothing is left to try".to_owned()),
        }
    }

    /// Whom the record names, as far as it does.
    fn caller(&self, line: &Line, now: Time) -> Option<Caller> {
        let (provider, user) = (line.get("airgate.provider"), line.get("enduser.id"));
        let text = |name: &str| Some(line.get(name).to_owned()).filter(|text| !text.is_empty());
        // It is written where it is not the user.
        let subject = text("airgate.subject").unwrap_or_else(|| user.to_owned());
        let mut claims = Map::new();
        claims.insert("sub".to_owned(), subject.as_str().into());
        let agent = line.get("airgate.agent");
        let entry = self.agents.iter().find(|entry| entry.get("name").and_then(Value::as_str) == Some(agent));
        if !line.get("airgate.on_behalf_of").is_empty() {
            // In the record an entry's name stands for that of whoever acts.
            let glob = entry.and_then(|entry| entry.get("act")).and_then(first_word);
            let actor = glob.map_or(agent.to_owned(), |glob| glob.replace('*', ""));
            claims.insert("act".to_owned(), json!({ "sub": actor }));
        }
        if let Some((pointer, value)) = entry.and_then(claim_of) {
            put(&mut claims, pointer, value);
        }
        Some(Caller {
            provider: provider.to_owned(),
            issuer: self.issuers.get(provider)?.clone(),
            subject,
            user: user.to_owned(),
            email: text("enduser.email"),
            email_verified: true,
            name: None,
            groups: Groups::Known(line.list("airgate.groups").into_iter().map(str::to_owned).collect()),
            client: text("airgate.client"),
            expires: now.plus(Duration::from_secs(300)),
            claims,
            reckoned: Reckoned::default(),
        })
    }

    /// Everybody whom the record may mean, each with what it leaves open.
    fn callers(&self, caller: Caller) -> Vec<(Caller, String)> {
        let mut all = Vec::new();
        let with = |groups: &[String]| {
            let mut other = caller.clone();
            if let Groups::Known(list) = &mut other.groups {
                list.extend_from_slice(groups);
            }
            other
        };
        for group in &self.open_groups {
            let open = format!("the record does not say who is in the group {group:?}");
            all.push((with(std::slice::from_ref(group)), open));
        }
        if self.open_groups.len() > 1 {
            all.push((with(&self.open_groups), "the record does not say who is in some groups".to_owned()));
        }
        if caller.email.is_some() {
            let open = "the record does not say whether the e-mail address is verified".to_owned();
            all.push((Caller { email_verified: false, ..caller.clone() }, open));
        }
        all.insert(0, (caller, String::new()));
        all
    }

    fn ask(&mut self, line: &Line, caller: Option<&Caller>, body: &Map<String, Value>, now: Time) -> Again {
        let asked = Asked { line, caller, body, authority: &self.authority, new_agents: &self.new_agents, now };
        let mut standing_in;
        let (mut end, mut heard) = asked.of(&mut self.gateway);
        let recorded = role(line.get("airgate.role"));
        let by_claim = std::mem::take(&mut heard.roles_by_claim);
        if let (Some(caller), true) = (caller, by_claim.iter().any(|(_, given)| Some(*given) == recorded)) {
            standing_in = caller.clone();
            if let Groups::Known(list) = &mut standing_in.groups {
                list.push(format!("{ROLE_GROUP}{}", line.get("airgate.role")));
            }
            (end, heard) = Asked { caller: Some(&standing_in), ..asked }.of(&mut self.by_role);
            end.by_recorded_role = true;
        }
        let for_want_of_a_role = ["low_role", "no_role"].contains(&end.reason.as_str());
        let is_open = |(index, given): &&(usize, Role)| {
            for_want_of_a_role && Some(*given) > recorded && self.new_claims.get(*index) == Some(&true)
        };
        let doubt = match end.allowed {
            true => heard.may_refuse,
            false => heard.may_allow.or_else(|| {
                by_claim.iter().find(is_open).map(|(index, _)| format!("access.roles[{index}] asks for a claim"))
            }),
        };
        match doubt {
            Some(doubt) => Again::Undecided(doubt),
            None => Again::Decided(end),
        }
    }
}

/// A question to one gateway.
struct Asked<'a> {
    line: &'a Line,
    caller: Option<&'a Caller>,
    body: &'a Map<String, Value>,
    authority: &'a str,
    new_agents: &'a [bool],
    now: Time,
}

impl<'a> Asked<'a> {
    fn of(&self, gateway: &mut Gateway) -> (End, Heard<'a>) {
        let session = self.line.get("airgate.auth") == Auth::Session.name();
        let mut more = vec![("content-type".to_owned(), "application/json".to_owned())];
        if session {
            // Those from elsewhere are in the record as such.
            more.push(("sec-fetch-site".to_owned(), "same-origin".to_owned()));
        }
        let host = self.line.get("server.address");
        if !host.is_empty() {
            more.push(("host".to_owned(), host.to_owned()));
        }
        let method = self.line.get("http.request.method");
        let auth = if session { Auth::Session } else { Auth::Bearer };
        let sender = self.caller.map(|caller| (Rc::new(caller.clone()), auth));
        let known = sender.is_some();
        let inquiry = Inquiry {
            headers: desk::headers(self.authority, method, &self.line.target(), &more),
            body: if self.body.is_empty() { Vec::new() } else { json!(self.body).to_string().into_bytes() },
            sender,
        };
        let mut heard = Heard::nothing(self.line, self.new_agents);
        let ending = Ending::of(gateway.explain(inquiry, &mut heard, &DeskHost, self.now), known);
        let by = std::mem::take(&mut heard.by);
        let end = End { allowed: ending.decision == "allow", reason: ending.reason, by, by_recorded_role: false };
        (end, heard)
    }
}

/// For each entry whether it asks for a claim or an acting party and was not
/// there before.
fn new(before: &Value, now: &Value, pointer: &str) -> Vec<bool> {
    let asks = |entry: &Value| entry.get("claim").is_some() || entry.get("act").is_some();
    let before = list(before, pointer);
    list(now, pointer).iter().map(|entry| asks(entry) && !before.contains(entry)).collect()
}

/// A claim that is what an entry asks for.
fn claim_of(entry: &Value) -> Option<(&str, Value)> {
    let pointer = entry.get("claim")?.as_str()?;
    let value = match ["equals", "prefix", "one_of", "contains"].map(|name| entry.get(name)) {
        [Some(value), ..] | [_, Some(value), ..] => value.clone(),
        [_, _, Some(list), _] => list.get(0)?.clone(),
        [_, _, _, Some(value)] => json!([value]),
        _ => return None,
    };
    Some((pointer, value))
}

/// Puts a claim where a pointer finds it.
fn put(claims: &mut Map<String, Value>, pointer: &str, value: Value) {
    let (name, rest) = pointer.trim_start_matches('/').split_once('/').unwrap_or((pointer.trim_start_matches('/'), ""));
    let name = name.replace("~1", "/").replace("~0", "~");
    if rest.is_empty() {
        claims.insert(name, value);
        return;
    }
    if let Some(inner) = claims.entry(name).or_insert_with(|| json!({})).as_object_mut() {
        put(inner, rest, value);
    }
}

fn first_word(words: &Value) -> Option<&str> {
    words.as_str().or_else(|| words.get(0)?.as_str())
}

/// The bodies that a line may have had, each with what that leaves open.
fn bodies(line: &Line, operations: &Operations) -> Vec<(Map<String, Value>, &'static str)> {
    let ids = line.body(operations);
    let with = |name: &str, value: Value| {
        let mut body = ids.clone();
        body.insert(name.to_owned(), value);
        body
    };
    if ["GET", "HEAD", "DELETE"].contains(&line.get("http.request.method")) {
        return vec![(Map::new(), "")];
    }
    // Of a runner's role only what starts work is let through.
    let only_starts =
        matches!((line.get("airgate.reason"), line.get("airgate.role")), ("role" | "default_role", "runner"));
    let or = |mild: Map<String, Value>, harsh: Map<String, Value>, open| vec![(mild, ""), (harsh, open)];
    match (line.get("airgate.operation"), line.get("airgate.route")) {
        ("publicCreateJob", _) if only_starts => vec![(with("jobType", "sync".into()), "")],
        ("publicCreateJob", _) => {
            let open = "the record does not say which type of job";
            or(with("jobType", "sync".into()), with("jobType", "reset".into()), open)
        }
        ("refreshConnectionStream", _) if only_starts => vec![(with("refreshMode", "Merge".into()), "")],
        ("refreshConnectionStream", _) => {
            let open = "the record does not say in which mode the connection was refreshed";
            or(with("refreshMode", "Merge".into()), with("refreshMode", "Truncate".into()), open)
        }
        ("updateConnection" | "patchConnection" | "webBackendUpdateConnection", _) => {
            let open = "the record does not say whether the update deleted the connection";
            or(ids.clone(), with("status", "deprecated".into()), open)
        }
        ("updateConnectionWithReason", _) => {
            let open = "the record does not say whether the update deleted the connection";
            let inner = |status: Value| {
                let inner = ids.get("connectionUpdate").and_then(Value::as_object);
                let mut inner = inner.cloned().unwrap_or_default();
                inner.insert("status".to_owned(), status);
                with("connectionUpdate", Value::Object(inner))
            };
            or(inner(Value::Null), inner("deprecated".into()), open)
        }
        ("webBackendGetConnection", "slow") => vec![(with("withRefreshedCatalog", true.into()), "")],
        ("webBackendGetConnection", "") => {
            let open = "the record does not say whether the catalog was refreshed";
            or(ids.clone(), with("withRefreshedCatalog", true.into()), open)
        }
        _ => vec![(ids, "")],
    }
}

/// The configuration with the entries of `access.roles` that ask for claims
/// replaced by one for each role in the record.
fn with_recorded_roles(config: &Value) -> Value {
    let mut config = config.clone();
    if let Some(access) = config.get_mut("access").and_then(Value::as_object_mut) {
        let roles = access.entry("roles").or_insert_with(|| json!([]));
        if let Some(list) = roles.as_array_mut() {
            list.retain(|entry| entry.get("claim").is_none());
            let recorded = |role: &str| json!({"role": role, "group": format!("{ROLE_GROUP}{role}")});
            list.extend(ROLES.iter().map(|role| recorded(role.name())));
        }
    }
    config
}

const ROLES: [Role; 4] = [Role::Reader, Role::Runner, Role::Editor, Role::Admin];

fn role(name: &str) -> Option<Role> {
    ROLES.into_iter().find(|role| role.name() == name)
}

/// The groups that the policy names: those that the record would list.
fn groups_of(config: &Value) -> Vec<String> {
    let mut groups = Vec::new();
    collect_groups(config.get("access").unwrap_or(&Value::Null), &mut groups);
    groups.sort();
    groups.dedup();
    groups
}

fn collect_groups(value: &Value, groups: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                match (name.as_str(), inner) {
                    ("group", Value::String(group)) => groups.push(group.clone()),
                    ("group", Value::Array(list)) => {
                        groups.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => collect_groups(inner, groups),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| collect_groups(inner, groups)),
        _ => {}
    }
}

fn list<'a>(config: &'a Value, pointer: &str) -> &'a [Value] {
    config.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
