//! How a decision came about, for whoever asks to have it explained.

use super::{Boundary, Denial, Effect, Ids, Role, Then};

/// Listens to a decision. What it hears are facts; words are the listener's.
pub trait Trace {
    /// Whether anybody listens. With `false` nothing is looked at that the
    /// decision does not need.
    const LISTENS: bool = true;

    /// Hears one fact. They come in the order of judging.
    fn note(&mut self, note: Note<'_>);
}

/// Nobody listens.
impl Trace for () {
    const LISTENS: bool = false;

    fn note(&mut self, _: Note<'_>) {}
}

/// Whether conditions are met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// All are, or there are none.
    Yes,
    /// The first that is not, by its word in the configuration: `client`, say.
    No(&'static str),
    /// All that can be told are; but the caller's groups are not known.
    PerhapsByGroup,
}

/// How the ids that a request carries stand to the ids that are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdFit {
    /// None are listed.
    NotAsked,
    /// For what only takes away: at least one that it carries is listed. For
    /// what gives, each of a listed kind is.
    Listed,
    /// It carries some of a listed kind that are not listed.
    NotListed,
    /// It carries none of a listed kind at a place where its operation takes ids, or
    /// its operation takes none.
    NotCarried,
    /// For what gives: its operation demands, or it carries, another resource than
    /// the kinds that are listed.
    OtherKind,
    /// What it carries cannot be told for certain: what gives does not match,
    /// what takes away does.
    Unclear,
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleOutcome {
    /// It is not about this request, see the fits.
    Passed,
    /// Its `until` has passed.
    Over,
    /// It matches, and decides.
    Decides,
    /// It matches, and the sign-in is all that it demands: on to the next.
    DemandMet,
    /// It may match by a group that is not known: `deny` and `step_up` decide,
    /// `allow` does not.
    PerhapsByGroup,
    /// It matches, and is reported only: on to the next.
    ReportedOnly,
}

/// One fact on the way to a decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Note<'a> {
    /// What is asked for, once the body is known; `None`: no operation.
    Operation {
        /// Its name.
        name: Option<&'a str>,
        /// The resource in its path.
        tag: Option<&'a str>,
        /// Whether it changes anything; `None`: that is not known.
        effect: Option<Effect>,
    },
    /// The ids that the request carries.
    Ids(&'a Ids),
    /// The path or operation is closed and not opened by `access.open`.
    Closed,
    /// The caller is in a group that the policy names.
    Group {
        /// The group.
        name: &'a str,
        /// Whether `access.groups` says so, not the token.
        by_email: bool,
    },
    /// An entry of `access.roles`.
    Grant {
        /// Its place.
        index: usize,
        /// The role that it gives.
        role: Role,
        /// Whether it is about the caller.
        who: Fit,
    },
    /// The caller's role.
    Standing {
        /// What is certain.
        role: Option<Role>,
        /// What it could be, were all groups known.
        highest: Option<Role>,
        /// Whether that is `access.default_role`.
        is_default: bool,
    },
    /// The token names a party that acts for its subject (RFC 8693).
    Actor {
        /// Its `sub`, or else its `client_id`; empty if it has neither.
        subject: &'a str,
    },
    /// An entry of `access.agents`.
    Agent {
        /// Its place.
        index: usize,
        /// Its name.
        name: &'a str,
        /// Whether it is about the caller.
        who: Fit,
        /// Whether it is reported only.
        report_only: bool,
    },
    /// The caller is an agent; whether the request stays inside its boundary.
    Boundary {
        /// The entry's name; `None`: only the outermost boundary counts.
        entry: Option<&'a str>,
        /// What it crosses.
        crossed: Option<Boundary>,
        /// How its ids stand to the entry's.
        ids: IdFit,
    },
    /// A rule.
    Rule {
        /// Its place in `access.rules`.
        index: usize,
        /// Its name.
        name: &'a str,
        /// What it leads to.
        then: Then,
        /// Whether it is about the operation.
        what: Fit,
        /// Whether it is about the caller.
        who: Fit,
        /// Whether it is about what the request touches.
        which: IdFit,
        /// What became of it.
        outcome: RuleOutcome,
    },
    /// No rule decided: the least role that would do.
    Needs {
        /// That role.
        role: Role,
    },
    /// Nothing but `closed` is refused to this caller.
    ReportOnly {
        /// The entry of `access.report_only` about the caller; `None`: it holds
        /// for everybody.
        entry: Option<usize>,
    },
    /// What report-only kept from being refused.
    Reported {
        /// What it would have been.
        denial: &'a Denial,
        /// The rule that would have decided.
        rule: Option<&'a str>,
    },
    /// The request will be counted against an agent's budget if it goes on.
    Budget {
        /// The entry's name.
        entry: &'a str,
        /// Mutating calls a minute.
        limit: u32,
    },
}
