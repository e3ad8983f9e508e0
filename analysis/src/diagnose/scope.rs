//! Who can have an address: packets to a public one leave over the internet, and no peering carries them.

use core::net::IpAddr;

use serde::Serialize;

/// Whom an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressScope {
    /// Private networks (RFC 1918, RFC 6598, RFC 4193).
    Private,
    /// This host alone, or none (RFC 1122 section 3.2.1.3, RFC 4291).
    Host,
    /// One link (RFC 3927, RFC 4291).
    Link,
    /// Everybody: all that is none of these.
    Public,
}

impl AddressScope {
    /// The scope of an address. An IPv4 address written as IPv6 is IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let (is_host, is_link, is_private) = match address.to_canonical() {
            IpAddr::V4(address) => {
                let [first, second, ..] = address.octets();
                let is_shared = first == 100 && (64..128).contains(&second);
                (
                    address.is_loopback() || address.is_unspecified(),
                    address.is_link_local(),
                    address.is_private() || is_shared,
                )
            }
            IpAddr::V6(address) => (
                address.is_loopback() || address.is_unspecified(),
                address.is_unicast_link_local(),
                address.is_unique_local(),
            ),
        };
        match (is_host, is_link, is_private) {
            (true, ..) => Self::Host,
            (_, true, _) => Self::Link,
            (_, _, true) => Self::Private,
            _ => Self::Public,
        }
    }

    /// The word for it: `private`, `public`, `this host`, `link-local`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Host => "this host",
            Self::Link => "link-local",
            Self::Public => "public",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_has_its_scope() {
        for (address, scope) in [
            ("10.1.2.3", AddressScope::Private),
            ("172.31.255.255", AddressScope::Private),
            ("172.32.0.0", AddressScope::Public),
            ("192.168.0.1", AddressScope::Private),
            ("100.64.0.0", AddressScope::Private),
            ("100.127.255.255", AddressScope::Private),
            ("100.128.0.0", AddressScope::Public),
            ("127.0.0.1", AddressScope::Host),
            ("0.0.0.0", AddressScope::Host),
            ("169.254.169.253", AddressScope::Link),
            ("203.0.113.7", AddressScope::Public),
            ("::1", AddressScope::Host),
            ("fe80::1", AddressScope::Link),
            ("fd00::1", AddressScope::Private),
            ("fc00::1", AddressScope::Private),
            ("2600:1f18::1", AddressScope::Public),
            ("::ffff:10.1.2.3", AddressScope::Private),
        ] {
            assert_eq!(AddressScope::of(address.parse().unwrap()), scope, "{address}");
        }
    }
}
