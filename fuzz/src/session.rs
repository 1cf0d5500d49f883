use std::time::Duration;

use airgate::seal::KeyRing;
use serde_json::Value;

use super::promises::{Fate, check, is_telling};
use super::site::{ISSUER, Site, config, head, key_ring, now, shared};

/// The longest value that lies in one of the cookies.
const CHUNK: usize = 3800;

/// What a session cookie holds. JSON is sealed as only we can, and then a character of the seal is changed; anything
/// else is the cookie as it is. `!` before JSON seals it for another purpose.
pub fn session(data: &[u8]) -> bool {
    if is_telling(data) {
        return false;
    }
    shared("session", || Site::ready(&config()), |site| judge(site, data))
}

fn judge(site: &mut Site, data: &[u8]) -> bool {
    let (purpose, text) = match data {
        [b'!', text @ ..] => ("state", text),
        text => ("session", text),
    };
    let Ok(value) = serde_json::from_slice::<Value>(text) else {
        let cookie = [b"__Host-airgate-session=", data].concat();
        assert!(!ask(site, &cookie).is_let_in(), "nobody sealed this");
        return false;
    };
    let Some(sealed) = seal(&key_ring(), purpose, value.clone()) else {
        return false;
    };
    let fate = ask(site, &cookie(&sealed));
    if !fate.is_let_in() {
        return false;
    }
    assert_eq!((purpose, &value["provider"], &value["iss"]), ("session", &"corp".into(), &ISSUER.into()));
    assert!(value["begun"].is_u64() && value["seen"].is_u64() && value["valid"].is_u64());
    let subject = value["claims"]["sub"].as_str().expect("somebody");
    if subject.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'%') {
        assert_eq!(fate.user(), Some(subject));
    }
    let age = now().millis().saturating_sub(value["begun"].as_u64().unwrap_or(0));
    assert!(age < Duration::from_secs(24 * 3600).as_millis() as u64, "beyond its lifetime");
    let mut tampered = sealed.into_bytes();
    let place = data.iter().fold(data.len(), |sum, byte| sum * 31 % 65_521 + usize::from(*byte)) % tampered.len();
    tampered[place] = if tampered[place] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8_lossy(&tampered).into_owned();
    assert!(!ask(site, &cookie(&tampered)).is_let_in(), "changed at {place}");
    true
}

fn seal(keys: &KeyRing, purpose: &'static str, value: Value) -> Option<String> {
    keys.seal_any_length(purpose, value, now().plus(Duration::from_secs(3600)))
}

/// As many cookies as it takes.
fn cookie(sealed: &str) -> Vec<u8> {
    let text = format!("{}.{sealed}", (sealed.len() + 2).div_ceil(CHUNK));
    let names = ["__Host-airgate-session", "__Host-airgate-session-1", "__Host-airgate-session-2"];
    let chunks = text.as_bytes().chunks(CHUNK).zip(names);
    let pairs: Vec<Vec<u8>> = chunks.map(|(chunk, name)| [name.as_bytes(), b"=", chunk].concat()).collect();
    pairs.join(&b"; "[..])
}

fn ask(site: &mut Site, cookie: &[u8]) -> Fate {
    let sent = head("GET", "/api/v1/x", &[("cookie", cookie), ("sec-fetch-site", b"same-origin")]);
    let step = site.send(1, sent.clone());
    check(&sent, &step)
}
