use airgate::gateway::Step;
use ed25519_dalek::Signer;
use serde_json::Value;

use super::promises::{Fate, check, holds, is_telling};
use super::site::{ISSUER, NOW, Site, config_offline, encode, head, key, shared, sign};

/// A line of JOSE header and a line of claims with our good signature, or without a second line the whole text as it
/// is: whoever is let in has a token that an independent reader finds good.
pub fn token(data: &[u8]) -> bool {
    if is_telling(data) {
        return false;
    }
    shared("token", || Site::new(&config_offline()), |site| judge(site, data))
}

fn judge(site: &mut Site, data: &[u8]) -> bool {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let (header, claims) = (parts.next().unwrap_or_default(), parts.next());
    let Some(claims) = claims else {
        assert!(!ask(site, data).is_let_in() || is_signed(data), "nobody signed this");
        return false;
    };
    let token = sign(1, header, claims);
    let fate = ask(site, token.as_bytes());
    if !fate.is_let_in() {
        return false;
    }
    let (header, claims) = (read(header), read(claims));
    assert_eq!(header["alg"], "EdDSA");
    assert!(header.get("crit").is_none() && header.get("b64").is_none(), "what must be understood is not");
    assert!(header["kid"].is_null() || header["kid"] == "k1", "another key's name");
    assert_eq!(claims["iss"], ISSUER);
    let audience = &claims["aud"];
    assert!(audience == "airbyte" || audience.as_array().is_some_and(|list| list.contains(&"airbyte".into())));
    let number = |name: &str| claims[name].as_f64();
    assert!(number("exp").is_some_and(|exp| exp + 60.0 > NOW as f64), "over");
    for name in ["nbf", "iat"] {
        assert!(number(name).is_none_or(|from| from - 60.0 < NOW as f64 + 1.0), "{name} is yet to come");
    }
    let subject = claims["sub"].as_str().expect("somebody");
    if subject.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'%') {
        assert_eq!(fate.user(), Some(subject));
    }
    // It is remembered now; one that differs in a character is another one all the same.
    let mut tampered = token.into_bytes();
    let place = data.iter().fold(data.len(), |sum, byte| sum * 31 % 65_521 + usize::from(*byte)) % tampered.len();
    tampered[place] = if tampered[place] == b'A' { b'B' } else { b'A' };
    assert!(!ask(site, &tampered).is_let_in(), "changed at {place}");
    true
}

fn ask(site: &mut Site, token: &[u8]) -> Fate {
    let authorization = [b"Bearer ", token].concat();
    let sent = head("GET", "/api/v1/x", &[("authorization", &authorization)]);
    let step = site.send(1, sent.clone());
    if let (Step::Reply { reply, .. }, true) = (&step, is_signed(token)) {
        assert!(!holds(&reply.body, &String::from_utf8_lossy(token)), "a token is shown");
    }
    check(&sent, &step)
}

fn read(text: &[u8]) -> Value {
    serde_json::from_slice(text).expect("what was accepted is JSON")
}

/// Whether a whole token bears the provider's signature, checked without the code under test.
fn is_signed(token: &[u8]) -> bool {
    let text = String::from_utf8_lossy(token);
    let Some((text, signature)) = text.rsplit_once('.') else {
        return false;
    };
    // Ed25519 signs one text in one way only.
    encode(key(1).sign(text.as_bytes()).to_bytes()) == signature
}
