//! The options that say which settings a server has.

use std::path::PathBuf;

use clap::Args;

use super::{Config, ConfigError, LogFormat};

/// The command line of `postroom serve`, and of the commands about its settings.
#[derive(Args, Clone, Debug)]
pub(crate) struct SettingsArguments {
    /// Settings, in TOML; docs/postroom.toml in the source lists all
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
}

impl SettingsArguments {
    /// Combines the settings of all sources.
    pub(crate) fn load(&self) -> Result<Config, ConfigError> {
        Config::load(self.config.as_deref(), &self.overrides)
    }
}

/// The settings on the command line.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Overrides {
    /// A setting, as in the file: mailbox.capacity=50
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// The data folder [default: ./postroom-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// A protocol and its address, such as mailbox=127.0.0.1:4401 or, with TLS,
    /// mailbox+tls=0.0.0.0:5401; port 0 takes a free one. Options follow in the same word: 'mailbox=127.0.0.1:4401 proof=command'
    /// [default: all protocols on loopback addresses]
    #[arg(long, value_name = "PROTOCOL=ADDRESS")]
    pub(crate) listen: Vec<String>,
    /// Serve listeners that are open to the network: without TLS, with accounts that
    /// need no password, or without a login
    #[arg(long)]
    pub(crate) allow_open: bool,
    /// Unread messages that a mailbox holds [default: 100]
    #[arg(long, value_name = "N")]
    pub(crate) capacity: Option<u32>,
    /// Accounts and their passwords, `username password` a line; a changed file is
    /// read again at the next login
    #[arg(long, value_name = "FILE")]
    pub(crate) passwords: Option<PathBuf>,
    /// A file that gets a line for each event of the board; the server truncates it
    /// once it listens
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Serve metrics for Prometheus and the health of the server at this address, such as
    /// 127.0.0.1:9464, over HTTP and without a password
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<String>,
    /// How to write the log [default: text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}
