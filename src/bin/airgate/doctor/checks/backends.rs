//! Are backends healthy?

use crate::doctor::facts::{Cluster, Facts};
use crate::doctor::finding::Finding;

pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    facts
        .airbyte()
        .flat_map(|cluster| [hosts(cluster), ejected(cluster), checked(cluster), watched(cluster)])
        .flatten()
        .collect()
}

fn hosts(cluster: &Cluster<'_>) -> Option<Finding> {
    let place = format!("/clusters: {}", cluster.name);
    let (all, down) = (cluster.hosts.len(), cluster.hosts.iter().filter(|host| !host.down.is_empty()));
    let change = "Look at that replica: does it run, does it answer GET /api/v1/health, may the gateway reach it?";
    let why = "What is down gets no requests; with nobody left clients get 503.";
    if all == 0 {
        let what = format!("cluster {} has no host at all: its name does not resolve, or nobody told it", cluster.name);
        return Some(Finding::error("backends.none", place, what).because(why).change(change));
    }
    let list: Vec<_> = down.map(|host| format!("{} {}", host.address, host.down.join(" and "))).collect();
    let what = format!("{} of {all} hosts of cluster {} are down: {}", list.len(), cluster.name, list.join(", "));
    let finding = match list.len() {
        0 => return None,
        some if some == all => Finding::error("backends.down", place, what),
        _ => Finding::warning("backends.down", place, what),
    };
    Some(finding.because(why).change(change))
}

fn ejected(cluster: &Cluster<'_>) -> Option<Finding> {
    let list: Vec<_> = cluster.hosts.iter().filter(|host| host.ejected).map(|host| host.address.as_str()).collect();
    (!list.is_empty()).then(|| {
        let what = format!("put aside in cluster {}, because requests failed there: {}", cluster.name, list.join(", "));
        Finding::warning("backends.ejected", format!("/clusters: {}", cluster.name), what)
            .because(
                "Its clients moved to other replicas. It comes back by itself, and is put aside for longer each \
                 time.",
            )
            .change("Look into that replica's log for what it answered 502 to 504, or why connections to it fail.")
    })
}

fn checked(cluster: &Cluster<'_>) -> Option<Finding> {
    let place = cluster.node.get("health_checks");
    (place.items().is_empty() && !cluster.is_discovered()).then(|| {
        let what = format!("cluster {} has no health checks", cluster.name);
        Finding::warning("backends.health-checks", &place, what)
            .because("A replica that hangs or is starting keeps getting its share of the requests.")
            .change(
                "health_checks:\n- timeout: 3s\n  interval: 5s\n  unhealthy_threshold: 2\n  healthy_threshold: 1\n  \
                     http_health_check: {path: /api/v1/health, host: airbyte}",
            )
    })
}

fn watched(cluster: &Cluster<'_>) -> Option<Finding> {
    let place = cluster.node.get("outlier_detection");
    (!place.is_there()).then(|| {
        let what = format!("cluster {} puts no failing host aside", cluster.name);
        Finding::warning("backends.outliers", &place, what)
            .because(
                "Between two health checks a replica that is gone fails every request of the clients that \
                      belong to it.",
            )
            .change(
                "outlier_detection:\n  split_external_local_origin_errors: true\n  \
                     consecutive_local_origin_failure: 3\n  consecutive_gateway_failure: 5\n  \
                     enforcing_consecutive_gateway_failure: 100\n  enforcing_consecutive_5xx: 0",
            )
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Envoy, is};
    use crate::doctor::finding::Severity;
    use serde_json::json;

    #[test]
    fn each_broken_thing_is_found() {
        let health = |index: usize, key: &str| {
            Envoy::sound().set(&format!("/airbyte_hosts/{index}/health_status"), json!({key: true}))
        };
        let one_down = is(&health(0, "failed_active_health_check"), &["backends.down"]);
        assert_eq!(one_down, [Severity::Warning]);
        let down = json!({"failed_active_health_check": true});
        let nobody = health(0, "failed_active_health_check").set("/airbyte_hosts/1/health_status", down);
        assert_eq!(is(&nobody, &["backends.down"]), [Severity::Error]);
        is(&health(1, "failed_outlier_check"), &["backends.ejected"]);
        is(&Envoy::sound().set("/airbyte_hosts", json!([])), &["backends.none"]);
        is(&Envoy::sound().set("/airbyte/health_checks", json!([])), &["backends.health-checks"]);
        let discovered = Envoy::sound().set("/airbyte/health_checks", json!([])).set("/airbyte/type", json!("EDS"));
        is(&discovered, &[]);
        is(&Envoy::sound().set("/airbyte/outlier_detection", json!(null)), &["backends.outliers"]);
    }
}
