//! airgate as Envoy runs it.

use serde_json::Value;

use super::Filter;
use crate::doctor::node::Node;

/// airgate as Envoy runs it.
pub struct Plugin<'a> {
    /// The filter's name, by which routes turn it off or on.
    pub filter: &'a str,
    /// Off, unless a route turns it on.
    pub disabled: bool,
    pub entry: Node<'a>,
    /// Envoy's `PluginConfig`.
    pub node: Node<'a>,
    /// airgate's own configuration.
    pub settings: Value,
}

/// A provider, as far as it concerns Envoy.
pub struct Provider {
    pub issuer: String,
    /// Where its documents, keys and tokens come from.
    pub clusters: Vec<String>,
    /// How far clocks may differ.
    pub leeway: f64,
}

impl Provider {
    /// One of which nothing but its name is known.
    pub fn named(issuer: &str) -> Provider {
        provider(&serde_json::json!({"issuer": issuer}))
    }
}

impl<'a> Plugin<'a> {
    /// A wasm filter is airgate's if its configuration is.
    pub fn read(filter: &Filter<'a>) -> Option<Plugin<'a>> {
        if filter.kind != "Wasm" {
            return None;
        }
        let node = filter.config.get("config");
        let settings = settings(&node.get("configuration"))?;
        (settings.get("external_url").is_some() && settings.get("providers").is_some()).then(|| Plugin {
            filter: filter.name,
            disabled: filter.is_disabled(),
            entry: filter.entry.clone(),
            node,
            settings,
        })
    }

    /// The host that clients call, with its port if it has one.
    pub fn host(&self) -> Option<&str> {
        self.settings.get("external_url")?.as_str()?.strip_prefix("https://")?.split('/').next()
    }

    pub fn affinity(&self) -> &str {
        self.setting("/affinity/mode").unwrap_or("hash")
    }

    pub fn setting(&self, pointer: &str) -> Option<&str> {
        self.settings.pointer(pointer)?.as_str()
    }

    pub fn providers(&self) -> Vec<Provider> {
        let list = self.settings.get("providers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().map(provider).collect()
    }
}

fn provider(settings: &Value) -> Provider {
    let text = |pointer| settings.pointer(pointer).and_then(Value::as_str);
    let mut clusters: Vec<String> = ["/cluster", "/jwks_cluster", "/login/cluster"]
        .iter()
        .filter_map(|pointer| text(pointer).map(str::to_owned))
        .collect();
    clusters.sort();
    clusters.dedup();
    let leeway = text("/leeway").and_then(|leeway| humantime::parse_duration(leeway).ok());
    Provider {
        issuer: text("/issuer").unwrap_or_default().to_owned(),
        clusters,
        leeway: leeway.map_or(60.0, |leeway| leeway.as_secs_f64()),
    }
}

/// JSON in a `StringValue`, or a `Struct`.
fn settings(node: &Node<'_>) -> Option<Value> {
    match node.get("value").value()? {
        Value::String(text) => serde_json::from_str(text).ok(),
        value => Some(value.clone()),
    }
}
