//! Where each setting comes from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use toml::Value;

use super::sources::collect_keys;
use super::{Config, ConfigError};

/// The source that a setting has its value from: the last that names it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Origin {
    Default,
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File(path) => path.display().fmt(formatter),
            Self::Environment(variable) => write!(formatter, "the environment: {variable}"),
            Self::CommandLine => formatter.write_str("the command line"),
        }
    }
}

/// The origins of the settings, by key; a setting without one has its default.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Origins(BTreeMap<String, Origin>);

impl Origins {
    pub(super) fn insert(&mut self, key: &str, origin: Origin) {
        self.0.insert(key.to_owned(), origin);
    }

    /// Replaces a setting by the value of a command-line option, if that is given.
    pub(super) fn replace<T: Clone>(&mut self, key: &str, setting: &mut T, given: Option<&T>) {
        if let Some(given) = given {
            setting.clone_from(given);
            self.insert(key, Origin::CommandLine);
        }
    }

    fn find(&self, key: &str) -> &Origin {
        self.0.get(key).unwrap_or(&Origin::Default)
    }
}

/// A setting as `postroom config show` prints it: as a line of a file of settings, or as a
/// JSON object.
#[derive(Debug, Serialize)]
pub(crate) struct Setting {
    key: String,
    value: Value,
    origin: String,
}

impl fmt::Display for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, origin } = self;
        let mut value = value.to_string();
        if value.contains('\n') {
            value = on_one_line(&self.value).map_err(|_| fmt::Error)?;
        }
        // A comment must not have control characters, which the name of a file may have.
        let origin = origin.replace(char::is_control, "\u{fffd}");
        write!(formatter, "{key} = {value} # {origin}")
    }
}

/// A value as JSON, which is TOML too, but for an unescaped DEL. TOML's own form of a text
/// with line feeds has several lines.
fn on_one_line(value: &Value) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(value)?.replace('\u{7f}', "\\u007f"))
}

impl Config {
    /// All settings, in the order of `docs/postroom.toml`.
    pub(crate) fn settings(&self) -> Result<Vec<Setting>, ConfigError> {
        let setting = |(key, value): (String, Value)| {
            let origin = self.origins.find(&key).to_string();
            Setting { key, value, origin }
        };
        Ok(collect_keys(&self.table()?).into_iter().map(setting).collect())
    }
}
