//! Which data folder a command is for.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::{Config, ConfigError, Overrides};

/// Which data folder a command is for, and so which running server.
#[derive(Debug, Args)]
pub(crate) struct FolderArguments {
    /// The settings of the server, which name its data folder
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The data folder [default: ./postroom-data]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
}

impl FolderArguments {
    /// The settings of the server.
    pub(crate) fn load(&self) -> Result<Config, ConfigError> {
        let overrides = Overrides { data: self.data.clone(), ..Overrides::default() };
        Config::load(self.config.as_deref(), &overrides)
    }

    /// A command of this program for the same folder, as a shell command line.
    pub(crate) fn hint(&self, command: &str) -> String {
        let given = |option, path: Option<&Path>| {
            let path = path.map(Path::to_string_lossy);
            path.map(|path| format!(" {option} {}", quoted(&path))).unwrap_or_default()
        };
        let config = given("--config", self.config.as_deref());
        let data = given("--data", self.data.as_deref());
        format!("postroom {command}{config}{data}")
    }
}

/// A word, quoted for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
