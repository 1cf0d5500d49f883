//! Joins the two tables of Airbyte's operations and keeps the columns that the
//! module reads. The module has a size budget, and the tables also hold text for
//! people.

// Cargo reads instructions from the standard output.
#![allow(clippy::print_stdout)]

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::{env, fs};

const OPERATIONS: &str = "src/access/operations.tsv";
const IDS: &str = "src/access/operation_ids.tsv";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={OPERATIONS}");
    println!("cargo::rerun-if-changed={IDS}");
    let ids = fs::read_to_string(IDS)?;
    let ids = read_ids(&ids)?;
    let table = fs::read_to_string(OPERATIONS)?;
    let mut rows = Vec::new();
    for line in lines(&table) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [method, path, name, _, role, effect, rest @ ..] = cells.as_slice() else {
            return Err(format!("{OPERATIONS}: too few cells: {line}").into());
        };
        let reads = if *effect == "reads" { "r" } else { "" };
        let slow = if rest.first() == Some(&"slow") { "s" } else { "" };
        let preset = match rest.get(1).copied().unwrap_or_default() {
            "destructive" => "d",
            "changes" => "c",
            "" => "",
            other => return Err(format!("{OPERATIONS}: {name}: unknown preset {other}").into()),
        };
        let never = if rest.get(3) == Some(&"never") { "n" } else { "" };
        let ids = ids.get(&(*method, *path)).ok_or_else(|| format!("{IDS}: no row for {method} {path}"))?;
        rows.push([path, "\t", method, "\t", name, "\t", role, "\t", reads, slow, preset, never, "\t", ids].concat());
    }
    if rows.len() != ids.len() {
        return Err(format!("{IDS}: {} rows, {OPERATIONS}: {}", ids.len(), rows.len()).into());
    }
    // Sorted by path, so that the methods of a path are neighbours.
    rows.sort();
    fs::write(Path::new(&env::var("OUT_DIR")?).join("operations.tsv"), rows.join("\n"))?;
    Ok(())
}

/// The compact form of each operation's ids, by method and path.
type Ids<'a> = HashMap<(&'a str, &'a str), String>;

fn read_ids(table: &str) -> Result<Ids<'_>, Box<dyn Error>> {
    let mut ids = HashMap::new();
    for line in lines(table) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [method, path, _, rest @ ..] = cells.as_slice() else {
            return Err(format!("{IDS}: too few cells: {line}").into());
        };
        let list = rest.first().copied().unwrap_or_default();
        let places: Result<Vec<String>, String> = list.split_ascii_whitespace().map(compact).collect();
        if ids.insert((*method, *path), places?.join(" ")).is_some() {
            return Err(format!("{IDS}: two rows for {method} {path}").into());
        }
    }
    Ok(ids)
}

/// `body:/connectionId:connection!` as `bc!/connectionId`; an id that is not
/// required has `?` in the place of `!`.
fn compact(place: &str) -> Result<String, String> {
    let wrong = || format!("{IDS}: cannot read {place}");
    let [at, name, kind] = place.split(':').collect::<Vec<_>>().try_into().map_err(|_| wrong())?;
    let at = match at {
        "path" => "p",
        "query" => "q",
        "body" if name.starts_with('/') => "b",
        _ => return Err(wrong()),
    };
    let required = if kind.ends_with('!') { "!" } else { "?" };
    let kind = match kind.trim_end_matches('!') {
        "workspace" => "w",
        "scope" => "e",
        "connection" => "c",
        "source" => "s",
        "destination" => "d",
        "actor" => "a",
        "any" => "x",
        "" => return Err(wrong()),
        _ => "o",
    };
    Ok([at, kind, required, name].concat())
}

fn lines(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter(|line| !line.starts_with('#'))
}
