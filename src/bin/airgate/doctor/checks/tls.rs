//! What TLS is spoken with clients?

use super::admin::is_local;
use crate::doctor::facts::{Facts, Manager};
use crate::doctor::finding::Finding;
use crate::doctor::node::Node;

pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    facts.gateways().flat_map(|(manager, _)| judge(manager)).collect()
}

fn judge(manager: &Manager<'_>) -> Vec<Finding> {
    if !manager.tls.is_there() {
        return plain(manager).into_iter().collect();
    }
    let parameters = manager.tls.at(&["common_tls_context", "tls_params"]);
    [version(&parameters), suites(&parameters)].into_iter().flatten().collect()
}

fn plain(manager: &Manager<'_>) -> Option<Finding> {
    (!is_local(&manager.address)).then(|| {
        let what = format!("listener {} speaks HTTP without TLS", manager.listener);
        Finding::warning("tls.none", &manager.address, what)
            .because("Tokens and cookies can be read on the way, unless TLS ends right before it.")
            .change("Give the listener a certificate, or let it listen on loopback beside what ends TLS.")
    })
}

fn version(parameters: &Node<'_>) -> Option<Finding> {
    let place = parameters.get("tls_minimum_protocol_version");
    matches!(place.text(), Some("TLSv1_0" | "TLSv1_1")).then(|| {
        Finding::error("tls.version", &place, "TLS before 1.2 is spoken")
            .because("TLS 1.0 and 1.1 are broken (RFC 8996), and somebody on the way can talk clients down to them.")
            .change("tls_minimum_protocol_version: TLSv1_2")
    })
}

fn suites(parameters: &Node<'_>) -> Option<Finding> {
    let place = parameters.get("cipher_suites");
    let list = place.items();
    let names = list.iter().flat_map(|item| item.word().trim_matches(['[', ']']).split('|'));
    let weak: Vec<_> = names.filter(|name| !is_sound(name)).collect();
    (!weak.is_empty()).then(|| {
        Finding::warning(
            "tls.suites",
            &place,
            format!("suites without forward secrecy or authenticated encryption: {}", weak.join(", ")),
        )
        .because("Recorded traffic could be read when the key leaks, and old modes leak by themselves.")
        .change("Leave cipher_suites out, or keep those that begin with ECDHE and end with GCM or POLY1305.")
    })
}

/// Of TLS 1.2; those of 1.3 are all sound.
fn is_sound(name: &str) -> bool {
    let sealed = name.contains("-GCM-") || name.ends_with("-CHACHA20-POLY1305");
    (name.starts_with("ECDHE-") && sealed) || name.starts_with("TLS_")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Envoy, is};
    use serde_json::json;

    #[test]
    fn each_broken_thing_is_found() {
        let set = |path: &str, value| Envoy::sound().set(&format!("/tls/common_tls_context/tls_params/{path}"), value);
        is(&set("tls_minimum_protocol_version", json!("TLSv1_1")), &["tls.version"]);
        is(&set("tls_minimum_protocol_version", json!(null)), &[]);
        is(&set("cipher_suites", json!(["[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]"])), &[]);
        is(&set("cipher_suites", json!(["[ECDHE-RSA-AES128-GCM-SHA256|AES128-SHA]"])), &["tls.suites"]);
        let plain = || Envoy::sound().set("/chain/transport_socket", json!(null));
        is(&plain(), &["tls.none"]);
        is(&plain().set("/listener/address/socket_address/address", json!("127.0.0.1")), &[]);
    }
}
