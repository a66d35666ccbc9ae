//! A server with a password file, whose log a test reads.

use std::fs;
use std::io::Write;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::support::{PATIENCE, Server};

/// A shell script that executes its arguments, with standard error in the file that
/// comes first.
const LOG_TO: &str = "exec \"$@\" 2>>\"$0\"";

/// A server with its data, its password file and its log in one folder.
pub(crate) struct LoggedServer {
    server: Server,
    folder: TempDir,
}

impl LoggedServer {
    /// Starts a server with these users, each with the password of [`password`].
    pub(crate) fn start(users: &[&str], arguments: &[&str]) -> Self {
        Self::through(&[], users, arguments)
    }

    /// The same through a launcher.
    pub(crate) fn through(launcher: &[&str], users: &[&str], arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let lines: String = users.iter().map(|user| line(user)).collect();
        write_passwords(&passwords(folder.path()), &lines);
        Self::begin(folder, launcher, arguments)
    }

    /// Starts a server in a folder that has a password file.
    pub(crate) fn begin(folder: TempDir, launcher: &[&str], arguments: &[&str]) -> Self {
        let log = folder.path().join("log");
        let launcher = [launcher, &["sh", "-c", LOG_TO, log.to_str().unwrap()]].concat();
        let launcher: Vec<_> = launcher.into_iter().map(str::to_owned).collect();
        let passwords = format!("--passwords={}", passwords(folder.path()).display());
        let arguments = [arguments, &[&passwords]].concat();
        let server = Server::through(&launcher, &folder.path().join("data"), &arguments);
        Self { server, folder }
    }

    /// The folder of the test.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn passwords(&self) -> PathBuf {
        passwords(self.folder())
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).unwrap()
    }

    /// Waits for a log line with all of these words and returns it.
    pub(crate) fn wait_for_log(&self, words: &[&str]) -> String {
        let mut found = None;
        wait_until(&format!("the log has {words:?}"), || {
            let log = self.log();
            let line = log.lines().find(|line| words.iter().all(|word| line.contains(word)));
            found = line.map(str::to_owned);
            found.is_some()
        });
        found.unwrap_or_default()
    }
}

impl Deref for LoggedServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for LoggedServer {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

/// The password of a user in the files of these tests.
pub(crate) fn password(user: &str) -> String {
    format!("{user}-secret")
}

/// A line of a password file.
pub(crate) fn line(user: &str) -> String {
    format!("{user} {}\n", password(user))
}

/// The path of the password file in a folder.
pub(crate) fn passwords(folder: &Path) -> PathBuf {
    folder.join("passwords")
}

/// Writes a password file that its owner alone may read.
pub(crate) fn write_passwords(path: &Path, lines: &str) {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).unwrap().write_all(lines.as_bytes()).unwrap();
}

/// Waits for something that should happen at once.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
