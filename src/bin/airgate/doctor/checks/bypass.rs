//! Is there another way to Airbyte, past the gateway?

use crate::doctor::facts::{Facts, Manager, Plugin, Route};
use crate::doctor::finding::Finding;

const PAST: &str = "Airbyte's own login is off behind the gateway: whoever comes this way is an administrator.";

pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = facts
        .managers
        .iter()
        .filter(|manager| manager.plugin.is_none())
        .flat_map(|manager| past(facts, manager))
        .collect();
    findings.extend(tcp(facts));
    findings.extend(facts.gateways().flat_map(|(manager, plugin)| within(facts, manager, plugin)));
    findings
}

/// Listeners without airgate.
fn past(facts: &Facts<'_>, manager: &Manager<'_>) -> Vec<Finding> {
    let finding = |route: &Route<'_>| {
        let cluster = leads(facts, route)?;
        let (listener, name) = (manager.listener, route.name());
        let what = format!(
            "route {name} of listener {listener} leads to Airbyte ({cluster}), and airgate is not in its chain"
        );
        let change = "Remove the route, or put airgate before the router of this listener.";
        Some(Finding::error("bypass.listener", &route.node, what).because(PAST).change(change))
    };
    routes(manager).filter_map(finding).collect()
}

fn tcp(facts: &Facts<'_>) -> Vec<Finding> {
    let finding = |(listener, node, clusters): &(&str, crate::doctor::node::Node<'_>, Vec<&str>)| {
        let cluster = clusters.iter().find(|name| facts.leads_to_airbyte(name))?;
        let what = format!("listener {listener} passes TCP through to Airbyte ({cluster})");
        Some(Finding::error("bypass.tcp", node, what).because(PAST).change("Remove the TCP proxy."))
    };
    facts.proxies.iter().filter_map(finding).collect()
}

/// Routes behind airgate.
fn within(facts: &Facts<'_>, manager: &Manager<'_>, plugin: &Plugin<'_>) -> Vec<Finding> {
    let to_airbyte = || routes(manager).filter(|route| leads(facts, route).is_some());
    let is_off = |route: &&Route<'_>| !route.is_filtered_by(plugin.filter, plugin.disabled);
    let mut findings: Vec<Finding> = to_airbyte().filter(is_off).map(|route| turned_off(plugin, route)).collect();
    if let Some(turned_off) = findings.first().filter(|_| plugin.disabled && findings.len() == to_airbyte().count()) {
        // One line does it all.
        let what = "the filter is disabled in the chain, and no route turns it on";
        let finding = Finding {
            what: what.to_owned(),
            place: plugin.entry.get("disabled").path().to_owned(),
            ..turned_off.clone()
        };
        findings = vec![finding];
    }
    let open: Vec<_> = to_airbyte().filter(|route| !route.demands("x-airgate-route")).collect();
    findings.extend(open.first().filter(|_| findings.is_empty()).map(|route| unguarded(route, open.len())));
    findings
}

fn turned_off(plugin: &Plugin<'_>, route: &Route<'_>) -> Finding {
    let what = format!("airgate is turned off for route {}, which leads to Airbyte", route.name());
    Finding::error("bypass.disabled", &route.node.get("typed_per_filter_config"), what)
        .because(
            "Either everybody comes through, as an administrator, or, where routes demand x-airgate-route, nobody.",
        )
        .change(format!("Remove what turns the filter {} off.", plugin.filter))
}

fn unguarded(route: &Route<'_>, count: usize) -> Finding {
    let what = format!(
        "{count} routes to Airbyte also take what airgate has not judged, first of them route {}",
        route.name()
    );
    Finding::warning("bypass.unguarded", &route.node.get("match"), what)
        .because("If the filter is ever missing, turned off or fails open, requests go on to Airbyte all the same.")
        .change(
            "match:\n  headers: [{name: x-airgate-route, present_match: true}]\n\
                 # and remove x-airgate-* of clients: early_header_mutation_extensions in envoy-example/envoy.yaml",
        )
}

fn leads<'a>(facts: &Facts<'a>, route: &Route<'a>) -> Option<&'a str> {
    route.clusters().into_iter().find(|name| facts.leads_to_airbyte(name))
}

fn routes<'m, 'a>(manager: &'m Manager<'a>) -> impl Iterator<Item = &'m Route<'a>> {
    manager.hosts.iter().flat_map(|host| &host.routes)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Envoy, is};
    use serde_json::json;

    #[test]
    fn another_listener() {
        let route = |cluster: &str| {
            json!({"name": "side", "filter_chains": [{"filters": [{"typed_config": {"@type": "x/HttpConnectionManager",
                "route_config": {"virtual_hosts": [{"domains": ["*"], "routes": [{"match": {"prefix": "/"},
                    "route": {"cluster": cluster}}]}]}}}]}]})
        };
        is(&Envoy::sound().listener(route("airbyte")), &["bypass.listener"]);
        is(&Envoy::sound().listener(route("idp")), &[]);
        let weighted = json!({"clusters": [{"name": "idp"}, {"name": "airbyte"}]});
        let mut canary = route("");
        let routes = "/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes";
        canary.pointer_mut(routes).unwrap()[0]["route"] = json!({"weighted_clusters": weighted});
        is(&Envoy::sound().listener(canary), &["bypass.listener"]);
        // The same replicas under another name.
        is(&Envoy::sound().cluster("second", "10.0.0.1").listener(route("second")), &["bypass.listener"]);
        is(&Envoy::sound().cluster("second", "10.0.0.9").listener(route("second")), &[]);
        let proxy = json!({"typed_config": {"@type": "x/TcpProxy", "cluster": "airbyte"}});
        let tcp = json!({"name": "side", "default_filter_chain": {"filters": [proxy]}});
        is(&Envoy::sound().listener(tcp), &["bypass.tcp"]);
    }

    #[test]
    fn turned_off() {
        let off = json!({"airgate": {"@type": "x/FilterConfig", "disabled": true}});
        let on = json!({"airgate": {"@type": "x/FilterConfig", "config": {}}});
        is(&Envoy::sound().set("/routes/2/typed_per_filter_config", off.clone()), &["bypass.disabled"]);
        let everywhere = Envoy::sound().set("/host/typed_per_filter_config", off);
        is(&everywhere, &["bypass.disabled"; 3]);
        let disabled = || Envoy::sound().set("/airgate_entry/disabled", json!(true));
        is(&disabled(), &["bypass.disabled"]);
        is(&disabled().set("/host/typed_per_filter_config", on), &[]);
    }

    #[test]
    fn unguarded() {
        is(&Envoy::sound().set("/routes/2/match", json!({"prefix": "/"})), &["bypass.unguarded"]);
    }
}
