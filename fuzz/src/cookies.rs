use airgate::http::{CookieCut, Headers, cookie, cookies_without};

use super::promises::{Fate, check, is_telling};
use super::site::{Site, config, head, shared};

/// `Cookie` lines: ours are found and cut out, everybody else's stay, and none that we did not seal lets anybody in.
pub fn cookies(data: &[u8]) -> bool {
    if is_telling(data) {
        return false;
    }
    let headers = Headers::from_pairs(data.split(|byte| *byte == b'\n').map(|line| ("cookie", line)));
    for name in ["a", "ours", "__Host-airgate-session"] {
        if let Some(value) = cookie(&headers, name) {
            assert_eq!(value.trim_ascii(), value);
            assert!(
                !value.contains(&b';')
                    && data.windows(value.len().max(1)).any(|part| part == value || value.is_empty())
            );
        }
    }
    let ours = |name: &[u8]| name.starts_with(b"ours");
    let cut = cookies_without(&headers, ours);
    if let CookieCut::Left(rest) = &cut {
        let left = Headers::from_pairs([("cookie", rest)]);
        assert_eq!(cookies_without(&left, ours), CookieCut::Unchanged, "cut once is cut");
        assert_eq!(cookie(&left, "a"), cookie(&headers, "a"), "others stay");
        assert_eq!(cookie(&left, "ours"), None);
    }

    shared("cookies", || Site::ready(&config()), |site| nobody(site, data)) && cut != CookieCut::Unchanged
}

fn nobody(site: &mut Site, data: &[u8]) -> bool {
    let lines = data.split(|byte| *byte == b'\n').map(|line| ("cookie", line));
    let fields: Vec<(&str, &[u8])> = lines.collect();
    let public = head("GET", "/api/v1/health", &fields);
    let step = site.send(1, public.clone());
    assert!(matches!(check(&public, &step), Fate::Forwarded { user: None, .. }));
    for (method, path) in [("GET", "/api/v1/x"), ("POST", "/.airgate/logout"), ("GET", "/.airgate/me"), ("GET", "/")] {
        let fields = [&fields[..], &[("accept", b"text/html"), ("sec-fetch-site", b"same-origin")]].concat();
        let sent = head(method, path, &fields);
        let step = site.send(2, sent.clone());
        let fate = check(&sent, &step);
        assert!(matches!(fate, Fate::Replied { .. }), "{fate:?} for cookies that nobody sealed");
    }
    true
}
