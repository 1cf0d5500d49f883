//! Which sessions providers have ended, known to all workers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::LogoutNotice;
use super::notice::MAX_AGE;
use crate::host::{Host, Version};
use crate::identity::shelf::{self, Change};
use crate::time::Time;

/// The place on the shelf: [`FORMAT`], then 48 bytes for each entry.
const PLACE: &str = "airgate.ended";
const FORMAT: u8 = 1;

/// How many entries there are: 24 kB on the shelf.
const CAPACITY: usize = 512;

/// The first half of a SHA-256: nobody who could make two texts meet there gains
/// more than ending a session that its provider ends as well.
type Tag = [u8; 16];

/// The sessions that providers have ended.
///
/// - An entry ends the sessions of one `sid`, or of one `sub`, that began until
///   it was made. It goes when they are over anyway.
/// - When all places are taken the oldest entry goes, and in its stead all
///   sessions of its issuer that began before it are ended: too many rather than
///   one too few.
/// - Each worker has a copy; what it looks up costs no host call.
#[derive(Debug)]
pub struct EndedSessions {
    shared: bool,
    lifetime: Duration,
    version: Option<Version>,
    entries: Entries,
}

/// By what is ended: a `sid`, a `sub`, or an issuer.
/// In order, so that the same entries are the same bytes on the shelf.
type Entries = BTreeMap<Tag, Entry>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    issuer: Tag,
    /// Sessions that began until then are ended.
    until: Time,
    /// The notice that said so.
    notice: [u8; 8],
}

impl EndedSessions {
    /// None. `shared`: whether the shelf may be used; `lifetime`: how long a
    /// session can last.
    pub fn new(shared: bool, lifetime: Duration) -> EndedSessions {
        EndedSessions { shared, lifetime, version: None, entries: BTreeMap::new() }
    }

    /// Makes the place on the shelf. To be called while the gateway is
    /// configured, before it serves; see `identity::shelf::prepare`.
    pub fn prepare(&self, host: &dyn Host) {
        if self.shared {
            shelf::prepare(PLACE, host);
        }
    }

    /// Learns what other workers were told.
    pub fn tick(&mut self, host: &dyn Host, now: Time) {
        let recalled = if self.shared { host.recall(PLACE) } else { None };
        if let Some(recalled) = recalled
            && self.version != Some(recalled.version)
        {
            self.version = Some(recalled.version);
            self.merge(&recalled.value, now);
        }
    }

    /// Ends what a notice names. The same notice again changes nothing. `false`:
    /// other workers will not hear of it.
    pub fn end(&mut self, notice: &LogoutNotice, host: &dyn Host, now: Time) -> bool {
        let issuer = issuer_tag(&notice.issuer);
        let key = match (&notice.sid, &notice.subject) {
            (Some(sid), _) => tag(&["sid", &notice.issuer, sid]),
            (None, Some(subject)) => tag(&["sub", &notice.issuer, subject]),
            (None, None) => return true,
        };
        let [id @ .., _, _, _, _, _, _, _, _] = match &notice.jti {
            Some(jti) => tag(&["jti", jti]),
            None => tag(&["iat", &notice.issued.millis().to_string()]),
        };
        self.add(key, Entry { issuer, until: notice.latest, notice: id }, now);
        if !self.shared {
            return false;
        }
        // All that is known here goes there: the shelf may have lost something.
        let change = shelf::change(PLACE, host, &mut |value| {
            self.merge(value, now);
            Some(write(&self.entries)).filter(|ours| ours != value)
        });
        change != Change::Nowhere
    }

    /// Whether a session that began at `begun` is ended.
    pub fn is_ended(&self, issuer: &str, subject: &str, sid: Option<&str>, begun: Time) -> bool {
        if self.entries.is_empty() {
            return false;
        }
        let ends = |key: Tag| self.entries.get(&key).is_some_and(|entry| begun <= entry.until);
        ends(issuer_tag(issuer))
            || ends(tag(&["sub", issuer, subject]))
            || sid.is_some_and(|sid| ends(tag(&["sid", issuer, sid])))
    }

    fn merge(&mut self, value: &[u8], now: Time) {
        for (key, entry) in read(value).unwrap_or_default() {
            self.add(key, entry, now);
        }
    }

    fn add(&mut self, key: Tag, entry: Entry, now: Time) {
        let lifetime = self.lifetime;
        // An entry cannot lie ahead by more than a clock that stepped back; one
        // that does would lock its people out until then.
        let counts = |entry: &Entry| now.since(entry.until) <= lifetime && entry.until.since(now) <= MAX_AGE;
        if !counts(&entry) {
            return;
        }
        let whole = self.entries.get(&entry.issuer).filter(|_| key != entry.issuer);
        if whole.is_some_and(|whole| entry.until <= whole.until) {
            return;
        }
        let place = self.entries.entry(key).or_insert(entry);
        let later = place.until < entry.until;
        // Of one notice the first delivery counts, or a replay would end what
        // began since.
        let replay = key != entry.issuer && place.notice == entry.notice;
        if later != replay {
            *place = entry;
        }
        if key == entry.issuer {
            self.forget_covered(key);
        }
        if self.entries.len() > CAPACITY {
            self.entries.retain(|_, entry| counts(entry));
        }
        while self.entries.len() > CAPACITY {
            self.merge_oldest();
        }
    }

    /// Puts all that an issuer ended until the oldest entry into one entry. Where
    /// there is one for each issuer and no other the oldest is forgotten, but 512
    /// providers are nobody's.
    fn merge_oldest(&mut self) {
        let by_age = |(_, entry): &(&Tag, &Entry)| entry.until;
        let single = self.entries.iter().filter(|(key, entry)| **key != entry.issuer).min_by_key(by_age);
        if let Some((_, oldest)) = single {
            let oldest = *oldest;
            // Later than the one that was there, which covered less than this.
            self.entries.insert(oldest.issuer, oldest);
            self.forget_covered(oldest.issuer);
        } else if let Some(oldest) = self.entries.iter().min_by_key(by_age).map(|(key, _)| *key) {
            self.entries.remove(&oldest);
        }
    }

    /// Forgets the entries that say no more than their issuer's own.
    fn forget_covered(&mut self, issuer: Tag) {
        if let Some(whole) = self.entries.get(&issuer).copied() {
            self.entries.retain(|key, entry| *key == issuer || entry.issuer != issuer || entry.until > whole.until);
        }
    }
}

fn issuer_tag(issuer: &str) -> Tag {
    tag(&["iss", issuer])
}

/// Each part with its length before it, so that no two lists of parts are the
/// same bytes.
fn tag(parts: &[&str]) -> Tag {
    let mut hash = hmac_sha256::Hash::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let [tag @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash.finalize();
    tag
}

fn write(entries: &Entries) -> Vec<u8> {
    let mut value = vec![FORMAT];
    for (key, entry) in entries {
        value.extend(key);
        value.extend(entry.issuer);
        value.extend(entry.until.millis().to_be_bytes());
        value.extend(entry.notice);
    }
    value
}

/// `None`: nothing that we wrote.
fn read(value: &[u8]) -> Option<Vec<(Tag, Entry)>> {
    let (format, mut rest) = value.split_first()?;
    let mut entries = Vec::new();
    if *format != FORMAT {
        return None;
    }
    while !rest.is_empty() && entries.len() < CAPACITY {
        let (key, after) = rest.split_first_chunk()?;
        let (issuer, after) = after.split_first_chunk()?;
        let (until, after) = after.split_first_chunk()?;
        let (notice, after) = after.split_first_chunk()?;
        let until = Time::from_millis(u64::from_be_bytes(*until));
        entries.push((*key, Entry { issuer: *issuer, until, notice: *notice }));
        rest = after;
    }
    Some(entries)
}
