use crate::testing::test;
use std::time::Duration;

use super::*;

const JUST_BEFORE: Duration = Duration::from_millis(MINUTE - 1);

/// The minute at which a session that is never renewed ends, exactly.
#[track_caller]
fn ends(sessions: &mut Sessions, session: &Session, minute: u64) {
    let browser = Browser::signed_in(sessions, session);
    assert_eq!(sessions.end_of(session), at(minute));
    browser.opens(sessions, at(minute - 1).plus(JUST_BEFORE));
    assert!(matches!(browser.finds(sessions, at(minute)), Found::Bad), "remembered");
    sessions.opened = memo();
    assert!(matches!(browser.finds(sessions, at(minute)), Found::Bad), "opened anew");
    browser.opens(sessions, at(minute - 1));
}

fn without_refresh_token() -> Session {
    Session { refresh_token: None, ..session("alice", 0) }
}

#[test]
fn idle_and_lifetime_end_exactly() {
    let alice = session("alice", 10);
    ends(&mut sessions(), &alice, 40);
    ends(&mut sessions(), &alice.seen_again(at(30)), 70);
    ends(&mut sessions(), &alice.seen_again(at(100)), 120);
    ends(&mut with(&[1], json!({"idle": "2h"})), &alice, 120);
}

#[test]
fn without_a_refresh_token_it_ends_with_its_claims_or_by_reauth() {
    let alice = without_refresh_token();
    ends(&mut sessions(), &alice, 5);
    ends(&mut with(&[1], json!({"reauth": "30m"})), &alice, 30);
    ends(&mut with(&[1], json!({"reauth": "30m"})), &alice.seen_again(at(20)), 30);
    ends(&mut with(&[1], json!({"reauth": "2h"})), &alice, 40);
    ends(&mut with(&[1], json!({"reauth": "30m"})), &session("alice", 10), 40);
}

#[test]
fn the_settings_of_today_count_and_so_do_those_of_its_day() {
    let browser = Browser::signed_in(&sessions(), &session("alice", 10));
    let open = |more: Value, minute| matches!(browser.finds(&mut with(&[1], more), at(minute)), Found::Open { .. });
    assert!(open(json!({}), 39));
    assert!(open(json!({"idle": "30m"}), 29) && !open(json!({"idle": "30m"}), 30), "stricter today");
    assert!(open(json!({"idle": "5m", "lifetime": "5m"}), 4) && !open(json!({"idle": "5m", "lifetime": "5m"}), 5));
    assert!(open(json!({"idle": "2h"}), 39) && !open(json!({"idle": "2h"}), 40), "laxer today");
}

#[test]
fn not_before_ends_every_older_session() {
    // START is 2001-09-09T01:46:40Z.
    let browser = Browser::signed_in(&sessions(), &session("alice", 10));
    let seen_since = Browser::signed_in(&sessions(), &session("alice", 10).seen_again(at(30)));
    let since = [("2001-09-09T01:46:40Z", true), ("2001-09-09T01:46:41Z", false), ("2001-09-09T02:00:00Z", false)];
    for (text, good) in since {
        let mut sessions = with(&[1], json!({"not_before": text}));
        for browser in [&browser, &seen_since] {
            assert_eq!(matches!(browser.finds(&mut sessions, at(31)), Found::Open { .. }), good, "{text}");
        }
    }
}

#[test]
fn seen_is_renewed_after_a_quarter_of_idle() {
    let sessions = sessions();
    let alice = session("alice", 10);
    assert!(!sessions.is_to_be_renewed(&alice, true, at(10)), "a quarter of idle is not more than it");
    assert!(sessions.is_to_be_renewed(&alice, true, at(10).plus(Duration::from_millis(1))));
    assert!(sessions.is_to_be_renewed(&alice, false, at(0)));
    assert!(!sessions.is_to_be_renewed(&alice.seen_again(at(10)), true, at(20)));
    assert!(!sessions.is_to_be_renewed(&alice.seen_again(at(60)), true, at(0)), "time may go backwards");
}

#[test]
fn who_keeps_coming_stays_until_lifetime() {
    let mut sessions = sessions();
    let mut browser = Browser::signed_in(&sessions, &session("alice", 10));
    let mut renewals = 0;
    for minute in 0..120 {
        let (alice, by_first_key) = browser.opens(&mut sessions, at(minute));
        if sessions.is_to_be_renewed(&alice, by_first_key, at(minute)) {
            browser.takes(&sessions.cookies(&alice.seen_again(at(minute))).unwrap());
            renewals += 1;
        }
    }
    assert_eq!(renewals, 10, "every eleventh minute");
    assert!(matches!(browser.finds(&mut sessions, at(120)), Found::Bad));
}

#[test]
fn a_clock_that_goes_back_or_far_ahead_is_no_trap() {
    let mut sessions = sessions();
    let browser = Browser::signed_in(&sessions, &session("alice", 10));
    for now in [at(30), at(0), Time::default(), at(39)] {
        browser.opens(&mut sessions, now);
    }
    assert!(matches!(browser.finds(&mut sessions, Time::from_millis(u64::MAX)), Found::Bad));
    browser.opens(&mut sessions, at(30));
    let last = Time::from_millis(u64::MAX);
    let endless = Session { begun: last, seen: last, valid_until: last, ..session("alice", 10) };
    let browser = Browser::signed_in(&sessions, &endless);
    browser.opens(&mut sessions, at(0));
    assert!(matches!(browser.finds(&mut sessions, last), Found::Bad));
    let first = Time::default();
    let ancient = Session { begun: first, seen: first, valid_until: first, ..session("alice", 10) };
    Browser::signed_in(&sessions, &ancient).is_bad(&mut sessions, "1970");
}
