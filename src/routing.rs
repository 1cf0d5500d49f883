//! Where should it go? Traffic classes and the user's own routes.

mod class;
mod rule;

pub use class::Class;
pub use rule::{Asker, Headings};

use crate::http::Request;
use crate::pointer::Pointer;
use crate::settings::Section;
use rule::Rule;

/// Traffic classes for Airbyte, and the user's rules before them.
#[derive(Default)]
pub struct Routing {
    rules: Vec<Rule>,
}

/// Where a request goes: what the proxy's routes match on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// `x-airgate-route`: which timeouts and limits apply.
    pub class: Class,
    /// `x-airgate-upstream`: a named upstream such as a canary.
    pub upstream: Option<&'a str>,
    /// Headers of the user's own for the upstream.
    pub headers: Headings<'a>,
}

impl Routing {
    /// Reads `routing`.
    pub(crate) fn read(root: &Section<'_>) -> Routing {
        Routing::read_with(root, true)
    }

    /// The same where nobody knows who asks: no rule may depend on it.
    pub(crate) fn read_for_anybody(root: &Section<'_>) -> Routing {
        Routing::read_with(root, false)
    }

    fn read_with(root: &Section<'_>, knows_who: bool) -> Routing {
        let section = root.section_or_empty("routing");
        let rules = section.sections("rules").iter().filter_map(|rule| Rule::read(rule, knows_who)).collect();
        section.finish();
        Routing { rules }
    }

    /// The claims that rules look at.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &Pointer> {
        self.rules.iter().filter_map(Rule::claim)
    }

    /// Decides where a request goes. Every rule that matches adds its headers;
    /// of two that choose a class, an upstream or the same header, the first
    /// wins.
    pub fn route(&self, request: &Request, asker: &Asker<'_>, slow: bool) -> Route<'_> {
        let (mut class, mut upstream, mut headers) = (None, None, Headings::default());
        for rule in self.rules.iter().filter(|rule| rule.matches(request, asker)) {
            class = class.or(rule.class());
            upstream = upstream.or(rule.upstream());
            headers.extend(rule);
        }
        let class = class.unwrap_or_else(|| Class::of(request.target().matched(), slow));
        Route { class, upstream, headers }
    }
}

#[cfg(test)]
mod tests;
