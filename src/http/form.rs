//! `application/x-www-form-urlencoded`, as queries and bodies are written.

use form_urlencoded::Serializer;

/// Named texts, encoded.
#[derive(Clone, PartialEq, Eq)]
pub struct Form(String);

impl Form {
    /// A form of these fields, in order.
    pub fn new<N: AsRef<str>, V: AsRef<str>>(fields: impl IntoIterator<Item = (N, V)>) -> Form {
        let mut form = Form(String::new());
        for (name, value) in fields {
            form.add(name.as_ref(), value.as_ref());
        }
        form
    }

    /// Adds a field.
    pub fn add(&mut self, name: &str, value: &str) {
        let text = std::mem::take(&mut self.0);
        self.0 = Serializer::new(text).append_pair(name, value).finish();
    }

    /// As it is sent.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// The fields of a query or a body, in order. Strict where the standard's parser
/// would guess: `None` if an escape is broken or the text is not UTF-8.
pub fn read_form(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let whole = bytes
        .split(|byte| *byte == b'%')
        .skip(1)
        .all(|escape| escape.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)));
    let fields: Vec<(String, String)> = form_urlencoded::parse(bytes).into_owned().collect();
    // The parser puts U+FFFD where bytes are no text; nobody has reason to send it.
    let text = fields.iter().all(|(name, value)| !name.contains('\u{fffd}') && !value.contains('\u{fffd}'));
    (whole && text).then_some(fields)
}

/// The most parameters of a query that are read; Netty stops at 1,024.
const MAX_PARAMETERS: usize = 100;

/// The parameters of a query, for a decision that depends on them. `None` if
/// Airbyte's server may read other parameters than these: Netty also separates at
/// `;`, reads `=name=value` as `name`, stops at `#` and after 1,024 parameters, and
/// of a name that occurs twice its callers take one value or the other.
pub fn read_query(query: &[u8]) -> Option<Vec<(String, String)>> {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !b";#".contains(byte);
    let starts_with_equals = query.split(|byte| *byte == b'&').any(|part| part.first() == Some(&b'='));
    if starts_with_equals || !query.iter().all(plain) {
        return None;
    }
    let fields = read_form(query)?;
    let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let is_doubled = names.windows(2).any(|pair| matches!(pair, [one, other] if one == other));
    (fields.len() <= MAX_PARAMETERS && !is_doubled).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn what_is_written_is_read() {
        let fields = [("a b", "c&d=e+ä"), ("", "%")];
        let form = Form::new(fields);
        assert_eq!(form.text(), "a+b=c%26d%3De%2B%C3%A4&=%25");
        let read = read_form(form.text().as_bytes()).unwrap();
        assert_eq!(read, fields.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn query_with_one_reading_is_read() {
        let read = read_query(b"connectionId=a&limit=2&x=a%3Bb&empty&y=1+2").unwrap();
        let names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["connectionId", "limit", "x", "empty", "y"]);
        let many = |count: usize| (0..count).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(read_query(many(100).as_bytes()).unwrap().len(), 100);
        assert_eq!(read_query(many(101).as_bytes()), None);
    }

    #[test]
    fn query_with_two_readings_is_unclear() {
        for query in [
            "a=1;connectionId=b",
            "connectionId=a;",
            ";",
            "=connectionId=b",
            "=",
            "a=1&=b",
            "connectionId=a&connectionId=b",
            "connectionId=a&connectionId=a",
            "connectionId=a&connection%49d=b",
            "a&a",
            "a=%zz",
            "a=%",
            "a=%ff",
            "a=1#connectionId=b",
            "a=1 2",
            "a=1\tb",
        ] {
            assert_eq!(read_query(query.as_bytes()), None, "{query}");
        }
        assert_eq!(read_query(b"a=\xc3\xa4"), None, "bytes outside ASCII");
    }

    #[test]
    fn guesses_are_not_made() {
        for broken in ["a=%", "a=%4", "a=%zz", "%ff=1", "a=%c3", "a=%EF%BF%BD"] {
            assert_eq!(read_form(broken.as_bytes()), None, "{broken}");
        }
        assert_eq!(read_form(b"a=\xff"), None);
        assert_eq!(read_form(b""), Some(vec![]));
        assert_eq!(read_form(b"a&a=&&b=1").unwrap().len(), 3);
    }
}
