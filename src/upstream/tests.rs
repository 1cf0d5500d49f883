use super::*;
use crate::caller::Reckoned;
use crate::http::{Answer, CallIds, Edit};
use crate::settings::read;
use crate::testing::test;
use serde_json::{Value, json};

fn upstream(value: Value) -> Upstream {
    let environment = |name: &str| (name == "SECRET").then(|| "secret".to_owned());
    read(&json!({ "upstream": value }), &environment, |root| Some(Upstream::read(root, "airbyte.example.com"))).unwrap()
}

fn caller() -> Caller {
    Caller {
        provider: "corp".into(),
        issuer: "https://idp".into(),
        subject: "1".into(),
        user: "zoë".into(),
        email: Some("z@example.com".into()),
        email_verified: true,
        name: None,
        groups: Groups::Known(vec!["data, eng".into(), "50%".into()]),
        client: Some("cli".into()),
        expires: Time::default(),
        claims: serde_json::Map::new(),
        reckoned: Reckoned::default(),
    }
}

/// What is said of a request from which nothing had to be taken.
fn stamped(say: impl FnOnce(&mut Stripped)) -> Edits {
    let mut stripped = Stripped::new(&Headers::default(), |_| false);
    say(&mut stripped);
    stripped.finish()
}

fn stripped(upstream: &Upstream, pairs: &[(&str, &str)]) -> Edits {
    upstream.strip(&Headers::from_pairs(pairs.iter().copied()), Some("stay")).finish()
}

fn removed(upstream: &Upstream, name: &str) -> bool {
    stripped(upstream, &[("x-before", "1"), (name, "forged")]) == [Edit::Remove(name.as_bytes())]
}

#[test]
fn what_a_client_must_not_say_goes_in_every_spelling() {
    assert!(FORBIDDEN.is_sorted(), "the search needs it sorted");
    let upstream = upstream(json!({}));
    let forbidden = FORBIDDEN.map(|name| format!("x-{name}"));
    let others = ["x-airgate-user", "x-airgate-route", "x-airgate-pin", "x-airgate-", "authorization", "forwarded"];
    let airbytes = ["x-airbyte-user-id", "x-airbyte-auth", "x-airbyte-", "x-airbyte-read-in-the-next-version"];
    for name in forbidden.iter().chain(&others.map(str::to_owned)).chain(&airbytes.map(str::to_owned)) {
        let capitals = name.to_ascii_uppercase();
        let underscores = name.replace('-', "_");
        let mixed = name.replacen('-', "_", 1).replace('a', "A");
        let dots = name.replace('-', ".");
        let signs = name.replacen('-', "!", 1).replace('-', "~");
        for spelling in [name, capitals.as_str(), &underscores, &mixed, &dots, &signs] {
            assert!(removed(&upstream, spelling), "{spelling}");
        }
    }
}

#[test]
fn headers_of_airbytes_own_are_removed_unless_listed() {
    let upstream = upstream(json!({}));
    for name in AIRBYTES.map(|name| format!("x-{name}")) {
        assert!(!removed(&upstream, &name) && !removed(&upstream, &name.to_ascii_uppercase()), "{name}");
        let imitations = [name.replace('-', "_"), name.replacen('-', ".", 1), format!("{name}-"), format!("{name}s")];
        for imitation in imitations {
            assert!(removed(&upstream, &imitation), "{imitation}");
        }
    }
    for name in ["x-airbyte-is-public-api", "x-airbyte-analytic", "X-Airbyte-Version-Id", "x-airbyte-\u{e9}"] {
        assert!(removed(&upstream, name), "{name}");
        let headers = Headers::from_pairs([(name, "forged")]);
        assert_eq!(upstream.strip_for_tokens(&headers).finish(), [Edit::Remove(name.as_bytes())], "{name}");
    }
}

#[test]
fn an_imitation_of_what_the_proxy_writes_goes() {
    let upstream = upstream(json!({}));
    for name in [
        "x_forwarded_for",
        "X-Forwarded_Host",
        "x_forwarded_proto",
        "x_envoy_external_address",
        "X_Request_Id",
        "x.forwarded.for",
    ] {
        assert!(removed(&upstream, name), "{name}");
    }
}

#[test]
fn everything_else_passes() {
    let upstream = upstream(json!({}));
    for name in
        ["x-airbyte-analytic-source", "x-airbyte-version", "x-airgat", "x-request-id", "cookie2", "x-forwarded-for"]
    {
        assert!(!removed(&upstream, name), "{name}");
    }
}

#[test]
fn a_header_that_comes_twice_is_removed_for_each() {
    let twice = stripped(&upstream(json!({})), &[("X-Airgate-User", "a"), ("x_airgate_user", "b")]);
    assert_eq!(twice, [Edit::Remove(b"X-Airgate-User"), Edit::Remove(b"x_airgate_user")]);
}

#[test]
fn credentials_end_here_unless_they_are_airbytes() {
    let none = upstream(json!({}));
    assert_eq!(none.credentials_header(), "authorization");
    assert!(removed(&none, "authorization") && removed(&none, "proxy-authorization"));
    let pass = upstream(json!({"mode": "pass"}));
    assert_eq!(pass.credentials_header(), "proxy-authorization");
    assert!(!removed(&pass, "authorization") && removed(&pass, "proxy-authorization"));
}

/// In the mode that has a token, and has it.
fn with_token() -> Upstream {
    let secret = json!({"env": "SECRET"});
    let mut upstream =
        upstream(json!({"mode": "token", "cluster": "airbyte", "client_id": "id", "client_secret": secret}));
    let token = upstream.token.as_mut().unwrap();
    let call = token.tick(&mut CallIds::default(), Time::default()).unwrap();
    let body = json!({"access_token": "t1"}).to_string().into_bytes();
    assert!(token.answer(call.id, &Answer::Response { status: 200, body }, Time::default()));
    upstream
}

#[test]
fn airbytes_token_takes_the_place_of_the_clients_credentials() {
    let upstream = with_token();
    assert_eq!(upstream.credentials_header(), "authorization");
    assert!(removed(&upstream, "Authorization") && removed(&upstream, "proxy-authorization"));
    let mut edits = Edits::default();
    assert!(upstream.authorize(&mut edits, Time::default()));
    assert_eq!(edits, [Edit::Set(b"authorization", b"Bearer t1")]);
    let mut edits = Edits::default();
    assert!(!upstream.authorize(&mut edits, Time::from_seconds(900)), "an old token is none");
    assert_eq!(edits, []);
}

#[test]
fn airbytes_own_cookies_pass_in_neither_direction() {
    let mut upstream = with_token();
    let cut = |upstream: &Upstream, value: &str| stripped(upstream, &[("cookie", value)]);
    assert_eq!(cut(&upstream, "JWT=x; a=1; ,JWT_REFRESH_TOKEN=y"), [Edit::Set(b"cookie", b"a=1")]);
    assert_eq!(cut(&upstream, "JWT=x"), [Edit::Remove(b"cookie")]);
    let mut edits = Edits::default();
    upstream.on_response(&Headers::from_pairs([("set-cookie", "JWT=x")]), None, Time::default(), &mut edits);
    assert_eq!(edits, [Edit::Remove(b"set-cookie")]);
}

#[test]
fn without_a_token_airbytes_login_is_its_own() {
    let head = [(":method", "POST"), (":path", "/api/login"), (":authority", "a")];
    let request = Request::new(Headers::from_pairs(head)).unwrap();
    assert_eq!(with_token().own_login(&request), Some(OwnLogin::SignIn));
    for mode in ["none", "pass"] {
        let mut upstream = upstream(json!({ "mode": mode }));
        assert_eq!(upstream.own_login(&request), None);
        let mut edits = Edits::default();
        upstream.on_response(&Headers::from_pairs([("set-cookie", "JWT=x")]), None, Time::default(), &mut edits);
        assert!(upstream.authorize(&mut edits, Time::default()));
        assert_eq!(edits, []);
        assert_eq!(stripped(&upstream, &[("cookie", "JWT=x")]), []);
    }
}

#[test]
fn a_token_needs_its_settings_and_only_that_mode_has_them() {
    let mistakes = |value: Value| {
        let found = read(&json!({ "upstream": value }), &|_| None, |root| Some(Upstream::read(root, "a"))).err();
        found.unwrap().iter().map(|mistake| mistake.path().to_owned()).collect::<Vec<_>>()
    };
    let required = ["upstream.cluster", "upstream.client_id", "upstream.client_secret"];
    assert_eq!(mistakes(json!({"mode": "token"})), required);
    assert_eq!(mistakes(json!({"mode": "none", "client_id": "id"})), ["upstream.client_id"]);
}

#[test]
fn our_cookies_are_cut_and_others_kept() {
    let upstream = upstream(json!({}));
    let cut = |value: &str| stripped(&upstream, &[("cookie", value)]);
    assert_eq!(cut("a=1; b=2"), []);
    assert_eq!(cut("stay=x; a=1"), [Edit::Set(b"cookie", b"a=1")]);
    assert_eq!(cut("__Host-airgate-session=x; __host-airgate-y=1"), [Edit::Remove(b"cookie")]);
}

#[test]
fn a_response_sets_neither_our_cookies_nor_our_headers() {
    let mut upstream = upstream(json!({}));
    let mut edits_of = |pairs: &[(&str, &str)]| {
        let mut edits = Edits::default();
        upstream.on_response(&Headers::from_pairs(pairs.iter().copied()), Some("stay"), Time::default(), &mut edits);
        edits
    };
    for line in [
        "__Host-airgate-session=forged; Path=/; Secure",
        "__Host-airgate-session-1=forged",
        "__host-AIRGATE-login=",
        " __Secure-airgate-id = x",
        "=__Host-airgate-session=forged",
        "__Host-airgate-session",
        "stay=forged",
        "=stay=forged",
    ] {
        let expected = [Edit::Remove(b"set-cookie"), Edit::Add(b"set-cookie", b"a=1; Path=/")];
        assert_eq!(edits_of(&[("set-cookie", line), ("Set-Cookie", "a=1; Path=/")]), expected, "{line}");
    }
    for name in ["x-airgate-user", "X-AirGate-Role", "x_airgate-pin", "x-airgate-", "x.airgate.anything"] {
        assert_eq!(edits_of(&[(name, "forged"), ("x-other", "1")]), [Edit::Remove(name.as_bytes())], "{name}");
    }
    let harmless =
        [("set-cookie", "Stay=1"), ("set-cookie", "airgate=2"), ("x-airgat", "3"), ("server", "x-airgate-a")];
    assert_eq!(edits_of(&harmless), []);
}

#[test]
fn what_is_known_is_said_in_ascii_and_on_one_line() {
    let upstream = upstream(json!({}));
    let caller = caller();
    let stamp = Stamp { caller: Some(&caller), auth: Some("bearer"), role: Some("admin"), request_id: "r1" };
    let edits = stamped(|to| upstream.stamp(&Headers::from_pairs([("x-forwarded-proto", "https")]), &stamp, to));
    let add = |name, value: &'static str| Edit::Add(name, value.as_bytes());
    assert_eq!(
        edits,
        [
            add(b"x-airgate-user", "zo%C3%AB"),
            add(b"x-airgate-email", "z@example.com"),
            add(b"x-airgate-groups", "data%2C eng,50%25"),
            add(b"x-airgate-role", "admin"),
            add(b"x-airgate-client", "cli"),
            add(b"x-airgate-auth", "bearer"),
            add(b"x-airgate-request-id", "r1"),
            Edit::Set(b"x-forwarded-host", b"airbyte.example.com"),
        ]
    );
}

#[test]
fn nobody_known_is_nobody_said() {
    let stamp = Stamp { caller: None, auth: None, role: None, request_id: "r1" };
    let forged = Headers::from_pairs([
        ("x-forwarded-proto", "https"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "evil"),
    ]);
    let edits = stamped(|to| upstream(json!({"identity_headers": ["user"]})).stamp(&forged, &stamp, to));
    let set = |name, value: &'static str| Edit::Set(name, value.as_bytes());
    assert_eq!(edits, [set(b"x-forwarded-host", "airbyte.example.com"), set(b"x-forwarded-proto", "https")]);
}

#[test]
fn a_list_of_groups_is_whole_or_not_there() {
    assert_eq!(groups(&Groups::Unknown), None);
    assert_eq!(groups(&Groups::Absent), None);
    assert_eq!(groups(&Groups::Known(vec!["x".repeat(200); 30])), None);
    assert_eq!(groups(&Groups::Known(vec!["a".into(), "b".into()])).unwrap(), "a,b");
}

#[test]
fn a_fact_that_is_asked_for_twice_is_said_once() {
    let stamp = Stamp { caller: None, auth: None, role: Some("reader"), request_id: "r1" };
    let upstream = upstream(json!({"identity_headers": ["role", "auth", "role"]}));
    assert_eq!(stamped(|to| upstream.stamp_facts(&stamp, to)), [Edit::Add(b"x-airgate-role", b"reader")]);
}
