//! Where configurations stand: alone in a file, or inside the file of a proxy.

use std::path::Path;

use airgate::json;
use ct_codecs::{Base64, Decoder};
use serde_json::{Map, Value};

use crate::console::{self, Failure};

/// A configuration, and where it was found.
#[derive(Debug)]
pub struct Found {
    /// The way to it inside the file; empty if it is the file.
    pub place: String,
    /// The configuration; the error says why it cannot be read.
    pub config: Result<Value, String>,
    /// What the plugin's machine can see of the environment; `None`: the file
    /// does not say.
    pub sees: Option<Sees>,
    /// Whether the proxy hands out a body while it holds the headers; `None`: the
    /// file does not say.
    pub holds: Option<bool>,
}

/// The environment as a proxy's file hands it on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sees {
    /// Names of the proxy's own variables.
    pub names: Vec<String>,
    /// Variables whose value is written down.
    pub values: Vec<(String, String)>,
    /// The field to add a name to.
    pub field: &'static str,
}

impl Sees {
    /// Whether the variable arrives.
    pub fn shows(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name) || self.values.iter().any(|(known, _)| known == name)
    }
}

/// Every configuration of airgate's in a file.
pub fn find(path: &Path) -> Result<Vec<Found>, Failure> {
    let name = path.display();
    let documents = parse(&console::read(path)?, path).map_err(|error| Failure::new(format!("{name}: {error}")))?;
    let several = documents.len() > 1;
    let mut found = Vec::new();
    for (index, document) in documents.into_iter().enumerate() {
        let before = found.len();
        match is_plain(&document) {
            true => found.push(Found { place: String::new(), config: Ok(document), sees: None, holds: None }),
            false => search(&document, String::new(), &mut found),
        }
        for one in found.iter_mut().skip(before).filter(|_| several) {
            let number = index.saturating_add(1);
            one.place = format!("document {number}: {}", one.place).trim_end_matches([' ', ':']).to_owned();
        }
    }
    match found.is_empty() {
        true => Err(Failure::new(format!("{name}: holds no configuration of airgate's"))),
        false => Ok(found),
    }
}

/// The one configuration in a file.
pub fn only(path: &Path) -> Result<Found, Failure> {
    let mut found = find(path)?;
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        _ => {
            let number = found.len().saturating_add(1);
            Err(Failure::new(format!("{}: holds {number} configurations; give it one", path.display())))
        }
    }
}

/// JSON by the gateway's own strict reader, and all else as YAML.
fn parse(text: &str, path: &Path) -> Result<Vec<Value>, String> {
    match json::parse(text.as_bytes()) {
        Ok(value) => return Ok(vec![value]),
        Err(error) if path.extension().is_some_and(|end| end == "json") => {
            return Err(format!("no valid JSON: {error}"));
        }
        Err(_) => {}
    }
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|error| format!("neither JSON nor YAML: {error}"))?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// Whether a document is a configuration itself, and not a proxy's file. Also a
/// wrong one: whoever hands it in wants to know what is wrong.
fn is_plain(document: &Value) -> bool {
    let proxys = ["apiVersion", "kind", "static_resources", "resources", "@type", "spec"];
    document.as_object().is_none_or(|members| !proxys.iter().any(|name| members.contains_key(*name)))
}

/// Looks everywhere, since filters stand at many places: in listeners, in
/// listener resources, in patches (`EnvoyFilter`), in lists of resources.
fn search(value: &Value, place: String, found: &mut Vec<Found>) {
    let before = found.len();
    if let Value::Object(members) = value {
        found.extend(plugins(members, &place).into_iter().filter(is_ours));
    }
    if found.len() > before {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                search(value, join(&place, name), found);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                search(value, format!("{place}[{index}]"), found);
            }
        }
        _ => {}
    }
}

/// The plugins that an object configures: as Envoy's filter, Istio's
/// `WasmPlugin` and `TrafficExtension`, Envoy Gateway's `EnvoyExtensionPolicy`.
fn plugins(members: &Map<String, Value>, place: &str) -> Vec<Found> {
    let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_filter = |url: &str| url.ends_with("/envoy.extensions.filters.http.wasm.v3.Wasm");
    let spec = members.get("spec").unwrap_or(&Value::Null);
    match (text("@type"), text("kind")) {
        (url, _) if is_filter(url) => envoys(members.get("config"), &join(place, "config")).into_iter().collect(),
        (url, _) if url.ends_with("TypedStruct") && is_filter(text("type_url")) => {
            envoys(members.get("value").and_then(|value| value.get("config")), &join(place, "value.config"))
                .into_iter()
                .collect()
        }
        (_, "WasmPlugin") => istios(Some(spec), &join(place, "spec")).into_iter().collect(),
        (_, "TrafficExtension") => istios(spec.get("wasm"), &join(place, "spec.wasm")).into_iter().collect(),
        (_, "EnvoyExtensionPolicy") => {
            let list = spec.get("wasm").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let place = |index: usize| join(place, &format!("spec.wasm[{index}].config"));
            list.iter().enumerate().filter_map(|(index, wasm)| envoy_gateways(wasm, place(index))).collect()
        }
        _ => Vec::new(),
    }
}

/// `PluginConfig` of Envoy: the configuration is an `Any`.
fn envoys(plugin: Option<&Value>, place: &str) -> Option<Found> {
    let plugin = plugin?;
    let any = plugin.get("configuration")?;
    let place = join(place, "configuration.value");
    let config = match (any.get("@type").and_then(Value::as_str).unwrap_or_default(), any.get("value")) {
        (_, None) => Err("has no value".to_owned()),
        (url, Some(value)) if url.ends_with(".Struct") => Ok(value.clone()),
        (url, Some(Value::String(text))) if url.ends_with(".StringValue") => inner(text.as_bytes()),
        (url, Some(Value::String(text))) if url.ends_with(".BytesValue") => {
            Base64::decode_to_vec(text, None).map_err(|_| "no base64".to_owned()).and_then(|bytes| inner(&bytes))
        }
        (url, _) => Err(format!("airgate takes a Struct or a StringValue, not {url:?}")),
    };
    let variables = plugin.pointer("/vm_config/environment_variables");
    let sees = Sees {
        names: texts(variables.and_then(|variables| variables.get("host_env_keys"))),
        values: pairs(variables.and_then(|variables| variables.get("key_values"))),
        field: "vm_config.environment_variables.host_env_keys",
    };
    let holds = plugin.get("allow_on_headers_stop_iteration").is_some_and(|set| *set == Value::Bool(true));
    Some(Found { place, config, sees: Some(sees), holds: Some(holds) })
}

fn istios(plugin: Option<&Value>, place: &str) -> Option<Found> {
    let plugin = plugin?;
    let config = plugin.get("pluginConfig")?.clone();
    let mut sees = Sees { field: "vmConfig.env, with valueFrom: HOST", ..Sees::default() };
    for variable in plugin.pointer("/vmConfig/env").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| variable.get(name).and_then(Value::as_str);
        match (text("name"), text("valueFrom"), text("value")) {
            (Some(name), Some("HOST"), _) => sees.names.push(name.to_owned()),
            (Some(name), _, Some(value)) => sees.values.push((name.to_owned(), value.to_owned())),
            _ => {}
        }
    }
    // It has no field for that.
    Some(Found { place: join(place, "pluginConfig"), config: Ok(config), sees: Some(sees), holds: Some(false) })
}

fn envoy_gateways(wasm: &Value, place: String) -> Option<Found> {
    let config = wasm.get("config")?.clone();
    let names = texts(wasm.pointer("/env/hostKeys"));
    let sees = Some(Sees { names, values: Vec::new(), field: "env.hostKeys" });
    // A patch may say it, in another object.
    Some(Found { place, config: Ok(config), sees, holds: None })
}

/// Other plugins may stand in the same file. Ours has one of the fields that
/// must be written, or cannot be read at all.
fn is_ours(found: &Found) -> bool {
    let ours = ["external_url", "providers", "access"];
    found.config.as_ref().map_or(true, |config| ours.iter().any(|name| config.get(name).is_some()))
}

fn inner(text: &[u8]) -> Result<Value, String> {
    json::parse(text).map_err(|error| format!("no valid JSON: {error}"))
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn pairs(map: Option<&Value>) -> Vec<(String, String)> {
    let map = map.and_then(Value::as_object).into_iter().flatten();
    map.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn join(place: &str, name: &str) -> String {
    match place {
        "" => name.to_owned(),
        place => format!("{place}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn look(document: &Value) -> Vec<Found> {
        let mut found = Vec::new();
        search(document, String::new(), &mut found);
        found
    }

    #[test]
    fn a_configuration_is_found_in_every_proxys_file() {
        let config = json!({"external_url": "https://a.example"});
        let any = |value: Value| {
            json!({"listeners": [{"typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": {
                    "vm_config": {"environment_variables": {"host_env_keys": ["A"], "key_values": {"B": "b"}}},
                    "configuration": value,
                },
            }}]})
        };
        let place = "listeners[0].typed_config.config.configuration.value";
        let istio = json!({"pluginConfig": config, "vmConfig": {"env": [
            {"name": "A", "valueFrom": "HOST"}, {"name": "B", "value": "b"},
        ]}});
        for (document, place) in [
            (any(json!({"@type": "type.googleapis.com/google.protobuf.Struct", "value": config})), place),
            (
                any(json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": config.to_string()})),
                place,
            ),
            (json!({"kind": "WasmPlugin", "spec": istio}), "spec.pluginConfig"),
            (json!({"kind": "TrafficExtension", "spec": {"wasm": istio}}), "spec.wasm.pluginConfig"),
        ] {
            let found = look(&document);
            assert_eq!(found.len(), 1, "{document}");
            assert_eq!((found[0].place.as_str(), found[0].config.as_ref()), (place, Ok(&config)));
            assert_eq!(found[0].holds, Some(false));
            let sees = found[0].sees.as_ref().unwrap();
            assert_eq!((&sees.names, &sees.values), (&vec!["A".to_owned()], &vec![("B".to_owned(), "b".to_owned())]));
        }
        let wasm = json!([{"config": {"other": 1}}, {"config": config, "env": {"hostKeys": ["A"]}}]);
        let found = look(&json!({"kind": "List", "items": [{"kind": "EnvoyExtensionPolicy", "spec": {"wasm": wasm}}]}));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, "items[0].spec.wasm[1].config");
        assert_eq!((found[0].sees.as_ref().unwrap().names.as_slice(), found[0].holds), (&["A".to_owned()][..], None));
    }

    #[test]
    fn whether_headers_are_held_is_said_in_the_proxys_file() {
        let any = json!({"@type": "x/google.protobuf.Struct", "value": {"external_url": "https://a.example"}});
        let config = json!({"allow_on_headers_stop_iteration": true, "configuration": any});
        let filter = json!({"@type": "x/envoy.extensions.filters.http.wasm.v3.Wasm", "config": config});
        assert_eq!(look(&filter)[0].holds, Some(true));
    }

    #[test]
    fn what_the_plugin_could_not_read_either_is_said() {
        let any = |url: &str, value: Value| {
            let filter = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
            json!({"@type": filter, "config": {"configuration": {"@type": url, "value": value}}})
        };
        for (document, part) in [
            (any("google.protobuf.StringValue", json!("{\"a\":1,\"a\":2}")), "duplicate member"),
            (any("google.protobuf.Int64Value", json!(1)), "a Struct or a StringValue"),
            (any("google.protobuf.BytesValue", json!("?")), "base64"),
        ] {
            let found = look(&document);
            assert!(found[0].config.as_ref().unwrap_err().contains(part), "{found:?}");
        }
    }

    #[test]
    fn yaml_has_several_documents_and_each_name_once() {
        let path = Path::new("x.yaml");
        assert_eq!(
            parse("a: 1\n---\nb: [x, 2.5, true]\n---\n", path).unwrap(),
            [json!({"a": 1}), json!({"b": ["x", 2.5, true]})]
        );
        assert_eq!(parse("{a: 1}", path).unwrap(), [json!({"a": 1})]);
        assert_eq!(
            parse("date: 2026-12-31\nid: \"2026\"", path).unwrap(),
            [json!({"date": "2026-12-31", "id": "2026"})]
        );
        assert!(parse("a: 1\na: 2", path).is_err());
        assert!(parse("{a: 1}", Path::new("x.json")).is_err());
    }
}
