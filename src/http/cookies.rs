//! Cookies: ours are found, set and cut out; everybody else's pass untouched.

use std::borrow::Cow;
use std::time::Duration;

use memchr::memchr;

use super::{Edits, Headers};
use crate::settings::Section;

/// What remains of the `Cookie` header once some cookies are cut out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CookieCut {
    /// None of them was there.
    Unchanged,
    /// They were all there was: the header goes.
    Gone,
    /// The rest, byte for byte, in one header.
    Left(Vec<u8>),
}

impl CookieCut {
    /// Notes what has to become of the header.
    pub fn note(&self, edits: &mut Edits) {
        match self {
            CookieCut::Unchanged => {}
            CookieCut::Gone => edits.remove(b"cookie"),
            CookieCut::Left(rest) => edits.set("cookie", rest),
        }
    }
}

/// The value of a cookie. Of two with one name the first wins, over all
/// `Cookie` lines: that is what a browser sends for the most specific path.
pub fn cookie<'a>(headers: &'a Headers, name: &str) -> Option<&'a [u8]> {
    pairs(headers).find(|pair| name_of(pair) == name.as_bytes()).map(|pair| {
        let value_at = name.len().saturating_add(1);
        pair.get(value_at..).unwrap_or_default().trim_ascii()
    })
}

/// The `Cookie` header without the cookies whose name is `ours`.
pub fn cookies_without(headers: &Headers, ours: impl Fn(&[u8]) -> bool) -> CookieCut {
    // Some servers trim a name before they look it up, so the cut does too.
    let is_cut = |pair: &[u8]| ours(name_of(pair).trim_ascii());
    if !pairs(headers).any(is_cut) {
        return CookieCut::Unchanged;
    }
    let mut left = Vec::new();
    for pair in pairs(headers).filter(|pair| !is_cut(pair)) {
        left.extend_from_slice(if left.is_empty() { b"" } else { b"; " });
        left.extend_from_slice(pair);
    }
    if left.is_empty() { CookieCut::Gone } else { CookieCut::Left(left) }
}

/// Takes the cookies whose name is `ours` out of a response. The others are
/// written anew as they are, for a header map only forgets all fields of a name.
pub fn set_cookies_without(headers: &Headers, ours: impl Fn(&[u8]) -> bool, edits: &mut Edits) {
    let is_cut = |line: &[u8]| ours(name_set(line));
    if headers.all("set-cookie").any(is_cut) {
        edits.remove(b"set-cookie");
        headers.all("set-cookie").filter(|line| !is_cut(line)).for_each(|line| edits.set_cookie(line));
    }
}

/// The name that a `Set-Cookie` line sets. A cookie without a name is sent back as
/// its value alone (RFC 6265bis section 5.8.3), so `=a=b` sets what reads as `a`.
fn name_set(line: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| *byte <= b' ';
    let start = line.iter().position(|byte| !is_blank(byte) && *byte != b'=').unwrap_or(line.len());
    let name = line.get(start..).unwrap_or_default().split(|byte| b"=;".contains(byte)).next().unwrap_or_default();
    let end = name.iter().rposition(|byte| !is_blank(byte)).map_or(0, |last| last.saturating_add(1));
    name.get(..end).unwrap_or_default()
}

fn pairs(headers: &Headers) -> impl Iterator<Item = &[u8]> {
    headers.all("cookie").flat_map(parts).map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
}

/// What lies between semicolons. Most of a line is sealed text of ours, a
/// kilobyte and more: a word at a time.
fn parts(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let at = memchr(b';', line);
        rest = at.and_then(|at| line.get(at.saturating_add(1)..));
        line.get(..at.unwrap_or(line.len()))
    })
}

fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// Whether requests that another site caused bring the cookie (RFC 6265bis
/// section 4.1.2.7).
#[derive(Clone, Copy, Debug)]
enum SameSite {
    Lax,
    Strict,
    None,
}

impl SameSite {
    fn name(self) -> &'static str {
        match self {
            SameSite::Lax => "Lax",
            SameSite::Strict => "Strict",
            SameSite::None => "None",
        }
    }
}

/// How a cookie of ours is set: always `Secure` and `HttpOnly`.
#[derive(Clone, Debug)]
pub struct CookieSettings {
    /// The cookie's name.
    pub name: Cow<'static, str>,
    path: Cow<'static, str>,
    domain: Option<String>,
    same_site: SameSite,
}

impl CookieSettings {
    /// A cookie that nobody configures, `SameSite=Lax`. A name that begins with
    /// `__Host-` has the path `/`.
    pub const fn fixed(name: &'static str, path: &'static str) -> CookieSettings {
        CookieSettings { name: Cow::Borrowed(name), path: Cow::Borrowed(path), domain: None, same_site: SameSite::Lax }
    }

    /// Reads `{name, path, domain, same_site}`.
    pub(crate) fn read(section: &Section<'_>, default_name: &str) -> CookieSettings {
        let name = section.text("name").unwrap_or(default_name).to_owned();
        let path = section.text("path").unwrap_or("/").to_owned();
        let domain = section.text("domain").map(str::to_owned);
        let words = [("lax", SameSite::Lax), ("strict", SameSite::Strict), ("none", SameSite::None)];
        let same_site = section.choice("same_site", &words).unwrap_or(SameSite::Lax);
        // A cookie name is a token (RFC 6265 section 4.1.1), as a method is.
        if http::Method::from_bytes(name.as_bytes()).is_err() {
            section.mistake("name", "not a cookie name: only letters, digits and !#$%&'*+-.^_`|~");
        }
        if super::PathPattern::parse(&path).is_err() || path.contains('*') {
            section.mistake("path", "expected a path that begins with a slash");
        }
        if let Some(domain) = &domain
            && !domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
        {
            section.mistake("domain", "expected a host name");
        }
        // Browsers drop such a cookie without a word (RFC 6265bis section 4.1.3).
        if name.get(..7).is_some_and(|prefix| prefix.eq_ignore_ascii_case("__host-")) {
            if domain.is_some() {
                section.mistake("domain", "a cookie named __Host- has no domain; choose another name");
            }
            if path != "/" {
                section.mistake("path", "a cookie named __Host- has the path /; choose another name");
            }
        }
        section.finish();
        CookieSettings { name: name.into(), path: path.into(), domain, same_site }
    }
}

/// A `Set-Cookie` value. Without `max_age` the cookie ends with the browser;
/// with zero it is deleted.
pub fn set_cookie(settings: &CookieSettings, value: &str, max_age: Option<Duration>) -> String {
    // By hand: the crate `cookie` writes dates as well, 25 kB in the module.
    let CookieSettings { name, path, domain, same_site } = settings;
    let mut text = format!("{name}={value}; HttpOnly; SameSite={}; Secure; Path={path}", same_site.name());
    if let Some(domain) = domain {
        text.push_str("; Domain=");
        text.push_str(domain);
    }
    if let Some(age) = max_age {
        text.push_str(&format!("; Max-Age={}", age.as_secs()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::read;
    use crate::testing::test;
    use serde_json::json;

    fn headers(lines: &[&[u8]]) -> Headers {
        Headers::from_pairs(lines.iter().map(|line| ("cookie", *line)))
    }

    #[test]
    fn the_first_of_a_name_wins_over_all_lines() {
        let lines = headers(&[b"a=1; b=2", b"b=3; ours = x=y ", b"ours=z"]);
        assert_eq!(cookie(&lines, "b"), Some(&b"2"[..]));
        assert_eq!(cookie(&lines, "ours"), Some(&b"z"[..]), "a name with a space before its equals sign is another");
        assert_eq!(cookie(&headers(&[b"x; ours=a=b"]), "ours"), Some(&b"a=b"[..]));
        assert_eq!(cookie(&headers(&[b"xours=1;;=;"]), "ours"), None);
        assert_eq!(cookie(&headers(&[b"ours=\xff\x80"]), "ours"), Some(&b"\xff\x80"[..]));
    }

    #[test]
    fn only_ours_is_cut_out() {
        let ours = |name: &[u8]| name == b"ours";
        assert_eq!(cookies_without(&headers(&[b"a=1; b=\xff"]), ours), CookieCut::Unchanged);
        assert_eq!(cookies_without(&headers(&[b"ours=1", b" ours=2;"]), ours), CookieCut::Gone);
        let mixed = headers(&[b"a=1;ours=1; b=\xff", b"ours=2; c"]);
        assert_eq!(cookies_without(&mixed, ours), CookieCut::Left(b"a=1; b=\xff; c".to_vec()));
        assert_eq!(cookies_without(&Headers::default(), ours), CookieCut::Unchanged);
    }

    #[test]
    fn a_response_does_not_set_ours_and_others_stay_byte_for_byte() {
        use crate::http::Edit;
        let cut = |lines: &[&[u8]]| {
            let mut edits = Edits::default();
            let headers = Headers::from_pairs(lines.iter().map(|line| ("Set-Cookie", line)));
            set_cookies_without(&headers, |name| name == b"ours", &mut edits);
            edits
        };
        let remove = Edit::Remove(b"set-cookie");
        for line in [
            "ours=1",
            "ours=1; Path=/; Secure",
            " ours = 1",
            "\tours\t=1",
            "ours",
            "ours;a=b",
            "=ours=1",
            " = =ours=1",
            "=ours",
            "\x0bours\x0c=1",
            "ours=",
        ] {
            assert_eq!(cut(&[line.as_bytes()]), [remove], "{line:?}");
        }
        for line in ["", "=", "a=ours", "a; ours=1", "ours2=1", "xours=1", "Ours=1", "a=1, ours=2", "o urs=1"] {
            assert_eq!(cut(&[line.as_bytes()]), [], "{line:?}");
        }
        let add = |line| Edit::Add(b"set-cookie", line);
        let odd = &b" a = \xff;; x"[..];
        assert_eq!(cut(&[odd, b"ours=1", b"b=2", b"ours=3"]), [remove, add(odd), add(b"b=2")]);
    }

    #[test]
    fn cookies_are_set_with_every_flag() {
        let settings = read(
            &json!({"domain": "example.com", "path": "/x", "same_site": "strict", "name": "n"}),
            &|_| None,
            |section| Some(CookieSettings::read(section, "__Host-x")),
        )
        .unwrap();
        assert_eq!(
            set_cookie(&settings, "v", None),
            "n=v; HttpOnly; SameSite=Strict; Secure; Path=/x; Domain=example.com"
        );
        let settings = read(&json!({}), &|_| None, |section| Some(CookieSettings::read(section, "__Host-x"))).unwrap();
        assert_eq!(
            set_cookie(&settings, "", Some(Duration::ZERO)),
            "__Host-x=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"
        );
        static FIXED: CookieSettings = CookieSettings::fixed("__Secure-x", "/y/");
        assert_eq!(set_cookie(&FIXED, "v", None), "__Secure-x=v; HttpOnly; SameSite=Lax; Secure; Path=/y/");
    }

    #[test]
    fn what_browsers_drop_silently_is_a_mistake() {
        let value = json!({"name": "__host-x", "domain": "example.com", "path": "/a"});
        let found = read(&value, &|_| None, |section| Some(CookieSettings::read(section, "x"))).unwrap_err();
        let paths: Vec<_> = found.iter().map(|mistake| mistake.path()).collect();
        assert_eq!(paths, ["domain", "path"]);
        let value = json!({"name": "a b", "domain": "a;b", "path": "x"});
        let found = read(&value, &|_| None, |section| Some(CookieSettings::read(section, "x"))).unwrap_err();
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
