//! `postroom account import`: an account with what `postroom account export` has written.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use postroom_model::Name;
use postroom_web::{
    AccountOrder, ClientError, EXPORT_VERSION, ExportCounts, ExportLine, ImportMessage,
};
use thiserror::Error;

use super::export::plural;
use super::password::read_password;
use super::words::{Done, InFile, done};
use super::{AccountArguments, AccountError, parse_name};
use crate::desk::{Desk, DeskError};

/// Bytes of a line: a text, each byte as six of JSON, and a name.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Bytes of messages that are read before it is said that they are too many: more than the
/// server takes.
const TEXT_BYTES_MAX: usize = 8 << 20;

#[derive(Debug, Args)]
pub(super) struct ImportArguments {
    /// The file that `postroom account export` has written
    file: PathBuf,
    /// A file with the password of the account [default: prompt for it]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Why a file is not imported.
#[derive(Debug, Error)]
pub(crate) enum ImportError {
    #[error("cannot read {}: {cause}", path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error("{}, line {line}: {what}; nothing was changed", path.display())]
    Line { path: PathBuf, line: u64, what: String },
    #[error(
        "{} ends after {lines} lines without its end: the export was cut off; export the account \
         again",
        path.display()
    )]
    CutOff { path: PathBuf, lines: u64 },
}

/// What is to be imported.
pub(super) struct Import {
    name: Name,
    order: AccountOrder,
    /// What the file has beside it.
    left_out: ExportCounts,
}

/// Reads the whole file before anything is changed.
pub(super) fn read(arguments: &ImportArguments) -> Result<Import, AccountError> {
    let path = &arguments.file;
    let reading = |cause| ImportError::Read { path: path.clone(), cause };
    let file = File::open(path).map_err(reading)?;
    let contents = contents(BufReader::new(file), path)?;
    let name = parse_name(&contents.account)?;
    let password = read_password(arguments.password_file.as_deref())?;
    let Contents { blocked, messages, counts, .. } = contents;
    let order = AccountOrder::Import {
        account: name.to_string(),
        password: String::from_utf8_lossy(password.as_bytes()).into_owned(),
        blocked,
        messages,
    };
    Ok(Import { name, order, left_out: counts })
}

/// What a file has.
struct Contents {
    account: String,
    blocked: Vec<String>,
    messages: Vec<ImportMessage>,
    counts: ExportCounts,
}

fn contents(mut file: impl BufRead, path: &Path) -> Result<Contents, ImportError> {
    let mut contents: Option<Contents> = None;
    let (mut line, mut is_ended, mut bytes) = (Vec::new(), false, 0);
    for number in 1.. {
        let wrong =
            |what: String| ImportError::Line { path: path.to_path_buf(), line: number, what };
        line.clear();
        let read = file.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        read.map_err(|cause| ImportError::Read { path: path.to_path_buf(), cause })?;
        if line.is_empty() {
            let lines = number - 1;
            return contents
                .filter(|_| is_ended)
                .ok_or_else(|| ImportError::CutOff { path: path.to_path_buf(), lines });
        }
        if line.last() != Some(&b'\n') && line.len() as u64 >= LINE_BYTES_MAX {
            return Err(wrong(format!("it has more than {LINE_BYTES_MAX} bytes")));
        }
        if is_ended {
            return Err(wrong("there is something behind the end".to_owned()));
        }
        let parsed = serde_json::from_slice(&line)
            .map_err(|error| wrong(format!("it is no line of an export: {error}")))?;
        match (parsed, &mut contents) {
            (ExportLine::Account { version, account, .. }, None) => {
                if !(1..=EXPORT_VERSION).contains(&version) {
                    let what = format!(
                        "the export has version {version}, and this postroom reads versions \
                         1 to {EXPORT_VERSION}"
                    );
                    return Err(wrong(what));
                }
                let (blocked, messages) = (Vec::new(), Vec::new());
                let counts = ExportCounts::default();
                contents = Some(Contents { account, blocked, messages, counts });
            }
            (ExportLine::Account { .. }, Some(_)) => {
                return Err(wrong("there is another account above".to_owned()));
            }
            (_, None) => {
                return Err(wrong("an export begins with a line of the type account".to_owned()));
            }
            (ExportLine::Failed { detail }, _) => {
                return Err(wrong(format!("the export has failed: {detail}")));
            }
            (ExportLine::End(counts), Some(contents)) => {
                if !contents.is_complete(counts) {
                    return Err(wrong("it counts other lines than there are above".to_owned()));
                }
                is_ended = true;
            }
            (line, Some(contents)) => {
                bytes += contents.add(line);
                if bytes > TEXT_BYTES_MAX {
                    return Err(wrong(format!(
                        "the messages have more than {TEXT_BYTES_MAX} bytes, which is too much \
                         for an import"
                    )));
                }
            }
        }
    }
    unreachable!("a file has an end")
}

impl Contents {
    /// Adds a line; returns how many bytes of it are kept.
    fn add(&mut self, line: ExportLine) -> usize {
        let counts = &mut self.counts;
        match line {
            ExportLine::Block { sender } => {
                counts.blocks += 1;
                self.blocked.push(sender);
                self.blocked.last().map_or(0, String::len)
            }
            ExportLine::Message { sender, time, text } => {
                counts.messages += 1;
                let bytes = sender.len() + text.len();
                self.messages.push(ImportMessage { sender, time, text });
                bytes
            }
            ExportLine::Read { .. } => {
                counts.read += 1;
                0
            }
            ExportLine::Sent { .. } => {
                counts.sent += 1;
                0
            }
            ExportLine::Post { .. } => {
                counts.posts += 1;
                0
            }
            ExportLine::Account { .. } | ExportLine::End(_) | ExportLine::Failed { .. } => 0,
        }
    }

    /// Whether there is as much as the end says.
    fn is_complete(&self, told: ExportCounts) -> bool {
        ExportCounts { damaged: told.damaged, ..self.counts } == told
    }
}

impl Import {
    pub(super) fn carry_out(
        self,
        desk: &mut Desk,
        arguments: &AccountArguments,
        passwords: &Path,
    ) -> Result<(), AccountError> {
        let Self { name, order, left_out } = self;
        let imported = desk.ask(order).map_err(|error| match error {
            DeskError::Server(ClientError::Refused(problem))
                if problem.problem == "account-exists" =>
            {
                let problem = ClientError::Refused(problem);
                let (what, hint) = ("see it", arguments.folder.hint("account list"));
                AccountError::Hint { problem, what, hint }
            }
            error => arguments.advise(error.into(), None),
        })?;
        let what = format!("{}{}", done(arguments, &imported), left_out_words(left_out));
        let done = Done { what, name, in_file: InFile::Overrides };
        let rest = done.what_remains(passwords);
        writeln!(io::stdout(), "{}{rest}", done.what).map_err(AccountError::Output)
    }
}

/// What an import leaves out: other accounts have the messages to them, and posts have
/// their place in channels.
fn left_out_words(ExportCounts { sent, posts, .. }: ExportCounts) -> String {
    if sent + posts == 0 {
        return String::new();
    }
    let was = if sent + posts == 1 { "was" } else { "were" };
    let parts = [(sent, plural(sent, "message") + " to others"), (posts, plural(posts, "post"))];
    let parts: Vec<_> =
        parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, words)| words).collect();
    format!("; {} {was} left out", parts.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = r#"{"type":"account","version":1,"account":"ann","has_password":true,"time":"2026-01-02T03:04:05Z"}"#;
    const BLOCK: &str = r#"{"type":"block","sender":"eve"}"#;
    const MESSAGE: &str =
        r#"{"type":"message","sender":"bob","time":"2026-01-02T03:04:05Z","text":"hello"}"#;
    const POST: &str =
        r##"{"type":"post","channel":"#a","time":"2026-01-02T03:04:05Z","text":"hello"}"##;
    const END: &str = r#"{"type":"end","blocks":1,"messages":1,"sent":0,"posts":1,"damaged":3}"#;

    fn parse(lines: &[&str]) -> Result<Contents, String> {
        let file = lines.join("\n");
        contents(file.as_bytes(), Path::new("file")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_export_is_read() {
        let Contents { account, blocked, messages, counts } =
            parse(&[ACCOUNT, BLOCK, MESSAGE, POST, END]).unwrap();
        assert_eq!((account.as_str(), blocked), ("ann", vec!["eve".to_owned()]));
        assert_eq!((messages.len(), messages[0].text.as_str(), counts.posts), (1, "hello", 1));
    }

    #[test]
    fn a_wrong_line_is_named() {
        let later = ACCOUNT.replace("\"version\":1", "\"version\":3");
        let short = END.replace("\"messages\":1", "\"messages\":2");
        let long = format!("\"{}", "x".repeat(100_000));
        let failed = r#"{"type":"failed","detail":"the disk"}"#;
        let other = r#"{"type":"gift"}"#;
        let timeless = MESSAGE.replace("2026-01-02T03:04:05Z", "today");
        for (lines, line, words) in [
            (&[BLOCK][..], 1, "begins with a line of the type account"),
            (&[ACCOUNT, ACCOUNT], 2, "another account"),
            (&[&later], 1, "has version 3"),
            (&[ACCOUNT, BLOCK, "{"], 3, "it is no line of an export"),
            (&[ACCOUNT, ""], 2, "without its end"),
            (&[ACCOUNT, "", BLOCK], 2, "it is no line of an export"),
            (&[ACCOUNT, other], 2, "it is no line of an export"),
            (&[ACCOUNT, &timeless], 2, "RFC 3339"),
            (&[ACCOUNT, &long], 2, "more than 65536 bytes"),
            (&[ACCOUNT, failed], 2, "the export has failed: the disk"),
            (&[ACCOUNT, BLOCK, MESSAGE, POST, &short], 5, "counts other lines"),
            (&[ACCOUNT, BLOCK, MESSAGE, POST, END, BLOCK], 6, "behind the end"),
            (&[ACCOUNT, BLOCK, MESSAGE], 3, "without its end"),
            (&[], 0, "without its end"),
        ] {
            let error = parse(lines).err().unwrap_or_default();
            assert!(error.contains(words), "{words}: {error}");
            let is_named = error.contains(&format!("line {line}:"));
            assert!(is_named || words == "without its end", "{line}: {error}");
        }
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let counts = |sent, posts| ExportCounts { sent, posts, ..ExportCounts::default() };
        assert_eq!(left_out_words(counts(0, 0)), "");
        assert_eq!(left_out_words(counts(0, 1)), "; 1 post was left out");
        assert_eq!(left_out_words(counts(1, 2)), "; 1 message to others and 2 posts were left out");
    }
}
