//! Takes what the module needs out of the table of Airbyte's operations: the
//! module has a budget, and the table is written for people too.

// Cargo is spoken to on the standard output.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;
use std::{env, fs};

const TABLE: &str = "src/access/operations.tsv";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={TABLE}");
    let table = fs::read_to_string(TABLE)?;
    let mut rows = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [method, path, name, _, role, effect, rest @ ..] = cells.as_slice() else {
            return Err(format!("{TABLE}: too few cells: {line}").into());
        };
        let reads = if *effect == "reads" { "r" } else { "" };
        let slow = if rest.first() == Some(&"slow") { "s" } else { "" };
        let never = if rest.get(2) == Some(&"never") { "n" } else { "" };
        rows.push([path, "\t", method, "\t", name, "\t", role, "\t", reads, slow, never].concat());
    }
    // By path, so that the methods of each stand together.
    rows.sort();
    fs::write(Path::new(&env::var("OUT_DIR")?).join("operations.tsv"), rows.join("\n"))?;
    Ok(())
}
