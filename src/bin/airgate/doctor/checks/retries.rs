//! Is a write ever sent twice, and does a read find the replica that is left?

use crate::doctor::facts::{Cluster, Facts, Route};
use crate::doctor::finding::Finding;
use crate::doctor::node::Node;

/// What happens before a request has gone out.
const HARMLESS: [&str; 3] = ["connect-failure", "refused-stream", "envoy-ratelimited"];
/// How often another replica has to be looked for at least. A look is at a neighbouring entry of Maglev's table, where
/// one replica can stand dozens of times in a row; what is advised is ten times this.
const LOOKS: u64 = 100;

pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let routes = facts.gateways().flat_map(|(manager, _)| &manager.hosts).flat_map(|host| &host.routes);
    routes
        .filter(|route| route.clusters().iter().any(|name| facts.leads_to_airbyte(name)))
        .filter_map(|route| repeats(route).or_else(|| asks_again(facts, route)))
        .collect()
}

/// What is repeated there.
fn conditions<'a>(policy: &Node<'a>) -> impl Iterator<Item = &'a str> {
    policy.get("retry_on").word().split(',').map(str::trim).filter(|on| !on.is_empty())
}

fn repeats(route: &Route<'_>) -> Option<Finding> {
    let policy = route.retries();
    let on: Vec<_> = conditions(&policy).filter(|on| !HARMLESS.contains(on)).collect();
    (!on.is_empty() && !takes_reads_only(route)).then(|| {
        let what = format!("route {} repeats what failed ({}), also writes", route.name(), on.join(", "));
        Finding::error("retries.writes", &policy, what)
            .because(
                "Nearly every call to Airbyte is a POST. One that failed may have done its work: a second \
                      sync starts, a second source is made.",
            )
            .change(
                "Only on routes that match what airgate marks as a read:\n\
                     headers: [{name: x-airgate-retry, string_match: {exact: safe}}]",
            )
    })
}

fn asks_again(facts: &Facts<'_>, route: &Route<'_>) -> Option<Finding> {
    let policy = route.retries();
    let leads_again = |cluster: &Cluster<'_>| cluster.hashes() && cluster.hosts.len() > 1;
    let hashed = route.clusters().iter().any(|name| facts.cluster(name).is_some_and(leads_again));
    if !hashed || !conditions(&policy).any(|on| on != "envoy-ratelimited") {
        return None;
    }
    let predicate = policy.get("retry_host_predicate");
    let looks = policy.get("host_selection_retry_max_attempts");
    let (place, what) = if !predicate.holds(&["PreviousHostsPredicate"]) {
        (predicate, "repeats what failed at the same replica")
    } else if looks.number().unwrap_or(1) < LOOKS {
        (looks, "looks too few times for another replica to repeat what failed")
    } else {
        return None;
    };
    Some(
        Finding::warning("retries.same-replica", &place, format!("route {} {what}", route.name()))
            .because(
                "A hash sends a client's every request to the same replica. While one is gone and no check has \
                 noticed it yet, its clients are answered 503 although another replica could have answered.",
            )
            .change(
                "retry_host_predicate:\n\
                 - name: envoy.retry_host_predicates.previous_hosts\n  \
                 typed_config: {\"@type\": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}\n\
                 host_selection_retry_max_attempts: 1000",
            ),
    )
}

fn takes_reads_only(route: &Route<'_>) -> bool {
    route.demanded("x-airgate-retry") == Some("safe") || matches!(route.demanded(":method"), Some("GET" | "HEAD"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Envoy, is};
    use serde_json::json;

    #[test]
    fn each_broken_thing_is_found() {
        let policy = |on: &str| Envoy::sound().set("/routes/2/route/retry_policy", json!({"retry_on": on}));
        is(&policy("connect-failure,reset"), &["retries.writes"]);
        is(&Envoy::sound().set("/host/retry_policy", json!({"retry_on": "5xx"})), &["retries.writes"; 3]);
        is(&policy("connect-failure, refused-stream"), &["retries.same-replica"]);
        is(&policy(""), &[]);
        is(&policy("envoy-ratelimited"), &[]);
        let reads = json!({"prefix": "/", "headers": [{"name": "x-airgate-route", "present_match": true},
            {"name": "x-airgate-retry", "string_match": {"exact": "safe"}}]});
        is(&policy("5xx").set("/routes/2/match", reads), &["retries.same-replica"]);
    }

    #[test]
    fn a_read_goes_to_another_replica() {
        let predicate = json!([{"name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {"@type": "x/y.v3.PreviousHostsPredicate"}}]);
        let looking = |looks: &serde_json::Value| {
            let policy = json!({"retry_on": "connect-failure", "retry_host_predicate": predicate,
                "host_selection_retry_max_attempts": looks});
            Envoy::sound().set("/routes/2/route/retry_policy", policy)
        };
        // Envoy writes 64 bits as text.
        is(&looking(&json!("1000")), &[]);
        is(&looking(&json!(1000)), &[]);
        is(&looking(&json!("99")), &["retries.same-replica"]);
        is(&looking(&json!(null)), &["retries.same-replica"]);
        // Where there is no other, and where no hash leads to the same.
        is(&looking(&json!("5")).set("/airbyte_hosts", json!([{"address": {}}])), &[]);
        is(&looking(&json!("5")).set("/airbyte/lb_policy", json!("LEAST_REQUEST")), &["affinity.lb-policy"]);
    }
}
