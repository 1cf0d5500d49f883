//! May they? Who gets a permit, and for what.

mod amendment;
mod body;
mod glob;
mod grant;
mod operation;
mod permit;
mod role;

pub use body::BodyQuestion;
pub use operation::{Effect, Operation, Operations};
pub use permit::{Permit, PermitReason};
pub use role::{Needs, Role};

use crate::caller::Caller;
use crate::http::{PathPattern, Request};
use crate::pointer::Pointer;
use crate::settings::Section;
use amendment::Amendment;
use grant::Grants;

/// For remote data planes with tokens of their own, and for Airbyte's inside:
/// no user has business there.
const CLOSED: [&str; 3] = ["/api/v1/dataplanes/**", "/api/v1/workload/**", "/api/v1/workload_output/**"];

/// Airbyte's own login, which its list leaves out. The password or token in the
/// request decides there.
const OWN_LOGIN: [&str; 3] = ["/api/login", "/api/logout", "/api/oauth/access_token"];

/// The policy.
pub struct Access {
    operations: Operations,
    amendments: Vec<Amendment>,
    public: Vec<PathPattern>,
    closed: Vec<PathPattern>,
    open: Vec<PathPattern>,
    grants: Grants,
}

/// Why somebody who is known gets no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// It is for Airbyte's own data planes and is not opened by `access.open`.
    Closed,
    /// The caller has no role at all.
    NoRole {
        /// The least that would do.
        needed: Role,
    },
    /// The caller's role is too low.
    LowRole {
        /// The least that would do.
        needed: Role,
        /// What the caller is.
        role: Role,
    },
    /// A group might give the caller the role, but the token does not list the
    /// groups.
    GroupsOverage {
        /// The least that would do.
        needed: Role,
    },
}

impl Denial {
    /// The reason in the record.
    pub fn reason(self) -> &'static str {
        match self {
            Denial::Closed => "closed",
            Denial::NoRole { .. } => "no_role",
            Denial::LowRole { .. } => "low_role",
            Denial::GroupsOverage { .. } => "groups_overage",
        }
    }

    /// The role that is missing.
    pub fn needed(self) -> Option<Role> {
        match self {
            Denial::Closed => None,
            Denial::NoRole { needed } | Denial::LowRole { needed, .. } | Denial::GroupsOverage { needed } => {
                Some(needed)
            }
        }
    }
}

impl Access {
    /// Reads `public` and `access`.
    pub(crate) fn read(root: &Section<'_>) -> Option<Access> {
        let public = patterns(root, "public");
        root.require("access")?;
        let section = root.section("access")?;
        let grants = Grants::read(&section);
        let amendments = section.sections("operations").iter().filter_map(Amendment::read).collect();
        let open = patterns(&section, "open");
        section.finish();
        let closed = CLOSED.iter().filter_map(|text| PathPattern::parse(text).ok()).collect();
        Some(Access { operations: Operations::builtin(), amendments, public, closed, open, grants: grants? })
    }

    /// The claims that roles depend on.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &Pointer> {
        self.grants.claims()
    }

    /// The providers that roles depend on, each with its place in the list.
    pub(crate) fn providers(&self) -> impl Iterator<Item = (usize, &str)> {
        self.grants.providers()
    }

    /// What is asked of Airbyte; `None` for pages, files and operations that
    /// neither Airbyte's list nor the configuration has. HEAD asks what GET asks.
    pub fn operation(&self, request: &Request) -> Option<Operation> {
        let method = if request.method() == "HEAD" { "GET" } else { request.method() };
        let listed = self.operations.find(method, request.target().matched()).cloned();
        match self.amendments.iter().find(|amendment| amendment.covers(method, request)) {
            Some(amendment) => Some(amendment.amend(listed)),
            None => listed,
        }
    }

    /// A caller's role, as far as it is certain; `None`: none.
    pub fn role(&self, caller: &Caller) -> Option<Role> {
        self.grants.standing(caller).role
    }

    /// A permit for whoever asks, where none needs to say who they are.
    pub fn permit_public(&self, request: &Request, operation: Option<&Operation>) -> Option<Permit> {
        let path = request.target().matched();
        let listed = operation.is_some_and(|operation| operation.needs == Needs::Nothing);
        let public = reads(request) && (listed || self.public.iter().any(|pattern| pattern.matches(path)));
        public.then(|| Permit::new(None, PermitReason::Public))
    }

    /// A permit for a caller who is known.
    pub fn permit_known(
        &self,
        request: &Request,
        operation: Option<&Operation>,
        caller: &Caller,
    ) -> Result<Permit, Denial> {
        let needed = self.needed(request, operation)?;
        let standing = self.grants.standing(caller);
        match standing.role {
            Some(role) if role >= needed => {
                let reason = if standing.is_default { PermitReason::DefaultRole } else { PermitReason::Role };
                Ok(Permit::new(Some(role), reason))
            }
            _ if standing.highest >= Some(needed) => Err(Denial::GroupsOverage { needed }),
            Some(role) => Err(Denial::LowRole { needed, role }),
            None => Err(Denial::NoRole { needed }),
        }
    }

    /// The least role for a request of somebody who is known.
    fn needed(&self, request: &Request, operation: Option<&Operation>) -> Result<Role, Denial> {
        let path = request.target().matched();
        let any = |patterns: &[PathPattern]| patterns.iter().any(|pattern| pattern.matches(path));
        let needs = match operation {
            Some(operation) => operation.needs,
            None if any(&self.closed) => Needs::Closed,
            None if is_page(request) || OWN_LOGIN.contains(&path) => Needs::Role(Role::Reader),
            None => Needs::Role(Role::Admin),
        };
        match needs {
            Needs::Nothing => Ok(Role::Reader),
            Needs::Role(role) => Ok(role),
            Needs::Closed if any(&self.open) => Ok(Role::Admin),
            Needs::Closed => Err(Denial::Closed),
        }
    }
}

/// Whether a request is for one of the web app's pages or files.
pub fn is_page(request: &Request) -> bool {
    let path = request.target().matched();
    let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    reads(request) && !below("/api") && !below("/scim")
}

fn reads(request: &Request) -> bool {
    matches!(request.method(), "GET" | "HEAD")
}

fn patterns(section: &Section<'_>, name: &'static str) -> Vec<PathPattern> {
    let read = |(index, text): (usize, &str)| match PathPattern::parse(text) {
        Ok(pattern) => Some(pattern),
        Err(text) => section.wrong(&format!("{name}[{index}]"), text),
    };
    section.texts(name).into_iter().enumerate().filter_map(read).collect()
}

#[cfg(test)]
mod tests;
