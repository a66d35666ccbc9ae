//! The clients, and the default ports of their listeners.

use super::layer::Security;
use crate::server_address::GivenServer;

/// A client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Client {
    /// `postroom mail`.
    Mail {
        /// At the listener for programs.
        is_strict: bool,
    },
    /// `postroom send`.
    Send,
    /// `postroom read`.
    Read {
        /// It waits for more.
        follows: bool,
    },
    /// `postroom im`.
    Im,
    /// `postroom chat`.
    Chat,
    /// `postroom board`.
    Board,
    /// `postroom tail`.
    Tail,
    /// `postroom post`.
    Post,
    /// `postroom history`.
    History,
}

/// What a client speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Speaks {
    /// A protocol of lines.
    Lines,
    /// HTTP.
    Http,
}

/// The default port of the listener `http`.
const HTTP_PORT: u16 = 4_406;

/// By how much the default port of a listener with TLS is higher.
const TLS_PORTS_ABOVE: u16 = 1_000;

impl Client {
    /// The names of all, which are those of the tables in `client.toml`.
    pub(super) const NAMES: [&str; 9] =
        ["mail", "send", "read", "im", "chat", "board", "tail", "post", "history"];

    /// Whether one has this name.
    pub(super) fn is_one_of(name: &str) -> bool {
        Self::NAMES.contains(&name)
    }

    /// Its name on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mail { .. } => "mail",
            Self::Send => "send",
            Self::Read { .. } => "read",
            Self::Im => "im",
            Self::Chat => "chat",
            Self::Board => "board",
            Self::Tail => "tail",
            Self::Post => "post",
            Self::History => "history",
        }
    }

    /// What it speaks with this server, or what to do where it cannot.
    pub(super) fn speaks(self, server: &GivenServer) -> Result<Speaks, String> {
        match self {
            Self::Tail | Self::Post | Self::History | Self::Read { follows: true } => {
                Ok(Speaks::Http)
            }
            Self::Send | Self::Read { follows: false } if server.asks_for_http() => {
                Ok(Speaks::Http)
            }
            Self::Mail { .. } | Self::Im | Self::Chat | Self::Board if server.asks_for_http() => {
                Err(format!(
                    "postroom {} does not speak HTTP: give the address as {}, or use postroom \
                     send, read, tail, post or history",
                    self.name(),
                    server.shown_host()
                ))
            }
            _ => Ok(Speaks::Lines),
        }
    }

    /// The default port of its listener.
    pub(super) fn port(self, speaks: Speaks, security: &Security) -> u16 {
        let plain = match self {
            _ if speaks == Speaks::Http => HTTP_PORT,
            Self::Tail | Self::Post | Self::History => HTTP_PORT,
            Self::Send | Self::Read { .. } | Self::Mail { is_strict: true } => 4_401,
            Self::Mail { is_strict: false } => 4_402,
            Self::Im => 4_403,
            Self::Board => 4_404,
            Self::Chat => 4_405,
        };
        match security {
            Security::Plain => plain,
            Security::Tls(_) => plain + TLS_PORTS_ABOVE,
        }
    }
}
