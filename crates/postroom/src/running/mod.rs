//! The commands that a running server alone can carry out.

mod kick;
mod reload;
mod sessions;
mod status;

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;
use postroom_web::{AdminClient, ClientError};
use thiserror::Error;

use crate::config::ConfigError;
use crate::folder_arguments::FolderArguments;
use crate::whom::WhomError;

pub(crate) use kick::{KickArguments, kick};
pub(crate) use reload::{LogLevelArguments, ReloadArguments, log_level, reload};
pub(crate) use sessions::sessions;
pub(crate) use status::status;

/// The command line of `postroom status` and of the lists.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) folder: FolderArguments,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Error)]
pub(crate) enum RunningError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Server(#[from] ClientError),
    #[error("no server runs in {}; its folder is selected with --data or --config", data.display())]
    None { data: PathBuf },
    #[error(transparent)]
    Whom(#[from] WhomError),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

impl FolderArguments {
    /// Connects to the server that runs there.
    fn connect(&self) -> Result<AdminClient, RunningError> {
        let config = self.load()?;
        AdminClient::connect(&config.data)?.ok_or(RunningError::None { data: config.data })
    }
}

fn print(line: &str) -> Result<(), RunningError> {
    writeln!(io::stdout(), "{line}").map_err(RunningError::Output)
}

pub(crate) fn json(of: &impl serde::Serialize) -> String {
    serde_json::to_string(of).expect("what was JSON can be JSON")
}
