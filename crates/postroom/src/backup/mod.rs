//! `postroom backup`: a copy of the store as one file, from the running server, or from the
//! folder where none runs.

mod new_file;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use postroom_store_sqlite::BackUpError;
use postroom_web::{AdminClient, BACKUP_TYPE, ClientError};
use thiserror::Error;

use crate::config::ConfigError;
use crate::folder_arguments::FolderArguments;

use new_file::{FileError, NewFile};

/// The command line of `postroom backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    #[command(flatten)]
    folder: FolderArguments,
    /// Replace the file if there is one
    #[arg(long)]
    force: bool,
    /// The file of the backup; its owner alone may read it
    #[arg(value_name = "BACKUP")]
    file: PathBuf,
}

#[derive(Debug, Error)]
pub(crate) enum BackupError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "{} is in the data folder {}, whose files are the server's own; name another folder",
        path.display(), data.display()
    )]
    InData { path: PathBuf, data: PathBuf },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("there is no backup: {0}")]
    Server(#[from] ClientError),
    #[error(transparent)]
    Store(#[from] BackUpError),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// Writes a backup, and prints one line.
pub(crate) fn backup(arguments: &BackupArguments) -> Result<(), BackupError> {
    let config = arguments.folder.load()?;
    if is_in(&arguments.file, &config.data) {
        return Err(BackupError::InData { path: arguments.file.clone(), data: config.data });
    }
    let mut file = NewFile::create(&arguments.file, arguments.force)?;
    let from = if let Some(mut server) = AdminClient::connect(&config.data)? {
        let copied = server.download("/v1/backup", BACKUP_TYPE, |bytes| file.write(bytes));
        copied.map_err(|error| match error {
            ClientError::Kept(cause) => file.failed(cause).into(),
            error => BackupError::Server(error),
        })?;
        "of the running server"
    } else {
        postroom_store_sqlite::back_up(&config.data, file.part())?;
        "of the store"
    };
    let bytes = file.place()?;
    let (path, data) = (arguments.file.display(), config.data.display());
    writeln!(io::stdout(), "wrote a backup {from} in {data} to {path}: {bytes} bytes")
        .map_err(BackupError::Output)
}

/// Whether a file is, or would be, in a folder itself, however either is named.
fn is_in(file: &Path, folder: &Path) -> bool {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new(".")).canonicalize();
    // Where one of them is missing, what follows says so.
    parent.is_ok_and(|parent| folder.canonicalize().is_ok_and(|folder| parent == folder))
}
