//! Is a client kept on its backend?

use crate::doctor::facts::{Cluster, Facts, Manager, Plugin, Route};
use crate::doctor::finding::Finding;
use crate::doctor::node::Node;

const KEY: &str = "x-airgate-affinity";
const PIN: &str = "x-airgate-pin";
const SCATTERED: &str = "Requests of one client are spread over all replicas, whatever cookie it has.";

pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    facts.gateways().flat_map(|(manager, plugin)| by_mode(facts, manager, plugin)).collect()
}

fn by_mode(facts: &Facts<'_>, manager: &Manager<'_>, plugin: &Plugin<'_>) -> Vec<Finding> {
    match plugin.affinity() {
        "off" => vec![off(plugin)],
        "pin" => stateful_session(manager).into_iter().collect(),
        _ => hash_policies(facts, manager),
    }
}

fn off(plugin: &Plugin<'_>) -> Finding {
    let place = &plugin.node.at(&["configuration", "value"]);
    Finding::warning("affinity.off", place, "affinity is turned off in airgate's configuration")
        .because(
            "Airbyte works without it, but caches are of less use and a canary cannot be tried by the same people.",
        )
        .change("affinity: {mode: hash}")
}

fn stateful_session(manager: &Manager<'_>) -> Option<Finding> {
    let id = "affinity.not-pinned";
    let change = "- name: stateful-session  # after airgate, before the router\n  \
                  disabled: false\n  typed_config: ...  # see envoy-example/envoy.yaml";
    let position = |kind: &str| manager.filters.iter().position(|filter| filter.kind == kind);
    let place = &manager.node.get("http_filters");
    let airgate = manager.plugin.as_ref().map(|plugin| plugin.filter);
    let airgate = manager.filters.iter().position(|filter| Some(filter.name) == airgate);
    let Some(filter) = manager.filters.iter().find(|filter| filter.kind == "StatefulSession") else {
        let what = "airgate pins clients to a backend, but there is no filter stateful_session to read the pin";
        return Some(Finding::error(id, place, what).because(SCATTERED).change(change));
    };
    if filter.is_disabled() {
        let what = "airgate pins clients to a backend, but the filter stateful_session is disabled";
        let place = &filter.entry.get("disabled");
        return Some(Finding::error(id, place, what).because(SCATTERED).change("disabled: false"));
    }
    if position("StatefulSession") < airgate {
        let what = "the filter stateful_session stands before airgate, whose pin it is to read";
        return Some(Finding::error(id, &filter.entry, what).because(SCATTERED).change(change));
    }
    let name = filter.config.at(&["session_state", "typed_config", "name"]);
    (name.text() != Some(PIN)).then(|| {
        let what = format!("stateful_session does not read {PIN}, where airgate writes the pin");
        Finding::error(id, &name, what).because(SCATTERED).change(format!("name: {PIN}"))
    })
}

fn hash_policies(facts: &Facts<'_>, manager: &Manager<'_>) -> Vec<Finding> {
    let routes = manager.hosts.iter().flat_map(|host| &host.routes);
    let leads =
        |route: &&Route<'_>| route.clusters().iter().any(|name| facts.airbyte().any(|cluster| cluster.name == *name));
    let mut findings: Vec<Finding> = routes.clone().filter(leads).filter_map(|route| unhashed(facts, route)).collect();
    let clusters =
        facts.airbyte().filter(|cluster| routes.clone().any(|route| route.clusters().contains(&cluster.name)));
    findings.extend(clusters.filter(|cluster| !cluster.hashes()).map(|cluster| {
        let what = format!("cluster {} balances without hashing, so airgate's key has no effect", cluster.name);
        let place = &cluster.node.get("lb_policy");
        scattered("affinity.lb-policy", &[cluster], place, what).change("lb_policy: MAGLEV")
    }));
    findings
}

fn unhashed(facts: &Facts<'_>, route: &Route<'_>) -> Option<Finding> {
    let place = route.action.get("hash_policy");
    let key = |policy: &Node<'_>| policy.at(&["header", "header_name"]).text() == Some(KEY);
    // A health check belongs to nobody.
    let is_health = route.demanded("x-airgate-route") == Some("health");
    (!is_health && !place.items().iter().any(key)).then(|| {
        let clusters: Vec<_> = route.clusters().iter().filter_map(|name| facts.cluster(name)).collect();
        let what = format!("route {} does not hash {KEY}", route.name());
        scattered("affinity.hash-policy", &clusters, &place, what)
            .change(format!("hash_policy:\n- header: {{header_name: {KEY}}}"))
    })
}

/// With one host there is nowhere else to go, as long as it stays one.
fn scattered(id: &'static str, clusters: &[&Cluster<'_>], place: &Node<'_>, what: String) -> Finding {
    let alone = !clusters.is_empty() && clusters.iter().all(|cluster| cluster.hosts.len() == 1);
    let make = if alone { Finding::warning } else { Finding::error };
    make(id, place, what).because(SCATTERED)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Envoy, is};
    use crate::doctor::finding::Severity;
    use serde_json::json;

    #[test]
    fn each_broken_thing_is_found() {
        is(&Envoy::sound(), &[]);
        let off = Envoy::sound().set("/airgate/config/configuration/value/affinity", json!({"mode": "off"}));
        is(&off, &["affinity.off"]);
        is(&Envoy::sound().set("/routes/0/route/hash_policy", json!([])), &["affinity.hash-policy"]);
        let other = json!([{"cookie": {"name": "x"}}]);
        is(&Envoy::sound().set("/routes/1/route/hash_policy", other), &["affinity.hash-policy"]);
        is(&Envoy::sound().set("/airbyte/lb_policy", json!("LEAST_REQUEST")), &["affinity.lb-policy"]);
        let health = json!({"prefix": "/", "headers": [{"name": "x-airgate-route", "exact_match": "health"}]});
        let checked = Envoy::sound().set("/routes/1/route/hash_policy", json!([])).set("/routes/1/match", health);
        is(&checked.set("/routes/1/route/timeout", json!("60s")), &["timeouts.builder", "timeouts.builder"]);
        let maglev = json!({"policies": [{"typed_extension_config": {"typed_config": {"@type": "x/y.v3.Maglev"}}}]});
        let envoy = Envoy::sound().set("/airbyte/lb_policy", json!("LOAD_BALANCING_POLICY_CONFIG"));
        is(&envoy.set("/airbyte/load_balancing_policy", maglev), &[]);
    }

    #[test]
    fn with_one_host_there_is_nowhere_else_to_go() {
        let one = Envoy::sound().set("/airbyte_hosts", json!([{"address": {}}]));
        let severities = is(&one.set("/airbyte/lb_policy", json!(null)), &["affinity.lb-policy"]);
        assert_eq!(severities, [Severity::Warning]);
    }

    #[test]
    fn a_pin_is_read() {
        let pinned = || Envoy::sound().set("/airgate/config/configuration/value/affinity", json!({"mode": "pin"}));
        is(&pinned(), &["affinity.not-pinned"]);
        let session = |name: &str| {
            json!({"name": "stay", "typed_config": {"@type": "x/StatefulSession",
                "session_state": {"typed_config": {"name": name}}}})
        };
        is(&pinned().filter(1, session("x-airgate-pin")), &[]);
        is(&pinned().filter(0, session("x-airgate-pin")), &["affinity.not-pinned"]);
        is(&pinned().filter(1, session("x-other")), &["affinity.not-pinned"]);
        let mut disabled = session("x-airgate-pin");
        disabled["disabled"] = json!(true);
        is(&pinned().filter(1, disabled), &["affinity.not-pinned"]);
    }
}
