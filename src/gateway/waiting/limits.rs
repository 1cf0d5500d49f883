//! How many requests may wait on each list, and how many of them may be of one
//! caller or of one client address.

use super::Waiter;
use crate::caller::Caller;
use crate::metrics::Counter;

/// A list of waiting requests with places of its own, per worker. A request
/// holds its headers (60 KiB at most) and, in the proxy, its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::gateway) enum List {
    /// Bodies of authenticated callers.
    CallerBodies,
    /// Bodies of clients that have not authenticated: for the token endpoint and
    /// back-channel logout, or with a token whose key has not been fetched yet.
    OtherBodies,
    /// Requests of authenticated callers that wait for a provider, such as those
    /// whose session is being refreshed.
    Callers,
    /// Tokens and logins whose provider's keys or endpoints are being fetched.
    Keys,
    /// Authorization codes that are being exchanged.
    Logins,
    /// Client credentials that the provider is checking.
    TokenRequests,
}

/// The limits of a list, in requests.
struct Limits {
    places: usize,
    /// Of these for one caller.
    caller: usize,
    /// Of these for one client address.
    address: usize,
}

/// The limit that a request would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Exceeded {
    /// The caller's share of a list.
    Caller,
    /// The client address's share of a list.
    Address,
    /// All places of a list.
    Places,
}

impl List {
    const fn limits(self) -> Limits {
        match self {
            List::CallerBodies => Limits { places: 256, caller: 64, address: 128 },
            List::OtherBodies => Limits { places: 64, caller: 64, address: 16 },
            List::Callers => Limits { places: 256, caller: 64, address: 128 },
            List::Keys => Limits { places: 256, caller: 256, address: 128 },
            List::Logins | List::TokenRequests => Limits { places: 128, caller: 128, address: 64 },
        }
    }

    /// The name in logs, and the end of the counter's name.
    pub fn name(self) -> &'static str {
        match self {
            List::CallerBodies => "caller_bodies",
            List::OtherBodies => "other_bodies",
            List::Callers => "callers",
            List::Keys => "keys",
            List::Logins => "logins",
            List::TokenRequests => "token_requests",
        }
    }

    /// The counter of requests that this list refused.
    pub fn counter(self) -> Counter {
        match self {
            List::CallerBodies => Counter::LimitCallerBodies,
            List::OtherBodies => Counter::LimitOtherBodies,
            List::Callers => Counter::LimitCallers,
            List::Keys => Counter::LimitKeys,
            List::Logins => Counter::LimitLogins,
            List::TokenRequests => Counter::LimitTokenRequests,
        }
    }

    /// The number of requests that a limit of this list allows.
    pub fn size(self, limit: Exceeded) -> usize {
        let Limits { places, caller, address } = self.limits();
        match limit {
            Exceeded::Caller => caller,
            Exceeded::Address => address,
            Exceeded::Places => places,
        }
    }

    /// Tells whether one more request has a place among `others`, each of which
    /// is on the list that `list_of` names.
    ///
    /// # Errors
    /// The limit that it would exceed; the narrowest one first.
    pub(super) fn admit<'a>(
        self,
        waiter: &Waiter,
        others: impl Iterator<Item = &'a Waiter>,
        list_of: impl Fn(&Waiter) -> List,
    ) -> Result<(), Exceeded> {
        let (mut places, mut caller, mut address) = (0_usize, 0_usize, 0_usize);
        for other in others.filter(|other| list_of(other) == self) {
            places = places.saturating_add(1);
            let is_same = waiter.caller().zip(other.caller()).is_some_and(|(one, other)| is_same(one, other));
            caller = caller.saturating_add(usize::from(is_same));
            let is_near = waiter.address.zip(other.address).is_some_and(|(one, other)| one.is_same(other));
            address = address.saturating_add(usize::from(is_near));
        }
        let counts = [(Exceeded::Caller, caller), (Exceeded::Address, address), (Exceeded::Places, places)];
        match counts.into_iter().find(|(limit, count)| *count >= self.size(*limit)) {
            Some((limit, _)) => Err(limit),
            None => Ok(()),
        }
    }
}

fn is_same(one: &Caller, other: &Caller) -> bool {
    std::ptr::eq(one, other) || (one.subject == other.subject && one.provider == other.provider)
}
