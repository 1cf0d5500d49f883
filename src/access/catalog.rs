//! What entries of the policy may name: operations, and the tags of their paths.

use super::amendment::Amendment;
use super::operation::{Operation, rows};
use super::what::tag;

/// Every operation that has a name, built in or by `access.operations`.
pub(super) struct Catalog<'a> {
    rows: Vec<(&'static str, &'static str, Operation)>,
    amendments: &'a [Amendment],
}

impl<'a> Catalog<'a> {
    pub fn new(amendments: &'a [Amendment]) -> Catalog<'a> {
        Catalog { rows: rows().collect(), amendments }
    }

    /// Path, method and operation of the built-in list.
    pub fn rows(&self) -> &[(&'static str, &'static str, Operation)] {
        &self.rows
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        let listed = self.rows.iter().map(|(.., operation)| operation.name.as_ref());
        listed.chain(self.amendments.iter().map(Amendment::name))
    }

    pub fn tags(&self) -> impl Iterator<Item = &str> {
        let paths = self.rows.iter().map(|(path, ..)| *path).chain(self.amendments.iter().map(Amendment::path));
        paths.filter_map(tag)
    }

    /// Whether no agent may do what has this name, whatever its body says.
    pub fn is_never(&self, name: &str) -> bool {
        let mut named = self.rows.iter().filter(|(.., operation)| operation.name == name).peekable();
        named.peek().is_some() && named.all(|(.., operation)| operation.never_for_agents && operation.body.is_none())
    }
}
