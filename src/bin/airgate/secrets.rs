//! Secrets of a configuration, at a desk that seldom has them.

use std::collections::BTreeMap;
use std::path::Path;

use ct_codecs::{Base64UrlSafeNoPadding, Encoder};
use serde_json::{Value, json};

use crate::console::{self, Failure};
use crate::document::Sees;

/// One `{env: NAME}` of a configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference {
    /// Where, for example `session.keys[0].secret`.
    pub path: String,
    /// The variable's name.
    pub name: String,
}

/// Every reference to the environment.
pub fn references(config: &Value) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(config, String::new(), &mut found);
    found
}

fn collect(value: &Value, path: String, found: &mut Vec<Reference>) {
    match value {
        Value::Object(members) => match (members.len(), members.get("env")) {
            (1, Some(Value::String(name))) => found.push(Reference { path, name: name.clone() }),
            _ => {
                for (name, value) in members {
                    let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    collect(value, inner, found);
                }
            }
        },
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                collect(value, format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

/// The environment that a configuration is read with.
pub struct Secrets {
    known: BTreeMap<String, String>,
    stand_ins: BTreeMap<String, String>,
}

impl Secrets {
    /// Takes what the file itself says, then `file` or else the environment of
    /// this process.
    pub fn open(config: &Value, sees: Option<&Sees>, file: Option<&Path>) -> Result<Secrets, Failure> {
        let mut known: BTreeMap<String, String> = match file {
            Some(path) => parse(&console::read(path)?)
                .map_err(|line| Failure::new(format!("{}:{line}: expected NAME=value", path.display())))?,
            None => std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        };
        known.extend(sees.into_iter().flat_map(|sees| sees.values.iter().cloned()));
        let mut stand_ins = BTreeMap::new();
        for reference in references(config).into_iter().filter(|reference| !known.contains_key(&reference.name)) {
            let value = stand_in(&reference);
            stand_ins.insert(reference.name, value);
        }
        Ok(Secrets { known, stand_ins })
    }

    /// The variable's value, or something of the right shape in its place.
    pub fn get(&self, name: &str) -> Option<String> {
        self.known.get(name).or_else(|| self.stand_ins.get(name)).cloned()
    }

    /// Whether nobody knows the variable.
    pub fn is_absent(&self, name: &str) -> bool {
        !self.known.contains_key(name)
    }
}

/// A value that the reader of this field takes: keys are 32 bytes, a private key
/// is a JWK, and all else is any text.
fn stand_in(reference: &Reference) -> String {
    let bytes = hmac_sha256::Hash::hash(reference.name.as_bytes());
    let key = Base64UrlSafeNoPadding::encode_to_string(bytes).unwrap_or_default();
    match reference.path.ends_with("private_key") {
        true => json!({"kty": "OKP", "crv": "Ed25519", "d": key}).to_string(),
        false => key,
    }
}

/// An environment file as systemd and containers read it: `NAME=value`, `#`
/// begins a comment. The error is the number of the line.
fn parse(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let mut known = BTreeMap::new();
    for (line, number) in
        text.lines().map(str::trim).zip(1_usize..).filter(|(line, _)| !line.is_empty() && !line.starts_with('#'))
    {
        let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=').ok_or(number)?;
        let quoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        known.insert(name.trim().to_owned(), quoted.unwrap_or(value).to_owned());
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_file_has_one_variable_a_line() {
        let known = parse("# keys\nA=1\n\nexport B=\"x y\"\nC='{\"k\":1}'\nD=a=b\nE=\n").unwrap();
        let known: Vec<(&str, &str)> = known.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(known, [("A", "1"), ("B", "x y"), ("C", "{\"k\":1}"), ("D", "a=b"), ("E", "")]);
        assert_eq!(parse("A=1\nnonsense"), Err(2));
    }

    #[test]
    fn references_have_the_places_that_mistakes_have() {
        let config = json!({"session": {"keys": [{"id": "a", "secret": {"env": "S"}}]}, "upstream": {"client_secret": {"env": "U"}},
                            "other": {"env": "X", "more": 1}});
        let found: Vec<(String, String)> = references(&config).into_iter().map(|one| (one.path, one.name)).collect();
        let expected = [("session.keys[0].secret", "S"), ("upstream.client_secret", "U")];
        assert_eq!(found, expected.map(|(path, name)| (path.to_owned(), name.to_owned())));
    }
}
