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
            if at.is_none() && (ours || is_token(name) || name.len() > 64) {
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

    fn push_value(&self, shown: &mut String, name: &[u8], value: &[u8]) {
        if self.is_secret(name) || is_token(value) {
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

/// A path for the record, in printable ASCII.
pub(super) fn path(path: &[u8]) -> String {
    let mut shown = String::new();
    push_printable(&mut shown, path.get(..path.len().min(LONGEST.saturating_add(1))).unwrap_or_default());
    cut(shown)
}

/// A JWT, whatever its parameter is called.
fn is_token(value: &[u8]) -> bool {
    value.starts_with(b"eyJ")
}

/// A name as it is compared: escapes decoded, small letters and digits only.
fn plain(name: &[u8]) -> String {
    let mut plain = String::new();
    let mut rest = name;
    while let Some((first, mut after)) = rest.split_first() {
        let mut byte = *first;
        if byte == b'%'
            && let Some((Some(digits), beyond)) = after.split_at_checked(2).map(|(two, rest)| (hex(two), rest))
        {
            (byte, after) = (digits, beyond);
        }
        if byte.is_ascii_alphanumeric() {
            plain.push(char::from(byte.to_ascii_lowercase()));
        }
        rest = after;
    }
    plain
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
    fn nothing_that_comes_to_our_own_addresses_is_told() {
        let query = b"error=access_denied&x=c0de&c0de&iss=https%3A%2F%2Fidp";
        let shown = Secrets { more: vec![] }.query(b"/.airgate/callback/corp", query);
        assert_eq!(shown, "error=REDACTED&x=REDACTED&REDACTED&iss=REDACTED");
    }

    #[test]
    fn nothing_leaves_its_line_or_its_bounds() {
        assert_eq!(Secrets { more: vec![] }.query(b"/", b"a=\"\\\n\xff b&\0=%zz"), "a=%22%5C%0A%FF%20b&%00=%zz");
        assert_eq!(path(b"/a\"b\xe2\x80\xa8"), "/a%22b%E2%80%A8");
        for long in [path(&[b'"'; 100_000]), shown(&"a=1&".repeat(25_000)), shown(&format!("a={}", "é".repeat(50_000)))]
        {
            assert_eq!((long.len(), long.ends_with('…')), (LONGEST + 3, true));
        }
    }
}
