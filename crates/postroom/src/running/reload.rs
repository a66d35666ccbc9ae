//! `postroom reload` and `postroom log-level`.

use clap::{Args, ValueEnum};
use postroom_web::{LogLevel, Reloaded};

use super::{RunningError, print};
use crate::folder_arguments::FolderArguments;

/// The command line of `postroom reload`.
#[derive(Debug, Args)]
pub(crate) struct ReloadArguments {
    #[command(flatten)]
    folder: FolderArguments,
}

/// The command line of `postroom log-level`.
#[derive(Debug, Args)]
pub(crate) struct LogLevelArguments {
    /// What the log is to have
    level: Level,
    #[command(flatten)]
    folder: FolderArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    /// The operator must act
    Error,
    /// A limit was reached
    Warn,
    /// Sessions
    Info,
    /// Requests
    Debug,
    /// Internals
    Trace,
}

/// Makes the server read its settings again, and prints what has changed.
pub(crate) fn reload(arguments: &ReloadArguments) -> Result<(), RunningError> {
    let empty = serde_json::Map::new();
    let Reloaded { changed, needs_restart, files } =
        arguments.folder.connect()?.post("/v1/reload", &empty)?;
    let changed = match &*changed {
        [] => "no setting has changed".to_owned(),
        changed => format!("changed {}", changed.join(", ")),
    };
    let rest = match &*needs_restart {
        [] => String::new(),
        settings => format!("; a restart is needed for {}", settings.join(", ")),
    };
    let is_read = |name: &str| files.iter().any(|file| file == name);
    let certificate = if is_read("certificate") { " and the certificate" } else { "" };
    // Another thread reads it, since a file may be slow.
    let passwords = if is_read("passwords") {
        "; the password file is read again now: the log tells if it cannot be"
    } else {
        ""
    };
    print(&format!("read the settings{certificate} again: {changed}{rest}{passwords}"))
}

/// Sets what the log of a running server has.
pub(crate) fn log_level(arguments: &LogLevelArguments) -> Result<(), RunningError> {
    let level = match arguments.level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    let asked = LogLevel { level: level.to_owned() };
    let LogLevel { level } = arguments.folder.connect()?.post("/v1/log-level", &asked)?;
    print(&format!("the log level is {level} until the next reload or start"))
}
