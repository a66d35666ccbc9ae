//! `postroom restore`: makes the store of a folder of a backup.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;
use postroom_office::password;
use postroom_store_sqlite::{Checked, RestoreError};
use thiserror::Error;

use crate::config::ConfigError;
use crate::folder_arguments::FolderArguments;

/// The command line of `postroom restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    #[command(flatten)]
    folder: FolderArguments,
    /// Keep the store that is there aside, in DIR/replaced
    #[arg(long)]
    replace: bool,
    /// The file that `postroom backup` has written
    #[arg(value_name = "BACKUP")]
    file: PathBuf,
}

#[derive(Debug, Error)]
pub(crate) enum RestoreCommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Store(#[from] RestoreError),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// Restores a backup, and prints one line, and one on standard error for each of its
/// records that is damaged.
pub(crate) fn restore(arguments: &RestoreArguments) -> Result<(), RestoreCommandError> {
    let config = arguments.folder.load()?;
    let mut damaged = 0_u64;
    let tell = |finding| {
        damaged += 1;
        // Without standard error the line at the end says how many there are.
        let _ = writeln!(io::stderr(), "damaged in the backup: {finding}");
    };
    let restored = postroom_store_sqlite::restore(
        &arguments.file,
        &config.data,
        arguments.replace,
        password::is_well_formed,
        tell,
    )?;
    let Checked { accounts, messages, removals, channels, posts, .. } = restored.checked;
    let Checked { blocks, bans, invitations, .. } = restored.checked;
    let (file, data) = (arguments.file.display(), config.data.display());
    let damaged = match damaged {
        0 => String::new(),
        damaged => format!(", damaged records {damaged}, which the server leaves out"),
    };
    let replaced = restored.replaced.map_or_else(String::new, |replaced| {
        format!("; the store that was there is in {}", replaced.display())
    });
    writeln!(
        io::stdout(),
        "restored {file} to {data}: accounts {accounts}, messages {messages}, \
         removals {removals}, channels {channels}, posts {posts}, blocks {blocks}, \
         bans {bans}, invitations {invitations}{damaged}{replaced}"
    )
    .map_err(RestoreCommandError::Output)
}
