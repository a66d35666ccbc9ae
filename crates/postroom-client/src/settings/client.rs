//! The clients, and the default ports of their listeners.

use super::layer::Security;

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
    Read,
    /// `postroom im`.
    Im,
    /// `postroom chat`.
    Chat,
    /// `postroom board`.
    Board,
}

/// By how much the default port of a listener with TLS is higher.
const TLS_PORTS_ABOVE: u16 = 1_000;

impl Client {
    /// The names of all, which are those of the tables in `client.toml`.
    pub(super) const NAMES: [&str; 6] = ["mail", "send", "read", "im", "chat", "board"];

    /// Whether one has this name.
    pub(super) fn is_one_of(name: &str) -> bool {
        Self::NAMES.contains(&name)
    }

    /// Its name on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mail { .. } => "mail",
            Self::Send => "send",
            Self::Read => "read",
            Self::Im => "im",
            Self::Chat => "chat",
            Self::Board => "board",
        }
    }

    /// The default port of its listener.
    pub(super) fn port(self, security: &Security) -> u16 {
        let plain = match self {
            Self::Send | Self::Read | Self::Mail { is_strict: true } => 4_401,
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
