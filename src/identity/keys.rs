//! A provider's public keys (RFC 7517), the usable ones only.

use serde_json::Value;

use super::KeySetFault;
use crate::algorithm::Algorithm;
use crate::json;

mod jwk;
mod material;

pub use jwk::Key;
pub(super) use material::Material;

/// What a cache entry remembers of the key that vouched for it: a hash over the
/// key, its `kid` and its `alg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyFingerprint([u8; 32]);

/// The usable keys of a key set, in its order.
///
/// Real sets hold more than we can use (encryption keys, new algorithms, now
/// and then a broken key), so those are skipped and the rest serves.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: Vec<SkippedKey>,
}

/// A key that is not used, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its `kid`, cut to 64 characters.
    pub kid: Option<String>,
    /// Why, in words.
    pub reason: &'static str,
}

/// Which key is to check a token's signature.
#[derive(Clone, Copy, Debug)]
pub enum Selection<'a> {
    /// This one.
    Key(&'a Key),
    /// The set has no such key; a newer set may.
    Unknown,
    /// The token names no key and several fit. Trying them all would let a
    /// token cost as many checks as there are keys.
    Ambiguous,
}

impl KeySet {
    /// The longest key set that is read, in bytes.
    pub const MAX_BYTES: usize = 512 * 1024;

    /// How many keys of a set are looked at.
    pub const MAX_KEYS: usize = 100;

    /// Reads the text of a key set.
    pub fn parse(jwks: &[u8]) -> Result<KeySet, KeySetFault> {
        if jwks.len() > Self::MAX_BYTES {
            return Err(KeySetFault::TooLong);
        }
        Self::from_value(&json::parse(jwks).map_err(|_| KeySetFault::Malformed)?)
    }

    /// Reads a key set that is already JSON, for example an inline one.
    pub fn from_value(jwks: &Value) -> Result<KeySet, KeySetFault> {
        let Some(Value::Array(list)) = jwks.get("keys") else {
            return Err(KeySetFault::NotAKeySet);
        };
        let mut set = KeySet { keys: Vec::new(), skipped: Vec::new() };
        for jwk in list.iter().take(Self::MAX_KEYS) {
            match Key::read(jwk) {
                Ok(key) => set.keys.push(key),
                Err(reason) => set.skip(jwk.get("kid").and_then(Value::as_str), reason),
            }
        }
        if list.len() > Self::MAX_KEYS {
            set.skip(None, "only the first 100 keys are looked at");
        }
        set.drop_repeats();
        set.drop_rivals();
        if set.is_empty() { Err(KeySetFault::NoUsableKey) } else { Ok(set) }
    }

    /// Whether there is no key; a set that was read has at least one.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many usable keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The keys that are not used, and why.
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// Whether the set still holds the key of this fingerprint.
    pub fn contains(&self, fingerprint: &KeyFingerprint) -> bool {
        self.keys.iter().any(|key| key.fingerprint() == *fingerprint)
    }

    /// The key for a token with this `alg` and `kid`.
    pub fn select(&self, algorithm: Algorithm, kid: Option<&str>) -> Selection<'_> {
        let mut fitting = self.keys.iter().filter(|key| key.serves(algorithm));
        if let Some(kid) = kid {
            return match fitting.find(|key| key.kid() == Some(kid)) {
                Some(key) => Selection::Key(key),
                None => Selection::Unknown,
            };
        }
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Selection::Key(key),
            (Some(_), Some(_)) => Selection::Ambiguous,
            _ => Selection::Unknown,
        }
    }

    fn skip(&mut self, kid: Option<&str>, reason: &'static str) {
        let kid = kid.map(|kid| kid.chars().take(64).collect());
        self.skipped.push(SkippedKey { kid, reason });
    }

    /// The very same key twice is one key.
    fn drop_repeats(&mut self) {
        let mut seen = Vec::new();
        self.keys.retain(|key| {
            let new = !seen.contains(&key.fingerprint());
            seen.push(key.fingerprint());
            new
        });
    }

    /// Two different keys under one `kid`: which of them the provider means is
    /// a guess, so neither is used. Keys of different kinds may share a `kid`
    /// (RFC 7517 section 4.5); a token's `alg` tells those apart.
    fn drop_rivals(&mut self) {
        let rivals: Vec<bool> = self.keys.iter().map(|key| self.keys.iter().any(|other| key.rivals(other))).collect();
        let keys = std::mem::take(&mut self.keys);
        for (key, has_rival) in keys.into_iter().zip(rivals) {
            match has_rival {
                false => self.keys.push(key),
                true => self.skip(key.kid(), "another key has the same kid"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
