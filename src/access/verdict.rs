//! A question to the policy, and its answer.

use std::rc::Rc;
use std::time::Duration;

use super::budget::Charge;
use super::{Ids, Operation, Permit, Prospect, Role};
use crate::caller::{Auth, Caller};
use crate::demand::Demand;
use crate::http::Request;
use crate::time::Time;

/// May this caller do this now?
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// What was sent.
    pub request: &'a Request,
    /// Who asks.
    pub caller: &'a Caller,
    /// How they are known.
    pub auth: Auth,
    /// The body; `None` if it was not read, or is too long to be.
    pub body: Option<&'a [u8]>,
    /// The moment of asking.
    pub now: Time,
}

/// What the policy says to a request.
#[derive(Debug)]
pub struct Verdict {
    /// Whether it may go on.
    pub outcome: Result<Permit, Denial>,
    /// The caller's role, as far as it is certain.
    pub role: Option<Role>,
    /// The rule that decided.
    pub rule: Option<Rc<str>>,
    /// The agent that the caller is: the entry's name, or without an entry the
    /// acting party's own.
    pub agent: Option<Rc<str>>,
    /// Whether the caller acts for somebody else, who is the token's subject
    /// (RFC 8693).
    pub acts_for: bool,
    /// What would have been refused were nothing report-only, and by which rule.
    pub report: Option<Report>,
    /// What is asked of Airbyte, now that the body is known.
    pub operation: Option<Operation>,
    /// What the request touches, as far as it says so.
    pub ids: Ids,
    /// The caller's groups, of those that the policy names.
    pub groups: Vec<Rc<str>>,
    /// What to count before it goes on: by the agent's entry, and by one that is
    /// reported only.
    pub(super) charges: [Option<Charge>; 2],
}

/// What can be said before the body is known.
#[derive(Debug)]
pub enum Foresight {
    /// It does not matter what the body says.
    Settled(Box<Verdict>),
    /// It does.
    Open {
        /// The prospect of a permit.
        prospect: Prospect,
        /// What is asked of Airbyte, by the stricter reading.
        operation: Option<Operation>,
    },
}

/// What report-only kept from being refused, and the rule that would have done
/// it.
pub type Report = (Denial, Option<Rc<str>>);

/// Why somebody who is known gets no permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// It is for Airbyte's own data planes and is not opened by `access.open`.
    Closed,
    /// The caller has no role at all.
    NoRole {
        /// The least that would do.
        needed: Role,
    },
    /// The caller's role is too low.
    LowRole {
        /// The least that would do.
        needed: Role,
        /// What the caller is.
        role: Role,
    },
    /// A group might make the difference, but the token does not list the
    /// groups.
    GroupsOverage {
        /// The role that would do; `None` where a rule asks for the group.
        needed: Option<Role>,
    },
    /// A rule says so.
    Rule {
        /// Its name.
        name: Rc<str>,
        /// What it tells the client.
        reason: Option<Rc<str>>,
    },
    /// It lies outside an agent's boundary.
    Agent(Boundary),
    /// An agent has changed enough for now.
    Budget {
        /// When its minute is over.
        retry: Duration,
    },
    /// A rule asks for a stronger or fresher sign-in.
    StepUp {
        /// Its name, for `/.airgate/login?step_up=`.
        rule: Rc<str>,
        /// What it asks for.
        demand: Rc<Demand>,
        /// Whether there is somebody who could sign in: a token may stand for a
        /// program alone.
        is_user: bool,
    },
}

/// Which part of an agent's boundary a request crosses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// No agent may do this.
    Never,
    /// This is no operation of Airbyte's, and agents have only those.
    NoOperation,
    /// This operation is not among the agent's.
    Operation,
    /// What it touches is not the agent's, or cannot be told.
    Ids,
}

impl Denial {
    /// The reason in the record and in metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Denial::Closed => "closed",
            Denial::NoRole { .. } => "no_role",
            Denial::LowRole { .. } => "low_role",
            Denial::GroupsOverage { .. } => "groups_overage",
            Denial::Rule { .. } => "rule_denied",
            Denial::Agent(Boundary::Never) => "agent_never",
            Denial::Agent(Boundary::NoOperation) => "agent_no_operation",
            Denial::Agent(Boundary::Operation) => "agent_operation",
            Denial::Agent(Boundary::Ids) => "agent_ids",
            Denial::Budget { .. } => "agent_budget",
            Denial::StepUp { .. } => "step_up_required",
        }
    }

    /// The role that is missing.
    pub fn needed(&self) -> Option<Role> {
        match self {
            Denial::NoRole { needed } | Denial::LowRole { needed, .. } => Some(*needed),
            Denial::GroupsOverage { needed } => *needed,
            _ => None,
        }
    }
}
