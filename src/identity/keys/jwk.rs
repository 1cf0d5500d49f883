//! One key of a set (RFC 7517 section 4).

use serde_json::{Map, Value};

use super::{KeyFingerprint, Material};
use crate::algorithm::Algorithm;

/// A public key that may check signatures.
#[derive(Clone, Debug)]
pub struct Key {
    material: Material,
    kid: Option<String>,
    /// Keys without `alg` serve every algorithm of their kind, as Entra ID's do.
    algorithm: Option<Algorithm>,
    der: Vec<u8>,
    fingerprint: KeyFingerprint,
}

/// Members that only private and secret keys have.
const SECRETS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

impl Key {
    /// Reads a key; the error says why it is of no use.
    pub(in crate::identity) fn read(jwk: &Value) -> Result<Key, &'static str> {
        let members = jwk.as_object().ok_or("not an object")?;
        let kid = text(members, "kid")?;
        check_use(members)?;
        // Whoever reads the set can sign with such a key.
        if SECRETS.iter().any(|name| members.contains_key(*name)) {
            return Err("holds a secret");
        }
        let algorithm = match text(members, "alg")? {
            None => None,
            Some(name) => Some(Algorithm::parse(name).ok_or("its alg is not for signatures we check")?),
        };
        let material = Material::read(members)?;
        if algorithm.is_some_and(|algorithm| !material.serves(algorithm)) {
            return Err("its alg does not fit its kind");
        }
        let der = material.to_der().ok_or("cannot be encoded")?;
        let fingerprint = fingerprint(kid, algorithm, &der);
        Ok(Key { material, kid: kid.map(str::to_owned), algorithm, der, fingerprint })
    }

    /// The `kid`, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The key as DER `SubjectPublicKeyInfo` (RFC 5280).
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What a cache remembers of this key.
    pub fn fingerprint(&self) -> KeyFingerprint {
        self.fingerprint
    }

    /// Whether the key may check signatures of this algorithm.
    pub fn serves(&self, algorithm: Algorithm) -> bool {
        self.material.serves(algorithm) && self.algorithm.is_none_or(|own| own == algorithm)
    }

    pub(in crate::identity) fn material(&self) -> &Material {
        &self.material
    }

    /// Whether both are of one `kid` and one `kty`, and yet not the same key.
    pub(super) fn rivals(&self, other: &Key) -> bool {
        self.kid.is_some()
            && self.kid == other.kid
            && self.material.kty() == other.material.kty()
            && self.der != other.der
    }
}

fn check_use(members: &Map<String, Value>) -> Result<(), &'static str> {
    if text(members, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err("its use is not sig");
    }
    match members.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => Ok(()),
        Some(_) => Err("its key_ops do not allow verify"),
    }
}

/// A member that is a text if it is there.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, &'static str> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err("kid, use and alg must be texts"),
    }
}

fn fingerprint(kid: Option<&str>, algorithm: Option<Algorithm>, der: &[u8]) -> KeyFingerprint {
    let mut hash = hmac_sha256::Hash::new();
    // The DER carries its own length; the texts are told apart by a byte that
    // UTF-8 does not have.
    for part in [kid, algorithm.map(Algorithm::name)] {
        hash.update([u8::from(part.is_some())]);
        hash.update(part.unwrap_or_default());
        hash.update([0xff]);
    }
    hash.update(der);
    KeyFingerprint(hash.finalize())
}
