//! Is the provider there, and is it the provider?

use crate::doctor::facts::{Cluster, Facts, Provider};
use crate::doctor::finding::Finding;

pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let providers: Vec<Provider> = facts.gateways().flat_map(|(_, plugin)| plugin.providers()).collect();
    let mut seen = Vec::new();
    let mut findings = Vec::new();
    for provider in &providers {
        for name in provider.clusters.iter().filter(|name| !seen.contains(name)).collect::<Vec<_>>() {
            seen.push(name);
            match facts.cluster(name) {
                None => findings.push(missing(provider, name)),
                Some(cluster) => {
                    findings.extend(reached(facts, provider, cluster).into_iter().chain(verified(cluster)))
                }
            }
        }
    }
    if !findings.iter().any(|finding| finding.id == "provider.unreachable") {
        findings.extend(keys(facts));
    }
    findings
}

fn missing(provider: &Provider, name: &str) -> Finding {
    let what =
        format!("provider {} is to be reached through cluster {name}, which Envoy does not have", provider.issuer);
    Finding::error("provider.no-cluster", ".configs", what)
        .because("Keys cannot be fetched: nobody gets in.")
        .change("Write the cluster, or its right name into airgate's configuration.")
}

fn reached(facts: &Facts<'_>, provider: &Provider, cluster: &Cluster<'_>) -> Option<Finding> {
    let (failures, requests) = (cluster.sum(|host| host.connect_failures), cluster.sum(|host| host.requests));
    let successes = cluster.sum(|host| host.successes);
    let name = cluster.name;
    let what = if cluster.hosts.is_empty() {
        format!("cluster {name} has no host: its name does not resolve")
    } else if cluster.hosts.iter().all(|host| !host.down.is_empty()) {
        format!("every host of cluster {name} is down")
    } else if successes == 0 && failures > 0 {
        let distrusted = facts
            .count(&format!("cluster.{name}.ssl.fail_verify_error"))
            .saturating_add(facts.count(&format!("cluster.{name}.ssl.fail_verify_san")));
        let cause = if distrusted > 0 { ": its certificate is not the one that the cluster asks for" } else { "" };
        format!("of {failures} connections to cluster {name} none was made{cause}")
    } else if successes == 0 && requests > 0 {
        format!("of {requests} requests to cluster {name} none was answered well")
    } else {
        return None;
    };
    let what = format!("provider {} is out of reach: {what}", provider.issuer);
    Some(
        Finding::error("provider.unreachable", format!("/clusters: {name}"), what)
            .because(
                "Without keys no token and no session can be checked: nobody gets in, or those who are in \
                      fall out.",
            )
            .change(
                "Look at the cluster's address, at its sni and certificate authority, and whether the \
                     gateway may connect.",
            ),
    )
}

/// All trust rests on the certificate under which keys are fetched.
fn verified(cluster: &Cluster<'_>) -> Option<Finding> {
    let why = "Whoever stands between the gateway and the provider can hand out keys of their own, and be anybody.";
    let id = "provider.unverified";
    let (name, socket) = (cluster.name, cluster.node.get("transport_socket"));
    if cluster.node.get("transport_socket_matches").is_there() {
        // Which of them is taken depends on the host.
        return None;
    }
    let (kind, tls) = socket.get("typed_config").unwrapped();
    let change = "common_tls_context:\n  validation_context:\n    \
                  trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}\n    \
                  match_typed_subject_alt_names:\n    - {san_type: DNS, matcher: {exact: idp.example.com}}";
    if kind != "UpstreamTlsContext" {
        let what = format!("cluster {name} speaks to the provider without TLS");
        return Some(Finding::error(id, &socket, what).because(why).change(change));
    }
    let common = tls.get("common_tls_context");
    let discovered = common.get("validation_context_sds_secret_config").is_there()
        || common.at(&["combined_validation_context", "validation_context_sds_secret_config"]).is_there();
    let context =
        common.get("validation_context").or(common.at(&["combined_validation_context", "default_validation_context"]));
    let has = |keys: &[&str]| keys.iter().any(|key| context.get(key).is_there());
    let pinned = has(&["verify_certificate_hash", "verify_certificate_spki"]);
    if !discovered && !pinned && !has(&["trusted_ca", "system_root_certs", "ca_certificate_provider_instance"]) {
        let what = format!("cluster {name} takes any certificate for the provider's");
        return Some(Finding::error(id, &context, what).because(why).change(change));
    }
    let named = has(&["match_typed_subject_alt_names", "match_subject_alt_names"]) || pinned;
    let automatic = tls.get("auto_sni_san_validation").is_true()
        || cluster.node.get("typed_extension_protocol_options").value().is_some_and(|options| {
            let options = options.as_object().into_iter().flat_map(|options| options.values());
            options
                .filter_map(|option| option.pointer("/upstream_http_protocol_options/auto_san_validation"))
                .any(|auto| auto == true)
        });
    // A secret may hold the names too.
    (!named && !automatic && !discovered).then(|| {
        let what = format!("cluster {name} takes a certificate of whatever name for the provider's");
        Finding::error(id, &context, what).because(why).change(change)
    })
}

fn keys(facts: &Facts<'_>) -> Option<Finding> {
    let failed = facts.count("airgate.keys.failed");
    let fetched = facts.count("airgate.keys.fetched").saturating_add(facts.count("airgate.keys.shared"));
    (failed > fetched).then(|| {
        let what = format!("keys were fetched {fetched} times and could not be {failed} times");
        let place = "/stats: airgate.keys.failed";
        let finding = if fetched == 0 {
            Finding::error("provider.keys", place, what)
        } else {
            Finding::warning("provider.keys", place, what)
        };
        finding
            .because("Keys that are too old (`keys.stale`, a day) are used no more, and new ones are not known.")
            .change("Envoy's log says what was wrong with the provider's answer: look for \"airgate\" and \"keys\".")
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Envoy, is};
    use serde_json::json;

    #[test]
    fn each_broken_thing_is_found() {
        is(&Envoy::sound().set("/idp/name", json!("other")), &["provider.no-cluster"]);
        is(&Envoy::sound().set("/idp_hosts", json!([])), &["provider.unreachable"]);
        let stats = |stats| Envoy::sound().set("/idp_hosts/0/stats", stats);
        is(
            &stats(json!([{"name": "cx_connect_fail", "value": "3"}, {"name": "rq_total", "value": "0"}])),
            &["provider.unreachable"],
        );
        is(
            &stats(json!([{"name": "rq_error", "value": "3"}, {"name": "rq_total", "value": "3"}])),
            &["provider.unreachable"],
        );
        is(&stats(json!([{"name": "cx_connect_fail", "value": "3"}, {"name": "rq_success", "value": "9"}])), &[]);
        is(&Envoy::sound().stat("wasmcustom.airgate.keys.failed", 3), &["provider.keys"]);
        is(&Envoy::sound().stat("wasmcustom.airgate.keys.failed", 3).stat("wasmcustom.airgate.keys.fetched", 9), &[]);
    }

    #[test]
    fn its_certificate_is_looked_at() {
        is(&Envoy::sound().set("/idp/transport_socket", json!(null)), &["provider.unverified"]);
        let validation = |context| {
            Envoy::sound().set("/idp/transport_socket/typed_config/common_tls_context/validation_context", context)
        };
        is(&validation(json!(null)), &["provider.unverified"]);
        is(&validation(json!({"trusted_ca": {}})), &["provider.unverified"]);
        is(&validation(json!({"trusted_ca": {}, "match_typed_subject_alt_names": [{}]})), &[]);
        is(&validation(json!({"verify_certificate_spki": ["x"]})), &[]);
        let automatic = json!({"envoy.Options": {"upstream_http_protocol_options": {"auto_san_validation": true}}});
        is(&validation(json!({"trusted_ca": {}})).set("/idp/typed_extension_protocol_options", automatic), &[]);
    }
}
