//! What is asked of Airbyte: one operation out of its own list.

use std::borrow::Cow;

use matchit::Router;

use super::{BodyQuestion, Needs};

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
    /// What its body decides.
    pub body: Option<BodyQuestion>,
}

/// All operations, by path and method.
pub struct Operations {
    paths: Router<Vec<(&'static str, Operation)>>,
}

impl Operations {
    /// Airbyte's own list, as it is compiled in.
    pub fn builtin() -> Operations {
        let rows: Vec<(&str, &str, Operation)> = TABLE.lines().filter_map(row).collect();
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

    /// The operation behind a method and a path without trailing slash.
    pub fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        let methods = self.paths.at(path).ok()?.value;
        methods.iter().find(|(name, _)| *name == method).map(|(_, operation)| operation)
    }
}

fn row(line: &'static str) -> Option<(&'static str, &'static str, Operation)> {
    let mut cells = line.split('\t');
    let (path, method, name) = (cells.next()?, cells.next()?, cells.next()?);
    let (needs, marks) = (Needs::named(cells.next()?)?, cells.next()?);
    let body = BodyQuestion::of(name);
    let effect = if marks.contains('r') { Effect::Reads } else { Effect::Mutates };
    Some((path, method, Operation { name: Cow::Borrowed(name), effect, slow: marks.contains('s'), needs, body }))
}

#[cfg(test)]
mod tests;
