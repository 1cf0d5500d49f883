//! Machines that wait for their token.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use super::{ClientPair, RelayFault, RelaySettings, call, reply};
use crate::http::{Answer, CallId, CallIds};
use crate::identity::{Authenticator, Change};
use crate::time::Time;

/// How many may wait at once: each is one call to the provider.
const CAPACITY: usize = 256;
/// A call that was not answered this long after it was asked for never will be.
const PATIENCE: Duration = Duration::from_secs(15);

/// Names one request for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RelayId(u64);

/// Passes requests for tokens on to a provider.
pub struct Relay {
    settings: RelaySettings,
    asked: HashMap<RelayId, Asked>,
    next: u64,
}

struct Asked {
    stage: Stage,
    since: Time,
}

enum Stage {
    Due(ClientPair),
    Calling(CallId),
    Done(Result<Value, RelayFault>),
}

impl Relay {
    /// Nobody has asked yet.
    pub fn new(settings: RelaySettings) -> Relay {
        Relay { settings, asked: HashMap::new(), next: 0 }
    }

    /// Asks for a token. `None`: too many wait already.
    pub fn ask(&mut self, pair: ClientPair, now: Time) -> Option<RelayId> {
        if self.asked.len() >= CAPACITY {
            return None;
        }
        let id = RelayId(self.next);
        self.next = self.next.wrapping_add(1);
        self.asked.insert(id, Asked { stage: Stage::Due(pair), since: now });
        Some(id)
    }

    /// The outcome, once; `None`: not yet.
    pub fn take(&mut self, id: RelayId) -> Option<Result<Value, RelayFault>> {
        match self.asked.get(&id).map(|asked| &asked.stage) {
            Some(Stage::Due(_) | Stage::Calling(_)) => None,
            _ => match self.asked.remove(&id) {
                Some(Asked { stage: Stage::Done(outcome), .. }) => Some(outcome),
                _ => Some(Err(RelayFault::Unavailable)),
            },
        }
    }

    /// Who asked is gone.
    pub fn forget(&mut self, id: RelayId) {
        self.asked.remove(&id);
    }

    /// Makes the calls that are due.
    pub fn tick(&mut self, auth: &mut Authenticator, ids: &mut CallIds, now: Time) -> Change {
        let mut change = Change::default();
        for asked in self.asked.values_mut() {
            let late = now.since(asked.since) > PATIENCE;
            let next = match (&asked.stage, auth.token_endpoint(&self.settings.provider)) {
                (Stage::Due(pair), Some((endpoint, cluster))) => {
                    let id = ids.take();
                    change.calls.push(call(&self.settings, &endpoint, &cluster, pair, id));
                    Stage::Calling(id)
                }
                // This worker has not heard of the endpoint yet, or never will.
                (Stage::Due(_), None) if !late && auth.awaits(&self.settings.provider, now) => continue,
                (Stage::Due(_), None) => Stage::Done(Err(RelayFault::Unavailable)),
                (Stage::Calling(_), _) if late => Stage::Done(Err(RelayFault::Unavailable)),
                _ => continue,
            };
            change.settled |= matches!(next, Stage::Done(_));
            asked.stage = next;
        }
        // Whoever is not gone has taken theirs long ago.
        self.asked.retain(|_, asked| now.since(asked.since) <= PATIENCE.saturating_mul(2));
        change
    }

    /// Takes the answer to a call; anything unexpected is dropped. Whether
    /// requests that wait should ask again.
    pub fn answer(&mut self, id: CallId, answer: &Answer) -> bool {
        let calling = |asked: &&mut Asked| matches!(asked.stage, Stage::Calling(call) if call == id);
        let Some(asked) = self.asked.values_mut().find(calling) else {
            return false;
        };
        asked.stage = Stage::Done(reply(answer));
        true
    }
}
