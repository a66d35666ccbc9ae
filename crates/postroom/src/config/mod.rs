//! The settings of the server and their sources.
//!
//! The sources are a file, then the environment, then the command line; each overrides
//! the one before. The [`Config`] structure is the only definition of the keys, their
//! types, their defaults and their order: keys of the environment and of `--set` are
//! looked up in its default. It remembers the origin of each value.

mod accounts;
mod arguments;
mod checks;
mod defaults;
mod http;
mod layers;
mod listeners;
mod origins;
mod prefix;
mod reload;
mod sources;
#[cfg(test)]
mod tests;
mod tls;

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::{Table, Value};

use accounts::Accounts;
pub(crate) use arguments::{Overrides, SettingsArguments};
use http::Http;
use listeners::AnonymousSetting;
pub(crate) use listeners::ListenerError;
use origins::{Origin, Origins};
use prefix::Prefix;
use sources::{Keys, collect_keys, one_line, read_file, utf8_pair};
use tls::Tls;
pub(crate) use tls::TlsError;

const ENVIRONMENT_PREFIX: &str = "POSTROOM_";

/// How, after that, the variables of the clients begin; no setting does.
const CLIENT_VARIABLES: &str = "CLIENT_";

/// All settings; `docs/postroom.toml` documents each for its users.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) data: PathBuf,
    listen: Vec<String>,
    allow_open: bool,
    pub(crate) passwords: PathBuf,
    pub(crate) report: PathBuf,
    pub(crate) report_bytes_max: u64,
    proof: ProofSetting,
    pub(crate) log: Log,
    metrics: Metrics,
    mailbox: Mailbox,
    accounts: Accounts,
    channels: Channels,
    im: Im,
    pub(crate) board: Board,
    chat: Chat,
    http: Http,
    retention: Retention,
    disk: Disk,
    store: Store,
    rates: Rates,
    tls: Tls,
    connection: Connection,
    stop: Stop,
    #[serde(skip)]
    origins: Origins,
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

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Metrics {
    address: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Mailbox {
    capacity: u32,
    per_sender_percent: u32,
    keep_read_days: u32,
    keep_read_max: u32,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Channels {
    max: u32,
    new_per_hour: u32,
    new_per_hour_loopback: u32,
    posts: u32,
    recent_posts: usize,
    recent_bytes: usize,
    recent_bytes_in_all: usize,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Im {
    broadcast_verb: String,
    offline: Offline,
    dial_back: DialBack,
    confirm_limit_ms: u64,
    unanswered_limit_ms: u64,
    dial_limit_ms: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Offline {
    Refuse,
    Store,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum DialBack {
    Auto,
    On,
    Off,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Board {
    pub(crate) persist: bool,
    anonymous: AnonymousSetting,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Chat {
    announce: bool,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Retention {
    messages_days: u32,
    posts_days: u32,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Disk {
    reserve_bytes: u64,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Store {
    commit: Commit,
    slow_sync_ms: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Commit {
    Auto,
    Inline,
    Thread,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Connection {
    max: usize,
    per_address_max: u32,
    new_per_minute: u32,
    loopback: bool,
    trusted: Vec<Prefix>,
    proxies: Vec<Prefix>,
    proxy_limit_ms: u64,
    line_bytes_max: usize,
    output_bytes_max: usize,
    output_bytes_in_all: usize,
    login_limit_ms: u64,
    pause_ms: u64,
    paused_bytes_max: usize,
    drain_limit_ms: u64,
    peer_dead_after_ms: u64,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Rates {
    words_per_second: u32,
    words_burst: u32,
    words_per_second_of_network: u32,
    words_burst_of_network: u32,
    logins_per_second: u32,
    logins_burst: u32,
    logins_per_second_of_network: u32,
    logins_burst_of_network: u32,
    loopback: bool,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Stop {
    limit_ms: u64,
}

/// Why the settings cannot be loaded.
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
    #[error("the setting {key} ({origin}) cannot be \"{value}\": {cause}")]
    Value { key: String, origin: String, value: String, cause: String },
    #[error("the settings are not accepted: {0}")]
    Invalid(String),
    #[error("cannot write the settings as text: {0}")]
    Show(String),
}

impl Config {
    /// Where metrics are served, if they are.
    pub(crate) fn metrics_address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        self.metrics.address()
    }

    /// Combines the settings of all sources.
    pub(crate) fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Self, ConfigError> {
        Self::from_sources(file, env::vars_os().filter_map(utf8_pair), overrides)
    }

    fn from_sources(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        overrides: &Overrides,
    ) -> Result<Self, ConfigError> {
        let (mut table, mut origins) = (Table::new(), Origins::default());
        if let Some(path) = file {
            table = read_file(path)?;
            for (key, _) in collect_keys(&table) {
                origins.insert(&key, Origin::File(path.to_path_buf()));
            }
        }
        let keys = Keys::new();
        for (variable, value) in environment {
            if let Some(name) = variable.strip_prefix(ENVIRONMENT_PREFIX)
                && !name.starts_with(CLIENT_VARIABLES)
                && !is_set_by_orchestrators(name)
            {
                let origin = format!("environment variable {variable}");
                let key = keys.find_variable(name).ok_or_else(|| ConfigError::Unknown {
                    key: name.to_owned(),
                    origin: origin.clone(),
                })?;
                keys.set(&mut table, key, &value, &origin)?;
                origins.insert(key, Origin::Environment(variable));
            }
        }
        for setting in &overrides.set {
            let (key, value) =
                setting.split_once('=').ok_or_else(|| ConfigError::NoValue(setting.clone()))?;
            keys.set(&mut table, key.trim(), value, "--set")?;
            origins.insert(key.trim(), Origin::CommandLine);
        }
        let config: Self = Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::Invalid(one_line(error.message())))?;
        Self { origins, ..config }.overridden(overrides).checked()
    }

    fn overridden(mut self, overrides: &Overrides) -> Self {
        let Overrides { set: _, data, listen, allow_open, capacity, passwords, report, .. } =
            overrides;
        let Overrides { log_format, metrics, .. } = overrides;
        let origins = &mut self.origins;
        let listen = Some(listen).filter(|listen| !listen.is_empty());
        origins.replace("data", &mut self.data, data.as_ref());
        origins.replace("listen", &mut self.listen, listen);
        origins.replace("allow_open", &mut self.allow_open, allow_open.then_some(&true));
        origins.replace("mailbox.capacity", &mut self.mailbox.capacity, capacity.as_ref());
        origins.replace("passwords", &mut self.passwords, passwords.as_ref());
        origins.replace("report", &mut self.report, report.as_ref());
        origins.replace("log.format", &mut self.log.format, log_format.as_ref());
        origins.replace("metrics.address", &mut self.metrics.address, metrics.as_ref());
        self
    }
}

/// An orchestrator gives every container the address of a service called `postroom`, in
/// variables such as `POSTROOM_SERVICE_HOST` and `POSTROOM_PORT_4401_TCP`.
fn is_set_by_orchestrators(name: &str) -> bool {
    name == "PORT" || name.starts_with("PORT_") || name.starts_with("SERVICE_")
}

impl Metrics {
    /// Where metrics are served, if they are.
    fn address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        if self.address.is_empty() {
            return Ok(None);
        }
        let parsed = self.address.parse();
        parsed.map(Some).map_err(|_| ConfigError::Value {
            key: "metrics.address".into(),
            origin: "settings".into(),
            value: self.address.clone(),
            cause: "it must be an address and a port, such as 127.0.0.1:9464".into(),
        })
    }
}

impl Log {
    pub(crate) fn level(&self) -> Result<tracing::Level, ConfigError> {
        self.level.parse().map_err(|_| ConfigError::Value {
            key: "log.level".into(),
            origin: "settings".into(),
            value: self.level.clone(),
            cause: "it must be error, warn, info, debug or trace".into(),
        })
    }
}
