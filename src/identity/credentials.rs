//! The bearer token in a request's headers (RFC 6750 section 2.1).

use crate::http::Headers;

/// What a request brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// Nothing.
    None,
    /// One bearer token, not yet looked at.
    Bearer(&'a [u8]),
    /// One credential of another scheme, such as Basic.
    OtherScheme,
    /// Several, or something that is no credential.
    Malformed,
}

impl<'a> Credentials<'a> {
    /// Reads the field `name`, which is `authorization` or
    /// `proxy-authorization`.
    pub fn read(headers: &'a Headers, name: &'a str) -> Credentials<'a> {
        match Credentials::find(headers, name) {
            // The comma of two joined fields is found here: token68 has none.
            Credentials::Bearer(token) if !is_token68(token) => Credentials::Malformed,
            found => found,
        }
    }

    /// The same, but for a look at each byte of a bearer token: it may be none.
    /// One that is known to be good needs no such look.
    pub fn find(headers: &'a Headers, name: &'a str) -> Credentials<'a> {
        let mut fields = headers.all(name);
        let Some(field) = fields.next() else {
            return Credentials::None;
        };
        if fields.next().is_some() {
            return Credentials::Malformed;
        }
        let scheme_length = field.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
        let Some((scheme, rest)) = field.split_at_checked(scheme_length) else {
            return Credentials::Malformed;
        };
        let bearer = scheme.eq_ignore_ascii_case(b"bearer");
        // One or more spaces (RFC 9110 section 11.4); a tab is none.
        let token = rest.get(rest.iter().take_while(|byte| **byte == b' ').count()..).unwrap_or_default();
        if scheme.is_empty() || token.is_empty() || token.len() == rest.len() {
            return Credentials::Malformed;
        }
        match bearer {
            true => Credentials::Bearer(token),
            false if joined_with_bearer(token) => Credentials::Malformed,
            false => Credentials::OtherScheme,
        }
    }
}

fn is_token68(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = token.get(..token.len().saturating_sub(padding)).unwrap_or_default();
    let is_allowed =
        |byte: &u8| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-'..=b'/' | b'_' | b'~' | b'+');
    !body.is_empty() && body.iter().all(is_allowed)
}

/// Proxies join repeated fields with a comma: `Basic x, Bearer y` was two.
fn joined_with_bearer(rest: &[u8]) -> bool {
    rest.split(|byte| *byte == b',')
        .skip(1)
        .any(|part| part.trim_ascii_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case(b"bearer")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn one_credential_or_none() {
        use Credentials::*;
        let cases: [(&[&[u8]], Credentials<'_>); 22] = [
            (&[], None),
            (&[b"Bearer a.b.c"], Bearer(b"a.b.c")),
            (&[b"bEaReR a.b.c"], Bearer(b"a.b.c")),
            (&[b"Bearer   a=="], Bearer(b"a==")),
            (&[b"Bearer\ta"], Malformed),
            (&[b"Bearer"], Malformed),
            (&[b"Bearer "], Malformed),
            (&[b""], Malformed),
            (&[b"a.b.c"], Malformed),
            (&[b" Bearer a"], Malformed),
            (&[b"Bearer a b"], Malformed),
            (&[b"Bearer a,b"], Malformed),
            (&[b"Bearer a, Bearer b"], Malformed),
            (&[b", Bearer a"], Malformed),
            (&[b"Basic YTpi, Bearer a"], Malformed),
            (&[b"Bearer a", b"Bearer a"], Malformed),
            (&[b"", b"Bearer a"], Malformed),
            (&[b"Bearer \xff"], Malformed),
            (&[b"Bearer =="], Malformed),
            (&[b"Basic YTpi"], OtherScheme),
            (&[b"DPoP a"], OtherScheme),
            (&[b"BearerX a"], OtherScheme),
        ];
        for (fields, expected) in cases {
            let headers = Headers::from_pairs(fields.iter().map(|field| ("authorization", *field)));
            assert_eq!(Credentials::read(&headers, "authorization"), expected, "{fields:?}");
        }
    }
}
