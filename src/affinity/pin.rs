//! The address that the proxy chose, as it says it.

use std::net::SocketAddr;

use ct_codecs::{Base64, Decoder};

/// Reads `ip:port` in padded base64 of the standard alphabet, the value of the
/// header of Envoy's `envoy.http.stateful_session.header`. It is kept in the
/// spelling in which it came, since Envoy compares spellings. 64 characters hold
/// the longest IPv6 address.
pub(super) fn read(header: &[u8]) -> Option<String> {
    let header = std::str::from_utf8(header).ok().filter(|header| header.len() <= 64)?;
    let address = Base64::decode_to_vec(header, None).ok()?;
    std::str::from_utf8(&address).ok()?.parse::<SocketAddr>().ok()?;
    Some(header.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;
    use ct_codecs::Encoder;

    #[test]
    fn only_an_address_and_a_port_is_a_pin() {
        let cases = [
            ("10.0.0.1:8001", true),
            ("[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535", true),
            ("10.0.0.1", false),
            ("10.0.0.1:65536", false),
            ("10.0.0.1:8001,10.0.0.2:8001", false),
            ("10.0.0.1:8001\n", false),
            ("airbyte:8001", false),
            ("/var/run/airbyte.sock", false),
            ("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%4294967295]:65535", false),
            ("::1:80", false),
            ("", false),
        ];
        for (address, good) in cases {
            let header = Base64::encode_to_string(address).unwrap();
            let expected = good.then_some(header.clone());
            assert_eq!(read(header.as_bytes()), expected, "{address}");
        }
        let headers: [&[u8]; 6] =
            [b"10.0.0.1:8001", b"MTAuMC4wLjE6ODAwMQ", b"MTAuMC4wLjE6ODAwMQ= =", b"//8=", b"\xff", &[b'A'; 65]];
        for header in headers {
            assert_eq!(read(header), None, "{header:?}");
        }
    }
}
