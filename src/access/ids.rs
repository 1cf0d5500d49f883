//! What a request touches: the ids that it carries, and lists of them.

use serde_json::Value;

use super::IdFit;
use super::operation::Place;
use super::words::{quoted, read_words};
use crate::http::read_form;
use crate::settings::Section;

/// What an id stands for.
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
    /// Any of these: what it is is told elsewhere.
    Any,
}

impl IdKind {
    /// The word in configuration and records.
    pub fn name(self) -> &'static str {
        match self {
            IdKind::Workspace => "workspace",
            IdKind::Connection => "connection",
            IdKind::Source => "source",
            IdKind::Destination => "destination",
            IdKind::Any => "any",
        }
    }

    fn bits(self) -> u8 {
        match self {
            IdKind::Workspace => 1,
            IdKind::Connection => 2,
            IdKind::Source => 4,
            IdKind::Destination => 8,
            IdKind::Any => ALL,
        }
    }
}

const ALL: u8 = 15;

/// The names under which requests carry ids.
const NAMES: [(&str, IdKind); 11] = [
    ("connectionId", IdKind::Connection),
    ("connectionIds", IdKind::Connection),
    ("workspaceId", IdKind::Workspace),
    ("workspaceIds", IdKind::Workspace),
    ("sourceId", IdKind::Source),
    ("sourceIds", IdKind::Source),
    ("destinationId", IdKind::Destination),
    ("destinationIds", IdKind::Destination),
    // What these are is told by `configTypes`, `scopeType` or the actor itself.
    ("configId", IdKind::Any),
    ("scopeId", IdKind::Any),
    ("actorId", IdKind::Any),
];

/// The ids that a request carries, in small letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    list: Vec<(IdKind, String)>,
    /// The kinds of which there may be others, a bit each.
    unclear: u8,
    /// Whether the body, which may carry whatever it takes, is still to come.
    awaited: bool,
}

impl Ids {
    /// Each id, and what it stands for.
    pub fn iter(&self) -> impl Iterator<Item = (IdKind, &str)> {
        self.list.iter().map(|(kind, id)| (*kind, id.as_str()))
    }

    /// Whether there may be others: a body that was not read or cannot be, ids
    /// that are not written in Airbyte's way.
    pub fn are_unclear(&self) -> bool {
        self.unclear != 0
    }

    /// Reads a path; `place` is where it lies in the list.
    pub(super) fn of_path(path: &str, place: Option<&Place<'_>>) -> Ids {
        let mut ids = Ids::default();
        match place {
            Some(place) => place.parameters().for_each(|(name, value)| ids.named(name, value)),
            None => ids.of_unknown_path(path),
        }
        ids
    }

    /// Reads a query.
    pub(super) fn add_query(&mut self, query: Option<&[u8]>) {
        match query.filter(|query| !query.is_empty()).map(read_form) {
            None => {}
            Some(None) => self.unclear = ALL,
            Some(Some(fields)) => {
                for (name, value) in &fields {
                    for part in value.split(',') {
                        self.named(name, part);
                    }
                }
            }
        }
    }

    /// Reads a body; `None`: it was not read, or is no JSON.
    pub(super) fn add_body(&mut self, body: Option<&Value>) {
        match body {
            Some(value) => self.walk(value),
            None => self.unclear = ALL,
        }
    }

    /// Leaves a place for a body that nobody has seen.
    pub(super) fn await_body(&mut self) {
        self.awaited = true;
    }

    /// Of a path that is not in the list nobody knows where its ids are.
    fn of_unknown_path(&mut self, path: &str) {
        let looks_so = |part: &&str| {
            part.split('-').count() == 5 && part.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
        };
        for part in path.split('/').filter(looks_so) {
            self.add(IdKind::Any, part);
        }
    }

    /// The depth is bounded by the parser's.
    fn walk(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    self.member(name, value);
                    self.walk(value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            _ => {}
        }
    }

    fn member(&mut self, name: &str, value: &Value) {
        let Some(name) = Name::of(name) else {
            return;
        };
        match value {
            Value::Null => {}
            Value::String(id) => self.add_as(name, id),
            Value::Array(list) => list.iter().for_each(|item| self.add_as(name, item.as_str().unwrap_or_default())),
            _ => self.add_as(name, ""),
        }
    }

    fn named(&mut self, name: &str, id: &str) {
        if let Some(name) = Name::of(name) {
            self.add_as(name, id);
        }
    }

    fn add_as(&mut self, name: Name, id: &str) {
        match name {
            Name::Of(kind) => self.add(kind, id),
            Name::Perhaps(kind) => self.unclear |= kind.bits(),
        }
    }

    /// Java reads `1-1-1-1-1` as an id, too, so one that is not written in full
    /// may be any.
    fn add(&mut self, kind: IdKind, id: &str) {
        match canonical(id) {
            Some(id) => self.list.push((kind, id)),
            None => self.unclear |= kind.bits(),
        }
    }
}

/// What a name says about the id behind it.
#[derive(Clone, Copy)]
enum Name {
    Of(IdKind),
    /// Another spelling, such as `connection_id`: some reader might take it for
    /// the name.
    Perhaps(IdKind),
}

impl Name {
    fn of(name: &str) -> Option<Name> {
        // No name of ours is longer, nor is one with a dash or two.
        if name.len() > 24 {
            return None;
        }
        let letters = || name.bytes().filter(|byte| !b"-_".contains(byte)).map(|byte| byte.to_ascii_lowercase());
        let is_alike = |known: &str| letters().eq(known.bytes().map(|byte| byte.to_ascii_lowercase()));
        let exact = NAMES.iter().find(|(known, _)| *known == name);
        exact
            .map(|(_, kind)| Name::Of(*kind))
            .or_else(|| NAMES.iter().find(|(known, _)| is_alike(known)).map(|(_, kind)| Name::Perhaps(*kind)))
    }
}

/// An id in full, in small letters (RFC 9562 section 4).
fn canonical(id: &str) -> Option<String> {
    let good = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    (id.len() == 36 && id.bytes().enumerate().all(good)).then(|| id.to_ascii_lowercase())
}

/// Ids that an entry of the policy lists, by kind.
#[derive(Default)]
pub(super) struct Which {
    lists: Vec<(IdKind, Vec<String>)>,
}

impl Which {
    /// Reads lists under these names.
    pub fn read(section: &Section<'_>, names: [(&'static str, IdKind); 4]) -> Which {
        let mut lists = Vec::new();
        for (name, kind) in names.into_iter().filter(|(name, _)| section.has(name)) {
            let mut list = Vec::new();
            for word in read_words(section, name) {
                match canonical(word) {
                    Some(id) => list.push(id),
                    None => section.mistake(name, quoted(word, "expected an id of 36 characters, as Airbyte shows it")),
                }
            }
            lists.push((kind, list));
        }
        Which { lists }
    }

    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// For what gives: the request carries at least one id of a listed kind, and
    /// each that it carries is in its list. An id whose kind is told elsewhere
    /// may be in any list, since no two things have the same.
    pub fn gives(&self, ids: &Ids) -> IdFit {
        let listed = self.kinds();
        let mut asked = ids.list.iter().filter(|(kind, _)| kind.bits() & listed != 0).peekable();
        match () {
            () if self.is_empty() => IdFit::NotAsked,
            () if ids.unclear & listed != 0 => IdFit::Unclear,
            () if asked.peek().is_none() && !ids.awaited => IdFit::NotCarried,
            () if asked.all(|(kind, id)| self.lists_id(*kind, id)) => IdFit::Listed,
            () => IdFit::NotListed,
        }
    }

    /// For what takes away: the request carries any id that is listed, or may.
    pub fn takes(&self, ids: &Ids) -> IdFit {
        let listed = self.kinds();
        match () {
            () if self.is_empty() => IdFit::NotAsked,
            () if ids.list.iter().any(|(kind, id)| self.lists_id(*kind, id)) => IdFit::Listed,
            () if ids.unclear & listed != 0 => IdFit::Unclear,
            () if ids.list.iter().any(|(kind, _)| kind.bits() & listed != 0) => IdFit::NotListed,
            () => IdFit::NotCarried,
        }
    }

    fn kinds(&self) -> u8 {
        self.lists.iter().fold(0, |bits, (kind, _)| bits | kind.bits())
    }

    fn lists_id(&self, kind: IdKind, id: &str) -> bool {
        self.lists
            .iter()
            .any(|(listed, list)| (kind == IdKind::Any || kind == *listed) && list.iter().any(|one| one == id))
    }
}
