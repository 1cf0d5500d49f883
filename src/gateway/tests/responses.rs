//! What Airbyte's responses may say, and who may keep and frame them.

use super::*;
use crate::testing::test;

/// What becomes of a response with these fields.
fn returned(bed: &mut Bed, step: Step, fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let Step::Forward(forward) = step else { panic!("not forwarded") };
    let headers = Headers::from_pairs([(":status", "200")].iter().chain(fields).copied());
    let edits = bed.gateway.on_response(&forward.exchange, || Some(headers), bed.now);
    let mut left: Vec<(String, String)> =
        fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    for edit in edits.iter() {
        match edit {
            Edit::Remove(name) => left.retain(|(known, _)| known.as_bytes() != name),
            Edit::Set(name, value) => {
                left.retain(|(known, _)| known.as_bytes() != name);
                left.push((text(name), text(value)));
            }
            Edit::Add(name, value) => left.push((text(name), text(value))),
        }
    }
    left
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

const FORGED: [(&str, &str); 5] = [
    ("set-cookie", "__Host-airgate-session=forged; Path=/; Secure"),
    ("set-cookie", "=__host-airgate-affinity=forged"),
    ("set-cookie", "theme=dark"),
    ("x-airgate-user", "root"),
    ("x-airgate-pin", "MTI3LjAuMC4xOjE="),
];

#[test]
fn no_response_sets_the_gateways_cookies_or_headers() {
    let mut bed = Bed::with_login(|config| {
        config["public"] = json!(["/open/**"]);
        config["affinity"] = json!({"mode": "off"});
    });
    let jar = bed.signed_in();
    let token = format!("Bearer {}", bed.token());
    let public = bed.send(1, "GET", "/open/x", &[]);
    assert_eq!(returned(&mut bed, public, &FORGED), pairs(&[("set-cookie", "theme=dark")]));
    let bearer = bed.send(2, "GET", "/api/v1/x", &[("authorization", &token)]);
    assert_eq!(returned(&mut bed, bearer, &FORGED), pairs(&[("set-cookie", "theme=dark")]));
    let visitor = bed.fetch(&jar);
    let expected = [
        ("set-cookie", "theme=dark"),
        ("content-security-policy", "frame-ancestors 'self'"),
        ("cache-control", "private"),
    ];
    assert_eq!(returned(&mut bed, visitor, &FORGED), pairs(&expected));
}

#[test]
fn the_affinity_cookie_of_any_name_is_the_gateways() {
    let mut bed = Bed::with_login(|config| config["affinity"] = json!({"cookie": {"name": "stay"}}));
    let token = format!("Bearer {}", bed.token());
    let step = bed.send(2, "GET", "/api/v1/x", &[("authorization", &token)]);
    let left = returned(&mut bed, step, &[("set-cookie", "stay=forged"), ("set-cookie", "Stay=2")]);
    let cookies: Vec<&str> = left.iter().filter(|(name, _)| name == "set-cookie").map(|(_, line)| &**line).collect();
    assert_eq!((cookies.len(), cookies[0]), (2, "Stay=2"));
    assert!(cookies[1].starts_with("stay=") && !cookies[1].contains("forged"));
}

#[test]
fn of_a_response_that_cannot_be_seen_no_cookie_passes() {
    let mut bed = Bed::with_login(|_| {});
    let jar = bed.signed_in();
    let Step::Forward(forward) = bed.fetch(&jar) else { panic!("not forwarded") };
    let edits = bed.gateway.on_response(&forward.exchange, || None, bed.now);
    assert_eq!(edits, [Edit::Remove(b"set-cookie")]);
}

#[test]
fn what_is_served_to_a_session_is_private_and_framed_by_its_own_site_only() {
    let mut bed = Bed::with_login(|config| config["affinity"] = json!({"mode": "off"}));
    let jar = bed.signed_in();
    let ours = ("content-security-policy", "frame-ancestors 'self'");
    let csp = |value| ("content-security-policy", value);
    type Fields<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Fields<'_>, Fields<'_>); 7] = [
        (&[("cache-control", "no-cache")], &[ours, ("cache-control", "no-cache, private")]),
        (
            &[("cache-control", "public, max-age=9, immutable")],
            &[ours, ("cache-control", "max-age=9, immutable, private")],
        ),
        (&[("cache-control", "no-store")], &[("cache-control", "no-store"), ours]),
        (
            &[("cdn-cache-control", "max-age=9"), ("surrogate-control", "max-age=9"), ("cache-control", "private")],
            &[("cache-control", "private"), ours],
        ),
        (
            &[csp("default-src 'self'"), ("cache-control", "private")],
            &[csp("default-src 'self'"), ("cache-control", "private"), ours],
        ),
        (
            &[csp("frame-ancestors https://portal.example"), ("cache-control", "private")],
            &[csp("frame-ancestors https://portal.example"), ("cache-control", "private")],
        ),
        (
            &[("x-frame-options", "DENY"), ("www-authenticate", "Basic"), ("cache-control", "private")],
            &[("x-frame-options", "DENY"), ("cache-control", "private")],
        ),
    ];
    for (sent, expected) in cases {
        let step = bed.fetch(&jar);
        assert_eq!(returned(&mut bed, step, sent), pairs(expected));
    }
}

#[test]
fn a_shared_cache_keeps_nothing_of_a_bearers_either() {
    for (mode, field) in [("none", "authorization"), ("pass", "proxy-authorization")] {
        let mut bed = Bed::with_login(|config| {
            config["affinity"] = json!({"mode": "off"});
            config["upstream"] = json!({"mode": mode});
        });
        let token = format!("Bearer {}", bed.token());
        let mut left = |sent: &[(&str, &str)]| {
            let step = bed.send(2, "GET", "/api/v1/x", &[(field, &token)]);
            returned(&mut bed, step, sent)
        };
        assert_eq!(left(&[("cache-control", "public, max-age=9")]), pairs(&[("cache-control", "max-age=9, private")]));
        assert_eq!(left(&[("cdn-cache-control", "max-age=9"), ("cache-control", "private")]).len(), 1);
        // RFC 9111 section 3.5 knows one field only.
        let expected: &[(&str, &str)] = if mode == "none" { &[] } else { &[("cache-control", "private")] };
        assert_eq!(left(&[]), pairs(expected), "{mode}");
    }
}

#[test]
fn a_cookie_makes_a_public_response_private_and_leaves_what_else_it_says() {
    let mut bed = Bed::with_login(|config| config["public"] = json!(["/open/**"]));
    let step = bed.send(1, "GET", "/open/x", &[]);
    let left = returned(&mut bed, step, &[("cache-control", "no-cache")]);
    assert!(left.contains(&("cache-control".into(), "no-cache, private".into())), "{left:?}");
    assert!(!left.iter().any(|(name, _)| name == "content-security-policy"), "public pages are no session's");
}
