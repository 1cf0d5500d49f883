//! What can be wrong, told apart by who is at fault.

use std::fmt;

/// The client's token is no proof of who is calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenFault {
    /// The token has no JWT's shape: it may be a good token of another kind,
    /// which nobody but its issuer can read.
    Opaque,
    /// The token is longer than 16 KiB.
    TooLong,
    /// Not a compact JWS (RFC 7515) over a claims object, read strictly.
    Malformed,
    /// A header member that changes what the token means: `crit`, `b64`, `zip`,
    /// `enc`, or a nested token.
    UnsupportedHeader,
    /// An `alg` that airgate or the provider's settings do not allow.
    AlgorithmNotAllowed,
    /// No configured provider has this `iss`.
    UnknownIssuer,
    /// The provider has no key of this `kid` for this `alg`.
    UnknownKid,
    /// The token names no key and the provider has several that fit.
    AmbiguousKey,
    /// The signature does not fit the key.
    BadSignature,
    /// `exp` has passed.
    Expired,
    /// `nbf` is to come.
    NotYetValid,
    /// `iat` is to come.
    IssuedInFuture,
    /// The token is for somebody else.
    WrongAudience,
    /// Another kind of token: an ID token for an access token, a logout token.
    WrongKind,
    /// An ID token that another client asked for (`azp`).
    WrongClient,
    /// A claim that must be there is not.
    MissingClaim,
    /// A claim is there, with a value that it cannot have.
    BadClaim,
    /// A claim has not the value that the provider's settings require.
    RequiredClaim,
    /// A token that is bound to a key (`cnf`), whose proof was not checked.
    SenderConstrained,
}

impl TokenFault {
    /// The word for the record.
    pub const fn reason(self) -> &'static str {
        self.words().0
    }

    /// A sentence for the caller: the `error_description` of RFC 6750, which
    /// allows neither quotes nor backslashes.
    pub const fn description(self) -> &'static str {
        self.words().1
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            TokenFault::Opaque => ("opaque_token", "the token is not a JWT"),
            TokenFault::TooLong => ("token_too_long", "the token is longer than 16 KiB"),
            TokenFault::Malformed => ("malformed", "the token is malformed"),
            TokenFault::UnsupportedHeader => ("unsupported_header", "the token has a header that is not supported"),
            TokenFault::AlgorithmNotAllowed => ("algorithm_not_allowed", "the signature algorithm is not allowed"),
            TokenFault::UnknownIssuer => ("unknown_issuer", "the issuer is not known here"),
            TokenFault::UnknownKid => ("unknown_kid", "the signing key is not known"),
            TokenFault::AmbiguousKey => ("ambiguous_key", "the token does not say which key signed it"),
            TokenFault::BadSignature => ("bad_signature", "the signature is wrong"),
            TokenFault::Expired => ("expired", "the token has expired"),
            TokenFault::NotYetValid => ("not_yet_valid", "the token is not valid yet"),
            TokenFault::IssuedInFuture => ("issued_in_future", "the token was issued in the future"),
            TokenFault::WrongAudience => ("wrong_audience", "the token is not for this audience"),
            TokenFault::WrongKind => ("wrong_kind", "the token is of another kind"),
            TokenFault::WrongClient => ("wrong_client", "the token was issued to another client"),
            TokenFault::MissingClaim => ("missing_claim", "the token lacks a claim"),
            TokenFault::BadClaim => ("bad_claim", "a claim of the token is not usable"),
            TokenFault::RequiredClaim => ("required_claim", "a claim has not the required value"),
            TokenFault::SenderConstrained => ("sender_constrained", "the token is bound to a key and no bearer token"),
        }
    }
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

impl std::error::Error for TokenFault {}

/// The provider's key set is of no use: the last good one stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySetFault {
    /// More bytes than 512 KiB.
    TooLong,
    /// Not JSON, or JSON that readers disagree about.
    Malformed,
    /// No `keys` list in it (RFC 7517 section 5).
    NotAKeySet,
    /// A list without one key that airgate can use.
    NoUsableKey,
}

impl fmt::Display for KeySetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeySetFault::TooLong => "key set is too long",
            KeySetFault::Malformed => "key set is not valid JSON",
            KeySetFault::NotAKeySet => "expected an object with a list of keys",
            KeySetFault::NoUsableKey => "key set holds no usable key",
        })
    }
}

impl std::error::Error for KeySetFault {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    const ALL: [TokenFault; 19] = [
        TokenFault::Opaque,
        TokenFault::TooLong,
        TokenFault::Malformed,
        TokenFault::UnsupportedHeader,
        TokenFault::AlgorithmNotAllowed,
        TokenFault::UnknownIssuer,
        TokenFault::UnknownKid,
        TokenFault::AmbiguousKey,
        TokenFault::BadSignature,
        TokenFault::Expired,
        TokenFault::NotYetValid,
        TokenFault::IssuedInFuture,
        TokenFault::WrongAudience,
        TokenFault::WrongKind,
        TokenFault::WrongClient,
        TokenFault::MissingClaim,
        TokenFault::BadClaim,
        TokenFault::RequiredClaim,
        TokenFault::SenderConstrained,
    ];

    #[test]
    fn descriptions_fit_into_a_challenge() {
        // RFC 6750 section 3: %x20-21 / %x23-5B / %x5D-7E.
        for fault in ALL {
            let allowed = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
            assert!(fault.description().bytes().all(allowed), "{fault:?}");
            assert!(fault.reason().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{fault:?}");
        }
    }

    #[test]
    fn each_fault_has_words_of_its_own() {
        for (place, fault) in ALL.iter().enumerate() {
            let earlier = || ALL.iter().take(place);
            assert!(earlier().all(|other| other.reason() != fault.reason()), "{fault:?}");
            assert!(earlier().all(|other| other.description() != fault.description()), "{fault:?}");
        }
    }
}
