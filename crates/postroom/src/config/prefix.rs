//! Addresses and prefixes of addresses.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// An address, or a prefix such as `192.0.2.0/24`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Prefix(pub(super) IpNet);

impl TryFrom<String> for Prefix {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let address = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
        address.or_else(|_| text.parse()).map(Self).map_err(|_| {
            format!("\"{text}\" is no address and no prefix such as 192.0.2.0/24 or 2001:db8::/32")
        })
    }
}

impl From<Prefix> for String {
    fn from(Prefix(prefix): Prefix) -> Self {
        prefix.to_string()
    }
}
