//! What the tests of this room share: keys that sign, and short words for
//! settings and tokens.

use ct_codecs::{Base64UrlSafeNoPadding, Encoder};
use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use serde_json::{Value, json};

use super::claims::ClaimSettings;
use crate::algorithm::Algorithm;
use crate::settings::{self, Mistake};
use crate::time::Time;

/// 2023-11-14T22:13:20Z, in seconds.
pub const NOW: u64 = 1_700_000_000;

pub const ISSUER: &str = "https://idp.example.com";

pub fn now() -> Time {
    Time::from_seconds(NOW)
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlSafeNoPadding::encode_to_string(bytes).unwrap()
}

/// A token of these very texts; its signature is 64 bytes of nothing.
pub fn unsigned(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    format!("{}.{}.{}", encode(header), encode(payload), encode([0; 64]))
}

/// Claims that are good for an hour, with more put over them; `null` takes one
/// away.
pub fn claims(more: Value) -> Value {
    let mut claims = json!({"iss": ISSUER, "sub": "alice", "aud": "airbyte", "exp": NOW + 3600, "iat": NOW});
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

/// A provider's claim settings, the smallest ones with more put over them.
pub fn settings(more: Value) -> Result<ClaimSettings, Vec<Mistake>> {
    let mut provider = json!({"issuer": ISSUER, "audiences": ["airbyte"]});
    for (name, value) in more.as_object().unwrap() {
        provider.as_object_mut().unwrap().insert(name.clone(), value.clone());
    }
    provider.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    settings::read(&provider, &|_| None, ClaimSettings::read)
}

/// A provider's private key, the same in every run.
pub struct Signer {
    pub kid: &'static str,
    pub algorithm: Algorithm,
    seed: [u8; 48],
}

impl Signer {
    /// A signer for `EdDSA`, `ES256` or `ES384`, each seed another key.
    pub fn new(kid: &'static str, algorithm: Algorithm, seed: u8) -> Signer {
        Signer { kid, algorithm, seed: [seed; 48] }
    }

    /// The public key as a provider publishes it.
    pub fn jwk(&self) -> Value {
        let ec = |crv: &str, point: &[u8]| {
            let (x, y) = point[1..].split_at(point.len() / 2);
            json!({"kty": "EC", "crv": crv, "x": encode(x), "y": encode(y)})
        };
        let mut jwk = match self.algorithm {
            Algorithm::ES256 => ec("P-256", self.p256().verifying_key().to_sec1_point(false).as_bytes()),
            Algorithm::ES384 => ec("P-384", self.p384().verifying_key().to_sec1_point(false).as_bytes()),
            _ => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(self.ed25519().verifying_key().as_bytes())}),
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.algorithm.name());
        jwk["use"] = json!("sig");
        jwk
    }

    /// A token with an ordinary header.
    pub fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm.name(), "kid": self.kid, "typ": "JWT"});
        self.sign(header.to_string(), claims.to_string())
    }

    /// A token of these very texts.
    pub fn sign(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let text = format!("{}.{}", encode(header), encode(payload));
        let signature = self.signature(text.as_bytes());
        format!("{text}.{}", encode(signature))
    }

    pub fn signature(&self, text: &[u8]) -> Vec<u8> {
        match self.algorithm {
            Algorithm::ES256 => {
                let signature: p256::ecdsa::Signature =
                    self.p256().sign_prehash(&hmac_sha256::Hash::hash(text)).unwrap();
                signature.to_bytes().to_vec()
            }
            Algorithm::ES384 => {
                let signature: p384::ecdsa::Signature =
                    self.p384().sign_prehash(&hmac_sha512::sha384::Hash::hash(text)).unwrap();
                signature.to_bytes().to_vec()
            }
            _ => self.ed25519().sign(text).to_bytes().to_vec(),
        }
    }

    fn p256(&self) -> p256::ecdsa::SigningKey {
        p256::ecdsa::SigningKey::from_slice(&self.seed[..32]).unwrap()
    }

    fn p384(&self) -> p384::ecdsa::SigningKey {
        p384::ecdsa::SigningKey::from_slice(&self.seed).unwrap()
    }

    fn ed25519(&self) -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(self.seed[..32].try_into().unwrap())
    }
}
