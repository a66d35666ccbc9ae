//! `postroom restore`: what comes back, what is refused, and a kill at each of its steps.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rusqlite::Connection;
use rustix::process::{Signal, geteuid};
use tempfile::TempDir;

use crate::harness::operator::run;
use crate::harness::support::{Server, need, program, run_program};

/// Calls of the system that a restore makes to change the folder, each of which may be its
/// last.
const STEPS: [&str; 6] = ["rename", "renameat", "mkdir", "unlink", "fsync", "fdatasync"];

/// A folder with a store, a backup of it, and what came after the backup.
struct Place {
    folder: TempDir,
}

impl Place {
    /// The server was killed: what came last is in the log alone.
    fn new() -> Self {
        let place = Self { folder: TempDir::new().unwrap() };
        let mut server = Server::in_folder(&place.data(), &[]);
        assert_eq!(server.log_in("ann").compose("bob", "of before"), "MESSAGE SENT");
        assert_eq!(server.log_in("ann").compose("bob", "read since"), "MESSAGE SENT");
        let made = run(&place.data(), &["backup", text(&place.backup())]);
        assert!(made.is_ok(), "{made:?}");
        let mut bob = server.log_in("bob");
        bob.read().unwrap();
        bob.read().unwrap();
        assert_eq!(bob.compose("bob", "of after"), "MESSAGE SENT");
        assert_eq!(server.log_in("carl").compose("bob", "of carl"), "MESSAGE SENT");
        server.kill();
        place
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn backup(&self) -> PathBuf {
        self.folder.path().join("backup.db")
    }

    fn restore(&self, options: &[&str]) -> Result<String, String> {
        let (data, backup) = (self.data(), self.backup());
        let words = ["restore", text(&backup), "--data", text(&data)];
        // A line for each damaged record comes before that of the error.
        let output = run_program(words.into_iter().chain(options.iter().copied()), b"");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The texts for Bob in a folder, by a server.
fn texts(data: &Path) -> Vec<String> {
    let mut server = Server::in_folder(data, &[]);
    let mut bob = server.log_in("bob");
    let texts = std::iter::from_fn(|| bob.read().map(|(_, text)| text)).collect();
    // What was read stays read only once that is proved.
    drop(bob);
    server.kill();
    texts
}

const BEFORE: [&str; 2] = ["of before", "read since"];
const AFTER: [&str; 2] = ["of after", "of carl"];

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_comes_back_and_the_store_before_is_kept() {
    let place = Place::new();
    let (data, backup) = (place.data(), place.backup());
    let before = names(&data);
    let error = place.restore(&[]).unwrap_err();
    assert!(error.contains("there is a store in ") && error.contains("add --replace"), "{error}");
    assert_eq!(names(&data), before);
    let said = place.restore(&["--replace"]).unwrap();
    let kept = data.join("replaced");
    let expected = format!(
        "restored {} to {}: accounts 2, messages 2, removals 0, channels 0, posts 0, blocks 0, bans 0, \
         invitations 0; \
         the store that was there is in {}\n",
        backup.display(),
        data.display(),
        kept.display()
    );
    assert_eq!(said, expected);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data.join("postroom.db")), mode(&kept)), (0o600, 0o700));
    assert_eq!(texts(&data), BEFORE);
    assert_eq!(texts(&kept), AFTER, "it is a data folder, with its log");
    let error = place.restore(&["--replace"]).unwrap_err();
    assert!(error.contains("replaced has the store that an earlier restore"), "{error}");
    // Elsewhere nothing is replaced.
    let new = place.folder.path().join("new");
    let said = run(&new, &["restore", text(&backup)]).unwrap();
    assert!(said.ends_with("invitations 0\n"), "{said}");
    assert_eq!(names(&new), ["postroom.db", "postroom.lock"]);
    assert_eq!(texts(&new), BEFORE);
}

/// Only root can give a file away; for others there is nothing to see.
#[test]
fn what_root_restores_is_the_folders_owners() {
    let place = Place::new();
    if !geteuid().is_root() {
        return;
    }
    chown(place.data(), Some(65_534), Some(65_534)).unwrap();
    place.restore(&["--replace"]).unwrap();
    for file in ["postroom.db", "postroom.lock", "replaced"] {
        let owner = fs::metadata(place.data().join(file)).unwrap().uid();
        assert_eq!(owner, 65_534, "{file}");
    }
}

#[test]
fn a_backup_with_a_trigger_is_refused() {
    let place = Place::new();
    let connection = Connection::open(place.backup()).unwrap();
    let trigger = "CREATE TRIGGER evil AFTER INSERT ON message BEGIN DELETE FROM account; END";
    connection.execute_batch(trigger).unwrap();
    drop(connection);
    let error = place.restore(&["--replace"]).unwrap_err();
    assert!(error.contains("its tables are not those of that version"), "{error}");
}

#[test]
fn nothing_is_restored_while_a_server_runs() {
    let place = Place::new();
    let mut server = Server::in_folder(&place.data(), &[]);
    let error = place.restore(&["--replace"]).unwrap_err();
    assert!(error.contains("is in use by another postroom; stop that one"), "{error}");
    assert_eq!(server.log_in("bob").read().unwrap().1, "of after");
    server.kill();
}

#[test]
fn what_is_no_whole_backup_is_refused() {
    let place = Place::new();
    let (data, backup) = (place.data(), place.backup());
    let whole = fs::read(&backup).unwrap();
    let before = (names(&data), fs::read(data.join("postroom.db")).unwrap());
    let mut damaged = whole.clone();
    damaged[4_096..8_192].fill(0x5a);
    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    for (content, part) in [
        (whole[..whole.len() - 4_096].to_vec(), "is cut short"),
        (b"a letter".to_vec(), "is not a postroom store"),
        (Vec::new(), "is not a postroom store"),
        (damaged, "damaged"),
        (newer, "was written by a newer postroom"),
    ] {
        fs::write(&backup, content).unwrap();
        let error = place.restore(&["--replace"]).unwrap_err();
        assert!(error.contains(part), "{part}: {error}");
        assert!(error.contains(text(&backup)), "{error}");
        let after = (names(&data), fs::read(data.join("postroom.db")).unwrap());
        assert!(after == before, "{part}");
    }
    fs::write(&backup, &whole).unwrap();
    let log = place.folder.path().join("backup.db-wal");
    fs::write(&log, "a log").unwrap();
    let error = place.restore(&["--replace"]).unwrap_err();
    assert!(error.contains("it has a log beside it"), "{error}");
    fs::remove_file(log).unwrap();
    fs::remove_file(&backup).unwrap();
    let error = place.restore(&["--replace"]).unwrap_err();
    assert!(error.contains("cannot read the store"), "{error}");
    assert_eq!(texts(&data), AFTER);
    assert_eq!(run_program(["restore"], b"").status.code(), Some(2));
}

/// Damages the sender of a message.
fn damage(backup: &Path) {
    let connection = rusqlite::Connection::open(backup).unwrap();
    connection.execute("UPDATE message SET sender = 99 WHERE text = 'read since'", []).unwrap();
    connection.pragma_update(None, "wal_checkpoint", "TRUNCATE").unwrap();
}

#[test]
fn a_damaged_record_of_a_backup_costs_that_record() {
    let place = Place::new();
    let (data, backup) = (place.data(), place.backup());
    damage(&backup);
    let words = ["restore", text(&backup), "--replace", "--data", text(&data)];
    let output = run_program(words, b"");
    let said = |bytes| String::from_utf8(bytes).unwrap();
    let (printed, errors) = (said(output.stdout), said(output.stderr));
    assert!(output.status.success(), "{errors}");
    assert!(errors.starts_with("damaged in the backup: message 2: "), "{errors}");
    assert!(printed.contains("damaged records 1, which the server leaves out"), "{printed}");
    assert_eq!(texts(&data), ["of before"]);
}

#[test]
fn a_restore_that_is_killed_leaves_one_store_or_the_other() {
    need("strace", "strace");
    let (mut old, mut new) = (0, 0);
    for call in STEPS {
        for number in 1.. {
            let place = Place::new();
            let (data, backup) = (place.data(), place.backup());
            let traced = Command::new("strace")
                .args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")])
                .args(["-e", &format!("inject={call}:signal=KILL:when={number}")])
                .arg(program())
                .args(["restore", text(&backup), "--replace", "--data", text(&data)])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            let is_killed = traced.signal() == Some(Signal::KILL.as_raw());
            let step = format!("killed at {call} {number}");
            let texts = texts(&data);
            if texts == BEFORE {
                new += usize::from(is_killed);
                assert_eq!(self::texts(&data.join("replaced")), AFTER, "{step}");
            } else {
                assert!(is_killed, "{step}");
                assert_eq!(texts, AFTER, "{step}");
                assert!(!data.join("replaced").exists(), "{step}");
                old += 1;
            }
            for left in ["restore.tmp", "restore.ready"] {
                assert!(!data.join(left).exists(), "{step}: {left}");
            }
            if !is_killed {
                assert!(traced.success() || number == 1, "{step}: {traced}");
                break;
            }
        }
    }
    assert!(old > 3 && new > 3, "killed before the store was another one {old} times, after {new}");
}
