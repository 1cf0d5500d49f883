//! What is counted. Every name is known beforehand, and none holds a user, a
//! client or a key: dashboards find each of them, and nobody can make new ones.

use std::cell::Cell;

use crate::decision::{Decision, OTHER};

/// Something that is counted, besides decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// A token that was verified before.
    TokenCached,
    /// A token whose signature the host found good.
    TokenGoodByHost,
    /// A token whose signature we found good.
    TokenGoodBySoftware,
    /// A token whose signature the host found wrong.
    TokenBadByHost,
    /// A token whose signature we found wrong.
    TokenBadBySoftware,
    /// A token refused for what it says, before any arithmetic.
    TokenBadByClaims,
    /// A key set that a provider gave.
    KeysFetched,
    /// A key set that another worker left on the shelf.
    KeysShared,
    /// A provider that gave no usable key set.
    KeysFailed,
    /// A browser sent to its provider.
    LoginStarted,
    /// A login that ended in a session.
    LoginOk,
    /// A login that did not.
    LoginFailed,
    /// A session whose claims were renewed.
    RefreshOk,
    /// A session that its provider refused to renew.
    RefreshFailed,
    /// A renewal that got no usable answer.
    RefreshOutage,
    /// An answer that refuses the gateway as the provider's client.
    ClientRefused,
    /// A request with a session that an older key sealed.
    SessionByOlderKey,
    /// A known caller's request to an operation that Airbyte's list lacks.
    UnknownOperation,
    /// An agent's request that its boundary or budget refused.
    AgentRefused,
    /// A request that went on and would be refused, were a rule enforced.
    ReportRefused,
    /// The host refused to keep something in shared data.
    SharedDataFailed,
    /// A request of a caller refused by a limit of bodies that are awaited.
    LimitCallerBodies,
    /// The same of a client that has not authenticated.
    LimitOtherBodies,
    /// A request of a caller refused by a limit of requests that wait for a provider.
    LimitCallers,
    /// The same of a client whose token or login waits for keys or endpoints.
    LimitKeys,
    /// A login refused by a limit of logins that are being finished.
    LimitLogins,
    /// A request for a token refused by a limit of those that are being checked.
    LimitTokenRequests,
}

impl Counter {
    /// Every counter, in order, with its name.
    pub const ALL: [(Counter, &'static str); 27] = [
        (Counter::TokenCached, "airgate.tokens.good.cache"),
        (Counter::TokenGoodByHost, "airgate.tokens.good.host"),
        (Counter::TokenGoodBySoftware, "airgate.tokens.good.software"),
        (Counter::TokenBadByHost, "airgate.tokens.bad.host"),
        (Counter::TokenBadBySoftware, "airgate.tokens.bad.software"),
        (Counter::TokenBadByClaims, "airgate.tokens.bad.claims"),
        (Counter::KeysFetched, "airgate.keys.fetched"),
        (Counter::KeysShared, "airgate.keys.shared"),
        (Counter::KeysFailed, "airgate.keys.failed"),
        (Counter::LoginStarted, "airgate.logins.started"),
        (Counter::LoginOk, "airgate.logins.ok"),
        (Counter::LoginFailed, "airgate.logins.failed"),
        (Counter::RefreshOk, "airgate.refreshes.ok"),
        (Counter::RefreshFailed, "airgate.refreshes.failed"),
        (Counter::RefreshOutage, "airgate.refreshes.outage"),
        (Counter::ClientRefused, "airgate.providers.client_refused"),
        (Counter::SessionByOlderKey, "airgate.sessions.older_key"),
        (Counter::UnknownOperation, "airgate.operations.unknown"),
        (Counter::AgentRefused, "airgate.agents.refused"),
        (Counter::ReportRefused, "airgate.report.refused"),
        (Counter::SharedDataFailed, "airgate.shared_data.failed"),
        (Counter::LimitCallerBodies, "airgate.limits.caller_bodies"),
        (Counter::LimitOtherBodies, "airgate.limits.other_bodies"),
        (Counter::LimitCallers, "airgate.limits.callers"),
        (Counter::LimitKeys, "airgate.limits.keys"),
        (Counter::LimitLogins, "airgate.limits.logins"),
        (Counter::LimitTokenRequests, "airgate.limits.token_requests"),
    ];
}

/// What was counted and has not been handed over yet. One word of memory for
/// each name, so that counting costs the path of a request next to nothing.
#[derive(Debug)]
pub struct Counts(Vec<Cell<u32>>);

impl Default for Counts {
    fn default() -> Counts {
        let decisions: usize = Decision::ALL.iter().map(|decision| decision.reasons().len()).sum();
        Counts(vec![Cell::default(); Counter::ALL.len().saturating_add(decisions)])
    }
}

impl Counts {
    /// Counts one.
    pub fn raise(&self, counter: Counter) {
        self.raise_at(counter as usize);
    }

    /// Counts a decision.
    pub fn raise_decision(&self, decision: Decision, reason: &str) {
        let mut first = Counter::ALL.len();
        for other in Decision::ALL {
            if other == decision {
                break;
            }
            first = first.saturating_add(other.reasons().len());
        }
        let place = |wanted: &str| decision.reasons().iter().position(|known| *known == wanted);
        if let Some(place) = place(reason).or_else(|| place(OTHER)) {
            self.raise_at(first.saturating_add(place));
        }
    }

    /// The names of all counters, in one order for ever.
    pub fn names() -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (_, name) in &Counter::ALL {
            names.push((*name).to_owned());
        }
        for decision in Decision::ALL {
            for reason in decision.reasons() {
                names.push(["airgate.decisions.", decision.name(), ".", reason].concat());
            }
        }
        names
    }

    /// What was counted since the last time, in the order of the names.
    pub fn take(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(Cell::take)
    }

    fn raise_at(&self, place: usize) {
        if let Some(cell) = self.0.get(place) {
            cell.set(cell.get().saturating_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn counted(counts: &Counts) -> Vec<(String, u32)> {
        Counts::names().into_iter().zip(counts.take()).filter(|(_, count)| *count > 0).collect()
    }

    #[test]
    fn each_counter_has_its_own_name() {
        let counts = Counts::default();
        for (place, (counter, name)) in Counter::ALL.into_iter().enumerate() {
            assert_eq!(counter as usize, place, "{name}");
            counts.raise(counter);
            assert_eq!(counted(&counts), [(name.to_owned(), 1)]);
        }
        for decision in Decision::ALL {
            for reason in decision.reasons() {
                counts.raise_decision(decision, reason);
                counts.raise_decision(decision, reason);
                let name = format!("airgate.decisions.{}.{reason}", decision.name());
                assert_eq!(counted(&counts), [(name, 2)]);
            }
        }
        counts.raise_decision(Decision::Deny, "never heard of");
        assert_eq!(counted(&counts), [("airgate.decisions.deny.other".to_owned(), 1)]);
    }

    #[test]
    fn names_are_plain_and_few() {
        let names = Counts::names();
        assert!(names.len() < 200);
        for name in names {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || b"_.8".contains(&byte)), "{name}");
        }
    }
}
