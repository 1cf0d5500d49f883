#[cfg(not(target_arch = "wasm32"))]
mod properties;

use serde_json::{Value, json};

use super::*;
use crate::settings::{Mistake, read};
use crate::testing::{key, test};
use ct_codecs::{Base64UrlSafeNoPadding, Encoder};

const HOST: &str = "https://airbyte.example.com";

/// Reads `keys` where the variable `1` holds the first key, and so on.
fn ring_for(audience: &str, keys: Value) -> Result<Option<KeyRing>, Vec<Mistake>> {
    let environment = |name: &str| match name {
        "SHORT" => Some("c2hvcnQ".to_owned()),
        "PADDED" => Some(key(1) + "="),
        "STANDARD" => Some("+".repeat(42) + "A"),
        "UNUSED_BITS" => Some("A".repeat(42) + "B"),
        "LONG" => Some("A".repeat(44)),
        number => number.parse().ok().map(key),
    };
    read(&json!({ "keys": keys }), &environment, |section| Some(KeyRing::read(section, "keys", audience)))
}

fn ring(keys: &[(&str, u8)]) -> KeyRing {
    let keys: Vec<_> = keys.iter().map(|(id, byte)| json!({"id": id, "secret": {"env": byte.to_string()}})).collect();
    ring_for(HOST, json!(keys)).unwrap().unwrap()
}

fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

/// A value sealed by the key `k1`, good until 1,000.
fn sealed() -> (KeyRing, String) {
    let ring = ring(&[("k1", 1)]);
    let sealed = ring.seal("test", &json!({"a": [1, "ä"]}), at(1000)).unwrap();
    (ring, sealed)
}

#[track_caller]
fn refused(ring: &KeyRing, sealed: &[u8], why: &str) {
    assert_eq!(ring.open::<Value>("test", sealed, at(0)), None, "{why}");
}

#[test]
fn what_is_sealed_can_be_opened() {
    let (ring, sealed) = sealed();
    let opened = ring.open("test", sealed.as_bytes(), at(0));
    assert_eq!(opened, Some(Opened { value: json!({"a": [1, "ä"]}), expires: at(1000), by_first_key: true }));
    assert_ne!(ring.seal("test", &1, at(1)), ring.seal("test", &1, at(1)), "no two values look the same");
}

#[test]
fn bit_flips() {
    let (ring, sealed) = sealed();
    for place in 0..sealed.len() {
        for bit in 0..8 {
            let mut bytes = sealed.clone().into_bytes();
            bytes[place] ^= 1 << bit;
            refused(&ring, &bytes, &format!("bit {bit} of byte {place}"));
        }
    }
}

#[test]
fn cut_and_grown() {
    let (ring, sealed) = sealed();
    for end in 0..sealed.len() {
        refused(&ring, &sealed.as_bytes()[..end], &format!("the first {end} bytes"));
        refused(&ring, &sealed.as_bytes()[end + 1..], &format!("without the first {end} bytes"));
    }
    for more in ["A", "=", ".", " ", "\0", ".AAAA"] {
        refused(&ring, format!("{sealed}{more}").as_bytes(), more);
    }
}

#[test]
fn another_key() {
    let (ring_1, sealed) = sealed();
    refused(&ring(&[("k1", 2)]), sealed.as_bytes(), "the same id, another secret");
    refused(&ring(&[("k2", 1)]), sealed.as_bytes(), "the same secret, another id");
    refused(&ring_1, ring(&[("k2", 2)]).seal("test", &1, at(1000)).unwrap().as_bytes(), "an unknown id");
}

#[test]
fn another_host_and_another_purpose() {
    let (ring, sealed) = sealed();
    let keys = json!([{"id": "k1", "secret": {"env": "1"}}]);
    let other = ring_for("https://airbyte.example.com.evil", keys).unwrap().unwrap();
    refused(&other, sealed.as_bytes(), "another host");
    assert_eq!(ring.open::<Value>("login", sealed.as_bytes(), at(0)), None, "another purpose");
    assert_eq!(ring.open::<u32>("test", sealed.as_bytes(), at(0)), None, "another type");
}

#[test]
fn another_version_is_refused_though_its_key_is_right() {
    let ring = ring(&[("k1", 1)]);
    for (aud, v, good) in [(json!(HOST), 1, true), (json!(HOST), 2, false), (json!([HOST]), 1, false)] {
        let claims = json!({"aud": aud, "for": "test", "v": v, "until": 9, "value": 1});
        let sealed = ring.keys[0].encrypt(bare_claims(claims)).unwrap();
        assert_eq!(ring.open::<u32>("test", sealed.as_bytes(), at(0)).is_some(), good, "{aud} {v}");
    }
}

#[test]
fn not_even_the_key_holder_makes_it_panic() {
    let ring = ring(&[("k1", 1)]);
    for text in ["1e300", "-1", "18446744073709551615", "-9223372036854775808", "\"x\"", "null", "[]"] {
        for claim in ["iat", "exp", "nbf", "until", "v"] {
            let mut claims = json!({"aud": HOST, "for": "test", "v": 1, "until": 9, "value": 1});
            claims[claim] = serde_json::from_str(text).unwrap();
            let sealed = ring.keys[0].encrypt(bare_claims(claims)).unwrap();
            let _ = ring.open::<Value>("test", sealed.as_bytes(), at(u64::MAX));
            let _ = ring.open::<Value>("test", sealed.as_bytes(), at(0));
        }
    }
}

#[test]
fn the_systems_clock_has_no_say() {
    let ring = ring(&[("k1", 1)]);
    for (claim, moment) in [("exp", 1), ("iat", u64::MAX), ("nbf", u64::MAX)] {
        let mut claims = json!({"aud": HOST, "for": "test", "v": 1, "until": 9, "value": 1});
        claims[claim] = json!(moment);
        let sealed = ring.keys[0].encrypt(bare_claims(claims)).unwrap();
        assert!(ring.open::<u32>("test", sealed.as_bytes(), at(8)).is_some(), "{claim}");
    }
}

fn bare_claims(custom: Value) -> JWTClaims<Value> {
    let mut claims = JWTClaims::new();
    claims.custom = custom;
    claims
}

#[test]
fn hostile_headers() {
    let (ring, sealed) = sealed();
    let rest = sealed.split_once('.').unwrap().1;
    let nested = format!(r#"{{"alg":"A256KW","enc":"A256GCM","kid":"k1","jwk":{}1"#, "[".repeat(2000));
    let headers = [
        r#"{"alg":"dir","enc":"A256GCM","kid":"k1"}"#,
        r#"{"alg":"A128KW","enc":"A256GCM","kid":"k1"}"#,
        r#"{"alg":"A256KW","enc":"A128CBC-HS256","kid":"k1"}"#,
        r#"{"alg":"PBES2-HS512+A256KW","p2c":4294967295,"p2s":"AA","enc":"A256GCM","kid":"k1"}"#,
        r#"{"alg":"A256KW","enc":"A256GCM","kid":"k1","zip":"DEF"}"#,
        r#"{"alg":"A256KW","enc":"A256GCM","kid":"k1","crit":["exp"]}"#,
        r#"{"alg":"A256KW","enc":"A256GCM","kid":"k1","kid":"k1"}"#,
        r#"{"alg":"A256KW","enc":"A256GCM","kid":"../../k1"}"#,
        r#"{"alg":"A256KW","enc":"A256GCM","kid":["k1"]}"#,
        r#"{"alg":"A256KW","enc":"A256GCM"}"#,
        nested.as_str(),
        "{}",
        "null",
        "",
    ];
    for header in headers {
        let header_part = Base64UrlSafeNoPadding::encode_to_string(header).unwrap();
        refused(&ring, format!("{header_part}.{rest}").as_bytes(), header);
    }
    let parts: Vec<&str> = sealed.split('.').collect();
    let long = "A".repeat(2500);
    for place in 1..5 {
        for part in ["", "A", "AA", "AAAA", "AAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA", "!", long.as_str()] {
            let mut parts = parts.clone();
            parts[place] = part;
            refused(&ring, parts.join(".").as_bytes(), &format!("part {place} is {part}"));
        }
    }
    for text in ["", ".", "....", ".....", "a.b.c.d.e", "{}", "\u{e4}.\u{e4}"] {
        refused(&ring, text.as_bytes(), text);
    }
    refused(&ring, b"\xff\xfe\x80", "not UTF-8");
    refused(&ring, &vec![b'.'; 60_000], "dots");
    refused(&ring, &vec![b'A'; 60_000], "long");
}

#[test]
fn what_does_not_fit_a_cookie_is_not_sealed() {
    let ring = ring(&[("k1", 1)]);
    let longest = (0..2880).rev().find_map(|length| ring.seal("test", &"x".repeat(length), at(1000))).unwrap();
    assert!((MAX_LENGTH - 2..=MAX_LENGTH).contains(&longest.len()));
    assert!(ring.open::<String>("test", longest.as_bytes(), at(0)).is_some());
}

#[test]
fn it_ends_exactly_when_it_says_and_time_may_go_backwards() {
    let (ring, sealed) = sealed();
    let good = |now| ring.open::<Value>("test", sealed.as_bytes(), at(now)).is_some();
    assert!(good(999));
    assert!(!good(1000));
    assert!(!good(u64::MAX));
    assert!(good(999), "an hour ago it was good");
    assert!(good(0));
    let endless = ring.seal("test", &1, at(u64::MAX)).unwrap();
    assert!(ring.open::<u32>("test", endless.as_bytes(), at(u64::MAX - 1)).is_some());
    assert!(ring.open::<u32>("test", endless.as_bytes(), at(u64::MAX)).is_none());
}

#[test]
fn keys_rotate_and_nobody_notices() {
    let (old, both, new) = (ring(&[("k1", 1)]), ring(&[("k2", 2), ("k1", 1)]), ring(&[("k2", 2)]));
    let by_old = old.seal("test", &1, at(1000)).unwrap();
    let by_both = both.seal("test", &1, at(1000)).unwrap();
    let by_first_key = |ring: &KeyRing, sealed: &str| {
        ring.open::<u32>("test", sealed.as_bytes(), at(0)).map(|opened| opened.by_first_key)
    };
    assert_eq!(by_first_key(&both, &by_old), Some(false));
    assert_eq!(by_first_key(&both, &by_both), Some(true));
    assert_eq!(by_first_key(&new, &by_both), Some(true));
    assert_eq!(by_first_key(&new, &by_old), None);
    assert_eq!(by_first_key(&old, &by_both), None);
}

#[test]
fn wrong_keys_are_mistakes_that_keep_the_secret() {
    let key = |id: &str, variable: &str| json!({"id": id, "secret": {"env": variable}});
    let long_id = "x".repeat(33);
    let wrong = "keys[0].secret: the variable holds no key: expected 32 bytes as 43 characters of base64url";
    let id = "keys[0].id: expected at most 32 letters, digits, dots, underscores or dashes";
    let cases = [
        (json!([key("a", "SHORT")]), wrong),
        (json!([key("a", "PADDED")]), wrong),
        (json!([key("a", "STANDARD")]), wrong),
        (json!([key("a", "UNUSED_BITS")]), wrong),
        (json!([key("a", "LONG")]), wrong),
        (json!([key("a b", "1")]), id),
        (json!([key(&long_id, "1")]), id),
        (json!([key("a", "1"), key("a", "2")]), "keys[1].id: another key has this id"),
        (json!([key("a", "SHORT"), key("a", "2")]), "keys[1].id: another key has this id"),
        (json!([{"id": "a"}]), "keys[0].secret: must be written"),
        (json!([{"secret": {"env": "1"}}]), "keys[0].id: must be written"),
        (json!([{"id": "a", "secret": {"env": "1"}, "alg": "x"}]), "keys[0].alg: unknown field"),
        (json!({"a": "b"}), "keys: expected a list"),
    ];
    for (keys, expected) in cases {
        let found: Vec<_> = ring_for(HOST, keys.clone()).unwrap_err().iter().map(Mistake::to_string).collect();
        assert!(found.iter().any(|mistake| mistake == expected), "{keys}: {found:?}");
        assert!(!found.concat().contains("c2hvcnQ"));
    }
    assert!(ring_for(HOST, json!([])).unwrap().is_none());
    assert!(!format!("{:?}", ring(&[("k1", 1)])).contains("1, 1"));
}
