//! `postroom account export`: what there is of an account, as JSON Lines.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use postroom_model::Name;
use postroom_web::{Archive as _, ClientError, ExportCounts, ExportLine, ReadFailure};

use super::{AccountArguments, AccountError, parse_name};
use crate::archive::{LinesError, lines};
use crate::desk::DeskError;

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// The account
    name: String,
    /// A new file, for its owner alone [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes what there is of an account, and says how much that is.
pub(super) fn export(
    arguments: &AccountArguments,
    data: &Path,
    ExportArguments { name, output }: &ExportArguments,
) -> Result<(), AccountError> {
    let name = parse_name(name)?;
    let mut writing = Writing::new(output.as_deref());
    let path = format!("/v1/export?account={}", escaped(&name));
    let told = lines(data, &path, |store| store.export(&name), |line| writing.take(&line));
    let written = told.map_err(|error| refused(arguments, error)).and_then(|()| writing.close());
    let Written { name, counts } = written.inspect_err(|_| {
        if let Some(path) = output.as_ref().filter(|_| writing.has_begun()) {
            // The error is what the operator is told.
            let _ = fs::remove_file(path);
        }
    })?;
    let mut sentence = sentence(&name, counts);
    if counts.damaged > 0 {
        let (records, hint) = (plural(counts.damaged, "record"), arguments.folder.hint("check"));
        let _ = write!(sentence, "; {records} of it damaged and left out; list them with: {hint}");
    }
    if output.is_some() {
        return writeln!(io::stdout(), "{sentence}").map_err(AccountError::Output);
    }
    // Nobody need read it.
    let _ = writeln!(io::stderr(), "{sentence}");
    Ok(())
}

fn refused(arguments: &AccountArguments, error: LinesError) -> AccountError {
    let problem = match error {
        LinesError::Server(ClientError::Refused(problem)) => problem,
        LinesError::Read(failure) => failure.into(),
        LinesError::Server(error) => return DeskError::Server(error).into(),
    };
    let is_unknown = problem.problem == "no-such-account";
    let problem = ClientError::Refused(problem);
    if is_unknown {
        let (what, hint) = ("list the accounts", arguments.folder.hint("account list"));
        return AccountError::Hint { problem, what, hint };
    }
    DeskError::Server(problem).into()
}

/// What has been written so far.
struct Writing<'a> {
    path: Option<&'a Path>,
    output: Option<BufWriter<Box<dyn Write>>>,
    /// The same file, if it is one.
    file: Option<File>,
    name: String,
    end: Result<ExportCounts, AccountError>,
}

/// What has been written in all.
struct Written {
    name: String,
    counts: ExportCounts,
}

impl<'a> Writing<'a> {
    fn new(path: Option<&'a Path>) -> Self {
        let end = Err(AccountError::CutOff);
        Self { path, output: None, file: None, name: String::new(), end }
    }

    /// Whether there is a file.
    fn has_begun(&self) -> bool {
        self.file.is_some()
    }

    fn take(&mut self, line: &ExportLine) -> ControlFlow<()> {
        match line {
            ExportLine::Account { account, .. } => self.name.clone_from(account),
            ExportLine::End(counts) => self.end = Ok(*counts),
            ExportLine::Failed { detail } => {
                let problem = ReadFailure::Store(detail.clone()).into();
                self.end = Err(DeskError::refused(problem).into());
                return ControlFlow::Break(());
            }
            _ => {}
        }
        if let Err(cause) = self.write(line) {
            self.end = Err(self.failed(cause));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn write(&mut self, line: &ExportLine) -> io::Result<()> {
        // Nothing is made for an account that does not exist.
        if self.output.is_none() {
            self.output = Some(BufWriter::new(self.open()?));
        }
        let Some(output) = &mut self.output else {
            return Ok(());
        };
        serde_json::to_writer(&mut *output, line)?;
        output.write_all(b"\n")
    }

    fn open(&mut self) -> io::Result<Box<dyn Write>> {
        let Some(path) = self.path else {
            return Ok(Box::new(io::stdout()));
        };
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        self.file = Some(file.try_clone()?);
        Ok(Box::new(file))
    }

    fn close(&mut self) -> Result<Written, AccountError> {
        let counts = std::mem::replace(&mut self.end, Err(AccountError::CutOff))?;
        let mut close = || {
            self.output.as_mut().map_or(Ok(()), Write::flush)?;
            self.file.as_ref().map_or(Ok(()), File::sync_all)
        };
        close().map_err(|cause| self.failed(cause))?;
        Ok(Written { name: self.name.clone(), counts })
    }

    fn failed(&self, cause: io::Error) -> AccountError {
        match self.path {
            Some(path) => AccountError::Write { path: path.to_path_buf(), cause },
            None => AccountError::Output(cause),
        }
    }
}

/// How much was exported.
fn sentence(name: &str, counts: ExportCounts) -> String {
    let ExportCounts { blocks, messages, read, sent, posts, .. } = counts;
    // Most servers keep nothing that was read.
    let read = if read > 0 { format!("{}, ", plural(read, "read message")) } else { String::new() };
    format!(
        "exported the account {name}: {}, {}, {read}{} to others, {}",
        plural(blocks, "blocked sender"),
        plural(messages, "unread message"),
        plural(sent, "message"),
        plural(posts, "post"),
    )
}

/// So many of something.
pub(super) fn plural(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A name, as a part of a URL.
fn escaped(name: &Name) -> String {
    let mut escaped = String::new();
    for byte in name.as_str().bytes() {
        let _ = write!(escaped, "%{byte:02X}");
    }
    escaped
}
