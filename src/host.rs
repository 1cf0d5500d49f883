//! What the core borrows from whoever runs it: random bytes and, where the
//! host has them, a signature check that is faster than ours and a shelf that
//! outlives a reload.

use crate::algorithm::Algorithm;

/// The seam between the core and its host (proxy, command line, test, fuzzer).
pub trait Host {
    /// Fills `bytes` from a cryptographically secure source. `false`: there is
    /// none, and whatever needed it must refuse.
    fn random(&self, bytes: &mut [u8]) -> bool;

    /// Checks a signature with the host's own means. `None`: the host has none
    /// for this algorithm, or its answer was no verdict, so the software check
    /// decides.
    fn verify(&self, check: &SignatureCheck<'_>) -> Option<bool> {
        let _ = check;
        None
    }

    /// Puts a value on the shelf that all workers share and that survives
    /// reloads and traps. It may be lost.
    fn keep(&self, name: &str, value: &[u8]) {
        let _ = (name, value);
    }

    /// Takes a look at the shelf.
    fn recall(&self, name: &str) -> Option<Vec<u8>> {
        let _ = name;
        None
    }
}

/// One question to [`Host::verify`], in the encodings hosts understand.
#[derive(Clone, Copy, Debug)]
pub struct SignatureCheck<'a> {
    /// An RSA PKCS#1 v1.5 or ECDSA algorithm.
    pub algorithm: Algorithm,
    /// The public key as DER `SubjectPublicKeyInfo` (RFC 5280).
    pub public_key: &'a [u8],
    /// The signature; ECDSA's as a DER sequence, not JWS's raw `r || s`.
    pub signature: &'a [u8],
    /// What was signed.
    pub text: &'a [u8],
}
