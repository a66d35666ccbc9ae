//! The password file: one `username password` a line.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use postroom_model::{Name, Password};
use postroom_server::PasswordSource;
use thiserror::Error;

/// Bytes of the largest password file.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The permission bits that let others than the owner read a file.
const READABLE_BY_OTHERS: u32 = 0o044;

/// A password file, read at start and whenever the server is asked to.
#[derive(Debug)]
pub(crate) struct PasswordFile {
    path: Option<PathBuf>,
    /// What was read to see that it can be.
    first: Option<Vec<(Name, Password)>>,
}

/// The password file cannot be read.
#[derive(Debug, Error)]
#[error("cannot read the password file {}: {cause}", path.display())]
pub(crate) struct PasswordFileError {
    path: PathBuf,
    cause: io::Error,
}

impl PasswordFile {
    /// Reads the file at `path` for the first time; none where the path is empty.
    pub(crate) fn open(path: &Path) -> Result<Self, PasswordFileError> {
        if path.as_os_str().is_empty() {
            return Ok(Self { path: None, first: None });
        }
        Ok(Self { path: Some(path.to_owned()), first: Some(read(path)?) })
    }
}

impl PasswordSource for PasswordFile {
    fn read(&mut self) -> Option<Vec<(Name, Password)>> {
        let path = self.path.as_deref()?;
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        match read(path) {
            Ok(passwords) => Some(passwords),
            Err(error) => {
                tracing::error!("{error}; the passwords read before still count");
                None
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<(Name, Password)>, PasswordFileError> {
    let content =
        read_bounded(path).map_err(|cause| PasswordFileError { path: path.to_owned(), cause })?;
    let file = path.display();
    let (passwords, mistakes) = parse(&content);
    for Mistake { line, what } in mistakes {
        tracing::warn!(%file, line, "{what}; the line is left out");
    }
    tracing::info!(%file, accounts = passwords.len(), "password file read");
    Ok(passwords)
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    if mode & READABLE_BY_OTHERS != 0 {
        tracing::warn!(
            file = %path.display(),
            "others may read the password file; chmod 600 keeps it to its owner"
        );
    }
    let mut content = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
    if content.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 64 MiB"));
    }
    Ok(content)
}

/// A line that says nothing usable.
#[derive(Debug, Eq, PartialEq)]
struct Mistake {
    /// Counted from 1.
    line: usize,
    what: String,
}

/// Reads the lines; empty ones and those that begin with `#` are left out.
fn parse(content: &[u8]) -> (Vec<(Name, Password)>, Vec<Mistake>) {
    let (mut passwords, mut mistakes, mut names) = (Vec::new(), Vec::new(), HashSet::new());
    for (line, text) in (1..).zip(content.split(|byte| *byte == b'\n')) {
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.trim_ascii().is_empty() || text.starts_with(b"#") {
            continue;
        }
        match parse_line(text) {
            Ok((name, _)) if !names.insert(name.clone()) => {
                mistakes.push(Mistake { line, what: format!("{name} has a line already") });
            }
            Ok(password) => passwords.push(password),
            Err(what) => mistakes.push(Mistake { line, what }),
        }
    }
    (passwords, mistakes)
}

fn parse_line(line: &[u8]) -> Result<(Name, Password), String> {
    let words: Vec<_> =
        line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
    let [name, password] = words[..] else {
        return Err("a line is a username, a space and a password".to_owned());
    };
    let name = Name::from_bytes(name).map_err(|error| error.to_string())?;
    let password = Password::from_bytes(password).map_err(|error| error.to_string())?;
    Ok((name, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_told_with_its_number_and_the_rest_is_used() {
        let content =
            b"jacky 12345\n\n# people\nbob\r\nmichael  abc\r\na:b x\nJACKY 2\nx \xff y\nlast 1";
        let (passwords, mistakes) = parse(content);
        let names: Vec<_> = passwords.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["jacky", "michael", "last"]);
        assert_eq!(passwords[1].1, Password::from_bytes(b"abc").unwrap());
        let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [4, 6, 7, 8]);
        assert!(mistakes[2].what.contains("already"), "{mistakes:?}");
    }
}
