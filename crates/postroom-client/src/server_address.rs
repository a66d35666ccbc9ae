//! The address of a listener, as it is given and as it is connected to.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use thiserror::Error;

/// The scheme of an address that says nothing about TLS, ...
const SCHEME: &str = "postroom";

/// ... and of one that asks for it.
const TLS_SCHEME: &str = "postrooms";

/// The same, of the listener `http`.
const HTTP_SCHEME: &str = "http";
const HTTPS_SCHEME: &str = "https";

/// Where a listener of the server is, as `HOST:PORT`; an IPv6 address stands in
/// brackets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerAddress {
    host: String,
    port: u16,
}

/// A server as a person gives it: `HOST`, `HOST:PORT`, `postroom://HOST[:PORT]`,
/// `postrooms://HOST[:PORT]`, `http://HOST[:PORT]` or `https://HOST[:PORT]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GivenServer {
    host: String,
    /// Unless it is given, each client connects to the default port of its listener.
    port: Option<u16>,
    asks_for_tls: bool,
    /// Otherwise it is what the client speaks anyway.
    asks_for_http: bool,
}

/// Why words are not the address of a server.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ServerAddressError {
    /// No host.
    #[error("the host is missing; give HOST or HOST:PORT, for example localhost:4401")]
    NoHost,
    /// Several colons outside brackets, or brackets around something else.
    #[error("an IPv6 address stands in brackets, for example [::1]:4401")]
    Brackets,
    /// The port is not a number, or out of range.
    #[error("the port must be a number from 1 to 65535")]
    Port,
    /// A port in the address and another one behind it.
    #[error("the port is given twice")]
    TwoPorts,
    /// An unknown scheme.
    #[error(
        "an address begins with the host, or with postroom://, postrooms://, http:// or https://"
    )]
    Scheme,
    /// More than a host and a port.
    #[error("an address is a host and a port; give a name with --as")]
    More,
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

    /// The host, in brackets where an address needs them.
    pub(crate) fn shown_host(&self) -> impl fmt::Display {
        shown_host(&self.host)
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", shown_host(&self.host), self.port)
    }
}

impl GivenServer {
    /// A host without a port.
    pub(crate) fn of_host(host: &str) -> Self {
        Self { host: host.to_owned(), port: None, asks_for_tls: false, asks_for_http: false }
    }

    /// An address, and the port that was given behind it. An IPv6 address before a port
    /// needs no brackets.
    pub(crate) fn with_port(address: &str, port: u16) -> Result<Self, ServerAddressError> {
        if address.parse::<Ipv6Addr>().is_ok() {
            return Ok(Self { port: Some(port), ..Self::of_host(address) });
        }
        match address.parse()? {
            Self { port: Some(_), .. } => Err(ServerAddressError::TwoPorts),
            given => Ok(Self { port: Some(port), ..given }),
        }
    }

    /// Whether a word is an address and hardly anything else: it has a port, or a scheme of this
    /// program's own. A link is none.
    #[must_use]
    pub fn is_meant_by(word: &str) -> bool {
        match word.split_once("://").map(|(scheme, _)| Scheme::find(scheme)) {
            Some(scheme) => scheme.is_some_and(|scheme| !scheme.asks_for_http),
            None => word.parse().is_ok_and(|given: Self| given.port.is_some()),
        }
    }

    /// Whether it is given as `http://` or `https://`.
    pub(crate) fn asks_for_http(&self) -> bool {
        self.asks_for_http
    }

    /// The host, in brackets where an address needs them.
    pub(crate) fn shown_host(&self) -> String {
        shown_host(&self.host).to_string()
    }

    /// Whether it is given as `postrooms://` or `https://`.
    pub(crate) fn asks_for_tls(&self) -> bool {
        self.asks_for_tls
    }

    /// Whether both name the same host.
    pub(crate) fn has_host_of(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
    }

    /// What to connect to, where `default` is the port of an address without one.
    pub(crate) fn address(&self, default: u16) -> ServerAddress {
        ServerAddress::new(&self.host, self.port.unwrap_or(default))
    }
}

impl From<ServerAddress> for GivenServer {
    fn from(address: ServerAddress) -> Self {
        Self { port: Some(address.port), ..Self::of_host(&address.host) }
    }
}

impl FromStr for GivenServer {
    type Err = ServerAddressError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = match word.split_once("://") {
            None => (None, word),
            Some((scheme, rest)) => {
                let scheme = Scheme::find(scheme).ok_or(ServerAddressError::Scheme)?;
                (Some(scheme), rest.strip_suffix('/').unwrap_or(rest))
            }
        };
        if rest.contains(['/', '@', '?', '#']) {
            return Err(ServerAddressError::More);
        }
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or(ServerAddressError::Brackets)?,
            None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
        };
        if host.is_empty() {
            let is_bare = rest.len() > 1 && rest.starts_with("::");
            return Err(if is_bare {
                ServerAddressError::Brackets
            } else {
                ServerAddressError::NoHost
            });
        }
        let port = match port.strip_prefix(':') {
            Some(port) if port.contains(':') => return Err(ServerAddressError::Brackets),
            Some(port) => Some(parse_port(port)?),
            None if port.is_empty() => None,
            None => return Err(ServerAddressError::Brackets),
        };
        let asks_for_tls = scheme.is_some_and(|scheme| scheme.asks_for_tls);
        let asks_for_http = scheme.is_some_and(|scheme| scheme.asks_for_http);
        Ok(Self { host: host.to_owned(), port, asks_for_tls, asks_for_http })
    }
}

/// What the beginning of an address says.
#[derive(Clone, Copy, Debug)]
struct Scheme {
    name: &'static str,
    asks_for_http: bool,
    asks_for_tls: bool,
}

impl Scheme {
    const ALL: [Self; 4] = [
        Self { name: SCHEME, asks_for_http: false, asks_for_tls: false },
        Self { name: TLS_SCHEME, asks_for_http: false, asks_for_tls: true },
        Self { name: HTTP_SCHEME, asks_for_http: true, asks_for_tls: false },
        Self { name: HTTPS_SCHEME, asks_for_http: true, asks_for_tls: true },
    ];

    fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name.eq_ignore_ascii_case(word))
    }
}

/// A host as it stands in an address.
fn shown_host(host: &str) -> impl fmt::Display {
    fmt::from_fn(move |formatter| {
        if host.contains(':') { write!(formatter, "[{host}]") } else { formatter.write_str(host) }
    })
}

/// A port, which is not 0.
pub(crate) fn parse_port(word: &str) -> Result<u16, ServerAddressError> {
    word.parse().ok().filter(|port| *port > 0).ok_or(ServerAddressError::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(word: &str) -> Result<(String, Option<u16>, bool), ServerAddressError> {
        let given: GivenServer = word.parse()?;
        Ok((given.host, given.port, given.asks_for_tls))
    }

    #[test]
    fn each_form_of_an_address_is_understood() {
        for (word, host, port, tls) in [
            ("localhost", "localhost", None, false),
            ("localhost:4401", "localhost", Some(4401), false),
            ("192.0.2.1:1", "192.0.2.1", Some(1), false),
            ("[::1]", "::1", None, false),
            ("[::1]:4401", "::1", Some(4401), false),
            ("postroom://localhost", "localhost", None, false),
            ("postroom://localhost:4401/", "localhost", Some(4401), false),
            ("postrooms://[::1]:5401", "::1", Some(5401), true),
            ("PostRooms://h", "h", None, true),
            ("http://h", "h", None, false),
            ("https://[::1]:5406/", "::1", Some(5406), true),
        ] {
            assert_eq!(parsed(word), Ok((host.to_owned(), port, tls)), "{word}");
        }
        let address = parsed_address("[::1]", 4402);
        assert_eq!((address.host(), address.port()), ("::1", 4402));
        assert_eq!(address.to_string(), "[::1]:4402");
        assert_eq!(parsed_address("[::1]:7", 4402).to_string(), "[::1]:7");
    }

    fn parsed_address(word: &str, default: u16) -> ServerAddress {
        word.parse::<GivenServer>().unwrap().address(default)
    }

    #[test]
    fn each_mistake_in_an_address_is_told_apart() {
        for (word, error) in [
            ("", ServerAddressError::NoHost),
            (":4401", ServerAddressError::NoHost),
            ("[]:4401", ServerAddressError::NoHost),
            ("postroom://", ServerAddressError::NoHost),
            ("::1", ServerAddressError::Brackets),
            ("::1:4401", ServerAddressError::Brackets),
            ("fe80::1:4401", ServerAddressError::Brackets),
            ("[::1", ServerAddressError::Brackets),
            ("[::1]4401", ServerAddressError::Brackets),
            ("localhost:", ServerAddressError::Port),
            ("localhost:0", ServerAddressError::Port),
            ("localhost:65536", ServerAddressError::Port),
            ("localhost:+1x", ServerAddressError::Port),
            ("ftp://localhost", ServerAddressError::Scheme),
            ("http://localhost/~alice", ServerAddressError::More),
            ("postroom://ann@localhost", ServerAddressError::More),
            ("localhost/chat", ServerAddressError::More),
        ] {
            assert_eq!(parsed(word), Err(error), "{word}");
        }
    }

    #[test]
    fn a_port_may_stand_behind_an_address() {
        let joined = |address| GivenServer::with_port(address, 4405).map(|given| given.address(1));
        for (address, shown) in [
            ("localhost", "localhost:4405"),
            ("::1", "[::1]:4405"),
            ("[::1]", "[::1]:4405"),
            ("postrooms://h", "h:4405"),
        ] {
            assert_eq!(joined(address).unwrap().to_string(), shown);
        }
        assert_eq!(joined("localhost:1"), Err(ServerAddressError::TwoPorts));
        assert_eq!(joined(""), Err(ServerAddressError::NoHost));
    }

    #[test]
    fn an_address_is_told_from_a_message() {
        for word in ["localhost:4404", "[::1]:1", "postroom://h", "postrooms://", "note:12"] {
            assert!(GivenServer::is_meant_by(word), "{word}");
        }
        for word in
            ["localhost", "hello", "http://h", "https://h:1", "", "::1", "see: this", "a:b", "#tag"]
        {
            assert!(!GivenServer::is_meant_by(word), "{word}");
        }
    }
}
