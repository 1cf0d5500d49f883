//! Writes the file of this version. Only what a gateway lets out is kept: nothing here knows a format.

use std::collections::BTreeMap;

use airgate::gateway::{Body, Step, StreamId};
use airgate::host::Host;
use airgate::http::Answer;
use serde_json::{Value, json};

use super::browser::{Browser, End, tokens};
use super::fixture::{Fixture, open, shelf_of};
use super::site::{Desk, EXTERNAL_URL, ISSUER, Site, discovery_document, encode, head, header, honest, jwk, now, sign};

/// Claims that end soon are to be refreshed in their last quarter.
const SHORT: u64 = 100;
const REFRESH_AFTER: u64 = 80;

pub fn written_by_this_version() -> Fixture {
    let environment = environment();
    let configuration = configuration();
    let mut site = open(&configuration, &environment, Desk::default(), now());
    site.tick();
    site.answer(honest(&discovery_document()));
    site.answer(honest(&json!({"keys": [jwk(1)]})));

    let mut browsers = BTreeMap::new();
    let mut logins = BTreeMap::new();
    // More than one cookie holds.
    let rights: Vec<String> = (0..160).map(|number| format!("data-platform-right-number-{number}")).collect();
    let soon = site.now.seconds() + SHORT;
    for (who, claims) in [
        ("alice", json!({"acr": "password", "sid": "s-alice", "groups": ["a", "b"], "rights": rights})),
        ("carol", json!({"sid": "s-carol"})),
        ("harry", json!({})),
        ("bob", json!({"exp": soon})),
        ("dora", json!({"exp": soon})),
        ("erin", json!({"exp": soon})),
        ("frank", json!({"exp": soon})),
    ] {
        let mut browser = Browser::default();
        let login = begin(&mut browser, &mut site, "/workspaces");
        let mut claims = claims;
        claims["sub"] = json!(who);
        let end = browser.lands(&mut site, &login, claims);
        assert!(matches!(&end, End::Answered(303 | 302, to) if to == "/workspaces"), "{end:?}");
        assert_eq!(browser.goes(&mut site, "/").user(), who);
        browsers.insert(who.to_owned(), browser.cookies);
    }

    pass(&mut site, REFRESH_AFTER);
    // On their way to the provider: somebody new, and somebody who is asked for more.
    for (who, path) in [("newcomer", "/connections?x=1"), ("alice-steps-up", "/settings/users")] {
        let mut browser =
            Browser { cookies: browsers.get("alice").filter(|_| who != "newcomer").cloned().unwrap_or_default() };
        logins.insert(who.to_owned(), begin(&mut browser, &mut site, path));
        browsers.insert(who.to_owned(), browser.cookies);
    }

    end_at_provider(&mut site, "s-carol");
    // A refresh that is under way, and three that came out.
    let mut refresh = |who: &str, answer: Option<fn(&Site) -> Answer>| {
        let mut browser = Browser { cookies: browsers[who].clone() };
        assert_eq!(browser.goes(&mut site, "/").user(), who);
        site.tick();
        assert_eq!(site.calls.len(), 1, "{who}");
        match answer {
            Some(answer) => drop(site.answer(answer(&site))),
            None => site.calls.clear(),
        }
    };
    refresh("erin", None);
    refresh("bob", Some(|site| tokens(site, &json!({"sub": "bob"}))));
    refresh("dora", Some(|_| Answer::Response { status: 400, body: br#"{"error":"invalid_grant"}"#.to_vec() }));
    refresh("frank", Some(|_| Answer::Response { status: 503, body: Vec::new() }));

    for (number, (who, change)) in kept_elsewhere().into_iter().enumerate() {
        let mut browser = Browser { cookies: browsers["harry"].clone() };
        browser.cookies.remove(AFFINITY);
        let mut elsewhere = configuration.clone();
        change(&mut elsewhere);
        let host = Desk::default();
        // Its numbers are the same in every run: another gateway has others.
        host.random(&mut vec![0; 1000 * (number + 1)]);
        let mut other = open(&elsewhere, &environment, host, site.now);
        browser.goes_to(&mut other, "/", Some(PIN)).on();
        browsers.insert(who.to_owned(), browser.cookies);
    }
    Fixture {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        written: site.now.millis(),
        environment,
        configuration,
        browsers,
        logins,
        shelf: shelf_of(&site.host),
    }
}

type Change = fn(&mut Value);

pub const AFFINITY: &str = "__Host-airgate-affinity";
/// `10.0.0.1:8001`.
pub const PIN: &str = "MTAuMC4wLjE6ODAwMQ==";

/// Other ways to keep somebody on a backend than the configuration's own.
pub fn kept_elsewhere() -> [(&'static str, Change); 2] {
    [
        ("pinned", |config| config["affinity"]["mode"] = json!("pin")),
        ("unsealed", |config| config["affinity"] = json!({})),
    ]
}

fn environment() -> BTreeMap<String, String> {
    let key = |number: u8| encode(hmac_sha256::Hash::hash(&[number]));
    let pairs = [("SESSION_KEY", key(7)), ("AFFINITY_KEY", key(8)), ("CLIENT_SECRET", "of no use".to_owned())];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn configuration() -> Value {
    json!({
        "external_url": EXTERNAL_URL,
        "signatures": "software",
        "providers": [{
            "name": "corp", "issuer": ISSUER, "cluster": "idp", "audiences": ["airbyte"],
            "login": {"client_id": "gateway", "client_secret": {"env": "CLIENT_SECRET"}},
        }],
        "session": {"keys": [{"id": "s1", "secret": {"env": "SESSION_KEY"}}], "keep_id_token": true,
            "claims": ["/rights"]},
        "affinity": {"keys": [{"id": "a1", "secret": {"env": "AFFINITY_KEY"}}], "idle": "30m", "lifetime": "8h"},
        "access": {
            "default_role": "admin",
            "rules": [{
                "name": "strong sign-in", "what": {"path": "/settings/**"},
                "then": "step_up", "step_up": {"acr": ["mfa"], "max_age": "15m"},
            }],
        },
        "audit": {"to": "log"},
    })
}

/// What the browser takes along to the provider.
fn begin(browser: &mut Browser, site: &mut Site, path: &str) -> BTreeMap<String, String> {
    let End::Answered(302 | 303, location) = browser.goes(site, path) else { panic!("no login begins at {path}") };
    let query = location.split_once('?').unwrap().1;
    let asked = form_urlencoded::parse(query.as_bytes()).into_owned();
    asked.filter(|(name, _)| ["state", "nonce", "acr_values"].contains(&name.as_str())).collect()
}

fn end_at_provider(site: &mut Site, sid: &str) {
    let (now, event) = (site.now.seconds(), "http://schemas.openid.net/event/backchannel-logout");
    let claims = json!({
        "iss": ISSUER, "aud": "gateway", "iat": now, "exp": now + 120, "jti": "j1", "sid": sid, "events": {event: {}},
    });
    let form = format!("logout_token={}", sign(1, &header(1), claims.to_string().as_bytes()));
    let fields = [("content-type", &b"application/x-www-form-urlencoded"[..])];
    let step = site.send(1, head("POST", "/.airgate/backchannel-logout", &fields));
    assert!(matches!(step, Step::Read { .. }), "{step:?}");
    let step = site.gateway.on_body(StreamId(1), Body::Whole(form.into_bytes()), &site.host, site.now);
    assert!(matches!(&step, Step::Reply { reply, .. } if reply.status == 200), "{step:?}");
}

fn pass(site: &mut Site, seconds: u64) {
    site.now = site.now.plus(std::time::Duration::from_secs(seconds));
}
