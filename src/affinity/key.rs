//! Keys for the proxy to hash: 16 bytes, in 22 characters of base64url.

use ct_codecs::{Base64UrlSafeNoPadding, Decoder, Encoder};

use crate::host::Host;

/// Who a verified bearer token says the caller is.
#[derive(Clone, Copy, Debug)]
pub struct Bearer<'a> {
    /// The name of the provider that vouches for it.
    pub provider: &'a str,
    /// The subject, unique with this provider.
    pub subject: &'a str,
    /// The client that the token was issued to, if the token says so.
    pub client: Option<&'a str>,
}

/// By what a caller with a bearer token is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BearerKey {
    Cookie,
    Subject,
    Client,
}

impl BearerKey {
    /// The caller's key; `None` if it is in the cookie.
    pub fn key(self, bearer: &Bearer<'_>) -> Option<String> {
        let client = bearer.client.filter(|client| !client.is_empty());
        match (self, client) {
            (BearerKey::Cookie, _) => None,
            (BearerKey::Client, Some(client)) => hash(&["client", bearer.provider, client]),
            (BearerKey::Client | BearerKey::Subject, _) => hash(&["subject", bearer.provider, bearer.subject]),
        }
    }
}

/// A new key. `None`: the host has no random bytes.
pub(super) fn random(host: &dyn Host) -> Option<String> {
    let mut bytes = [0; 16];
    if host.random(&mut bytes) { text(&bytes) } else { None }
}

/// Reads a key from a cookie; `None` unless it is one we could have written.
pub(super) fn read(value: &[u8]) -> Option<String> {
    let mut bytes = [0; 16];
    let decoded = Base64UrlSafeNoPadding::decode(&mut bytes, value, None).ok()?;
    if decoded.len() == 16 { text(&bytes) } else { None }
}

/// Each part with its length before it, so that no two lists of parts are the
/// same bytes.
fn hash(parts: &[&str]) -> Option<String> {
    let mut hash = hmac_sha256::Hash::new();
    for part in parts {
        let length = u64::try_from(part.len()).ok()?;
        hash.update(length.to_be_bytes());
        hash.update(part);
    }
    text(hash.finalize().first_chunk()?)
}

fn text(bytes: &[u8; 16]) -> Option<String> {
    Base64UrlSafeNoPadding::encode_to_string(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn only_what_we_could_have_written_is_a_key() {
        let good = "AAECAwQFBgcICQoLDA0ODw";
        assert_eq!(read(good.as_bytes()).as_deref(), Some(good));
        let cases: [&[u8]; 12] = [
            b"",
            b"AAECAwQFBgcICQoLDA0OD",
            b"AAECAwQFBgcICQoLDA0ODwA",
            b"AAECAwQFBgcICQoLDA0ODx",
            b"AAECAwQFBgcICQoLDA0ODw==",
            b"\"AAECAwQFBgcICQoLDA0ODw\"",
            b"AAECAwQFBgcICQoLDA0OD ",
            b"AAECAwQFBgcICQoLDA0O+w",
            b"AAECAwQFBgcICQoLDA0O/w",
            b"AAECAwQFBgcICQoLDA0O\xffw",
            b"10.0.0.1:8001",
            b"\0",
        ];
        for value in cases {
            assert_eq!(read(value), None, "{value:?}");
        }
        assert_eq!(read(&[b'A'; 60_000]), None);
    }

    #[test]
    fn no_two_callers_share_a_key() {
        let bearer = |provider, subject, client| Bearer { provider, subject, client };
        let (subject, client) = (BearerKey::Subject, BearerKey::Client);
        let keys = [
            subject.key(&bearer("p", "alice", None)),
            subject.key(&bearer("p", "alic", Some("e"))),
            subject.key(&bearer("pa", "lice", None)),
            subject.key(&bearer("q", "alice", None)),
            client.key(&bearer("p", "alice", Some("alice"))),
            client.key(&bearer("p", "alice", Some("ci"))),
        ];
        for (place, key) in keys.iter().enumerate() {
            assert_eq!(key.as_ref().unwrap().len(), 22);
            assert!(!keys[..place].contains(key), "{place}");
        }
        assert_eq!(client.key(&bearer("p", "alice", None)), keys[0], "without a client the subject decides");
        assert_eq!(client.key(&bearer("p", "alice", Some(""))), keys[0]);
        assert_eq!(client.key(&bearer("p", "bob", Some("ci"))), keys[5]);
        assert_eq!(BearerKey::Cookie.key(&bearer("p", "alice", Some("ci"))), None);
    }
}
