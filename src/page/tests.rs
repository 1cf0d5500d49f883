use super::*;
use crate::caller::{Caller, Groups, Reckoned};
use crate::demand::Demand;
use crate::settings::read;
use crate::testing::{TestHost, test};
use serde_json::{Map, json};

fn branding(name: &str) -> Branding {
    let value = json!({"branding": {"name": name}});
    read(&value, &|_| None, |root| Some(Branding::read(root))).unwrap()
}

fn caller() -> Caller {
    Caller {
        provider: "corp".into(),
        issuer: "https://idp".into(),
        subject: "1".into(),
        user: "alice".into(),
        email: Some("alice@example.com".into()),
        email_verified: true,
        name: Some("Alice <Admin>".into()),
        groups: Groups::Known(vec!["data".into()]),
        client: None,
        expires: Time::default(),
        claims: Map::new(),
        reckoned: Reckoned::default(),
    }
}

const NOW: Time = Time::from_seconds(1_800_000_000);

fn me<'a>(caller: &'a Caller, auth: &'a str) -> Me<'a> {
    Me { caller, role: Some("admin"), auth, ends: NOW.plus(Duration::from_secs(26_999)) }
}

/// Every page there is.
fn pages<'a>(branding: &Branding, me: &'a Me<'a>) -> Vec<(&'static str, Page<'a>)> {
    let id = "7f3a9c52-19e4-4f2b-8c1d-0b6e5d2a4c11";
    let back = "/workspaces/1?a=b&c=<d>";
    let failed = LoginTrouble::Failed("The sign-in took longer than ten minutes.".into());
    let largest = vec![("groups", 9_120), ("refresh token", 1_790)];
    let too_large = LoginTrouble::TooLarge { size: 12_040, limit: 11_400, largest };
    static DEMAND: Demand = Demand { acr: Vec::new(), max_age: Some(Duration::from_secs(900)) };
    let step_up = StepUpTrouble {
        provider: ("Corporate login", "corp"),
        rule: "deletes & clears",
        demand: &DEMAND,
        acr: Some("pwd"),
        age: Some(Duration::from_secs(7_400)),
    };
    let providers = [("corp", "Corporate login"), ("partner", "Partners & \"friends\""), ("x", "Contractors")];
    vec![
        ("failed", failed.page(branding, back, id)),
        ("denied", LoginTrouble::Denied("Corporate login").page(branding, back, id)),
        ("too-large", too_large.page(branding, back, id)),
        ("step-up", LoginTrouble::StepUp(step_up).page(branding, back, id)),
        ("sign-in-needed", sign_in_needed(branding, back, id)),
        ("chooser", chooser(branding, providers, back, id)),
        ("me", me.page(branding, "Corporate login", id, NOW)),
        ("confirm-sign-out", confirm_sign_out(branding, id)),
        ("signing-out", signing_out(branding, "https://idp.example.com/logout?a=1&b=2", id)),
        ("signed-out", signed_out(branding, id)),
    ]
}

fn body(page: &Page<'_>, branding: &Branding) -> String {
    String::from_utf8(page.reply(200, branding, "n0").body).unwrap()
}

/// Each tag with its attributes' names and values. No value of ours holds an
/// angle bracket, for those are escaped.
fn tags(html: &str) -> Vec<(&str, Vec<(&str, &str)>)> {
    html.split('<')
        .skip(1)
        .map(|rest| {
            let inside = rest.split('>').next().unwrap();
            let (name, mut rest) = inside.split_once(' ').unwrap_or((inside, ""));
            let mut attributes = Vec::new();
            while let Some((attribute, more)) = rest.split_once("=\"") {
                let (value, more) = more.split_once('"').expect("a quote is closed");
                attributes.push((attribute.trim(), value));
                rest = more;
            }
            (name, attributes)
        })
        .collect()
}

#[test]
fn every_page_has_its_parts() {
    let (branding, caller) = (branding("Data <Hub>"), caller());
    for (kind, page) in pages(&branding, &me(&caller, "session")) {
        let html = body(&page, &branding);
        assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">\n"), "{kind}");
        for part in ["<h1>", "<main>", "<title>", "name=\"viewport\"", "<style nonce=\"n0\">"] {
            assert_eq!(html.matches(part).count(), 1, "{kind}: {part}");
        }
        assert!(html.contains("<code>7f3a9c52-19e4-4f2b-8c1d-0b6e5d2a4c11</code>"), "{kind}");
        assert!(html.contains("Data &lt;Hub&gt;</header>") && !html.contains("<Hub>"), "{kind}");
        let actions = page.actions.len();
        assert!(actions > 0, "{kind}: the reader can do nothing");
        assert_eq!(html.matches("</a>").count() + html.matches("</button>").count(), actions, "{kind}");
        assert_eq!(html.matches("class=\"first\"").count(), usize::from(kind != "chooser"), "{kind}");
    }
}

#[test]
fn no_page_runs_or_loads_anything() {
    let (branding, caller) = (branding("x"), caller());
    for (kind, page) in pages(&branding, &me(&caller, "session")) {
        let html = body(&page, &branding);
        for (tag, attributes) in tags(&html) {
            assert!(!["script", "iframe", "object", "embed", "base", "img"].contains(&tag), "{kind}: {tag}");
            for (name, value) in attributes {
                let known =
                    ["lang", "charset", "name", "content", "rel", "nonce", "class", "aria-hidden", "http-equiv"];
                let address = match (tag, name) {
                    ("a", "href") | ("form", "action") => value.starts_with('/') || kind == "signing-out",
                    ("link", "href") => value == "data:,",
                    (_, "datetime" | "method") => true,
                    _ => known.contains(&name),
                };
                assert!(address, "{kind}: {tag} {name}={value}");
            }
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}

#[test]
fn whatever_stands_in_a_page_is_text() {
    let evil = "\"><script>alert('&')</script>";
    let safe = "&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;";
    let page = Page {
        title: evil,
        text: evil.into(),
        facts: vec![(evil, Fact::Text(evil.into()))],
        actions: vec![
            Action::Link { href: evil.into(), label: evil.into() },
            Action::Choice { href: evil.into(), label: evil.into() },
            Action::Onward { href: evil.into(), label: evil.into() },
            Action::Post { path: evil, label: evil },
        ],
        request_id: evil,
    };
    let html = body(&page, &branding(evil));
    assert!(!html.contains("<script"), "{html}");
    // Title and headline, text, a fact's two sides, two sides of four actions
    // and one refresh, the request id, the name in title and header.
    assert_eq!(html.matches(safe).count(), 2 + 1 + 2 + 8 + 1 + 1 + 2);
}

#[test]
fn a_page_comes_with_every_guard() {
    let branding = branding("x");
    let reply = signed_out(&branding, "r1").reply(200, &branding, "abc");
    let expected = [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'nonce-abc'; img-src data:; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "strict-origin"),
        ("x-request-id", "r1"),
    ];
    let found: Vec<_> =
        reply.headers.iter().map(|(name, value)| (&**name, std::str::from_utf8(value).unwrap())).collect();
    assert_eq!((reply.status, found), (200, expected.to_vec()));
}

#[test]
fn a_nonce_is_another_each_time() {
    let host = TestHost::default();
    let first = nonce(&host);
    assert_eq!(first.len(), 22);
    assert_ne!(first, nonce(&host));
}

#[test]
fn links_carry_the_return_path_whole() {
    assert_eq!(login_url("/a?b=c&d", &[]), "/.airgate/login?return=%2Fa%3Fb%3Dc%26d");
    assert_eq!(login_url("/", &[("provider", "corp&x")]), "/.airgate/login?return=%2F&provider=corp%26x");
    let branding = branding("x");
    let html = body(&sign_in_needed(&branding, "/a?b=c&d", "r1"), &branding);
    assert!(html.contains("href=\"/.airgate/login?return=%2Fa%3Fb%3Dc%26d\""), "{html}");
    let html = body(&chooser(&branding, [("a", "A"), ("b", "B")], "/x", "r1"), &branding);
    assert!(html.contains("href=\"/.airgate/login?return=%2Fx&amp;provider=b\">B</a>"), "{html}");
}

#[test]
fn a_sign_in_that_was_not_enough_says_what_was_asked_and_what_came() {
    let branding = branding("Hub");
    let html = |acr: &[&str], minutes: Option<u64>, came: Option<&str>, age: Option<u64>| {
        let acr = acr.iter().map(|acr| (*acr).to_owned()).collect();
        let demand = Demand { acr, max_age: minutes.map(|minutes| Duration::from_secs(minutes * 60)) };
        let age = age.map(Duration::from_secs);
        let provider = ("Corporate login", "corp");
        let trouble = StepUpTrouble { provider, rule: "deletes & clears", demand: &demand, acr: came, age };
        body(&LoginTrouble::StepUp(trouble).page(&branding, "/a?b=c", "r1"), &branding)
    };
    let facts = |html: &str| {
        let facts = html.split("<dd>").skip(1).map(|rest| rest.split("</dd>").next().unwrap().to_owned());
        facts.collect::<Vec<_>>()
    };
    let strong = html(&["mfa", "phr"], None, Some("pwd"), Some(7_400));
    assert_eq!(facts(&strong), ["mfa, phr", "pwd"]);
    assert_eq!(facts(&html(&["mfa"], None, None, None)), ["mfa", "nothing about it"]);
    let old = ["a sign-in no older than 15 min", "one from 2 h 3 min ago"];
    assert_eq!(facts(&html(&[], Some(15), Some("pwd"), Some(7_400))), old);
    let unsaid = ["mfa", "mfa", "a sign-in no older than 15 min", "no word of when it was"];
    assert_eq!(facts(&html(&["mfa"], Some(15), Some("mfa"), None)), unsaid);
    let again = "/.airgate/login?return=%2Fa%3Fb%3Dc&amp;provider=corp&amp;step_up=deletes+%26+clears&amp;prompt=login";
    for link in [format!("href=\"{again}\">Try again</a>"), "href=\"/\">Open Hub</a>".to_owned()] {
        assert!(strong.contains(&link), "{link}\n{strong}");
    }
}

#[test]
fn a_logo_stands_for_the_name() {
    let logo = "data:image/svg+xml;base64,PHN2Zy8+";
    let value = json!({"branding": {"name": "Hub", "logo": logo}});
    let branding = read(&value, &|_| None, |root| Some(Branding::read(root))).unwrap();
    let html = body(&signed_out(&branding, "r1"), &branding);
    assert!(html.contains(&format!("<header><img src=\"{logo}\" alt=\"Hub\"></header>")), "{html}");
}

#[test]
fn who_am_i_in_json() {
    let mut caller = caller();
    let expected = json!({
        "user": "alice", "name": "Alice <Admin>", "email": "alice@example.com", "groups": ["data"], "role": "admin",
        "provider": "corp", "auth": "session", "session_ends": "2027-01-15T15:29:59Z",
    });
    assert_eq!(me(&caller, "session").json(), expected);
    caller.groups = Groups::Unknown;
    caller.email = None;
    let nobody = me(&caller, "bearer").json();
    assert_eq!((&nobody["groups"], &nobody["email"], &nobody["auth"]), (&json!(null), &json!(null), &json!("bearer")));
    caller.groups = Groups::Absent;
    assert_eq!(me(&caller, "bearer").json()["groups"], json!([]));
}

#[test]
fn who_am_i_for_people() {
    let (branding, caller) = (branding("Hub"), caller());
    let html = body(&me(&caller, "session").page(&branding, "Corporate login", "r1", NOW), &branding);
    for part in [
        "<dt>Name</dt><dd>Alice &lt;Admin&gt;</dd>",
        "<dt>E-mail</dt><dd>alice@example.com</dd>",
        "<dt>Role</dt><dd>admin</dd>",
        "<dt>Signed in with</dt><dd>Corporate login</dd>",
        "<time datetime=\"2027-01-15T15:29:59Z\">15 Jan 2027, 15:29 UTC</time> <small>in 7 h 29 min</small>",
        "<form method=\"post\" action=\"/.airgate/logout\"><button>Sign out</button></form>",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    let html = body(&me(&caller, "bearer").page(&branding, "Corporate login", "r1", NOW), &branding);
    assert!(!html.contains("<form") && html.contains("<dt>Token ends</dt>"), "a token cannot be signed out of");
}

#[test]
fn the_browser_goes_on_to_the_provider_by_itself() {
    let branding = branding("Hub");
    let html = body(&signing_out(&branding, "https://idp/logout?a=1&b=2", "r1"), &branding);
    let address = "https://idp/logout?a=1&amp;b=2";
    assert!(html.contains(&format!("<meta http-equiv=\"refresh\" content=\"0; url={address}\">")), "{html}");
    assert!(html.contains(&format!("<a class=\"first\" href=\"{address}\">Continue</a>")), "{html}");
    assert!(!body(&signed_out(&branding, "r1"), &branding).contains("http-equiv"));
}

/// WCAG 2.2, criteria 1.4.3 and 1.4.11.
#[test]
fn colours_differ_enough_in_both_schemes() {
    let (light, dark) = STYLE.split_once("@media (prefers-color-scheme: dark)").unwrap();
    for scheme in [light, dark] {
        let colour = |name: &str| {
            let text = scheme.split_once(&format!("--{name}: #")).unwrap().1;
            let channel = |at: usize| f64::from(u8::from_str_radix(&text[at..at + 2], 16).unwrap()) / 255.0;
            let linear =
                |value: f64| if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
            0.2126 * linear(channel(0)) + 0.7152 * linear(channel(2)) + 0.0722 * linear(channel(4))
        };
        for (one, other, ratio) in [
            ("text", "card", 7.0),
            ("text", "ground", 7.0),
            ("text", "glow", 7.0),
            ("quiet", "card", 4.5),
            ("quiet", "ground", 4.5),
            ("quiet", "glow", 4.5),
            ("on-accent", "accent", 4.5),
            ("accent", "card", 4.5),
            ("edge", "card", 3.0),
        ] {
            let (one_light, other_light) = (colour(one), colour(other));
            let found = (one_light.max(other_light) + 0.05) / (one_light.min(other_light) + 0.05);
            assert!(found >= ratio, "{one} on {other}: {found:.2}");
        }
    }
}
