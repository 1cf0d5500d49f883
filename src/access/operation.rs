//! What is asked of Airbyte: one operation out of its own list.

use std::borrow::Cow;

use matchit::{Match, Router};
#[cfg(not(target_arch = "wasm32"))]
use serde_json::{Map, Value};

use super::body::Certainty;
use super::id_place::IdPlaces;
#[cfg(not(target_arch = "wasm32"))]
use super::id_place::{IdKind, write_body};
use super::{BodyQuestion, Needs, what};
use crate::http::Request;

/// What build.rs takes out of Airbyte's list, by path; see the head of
/// operations.tsv.
const TABLE: &str = include_str!(concat!(env!("OUT_DIR"), "/operations.tsv"));

/// Whether an operation changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only reads, so it may be sent twice.
    Reads,
    /// It changes something or starts something.
    Mutates,
}

/// What an operation leaves behind: the column `preset` of operations.tsv.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    /// Nothing: it reads, or starts, stops or checks work.
    None,
    /// The configuration, the people or the data of Airbyte are changed.
    Changes,
    /// Something that people made or synced is gone.
    Destroys,
}

/// One operation of Airbyte's HTTP interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Airbyte's name for it.
    pub name: Cow<'static, str>,
    /// Whether it changes anything.
    pub effect: Effect,
    /// Whether it starts pods or walks a source, and so runs for minutes.
    pub slow: bool,
    /// What it asks of whoever calls it; where the body decides, by its stricter
    /// reading.
    pub needs: Needs,
    /// What it leaves behind; where the body decides, by its stricter reading.
    pub impact: Impact,
    /// What its body decides.
    pub body: Option<BodyQuestion>,
    /// Whether no agent may do it, whatever its role; where the body decides, by
    /// its stricter reading.
    pub never_for_agents: bool,
    /// Its place in the built-in list, as long as that describes it.
    pub(super) row: Option<u16>,
    /// Where it takes its ids; `None` if it is not in the built-in list.
    pub(super) places: Option<IdPlaces>,
    /// Whether `access.operations` sets its role, which a body then does not
    /// change.
    pub(super) has_set_role: bool,
    /// Whether what body and query decide is known.
    pub(super) certainty: Certainty,
}

impl Operation {
    /// A body with these ids at the places where the operation takes them.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn body_with<'a>(&self, ids: impl Iterator<Item = (IdKind, &'a str)>) -> Map<String, Value> {
        write_body(self.places.unwrap_or_default(), ids)
    }
}

/// All operations, by path and method.
pub struct Operations {
    paths: Router<Vec<(&'static str, Operation)>>,
}

impl Operations {
    /// Airbyte's own list, as it is compiled in.
    pub fn builtin() -> Operations {
        let rows: Vec<(&str, &str, Operation)> = rows().collect();
        let mut paths = Router::new();
        for methods in rows.chunk_by(|(one, ..), (other, ..)| one == other) {
            if let Some((path, ..)) = methods.first() {
                let methods = methods.iter().map(|(_, method, operation)| (*method, operation.clone())).collect();
                // The table is ours and a test holds every row, so a path that
                // does not fit cannot be met at run time.
                let _ = paths.insert(*path, methods);
            }
        }
        Operations { paths }
    }

    /// What a request asks of Airbyte's own list.
    pub fn asked<'a>(&'a self, request: &'a Request) -> Option<&'a Operation> {
        self.find(what::method(request), request.target().matched())
    }

    /// The operation behind a method and a path without trailing slash.
    pub fn find<'a>(&'a self, method: &str, path: &'a str) -> Option<&'a Operation> {
        self.at(path)?.operation(method)
    }

    /// What lies at a path without trailing slash; `None`: it is not in the list.
    pub(super) fn at<'a>(&'a self, path: &'a str) -> Option<Place<'a>> {
        self.paths.at(path).ok().map(Place)
    }
}

/// A path of the list.
pub(super) struct Place<'a>(Match<'a, 'a, &'a Vec<(&'static str, Operation)>>);

impl<'a> Place<'a> {
    /// The operation behind a method.
    pub fn operation(&self, method: &str) -> Option<&'a Operation> {
        self.0.value.iter().find(|(name, _)| *name == method).map(|(_, operation)| operation)
    }

    /// Names and values of what is in the path.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.params.iter()
    }
}

/// Path, method and operation of the whole list.
pub(super) fn rows() -> impl Iterator<Item = (&'static str, &'static str, Operation)> {
    (0..).zip(TABLE.lines()).filter_map(|(place, line)| row(place, line))
}

fn row(place: u16, line: &'static str) -> Option<(&'static str, &'static str, Operation)> {
    let mut cells = line.split('\t');
    let (path, method, name) = (cells.next()?, cells.next()?, cells.next()?);
    let (needs, marks, ids) = (Needs::named(cells.next()?)?, cells.next()?, cells.next()?);
    let body = BodyQuestion::of(name);
    let effect = if marks.contains('r') { Effect::Reads } else { Effect::Mutates };
    let impact = match () {
        () if marks.contains('d') => Impact::Destroys,
        () if marks.contains('c') => Impact::Changes,
        () => Impact::None,
    };
    let operation = Operation {
        name: Cow::Borrowed(name),
        effect,
        slow: marks.contains('s'),
        needs,
        impact,
        body,
        never_for_agents: marks.contains('n'),
        row: Some(place),
        places: Some(IdPlaces::new(ids)),
        has_set_role: false,
        certainty: Certainty::Certain,
    };
    Some((path, method, operation))
}

#[cfg(test)]
pub(super) mod tests;
