//! The part of the claims that something depends on.

use serde_json::{Map, Value};

use super::{ClaimSettings, groups};
use crate::pointer::Pointer;

impl ClaimSettings {
    /// The claims that tell who somebody is, those that the settings require,
    /// and those that `more` names. Whoever reads a caller out of them gets the
    /// one that all claims would have made, but for what is left out here.
    pub(in crate::identity) fn slim<'a>(
        &'a self,
        more: impl Iterator<Item = &'a Pointer>,
        claims: &Map<String, Value>,
    ) -> Map<String, Value> {
        let names = &self.names;
        // A pointer passes over null; these count with any value.
        let mut slim: Map<String, Value> = claims
            .iter()
            .filter(|(name, _)| *name == "sub" || groups::tells_where(name, names.groups.member()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let facts = [&names.user, &names.email, &names.email_verified, &names.name, &names.groups];
        let required = self.required.iter().map(|(pointer, _)| pointer);
        for pointer in facts.into_iter().chain(&names.client).chain(required).chain(more) {
            pointer.copy(claims, &mut slim);
        }
        slim
    }
}
