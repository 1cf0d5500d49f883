//! The words in which every room reads its part of the configuration.
//!
//! Reading never stops at the first mistake: a `Section` notes each one with
//! its path and goes on, and `read` hands out either settings without a
//! mistake or every mistake at once.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use ct_codecs::{Base64UrlSafeNoPadding, Decoder};
use serde_json::{Map, Value};

use crate::json;

/// One thing that is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    path: String,
    text: String,
}

impl Mistake {
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Mistake {
        let (path, text) = (path.into(), text.into());
        Mistake { path, text }
    }

    /// Where, for example `providers[0].issuer`; empty for the whole.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.text),
            path => write!(f, "{path}: {}", self.text),
        }
    }
}

/// Where `{env: NAME}` is looked up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A configuration's text in JSON.
///
/// # Errors
/// The one mistake that it is no JSON, or none that can be read one way only.
pub fn parse(text: &[u8]) -> Result<Value, Vec<Mistake>> {
    json::parse(text).map_err(|error| vec![Mistake::new("", format!("no valid JSON: {error}"))])
}

/// Reads a whole configuration with `reader`, which may leave fields out but
/// never decides on its own that the whole is good.
pub(crate) fn read<T>(
    value: &Value,
    environment: Environment<'_>,
    reader: impl FnOnce(&Section<'_>) -> Option<T>,
) -> Result<T, Vec<Mistake>> {
    let mistakes = RefCell::new(Vec::new());
    let Some(map) = value.as_object() else {
        return Err(vec![Mistake::new("", "expected an object")]);
    };
    let root = Section { path: String::new(), map, known: RefCell::default(), mistakes: &mistakes, environment };
    let settings = reader(&root);
    root.finish();
    match (settings, mistakes.into_inner()) {
        (Some(settings), mistakes) if mistakes.is_empty() => Ok(settings),
        (_, mistakes) if mistakes.is_empty() => Err(vec![Mistake::new("", "unusable configuration")]),
        (_, mistakes) => Err(mistakes),
    }
}

/// One object of the configuration, read field by field.
///
/// A getter answers `None` both for an absent field and for a wrong one; the
/// latter is noted as a mistake, so the whole is refused in the end.
pub(crate) struct Section<'a> {
    path: String,
    map: &'a Map<String, Value>,
    known: RefCell<Vec<&'static str>>,
    mistakes: &'a RefCell<Vec<Mistake>>,
    environment: Environment<'a>,
}

impl<'a> Section<'a> {
    /// Notes a mistake in field `name`.
    pub fn mistake(&self, name: &str, text: impl Into<String>) {
        let path = self.at(name);
        self.mistakes.borrow_mut().push(Mistake { path, text: text.into() });
    }

    /// Whether the field is written at all, whatever its value.
    pub fn has(&self, name: &'static str) -> bool {
        self.get(name).is_some()
    }

    /// The raw value of a field.
    pub fn get(&self, name: &'static str) -> Option<&'a Value> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&name) {
            known.push(name);
        }
        self.map.get(name)
    }

    /// A text that is not empty.
    pub fn text(&self, name: &'static str) -> Option<&'a str> {
        match self.get(name)? {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::String(_) => self.wrong(name, "must not be empty"),
            _ => self.wrong(name, "expected a text"),
        }
    }

    /// A text that must be there.
    pub fn required_text(&self, name: &'static str) -> Option<&'a str> {
        self.require(name)?;
        self.text(name)
    }

    /// An address that browsers open, and the host in it: `https`, and nothing
    /// after the host, since Airbyte cannot live under a path.
    pub fn origin(&self, name: &'static str) -> Option<(&'a str, &'a str)> {
        let url = self.text(name)?;
        let host = url.strip_prefix("https://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
        match host.map(|host| (host, host.parse::<http::uri::Authority>())) {
            Some((host, Ok(authority))) if !host.contains('@') && authority.as_str() == host => {
                Some((url.strip_suffix('/').unwrap_or(url), host))
            }
            _ => self.wrong(name, "expected https:// and a host, such as https://airbyte.example.com"),
        }
    }

    /// Notes the absence of a field that must be there.
    pub fn require(&self, name: &'static str) -> Option<()> {
        if self.has(name) { Some(()) } else { self.wrong(name, "must be written") }
    }

    /// A truth value.
    pub fn boolean(&self, name: &'static str, default: bool) -> bool {
        match self.get(name) {
            None => default,
            Some(Value::Bool(value)) => *value,
            Some(_) => self.wrong(name, "expected true or false").unwrap_or(default),
        }
    }

    /// A span of time such as `30s`, within limits.
    pub fn duration(&self, name: &'static str, default: Duration, limits: (Duration, Duration)) -> Duration {
        self.optional_duration(name, limits).unwrap_or(default)
    }

    /// A span of time that has no default.
    pub fn optional_duration(&self, name: &'static str, limits: (Duration, Duration)) -> Option<Duration> {
        let text = self.text(name)?;
        let Some(span) = parse_duration(text) else {
            return self.wrong(name, "expected a duration such as 500ms, 60s, 30m, 8h or 7d");
        };
        if span < limits.0 || span > limits.1 {
            return self.wrong(name, format!("must be between {:?} and {:?}", limits.0, limits.1));
        }
        Some(span)
    }

    /// One of a few words, each with its meaning.
    pub fn choice<T: Copy>(&self, name: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let place = self.place(name, &|place| words.get(place).map(|(word, _)| *word))?;
        words.get(place).map(|(_, meaning)| *meaning)
    }

    /// Which of the words is written; there is only one of this in the module,
    /// for all their meanings.
    fn place(&self, name: &'static str, words: &dyn Fn(usize) -> Option<&'static str>) -> Option<usize> {
        let text = self.text(name)?;
        let mut listed = String::new();
        for (place, word) in (0..).map_while(|place| Some((place, words(place)?))) {
            if word == text {
                return Some(place);
            }
            listed.push_str(if listed.is_empty() { "expected one of: " } else { ", " });
            listed.push_str(word);
        }
        self.wrong(name, listed)
    }

    /// A list of texts, none of them empty; absent is empty.
    pub fn texts(&self, name: &'static str) -> Vec<&'a str> {
        self.items(name)
            .filter_map(|(place, value)| match value {
                Value::String(text) if !text.is_empty() => Some(text.as_str()),
                _ => self.wrong(&place, "expected a text that is not empty"),
            })
            .collect()
    }

    /// An object inside this one.
    pub fn section(&self, name: &'static str) -> Option<Section<'a>> {
        match self.get(name)? {
            Value::Object(map) => Some(self.inner(self.at(name), map)),
            _ => self.wrong(name, "expected an object"),
        }
    }

    /// An object inside this one that reads as empty when it is absent, so that
    /// a room has one reader for its defaults and its settings.
    pub fn section_or_empty(&self, name: &'static str) -> Section<'a> {
        static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        self.section(name).unwrap_or_else(|| self.inner(self.at(name), &EMPTY))
    }

    /// A list of objects inside this one; absent is empty.
    pub fn sections(&self, name: &'static str) -> Vec<Section<'a>> {
        self.items(name)
            .filter_map(|(place, value)| match value {
                Value::Object(map) => Some(self.inner(self.at(&place), map)),
                _ => self.wrong(&place, "expected an object"),
            })
            .collect()
    }

    /// An object whose member names are the user's own; absent is empty. The
    /// first of each pair names the place for [`Section::mistake`].
    pub fn pairs(&self, name: &'static str) -> Vec<(String, &'a str, &'a Value)> {
        match self.get(name) {
            None => Vec::new(),
            Some(Value::Object(map)) => {
                map.iter().map(|(key, value)| (format!("{name}[{key:?}]"), key.as_str(), value)).collect()
            }
            Some(_) => self.wrong(name, "expected an object").unwrap_or_default(),
        }
    }

    /// A secret: never written down, always `{env: NAME}`.
    pub fn secret(&self, name: &'static str) -> Option<String> {
        self.require(name)?;
        let Some(Value::Object(_)) = self.get(name) else {
            return self.wrong(name, "secrets are not written into a configuration; expected {env: NAME}");
        };
        let reference = self.section(name)?;
        let variable = reference.required_text("env");
        reference.finish();
        match (self.environment)(variable?) {
            Some(secret) if !secret.is_empty() => Some(secret),
            Some(_) => reference.wrong("env", "the environment variable is empty"),
            None => reference.wrong("env", "the environment has no such variable"),
        }
    }

    /// A secret that is a key: 32 random bytes as 43 characters of base64url.
    pub fn key(&self, name: &'static str) -> Option<[u8; 32]> {
        let secret = self.secret(name)?;
        let bytes = Base64UrlSafeNoPadding::decode_to_vec(&secret, None).ok();
        let Some(key) = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok()) else {
            return self.wrong(name, "the variable holds no key: expected 32 bytes as 43 characters of base64url");
        };
        if is_guessable(&key) || repeats(secret.as_bytes()) {
            return self.wrong(name, "the variable's key is not random: expected one such as `airgate keygen` makes");
        }
        Some(key)
    }

    /// Reports every field that nobody asked for.
    pub fn finish(&self) {
        let known = self.known.borrow();
        for name in self.map.keys().filter(|name| !known.contains(&name.as_str())) {
            let near = known.iter().map(|word| (strsim::damerau_levenshtein(word, name), *word)).min();
            match near {
                Some((distance, word)) if distance <= 2 => {
                    self.mistake(name, format!("unknown field; did you mean {word}?"))
                }
                _ => self.mistake(name, "unknown field"),
            }
        }
    }

    /// Notes a mistake and answers `None`.
    pub fn wrong<T>(&self, name: &str, text: impl Into<String>) -> Option<T> {
        self.mistake(name, text);
        None
    }

    fn items(&self, name: &'static str) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
        let list: &'a [Value] = match self.get(name) {
            None => &[],
            Some(Value::Array(list)) => list,
            Some(_) => self.wrong(name, "expected a list").unwrap_or_default(),
        };
        list.iter().enumerate().map(move |(index, value)| (format!("{name}[{index}]"), value))
    }

    fn inner(&self, path: String, map: &'a Map<String, Value>) -> Section<'a> {
        Section { path, map, known: RefCell::default(), mistakes: self.mistakes, environment: self.environment }
    }

    fn at(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }
}

/// Whether a key is none that a random generator makes: printable text, few
/// different bytes, bytes at equal steps, or a pattern that repeats. Of 32 random
/// bytes fewer than one in 2^45 are printable text, and the others are rarer.
fn is_guessable(key: &[u8; 32]) -> bool {
    /// 32 random bytes have 30 different ones, and fewer than 12 once in 2^80.
    const FEWEST: usize = 12;
    let different = (0..=u8::MAX).filter(|byte| key.contains(byte)).count();
    let is_text = key.iter().all(|byte| (b' '..=b'~').contains(byte));
    let steps = || key.iter().zip(key.iter().skip(1)).map(|(one, next)| next.wrapping_sub(*one));
    let is_row = steps().zip(steps().skip(1)).all(|(one, next)| one == next);
    different < FEWEST || is_text || is_row || repeats(key)
}

/// Whether some text is the same pattern over and over, twice or more. The last
/// byte does not count: in base64 it holds fewer bits than the others.
fn repeats(text: &[u8]) -> bool {
    let counts = text.split_last().map_or(text, |(_, rest)| rest);
    let repeats_at = |period| counts.iter().zip(counts.iter().skip(period)).all(|(one, later)| one == later);
    (1..=text.len() >> 1).any(repeats_at)
}

fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;
    use ct_codecs::Encoder;
    use serde_json::json;

    fn mistakes(value: Value, reader: impl FnOnce(&Section<'_>)) -> Vec<String> {
        let environment = |name: &str| match name {
            "SET" => Some("secret".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let outcome = read(&value, &environment, |section| {
            reader(section);
            Some(())
        });
        outcome.err().unwrap_or_default().iter().map(Mistake::to_string).collect()
    }

    #[test]
    fn every_mistake_is_named_with_its_path() {
        let value = json!({"name": 1, "list": ["a", ""], "inner": {"wait": "soon"}, "nmae": "x", "far_away": 1});
        let found = mistakes(value, |section| {
            section.text("name");
            section.texts("list");
            let inner = section.section_or_empty("inner");
            inner.duration("wait", Duration::ZERO, (Duration::ZERO, Duration::MAX));
            inner.finish();
            section.required_text("absent");
        });
        assert_eq!(
            found,
            [
                "name: expected a text",
                "list[1]: expected a text that is not empty",
                "inner.wait: expected a duration such as 500ms, 60s, 30m, 8h or 7d",
                "absent: must be written",
                "far_away: unknown field",
                "nmae: unknown field; did you mean name?",
            ]
        );
    }

    #[test]
    fn secrets_come_from_the_environment_only() {
        let value =
            json!({"a": "plain", "b": {"env": "SET"}, "c": {"env": "EMPTY"}, "d": {"env": "NONE"}, "e": {"file": "x"}});
        let found = mistakes(value, |section| {
            section.secret("a");
            assert_eq!(section.secret("b").as_deref(), Some("secret"));
            section.secret("c");
            section.secret("d");
            section.secret("e");
        });
        assert_eq!(
            found,
            [
                "a: secrets are not written into a configuration; expected {env: NAME}",
                "c.env: the environment variable is empty",
                "d.env: the environment has no such variable",
                "e.env: must be written",
                "e.file: unknown field",
            ]
        );
    }

    #[test]
    fn keys_that_are_not_random_are_refused_and_not_shown() {
        let encode = |bytes: &[u8]| Base64UrlSafeNoPadding::encode_to_string(bytes).unwrap();
        let read_key = |text: &str| {
            let environment = |_: &str| Some(text.to_owned());
            read(&json!({"key": {"env": "KEY"}}), &environment, |section| section.key("key"))
                .map_err(|found| found.iter().map(Mistake::to_string).collect::<Vec<_>>())
        };
        let row: Vec<u8> = (5..37).collect();
        let back: Vec<u8> = (0..32).map(|step| 255 - 3 * step).collect();
        let halves: Vec<u8> = [&crate::testing::key_bytes(1)[..16], &crate::testing::key_bytes(1)[..16]].concat();
        for text in [
            "A".repeat(43),
            "_".repeat(42) + "8",
            encode(&[7; 32]),
            encode(&[1, 2, 3, 4].repeat(8)),
            encode(&[[0; 24].as_slice(), &[1, 2, 3, 4, 5, 6, 7, 8]].concat()),
            encode(&row),
            encode(&back),
            encode(&halves),
            encode(b"this-is-a-key-of-the-tests-32byt"),
            encode(b"changeme\n".repeat(4).get(..32).unwrap()),
            "changeme-".repeat(5)[..42].to_owned() + "A",
            "airgate-session-key-A".repeat(2) + "A",
        ] {
            let found = read_key(&text).unwrap_err();
            assert_eq!(found, ["key: the variable's key is not random: expected one such as `airgate keygen` makes"]);
        }
        for number in 0..=255 {
            assert!(read_key(&encode(&crate::testing::key_bytes(number))).is_ok(), "{number}");
        }
        for text in ["short", "A", &"A".repeat(42), &"A".repeat(44), &("A".repeat(42) + "B"), "é"] {
            let expected = "key: the variable holds no key: expected 32 bytes as 43 characters of base64url";
            assert_eq!(read_key(text).unwrap_err(), [expected], "{text}");
        }
    }

    #[test]
    fn durations_have_a_unit_and_limits() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("7d"), Some(Duration::from_secs(604_800)));
        for text in ["", "5", "s", "-1s", "1.5s", "1 s", "1w", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        let limits = (Duration::from_secs(1), Duration::from_secs(9));
        let found = mistakes(json!({"wait": "10s"}), |section| {
            section.optional_duration("wait", limits);
        });
        assert_eq!(found, ["wait: must be between 1s and 9s"]);
    }
}
