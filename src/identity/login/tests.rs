use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::attempt::Attempt;
use super::*;
use crate::host::Host;
use crate::http::{Endpoint, Headers, read_form};
use crate::identity::discovery::Metadata;
use crate::seal::KeyRing;
use crate::settings::{self, Mistake};
use crate::testing::{TestHost, test};
use crate::time::Time;

mod calls;
mod configuration;
mod step_up;

const HOST: &str = "https://airbyte.example.com";
const ISSUER: &str = "https://idp.example.com";
const START: u64 = 1_700_000_000;
const PATH: &str = "/workspaces/1?tab=a%2Fb&x";

fn at(seconds: u64) -> Time {
    Time::from_seconds(START + seconds)
}

fn configured(more: Value) -> Result<LoginSettings, Vec<Mistake>> {
    let mut section = json!({"client_id": "airgate"});
    for (name, value) in more.as_object().unwrap() {
        section[name] = value.clone();
    }
    let environment = |name: &str| match name {
        "P256" => Some(calls::P256.to_owned()),
        "ED25519" => Some(calls::ED25519.to_owned()),
        "NONE" => None,
        other => Some(other.to_owned()),
    };
    settings::read(&json!({ "login": section }), &environment, |root| {
        LoginSettings::read(&root.section("login")?, HOST, Some("idp"), true)
    })
}

fn login(more: Value) -> LoginSettings {
    configured(more).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn endpoints() -> Metadata {
    Metadata::read(&json!({
        "authorization_endpoint": "https://idp.example.com/authorize?policy=p",
        "token_endpoint": "https://idp.example.com/token",
        "userinfo_endpoint": "https://idp.example.com/me",
        "revocation_endpoint": "https://idp.example.com/revoke",
        "end_session_endpoint": "https://idp.example.com/logout",
    }))
}

fn keys_for(host: &str) -> KeyRing {
    let section = json!({"keys": [{"id": "k1", "secret": {"env": "KEY"}}]});
    let environment = |_: &str| Some(crate::testing::key(7));
    settings::read(&section, &environment, |section| KeyRing::read(section, "keys", host)).unwrap()
}

fn keys() -> KeyRing {
    keys_for(HOST)
}

/// A browser, which keeps what it is told to keep.
#[derive(Clone, Default)]
struct Browser(BTreeMap<String, String>);

impl Browser {
    fn take(&mut self, set_cookie: &str) {
        let (pair, flags) = set_cookie.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        assert!(name.starts_with("__Host-") && flags.starts_with("HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age="));
        match flags.ends_with("Max-Age=0") {
            true => self.0.remove(name),
            false => self.0.insert(name.to_owned(), value.to_owned()),
        };
    }

    fn headers(&self) -> Headers {
        let line: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Headers::from_pairs([("cookie", line.join("; "))])
    }

    /// Opens a page that needs a login; answers the parameters that the provider
    /// is sent.
    fn begin(&mut self, path: &str, host: &dyn Host, now: Time) -> BTreeMap<String, String> {
        let origin = Origin { provider: "corp", return_path: path, ..Origin::default() };
        let begun = start(&login(json!({})), &endpoints(), &keys(), &self.headers(), &origin, host, now).unwrap();
        self.take(&begun.set_cookie);
        parameters(&begun.location)
    }

    fn come_back(&self, query: &str, now: Time) -> Callback {
        self.come_back_to("corp", &endpoints(), &keys(), query, now)
    }

    fn come_back_to(&self, provider: &str, endpoints: &Metadata, keys: &KeyRing, query: &str, now: Time) -> Callback {
        callback(provider, |issuer| issuer == ISSUER, endpoints, keys, &self.headers(), Some(query.as_bytes()), now)
    }
}

fn parameters(url: &str) -> BTreeMap<String, String> {
    let fields = read_form(url.split_once('?').unwrap().1.as_bytes()).unwrap();
    let count = fields.len();
    let map: BTreeMap<String, String> = fields.into_iter().collect();
    assert_eq!(map.len(), count, "no parameter stands twice: {url}");
    map
}

#[track_caller]
fn bad(callback: Callback, reason: &str) {
    match callback {
        Callback::Bad(fault) => assert_eq!(fault.reason(), reason),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn orphan(callback: Callback) {
    match callback {
        Callback::Orphan { return_path, again: false } => assert_eq!(return_path, PATH),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn code(callback: Callback) -> Code {
    match callback {
        Callback::Code(code) => code,
        other => panic!("{other:?}"),
    }
}

/// A browser whose login is in flight, and its state.
fn in_flight() -> (Browser, String) {
    let mut browser = Browser::default();
    let sent = browser.begin(PATH, &TestHost::default(), at(0));
    (browser, sent["state"].clone())
}

#[test]
fn the_provider_is_asked_for_a_code() {
    let mut browser = Browser::default();
    let host = TestHost::default();
    let settings = login(json!({
        "scopes": ["openid", "groups"], "parameters": {"audience": "airbyte", "claims": "{}"},
        "prompt": "login consent", "max_age": "8h", "acr_values": ["mfa", "phr"],
    }));
    let origin = Origin { provider: "corp", return_path: PATH, ..Origin::default() };
    let begun = start(&settings, &endpoints(), &keys(), &browser.headers(), &origin, &host, at(0)).unwrap();
    browser.take(&begun.set_cookie);
    assert!(begun.set_cookie.ends_with("Path=/; Max-Age=600"));
    assert!(begun.location.starts_with("https://idp.example.com/authorize?policy=p&"), "{}", begun.location);
    let mut sent = parameters(&begun.location);
    let code = code(browser.come_back(&format!("code=c&state={}", sent["state"]), at(1)));
    assert_eq!(sent.remove("nonce").unwrap(), code.nonce);
    let challenge = encode(&hmac_sha256::Hash::hash(code.verifier.as_bytes())).unwrap();
    assert_eq!(sent.remove("code_challenge").unwrap(), challenge);
    sent.remove("state");
    let expected = [
        ("acr_values", "mfa phr"),
        ("audience", "airbyte"),
        ("claims", "{}"),
        ("client_id", "airgate"),
        ("code_challenge_method", "S256"),
        ("max_age", "28800"),
        ("policy", "p"),
        ("prompt", "login consent"),
        ("redirect_uri", "https://airbyte.example.com/.airgate/callback/corp"),
        ("response_type", "code"),
        ("scope", "openid groups"),
    ];
    assert_eq!(sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(), expected);
}

#[test]
fn a_code_comes_back_with_what_its_exchange_needs() {
    let (mut browser, state) = in_flight();
    let code = code(browser.come_back(&format!("code=4%2F0A&state={state}&session_state=x&session_state=y"), at(599)));
    assert_eq!((code.code.as_str(), code.return_path.as_str(), code.begun), ("4/0A", PATH, at(0)));
    let base64url = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    for text in [&code.verifier, &code.nonce] {
        assert!(text.len() == 43 && base64url(text), "{text}");
    }
    assert_ne!(code.verifier, code.nonce);
    assert!(!format!("{code:?}").contains(&code.verifier), "nothing secret in a log");
    browser.take(&code.slot.expired());
    assert!(browser.0.is_empty(), "a used attempt is gone");
    orphan(browser.come_back(&format!("code=4%2F0A&state={state}"), at(2)));
}

#[test]
fn no_two_attempts_share_anything() {
    let host = TestHost::default();
    let attempts =
        [Attempt::begin("corp", None, &host, at(0)).unwrap(), Attempt::begin("corp", None, &host, at(0)).unwrap()];
    let [one, other] = attempts.map(|attempt| [attempt.id, attempt.nonce, attempt.verifier]);
    assert!(one.iter().all(|text| !other.contains(text)));
}

#[test]
fn without_random_bytes_nobody_signs_in() {
    struct Poor;
    impl Host for Poor {
        fn random(&self, _: &mut [u8]) -> bool {
            false
        }
    }
    let origin = Origin { provider: "corp", return_path: "/", ..Origin::default() };
    let settings = login(json!({}));
    assert!(start(&settings, &endpoints(), &keys(), &Headers::default(), &origin, &Poor, at(0)).is_none());
    let nowhere = Metadata::default();
    let host = TestHost::default();
    assert!(start(&settings, &nowhere, &keys(), &Headers::default(), &origin, &host, at(0)).is_none());
}

#[test]
fn a_state_that_is_not_ours() {
    let (browser, state) = in_flight();
    for query in ["", "code=c", "code=c&state=", "state", "STATE=x&code=c"] {
        bad(browser.come_back(query, at(1)), "callback_no_state");
    }
    bad(callback("corp", |_| true, &endpoints(), &keys(), &browser.headers(), None, at(1)), "callback_no_state");
    let cookie = browser.0.values().next().unwrap();
    let cut = &state[..state.len() - 1];
    for other in ["x", "a.b.c.d.e", cookie, cut, &format!("{state}A"), "%00", "%C3%A4"] {
        bad(browser.come_back(&format!("code=c&state={other}"), at(1)), "callback_bad_state");
    }
    for place in (0..state.len()).step_by(7) {
        let mut bytes = state.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(bytes).unwrap();
        bad(browser.come_back(&format!("code=c&state={flipped}"), at(1)), "callback_bad_state");
    }
    let query = format!("code=c&state={state}");
    let other = keys_for("https://other.example.com");
    bad(browser.come_back_to("corp", &endpoints(), &other, &query, at(1)), "callback_bad_state");
}

#[test]
fn doubled_and_broken_parameters() {
    let (browser, state) = in_flight();
    for more in [
        format!("state={state}&state={state}&code=c"),
        format!("state={state}&code=c&code=c"),
        format!("state={state}&code=c&code="),
        format!("state={state}&code=c&c%6fde=d"),
        format!("state={state}&code=c&iss={ISSUER}&iss=x"),
        format!("state={state}&error=a&error=b"),
        format!("state={state}&error=a&error_description=b&error_description=b"),
    ] {
        bad(browser.come_back(&more, at(1)), "callback_doubled_parameter");
    }
    for more in ["&x=%zz", "&x=%", "&x=%ff"] {
        bad(browser.come_back(&format!("state={state}&code=c{more}"), at(1)), "callback_malformed");
    }
    for more in ["", "&code=", "&error=", "&error=&code="] {
        bad(browser.come_back(&format!("state={state}{more}"), at(1)), "callback_no_code");
    }
}

#[test]
fn attempts_end_after_ten_minutes_and_states_after_an_hour() {
    let (browser, state) = in_flight();
    let query = format!("code=c&state={state}");
    code(browser.come_back(&query, at(599)));
    orphan(browser.come_back(&query, at(600)));
    orphan(browser.come_back(&query, at(3599)));
    bad(browser.come_back(&query, at(3600)), "callback_bad_state");
}

#[test]
fn only_the_browser_that_began_ends_it() {
    let (browser, state) = in_flight();
    let query = format!("code=c&state={state}");
    orphan(Browser::default().come_back(&query, at(1)));
    // Another attempt, another secret: a test host's bytes count on.
    let host = TestHost::default();
    Browser::default().begin("/", &host, at(0));
    let mut other = Browser::default();
    other.begin("/other", &host, at(0));
    orphan(other.come_back(&query, at(1)));
    let mut tampered = browser.clone();
    for value in tampered.0.values_mut() {
        let last = value.pop().unwrap();
        value.push(if last == 'A' { 'B' } else { 'A' });
    }
    orphan(tampered.come_back(&query, at(1)));
    let mut moved = browser.clone();
    moved.0 = [("__Host-airgate-login-9".to_owned(), moved.0.into_values().next().unwrap())].into();
    orphan(moved.come_back(&query, at(1)));
    let mut as_state = browser;
    as_state.0.values_mut().for_each(|value| value.clone_from(&state));
    orphan(as_state.come_back(&query, at(1)));
}

#[test]
fn an_answer_of_another_provider() {
    let (browser, state) = in_flight();
    let query = format!("code=c&state={state}");
    bad(browser.come_back_to("other", &endpoints(), &keys(), &query, at(1)), "callback_wrong_provider");
    bad(browser.come_back_to("corp2", &endpoints(), &keys(), &query, at(1)), "callback_wrong_provider");
    bad(browser.come_back_to("", &endpoints(), &keys(), &query, at(1)), "callback_wrong_provider");
}

#[test]
fn the_issuer_in_the_answer() {
    let (browser, state) = in_flight();
    let (quiet, announcing) = (endpoints(), Metadata { sends_issuer: true, ..endpoints() });
    for (iss, endpoints, reason) in [
        ("", &quiet, None),
        ("&iss=https://idp.example.com", &quiet, None),
        ("&iss=https%3A%2F%2Fidp.example.com", &announcing, None),
        ("", &announcing, Some("callback_missing_issuer")),
        ("&iss=", &quiet, Some("callback_wrong_issuer")),
        ("&iss=", &announcing, Some("callback_wrong_issuer")),
        ("&iss=https://idp.example.com/", &quiet, Some("callback_wrong_issuer")),
        ("&iss=https://evil.example", &quiet, Some("callback_wrong_issuer")),
        ("&iss=https://evil.example", &announcing, Some("callback_wrong_issuer")),
    ] {
        for answer in ["code=c", "error=access_denied"] {
            let query = format!("{answer}&state={state}{iss}");
            let outcome = browser.come_back_to("corp", endpoints, &keys(), &query, at(1));
            match reason {
                Some(reason) => bad(outcome, reason),
                None => assert!(matches!(outcome, Callback::Code(_) | Callback::Denied { .. }), "{iss} {outcome:?}"),
            }
        }
    }
}

#[test]
fn a_refusal_counts_only_for_an_attempt_of_ours() {
    let (browser, state) = in_flight();
    let query = format!("error=access_denied&error_description=The+user%0d%0asaid+%22no%22&state={state}");
    bad(browser.come_back("error=access_denied", at(1)), "callback_no_state");
    orphan(Browser::default().come_back(&query, at(1)));
    let Callback::Denied { error, description, return_path, slot, .. } = browser.come_back(&query, at(1)) else {
        panic!("not denied");
    };
    assert_eq!((error.as_str(), description.as_deref()), ("access_denied", Some("The user  said  no")));
    assert_eq!(return_path, PATH);
    let mut browser = browser;
    browser.take(&slot.expired());
    assert!(browser.0.is_empty());
}

#[test]
fn a_providers_words_are_made_harmless() {
    let (browser, state) = in_flight();
    let hostile = "%3Cb%3E%00%1b%5B31m%E2%80%AE%27%5C%60%C3%A4";
    let query = format!("code=c&error={hostile}{}&error_description={}&state={state}", "e".repeat(99), "d".repeat(999));
    let Callback::Denied { error, description, .. } = browser.come_back(&query, at(1)) else {
        panic!("not denied");
    };
    assert!(error.starts_with("<b>  [31m"), "{error}");
    assert!(error.bytes().all(|byte| matches!(byte, b' '..=b'~') && !b"\"'\\`".contains(&byte)), "{error}");
    assert_eq!((error.len(), description.unwrap().len()), (64, 200));
}

#[test]
fn three_attempts_in_flight_and_the_oldest_goes() {
    let host = TestHost::default();
    let mut browser = Browser::default();
    let states: Vec<String> = (0..3).map(|n| browser.begin(&format!("/{n}"), &host, at(n))["state"].clone()).collect();
    assert_eq!(browser.0.len(), 3, "each in a slot of its own");
    for (n, state) in states.iter().enumerate() {
        assert_eq!(code(browser.come_back(&format!("code=c&state={state}"), at(9))).return_path, format!("/{n}"));
    }
    let fourth = browser.begin("/3", &host, at(3))["state"].clone();
    assert_eq!(browser.0.len(), 3);
    let paths = |state: &str| match browser.come_back(&format!("code=c&state={state}"), at(9)) {
        Callback::Code(code) => code.return_path,
        Callback::Orphan { return_path, .. } => format!("lost {return_path}"),
        other => panic!("{other:?}"),
    };
    let found = [&states[0], &states[1], &states[2], &fourth].map(|state| paths(state));
    assert_eq!(found, ["lost /0", "/1", "/2", "/3"]);
}

#[test]
fn what_does_not_open_takes_no_slot() {
    let host = TestHost::default();
    let mut browser = Browser::default();
    for n in 0..3 {
        browser.begin(PATH, &host, at(n));
    }
    let names: Vec<String> = browser.0.keys().cloned().collect();
    for name in &names {
        let mut one_broken = browser.clone();
        one_broken.0.insert(name.clone(), "rubbish".to_owned());
        let state = one_broken.begin("/new", &host, at(9))["state"].clone();
        assert_ne!(one_broken.0[name], "rubbish", "the broken one makes room");
        code(one_broken.come_back(&format!("code=c&state={state}"), at(9)));
    }
    let before = browser.clone();
    browser.begin(PATH, &host, at(601));
    let changed = names.iter().filter(|name| browser.0[*name] != before.0[*name]).count();
    assert_eq!(changed, 1);
    assert_eq!(attempts_expired(&browser.headers()).len(), 3);
    for expired in attempts_expired(&browser.headers()) {
        browser.take(&expired);
    }
    assert!(browser.0.is_empty());
    assert!(attempts_expired(&browser.headers()).is_empty());
}

#[test]
fn tabs_that_open_at_once_spread_over_the_slots() {
    let mut seen = std::collections::BTreeSet::new();
    let host = TestHost::default();
    for _ in 0..32 {
        let mut tab = Browser::default();
        tab.begin("/", &host, at(0));
        seen.extend(tab.0.into_keys());
    }
    assert_eq!(seen.len(), 3);
}

#[test]
fn the_second_try_is_known_as_such() {
    let host = TestHost::default();
    let origin = Origin { provider: "corp", return_path: "//evil.example", again: true, ..Origin::default() };
    let none = Headers::default();
    let begun = start(&login(json!({})), &endpoints(), &keys(), &none, &origin, &host, at(0)).unwrap();
    let state = parameters(&begun.location)["state"].clone();
    match Browser::default().come_back(&format!("code=c&state={state}"), at(1)) {
        Callback::Orphan { return_path, again } => assert_eq!((return_path.as_str(), again), ("/", true)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_longest_return_address_fits() {
    let path = format!("/{}?{}", "a".repeat(998), "'".repeat(1000));
    assert_eq!(path.len(), 2000);
    let mut browser = Browser::default();
    let state = browser.begin(&path, &TestHost::default(), at(0))["state"].clone();
    assert_eq!(code(browser.come_back(&format!("code=c&state={state}"), at(1))).return_path, path);
    let size: usize = browser.0.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(size < 500, "an attempt takes {size} bytes");
}

#[test]
fn signing_out_at_the_provider_too() {
    let settings = login(json!({}));
    let url = end_session(&settings, &endpoints(), None).unwrap();
    assert!(url.starts_with("https://idp.example.com/logout?"));
    let back = "https://airbyte.example.com/.airgate/signed-out";
    let sent = parameters(&url);
    assert_eq!(
        (sent["client_id"].as_str(), sent["post_logout_redirect_uri"].as_str(), sent.len()),
        ("airgate", back, 2)
    );
    let sent = parameters(&end_session(&settings, &endpoints(), Some("a.b+c")).unwrap());
    assert_eq!(sent["id_token_hint"], "a.b+c");
    assert_eq!(end_session(&settings, &Metadata::default(), None), None);
}
