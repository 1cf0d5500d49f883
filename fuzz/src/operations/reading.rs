//! What Airbyte binds of a request: the ids at the places of operation_ids.tsv, read without any code of the core.
//!
//! Queries are split as Netty's `QueryStringDecoder` splits them, and lists of one are seen through as Jackson does, as
//! Micronaut sets it up. Where the core is stricter than this, it refuses more, which no promise here forbids.

use std::sync::OnceLock;

use serde_json::Value;

const TABLE: &str = include_str!("../../../src/access/operation_ids.tsv");

/// A row of the table.
pub struct Row {
    method: &'static str,
    segments: Vec<&'static str>,
    pub name: &'static str,
    pub places: Vec<Place>,
}

/// A place at which an operation takes an id.
pub struct Place {
    pub part: &'static str,
    pub name: &'static str,
    pub kind: &'static str,
    pub is_required: bool,
}

fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| TABLE.lines().filter(|line| !line.starts_with('#')).map(row).collect())
}

fn row(line: &'static str) -> Row {
    let mut cells = line.split('\t');
    let mut cell = || cells.next().unwrap_or_default();
    let (method, path, name, places) = (cell(), cell(), cell(), cell());
    Row { method, segments: path.split('/').collect(), name, places: places.split_whitespace().map(place).collect() }
}

fn place(cell: &'static str) -> Place {
    let (rest, kind) = cell.rsplit_once(':').expect("place:name:kind");
    let (part, name) = rest.split_once(':').expect("place:name:kind");
    Place { part, name, kind: kind.trim_end_matches('!'), is_required: kind.ends_with('!') }
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

/// The row for a path without a trailing slash; of two that fit, the one that spells out more of its first segments.
pub fn find(method: &str, path: &str) -> Option<&'static Row> {
    let method = if method == "HEAD" { "GET" } else { method };
    let asked: Vec<&str> = path.split('/').collect();
    let fits = |row: &&Row| {
        let pairs = || row.segments.iter().zip(&asked);
        row.method == method
            && row.segments.len() == asked.len()
            && pairs().all(|(own, asked)| own == asked || is_parameter(own) && !asked.is_empty())
    };
    let spelled_out = |row: &&Row| row.segments.iter().map(|segment| !is_parameter(segment)).collect::<Vec<_>>();
    rows().iter().filter(fits).max_by_key(spelled_out)
}

impl Row {
    /// Each place with the values that a request has there.
    pub fn values(&self, path: &str, query: &str, body: &Value) -> Vec<(&Place, Vec<String>)> {
        let fields = split_query(query);
        self.places.iter().map(|place| (place, self.values_at(place, path, &fields, body))).collect()
    }

    fn values_at(&self, place: &Place, path: &str, fields: &[(String, String)], body: &Value) -> Vec<String> {
        match place.part {
            "path" => {
                let wanted = format!("{{{}}}", place.name);
                let pairs = self.segments.iter().zip(path.split('/'));
                pairs.filter(|(own, _)| **own == wanted).map(|(_, asked)| asked.to_owned()).collect()
            }
            "query" => {
                let own = fields.iter().filter(|(name, _)| name == place.name);
                own.flat_map(|(_, value)| value.split(',').map(str::to_owned)).collect()
            }
            _ => {
                let steps: Vec<&str> =
                    place.name.trim_end_matches("[]").split('/').skip(1).filter(|step| *step != "*").collect();
                let mut found = Vec::new();
                follow(body, &steps, &mut found);
                found
            }
        }
    }

    /// Whether a parameter of the query, or a member at the top of the body, is one of the places, or leads to one.
    pub fn takes(&self, part: &str, name: &str) -> bool {
        let first = |place: &Place| place.name.trim_start_matches('/').split(['/', '[']).next() == Some(name);
        self.places.iter().any(|place| place.part == part && first(place))
    }
}

/// Follows a pointer through lists of any length; what is no string is found as its JSON.
fn follow(value: &Value, steps: &[&str], found: &mut Vec<String>) {
    match (value, steps) {
        (Value::Array(items), _) => items.iter().for_each(|item| follow(item, steps, found)),
        (Value::Object(members), [step, rest @ ..]) => {
            if let Some(value) = members.get(*step) {
                follow(value, rest, found);
            }
        }
        (Value::Null, _) | (_, [_, ..]) => {}
        (Value::String(text), []) => found.push(text.clone()),
        (value, []) => found.push(value.to_string()),
    }
}

/// A query as Netty 4.1 splits it: at `&` and `;`, up to `#`, with `=` skipped at the start of a name, and at most 1,024
/// parameters.
pub fn split_query(query: &str) -> Vec<(String, String)> {
    let query = query.split('#').next().unwrap_or_default();
    let parts = query.split(['&', ';']).map(|part| part.trim_start_matches('=')).filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (decode(name), decode(value))
    };
    parts.take(1024).map(pair).collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => {
                std::str::from_utf8(&[*high, *low]).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok())
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every value of a member at any depth whose name is this one in any case.
pub fn members_named<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            for (own, value) in members {
                if own.eq_ignore_ascii_case(name) {
                    found.push(value);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members_named(item, name, found)),
        _ => {}
    }
}
