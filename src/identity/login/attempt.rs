//! A login in flight, as the browser keeps it for us.

use std::time::Duration;

use ct_codecs::{Base64UrlSafeNoPadding, Decoder};
use serde_json::{Value, json};

use super::{StepUp, encode};
use crate::host::Host;
use crate::http::{CookieSettings, Headers, cookie, set_cookie};
use crate::seal::KeyRing;
use crate::time::Time;

/// A login that somebody has begun. Everything in it comes from one secret, so
/// the cookie is small and no part can be put beside another one's.
pub(super) struct Attempt {
    secret: [u8; 32],
    /// Ties the state to this browser.
    pub id: String,
    /// Ties the ID token to this attempt.
    pub nonce: String,
    /// Ties the code to this attempt (RFC 7636): 43 characters.
    pub verifier: String,
    /// The provider's name.
    pub provider: String,
    /// When it began.
    pub begun: Time,
    /// What the sign-in must be, beyond one.
    pub step_up: Option<StepUp>,
}

const PURPOSE: &str = "login";
/// How long somebody may take at the provider.
const LIFE: Duration = Duration::from_secs(600);

impl Attempt {
    /// Begins one. `None`: the host has no random bytes.
    pub fn begin(provider: &str, step_up: Option<&StepUp>, host: &dyn Host, now: Time) -> Option<Attempt> {
        let mut secret = [0; 32];
        if !host.random(&mut secret) {
            return None;
        }
        Some(Attempt { step_up: step_up.cloned(), ..Attempt::of(secret, provider, now)? })
    }

    fn of(secret: [u8; 32], provider: &str, begun: Time) -> Option<Attempt> {
        let derived = |label: &str| encode(&hmac_sha256::HMAC::mac(label, secret));
        let (id, nonce) = (derived("airgate login id")?, derived("airgate login nonce")?);
        let verifier = derived("airgate login verifier")?;
        Some(Attempt { secret, id, nonce, verifier, provider: provider.to_owned(), begun, step_up: None })
    }

    /// The `code_challenge` by `S256`.
    pub fn challenge(&self) -> Option<String> {
        encode(&hmac_sha256::Hash::hash(self.verifier.as_bytes()))
    }

    pub fn seal(&self, keys: &KeyRing) -> Option<String> {
        let mut value =
            json!({"secret": encode(&self.secret)?, "provider": self.provider, "begun": self.begun.millis()});
        if let (Some(step_up), Some(members)) = (&self.step_up, value.as_object_mut()) {
            members.insert("step_up".to_owned(), step_up.to_value()?);
        }
        keys.seal(PURPOSE, &value, self.begun.plus(LIFE))
    }

    /// The attempt in a slot, if there is one that is still good.
    pub fn open(slot: Slot, keys: &KeyRing, headers: &Headers, now: Time) -> Option<Attempt> {
        let value: Value = keys.open(PURPOSE, cookie(headers, slot.0)?, now)?.value;
        let secret = Base64UrlSafeNoPadding::decode_to_vec(value.get("secret")?.as_str()?, None).ok()?;
        let begun = Time::from_millis(value.get("begun")?.as_u64()?);
        let step_up = match value.get("step_up") {
            Some(step_up) => Some(StepUp::read(step_up)?),
            None => None,
        };
        Some(Attempt { step_up, ..Attempt::of(secret.try_into().ok()?, value.get("provider")?.as_str()?, begun)? })
    }
}

/// One of the cookies that hold attempts: their number is what bounds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::identity) struct Slot(&'static str);

impl Slot {
    pub const ALL: [Slot; 3] =
        [Slot("__Host-airgate-login-0"), Slot("__Host-airgate-login-1"), Slot("__Host-airgate-login-2")];

    /// A slot for one attempt more: a free one, else the oldest one's. Tabs that
    /// open at once do not know of each other, so `dice` keeps most of them
    /// apart. A cookie that does not open is as good as none.
    pub fn choose(dice: u8, keys: &KeyRing, headers: &Headers, now: Time) -> Option<Slot> {
        let begun = |slot| Attempt::open(slot, keys, headers, now).map(|attempt| attempt.begun);
        let slots = Slot::ALL.map(|slot| (begun(slot), slot));
        let free: Vec<Slot> = slots.iter().filter(|(begun, _)| begun.is_none()).map(|(_, slot)| *slot).collect();
        match usize::from(dice).checked_rem(free.len()) {
            Some(place) => free.get(place).copied(),
            None => slots.iter().min_by_key(|(begun, _)| *begun).map(|(_, slot)| *slot),
        }
    }

    /// The `Set-Cookie` value that puts a sealed attempt in.
    pub fn filled(self, sealed: &str) -> String {
        set_cookie(&self.settings(), sealed, Some(LIFE))
    }

    /// The `Set-Cookie` value that empties it.
    pub fn expired(self) -> String {
        set_cookie(&self.settings(), "", Some(Duration::ZERO))
    }

    fn settings(self) -> CookieSettings {
        CookieSettings::fixed(self.0, "/")
    }
}

/// The `Set-Cookie` values that delete every attempt of this browser.
pub(in crate::identity) fn attempts_expired(headers: &Headers) -> Vec<String> {
    let there = Slot::ALL.into_iter().filter(|slot| cookie(headers, slot.0).is_some());
    there.map(Slot::expired).collect()
}
