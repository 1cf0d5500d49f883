//! A permit: without one nothing is forwarded.

/// What a caller may be in Airbyte, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May do everything.
    Admin,
}

impl Role {
    /// The role's name in configuration, headers and records.
    pub fn name(self) -> &'static str {
        match self {
            Role::Admin => "admin",
        }
    }
}

/// Why a permit was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermitReason {
    /// The path is public: nobody was asked who they are.
    Public,
    /// The caller is known and has `access.default_role`.
    DefaultRole,
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

    /// The caller's role; `None` if nobody was asked who they are.
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// Why it was given.
    pub fn reason(&self) -> PermitReason {
        self.reason
    }
}
