//! What came of a replay, counted.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Again;
use crate::console::count;
use crate::line::Line;

/// What was found, counted.
#[derive(Default)]
pub struct Tally {
    /// How many examples are kept of each difference.
    examples: usize,
    /// Lines that are no records.
    foreign: usize,
    same: usize,
    by_recorded_role: usize,
    undecided: BTreeMap<String, usize>,
    /// What was allowed and would be refused.
    refused: Differences,
    /// What was refused and would be allowed.
    allowed: Differences,
}

/// By what is asked, and why it ends otherwise: how many, and some of them.
type Differences = BTreeMap<(String, String), (usize, Vec<Example>)>;

/// What a line says, each under its name.
type Example = Vec<(&'static str, String)>;

/// What is shown of an example.
const SHOWN: [&str; 8] = [
    "time",
    "airgate.request_id",
    "enduser.id",
    "airgate.client",
    "airgate.role",
    "http.request.method",
    "url.path",
    "airgate.ids",
];

impl Tally {
    pub fn new(examples: usize) -> Tally {
        Tally { examples, ..Tally::default() }
    }

    /// Counts a line that is no record.
    pub fn add_foreign(&mut self) {
        self.foreign = self.foreign.saturating_add(1);
    }

    /// Whether nothing that was allowed would be refused.
    pub fn refuses_nothing(&self) -> bool {
        self.refused.is_empty()
    }

    pub fn add(&mut self, line: &Line, again: Again) {
        let end = match again {
            Again::Decided(end) => end,
            Again::Undecided(reason) => {
                let number = self.undecided.entry(reason).or_default();
                *number = number.saturating_add(1);
                return;
            }
        };
        if end.by_recorded_role {
            self.by_recorded_role = self.by_recorded_role.saturating_add(1);
        }
        let differences = match (line.get("airgate.decision") == "allow", end.allowed) {
            (true, false) => &mut self.refused,
            (false, true) => &mut self.allowed,
            _ => {
                self.same = self.same.saturating_add(1);
                return;
            }
        };
        let what = match line.get("airgate.operation") {
            "" => format!("{} {}", line.get("http.request.method"), line.get("url.path")),
            name => name.to_owned(),
        };
        let by = if end.by.is_empty() { String::new() } else { format!(" by {:?}", end.by) };
        let why = format!("{}{by} (was {})", end.reason, line.get("airgate.reason"));
        let (number, examples) = differences.entry((what, why)).or_default();
        *number = number.saturating_add(1);
        if examples.len() < self.examples {
            let said = SHOWN.into_iter().map(|name| (name, line.get(name).to_owned()));
            examples.push(said.filter(|(_, text)| !text.is_empty()).collect());
        }
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        let both = [("allowed before, refused now", &self.refused), ("refused before, allowed now", &self.allowed)];
        for (head, differences) in both.into_iter().filter(|(_, differences)| !differences.is_empty()) {
            text.push_str(&format!("{head}:\n"));
            for ((what, why), (number, examples)) in differences {
                text.push_str(&format!("  {number:>5}  {what}: {why}\n"));
                for example in examples {
                    let said: Vec<&str> = example.iter().map(|(_, text)| text.as_str()).collect();
                    text.push_str(&format!("         {}\n", said.join("  ")));
                }
            }
        }
        if !self.undecided.is_empty() {
            text.push_str("not decided again:\n");
        }
        for (reason, number) in &self.undecided {
            text.push_str(&format!("  {number:>5}  {reason}\n"));
        }
        let total = |differences: &Differences| differences.values().map(|(number, _)| number).sum::<usize>();
        let (refused, allowed) = (total(&self.refused), total(&self.allowed));
        let undecided: usize = self.undecided.values().sum();
        text.push_str(&format!(
            "{} the same, {refused} refused now, {allowed} allowed now, {undecided} not decided again",
            self.same
        ));
        if self.by_recorded_role > 0 {
            text.push_str(&format!("; {} by the role in the record", self.by_recorded_role));
        }
        if self.foreign > 0 {
            text.push_str(&format!("; {} no record", count(self.foreign, "line")));
        }
        text.push('\n');
        text
    }

    pub fn json(&self) -> String {
        let value = json!({
            "same": self.same,
            "refused_now": list(&self.refused),
            "allowed_now": list(&self.allowed),
            "undecided": self.undecided,
            "by_recorded_role": self.by_recorded_role,
            "no_record": self.foreign,
        });
        format!("{value:#}\n")
    }
}

fn list(differences: &Differences) -> Value {
    let example = |example: &Example| -> Map<String, Value> {
        example.iter().map(|(name, text)| ((*name).to_owned(), text.as_str().into())).collect()
    };
    let one = |((what, why), (number, examples)): (&(String, String), &(usize, Vec<Example>))| {
        let examples: Vec<Map<String, Value>> = examples.iter().map(example).collect();
        json!({"what": what, "why": why, "count": number, "examples": examples})
    };
    differences.iter().map(one).collect()
}
