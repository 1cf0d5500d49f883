//! JSON read one way only.
//!
//! RFC 8259 leaves duplicate members to the reader, and readers differ: a
//! token whose `sub` stands twice would be one person here and another behind
//! us. So duplicates are an error, compared after unescaping.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Parses a whole JSON text. Duplicate members, trailing bytes, a byte order
/// mark and more than 127 levels of nesting are errors.
pub fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Unique>(text).map(|unique| unique.0)
}

/// About how many bytes of memory a value takes beside itself, in the module:
/// rather too many than too few.
pub fn room(value: &Value) -> usize {
    match value {
        Value::String(text) => room_of_text(text),
        Value::Array(list) => list.iter().map(|item| VALUE.saturating_add(room(item))).sum(),
        Value::Object(members) => room_of_members(members),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// The same for the members of an object.
pub fn room_of_members(members: &Map<String, Value>) -> usize {
    let each = |(name, value): (&String, &Value)| room_of_text(name).saturating_add(room(value));
    // A tree's nodes have eleven places, and half of them are empty.
    members.len().max(NODE).saturating_mul(MEMBER).saturating_add(members.iter().map(each).sum())
}

/// The same for a text, which the allocator gives some more.
pub fn room_of_text(text: &str) -> usize {
    text.len().saturating_add(16)
}

const VALUE: usize = 16;
const NODE: usize = 6;
const MEMBER: usize = 60;

struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Unique, D::Error> {
        // `deserialize_any` keeps serde_json's nesting limit in force, and with
        // it the small stack of a wasm VM intact.
        deserializer.deserialize_any(UniqueVisitor).map(Unique)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom("duplicate member"));
            }
            let Unique(value) = members.next_value()?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn duplicate_members_are_refused_however_they_are_spelt() {
        for text in [
            r#"{"sub":"a","sub":"b"}"#,
            r#"{"sub":"a","s\u0075b":"b"}"#,
            r#"{"x":{"a":1,"a":1}}"#,
            r#"[{"a":1,"a":2}]"#,
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_readers_disagree_about_is_refused() {
        let cases: [&[u8]; 9] = [
            b"\xef\xbb\xbf{}",
            b"{} {}",
            b"{}\0",
            b"{/**/}",
            b"{\"a\":NaN}",
            b"{\"a\":\"\\ud800\"}",
            b"{\0\"\0a\0\"\0:\x001\0}\0",
            b"{\"a\":\"\xff\"}",
            b"",
        ];
        for text in cases {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error_not_a_stack_overflow() {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let text = open.repeat(20_000) + "1" + &close.repeat(20_000);
            assert!(parse(text.as_bytes()).is_err());
        }
    }

    #[test]
    fn ordinary_json_arrives_whole() {
        let text = r#"{"a":[1,-2,1.5e3,true,null,"x\u0041"],"b":{}}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse(text.as_bytes()).unwrap(), expected);
    }
}
