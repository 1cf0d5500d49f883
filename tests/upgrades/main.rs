//! What an earlier version wrote is read by this one: sealed cookies, and what lies in shared data.
//!
//! Here is a file for each version: the configuration, the keys, and what a gateway of that version made of them at a
//! fixed moment. `make upgrade-fixtures` writes the one of this version. It is kept as it is from the release on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a test that panics has found something, as it should"
)]

mod browser;
mod fixture;
#[allow(dead_code, reason = "the fuzzer's; not all of it is needed here")]
#[path = "../../fuzz/src/site.rs"]
mod site;
mod write;

use serde_json::json;

use browser::{Browser, End};
use fixture::Fixture;
use site::{Site, head, token};

/// Each version's file; the output of a failure says which.
fn each_version(read: impl Fn(&Fixture)) {
    let versions = Fixture::all();
    let ours = env!("CARGO_PKG_VERSION");
    assert!(
        versions.iter().any(|fixture| fixture.version == ours),
        "make upgrade-fixtures has not been run for {ours}"
    );
    for fixture in &versions {
        #[allow(clippy::print_stdout, reason = "shown where the test fails")]
        {
            println!("what {} wrote", fixture.version);
        }
        read(fixture);
    }
}

/// Nobody had to ask the provider.
#[track_caller]
fn assert_no_call(site: &mut Site) {
    site.tick();
    assert!(site.calls.is_empty(), "{:?}", site.calls);
}

#[test]
#[ignore = "make upgrade-fixtures"]
fn write_fixtures() {
    write::written_by_this_version().save();
}

#[test]
fn this_version_can_still_write_them() {
    let fixture = write::written_by_this_version();
    let prefixes = ["airgate.ended", "airgate.keys.", "airgate.refresh."];
    for prefix in prefixes {
        assert!(fixture.shelf.keys().any(|name| name.starts_with(prefix)), "{prefix}: {:?}", fixture.shelf.keys());
    }
    let known = |name: &&String| !prefixes.iter().any(|prefix| name.starts_with(prefix));
    assert_eq!(fixture.shelf.keys().find(known), None, "shared data that no test here reads");
}

#[test]
fn a_session() {
    each_version(|fixture| {
        let mut site = fixture.open();
        let mut alice = fixture.browser("alice");
        assert!(alice.cookies.contains_key("__Host-airgate-session-1"), "in two cookies");
        let before = alice.cookies.clone();
        let end = alice.goes(&mut site, "/");
        assert_eq!(end.user(), "alice");
        assert_eq!(end.on()["x-airgate-groups"], "a,b");
        assert_eq!(alice.cookies, before, "and nothing had to be made anew");
        assert_no_call(&mut site);
    });
}

#[test]
fn the_id_token_of_a_session() {
    each_version(|fixture| {
        let mut site = fixture.open();
        // Where the provider's sign-out is lies beside its keys.
        site.tick();
        let harry = fixture.browser("harry");
        let cookies: Vec<String> = harry.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let fields: [(&str, &[u8]); 3] =
            [("sec-fetch-site", b"same-origin"), ("accept", b"application/json"), ("cookie", cookies.as_bytes())];
        let step = site.send(1, head("POST", "/.airgate/logout", &fields));
        let airgate::gateway::Step::Reply { reply, .. } = step else { panic!("{step:?}") };
        let body = String::from_utf8(reply.body).unwrap();
        assert!(body.contains("id_token_hint=ey"), "{body}");
    });
}

#[test]
fn a_login_on_its_way() {
    each_version(|fixture| {
        let mut site = fixture.open();
        let mut newcomer = fixture.browser("newcomer");
        let end = newcomer.lands(&mut site, &fixture.logins["newcomer"], json!({"sub": "gina"}));
        assert!(matches!(&end, End::Answered(_, to) if to == "/connections?x=1"), "{end:?}");
        assert_eq!(newcomer.goes(&mut site, "/").user(), "gina");

        // Slow, in another browser: the state alone still knows where they wanted to go.
        let mut other = Browser::default();
        let path = format!("/.airgate/callback/corp?code=c&state={}", fixture.logins["newcomer"]["state"]);
        let end = other.goes(&mut site, &path);
        assert!(matches!(&end, End::Answered(302 | 303, to) if to.starts_with(site::ISSUER)), "{end:?}");
    });
}

#[test]
fn a_login_that_has_to_be_a_strong_one() {
    each_version(|fixture| {
        let login = &fixture.logins["alice-steps-up"];
        assert_eq!(login["acr_values"], "mfa");
        for (acr, good) in [("mfa", true), ("password", false)] {
            let mut site = fixture.open();
            let end = fixture.browser("alice-steps-up").lands(&mut site, login, json!({"sub": "alice", "acr": acr}));
            assert_eq!(matches!(&end, End::Answered(_, to) if to == "/settings/users"), good, "{acr}: {end:?}");
        }
    });
}

#[test]
fn affinity() {
    each_version(|fixture| {
        let kept = |mut site: Site, who: &str| {
            let mut browser = fixture.browser(who);
            let before = browser.cookies.clone();
            let end = browser.goes(&mut site, "/");
            assert_eq!(browser.cookies, before, "{who} keeps the cookie");
            (end.on()["x-airgate-affinity"].clone(), end.on().get("x-airgate-pin").cloned())
        };
        let [pinned, unsealed] = write::kept_elsewhere();
        let (harry, no_pin) = kept(fixture.open(), "harry");
        assert_eq!(no_pin, None);
        let (client, pin) = kept(fixture.open_as(pinned.1), "pinned");
        assert_eq!(pin.as_deref(), Some(write::PIN));
        assert_eq!(kept(fixture.open(), "pinned"), (client.clone(), None), "who goes over to mode hash stays a client");
        let bare = fixture.browser("unsealed").cookies[write::AFFINITY].clone();
        assert_eq!(kept(fixture.open_as(unsealed.1), "unsealed"), (bare.clone(), None));
        assert!(harry != client && client != bare);
    });
}

#[test]
fn keys_in_shared_data() {
    each_version(|fixture| {
        let mut site = fixture.open();
        assert_no_call(&mut site);
        let bearer = format!("Bearer {}", token(1, "ci", site.now.seconds()));
        let step = site.send(1, head("GET", "/api/v1/workspaces", &[("authorization", bearer.as_bytes())]));
        assert!(matches!(step, airgate::gateway::Step::Forward(_)), "{step:?}");
    });
}

#[test]
fn refreshes_in_shared_data() {
    each_version(|fixture| {
        let visits = |who: &str| {
            let (mut site, mut browser) = (fixture.open(), fixture.browser(who));
            let before = browser.cookies.clone();
            // Keys first, which are not what this is about.
            site.tick();
            let end = browser.goes(&mut site, "/");
            assert_no_call(&mut site);
            (end, browser.cookies != before)
        };
        let (end, anew) = visits("bob");
        assert_eq!((end.user(), anew), ("bob", true), "renewed");
        let (end, anew) = visits("erin");
        assert_eq!((end.user(), anew), ("erin", false), "somebody else asks");
        let (end, anew) = visits("frank");
        assert_eq!((end.user(), anew), ("frank", false), "the provider rests");
        let (end, _) = visits("dora");
        assert!(matches!(&end, End::Answered(302 | 303, to) if to.starts_with(site::ISSUER)), "refused: {end:?}");
    });
}

#[test]
fn ended_sessions_in_shared_data() {
    each_version(|fixture| {
        let mut site = fixture.open();
        site.tick();
        let end = fixture.browser("carol").goes(&mut site, "/");
        assert!(matches!(&end, End::Answered(302 | 303, to) if to.starts_with(site::ISSUER)), "{end:?}");
        assert_eq!(fixture.browser("alice").goes(&mut site, "/").user(), "alice");
    });
}
