//! Who has which role.

use super::membership::GroupNames;
use super::who::{Asking, Who};
use super::{Fit, Note, Role, Trace, Vouchers};
use crate::pointer::Pointer;
use crate::settings::Section;

/// `access.roles` and `access.default_role`.
pub(super) struct Grants {
    list: Vec<Grant>,
    default: Option<Role>,
}

/// One entry of `access.roles`.
struct Grant {
    role: Role,
    who: Who,
}

/// What a caller is, as far as it can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The role that the caller has for certain.
    pub role: Option<Role>,
    /// The highest that it may be, were the caller's groups known.
    pub highest: Option<Role>,
    /// Whether no entry has anything to do with it.
    pub is_default: bool,
}

impl Grants {
    /// Reads `roles` and `default_role`.
    pub fn read(access: &Section<'_>, names: &mut GroupNames, vouchers: &Vouchers<'_>) -> Option<Grants> {
        access.require("default_role");
        let mut words = vec![("none", None)];
        words.extend(Role::NAMES.map(|(name, role)| (name, Some(role))));
        let default = access.choice("default_role", &words);
        let mut list = Vec::new();
        for section in access.sections("roles") {
            list.extend(Grant::read(&section, names, vouchers));
        }
        Some(Grants { list, default: default? })
    }

    /// The claims that entries look at.
    pub fn claims(&self) -> impl Iterator<Item = &Pointer> {
        self.list.iter().filter_map(|grant| grant.who.claim())
    }

    /// The highest role of all entries about the caller; without any, the
    /// default.
    pub fn standing(&self, asking: &Asking<'_>, trace: &mut impl Trace) -> Standing {
        let (mut certain, mut perhaps): (Option<Role>, Option<(Role, Role)>) = (None, None);
        for (index, grant) in self.list.iter().enumerate() {
            let who = grant.who.fit(asking);
            trace.note(Note::Grant { index, role: grant.role, who });
            match who {
                Fit::Yes => certain = certain.max(Some(grant.role)),
                Fit::No(_) => {}
                Fit::PerhapsByGroup => {
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
    fn read(section: &Section<'_>, names: &mut GroupNames, vouchers: &Vouchers<'_>) -> Option<Grant> {
        section.require("role");
        let role = section.choice("role", &Role::NAMES);
        let who = Who::read(section, names, vouchers);
        section.finish();
        if !Who::is_written(section) {
            let mistake = "is for whom? Write claim, group, client, provider, user or email_domain beside it";
            section.mistake("role", mistake);
        }
        Some(Grant { role: role?, who })
    }
}

#[cfg(test)]
mod tests;
