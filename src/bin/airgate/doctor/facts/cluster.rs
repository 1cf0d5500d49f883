//! Clusters, and how their hosts are.

use super::Configs;
use crate::doctor::node::Node;

/// A cluster, and how its hosts are.
pub struct Cluster<'a> {
    pub name: &'a str,
    pub node: Node<'a>,
    pub hosts: Vec<Host>,
}

/// One address of a cluster.
pub struct Host {
    pub address: String,
    /// Why it gets no requests; empty if it does.
    pub down: Vec<&'static str>,
    /// Put aside because requests to it failed.
    pub ejected: bool,
    /// Connections to it that failed.
    pub connect_failures: u64,
    /// Requests that it answered well.
    pub successes: u64,
    pub requests: u64,
}

/// All clusters that run.
pub(super) fn read<'a>(configs: &Configs<'a>, page: &Node<'a>) -> Vec<Cluster<'a>> {
    let lists: [(&str, &[&str]); 2] = [("static_clusters", &["cluster"]), ("dynamic_active_clusters", &["cluster"])];
    let statuses = page.get("cluster_statuses").items();
    let cluster = |node: Node<'a>| {
        let name = node.get("name").word();
        let status = statuses.iter().find(|status| status.get("name").text() == Some(name));
        let hosts = status.map(|status| status.get("host_statuses").items()).unwrap_or_default();
        Cluster { name, node, hosts: hosts.iter().map(host).collect() }
    };
    configs.all("ClustersConfigDump", &lists).into_iter().map(cluster).collect()
}

impl Cluster<'_> {
    pub fn shares_a_host(&self, other: &Cluster<'_>) -> bool {
        self.hosts.iter().any(|host| other.hosts.iter().any(|theirs| theirs.address == host.address))
    }

    /// Whether the same key goes to the same host.
    pub fn hashes(&self) -> bool {
        matches!(self.node.get("lb_policy").word(), "MAGLEV" | "RING_HASH")
            || self.node.get("load_balancing_policy").holds(&["Maglev", "RingHash"])
    }

    /// Whether its hosts are told by a control plane, which has checks of its own.
    pub fn is_discovered(&self) -> bool {
        self.node.get("type").text() == Some("EDS")
    }

    pub fn sum(&self, count: fn(&Host) -> u64) -> u64 {
        self.hosts.iter().map(count).fold(0, u64::saturating_add)
    }
}

fn host(status: &Node<'_>) -> Host {
    const FAULTS: [(&str, &str); 4] = [
        ("failed_active_health_check", "fails its health check"),
        ("excluded_via_immediate_hc_fail", "fails its health check"),
        ("pending_active_hc", "has not been checked yet"),
        ("pending_dynamic_removal", "is on its way out"),
    ];
    let health = status.get("health_status");
    let mut down: Vec<_> =
        FAULTS.iter().filter(|(key, _)| health.get(key).is_true()).map(|(_, fault)| *fault).collect();
    if matches!(health.get("eds_health_status").word(), "UNHEALTHY" | "TIMEOUT" | "DRAINING") {
        down.push("is unhealthy to the control plane");
    }
    let count = |name: &str| {
        let stats = status.get("stats").items();
        let stat = stats.iter().find(|stat| stat.get("name").text() == Some(name));
        stat.and_then(|stat| stat.get("value").number()).unwrap_or_default()
    };
    Host {
        address: address(&status.get("address")),
        down,
        ejected: health.get("failed_outlier_check").is_true(),
        connect_failures: count("cx_connect_fail"),
        successes: count("rq_success"),
        requests: count("rq_total"),
    }
}

fn address(node: &Node<'_>) -> String {
    let socket = node.get("socket_address");
    match socket.get("address").text() {
        Some(ip) => format!("{ip}:{}", socket.get("port_value").number().unwrap_or_default()),
        None => node.value().map(ToString::to_string).unwrap_or_default(),
    }
}
