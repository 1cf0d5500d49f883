//! May they? Who gets a permit, and for what.

mod agent;
mod amendment;
mod body;
mod budget;
mod catalog;
mod claim;
mod glob;
mod grant;
mod id_place;
mod ids;
mod judge;
mod membership;
mod operation;
mod permit;
mod role;
mod rule;
mod trace;
#[cfg(not(target_arch = "wasm32"))]
mod unmatched;
mod verdict;
mod what;
mod which;
mod who;
mod words;

pub use body::BodyQuestion;
pub use id_place::IdKind;
pub use ids::Ids;
pub use judge::BodyNeed;
pub use operation::{Effect, Impact, Operation, Operations};
pub use permit::{Permit, PermitReason, Prospect};
pub use role::{Needs, Role};
pub use rule::Then;
pub use trace::{Fit, IdFit, Note, RuleOutcome, Trace};
#[cfg(not(target_arch = "wasm32"))]
pub use unmatched::Unmatched;
pub use verdict::{Boundary, Denial, Foresight, Question, Report, Verdict};
pub use what::tag;

use crate::caller::{Auth, Caller};
use crate::demand::Demand;
use crate::http::{PathPattern, Request};
use crate::pointer::Pointer;
use crate::settings::Section;
use agent::Agent;
use amendment::Amendment;
use budget::Budgets;
use catalog::Catalog;
use grant::Grants;
use membership::GroupNames;
use rule::Rules;
use who::{Asking, Who};

/// For remote data planes with tokens of their own, and for Airbyte's inside:
/// no user has business there.
const CLOSED: [&str; 3] = ["/api/v1/dataplanes/**", "/api/v1/workload/**", "/api/v1/workload_output/**"];

/// Airbyte's own login, which its list leaves out. The password or token in the
/// request decides there.
const OWN_LOGIN: [&str; 3] = ["/api/login", "/api/logout", "/api/oauth/access_token"];

/// The policy.
pub struct Access {
    operations: Operations,
    amendments: Vec<Amendment>,
    public: Public,
    closed: Vec<PathPattern>,
    open: Vec<PathPattern>,
    groups: GroupNames,
    grants: Grants,
    agents: Vec<Agent>,
    rules: Rules,
    report_only: ReportOnly,
    budgets: Budgets,
    /// `/act`, `/acr` and `/auth_time`, as far as anything depends on them.
    standard_claims: Vec<Pointer>,
}

/// What is for everybody, as the configuration has it.
pub struct Public(Vec<PathPattern>);

impl Public {
    /// Reads `public`.
    pub(crate) fn read(root: &Section<'_>) -> Public {
        Public(patterns(root, "public"))
    }

    /// Whether a request needs no permit: it reads, from one of these paths.
    pub fn covers(&self, request: &Request) -> bool {
        let path = request.target().matched();
        reads(request) && self.0.iter().any(|pattern| pattern.matches(path))
    }
}

/// What a path and a method ask of Airbyte: one look at the list for both.
#[derive(Clone, Debug)]
pub struct Errand {
    /// `None` for pages, files and operations that neither Airbyte's list nor the
    /// configuration has.
    pub operation: Option<Operation>,
    /// What the path names.
    ids: Ids,
}

/// For whom refusals are reported only.
enum ReportOnly {
    Everybody,
    Those(Vec<Who>),
}

/// The providers that the configuration has, as far as entries name them.
#[derive(Clone, Copy)]
pub(crate) struct Vouchers<'a> {
    /// Whether one has this name.
    pub has: &'a dyn Fn(&str) -> bool,
    /// Whether there are several.
    pub several: bool,
}

impl Vouchers<'_> {
    fn check(&self, section: &Section<'_>, field: &str, name: &str) {
        if !(self.has)(name) {
            section.mistake(field, "no provider has this name");
        }
    }
}

impl Access {
    /// Reads `public` and `access`.
    pub(crate) fn read(root: &Section<'_>, vouchers: &Vouchers<'_>) -> Option<Access> {
        let public = Public::read(root);
        root.require("access")?;
        let section = root.section("access")?;
        let mut groups = GroupNames::read(&section, vouchers);
        let grants = Grants::read(&section, &mut groups, vouchers);
        let mut amendments = Vec::new();
        for section in section.sections("operations") {
            amendments.extend(Amendment::read(&section));
        }
        let open = patterns(&section, "open");
        let catalog = Catalog::new(&amendments);
        let rules = Rules::read(&section, &catalog, &mut groups, vouchers);
        let agents = Agent::read_all(&section, &catalog, vouchers);
        let report_only = ReportOnly::read(&section, &mut groups, vouchers);
        section.finish();
        let closed = CLOSED.iter().filter_map(|text| PathPattern::parse(text).ok()).collect();
        let names = if rules.iter().any(|rule| rule.then == Then::StepUp) { 0..3 } else { 0..1 };
        let standard_claims =
            ["/act", "/acr", "/auth_time"].get(names)?.iter().filter_map(|text| Pointer::parse(text).ok()).collect();
        Some(Access {
            operations: Operations::builtin(),
            amendments,
            public,
            closed,
            open,
            groups,
            grants: grants?,
            agents,
            rules,
            report_only,
            budgets: Budgets::default(),
            standard_claims,
        })
    }

    /// The claims that the policy depends on, which sessions have to keep.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &Pointer> {
        let agents = self.agents.iter().filter_map(Agent::claim);
        let rules = self.rules.iter().filter_map(|rule| rule.claim());
        let spared = self.report_only.list().iter().filter_map(Who::claim);
        self.standard_claims.iter().chain(self.grants.claims()).chain(agents).chain(rules).chain(spared)
    }

    /// What a rule demands of a sign-in, for a login that is to meet it.
    pub fn demand(&self, rule: &str) -> Option<&Demand> {
        let found = self.rules.iter().find(|known| known.then == Then::StepUp && *known.name == *rule);
        found.map(|rule| &*rule.demand)
    }

    /// What is asked of Airbyte. HEAD asks what GET asks.
    pub fn errand(&self, request: &Request) -> Errand {
        let (method, path) = (what::method(request), request.target().matched());
        let place = self.operations.at(path);
        let listed = place.as_ref().and_then(|place| place.operation(method)).cloned();
        let listed = listed.map(|operation| operation.by_query(request.target().query()));
        let operation = match self.amendments.iter().find(|amendment| amendment.covers(method, request)) {
            Some(amendment) => Some(amendment.amend(listed)),
            None => listed,
        };
        let places = operation.as_ref().and_then(|operation| operation.places);
        Errand { operation, ids: Ids::of_path(path, place.as_ref(), places) }
    }

    /// A caller's role, as far as it is certain; `None`: none.
    pub fn role(&self, caller: &Caller) -> Option<Role> {
        self.asking(caller, Auth::Bearer, &mut ()).standing.role
    }

    /// What is known of somebody who asks.
    fn asking<'a>(&self, caller: &'a Caller, auth: Auth, trace: &mut impl Trace) -> Asking<'a> {
        let member = self.groups.of(caller, trace);
        let mut asking = Asking { caller, auth, member, standing: grant::Standing::default() };
        asking.standing = self.grants.standing(&asking, trace);
        asking
    }

    /// A permit for whoever asks, where none needs to say who they are.
    pub fn permit_public(&self, request: &Request, operation: Option<&Operation>) -> Option<Permit> {
        let listed = operation.is_some_and(|operation| operation.needs == Needs::Nothing);
        let public = (listed && reads(request)) || self.public.covers(request);
        public.then(|| Permit::new(None, PermitReason::Public))
    }

    /// The least role for a request of somebody who is known.
    fn needed(&self, request: &Request, operation: Option<&Operation>) -> Result<Role, Denial> {
        let path = request.target().matched();
        let any = |patterns: &[PathPattern]| patterns.iter().any(|pattern| pattern.matches(path));
        let needs = match operation {
            Some(operation) => operation.needs,
            None if any(&self.closed) => Needs::Closed,
            None if is_page(request) || OWN_LOGIN.contains(&path) => Needs::Role(Role::Reader),
            None => Needs::Role(Role::Admin),
        };
        match needs {
            Needs::Nothing => Ok(Role::Reader),
            Needs::Role(role) => Ok(role),
            Needs::Closed if any(&self.open) => Ok(Role::Admin),
            Needs::Closed => Err(Denial::Closed),
        }
    }
}

impl ReportOnly {
    /// Reads `report_only`: a truth value, or a list of whom it holds for.
    fn read(access: &Section<'_>, groups: &mut GroupNames, vouchers: &Vouchers<'_>) -> ReportOnly {
        if access.get("report_only").is_some_and(serde_json::Value::is_array) {
            let mut list = Vec::new();
            for section in access.sections("report_only") {
                list.push(Who::read_alone(&section, groups, vouchers));
            }
            return ReportOnly::Those(list);
        }
        match access.boolean("report_only", false) {
            true => ReportOnly::Everybody,
            false => ReportOnly::Those(Vec::new()),
        }
    }

    fn list(&self) -> &[Who] {
        match self {
            ReportOnly::Everybody => &[],
            ReportOnly::Those(list) => list,
        }
    }
}

/// Whether a request is for one of the web app's pages or files.
pub fn is_page(request: &Request) -> bool {
    let path = request.target().matched();
    let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    reads(request) && !below("/api") && !below("/scim")
}

fn reads(request: &Request) -> bool {
    matches!(request.method(), "GET" | "HEAD")
}

fn patterns(section: &Section<'_>, name: &'static str) -> Vec<PathPattern> {
    let read = |(index, text): (usize, &str)| match PathPattern::parse(text) {
        Ok(pattern) => Some(pattern),
        Err(text) => section.wrong(&format!("{name}[{index}]"), text),
    };
    section.texts(name).into_iter().enumerate().filter_map(read).collect()
}

#[cfg(test)]
mod tests;
