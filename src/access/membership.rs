//! Who is in which of the groups that the policy names.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::words::read_words;
use super::{Fit, Note, Trace, Vouchers};
use crate::caller::{Caller, Groups};
use crate::settings::Section;

/// Every group that the policy names, each with its number, so that a caller's
/// groups are looked at once for all entries and rules.
#[derive(Default)]
pub(super) struct GroupNames {
    names: Vec<Rc<str>>,
    /// The number behind each name: a JSON object, since the module has the code
    /// for those anyway.
    numbers: Map<String, Value>,
    by_email: Vec<Listed>,
}

/// An entry of `access.groups`.
struct Listed {
    group: usize,
    provider: Option<String>,
    /// In small letters.
    emails: Map<String, Value>,
}

/// A caller's part in the groups that the policy names.
pub(super) struct Member {
    groups: Vec<bool>,
    /// Whether those are all: the token lists the caller's groups.
    complete: bool,
}

impl GroupNames {
    /// Reads `groups`.
    pub fn read(access: &Section<'_>, vouchers: &Vouchers<'_>) -> GroupNames {
        let mut names = GroupNames::default();
        for section in access.sections("groups") {
            let listed = names.listed(&section, vouchers);
            names.by_email.extend(listed);
        }
        names
    }

    fn listed(&mut self, section: &Section<'_>, vouchers: &Vouchers<'_>) -> Option<Listed> {
        let group = section.required_text("group");
        let provider = section.text("provider");
        if let Some(name) = provider {
            vouchers.check(section, "provider", name);
        }
        if vouchers.several && !section.has("provider") {
            section.mistake("provider", "must be written where there are several: each may vouch for any address");
        }
        section.require("emails");
        let mut emails = Map::new();
        for email in read_words(section, "emails") {
            match email.split_once('@') {
                Some((name, domain)) if !name.is_empty() && !domain.is_empty() && !domain.contains('@') => {
                    emails.insert(email.to_ascii_lowercase(), Value::Null);
                }
                _ => section.mistake("emails", "expected addresses such as ana@example.com"),
            }
        }
        section.finish();
        Some(Listed { group: self.number(group?), provider: provider.map(str::to_owned), emails })
    }

    /// The number of a group, which from now on is one that the policy names.
    pub fn number(&mut self, name: &str) -> usize {
        match self.find(name) {
            Some(number) => number,
            None => {
                let number = self.names.len();
                self.names.push(name.into());
                self.numbers.insert(name.to_owned(), number.into());
                number
            }
        }
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.numbers.get(name)?.as_u64().and_then(|number| usize::try_from(number).ok())
    }

    /// What a caller is in.
    pub fn of(&self, caller: &Caller, trace: &mut impl Trace) -> Member {
        let mut member = Member { groups: vec![false; self.names.len()], complete: caller.groups != Groups::Unknown };
        if self.names.is_empty() {
            return member;
        }
        if let Groups::Known(list) = &caller.groups {
            for name in list {
                if let Some(place) = self.find(name).and_then(|number| member.groups.get_mut(number)) {
                    *place = true;
                    trace.note(Note::Group { name, by_email: false });
                }
            }
        }
        if let (false, true, Some(email)) = (self.by_email.is_empty(), caller.email_verified, &caller.email) {
            let email = email.to_ascii_lowercase();
            for listed in &self.by_email {
                let vouched = listed.provider.as_ref().is_none_or(|provider| *provider == caller.provider);
                if let (true, Some(place)) =
                    (vouched && listed.emails.contains_key(&email), member.groups.get_mut(listed.group))
                {
                    *place = true;
                    if let Some(name) = self.names.get(listed.group) {
                        trace.note(Note::Group { name, by_email: true });
                    }
                }
            }
        }
        member
    }

    /// The names of what a caller is in.
    pub fn names(&self, member: &Member) -> Vec<Rc<str>> {
        let mut names = Vec::new();
        for (name, _) in self.names.iter().zip(&member.groups).filter(|(_, is_in)| **is_in) {
            names.push(Rc::clone(name));
        }
        names
    }
}

impl Member {
    /// Whether the caller is in any of these groups.
    pub fn of_any(&self, groups: &[usize]) -> Fit {
        match groups.iter().any(|group| self.groups.get(*group) == Some(&true)) {
            true => Fit::Yes,
            false if self.complete => Fit::No("group"),
            false => Fit::PerhapsByGroup,
        }
    }
}
