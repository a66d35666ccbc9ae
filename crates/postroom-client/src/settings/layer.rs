//! What one source says, and which of two sources decides.

use std::path::PathBuf;

use postroom_model::Name;

use crate::fingerprint::Fingerprint;
use crate::server_address::GivenServer;

/// Whether a connection is TLS, and whom it trusts then.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Security {
    /// Plain text.
    Plain,
    /// TLS.
    Tls(Anchor),
}

/// Which certificates are trusted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Anchor {
    /// Those that an authority which this computer knows has signed.
    System,
    /// Those that an authority in this file has signed.
    Authorities(PathBuf),
    /// The one with this fingerprint.
    Pin(Fingerprint),
}

/// What one source says about TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Wish {
    /// There is to be none.
    Plain,
    /// There is to be TLS; whom to trust is left open.
    Tls,
    /// There is to be TLS, and it trusts these.
    Trusting(Anchor),
}

/// What one source says.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    pub(super) server: Option<GivenServer>,
    pub(super) name: Option<String>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) security: Option<Wish>,
    pub(super) history: Option<bool>,
    pub(super) reconnect: Option<bool>,
}

impl Layer {
    /// What holds where this source decides before `below`.
    pub(super) fn over(self, below: Self) -> Self {
        let is_for_others = is_other_server(self.server.as_ref(), below.server.as_ref())
            || is_other_name(self.name.as_deref(), below.name.as_deref());
        let password_file_below = below.password_file.filter(|_| !is_for_others);
        Self {
            server: self.server.or(below.server),
            name: self.name.or(below.name),
            password_file: self.password_file.or(password_file_below),
            history: self.history.or(below.history),
            reconnect: self.reconnect.or(below.reconnect),
            security: match (self.security, below.security) {
                // Asking for TLS once more does not change whom it trusts.
                (Some(Wish::Tls), below @ Some(Wish::Trusting(_))) => below,
                (wish, below) => wish.or(below),
            },
        }
    }
}

fn is_other_server(above: Option<&GivenServer>, below: Option<&GivenServer>) -> bool {
    matches!((above, below), (Some(above), Some(below)) if !above.has_host_of(below))
}

fn is_other_name(above: Option<&str>, below: Option<&str>) -> bool {
    let (Some(above), Some(below)) = (above, below) else { return false };
    // A name that cannot be used equals no other.
    !matches!((Name::new(above.trim()), Name::new(below.trim())), (Ok(above), Ok(below)) if above == below)
}

impl From<Wish> for Security {
    fn from(wish: Wish) -> Self {
        match wish {
            Wish::Plain => Self::Plain,
            Wish::Tls => Self::Tls(Anchor::System),
            Wish::Trusting(anchor) => Self::Tls(anchor),
        }
    }
}
