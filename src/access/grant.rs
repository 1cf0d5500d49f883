//! Who has which role.

use serde_json::Value;

use super::Role;
use super::glob::Glob;
use crate::caller::{Caller, Groups};
use crate::pointer::Pointer;
use crate::settings::Section;

/// `access.roles` and `access.default_role`.
pub(super) struct Grants {
    list: Vec<Grant>,
    default: Option<Role>,
}

/// One entry of `access.roles`: all its conditions must hold.
struct Grant {
    role: Role,
    claim: Option<(Pointer, Test)>,
    group: Option<String>,
    client: Option<Glob>,
    provider: Option<String>,
}

/// What a claim must be. Values are compared with their type.
enum Test {
    OneOf(Vec<Value>),
    /// A list that holds the value.
    Contains(Value),
    /// A text that begins so.
    Prefix(String),
}

/// What a caller is, as far as it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The role that the caller has for certain.
    pub role: Option<Role>,
    /// The highest that it may be, were the caller's groups known.
    pub highest: Option<Role>,
    /// Whether no entry has anything to do with it.
    pub is_default: bool,
}

/// Whether an entry is about a caller.
enum Match {
    Yes,
    No,
    /// It would be in one group, and the caller's groups are not known.
    PerhapsByGroup,
}

impl Grants {
    /// Reads `roles` and `default_role`.
    pub fn read(access: &Section<'_>) -> Option<Grants> {
        access.require("default_role");
        let mut words = vec![("none", None)];
        words.extend(Role::NAMES.map(|(name, role)| (name, Some(role))));
        let default = access.choice("default_role", &words);
        let list = access.sections("roles").iter().filter_map(Grant::read).collect();
        Some(Grants { list, default: default? })
    }

    /// The claims that entries look at.
    pub fn claims(&self) -> impl Iterator<Item = &Pointer> {
        self.list.iter().filter_map(|grant| grant.claim.as_ref()).map(|(pointer, _)| pointer)
    }

    /// The providers that entries name, each with its place.
    pub fn providers(&self) -> impl Iterator<Item = (usize, &str)> {
        self.list.iter().enumerate().filter_map(|(index, grant)| Some((index, grant.provider.as_deref()?)))
    }

    /// The highest role of all entries about the caller; without any, the
    /// default.
    pub fn standing(&self, caller: &Caller) -> Standing {
        let (mut certain, mut perhaps): (Option<Role>, Option<(Role, Role)>) = (None, None);
        for grant in &self.list {
            match grant.matches(caller) {
                Match::Yes => certain = certain.max(Some(grant.role)),
                Match::No => {}
                Match::PerhapsByGroup => {
                    let (low, high) = perhaps.unwrap_or((grant.role, grant.role));
                    perhaps = Some((low.min(grant.role), high.max(grant.role)));
                }
            }
        }
        let base = certain.or(self.default);
        let Some((low, high)) = perhaps else {
            return Standing { role: base, highest: base, is_default: certain.is_none() };
        };
        // Whoever is in a group has the group's role instead of the default one,
        // and that may be lower.
        let role = if certain.is_some() { certain } else { self.default.min(Some(low)) };
        Standing { role, highest: base.max(Some(high)), is_default: false }
    }
}

impl Grant {
    fn read(section: &Section<'_>) -> Option<Grant> {
        section.require("role");
        let role = section.choice("role", &Role::NAMES);
        let claim = read_claim(section);
        let group = section.text("group").map(str::to_owned);
        let client = section.text("client").map(Glob::new);
        let provider = section.text("provider").map(str::to_owned);
        section.finish();
        if !["claim", "group", "client", "provider"].iter().any(|name| section.has(name)) {
            section.mistake("role", "is for whom? Write claim, group, client or provider beside it");
        }
        Some(Grant { role: role?, claim, group, client, provider })
    }

    fn matches(&self, caller: &Caller) -> Match {
        let provider = self.provider.as_ref().is_none_or(|name| *name == caller.provider);
        let client = self.client.as_ref().is_none_or(|glob| caller.client.as_ref().is_some_and(|id| glob.matches(id)));
        let claim = self.claim.as_ref();
        let claim = claim.is_none_or(|(pointer, test)| pointer.find(&caller.claims).is_some_and(|it| test.holds(it)));
        match &self.group {
            _ if !(provider && client && claim) => Match::No,
            Some(_) if caller.groups == Groups::Unknown => Match::PerhapsByGroup,
            Some(group) if !caller.groups.contains(group) => Match::No,
            _ => Match::Yes,
        }
    }
}

impl Test {
    fn holds(&self, claim: &Value) -> bool {
        match self {
            Test::OneOf(values) => values.contains(claim),
            Test::Contains(value) => claim.as_array().is_some_and(|list| list.contains(value)),
            Test::Prefix(prefix) => claim.as_str().is_some_and(|text| text.starts_with(prefix.as_str())),
        }
    }
}

/// `claim` and exactly one of `equals`, `one_of`, `contains` and `prefix`.
fn read_claim(section: &Section<'_>) -> Option<(Pointer, Test)> {
    let equals = section.get("equals").and_then(|value| Some(Test::OneOf(vec![plain(section, "equals", value)?])));
    let one_of = section.get("one_of").and_then(|value| match value.as_array() {
        Some(list) if !list.is_empty() => {
            let values: Option<Vec<Value>> = list.iter().map(|value| plain(section, "one_of", value)).collect();
            Some(Test::OneOf(values?))
        }
        _ => section.wrong("one_of", "expected a list of values"),
    });
    let contains = section.get("contains").and_then(|value| Some(Test::Contains(plain(section, "contains", value)?)));
    let prefix = section.text("prefix").map(|text| Test::Prefix(text.to_owned()));
    let written = ["equals", "one_of", "contains", "prefix"].iter().filter(|name| section.has(name)).count();
    match (section.has("claim"), written) {
        (false, 0) => return None,
        (false, _) => {
            return section.wrong("claim", "must be written: equals, one_of, contains and prefix are about it");
        }
        (true, 1) => {}
        (true, _) => return section.wrong("claim", "needs exactly one of equals, one_of, contains and prefix"),
    }
    match Pointer::parse(section.text("claim")?) {
        Ok(pointer) => Some((pointer, equals.or(one_of).or(contains).or(prefix)?)),
        Err(text) => section.wrong("claim", text),
    }
}

fn plain(section: &Section<'_>, name: &str, value: &Value) -> Option<Value> {
    if value.is_string() || value.is_number() || value.is_boolean() {
        return Some(value.clone());
    }
    section.wrong(name, "expected a text, a number, true or false")
}

#[cfg(test)]
mod tests;
