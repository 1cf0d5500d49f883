//! How we prove to a provider that we are its client (OpenID Connect Core
//! section 9).

use std::time::Duration;

use ct_codecs::{Base64, Encoder};
use serde_json::json;

use super::encode;
use super::private_key::PrivateKey;
use crate::host::Host;
use crate::settings::Section;
use crate::time::Time;

/// One of the methods, with what it needs.
pub(super) enum Authentication {
    /// With the `Authorization` header.
    Basic(String),
    /// With the secret.
    Post(String),
    PrivateKey(PrivateKey),
    None,
}

/// What a call carries to prove it.
#[derive(Debug, Default)]
pub(super) struct Proof {
    pub authorization: Option<String>,
    pub fields: Vec<(&'static str, String)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Method {
    Basic,
    Post,
    PrivateKey,
    None,
}

const METHODS: [(&str, Method); 4] = [
    ("client_secret_basic", Method::Basic),
    ("client_secret_post", Method::Post),
    ("private_key_jwt", Method::PrivateKey),
    ("none", Method::None),
];

/// How long an assertion is good; it is used at once.
const ASSERTION_LIFE: Duration = Duration::from_secs(60);

impl Authentication {
    /// Reads `client_auth`, `client_secret` and `private_key`.
    pub fn read(section: &Section<'_>, client_id: &str) -> Option<Authentication> {
        let method = match (section.has("client_auth"), section.has("client_secret"), section.has("private_key")) {
            (true, _, _) => section.choice("client_auth", &METHODS)?,
            (false, true, _) => Method::Basic,
            (false, false, true) => Method::PrivateKey,
            (false, false, false) => Method::None,
        };
        let needed = match method {
            Method::Basic | Method::Post => "client_secret",
            Method::PrivateKey => "private_key",
            Method::None => "",
        };
        let word = METHODS.iter().find(|(_, one)| *one == method).map_or("", |(word, _)| word);
        for name in ["client_secret", "private_key"] {
            if name != needed && section.has(name) {
                section.mistake(name, format!("has no use with client_auth: {word}"));
            }
        }
        match method {
            Method::Basic => basic(client_id, &section.secret("client_secret")?).map(Authentication::Basic),
            Method::Post => section.secret("client_secret").map(Authentication::Post),
            Method::PrivateKey => match PrivateKey::read(&section.secret("private_key")?) {
                Ok(key) => Some(Authentication::PrivateKey(key)),
                Err(fault) => section.wrong("private_key", fault),
            },
            Method::None => Some(Authentication::None),
        }
    }

    /// A proof for one call. `None`: the host has no random bytes.
    pub fn prove(&self, client_id: &str, audience: &str, host: &dyn Host, now: Time) -> Option<Proof> {
        let mut proof = Proof::default();
        if let Authentication::Basic(authorization) = self {
            proof.authorization = Some(authorization.clone());
            return Some(proof);
        }
        proof.fields.push(("client_id", client_id.to_owned()));
        match self {
            Authentication::Basic(_) | Authentication::None => {}
            Authentication::Post(secret) => proof.fields.push(("client_secret", secret.clone())),
            Authentication::PrivateKey(key) => {
                let assertion = assertion(key, client_id, audience, host, now)?;
                proof.fields.push(("client_assertion_type", ASSERTION_TYPE.to_owned()));
                proof.fields.push(("client_assertion", assertion));
            }
        }
        Some(proof)
    }
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// RFC 6749 section 2.3.1: both are encoded as in a form first, so that a colon
/// or a letter outside ASCII survives.
fn basic(client_id: &str, secret: &str) -> Option<String> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(secret));
    Some(format!("Basic {}", Base64::encode_to_string(pair).ok()?))
}

/// RFC 7523 section 3.
fn assertion(key: &PrivateKey, client_id: &str, audience: &str, host: &dyn Host, now: Time) -> Option<String> {
    let mut id = [0; 16];
    if !host.random(&mut id) {
        return None;
    }
    key.sign(&json!({
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": encode(&id)?,
        "iat": now.seconds(),
        "exp": now.plus(ASSERTION_LIFE).seconds(),
    }))
}
