//! What the configuration says about records.

use super::target::Secrets;
use super::{Audit, Pseudonyms};
use crate::settings::Section;

/// Where records go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sink {
    /// Properties of the request, which the proxy's own access log prints.
    Proxy,
    /// A line of JSON in the proxy's log for filters.
    Log,
    /// Nowhere.
    None,
}

/// Which requests get one, beside those that are refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Every one.
    All,
    /// Those that change something, and logins.
    Mutations,
    /// No others.
    Refusals,
}

impl Audit {
    /// Reads `audit`.
    pub(crate) fn read(root: &Section<'_>) -> Audit {
        let section = root.section_or_empty("audit");
        let sinks = [("proxy", Sink::Proxy), ("log", Sink::Log), ("none", Sink::None)];
        let scopes = [("all", Scope::All), ("mutations", Scope::Mutations), ("refusals", Scope::Refusals)];
        let sink = section.choice("to", &sinks).unwrap_or(Sink::Proxy);
        let scope = section.choice("record", &scopes).unwrap_or(Scope::All);
        let pseudonyms = Pseudonyms::read(&section);
        let secrets = Secrets::read(&section);
        section.finish();
        Audit { sink, scope, pseudonyms, secrets }
    }
}
