//! How sessions live on: their cookies, and the claims that they are made of.

use super::sign_in::Jar;
use super::*;
use crate::audit::Field;
use crate::testing::test;

/// Where people are idle after ten minutes: cookies are renewed after two and a half.
fn bed() -> Bed {
    Bed::with_login(|config| config["session"]["idle"] = json!("10m"))
}

#[test]
fn who_signed_in_is_written_down() {
    let mut bed = bed();
    let nonce = bed.came_back(&mut Jar::default());
    let mut wakes = bed.grants(json!({ "nonce": nonce }), json!({"refresh_token": "r-1"}));
    let Step::Reply { reply, record, .. } = wakes.remove(0).step else { panic!("an answer") };
    assert_eq!((reply.status, record.unwrap().get(Field::User)), (302, Some("alice")));
}

#[test]
fn each_answer_goes_to_the_login_that_asked() {
    let mut bed = bed();
    let mut browsers = Vec::new();
    for stream in 21..29 {
        let mut jar = Jar::default();
        let (path, nonce) = bed.sent_back(&mut jar);
        assert!(matches!(bed.browse(stream, &jar, &path, "airbyte.example.com"), Step::Await));
        bed.tick();
        browsers.push((StreamId(stream), nonce));
    }
    assert_eq!(bed.calls.len(), browsers.len());
    bed.calls.reverse();
    for (stream, nonce) in browsers.into_iter().rev() {
        let mut wakes = bed.grants(json!({ "nonce": nonce }), json!({"refresh_token": "r-1"}));
        assert_eq!((wakes.len(), wakes[0].stream), (1, stream));
        let Step::Reply { reply, .. } = wakes.remove(0).step else { panic!("an answer") };
        assert_eq!(reply.status, 302);
    }
}

#[test]
fn a_refresh_that_is_never_answered_is_an_outage_and_signs_nobody_out() {
    let mut bed = Bed::with_login(|_| {});
    let jar = bed.signed_in();
    bed.after(541_000);
    bed.refreshes(&jar);
    bed.host.counted();
    let outages = |bed: &mut Bed| {
        bed.tick();
        bed.host.counted().into_iter().filter(|(name, _)| name == "airgate.refreshes.outage").count()
    };
    assert_eq!(outages(bed.after(15_000)), 0);
    assert_eq!(outages(bed.after(1)), 1);
    bed.after(60_000);
    assert_eq!(forwarded(bed.fetch(&jar))["x-airgate-user"], "alice", "the old claims count on");
}

#[test]
fn a_code_whose_browser_is_gone_is_taken_nowhere() {
    for gone in [false, true] {
        let mut bed = bed();
        let mut jar = Jar::default();
        let (path, _) = bed.sent_back(&mut jar);
        assert!(matches!(bed.browse(2, &jar, &path, "airbyte.example.com"), Step::Await));
        if gone {
            bed.gateway.on_stream_end(StreamId(2));
        }
        bed.tick();
        assert_eq!(bed.calls.is_empty(), gone);
    }
}

#[test]
fn cookies_say_that_a_session_was_used_but_not_shortly_before_a_refresh() {
    for (millis, renews) in [
        (1, false),
        (150_000, false),
        (150_001, true),
        (479_999, true),
        (480_000, false),
        (480_001, false),
        (539_999, false),
    ] {
        let mut bed = bed();
        let jar = bed.signed_in();
        bed.host.counted();
        bed.after(millis);
        let cookies = bed.brought(&jar);
        assert_eq!(!cookies.is_empty(), renews, "{millis} ms");
        let counted = bed.host.counted();
        assert!(counted.iter().all(|(name, _)| name != "airgate.sessions.older_key"), "{counted:?}");
        if renews {
            let mut renewed = jar.clone();
            renewed.take(&cookies);
            assert_ne!(renewed.0, jar.0);
            assert!(bed.brought(&renewed).is_empty(), "once is enough");
        }
    }
}

#[test]
fn a_session_of_a_provider_that_goes_by_another_name_is_over() {
    let jar = bed().signed_in();
    let mut same = bed();
    assert_eq!(forwarded(same.fetch(&jar))["x-airgate-user"], "alice");
    let mut renamed = Bed::with_login(|config| config["providers"][0]["name"] = json!("partners"));
    assert_eq!(replied(renamed.fetch(&jar)).1, "session_ended");
}

#[test]
fn without_a_refresh_token_there_is_no_refresh_to_spare() {
    let mut bed = bed();
    let mut jar = Jar::default();
    let nonce = bed.came_back(&mut jar);
    let mut wakes = bed.grants(json!({ "nonce": nonce }), json!({}));
    let Step::Reply { cookies, .. } = wakes.remove(0).step else { panic!("an answer") };
    jar.take(&cookies);
    bed.after(390_000);
    jar.take(&bed.brought(&jar));
    bed.after(160_000);
    assert!(!bed.brought(&jar).is_empty(), "a minute before it ends");
}

#[test]
fn while_a_refresh_is_on_its_way_the_old_claims_count_until_they_end_and_then_one_waits() {
    let mut bed = Bed::with_login(|_| {});
    let jar = bed.signed_in();
    bed.after(590_000);
    bed.refreshes(&jar);
    bed.after(9_999);
    assert_eq!(forwarded(bed.fetch(&jar))["x-airgate-user"], "alice");
    bed.after(1);
    assert!(matches!(bed.fetch(&jar), Step::Await));
    let wakes = bed.grants(json!({}), json!({"refresh_token": "r-2"}));
    let [Wake { step, .. }] = wakes.try_into().map_err(|wakes| format!("{wakes:?}")).unwrap();
    assert_eq!(forwarded(step)["x-airgate-user"], "alice");
}
