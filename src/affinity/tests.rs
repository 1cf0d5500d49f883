use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::host::Host;
use crate::settings::{Mistake, read};
use crate::testing::{TestHost, test};

const HOST: &str = "https://airbyte.example.com";
const NAME: &str = "__Host-airgate-affinity";
const FIRST_KEY: &str = "AAECAwQFBgcICQoLDA0ODw";
const BACKEND_1: &[u8] = b"MTAuMC4wLjE6ODAwMQ==";
const BACKEND_2: &[u8] = b"MTAuMC4wLjI6ODAwMQ==";
const MINUTE: u64 = 60_000;
/// The start of every story; nothing begins at zero, so that time can go back.
const START: u64 = 1_000_000_000_000;

fn configured_for(host: &str, settings: &Value) -> Result<Affinity, Vec<Mistake>> {
    // The variable `1` holds the first key, and so on.
    let environment = |name: &str| name.parse().ok().map(crate::testing::key);
    let whole = json!({ "affinity": settings });
    read(&whole, &environment, |section| Some(Affinity::read(&section.section_or_empty("affinity"), host)))
}

fn configured(settings: Value) -> Affinity {
    configured_for(HOST, &settings).unwrap()
}

fn keys(numbers: &[u8]) -> Value {
    numbers.iter().map(|n| json!({"id": format!("k{n}"), "secret": {"env": n.to_string()}})).collect()
}

/// Idle 40 minutes, so that a quarter is ten, and a lifetime of two hours.
fn sealing(numbers: &[u8]) -> Affinity {
    configured(json!({"keys": keys(numbers), "idle": "40m", "lifetime": "2h"}))
}

fn pinning() -> Affinity {
    configured(json!({"mode": "pin", "keys": keys(&[1]), "idle": "40m", "lifetime": "2h"}))
}

fn at(minutes: u64) -> Time {
    Time::from_millis(START.saturating_add(minutes.saturating_mul(MINUTE)))
}

/// A browser that keeps one cookie and goes to one gateway at a time.
#[derive(Default)]
struct Browser {
    host: TestHost,
    value: Option<String>,
}

impl Browser {
    fn with(value: &str) -> Browser {
        Browser { value: Some(value.to_owned()), ..Browser::default() }
    }

    fn asks(&self, affinity: &mut Affinity, now: Time) -> Stay {
        let line = self.value.as_ref().map(|value| ("cookie", format!("a=b; {NAME}={value}")));
        affinity.on_request(&Headers::from_pairs(line), None, &self.host, now)
    }

    /// A whole request; whether it brought a cookie, and the key it went by.
    fn goes(&mut self, affinity: &mut Affinity, now: Time) -> (bool, String) {
        self.goes_to(affinity, None, now)
    }

    fn goes_to(&mut self, affinity: &mut Affinity, backend: Option<&[u8]>, now: Time) -> (bool, String) {
        let stay = self.asks(affinity, now);
        let new = affinity.on_response(&stay, backend, now).map(|new| value_of(&new));
        let key = stay.key().unwrap().to_owned();
        (new.map(|value| self.value = Some(value)).is_some(), key)
    }
}

#[track_caller]
fn value_of(new: &NewCookie) -> String {
    assert_eq!(new.cache_control, "private");
    let value = new.set_cookie.strip_prefix(&format!("{NAME}=")).unwrap();
    value.strip_suffix("; HttpOnly; SameSite=Lax; Secure; Path=/").expect("no Max-Age, no Expires").to_owned()
}

#[test]
fn a_new_client_gets_a_cookie() {
    let mut affinity = configured(json!({}));
    let browser = Browser::default();
    let stay = browser.asks(&mut affinity, at(0));
    assert_eq!((stay.key(), stay.pin()), (Some(FIRST_KEY), None));
    assert_eq!(value_of(&affinity.on_response(&stay, None, at(0)).unwrap()), FIRST_KEY);
    assert_ne!(browser.asks(&mut affinity, at(0)).key(), Some(FIRST_KEY), "everyone has a key of their own");
    assert_eq!(affinity.cookie_name(), Some(NAME));
}

#[test]
fn a_valid_cookie_gets_no_new_one() {
    for mut affinity in [configured(json!({})), sealing(&[1]), pinning()] {
        let mut browser = Browser::default();
        let (set, key) = browser.goes(&mut affinity, at(0));
        assert!(set);
        for minute in 0..10 {
            assert_eq!(browser.goes(&mut affinity, at(minute)), (false, key.clone()));
        }
    }
}

#[test]
fn a_sealed_cookie_is_opaque_and_short() {
    let mut browser = Browser::default();
    browser.goes_to(&mut pinning(), Some(BACKEND_1), at(0));
    let value = browser.value.unwrap();
    assert!(!value.contains(FIRST_KEY));
    assert!(value.len() < 450, "{}", value.len());
}

#[test]
fn unknown_forged_and_foreign_values_are_balanced_anew_and_reissued() {
    let good = |mut affinity: Affinity| {
        let mut browser = Browser::default();
        browser.goes(&mut affinity, at(0));
        browser.value.unwrap()
    };
    let own = good(sealing(&[1]));
    let ring = |audience| {
        read(&json!({"keys": keys(&[1])}), &|_| Some(crate::testing::key(1)), |section| {
            crate::seal::KeyRing::read(section, "keys", audience)
        })
        .unwrap()
    };
    let ticket = Ticket::new(FIRST_KEY.to_owned(), at(0));
    let sealed = |audience, purpose| ring(audience).seal(purpose, &ticket, at(60)).unwrap();
    let (flipped, cut) = (own.replacen('.', ",", 1), own.strip_suffix(|_: char| true).unwrap().to_owned());
    let cases = [
        ("another key", good(sealing(&[2])), true),
        ("another host", good(configured_for("https://b", &json!({"keys": keys(&[1])})).unwrap()), true),
        ("another purpose", sealed(HOST, "session"), true),
        ("this host and purpose", sealed(HOST, "affinity"), false),
        ("a bare key", FIRST_KEY.to_owned(), true),
        ("flipped", flipped, true),
        ("cut", cut, true),
        ("an address", "MTY5LjI1NC4xNjkuMjU0OjgwAA==".to_owned(), true),
        ("empty", String::new(), true),
        ("not ASCII", "ä".to_owned(), true),
        ("long", "A".repeat(60_000), true),
        ("dots", ".".repeat(60_000), true),
        ("its own", own, false),
    ];
    for (name, value, anew) in cases {
        let mut affinity = sealing(&[1]);
        let mut browser = Browser::with(&value);
        assert_eq!(browser.goes(&mut affinity, at(1)).0, anew, "{name}");
        assert!(!browser.goes(&mut affinity, at(1)).0, "{name}: what was issued then is good");
    }
    let mut bare = configured(json!({}));
    assert!(Browser::with(&good(sealing(&[1]))).goes(&mut bare, at(0)).0, "a sealed value without keys");
    let garbage = Headers::from_pairs([("cookie", [NAME.as_bytes(), b"=\xff\x80"].concat())]);
    assert_eq!(sealing(&[1]).on_request(&garbage, None, &TestHost::default(), at(0)).key(), Some(FIRST_KEY));
}

#[test]
fn the_first_of_two_same_named_cookies_wins() {
    let mut affinity = configured(json!({}));
    let (one, two) = ("AAAAAAAAAAAAAAAAAAAAAQ", "AAAAAAAAAAAAAAAAAAAAAg");
    let cases = [(one, two, Some(one)), (two, one, Some(two)), ("garbage", one, Some(FIRST_KEY))];
    for (first, second, expected) in cases {
        let one_line = [("cookie", format!("{NAME}={first}; {NAME}={second}"))];
        let two_lines = [("cookie", format!("{NAME}={first}")), ("cookie", format!("{NAME}={second}"))];
        for headers in [Headers::from_pairs(one_line), Headers::from_pairs(two_lines)] {
            let stay = affinity.on_request(&headers, None, &TestHost::default(), at(0));
            assert_eq!(stay.key(), expected, "{first} {second}");
        }
    }
}

#[test]
fn seen_is_renewed_only_after_a_quarter_of_idle() {
    let mut affinity = sealing(&[1]);
    let mut browser = Browser::default();
    let (_, key) = browser.goes(&mut affinity, at(0));
    assert!(!browser.goes(&mut affinity, at(10)).0, "a quarter of idle is not more than it");
    let late = at(10).plus(Duration::from_millis(1));
    assert_eq!(browser.goes(&mut affinity, late), (true, key.clone()));
    assert_eq!(browser.goes(&mut affinity, at(50)), (true, key), "40 minutes after 10 minutes and 1 ms");
}

#[test]
fn a_long_request_is_not_idleness() {
    let mut affinity = sealing(&[1]);
    let mut browser = Browser::default();
    browser.goes(&mut affinity, at(0));
    let stay = browser.asks(&mut affinity, at(5));
    let new = affinity.on_response(&stay, None, at(35)).unwrap();
    assert!(!Browser::with(&value_of(&new)).goes(&mut affinity, at(45)).0, "seen when the response went out");
}

#[test]
fn idle_ends_exactly() {
    for (late, forgotten) in [(40 * MINUTE - 1, false), (40 * MINUTE, true), (40 * MINUTE + 1, true)] {
        let mut affinity = sealing(&[1]);
        let mut browser = Browser::default();
        let (_, key) = browser.goes(&mut affinity, at(0));
        let (set, then) = browser.goes(&mut affinity, Time::from_millis(START + late));
        assert!(set);
        assert_eq!(then != key, forgotten, "{late}");
    }
}

#[test]
fn lifetime_ends_exactly_and_no_renewal_extends_it() {
    let mut affinity = sealing(&[1]);
    let mut browser = Browser::default();
    let (_, key) = browser.goes(&mut affinity, at(0));
    for minute in (15..120).step_by(15) {
        assert_eq!(browser.goes(&mut affinity, at(minute)), (true, key.clone()), "{minute}");
    }
    let last = Time::from_millis(START + 120 * MINUTE - 1);
    assert_eq!(browser.asks(&mut affinity, last).key(), Some(key.as_str()));
    let (set, then) = browser.goes(&mut affinity, at(120));
    assert!(set);
    assert_ne!(then, key);
    assert_eq!(browser.goes(&mut affinity, at(155)), (true, then), "a life of its own");
}

#[test]
fn clocks_are_judged_at_each_use_of_a_remembered_cookie() {
    let mut affinity = sealing(&[1]);
    let mut browser = Browser::default();
    let (_, key) = browser.goes(&mut affinity, at(0));
    let key_at = |affinity: &mut Affinity, minute| browser.asks(affinity, at(minute)).key() == Some(key.as_str());
    assert!(key_at(&mut affinity, 39));
    assert!(!key_at(&mut affinity, 40));
    assert!(key_at(&mut affinity, 39), "and time may go backwards");
}

#[test]
fn a_cookie_of_yesterdays_settings_keeps_to_todays_clocks_too() {
    let long = json!({"keys": keys(&[1]), "idle": "2h", "lifetime": "7d"});
    let mut browser = Browser::default();
    let (_, key) = browser.goes(&mut configured(long.clone()), at(0));
    assert_eq!(browser.asks(&mut configured(long), at(60)).key(), Some(key.as_str()));
    assert_ne!(browser.asks(&mut sealing(&[1]), at(60)).key(), Some(key.as_str()), "shortened");
    let mut browser = Browser::default();
    let (_, key) = browser.goes(&mut sealing(&[1]), at(0));
    let mut longer = configured(json!({"keys": keys(&[1]), "idle": "2h", "lifetime": "7d"}));
    assert_eq!(browser.asks(&mut longer, at(1)).key(), Some(key.as_str()), "and now it is remembered");
    assert_ne!(browser.asks(&mut longer, at(60)).key(), Some(key.as_str()), "a promise of 40 minutes");
}

#[test]
fn a_clock_that_steps_back_loses_nobody() {
    let mut affinity = sealing(&[1]);
    let mut browser = Browser::default();
    let (_, key) = browser.goes(&mut affinity, at(100));
    for now in [at(99), at(0), Time::from_millis(0), at(100)] {
        assert_eq!(browser.goes(&mut affinity, now), (false, key.clone()));
    }
    let mut browser = Browser::default();
    browser.goes(&mut affinity, Time::from_millis(u64::MAX));
    browser.goes(&mut affinity, Time::from_millis(u64::MAX));
    assert!(!browser.goes(&mut affinity, at(0)).0, "not even at the end of time");
}

#[test]
fn a_value_of_an_older_key_is_reissued_under_the_first() {
    let mut browser = Browser::default();
    let (_, key) = browser.goes(&mut sealing(&[1]), at(0));
    let mut rotated = sealing(&[2, 1]);
    assert_eq!(browser.goes(&mut rotated, at(1)), (true, key.clone()), "on the same backend");
    assert_eq!(browser.goes(&mut rotated, at(1)), (false, key.clone()));
    let mut later = sealing(&[2]);
    assert_eq!(browser.goes(&mut later, at(2)), (false, key.clone()), "the old key can go");
    for minute in (15..120).step_by(15) {
        browser.goes(&mut later, at(minute));
    }
    assert_ne!(browser.asks(&mut later, at(120)).key(), Some(key.as_str()), "no rotation extends a life");
}

#[test]
fn a_client_is_pinned_to_the_backend_that_the_proxy_chose() {
    let mut affinity = pinning();
    let mut browser = Browser::default();
    assert!(browser.goes_to(&mut affinity, Some(BACKEND_1), at(0)).0);
    assert_eq!(browser.asks(&mut affinity, at(1)).pin().unwrap().as_bytes(), BACKEND_1);
    assert!(!browser.goes_to(&mut affinity, Some(BACKEND_1), at(1)).0, "the same address");
    assert!(!browser.goes_to(&mut affinity, None, at(1)).0, "no address, as in a local reply");
    let (set, key) = browser.goes_to(&mut affinity, Some(BACKEND_2), at(2));
    assert!(set, "a dead backend is redispatched and the cookie re-issued");
    let stay = browser.asks(&mut affinity, at(3));
    assert_eq!((stay.pin().unwrap().as_bytes(), stay.key()), (BACKEND_2, Some(key.as_str())));
}

#[test]
fn a_pin_survives_renewal_without_an_address() {
    // Envoy names the address only where it is another than it was asked for.
    let mut affinity = pinning();
    let mut browser = Browser::default();
    browser.goes_to(&mut affinity, Some(BACKEND_1), at(0));
    assert!(browser.goes_to(&mut affinity, None, at(20)).0);
    assert_eq!(browser.asks(&mut affinity, at(21)).pin().unwrap().as_bytes(), BACKEND_1);
}

#[test]
fn what_is_no_address_pins_nobody() {
    let mut affinity = pinning();
    let mut browser = Browser::default();
    browser.goes_to(&mut affinity, Some(b"10.0.0.1:8001"), at(0));
    assert_eq!(browser.asks(&mut affinity, at(0)).pin(), None);
    browser.goes_to(&mut affinity, Some(BACKEND_1), at(0));
    let answers: [&[u8]; 5] = [b"", b"10.0.0.2:8001", b"\xff\xfe", b"bG9jYWxob3N0Ojgw", &[b'A'; 60_000]];
    for answer in answers {
        assert!(!browser.goes_to(&mut affinity, Some(answer), at(1)).0, "{answer:?}");
    }
    assert_eq!(browser.asks(&mut affinity, at(1)).pin().unwrap().as_bytes(), BACKEND_1);
}

#[test]
fn a_clients_own_pin_is_never_used() {
    let mut affinity = pinning();
    let own = std::str::from_utf8(BACKEND_2).unwrap();
    for value in [own, FIRST_KEY] {
        let headers = Headers::from_pairs([("x-airgate-pin", own.to_owned()), ("cookie", format!("{NAME}={value}"))]);
        let stay = affinity.on_request(&headers, None, &TestHost::default(), at(0));
        assert_eq!((stay.pin(), stay.key()), (None, Some(FIRST_KEY)));
    }
}

#[test]
fn changing_the_mode_keeps_the_key() {
    let mut browser = Browser::default();
    let (_, key) = browser.goes(&mut sealing(&[1]), at(0));
    assert_eq!(browser.goes_to(&mut pinning(), Some(BACKEND_1), at(1)), (true, key.clone()));
    let stay = browser.asks(&mut sealing(&[1]), at(2));
    assert_eq!((stay.key(), stay.pin()), (Some(key.as_str()), None), "a pin without mode pin");
    assert_eq!(browser.goes_to(&mut sealing(&[1]), Some(BACKEND_2), at(2)), (false, key));
}

#[test]
fn callers_with_a_token_can_do_without_cookies() {
    let bearer = |subject, client| Some(Bearer { provider: "corp", subject, client });
    let cookie = Headers::from_pairs([("cookie", format!("{NAME}={FIRST_KEY}"))]);
    let host = TestHost::default();
    for (by, first, second, same) in [
        ("subject", bearer("ci", Some("a")), bearer("ci", Some("b")), true),
        ("subject", bearer("ci", None), bearer("bob", None), false),
        ("client", bearer("ci", Some("a")), bearer("bob", Some("a")), true),
        ("client", bearer("ci", Some("a")), bearer("ci", Some("b")), false),
        ("client", bearer("ci", None), bearer("ci", None), true),
    ] {
        let mut affinity = configured(json!({"bearer": by}));
        let one = affinity.on_request(&Headers::default(), first, &host, at(0));
        let two = affinity.on_request(&cookie, second, &host, at(1));
        assert_eq!(one.key() == two.key(), same, "{by}");
        assert_ne!(two.key(), Some(FIRST_KEY), "no cookie is read");
        assert_eq!(affinity.on_response(&one, Some(BACKEND_1), at(2)), None, "nor set");
        let browser = affinity.on_request(&cookie, None, &host, at(0));
        assert_eq!(browser.key(), Some(FIRST_KEY), "without a token the cookie counts");
    }
    let mut affinity = configured(json!({}));
    assert_eq!(affinity.on_request(&cookie, bearer("ci", None), &host, at(0)).key(), Some(FIRST_KEY));
}

#[test]
fn off_does_nothing() {
    let mut affinity = configured(json!({"mode": "off"}));
    let stay = Browser::with(FIRST_KEY).asks(&mut affinity, at(0));
    assert_eq!(stay, Stay::default());
    assert_eq!((stay.key(), stay.pin(), affinity.cookie_name()), (None, None, None));
    assert_eq!(affinity.on_response(&stay, Some(BACKEND_1), at(0)), None);
}

#[test]
fn without_random_bytes_there_is_no_affinity_rather_than_a_guessable_one() {
    struct Dull;
    impl Host for Dull {
        fn random(&self, _: &mut [u8]) -> bool {
            false
        }
    }
    let mut affinity = configured(json!({}));
    let stay = affinity.on_request(&Headers::default(), None, &Dull, at(0));
    assert_eq!(stay.key(), None);
    assert_eq!(affinity.on_response(&stay, None, at(0)), None);
    let known = Headers::from_pairs([("cookie", format!("{NAME}={FIRST_KEY}"))]);
    assert_eq!(affinity.on_request(&known, None, &Dull, at(0)).key(), Some(FIRST_KEY), "who has a key keeps it");
}

#[test]
fn memory_is_bounded_and_forgeries_take_none() {
    let mut affinity = sealing(&[1]);
    let browser = Browser::default();
    let stay = browser.asks(&mut affinity, at(0));
    let value = value_of(&affinity.on_response(&stay, None, at(0)).unwrap());
    let garbage = (0..5000).map(|number| format!("forged{number}"));
    let cut = (0..value.len()).map(|end| value.chars().take(end).collect());
    for forgery in garbage.chain(cut) {
        Browser::with(&forgery).asks(&mut affinity, at(0));
    }
    assert_eq!(affinity.tickets.as_ref().unwrap().remembered(), 0);
    for _ in 0..3 {
        assert_eq!(Browser::with(&value).asks(&mut affinity, at(0)).key(), stay.key());
    }
    assert_eq!(affinity.tickets.as_ref().unwrap().remembered(), 1);
}

#[test]
fn the_cookie_is_set_as_configured() {
    let cookie = json!({"name": "stay", "domain": "example.com", "path": "/api", "same_site": "none"});
    let mut affinity = configured(json!({ "cookie": cookie }));
    let stay = affinity.on_request(&Headers::default(), None, &TestHost::default(), at(0));
    let expected = format!("stay={FIRST_KEY}; HttpOnly; SameSite=None; Secure; Path=/api; Domain=example.com");
    assert_eq!(affinity.on_response(&stay, None, at(0)).unwrap().set_cookie, expected);
    assert_eq!(affinity.cookie_name(), Some("stay"));
}

#[test]
fn settings_that_cannot_work_are_mistakes() {
    let needs_keys = "the clock travels in the cookie, where only a seal protects it: this needs keys";
    let pin_needs_keys = "keys: mode pin seals the backend's address into the cookie, so it needs keys";
    let too_long = "idle: must not be longer than lifetime, which is 8h unless it is written";
    let cases = [
        (json!({"mode": "pin"}), vec![pin_needs_keys.to_owned()]),
        (json!({"mode": "pin", "keys": []}), vec![pin_needs_keys.to_owned()]),
        (
            json!({"idle": "5m", "lifetime": "1h"}),
            vec![format!("idle: {needs_keys}"), format!("lifetime: {needs_keys}")],
        ),
        (json!({"keys": keys(&[1]), "idle": "2h", "lifetime": "1h"}), vec![too_long.to_owned()]),
        (json!({"keys": keys(&[1]), "idle": "9h"}), vec![too_long.to_owned()]),
        (json!({"keys": keys(&[1]), "idle": "1h", "lifetime": "1h"}), vec![]),
        (json!({"keys": keys(&[1]), "lifetime": "10m"}), vec![]),
        (
            json!({"mode": "pin", "bearer": "subject", "keys": keys(&[1])}),
            vec!["bearer: mode pin keeps the backend in the cookie, so it needs bearer: cookie".to_owned()],
        ),
        (json!({"mode": "sticky"}), vec!["mode: expected one of: hash, pin, off".to_owned()]),
        (json!({"ilde": "1m"}), vec!["ilde: unknown field; did you mean idle?".to_owned()]),
        (
            json!({"cookie": {"domain": "example.com"}}),
            vec!["cookie.domain: a cookie named __Host- has no domain; choose another name".to_owned()],
        ),
        (
            json!({"mode": "pin", "keys": [{"id": "a", "secret": {"env": "none"}}]}),
            vec!["keys[0].secret.env: the environment has no such variable".to_owned()],
        ),
    ];
    for (settings, expected) in cases {
        let found = configured_for(HOST, &settings).err().unwrap_or_default();
        let expected: Vec<_> = expected.iter().map(|mistake| format!("affinity.{mistake}")).collect();
        assert_eq!(found.iter().map(Mistake::to_string).collect::<Vec<_>>(), expected, "{settings}");
    }
}
