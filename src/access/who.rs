//! Whom an entry of the policy is about.

use super::claim::ClaimTest;
use super::glob::Glob;
use super::grant::Standing;
use super::membership::{GroupNames, Member};
use super::words::{globs, owned, quoted, read_words};
use super::{Fit, Role, Vouchers};
use crate::caller::{Auth, Caller};
use crate::pointer::Pointer;
use crate::settings::Section;

/// Conditions on a caller. All must hold; of the words of each, any will do.
#[derive(Default)]
pub(super) struct Who {
    roles: Vec<Role>,
    auth: Option<Auth>,
    claim: Option<ClaimTest>,
    groups: Vec<usize>,
    clients: Vec<Glob>,
    providers: Vec<String>,
    users: Vec<String>,
    email_domains: Vec<String>,
}

/// Somebody who asks, and what is known of them.
pub(super) struct Asking<'a> {
    pub caller: &'a Caller,
    pub auth: Auth,
    pub member: Member,
    pub standing: Standing,
}

/// What makes a [`Who`] be about somebody.
const FIELDS: [&str; 6] = ["claim", "group", "client", "provider", "user", "email_domain"];

impl Who {
    /// Reads the conditions of an entry that also says what it does; the caller
    /// reads that and closes the section.
    pub fn read(section: &Section<'_>, names: &mut GroupNames, vouchers: &Vouchers<'_>) -> Who {
        let providers = read_words(section, "provider");
        for name in &providers {
            vouchers.check(section, "provider", name);
        }
        let email_domains = read_words(section, "email_domain");
        for domain in email_domains.iter().filter(|domain| domain.contains('@')) {
            section.mistake("email_domain", quoted(domain, "expected what follows the @"));
        }
        Who {
            roles: Vec::new(),
            auth: None,
            claim: ClaimTest::read(section),
            groups: read_words(section, "group").into_iter().map(|name| names.number(name)).collect(),
            clients: globs(read_words(section, "client")),
            providers: owned(providers),
            users: owned(read_words(section, "user")),
            email_domains: owned(email_domains),
        }
    }

    /// Reads a section that holds nothing else; there `role` and `auth` are
    /// conditions, too.
    pub fn read_alone(section: &Section<'_>, names: &mut GroupNames, vouchers: &Vouchers<'_>) -> Who {
        let mut who = Who::read(section, names, vouchers);
        who.auth = section.choice("auth", &Auth::NAMES);
        for word in read_words(section, "role") {
            match Role::NAMES.iter().find(|(name, _)| *name == word) {
                Some((_, role)) => who.roles.push(*role),
                None => section.mistake("role", "expected one of: reader, runner, editor, admin"),
            }
        }
        section.finish();
        if !Who::is_written(section) && !section.has("role") && !section.has("auth") {
            section.mistake(
                "role",
                "is about whom? Write role, auth, claim, group, client, provider, user or email_domain",
            );
        }
        who
    }

    /// Whether a section has any of the conditions.
    pub fn is_written(section: &Section<'_>) -> bool {
        FIELDS.iter().any(|name| section.has(name))
    }

    /// The claim that it looks at.
    pub fn claim(&self) -> Option<&Pointer> {
        self.claim.as_ref().map(ClaimTest::pointer)
    }

    /// Whether it is about somebody; what costs least is asked first.
    pub fn fit(&self, asking: &Asking<'_>) -> Fit {
        let caller = asking.caller;
        let any = |words: &[String], word: &str| words.is_empty() || words.iter().any(|known| known == word);
        let client = || caller.client.as_ref().is_some_and(|id| self.clients.iter().any(|glob| glob.matches(id)));
        match () {
            () if !any(&self.providers, &caller.provider) => Fit::No("provider"),
            () if self.auth.is_some_and(|auth| auth != asking.auth) => Fit::No("auth"),
            () if !any(&self.users, &caller.user) => Fit::No("user"),
            () if !self.clients.is_empty() && !client() => Fit::No("client"),
            () if !self.is_of_domain(caller) => Fit::No("email_domain"),
            () if self.claim.as_ref().is_some_and(|claim| !claim.holds(caller)) => Fit::No("claim"),
            () => match self.role_fit(&asking.standing) {
                Fit::No(word) => Fit::No(word),
                role if self.groups.is_empty() => role,
                role => match asking.member.of_any(&self.groups) {
                    Fit::Yes => role,
                    other => other,
                },
            },
        }
    }

    /// Only what the provider vouches for counts.
    fn is_of_domain(&self, caller: &Caller) -> bool {
        let domain =
            || caller.email.as_ref().filter(|_| caller.email_verified)?.split_once('@').map(|(_, domain)| domain);
        self.email_domains.is_empty()
            || domain().is_some_and(|domain| self.email_domains.iter().any(|known| known.eq_ignore_ascii_case(domain)))
    }

    fn role_fit(&self, standing: &Standing) -> Fit {
        let (low, high) = (standing.role, standing.highest);
        let between = |role: &Role| low <= Some(*role) && Some(*role) <= high;
        match self.roles.is_empty() || self.roles.iter().any(between) {
            false => Fit::No("role"),
            true if self.roles.is_empty() || low == high => Fit::Yes,
            true => Fit::PerhapsByGroup,
        }
    }
}
