//! What callers may be, and what is asked of them.

/// What a caller may be in Airbyte, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May look at everything but credentials.
    Reader,
    /// May start and stop syncs, too.
    Runner,
    /// May change and delete connections, sources and destinations, too.
    Editor,
    /// May do everything.
    Admin,
}

impl Role {
    /// Every role and its name.
    pub(super) const NAMES: [(&'static str, Role); 4] =
        [("reader", Role::Reader), ("runner", Role::Runner), ("editor", Role::Editor), ("admin", Role::Admin)];

    /// The role's name in configuration, headers and records.
    pub fn name(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Runner => "runner",
            Role::Editor => "editor",
            Role::Admin => "admin",
        }
    }
}

/// What an operation asks of whoever calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing, not even to be known.
    Nothing,
    /// This role or a higher one.
    Role(Role),
    /// It is not there for callers of the gateway.
    Closed,
}

impl Needs {
    /// Every word for it in the table and in `access.operations`.
    pub(super) const NAMES: [(&'static str, Needs); 6] = [
        ("public", Needs::Nothing),
        ("reader", Needs::Role(Role::Reader)),
        ("runner", Needs::Role(Role::Runner)),
        ("editor", Needs::Role(Role::Editor)),
        ("admin", Needs::Role(Role::Admin)),
        ("closed", Needs::Closed),
    ];

    pub(super) fn named(name: &str) -> Option<Needs> {
        Needs::NAMES.iter().find(|(known, _)| *known == name).map(|(_, needs)| *needs)
    }
}
