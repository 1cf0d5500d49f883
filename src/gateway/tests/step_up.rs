//! A session that is not enough, without a proxy.

use std::time::Duration;

use super::sign_in::{Jar, PAGE, redirect};
use super::*;
use crate::demand::Demand;
use crate::http::{Form, read_form};
use crate::testing::test;

const HOST: &str = "airbyte.example.com";

fn demand() -> Demand {
    Demand { acr: vec!["mfa".into()], max_age: Some(Duration::from_secs(900)) }
}

impl Bed {
    /// Whoever has these cookies asks for a page that a rule protects; answers
    /// what the provider is sent.
    fn short(&mut self, jar: &mut Jar) -> HashMap<String, String> {
        let head = [(":method", "GET"), (":path", PAGE), (":authority", HOST), ("sec-fetch-mode", "navigate")];
        let cookie = jar.header();
        let headers = Headers::from_pairs(head.iter().chain(&[("cookie", cookie.as_str())]).copied());
        let mut waiter = Waiter::new(Request::new(headers).unwrap(), "r1".into(), false, self.now);
        let step = self.gateway.step_up(&demand(), "strong", "corp", &mut waiter, &self.host, self.now);
        let Ok(step @ Step::Reply { reason: "step_up_started", .. }) = step else { panic!("no step-up") };
        let (location, cookies) = redirect(step);
        jar.take(&cookies);
        let sent = read_form(location.strip_prefix("https://idp/auth?").unwrap().as_bytes()).unwrap();
        sent.into_iter().collect()
    }

    /// The browser comes back with a code, and the provider says this of it.
    fn comes_back(&mut self, jar: &Jar, sent: &HashMap<String, String>, claims: Value) -> Step {
        self.exchanged(jar, sent, claims).remove(0).step
    }

    fn exchanged(&mut self, jar: &Jar, sent: &HashMap<String, String>, mut claims: Value) -> Vec<Wake> {
        let callback = Form::new([("code", "c-2"), ("state", sent["state"].as_str())]);
        let path = format!("/.airgate/callback/corp?{}", callback.text());
        assert!(matches!(self.browse(3, jar, &path, HOST), Step::Await));
        self.tick();
        self.calls.retain(|call| call.endpoint.path == "/token");
        claims["nonce"] = sent["nonce"].as_str().into();
        self.tokens_saying(claims, "r-2")
    }

    /// What is known of whoever has these cookies.
    pub(super) fn claims(&mut self, jar: &Jar) -> serde_json::Map<String, Value> {
        let cookie = jar.header();
        let head = [(":method", "GET"), (":path", PAGE), (":authority", HOST), ("cookie", &cookie)];
        let mut waiter = Waiter::new(Request::new(Headers::from_pairs(head)).unwrap(), "r1".into(), false, self.now);
        let Ok(sender) = self.gateway.sender(&mut waiter, &self.host, self.now) else { panic!("not signed in") };
        sender.caller().claims.clone()
    }
}

#[test]
fn a_session_that_is_short_becomes_one_that_is_enough() {
    let mut bed = Bed::with_login(|_| {});
    let mut jar = bed.signed_in();
    assert!(!demand().is_met(&bed.claims(&jar), bed.now));
    let before = jar.0["__Host-airgate-session"].clone();
    let sent = bed.short(&mut jar);
    assert_eq!((sent["acr_values"].as_str(), sent["max_age"].as_str()), ("mfa", "900"));
    assert!(!sent.contains_key("prompt"));
    assert_eq!(jar.0["__Host-airgate-session"], before, "the session stays meanwhile");
    let said = json!({"acr": "mfa", "auth_time": bed.now.seconds() - 30});
    let (location, cookies) = redirect(bed.comes_back(&jar, &sent, said));
    assert_eq!(location, PAGE);
    jar.take(&cookies);
    assert_ne!(jar.0["__Host-airgate-session"], before);
    let claims = bed.claims(&jar);
    assert!(demand().is_met(&claims, bed.now), "though nothing names these claims: {claims:?}");
    bed.after(1_000_000);
    assert!(!demand().is_met(&claims, bed.now));
}

#[test]
fn a_sign_in_that_is_not_enough_changes_nothing_and_leads_nowhere() {
    let now = START;
    for (claims, came) in [
        (json!({"acr": "pwd", "auth_time": now}), "pwd"),
        (json!({"acr": "MFA", "auth_time": now}), "MFA"),
        (json!({"acr": ["mfa"], "auth_time": now}), "nothing about it"),
        (json!({"auth_time": now}), "nothing about it"),
        (json!({"acr": "<b>\"", "auth_time": now}), "&lt;b&gt;"),
        (json!({"acr": "mfa", "auth_time": now - 3600}), "one from 1 h 0 min ago"),
        (json!({"acr": "mfa", "auth_time": now + 3600}), "one from less than a minute ago"),
        (json!({"acr": "mfa", "auth_time": now.to_string()}), "no word of when it was"),
        (json!({"acr": "mfa"}), "no word of when it was"),
    ] {
        let mut bed = Bed::with_login(|_| {});
        let mut jar = bed.signed_in();
        let sent = bed.short(&mut jar);
        let Step::Reply { reply, reason, cookies, .. } = bed.comes_back(&jar, &sent, claims.clone()) else {
            panic!("{claims}")
        };
        assert_eq!((reply.status, reason), (403, "step_up_unmet"), "{claims}");
        assert!(reply.headers.iter().all(|(name, _)| name != "location"));
        let page = String::from_utf8(reply.body).unwrap();
        assert!(page.contains(&format!("<dd>{came}</dd>")), "{claims}: {page}");
        assert!(page.contains("&amp;provider=corp&amp;step_up=strong&amp;prompt=login\">Try again</a>"), "{page}");
        assert!(cookies.len() == 1 && cookies[0].starts_with("__Host-airgate-login-"), "{cookies:?}");
        jar.take(&cookies);
        assert_eq!(forwarded(bed.fetch(&jar))["x-airgate-user"], "alice", "the old session lives on");
    }
}

#[test]
fn a_provider_that_cannot_says_so() {
    for (error, expected) in [("unmet_authentication_requirements", "step_up_unmet"), ("access_denied", "login_denied")]
    {
        let mut bed = Bed::with_login(|_| {});
        let mut jar = bed.signed_in();
        let sent = bed.short(&mut jar);
        let answer = Form::new([("error", error), ("state", sent["state"].as_str())]);
        let step = bed.browse(3, &jar, &format!("/.airgate/callback/corp?{}", answer.text()), HOST);
        let Step::Reply { reply, reason, cookies, .. } = step else { panic!("no reply") };
        assert_eq!((reply.status, reason, cookies.len()), (403, expected, 1));
    }
    // Without a demand it is a refusal like any other.
    let mut bed = Bed::with_login(|_| {});
    let mut jar = Jar::default();
    let (location, cookies) = redirect(bed.browse(1, &jar, PAGE, HOST));
    jar.take(&cookies);
    let state = location.split("&state=").nth(1).unwrap().split('&').next().unwrap();
    let path = format!("/.airgate/callback/corp?error=unmet_authentication_requirements&state={state}");
    assert_eq!(replied(bed.browse(2, &jar, &path, HOST)).1, "login_denied");
}

#[test]
fn a_refresh_is_no_sign_in() {
    for (refreshed, acr) in [
        (json!({}), "mfa"),
        (json!({"acr": null}), "mfa"),
        (json!({"auth_time": START + 590}), "mfa"),
        (json!({"acr": "pwd", "auth_time": START + 590}), "pwd"),
    ] {
        let mut bed = Bed::with_login(|_| {});
        let mut jar = bed.signed_in();
        let sent = bed.short(&mut jar);
        let (_, cookies) = redirect(bed.comes_back(&jar, &sent, json!({"acr": "mfa", "auth_time": START - 7})));
        jar.take(&cookies);
        bed.after(590_000);
        bed.fetch(&jar);
        bed.tick();
        bed.calls.retain(|call| call.endpoint.path == "/token");
        assert!(bed.calls[0].form.as_ref().unwrap().text().contains("refresh_token=r-2"));
        bed.tokens_saying(refreshed.clone(), "r-3");
        let claims = bed.claims(&jar);
        assert_eq!((&claims["acr"], &claims["auth_time"]), (&json!(acr), &json!(START - 7)), "{refreshed}");
    }
}

#[test]
fn userinfo_vouches_for_no_sign_in() {
    let mut bed = Bed::with_login(|config| {
        config["providers"][0]["login"]["userinfo"] = true.into();
        config["providers"][0]["login"]["userinfo_endpoint"] = "https://idp/me".into();
        config["session"]["claims"] = json!(["/acr", "/auth_time", "/team"]);
    });
    let mut jar = Jar::default();
    let (location, cookies) = redirect(bed.browse(1, &jar, PAGE, HOST));
    jar.take(&cookies);
    let sent = read_form(location.split_once('?').unwrap().1.as_bytes()).unwrap().into_iter().collect();
    assert!(bed.exchanged(&jar, &sent, json!({})).is_empty(), "userinfo is asked first");
    let said = json!({"sub": "alice", "acr": "mfa", "auth_time": START, "team": "data"});
    bed.tick();
    bed.calls.retain(|call| call.endpoint.path == "/me");
    let mut wakes = bed.answer(&Answer::Response { status: 200, body: said.to_string().into_bytes() });
    let (_, cookies) = redirect(wakes.remove(0).step);
    jar.take(&cookies);
    let claims = bed.claims(&jar);
    assert_eq!(claims["team"], "data");
    assert!(!claims.contains_key("acr") && !claims.contains_key("auth_time"), "{claims:?}");
}

#[test]
fn a_rule_that_nobody_wrote_begins_no_login() {
    let mut bed = Bed::with_login(|_| {});
    let jar = bed.signed_in();
    for path in ["/.airgate/login?step_up=nothing", "/.airgate/login?return=%2Fa&step_up="] {
        assert_eq!(replied(bed.browse(1, &jar, path, HOST)).1, "unknown_step_up");
    }
    let (location, _) = redirect(bed.browse(1, &jar, "/.airgate/login?return=%2Fa&prompt=login", HOST));
    assert!(location.contains("&prompt=login&"), "{location}");
    let (location, _) = redirect(bed.browse(1, &jar, "/.airgate/login?return=%2Fa&prompt=none", HOST));
    assert!(!location.contains("prompt="), "{location}");
}
