//! Signature algorithms.

/// A signature algorithm of RFC 7518 or RFC 8037. HMAC is none of them: whoever
/// can check such a signature can also make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}
