//! What a sealed affinity cookie says, and how long it counts.

use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::memo::Memo;
use crate::seal::{self, KeyRing, Opened};
use crate::time::Time;

/// Where a client belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticket {
    /// What the proxy hashes.
    pub key: String,
    /// The proxy's own choice, as [`super::pin::read`] keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// When the key was drawn, milliseconds since the epoch: lifetime counts
    /// from here and no renewal moves it.
    issued: u64,
    /// When the client was last seen and told so: idle counts from here.
    seen: u64,
}

impl Ticket {
    pub fn new(key: String, now: Time) -> Ticket {
        Ticket { key, pin: None, issued: now.millis(), seen: now.millis() }
    }

    /// The same client, on the backend `chosen` if the proxy said one.
    pub fn seen_again(&self, chosen: Option<String>, now: Time) -> Ticket {
        let pin = chosen.or_else(|| self.pin.clone());
        Ticket { key: self.key.clone(), pin, issued: self.issued, seen: now.millis() }
    }
}

/// Seals tickets and opens them.
#[derive(Debug)]
pub(super) struct Tickets {
    keys: KeyRing,
    idle: Duration,
    lifetime: Duration,
    /// Opening costs AES and JSON (some 20 µs), and one client comes many times.
    /// At most 4,096 of them and 3 MiB; our own cookies are some 400 bytes.
    opened: Memo<Opened<Rc<Ticket>>>,
}

const PURPOSE: &str = "affinity";
/// About how many bytes a ticket takes, with its key and pin.
const ROOM: usize = 160;

impl Tickets {
    pub fn new(keys: KeyRing, idle: Duration, lifetime: Duration) -> Tickets {
        Tickets { keys, idle, lifetime, opened: Memo::new(4096, 3 * 1024 * 1024) }
    }

    /// Opens a cookie, and says whether it is to be sealed anew because another
    /// key is the first by now.
    pub fn open(&mut self, sealed: &[u8], now: Time) -> Option<(Rc<Ticket>, bool)> {
        // A longer one is never remembered, so it is not even hashed.
        if sealed.len() > seal::MAX_LENGTH {
            return None;
        }
        let opened = match self.opened.get(sealed) {
            Some(opened) => opened.clone(),
            None => {
                let Opened { value, expires, by_first_key } = self.keys.open(PURPOSE, sealed, now)?;
                let opened = Opened { value: Rc::new(value), expires, by_first_key };
                self.opened.insert(sealed, opened.clone(), ROOM);
                opened
            }
        };
        // Its own end was reckoned with the settings of its day; both count.
        let good = now < opened.expires && now < self.end_of(&opened.value);
        good.then_some((opened.value, !opened.by_first_key))
    }

    pub fn seal(&self, ticket: &Ticket) -> Option<String> {
        self.keys.seal(PURPOSE, ticket, self.end_of(ticket))
    }

    /// Whether `seen` is old enough to be worth a cookie: more than a quarter of
    /// idle. So most responses set none, and who comes back within three
    /// quarters of idle is never taken for idle.
    pub fn is_to_be_renewed(&self, ticket: &Ticket, now: Time) -> bool {
        now.since(Time::from_millis(ticket.seen)).saturating_mul(4) > self.idle
    }

    /// The first moment at which a ticket no longer counts.
    fn end_of(&self, ticket: &Ticket) -> Time {
        let idle = Time::from_millis(ticket.seen).plus(self.idle);
        let lifetime = Time::from_millis(ticket.issued).plus(self.lifetime);
        idle.min(lifetime)
    }

    /// How many are remembered.
    #[cfg(test)]
    pub fn remembered(&self) -> usize {
        self.opened.used().0
    }
}
