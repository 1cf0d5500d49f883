//! Plugin configuration as `google.protobuf.Struct`.
//!
//! Envoy's documentation says that it hands a Struct over as JSON. Envoy 1.36.4
//! and 1.40.0 hand over the serialised message, so that is read as well; Istio
//! turns it into JSON itself.

use prost::Message;
use prost_types::value::Kind;
use prost_types::{Struct, Value as ProtobufValue};
use serde_json::{Number, Value};

/// The largest whole number that a double holds exactly, with all before it.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Reads a serialised Struct. `None`: it is none. No JSON text is one: its first
/// byte would have to be a line feed, and the next the length of a field.
pub fn read(bytes: &[u8]) -> Option<Value> {
    if bytes.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    // The decoder has a recursion limit, so nesting cannot overflow the stack.
    Struct::decode(bytes).ok().map(object)
}

fn object(fields: Struct) -> Value {
    Value::Object(fields.fields.into_iter().map(|(name, field)| (name, value(field))).collect())
}

fn value(value: ProtobufValue) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(truth)) => Value::Bool(truth),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::NumberValue(double)) => number(double),
        Some(Kind::StructValue(fields)) => object(fields),
        Some(Kind::ListValue(list)) => Value::Array(list.values.into_iter().map(self::value).collect()),
    }
}

/// A Struct knows doubles only; whole ones were whole numbers in the file.
fn number(double: f64) -> Value {
    if double.fract() == 0.0 && double.abs() <= MAX_WHOLE {
        return Value::from(double as i64);
    }
    Number::from_f64(double).map_or(Value::Null, Value::Number)
}
