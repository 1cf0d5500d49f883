use ct_codecs::Decoder;
use serde_json::json;

use super::*;
use crate::identity::testing::{Signer, encode};
use crate::testing::test;

/// An odd number of exactly this many bits.
fn modulus(bits: usize) -> Vec<u8> {
    let mut bytes = vec![0; bits.div_ceil(8)];
    bytes[0] = 1 << (bits.wrapping_sub(1) % 8);
    *bytes.last_mut().unwrap() |= 1;
    bytes
}

fn rsa(modulus: impl AsRef<[u8]>, exponent: &[u8]) -> Value {
    json!({"kty": "RSA", "n": encode(modulus), "e": encode(exponent)})
}

fn with(mut jwk: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

fn ed25519(hex: &str) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": encode(ct_codecs::Hex::decode_to_vec(hex, None).unwrap())})
}

const E: &[u8] = &[1, 0, 1];

fn good() -> Signer {
    Signer::new("good", Algorithm::ES256, 1)
}

#[test]
fn a_broken_key_is_skipped_and_the_good_one_beside_it_serves() {
    let es256 = |seed| Signer::new("x", Algorithm::ES256, seed).jwk();
    let off_curve = with(es256(2), json!({"y": es256(3)["y"]}));
    let coordinate = |bytes: &[u8]| encode(bytes);
    let broken = [
        ("no object", json!("key")),
        ("null", json!(null)),
        ("empty", json!({})),
        ("no kty", with(es256(2), json!({"kty": null}))),
        ("kty in another case", with(es256(2), json!({"kty": "ec"}))),
        ("oct", json!({"kty": "oct", "k": encode("secret"), "alg": "HS256"})),
        ("oct with an alg of ours", json!({"kty": "oct", "k": encode("secret"), "alg": "RS256"})),
        ("use: enc", with(es256(2), json!({"use": "enc"}))),
        ("use: a list", with(es256(2), json!({"use": ["sig"]}))),
        ("key_ops without verify", with(es256(2), json!({"key_ops": ["sign"]}))),
        ("key_ops empty", with(es256(2), json!({"key_ops": []}))),
        ("key_ops a text", with(es256(2), json!({"key_ops": "verify"}))),
        ("kid a number", with(es256(2), json!({"kid": 1}))),
        ("alg for encryption", with(rsa(modulus(2048), E), json!({"alg": "RSA-OAEP"}))),
        ("alg HS256 on an RSA key", with(rsa(modulus(2048), E), json!({"alg": "HS256"}))),
        ("alg of another kty", with(es256(2), json!({"alg": "RS256"}))),
        ("alg of another curve", with(es256(2), json!({"alg": "ES384"}))),
        ("alg none", with(es256(2), json!({"alg": "none"}))),
        ("alg a list", with(es256(2), json!({"alg": ["ES256"]}))),
        ("private EC key", with(es256(2), json!({"d": "AQAB"}))),
        ("private RSA key", with(rsa(modulus(2048), E), json!({"p": "AQAB", "q": "AQAB"}))),
        ("RSA of 512 bits", rsa(modulus(512), E)),
        ("RSA of 1024 bits", rsa(modulus(1024), E)),
        ("RSA of 2047 bits", rsa(modulus(2047), E)),
        ("RSA of 2047 bits behind a zero byte", rsa([&[0], &modulus(2047)[..]].concat(), E)),
        ("RSA of 8193 bits", rsa(modulus(8193), E)),
        ("RSA of 16384 bits", rsa(modulus(16_384), E)),
        ("RSA of 200,000 bits", rsa(modulus(200_000), E)),
        ("RSA modulus even", rsa([&modulus(2048)[..255], &[0]].concat(), E)),
        ("RSA modulus 0", rsa([0; 256], E)),
        ("RSA without modulus", json!({"kty": "RSA", "e": "AQAB"})),
        ("RSA modulus a number", json!({"kty": "RSA", "n": 65537, "e": "AQAB"})),
        ("RSA without exponent", json!({"kty": "RSA", "n": encode(modulus(2048))})),
        ("RSA exponent 0", rsa(modulus(2048), &[0])),
        ("RSA exponent 1", rsa(modulus(2048), &[1])),
        ("RSA exponent 2", rsa(modulus(2048), &[2])),
        ("RSA exponent even", rsa(modulus(2048), &[1, 0, 0])),
        ("RSA exponent of 33 bits", rsa(modulus(2048), &[1, 0, 0, 0, 1])),
        ("RSA exponent as large as the modulus", rsa(modulus(2048), &modulus(2048))),
        ("padded base64", json!({"kty": "RSA", "n": encode(modulus(2048)), "e": "AQAB=="})),
        ("standard base64", with(es256(2), json!({"x": "+/8"}))),
        ("off the curve", off_curve),
        ("the point 0, 0", with(es256(2), json!({"x": coordinate(&[0; 32]), "y": coordinate(&[0; 32])}))),
        ("coordinates beyond the field", with(es256(2), json!({"x": coordinate(&[255; 32])}))),
        ("a short coordinate", with(es256(2), json!({"x": coordinate(&[1; 31])}))),
        ("a long coordinate", with(es256(2), json!({"x": coordinate(&[0; 33])}))),
        ("no y", json!({"kty": "EC", "crv": "P-256", "x": coordinate(&[1; 32])})),
        (
            "P-384 coordinates called P-256",
            with(Signer::new("x", Algorithm::ES384, 1).jwk(), json!({"crv": "P-256", "alg": "ES256"})),
        ),
        ("P-521", with(es256(2), json!({"crv": "P-521"}))),
        ("secp256k1", with(es256(2), json!({"crv": "secp256k1"}))),
        ("X25519", with(Signer::new("x", Algorithm::EdDSA, 1).jwk(), json!({"crv": "X25519"}))),
        ("Ed448", with(Signer::new("x", Algorithm::EdDSA, 1).jwk(), json!({"crv": "Ed448"}))),
        ("Ed25519 of 31 bytes", ed25519(&"07".repeat(31))),
        ("Ed25519 of 33 bytes", ed25519(&"07".repeat(33))),
        ("Ed25519, the identity", ed25519("0100000000000000000000000000000000000000000000000000000000000000")),
        ("Ed25519 of order 2", ed25519("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")),
        ("Ed25519 of order 4", ed25519("0000000000000000000000000000000000000000000000000000000000000000")),
        ("Ed25519 of order 4, too", ed25519("0000000000000000000000000000000000000000000000000000000000000080")),
        ("Ed25519 of order 8", ed25519("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")),
        ("Ed25519 of order 8, too", ed25519("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")),
        ("Ed25519 not canonical: p", ed25519("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")),
        ("Ed25519 not canonical: p + 1", ed25519("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")),
        ("Ed25519 not canonical: minus 0", ed25519("0100000000000000000000000000000000000000000000000000000000000080")),
        ("Ed25519 off the curve", ed25519("0200000000000000000000000000000000000000000000000000000000000000")),
    ];
    for (name, jwk) in broken {
        let set = KeySet::from_value(&json!({"keys": [jwk, good().jwk()]})).unwrap();
        assert_eq!((set.len(), set.skipped().len()), (1, 1), "{name}");
        assert!(matches!(set.select(Algorithm::ES256, Some("good")), Selection::Key(_)), "{name}");
        let alone = KeySet::from_value(&json!({"keys": [jwk]})).err();
        assert_eq!(alone, Some(KeySetFault::NoUsableKey), "{name}");
    }
}

#[test]
fn sound_keys_of_every_kind_are_used() {
    let sound = [
        ("RSA of 2048 bits", rsa(modulus(2048), E), 256),
        ("RSA of 2049 bits", rsa(modulus(2049), E), 257),
        ("RSA of 4096 bits", rsa(modulus(4096), E), 512),
        ("RSA of 8192 bits", rsa(modulus(8192), E), 1024),
        ("RSA behind a zero byte", rsa([&[0], &modulus(2048)[..]].concat(), E), 256),
        ("RSA of 8192 bits behind a zero byte", rsa([&[0], &modulus(8192)[..]].concat(), E), 1024),
        ("RSA with exponent 3", rsa(modulus(2048), &[3]), 256),
        ("RSA with an exponent of 32 bits", rsa(modulus(2048), &[255; 4]), 256),
        ("RSA for PS256", with(rsa(modulus(2048), E), json!({"alg": "PS256"})), 256),
        ("P-256", good().jwk(), 64),
        ("P-384", Signer::new("x", Algorithm::ES384, 1).jwk(), 96),
        ("Ed25519", Signer::new("x", Algorithm::EdDSA, 1).jwk(), 64),
        ("Ed25519 by its new name", with(Signer::new("x", Algorithm::EdDSA, 1).jwk(), json!({"alg": "Ed25519"})), 64),
        ("members nobody knows", with(good().jwk(), json!({"x5c": ["MIIB"], "x5t": 1, "nbf": 2})), 64),
        ("key_ops with verify", with(good().jwk(), json!({"key_ops": ["verify"]})), 64),
    ];
    for (name, jwk, length) in sound {
        let key = Key::read(&jwk).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        assert_eq!(key.material().signature_length(), length, "{name}");
        assert_eq!(key.der().first(), Some(&0x30), "{name}");
    }
}

#[test]
fn the_der_is_what_jwt_simple_makes_of_the_key() {
    use jwt_simple::prelude::*;
    let der = |jwk: &Value| Key::read(jwk).unwrap().der().to_vec();
    let bytes = |jwk: &Value, name: &str| {
        ct_codecs::Base64UrlSafeNoPadding::decode_to_vec(jwk[name].as_str().unwrap(), None).unwrap()
    };
    let jwk = good().jwk();
    let point = [vec![4], bytes(&jwk, "x"), bytes(&jwk, "y")].concat();
    assert_eq!(der(&jwk), ES256PublicKey::from_bytes(&point).unwrap().to_der().unwrap());
    let jwk = Signer::new("x", Algorithm::ES384, 1).jwk();
    let point = [vec![4], bytes(&jwk, "x"), bytes(&jwk, "y")].concat();
    assert_eq!(der(&jwk), ES384PublicKey::from_bytes(&point).unwrap().to_der().unwrap());
    let jwk = rsa(modulus(2048), E);
    let key = RS256PublicKey::from_components(&modulus(2048), E).unwrap();
    assert_eq!(der(&jwk), key.to_der().unwrap());
}

#[test]
fn a_document_that_is_no_key_set_is_a_fault() {
    let key = good().jwk().to_string();
    let cases: [(&str, String, KeySetFault); 13] = [
        ("empty", String::new(), KeySetFault::Malformed),
        ("HTML", "<html><body>502</body></html>".into(), KeySetFault::Malformed),
        ("cut", format!(r#"{{"keys":[{key}"#), KeySetFault::Malformed),
        ("gzip", "\u{1f}\u{8b}\u{8}".into(), KeySetFault::Malformed),
        ("keys twice", format!(r#"{{"keys":[{key}],"keys":[]}}"#), KeySetFault::Malformed),
        (
            "20,000 levels",
            format!(r#"{{"keys":{}1{}}}"#, "[".repeat(20_000), "]".repeat(20_000)),
            KeySetFault::Malformed,
        ),
        ("too long", " ".repeat(KeySet::MAX_BYTES + 1), KeySetFault::TooLong),
        ("a list", format!("[{key}]"), KeySetFault::NotAKeySet),
        ("a key", key.clone(), KeySetFault::NotAKeySet),
        ("an error", r#"{"error":"server_error"}"#.into(), KeySetFault::NotAKeySet),
        ("keys an object", format!(r#"{{"keys":{{"k":{key}}}}}"#), KeySetFault::NotAKeySet),
        ("no keys", r#"{"keys":[]}"#.into(), KeySetFault::NoUsableKey),
        ("null", "null".into(), KeySetFault::NotAKeySet),
    ];
    for (name, text, fault) in cases {
        assert_eq!(KeySet::parse(text.as_bytes()).err(), Some(fault), "{name}");
    }
    assert_eq!(KeySet::parse(format!(r#"{{"keys":[{key}],"x":1}}"#).as_bytes()).unwrap().len(), 1);
}

#[test]
fn a_hundred_keys_are_looked_at() {
    let mut keys = vec![json!({"kty": "oct"}); 100];
    keys.push(good().jwk());
    assert_eq!(KeySet::from_value(&json!({"keys": keys})).err(), Some(KeySetFault::NoUsableKey));
    let said = |keys: &[Value]| {
        let set = KeySet::from_value(&json!({ "keys": keys })).unwrap();
        (set.len(), set.skipped().iter().filter(|skipped| skipped.reason.starts_with("only the first")).count())
    };
    keys.remove(0);
    assert_eq!(said(&keys), (1, 0), "the last of a hundred");
    keys.push(json!({"kty": "oct"}));
    assert_eq!(said(&keys[1..]), (1, 0));
    assert_eq!(said(&keys), (1, 1), "one is left out, and that is said");
}

#[test]
fn one_kid_means_one_key() {
    let key = |kid: &'static str, algorithm, seed| Signer::new(kid, algorithm, seed).jwk();
    let es256 = key("a", Algorithm::ES256, 1);
    let cases = [
        ("the same key twice", vec![es256.clone(), es256.clone()], 1),
        ("two keys under one kid", vec![es256.clone(), key("a", Algorithm::ES256, 2)], 0),
        ("three, two of them the same", vec![es256.clone(), es256.clone(), key("a", Algorithm::ES256, 2)], 0),
        ("two curves under one kid", vec![es256.clone(), key("a", Algorithm::ES384, 2)], 0),
        ("two kinds under one kid", vec![es256.clone(), key("a", Algorithm::EdDSA, 2)], 2),
        ("a broken rival is none", vec![es256.clone(), with(key("a", Algorithm::ES256, 2), json!({"use": "enc"}))], 1),
        ("two without kid", vec![with(es256.clone(), json!({"alg": "ES256"})), key("b", Algorithm::ES256, 2)], 2),
    ];
    for (name, keys, used) in cases {
        let mut keys = keys;
        keys.push(key("other", Algorithm::EdDSA, 9));
        let set = KeySet::from_value(&json!({"keys": keys})).unwrap();
        assert_eq!(set.len(), used + 1, "{name}");
        assert_eq!(matches!(set.select(Algorithm::ES256, Some("a")), Selection::Key(_)), used > 0, "{name}");
    }
}

#[test]
fn a_kid_is_matched_whole_and_without_one_there_is_no_guessing() {
    let without_alg = |jwk: Value| with(jwk, json!({"alg": "ES256"}));
    let one = json!({"keys": [without_alg(good().jwk()), Signer::new("ed", Algorithm::EdDSA, 1).jwk()]});
    let two = json!({"keys": [good().jwk(), Signer::new("b", Algorithm::ES256, 2).jwk()]});
    let (one, two) = (KeySet::from_value(&one).unwrap(), KeySet::from_value(&two).unwrap());
    let word = |selection: Selection<'_>| match selection {
        Selection::Key(key) => key.kid().unwrap_or("-").to_owned(),
        Selection::Unknown => "unknown".to_owned(),
        Selection::Ambiguous => "ambiguous".to_owned(),
    };
    let cases = [
        (&one, Algorithm::ES256, Some("good"), "good"),
        (&one, Algorithm::ES256, Some("ed"), "unknown"),
        (&one, Algorithm::EdDSA, Some("good"), "unknown"),
        (&one, Algorithm::RS256, Some("good"), "unknown"),
        (&one, Algorithm::ES384, Some("good"), "unknown"),
        (&one, Algorithm::ES256, Some("GOOD"), "unknown"),
        (&one, Algorithm::ES256, Some("goo"), "unknown"),
        (&one, Algorithm::ES256, Some(""), "unknown"),
        (&one, Algorithm::ES256, None, "good"),
        (&one, Algorithm::EdDSA, None, "ed"),
        (&one, Algorithm::RS256, None, "unknown"),
        (&two, Algorithm::ES256, Some("b"), "b"),
        (&two, Algorithm::ES256, None, "ambiguous"),
    ];
    for (set, algorithm, kid, expected) in cases {
        assert_eq!(word(set.select(algorithm, kid)), expected, "{algorithm:?} {kid:?}");
    }
}

#[test]
fn a_key_without_alg_serves_every_algorithm_of_its_kind() {
    let key = Key::read(&rsa(modulus(2048), E)).unwrap();
    let served: Vec<_> = Algorithm::ALL.into_iter().filter(|algorithm| key.serves(*algorithm)).collect();
    use Algorithm::*;
    assert_eq!(served, [RS256, RS384, RS512, PS256, PS384, PS512]);
    let key = Key::read(&with(rsa(modulus(2048), E), json!({"alg": "RS256"}))).unwrap();
    let served: Vec<_> = Algorithm::ALL.into_iter().filter(|algorithm| key.serves(*algorithm)).collect();
    assert_eq!(served, [RS256]);
}

#[test]
fn a_fingerprint_tells_keys_apart() {
    let fingerprint = |jwk: &Value| Key::read(jwk).unwrap().fingerprint();
    let jwk = good().jwk();
    assert_eq!(fingerprint(&jwk), fingerprint(&with(jwk.clone(), json!({"use": "sig", "x5t": "x"}))));
    let others = [
        Signer::new("good", Algorithm::ES256, 2).jwk(),
        with(jwk.clone(), json!({"kid": "other"})),
        with(jwk.clone(), json!({"kid": ""})),
    ];
    for other in others {
        assert_ne!(fingerprint(&jwk), fingerprint(&other), "{other}");
    }
    let set = KeySet::from_value(&json!({"keys": [jwk]})).unwrap();
    assert!(set.contains(&fingerprint(&good().jwk())));
    assert!(!set.contains(&fingerprint(&Signer::new("good", Algorithm::ES256, 2).jwk())));
}
