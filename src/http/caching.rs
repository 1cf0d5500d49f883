//! Who may keep a response, and who may frame it.

use super::Headers;

/// The `Cache-Control` that a response needs so that no shared cache keeps it (RFC
/// 9111 section 5.2.2). `None`: its own says so. What else its own says stays.
pub fn private(headers: &Headers) -> Option<Vec<u8>> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let (mut is_private, mut is_changed) = (false, false);
    for directive in headers.all("cache-control").flat_map(directives) {
        let name = directive.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        // `private="field"` leaves the rest of the response to shared caches.
        let is_open = is("public") || is("s-maxage") || (is("private") && name.len() < directive.len());
        is_private |= !is_open && (is("private") || is("no-store"));
        is_changed |= is_open;
        if !is_open {
            kept.push(directive);
        }
    }
    if !is_private {
        kept.push(b"private");
    }
    (is_changed || !is_private).then(|| kept.join(&b", "[..]))
}

/// Whether a field is one by which shared caches are told more than by
/// `Cache-Control`, and believe it first (RFC 9213; Edge Architecture's
/// `Surrogate-Control`).
pub fn is_for_shared_caches(name: &[u8]) -> bool {
    const ENDING: &[u8] = b"cdn-cache-control";
    let ending = name.len().checked_sub(ENDING.len()).and_then(|at| name.get(at..));
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case(ENDING)) || name.eq_ignore_ascii_case(b"surrogate-control")
}

/// Whether a response says itself which pages may frame it: by `frame-ancestors`
/// in an enforced policy (Content Security Policy Level 3 section 6.4.2), or by an
/// `X-Frame-Options` that browsers know. They ignore the latter beside the former,
/// so a policy added to `DENY` would weaken it.
pub fn limits_framing(headers: &Headers) -> bool {
    let parts = |name| headers.all(name).flat_map(|line| line.split(|byte| *byte == b','));
    let names_ancestors = |directive: &[u8]| {
        let name = directive.trim_ascii_start().split(u8::is_ascii_whitespace).next().unwrap_or_default();
        name.eq_ignore_ascii_case(b"frame-ancestors")
    };
    let by_policy =
        || parts("content-security-policy").flat_map(|one| one.split(|byte| *byte == b';')).any(names_ancestors);
    let is_known = |value: &[u8]| {
        let value = value.trim_ascii();
        value.eq_ignore_ascii_case(b"deny") || value.eq_ignore_ascii_case(b"sameorigin")
    };
    by_policy() || parts("x-frame-options").any(is_known)
}

/// What lies between commas, other than those in quotes.
fn directives(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let parts = line.split(move |byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    });
    parts.map(<[u8]>::trim_ascii).filter(|directive| !directive.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn a_response_becomes_private_and_keeps_what_else_it_says() {
        let made = |lines: &[&str]| {
            let value = private(&Headers::from_pairs(lines.iter().map(|line| ("Cache-Control", line))));
            value.map(|value| String::from_utf8(value).unwrap())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(made(&[]), some("private"));
        assert_eq!(made(&[""]), some("private"));
        assert_eq!(made(&["no-cache"]), some("no-cache, private"));
        assert_eq!(made(&["Public, max-age=31536000, immutable"]), some("max-age=31536000, immutable, private"));
        assert_eq!(
            made(&["max-age=60,S-MaxAge = 600", "must-revalidate"]),
            some("max-age=60, must-revalidate, private")
        );
        assert_eq!(made(&["private, public"]), some("private"));
        assert_eq!(made(&["public, no-store"]), some("no-store"));
        assert_eq!(
            made(&[r#"private="set-cookie, x", no-cache="a, public""#]),
            some(r#"no-cache="a, public", private"#)
        );
        assert_eq!(made(&["x-private, notpublic"]), some("x-private, notpublic, private"));
        for line in ["private", "no-store", "PRIVATE, max-age=0", "no-cache, no-store, must-revalidate"] {
            assert_eq!(made(&[line]), None, "{line}");
        }
    }

    #[test]
    fn fields_for_shared_caches_are_known() {
        for name in ["CDN-Cache-Control", "cloudflare-cdn-cache-control", "Surrogate-Control"] {
            assert!(is_for_shared_caches(name.as_bytes()), "{name}");
        }
        for name in ["cache-control", "cdn-cache-control-x", "", "x-surrogate-control"] {
            assert!(!is_for_shared_caches(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn what_a_response_says_of_framing_is_found_as_browsers_find_it() {
        let limits = |name: &str, value: &str| limits_framing(&Headers::from_pairs([("x", "y"), (name, value)]));
        for (name, value) in [
            ("Content-Security-Policy", "frame-ancestors 'none'"),
            ("content-security-policy", "default-src 'self';FRAME-ANCESTORS *"),
            ("content-security-policy", "default-src *, script-src x; frame-ancestors\thttps://a"),
            ("content-security-policy", "frame-ancestors"),
            ("x-frame-options", "DENY"),
            ("X-Frame-Options", " sameorigin "),
            ("x-frame-options", "SAMEORIGIN, SAMEORIGIN"),
        ] {
            assert!(limits(name, value), "{name}: {value}");
        }
        for (name, value) in [
            ("content-security-policy", ""),
            ("content-security-policy", "default-src 'self'"),
            ("content-security-policy", "default-src frame-ancestors"),
            ("content-security-policy", "frame-ancestorsx 'self'"),
            ("content-security-policy-report-only", "frame-ancestors 'none'"),
            ("x-frame-options", "ALLOW-FROM https://a"),
            ("x-frame-options", ""),
        ] {
            assert!(!limits(name, value), "{name}: {value}");
        }
    }
}
