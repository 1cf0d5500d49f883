//! An HTTP connection manager, and what is around it.

use std::time::Duration;

use super::plugin::Plugin;
use super::route::Host;
use super::{Configs, Filter, Sample, routes};
use crate::doctor::node::Node;

/// An HTTP connection manager, and what is around it.
pub struct Manager<'a> {
    pub node: Node<'a>,
    /// The listener's name.
    pub listener: &'a str,
    /// Where it listens.
    pub address: Node<'a>,
    /// Its configuration of TLS.
    pub tls: Node<'a>,
    pub filters: Vec<Filter<'a>>,
    pub hosts: Vec<Host<'a>>,
    /// airgate, if it is in the chain.
    pub plugin: Option<Plugin<'a>>,
}

impl<'a> Manager<'a> {
    pub(super) fn read(node: Node<'a>, listener: &Node<'a>, chain: &Node<'a>, configs: &Configs<'a>) -> Manager<'a> {
        let filters: Vec<_> =
            node.get("http_filters").items().into_iter().map(|entry| Filter::read(entry, configs)).collect();
        Manager {
            listener: listener.get("name").word(),
            address: listener.get("address"),
            tls: chain.at(&["transport_socket", "typed_config"]).unwrapped().1,
            plugin: filters.iter().find_map(Plugin::read),
            hosts: routes(&route_configuration(&node, configs)),
            filters,
            node,
        }
    }

    /// Where a sample of traffic may go in each virtual host that is airgate's: the first route that takes it.
    pub fn routes_of<'s>(&'s self, sample: &Sample) -> Vec<&'s super::Route<'a>> {
        let wanted = self.plugin.as_ref().and_then(Plugin::host).unwrap_or_default();
        let best = self.hosts.iter().map(|host| host.fits(wanted)).max().unwrap_or_default();
        let hosts = self.hosts.iter().filter(|host| host.fits(wanted) == best);
        hosts.filter_map(|host| host.routes.iter().find(|route| route.takes(sample) == Some(true))).collect()
    }

    /// How long a stream on this route may be silent. `None`: as long as it likes.
    pub fn idle_timeout(&self, route: &super::Route<'a>) -> Option<Duration> {
        const UNWRITTEN: Duration = Duration::from_secs(300);
        let own = route.action.get("idle_timeout").duration();
        let timeout = own.or(self.node.get("stream_idle_timeout").duration()).unwrap_or(UNWRITTEN);
        (!timeout.is_zero()).then_some(timeout)
    }

    /// How long a request on this route may take. `None`: as long as it likes.
    pub fn timeout(&self, route: &super::Route<'a>) -> Option<Duration> {
        const UNWRITTEN: Duration = Duration::from_secs(15);
        let timeout = route.action.get("timeout").duration().unwrap_or(UNWRITTEN);
        let longest = route.action.at(&["max_stream_duration", "max_stream_duration"]).duration();
        let longest = longest.or(self.node.at(&["common_http_protocol_options", "max_stream_duration"]).duration());
        [Some(timeout), longest].into_iter().flatten().filter(|limit| !limit.is_zero()).min()
    }
}

fn route_configuration<'a>(node: &Node<'a>, configs: &Configs<'a>) -> Node<'a> {
    let inline = node.get("route_config");
    let Some(name) = node.at(&["rds", "route_config_name"]).text() else { return inline };
    let lists: [(&str, &[&str]); 2] =
        [("static_route_configs", &["route_config"]), ("dynamic_route_configs", &["route_config"])];
    let all = configs.all("RoutesConfigDump", &lists);
    all.into_iter().find(|routes| routes.get("name").text() == Some(name)).unwrap_or(inline)
}
