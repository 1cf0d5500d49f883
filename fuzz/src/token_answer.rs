use std::time::Duration;

use airgate::gateway::Step;
use airgate::http::Answer;
use serde_json::{Value, json};

use super::promises::{check, holds, is_telling};
use super::site::{ISSUER, NOW, SECRET, Site, config, encode, head, key_ring, now, sign};

/// What a token endpoint answers to a code. The first line is an ID token's header, the second its claims, with our
/// good signature, and the rest the answer, where `@` as `id_token` is that token: whoever is signed in has a token
/// that an independent reader finds good, and nobody is shown any token.
pub fn token_answer(data: &[u8]) -> bool {
    if is_telling(data) {
        return false;
    }
    let lines: Vec<&[u8]> = data.splitn(3, |byte| *byte == b'\n').collect();
    let line = |at: usize| lines.get(at).copied().unwrap_or_default();
    let (header, claims) = (line(0), line(1));
    let id_token = sign(1, header, claims);

    let mut site = Site::ready(&config());
    let sent = come_back(&mut site);
    let (body, answer) = body(line(2), &id_token);
    let outcome = site.answer(Answer::Response { status: 200, body });
    let mut wakes = outcome.wakes;
    // A key that nobody knows may be asked for; the provider is away.
    for _ in 0..40 {
        if !wakes.is_empty() {
            break;
        }
        site.now = site.now.plus(Duration::from_secs(1));
        wakes = site.tick().wakes;
        while wakes.is_empty() && !site.calls.is_empty() {
            wakes = site.answer(Answer::Failed).wakes;
        }
    }
    assert_eq!(wakes.len(), 1, "the login ends, one way or another");
    let step = &wakes[0].step;
    check(&sent, step);
    let Step::Reply { reply, cookies, .. } = step else { panic!("{step:?} at the redirect URI") };
    assert!(!holds(&reply.body, &id_token), "a token is shown");
    let session = cookies.iter().any(|cookie| cookie.starts_with("__Host-airgate-session=1."));
    if !session {
        return false;
    }
    let (header, claims) = (read(header), read(claims));
    let answer = answer.expect("an answer that can be read");
    assert_eq!((&answer["id_token"], &header["alg"]), (&id_token.as_str().into(), &"EdDSA".into()));
    assert!(answer["access_token"].is_string() && header.get("crit").is_none());
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["nonce"], nonce(), "another login's token");
    let audience = &claims["aud"];
    assert!(audience == "gateway" || audience.as_array().is_some_and(|list| list.contains(&"gateway".into())));
    assert!(claims["exp"].as_f64().is_some_and(|exp| exp + 120.0 > NOW as f64), "over");
    assert!(claims["sub"].as_str().is_some_and(|subject| !subject.is_empty()), "nobody");
    true
}

/// A browser comes back from the provider, and its code is on the way.
fn come_back(site: &mut Site) -> airgate::http::Headers {
    let (keys, later) = (key_ring(), now().plus(Duration::from_secs(600)));
    let derived = |label: &str| encode(hmac_sha256::HMAC::mac(label, [0; 32]));
    let attempt = json!({"secret": encode([0; 32]), "provider": "corp", "begun": now().millis()});
    let state = json!({"attempt": derived("airgate login id"), "provider": "corp", "return": "/x", "again": false});
    let seal = |purpose, value| keys.seal_any_length(purpose, value, later).expect("our own seal");
    let path = format!("/.airgate/callback/corp?code={SECRET}&state={}", seal("state", state));
    let cookie = format!("__Host-airgate-login-0={}", seal("login", attempt));
    let sent = head("GET", &path, &[("sec-fetch-mode", b"navigate"), ("cookie", cookie.as_bytes())]);
    let step = site.send(1, sent.clone());
    assert!(matches!(step, Step::Await), "{step:?}");
    site.tick();
    sent
}

/// The nonce of that login; it stands in the dictionary.
fn nonce() -> String {
    encode(hmac_sha256::HMAC::mac("airgate login nonce", [0; 32]))
}

/// The answer's text, with the ID token in its place and a mark in what must stay secret.
fn body(text: &[u8], id_token: &str) -> (Vec<u8>, Option<Value>) {
    let Ok(mut value) = serde_json::from_slice::<Value>(text) else {
        return (text.to_vec(), None);
    };
    for (name, member) in value.as_object_mut().into_iter().flatten() {
        match (name.as_str(), member) {
            ("id_token", Value::String(token)) if token == "@" => id_token.clone_into(token),
            ("access_token" | "refresh_token", Value::String(token)) if !token.is_empty() => token.push_str(SECRET),
            _ => {}
        }
    }
    (value.to_string().into_bytes(), Some(value))
}

fn read(text: &[u8]) -> Value {
    serde_json::from_slice(text).expect("what was accepted is JSON")
}
