use std::time::Duration;

use serde_json::{Map, Value, json};

use super::*;
use crate::host::Host;
use crate::testing::{TestHost, test};
use crate::time::Time;

const ISSUER: &str = "https://idp";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const NOW: Time = Time::from_seconds(1_000_000);
const LEEWAY: Duration = Duration::from_secs(60);
const LIFETIME: Duration = Duration::from_secs(86_400);

fn claims(changes: Value) -> Map<String, Value> {
    let mut claims = json!({"iss": ISSUER, "sub": "alice", "sid": "s1", "aud": "airgate", "jti": "j1",
        "iat": 1_000_000, "exp": 1_000_120, "events": {EVENT: {}}});
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims.as_object().unwrap().clone()
}

fn read(changes: Value) -> Result<LogoutNotice, LogoutFault> {
    read_notice(&claims(changes), None, NOW, LEEWAY)
}

/// A notice that comes as soon as it is issued.
fn notice(subject: Option<&str>, sid: Option<&str>, jti: &str, at: Time) -> LogoutNotice {
    let changes = json!({"sub": subject, "sid": sid, "jti": jti, "iat": at.seconds(), "exp": null});
    read_notice(&claims(changes), None, at, LEEWAY).unwrap()
}

fn after(seconds: u64) -> Time {
    NOW.plus(Duration::from_secs(seconds))
}

fn before(seconds: u64) -> Time {
    Time::from_seconds(NOW.seconds() - seconds)
}

#[test]
fn a_logout_token_is_read() {
    let notice = read(json!({})).unwrap();
    assert_eq!(notice.issuer, ISSUER);
    assert_eq!((notice.subject.as_deref(), notice.sid.as_deref()), (Some("alice"), Some("s1")));
    assert_eq!(notice.jti.as_deref(), Some("j1"));
    assert!(read(json!({"sub": null})).is_ok());
    assert!(read(json!({"sid": null})).is_ok());
    assert!(read(json!({"jti": null, "exp": null})).is_ok());
    assert!(read(json!({"events": {EVENT: {"more": 1}, "https://other": {}}})).is_ok());
}

#[test]
fn what_is_no_logout_token_is_refused() {
    let long = "x".repeat(1025);
    let cases = [
        (json!({"events": null}), LogoutFault::NoLogoutEvent),
        (json!({"events": {}}), LogoutFault::NoLogoutEvent),
        (json!({"events": [EVENT]}), LogoutFault::NoLogoutEvent),
        (json!({"events": EVENT}), LogoutFault::NoLogoutEvent),
        (json!({"events": {EVENT: true}}), LogoutFault::NoLogoutEvent),
        (json!({"events": {"http://schemas.openid.net/event/backchannel-logout/": {}}}), LogoutFault::NoLogoutEvent),
        (json!({"nonce": "n"}), LogoutFault::HasNonce),
        (json!({"nonce": ""}), LogoutFault::HasNonce),
        (json!({"sub": null, "sid": null}), LogoutFault::NobodyNamed),
        (json!({"sub": 1}), LogoutFault::BadClaim),
        (json!({"sub": ""}), LogoutFault::BadClaim),
        (json!({"sid": ["s1"]}), LogoutFault::BadClaim),
        (json!({"sid": long}), LogoutFault::BadClaim),
        (json!({"jti": 7}), LogoutFault::BadClaim),
        (json!({"iss": null}), LogoutFault::MissingClaim),
        (json!({"iss": [ISSUER]}), LogoutFault::BadClaim),
        (json!({"iat": null}), LogoutFault::MissingClaim),
        (json!({"iat": "1000000"}), LogoutFault::BadClaim),
        (json!({"iat": 1e300}), LogoutFault::BadClaim),
        (json!({"exp": true}), LogoutFault::BadClaim),
    ];
    for (changes, fault) in cases {
        assert_eq!(read(changes.clone()), Err(fault), "{changes}");
    }
    let mut claims = claims(json!({}));
    claims.insert("nonce".into(), Value::Null);
    assert_eq!(read_notice(&claims, None, NOW, LEEWAY), Err(LogoutFault::HasNonce));
}

#[test]
fn types_tell_logout_tokens_apart() {
    let read = |typ| read_notice(&claims(json!({})), typ, NOW, LEEWAY);
    for typ in [None, Some("JWT"), Some("logout+jwt"), Some("Logout+JWT"), Some("application/logout+jwt")] {
        assert!(read(typ).is_ok(), "{typ:?}");
    }
    for typ in ["at+jwt", "", "logout", "dpop+jwt", "secevent+jwt"] {
        assert_eq!(read(Some(typ)), Err(LogoutFault::WrongType), "{typ}");
    }
}

#[test]
fn clocks_count_exactly() {
    let cases = [
        (json!({"iat": 1_000_060}), None),
        (json!({"iat": 1_000_060.001}), Some(LogoutFault::IssuedInFuture)),
        (json!({"iat": 999_340, "exp": null}), None),
        (json!({"iat": 999_339.999, "exp": null}), Some(LogoutFault::Expired)),
        (json!({"iat": 0, "exp": null}), Some(LogoutFault::Expired)),
        (json!({"exp": 999_940.001}), None),
        (json!({"exp": 999_940}), Some(LogoutFault::Expired)),
    ];
    for (changes, fault) in cases {
        assert_eq!(read(changes.clone()).err(), fault, "{changes}");
    }
    assert!(read_notice(&claims(json!({"iat": 1, "exp": null})), None, Time::default(), LEEWAY).is_ok());
}

#[test]
fn a_sid_ends_one_session_and_a_sub_all_until_then() {
    let host = TestHost::default();
    let mut ended = EndedSessions::new(true, LIFETIME);
    ended.prepare(&host);
    assert!(!ended.is_ended(ISSUER, "alice", Some("s1"), before(10)), "nothing is ended");
    assert!(ended.end(&notice(Some("alice"), Some("s1"), "j1", NOW), &host, NOW));
    assert!(ended.is_ended(ISSUER, "alice", Some("s1"), before(10)));
    assert!(!ended.is_ended(ISSUER, "alice", Some("s1"), after(1)), "began since");
    assert!(!ended.is_ended(ISSUER, "alice", Some("s2"), before(10)), "another session");
    assert!(!ended.is_ended(ISSUER, "alice", None, before(10)), "a session without sid");
    assert!(!ended.is_ended("https://other", "alice", Some("s1"), before(10)), "another issuer");

    assert!(ended.end(&notice(Some("bob"), None, "j2", NOW), &host, NOW));
    assert!(ended.is_ended(ISSUER, "bob", Some("s9"), before(10)));
    assert!(ended.is_ended(ISSUER, "bob", None, before(10)));
    assert!(!ended.is_ended(ISSUER, "bob", None, after(1)), "signed in again");
    assert!(!ended.is_ended(ISSUER, "alice", None, before(10)), "another subject");
    // A name is no key of another kind, and parts do not flow into each other.
    assert!(!ended.is_ended(ISSUER, "s1", None, before(10)));
    assert!(!ended.is_ended("https://id", "pbob", Some("bob"), before(10)));
}

#[test]
fn workers_hear_of_it_on_their_tick() {
    let host = TestHost::default();
    let [mut one, mut two] = [0, 1].map(|_| EndedSessions::new(true, LIFETIME));
    one.prepare(&host);
    two.prepare(&host);
    two.tick(&host, NOW);
    assert!(one.end(&notice(None, Some("s1"), "j1", NOW), &host, NOW));
    assert!(two.end(&notice(None, Some("s2"), "j2", NOW), &host, NOW));
    assert!(two.is_ended(ISSUER, "alice", Some("s1"), NOW), "who writes, reads");
    assert!(!one.is_ended(ISSUER, "alice", Some("s2"), NOW));
    one.tick(&host, NOW);
    assert!(one.is_ended(ISSUER, "alice", Some("s2"), NOW));
    let mut reloaded = EndedSessions::new(true, LIFETIME);
    reloaded.prepare(&host);
    reloaded.tick(&host, NOW);
    assert!(reloaded.is_ended(ISSUER, "alice", Some("s1"), NOW));
}

#[test]
fn without_the_shelf_a_worker_knows_for_itself() {
    let host = TestHost::default();
    for (shared, prepared) in [(false, true), (true, false)] {
        let mut ended = EndedSessions::new(shared, LIFETIME);
        if prepared {
            ended.prepare(&host);
        }
        assert!(!ended.end(&notice(None, Some("s1"), "j1", NOW), &host, NOW), "says that others will not hear");
        ended.tick(&host, NOW);
        assert!(ended.is_ended(ISSUER, "alice", Some("s1"), NOW));
        assert!(host.shelf.borrow().is_empty());
    }
    // The place is there later on: what was only known here goes there.
    let mut ended = EndedSessions::new(true, LIFETIME);
    assert!(!ended.end(&notice(None, Some("s1"), "j1", NOW), &host, NOW));
    ended.prepare(&host);
    ended.tick(&host, NOW);
    assert!(ended.end(&notice(None, Some("s2"), "j2", NOW), &host, NOW));
    let mut other = EndedSessions::new(true, LIFETIME);
    other.tick(&host, NOW);
    assert!(other.is_ended(ISSUER, "alice", Some("s1"), NOW) && other.is_ended(ISSUER, "alice", Some("s2"), NOW));
}

#[test]
fn a_replay_ends_nothing_that_began_since() {
    for jti in [json!("j1"), json!(null)] {
        let host = TestHost::default();
        let [mut one, mut two] = [0, 1].map(|_| EndedSessions::new(true, LIFETIME));
        one.prepare(&host);
        let token = claims(json!({"sid": null, "jti": jti}));
        let read = |now| read_notice(&token, None, now, LEEWAY).unwrap();
        one.end(&read(NOW), &host, NOW);
        let version = host.recall("airgate.ended").unwrap().version;
        for seconds in [5, 30, 100] {
            let now = after(seconds);
            assert!(one.end(&read(now), &host, now));
            assert!(two.end(&read(now), &host, now), "a worker that did not hear of the first");
            assert!(!one.is_ended(ISSUER, "alice", None, after(3)), "{seconds}");
            assert!(!two.is_ended(ISSUER, "alice", None, after(3)), "{seconds}");
            assert!(two.is_ended(ISSUER, "alice", None, before(3)), "{seconds}");
        }
        assert_eq!(host.recall("airgate.ended").unwrap().version, version, "nothing was written");
        // A second logout counts.
        let second = notice(Some("alice"), None, "j2", after(110));
        one.end(&second, &host, after(110));
        two.tick(&host, after(110));
        assert!(two.is_ended(ISSUER, "alice", None, after(100)));
    }
}

#[test]
fn a_notice_covers_clocks_that_differ_but_not_what_is_to_come() {
    let host = TestHost::default();
    let mut ended = EndedSessions::new(true, LIFETIME);
    ended.prepare(&host);
    // The provider's clock is 30 s behind: by ours the session began after `iat`.
    let behind = read_notice(&claims(json!({"iat": 999_970, "sid": null})), None, NOW, LEEWAY).unwrap();
    ended.end(&behind, &host, NOW);
    assert!(ended.is_ended(ISSUER, "alice", None, before(5)));
    assert!(!ended.is_ended(ISSUER, "alice", None, after(1)));
    // It is 30 s ahead.
    let ahead = json!({"iat": 1_000_030, "sid": null, "sub": "bob"});
    ended.end(&read_notice(&claims(ahead), None, NOW, LEEWAY).unwrap(), &host, NOW);
    assert!(!ended.is_ended(ISSUER, "bob", None, after(1)), "who signs in again stays in");
    // The notice came five minutes late.
    let late = json!({"iat": 999_700, "sid": null, "sub": "carol", "exp": null});
    ended.end(&read_notice(&claims(late), None, NOW, LEEWAY).unwrap(), &host, NOW);
    assert!(ended.is_ended(ISSUER, "carol", None, before(300)));
    assert!(!ended.is_ended(ISSUER, "carol", None, before(200)));
}

#[test]
fn entries_go_when_their_sessions_are_over() {
    let host = TestHost::default();
    let mut ended = EndedSessions::new(true, LIFETIME);
    ended.prepare(&host);
    for count in 0..512 {
        ended.end(&notice(None, Some(&format!("old-{count}")), &format!("o{count}"), NOW), &host, NOW);
    }
    let later = NOW.plus(LIFETIME).plus(Duration::from_secs(1));
    for count in 0..512 {
        let name = format!("new-{count}");
        ended.end(&notice(None, Some(&name), &name, later), &host, later);
    }
    let mut other = EndedSessions::new(true, LIFETIME);
    other.tick(&host, later);
    for ended in [&ended, &other] {
        assert!((0..512).all(|count| ended.is_ended(ISSUER, "a", Some(&format!("new-{count}")), later)));
        assert!(!ended.is_ended(ISSUER, "a", Some("s"), before(10)), "nobody else is ended");
    }
}

#[test]
fn an_overflow_ends_too_many_rather_than_too_few() {
    let host = TestHost::default();
    let [mut one, mut two] = [0, 1].map(|_| EndedSessions::new(true, LIFETIME));
    one.prepare(&host);
    let other = |notice: LogoutNotice| LogoutNotice { issuer: "https://other".into(), ..notice };
    // The oldest is of another issuer; those after it are ours, a second apart.
    one.end(&other(notice(Some("zoe"), None, "z", before(100))), &host, before(100));
    for count in 0..511 {
        let (name, now) = (format!("s{count}"), after(count));
        one.end(&notice(None, Some(&name), &name, now), &host, now);
    }
    let now = after(511);
    assert!(!one.is_ended("https://other", "yan", None, before(200)), "512 entries are no overflow");
    one.end(&notice(None, Some("s511"), "s511", now), &host, now);
    two.tick(&host, now);
    for ended in [&one, &two] {
        assert!(ended.is_ended("https://other", "zoe", None, before(101)));
        assert!(ended.is_ended("https://other", "yan", None, before(101)), "all of the issuer, until then");
        assert!(!ended.is_ended("https://other", "yan", None, before(99)));
        // One entry in the stead of one makes no room: our two oldest went as well.
        assert!(ended.is_ended(ISSUER, "a", Some("x"), after(1)));
        assert!(!ended.is_ended(ISSUER, "a", Some("x"), after(2)));
        assert!(ended.is_ended(ISSUER, "a", Some("s2"), after(2)) && ended.is_ended(ISSUER, "a", Some("s511"), now));
    }
    // Far beyond: two workers by turns, twice as many.
    for count in 512..1024 {
        let (name, now) = (format!("s{count}"), after(count));
        let worker = if count % 3 == 0 { &mut one } else { &mut two };
        assert!(worker.end(&notice(None, Some(&name), &name, now), &host, now));
        assert!(host.recall("airgate.ended").unwrap().value.len() <= 1 + 512 * 48);
    }
    let now = after(1024);
    one.tick(&host, now);
    two.tick(&host, now);
    for ended in [&one, &two] {
        // Nobody is forgotten.
        for count in 0..1024 {
            assert!(ended.is_ended(ISSUER, "a", Some(&format!("s{count}")), after(count)), "{count}");
        }
        assert!(ended.is_ended("https://other", "zoe", None, before(101)));
        // The sessions that began last are not ended with the rest.
        assert!(!ended.is_ended(ISSUER, "a", Some("x"), after(524)));
        assert!(ended.is_ended(ISSUER, "a", Some("x"), after(504)));
    }
}

#[test]
fn issuers_without_number_take_no_more_room() {
    let host = TestHost::default();
    let mut ended = EndedSessions::new(true, LIFETIME);
    ended.prepare(&host);
    for count in 0..600 {
        let (issuer, name) = (format!("https://idp-{count}"), format!("s{count}"));
        ended.end(&LogoutNotice { issuer, ..notice(None, Some(&name), &name, after(count)) }, &host, after(count));
        assert!(host.recall("airgate.ended").unwrap().value.len() <= 1 + 512 * 48);
    }
    assert!(ended.is_ended("https://idp-599", "a", Some("s599"), NOW));
    assert!(ended.is_ended("https://idp-100", "a", Some("s100"), NOW));
}

#[test]
fn what_is_not_ours_on_the_shelf_is_not_there() {
    let host = TestHost::default();
    let mut writer = EndedSessions::new(true, LIFETIME);
    writer.prepare(&host);
    writer.end(&notice(None, Some("s1"), "j1", NOW), &host, NOW);
    let value = host.recall("airgate.ended").unwrap().value;
    assert_eq!(value.len(), 1 + 48);
    let mut cases: Vec<Vec<u8>> = vec![b"garbage".to_vec(), vec![0; 49], vec![2; 49], vec![1; 40], vec![255; 100_000]];
    cases.extend((0..value.len()).map(|length| value[..length].to_vec()));
    // An entry from a future that no clock skew explains.
    let mut future = value.clone();
    future[33..41].copy_from_slice(&u64::MAX.to_be_bytes());
    cases.push(future);
    cases.push([vec![1], vec![1; 48 * 2000]].concat());
    for case in cases {
        host.keep("airgate.ended", &case);
        let mut fresh = EndedSessions::new(true, LIFETIME);
        fresh.tick(&host, NOW);
        assert!(!fresh.is_ended(ISSUER, "alice", Some("s1"), NOW), "{}", case.len());
        // Who knew goes on knowing, and mends it.
        writer.tick(&host, NOW);
        assert!(writer.is_ended(ISSUER, "alice", Some("s1"), NOW));
        assert!(writer.end(&notice(None, Some("s1"), "j1", NOW), &host, NOW));
        fresh.tick(&host, NOW);
        assert!(fresh.is_ended(ISSUER, "alice", Some("s1"), NOW), "{}", case.len());
    }
}

#[test]
fn a_clock_that_steps_back_locks_nobody_out() {
    let host = TestHost::default();
    let mut ended = EndedSessions::new(true, LIFETIME);
    ended.prepare(&host);
    ended.end(&notice(Some("alice"), None, "j1", after(86_400 * 365)), &host, after(86_400 * 365));
    let mut reloaded = EndedSessions::new(true, LIFETIME);
    reloaded.tick(&host, NOW);
    assert!(!reloaded.is_ended(ISSUER, "alice", None, NOW));
}

#[test]
fn names_do_not_lie_on_the_shelf() {
    let host = TestHost::default();
    let mut ended = EndedSessions::new(true, LIFETIME);
    ended.prepare(&host);
    ended.end(&notice(Some("alice"), None, "j1", NOW), &host, NOW);
    let value = host.recall("airgate.ended").unwrap().value;
    assert!(!value.windows(5).any(|part| part == b"alice") && !value.windows(3).any(|part| part == b"idp"));
}
