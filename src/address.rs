//! Addresses of clients, as hosts write them.

use std::net::{IpAddr, Ipv6Addr};

use crate::host::Host;

/// Splits `host:port`; the port is empty where a host does not say it.
pub(crate) fn split(address: &str) -> (&str, &str) {
    // Without a port the colons of IPv6 are no sign of one.
    let whole = address.parse::<Ipv6Addr>().is_ok();
    let (address, port) = address.rsplit_once(':').filter(|_| !whole).unwrap_or((address, ""));
    let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']'));
    (bare.unwrap_or(address), port)
}

/// The address that a client's share of a limit is counted by: an IPv4 address,
/// or the /64 network of an IPv6 address, which one client can have as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddress(Option<u128>);

impl ClientAddress {
    /// Reads the address of the request whose stream is in effect. Hosts that
    /// trust proxies in front of them have replaced the connection's address by
    /// the client's (in Envoy: `use_remote_address`, `xff_num_trusted_hops`).
    pub fn read(host: &dyn Host) -> ClientAddress {
        let fact = host.fact("source.address").unwrap_or_default();
        let address = std::str::from_utf8(&fact).ok().and_then(|text| split(text).0.parse::<IpAddr>().ok());
        ClientAddress(address.map(|address| match address.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits() & !u128::from(u64::MAX),
        }))
    }

    /// Whether both are known and the same. Requests of unknown addresses have
    /// no share of their own: only the places of their list bound them.
    pub fn is_same(self, other: ClientAddress) -> bool {
        self.0.is_some() && self == other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestHost, test};

    fn read(text: &str) -> ClientAddress {
        let host = TestHost::default();
        host.facts.borrow_mut().insert("source.address", text.into());
        ClientAddress::read(&host)
    }

    #[test]
    fn port_and_brackets_are_removed() {
        for (text, expected) in [
            ("192.0.2.7:40000", ("192.0.2.7", "40000")),
            ("192.0.2.7", ("192.0.2.7", "")),
            ("[2001:db8::1]:40000", ("2001:db8::1", "40000")),
            ("2001:db8::1", ("2001:db8::1", "")),
            ("", ("", "")),
        ] {
            assert_eq!(split(text), expected);
        }
    }

    #[test]
    fn shares_are_counted_by_address_without_port_and_by_ipv6_network() {
        for (one, other, same) in [
            ("192.0.2.7:1", "192.0.2.7:2", true),
            ("192.0.2.7:1", "192.0.2.8:1", false),
            ("[::ffff:192.0.2.7]:1", "192.0.2.7:2", true),
            ("[2001:db8::1]:1", "[2001:db8::ffff:2]:2", true),
            ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false),
            ("", "", false),
            ("@pipe", "@pipe", false),
        ] {
            assert_eq!(read(one).is_same(read(other)), same, "{one} and {other}");
        }
    }
}
