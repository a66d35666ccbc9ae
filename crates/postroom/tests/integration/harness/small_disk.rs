//! A small file system that only the server under test sees.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use super::support::need;
use crate::harness::support::{Server, program};

const MOUNT: &str = "mount -t tmpfs -o \"size=$1m\" tmpfs \"$0\" && echo mounted && exec cat";

/// A mounted file system. It lives as long as this value: a process holds it in a
/// mount namespace of its own.
pub(crate) struct SmallDisk {
    holder: Child,
    /// The command that enters the namespace.
    launcher: Vec<String>,
    mounted_at: TempDir,
}

impl SmallDisk {
    /// One of 64 MiB.
    pub(crate) fn mount() -> Self {
        Self::with_mebibytes(64)
    }

    pub(crate) fn with_mebibytes(size: u32) -> Self {
        need("unshare", "util-linux");
        need("nsenter", "util-linux");
        // As root, or as root of a user namespace.
        let attempts: [(&str, &[&str]); 2] =
            [("-m", &["-m"]), ("-Urm", &["-U", "--preserve-credentials", "-m"])];
        let mounted =
            attempts.iter().find_map(|(unshare, enter)| Self::try_mount(size, unshare, enter));
        mounted.expect("this test mounts a file system: run it as root or allow user namespaces")
    }

    fn try_mount(size: u32, unshare: &str, enter: &[&str]) -> Option<Self> {
        let mounted_at = TempDir::new().unwrap();
        let mut holder = Command::new("unshare")
            .args([unshare, "sh", "-c", MOUNT])
            .arg(mounted_at.path())
            .arg(size.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line != "mounted\n" {
            holder.wait().unwrap();
            return None;
        }
        let target = holder.id().to_string();
        let mut launcher = vec!["nsenter".to_owned(), "-t".to_owned(), target];
        launcher.extend(enter.iter().map(ToString::to_string));
        launcher.push("--".to_owned());
        Some(Self { holder, launcher, mounted_at })
    }

    /// Starts a server that keeps its data on this disk.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        Server::through(&self.launcher, &self.mounted_at.path().join("data"), arguments)
    }

    /// Where programs on this disk find it.
    pub(crate) fn mounted_at(&self) -> &Path {
        self.mounted_at.path()
    }

    /// Runs the program where it sees this disk.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(&self.launcher[0]);
        command.args(&self.launcher[1..]).arg(program()).args(words).output().unwrap()
    }

    /// Where this process finds the data of the server.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Where this process finds the disk.
    fn path(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.mounted_at.path().strip_prefix("/").unwrap())
    }

    pub(crate) fn free_bytes(&self) -> u64 {
        let status = rustix::fs::statvfs(self.path()).unwrap();
        status.f_bavail * status.f_frsize
    }

    /// Fills the disk with a file that is not the server's, up to this many free bytes.
    pub(crate) fn fill_up_to(&self, free_bytes: u64) {
        let mut filler = File::create(self.filler()).unwrap();
        let page = [b'x'; 4_096];
        while self.free_bytes() > free_bytes {
            match filler.write(&page) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Removes that file.
    pub(crate) fn clear(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

/// Ends the process that holds the file system.
impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
