//! Tokens that have been checked before.

use std::hash::RandomState;
use std::rc::Rc;

use lru::LruCache;

use super::keys::KeyFingerprint;
use crate::caller::Caller;
use crate::time::Time;

/// Remembers whom a token stands for, until it expires or its key goes.
///
/// - The key is the whole token, so that nothing but this very token finds the
///   verdict; the hash is seeded, so that nobody can aim at one bucket.
/// - At most 8,192 entries and 7 MiB, tokens and what they say together; the
///   least recently used go first. What a token says takes more room than it.
/// - Only good tokens are remembered: bad ones are without number.
/// - It belongs to one configuration and dies with it.
#[derive(Debug)]
pub struct TokenCache {
    entries: LruCache<Box<[u8]>, Entry, RandomState>,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    identity: Rc<Caller>,
    provider: usize,
    key: KeyFingerprint,
    /// What this entry counts in `bytes`.
    room: usize,
}

/// What an entry takes beside its contents: its places in the list and in the
/// table.
pub(super) const PLACES: usize = 160;

impl Default for TokenCache {
    fn default() -> TokenCache {
        TokenCache::new(8192, 7 * 1024 * 1024)
    }
}

impl TokenCache {
    /// A cache of at most so many entries and bytes.
    pub fn new(max_entries: usize, max_bytes: usize) -> TokenCache {
        // Without a bound of its own: it would take room for all entries now.
        let entries = LruCache::unbounded_with_hasher(RandomState::new());
        TokenCache { entries, bytes: 0, max_entries, max_bytes }
    }

    /// Whom the token stands for, if that is known and still so.
    pub fn get(&mut self, token: &[u8], now: Time) -> Option<Rc<Caller>> {
        let entry = self.entries.get(token)?;
        if now < entry.identity.expires {
            return Some(Rc::clone(&entry.identity));
        }
        let room = entry.room;
        self.entries.pop(token);
        self.bytes = self.bytes.saturating_sub(room);
        None
    }

    /// Remembers a token that has been checked with `key` of the provider of
    /// this index.
    pub fn insert(&mut self, token: &[u8], identity: Rc<Caller>, provider: usize, key: KeyFingerprint) {
        let room = token.len().saturating_add(identity.room()).saturating_add(PLACES);
        let before = self.entries.put(token.into(), Entry { identity, provider, key, room });
        self.bytes = self.bytes.saturating_sub(before.map_or(0, |entry| entry.room)).saturating_add(room);
        while self.entries.len() > self.max_entries || self.bytes > self.max_bytes {
            let Some((_, entry)) = self.entries.pop_lru() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(entry.room);
        }
    }

    /// Forgets every token of this provider whose key does not pass: after a
    /// new key set, those whose key is not in it.
    pub fn retain_keys(&mut self, provider: usize, keep: impl Fn(&KeyFingerprint) -> bool) {
        let bytes = &mut self.bytes;
        self.entries.retain(|_, entry| {
            let keeps = entry.provider != provider || keep(&entry.key);
            if !keeps {
                *bytes = bytes.saturating_sub(entry.room);
            }
            keeps
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::algorithm::Algorithm;
    use crate::identity::testing::{NOW, Signer, claims, now, settings};
    use crate::identity::{Key, Token};
    use crate::testing::test;

    fn identity() -> Rc<Caller> {
        let text = Signer::new("k", Algorithm::EdDSA, 1).token(&claims(json!({})));
        Rc::new(settings(json!({})).unwrap().judge(&Token::parse(text.as_bytes()).unwrap(), now()).unwrap())
    }

    fn key(seed: u8) -> KeyFingerprint {
        Key::read(&Signer::new("k", Algorithm::EdDSA, seed).jwk()).unwrap().fingerprint()
    }

    #[test]
    fn only_the_very_token_finds_its_verdict() {
        let mut cache = TokenCache::default();
        cache.insert(b"header.payload.signature", identity(), 0, key(1));
        assert!(cache.get(b"header.payload.signature", now()).is_some());
        for other in ["", "header.payload.", "header.payload.signaturE", "header.payload.signature ", "payload"] {
            assert!(cache.get(other.as_bytes(), now()).is_none(), "{other}");
        }
    }

    #[test]
    fn a_verdict_ends_when_the_token_does() {
        let mut cache = TokenCache::default();
        let end = Time::from_seconds(NOW + 3660).millis();
        cache.insert(b"a", identity(), 0, key(1));
        assert!(cache.get(b"a", Time::from_millis(end - 1)).is_some());
        assert!(cache.get(b"a", Time::from_millis(end)).is_none());
        assert_eq!((cache.entries.len(), cache.bytes), (0, 0));
        assert!(cache.get(b"a", now()).is_none(), "a clock that steps back brings nothing back");
    }

    #[test]
    fn room_is_bounded_by_entries_and_by_bytes() {
        let identity = identity();
        let each = identity.room() + PLACES;
        let mut cache = TokenCache::new(100, 100 * each + 1_000);
        for number in 0..1_000_u32 {
            cache.insert(&number.to_le_bytes(), Rc::clone(&identity), 0, key(1));
        }
        assert_eq!((cache.entries.len(), cache.bytes), (100, 100 * each + 400));
        assert!(cache.get(&900_u32.to_le_bytes(), now()).is_some());
        cache.insert(&[7; 599], Rc::clone(&identity), 0, key(1));
        assert_eq!((cache.entries.len(), cache.bytes), (100, 100 * each + 995));
        cache.insert(&[8; 999], Rc::clone(&identity), 0, key(1));
        assert_eq!((cache.entries.len(), cache.bytes), (99, 99 * each + 97 * 4 + 599 + 999));
        cache.insert(&[8; 999], Rc::clone(&identity), 0, key(1));
        assert_eq!((cache.entries.len(), cache.bytes), (99, 99 * each + 97 * 4 + 599 + 999), "the same again");
        cache.insert(&vec![9; 100 * each + 1_001], identity, 0, key(1));
        assert_eq!((cache.entries.len(), cache.bytes), (0, 0));
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let identity = identity();
        let mut cache = TokenCache::new(2, usize::MAX);
        cache.insert(b"a", Rc::clone(&identity), 0, key(1));
        cache.insert(b"b", Rc::clone(&identity), 0, key(1));
        cache.get(b"a", now());
        cache.insert(b"a", Rc::clone(&identity), 0, key(1));
        let room = 1 + identity.room() + PLACES;
        assert_eq!((cache.entries.len(), cache.bytes), (2, 2 * room), "the same token again takes no more room");
        cache.insert(b"c", identity, 0, key(1));
        assert!(cache.get(b"b", now()).is_none() && cache.get(b"a", now()).is_some());
    }

    #[test]
    fn a_key_that_goes_takes_its_tokens_along() {
        let identity = identity();
        let mut cache = TokenCache::default();
        for (token, provider, seed) in [(b"a", 0, 1), (b"b", 0, 2), (b"c", 1, 1)] {
            cache.insert(token, Rc::clone(&identity), provider, key(seed));
        }
        cache.retain_keys(0, |fingerprint| *fingerprint == key(2));
        let left: Vec<bool> = [b"a", b"b", b"c"].map(|token| cache.get(token, now()).is_some()).to_vec();
        assert_eq!(left, [false, true, true]);
        cache.retain_keys(0, |_| false);
        assert_eq!((cache.entries.len(), cache.bytes), (1, 1 + identity.room() + PLACES));
    }
}
