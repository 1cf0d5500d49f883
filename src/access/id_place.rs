//! The places at which an operation takes its ids: the column `ids` of
//! operation_ids.tsv, in the compact form that build.rs gives it.
//!
//! Airbyte ignores an id at any other place, so only an id at one of these can
//! bring a request inside a boundary.

#[cfg(not(target_arch = "wasm32"))]
use serde_json::{Map, Value, json};

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// A workspace.
    Workspace,
    /// A connection.
    Connection,
    /// A source.
    Source,
    /// A destination.
    Destination,
    /// A source or a destination.
    Actor,
    /// A workspace, or else an organization.
    Scope,
    /// Any of these: another member says which.
    Any,
}

impl IdKind {
    /// The name in the configuration and in records.
    pub fn name(self) -> &'static str {
        match self {
            IdKind::Workspace => "workspace",
            IdKind::Connection => "connection",
            IdKind::Source => "source",
            IdKind::Destination => "destination",
            IdKind::Actor => "actor",
            IdKind::Scope => "scope",
            IdKind::Any => "any",
        }
    }

    /// The kind of this name; `None`: there is none.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn named(name: &str) -> Option<IdKind> {
        use IdKind::{Actor, Any, Connection, Destination, Scope, Source, Workspace};
        [Workspace, Connection, Source, Destination, Actor, Scope, Any].into_iter().find(|kind| kind.name() == name)
    }

    /// The kinds of a policy that it may be, a bit each.
    pub(super) fn bits(self) -> u8 {
        match self {
            IdKind::Workspace | IdKind::Scope => 1,
            IdKind::Connection => 2,
            IdKind::Source => 4,
            IdKind::Destination => 8,
            IdKind::Actor => 4 | 8,
            IdKind::Any => IdKind::ALL,
        }
    }

    /// The bits of all kinds.
    pub(super) const ALL: u8 = 15;
}

/// The part of a request in which an id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Path,
    Query,
    Body,
}

/// One place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IdPlace {
    pub part: Part,
    /// `None`: a resource that no policy lists, such as a job.
    pub kind: Option<IdKind>,
    pub required: bool,
    /// A parameter's name; for a body a JSON pointer with `*` for the items of a
    /// list, and `[]` at its end for a list of ids.
    pub name: &'static str,
}

impl IdPlace {
    /// The kinds of a policy that the id may be; 0 for a resource that no policy
    /// lists.
    pub fn bits(self) -> u8 {
        self.kind.map_or(0, IdKind::bits)
    }

    fn parse(text: &'static str) -> Option<IdPlace> {
        let (head, name) = text.split_at_checked(3)?;
        let [part, kind, required] = head.as_bytes() else {
            return None;
        };
        let part = match part {
            b'p' => Part::Path,
            b'q' => Part::Query,
            _ => Part::Body,
        };
        let kind = match kind {
            b'w' => Some(IdKind::Workspace),
            b'c' => Some(IdKind::Connection),
            b's' => Some(IdKind::Source),
            b'd' => Some(IdKind::Destination),
            b'a' => Some(IdKind::Actor),
            b'e' => Some(IdKind::Scope),
            b'x' => Some(IdKind::Any),
            _ => None,
        };
        Some(IdPlace { part, kind, required: *required == b'!', name })
    }
}

/// All places of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct IdPlaces(&'static str);

impl IdPlaces {
    /// The places in a cell of the compiled table.
    pub fn new(cell: &'static str) -> IdPlaces {
        IdPlaces(cell)
    }

    /// Each place, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = IdPlace> {
        self.0.split_ascii_whitespace().filter_map(IdPlace::parse)
    }

    /// Whether a request of this operation can be inside a boundary that lists ids
    /// of these kinds: it takes one of them, and demands no other resource.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn can_stay_inside(self, listed: u8) -> bool {
        self.takes(listed) && !self.demands_other_than(listed)
    }

    /// Whether it takes an id of one of these kinds.
    pub fn takes(self, listed: u8) -> bool {
        self.iter().any(|place| place.bits() & listed != 0)
    }

    /// Whether it requires an id that is of none of these kinds.
    pub fn demands_other_than(self, listed: u8) -> bool {
        self.iter().any(|place| place.required && place.bits() & listed == 0)
    }
}

/// Writes ids into a body where an operation takes them; the reverse of reading
/// them, for requests that are made again from their record. An id that the
/// operation takes in path or query is left out.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn write_body<'a>(places: IdPlaces, ids: impl Iterator<Item = (IdKind, &'a str)>) -> Map<String, Value> {
    let mut body = Map::new();
    for (kind, id) in ids {
        let own = places.iter().find(|place| place.part == Part::Body && place.kind == Some(kind));
        own.into_iter().for_each(|place| write(&mut body, place.name, id));
    }
    body
}

/// Writes an id at a pointer, beside those that are there.
#[cfg(not(target_arch = "wasm32"))]
fn write(members: &mut Map<String, Value>, pointer: &str, id: &str) {
    let (name, rest) = pointer.trim_start_matches('/').split_once('/').unwrap_or((pointer.trim_start_matches('/'), ""));
    if let Some(name) = name.strip_suffix("[]") {
        push_to(members, name, id.into());
    } else if let Some(rest) = rest.strip_prefix("*/") {
        let mut item = Map::new();
        write(&mut item, rest, id);
        push_to(members, name, Value::Object(item));
    } else if rest.is_empty() && members.contains_key(name) {
        push_to(members, name, id.into());
    } else if rest.is_empty() {
        members.insert(name.to_owned(), id.into());
    } else if let Value::Object(inner) = members.entry(name).or_insert_with(|| json!({})) {
        write(inner, rest, id);
    }
}

/// Adds an item to the list that is a member, or makes one of its value.
#[cfg(not(target_arch = "wasm32"))]
fn push_to(members: &mut Map<String, Value>, name: &str, item: Value) {
    match members.entry(name).or_insert_with(|| json!([])) {
        Value::Array(list) => list.push(item),
        one => *one = json!([one.take(), item]),
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
