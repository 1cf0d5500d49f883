//! What the core borrows from whoever runs it: random bytes and, where the
//! host has them, a signature check that is faster than ours, a shelf that
//! outlives a reload, counters, and what it knows about a request that ended.

use crate::algorithm::Algorithm;
use crate::decision::Decision;
use crate::metrics::Counter;

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
    fn recall(&self, name: &str) -> Option<Recalled> {
        let _ = name;
        None
    }

    /// Puts a value where another of this version lies; exactly one of several
    /// workers that try succeeds. `false`: it was changed in the meantime, or
    /// there is no shelf.
    fn replace(&self, name: &str, value: &[u8], version: Version) -> bool {
        let _ = (name, value, version);
        false
    }

    /// Counts one. Called on the way of requests, so it must cost nothing.
    fn count(&self, counter: Counter) {
        let _ = counter;
    }

    /// Counts a decision by its reason.
    fn count_decision(&self, decision: Decision, reason: &'static str) {
        let _ = (decision, reason);
    }

    /// What the host knows about the request whose stream is in effect, such as
    /// `source.address`, and once it has ended `response.code`: a text, or a
    /// number in 8 bytes, little-endian. `None`: it does not know.
    fn fact(&self, name: &str) -> Option<Vec<u8>> {
        let _ = name;
        None
    }

    /// Gives a text to the host's own record of the request that has just ended.
    fn tell(&self, name: &str, text: &str) {
        let _ = (name, text);
    }
}

/// What lay on the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recalled {
    /// The value.
    pub value: Vec<u8>,
    /// Which of the values of that name.
    pub version: Version,
}

/// Tells one value on the shelf from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

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
