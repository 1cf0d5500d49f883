//! Each answer at a session's refresh. Native only: the tables are too long for
//! the wasm runner, and nothing in them depends on the host.

use super::grants::{raw, refusal, with_userinfo};
use super::sign_in::{Jar, PAGE, redirect};
use super::*;
use crate::testing::test;

/// How a session stands after an answer at its refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// It has ended.
    Ended,
    /// It continues, also past its claims.
    Outage,
    /// It continues until its claims expire.
    ClientRefused,
}

/// Alice's session as it is ten seconds before its claims expire, when this came as the last answer of its refresh.
#[track_caller]
fn assert_after(mut bed: Bed, jar: &Jar, expected: After, what: &str) {
    for (millis, ended) in
        [(0, expected == After::Ended), (9_999, expected == After::Ended), (1, expected != After::Outage)]
    {
        bed.after(millis);
        if !ended {
            assert_eq!(forwarded(bed.fetch(jar))["x-airgate-user"], "alice", "{what}");
            continue;
        }
        // The web app is told, a page goes to the provider, and neither leaves a cookie behind.
        let Step::Reply { reply, reason, cookies, .. } = bed.fetch(jar) else { panic!("{what}: it continues") };
        assert_eq!((reply.status, reason), (401, "session_ended"), "{what}");
        assert!(cookies.iter().any(|cookie| cookie.starts_with("__Host-airgate-session=;")), "{what}: {cookies:?}");
        let (location, cookies) = redirect(bed.browse(7, jar, PAGE, "airbyte.example.com"));
        assert!(location.starts_with("https://idp/auth?"), "{what}: {location}");
        assert!(cookies.iter().any(|cookie| cookie.starts_with("__Host-airgate-session=;")), "{what}: {cookies:?}");
    }
}

/// Answers of the token endpoint. What the content type says of them makes no difference: the gateway does not see it.
#[test]
fn each_token_answer_at_refresh_is_an_outage_or_ends_the_session() {
    use After::*;
    let mut cases = vec![
        (Answer::Failed, Outage),
        (Answer::TooLarge, Ended),
        (refusal(400, "invalid_client"), ClientRefused),
        (refusal(401, "invalid_client"), ClientRefused),
        (refusal(400, "unauthorized_client"), Ended),
        (refusal(200, "invalid_client"), Ended),
        (refusal(200, "access_denied"), Ended),
        (refusal(302, "invalid_client"), Ended),
        (raw(200, "{}"), Ended),
        (raw(200, "<html>maintenance</html>"), Ended),
        (raw(200, r#"{"access_token":"a","token_type":"DPoP"}"#), Ended),
        (raw(200, r#"{"access_token":"a","id_token":"no.token.at-all"}"#), Ended),
        (raw(204, ""), Ended),
        (raw(302, ""), Ended),
        (raw(307, "<html>"), Ended),
        (raw(400, r#"{"error":"invalid_client","error":"invalid_grant"}"#), Ended),
    ];
    for error in [
        "invalid_grant",
        "access_denied",
        "login_required",
        "interaction_required",
        "consent_required",
        "mfa_required",
        "account_selection_required",
        "invalid_request",
        "invalid_scope",
        "unsupported_grant_type",
        "temporarily_unavailable",
        "server_error",
        "unheard_of",
    ] {
        cases.extend([400, 401, 403].map(|status| (refusal(status, error), Ended)));
        cases.extend([429, 500, 503].map(|status| (refusal(status, error), Outage)));
    }
    for status in [400, 401, 403, 404, 405, 408, 410, 421, 425, 451] {
        cases.extend(["", "<html>no</html>", "[]", "null", r#"{"error":7}"#].map(|body| (raw(status, body), Ended)));
    }
    for status in [429, 500, 502, 503, 504, 599] {
        cases.extend(["", "<html>no</html>", "upstream request timeout"].map(|body| (raw(status, body), Outage)));
    }
    for (answer, expected) in cases {
        let mut bed = Bed::with_login(|_| {});
        let jar = bed.signed_in();
        bed.after(590_000);
        bed.refreshes(&jar);
        bed.host.counted();
        bed.answer(&answer);
        let counted: Vec<String> = bed.host.counted().into_iter().map(|(name, _)| name).collect();
        let outcome = if expected == Ended { "airgate.refreshes.failed" } else { "airgate.refreshes.outage" };
        assert!(counted.iter().any(|name| name == outcome), "{answer:?}: {counted:?}");
        let loud = counted.iter().any(|name| name == "airgate.providers.client_refused");
        let of_client = answer == refusal(400, "unauthorized_client");
        assert_eq!(loud, expected == ClientRefused || of_client, "{answer:?}");
        let what = match &answer {
            Answer::Response { status, body } => format!("{status} {}", String::from_utf8_lossy(body)),
            answer => format!("{answer:?}"),
        };
        assert_after(bed, &jar, expected, &what);
    }
}

/// Answers of userinfo, once the token endpoint gave tokens. There `invalid_client` means nothing (RFC 6750 section 3.1).
#[test]
fn each_userinfo_answer_at_refresh_is_an_outage_or_ends_the_session() {
    use After::*;
    let mut cases = vec![(Answer::Failed, Outage), (Answer::TooLarge, Ended)];
    for status in [204, 302, 400, 401, 403, 404, 408, 410, 425] {
        cases.push((raw(status, ""), Ended));
        cases.push((raw(status, r#"{"sub":"alice"}"#), Ended));
        cases.push((refusal(status, "invalid_client"), Ended));
        cases.push((refusal(status, "invalid_token"), Ended));
    }
    for body in ["", "<html>", "{}", "[]", r#"{"sub":"bob"}"#, r#"{"sub":7}"#, r#"{"sub":"alice","sub":"alice"}"#] {
        cases.push((raw(200, body), Ended));
    }
    for status in [429, 500, 502, 503, 504] {
        cases.push((raw(status, ""), Outage));
        cases.push((refusal(status, "invalid_token"), Outage));
    }
    for (answer, expected) in cases {
        let (mut bed, jar) = with_userinfo();
        bed.after(590_000);
        bed.refreshes(&jar);
        assert!(bed.grants(json!({}), json!({"refresh_token": "r-2"})).is_empty(), "userinfo is asked");
        bed.tick();
        bed.calls.retain(|call| call.endpoint.path == "/me");
        bed.answer(&answer);
        let what = match &answer {
            Answer::Response { status, body } => format!("{status} {}", String::from_utf8_lossy(body)),
            answer => format!("{answer:?}"),
        };
        assert_after(bed, &jar, expected, &what);
    }
}
