//! A permit: without one nothing is forwarded. And a prospect of one.

use super::Role;

/// Why a permit was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermitReason {
    /// The path is public: nobody was asked who they are.
    Public,
    /// The caller is known and has a role by `access.roles`.
    Role,
    /// The caller is known and has `access.default_role`.
    DefaultRole,
    /// A rule allows it, whatever the caller's role.
    Rule,
    /// It would have been refused, but refusals are reported only.
    ReportOnly,
}

impl PermitReason {
    /// The reason in the record and in metrics.
    pub fn reason(self) -> &'static str {
        match self {
            PermitReason::Public => "public",
            PermitReason::Role => "role",
            PermitReason::DefaultRole => "default_role",
            PermitReason::Rule => "rule",
            PermitReason::ReportOnly => "report_only",
        }
    }
}

/// The leave to forward one request. Only [`super::Access`] makes them, and
/// [`crate::gateway::Forward`] demands one, so a path through the code that
/// forgets to ask does not compile.
#[derive(Debug)]
pub struct Permit {
    role: Option<Role>,
    reason: PermitReason,
}

impl Permit {
    pub(super) fn new(role: Option<Role>, reason: PermitReason) -> Permit {
        Permit { role, reason }
    }

    /// The caller's role; `None` if they have none, or nobody was asked who they
    /// are.
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// Why it was given.
    pub fn reason(&self) -> PermitReason {
        self.reason
    }
}

/// The prospect of a permit: a body that has not come yet decides, and there are
/// bodies that would get one. With it a request's headers go ahead where the
/// host cannot hold them; its body does not. Only [`super::Access`] makes them.
#[derive(Debug)]
pub struct Prospect {
    role: Option<Role>,
}

impl Prospect {
    pub(super) fn new(role: Option<Role>) -> Prospect {
        Prospect { role }
    }

    /// The caller's role, as the permit would have it.
    pub fn role(&self) -> Option<Role> {
        self.role
    }
}
