use serde_json::json;

use super::*;
use crate::identity::testing::{claims, encode, unsigned};
use crate::testing::test;

const HEADER: &str = r#"{"alg":"ES256","kid":"k1","typ":"JWT"}"#;

fn parse(text: &str) -> Result<Token<'_>, TokenFault> {
    Token::parse(text.as_bytes())
}

fn fault(text: &str) -> Option<TokenFault> {
    parse(text).err()
}

fn payload() -> String {
    claims(json!({})).to_string()
}

#[test]
fn a_token_is_read_whole() {
    let text = unsigned(HEADER, payload());
    let token = parse(&text).unwrap();
    assert_eq!(token.algorithm(), Algorithm::ES256);
    assert_eq!((token.kid(), token.typ(), token.issuer()), (Some("k1"), Some("JWT"), Some("https://idp.example.com")));
    assert_eq!(Value::Object(token.claims().clone()), claims(json!({})));
    assert_eq!(token.signature(), [0; 64]);
    let (signed, _) = text.rsplit_once('.').unwrap();
    assert_eq!(token.signed(), signed.as_bytes());
}

#[test]
fn what_has_no_jwt_shape_is_opaque_and_no_more_is_said() {
    let long_dots = ".".repeat(16_000);
    let json_form = json!({"payload": "e30", "protected": "e30", "signature": ""}).to_string();
    for text in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "ya29.a0AfH6SM",
        "0123456789abcdef",
        "ey",
        "eyJhbGciOiJFUzI1NiJ9",
        &long_dots,
        &json_form,
    ] {
        assert_eq!(fault(text), Some(TokenFault::Opaque), "{text:.40}");
    }
}

#[test]
fn three_parts_and_no_other_number() {
    let good = unsigned(HEADER, payload());
    let (two, _) = good.rsplit_once('.').unwrap();
    let nested = encode(&good);
    let cases = [
        ("two parts", two.to_owned()),
        ("four parts", format!("{good}.x")),
        ("a dot behind", format!("{good}.")),
        ("a dot in front", format!("eyJ.{good}")),
        ("five parts, a JWE", format!("{}.a.b.c.d", encode(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#))),
        (
            "a JWE with a huge count",
            format!(
                "{}.a.b.c.d",
                encode(r#"{"alg":"PBES2-HS256+A128KW","p2c":2147483647,"p2s":"eA","enc":"A128GCM"}"#)
            ),
        ),
        ("two tokens", format!("{good},{good}")),
        ("empty payload", format!("{}..{}", encode(HEADER), encode([0; 64]))),
        ("a token as payload", format!("{}.{nested}.{}", encode(HEADER), encode([0; 64]))),
        ("15,000 dots", format!("ey{}", ".".repeat(15_000))),
    ];
    for (name, text) in cases {
        assert_eq!(fault(&text), Some(TokenFault::Malformed), "{name}");
    }
}

#[test]
fn base64_has_one_form() {
    // The payload's length leaves unused bits, and its text needs both letters
    // in which the alphabets differ.
    let good = unsigned(HEADER, r#"{"a":"~~~~????ÿÿ"}"#);
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!() };
    assert!(parse(&good).is_ok());
    assert!(payload.contains('-') && payload.contains('_'), "{payload}");
    let last = |part: &str, from: char, to: char| {
        assert!(part.ends_with(from), "{part}");
        format!("{}{to}", part.strip_suffix(from).unwrap())
    };
    let cases = [
        ("padded signature", format!("{header}.{payload}.{signature}==")),
        ("padded payload", format!("{header}.{payload}=.{signature}")),
        ("standard minus", format!("{header}.{}.{signature}", payload.replace('-', "+"))),
        ("standard underscore", format!("{header}.{}.{signature}", payload.replace('_', "/"))),
        ("a space inside", format!("{header}.{}.{signature}", payload.replacen('e', "e ", 1))),
        ("a space in front", format!("{header}. {payload}.{signature}")),
        ("a space behind", format!("{good} ")),
        ("a line feed", format!("{good}\n")),
        ("a tab", format!("{header}\t.{payload}.{signature}")),
        ("a zero byte", format!("{good}\0")),
        ("a length that cannot be", format!("{good}AAA")),
        ("percent encoding", format!("{header}.{payload}.{signature}%3D")),
        ("unused bits in the signature", format!("{header}.{payload}.{}", last(signature, 'A', 'B'))),
        ("unused bits in the payload", format!("{header}.{}.{signature}", last(&encode(r#"{"a":1}"#), 'Q', 'R'))),
        ("letters beyond ASCII", format!("{header}.{payload}.ä")),
    ];
    for (name, text) in cases {
        assert_eq!(fault(&text), Some(TokenFault::Malformed), "{name}: {text}");
    }
    assert_eq!(Token::parse(b"eyJ.\xff\xfe.\x80").err(), Some(TokenFault::Malformed));
}

#[test]
fn json_has_one_reading() {
    let deep = |depth: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let utf16: Vec<u8> = r#"{"sub":"a"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let payloads: [(&str, Vec<u8>); 22] = [
        ("a member twice", br#"{"sub":"a","sub":"b"}"#.into()),
        ("a member twice, the other way round", br#"{"sub":"b","sub":"a"}"#.into()),
        ("a member twice with one value", br#"{"sub":"a","sub":"a"}"#.into()),
        ("a member twice, once escaped", br#"{"sub":"a","s\u0075b":"b"}"#.into()),
        ("a member twice, further in", br#"{"x":{"a":1,"a":2}}"#.into()),
        ("a byte order mark", b"\xef\xbb\xbf{}".into()),
        ("bytes behind", br#"{"sub":"a"}{"sub":"b"}"#.into()),
        ("a zero byte behind", b"{}\0".into()),
        ("a comment", b"{/* */}".into()),
        ("UTF-16", utf16),
        ("not UTF-8", b"{\"sub\":\"\xff\"}".into()),
        ("NaN", br#"{"exp":NaN}"#.into()),
        ("Infinity", br#"{"exp":Infinity}"#.into()),
        ("a number beyond all", br#"{"exp":1e400}"#.into()),
        ("a lone surrogate", br#"{"sub":"\ud800"}"#.into()),
        ("single quotes", b"{'sub':'a'}".into()),
        ("a raw line feed", b"{\"sub\":\"a\nb\"}".into()),
        ("5,000 levels", deep(5_000).into()),
        ("a list", b"[]".into()),
        ("a text", br#""sub""#.into()),
        ("a number", b"1".into()),
        ("null", b"null".into()),
    ];
    for (name, payload) in payloads {
        assert_eq!(fault(&unsigned(HEADER, &payload)), Some(TokenFault::Malformed), "payload: {name}");
        let token = unsigned(&payload, "{}");
        let refused = matches!(fault(&token), Some(TokenFault::Malformed | TokenFault::Opaque));
        assert!(refused, "header: {name}");
    }
    assert_eq!(fault(&unsigned(HEADER, deep(20_000))), Some(TokenFault::TooLong));
    let twice = r#"{"alg":"ES256","alg":"EdDSA"}"#;
    assert_eq!(fault(&unsigned(twice, "{}")), Some(TokenFault::Malformed), "alg twice");
    let twice = r#"{"alg":"ES256","crit":["x"],"\u0063rit":["x"]}"#;
    assert_eq!(fault(&unsigned(twice, "{}")), Some(TokenFault::Malformed), "crit twice");
}

#[test]
fn only_known_algorithms_pass() {
    let names = [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        "",
        "HS256",
        "HS384",
        "HS512",
        "hs256",
        "RS256\u{0}",
        "rs256",
        "RS1",
        "ES256K",
        "ES512",
        "ML-DSA-44",
        "A256KW",
        "dir",
        "RSA-OAEP",
        "PBES2-HS256+A128KW",
    ];
    for name in names {
        let token = unsigned(json!({"alg": name, "p2c": 2_147_483_647}).to_string(), payload());
        assert_eq!(fault(&token), Some(TokenFault::AlgorithmNotAllowed), "{name:?}");
    }
    let unsecured = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(payload()));
    assert_eq!(fault(&unsecured), Some(TokenFault::AlgorithmNotAllowed));
    for header in [r#"{"typ":"JWT"}"#, r#"{"alg":null}"#, r#"{"alg":["ES256"]}"#, r#"{"alg":1}"#, r#"{"ALG":"ES256"}"#]
    {
        assert_eq!(fault(&unsigned(header, payload())), Some(TokenFault::Malformed), "{header}");
    }
}

#[test]
fn headers_that_change_the_meaning_are_refused() {
    let headers = [
        r#"{"alg":"ES256","crit":["exp"]}"#,
        r#"{"alg":"ES256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"ES256","crit":[]}"#,
        r#"{"alg":"ES256","crit":""}"#,
        r#"{"alg":"ES256","crit":"exp"}"#,
        r#"{"alg":"ES256","crit":null}"#,
        r#"{"alg":"ES256","b64":false}"#,
        r#"{"alg":"ES256","b64":true}"#,
        r#"{"alg":"ES256","zip":"DEF"}"#,
        r#"{"alg":"ES256","enc":"A256GCM"}"#,
        r#"{"alg":"ES256","cty":"JWT"}"#,
        r#"{"alg":"ES256","cty":"application/jwt"}"#,
    ];
    for header in headers {
        assert_eq!(fault(&unsigned(header, payload())), Some(TokenFault::UnsupportedHeader), "{header}");
    }
}

#[test]
fn a_header_never_brings_its_own_key() {
    let header = json!({
        "alg": "ES256", "kid": "k1", "jwk": {"kty": "EC"}, "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/cert", "x5c": ["MIIB"], "x5t": "x",
    });
    let text = unsigned(header.to_string(), payload());
    let token = parse(&text).unwrap();
    assert_eq!((token.algorithm(), token.kid()), (Algorithm::ES256, Some("k1")));
}

#[test]
fn a_kid_is_a_short_text() {
    for kid in
        ["", "../../../../dev/null", "' OR 1=1 --", "https://evil.example/", "a\0b", "k\r\nx: y", &"k".repeat(1024)]
    {
        let text = unsigned(json!({"alg": "ES256", "kid": kid}).to_string(), payload());
        assert_eq!(parse(&text).unwrap().kid(), Some(kid));
    }
    for kid in [json!(1), json!(["k1"]), json!({}), json!(null), json!(true), json!("k".repeat(1025))] {
        let text = unsigned(json!({"alg": "ES256", "kid": kid}).to_string(), payload());
        assert_eq!(fault(&text), Some(TokenFault::Malformed), "{kid:.40}");
    }
    let text = unsigned(json!({"alg": "ES256", "kid": "k".repeat(20_000)}).to_string(), payload());
    assert_eq!(fault(&text), Some(TokenFault::TooLong));
    let text = unsigned(r#"{"alg":"ES256","typ":["JWT"]}"#, payload());
    assert_eq!(fault(&text), Some(TokenFault::Malformed), "a typ that is no text");
}

#[test]
fn the_length_has_an_end() {
    let empty = unsigned(HEADER, r#"{"x":""}"#).len();
    // Three bytes of the claim are four of the token.
    let filled = |length: usize| {
        let fill = length.abs_diff(empty).saturating_mul(3) / 4;
        unsigned(HEADER, json!({"x": "x".repeat(fill)}).to_string())
    };
    let longest = filled(Token::MAX_LENGTH);
    assert!(longest.len() > Token::MAX_LENGTH - 4 && parse(&longest).is_ok(), "{}", longest.len());
    for length in [Token::MAX_LENGTH + 4, 55_000, 70_000] {
        assert_eq!(fault(&filled(length)), Some(TokenFault::TooLong), "{length}");
    }
    assert_eq!(fault(&".".repeat(55_000)), Some(TokenFault::TooLong));
    assert_eq!(fault(&"a".repeat(16_385)), Some(TokenFault::TooLong));
    assert_eq!(fault(&"a".repeat(16_384)), Some(TokenFault::Opaque));
}
