//! The settings of the server and where they come from.
//!
//! A file, then the environment, then the command line; each overrides the one
//! before. The [`Config`] structure is the one definition of the keys, their
//! types and their defaults: keys of the environment and of `--set` are found
//! in its default.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use postroom_model::MAILBOX_CAPACITY_DEFAULT;
use postroom_protocol::Settings;
use postroom_server::{Proof, ServerSettings};
use postroom_store::Limits;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::{Table, Value};

const ENVIRONMENT_PREFIX: &str = "POSTROOM_";

/// All settings; `docs/postroom.toml` documents each for its users.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) data: PathBuf,
    pub(crate) listen: Vec<String>,
    proof: ProofSetting,
    pub(crate) log: Log,
    mailbox: Mailbox,
    accounts: Accounts,
    disk: Disk,
    pub(crate) connection: Connection,
    stop: Stop,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum ProofSetting {
    Tcp,
    Command,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    level: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// A line for people
    Text,
    /// A JSON object a line
    Json,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Mailbox {
    capacity: u32,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Accounts {
    max: u32,
    password_checks_max: usize,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Disk {
    reserve_bytes: u64,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Connection {
    max: usize,
    line_bytes_max: usize,
    output_bytes_max: usize,
    login_limit_ms: u64,
    pause_ms: u64,
    drain_limit_ms: u64,
    peer_dead_after_ms: u64,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Stop {
    limit_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "./postroom-data".into(),
            listen: Vec::new(),
            proof: ProofSetting::Tcp,
            log: Log::default(),
            mailbox: Mailbox::default(),
            accounts: Accounts::default(),
            disk: Disk::default(),
            connection: Connection::default(),
            stop: Stop::default(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".into() }
    }
}

impl Default for Mailbox {
    fn default() -> Self {
        Self { capacity: MAILBOX_CAPACITY_DEFAULT }
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            max: Limits::default().accounts_max,
            password_checks_max: ServerSettings::default().password_checks_max,
        }
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self { reserve_bytes: Limits::default().disk_reserve_bytes }
    }
}

impl Default for Connection {
    fn default() -> Self {
        let server = ServerSettings::default();
        Self {
            max: server.connections_max,
            line_bytes_max: server.session.line_bytes_max,
            output_bytes_max: server.session.output_bytes_max,
            login_limit_ms: millis(server.session.login_limit),
            pause_ms: millis(server.session.pause),
            drain_limit_ms: millis(server.drain_limit),
            peer_dead_after_ms: 90_000,
        }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self { limit_ms: millis(ServerSettings::default().stop_limit) }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) set: Vec<String>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: Vec<String>,
    pub(crate) capacity: Option<u32>,
    pub(crate) log_format: Option<LogFormat>,
}

/// Why there are no settings.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("cannot read the settings in {}: {cause}", path.display())]
    Read { path: PathBuf, cause: std::io::Error },
    #[error("cannot understand the settings in {}: {cause}", path.display())]
    Parse { path: PathBuf, cause: String },
    #[error("there is no setting \"{key}\" ({origin}); docs/postroom.toml lists all")]
    Unknown { key: String, origin: String },
    #[error("\"{0}\" sets nothing; write it as KEY=VALUE")]
    NoValue(String),
    #[error("the setting {key} ({origin}) cannot be \"{value}\": it is {expected}")]
    Value { key: String, origin: String, value: String, expected: String },
    #[error("the settings are not accepted: {0}")]
    Invalid(String),
}

impl Config {
    /// Puts the settings together.
    pub(crate) fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Self, ConfigError> {
        Self::from_sources(file, env::vars_os().filter_map(utf8_pair), overrides)
    }

    fn from_sources(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        overrides: &Overrides,
    ) -> Result<Self, ConfigError> {
        let mut table = match file {
            Some(path) => read_file(path)?,
            None => Table::new(),
        };
        let keys = Keys::new();
        for (variable, value) in environment {
            if let Some(name) = variable.strip_prefix(ENVIRONMENT_PREFIX) {
                let origin = format!("environment variable {variable}");
                let key = keys.find_variable(name).ok_or_else(|| ConfigError::Unknown {
                    key: name.to_owned(),
                    origin: origin.clone(),
                })?;
                keys.set(&mut table, key, &value, &origin)?;
            }
        }
        for setting in &overrides.set {
            let (key, value) =
                setting.split_once('=').ok_or_else(|| ConfigError::NoValue(setting.clone()))?;
            keys.set(&mut table, key.trim(), value, "--set")?;
        }
        let config: Self = Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::Invalid(one_line(error.message())))?;
        config.overridden(overrides).checked()
    }

    fn overridden(mut self, overrides: &Overrides) -> Self {
        if let Some(data) = &overrides.data {
            self.data.clone_from(data);
        }
        if !overrides.listen.is_empty() {
            self.listen.clone_from(&overrides.listen);
        }
        if let Some(capacity) = overrides.capacity {
            self.mailbox.capacity = capacity;
        }
        if let Some(format) = overrides.log_format {
            self.log.format = format;
        }
        self
    }

    /// Refuses what would make a server that serves no one.
    fn checked(self) -> Result<Self, ConfigError> {
        let least = [
            ("mailbox.capacity", u64::from(self.mailbox.capacity), 1),
            ("accounts.max", u64::from(self.accounts.max), 1),
            ("connection.max", self.connection.max as u64, 1),
            ("connection.line_bytes_max", self.connection.line_bytes_max as u64, 128),
            ("connection.peer_dead_after_ms", self.connection.peer_dead_after_ms, 15_000),
        ];
        for (key, value, least) in least {
            if value < least {
                return Err(ConfigError::Invalid(format!("{key} is at least {least}")));
            }
        }
        // A text is shown with at most four times its bytes, in an output line of
        // at most 32,768.
        if self.connection.line_bytes_max > 8_192 {
            return Err(ConfigError::Invalid("connection.line_bytes_max is at most 8192".into()));
        }
        self.log.level().map(|_| self)
    }

    /// How much the store takes in.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            mailbox_capacity: self.mailbox.capacity,
            accounts_max: self.accounts.max,
            disk_reserve_bytes: self.disk.reserve_bytes,
        }
    }

    /// What the server is told.
    pub(crate) fn server_settings(&self) -> ServerSettings {
        let connection = &self.connection;
        ServerSettings {
            session: Settings {
                line_bytes_max: connection.line_bytes_max,
                login_limit: Duration::from_millis(connection.login_limit_ms),
                pause: Duration::from_millis(connection.pause_ms),
                output_bytes_max: connection.output_bytes_max,
            },
            connections_max: connection.max,
            drain_limit: Duration::from_millis(connection.drain_limit_ms),
            stop_limit: Duration::from_millis(self.stop.limit_ms),
            password_checks_max: self.accounts.password_checks_max,
            proof: match self.proof {
                ProofSetting::Tcp => Proof::Tcp,
                ProofSetting::Command => Proof::Command,
            },
        }
    }
}

impl Connection {
    pub(crate) fn peer_dead_after(&self) -> Duration {
        Duration::from_millis(self.peer_dead_after_ms)
    }
}

impl Log {
    pub(crate) fn level(&self) -> Result<tracing::Level, ConfigError> {
        self.level.parse().map_err(|_| ConfigError::Value {
            key: "log.level".into(),
            origin: "settings".into(),
            value: self.level.clone(),
            expected: "error, warn, info, debug or trace".into(),
        })
    }
}

fn utf8_pair((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}

fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|cause| ConfigError::Read { path: path.to_path_buf(), cause })?;
    let refused = |error: toml::de::Error| ConfigError::Parse {
        path: path.to_path_buf(),
        cause: describe(&text, &error),
    };
    // Read as what it is for, so that a fault is told with its line.
    toml::from_str::<Config>(&text).map_err(refused)?;
    toml::from_str(&text).map_err(refused)
}

fn describe(text: &str, error: &toml::de::Error) -> String {
    let message = one_line(error.message());
    match error.span() {
        Some(span) => {
            let line = text[..span.start.min(text.len())].matches('\n').count() + 1;
            format!("line {line}: {message}")
        }
        None => message,
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The keys that there are, with values of their types.
struct Keys(Vec<(String, Value)>);

impl Keys {
    fn new() -> Self {
        let mut keys = Vec::new();
        if let Ok(Value::Table(table)) = Value::try_from(Config::default()) {
            collect_keys(&table, "", &mut keys);
        }
        Self(keys)
    }

    /// The key of an environment variable, its prefix left out.
    fn find_variable(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .map(|(key, _)| key.as_str())
            .find(|key| key.replace('.', "_").eq_ignore_ascii_case(name))
    }

    fn set(
        &self,
        table: &mut Table,
        key: &str,
        value: &str,
        origin: &str,
    ) -> Result<(), ConfigError> {
        let unknown = || ConfigError::Unknown { key: key.to_owned(), origin: origin.to_owned() };
        let (_, like) = self.0.iter().find(|(known, _)| known == key).ok_or_else(unknown)?;
        let value =
            typed(value, like).and_then(|value| accepted(key, value)).map_err(|expected| {
                let (key, origin, value) = (key.to_owned(), origin.to_owned(), value.to_owned());
                ConfigError::Value { key, origin, value, expected }
            })?;
        insert(table, key, value).ok_or_else(unknown)
    }
}

fn collect_keys(table: &Table, prefix: &str, keys: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        match value {
            Value::Table(section) => collect_keys(section, &format!("{prefix}{key}."), keys),
            value => keys.push((format!("{prefix}{key}"), value.clone())),
        }
    }
}

/// Puts a value where its key says.
fn insert(table: &mut Table, key: &str, value: Value) -> Option<()> {
    let (table, key) = match key.split_once('.') {
        Some((section, key)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            (section.as_table_mut()?, key)
        }
        None => (table, key),
    };
    table.insert(key.to_owned(), value);
    Some(())
}

/// The value, if the settings take it by itself.
fn accepted(key: &str, value: Value) -> Result<Value, String> {
    let mut alone = Table::new();
    insert(&mut alone, key, value.clone());
    match Value::Table(alone).try_into::<Config>() {
        Ok(_) => Ok(value),
        Err(_) if value.is_integer() => Err("a whole number of its range".to_owned()),
        Err(error) => Err(one_line(error.message())),
    }
}

/// A value of the type of `like`, or what would have been one.
fn typed(value: &str, like: &Value) -> Result<Value, String> {
    match like {
        Value::Integer(_) => {
            let number = value.trim().replace('_', "").parse();
            number.map(Value::Integer).map_err(|_| "a whole number".to_owned())
        }
        Value::Boolean(_) => {
            value.trim().parse().map(Value::Boolean).map_err(|_| "true or false".to_owned())
        }
        Value::Array(_) => Ok(Value::Array(
            value
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_owned()))
                .collect(),
        )),
        _ => Ok(Value::String(value.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        file: Option<&str>,
        environment: &[(&str, &str)],
        overrides: &Overrides,
    ) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postroom.toml");
        if let Some(text) = file {
            std::fs::write(&path, text).unwrap();
        }
        let environment =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::from_sources(file.map(|_| path.as_path()), environment, overrides)
    }

    fn set(settings: &[&str]) -> Overrides {
        let set = settings.iter().map(|&setting| setting.to_owned()).collect();
        Overrides { set, ..Overrides::default() }
    }

    fn complaint(result: Result<Config, ConfigError>) -> String {
        let message = result.unwrap_err().to_string();
        assert!(!message.contains('\n'), "one sentence: {message}");
        message
    }

    #[test]
    fn the_documented_settings_are_all_there_are_with_their_defaults() {
        let documented: Table =
            toml::from_str(include_str!("../../../docs/postroom.toml")).unwrap();
        let actual = Value::try_from(Config::default()).unwrap();
        assert_eq!(Value::Table(documented), actual);
    }

    #[test]
    fn a_later_source_wins() {
        let file = "[mailbox]\ncapacity = 1\n[connection]\nmax = 10\npause_ms = 5\n";
        let environment =
            [("POSTROOM_MAILBOX_CAPACITY", "2"), ("POSTROOM_CONNECTION_MAX", "20"), ("HOME", "x")];
        let config = load(Some(file), &environment, &set(&["mailbox.capacity=3"])).unwrap();
        assert_eq!(config.mailbox.capacity, 3);
        assert_eq!(config.connection.max, 20);
        assert_eq!(config.connection.pause_ms, 5);
        let overrides = Overrides { capacity: Some(4), ..set(&["mailbox.capacity=3"]) };
        assert_eq!(load(Some(file), &environment, &overrides).unwrap().mailbox.capacity, 4);
    }

    #[test]
    fn each_key_has_a_variable_of_the_environment() {
        for (key, _) in Keys::new().0 {
            let variable = key.replace('.', "_").to_uppercase();
            assert_eq!(Keys::new().find_variable(&variable), Some(key.as_str()));
        }
        let environment = [("POSTROOM_LISTEN", "mailbox=[::1]:1, mailbox-verbose=h:2")];
        let config = load(None, &environment, &Overrides::default()).unwrap();
        assert_eq!(config.listen, ["mailbox=[::1]:1", "mailbox-verbose=h:2"]);
    }

    #[test]
    fn what_sets_nothing_is_told_with_its_place() {
        assert_eq!(
            complaint(load(None, &[("POSTROOM_MALBOX", "1")], &Overrides::default())),
            "there is no setting \"MALBOX\" (environment variable POSTROOM_MALBOX); \
             docs/postroom.toml lists all"
        );
        assert_eq!(
            complaint(load(None, &[], &set(&["mailbox.capacity=many"]))),
            "the setting mailbox.capacity (--set) cannot be \"many\": it is a whole number"
        );
        assert!(complaint(load(None, &[], &set(&["mailbox.capacity"]))).contains("KEY=VALUE"));
        assert!(complaint(load(None, &[], &set(&["mailbox.capacity=0"]))).contains("at least 1"));
        assert!(complaint(load(None, &[], &set(&["mailbox.capacity=-1"]))).contains("range"));
        assert!(complaint(load(None, &[], &set(&["proof=hope"]))).contains("hope"));
        assert!(complaint(load(None, &[], &set(&["log.level=loud"]))).contains("trace"));
        let file = complaint(load(Some("x = 1\n"), &[], &Overrides::default()));
        assert!(file.contains("line 1") && file.contains("postroom.toml"), "{file}");
        let file = complaint(load(Some("\n[mailbox]\nsize = 1\n"), &[], &Overrides::default()));
        assert!(file.contains("line 3") && file.contains("size"), "{file}");
    }
}
