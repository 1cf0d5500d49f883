//! Who signs out, here or elsewhere, without a proxy.

use super::sign_in::Jar;
use super::*;
use crate::http::Form;
use crate::testing::test;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

impl Bed {
    /// The provider says that alice signed out, with these changes; answers status and reason.
    fn hears(&mut self, changes: Value) -> (u16, &'static str) {
        let mut notice = json!({"iss": "https://idp", "aud": "airgate", "sub": "alice", "jti": "j1",
            "iat": self.now.seconds(), "events": {EVENT: {}}});
        notice.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        notice.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let form = Form::new([("logout_token", self.sign(&notice).as_str())]);
        let fields = [("content-type", "application/x-www-form-urlencoded")];
        let step = self.send(5, "POST", "/.airgate/backchannel-logout", &fields);
        assert!(matches!(step, Step::Read { .. }), "{step:?}");
        let body = Body::Whole(form.text().as_bytes().to_vec());
        let (status, reason, _) = replied(self.gateway.on_body(StreamId(5), body, &self.host, self.now));
        (status, reason)
    }

    fn is_signed_in(&mut self, jar: &Jar) -> bool {
        matches!(self.fetch(jar), Step::Forward(_))
    }

    /// Signs out here, and answers the refresh tokens that are then revoked.
    fn signs_out(&mut self, jar: &Jar) -> Vec<String> {
        let cookie = jar.header();
        let fields = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        assert_eq!(replied(self.send(6, "POST", "/.airgate/logout", &fields)).1, "signed_out");
        self.tick();
        let revoked = self.calls.drain(..).filter(|call| call.endpoint.path == "/revoke");
        revoked.map(|call| call.form.unwrap().text().to_owned()).collect()
    }
}

#[test]
fn whom_the_provider_signs_out_is_signed_out() {
    let mut bed = Bed::with_login(|_| {});
    let jar = bed.signed_in();
    bed.after(1_000);
    assert!(bed.is_signed_in(&jar));
    assert_eq!(bed.hears(json!({})), (200, "backchannel_logout"));
    assert_eq!((replied(bed.fetch(&jar)).0, replied(bed.fetch(&jar)).1), (401, "session_ended"));
}

#[test]
fn a_notice_that_is_not_for_us_signs_nobody_out() {
    let mut bed = Bed::with_login(|_| {});
    let jar = bed.signed_in();
    bed.after(1_000);
    for (changes, reason) in [
        (json!({"aud": "airbyte"}), "wrong_audience"),
        (json!({"aud": null}), "wrong_audience"),
        (json!({"iss": "https://other"}), "unknown_issuer"),
        (json!({"events": null}), "logout_token_no_event"),
        (json!({"iat": bed.now.seconds() + 61}), "logout_token_in_future"),
    ] {
        assert_eq!(bed.hears(changes.clone()), (400, reason), "{changes}");
        assert!(bed.is_signed_in(&jar), "{changes}");
    }
    // Clocks may differ by as much as is configured.
    assert_eq!(bed.hears(json!({"iat": bed.now.seconds() + 60})), (200, "backchannel_logout"));
    assert!(!bed.is_signed_in(&jar));
}

/// Providers try again for some minutes.
#[test]
fn a_notice_that_comes_late_ends_what_had_begun_when_it_was_issued() {
    for (issued, ends) in [(300, true), (240, true), (238, false)] {
        let mut bed = Bed::with_login(|_| {});
        let jar = bed.after(300_000).signed_in();
        bed.after(300_000);
        assert_eq!(bed.hears(json!({"iat": START + issued})).0, 200);
        assert_eq!(bed.is_signed_in(&jar), !ends, "issued after {issued} s; clocks may differ by a minute");
    }
}

#[test]
fn a_notice_under_an_alias_is_the_providers_own() {
    let mut bed = Bed::with_login(|config| config["providers"][0]["issuer_aliases"] = json!(["https://alias"]));
    let jar = bed.signed_in();
    bed.after(1_000);
    assert_eq!(bed.hears(json!({"iss": "https://alias"})), (200, "backchannel_logout"));
    assert!(!bed.is_signed_in(&jar));
}

/// Some providers name their own session only once it is refreshed.
#[test]
fn a_session_ends_by_the_sid_that_its_refresh_brought() {
    let mut bed = Bed::with_login(|_| {});
    let jar = bed.signed_in();
    bed.after(590_000);
    bed.refreshes(&jar);
    bed.grants(json!({"sid": "s1"}), json!({"refresh_token": "r-2"}));
    assert!(bed.is_signed_in(&jar), "the old cookies lead to the new session");
    assert_eq!(bed.hears(json!({"sub": null, "sid": "s2"})).0, 200);
    assert!(bed.is_signed_in(&jar), "another session");
    assert_eq!(bed.hears(json!({"sub": null, "sid": "s1", "jti": "j2"})).0, 200);
    assert!(!bed.is_signed_in(&jar));
}

#[test]
fn signing_out_revokes_the_refresh_token() {
    let mut bed = Bed::with_login(|_| {});
    let jar = bed.signed_in();
    let revoked = bed.signs_out(&jar);
    assert!(revoked.len() == 1 && revoked[0].contains("token=r-1"), "{revoked:?}");
    assert!(bed.signs_out(&Jar::default()).is_empty(), "there is none");
    // Again and again, as the same browser can before the next tick.
    let cookie = jar.header();
    for stream in 0..300 {
        let fields = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        assert_eq!(replied(bed.send(stream, "POST", "/.airgate/logout", &fields)).1, "signed_out");
    }
    assert_eq!(bed.signs_out(&jar).len(), 1);
}
