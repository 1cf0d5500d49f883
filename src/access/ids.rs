//! The ids that a request carries, and where.
//!
//! An id counts as carried only at a place where its operation takes it
//! ([`IdPlaces`]). Ids elsewhere are kept apart: Airbyte ignores them, so they
//! can speak against a request and never for it.

use serde_json::Value;

use super::id_place::{IdKind, IdPlace, IdPlaces, Part};
use super::operation::Place;
use crate::http::read_query;

/// The names under which requests carry ids, at any place.
const NAMES: [(&str, IdKind); 11] = [
    ("connectionId", IdKind::Connection),
    ("connectionIds", IdKind::Connection),
    ("workspaceId", IdKind::Workspace),
    ("workspaceIds", IdKind::Workspace),
    ("sourceId", IdKind::Source),
    ("sourceIds", IdKind::Source),
    ("destinationId", IdKind::Destination),
    ("destinationIds", IdKind::Destination),
    // `configTypes`, `scopeType` or the actor itself say what these are.
    ("configId", IdKind::Any),
    ("scopeId", IdKind::Any),
    ("actorId", IdKind::Any),
];

/// The ids of a request, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// `None`: the operation is not in the table.
    pub(super) places: Option<IdPlaces>,
    /// At the operation's own places. An empty string stands for an id that could
    /// not be read.
    pub(super) own: Vec<(IdKind, String)>,
    /// Which of the places have a value, a bit each.
    filled: u32,
    /// Whether one of them has an id of a resource that no policy lists.
    pub(super) other_resource: bool,
    pub(super) elsewhere: Vec<(IdKind, String)>,
    /// The kinds of which there may be others, a bit each.
    pub(super) unclear: u8,
    /// Whether the body is still to come, with any ids at all.
    pub(super) awaited: bool,
}

/// A place of a body, and what of its pointer is still to be followed.
type Step = (u32, IdPlace, &'static str);

impl Ids {
    /// The ids at places where the operation takes them, with their kinds.
    pub fn iter(&self) -> impl Iterator<Item = (IdKind, &str)> {
        self.own.iter().filter(|(_, id)| !id.is_empty()).map(|(kind, id)| (*kind, id.as_str()))
    }

    /// The ids at other places, which Airbyte ignores.
    pub fn elsewhere(&self) -> impl Iterator<Item = (IdKind, &str)> {
        self.elsewhere.iter().map(|(kind, id)| (*kind, id.as_str()))
    }

    /// Whether there may be others: the body was not read or cannot be, the query
    /// can be read in two ways, a required id is missing, or an id is not written
    /// in full.
    pub fn are_unclear(&self) -> bool {
        self.unclear != 0
    }

    /// Reads a path. `place`: where the path is in the table; `places`: where the
    /// operation takes its ids, `None` if it is not in the table.
    pub(super) fn of_path(path: &str, place: Option<&Place<'_>>, places: Option<IdPlaces>) -> Ids {
        let mut ids = Ids { places, ..Ids::default() };
        match place {
            Some(place) => place.parameters().for_each(|(name, value)| ids.add_parameter(Part::Path, name, value)),
            None => ids.add_unknown_path(path),
        }
        ids
    }

    /// Reads a query.
    pub(super) fn add_query(&mut self, query: Option<&[u8]>) {
        match query.filter(|query| !query.is_empty()).map(read_query) {
            None => {}
            Some(None) => self.unclear = IdKind::ALL,
            Some(Some(fields)) => {
                for (name, value) in &fields {
                    for part in value.split(',') {
                        self.add_parameter(Part::Query, name, part);
                    }
                }
            }
        }
    }

    /// Reads a body; `None`: it was not read, or is not JSON.
    pub(super) fn add_body(&mut self, body: Option<&Value>) {
        let Some(value) = body else {
            self.unclear = IdKind::ALL;
            return;
        };
        let steps: Vec<Step> = self.places().filter(|(_, place)| place.part == Part::Body).map(first_step).collect();
        self.walk(value, &steps);
    }

    /// Leaves room for a body that has not come.
    pub(super) fn await_body(&mut self) {
        self.awaited = true;
    }

    /// Notes required ids that are missing: a request without one has no clear
    /// meaning. To be called when query and body have been added.
    pub(super) fn finish(&mut self) {
        let missing = self.places().filter(|(bit, place)| {
            place.required && self.filled & bit == 0 && !(self.awaited && place.part == Part::Body)
        });
        self.unclear |= missing.fold(0, |bits, (_, place)| bits | place.bits());
    }

    /// The places, each with its bit in `filled`.
    fn places(&self) -> impl Iterator<Item = (u32, IdPlace)> + use<> {
        let bits = (0..32).map(|index| 1_u32 << index);
        bits.zip(self.places.unwrap_or_default().iter())
    }

    fn add_parameter(&mut self, part: Part, name: &str, value: &str) {
        let own = self.places().find(|(_, place)| place.part == part && place.name == name);
        match own {
            Some((bit, place)) => self.add_own(bit, place, Some(value)),
            None => self.add_named(name, value),
        }
    }

    /// The table does not say where a path that it lacks has its ids.
    fn add_unknown_path(&mut self, path: &str) {
        let looks_so = |part: &&str| {
            part.split('-').count() == 5 && part.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
        };
        for part in path.split('/').filter(looks_so) {
            self.add_elsewhere(IdKind::Any, part);
        }
    }

    /// The depth is bounded by the parser's. Jackson, as Micronaut sets it up, takes
    /// a single value for a list and a list of one for its item, so a pointer is
    /// followed through both.
    fn walk(&mut self, value: &Value, steps: &[Step]) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    self.member(name, value, steps);
                }
            }
            Value::Array(items) => {
                let inner: Vec<Step> = steps.iter().map(|(bit, place, rest)| (*bit, *place, into_item(rest))).collect();
                items.iter().for_each(|item| self.walk(item, &inner));
            }
            _ => {}
        }
    }

    fn member(&mut self, name: &str, value: &Value, steps: &[Step]) {
        let mut inner: Vec<Step> = Vec::new();
        let mut is_own = false;
        for (bit, place, rest) in steps {
            let rest = into_item(rest).strip_prefix('/').and_then(|rest| rest.strip_prefix(name));
            match rest {
                Some("" | "[]") => {
                    is_own = true;
                    self.own_value(*bit, *place, value);
                }
                Some(rest) if rest.starts_with('/') => inner.push((*bit, *place, rest)),
                _ => {}
            }
        }
        if !is_own {
            self.value_elsewhere(name, value);
        }
        self.walk(value, &inner);
    }

    fn own_value(&mut self, bit: u32, place: IdPlace, value: &Value) {
        match value {
            Value::Null => {}
            Value::Array(list) => list.iter().for_each(|item| self.add_own(bit, place, item.as_str())),
            value => self.add_own(bit, place, value.as_str()),
        }
    }

    fn value_elsewhere(&mut self, name: &str, value: &Value) {
        match value {
            Value::Null => {}
            Value::Array(list) => list.iter().for_each(|item| self.add_named(name, item.as_str().unwrap_or_default())),
            value => self.add_named(name, value.as_str().unwrap_or_default()),
        }
    }

    /// Adds an id at one of the operation's own places; `None`: not a string.
    fn add_own(&mut self, bit: u32, place: IdPlace, id: Option<&str>) {
        self.filled |= bit;
        let Some(kind) = place.kind else {
            self.other_resource = true;
            return;
        };
        let id = id.and_then(canonical);
        if id.is_none() {
            self.unclear |= kind.bits();
        }
        self.own.push((kind, id.unwrap_or_default()));
    }

    /// Adds what is at another place under a name that ids have.
    fn add_named(&mut self, name: &str, id: &str) {
        match Name::parse(name) {
            Some(Name::Exact(kind)) => self.add_elsewhere(kind, id),
            Some(Name::Similar(kind)) => self.unclear |= kind.bits(),
            None => {}
        }
    }

    fn add_elsewhere(&mut self, kind: IdKind, id: &str) {
        match canonical(id) {
            Some(id) => self.elsewhere.push((kind, id)),
            None => self.unclear |= kind.bits(),
        }
    }
}

fn first_step((bit, place): (u32, IdPlace)) -> Step {
    (bit, place, place.name)
}

/// The pointer below an item of a list, where it leads into a list.
fn into_item(rest: &'static str) -> &'static str {
    rest.strip_prefix("/*").unwrap_or(rest)
}

/// What a name says about the id behind it.
#[derive(Clone, Copy)]
enum Name {
    Exact(IdKind),
    /// Another spelling, such as `connection_id` or `connectionId[]`: another
    /// reader might take it for the name.
    Similar(IdKind),
}

impl Name {
    fn parse(name: &str) -> Option<Name> {
        // No name of ours is longer, nor is one with some separators.
        if name.len() > 32 {
            return None;
        }
        let letters = || name.bytes().filter(u8::is_ascii_alphabetic).map(|byte| byte.to_ascii_lowercase());
        let is_similar = |known: &str| letters().eq(known.bytes().map(|byte| byte.to_ascii_lowercase()));
        let exact = NAMES.iter().find(|(known, _)| *known == name);
        exact
            .map(|(_, kind)| Name::Exact(*kind))
            .or_else(|| NAMES.iter().find(|(known, _)| is_similar(known)).map(|(_, kind)| Name::Similar(*kind)))
    }
}

/// An id in full, in lower case (RFC 9562 section 4). Java also reads `1-1-1-1-1`,
/// and Jackson base64 of 24 characters; such an id may be any.
pub(super) fn canonical(id: &str) -> Option<String> {
    let good = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    (id.len() == 36 && id.bytes().enumerate().all(good)).then(|| id.to_ascii_lowercase())
}
