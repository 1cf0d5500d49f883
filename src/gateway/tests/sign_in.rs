//! People in browsers, without a proxy.

use super::*;
use crate::http::Form;
use crate::testing::test;

pub(super) const PAGE: &str = "/workspaces/1?x=%20y";

/// Cookies as a browser keeps them.
#[derive(Clone, Default)]
pub(super) struct Jar(pub HashMap<String, String>);

impl Jar {
    pub fn take(&mut self, cookies: &[String]) {
        for cookie in cookies {
            let (name, value) = cookie.split_once(';').unwrap().0.split_once('=').unwrap();
            match value {
                "" => self.0.remove(name),
                value => self.0.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    pub fn header(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}

impl Bed {
    /// A provider where people sign in, and this one beside it.
    pub(super) fn with_login(change: impl FnOnce(&mut Value)) -> Bed {
        let mut bed = Bed::new(|config| {
            config["providers"][0]["login"] = json!({"client_id": "airgate", "client_secret": {"env": "SECRET"}});
            config["session"] = json!({"keys": [{"id": "k1", "secret": {"env": "KEY"}}]});
            change(config);
        });
        bed.tick();
        let document = json!({
            "issuer": "https://idp", "jwks_uri": "https://idp/keys", "authorization_endpoint": "https://idp/auth",
            "token_endpoint": "https://idp/token", "revocation_endpoint": "https://idp/revoke",
        });
        bed.answer(&Answer::Response { status: 200, body: document.to_string().into_bytes() });
        bed.keys();
        bed
    }

    pub(super) fn browse(&mut self, stream: u32, jar: &Jar, path: &str, authority: &str) -> Step {
        let head = [
            (":method", "GET"),
            (":path", path),
            (":authority", authority),
            ("x-request-id", "r1"),
            ("sec-fetch-mode", "navigate"),
            ("cookie", &jar.header()),
        ];
        self.gateway.on_request(StreamId(stream), Headers::from_pairs(head), false, &self.host, self.now)
    }

    pub(super) fn fetch(&mut self, jar: &Jar) -> Step {
        let cookie = jar.header();
        self.send(9, "GET", "/api/v1/x", &[("cookie", &cookie), ("sec-fetch-site", "same-origin")])
    }

    /// What the provider says once it was shown the right code or token.
    fn tokens(&mut self, nonce: Option<&str>, refresh_token: &str) -> Vec<Wake> {
        self.tokens_saying(nonce.map_or(json!({}), |nonce| json!({ "nonce": nonce })), refresh_token)
    }

    /// The same, with these claims in the ID token.
    pub(super) fn tokens_saying(&mut self, custom: Value, refresh_token: &str) -> Vec<Wake> {
        let lifetime = jwt_simple::prelude::Duration::from_mins(10);
        let mut claims = Claims::with_custom_claims(custom, lifetime)
            .with_issuer("https://idp")
            .with_audience("airgate")
            .with_subject("alice");
        let now = self.now.seconds();
        claims.issued_at = Some(jwt_simple::prelude::Duration::from_secs(now));
        claims.invalid_before = None;
        claims.expires_at = Some(jwt_simple::prelude::Duration::from_secs(now + 600));
        let id_token = self.key.sign(claims).unwrap();
        let answer =
            json!({"access_token": "a", "token_type": "Bearer", "id_token": id_token, "refresh_token": refresh_token});
        self.answer(&Answer::Response { status: 200, body: answer.to_string().into_bytes() })
    }

    /// The same with these changes to what the ID token says, `null` taking away, and to what comes beside it.
    pub(super) fn grants(&mut self, claims: Value, beside: Value) -> Vec<Wake> {
        let now = self.now.seconds();
        let mut all = json!({"iss": "https://idp", "aud": "airgate", "sub": "alice", "iat": now, "exp": now + 600});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let id_token = self.sign(&all);
        let mut answer = json!({"access_token": "a", "token_type": "Bearer", "id_token": id_token});
        answer.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        answer.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        self.answer(&Answer::Response { status: 200, body: answer.to_string().into_bytes() })
    }

    /// Asks for a page in the background, and has the refresh call go out.
    pub(super) fn refreshes(&mut self, jar: &Jar) {
        assert_eq!(forwarded(self.fetch(jar))["x-airgate-user"], "alice", "the old claims still count");
        self.tick();
        self.calls.retain(|call| call.endpoint.path == "/token");
        assert_eq!(self.calls.len(), 1);
    }

    /// The session's cookies that the response to such a request brings.
    #[track_caller]
    pub(super) fn brought(&mut self, jar: &Jar) -> Vec<String> {
        let Step::Forward(forward) = self.fetch(jar) else { panic!("not forwarded") };
        let edits = self.gateway.on_response(&forward.exchange, || Some(Headers::default()), self.now);
        let cookies = edits.iter().filter_map(|edit| match edit {
            Edit::Add(_, value) if value.starts_with(b"__Host-airgate-session=") => Some(text(value)),
            _ => None,
        });
        cookies.collect()
    }

    /// The whole way, to a jar with a session.
    pub(super) fn signed_in(&mut self) -> Jar {
        let mut jar = Jar::default();
        let nonce = self.came_back(&mut jar);
        let mut wakes = self.tokens(Some(&nonce), "r-1");
        let (location, cookies) = redirect(wakes.remove(0).step);
        assert_eq!(location, PAGE);
        jar.take(&cookies);
        assert_eq!(jar.0.keys().collect::<Vec<_>>(), ["__Host-airgate-session"], "the attempt is over");
        jar
    }

    /// The way to the provider and back, until the code is on its way; answers the nonce.
    pub(super) fn came_back(&mut self, jar: &mut Jar) -> String {
        let (path, nonce) = self.sent_back(jar);
        assert!(matches!(self.browse(2, jar, &path, "airbyte.example.com"), Step::Await));
        assert!(self.tick().is_empty());
        let form = self.calls[0].form.clone().unwrap();
        for part in ["code=c-1", "code_verifier=", "%2F.airgate%2Fcallback%2Fcorp&"] {
            assert!(form.text().contains(part), "{part}: {}", form.text());
        }
        nonce
    }

    /// The way to the provider, which sends the browser back to a path; answers it and the nonce.
    pub(super) fn sent_back(&mut self, jar: &mut Jar) -> (String, String) {
        let (location, cookies) = redirect(self.browse(1, jar, PAGE, "airbyte.example.com"));
        jar.take(&cookies);
        let sent = crate::http::read_form(location.split_once('?').unwrap().1.as_bytes()).unwrap();
        let sent: HashMap<String, String> = sent.into_iter().collect();
        assert!(location.starts_with("https://idp/auth?") && sent["code_challenge_method"] == "S256");
        let callback = Form::new([("code", "c-1"), ("state", sent["state"].as_str())]);
        (format!("/.airgate/callback/corp?{}", callback.text()), sent["nonce"].clone())
    }
}

#[track_caller]
pub(super) fn redirect(step: Step) -> (String, Vec<String>) {
    match step {
        Step::Reply { reply, cookies, .. } if reply.status == 302 => {
            let location = reply.headers.into_iter().find(|(name, _)| name == "location").unwrap().1;
            (String::from_utf8(location).unwrap(), cookies)
        }
        other => panic!("expected a redirect, found {other:?}"),
    }
}

#[test]
fn a_person_signs_in_and_is_announced() {
    let mut bed = Bed::with_login(|_| {});
    let jar = bed.signed_in();
    let said = forwarded(bed.fetch(&jar));
    assert_eq!((said["x-airgate-user"].as_str(), said["x-airgate-auth"].as_str()), ("alice", "session"));
    assert!(!said.contains_key("cookie"), "nothing is left of the cookies");
}

/// RFC 9207.
#[test]
fn an_answer_under_the_name_of_another_issuer_is_no_answer() {
    for (issuer, good) in [("https%3A%2F%2Fidp", true), ("https%3A%2F%2Fother", false), ("", false)] {
        let mut bed = Bed::with_login(|_| {});
        let mut jar = Jar::default();
        let (path, _) = bed.sent_back(&mut jar);
        let step = bed.browse(2, &jar, &format!("{path}&iss={issuer}"), "airbyte.example.com");
        match good {
            true => assert!(matches!(step, Step::Await), "{step:?}"),
            false => assert_eq!(replied(step).1, "callback_wrong_issuer", "{issuer}"),
        }
    }
}

#[test]
fn pages_call_a_provider_as_people_do() {
    for (label, shown) in [(Some("Staff of Example"), "Staff of Example"), (None, "corp")] {
        let mut bed = Bed::with_login(|config| {
            if let Some(label) = label {
                config["providers"][0]["login"]["label"] = json!(label);
            }
        });
        let jar = bed.signed_in();
        let step = bed.browse(1, &jar, "/.airgate/me", "airbyte.example.com");
        let Step::Reply { reply, reason: "me", .. } = step else { panic!("{step:?}") };
        let page = text(&reply.body);
        assert!(page.contains(&format!("<dd>{shown}</dd>")), "{page}");
    }
}

#[test]
fn a_refresh_makes_one_call_and_late_requests_take_its_result() {
    let mut bed = Bed::with_login(|_| {});
    let mut jar = bed.signed_in();
    let old = Jar(jar.0.clone());
    bed.after(590_000);
    assert_eq!(forwarded(bed.fetch(&jar))["x-airgate-user"], "alice", "unexpired claims go on");
    bed.tick();
    let due: Vec<Call> = bed.calls.drain(..).filter(|call| call.endpoint.path == "/token").collect();
    assert_eq!(due.len(), 1);
    bed.calls = due;
    assert!(bed.calls[0].form.as_ref().unwrap().text().contains("refresh_token=r-1"));
    bed.tokens(None, "r-2");
    for _ in 0..2 {
        jar.take(&bed.brought(&old));
    }
    assert!(jar.0["__Host-airgate-session"] != old.0["__Host-airgate-session"]);
    bed.after(60_000).tick();
    assert_eq!(forwarded(bed.fetch(&jar))["x-airgate-user"], "alice");
    assert!(bed.calls.iter().all(|call| call.endpoint.path != "/token"), "no second call");
}

#[test]
fn a_response_that_comes_late_brings_no_session() {
    let mut bed = Bed::with_login(|_| {});
    let jar = bed.signed_in();
    bed.after(590_000);
    bed.fetch(&jar);
    bed.tick();
    bed.calls.retain(|call| call.endpoint.path == "/token");
    bed.tokens(None, "r-2");
    let Step::Forward(forward) = bed.fetch(&jar) else { panic!("not forwarded") };
    let later = bed.now.plus(std::time::Duration::from_secs(11));
    let edits = bed.gateway.on_response(&forward.exchange, || Some(Headers::default()), later);
    assert!(
        !edits.iter().any(|edit| matches!(edit, Edit::Add(_, value) if value.starts_with(b"__Host-airgate-session")))
    );
}

#[test]
fn the_host_chooses_the_provider_and_the_redirect_uri() {
    let mut bed = Bed::with_login(|config| {
        config["providers"][0]["login"]["external_url"] = json!("https://staff.example.com");
        let mut other = config["providers"][0].clone();
        other["name"] = json!("partners");
        other["issuer"] = json!("https://other");
        other["jwks"] = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]});
        other.as_object_mut().unwrap().remove("cluster");
        other["login"]["external_url"] = json!("https://partners.example.com");
        other["login"]["cluster"] = json!("other");
        other["login"]["authorization_endpoint"] = json!("https://other/auth");
        other["login"]["token_endpoint"] = json!("https://other/token");
        config["providers"].as_array_mut().unwrap().push(other);
    });
    for (authority, provider, callback) in [
        ("staff.example.com", "https://idp/auth?", "https%3A%2F%2Fstaff.example.com%2F.airgate%2Fcallback%2Fcorp"),
        (
            "Partners.example.com",
            "https://other/auth?",
            "https%3A%2F%2Fpartners.example.com%2F.airgate%2Fcallback%2Fpartners",
        ),
    ] {
        let (location, _) = redirect(bed.browse(1, &Jar::default(), "/", authority));
        assert!(location.starts_with(provider) && location.contains(callback), "{location}");
    }
    // A host of nobody in particular: the person chooses.
    let Step::Reply { reply, reason, .. } = bed.browse(1, &Jar::default(), "/a", "airbyte.example.com") else {
        panic!("expected a page")
    };
    let page = String::from_utf8(reply.body).unwrap();
    assert_eq!((reply.status, reason), (200, "choose_provider"));
    assert!(page.contains("provider=corp") && page.contains("provider=partners"), "{page}");
}

#[test]
fn pages_on_each_host_of_ours_may_change_things_and_others_may_not() {
    let mut bed = Bed::with_login(|config| {
        config["providers"][0]["login"]["external_url"] = json!("https://staff.example.com");
    });
    let cookie = bed.signed_in().header();
    let mut post = |origin| bed.send(9, "POST", "/api/v1/x", &[("cookie", &cookie), ("origin", origin)]);
    for ours in ["https://airbyte.example.com", "https://staff.example.com"] {
        assert_eq!(forwarded(post(ours))["x-airgate-user"], "alice", "{ours}");
    }
    for other in ["https://example.com", "https://partners.example.com", "https://xyzzy"] {
        assert_eq!((replied(post(other)).0, replied(post(other)).1), (403, "wrong_origin"), "{other}");
    }
}

#[test]
fn who_signs_in_at_a_provider_that_is_down_is_told_so_and_waits_no_longer() {
    let mut bed = Bed::new(|config| {
        config["providers"][0]["login"] = json!({"client_id": "airgate", "client_secret": {"env": "SECRET"}});
        config["session"] = json!({"keys": [{"id": "k1", "secret": {"env": "KEY"}}]});
    });
    let jar = Jar::default();
    assert!(matches!(bed.browse(1, &jar, PAGE, "airbyte.example.com"), Step::Await), "it is being asked");
    bed.tick();
    let wake = bed.answer(&Answer::Failed).pop().unwrap();
    let again = bed.browse(2, &jar, PAGE, "airbyte.example.com");
    for step in [wake.step, again] {
        let Step::Reply { reply, reason, .. } = step else { panic!("{step:?}") };
        assert_eq!((reply.status, reason), (503, "provider_unavailable"));
    }
}

#[test]
fn a_session_needs_no_refresh_token_but_then_it_must_not_be_over_as_it_begins() {
    // Seconds until the ID token ends; 60 are forgiven.
    for (left, refreshes, good) in
        [(600, false, true), (1, false, true), (0, false, false), (-9, false, false), (-9, true, true)]
    {
        let mut bed = Bed::with_login(|_| {});
        let mut jar = Jar::default();
        let nonce = bed.came_back(&mut jar);
        let claims = json!({"nonce": nonce, "exp": START.saturating_add_signed(left)});
        let mut wakes = bed.grants(claims, json!({"refresh_token": refreshes.then_some("r-1")}));
        let Step::Reply { reply, cookies, .. } = wakes.remove(0).step else { panic!("an answer") };
        let session = cookies.iter().any(|cookie| cookie.starts_with("__Host-airgate-session="));
        assert_eq!((reply.status == 302, session), (good, good), "{left} {refreshes}: {}", reply.status);
        jar.take(&cookies);
        if good && !refreshes {
            assert_eq!(forwarded(bed.fetch(&jar))["x-airgate-user"], "alice");
        }
    }
}

/// A refresh token may be good for one use: what came with the tokens is kept even if the provider then falls silent.
#[test]
fn a_refresh_that_userinfo_interrupts_keeps_the_new_refresh_token() {
    let mut bed = Bed::with_login(|config| {
        config["providers"][0]["login"]["userinfo"] = true.into();
        config["providers"][0]["login"]["userinfo_endpoint"] = "https://idp/me".into();
    });
    let mut jar = Jar::default();
    let nonce = bed.came_back(&mut jar);
    assert!(bed.tokens(Some(&nonce), "r-1").is_empty(), "userinfo is asked first");
    bed.tick();
    bed.calls.retain(|call| call.endpoint.path == "/me");
    let mut wakes = bed.answer(&Answer::Response { status: 200, body: br#"{"sub":"alice"}"#.to_vec() });
    jar.take(&redirect(wakes.remove(0).step).1);

    for (old, new, answered) in [("r-1", "r-2", true), ("r-2", "r-3", false), ("r-3", "r-4", true)] {
        bed.after(590_000);
        bed.fetch(&jar);
        bed.tick();
        bed.calls.retain(|call| call.endpoint.path == "/token");
        assert!(bed.calls[0].form.as_ref().unwrap().text().contains(&format!("refresh_token={old}")));
        bed.tokens(None, new);
        bed.tick();
        bed.calls.retain(|call| call.endpoint.path == "/me");
        if answered {
            bed.answer(&Answer::Failed);
        } else {
            bed.after(15_001).tick();
        }
        jar.take(&bed.brought(&jar));
        bed.after(30_000);
        assert_eq!(forwarded(bed.fetch(&jar))["x-airgate-user"], "alice", "the old claims count on for a minute");
    }
}
