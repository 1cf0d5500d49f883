//! The target of a request, without what nobody should read later.

use crate::settings::Section;

/// The longest path, and the longest query, in bytes.
const LONGEST: usize = 1024;

/// What stands for a value that was taken out.
const REDACTED: &str = "REDACTED";

/// A parameter whose name, in small letters and without dashes and the like, is
/// one of these holds a secret: codes and states of logins, keys, signatures.
const NAMES: [&str; 7] = ["code", "state", "nonce", "key", "sig", "auth", "authorization"];

/// And so does one whose name has one of these in it: `access_token`,
/// `X-Amz-Security-Token`, `client_secret`, `JSESSIONID`, `api-key`.
const PARTS: [&str; 10] =
    ["token", "secret", "passw", "pwd", "signature", "credential", "assertion", "apikey", "accesskey", "session"];

/// The segment behind one whose name ends so is a secret. Airbyte's own paths have
/// `secret_storage/…`, `state/…` and `oauthCredentials/…`, whose are not.
const ENDINGS: [&str; 13] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "code",
    "apikey",
    "accesskey",
    "credential",
    "assertion",
    "bearer",
    "authorization",
];

/// Whose values are taken out.
pub(super) struct Secrets {
    /// In the spelling of [`plain`].
    more: Vec<String>,
}

impl Secrets {
    /// Reads `secret_parameters`.
    pub fn read(section: &Section<'_>) -> Secrets {
        Secrets { more: section.texts("secret_parameters").into_iter().map(|name| plain(name.as_bytes())).collect() }
    }

    /// A query for the record: what looks secret is taken out, the rest is
    /// printable ASCII. At our own addresses anything may be: providers send
    /// codes there, and whoever plays with one gives it another name.
    pub fn query(&self, path: &[u8], query: &[u8]) -> String {
        let ours = path.starts_with(b"/.airgate/");
        let mut shown = String::new();
        for parameter in query.split(|byte| *byte == b'&') {
            if !shown.is_empty() {
                shown.push('&');
            }
            let at = parameter.iter().position(|byte| *byte == b'=');
            let (name, value) = parameter.split_at(at.unwrap_or(parameter.len()));
            let value = value.get(1..).unwrap_or_default();
            if at.is_none() && (ours || holds_token(name) || name.len() > 64) {
                shown.push_str(REDACTED);
            } else {
                push_printable(&mut shown, name);
            }
            if at.is_some() {
                shown.push('=');
                if ours {
                    shown.push_str(REDACTED);
                } else {
                    self.push_value(&mut shown, name, value);
                }
            }
            if shown.len() > LONGEST {
                break;
            }
        }
        cut(shown)
    }

    /// A path for the record, in printable ASCII, without what looks secret: a
    /// token, and what follows the name of a secret as the next segment or as the
    /// value of a parameter. Escaped delimiters count: what is refused for them is
    /// recorded too.
    pub fn path(&self, path: &[u8]) -> String {
        let mut shown = String::new();
        let mut rest = path;
        // Whether the piece to come is a secret, and the segment after this one.
        let (mut is_secret, mut next_is_secret) = (false, false);
        // Whether the segment's own name is over and its parameters follow.
        let mut in_parameters = false;
        while !rest.is_empty() && shown.len() <= LONGEST {
            let (piece, delimiter, after) = split_at_delimiter(rest);
            let (raw_delimiter, kind) = delimiter;
            let hides = !piece.is_empty() && (is_secret || holds_token(piece) || is_escaped_twice(piece));
            if hides {
                shown.push_str(REDACTED);
            } else {
                push_printable(&mut shown, piece.get(..piece.len().min(LONGEST)).unwrap_or_default());
            }
            push_printable(&mut shown, raw_delimiter);
            next_is_secret |= !hides && !in_parameters && kind != b'=' && self.is_secret_segment(piece);
            in_parameters = !b"/\\".contains(&kind);
            is_secret = match kind {
                b'=' => is_secret || (!hides && self.is_secret(piece)),
                b'/' | b'\\' if piece.is_empty() => is_secret || next_is_secret,
                b'/' | b'\\' => std::mem::take(&mut next_is_secret),
                _ => false,
            };
            rest = after;
        }
        cut(shown)
    }

    /// Whether the segment behind one of this name is a secret, as an invitation's
    /// is behind Airbyte's `by_code`.
    fn is_secret_segment(&self, name: &[u8]) -> bool {
        if name.len() > 256 {
            return false;
        }
        let name = plain(name);
        self.more.contains(&name) || ENDINGS.iter().any(|ending| name.ends_with(ending))
    }

    fn push_value(&self, shown: &mut String, name: &[u8], value: &[u8]) {
        if self.is_secret(name) || holds_token(value) {
            return shown.push_str(REDACTED);
        }
        // An address inside an address has a query of its own.
        let inner = value
            .iter()
            .position(|byte| *byte == b'?')
            .or_else(|| value.windows(3).position(|escape| escape.eq_ignore_ascii_case(b"%3f") || escape == b"%25"));
        push_printable(shown, value.get(..inner.unwrap_or(value.len())).unwrap_or_default());
        if inner.is_some() {
            shown.push('?');
            shown.push_str(REDACTED);
        }
    }

    fn is_secret(&self, name: &[u8]) -> bool {
        if name.len() > 256 {
            return true;
        }
        let name = plain(name);
        let has = |part: &str| name.as_bytes().windows(part.len()).any(|found| found == part.as_bytes());
        NAMES.contains(&name.as_str()) || self.more.contains(&name) || PARTS.iter().any(|part| has(part))
    }
}

/// What lies before the first delimiter of a path, the delimiter as it is written
/// and as what it counts, and what follows.
fn split_at_delimiter(text: &[u8]) -> (&[u8], (&[u8], u8), &[u8]) {
    let delimiter = |at: usize| {
        let (byte, length) = match text.get(at..)? {
            [b'%', digits @ ..] => (hex(digits.get(..2)?)?, 3),
            [byte, ..] => (*byte, 1),
            [] => return None,
        };
        b"/\\;=&?".contains(&byte).then_some((at, length, byte))
    };
    let Some((at, length, byte)) = (0..text.len()).find_map(delimiter) else {
        return (text, (b"", 0), b"");
    };
    let (piece, rest) = text.split_at(at);
    let (raw, after) = rest.split_at_checked(length).unwrap_or((rest, b""));
    (piece, (raw, byte), after)
}

/// Whether a text holds a JWT, as it is or behind something else, or is the value
/// of an `Authorization` header.
fn holds_token(text: &[u8]) -> bool {
    /// The least of a JOSE header that is worth hiding, in base64url.
    const LEAST: usize = 16;
    let text = decoded(text);
    let is_token_at = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        let in_token = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        rest.starts_with(b"eyJ") && (at == 0 || rest.iter().take_while(in_token).count() >= LEAST)
    };
    let is_bearer = || {
        text.split_at_checked(6).is_some_and(|(scheme, rest)| {
            scheme.eq_ignore_ascii_case(b"bearer") && rest.first().is_some_and(|byte| b" +\t".contains(byte))
        })
    };
    is_bearer() || memchr::memchr_iter(b'e', &text).any(is_token_at)
}

/// Whether a text has escapes once they are decoded: then it may hold anything.
fn is_escaped_twice(text: &[u8]) -> bool {
    let is_escape =
        |part: &[u8]| part.split_first().is_some_and(|(sign, digits)| *sign == b'%' && hex(digits).is_some());
    decoded(text).windows(3).any(is_escape)
}

/// A text with its escapes decoded, those that are good.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, mut after)) = rest.split_first() {
        let mut byte = *first;
        if byte == b'%'
            && let Some((Some(digits), beyond)) = after.split_at_checked(2).map(|(two, rest)| (hex(two), rest))
        {
            (byte, after) = (digits, beyond);
        }
        decoded.push(byte);
        rest = after;
    }
    decoded
}

/// A name as it is compared: escapes decoded, small letters and digits only.
fn plain(name: &[u8]) -> String {
    let letters = decoded(name).into_iter().filter(u8::is_ascii_alphanumeric);
    letters.map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

fn hex(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn push_printable(shown: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        if (b'!'..=b'~').contains(byte) && !b"\"\\".contains(byte) {
            shown.push(char::from(*byte));
        } else {
            shown.push('%');
            for digit in [byte >> 4, byte & 15] {
                shown.push(DIGITS.get(usize::from(digit)).map_or('0', |digit| char::from(*digit)));
            }
        }
    }
}

fn cut(mut shown: String) -> String {
    if shown.len() > LONGEST {
        shown.truncate(LONGEST);
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn shown(query: &str) -> String {
        let secrets = Secrets { more: vec![plain(b"X-Ticket_Id")] };
        secrets.query(b"/", query.as_bytes())
    }

    #[test]
    fn what_looks_secret_is_taken_out() {
        for name in [
            "code",
            "state",
            "CODE",
            "c%6Fde",
            "access_token",
            "id_token",
            "refresh-token",
            "token",
            "client_secret",
            "clientSecret",
            "password",
            "passwd",
            "key",
            "api_key",
            "apikey",
            "X-Amz-Signature",
            "X-Amz-Security-Token",
            "X-Amz-Credential",
            "AWSAccessKeyId",
            "sig",
            "session_id",
            "JSESSIONID",
            "client_assertion",
            "xticketid",
            "x.ticket%2did",
        ] {
            assert_eq!(shown(&format!("a=1&{name}=s3cret&b=2")), format!("a=1&{name}=REDACTED&b=2"));
        }
    }

    #[test]
    fn what_does_not_is_kept() {
        for query in [
            "workspaceId=8d8f0000-0000-0000-0000-000000000000&limit=20",
            "a",
            "a&b=",
            "",
            "=",
            "keyword=x",
            "statement=1",
            "monkeys=2",
            "codes=1",
        ] {
            assert_eq!(shown(query), query);
        }
    }

    #[test]
    fn secrets_are_seen_in_other_places() {
        for (query, kept) in [
            ("return=%2Fauth_flow%3Fcode%3Ds3cret", "return=%2Fauth_flow?REDACTED"),
            ("return=/auth_flow?code=s3cret", "return=/auth_flow?REDACTED"),
            ("return=%252Fauth_flow%253Fcode%253Ds3cret", "return=?REDACTED"),
            ("x=eyJhbGciOiJub25lIn0.e30.", "x=REDACTED"),
            ("eyJhbGciOiJub25lIn0.e30.", "REDACTED"),
            ("code=a=b", "code=REDACTED"),
        ] {
            assert_eq!(shown(query), kept);
        }
        assert_eq!(shown(&"x".repeat(65)), "REDACTED");
        assert!(shown(&format!("{}=s3cret", "x".repeat(300))).ends_with("x=REDACTED"));
    }

    #[test]
    fn secrets_are_taken_out_of_a_path() {
        let secrets = Secrets { more: vec![plain(b"X-Ticket_Id")] };
        let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln";
        for (path, kept) in [
            ("/a/JWT/b", "/a/REDACTED/b"),
            ("/a;v=JWT/b", "/a;v=REDACTED/b"),
            ("/a;JWT", "/a;REDACTED"),
            ("/report-JWT.pdf", "/REDACTED"),
            ("/%65yJhbGciOiJub25lIn0.e30.", "/REDACTED"),
            ("/eyJ", "/REDACTED"),
            ("/Bearer%20abc/x", "/REDACTED/x"),
            ("/bearer+abc", "/REDACTED"),
            ("/bearer/abc", "/bearer/REDACTED"),
            ("/token/abc/def", "/token/REDACTED/def"),
            ("/access_token/abc", "/access_token/REDACTED"),
            ("/token//abc", "/token//REDACTED"),
            ("/token;v=1/abc", "/token;v=1/REDACTED"),
            ("/x;token=abc;y=1/z", "/x;token=REDACTED;y=1/z"),
            ("/x;jsessionid=abc", "/x;jsessionid=REDACTED"),
            ("/code=abc=def/x", "/code=REDACTED=REDACTED/x"),
            ("/token%3Dabc", "/token%3DREDACTED"),
            ("/a%2Fpassword%2fabc", "/a%2Fpassword%2fREDACTED"),
            ("/a%3Fcode=abc&b=1", "/a%3Fcode=REDACTED&b=1"),
            ("/a/token%252Fabc", "/a/REDACTED"),
            ("/client-secret/abc", "/client-secret/REDACTED"),
            ("/x_ticket.id/abc", "/x_ticket.id/REDACTED"),
            ("/api/v1/user_invitations/by_code/abc", "/api/v1/user_invitations/by_code/REDACTED"),
        ] {
            let path = path.replace("JWT", jwt);
            assert_eq!(secrets.path(path.as_bytes()), kept, "{path}");
        }
    }

    #[test]
    fn every_path_of_airbytes_is_kept_but_for_an_invitations_code() {
        let secrets = Secrets { more: vec![] };
        let paths = include_str!("../access/operations.tsv").lines().filter_map(|line| line.split('\t').nth(1));
        let changed: Vec<&str> = paths
            .filter(|path| path.starts_with('/'))
            .filter(|path| secrets.path(path.as_bytes()) != printed(path))
            .collect();
        assert_eq!(changed, ["/api/v1/user_invitations/by_code/{inviteCode}"]);
        for path in [
            "/",
            "/assets/index-BeyJ12.js",
            "/auth_flow",
            "/.airgate/callback/corp",
            "/api/v1/state/get",
            "/workspaces/8d8f0000-0000-0000-0000-000000000000/connections",
            "/a;b=c",
            "/bearers/x",
        ] {
            assert_eq!(secrets.path(path.as_bytes()), path);
        }
    }

    fn printed(path: &str) -> String {
        let mut shown = String::new();
        push_printable(&mut shown, path.as_bytes());
        shown
    }

    #[test]
    fn nothing_that_comes_to_our_own_addresses_is_told() {
        let query = b"error=access_denied&x=c0de&c0de&iss=https%3A%2F%2Fidp";
        let shown = Secrets { more: vec![] }.query(b"/.airgate/callback/corp", query);
        assert_eq!(shown, "error=REDACTED&x=REDACTED&REDACTED&iss=REDACTED");
    }

    #[test]
    fn nothing_leaves_its_line_or_its_bounds() {
        assert_eq!(Secrets { more: vec![] }.query(b"/", b"a=\"\\\n\xff b&\0=%zz"), "a=%22%5C%0A%FF%20b&%00=%zz");
        let path = |path: &[u8]| Secrets { more: vec![] }.path(path);
        assert_eq!(path(b"/a\"b\xe2\x80\xa8"), "/a%22b%E2%80%A8");
        for long in [path(&[b'"'; 100_000]), shown(&"a=1&".repeat(25_000)), shown(&format!("a={}", "é".repeat(50_000)))]
        {
            assert_eq!((long.len(), long.ends_with('…')), (LONGEST + 3, true));
        }
    }
}
