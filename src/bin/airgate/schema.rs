//! `airgate schema`: the shape of a configuration, for editors, and what it
//! says about each field, for hints.

use std::process::ExitCode;

use serde_json::Value;

use crate::console::{self, Failure};

const SCHEMA: &str = include_str!("../../../docs/airgate.schema.json");

/// Print the JSON Schema (2020-12) of the configuration, for editors.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  airgate schema > airgate.schema.json

In a YAML file, for editors with the YAML language server:
  # yaml-language-server: $schema=airgate.schema.json")]
pub struct Args {}

pub fn run(_: &Args) -> Result<ExitCode, Failure> {
    console::print(SCHEMA)?;
    Ok(ExitCode::SUCCESS)
}

/// What the schema says about the fields of a configuration.
pub struct Hints(Value);

impl Hints {
    pub fn new() -> Hints {
        Hints(serde_json::from_str(SCHEMA).unwrap_or_default())
    }

    /// What belongs at a path such as `providers[0].issuer`: for a field that is
    /// known its meaning, for one that is not those that are. For names of the
    /// user's own the meaning of what they stand in.
    pub fn about(&self, path: &str) -> Option<String> {
        let mut place = &self.0;
        let mut about = meaning(place);
        for step in steps(path) {
            let here = self.follow(place);
            let inner = match step {
                Step::Item(_) => here.get("items"),
                Step::Member(name) => self.member(here, name),
            };
            place = match (inner, step) {
                (Some(inner), _) => inner,
                (None, Step::Item(_)) => return about,
                (None, Step::Member(_)) => return known_fields(here).or(about),
            };
            about = meaning(place).or_else(|| meaning(self.follow(place))).or(about);
        }
        about
    }

    fn member<'a>(&'a self, place: &'a Value, name: &str) -> Option<&'a Value> {
        let written = place.get("properties").and_then(|fields| fields.get(name));
        written.or_else(|| place.get("additionalProperties").filter(|any| any.is_object()))
    }

    fn follow<'a>(&'a self, place: &'a Value) -> &'a Value {
        let to = place.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#'));
        to.and_then(|to| self.0.pointer(to)).unwrap_or(place)
    }
}

fn meaning(place: &Value) -> Option<String> {
    place.get("description").and_then(Value::as_str).map(str::to_owned)
}

fn known_fields(place: &Value) -> Option<String> {
    let fields = place.get("properties")?.as_object()?;
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    Some(format!("known here: {}", names.join(", ")))
}

pub enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

/// The steps of a mistake's path: names between dots, `[0]`, and `["name"]` for
/// names of the user's own, which may hold anything.
pub fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let (name, after) = quoted.split_once("\"]").unwrap_or((quoted, ""));
            steps.push(Step::Member(name));
            rest = after;
        } else if rest.starts_with('[') {
            let (number, after) = rest.trim_start_matches('[').split_once(']').unwrap_or_default();
            steps.push(Step::Item(number.parse().unwrap_or_default()));
            rest = after;
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            steps.push(Step::Member(name));
            rest = after;
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_explained() {
        let hints = Hints::new();
        for (path, part) in [
            ("external_url", "browsers and providers"),
            ("providers[3].keys.refresh", "fetched anew"),
            ("providers[0].login.client_secret.env", "environment variable"),
            ("providers[0].required_claims[\"/https:~1~1a.b~1/c\"]", "must be it"),
            ("providers[0].login.parameters[\"a.b\"]", ""),
            ("access.roles[0].provider", "vouches"),
            ("access.opeartions", "known here: agents, default_role, "),
            ("session.keys[1].secret", "airgate keygen"),
            ("session.keys[0].extra", "known here: id, secret"),
        ] {
            let hint = hints.about(path);
            assert!(hint.as_deref().unwrap_or_default().contains(part), "{path}: {hint:?}");
        }
        assert_eq!(hints.about(""), hints.0["description"].as_str().map(str::to_owned));
    }
}
