//! One routing rule of the user's.

use serde_json::{Map, Value};

use super::Class;
use crate::http::{PathPattern, Request};
use crate::pointer::Pointer;
use crate::settings::Section;

/// What a rule may know of whoever asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asker<'a> {
    /// The role in Airbyte; `None` on public paths.
    pub role: Option<&'a str>,
    /// The OAuth client.
    pub client: Option<&'a str>,
    /// Every claim of the token.
    pub claims: Option<&'a Map<String, Value>>,
}

/// A rule: all conditions must hold.
pub(super) struct Rule {
    host: Option<String>,
    path: Option<PathPattern>,
    method: Option<String>,
    header: Option<(String, Option<String>)>,
    role: Option<String>,
    claim: Option<(Pointer, Value)>,
    client: Option<String>,
    class: Option<Class>,
    upstream: Option<String>,
    headers: Vec<(String, String)>,
}

/// Headers that rules set, each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headings<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Headings<'a> {
    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().copied()
    }

    pub(super) fn extend(&mut self, rule: &'a Rule) {
        for (name, value) in &rule.headers {
            if !self.0.iter().any(|(set, _)| set == name) {
                self.0.push((name, value));
            }
        }
    }
}

impl Rule {
    /// Reads `{name, when: {…}, then: {…}}`.
    pub fn read(section: &Section<'_>, knows_who: bool) -> Option<Rule> {
        // For people and, later, for the record.
        section.text("name");
        let when = section.section_or_empty("when");
        let host = when.text("host").map(str::to_ascii_lowercase);
        let path = when.text("path").and_then(|text| match PathPattern::parse(text) {
            Ok(pattern) => Some(pattern),
            Err(text) => when.wrong("path", text),
        });
        let method = when.text("method").map(str::to_owned);
        let header = when.section("header").and_then(|header| named(&header, header_name));
        let header = header.map(|(name, value)| (name, value.map(str::to_owned)));
        let role = when.text("role").map(str::to_owned);
        let claim = when.section("claim").and_then(|claim| claim_condition(&claim));
        let client = when.text("client").map(str::to_owned);
        if !knows_who {
            for name in ["role", "claim", "client"].into_iter().filter(|name| when.has(name)) {
                when.mistake(name, "depends on who asks, which only airgate.wasm knows");
            }
        }
        when.finish();

        section.require("then");
        let then = section.section_or_empty("then");
        let class = then.choice("class", &Class::NAMES);
        let upstream = then.text("upstream").and_then(|name| match is_token(name) {
            true => Some(name.to_owned()),
            false => then.wrong("upstream", "expected a name of letters, digits, - and _"),
        });
        let headers = own_headers(&then);
        then.finish();
        section.finish();
        Some(Rule { host, path, method, header, role, claim, client, class, upstream, headers })
    }

    /// Whether every condition holds. A condition on something that the request
    /// or the caller does not have does not hold.
    pub fn matches(&self, request: &Request, asker: &Asker<'_>) -> bool {
        fn holds<T>(condition: Option<T>, test: impl FnOnce(T) -> bool) -> bool {
            condition.is_none_or(test)
        }
        holds(self.host.as_deref(), |host| request.host().eq_ignore_ascii_case(host))
            && holds(self.path.as_ref(), |path| path.matches(request.target().matched()))
            && holds(self.method.as_deref(), |method| request.method() == method)
            && holds(self.role.as_deref(), |role| asker.role == Some(role))
            && holds(self.client.as_deref(), |client| asker.client == Some(client))
            && holds(self.header.as_ref(), |(name, value)| {
                request.headers().all(name).any(|found| value.as_ref().is_none_or(|value| found == value.as_bytes()))
            })
            && holds(self.claim.as_ref(), |(pointer, value)| {
                asker.claims.and_then(|claims| pointer.find(claims)).is_some_and(|found| is_or_has(found, value))
            })
    }

    /// The claim that the rule looks at.
    pub fn claim(&self) -> Option<&Pointer> {
        self.claim.as_ref().map(|(pointer, _)| pointer)
    }

    pub fn class(&self) -> Option<Class> {
        self.class
    }

    pub fn upstream(&self) -> Option<&str> {
        self.upstream.as_deref()
    }
}

/// `{name, equals}`; without `equals` presence is enough.
fn named<'a>(
    section: &Section<'a>,
    check: impl Fn(&str) -> Result<String, &'static str>,
) -> Option<(String, Option<&'a str>)> {
    let name = section.required_text("name");
    let equals = section.text("equals");
    section.finish();
    match check(name?) {
        Ok(name) => Some((name, equals)),
        Err(text) => section.wrong("name", text),
    }
}

/// `{pointer, equals}`: a claim that is, or a list that holds, the value.
fn claim_condition(section: &Section<'_>) -> Option<(Pointer, Value)> {
    let pointer = section.required_text("pointer");
    section.require("equals");
    let value = section.get("equals");
    section.finish();
    let (pointer, value) = (pointer?, value?);
    let pointer = match Pointer::parse(pointer) {
        Ok(pointer) => pointer,
        Err(text) => return section.wrong("pointer", text),
    };
    if value.is_array() || value.is_object() {
        return section.wrong("equals", "expected a text, a number, true or false");
    }
    Some((pointer, value.clone()))
}

fn is_or_has(found: &Value, value: &Value) -> bool {
    found == value || found.as_array().is_some_and(|list| list.contains(value))
}

fn own_headers(then: &Section<'_>) -> Vec<(String, String)> {
    let read = |(place, name, value): (String, &str, &Value)| {
        let name = match header_name(name) {
            Ok(name) if !name.starts_with("x-airgate-") => name,
            Ok(_) => return then.wrong(&place, "x-airgate- headers are the gateway's own"),
            Err(text) => return then.wrong(&place, text),
        };
        match value.as_str() {
            Some(text) if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) => Some((name, text.to_owned())),
            _ => then.wrong(&place, "expected a text of printable ASCII characters"),
        }
    };
    then.pairs("headers").into_iter().filter_map(read).collect()
}

fn header_name(name: &str) -> Result<String, &'static str> {
    let name = name.to_ascii_lowercase();
    // A field name is a token (RFC 9110 section 5.1), as a method is.
    match http::Method::from_bytes(name.as_bytes()) {
        Err(_) => Err("not a header name"),
        Ok(_) if name.contains('_') => Err("underscores in header names are refused by the proxy; use dashes"),
        Ok(_) if FRAMING.contains(&name.as_str()) => Err("this header belongs to the proxy"),
        Ok(_) => Ok(name),
    }
}

/// What a rule must not touch: framing, routing and credentials.
const FRAMING: [&str; 9] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "upgrade",
    "cookie",
    "authorization",
    "proxy-authorization",
];

fn is_token(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
