//! Tokens that have been checked before.

use std::rc::Rc;

use super::keys::KeyFingerprint;
use crate::caller::Caller;
use crate::memo::Memo;
use crate::time::Time;

/// Remembers whom a token stands for, until it expires or its key goes.
///
/// - The key is the whole token, so that nothing but this very token finds the
///   verdict.
/// - At most 8,192 entries and 7 MiB, tokens and what they say together.
/// - It belongs to one configuration and dies with it.
pub struct TokenCache(Memo<Entry>);

struct Entry {
    identity: Rc<Caller>,
    provider: usize,
    key: KeyFingerprint,
}

impl Default for TokenCache {
    fn default() -> TokenCache {
        TokenCache(Memo::new(8192, 7 * 1024 * 1024))
    }
}

impl TokenCache {
    /// Whom the token stands for, if that is known and still so.
    pub fn get(&mut self, token: &[u8], now: Time) -> Option<Rc<Caller>> {
        let entry = self.0.get(token)?;
        if now < entry.identity.expires {
            return Some(Rc::clone(&entry.identity));
        }
        self.0.remove(token);
        None
    }

    /// Remembers a token that has been checked with `key` of the provider of
    /// this index.
    pub fn insert(&mut self, token: &[u8], identity: Rc<Caller>, provider: usize, key: KeyFingerprint) {
        let room = identity.room();
        self.0.insert(token, Entry { identity, provider, key }, room);
    }

    /// Forgets every token of this provider whose key does not pass: after a
    /// new key set, those whose key is not in it.
    pub fn retain_keys(&mut self, provider: usize, keep: impl Fn(&KeyFingerprint) -> bool) {
        self.0.retain(|entry| entry.provider != provider || keep(&entry.key));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::algorithm::Algorithm;
    use crate::identity::keys::Key;
    use crate::identity::testing::{NOW, Signer, claims, now, settings};
    use crate::identity::token::Token;
    use crate::testing::test;

    fn identity() -> Rc<Caller> {
        let text = Signer::new("k", Algorithm::EdDSA, 1).token(&claims(json!({})));
        Rc::new(settings(json!({})).unwrap().judge(&Token::parse(text.as_bytes()).unwrap(), now()).unwrap())
    }

    fn key(seed: u8) -> KeyFingerprint {
        Key::read(&Signer::new("k", Algorithm::EdDSA, seed).jwk()).unwrap().fingerprint()
    }

    #[test]
    fn a_verdict_ends_when_the_token_does() {
        let mut cache = TokenCache::default();
        let end = Time::from_seconds(NOW + 3660).millis();
        cache.insert(b"a", identity(), 0, key(1));
        assert!(cache.get(b"a", Time::from_millis(end - 1)).is_some());
        assert!(cache.get(b"a", Time::from_millis(end)).is_none());
        assert_eq!(cache.0.used(), (0, 0));
        assert!(cache.get(b"a", now()).is_none(), "a clock that steps back brings nothing back");
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
        assert_eq!(cache.0.used().0, 1);
    }
}
