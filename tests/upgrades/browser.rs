//! A browser as far as the gateway sees it: cookies, and what comes of a request.

use std::collections::BTreeMap;

use airgate::gateway::{Step, StreamId, Wake};
use airgate::http::{Edit, Headers};
use serde_json::{Value, json};

use super::site::{ISSUER, Site, head, header, honest, sign};

pub type Cookies = BTreeMap<String, String>;

#[derive(Clone, Default)]
pub struct Browser {
    pub cookies: Cookies,
}

/// What became of a request.
#[derive(Debug)]
pub enum End {
    /// It went on: with these headers set.
    On(BTreeMap<String, String>),
    /// It was answered: status and `location`.
    Answered(u16, String),
    Waits,
}

const STREAM: StreamId = StreamId(1);

impl Browser {
    /// Types an address; the response's cookies are kept.
    pub fn goes(&mut self, site: &mut Site, path: &str) -> End {
        self.goes_to(site, path, None)
    }

    /// The same; the proxy says that it chose this backend.
    pub fn goes_to(&mut self, site: &mut Site, path: &str, backend: Option<&str>) -> End {
        let step = site.send(STREAM.0, self.says(path));
        self.hears(site, step, backend)
    }

    /// Comes back with a code, and is waited for until the provider has answered with an ID token of these claims.
    pub fn lands(&mut self, site: &mut Site, login: &BTreeMap<String, String>, claims: Value) -> End {
        let path = format!("/.airgate/callback/corp?code=c&state={}", login["state"]);
        let end = self.goes(site, &path);
        assert!(matches!(end, End::Waits), "{end:?}");
        site.tick();
        let mut claims = claims;
        claims["nonce"] = json!(login["nonce"]);
        let mut wakes = site.answer(tokens(site, &claims)).wakes;
        let Some(Wake { step, .. }) = wakes.pop() else { panic!("still waiting") };
        self.hears(site, step, None)
    }

    fn says(&self, path: &str) -> Headers {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut more: Vec<(&str, &[u8])> = vec![
            ("accept", b"text/html"),
            ("sec-fetch-mode", b"navigate"),
            ("sec-fetch-dest", b"document"),
            ("sec-fetch-site", b"none"),
        ];
        if !cookies.is_empty() {
            more.push(("cookie", cookies.as_bytes()));
        }
        head("GET", path, &more)
    }

    fn hears(&mut self, site: &mut Site, step: Step, backend: Option<&str>) -> End {
        match step {
            Step::Await => End::Waits,
            Step::Read { .. } => panic!("a page has no body"),
            Step::Reply { reply, cookies, .. } => {
                cookies.iter().for_each(|cookie| self.keeps(cookie));
                let location = reply.headers.iter().find(|(name, _)| name == "location");
                let location = location.map(|(_, value)| String::from_utf8(value.clone()).unwrap()).unwrap_or_default();
                End::Answered(reply.status, location)
            }
            Step::Forward(forward) => {
                let mut fields = vec![(":status", "200")];
                fields.extend(backend.map(|backend| ("x-airgate-pin", backend)));
                let response = || Some(Headers::from_pairs(fields));
                for edit in site.gateway.on_response(&forward.exchange, response, site.now).iter() {
                    if let Edit::Add(name, value) = edit
                        && name == b"set-cookie"
                    {
                        self.keeps(std::str::from_utf8(value).unwrap());
                    }
                }
                End::On(forward.edits.iter().filter_map(set).collect())
            }
        }
    }

    fn keeps(&mut self, set_cookie: &str) {
        let (name, value) = set_cookie.split_once(';').unwrap().0.split_once('=').unwrap();
        if value.is_empty() {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl End {
    /// Who it is to Airbyte.
    #[track_caller]
    pub fn user(&self) -> &str {
        &self.on()["x-airgate-user"]
    }

    #[track_caller]
    pub fn on(&self) -> &BTreeMap<String, String> {
        match self {
            End::On(headers) => headers,
            other => panic!("did not go on: {other:?}"),
        }
    }
}

fn set(edit: Edit<'_>) -> Option<(String, String)> {
    match edit {
        Edit::Set(name, value) | Edit::Add(name, value) => Some((text(name), text(value))),
        _ => None,
    }
}

/// What the provider's token endpoint answers.
pub fn tokens(site: &Site, claims: &Value) -> airgate::http::Answer {
    let now = site.now.seconds();
    let mut all = json!({"iss": ISSUER, "aud": "gateway", "iat": now, "exp": now + 3600, "auth_time": now});
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    let id_token = sign(1, &header(1), all.to_string().as_bytes());
    let refresh = format!("refresh-of-{}-at-{now}", all["sub"].as_str().unwrap());
    honest(&json!({"id_token": id_token, "access_token": "a", "token_type": "Bearer", "refresh_token": refresh}))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
