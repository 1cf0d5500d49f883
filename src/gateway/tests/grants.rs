//! What a provider's answers must say before anybody is signed in by them, and
//! stays so.

use ct_codecs::{Base64UrlSafeNoPadding, Encoder};

use super::sign_in::Jar;
use super::*;
use crate::testing::test;

/// The reason of the step to which these tokens lead a login.
fn login(change: impl FnOnce(&mut Value), claims: Value, beside: Value) -> &'static str {
    let mut bed = Bed::with_login(change);
    let nonce = bed.came_back(&mut Jar::default());
    let mut all = json!({ "nonce": nonce });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let mut wakes = bed.grants(all, beside);
    assert_eq!(wakes.len(), 1);
    let Step::Reply { reason, cookies, .. } = wakes.remove(0).step else { panic!("an answer") };
    let session = cookies.iter().any(|cookie| cookie.starts_with("__Host-airgate-session="));
    assert_eq!(session, reason == "signed_in", "{reason}: {cookies:?}");
    reason
}

/// The `at_hash` that Ed25519 makes of an access token.
fn at_hash(access_token: &str) -> String {
    Base64UrlSafeNoPadding::encode_to_string(&hmac_sha512::Hash::hash(access_token.as_bytes())[..32]).unwrap()
}

/// OpenID Connect Core section 3.1.3.7.
#[test]
fn a_login_needs_an_id_token_that_is_of_this_login() {
    let soon = START + 600;
    for (claims, beside, reason) in [
        (json!({}), json!({}), "signed_in"),
        (json!({}), json!({"id_token": null}), "login_no_id_token"),
        (json!({"nonce": "of another login"}), json!({}), "login_wrong_nonce"),
        (json!({"nonce": null}), json!({}), "login_wrong_nonce"),
        (json!({"nonce": ["n"]}), json!({}), "login_wrong_nonce"),
        (json!({"at_hash": at_hash("a")}), json!({}), "signed_in"),
        (json!({"at_hash": at_hash("b")}), json!({}), "login_wrong_at_hash"),
        (json!({"at_hash": ""}), json!({}), "login_wrong_at_hash"),
        (json!({"at_hash": 1}), json!({}), "login_wrong_at_hash"),
        (json!({"aud": "airbyte"}), json!({}), "wrong_audience"),
        (json!({"aud": ["airgate", "other"]}), json!({}), "missing_claim"),
        (json!({"aud": ["airgate", "other"], "azp": "airgate"}), json!({}), "signed_in"),
        (json!({"azp": "other"}), json!({}), "wrong_client"),
        (json!({"iss": "https://other"}), json!({}), "unknown_issuer"),
        (json!({"sub": null}), json!({}), "missing_claim"),
        (json!({"iat": null}), json!({}), "missing_claim"),
        (json!({"exp": soon, "nbf": START + 61}), json!({}), "not_yet_valid"),
        (json!({}), json!({"token_type": "mac"}), "login_bad_answer"),
    ] {
        assert_eq!(login(|_| {}, claims.clone(), beside.clone()), reason, "{claims} {beside}");
    }
}

/// OpenID Connect Core section 3.1.2.1: whoever asks for `max_age` looks at `auth_time`.
#[test]
fn a_login_is_no_older_than_max_age() {
    // A minute is forgiven to clocks.
    for (auth_time, reason) in [
        (json!(START), "signed_in"),
        (json!(START - 660), "signed_in"),
        (json!(START - 661), "login_too_old"),
        (json!(0), "login_too_old"),
        (json!("now"), "login_too_old"),
        (Value::Null, "login_too_old"),
    ] {
        let ten_minutes = |config: &mut Value| config["providers"][0]["login"]["max_age"] = json!("10m");
        assert_eq!(login(ten_minutes, json!({ "auth_time": auth_time }), json!({})), reason, "{auth_time}");
        assert_eq!(login(|_| {}, json!({ "auth_time": auth_time }), json!({})), "signed_in", "nobody asked");
    }
}

/// OpenID Connect Core section 12.2.
#[test]
fn a_refresh_goes_on_with_the_same_person_and_login() {
    for (claims, beside, goes_on) in [
        (json!({}), json!({}), true),
        (json!({}), json!({"id_token": null}), true),
        (json!({"sub": "bob"}), json!({}), false),
        (json!({"sub": null}), json!({}), false),
        (json!({"aud": "other"}), json!({}), false),
        (json!({"nonce": "of another login"}), json!({}), false),
        (json!({"at_hash": at_hash("b")}), json!({}), false),
    ] {
        let mut bed = Bed::with_login(|_| {});
        let mut jar = Jar::default();
        let nonce = bed.came_back(&mut jar);
        let mut wakes = bed.grants(json!({ "nonce": nonce }), json!({"refresh_token": "r-1"}));
        let Step::Reply { cookies, .. } = wakes.remove(0).step else { panic!("an answer") };
        jar.take(&cookies);
        for again in [json!({}), json!({ "nonce": nonce })] {
            let mut bed = Bed::with_login(|_| {});
            bed.after(590_000);
            bed.refreshes(&jar);
            let mut said = claims.clone();
            if said.get("nonce").is_none() {
                said.as_object_mut().unwrap().extend(again.as_object().unwrap().clone());
            }
            let mut beside = beside.clone();
            beside["refresh_token"] = json!("r-2");
            bed.grants(said.clone(), beside.clone());
            assert_eq!(matches!(bed.fetch(&jar), Step::Forward(_)), goes_on, "{said} {beside}");
        }
    }
}

/// OpenID Connect Core section 5.3.
#[test]
fn userinfo_adds_claims_of_the_same_person_and_changes_none() {
    let says = |status, body: Value| Answer::Response { status, body: body.to_string().into_bytes() };
    for (answer, reason) in [
        (says(200, json!({"sub": "alice", "groups": ["admins"], "team": "data"})), "signed_in"),
        (says(200, json!({"sub": "bob"})), "login_wrong_subject"),
        (says(200, json!({})), "login_wrong_subject"),
        (says(200, json!(["alice"])), "login_bad_answer"),
        (says(400, json!({"sub": "alice"})), "login_bad_answer"),
        (says(499, json!({"sub": "alice"})), "login_bad_answer"),
        (Answer::TooLarge, "login_bad_answer"),
        (says(401, json!({"error": "invalid_token"})), "login_bad_answer"),
        (says(302, json!({"sub": "alice"})), "login_bad_answer"),
        (says(429, json!({"sub": "alice"})), "provider_unavailable"),
        (says(500, json!({"sub": "alice"})), "provider_unavailable"),
        (Answer::Failed, "provider_unavailable"),
    ] {
        let mut bed = Bed::with_login(|config| {
            config["providers"][0]["login"]["userinfo"] = true.into();
            config["providers"][0]["login"]["userinfo_endpoint"] = "https://idp/me".into();
            config["session"]["claims"] = json!(["/team"]);
        });
        let mut jar = Jar::default();
        let nonce = bed.came_back(&mut jar);
        assert!(bed.grants(json!({"nonce": nonce, "groups": ["staff"]}), json!({"refresh_token": "r-1"})).is_empty());
        bed.tick();
        bed.calls.retain(|call| call.endpoint.path == "/me");
        assert_eq!(bed.calls[0].authorization.as_deref(), Some("Bearer a"));
        let Step::Reply { reason: found, cookies, .. } = bed.answer(&answer).remove(0).step else {
            panic!("an answer")
        };
        assert_eq!(found, reason, "{answer:?}");
        if reason == "signed_in" {
            jar.take(&cookies);
            assert_eq!(forwarded(bed.fetch(&jar))["x-airgate-groups"], "staff");
            assert_eq!(bed.claims(&jar)["team"], "data");
        }
    }
}

pub(super) fn raw(status: u16, body: &str) -> Answer {
    Answer::Response { status, body: body.as_bytes().to_vec() }
}

pub(super) fn refusal(status: u16, error: &str) -> Answer {
    raw(status, &json!({ "error": error, "error_description": "said to alice" }).to_string())
}

/// Of a provider whose refresh brings no ID token, userinfo is the only one to say that a group is gone.
#[test]
fn userinfo_replaces_old_claims_where_the_refresh_brought_no_id_token() {
    let (mut bed, mut jar) = with_userinfo();
    assert_eq!(forwarded(bed.fetch(&jar))["x-airgate-groups"], "admins");
    bed.after(590_000);
    bed.refreshes(&jar);
    bed.grants(json!({}), json!({"id_token": null, "refresh_token": "r-2"}));
    bed.tick();
    bed.calls.retain(|call| call.endpoint.path == "/me");
    bed.answer(&raw(200, &json!({"sub": "alice", "groups": ["readers"]}).to_string()));
    assert_eq!(forwarded(bed.fetch(&jar))["x-airgate-groups"], "readers");
    jar.take(&bed.brought(&jar));
    assert_eq!(forwarded(bed.fetch(&jar))["x-airgate-groups"], "readers");
}

/// A gateway that asks userinfo, and Alice signed in there as an admin.
pub(super) fn with_userinfo() -> (Bed, Jar) {
    let mut bed = Bed::with_login(|config| {
        config["providers"][0]["login"]["userinfo"] = true.into();
        config["providers"][0]["login"]["userinfo_endpoint"] = "https://idp/me".into();
    });
    let mut jar = Jar::default();
    let nonce = bed.came_back(&mut jar);
    bed.grants(json!({ "nonce": nonce }), json!({"refresh_token": "r-1"}));
    bed.tick();
    bed.calls.retain(|call| call.endpoint.path == "/me");
    let me = json!({"sub": "alice", "groups": ["admins"]}).to_string();
    let mut wakes = bed.answer(&raw(200, &me));
    let Step::Reply { cookies, .. } = wakes.remove(0).step else { panic!("an answer") };
    jar.take(&cookies);
    (bed, jar)
}

/// The provider does not authenticate the gateway when a session's claims have expired already: there is nothing to go
/// by, so it ends. Once the provider does again, whoever still has the session goes on.
#[test]
fn client_refusal_after_the_claims_have_expired_ends_the_session_at_once() {
    let mut bed = Bed::with_login(|_| {});
    let jar = bed.signed_in();
    bed.after(601_000);
    assert!(matches!(bed.fetch(&jar), Step::Await));
    bed.tick();
    bed.calls.retain(|call| call.endpoint.path == "/token");
    let wakes = bed.answer(&refusal(401, "invalid_client"));
    let [Wake { step, .. }] = wakes.try_into().map_err(|wakes| format!("{wakes:?}")).unwrap();
    assert_eq!((replied(step).0, replied(bed.fetch(&jar)).1), (401, "session_ended"));
    // Beyond any back-off.
    bed.after(61_000);
    assert_eq!(replied(bed.fetch(&jar)).1, "session_ended");
    bed.tick();
    bed.calls.retain(|call| call.endpoint.path == "/token");
    bed.grants(json!({}), json!({"refresh_token": "r-2"}));
    assert_eq!(forwarded(bed.fetch(&jar))["x-airgate-user"], "alice");
}

/// At a login, too, an operator's mistake is told apart from a provider that refuses the person.
#[test]
fn a_login_that_is_refused_says_by_what() {
    for (answer, reason, loud) in [
        (refusal(401, "invalid_client"), "login_client_refused", true),
        (refusal(400, "unauthorized_client"), "login_client_refused", true),
        (refusal(400, "invalid_grant"), "login_code_refused", false),
        (refusal(403, "access_denied"), "login_refused", false),
        (raw(404, ""), "login_refused", false),
        (raw(200, "<html>"), "login_bad_answer", false),
        (raw(503, ""), "provider_unavailable", false),
    ] {
        let mut bed = Bed::with_login(|_| {});
        bed.came_back(&mut Jar::default());
        bed.host.counted();
        let mut wakes = bed.answer(&answer);
        let Step::Reply { reason: found, .. } = wakes.remove(0).step else { panic!("an answer") };
        assert_eq!(found, reason, "{answer:?}");
        let counted = bed.host.counted();
        assert_eq!(counted.iter().any(|(name, _)| name == "airgate.providers.client_refused"), loud, "{answer:?}");
    }
}
