//! Something that is wrong, or may be.

use serde_json::{Value, json};

use super::node::Node;

/// Something that is wrong, or may be.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which of `docs/doctor.md`.
    pub id: &'static str,
    pub severity: Severity,
    pub what: String,
    /// A path into `/config_dump?include_eds`, as `jq` writes it; or the page of the admin interface, or the request,
    /// that showed it.
    pub place: String,
    pub why: &'static str,
    /// The lines to write, or what else to do.
    pub change: String,
}

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something does not work, or somebody may come in who must not.
    Error,
    /// It works until something else happens.
    Warning,
    /// Right for some and wrong for others; only you can tell.
    Note,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

impl Finding {
    pub fn error(id: &'static str, place: impl Into<Place>, what: impl Into<String>) -> Finding {
        Finding::new(Severity::Error, id, place.into(), what.into())
    }

    pub fn warning(id: &'static str, place: impl Into<Place>, what: impl Into<String>) -> Finding {
        Finding::new(Severity::Warning, id, place.into(), what.into())
    }

    pub fn note(id: &'static str, place: impl Into<Place>, what: impl Into<String>) -> Finding {
        Finding::new(Severity::Note, id, place.into(), what.into())
    }

    fn new(severity: Severity, id: &'static str, place: Place, what: String) -> Finding {
        Finding { id, severity, what, place: place.0, why: "", change: String::new() }
    }

    pub fn because(self, why: &'static str) -> Finding {
        Finding { why, ..self }
    }

    pub fn change(self, change: impl Into<String>) -> Finding {
        Finding { change: change.into(), ..self }
    }

    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "severity": self.severity.name(), "what": self.what, "where": self.place, "why": self.why,
            "change": self.change,
        })
    }
}

/// Where something was found.
pub struct Place(String);

impl From<&Node<'_>> for Place {
    fn from(node: &Node<'_>) -> Place {
        Place(node.path().to_owned())
    }
}

impl From<String> for Place {
    fn from(place: String) -> Place {
        Place(place)
    }
}

impl From<&str> for Place {
    fn from(place: &str) -> Place {
        Place(place.to_owned())
    }
}
