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
/// - At most 8,192 entries and 4 MiB of tokens; the least recently used go
///   first. Parsed claims take a few times the room of their token.
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
}

impl Default for TokenCache {
    fn default() -> TokenCache {
        TokenCache::new(8192, 4 * 1024 * 1024)
    }
}

impl TokenCache {
    /// A cache of at most so many entries and bytes of tokens.
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
        self.entries.pop(token);
        self.bytes = self.bytes.saturating_sub(token.len());
        None
    }

    /// Remembers a token that has been checked with `key` of the provider of
    /// this index.
    pub fn insert(&mut self, token: &[u8], identity: Rc<Caller>, provider: usize, key: KeyFingerprint) {
        let entry = Entry { identity, provider, key };
        if self.entries.put(token.into(), entry).is_none() {
            self.bytes = self.bytes.saturating_add(token.len());
        }
        while self.entries.len() > self.max_entries || self.bytes > self.max_bytes {
            let Some((token, _)) = self.entries.pop_lru() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(token.len());
        }
    }

    /// Forgets every token of this provider whose key does not pass: after a
    /// new key set, those whose key is not in it.
    pub fn retain_keys(&mut self, provider: usize, keep: impl Fn(&KeyFingerprint) -> bool) {
        let bytes = &mut self.bytes;
        self.entries.retain(|token, entry| {
            let keeps = entry.provider != provider || keep(&entry.key);
            if !keeps {
                *bytes = bytes.saturating_sub(token.len());
            }
            keeps
        });
    }

    /// Forgets every token of this provider.
    pub fn forget_provider(&mut self, provider: usize) {
        self.retain_keys(provider, |_| false);
    }

    /// How many tokens are remembered.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no token is remembered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many bytes of tokens are remembered.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
