//! What a claim must be.

use serde_json::Value;

use crate::caller::Caller;
use crate::pointer::Pointer;
use crate::settings::Section;

/// A claim and what it must be. Values are compared with their type.
pub(super) struct ClaimTest {
    pointer: Pointer,
    test: Test,
}

enum Test {
    OneOf(Vec<Value>),
    /// A list that holds the value.
    Contains(Value),
    /// A text that begins so.
    Prefix(String),
}

impl ClaimTest {
    /// Reads `claim` and exactly one of `equals`, `one_of`, `contains` and
    /// `prefix`.
    pub fn read(section: &Section<'_>) -> Option<ClaimTest> {
        let equals = section.get("equals").and_then(|value| Some(Test::OneOf(vec![plain(section, "equals", value)?])));
        let one_of = section.get("one_of").and_then(|value| match value.as_array() {
            Some(list) if !list.is_empty() => {
                let values: Option<Vec<Value>> = list.iter().map(|value| plain(section, "one_of", value)).collect();
                Some(Test::OneOf(values?))
            }
            _ => section.wrong("one_of", "expected a list of values"),
        });
        let contains =
            section.get("contains").and_then(|value| Some(Test::Contains(plain(section, "contains", value)?)));
        let prefix = section.text("prefix").map(|text| Test::Prefix(text.to_owned()));
        let written = ["equals", "one_of", "contains", "prefix"].iter().filter(|name| section.has(name)).count();
        match (section.has("claim"), written) {
            (false, 0) => return None,
            (false, _) => {
                return section.wrong("claim", "must be written: equals, one_of, contains and prefix are about it");
            }
            (true, 1) => {}
            (true, _) => return section.wrong("claim", "needs exactly one of equals, one_of, contains and prefix"),
        }
        match Pointer::parse(section.text("claim")?) {
            Ok(pointer) => Some(ClaimTest { pointer, test: equals.or(one_of).or(contains).or(prefix)? }),
            Err(text) => section.wrong("claim", text),
        }
    }

    /// Where the claim stands.
    pub fn pointer(&self) -> &Pointer {
        &self.pointer
    }

    pub fn holds(&self, caller: &Caller) -> bool {
        self.pointer.find(&caller.claims).is_some_and(|claim| match &self.test {
            Test::OneOf(values) => values.contains(claim),
            Test::Contains(value) => claim.as_array().is_some_and(|list| list.contains(value)),
            Test::Prefix(prefix) => claim.as_str().is_some_and(|text| text.starts_with(prefix.as_str())),
        })
    }
}

fn plain(section: &Section<'_>, name: &str, value: &Value) -> Option<Value> {
    if value.is_string() || value.is_number() || value.is_boolean() {
        return Some(value.clone());
    }
    section.wrong(name, "expected a text, a number, true or false")
}
