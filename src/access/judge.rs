//! How the parts of the policy come to one verdict: what is closed, agents'
//! boundaries, rules, roles.

use std::rc::Rc;

use serde_json::Value;

use super::agent::{Actor, Agent, crossed};
use super::rule::Rule;
use super::what::{Asked, method};
use super::who::Asking;
use super::{
    Access, Denial, Errand, Fit, Foresight, IdFit, Ids, Note, Operation, Permit, PermitReason, Prospect, Question,
    Report, ReportOnly, RuleOutcome, Then, Trace, Verdict,
};
use crate::caller::{Auth, Caller};
use crate::http::Request;
use crate::json;
use crate::time::Time;

/// A question, with what was found out about it.
struct Case<'a> {
    request: &'a Request,
    now: Time,
    asked: Asked<'a>,
    asking: Asking<'a>,
    actor: Option<Actor<'a>>,
    ids: &'a Ids,
}

/// How a body is read.
enum Reading {
    /// It says this.
    Whole(Value),
    /// It may say anything, so it says what speaks most against the request.
    Unread,
    /// It may say anything, so it says what speaks most for the request.
    Awaited,
}

/// For what a body is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BodyNeed {
    /// For nothing: it is forwarded unread.
    None,
    /// Only for what is report-only, which refuses nothing.
    Report,
    /// For the decision.
    Decide,
}

/// What parts of the policy count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Count {
    /// Those that are not reported only.
    Enforced,
    /// All.
    All,
}

/// What the policy says, before anything is spared because it is reported only.
struct Decision {
    outcome: Result<PermitReason, Denial>,
    rule: Option<Rc<str>>,
}

impl Decision {
    fn refused(denial: Denial) -> Decision {
        Decision { outcome: Err(denial), rule: None }
    }
}

impl Access {
    /// For what the body of a request has to be known before [`Access::judge`] can
    /// tell; without a caller: for any caller.
    pub fn body_need(
        &self,
        request: &Request,
        operation: Option<&Operation>,
        caller: Option<(&Caller, Auth)>,
        now: Time,
    ) -> BodyNeed {
        if !has_body(request) {
            return BodyNeed::None;
        }
        let for_role = operation.is_some_and(Operation::wants_body_for_role);
        let has_question = operation.is_some_and(|operation| operation.body.is_some());
        let depends = |rule: &Rule| !rule.which.is_empty() || (has_question && rule.depends_on_content());
        let mut rules = self.rules.about(operation, None).filter(|(_, rule)| depends(rule)).peekable();
        let mut agents = self.agents.iter().filter(|agent| !agent.which.is_empty()).peekable();
        // Most requests end here.
        if !for_role && rules.peek().is_none() && agents.peek().is_none() {
            return BodyNeed::None;
        }
        let asked = Asked::new(request, operation);
        let asking = caller.map(|(caller, auth)| self.asking(caller, auth, &mut ()));
        let about = |rule: &Rule| {
            let who = || asking.as_ref().is_none_or(|asking| !matches!(rule.who(asking), Fit::No(_)));
            let what = || has_question || rule.what(&asked) == Fit::Yes;
            !rule.is_over(now) && what() && who()
        };
        let held = |agent: &Agent| match caller {
            Some((caller, _)) => agent.who(caller, Actor::of(caller).as_ref()) == Fit::Yes,
            None => true,
        };
        let has = |agent: &Agent| operation.is_some_and(|operation| agent.has(operation)) && held(agent);
        let rules = rules.filter(|(_, rule)| about(rule)).map(|(_, rule)| rule.report_only);
        let agents = agents.filter(|agent| has(agent)).map(|agent| agent.report_only);
        let report_only = for_role.then_some(false).into_iter().chain(rules).chain(agents);
        let need = report_only.map(|report_only| if report_only { BodyNeed::Report } else { BodyNeed::Decide });
        let is_spared = || match &self.report_only {
            ReportOnly::Everybody => true,
            ReportOnly::Those(list) => {
                asking.as_ref().is_some_and(|asking| list.iter().any(|who| who.fit(asking) == Fit::Yes))
            }
        };
        match need.max().unwrap_or(BodyNeed::None) {
            BodyNeed::Decide if is_spared() => BodyNeed::Report,
            need => need,
        }
    }

    /// The verdict about a caller who is known.
    pub fn judge<T: Trace>(&self, question: &Question<'_>, errand: Errand, trace: &mut T) -> Verdict {
        // An empty body says nothing, and says it clearly.
        let body = match question.body {
            Some([]) => Some(Value::Null),
            body => body.and_then(|body| json::parse(body).ok()),
        };
        self.judge_by(question, errand, body.map_or(Reading::Unread, Reading::Whole), trace)
    }

    /// Returns the refusal of a request that no body could avert; `None`: its body
    /// decides. Unlike [`Access::foresee`] for a proxy that holds the headers: it
    /// may still permit what it would refuse without a body.
    pub fn refuses_any_body<T: Trace>(
        &self,
        question: &Question<'_>,
        errand: &Errand,
        trace: &mut T,
    ) -> Option<Verdict> {
        let best = self.at_best(question, errand, &mut ());
        match best.outcome {
            Ok(_) => None,
            // The trace tells of one reading only.
            Err(_) if T::LISTENS => Some(self.at_best(question, errand, trace)),
            Err(_) => Some(best),
        }
    }

    /// The verdict for the body that speaks most for a request.
    fn at_best<T: Trace>(&self, question: &Question<'_>, errand: &Errand, trace: &mut T) -> Verdict {
        let mut best = self.judge_by(question, errand.clone(), Reading::Awaited, trace);
        let spent = best.charges.first().and_then(Option::as_ref);
        if let Some(retry) = spent.and_then(|charge| self.budgets.rest(charge, question.now)) {
            best.outcome = Err(Denial::Budget { retry });
        }
        best
    }

    /// What can be said of a request whose body decides and has not come.
    pub fn foresee(&self, question: &Question<'_>, errand: &Errand) -> Foresight {
        let worst = self.judge_by(question, errand.clone(), Reading::Unread, &mut ());
        // What is only reported may depend on the body, too.
        if worst.outcome.is_ok() && worst.report.is_none() {
            return Foresight::Settled(Box::new(worst));
        }
        let best = self.at_best(question, errand, &mut ());
        // An upstream may take the headers for a request without a body.
        if best.outcome.is_ok() && may_be_whole(question.request) {
            let bodiless = self.judge_by(question, errand.clone(), Reading::Whole(Value::Null), &mut ());
            if bodiless.outcome.is_err() {
                return Foresight::Settled(Box::new(bodiless));
            }
        }
        match &best.outcome {
            Ok(permit) => Foresight::Open { prospect: Prospect::new(permit.role()), operation: worst.operation },
            Err(_) => Foresight::Settled(Box::new(best)),
        }
    }

    fn judge_by<T: Trace>(&self, question: &Question<'_>, errand: Errand, reading: Reading, trace: &mut T) -> Verdict {
        let Question { request, caller, auth, now, .. } = *question;
        let Errand { operation, mut ids } = errand;
        let operation = operation.map(|operation| match &reading {
            Reading::Whole(body) => operation.by_body(Some(body)),
            Reading::Unread => operation.by_body(None),
            Reading::Awaited => operation.at_best(),
        });
        ids.add_query(request.target().query());
        if has_body(request) {
            match &reading {
                Reading::Whole(body) => ids.add_body(Some(body)),
                Reading::Unread => ids.add_body(None),
                Reading::Awaited => ids.await_body(),
            }
        }
        ids.finish();
        let asked = Asked::new(request, operation.as_ref());
        let name = operation.as_ref().map(|operation| operation.name.as_ref());
        trace.note(Note::Operation { name, tag: asked.tag, effect: asked.effect });
        trace.note(Note::Ids(&ids));
        let asking = self.asking(caller, auth, trace);
        let standing = asking.standing;
        let (role, highest, is_default) = (standing.role, standing.highest, standing.is_default);
        trace.note(Note::Standing { role, highest, is_default });
        let case = Case { request, now, asked, asking, actor: Actor::of(caller), ids: &ids };
        let (outcome, rule, report) = self.settle(&case, trace);

        let entries = [Count::Enforced, Count::All].map(|count| self.agent(&case, count, &mut ()));
        let [held, reported] = entries;
        let charge = |agent: Option<&Agent>| agent?.charge(&case.asked, caller, case.actor.as_ref());
        let charges = match (&outcome, charge(held), charge(reported.filter(|agent| agent.report_only))) {
            (Err(_), ..) => [None, None],
            (Ok(_), Some(charge), _) if self.spares(&case, &mut ()) => [None, Some(charge)],
            (Ok(_), held, reported) => [held, reported],
        };
        for agent in entries.into_iter().flatten() {
            if let (true, Some(limit)) = (charges.iter().any(Option::is_some), agent.budget()) {
                trace.note(Note::Budget { entry: &agent.name, limit });
            }
        }
        let agent = match (held.or(reported), &case.actor) {
            (Some(agent), _) => Some(Rc::clone(&agent.name)),
            (None, Some(actor)) => Some(actor.name().into()),
            (None, None) => None,
        };
        let acts_for = case.actor.is_some();
        let groups = self.groups.names(&case.asking.member);
        Verdict { outcome, role, rule, agent, acts_for, report, operation, ids, groups, charges }
    }

    /// Counts what goes on against an agent's budget: to be called when the
    /// verdict is carried out.
    pub fn spend(&mut self, mut verdict: Verdict, now: Time) -> Verdict {
        let [held, reported] = std::mem::take(&mut verdict.charges);
        for (charge, reported) in [(held, false), (reported, true)] {
            let Some(Err(retry)) = charge.map(|charge| self.budgets.spend(&charge, now)) else {
                continue;
            };
            match reported {
                true => verdict.report = verdict.report.or(Some((Denial::Budget { retry }, None))),
                false => verdict.outcome = Err(Denial::Budget { retry }),
            }
        }
        verdict
    }

    /// What is enforced, and what would be refused besides.
    fn settle<T: Trace>(
        &self,
        case: &Case<'_>,
        trace: &mut T,
    ) -> (Result<Permit, Denial>, Option<Rc<str>>, Option<Report>) {
        let role = case.asking.standing.role;
        let Decision { outcome, rule } = self.decide(case, Count::Enforced, trace);
        let (reason, report) = match outcome {
            Err(Denial::Closed) => return (Err(Denial::Closed), None, None),
            Err(denial) => match self.spares(case, trace) {
                true => (PermitReason::ReportOnly, Some((denial, rule.clone()))),
                false => return (Err(denial), rule, None),
            },
            Ok(reason) if self.has_reported_parts() => {
                let whole = self.decide(case, Count::All, &mut ());
                (reason, whole.outcome.err().map(|denial| (denial, whole.rule)))
            }
            Ok(reason) => (reason, None),
        };
        if let Some((denial, rule)) = &report {
            trace.note(Note::Reported { denial, rule: rule.as_deref() });
        }
        let rule = rule.filter(|_| reason != PermitReason::ReportOnly);
        (Ok(Permit::new(role, reason)), rule, report)
    }

    fn has_reported_parts(&self) -> bool {
        self.agents.iter().any(|agent| agent.report_only) || self.rules.iter().any(|rule| rule.report_only)
    }

    /// Whether refusals are reported only to this caller. Whoever cannot be told
    /// for certain to be meant is not.
    fn spares(&self, case: &Case<'_>, trace: &mut impl Trace) -> bool {
        let entry = match &self.report_only {
            ReportOnly::Everybody => None,
            ReportOnly::Those(list) => match list.iter().position(|who| who.fit(&case.asking) == Fit::Yes) {
                Some(entry) => Some(entry),
                None => return false,
            },
        };
        trace.note(Note::ReportOnly { entry });
        true
    }

    fn decide<T: Trace>(&self, case: &Case<'_>, count: Count, trace: &mut T) -> Decision {
        let needed = match self.needed(case.request, case.asked.operation) {
            Ok(needed) => needed,
            Err(denial) => {
                trace.note(Note::Closed);
                return Decision::refused(denial);
            }
        };
        if let Some(actor) = &case.actor {
            trace.note(Note::Actor { subject: actor.name() });
        }
        let agent = self.agent(case, count, trace);
        if agent.is_some() || case.actor.is_some() {
            let (crossed, ids) = crossed(agent, case.asked.operation, case.ids);
            trace.note(Note::Boundary { entry: agent.map(|agent| &*agent.name), crossed, ids });
            if let Some(boundary) = crossed {
                return Decision::refused(Denial::Agent(boundary));
            }
        }
        // Whether a rule would perhaps have allowed it.
        let mut perhaps = false;
        match self.by_rules(case, count, &mut perhaps, trace) {
            Some(Decision { outcome: Err(_), .. }) if perhaps => {
                return Decision::refused(Denial::GroupsOverage { needed: None });
            }
            Some(decision) => return decision,
            None => trace.note(Note::Needs { role: needed }),
        }
        let standing = case.asking.standing;
        match standing.role {
            Some(role) if role >= needed => {
                let reason = if standing.is_default { PermitReason::DefaultRole } else { PermitReason::Role };
                Decision { outcome: Ok(reason), rule: None }
            }
            _ if perhaps || standing.highest >= Some(needed) => {
                Decision::refused(Denial::GroupsOverage { needed: Some(needed) })
            }
            Some(role) => Decision::refused(Denial::LowRole { needed, role }),
            None => Decision::refused(Denial::NoRole { needed }),
        }
    }

    /// The entry of `access.agents` that holds the caller.
    fn agent(&self, case: &Case<'_>, count: Count, trace: &mut impl Trace) -> Option<&Agent> {
        for (index, agent) in self.agents.iter().enumerate() {
            let who = agent.who(case.asking.caller, case.actor.as_ref());
            let report_only = agent.report_only;
            trace.note(Note::Agent { index, name: &agent.name, who, report_only });
            if who == Fit::Yes && (count == Count::All || !report_only) {
                return Some(agent);
            }
        }
        None
    }

    /// What the first rule that decides says.
    fn by_rules<T: Trace>(&self, case: &Case<'_>, count: Count, perhaps: &mut bool, trace: &mut T) -> Option<Decision> {
        // Who listens hears of each rule, also of those that are about something else.
        let (what, who) = if T::LISTENS { (None, None) } else { (case.asked.operation, self.rules.of(&case.asking)) };
        for (index, rule) in self.rules.about(what, who) {
            let (fits, outcome) = consider(rule, case, count, T::LISTENS);
            trace.note(Note::Rule {
                index,
                name: &rule.name,
                then: rule.then,
                what: fits.what,
                who: fits.who,
                which: fits.which,
                outcome,
            });
            let name = Some(Rc::clone(&rule.name));
            match (outcome, rule.then) {
                (RuleOutcome::Decides, Then::Allow) => {
                    return Some(Decision { outcome: Ok(PermitReason::Rule), rule: name });
                }
                (RuleOutcome::Decides, _) => {
                    return Some(Decision { outcome: Err(refusal(rule, case)), rule: name });
                }
                (RuleOutcome::PerhapsByGroup, Then::Allow) => *perhaps = true,
                (RuleOutcome::PerhapsByGroup, _) => {
                    let denial = Denial::GroupsOverage { needed: None };
                    return Some(Decision { outcome: Err(denial), rule: name });
                }
                _ => {}
            }
        }
        None
    }
}

/// How the parts of a rule fit.
struct Fits {
    what: Fit,
    who: Fit,
    which: IdFit,
}

/// Whether a rule decides a case. `wholly`: all its parts are looked at, also
/// where one is enough to tell.
fn consider(rule: &Rule, case: &Case<'_>, count: Count, wholly: bool) -> (Fits, RuleOutcome) {
    let mut fits = Fits { what: Fit::Yes, who: Fit::Yes, which: IdFit::NotAsked };
    let over = rule.is_over(case.now);
    let skipped = rule.report_only && count == Count::Enforced;
    if !wholly && (over || skipped) {
        return (fits, RuleOutcome::Passed);
    }
    fits.what = if wholly { rule.what_anew(&case.asked) } else { rule.what(&case.asked) };
    if wholly || fits.what == Fit::Yes {
        fits.who = rule.who(&case.asking);
    }
    let is_about = fits.what == Fit::Yes && !matches!(fits.who, Fit::No(_));
    if wholly || is_about {
        fits.which = rule.which(case.ids);
    }
    let met = rule.then == Then::StepUp && rule.demand.is_met(&case.asking.caller.claims, case.now);
    let outcome = match fits.who {
        _ if !is_about || !rule.holds(fits.which) => RuleOutcome::Passed,
        _ if over => RuleOutcome::Over,
        _ if skipped => RuleOutcome::ReportedOnly,
        _ if met => RuleOutcome::DemandMet,
        Fit::PerhapsByGroup => RuleOutcome::PerhapsByGroup,
        _ => RuleOutcome::Decides,
    };
    (fits, outcome)
}

/// What a rule that does not allow refuses with.
fn refusal(rule: &Rule, case: &Case<'_>) -> Denial {
    let name = Rc::clone(&rule.name);
    match rule.then {
        Then::StepUp => {
            let is_user = case.asking.auth == Auth::Session || !is_program(case.asking.caller);
            Denial::StepUp { rule: name, demand: Rc::clone(&rule.demand), is_user }
        }
        _ => Denial::Rule { name, reason: rule.reason.clone() },
    }
}

/// Whether a token stands for a client alone, without anybody who could sign in:
/// the subject is the client (RFC 9068 section 2.2), or the provider says so in
/// its own way (Auth0, Entra ID).
fn is_program(caller: &Caller) -> bool {
    let says = |name: &str, word: &str| caller.claims.get(name).and_then(Value::as_str) == Some(word);
    caller.client.as_ref() == Some(&caller.subject)
        || caller.subject.ends_with("@clients")
        || says("idtyp", "app")
        || says("gty", "client-credentials")
}

/// Whether Airbyte reads a body that comes with this method.
fn has_body(request: &Request) -> bool {
    !matches!(method(request), "GET" | "DELETE")
}

/// Whether the headers alone may pass for the whole request: without a length
/// that is certainly more than nothing, unless that is left open and the proxy
/// sends the body in pieces. It does not behind a request for another protocol.
fn may_be_whole(request: &Request) -> bool {
    let headers = request.headers();
    let is_some = |length: &[u8]| length.iter().all(u8::is_ascii_digit) && length.iter().any(|digit| *digit != b'0');
    !headers.all("content-length").all(is_some) || headers.first("upgrade").is_some()
}

#[cfg(test)]
mod tests;
