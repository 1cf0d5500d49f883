//! A line of the record, read back.

use std::collections::BTreeMap;

use airgate::access::{IdKind, Operations};
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
        const ELSEWHERE: [&str; 22] = [
            "proxy_refused",
            "client_gone",
            "host_failure",
            "overloaded",
            "too_many_by_caller",
            "too_many_by_address",
            "body_timeout",
            "body_unexpected",
            "provider_unavailable",
            "no_airbyte_token",
            "content_encoding",
            "transfer_encoding",
            "content_type",
            "content_charset",
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

    /// The ids with their kinds: those that counted, or those at other places.
    fn ids(&self, elsewhere: bool) -> impl Iterator<Item = (IdKind, &str)> {
        let items = self.get("airgate.ids").split([' ', ',']);
        items.filter_map(move |item| {
            let (is_elsewhere, item) = item.strip_prefix("elsewhere:").map_or((false, item), |item| (true, item));
            let (kind, id) = item.split_once(':').filter(|_| is_elsewhere == elsewhere)?;
            Some((IdKind::named(kind)?, id))
        })
    }

    /// The ids as members of a body of the operation that the line is about.
    pub fn body(&self, operations: &Operations) -> Map<String, Value> {
        let method = self.get("http.request.method");
        let operation = operations.find(method, self.get("url.path").trim_end_matches('/'));
        let mut body = operation.map(|operation| operation.body_with(self.ids(false))).unwrap_or_default();
        // Below another member they are ids that no operation takes.
        let mut inner = Map::new();
        for (kind, id) in self.ids(true) {
            let list = inner.entry(plural(kind)).or_insert_with(|| json!([]));
            list.as_array_mut().into_iter().for_each(|list| list.push(id.into()));
        }
        if !inner.is_empty() {
            body.insert("elsewhere".to_owned(), Value::Object(inner));
        }
        body
    }
}

fn plural(kind: IdKind) -> &'static str {
    match kind {
        IdKind::Workspace => "workspaceIds",
        IdKind::Connection => "connectionIds",
        IdKind::Source => "sourceIds",
        IdKind::Destination => "destinationIds",
        _ => "configId",
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
    fn ids_are_where_the_operation_takes_them() {
        let operations = Operations::builtin();
        let body = |path: &str, ids: &str| {
            let line = json!({"airgate.decision": "allow", "http.request.method": "POST", "url.path": path, "airgate.ids": ids});
            Value::Object(Line::read(&line.to_string()).unwrap().body(&operations))
        };
        assert_eq!(body("/api/v1/connections/sync", "connection:c1"), json!({"connectionId": "c1"}));
        assert_eq!(
            body("/api/v1/connections/status", "connection:c1 connection:c2"),
            json!({"connectionIds": ["c1", "c2"]})
        );
        assert_eq!(
            body("/api/v1/jobs/cancel", "elsewhere:connection:c1,elsewhere:any:x"),
            json!({"elsewhere": {"connectionIds": ["c1"], "configId": ["x"]}})
        );
        assert_eq!(
            body("/api/v1/connections/update_with_reason", "connection:c1,workspace:w1,workspace:w2"),
            json!({"connectionUpdate": {"connectionId": "c1", "tags": [{"workspaceId": "w1"}, {"workspaceId": "w2"}]}})
        );
        assert_eq!(body("/api/v9/unknown", "connection:c1"), json!({}));
    }
}
