//! The environment of the process, as the clients use it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::Client;
use super::error::{Origin, SettingsError};
use super::keys::{Draft, Folders, Key, Value};
use super::layer::Layer;

/// How the variables of the clients begin. The server's settings leave these alone.
const PREFIX: &str = "POSTROOM_CLIENT_";

/// The variables of a process.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os().collect()
    }

    /// The variable, unless it is empty.
    fn find(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// A folder; what is not absolute is none.
    fn folder(&self, name: &str) -> Option<PathBuf> {
        self.find(name).map(PathBuf::from).filter(|folder| folder.is_absolute())
    }

    /// The user's folder.
    pub(super) fn home(&self) -> Option<PathBuf> {
        self.folder("HOME")
    }

    /// The user's file of defaults.
    pub(super) fn config_file(&self) -> Option<PathBuf> {
        self.own_folder("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("client.toml"))
    }

    /// The user's file of lines that were typed in a client.
    pub(super) fn history_file(&self, client: Client) -> Option<PathBuf> {
        let folder = self.own_folder("XDG_STATE_HOME", ".local/state");
        folder.map(|folder| folder.join(format!("{}_history", client.name())))
    }

    /// This program's folder in one of the XDG base directories.
    fn own_folder(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let default = || self.home().map(|home| home.join(below_home));
        self.folder(variable).or_else(default).map(|base| base.join("postroom"))
    }

    /// What the variables of the clients say.
    pub(super) fn layer(&self, client: Client) -> Result<Layer, SettingsError> {
        let mut draft = Draft::default();
        for (variable, value) in &self.0 {
            let Some(variable) = variable.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            let origin = || Origin::Variable(variable.to_owned());
            let name = &variable[PREFIX.len()..];
            if is_set_by_orchestrators(name) {
                continue;
            }
            let key = Key::ALL.into_iter().find(|key| key.name().to_ascii_uppercase() == name);
            let Some(key) = key else {
                return Err(SettingsError::Variable {
                    name: variable.to_owned(),
                    prefix: PREFIX,
                    keys: Key::listed(None).to_ascii_uppercase(),
                });
            };
            // As is usual, an empty variable is none.
            if value.is_empty() || !key.is_for(client.name()) {
                continue;
            }
            let folders = Folders { base: None, home: None };
            let set = draft.set(key, typed(key, value), folders);
            set.map_err(|cause| SettingsError::Value {
                origin: origin(),
                key: key.name().to_owned(),
                cause,
            })?;
        }
        draft.finish().map_err(|cause| SettingsError::Contradiction {
            origin: Origin::Environment(PREFIX),
            cause,
        })
    }
}

/// An orchestrator gives every container the address of a service called
/// `postroom-client`.
fn is_set_by_orchestrators(name: &str) -> bool {
    name == "PORT" || name.starts_with("PORT_") || name.starts_with("SERVICE_")
}

/// A value as its key has it; that of a truth is a word here.
fn typed(key: Key, value: &OsStr) -> Value<'_> {
    match (key, value.to_str()) {
        (key, Some("true")) if key.is_truth() => Value::Truth(true),
        (key, Some("false")) if key.is_truth() => Value::Truth(false),
        (_, Some(text)) => Value::Text(text),
        (_, None) => Value::Other,
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let owned = |(name, value): (N, V)| (name.into(), value.into());
        Self(variables.into_iter().map(owned).collect())
    }
}
