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
