//! What is known of a token's refresh, here or on the shelf.

use std::time::Duration;

use super::{KEPT, LEASE, Standing};
use crate::time::Time;

/// A state, and since when.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// When it began; for an outage, when it is over.
    pub at: Time,
    pub state: State,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Somebody calls, under this number.
    Lease(u64),
    /// The sealed session.
    Renewed(String),
    Ended,
    /// Calls have failed.
    Outage(Failures),
}

/// The calls in a row that have failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Failures {
    /// How many.
    pub count: u32,
    /// Whether the provider did not authenticate the gateway in one of them. An
    /// outage after that does not give the session back.
    pub client_refused: bool,
}

impl Failures {
    /// With one more, in which the provider did or did not authenticate the
    /// gateway.
    pub fn and(self, client_refused: bool) -> Failures {
        Failures { count: self.count.saturating_add(1), client_refused: self.client_refused || client_refused }
    }

    /// What a request is told while they last. Without any it waits for the
    /// first call.
    pub fn standing(self) -> Standing {
        match self {
            Failures { client_refused: true, .. } => Standing::ClientRefused,
            Failures { count: 0, .. } => Standing::Pending,
            Failures { .. } => Standing::Outage,
        }
    }
}

impl Record {
    /// Whether it still says something. The clock may have stepped back since it
    /// was written: what lies as far ahead is as old.
    pub fn counts(&self, now: Time) -> bool {
        let span = match self.state {
            State::Lease(_) => LEASE,
            _ => KEPT,
        };
        distance(self.at, now) < span
    }

    /// Whether it lets no call begin.
    pub fn bars(&self, now: Time) -> bool {
        match self.state {
            State::Outage(_) => self.at > now,
            _ => true,
        }
    }

    /// Whether it stays when a call comes out as `result`; `own` is the lease
    /// under which the call was made, if it is known.
    pub fn beats(&self, result: &Record, own: Option<u64>) -> bool {
        match (&self.state, &result.state) {
            (State::Renewed(_), _) => true,
            (_, State::Renewed(_)) => false,
            (State::Ended, _) => true,
            (State::Lease(nonce), _) => Some(*nonce) != own,
            (State::Outage(_), _) => false,
        }
    }
}

fn distance(one: Time, other: Time) -> Duration {
    one.since(other).max(other.since(one))
}
