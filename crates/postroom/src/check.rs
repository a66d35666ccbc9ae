//! `postroom check`: reads the whole store and prints the damaged records.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;
use postroom_office::password;
use postroom_store_sqlite::{Checked, Finding, OpenError};
use thiserror::Error;

use crate::config::{Config, ConfigError, Overrides};

/// The command line of `postroom check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The settings of the server
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder [default: ./postroom-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Debug, Error)]
pub(crate) enum CheckError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(
        "{} has {findings} damaged {}, listed above; the server goes on without them; \
         to have them back, restore a backup",
        data.display(),
        if *findings == 1 { "record" } else { "records" }
    )]
    Damaged { findings: usize, data: PathBuf },
    #[error(
        "the store in {} is damaged, see above; the server leaves out what it cannot read, or \
         refuses to start; to have everything back, restore a backup",
        data.display()
    )]
    DamagedFile { data: PathBuf },
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// Prints a line for each damaged record, or one sentence if there is none.
pub(crate) fn check(arguments: &CheckArguments) -> Result<(), CheckError> {
    let overrides = Overrides { data: arguments.data.clone(), ..Overrides::default() };
    let config = Config::load(arguments.config.as_deref(), &overrides)?;
    let mut output = io::stdout().lock();
    let (mut findings, mut is_file_damaged, mut written) = (0, false, Ok(()));
    let checked =
        postroom_store_sqlite::check(&config.data, password::is_well_formed, |finding| {
            findings += 1;
            is_file_damaged |= matches!(finding, Finding::Structure(_));
            if written.is_ok() {
                written = writeln!(output, "{finding}");
            }
        })?;
    written.map_err(CheckError::Output)?;
    if is_file_damaged {
        return Err(CheckError::DamagedFile { data: config.data });
    }
    if findings > 0 {
        return Err(CheckError::Damaged { findings, data: config.data });
    }
    let Checked { accounts, messages, removals, channels, posts, blocks, structure } = checked;
    let data = config.data.display();
    let left_out = if structure {
        ""
    } else {
        " (a server is running: the structure of the file was not checked)"
    };
    writeln!(
        output,
        "nothing is damaged in {data}: accounts {accounts}, messages {messages}, \
         removals {removals}, channels {channels}, posts {posts}, blocks {blocks}{left_out}"
    )
    .map_err(CheckError::Output)
}
