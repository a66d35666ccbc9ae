//! Parsers for option values that several workloads share.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

/// A round's length as a duration.
pub(crate) fn seconds(count: u32) -> Duration {
    Duration::from_secs(u64::from(count))
}

pub(crate) fn at_least_one() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

/// `HOST:PORT`.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.to_socket_addrs()
        .map_err(|error| format!("`{text}` is not HOST:PORT: {error}"))?
        .next()
        .ok_or_else(|| format!("`{text}` has no address"))
}

/// `ngircd=HOST:PORT`.
pub(crate) fn ngircd(text: &str) -> Result<SocketAddr, String> {
    rival(text, "ngircd=")
}

fn rival(text: &str, prefix: &str) -> Result<SocketAddr, String> {
    let place = text.strip_prefix(prefix).ok_or_else(|| {
        format!("`{text}` does not begin with `{prefix}`, the only supported server")
    })?;
    address(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rival_is_named_with_its_address() {
        assert_eq!(ngircd("ngircd=127.0.0.1:6667").unwrap(), ([127, 0, 0, 1], 6667).into());
        assert!(ngircd("redis=127.0.0.1:7399").is_err());
        assert!(ngircd("ngircd=6667").is_err());
    }
}
