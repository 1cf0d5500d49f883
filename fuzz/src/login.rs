use std::time::Duration;

use airgate::gateway::Step;
use airgate::http::{Form, Target, read_form};
use ct_codecs::{Base64UrlSafeNoPadding, Decoder};
use serde_json::Value;

use super::promises::{Fate, check, is_telling};
use super::site::{ISSUER, Site, config, encode, head, key_ring, now, shared};

/// How a login begins and comes back. The first line is where it is to lead, the second an attempt and the third a
/// state, each sealed as only we can, and the fourth what else stands in the query; `@` as a state's attempt is the
/// right one. The attempt's place may hold anything instead of JSON.
pub fn login(data: &[u8]) -> bool {
    if is_telling(data) {
        return false;
    }
    let lines: Vec<&[u8]> = data.splitn(4, |byte| *byte == b'\n').collect();
    let line = |at: usize| lines.get(at).copied().unwrap_or_default();
    shared(
        "login",
        || Site::ready(&config()),
        |site| {
            begin(site, line(0));
            come_back(site, line(1), line(2), line(3))
        },
    )
}

/// A login leads to the provider, and from there to a path of ours.
fn begin(site: &mut Site, return_to: &[u8]) {
    let form = Form::new([("return", String::from_utf8_lossy(return_to))]);
    let path = format!("/.airgate/login?{}", form.text());
    let sent = head("GET", &path, &[("sec-fetch-mode", b"navigate")]);
    let step = site.send(1, sent.clone());
    check(&sent, &step);
    let Step::Reply { reply, .. } = &step else { panic!("{step:?}") };
    let location = reply.headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value);
    let Some(location) = location else {
        return;
    };
    let query = location.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
    let fields = read_form(query).expect("a query");
    let field = |name: &str| fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    assert_eq!(field("redirect_uri"), Some("https://airbyte.example/.airgate/callback/corp"));
    assert_eq!(field("code_challenge_method"), Some("S256"));
    let state = field("state").expect("a state");
    let opened = key_ring().open::<Value>("state", state.as_bytes(), now()).expect("our own state");
    let path = opened.value["return"].as_str().unwrap_or_default();
    let target = Target::parse(path.as_bytes()).expect("a path of ours");
    assert!(target.rewrite().is_none() && !path.contains('\\'), "{path}");
}

/// A code is exchanged only for the browser and the provider that began the login.
fn come_back(site: &mut Site, attempt: &[u8], state: &[u8], more: &[u8]) -> bool {
    let keys = key_ring();
    let later = now().plus(Duration::from_secs(600));
    let attempt_value: Option<Value> = serde_json::from_slice(attempt).ok();
    let id = attempt_value.as_ref().and_then(attempt_id);
    let cookie = match &attempt_value {
        Some(value) => keys.seal_any_length("login", value.clone(), later).unwrap_or_default().into_bytes(),
        None => attempt.to_vec(),
    };
    let mut state_value: Option<Value> = serde_json::from_slice(state).ok();
    if let Some(place) = state_value.as_mut().and_then(|state| state.get_mut("attempt"))
        && place == "@"
    {
        *place = id.clone().into();
    }
    // What we seal always leads to a path of ours: a login's beginning saw to that.
    if let Some(place) = state_value.as_mut().and_then(|state| state.get_mut("return")) {
        *place = "/workspaces".into();
    }
    let sealed = match &state_value {
        Some(value) => keys.seal_any_length("state", value.clone(), later).unwrap_or_default(),
        None => encode(state),
    };
    let path = [b"/.airgate/callback/corp?state=", sealed.as_bytes(), b"&", more].concat();
    let cookie = [b"__Host-airgate-login-1=", &cookie[..]].concat();
    let sent = head("GET", "", &[("sec-fetch-mode", b"navigate"), ("cookie", &cookie)]);
    let fields = sent.iter().map(|(name, value)| (name, if name == b":path" { &path[..] } else { value }));
    let sent = airgate::http::Headers::from_pairs(fields);
    let step = site.send(2, sent.clone());
    match check(&sent, &step) {
        Fate::Waits => {
            let (attempt, state) = (attempt_value.unwrap_or_default(), state_value.unwrap_or_default());
            assert!(id.is_some() && state["attempt"].as_str() == id.as_deref(), "another browser's login");
            assert_eq!((&attempt["provider"], &state["provider"]), (&"corp".into(), &"corp".into()));
            let fields = read_form(path.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default()).expect("a query");
            let all = |name: &str| fields.iter().filter(|(found, _)| found == name).map(|(_, value)| value).collect();
            let (codes, issuers): (Vec<&String>, Vec<&String>) = (all("code"), all("iss"));
            assert!(codes.len() == 1 && !codes[0].is_empty(), "one code");
            assert!(matches!(issuers[..], []) || issuers == [ISSUER], "another provider's answer");
            site.tick();
            let call = site.calls.first().expect("the exchange");
            assert_eq!((call.endpoint.path.as_str(), call.cluster.as_str()), ("/token", "idp"));
            true
        }
        Fate::Replied { .. } => false,
        fate => panic!("{fate:?} at the redirect URI"),
    }
}

/// What ties a state to the attempt: known by the secret in the browser's cookie alone.
fn attempt_id(attempt: &Value) -> Option<String> {
    let secret = Base64UrlSafeNoPadding::decode_to_vec(attempt["secret"].as_str()?, None).ok()?;
    Some(encode(hmac_sha256::HMAC::mac("airgate login id", secret)))
}
