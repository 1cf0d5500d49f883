//! What a running Envoy says of itself, as far as the checks ask.

mod cluster;
mod filter;
mod manager;
mod plugin;
mod route;
mod sample;

use std::time::{Duration, SystemTime};

use serde_json::Value;

pub use cluster::Cluster;
pub use filter::Filter;
pub use manager::Manager;
pub use plugin::{Plugin, Provider};
pub use route::{Route, routes};
pub use sample::{SAMPLES, Sample};

use super::node::Node;

/// The pages of the admin interface, as they came.
#[derive(Debug, Default)]
pub struct Pages {
    /// `/config_dump?include_eds`.
    pub config: Value,
    /// `/clusters?format=json`.
    pub clusters: Value,
    /// `/stats?format=json`.
    pub stats: Value,
    /// `/server_info`.
    pub server: Value,
    /// `/certs`.
    pub certificates: Value,
}

/// What a running Envoy says of itself.
pub struct Facts<'a> {
    pub now: SystemTime,
    pub admin: Node<'a>,
    pub managers: Vec<Manager<'a>>,
    /// TCP proxies: the listener's name, the filter, and where it leads.
    pub proxies: Vec<(&'a str, Node<'a>, Vec<&'a str>)>,
    pub clusters: Vec<Cluster<'a>>,
    pub drain_time: Option<Duration>,
    /// Certificates that are served or trusted.
    pub certificates: Vec<Node<'a>>,
    stats: Vec<(&'a str, u64)>,
    airbyte: Vec<&'a str>,
}

impl<'a> Facts<'a> {
    pub fn read(pages: &'a Pages, now: SystemTime) -> Facts<'a> {
        let configs = Configs(Node::root(&pages.config).get("configs").items());
        let (managers, proxies) = listeners(&configs);
        let airbyte = airbyte(&managers);
        Facts {
            now,
            admin: configs.first("BootstrapConfigDump").at(&["bootstrap", "admin"]),
            managers,
            proxies,
            clusters: cluster::read(&configs, &Node::root(&pages.clusters)),
            drain_time: Node::root(&pages.server).at(&["command_line_options", "drain_time"]).duration(),
            certificates: Node::root(&pages.certificates).get("certificates").items(),
            stats: stats(&Node::root(&pages.stats)),
            airbyte,
        }
    }

    /// Connection managers with airgate in them.
    pub fn gateways(&self) -> impl Iterator<Item = (&Manager<'a>, &Plugin<'a>)> {
        self.managers.iter().filter_map(|manager| Some((manager, manager.plugin.as_ref()?)))
    }

    /// Clusters that lead to Airbyte: those behind airgate that are no provider's.
    pub fn airbyte(&self) -> impl Iterator<Item = &Cluster<'a>> {
        self.clusters.iter().filter(|cluster| self.airbyte.contains(&cluster.name))
    }

    /// Whether a cluster leads to Airbyte, under whatever name.
    pub fn leads_to_airbyte(&self, name: &str) -> bool {
        self.airbyte.contains(&name)
            || self.cluster(name).is_some_and(|cluster| self.airbyte().any(|airbyte| airbyte.shares_a_host(cluster)))
    }

    pub fn cluster(&self, name: &str) -> Option<&Cluster<'a>> {
        self.clusters.iter().find(|cluster| cluster.name == name)
    }

    /// The sum of all counters whose name ends so.
    pub fn count(&self, end: &str) -> u64 {
        self.stats.iter().filter(|(name, _)| name.ends_with(end)).fold(0, |sum, (_, value)| sum.saturating_add(*value))
    }
}

/// The parts of a configuration dump.
struct Configs<'a>(Vec<Node<'a>>);

impl<'a> Configs<'a> {
    fn of<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = &'s Node<'a>> {
        self.0.iter().filter(move |config| config.kind() == kind)
    }

    fn first(&self, kind: &str) -> Node<'a> {
        self.of(kind).next().cloned().unwrap_or_else(|| Node::root(&Value::Null))
    }

    /// The items of several lists of a part, and what lies in each under `keys`.
    fn all(&self, kind: &str, lists: &[(&str, &[&str])]) -> Vec<Node<'a>> {
        let part = |config: &Node<'a>| -> Vec<Node<'a>> {
            let list = |(list, keys): &(&str, &[&str])| -> Vec<Node<'a>> {
                config.get(list).items().iter().map(|item| item.at(keys)).collect()
            };
            lists.iter().flat_map(list).collect()
        };
        self.of(kind).flat_map(part).filter(Node::is_there).collect()
    }
}

type Proxies<'a> = Vec<(&'a str, Node<'a>, Vec<&'a str>)>;

fn listeners<'a>(configs: &Configs<'a>) -> (Vec<Manager<'a>>, Proxies<'a>) {
    let lists: [(&str, &[&str]); 2] =
        [("static_listeners", &["listener"]), ("dynamic_listeners", &["active_state", "listener"])];
    let (mut managers, mut proxies) = (Vec::new(), Vec::new());
    for listener in configs.all("ListenersConfigDump", &lists) {
        let mut chains = listener.get("filter_chains").items();
        chains.extend(Some(listener.get("default_filter_chain")).filter(Node::is_there));
        for chain in chains {
            for filter in chain.get("filters").items() {
                match filter.get("typed_config").unwrapped() {
                    ("HttpConnectionManager", node) => managers.push(Manager::read(node, &listener, &chain, configs)),
                    ("TcpProxy", node) => {
                        let clusters = route::clusters(&node);
                        proxies.push((listener.get("name").word(), node, clusters));
                    }
                    _ => {}
                }
            }
        }
    }
    (managers, proxies)
}

fn airbyte<'a>(managers: &[Manager<'a>]) -> Vec<&'a str> {
    let behind = managers.iter().filter(|manager| manager.plugin.is_some());
    let mut names: Vec<&str> = behind
        .clone()
        .flat_map(|manager| &manager.hosts)
        .flat_map(|host| &host.routes)
        .flat_map(Route::clusters)
        .collect();
    let providers: Vec<_> = behind.filter_map(|manager| manager.plugin.as_ref()).flat_map(Plugin::providers).collect();
    names.retain(|name| !providers.iter().any(|provider| provider.clusters.iter().any(|cluster| cluster == name)));
    names.sort_unstable();
    names.dedup();
    names
}

fn stats<'a>(page: &Node<'a>) -> Vec<(&'a str, u64)> {
    let stat = |item: &Node<'a>| Some((item.get("name").text()?, item.get("value").number()?));
    page.get("stats").items().iter().filter_map(stat).collect()
}
