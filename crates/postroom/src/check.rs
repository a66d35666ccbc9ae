//! `postroom check`: prints the damaged records of a store, which the running server reads,
//! or this process where none runs.

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use postroom_web::{Archive, CheckLine, Counts, ReadFailure};
use thiserror::Error;

use crate::archive::{LinesError, lines};
use crate::config::ConfigError;
use crate::folder_arguments::FolderArguments;
use crate::running::json;

/// The command line of `postroom check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    folder: FolderArguments,
    /// Print a JSON object for each damaged record, and one for the end
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Error)]
pub(crate) enum CheckError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Lines(#[from] LinesError),
    #[error("the server in {} has not read everything; check again", data.display())]
    Unfinished { data: PathBuf },
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
    let config = arguments.folder.load()?;
    let mut report = Report { is_json: arguments.json, ..Report::default() };
    lines(&config.data, "/v1/check", Archive::check, |line| report.take(line))?;
    report.close(config.data)
}

/// What a check has told so far.
struct Report {
    is_json: bool,
    findings: usize,
    is_file_damaged: bool,
    written: io::Result<()>,
    end: Option<Result<Counts, ReadFailure>>,
}

impl Default for Report {
    fn default() -> Self {
        Self { is_json: false, findings: 0, is_file_damaged: false, written: Ok(()), end: None }
    }
}

impl Report {
    /// Prints what is damaged; breaks off if nobody reads it.
    fn take(&mut self, line: CheckLine) -> ControlFlow<()> {
        let json = self.is_json.then(|| json(&line));
        let finding = match line {
            CheckLine::Record { table, key, what } => Some(format!("{table} {key}: {what}")),
            CheckLine::File { what } => {
                self.is_file_damaged = true;
                Some(format!("file: {what}"))
            }
            CheckLine::End(counts) => {
                self.end = Some(Ok(counts));
                None
            }
            CheckLine::Failed { detail } => {
                self.end = Some(Err(ReadFailure::Store(detail)));
                None
            }
        };
        self.findings += usize::from(finding.is_some());
        if let Some(line) = json.or(finding) {
            self.written = writeln!(io::stdout(), "{line}");
        }
        if self.written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Prints one sentence if nothing is damaged, unless the last object has said it.
    fn close(self, data: PathBuf) -> Result<(), CheckError> {
        let Self { is_json, findings, is_file_damaged, written, end } = self;
        written.map_err(CheckError::Output)?;
        let Some(counts) = end.transpose().map_err(LinesError::from)? else {
            return Err(CheckError::Unfinished { data });
        };
        if is_file_damaged {
            return Err(CheckError::DamagedFile { data });
        }
        if findings > 0 {
            return Err(CheckError::Damaged { findings, data });
        }
        if is_json {
            return Ok(());
        }
        let Counts { accounts, messages, removals, channels, posts, .. } = counts;
        let Counts { blocks, bans, invitations, structure, .. } = counts;
        let left_out = if structure {
            ""
        } else {
            " (a server is running: the structure of the file was not checked)"
        };
        writeln!(
            io::stdout(),
            "nothing is damaged in {}: accounts {accounts}, messages {messages}, \
             removals {removals}, channels {channels}, posts {posts}, blocks {blocks}, \
             bans {bans}, invitations {invitations}{left_out}",
            data.display()
        )
        .map_err(CheckError::Output)
    }
}
