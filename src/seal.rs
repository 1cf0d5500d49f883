//! Sealed values: what a browser keeps for us, and can neither read nor write.
//!
//! A sealed value is a JWE (RFC 7516) in compact form: `A256KW` wraps a fresh
//! key for each value, `A256GCM` encrypts and authenticates it. It is bound to
//! the gateway's own address, to a purpose and to the format's version, and it
//! carries its own end, so a value from elsewhere or from yesterday is no value.

use std::borrow::Cow;

use jwt_simple::prelude::{
    A256KWKey, Audiences, DecryptionOptions, JWEToken, JWTClaims, UnixTimeStamp, VerificationOptions,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::Section;
use crate::time::Time;

/// Bytes of the longest sealed value. Browsers keep no cookie above 4,096 bytes.
pub const MAX_LENGTH: usize = 4096;

/// The version of [`Contents`]: raised when an old reader could misread a new
/// value.
const FORMAT: u32 = 1;

/// Keys for sealed values: the first seals, all of them open. So a new key is
/// put first, and an old one taken out once what it sealed has ended.
#[derive(Clone, Debug)]
pub struct KeyRing {
    audience: String,
    keys: Vec<A256KWKey>,
}

/// What was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened<T> {
    /// The value.
    pub value: T,
    /// The first moment at which it is no longer good.
    pub expires: Time,
    /// Whether the key that seals now sealed it; if not, it is time to seal it
    /// anew.
    pub by_first_key: bool,
}

impl KeyRing {
    /// Reads a list of `{id, secret: {env: NAME}}`; each secret is 32 random
    /// bytes in base64url. `None`: the list is absent or empty, or nothing in it is good.
    /// `audience` is what tells this gateway from others with the same keys: its
    /// external URL.
    pub(crate) fn read(section: &Section<'_>, field: &'static str, audience: &str) -> Option<KeyRing> {
        let mut keys = Vec::new();
        let mut ids = Vec::new();
        for item in section.sections(field) {
            let id = read_id(&item, &mut ids);
            let key = item.key("secret").and_then(|key| A256KWKey::from_bytes(&key).ok());
            item.finish();
            if let (Some(id), Some(key)) = (id, key) {
                keys.push(key.with_key_id(id));
            }
        }
        (!keys.is_empty()).then(|| KeyRing::new(audience, keys))
    }

    /// Keys that have their ids, the sealing one first.
    pub fn new(audience: &str, keys: Vec<A256KWKey>) -> KeyRing {
        KeyRing { audience: audience.to_owned(), keys }
    }

    /// Seals a value that is good until just before `expires`. `None`: it does
    /// not fit into [`MAX_LENGTH`], or is nothing JSON can say.
    pub fn seal<T: Serialize>(&self, purpose: &'static str, value: &T, expires: Time) -> Option<String> {
        let value = serde_json::to_value(value).ok()?;
        self.seal_any_length(purpose, value, expires).filter(|sealed| sealed.len() <= MAX_LENGTH)
    }

    /// Opens a value. `None` for whatever is wrong with it: who forges learns
    /// nothing, and who does not needs no reason.
    pub fn open<T: DeserializeOwned>(&self, purpose: &'static str, sealed: &[u8], now: Time) -> Option<Opened<T>> {
        let fits = sealed.len() <= MAX_LENGTH;
        let opened = fits.then(|| self.open_any_length(purpose, sealed, now))??;
        let value = serde_json::from_value(opened.value).ok()?;
        Some(Opened { value, expires: opened.expires, by_first_key: opened.by_first_key })
    }

    /// [`KeyRing::seal`] without its limit: the caller has another one, as a
    /// session has, which lies in several cookies.
    ///
    /// jwt-simple draws the content key and the nonce from its own generator
    /// (ChaCha12 of the crate `rand`, seeded by the system; in the proxy by
    /// WASI's `random_get`, the source of [`crate::host::Host::random`] too).
    /// Without such a source it panics, but the proxy does not start then.
    pub fn seal_any_length(&self, purpose: &'static str, value: Value, expires: Time) -> Option<String> {
        let contents = Contents { purpose: purpose.into(), format: FORMAT, expires: expires.millis(), value };
        let claims = JWTClaims {
            audiences: Some(Audiences::AsString(self.audience.clone())),
            issued_at: None,
            expires_at: None,
            invalid_before: None,
            issuer: None,
            subject: None,
            jwt_id: None,
            nonce: None,
            custom: contents,
        };
        self.keys.first()?.encrypt(claims).ok()
    }

    /// [`KeyRing::open`] without its limit.
    pub fn open_any_length(&self, purpose: &'static str, sealed: &[u8], now: Time) -> Option<Opened<Value>> {
        let sealed = std::str::from_utf8(sealed).ok()?;
        let (place, key) = self.named_by(sealed)?;
        let claims: JWTClaims<Contents> = key.decrypt_token(sealed, Some(without_a_clock())).ok()?;
        let ours = claims.audiences == Some(Audiences::AsString(self.audience.clone()));
        let contents = claims.custom;
        let fits = contents.purpose == purpose && contents.format == FORMAT;
        let expires = Time::from_millis(contents.expires);
        (ours && fits && now < expires).then_some(Opened { value: contents.value, expires, by_first_key: place == 0 })
    }

    /// The key that a value says it was sealed with. A name nobody has costs the
    /// parsing of a header, no cryptography.
    fn named_by(&self, sealed: &str) -> Option<(usize, &A256KWKey)> {
        let header = JWEToken::decode_metadata(sealed).ok()?;
        let id = header.key_id()?;
        self.keys.iter().enumerate().find(|(_, key)| key.key_id() == Some(id))
    }
}

/// What is inside, beside the audience. The end is our own claim and not `exp`:
/// that counts seconds, and jwt-simple would have an opinion about it. The value
/// is plain JSON here: a type of its own would put jwt-simple's whole reading
/// and writing into the module once more (40 kB) for each kind of value.
#[derive(Serialize, Deserialize)]
struct Contents {
    #[serde(rename = "for")]
    purpose: Cow<'static, str>,
    #[serde(rename = "v")]
    format: u32,
    /// Milliseconds since the epoch.
    #[serde(rename = "until")]
    expires: u64,
    value: Value,
}

/// Keeps jwt-simple from asking the system's clock. Its sums (`now` plus or
/// minus tolerance) do not saturate; with zeros they cannot overflow either.
fn without_a_clock() -> DecryptionOptions {
    let claims = VerificationOptions {
        artificial_time: Some(UnixTimeStamp::from_secs(0)),
        accept_future: true,
        time_tolerance: None,
        ..VerificationOptions::default()
    };
    DecryptionOptions { claim_options: Some(claims), ..DecryptionOptions::default() }
}

/// An id stands in every cookie, for all to see: short, and plain in a log.
fn read_id<'a>(item: &Section<'a>, ids: &mut Vec<&'a str>) -> Option<&'a str> {
    let id = item.required_text("id")?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if id.len() > 32 || !plain {
        return item.wrong("id", "expected at most 32 letters, digits, dots, underscores or dashes");
    }
    if ids.contains(&id) {
        return item.wrong("id", "another key has this id");
    }
    ids.push(id);
    Some(id)
}

#[cfg(test)]
mod tests;
