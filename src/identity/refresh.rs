//! Who refreshes a session, and what came of it.
//!
//! A provider that rotates refresh tokens takes each once, and may end the
//! session when one comes twice. So of all requests that bring the same token,
//! to any worker, one causes a call, and all take its result. Workers agree on
//! the shelf; without one each worker does the same by itself. No refresh token
//! lies there: only hashes of them and sealed sessions.

mod record;
mod slot;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use super::key_store::backoff;
use crate::host::Host;
use crate::time::Time;
use record::{Failures, Record, State};

/// How long a refresh has a token to itself. A token call, the wait for a key and
/// a userinfo call, each with its own timeout, are shorter together.
pub const LEASE: Duration = Duration::from_secs(50);

/// How long a result is kept for those who still bring the old token.
pub const KEPT: Duration = Duration::from_secs(120);

/// How many tokens one worker looks after. Results go, the oldest first; what
/// is not over stays.
const CAPACITY: usize = 1024;

/// How many calls one tick begins: each answer costs a signature check, and a
/// provider that has been away is not to be met by everybody at once.
const BATCH: usize = 32;

/// Names one use of a refresh token without telling it. A provider that does not
/// rotate gives the same token each time; when the claims end tells one use from
/// the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Each part goes in with its length, so that no two pairs are the same bytes.
    pub fn of(issuer: &str, refresh_token: &str, valid_until: Time) -> TokenHash {
        let mut hash = hmac_sha256::Hash::new();
        for part in [issuer, refresh_token, &valid_until.millis().to_string()] {
            // A length is never above 64 bits.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        TokenHash(hash.finalize())
    }
}

/// How a refresh stands, for a request that asks.
#[derive(Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is on its way; ask again when something has settled.
    Pending,
    /// The new session, sealed.
    Renewed(String),
    /// There is no new session: sign in again.
    Ended,
    /// The provider cannot be asked now; it will be again.
    Outage,
    /// The provider does not authenticate the gateway; it will be asked again.
    /// The session counts until its claims expire.
    ClientRefused,
}

/// How a refresh came out.
#[derive(Clone, PartialEq, Eq)]
pub enum Ending {
    /// With a new session, sealed.
    Renewed(String),
    /// The provider refuses the token, or answers for another person, or with
    /// nothing that can be read.
    Ended,
    /// No answer, 429, or 5xx.
    Outage,
    /// The provider does not authenticate the gateway (`invalid_client`).
    ClientRefused,
}

/// What is to be done now.
pub struct Due<T> {
    /// The refreshes to make, each with what its first request brought.
    pub begin: Vec<(TokenHash, T)>,
    /// Whether requests that wait should ask again.
    pub settled: bool,
}

/// The refreshes of one worker. `T` is what a call needs to know, such as the
/// session.
pub struct Refresher<T> {
    shared: bool,
    entries: HashMap<TokenHash, Entry<T>>,
}

/// Where a refresh is.
enum Entry<T> {
    /// To be called for, or watched while another worker calls.
    Wanted { carried: T, failures: Failures },
    /// Our call is under way, for as long as the lease lasts.
    Calling { lease: Record, failures: Failures },
    /// There is a result.
    Over(Record),
}

impl<T: Clone> Refresher<T> {
    /// Without refreshes. `shared`: whether the shelf may be used.
    pub fn new(shared: bool) -> Refresher<T> {
        Refresher { shared, entries: HashMap::new() }
    }

    /// Makes the places on the shelf. To be called while the gateway is
    /// configured, before it serves; see `identity::shelf::prepare`.
    pub fn prepare(&self, host: &dyn Host) {
        if self.shared {
            slot::prepare(host);
        }
    }

    /// Asked by each request whose claims end soon, or have ended. The first one
    /// begins the refresh, and what it brings is carried along to the call.
    pub fn ask(&mut self, hash: TokenHash, carried: &T, host: &dyn Host, now: Time) -> Standing {
        let known = self.entries.remove(&hash).filter(|entry| !entry.is_stale(now));
        let entry = known.or_else(|| self.look_up(hash, host, now).map(Entry::Over));
        let entry = match entry {
            None => Entry::Wanted { carried: carried.clone(), failures: Failures::default() },
            Some(Entry::Over(Record { at, state: State::Outage(failures) })) if at <= now => {
                Entry::Wanted { carried: carried.clone(), failures }
            }
            Some(entry) => entry,
        };
        let standing = entry.standing();
        if self.has_room() {
            self.entries.insert(hash, entry);
            return standing;
        }
        // Nobody would call for it.
        if standing == Standing::Pending { Standing::Outage } else { standing }
    }

    /// Begins the refreshes whose turn it is, and sees what became of those that
    /// other workers have begun.
    pub fn tick(&mut self, host: &dyn Host, now: Time) -> Due<T> {
        let mut due = Due { begin: Vec::new(), settled: false };
        self.entries.retain(|_, entry| !entry.is_stale(now));
        for (hash, entry) in &mut self.entries {
            match entry {
                Entry::Calling { lease, failures } if !lease.counts(now) => {
                    // The answer was lost; by now another worker may call.
                    *entry = Entry::Over(outage(failures.and(false), host, now));
                    due.settled = true;
                }
                Entry::Wanted { carried, failures } if due.begin.len() < BATCH => {
                    let lease = Record { at: now, state: State::Lease(nonce(host)) };
                    match self.shared.then(|| slot::claim(*hash, &lease, host, now)).flatten() {
                        None => {
                            due.begin.push((*hash, carried.clone()));
                            *entry = Entry::Calling { lease, failures: *failures };
                        }
                        Some(Record { state: State::Lease(_), .. }) => {}
                        Some(result) => {
                            *entry = Entry::Over(result);
                            due.settled = true;
                        }
                    }
                }
                _ => {}
            }
        }
        due
    }

    /// Takes how a call came out. It may come late, when the lease is lost, or
    /// twice: a new session beats everything, and the first of several counts.
    pub fn finish(&mut self, hash: TokenHash, ending: Ending, host: &dyn Host, now: Time) {
        let known = self.entries.remove(&hash);
        let (own, failures) = match &known {
            Some(Entry::Calling { lease: Record { state: State::Lease(nonce), .. }, failures }) => {
                (Some(*nonce), *failures)
            }
            Some(Entry::Wanted { failures, .. }) => (None, *failures),
            _ => (None, Failures::default()),
        };
        let ours = match ending {
            Ending::Renewed(sealed) => Record { at: now, state: State::Renewed(sealed) },
            Ending::Ended => Record { at: now, state: State::Ended },
            Ending::Outage => outage(failures.and(false), host, now),
            Ending::ClientRefused => outage(failures.and(true), host, now),
        };
        let result = match known {
            Some(Entry::Over(earlier)) if earlier.counts(now) && earlier.beats(&ours, own) => earlier,
            _ => match self.shared.then(|| slot::settle(hash, &ours, own, host, now)).flatten() {
                None => ours,
                // The lease was lost and another worker calls. If the provider
                // refused us, that may be since it has answered them. Whoever
                // asks again waits for them.
                Some(Record { state: State::Lease(_), .. }) => return,
                Some(earlier) => earlier,
            },
        };
        if self.has_room() {
            self.entries.insert(hash, Entry::Over(result));
        }
    }

    /// A result that another worker left on the shelf.
    fn look_up(&self, hash: TokenHash, host: &dyn Host, now: Time) -> Option<Record> {
        let found = self.shared.then(|| slot::find(hash, host, now)).flatten()?;
        (!matches!(found.state, State::Lease(_))).then_some(found)
    }

    /// Whether there is room for one more, if need be by letting a result go.
    fn has_room(&mut self) -> bool {
        if self.entries.len() < CAPACITY {
            return true;
        }
        let results = self.entries.iter().filter_map(|(hash, entry)| match entry {
            Entry::Over(record) => Some((record.at, *hash)),
            _ => None,
        });
        let oldest = results.min_by_key(|(at, _)| *at).map(|(_, hash)| hash);
        oldest.is_some_and(|hash| self.entries.remove(&hash).is_some())
    }
}

impl<T> Entry<T> {
    fn is_stale(&self, now: Time) -> bool {
        matches!(self, Entry::Over(record) if !record.counts(now))
    }

    /// After a failure nobody waits any more: the next try is made behind the
    /// backs of requests that go on with what they have.
    fn standing(&self) -> Standing {
        match self {
            Entry::Wanted { failures, .. } | Entry::Calling { failures, .. } => failures.standing(),
            Entry::Over(record) => match &record.state {
                State::Renewed(sealed) => Standing::Renewed(sealed.clone()),
                State::Ended => Standing::Ended,
                State::Outage(failures) => failures.standing(),
                State::Lease(_) => Standing::Outage,
            },
        }
    }
}

/// A failure, and until when the token rests.
fn outage(failures: Failures, host: &dyn Host, now: Time) -> Record {
    Record { at: now.plus(backoff(failures.count, host)), state: State::Outage(failures) }
}

/// Tells one lease from another. Without random bytes all are alike, and then a
/// worker takes another's lease for its own: a refusal that came too late would
/// end the session.
fn nonce(host: &dyn Host) -> u64 {
    let mut bytes = [0; 8];
    host.random(&mut bytes);
    u64::from_be_bytes(bytes)
}
