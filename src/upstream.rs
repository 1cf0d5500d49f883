//! What Airbyte is told about a request, and what it is not.

mod own_login;
mod token;

use std::borrow::Cow;

use crate::caller::{Caller, Groups};
use crate::http::{
    Answer, Call, CallId, CallIds, Edits, Headers, Request, Stripped, cookies_without, set_cookies_without,
};
use crate::settings::Section;
use crate::time::Time;

pub(crate) use own_login::OwnLogin;
pub(crate) use token::AirbyteToken;

/// Everything of this name is the gateway's, with `x-` before it.
const OURS: &[u8] = b"airgate-";

/// Cookies of this name are the gateway's, whatever the configuration says.
const OUR_COOKIES: [&[u8]; 2] = [b"__Host-airgate-", b"__Secure-airgate-"];

/// The longest list of groups that is passed on, in bytes: Airbyte reads 32 KiB
/// of headers in all. A longer one is left out, since half a list is a lie.
const MAX_GROUPS: usize = 4096;

/// What the proxy writes in its own spelling, but for the `x-` before it; in
/// another one, such as with underscores, it is a client's imitation, which some
/// servers would take for it.
const THE_PROXYS: [&str; 4] = ["forwarded-", "envoy-", "real-ip", "request-id"];

/// The only headers of Airbyte's own that a client may send, but for the `x-`
/// before each. Airbyte authorized by others until 2026-06-10, and no list of
/// those would name the ones that it reads next.
const AIRBYTES: [&str; 2] = ["airbyte-analytic-source", "airbyte-version"];

/// Headers that a client must never be able to say, but for the `x-` before each
/// and sorted for the search: they change what path, method or client a server
/// believes in.
const FORBIDDEN: [&str; 11] = [
    "envoy-original-path",
    "forwarded-path",
    "forwarded-prefix",
    "forwarded-server",
    "forwarded-uri",
    "http-method",
    "http-method-override",
    "method-override",
    "original-uri",
    "original-url",
    "rewrite-url",
];

/// What becomes of the client's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Airbyte's own login is off; it sees no credentials.
    None,
    /// `Authorization` is between client and Airbyte; the gateway's token comes
    /// in `Proxy-Authorization`.
    Pass,
    /// Airbyte's own login is on, and the gateway holds a token for it.
    Token,
}

/// A fact about a request that Airbyte may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    User,
    Email,
    Name,
    Groups,
    Role,
    Client,
    Auth,
    RequestId,
}

impl Fact {
    const NAMES: [(&'static str, Fact); 8] = [
        ("user", Fact::User),
        ("email", Fact::Email),
        ("name", Fact::Name),
        ("groups", Fact::Groups),
        ("role", Fact::Role),
        ("client", Fact::Client),
        ("auth", Fact::Auth),
        ("request-id", Fact::RequestId),
    ];

    /// Reads `identity_headers`.
    fn read(section: &Section<'_>) -> Vec<Fact> {
        let mut facts = Fact::NAMES.map(|(_, fact)| fact).to_vec();
        if section.has("identity_headers") {
            let names = section.texts("identity_headers").into_iter().enumerate();
            let find = |(index, name): (usize, &str)| {
                let place = format!("identity_headers[{index}]");
                let fact = Fact::NAMES.iter().find(|(word, _)| *word == name).map(|(_, fact)| *fact);
                fact.or_else(|| {
                    section.wrong(&place, "expected user, email, name, groups, role, client, auth or request-id")
                })
            };
            facts = Vec::new();
            for fact in names.filter_map(find) {
                if !facts.contains(&fact) {
                    facts.push(fact);
                }
            }
        }
        facts
    }

    fn header(self) -> &'static str {
        match self {
            Fact::User => "x-airgate-user",
            Fact::Email => "x-airgate-email",
            Fact::Name => "x-airgate-name",
            Fact::Groups => "x-airgate-groups",
            Fact::Role => "x-airgate-role",
            Fact::Client => "x-airgate-client",
            Fact::Auth => "x-airgate-auth",
            Fact::RequestId => "x-airgate-request-id",
        }
    }
}

/// The settings for the way to Airbyte.
pub(crate) struct Upstream {
    mode: Mode,
    facts: Vec<Fact>,
    authority: String,
    /// Airbyte's token, in the mode that has one; the gateway makes its calls.
    token: Option<AirbyteToken>,
}

/// What is stamped on a request besides its route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp<'a> {
    pub caller: Option<&'a Caller>,
    /// How the caller is known.
    pub auth: Option<&'static str>,
    pub role: Option<&'static str>,
    pub request_id: &'a str,
}

impl Upstream {
    /// Reads `upstream`. `authority` is the host of `external_url`.
    pub fn read(root: &Section<'_>, authority: &str) -> Upstream {
        let section = root.section_or_empty("upstream");
        let modes = [("none", Mode::None), ("pass", Mode::Pass), ("token", Mode::Token)];
        let mode = section.choice("mode", &modes).unwrap_or(Mode::None);
        let token = if mode == Mode::Token { AirbyteToken::read(&section) } else { None };
        let facts = Fact::read(&section);
        section.finish();
        Upstream { mode, facts, authority: authority.to_owned(), token }
    }

    /// Reads `upstream` where only tokens are looked at: nobody has a role.
    pub fn read_for_tokens(root: &Section<'_>) -> Upstream {
        let section = root.section_or_empty("upstream");
        let facts = Fact::read(&section);
        if section.has("identity_headers") && facts.contains(&Fact::Role) {
            section.mistake("identity_headers", "role: nobody has one without a policy, which only airgate.wasm has");
        }
        section.finish();
        Upstream { mode: Mode::None, facts, authority: String::new(), token: None }
    }

    /// The header in which clients bring the gateway's token.
    pub fn credentials_header(&self) -> &'static str {
        match self.mode {
            Mode::None | Mode::Token => "authorization",
            Mode::Pass => "proxy-authorization",
        }
    }

    /// Takes out what the client must not say and what is none of Airbyte's
    /// business. `cookie` is the affinity cookie's name.
    pub fn strip(&self, headers: &Headers, cookie: Option<&str>) -> Stripped {
        let mut stripped = self.strip_headers(headers, |name| name.starts_with(OURS));
        cookies_without(headers, |name| self.is_ours(name, cookie)).note(stripped.edits());
        stripped
    }

    /// Whether a cookie is none of what client and Airbyte say to each other: the
    /// gateway's, of which `cookie` is the affinity cookie's name, or that of
    /// Airbyte's own login where the gateway's token takes its place.
    fn is_ours(&self, name: &[u8], cookie: Option<&str>) -> bool {
        cookie.is_some_and(|cookie| name == cookie.as_bytes())
            || (self.mode == Mode::Token && own_login::is_its_cookie(name))
            || OUR_COOKIES
                .iter()
                .any(|prefix| name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix)))
    }

    /// The same where only tokens are looked at: what other filters say of the
    /// request stays, and so do all cookies.
    pub fn strip_for_tokens(&self, headers: &Headers) -> Stripped {
        let is_fact = |name: &[u8]| {
            Fact::NAMES
                .iter()
                .any(|(_, fact)| fact.header().as_bytes().strip_prefix(b"x-").is_some_and(|own| own == name))
        };
        self.strip_headers(headers, is_fact)
    }

    /// `is_ours` is asked for names that begin with `x-`, without that.
    fn strip_headers(&self, headers: &Headers, is_ours: impl Fn(&[u8]) -> bool) -> Stripped {
        Stripped::new(headers, |sent| {
            let name = plain(sent);
            let imitates = || !sent.eq_ignore_ascii_case(&name);
            match name.strip_prefix(b"x-") {
                Some(rest) if rest.starts_with(b"airbyte-") => {
                    imitates() || !AIRBYTES.iter().any(|word| word.as_bytes() == rest)
                }
                Some(rest) => {
                    is_ours(rest)
                        || (THE_PROXYS.iter().any(|word| rest.starts_with(word.as_bytes())) && imitates())
                        || FORBIDDEN.binary_search_by(|word| word.as_bytes().cmp(rest)).is_ok()
                }
                None => match &*name {
                    b"authorization" => self.mode != Mode::Pass,
                    other => matches!(other, b"forwarded" | b"proxy-authorization"),
                },
            }
        })
    }

    /// Puts Airbyte's token on a request, after [`Upstream::strip`]. `false`:
    /// there should be one, and is none now.
    pub fn authorize(&self, edits: &mut Edits, now: Time) -> bool {
        if self.mode != Mode::Token {
            return true;
        }
        let token = self.token.as_ref().and_then(|token| token.token(now));
        if let Some(token) = token {
            edits.set("authorization", ["Bearer ", token].concat());
        }
        token.is_some()
    }

    /// What a request asks of Airbyte's own login, where the gateway's token
    /// takes its place.
    pub fn own_login(&self, request: &Request) -> Option<OwnLogin> {
        if self.mode == Mode::Token { OwnLogin::read(request) } else { None }
    }

    /// Takes out of a response what Airbyte must not say: the gateway's cookies
    /// and headers, and the cookies of Airbyte's own login where it is not used. To
    /// be done before cookies are added. `cookie` is the affinity cookie's name.
    /// Airbyte's refusal of our token renews it, and repeats nothing.
    pub fn on_response(&mut self, headers: &Headers, cookie: Option<&str>, now: Time, edits: &mut Edits) {
        set_cookies_without(headers, |name| self.is_ours(name, cookie), edits);
        let ours = |name: &[u8]| plain(name).strip_prefix(b"x-").is_some_and(|rest| rest.starts_with(OURS));
        headers.iter().filter(|(name, _)| ours(name)).for_each(|(name, _)| edits.remove(name));
        if let Some(token) = &mut self.token
            && headers.first(":status") == Some(b"401")
        {
            token.refused(now);
        }
    }

    /// Asks for Airbyte's token when it is time.
    pub fn tick(&mut self, ids: &mut CallIds, now: Time) -> Option<Call> {
        self.token.as_mut()?.tick(ids, now)
    }

    /// Takes the answer to a call; anything unexpected is dropped. Whether
    /// requests that wait should ask again.
    pub fn answer(&mut self, id: CallId, answer: &Answer, now: Time) -> bool {
        self.token.as_mut().is_some_and(|token| token.answer(id, answer, now))
    }

    /// Says what the gateway knows. `headers` are the client's, so that what is right already is not
    /// written again.
    pub fn stamp(&self, headers: &Headers, stamp: &Stamp<'_>, stripped: &mut Stripped) {
        self.stamp_facts(stamp, stripped);
        // Airbyte builds links from both.
        for (name, value) in [("x-forwarded-host", self.authority.as_str()), ("x-forwarded-proto", "https")] {
            let mut sent = headers.all(name);
            if sent.next() != Some(value.as_bytes()) || sent.next().is_some() {
                stripped.edits().set(name, value);
            }
        }
    }

    /// Says who asks.
    pub fn stamp_facts(&self, stamp: &Stamp<'_>, stripped: &mut Stripped) {
        for fact in &self.facts {
            if let Some(value) = stamp.value(*fact) {
                stripped.add(fact.header(), value.as_bytes());
            }
        }
    }
}

impl Stamp<'_> {
    fn value(&self, fact: Fact) -> Option<Cow<'_, str>> {
        Some(match fact {
            Fact::Role => self.role?.into(),
            Fact::Auth => self.auth?.into(),
            Fact::RequestId => self.request_id.into(),
            Fact::User => encoded(&self.caller?.user),
            Fact::Email => encoded(self.caller?.email.as_deref()?),
            Fact::Name => encoded(self.caller?.name.as_deref()?),
            Fact::Groups => groups(&self.caller?.groups)?.into(),
            Fact::Client => encoded(self.caller?.client.as_deref()?),
        })
    }
}

/// Returns a header name in the one spelling in which it is judged: small letters,
/// digits and dashes. Some servers take an underscore for a dash, and those that
/// hand headers on as variables take everything else for one too (RFC 3875
/// section 4.1.18).
pub(crate) fn plain(name: &[u8]) -> Cow<'_, [u8]> {
    match name.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b':')) {
        true => Cow::Borrowed(name),
        false => {
            let spell = |byte: &u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
            name.iter().map(spell).collect()
        }
    }
}

fn groups(groups: &Groups) -> Option<String> {
    let Groups::Known(list) = groups else {
        return None;
    };
    let mut joined = String::new();
    for group in list {
        if !joined.is_empty() {
            joined.push(',');
        }
        // The comma separates, so one inside a name is encoded.
        for (place, part) in encoded(group).split(',').enumerate() {
            joined.push_str(if place > 0 { "%2C" } else { "" });
            joined.push_str(part);
        }
        if joined.len() > MAX_GROUPS {
            return None;
        }
    }
    Some(joined)
}

/// A header field carries ASCII only (RFC 9110 section 5.5), so everything else
/// is percent-encoded, and with it the percent sign.
fn encoded(text: &str) -> Cow<'_, str> {
    let plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'%';
    if text.bytes().all(plain) {
        return text.into();
    }
    let mut encoded = String::with_capacity(text.len().saturating_mul(3));
    for byte in text.bytes() {
        match plain(byte) {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded.into()
}

#[cfg(test)]
mod tests;
