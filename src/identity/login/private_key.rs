//! A key of our own, for `private_key_jwt`.

use ct_codecs::{Base64UrlSafeNoPadding, Decoder};
use ed25519_dalek::Signer;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use serde_json::{Map, Value, json};

use super::encode;
use crate::algorithm::Algorithm;
use crate::json;

/// A private JWK (RFC 7517) that signs.
pub struct PrivateKey {
    kid: Option<String>,
    secret: Secret,
}

enum Secret {
    P256(Box<p256::ecdsa::SigningKey>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

const KIND: &str = "the variable holds no private JWK of kty EC and crv P-256, or of kty OKP and crv Ed25519";

impl PrivateKey {
    /// Reads a JWK; the error says what is wrong with it and nothing of it.
    pub fn read(text: &str) -> Result<PrivateKey, &'static str> {
        let Ok(Value::Object(members)) = json::parse(text.as_bytes()) else {
            return Err("the variable holds no JWK: expected one object in JSON");
        };
        let member = |name: &str| members.get(name).and_then(Value::as_str);
        let seed = member("d").and_then(|text| Base64UrlSafeNoPadding::decode_to_vec(text, None).ok());
        let seed = seed.filter(|seed| seed.len() == 32).ok_or("the JWK's d is no 32 bytes in base64url")?;
        let (secret, x, y) = match (member("kty"), member("crv")) {
            (Some("EC"), Some("P-256")) => p256(&seed)?,
            (Some("OKP"), Some("Ed25519")) => ed25519(&seed)?,
            _ => return Err(KIND),
        };
        let key = PrivateKey { kid: member("kid").map(str::to_owned), secret };
        // The provider checks with the public half: if it is another key's,
        // every login would fail, and nobody could say why.
        if !(agrees(&members, "x", &x) && agrees(&members, "y", &y)) {
            return Err("the JWK's public half belongs to another private one");
        }
        let algorithm = member("alg").map(Algorithm::parse);
        if algorithm.is_some_and(|algorithm| algorithm != Some(key.algorithm())) {
            return Err("the JWK's alg does not fit its kind: expected ES256 for P-256 and EdDSA for Ed25519");
        }
        if members.contains_key("kid") && key.kid.is_none() {
            return Err("the JWK's kid is no text");
        }
        Ok(key)
    }

    /// A JWT of these claims (RFC 7519).
    pub fn sign(&self, claims: &Value) -> Option<String> {
        let mut header = json!({"alg": self.algorithm().name(), "typ": "JWT"});
        if let (Some(kid), Some(members)) = (&self.kid, header.as_object_mut()) {
            members.insert("kid".to_owned(), kid.as_str().into());
        }
        let (header, claims) = (header.to_string(), claims.to_string());
        let text = format!("{}.{}", encode(header.as_bytes())?, encode(claims.as_bytes())?);
        let signature = match &self.secret {
            // Deterministic (RFC 6979): no random bytes, so none that are bad.
            Secret::P256(key) => {
                let hash = hmac_sha256::Hash::hash(text.as_bytes());
                let signature: p256::ecdsa::Signature = key.sign_prehash(&hash).ok()?;
                signature.to_bytes().to_vec()
            }
            Secret::Ed25519(key) => key.try_sign(text.as_bytes()).ok()?.to_bytes().to_vec(),
        };
        Some(format!("{text}.{}", encode(&signature)?))
    }

    /// The public half, as a key that checks signatures.
    pub fn public(&self) -> Option<Value> {
        let (mut jwk, x) = match &self.secret {
            Secret::P256(key) => {
                let (x, y) = coordinates(key);
                (json!({"kty": "EC", "crv": "P-256", "y": encode(&y)?}), x)
            }
            Secret::Ed25519(key) => (json!({"kty": "OKP", "crv": "Ed25519"}), key.verifying_key().to_bytes().to_vec()),
        };
        let members = jwk.as_object_mut()?;
        members.insert("x".to_owned(), encode(&x)?.into());
        members.insert("alg".to_owned(), self.algorithm().name().into());
        members.insert("use".to_owned(), "sig".into());
        members.extend(self.kid.as_ref().map(|kid| ("kid".to_owned(), kid.as_str().into())));
        Some(jwk)
    }

    fn algorithm(&self) -> Algorithm {
        match self.secret {
            Secret::P256(_) => Algorithm::ES256,
            Secret::Ed25519(_) => Algorithm::EdDSA,
        }
    }
}

/// A key, and the coordinates of its public half.
type Parts = (Secret, Vec<u8>, Vec<u8>);

fn p256(seed: &[u8]) -> Result<Parts, &'static str> {
    let key = p256::ecdsa::SigningKey::from_slice(seed).map_err(|_| "the JWK's d is no private key of P-256")?;
    let (x, y) = coordinates(&key);
    Ok((Secret::P256(Box::new(key)), x, y))
}

fn coordinates(key: &p256::ecdsa::SigningKey) -> (Vec<u8>, Vec<u8>) {
    let point = key.verifying_key().to_sec1_point(false);
    let (x, y) = point.as_bytes().get(1..).and_then(|both| both.split_at_checked(32)).unwrap_or_default();
    (x.to_vec(), y.to_vec())
}

fn ed25519(seed: &[u8]) -> Result<Parts, &'static str> {
    // Any 32 bytes are one; but zeros are what somebody forgot to fill in.
    let seed =
        seed.try_into().ok().filter(|seed| *seed != [0; 32]).ok_or("the JWK's d is no private key of Ed25519")?;
    let key = ed25519_dalek::SigningKey::from_bytes(&seed);
    let x = key.verifying_key().to_bytes().to_vec();
    Ok((Secret::Ed25519(Box::new(key)), x, Vec::new()))
}

/// Whether a coordinate, if it is written, is this one.
fn agrees(members: &Map<String, Value>, name: &str, coordinate: &[u8]) -> bool {
    members.get(name).is_none_or(|value| value.as_str() == encode(coordinate).as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    /// RFC 6979 appendix A.2.5 and RFC 8037 appendix A.1, private halves and all.
    fn known() -> [Value; 2] {
        let hex = |text: &str| encode(&ct_codecs::Hex::decode_to_vec(text, None).unwrap()).unwrap();
        [
            json!({
                "kty": "EC", "crv": "P-256", "kid": "k1",
                "d": hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"),
                "x": hex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"),
                "y": hex("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"),
            }),
            json!({
                "kty": "OKP", "crv": "Ed25519", "kid": "k1",
                "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            }),
        ]
    }

    #[test]
    fn the_public_half_is_the_keys_own() {
        for (jwk, algorithm) in known().into_iter().zip(["ES256", "EdDSA"]) {
            let mut expected = jwk.clone();
            expected.as_object_mut().unwrap().remove("d");
            expected["alg"] = algorithm.into();
            expected["use"] = "sig".into();
            let key = PrivateKey::read(&jwk.to_string()).unwrap();
            assert_eq!(key.public(), Some(expected));
        }
    }

    #[test]
    fn a_public_half_of_another_key_is_refused() {
        for jwk in known() {
            for member in ["x", "y"].iter().filter(|member| jwk.get(**member).is_some()) {
                let mut torn = jwk.clone();
                torn[member] = encode(&[1; 32]).unwrap().into();
                let fault = PrivateKey::read(&torn.to_string()).err();
                assert_eq!(fault, Some("the JWK's public half belongs to another private one"), "{member}");
                torn.as_object_mut().unwrap().remove(*member);
                assert!(PrivateKey::read(&torn.to_string()).is_ok(), "it need not be written");
            }
        }
    }
}
