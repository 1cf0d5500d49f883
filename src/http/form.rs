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
    fn guesses_are_not_made() {
        for broken in ["a=%", "a=%4", "a=%zz", "%ff=1", "a=%c3", "a=%EF%BF%BD"] {
            assert_eq!(read_form(broken.as_bytes()), None, "{broken}");
        }
        assert_eq!(read_form(b"a=\xff"), None);
        assert_eq!(read_form(b""), Some(vec![]));
        assert_eq!(read_form(b"a&a=&&b=1").unwrap().len(), 3);
    }
}
