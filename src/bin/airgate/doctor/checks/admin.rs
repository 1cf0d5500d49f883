//! Who reaches the admin interface?

use std::net::IpAddr;

use crate::doctor::facts::Facts;
use crate::doctor::finding::Finding;
use crate::doctor::node::Node;

pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let place = facts.admin.at(&["address", "socket_address", "address"]);
    let exposed = place.text().filter(|_| !is_local(&facts.admin.get("address")));
    let finding = |address: &str| {
        Finding::error(
            "admin.exposed",
            &place,
            format!(
                "the admin interface listens on {address}, not on \
                                                         loopback alone"
            ),
        )
        .because(
            "Whoever reaches it can stop the gateway, read its configuration and turn off its logs. It \
                      asks for no password.",
        )
        .change("admin:\n  address: {socket_address: {address: 127.0.0.1, port_value: 9901}}")
    };
    exposed.map(finding).into_iter().collect()
}

/// Whether only this machine reaches an address.
pub fn is_local(address: &Node<'_>) -> bool {
    match address.at(&["socket_address", "address"]).text() {
        Some(text) => text.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback()),
        // A Unix socket, or an internal listener.
        None => address.is_there(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Envoy, is};
    use serde_json::json;

    #[test]
    fn each_broken_thing_is_found() {
        for (address, found) in
            [("0.0.0.0", 1), ("::", 1), ("10.0.0.1", 1), ("127.0.0.2", 0), ("::1", 0), ("::ffff:127.0.0.1", 0)]
        {
            let exposed = Envoy::sound().set("/admin/address/socket_address/address", json!(address));
            is(&exposed, if found == 1 { &["admin.exposed"] } else { &[] });
        }
        is(&Envoy::sound().set("/admin/address", json!({"pipe": {"path": "/run/admin"}})), &[]);
    }
}
