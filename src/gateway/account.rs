//! Giving account: how what was decided about a request is counted, and becomes
//! its record.

use std::rc::Rc;

use super::waiting::Waiter;
use super::{Forward, Gateway, Step, StreamId};
use crate::access::{Denial, Effect, Ids, Operation, Permit, Report, Role, Verdict};
use crate::audit::{Field, Record};
use crate::caller::{Auth, Caller};
use crate::decision::Decision;
use crate::host::Host;
use crate::http::{Headers, Request};
use crate::metrics::Counter;
use crate::routing::Class;
use crate::time::Time;

/// What became known about a request on its way.
#[derive(Default)]
pub(super) struct Known {
    /// When it came.
    pub since: Time,
    /// Who sent it, and how that is known.
    pub sender: Option<(Rc<Caller>, Auth)>,
    /// The client that says so itself, where it asks for a token.
    pub client: Option<String>,
    /// What the policy said to it.
    pub judged: Option<Judged>,
    /// What kind of traffic it is.
    pub class: Option<Class>,
}

impl Known {
    /// Somebody is known.
    pub fn is_from(&mut self, caller: &Rc<Caller>, auth: Auth) {
        self.sender = Some((Rc::clone(caller), auth));
    }

    /// Somebody whose session begins or ends with this request.
    pub fn had_session(&mut self, caller: Option<Rc<Caller>>) {
        self.sender = caller.map(|caller| (caller, Auth::Session));
    }
}

/// A verdict without its outcome, which goes elsewhere.
pub(super) struct Judged {
    pub operation: Option<Operation>,
    role: Option<Role>,
    rule: Option<Rc<str>>,
    agent: Option<Rc<str>>,
    acts_for: bool,
    report: Option<Report>,
    ids: Ids,
    groups: Vec<Rc<str>>,
}

impl Judged {
    pub fn of(verdict: Verdict) -> (Result<Permit, Denial>, Judged) {
        let Verdict { outcome, role, rule, agent, acts_for, report, operation, ids, groups, .. } = verdict;
        (outcome, Judged { operation, role, rule, agent, acts_for, report, ids, groups })
    }
}

impl Gateway {
    /// Counts what was decided, and puts the record beside it.
    pub(super) fn account(
        &self,
        mut step: Step,
        request_id: &str,
        waiter: Option<&Waiter>,
        host: &dyn Host,
        now: Time,
    ) -> Step {
        let (decision, reason) = match &step {
            Step::Await | Step::Read { .. } => return step,
            Step::Forward(forward) => (Decision::Allow, forward.exchange.permit().reason().reason()),
            Step::Reply { reply, reason, .. } => (Decision::of_status(reply.status), *reason),
        };
        let written = self.record(decision, reason, request_id, waiter, host, now);
        if let Step::Forward(Forward { record, .. }) | Step::Reply { record, .. } = &mut step {
            *record = written;
        }
        step
    }

    /// Accounts for a request that ended without a decision, for `reason` unless
    /// it was waiting for one.
    pub fn on_undecided(
        &mut self,
        stream: StreamId,
        reason: &'static str,
        host: &dyn Host,
        now: Time,
    ) -> Option<Record> {
        match self.waiting.remove(stream) {
            Some(waiter) => {
                self.forget(&waiter);
                self.record(Decision::Deny, "client_gone", &waiter.request_id, Some(&waiter), host, now)
            }
            None => self.record(Decision::Deny, reason, "", None, host, now),
        }
    }

    /// A request has ended: writes its record. `headers` are asked for where it
    /// does not say what was asked for.
    pub fn on_log(
        &self,
        mut record: Record,
        headers: impl FnOnce() -> Option<Headers>,
        host: &dyn Host,
        now: impl FnOnce() -> Time,
    ) {
        let headers = if record.has_head { None } else { headers() };
        if let Some(headers) = headers {
            self.audit.note_head(&mut record, &headers);
            if record.get(Field::RequestId).is_none() {
                let id = headers.first("x-request-id").unwrap_or_default();
                self.audit.note_id(&mut record, &String::from_utf8_lossy(id), true);
            }
        }
        self.audit.write(record, host, now);
    }

    fn record(
        &self,
        decision: Decision,
        reason: &'static str,
        request_id: &str,
        waiter: Option<&Waiter>,
        host: &dyn Host,
        now: Time,
    ) -> Option<Record> {
        host.count_decision(decision, reason);
        let Some(waiter) = waiter else {
            let mut record = self.audit.begin(decision, reason, false, false)?;
            // The headers are gone; nearly always it is the proxy's.
            self.audit.note_id(&mut record, request_id, true);
            return Some(record);
        };
        let judged = waiter.known.judged.as_ref();
        let operation = judged.and_then(|judged| judged.operation.as_ref());
        if judged.is_some() && operation.is_none() && is_api(&waiter.request) {
            host.count(Counter::UnknownOperation);
        }
        if reason.starts_with("agent_") {
            host.count(Counter::AgentRefused);
        }
        let reported = judged.is_some_and(|judged| judged.report.is_some());
        if reported {
            host.count(Counter::ReportRefused);
        }
        let changes = match (decision, operation) {
            (Decision::Answer, _) => reason != "health",
            (_, Some(operation)) => operation.effect == Effect::Mutates,
            (_, None) => !matches!(waiter.request.method(), "GET" | "HEAD"),
        };
        let mut record = self.audit.begin(decision, reason, changes, reported)?;
        self.note(&mut record, waiter, now);
        Some(record)
    }

    fn note(&self, record: &mut Record, waiter: &Waiter, now: Time) {
        let Known { since, sender, client, judged, class } = &waiter.known;
        let mut note = |field, text: &str| self.audit.note(record, field, text);
        if let Some((caller, auth)) = sender {
            note(Field::User, &caller.user);
            note(Field::Email, caller.email.as_deref().unwrap_or_default());
            if caller.subject != caller.user {
                note(Field::Subject, &caller.subject);
            }
            note(Field::Client, caller.client.as_deref().unwrap_or_default());
            note(Field::Provider, &caller.provider);
            note(Field::Auth, auth.name());
            // The gateway's own pages ask no policy.
            let role = judged.as_ref().map_or_else(|| self.access.role(caller), |judged| judged.role);
            note(Field::Role, role.map_or("", Role::name));
        }
        note(Field::Client, client.as_deref().unwrap_or_default());
        match (judged, sender) {
            (Some(judged), Some((caller, _))) => {
                note(Field::Rule, judged.rule.as_deref().unwrap_or_default());
                note(Field::Agent, judged.agent.as_deref().unwrap_or_default());
                note(Field::OnBehalfOf, if judged.acts_for { &caller.user } else { "" });
                note(Field::Operation, judged.operation.as_ref().map_or("", |operation| &operation.name));
                note(Field::Ids, &listed(&judged.ids));
                let mut groups = String::new();
                judged.groups.iter().for_each(|name| add(&mut groups, name));
                note(Field::Groups, &groups);
                if let Some((denial, rule)) = &judged.report {
                    note(Field::Report, &["deny:", denial.reason()].concat());
                    note(Field::ReportRule, rule.as_deref().unwrap_or_default());
                }
            }
            // Nobody was asked, or nobody answered.
            _ => {
                let operation = self.access.errand(&waiter.request).operation;
                note(Field::Operation, operation.as_ref().map_or("", |operation| &operation.name));
            }
        }
        note(Field::Route, class.map_or("", Class::name));
        if waiter.deadline.is_some() || waiter.body_deadline.is_some() {
            record.add_number(Field::WaitedMs, u64::try_from(now.since(*since).as_millis()).unwrap_or(u64::MAX));
        }
        let headers = waiter.request.headers();
        let is_the_proxys = headers.first("x-request-id") == Some(waiter.request_id.as_bytes());
        self.audit.note_id(record, &waiter.request_id, is_the_proxys);
        self.audit.note_head(record, headers);
    }
}

/// `connection:…,workspace:…`: the ids that counted. Ids that Airbyte ignores
/// follow, each with `elsewhere:` before it. A body that was not read may have more.
fn listed(ids: &Ids) -> String {
    let mut list = String::new();
    let own = ids.iter().map(|id| ("", id));
    for (mark, (kind, id)) in own.chain(ids.elsewhere().map(|id| ("elsewhere:", id))) {
        add(&mut list, mark);
        list.push_str(kind.name());
        list.push(':');
        list.push_str(id);
    }
    list
}

fn add(list: &mut String, item: &str) {
    if !list.is_empty() {
        list.push(',');
    }
    list.push_str(item);
}

fn is_api(request: &Request) -> bool {
    let path = request.target().matched();
    ["/api/", "/scim/"].iter().any(|root| path.starts_with(root))
}
