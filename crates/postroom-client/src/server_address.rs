//! The address of a listener.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Where a listener of the server is, as `HOST:PORT`; an IPv6 address stands in
/// brackets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerAddress {
    host: String,
    port: u16,
}

/// Why a word is not a [`ServerAddress`].
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ServerAddressError {
    /// No colon, or nothing before it.
    #[error("it must be HOST:PORT, for example localhost:4401")]
    Incomplete,
    /// Several colons outside brackets.
    #[error("an IPv6 address stands in brackets, for example [::1]:4401")]
    Brackets,
    /// The port is not a number, or out of range.
    #[error("the port must be a number from 1 to 65535")]
    Port,
}

impl ServerAddress {
    /// Joins a host, with or without brackets, and a port.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        Self { host: bare.unwrap_or(host).to_owned(), port }
    }

    /// The host name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for ServerAddress {
    type Err = ServerAddressError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let (host, port) = word.rsplit_once(':').ok_or(ServerAddressError::Incomplete)?;
        if host.is_empty() || host == "[]" {
            return Err(ServerAddressError::Incomplete);
        }
        let bracketed = host.starts_with('[') && host.ends_with(']');
        if host.contains(':') && !bracketed {
            return Err(ServerAddressError::Brackets);
        }
        Ok(Self::new(host, parse_port(port)?))
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

/// A port, which is not 0.
pub(crate) fn parse_port(word: &str) -> Result<u16, ServerAddressError> {
    word.parse().ok().filter(|port| *port > 0).ok_or(ServerAddressError::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let address: ServerAddress = "localhost:4401".parse().unwrap();
        assert_eq!((address.host(), address.port()), ("localhost", 4401));
        let address: ServerAddress = "[::1]:4401".parse().unwrap();
        assert_eq!((address.host(), address.port()), ("::1", 4401));
        assert_eq!(address.to_string(), "[::1]:4401");
    }

    #[test]
    fn each_mistake_in_an_address_is_told_apart() {
        for (word, error) in [
            ("localhost", ServerAddressError::Incomplete),
            (":4401", ServerAddressError::Incomplete),
            ("[]:4401", ServerAddressError::Incomplete),
            ("::1:4401", ServerAddressError::Brackets),
            ("localhost:", ServerAddressError::Port),
            ("localhost:0", ServerAddressError::Port),
            ("localhost:65536", ServerAddressError::Port),
        ] {
            assert_eq!(word.parse::<ServerAddress>(), Err(error), "{word}");
        }
    }
}
