//! How an ID token vouches for what came with it.

use hmac_sha512::sha384;

use super::encode;
use crate::algorithm::Algorithm;

/// The `at_hash` of an access token, or the `c_hash` of a code (OpenID Connect
/// Core section 3.1.3.6): the left half of the hash that belongs to the ID
/// token's algorithm.
pub(in crate::identity) fn half_hash(algorithm: Algorithm, text: &[u8]) -> Option<String> {
    let hash = match algorithm {
        Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 => hmac_sha256::Hash::hash(text).to_vec(),
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => sha384::Hash::hash(text).to_vec(),
        // The specification does not say which; Ed25519 hashes by SHA-512, and
        // so do the providers that sign with it.
        Algorithm::RS512 | Algorithm::PS512 | Algorithm::EdDSA => hmac_sha512::Hash::hash(text).to_vec(),
    };
    encode(hash.get(..hash.len().div_euclid(2))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn known_answers() {
        // OpenID Connect Core, appendix A.4.
        let token = b"jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(half_hash(Algorithm::RS256, token).unwrap(), "77QmUPtjPfzWtF2AnpK9RQ");
        // Appendix A.5 and A.6.
        let code = b"Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";
        assert_eq!(half_hash(Algorithm::RS256, code).unwrap(), "LDktKdoQak3Pk0cnXxCltA");
    }

    #[test]
    fn each_algorithm_has_its_own_hash() {
        for algorithm in Algorithm::ALL {
            let bytes = match algorithm.name() {
                "EdDSA" => 32,
                name if name.ends_with("256") => 16,
                name if name.ends_with("384") => 24,
                _ => 32,
            };
            let characters = (bytes * 4_usize).div_ceil(3);
            assert_eq!(half_hash(algorithm, b"x").unwrap().len(), characters, "{algorithm:?}");
        }
        assert_eq!(half_hash(Algorithm::EdDSA, b"x"), half_hash(Algorithm::RS512, b"x"));
    }
}
