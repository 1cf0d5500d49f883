//! An HTTP filter in its chain.

use super::Configs;
use crate::doctor::node::Node;

/// An HTTP filter in its chain.
pub struct Filter<'a> {
    pub name: &'a str,
    /// The name of its configuration's message.
    pub kind: &'a str,
    /// Its entry in the chain.
    pub entry: Node<'a>,
    /// Its configuration, wherever it came from.
    pub config: Node<'a>,
}

impl<'a> Filter<'a> {
    pub(super) fn read(entry: Node<'a>, configs: &Configs<'a>) -> Filter<'a> {
        let name = entry.get("name").word();
        let written = entry.get("typed_config");
        // Istio sends modules by themselves (ECDS).
        let config = if written.is_there() { written } else { discovered(name, configs).unwrap_or(written) };
        let (kind, config) = config.unwrapped();
        Filter { name, kind, entry, config }
    }

    /// Off, unless a route turns it on.
    pub fn is_disabled(&self) -> bool {
        self.entry.get("disabled").is_true()
    }
}

fn discovered<'a>(name: &str, configs: &Configs<'a>) -> Option<Node<'a>> {
    let filters = configs.all("EcdsConfigDump", &[("ecds_filters", &["ecds_filter"])]);
    filters.iter().find(|filter| filter.get("name").text() == Some(name)).map(|filter| filter.get("typed_config"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::facts::Plugin;
    use serde_json::json;

    #[test]
    fn a_module_that_istio_sent_by_itself() {
        let settings = r#"{"external_url": "https://airbyte.example.com:8443", "providers": []}"#;
        let wasm = json!({"@type": "x/udpa.type.v1.TypedStruct", "type_url": "x/envoy.Wasm",
            "value": {"config": {"configuration": {"@type": "x/google.protobuf.StringValue", "value": settings}}}});
        let dump = json!([{"@type": "x/EcdsConfigDump", "ecds_filters": [
            {"ecds_filter": {"name": "other", "typed_config": {}}},
            {"ecds_filter": {"name": "istio-system.airgate", "typed_config": wasm}}]}]);
        let entry = json!({"name": "istio-system.airgate", "config_discovery": {"type_urls": ["x/envoy.Wasm"]}});
        let filter = Filter::read(Node::root(&entry), &Configs(Node::root(&dump).items()));
        let plugin = Plugin::read(&filter).expect("it is airgate's");
        assert_eq!(plugin.host(), Some("airbyte.example.com:8443"));
        assert_eq!(plugin.node.path(), "[0].ecds_filters[1].ecds_filter.typed_config.value.config");
    }
}
