//! What `access.operations` says about an operation: another role for one of
//! Airbyte's list, or one that the list does not have yet.

use std::borrow::Cow;

use super::body::Certainty;
use super::{Effect, Impact, Needs, Operation};
use crate::http::{PathPattern, Request};
use crate::settings::Section;

/// One entry.
pub(super) struct Amendment {
    method: String,
    path: PathPattern,
    needs: Needs,
    name: Option<String>,
    /// What it is called where neither it nor the list has a name.
    written: String,
}

impl Amendment {
    /// Reads `{method, path, role, name}`.
    pub fn read(section: &Section<'_>) -> Option<Amendment> {
        let method = section.required_text("method").and_then(|method| {
            let plain = method.bytes().all(|byte| byte.is_ascii_uppercase());
            if plain && method != "HEAD" {
                return Some(method);
            }
            section.wrong("method", "expected a method such as POST, in capitals; GET covers HEAD")
        });
        let text = section.required_text("path");
        let path = text.and_then(|text| match PathPattern::parse(text) {
            Ok(path) => Some(path),
            Err(text) => section.wrong("path", text),
        });
        section.require("role");
        let needs = section.choice("role", &Needs::NAMES);
        let name = section.text("name").map(str::to_owned);
        section.finish();
        if needs == Some(Needs::Nothing) && method.is_some_and(|method| method != "GET") {
            return section.wrong("role", "only what GET reads can be public");
        }
        let written = format!("{} {}", method?, text?);
        Some(Amendment { method: method?.to_owned(), path: path?, needs: needs?, name, written })
    }

    pub fn covers(&self, method: &str, request: &Request) -> bool {
        self.method == method && self.path.matches(request.target().matched())
    }

    /// The operation, where the list has it or not.
    pub fn amend(&self, listed: Option<Operation>) -> Operation {
        // Of one that nobody knows only the method tells.
        let unknown = || Operation {
            name: Cow::Owned(self.written.clone()),
            effect: if self.method == "GET" { Effect::Reads } else { Effect::Mutates },
            slow: false,
            needs: self.needs,
            impact: match self.method.as_str() {
                "GET" => Impact::None,
                "DELETE" => Impact::Destroys,
                _ => Impact::Changes,
            },
            body: None,
            never_for_agents: self.method == "DELETE",
            row: None,
            places: None,
            has_set_role: true,
            certainty: if self.method == "GET" { Certainty::Certain } else { Certainty::Unread },
        };
        let mut operation = listed.unwrap_or_else(unknown);
        operation.needs = self.needs;
        operation.has_set_role = true;
        if let Some(name) = &self.name {
            operation.name = Cow::Owned(name.clone());
            operation.row = None;
        }
        operation
    }

    /// The name that it gives.
    pub fn name(&self) -> &str {
        self.name.as_ref().unwrap_or(&self.written)
    }

    /// The path as it is written.
    pub fn path(&self) -> &str {
        self.written.split_once(' ').map_or("", |(_, path)| path)
    }
}
