//! Signature checks: the host's fast one where it has proved itself, ours
//! everywhere else.

use hmac_sha512::sha384;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use superboring::hash::MessageDigest;
use superboring::pkey::{PKey, Public};
use superboring::rsa::Padding;
use superboring::sign::{RsaPssSaltlen, Verifier};

use super::keys::Key;
use super::keys::Material;
use crate::algorithm::Algorithm;
use crate::host::{Host, SignatureCheck};

mod known_answers;

/// Whether the host is asked at all. Hosts exist that trap on the question, so
/// probing cannot decide it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureMode {
    /// By the host where it can, else in software.
    Host,
    /// In software only.
    Software,
}

/// Who gave a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckPath {
    /// The host.
    Host,
    /// airgate's own code.
    Software,
}

/// Checks signatures, on the path that the host has earned for each algorithm.
#[derive(Clone, Debug)]
pub struct SignatureChecker {
    proven: Vec<Algorithm>,
}

/// The algorithms hosts are asked about; the others have no form that
/// [`Host::verify`] can state.
const HOST_ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::ES256, Algorithm::ES384];

impl SignatureChecker {
    /// Puts questions with known answers to the host. An algorithm is left to
    /// it only if it tells the good from the bad every time.
    pub fn new(mode: SignatureMode, host: &dyn Host) -> SignatureChecker {
        let proven = match mode {
            SignatureMode::Software => Vec::new(),
            SignatureMode::Host => {
                HOST_ALGORITHMS.into_iter().filter(|algorithm| known_answers::holds(*algorithm, host)).collect()
            }
        };
        SignatureChecker { proven }
    }

    /// The algorithms that are left to the host.
    pub fn proven(&self) -> impl Iterator<Item = Algorithm> {
        self.proven.iter().copied()
    }

    /// Whether `signature` (as JWS has it) is `key`'s over `text`. The host's
    /// no is final: a second opinion would make the slow path the decision.
    pub fn check(
        &self,
        key: &Key,
        algorithm: Algorithm,
        text: &[u8],
        signature: &[u8],
        host: &dyn Host,
    ) -> (bool, CheckPath) {
        if !key.serves(algorithm) || signature.len() != key.material().signature_length() {
            return (false, CheckPath::Software);
        }
        if self.proven.contains(&algorithm)
            && let Some(verdict) = ask(key, algorithm, text, signature, host)
        {
            return (verdict, CheckPath::Host);
        }
        (check_in_software(key.material(), algorithm, text, signature), CheckPath::Software)
    }
}

/// The host's verdict, in the encodings that hosts understand.
fn ask(key: &Key, algorithm: Algorithm, text: &[u8], signature: &[u8], host: &dyn Host) -> Option<bool> {
    let verify = |signature: &[u8]| host.verify(&SignatureCheck { algorithm, public_key: key.der(), signature, text });
    match key.material() {
        Material::P256(_) => match p256::ecdsa::Signature::from_slice(signature) {
            Ok(signature) => verify(signature.to_der().as_bytes()),
            // r or s is 0, or not below the curve's order.
            Err(_) => None,
        },
        Material::P384(_) => match p384::ecdsa::Signature::from_slice(signature) {
            Ok(signature) => verify(signature.to_der().as_bytes()),
            Err(_) => None,
        },
        Material::Rsa(..) => verify(signature),
        Material::Ed25519(_) => None,
    }
}

/// jwt-simple's own `verify_token` is not used: it reads header and claims a
/// second time, in its own way.
fn check_in_software(key: &Material, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
    match key {
        Material::P256(key) => p256::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify_prehash(&hmac_sha256::Hash::hash(text), &signature).is_ok()),
        Material::P384(key) => p384::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify_prehash(&sha384::Hash::hash(text), &signature).is_ok()),
        // Strict: refuses s of the order and above, and small-order r and keys.
        Material::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify_strict(text, &signature).is_ok()),
        Material::Rsa(key, _) => rsa_scheme(algorithm)
            .and_then(|(digest, padding)| check_rsa(key, digest, padding, text, signature))
            .unwrap_or(false),
    }
}

fn rsa_scheme(algorithm: Algorithm) -> Option<(MessageDigest, Padding)> {
    match algorithm {
        Algorithm::RS256 => Some((MessageDigest::sha256(), Padding::PKCS1)),
        Algorithm::RS384 => Some((MessageDigest::sha384(), Padding::PKCS1)),
        Algorithm::RS512 => Some((MessageDigest::sha512(), Padding::PKCS1)),
        Algorithm::PS256 => Some((MessageDigest::sha256(), Padding::PKCS1_PSS)),
        Algorithm::PS384 => Some((MessageDigest::sha384(), Padding::PKCS1_PSS)),
        Algorithm::PS512 => Some((MessageDigest::sha512(), Padding::PKCS1_PSS)),
        Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA => None,
    }
}

/// The verifier panics without a padding or a key: both are always set here.
fn check_rsa(
    key: &PKey<Public>,
    digest: MessageDigest,
    padding: Padding,
    text: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let mut verifier = Verifier::new(digest, key).ok()?;
    verifier.set_rsa_padding(padding).ok()?;
    // RFC 7518 section 3.5: the salt is as long as the hash, no other length.
    verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).ok()?;
    verifier.update(text).ok()?;
    verifier.verify(signature).ok()
}

#[cfg(test)]
mod tests;
