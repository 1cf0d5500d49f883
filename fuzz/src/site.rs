//! A gateway in front of a provider whose keys we hold, and a host that can be told to refuse what it is asked.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::OnceLock;

use airgate::config::Settings;
use airgate::gateway::{Gateway, Outcome, Step, StreamId};
use airgate::host::{Host, Recalled, Version};
use airgate::http::{Answer, Call, Headers};
use airgate::seal::KeyRing;
use airgate::time::Time;
use ct_codecs::{Base64UrlSafeNoPadding, Encoder};
use ed25519_dalek::{Signer, SigningKey};
use jwt_simple::prelude::A256KWKey;
use serde_json::{Value, json};

pub const NOW: u64 = 1_800_000_000;
pub const ISSUER: &str = "https://idp.example";
pub const EXTERNAL_URL: &str = "https://airbyte.example";
/// Part of everything that must never be shown. No input holds it.
pub const SECRET: &str = "sEcReT-5b1f0c";

/// The key that seals sessions and logins, and keeps backends in cookies.
const SEALING: [u8; 32] = [
    0x93, 0x85, 0x0b, 0x70, 0x75, 0x85, 0xe4, 0x04, 0xe4, 0x95, 0x1a, 0x3d, 0xdc, 0x1f, 0x05, 0xa3, 0x4b, 0x3d, 0x4f,
    0x5f, 0xc0, 0x81, 0xd6, 0x16, 0xf4, 0x6d, 0x8a, 0x2e, 0x8f, 0x1c, 0x8e, 0x68,
];

pub fn now() -> Time {
    Time::from_seconds(NOW)
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlSafeNoPadding::encode_to_string(bytes).expect("any bytes can be encoded")
}

/// The provider's key; `number` 1 is the one that it publishes first.
pub fn key(number: u8) -> &'static SigningKey {
    static KEYS: OnceLock<[SigningKey; 2]> = OnceLock::new();
    let keys = KEYS.get_or_init(|| [1, 2].map(|seed| SigningKey::from_bytes(&[seed; 32])));
    if number == 1 { &keys[0] } else { &keys[1] }
}

pub fn jwk(number: u8) -> Value {
    let x = encode(key(number).verifying_key().as_bytes());
    json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": format!("k{number}"), "x": x})
}

/// A token of these very texts, with a good signature.
pub fn sign(number: u8, header: &[u8], claims: &[u8]) -> String {
    let text = format!("{}.{}", encode(header), encode(claims));
    let signature = key(number).sign(text.as_bytes());
    format!("{text}.{}", encode(signature.to_bytes()))
}

pub fn header(number: u8) -> Vec<u8> {
    json!({"alg": "EdDSA", "kid": format!("k{number}")}).to_string().into_bytes()
}

/// A good access token for an hour after `at`, in seconds.
pub fn token(number: u8, user: &str, at: u64) -> String {
    let claims = json!({"iss": ISSUER, "aud": "airbyte", "sub": user, "azp": "cli", "iat": at, "exp": at + 3600});
    sign(number, &header(number), claims.to_string().as_bytes())
}

/// What the gateway seals with, to forge what only it can make.
pub fn key_ring() -> KeyRing {
    let key = A256KWKey::from_bytes(&SEALING).expect("32 bytes are a key").with_key_id("s1");
    KeyRing::new(EXTERNAL_URL, vec![key])
}

/// The same as the configuration says it.
pub fn sealing_key() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| encode(SEALING))
}

pub fn environment(name: &str) -> Option<String> {
    Some(if name.ends_with("KEY") { sealing_key().to_owned() } else { format!("{SECRET}-of-{name}") })
}

/// A provider with all that one can have, and everybody an admin.
pub fn config() -> Value {
    json!({
        "external_url": EXTERNAL_URL,
        "signatures": "software",
        "shared_data": false,
        "providers": [{
            "name": "corp", "issuer": ISSUER, "cluster": "idp", "audiences": ["airbyte"],
            "login": {"client_id": "gateway", "client_secret": {"env": "CLIENT_SECRET"}},
        }],
        "session": {"keys": [{"id": "s1", "secret": {"env": "SESSION_KEY"}}], "keep_id_token": true},
        "affinity": {"keys": [{"id": "a1", "secret": {"env": "AFFINITY_KEY"}}]},
        "access": {"default_role": "admin"},
        "token_relay": {"provider": "corp"},
        "audit": {"to": "log"},
    })
}

/// The same without login and without calls to the provider.
pub fn config_offline() -> Value {
    json!({
        "external_url": EXTERNAL_URL,
        "signatures": "software",
        "providers": [{"name": "corp", "issuer": ISSUER, "audiences": ["airbyte"], "jwks": {"keys": [jwk(1)]}}],
        "access": {"default_role": "admin"},
        "audit": {"to": "log"},
    })
}

/// A host whose random bytes never come twice, and are the same in every run.
#[derive(Default)]
pub struct Desk {
    drawn: Cell<u64>,
    /// Whether every call is refused.
    pub refuses: Cell<bool>,
    pub shelf: RefCell<HashMap<String, (Vec<u8>, u32)>>,
}

impl Host for Desk {
    fn random(&self, bytes: &mut [u8]) -> bool {
        if self.refuses.get() {
            return false;
        }
        for chunk in bytes.chunks_mut(8) {
            self.drawn.set(self.drawn.get() + 1);
            chunk.copy_from_slice(&self.drawn.get().wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()[..chunk.len()]);
        }
        true
    }

    fn keep(&self, name: &str, value: &[u8]) {
        if !self.refuses.get() {
            let mut shelf = self.shelf.borrow_mut();
            let version = shelf.get(name).map_or(0, |(_, version)| *version);
            shelf.insert(name.to_owned(), (value.to_owned(), version + 1));
        }
    }

    fn recall(&self, name: &str) -> Option<Recalled> {
        let shelf = self.shelf.borrow();
        let (value, version) = shelf.get(name).filter(|_| !self.refuses.get())?;
        Some(Recalled { value: value.clone(), version: Version(*version) })
    }

    fn replace(&self, name: &str, value: &[u8], version: Version) -> bool {
        let unchanged = self.recall(name).is_some_and(|recalled| recalled.version == version);
        if unchanged {
            self.keep(name, value);
        }
        unchanged
    }
}

/// A gateway, its host, and the calls that it wants made.
pub struct Site {
    pub gateway: Gateway,
    pub host: Desk,
    pub now: Time,
    pub calls: Vec<Call>,
}

impl Site {
    pub fn new(config: &Value) -> Site {
        let settings = Settings::read(config, &environment).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let host = Desk::default();
        Site { gateway: Gateway::new(settings, &host), host, now: now(), calls: Vec::new() }
    }

    /// With the provider's endpoints and keys.
    pub fn ready(config: &Value) -> Site {
        let mut site = Site::new(config);
        site.tick();
        site.answer(honest(&discovery_document()));
        site.answer(honest(&json!({"keys": [jwk(1)]})));
        site
    }

    pub fn tick(&mut self) -> Outcome {
        let outcome = self.gateway.on_tick(&self.host, self.now);
        self.calls.extend(outcome.calls.iter().cloned());
        outcome
    }

    /// Answers the oldest call.
    pub fn answer(&mut self, answer: Answer) -> Outcome {
        let call = self.calls.remove(0);
        let outcome = self.gateway.on_called(call.id, &answer, &self.host, self.now);
        self.calls.extend(outcome.calls.iter().cloned());
        outcome
    }

    pub fn send(&mut self, stream: u32, headers: Headers) -> Step {
        self.gateway.on_request(StreamId(stream), headers, false, &self.host, self.now)
    }
}

/// Lends the gateway that the inputs of one target share, for to make one takes as long as a thousand requests. Each
/// input ends what it began, and now and then there is a new one.
pub fn shared<T>(target: &'static str, make: impl FnOnce() -> Site, visit: impl FnOnce(&mut Site) -> T) -> T {
    thread_local! {
        static SHARED: RefCell<HashMap<&'static str, (u32, Site)>> = RefCell::default();
    }
    let kept = SHARED.with_borrow_mut(|shared| shared.remove(target)).filter(|(visits, _)| *visits < 256);
    let (visits, mut site) = kept.unwrap_or_else(|| (0, make()));
    let good = visit(&mut site);
    for stream in 0..10 {
        site.gateway.on_stream_end(StreamId(stream));
    }
    site.calls.clear();
    SHARED.with_borrow_mut(|shared| shared.insert(target, (visits + 1, site)));
    good
}

pub fn discovery_document() -> Value {
    json!({
        "issuer": ISSUER, "jwks_uri": "https://idp.example/keys", "authorization_endpoint": "https://idp.example/auth",
        "token_endpoint": "https://idp.example/token", "revocation_endpoint": "https://idp.example/revoke",
        "end_session_endpoint": "https://idp.example/bye",
    })
}

pub fn honest(body: &Value) -> Answer {
    Answer::Response { status: 200, body: body.to_string().into_bytes() }
}

/// A request's head with more fields.
pub fn head<'a>(method: &'a str, path: &'a str, more: &[(&'a str, &'a [u8])]) -> Headers {
    let own: [(&str, &[u8]); 3] =
        [(":method", method.as_bytes()), (":path", path.as_bytes()), (":authority", b"airbyte.example")];
    Headers::from_pairs(own.iter().chain(more).copied())
}
