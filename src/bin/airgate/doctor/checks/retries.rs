//! Is a write ever sent twice?

use crate::doctor::facts::{Facts, Route};
use crate::doctor::finding::Finding;

/// What happens before a request has gone out.
const HARMLESS: [&str; 4] = ["", "connect-failure", "refused-stream", "envoy-ratelimited"];

pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let routes = facts.gateways().flat_map(|(manager, _)| &manager.hosts).flat_map(|host| &host.routes);
    routes
        .filter(|route| route.clusters().iter().any(|name| facts.leads_to_airbyte(name)))
        .filter_map(repeats)
        .collect()
}

fn repeats(route: &Route<'_>) -> Option<Finding> {
    let policy = route.retries();
    let on: Vec<_> =
        policy.get("retry_on").word().split(',').map(str::trim).filter(|on| !HARMLESS.contains(on)).collect();
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
        is(&policy("connect-failure, refused-stream"), &[]);
        is(&Envoy::sound().set("/host/retry_policy", json!({"retry_on": "5xx"})), &["retries.writes"; 3]);
        let reads = json!({"prefix": "/", "headers": [{"name": "x-airgate-route", "present_match": true},
            {"name": "x-airgate-retry", "string_match": {"exact": "safe"}}]});
        is(&policy("5xx").set("/routes/2/match", reads), &[]);
    }
}
