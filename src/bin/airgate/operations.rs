//! `airgate operations`: what Airbyte can be asked, and what each asks for.

use std::process::ExitCode;

use airgate::access;
use serde_json::Value;

use crate::console::{self, Failure, count};

/// The table in full; the gateway's own holds less of it.
const TABLE: &str = include_str!("../../access/operations.tsv");

const ROLES: [&str; 6] = ["public", "reader", "runner", "editor", "admin", "closed"];

/// List Airbyte's operations by the role that each asks for.
#[derive(clap::Args)]
#[command(after_help = "\
A tag is the resource in the path: connections, jobs, sources, scim, ...

Examples:
  airgate operations --role runner
  airgate operations --tag connections
  airgate operations --json | jq -r '.[] | select(.slow) | .path'")]
pub struct Args {
    /// Only those that ask for this role
    #[arg(long, value_parser = ROLES)]
    role: Option<String>,
    /// Only those about this resource
    #[arg(long)]
    tag: Option<String>,
    /// Print them as JSON, with Airbyte's own role and the reasons
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let rows = rows();
    let is =
        |wanted: &Option<String>, row: &Row, cell: &str| wanted.as_deref().is_none_or(|text| row.cell(cell) == text);
    let mut chosen: Vec<&Row> =
        rows.iter().filter(|row| is(&args.role, row, "role") && is(&args.tag, row, "tag")).collect();
    if !rows.iter().any(|row| is(&args.tag, row, "tag")) {
        return Err(unknown_tag(args.tag.as_deref().unwrap_or_default(), &rows));
    }
    chosen.sort_by_key(|row| ROLES.iter().position(|role| row.cell("role") == *role));
    let text = match args.json {
        true => format!("{:#}\n", chosen.iter().map(|row| row.json()).collect::<Value>()),
        false => table(&chosen),
    };
    console::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// One operation: its cells, each under the name of its column.
struct Row(Vec<(&'static str, &'static str)>);

impl Row {
    fn cell(&self, column: &str) -> &'static str {
        self.0.iter().find(|(name, _)| *name == column).map_or("", |(_, cell)| cell)
    }

    fn json(&self) -> Value {
        let cells = self.0.iter().filter(|(_, cell)| !cell.is_empty());
        Value::Object(cells.map(|(name, cell)| ((*name).to_owned(), (*cell).into())).collect())
    }
}

/// The last line of the table's head names the columns.
fn rows() -> Vec<Row> {
    let (head, body): (Vec<&str>, Vec<&str>) = TABLE.lines().partition(|line| line.starts_with('#'));
    let columns = || head.last().unwrap_or(&"#").trim_start_matches(['#', ' ']).split('\t');
    let read = |line: &'static str| {
        let mut cells: Vec<(&'static str, &'static str)> = columns().zip(line.split('\t')).collect();
        let path = cells.iter().find(|(name, _)| *name == "path").map_or("", |(_, path)| path);
        cells.push(("tag", access::tag(path).unwrap_or_default()));
        Row(cells)
    };
    body.into_iter().map(read).collect()
}

fn table(rows: &[&Row]) -> String {
    let width = rows.iter().map(|row| row.cell("operation").len()).max().unwrap_or_default();
    let mut text = String::new();
    for same in rows.chunk_by(|one, other| one.cell("role") == other.cell("role")) {
        let role = same.first().map_or("", |row| row.cell("role"));
        text.push_str(&format!("{role} ({})\n", count(same.len(), "operation")));
        for row in same {
            let (name, method) = (row.cell("operation"), row.cell("method"));
            let agents = if row.cell("agents") == "never" { "no agents" } else { "" };
            let (effect, slow, path) = (row.cell("effect"), row.cell("slow"), row.cell("path"));
            text.push_str(&format!("  {name:width$}  {effect:7} {slow:4} {agents:9}  {method:6} {path}\n"));
        }
    }
    text
}

fn unknown_tag(tag: &str, rows: &[Row]) -> Failure {
    let mut tags: Vec<&str> = rows.iter().map(|row| row.cell("tag")).filter(|tag| !tag.is_empty()).collect();
    tags.sort_unstable();
    tags.dedup();
    Failure::new(format!("no operation has the tag {tag:?}; there are: {}", tags.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_cells() {
        let rows = rows();
        assert!(rows.len() > 400);
        for row in &rows {
            assert!(ROLES.contains(&row.cell("role")), "{:?}", row.0);
            assert!(["reads", "mutates", "?"].contains(&row.cell("effect")), "{:?}", row.0);
            assert!(!row.cell("operation").is_empty(), "{:?}", row.0);
            // What rules see: below Airbyte's interfaces there is a tag, elsewhere none.
            let elsewhere = ["/api/public", "/v1/health"].contains(&row.cell("path"));
            assert_eq!(row.cell("tag").is_empty(), elsewhere, "{:?}", row.0);
        }
    }

    #[test]
    fn a_tag_is_the_resource_in_the_path() {
        for (path, expected) in [
            ("/api/v1/connections/list", "connections"),
            ("/api/v1/web_backend/connections/get", "connections"),
            ("/api/public/v1/jobs/{jobId}", "jobs"),
            ("/api/public/v1/health", "health"),
            ("/scim/v2/Users", "scim"),
        ] {
            assert_eq!(access::tag(path), Some(expected), "{path}");
        }
    }
}
