//! Whose address is taken for the client's?

use crate::doctor::facts::{Facts, Manager};
use crate::doctor::finding::Finding;

pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    facts.gateways().filter_map(|(manager, _)| judge(manager)).collect()
}

fn judge(manager: &Manager<'_>) -> Option<Finding> {
    let (own, hops) = (manager.node.get("use_remote_address"), manager.node.get("xff_num_trusted_hops"));
    if manager.node.get("original_ip_detection_extensions").is_there() {
        return None;
    }
    if !own.is_true() {
        let what = format!("listener {} takes the client's address from X-Forwarded-For", manager.listener);
        let finding = Finding::warning("clients.address", &own, what)
            .because(
                "Clients write that header: they choose the address in logs and in Airbyte's audit record, \
                      and may pass for internal ones, which steer timeouts and retries by x-envoy-* headers.",
            )
            .change(
                "use_remote_address: true\nxff_num_trusted_hops: 0  # the number of HTTP proxies before \
                     this one",
            );
        return Some(finding);
    }
    let count = hops.number().filter(|count| *count > 0)?;
    let what = format!("listener {} trusts the last {count} entries of X-Forwarded-For", manager.listener);
    let finding = Finding::note("clients.hops", &hops, what)
        .because("That is right behind so many HTTP proxies. With fewer, clients choose their own address.")
        .change("xff_num_trusted_hops: 0  # the number of HTTP proxies before this one");
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Envoy, is};
    use serde_json::json;

    #[test]
    fn each_broken_thing_is_found() {
        is(&Envoy::sound().set("/manager/use_remote_address", json!(null)), &["clients.address"]);
        is(&Envoy::sound().set("/manager/xff_num_trusted_hops", json!(1)), &["clients.hops"]);
    }
}
