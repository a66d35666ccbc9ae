//! The keys of `client.toml`, which are those of the environment too.

use std::path::{Path, PathBuf};

use postroom_model::Name;

use super::layer::{Anchor, Layer, Wish};
use crate::fingerprint::Fingerprint;
use crate::server_address::GivenServer;

/// A key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Key {
    Server,
    Name,
    PasswordFile,
    Tls,
    Ca,
    Pin,
    History,
    Reconnect,
}

/// A value as its source has it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Truth(bool),
    Other,
}

/// Where the paths in a source begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folders<'a> {
    /// That of paths which are not absolute; `None` for the working folder.
    pub(super) base: Option<&'a Path>,
    /// That of paths which begin with `~/`, if it is to be replaced.
    pub(super) home: Option<&'a Path>,
}

/// What a source has said so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) server: Option<GivenServer>,
    pub(super) name: Option<String>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) tls: Option<bool>,
    pub(super) ca: Option<PathBuf>,
    pub(super) pin: Option<Fingerprint>,
    pub(super) history: Option<bool>,
    pub(super) reconnect: Option<bool>,
}

impl Key {
    pub(super) const ALL: [Self; 8] = [
        Self::Server,
        Self::Name,
        Self::PasswordFile,
        Self::Tls,
        Self::Ca,
        Self::Pin,
        Self::History,
        Self::Reconnect,
    ];

    /// The key as it is written in a file; in capitals it ends the name of its variable.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Name => "name",
            Self::PasswordFile => "password_file",
            Self::Tls => "tls",
            Self::Ca => "ca",
            Self::Pin => "pin",
            Self::History => "history",
            Self::Reconnect => "reconnect",
        }
    }

    /// The key of this name.
    pub(super) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    /// Whether a client has a use for it, so that it may stand in the client's table.
    pub(super) fn is_for(self, client: &str) -> bool {
        match self {
            // The board asks for no login.
            Self::Name | Self::PasswordFile => client != "board",
            Self::History => matches!(client, "mail" | "im" | "chat"),
            Self::Reconnect => matches!(client, "im" | "chat" | "read" | "tail"),
            Self::Server | Self::Tls | Self::Ca | Self::Pin => true,
        }
    }

    /// Whether its value is true or false.
    pub(super) fn is_truth(self) -> bool {
        matches!(self, Self::Tls | Self::History | Self::Reconnect)
    }

    /// All keys, for an error.
    pub(super) fn listed(client: Option<&str>) -> String {
        let keys = Self::ALL.into_iter();
        let keys = keys.filter(|key| client.is_none_or(|client| key.is_for(client)));
        keys.map(Self::name).collect::<Vec<_>>().join(", ")
    }
}

impl Draft {
    /// Takes a value in, or says what is wrong with it.
    pub(super) fn set(
        &mut self,
        key: Key,
        value: Value<'_>,
        folders: Folders<'_>,
    ) -> Result<(), String> {
        match (key, value) {
            (Key::Tls, Value::Truth(truth)) => self.tls = Some(truth),
            (Key::History, Value::Truth(truth)) => self.history = Some(truth),
            (Key::Reconnect, Value::Truth(truth)) => self.reconnect = Some(truth),
            (Key::Tls | Key::History | Key::Reconnect, Value::Text("true" | "false")) => {
                return Err("it must be true or false, without quotes".to_owned());
            }
            (Key::Tls | Key::History | Key::Reconnect, _) => {
                return Err("it must be true or false".to_owned());
            }
            (_, Value::Truth(_) | Value::Other) => {
                return Err("it must be a text in quotes".to_owned());
            }
            (Key::Server, Value::Text(text)) => {
                self.server = Some(text.parse().map_err(as_text)?);
            }
            (Key::Name, Value::Text(text)) => {
                self.name = Some(Name::new(text).map_err(as_text)?.as_str().to_owned());
            }
            (Key::Pin, Value::Text(text)) => self.pin = Some(text.parse().map_err(as_text)?),
            (Key::PasswordFile | Key::Ca, Value::Text("")) => {
                return Err("it must be the path of a file".to_owned());
            }
            (Key::PasswordFile, Value::Text(text)) => self.password_file = Some(folders.path(text)),
            (Key::Ca, Value::Text(text)) => self.ca = Some(folders.path(text)),
        }
        Ok(())
    }

    /// What the source says, or which parts contradict each other.
    pub(super) fn finish(self) -> Result<Layer, &'static str> {
        let Self { server, name, password_file, tls, ca, pin, history, reconnect } = self;
        let anchor = match (ca, pin) {
            (Some(_), Some(_)) => return Err("ca and pin cannot both hold; choose one"),
            (Some(ca), None) => Some(Anchor::Authorities(ca)),
            (None, Some(pin)) => Some(Anchor::Pin(pin)),
            (None, None) => None,
        };
        let is_asked_by_address = server.as_ref().is_some_and(GivenServer::asks_for_tls);
        let security = match (tls, anchor) {
            (Some(false), Some(_)) => {
                return Err("ca and pin ask for TLS, and tls = false refuses it");
            }
            (Some(false), None) if is_asked_by_address => {
                return Err(
                    "the address asks for TLS, and it is refused; use postroom:// or http://",
                );
            }
            (Some(false), None) => Some(Wish::Plain),
            (_, Some(anchor)) => Some(Wish::Trusting(anchor)),
            (None, None) if !is_asked_by_address => None,
            (_, None) => Some(Wish::Tls),
        };
        Ok(Layer { server, name, password_file, security, history, reconnect })
    }
}

impl Folders<'_> {
    fn path(self, written: &str) -> PathBuf {
        match (written.strip_prefix("~/"), self.home, self.base) {
            (Some(rest), Some(home), _) => home.join(rest),
            (_, _, Some(base)) => base.join(written),
            _ => written.into(),
        }
    }
}

/// The error as the end of a sentence.
fn as_text(error: impl std::error::Error) -> String {
    error.to_string()
}
