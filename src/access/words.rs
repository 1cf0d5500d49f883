//! How the policy's fields are written.

use serde_json::Value;

use super::glob::Glob;
use crate::http::PathPattern;
use crate::settings::Section;

/// A text, or a list of texts of which any will do; absent is empty. An empty
/// list is a mistake: it would read as no condition at all.
pub(super) fn read_words<'a>(section: &Section<'a>, name: &'static str) -> Vec<&'a str> {
    match section.get(name) {
        Some(Value::String(_)) => section.text(name).into_iter().collect(),
        Some(Value::Array(list)) if list.is_empty() => section.wrong(name, "must not be empty").unwrap_or_default(),
        Some(Value::Array(_)) => section.texts(name),
        Some(_) => section.wrong(name, "expected a text or a list of texts").unwrap_or_default(),
        None => Vec::new(),
    }
}

pub(super) fn owned(words: Vec<&str>) -> Vec<String> {
    words.into_iter().map(str::to_owned).collect()
}

pub(super) fn globs(words: Vec<&str>) -> Vec<Glob> {
    words.into_iter().map(Glob::new).collect()
}

/// Path patterns, a text or a list of them.
pub(super) fn patterns(section: &Section<'_>, name: &'static str) -> Vec<PathPattern> {
    let mut patterns = Vec::new();
    for text in read_words(section, name) {
        match PathPattern::parse(text) {
            Ok(pattern) => patterns.push(pattern),
            Err(mistake) => section.mistake(name, quoted(text, mistake)),
        }
    }
    patterns
}

/// A name that records and addresses can hold.
pub(super) fn read_name<'a>(section: &Section<'a>) -> Option<&'a str> {
    let name = section.required_text("name")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_. ".contains(&byte);
    if name.len() <= 64 && name.bytes().all(plain) && name.trim() == name {
        return Some(name);
    }
    section.wrong("name", "expected at most 64 letters, digits, spaces, - _ and .")
}

/// A mistake in one word of several.
pub(super) fn quoted(word: &str, mistake: &str) -> String {
    let mut text = String::with_capacity(word.len().saturating_add(mistake.len()).saturating_add(2));
    text.push_str(word);
    text.push_str(": ");
    text.push_str(mistake);
    text
}

/// What was probably meant, as the end of a mistake.
pub(super) fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known.map(|name| (strsim::damerau_levenshtein(name, word), name)).min();
    match near {
        Some((distance, name)) if distance.saturating_mul(4) <= word.len() => {
            let mut text = "; did you mean ".to_owned();
            text.push_str(name);
            text.push('?');
            text
        }
        _ => String::new(),
    }
}
