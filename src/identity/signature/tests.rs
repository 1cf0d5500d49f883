use std::cell::RefCell;

use ct_codecs::{Base64UrlSafeNoPadding, Decoder};
use serde_json::json;

use super::*;
use crate::testing::{TestHost, test};

mod rsa_cases;

fn decode(text: &str) -> Vec<u8> {
    Base64UrlSafeNoPadding::decode_to_vec(text, None).unwrap()
}

/// A host that answers with a function, and writes down what it was asked.
struct Verifying<F>(F, RefCell<Vec<Algorithm>>);

impl<F: Fn(&SignatureCheck<'_>) -> Option<bool>> Verifying<F> {
    fn new(bend: F) -> Verifying<F> {
        Verifying(bend, RefCell::default())
    }
}

impl<F: Fn(&SignatureCheck<'_>) -> Option<bool>> Host for Verifying<F> {
    fn random(&self, _: &mut [u8]) -> bool {
        false
    }

    fn verify(&self, check: &SignatureCheck<'_>) -> Option<bool> {
        self.1.borrow_mut().push(check.algorithm);
        (self.0)(check)
    }
}

/// What a good host answers, reached from the host's own encodings.
fn honest(check: &SignatureCheck<'_>) -> bool {
    use p256::pkcs8::DecodePublicKey;
    match check.algorithm {
        Algorithm::ES256 => {
            let key = p256::ecdsa::VerifyingKey::from_public_key_der(check.public_key).unwrap();
            let signature = p256::ecdsa::Signature::from_der(check.signature).unwrap();
            key.verify_prehash(&hmac_sha256::Hash::hash(check.text), &signature).is_ok()
        }
        Algorithm::ES384 => {
            let key = p384::ecdsa::VerifyingKey::from_public_key_der(check.public_key).unwrap();
            let signature = p384::ecdsa::Signature::from_der(check.signature).unwrap();
            key.verify_prehash(&sha384::Hash::hash(check.text), &signature).is_ok()
        }
        algorithm => {
            let key = superboring::rsa::Rsa::public_key_from_der(check.public_key).unwrap();
            let (digest, padding) = rsa_scheme(algorithm).unwrap();
            check_rsa(&PKey::Rsa(key), digest, padding, check.text, check.signature).unwrap()
        }
    }
}

fn proven(bend: impl Fn(&SignatureCheck<'_>) -> Option<bool>) -> Vec<Algorithm> {
    SignatureChecker::new(SignatureMode::Host, &Verifying::new(bend)).proven().collect()
}

#[test]
fn an_honest_host_proves_itself() {
    assert_eq!(proven(|check| Some(honest(check))), HOST_ALGORITHMS);
}

#[test]
fn a_host_that_is_wrong_once_is_not_asked_again() {
    assert!(proven(|_| Some(true)).is_empty(), "says yes to everything");
    assert!(proven(|_| Some(false)).is_empty(), "says no to everything");
    assert!(proven(|_| None).is_empty(), "has nothing to say");
    assert!(proven(|check| honest(check).then_some(true)).is_empty(), "cannot say no");
    let partial = proven(|check| (check.algorithm != Algorithm::ES256).then(|| honest(check)));
    assert_eq!(partial, [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::ES384], "knows no ES256");
    let one_hash = proven(|check| {
        let rsa = [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512];
        let any_hash = |algorithm| honest(&SignatureCheck { algorithm, ..*check });
        Some(if rsa.contains(&check.algorithm) { rsa.into_iter().any(any_hash) } else { honest(check) })
    });
    assert_eq!(one_hash, [Algorithm::ES256, Algorithm::ES384], "does not look at the hash");
}

#[test]
fn software_mode_never_asks() {
    let host = Verifying::new(|check| Some(honest(check)));
    assert_eq!(SignatureChecker::new(SignatureMode::Software, &host).proven().count(), 0);
    assert!(host.1.borrow().is_empty());
}

#[test]
fn the_host_decides_where_it_gives_a_verdict_and_software_elsewhere() {
    let checker = SignatureChecker { proven: vec![Algorithm::RS256] };
    let key = rsa_key();
    let (_, algorithm, signature, _) = rsa_cases::CASES[0];
    let check =
        |verdict| checker.check(&key, algorithm, b"airgate", &decode(signature), &Verifying::new(move |_| verdict));
    assert_eq!(check(Some(false)), (false, CheckPath::Host));
    assert_eq!(check(Some(true)), (true, CheckPath::Host));
    assert_eq!(check(None), (true, CheckPath::Software));
    let unproven = SignatureChecker { proven: Vec::new() };
    let (verdict, path) = unproven.check(&key, algorithm, b"airgate", &decode(signature), &TestHost::default());
    assert_eq!((verdict, path), (true, CheckPath::Software));
}

fn rsa_key() -> Key {
    Key::read(&json!({"kty": "RSA", "n": rsa_cases::MODULUS, "e": "AQAB"})).unwrap()
}

#[test]
fn rsa_padding_is_checked_to_the_last_byte() {
    let checker = SignatureChecker { proven: Vec::new() };
    for (name, algorithm, signature, expected) in rsa_cases::CASES {
        let (verdict, _) = checker.check(&rsa_key(), *algorithm, b"airgate", &decode(signature), &TestHost::default());
        assert_eq!(verdict, *expected, "{algorithm:?}: {name}");
    }
}

#[test]
fn a_signature_of_another_length_is_wrong_before_anybody_is_asked() {
    let host = Verifying::new(|_| Some(true));
    let checker = SignatureChecker { proven: HOST_ALGORITHMS.to_vec() };
    let good = decode(rsa_cases::CASES[0].2);
    let lengths =
        [vec![], good[..255].to_vec(), [&good[..], &[0]].concat(), [&[0], &good[..]].concat(), vec![1; 70_000]];
    for signature in lengths {
        let (verdict, _) = checker.check(&rsa_key(), Algorithm::RS256, b"airgate", &signature, &host);
        assert!(!verdict, "{} bytes", signature.len());
    }
    let (verdict, _) = checker.check(&rsa_key(), Algorithm::ES256, b"airgate", &[1; 64], &host);
    assert!(!verdict, "an algorithm that the key does not serve");
    assert!(host.1.borrow().is_empty());
}

mod ec {
    use std::ops::Neg;

    use p256::ecdsa::signature::hazmat::PrehashSigner;

    use super::*;
    use crate::testing::test;

    const ORDER_256: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    const ORDER_384: &str =
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";

    fn hex(text: &str) -> Vec<u8> {
        ct_codecs::Hex::decode_to_vec(text, None).unwrap()
    }

    fn key(curve: &str, point: &[u8]) -> Key {
        use ct_codecs::Encoder;
        let encode = |bytes: &[u8]| Base64UrlSafeNoPadding::encode_to_string(bytes).unwrap();
        let (x, y) = point[1..].split_at(point.len() / 2);
        Key::read(&json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})).unwrap()
    }

    struct Case {
        algorithm: Algorithm,
        key: Key,
        good: Vec<u8>,
        twin: Vec<u8>,
        der: Vec<u8>,
        order: Vec<u8>,
    }

    fn cases() -> [Case; 2] {
        let signer = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        let good: p256::ecdsa::Signature = signer.sign_prehash(&hmac_sha256::Hash::hash(b"airgate")).unwrap();
        let (r, s) = good.split_scalars();
        let es256 = Case {
            algorithm: Algorithm::ES256,
            key: key("P-256", signer.verifying_key().to_sec1_point(false).as_bytes()),
            good: good.to_bytes().to_vec(),
            twin: p256::ecdsa::Signature::from_scalars(r, s.neg()).unwrap().to_bytes().to_vec(),
            der: good.to_der().as_bytes().to_vec(),
            order: hex(ORDER_256),
        };
        let signer = p384::ecdsa::SigningKey::from_slice(&[7; 48]).unwrap();
        let good: p384::ecdsa::Signature = signer.sign_prehash(&sha384::Hash::hash(b"airgate")).unwrap();
        let (r, s) = good.split_scalars();
        let es384 = Case {
            algorithm: Algorithm::ES384,
            key: key("P-384", signer.verifying_key().to_sec1_point(false).as_bytes()),
            good: good.to_bytes().to_vec(),
            twin: p384::ecdsa::Signature::from_scalars(r, s.neg()).unwrap().to_bytes().to_vec(),
            der: good.to_der().as_bytes().to_vec(),
            order: hex(ORDER_384),
        };
        [es256, es384]
    }

    #[test]
    fn ecdsa_takes_one_form_and_no_degenerate_numbers() {
        for Case { algorithm, key, good, twin, der, order } in cases() {
            let half = good.len() / 2;
            let zero = vec![0; half];
            let (r, s) = good.split_at(half);
            let all_ones = vec![0xff; half];
            let padded_der = {
                let mut der = der.clone();
                der.resize(good.len(), 0);
                der
            };
            let table: [(&str, Vec<u8>, bool); 15] = [
                ("good", good.clone(), true),
                ("the high-s or low-s twin", twin, true),
                ("r is 0", [&zero, s].concat(), false),
                ("s is 0", [r, &zero].concat(), false),
                ("both are 0", [&zero[..], &zero].concat(), false),
                ("r is n", [&order, s].concat(), false),
                ("s is n", [r, &order].concat(), false),
                ("both are n", [&order[..], &order].concat(), false),
                ("r beyond n", [&all_ones, s].concat(), false),
                ("swapped", [s, r].concat(), false),
                ("DER where raw is due", der, false),
                ("DER cut or filled to the raw length", padded_der, false),
                ("empty", vec![], false),
                ("cut", good[1..].to_vec(), false),
                ("padded halves", [&[0], r, &[0], s].concat(), false),
            ];
            let software = SignatureChecker { proven: Vec::new() };
            let with_host = SignatureChecker { proven: vec![algorithm] };
            let host = Verifying::new(|check| Some(honest(check)));
            for (name, signature, expected) in table {
                let (verdict, _) = software.check(&key, algorithm, b"airgate", &signature, &host);
                assert_eq!(verdict, expected, "{algorithm:?} in software: {name}");
                let (verdict, _) = with_host.check(&key, algorithm, b"airgate", &signature, &host);
                assert_eq!(verdict, expected, "{algorithm:?} by the host: {name}");
            }
            let (verdict, _) = software.check(&key, algorithm, b"airgate!", &good, &host);
            assert!(!verdict, "{algorithm:?}: another text");
        }
    }

    #[test]
    fn degenerate_numbers_never_reach_the_host() {
        for Case { algorithm, key, good, order, .. } in cases() {
            let host = Verifying::new(|_| Some(true));
            let checker = SignatureChecker { proven: vec![algorithm] };
            let half = good.len() / 2;
            for bad in [vec![0; half], order] {
                for signature in [[&bad, &good[half..]].concat(), [&good[..half], &bad].concat()] {
                    assert!(!checker.check(&key, algorithm, b"airgate", &signature, &host).0);
                }
            }
            assert!(host.1.borrow().is_empty());
        }
    }

    #[test]
    fn every_length_of_der_integer_arrives() {
        // r and s with and without a leading zero byte: their encodings vary.
        let signer = p256::ecdsa::SigningKey::from_slice(&[9; 32]).unwrap();
        let key = key("P-256", signer.verifying_key().to_sec1_point(false).as_bytes());
        let checker = SignatureChecker { proven: vec![Algorithm::ES256] };
        let lengths = RefCell::new(Vec::new());
        let host = Verifying::new(|check| {
            lengths.borrow_mut().push(check.signature.len());
            Some(honest(check))
        });
        for text in 0..16_u8 {
            let signature: p256::ecdsa::Signature = signer.sign_prehash(&hmac_sha256::Hash::hash(&[text])).unwrap();
            let (verdict, path) = checker.check(&key, Algorithm::ES256, &[text], &signature.to_bytes(), &host);
            assert_eq!((verdict, path), (true, CheckPath::Host));
        }
        for length in [70, 71, 72] {
            assert!(lengths.borrow().contains(&length), "{length}");
        }
    }
}

mod ed25519 {
    use ct_codecs::Encoder;
    use ed25519_dalek::Signer as _;

    use super::*;
    use crate::testing::test;

    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];

    #[test]
    fn ed25519_is_not_malleable() {
        let pair = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let x = Base64UrlSafeNoPadding::encode_to_string(pair.verifying_key().as_bytes()).unwrap();
        let key = Key::read(&json!({"kty": "OKP", "crv": "Ed25519", "x": x})).unwrap();
        let good = pair.sign(b"airgate").to_bytes().to_vec();
        let mut plus_order = good.clone();
        let mut carry = 0_u16;
        for (byte, addend) in plus_order[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(addend) + carry;
            *byte = sum as u8;
            carry = sum >> 8;
        }
        assert_eq!(carry, 0);
        let mut identity_r = good.clone();
        identity_r[..32].fill(0);
        identity_r[0] = 1;
        let mut flipped = good.clone();
        flipped[63] ^= 0x80;
        let cases = [
            ("good", good.clone(), true),
            ("S + L", plus_order, false),
            ("R of small order", identity_r, false),
            ("all zero", vec![0; 64], false),
            ("a high bit of S", flipped, false),
            ("cut", good[..63].to_vec(), false),
            ("longer", [&good[..], &[0]].concat(), false),
        ];
        let checker = SignatureChecker { proven: Vec::new() };
        for (name, signature, expected) in cases {
            let (verdict, path) = checker.check(&key, Algorithm::EdDSA, b"airgate", &signature, &TestHost::default());
            assert_eq!((verdict, path), (expected, CheckPath::Software), "{name}");
        }
    }
}
