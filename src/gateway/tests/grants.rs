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
        (says(302, json!({"sub": "alice"})), "provider_unavailable"),
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

/// What a provider refuses or cannot do is no word against the person, but for a refresh token that is spent.
#[test]
fn only_a_refresh_token_that_is_refused_ends_a_session() {
    let says = |status, body: Value| Answer::Response { status, body: body.to_string().into_bytes() };
    for (answer, goes_on) in [
        (says(400, json!({"error": "invalid_grant"})), false),
        (says(400, json!({"error": "invalid_client"})), true),
        (says(401, json!({"error": "invalid_client"})), true),
        (says(500, json!({})), true),
        (says(200, json!({})), true),
        (Answer::Failed, true),
        (Answer::TooLarge, true),
    ] {
        let mut bed = Bed::with_login(|_| {});
        let jar = bed.signed_in();
        bed.after(590_000);
        bed.refreshes(&jar);
        bed.answer(&answer);
        assert_eq!(matches!(bed.fetch(&jar), Step::Forward(_)), goes_on, "{answer:?}");
    }
}
