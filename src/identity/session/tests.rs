use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::identity::testing::settings as provider;
use crate::memo::PLACES;
use crate::settings::{Mistake, read};
use crate::testing::test;

mod clocks;
mod configuration;
mod slim;

const HOST: &str = "https://airbyte.example.com";
const NAME: &str = "__Host-airgate-session";
const MINUTE: u64 = 60_000;
/// The start of every story; nothing begins at zero, so that time can go back.
const START: u64 = 1_000_000_000_000;

fn configured_for(host: &str, settings: &Value) -> Result<SessionSettings, Vec<Mistake>> {
    // The variable `1` holds the first key, and so on.
    let environment = |name: &str| name.parse().ok().map(crate::testing::key);
    read(&json!({ "session": settings }), &environment, |root| SessionSettings::read(&root.section("session")?, host))
}

fn keys(numbers: &[u8]) -> Value {
    numbers.iter().map(|n| json!({"id": format!("k{n}"), "secret": {"env": n.to_string()}})).collect()
}

/// Sessions with these keys, idle 40 minutes and a lifetime of two hours, and
/// more settings put over that.
fn with(numbers: &[u8], more: Value) -> Sessions {
    let mut settings = json!({"keys": keys(numbers), "idle": "40m", "lifetime": "2h"});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Sessions::new(configured_for(HOST, &settings).unwrap())
}

fn sessions() -> Sessions {
    with(&[1], json!({}))
}

fn at(minutes: u64) -> Time {
    Time::from_millis(START + minutes * MINUTE)
}

/// Somebody who signed in at the start, with a refresh token of this length.
fn session(subject: &str, length: usize) -> Session {
    Session {
        provider: "corp".into(),
        issuer: "https://idp.example.com".into(),
        subject: subject.into(),
        sid: Some("s-1".into()),
        acr: None,
        auth_time: Some(at(0)),
        claims: json!({"sub": subject, "groups": ["ä", "b"]}).as_object().unwrap().clone(),
        refresh_token: Some("r".repeat(length)),
        nonce: Some("n".repeat(11)),
        begun: at(0),
        seen: at(0),
        valid_until: at(5),
        caller: std::cell::OnceCell::new(),
    }
}

/// A browser that keeps what it is told to.
#[derive(Clone, Default)]
struct Browser(BTreeMap<String, Vec<u8>>);

impl Browser {
    fn signed_in(sessions: &Sessions, session: &Session) -> Browser {
        let mut browser = Browser::default();
        browser.takes(&sessions.cookies(session).unwrap());
        browser
    }

    #[track_caller]
    fn takes(&mut self, set_cookies: &[String]) {
        for line in set_cookies {
            let (pair, attributes) = line.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let path = if name == "__Secure-airgate-id" { "/.airgate/" } else { "/" };
            let flags = format!("HttpOnly; SameSite=Lax; Secure; Path={path}");
            if attributes == format!("{flags}; Max-Age=0") {
                assert_eq!(value, "");
                self.0.remove(name);
            } else {
                assert_eq!(attributes, flags);
                assert!(name.len() + value.len() <= 4000, "browsers would drop it");
                self.0.insert(name.to_owned(), value.into());
            }
        }
    }

    /// The cookie of chunk 0, 1 or 2.
    fn chunk(&mut self, index: usize) -> &mut Vec<u8> {
        self.0.get_mut(&name(index)).unwrap()
    }

    fn headers(&self) -> Headers {
        let mut line = b"a=b".to_vec();
        for (name, value) in &self.0 {
            line.extend([b"; ", name.as_bytes(), b"=", value].concat());
        }
        Headers::from_pairs([("cookie", line)])
    }

    fn finds(&self, sessions: &mut Sessions, now: Time) -> Found {
        sessions.find(&self.headers(), now)
    }

    /// The session and whether the first key sealed it.
    #[track_caller]
    fn opens(&self, sessions: &mut Sessions, now: Time) -> (Session, bool) {
        match self.finds(sessions, now) {
            Found::Open { session, by_first_key } => ((*session).clone(), by_first_key),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn is_bad(&self, sessions: &mut Sessions, why: &str) {
        assert!(matches!(self.finds(sessions, at(1)), Found::Bad), "{why}");
    }
}

fn name(index: usize) -> String {
    if index == 0 { NAME.to_owned() } else { format!("{NAME}-{index}") }
}

/// Lengths of refresh tokens that make sessions of one, two and three chunks.
const LENGTHS: [(usize, usize); 3] = [(1, 100), (2, 4000), (3, 6500)];

#[test]
fn sessions_of_one_two_and_three_chunks_come_back() {
    for (count, length) in LENGTHS {
        let mut sessions = sessions();
        let alice = session("alice", length);
        let browser = Browser::signed_in(&sessions, &alice);
        assert_eq!(browser.0.len(), count);
        assert!(browser.0[NAME].starts_with(format!("{count}.").as_bytes()));
        for _ in 0..2 {
            assert_eq!(browser.opens(&mut sessions, at(1)), (alice.clone(), true));
        }
        let bare = Session { sid: None, acr: Some("mfa".into()), auth_time: None, claims: Map::new(), ..alice };
        let browser = Browser::signed_in(&sessions, &bare);
        assert_eq!(browser.opens(&mut sessions, at(1)).0, bare);
        let sealed = sessions.seal(&bare).unwrap();
        assert_eq!(sessions.open(&sealed, at(1)).as_deref(), Some(&bare), "from another worker");
        let mut browser = Browser::default();
        browser.takes(&sessions.cookies_of(&sealed));
        assert_eq!(browser.opens(&mut sessions, at(1)).0, bare);
    }
}

#[test]
fn the_longest_session_fits_and_one_byte_more_says_what_to_trim() {
    let mut sessions = sessions();
    let seal = |length| sessions.seal(&session("alice", length)).map(|sealed| sealed.len());
    let longest = (8000..8300).rev().find(|length| seal(*length).is_ok()).unwrap();
    assert!((chunks::LIMIT - 2..=chunks::LIMIT).contains(&seal(longest).unwrap()));
    let browser = Browser::signed_in(&sessions, &session("alice", longest));
    assert_eq!(browser.0.len(), 3);
    assert_eq!(browser.opens(&mut sessions, at(1)).0, session("alice", longest));

    let mut large = session("alice", longest);
    large.claims.insert("secret\ngroups".into(), vec!["hush"; 2000].into());
    large.claims.insert("x".into(), json!("hush"));
    let fault = sessions.cookies(&large).unwrap_err();
    assert!(fault.bytes > 20_000 && fault.limit == 11_398);
    let text = fault.to_string();
    let expected = format!(
        "the session takes {} bytes of at most 11398; largest parts: claim \"secret\\ngroups\" (14001 bytes), \
         refresh token ({longest} bytes), claim \"groups\" (10 bytes)",
        fault.bytes
    );
    assert_eq!(text, expected);
    assert!(!text.contains("hush") && !text.contains("rrr"), "no values");
}

#[test]
fn a_typical_session_stays_in_its_budget() {
    let groups: Vec<String> = (0..20).map(|number| format!("/airbyte/department-{number:02}/editors")).collect();
    let claims = json!({
        "exp": 1_700_000_300, "iat": 1_700_000_000, "auth_time": 1_700_000_000,
        "jti": "9d3c3f0e-6a3c-4f2b-8a4a-0d8a3f1b2c4d", "iss": "https://sso.example.com/realms/company",
        "aud": ["airgate", "account"], "sub": "f3a1c5d2-5a1e-4c1f-9b0a-2f6f1f0e7a11", "typ": "ID", "azp": "airgate",
        "nonce": "x".repeat(43), "sid": "0f6a2f43-9c2e-4f7e-9a2b-8f0f1e2d3c4b", "at_hash": "x".repeat(22), "acr": "1",
        "email_verified": true, "name": "Alice Liddell", "preferred_username": "alice", "given_name": "Alice",
        "family_name": "Liddell", "email": "alice.liddell@example.com", "groups": groups,
        "realm_access": {"roles": ["default-roles-company", "offline_access", "uma_authorization"]},
        "resource_access": {"account": {"roles": ["manage-account", "manage-account-links", "view-profile"]}},
    });
    let keycloak = provider(json!({"claims": {"user": "/preferred_username"}})).unwrap();
    let mut sessions = sessions();
    let alice = Session {
        issuer: "https://sso.example.com/realms/company".into(),
        subject: "f3a1c5d2-5a1e-4c1f-9b0a-2f6f1f0e7a11".into(),
        sid: Some("0f6a2f43-9c2e-4f7e-9a2b-8f0f1e2d3c4b".into()),
        acr: Some("1".into()),
        claims: sessions.slim(&keycloak, &[], claims.as_object().unwrap()),
        ..session("", 1000)
    };
    let browser = Browser::signed_in(&sessions, &alice);
    let cookie = format!("{NAME}={}", str::from_utf8(&browser.0[NAME]).unwrap());
    assert!(cookie.len() <= 3500, "{}", cookie.len());
    assert_eq!(browser.0.len(), 1);
    assert_eq!(browser.opens(&mut sessions, at(1)).0, alice);
}

#[test]
fn every_bit_flip_is_refused() {
    let mut sessions = sessions();
    let browser = Browser::signed_in(&sessions, &session("alice", 10));
    for place in 0..browser.0[NAME].len() {
        for bit in 0..8 {
            let mut flipped = browser.clone();
            flipped.chunk(0)[place] ^= 1 << bit;
            flipped.is_bad(&mut sessions, &format!("bit {bit} of byte {place}"));
        }
    }
    let browser = Browser::signed_in(&sessions, &session("alice", 6500));
    for index in 0..3 {
        for place in (0..browser.0[&name(index)].len()).step_by(101) {
            let mut flipped = browser.clone();
            flipped.chunk(index)[place] ^= 1;
            flipped.is_bad(&mut sessions, &format!("byte {place} of chunk {index}"));
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    let mut sessions = sessions();
    for (length, step) in [(10, 1), (4000, 53), (6500, 97)] {
        let browser = Browser::signed_in(&sessions, &session("alice", length));
        for index in 0..browser.0.len() {
            let whole = browser.0[&name(index)].len();
            for end in (0..whole).step_by(step).chain([whole - 1]) {
                let mut cut = browser.clone();
                cut.chunk(index).truncate(end);
                cut.is_bad(&mut sessions, &format!("the first {end} bytes of chunk {index}"));
                let mut cut = browser.clone();
                cut.chunk(index).drain(..=end);
                cut.is_bad(&mut sessions, &format!("without the first {} bytes of chunk {index}", end + 1));
            }
            for more in ["A", "=", ".", "AAAA"] {
                let mut grown = browser.clone();
                grown.chunk(index).extend(more.as_bytes());
                grown.is_bad(&mut sessions, more);
            }
        }
    }
}

#[test]
fn chunks_missing_extra_swapped_and_reordered_are_refused_as_one() {
    let mut sessions = sessions();
    for (count, length) in LENGTHS {
        let browser = Browser::signed_in(&sessions, &session("alice", length));
        for index in 0..count {
            let mut missing = browser.clone();
            missing.0.remove(&name(index));
            if !missing.0.is_empty() {
                missing.is_bad(&mut sessions, &format!("{count} without {index}"));
            }
            let mut claimed = browser.clone();
            claimed.chunk(0)[0] = b'1' + u8::try_from(index).unwrap();
            assert_eq!(matches!(claimed.finds(&mut sessions, at(1)), Found::Open { .. }), index + 1 == count);
        }
        for index in count..3 {
            for value in ["", "x", "AAAA"] {
                let mut extra = browser.clone();
                extra.0.insert(name(index), value.into());
                extra.is_bad(&mut sessions, &format!("{count} and {value:?} as {index}"));
            }
        }
        for count in ["", "0.", "4.", "9.", "01.", "1", ".", "-1.", "1,"] {
            let mut counted = browser.clone();
            counted.chunk(0).splice(..2, count.bytes());
            counted.is_bad(&mut sessions, count);
        }
        for (one, other) in [(0, 1), (1, 2), (0, 2)] {
            if other < count {
                let mut swapped = browser.clone();
                swapped.0.insert(name(one), browser.0[&name(other)].clone());
                swapped.0.insert(name(other), browser.0[&name(one)].clone());
                swapped.is_bad(&mut sessions, "whole cookies swapped");
            }
        }
    }
    let browser = Browser::signed_in(&sessions, &session("alice", 7700));
    let mut reordered = browser.clone();
    *reordered.chunk(1) = browser.0[&name(2)].clone();
    *reordered.chunk(2) = browser.0[&name(1)].clone();
    reordered.is_bad(&mut sessions, "the later two in another order");
    let mut repeated = browser.clone();
    *repeated.chunk(2) = browser.0[&name(1)].clone();
    repeated.is_bad(&mut sessions, "one of them twice");
}

#[test]
fn chunks_of_two_people_make_no_session() {
    let mut sessions = sessions();
    for (count, length) in LENGTHS {
        let [alice, mallory] = ["alice", "carol"].map(|who| Browser::signed_in(&sessions, &session(who, length)));
        for index in 0..count {
            let mut mixed = alice.clone();
            *mixed.chunk(index) = mallory.0[&name(index)].clone();
            if count > 1 {
                mixed.is_bad(&mut sessions, &format!("{index} of {count}"));
            }
        }
    }
    let [one, other] = [(); 2].map(|()| Browser::signed_in(&sessions, &session("alice", 4000)));
    let mut mixed = one.clone();
    *mixed.chunk(1) = other.0[&name(1)].clone();
    mixed.is_bad(&mut sessions, "two sessions of one person");
}

#[test]
fn another_host_and_another_purpose() {
    let alice = session("alice", 10);
    let other = configured_for("https://other.example.com", &json!({"keys": keys(&[1])})).unwrap();
    Browser::signed_in(&Sessions::new(other), &alice).is_bad(&mut sessions(), "another host");
    let mut sessions = sessions();
    for (purpose, good) in [("session", true), ("login", false), ("state", false), ("id-token", false)] {
        let sealed = sessions.keys().seal_any_length(purpose, alice.to_value(), at(60)).unwrap();
        assert_eq!(sessions.open(&sealed, at(1)).is_some(), good, "{purpose}");
    }
    for value in [json!(1), json!({}), json!([]), json!({"provider": "corp", "begun": 1, "seen": 1, "valid": 1})] {
        let sealed = sessions.keys().seal_any_length("session", value.clone(), at(60)).unwrap();
        assert_eq!(sessions.open(&sealed, at(1)), None, "{value}");
    }
}

#[test]
fn keys_rotate_and_nobody_notices() {
    let (mut old, mut both, mut new) = (sessions(), with(&[2, 1], json!({})), with(&[2], json!({})));
    let alice = session("alice", 4000);
    let by_old = Browser::signed_in(&old, &alice);
    for _ in 0..2 {
        assert_eq!(by_old.opens(&mut both, at(1)), (alice.clone(), false));
    }
    assert!(both.is_to_be_renewed(&alice, false, at(1)) && !both.is_to_be_renewed(&alice, true, at(1)));
    let renewed = Browser::signed_in(&both, &alice);
    for sessions in [&mut both, &mut new] {
        assert_eq!(renewed.opens(sessions, at(1)), (alice.clone(), true));
    }
    by_old.is_bad(&mut new, "its key was taken out");
    renewed.is_bad(&mut old, "its key is not known yet");
}

#[test]
fn what_is_no_text_is_bad_and_nothing_is_none() {
    let mut sessions = sessions();
    let bad: [&[u8]; 8] = [b"", b"1.", b"1.\xff\x80", b"\xff.x", b"1.a.b.c.d.e", b"\xe4", b"3.", &[b'A'; 60_000]];
    for value in bad {
        for index in 0..3 {
            Browser([(name(index), value.to_vec())].into()).is_bad(&mut sessions, &format!("{index}: {value:?}"));
        }
    }
    for text in ["", "\u{e4}", "....", &".".repeat(60_000)] {
        assert_eq!(sessions.open(text, at(1)), None);
    }
    for line in ["", "a=b", "airgate-session=1.x", "__Host-airgate-session-3=1.x", "__host-airgate-session=1.x"] {
        assert!(matches!(sessions.find(&Headers::from_pairs([("cookie", line)]), at(1)), Found::None), "{line}");
    }
    assert!(matches!(sessions.find(&Headers::default(), at(1)), Found::None));
}

#[test]
fn the_first_of_two_same_named_cookies_wins() {
    let mut sessions = sessions();
    let browser = Browser::signed_in(&sessions, &session("alice", 10));
    let good = str::from_utf8(&browser.0[NAME]).unwrap();
    for (first, second, opens) in [(good, "1.x", true), ("1.x", good, false)] {
        let one_line = [("cookie", format!("{NAME}={first}; {NAME}={second}"))];
        let two_lines = [("cookie", format!("{NAME}={first}")), ("cookie", format!("{NAME}={second}"))];
        for headers in [Headers::from_pairs(one_line), Headers::from_pairs(two_lines)] {
            assert_eq!(matches!(sessions.find(&headers, at(1)), Found::Open { .. }), opens);
        }
    }
}

#[test]
fn a_smaller_session_leaves_no_chunk_of_a_larger_one() {
    let mut sessions = sessions();
    let mut browser = Browser::default();
    for length in [6500, 100, 4000, 6500, 4000, 100] {
        let alice = session("alice", length);
        browser.takes(&sessions.cookies(&alice).unwrap());
        assert_eq!(browser.opens(&mut sessions, at(1)).0, alice);
    }
    let (small, large) =
        (sessions.cookies(&session("alice", 10)).unwrap(), sessions.cookies(&session("alice", 4000)).unwrap());
    for answers in [[&small, &large], [&large, &small]] {
        let mut browser = Browser::default();
        for answer in answers {
            browser.takes(answer);
        }
        browser.opens(&mut sessions, at(1));
    }
}

#[test]
fn what_is_expired_is_gone() {
    let sessions = sessions();
    for (_, length) in LENGTHS {
        let mut browser = Browser::signed_in(&sessions, &session("alice", length));
        browser.takes(&sessions.expired(&browser.headers()));
        assert!(browser.0.is_empty());
    }
    let mut stale = Browser([(name(2), b"x".to_vec())].into());
    stale.takes(&sessions.expired(&stale.headers()));
    assert!(stale.0.is_empty(), "a chunk without a first one too");
    assert!(sessions.expired(&stale.headers()).is_empty() && sessions.expired(&Headers::default()).is_empty());
}

#[test]
fn the_id_token_has_a_cookie_of_its_own() {
    assert_eq!(sessions().id_token_cookie("a.b.c", at(60)), None, "only if it is kept");
    let mut sessions = with(&[1], json!({"keep_id_token": true}));
    assert!(sessions.keep_id_token());
    let mut browser = Browser::signed_in(&sessions, &session("alice", 10));
    browser.takes(&[sessions.id_token_cookie("a.b.c", at(60)).unwrap()]);
    let read = |browser: &Browser, minute| sessions.id_token(&browser.headers(), at(minute));
    assert_eq!(read(&browser, 59).as_deref(), Some("a.b.c"));
    assert_eq!(read(&browser, 60), None);
    assert_eq!(read(&Browser::default(), 1), None);
    for other in [b"\xff".to_vec(), browser.0[NAME].clone(), browser.0[NAME][2..].to_vec()] {
        let mut wrong = browser.clone();
        wrong.0.insert("__Secure-airgate-id".into(), other);
        assert_eq!(read(&wrong, 1), None);
    }
    let mut elsewhere = browser.clone();
    elsewhere.0.remove("__Secure-airgate-id");
    let expired = sessions.expired(&elsewhere.headers());
    browser.takes(&expired);
    assert!(browser.0.is_empty(), "gone, though this path never sees it");

    let cookie = |length: usize| sessions.id_token_cookie(&"x".repeat(length), at(60));
    let longest = (2000..4000).rev().find_map(cookie).unwrap();
    assert!((3798..=3800 + 80).contains(&longest.len()), "{}", longest.len());
    browser.takes(&[longest]);
    assert!(sessions.id_token(&browser.headers(), at(1)).is_some_and(|token| token.len() > 2000));
    let sealed = browser.0["__Secure-airgate-id"].clone();
    assert_eq!(sessions.open(str::from_utf8(&sealed).unwrap(), at(1)), None, "it is no session");
}

#[test]
fn our_cookies_are_known_by_name() {
    for ours in [NAME, "__Host-airgate-session-1", "__Host-airgate-session-2", "__Secure-airgate-id"] {
        assert!(is_session_cookie(ours.as_bytes()), "{ours}");
    }
    for other in ["", "__Host-airgate-session-3", "__Host-airgate-affinity", "session", "__host-airgate-session"] {
        assert!(!is_session_cookie(other.as_bytes()), "{other}");
    }
}

#[test]
fn room_is_bounded_by_entries_and_by_bytes_and_forgeries_push_nobody_out() {
    let mut sessions = sessions();
    let room = |sealed: &str, length| sealed.len() + PLACES + session("alice", length).room();
    let most = room(&sessions.seal(&session("alice", 8000)).unwrap(), 8000) + 100;
    sessions.opened = Memo::new(3, most);
    let open = |sessions: &mut Sessions, length| {
        let sealed = sessions.seal(&session("alice", length)).unwrap();
        sessions.open(&sealed, at(1)).unwrap();
        sealed
    };
    let sizes: Vec<usize> = (0..5).map(|_| room(&open(&mut sessions, 10), 10)).collect();
    assert_eq!(sessions.opened.used(), (3, sizes[2..].iter().sum()), "three at most");
    let first = open(&mut sessions, 8000);
    let second = open(&mut sessions, 6500);
    assert_eq!(sessions.opened.used(), (1, room(&second, 6500)), "so many bytes at most, the oldest goes");
    assert!(sessions.open(&first, at(1)).is_some(), "forgotten is not refused");
    assert_eq!(sessions.opened.used(), (1, room(&first, 8000)));
    let used = sessions.opened.used();
    for number in 0..100 {
        assert_eq!(sessions.open(&first.replacen('.', &format!("{number}."), 1), at(1)), None);
        assert_eq!(sessions.open(&"A".repeat(chunks::LIMIT + number), at(1)), None);
    }
    assert_eq!(sessions.opened.used(), used);
    assert!(Rc::ptr_eq(&sessions.open(&first, at(1)).unwrap(), &sessions.open(&first, at(2)).unwrap()));
    let (entries, bytes) = (0..50).fold((0, 0), |_, _| {
        open(&mut sessions, 5000);
        sessions.opened.used()
    });
    assert!(entries <= 3 && bytes <= most);
}

#[test]
fn no_token_in_what_is_printed() {
    let printed = format!("{:?}", Found::Open { session: Rc::new(session("alice", 10)), by_first_key: true });
    assert!(printed.contains("alice") && !printed.contains("rrr"), "{printed}");
}

/// What memory is bounded by: each byte of a session counts, and one of a claim three times, with the caller.
#[test]
fn a_session_takes_as_much_room_as_it_says_things() {
    let small = session("alice", 10);
    assert!(small.room() > size_of::<Session>());
    assert!(session("alice", 1010).room() >= small.room() + 1000);
    let mut large = small.clone();
    large.claims.insert("more".into(), "g".repeat(1000).into());
    assert!(large.room() >= small.room() + 3000, "{} {}", large.room(), small.room());
}

#[test]
fn an_id_token_that_nobody_keeps_is_not_deleted_either() {
    let browser = Browser::signed_in(&sessions(), &session("alice", 10));
    let deletes = |keeps: bool| {
        let expired = with(&[1], json!({ "keep_id_token": keeps })).expired(&browser.headers());
        expired.iter().any(|line| line.starts_with(&*ID_TOKEN_COOKIE.name))
    };
    assert!(deletes(true), "most paths never see it");
    assert!(!deletes(false));
}
