//! Airbyte's own login, whose place the gateway's token takes.

use crate::http::{Reply, Request};

/// The cookies of Airbyte's login, and what renews them.
const COOKIES: [&[u8]; 2] = [b"JWT", b"JWT_REFRESH_TOKEN"];

/// A request to Airbyte's own login, which it never sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnLogin {
    /// A password, which nobody needs any more.
    SignIn,
    /// Ends the gateway's session.
    SignOut,
    /// The web app asks each minute for another cookie, and signs itself out
    /// unless the answer is good.
    Renew,
}

impl OwnLogin {
    /// What a request asks of it.
    pub fn read(request: &Request) -> Option<OwnLogin> {
        match (request.target().matched(), request.method()) {
            ("/api/login", _) => Some(OwnLogin::SignIn),
            ("/api/logout", "POST") => Some(OwnLogin::SignOut),
            ("/api/oauth/access_token", "POST") => Some(OwnLogin::Renew),
            _ => None,
        }
    }

    /// The answer to [`OwnLogin::Renew`] for whoever has a session: as good as
    /// Airbyte's, without its cookies.
    pub fn renewed(request_id: &str) -> Reply {
        let headers = vec![
            ("content-type".into(), b"application/json".to_vec()),
            ("cache-control".into(), b"no-store".to_vec()),
            ("x-request-id".into(), request_id.into()),
        ];
        Reply { status: 200, headers, body: b"{}".to_vec() }
    }
}

/// Whether a cookie belongs to Airbyte's login. Airbyte's server (Netty) skips
/// commas and blanks before a name.
pub(super) fn is_its_cookie(name: &[u8]) -> bool {
    let start = name.iter().position(|byte| !b", \t\n\x0b\x0c\r".contains(byte)).unwrap_or(name.len());
    let name = name.get(start..).unwrap_or_default().trim_ascii_end();
    COOKIES.iter().any(|cookie| name.eq_ignore_ascii_case(cookie))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;
    use crate::testing::test;

    #[test]
    fn its_three_paths_are_known() {
        let read = |method: &str, path: &str| {
            let head = [(":method", method), (":path", path), (":authority", "a")];
            OwnLogin::read(&Request::new(Headers::from_pairs(head)).unwrap())
        };
        assert_eq!(read("POST", "/api/login"), Some(OwnLogin::SignIn));
        assert_eq!(read("PUT", "/api/l%6fgin/?x"), Some(OwnLogin::SignIn));
        assert_eq!(read("POST", "/api/logout"), Some(OwnLogin::SignOut));
        assert_eq!(read("POST", "/api/oauth/access_token"), Some(OwnLogin::Renew));
        for (method, path) in [
            ("GET", "/api/logout"),
            ("GET", "/api/oauth/access_token"),
            ("POST", "/api/v1/login"),
            ("POST", "/login"),
            ("POST", "/api/oauth/access_token/x"),
        ] {
            assert_eq!(read(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn its_cookies_are_known_however_they_are_spelt() {
        for name in ["JWT", "JWT_REFRESH_TOKEN", "jwt", " JWT ", ",JWT", " ,\t, JWT"] {
            assert!(is_its_cookie(name.as_bytes()), "{name}");
        }
        for name in ["", "JWT2", "XJWT", "_JWT", "JWT,", "session"] {
            assert!(!is_its_cookie(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn the_web_app_is_told_that_all_is_well() {
        let reply = OwnLogin::renewed("r1");
        assert_eq!((reply.status, reply.body.as_slice()), (200, &b"{}"[..]));
        assert!(!reply.headers.iter().any(|(name, _)| name == "set-cookie"));
        assert!(reply.headers.contains(&("content-type".into(), b"application/json".to_vec())));
    }
}
