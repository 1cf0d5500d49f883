//! A place in a JSON document.

use std::time::Duration;

use serde_json::Value;

/// A place in a JSON document, whether anything is there or not: the path is known either way, so that a finding can
/// say where a missing line belongs. Nothing in here fails; what is absent or of another type reads as absent.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    value: Option<&'a Value>,
    path: String,
}

impl<'a> Node<'a> {
    pub fn root(value: &'a Value) -> Node<'a> {
        Node { value: Some(value), path: String::new() }
    }

    /// As `jq` writes it.
    pub fn path(&self) -> &str {
        if self.path.is_empty() { "." } else { &self.path }
    }

    pub fn get(&self, key: &str) -> Node<'a> {
        let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let step = if plain { format!(".{key}") } else { format!("[{}]", Value::from(key)) };
        Node { value: self.value.and_then(|value| value.get(key)), path: format!("{}{step}", self.path) }
    }

    /// Along several keys.
    pub fn at(&self, keys: &[&str]) -> Node<'a> {
        keys.iter().fold(self.clone(), |node, key| node.get(key))
    }

    /// Of a list.
    pub fn items(&self) -> Vec<Node<'a>> {
        let items = self.value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let node = |(index, item)| Node { value: Some(item), path: format!("{}[{index}]", self.path) };
        items.iter().enumerate().map(node).collect()
    }

    /// The first that is there, else the first.
    pub fn or(self, other: Node<'a>) -> Node<'a> {
        if !self.is_there() && other.is_there() { other } else { self }
    }

    pub fn is_there(&self) -> bool {
        self.value.is_some_and(|value| !value.is_null())
    }

    pub fn value(&self) -> Option<&'a Value> {
        self.value
    }

    pub fn text(&self) -> Option<&'a str> {
        self.value.and_then(Value::as_str)
    }

    /// What is absent reads as the empty text, as in Protocol Buffers.
    pub fn word(&self) -> &'a str {
        self.text().unwrap_or_default()
    }

    pub fn is_true(&self) -> bool {
        self.value == Some(&Value::Bool(true))
    }

    /// Envoy writes 64-bit numbers as texts.
    pub fn number(&self) -> Option<u64> {
        let value = self.value?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    }

    /// `1.500s`.
    pub fn duration(&self) -> Option<Duration> {
        let text = self.text()?.strip_suffix('s')?;
        Duration::try_from_secs_f64(text.parse().ok()?).ok()
    }

    /// The name of the message that an `Any` holds: `Wasm` of
    /// `type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm`.
    pub fn kind(&self) -> &'a str {
        last_name(self.get("@type").word())
    }

    /// The configuration inside, with the name of its message: control planes wrap some in a `TypedStruct`.
    pub fn unwrapped(self) -> (&'a str, Node<'a>) {
        match self.kind() {
            "TypedStruct" => (last_name(self.get("type_url").word()), self.get("value")),
            kind => (kind, self),
        }
    }

    /// Whether a message of one of these names is anywhere below.
    pub fn holds(&self, kinds: &[&str]) -> bool {
        self.value.is_some_and(|value| holds(value, kinds))
    }
}

fn last_name(kind: &str) -> &str {
    kind.rsplit(['.', '/']).next().unwrap_or_default()
}

/// `serde_json` reads no document that is nested deeper than 128, so this cannot overflow the stack.
fn holds(value: &Value, kinds: &[&str]) -> bool {
    match value {
        Value::Object(members) => {
            let kind = members.get("@type").and_then(Value::as_str).map(last_name);
            kind.is_some_and(|kind| kinds.contains(&kind)) || members.values().any(|member| holds(member, kinds))
        }
        Value::Array(items) => items.iter().any(|item| holds(item, kinds)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_is_known_where_nothing_is() {
        let value = json!({"configs": [{"a-b": 1}]});
        let item = &Node::root(&value).get("configs").items()[0];
        assert_eq!(item.get("a-b").path(), r#".configs[0]["a-b"]"#);
        assert_eq!(item.get("missing").get("line").path(), ".configs[0].missing.line");
        assert!(!item.get("missing").get("line").is_there() && item.get("missing").items().is_empty());
        assert_eq!(Node::root(&value).path(), ".");
    }

    #[test]
    fn values_read_as_envoy_writes_them() {
        let value = json!({"size": "8", "count": 8, "long": "1800s", "short": "0.020s", "odd": "soon", "minus": "-1s"});
        let node = Node::root(&value);
        assert_eq!((node.get("size").number(), node.get("count").number()), (Some(8), Some(8)));
        assert_eq!(node.get("long").duration(), Some(Duration::from_secs(1800)));
        assert_eq!(node.get("short").duration(), Some(Duration::from_millis(20)));
        assert_eq!(
            (node.get("odd").duration(), node.get("minus").duration(), node.get("odd").number()),
            (None, None, None)
        );
    }

    #[test]
    fn kinds_are_found_below_and_inside_a_typed_struct() {
        let wrapped = json!({"@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
            "type_url": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "value": {"config": 1}});
        let (kind, inside) = Node::root(&wrapped).unwrapped();
        assert_eq!((kind, inside.get("config").number()), ("Wasm", Some(1)));
        let deep = json!({"policies": [{"typed_config": {"@type": "x/envoy.Maglev"}}]});
        assert!(Node::root(&deep).holds(&["Maglev"]) && !Node::root(&deep).holds(&["RingHash"]));
    }
}
