//! One record, as it comes together.

use std::borrow::Cow;

use super::Field;
use crate::decision::Decision;

/// The longest value and the longest list, in bytes as JSON writes them: with
/// path and query of 1 KiB each, whatever is said keeps a record below 8 KiB.
const LONGEST: usize = 256;
const LONGEST_LIST: usize = 512;

/// What is written about one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What became of it.
    pub decision: Decision,
    /// Why, in one word.
    pub reason: &'static str,
    /// Whether it says what was asked for.
    pub has_head: bool,
    /// All texts, one behind the other: there are a dozen for each request.
    texts: String,
    /// What each of them says, and where it ends.
    fields: Vec<(Field, usize)>,
}

impl Record {
    /// A record that says no more than the decision.
    pub fn new(decision: Decision, reason: &'static str) -> Record {
        let (texts, fields) = (String::with_capacity(512), Vec::with_capacity(20));
        Record { decision, reason, has_head: false, texts, fields }
    }

    /// Adds what a text says, cleaned and cut; nothing for an empty one.
    pub(super) fn add(&mut self, field: Field, text: &str) {
        let is_list = matches!(field, Field::Ids | Field::Groups);
        self.add_clean(field, &clean(text, if is_list { LONGEST_LIST } else { LONGEST }));
    }

    /// Adds a number.
    pub fn add_number(&mut self, field: Field, number: u64) {
        self.add_clean(field, &number.to_string());
    }

    pub(super) fn add_clean(&mut self, field: Field, text: &str) {
        if !text.is_empty() {
            self.texts.push_str(text);
            self.fields.push((field, self.texts.len()));
        }
    }

    /// What it says.
    pub fn fields(&self) -> impl Iterator<Item = (Field, &str)> {
        let mut start = 0;
        self.fields.iter().map(move |(field, end)| {
            let text = self.texts.get(start..*end).unwrap_or_default();
            start = *end;
            (*field, text)
        })
    }

    /// What it says of one thing.
    pub fn get(&self, field: Field) -> Option<&str> {
        self.fields().find(|(found, _)| *found == field).map(|(_, text)| text)
    }
}

/// A text that stays on its line and shows in the order in which it is written,
/// no longer than `limit` bytes once JSON has escaped it.
pub(super) fn clean(text: &str, limit: usize) -> Cow<'_, str> {
    // Nearly all are plain, and then nothing has to be looked at twice.
    if text.len() <= limit && text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        return text.into();
    }
    let mut cleaned = String::new();
    let mut left = limit;
    for character in text.chars() {
        let shown = match character {
            // Control characters, ends of lines and paragraphs, and what turns
            // the direction of text around.
            '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => char::REPLACEMENT_CHARACTER,
            character => character,
        };
        let cost = if matches!(shown, '"' | '\\') { 2 } else { shown.len_utf8() };
        match left.checked_sub(cost) {
            Some(rest) => left = rest,
            None => {
                cleaned.push('…');
                break;
            }
        }
        cleaned.push(shown);
    }
    cleaned.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn a_text_stays_in_its_place_and_in_its_bounds() {
        for (text, shown) in [
            ("", ""),
            ("José &d", "José &d"),
            ("a\nb\r", "a\u{fffd}b\u{fffd}"),
            ("a\u{2028}b\u{85}", "a\u{fffd}b\u{fffd}"),
            ("\0\t", "\u{fffd}\u{fffd}"),
            ("\u{7f}", "\u{fffd}"),
            ("\u{202e}gpj", "\u{fffd}gpj"),
            ("abcdefghi", "abcdefgh…"),
            ("\"\\\"\\\"", "\"\\\"\\…"),
            ("ääää", "ääää"),
            ("aäääää", "aäää…"),
        ] {
            assert_eq!(clean(text, 8), shown, "{text:?}");
        }
        let mut record = Record::new(Decision::Deny, "closed");
        record.add(Field::User, "");
        record.add(Field::Client, &"\\".repeat(100_000));
        assert_eq!(record.get(Field::User), None);
        assert_eq!(record.get(Field::Client).map(|text| text.chars().count()), Some(129));
    }
}
