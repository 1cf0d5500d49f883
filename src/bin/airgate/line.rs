//! A line of the record, read back.

use std::collections::BTreeMap;

use airgate::json;
use serde_json::{Map, Value, json};

/// What one line says, by the record's own names.
#[derive(Debug, PartialEq, Eq)]
pub struct Line(BTreeMap<String, String>);

/// Names that OpenTelemetry has; as properties of the proxy they have another
/// `airgate.` before them.
const SHARED: [&str; 6] = ["enduser.", "client.", "http.", "url.", "server.", "upstream."];

impl Line {
    /// Reads a line: JSON, perhaps behind what a log puts before it. `None`: it
    /// is no record.
    pub fn read(text: &str) -> Option<Line> {
        let (_, text) = text.find('{').and_then(|at| text.split_at_checked(at))?;
        let Ok(Value::Object(members)) = json::parse(text.trim_end().as_bytes()) else {
            return None;
        };
        let mut fields = BTreeMap::new();
        flatten(&members, "", &mut fields);
        fields.contains_key("airgate.decision").then_some(Line(fields))
    }

    /// What it says of one thing; nothing, if it says so.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A field that may list several.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.get(name).split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
    }

    /// Why it cannot be asked again, if that can be told by it alone.
    pub fn obstacle(&self) -> Option<&'static str> {
        let (method, path) = (self.get("http.request.method"), self.get("url.path"));
        // What happened before the policy was asked, or after.
        const ELSEWHERE: [&str; 14] = [
            "proxy_refused",
            "client_gone",
            "host_failure",
            "overloaded",
            "provider_unavailable",
            "no_airbyte_token",
            "body_too_long",
            "body_out_of_reach",
            "answered_early",
            "agent_budget",
            "other",
            "cross_site",
            "wrong_origin",
            "no_origin",
        ];
        let fields = ["url.path", "url.query", "enduser.id", "airgate.groups", "airgate.ids", "airgate.client"];
        match () {
            () if self.get("airgate.decision") == "answer" => Some("the gateway answered itself"),
            () if ELSEWHERE.contains(&self.get("airgate.reason")) => Some("the policy was not what decided"),
            () if method.is_empty() || path.is_empty() => Some("it does not say what was asked for"),
            () if fields.iter().any(|name| self.get(name).ends_with('…')) => Some("it is cut"),
            () => None,
        }
    }

    /// Path and query.
    pub fn target(&self) -> String {
        match self.get("url.query") {
            "" => self.get("url.path").to_owned(),
            query => format!("{}?{query}", self.get("url.path")),
        }
    }

    /// The ids that it touched, as members of a body.
    pub fn ids(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let items = self.get("airgate.ids").split([' ', ',']).filter(|item| !item.is_empty());
        for (kind, id) in items.map(|item| item.split_once(':').unwrap_or(("any", item))) {
            let name = match kind {
                "workspace" => "workspaceIds",
                "connection" => "connectionIds",
                "source" => "sourceIds",
                "destination" => "destinationIds",
                _ => "configId",
            };
            let place = members.entry(name).or_insert_with(|| json!([]));
            if let Value::Array(list) = place {
                list.push(id.into());
            }
        }
        members
    }
}

fn flatten(members: &Map<String, Value>, before: &str, fields: &mut BTreeMap<String, String>) {
    for (name, value) in members {
        let whole = format!("{before}{name}");
        let text = match value {
            Value::Object(inner) => {
                flatten(inner, &format!("{whole}."), fields);
                continue;
            }
            Value::Array(items) => {
                let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                items.join(",")
            }
            Value::String(text) => text.clone(),
            Value::Null => continue,
            other => other.to_string(),
        };
        let name = whole.strip_prefix("wasm.").unwrap_or(&whole);
        let shared = name.strip_prefix("airgate.").filter(|rest| SHARED.iter().any(|start| rest.starts_with(start)));
        // What an access log prints for nothing.
        if !text.is_empty() && text != "-" {
            fields.insert(shared.unwrap_or(name).to_owned(), text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_logs_and_of_proxies_are_the_same() {
        let plain = r#"{"airgate.decision":"allow","enduser.id":"ana","url.query":"-","airgate.groups":"a,b","http.response.status_code":200}"#;
        let line = Line::read(plain).unwrap();
        assert_eq!(
            (line.get("enduser.id"), line.get("url.query"), line.list("airgate.groups")),
            ("ana", "", vec!["a", "b"])
        );
        assert_eq!(line.get("http.response.status_code"), "200");
        for same in [
            format!("[2026-11-23 12:00:00.000][15][info][wasm] wasm log airgate: {plain}\n"),
            r#"{"wasm.airgate.decision":"allow","airgate.enduser.id":"ana","airgate":{"groups":["a","b"]},"http":{"response":{"status_code":200}}}"#.to_owned(),
        ] {
            assert_eq!(Line::read(&same).as_ref(), Some(&line), "{same}");
        }
        for other in ["", "{}", "text", "{\"message\":\"x\"}", "{\"airgate.decision\":1,\"airgate.decision\":2}"] {
            assert_eq!(Line::read(other), None, "{other}");
        }
    }

    #[test]
    fn ids_are_members_of_a_body() {
        let line = Line::read(
            r#"{"airgate.decision":"allow","airgate.ids":"connection:c1 workspace:w1 connection:c2 any:x"}"#,
        );
        let expected = json!({"connectionIds": ["c1", "c2"], "workspaceIds": ["w1"], "configId": ["x"]});
        assert_eq!(Value::Object(line.unwrap().ids()), expected);
    }
}
