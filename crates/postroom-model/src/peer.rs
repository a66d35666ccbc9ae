//! Where a client comes from, as far as limits depend on it.

use std::net::{IpAddr, Ipv4Addr};

/// What counts as one peer: an address of IPv4, or the /64 of an address of IPv6.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Network {
    /// An address of IPv4.
    V4(Ipv4Addr),
    /// The first four groups of an address of IPv6.
    V6([u16; 4]),
}

impl Network {
    /// Whether its clients run on the server's own machine.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        match self {
            Self::V4(address) => address.is_loopback(),
            // The only address of this /64 in use.
            Self::V6(prefix) => prefix == [0; 4],
        }
    }

    /// What it belongs to.
    #[must_use]
    pub fn site(self) -> Site {
        match self {
            Self::V4(address) => Site::V4(address),
            Self::V6([a, b, c, _]) => Site::V6([a, b, c]),
        }
    }
}

/// What one owner may have all of: an address of IPv4, or a /48 of IPv6 with its 65,536
/// networks, as a site or a hosting customer gets.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Site {
    /// An address of IPv4.
    V4(Ipv4Addr),
    /// The first three groups of an address of IPv6.
    V6([u16; 3]),
}

impl Site {
    /// Its first address, which stands for all of them in a line of the log.
    #[must_use]
    pub fn first_address(self) -> IpAddr {
        match self {
            Self::V4(address) => address.into(),
            Self::V6([a, b, c]) => [a, b, c, 0, 0, 0, 0, 0].into(),
        }
    }
}

/// A site may have, say or ask for as much as so many of its networks.
pub const SITE_NETWORKS: u32 = 4;

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// The origin of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Peer {
    /// The network that it comes from.
    pub network: Network,
    /// Whether that stands for any number of clients that have nothing to do with each
    /// other: it is loopback, or the address of a proxy.
    pub is_shared: bool,
    /// Whether it runs on the server's own machine, and not behind a proxy there.
    pub is_local: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_count_together() {
        let of = |address: &str| Network::from(address.parse::<IpAddr>().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("2001:db8:1:2::1").site(), of("2001:db8:1:3::1").site());
        assert_ne!(of("2001:db8:1:2::1").site(), of("2001:db8:2:2::1").site());
        assert_ne!(of("192.0.2.1").site(), of("192.0.2.2").site());
        for (address, first) in [("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2::1", "2001:db8:1::")] {
            assert_eq!(of(address).site().first_address().to_string(), first);
        }
    }
}
