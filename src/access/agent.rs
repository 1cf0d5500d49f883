//! Agents: callers who are held inside a boundary, whatever their role.

use std::rc::Rc;

use serde_json::Value;

use super::budget::Charge;
use super::claim::ClaimTest;
use super::glob::Glob;
use super::what::{Asked, read_operations};
use super::which::Which;
use super::words::{quoted, read_name, read_words};
use super::{Boundary, Catalog, Effect, Fit, IdFit, IdKind, Ids, Needs, Operation, Role, Vouchers};
use crate::caller::Caller;
use crate::pointer::Pointer;
use crate::settings::Section;

/// A ready set of operations.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Preset {
    /// What readers look at.
    Observer,
    /// The same, and syncs are started and stopped.
    SyncOperator,
}

/// What a sync operator does besides looking.
const SYNC_OPERATIONS: [&str; 5] =
    ["syncConnection", "refreshConnectionStream", "cancelJob", "publicCreateJob", "publicCancelJob"];

/// An entry of `access.agents`: about whom, and their boundary.
pub(super) struct Agent {
    pub name: Rc<str>,
    clients: Vec<Glob>,
    claim: Option<ClaimTest>,
    act: Vec<Glob>,
    providers: Vec<String>,
    preset: Option<Preset>,
    operations: Vec<Glob>,
    pub which: Which,
    budget: Option<u32>,
    pub report_only: bool,
}

impl Agent {
    /// Reads `agents`.
    pub fn read_all(access: &Section<'_>, catalog: &Catalog<'_>, vouchers: &Vouchers<'_>) -> Vec<Agent> {
        let mut list: Vec<Agent> = Vec::new();
        for section in access.sections("agents") {
            let Some(agent) = Agent::read(&section, catalog, vouchers) else {
                continue;
            };
            if list.iter().any(|other| other.name == agent.name) {
                section.mistake("name", "another agent has this name");
            }
            list.push(agent);
        }
        list
    }

    fn read(section: &Section<'_>, catalog: &Catalog<'_>, vouchers: &Vouchers<'_>) -> Option<Agent> {
        let name = read_name(section);
        let clients = super::words::globs(read_words(section, "client"));
        let claim = ClaimTest::read(section);
        let act = super::words::globs(read_words(section, "act"));
        let providers = read_words(section, "provider");
        for provider in &providers {
            vouchers.check(section, "provider", provider);
        }
        let preset =
            section.choice("preset", &[("observer", Preset::Observer), ("sync-operator", Preset::SyncOperator)]);
        let operations = read_operations(section, "operations", catalog);
        for word in read_words(section, "operations").iter().filter(|word| catalog.is_never(word)) {
            section.mistake("operations", quoted(word, "no agent may do this"));
        }
        let which = Which::read(
            section,
            [
                ("workspaces", IdKind::Workspace),
                ("connections", IdKind::Connection),
                ("sources", IdKind::Source),
                ("destinations", IdKind::Destination),
            ],
        );
        let budget = section.get("budget").and_then(|value| match value.as_u64().map(u32::try_from) {
            Some(Ok(limit @ 1..=10_000)) => Some(limit),
            _ => section.wrong("budget", "expected a whole number from 1 to 10000: mutating calls a minute"),
        });
        let report_only = section.boolean("report_only", false);
        section.finish();
        if !["client", "claim", "act"].iter().any(|name| section.has(name)) {
            section.mistake("client", "is about whom? Write client, claim or act");
        }
        let providers = super::words::owned(providers);
        let name = name?.into();
        Some(Agent { name, clients, claim, act, providers, preset, operations, which, budget, report_only })
    }

    /// The claim that it looks at.
    pub fn claim(&self) -> Option<&Pointer> {
        self.claim.as_ref().map(ClaimTest::pointer)
    }

    /// Whether it is about somebody; `actor` acts for the token's subject.
    pub fn who(&self, caller: &Caller, actor: Option<&Actor<'_>>) -> Fit {
        let any = |globs: &[Glob], name: &str| globs.iter().any(|glob| glob.matches(name));
        let client = || caller.client.as_ref().is_some_and(|id| any(&self.clients, id));
        let act = || actor.is_some_and(|actor| actor.names.iter().any(|name| any(&self.act, name)));
        match () {
            () if !self.providers.is_empty() && !self.providers.contains(&caller.provider) => Fit::No("provider"),
            () if !self.clients.is_empty() && !client() => Fit::No("client"),
            () if !self.act.is_empty() && !act() => Fit::No("act"),
            () if self.claim.as_ref().is_some_and(|claim| !claim.holds(caller)) => Fit::No("claim"),
            () => Fit::Yes,
        }
    }

    /// Whether an operation is among the agent's.
    pub fn has(&self, operation: &Operation) -> bool {
        let preset = self.preset.is_some_and(|preset| preset.has(operation));
        let all = self.preset.is_none() && self.operations.is_empty();
        all || preset || self.operations.iter().any(|glob| glob.matches(&operation.name))
    }

    /// What to count when a call goes on that changes something.
    pub fn charge(&self, asked: &Asked<'_>, caller: &Caller, actor: Option<&Actor<'_>>) -> Option<Charge> {
        let limit = self.budget.filter(|_| asked.effect != Some(Effect::Reads))?;
        // One agent stays one, whomever it acts for.
        let own = match (actor, &caller.client) {
            (Some(actor), _) => actor.name(),
            (None, Some(client)) if !self.clients.is_empty() => client,
            _ => &caller.subject,
        };
        let mut principal = self.name.to_string();
        for part in [caller.issuer.as_str(), own] {
            principal.push('\n');
            principal.push_str(part);
        }
        Some(Charge { principal: principal.into(), limit })
    }

    /// Calls a minute.
    pub fn budget(&self) -> Option<u32> {
        self.budget
    }
}

impl Preset {
    fn has(self, operation: &Operation) -> bool {
        let looks =
            operation.effect == Effect::Reads && matches!(operation.needs, Needs::Nothing | Needs::Role(Role::Reader));
        looks || (self == Preset::SyncOperator && SYNC_OPERATIONS.contains(&operation.name.as_ref()))
    }
}

/// What a request of an agent crosses, and how its ids stand to the entry's;
/// without an entry only the outermost boundary counts.
pub(super) fn crossed(entry: Option<&Agent>, operation: Option<&Operation>, ids: &Ids) -> (Option<Boundary>, IdFit) {
    let Some(operation) = operation else {
        return (Some(Boundary::NoOperation), IdFit::NotAsked);
    };
    let admins = matches!(operation.needs, Needs::Role(Role::Admin) | Needs::Closed);
    if operation.never_for_agents || admins {
        return (Some(Boundary::Never), IdFit::NotAsked);
    }
    let Some(entry) = entry else {
        return (None, IdFit::NotAsked);
    };
    if !entry.has(operation) {
        return (Some(Boundary::Operation), IdFit::NotAsked);
    }
    match entry.which.gives(ids) {
        fit @ (IdFit::NotAsked | IdFit::Listed) => (None, fit),
        fit => (Some(Boundary::Ids), fit),
    }
}

/// The party that acts for a token's subject: the outermost `act` claim (RFC
/// 8693 section 4.1). Those inside it acted before and count for nothing.
pub(super) struct Actor<'a> {
    /// Its `sub` and `client_id`; one empty name if it has neither, which is an
    /// agent all the same.
    names: Vec<&'a str>,
}

impl<'a> Actor<'a> {
    pub fn of(caller: &'a Caller) -> Option<Actor<'a>> {
        let act = caller.claims.get("act").filter(|act| !act.is_null())?;
        let mut names = Vec::new();
        names.extend(["sub", "client_id"].iter().filter_map(|name| act.get(name).and_then(Value::as_str)));
        if names.is_empty() {
            names.push("");
        }
        Some(Actor { names })
    }

    /// What it is called.
    pub fn name(&self) -> &'a str {
        self.names.first().copied().unwrap_or_default()
    }
}
