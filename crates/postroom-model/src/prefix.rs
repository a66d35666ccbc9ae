//! Addresses with a common beginning.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use thiserror::Error;

/// All addresses with a common beginning, or one address.
///
/// Two of the same addresses are equal: nothing is behind the common beginning, and addresses
/// of IPv4 that are mapped into IPv6 are addresses of IPv4.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Prefix(IpNet);

/// The words are no address and no prefix.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("no address, and no prefix such as 192.0.2.0/24 or 2001:db8::/32")]
pub struct PrefixError;

/// Bits of the beginning of an address of IPv4 that is mapped into IPv6.
const MAPPED_BITS: u8 = 96;

impl Prefix {
    /// The addresses that share their first bits with this one, `None` if it has fewer.
    #[must_use]
    pub fn of(address: IpAddr, bits: u8) -> Option<Self> {
        IpNet::new(address, bits).ok().map(Self::from)
    }

    /// Whether an address is one of these, mapped into IPv6 or not.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// How many bits its addresses share.
    #[must_use]
    pub fn bits(&self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether its addresses are those of IPv4.
    #[must_use]
    pub fn is_ipv4(&self) -> bool {
        matches!(self.0, IpNet::V4(_))
    }

    /// Its address and its bits, which are also there where it is one address.
    #[must_use]
    pub fn net(&self) -> IpNet {
        self.0
    }
}

impl From<IpNet> for Prefix {
    fn from(net: IpNet) -> Self {
        Self(match net {
            IpNet::V4(net) => IpNet::V4(net.trunc()),
            IpNet::V6(net) => mapped(net).map_or(IpNet::V6(net.trunc()), IpNet::V4),
        })
    }
}

/// The addresses of IPv4 of which all of these are, if they are.
fn mapped(net: Ipv6Net) -> Option<Ipv4Net> {
    let bits = net.prefix_len().checked_sub(MAPPED_BITS)?;
    let address = Ipv6Addr::to_ipv4_mapped(&net.addr())?;
    Ipv4Net::new(address, bits).ok().map(|net| net.trunc())
}

impl From<IpAddr> for Prefix {
    fn from(address: IpAddr) -> Self {
        IpNet::from(address).into()
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(words: &str) -> Result<Self, PrefixError> {
        let address = words.parse::<IpAddr>().map(IpNet::from);
        address.or_else(|_| words.parse()).map(Self::from).map_err(|_| PrefixError)
    }
}

/// One address is shown without its bits.
impl fmt::Display for Prefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().fmt(formatter)
        } else {
            self.0.fmt(formatter)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(words: &str) -> Prefix {
        words.parse().unwrap()
    }

    #[test]
    fn the_same_addresses_are_one_prefix() {
        for (words, shown) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7/32", "192.0.2.7"),
            ("192.0.2.7/24", "192.0.2.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7/120", "192.0.2.0/24"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("2001:DB8::1", "2001:db8::1"),
            ("2001:db8:1::1/48", "2001:db8:1::/48"),
        ] {
            assert_eq!(prefix(words).to_string(), shown, "{words}");
            assert_eq!(prefix(shown), prefix(words));
            assert_eq!(prefix(&prefix(words).net().to_string()), prefix(words));
        }
        for words in ["", "bob", "192.0.2", "192.0.2.0/33", "192.0.2.0/", "2001:db8::/129", "/8"] {
            assert_eq!(words.parse::<Prefix>(), Err(PrefixError), "{words}");
        }
    }

    #[test]
    fn a_prefix_has_the_addresses_that_begin_so() {
        for (words, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.0/24", "::ffff:192.0.2.1", "::192.0.2.1"),
            ("::ffff:192.0.2.0/120", "192.0.2.1", "192.0.3.1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "::1", "::ffff:192.0.2.1"),
        ] {
            assert!(prefix(words).contains(inside.parse().unwrap()), "{words} {inside}");
            assert!(!prefix(words).contains(outside.parse().unwrap()), "{words} {outside}");
        }
    }

    proptest! {
        #[test]
        fn words_are_read_or_refused(words in "[0-9a-f:./]{0,24}") {
            if let Ok(prefix) = words.parse::<Prefix>() {
                prop_assert!(prefix.contains(prefix.net().addr()));
                prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
            }
        }
    }
}
