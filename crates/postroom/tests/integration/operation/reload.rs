//! A running server reads its settings again.

use std::fs;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::harness::logged::LoggedServer;
use crate::harness::operator::run;
use crate::harness::support::Server;

/// Behind each answer of these servers, which all have a password file.
const PASSWORDS: &str = "; the password file is read again now: the log tells if it cannot be";

const NOTHING: &str = "read the settings again: no setting has changed\n";

/// A server with a file of settings.
struct Configured {
    server: LoggedServer,
    folder: TempDir,
}

impl Configured {
    fn start(settings: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("postroom.toml");
        fs::write(&file, settings).unwrap();
        let option = format!("--config={}", file.display());
        let server = LoggedServer::start(&[], &[&option]);
        Self { server, folder }
    }

    fn write(&self, settings: &str) {
        fs::write(self.folder.path().join("postroom.toml"), settings).unwrap();
    }

    fn reload(&self) -> Result<String, String> {
        let told = run(self.server.data(), &["reload"])?;
        assert!(told.contains(PASSWORDS), "{told}");
        Ok(told.replace(PASSWORDS, ""))
    }
}

#[test]
fn a_reload_applies_what_can_change_and_names_what_cannot() {
    let configured = Configured::start("mailbox.capacity = 1\n");
    let mut bob = configured.server.log_in("bob");
    assert_eq!(bob.compose("carol", "one"), "MESSAGE SENT");
    assert_eq!(bob.compose("carol", "two"), "MESSAGE FAILED");
    assert_eq!(configured.reload().as_deref(), Ok(NOTHING));

    configured.write("report_bytes_max = 5\n[mailbox]\ncapacity = 2\n[channels]\nposts = 7\n");
    let told = "read the settings again: changed mailbox.capacity; \
                a restart is needed for report_bytes_max, channels.posts\n";
    assert_eq!(configured.reload().as_deref(), Ok(told));
    assert_eq!(bob.compose("carol", "two"), "MESSAGE SENT");
    configured.server.wait_for_log(&[
        "settings read again",
        "subject=\"mailbox.capacity\"",
        "audit=\"administration\"",
    ]);
    configured.server.wait_for_log(&["need a restart", "report_bytes_max, channels.posts"]);

    // They are told until there is a restart.
    let told = "read the settings again: no setting has changed; \
                a restart is needed for report_bytes_max, channels.posts\n";
    assert_eq!(configured.reload().as_deref(), Ok(told));
}

#[test]
fn settings_that_cannot_be_used_change_nothing() {
    let configured = Configured::start("");
    let mut bob = configured.server.log_in("bob");
    for (settings, complaint) in [
        ("[mailbox]\ncapacity = 1\nx = 2\n", "line 3: unknown field `x`"),
        ("[mailbox\n", "cannot understand the settings in "),
        ("mailbox.capacity = 0\n", "mailbox.capacity is at least 1"),
        ("[mailbox]\ncapacity = 1\n[log]\nlevel = \"loud\"\n", "must be error, warn, info"),
    ] {
        configured.write(settings);
        let error = configured.reload().unwrap_err();
        assert!(error.starts_with("postroom: nothing was changed: "), "{error}");
        assert!(error.contains(complaint) && error.lines().count() == 1, "{error}");
        for text in ["one", "two"] {
            assert_eq!(bob.compose("bob", text), "MESSAGE SENT", "{settings}");
        }
    }
    fs::remove_file(configured.folder.path().join("postroom.toml")).unwrap();
    let error = configured.reload().unwrap_err();
    assert!(error.contains("cannot read the settings in "), "{error}");
    configured.server.signal(Signal::HUP);
    configured.server.wait_for_log(&["ERROR", "the settings in use are kept: cannot read the"]);
}

#[test]
fn settings_that_are_no_regular_file_hold_up_no_reload() {
    let configured = Configured::start("");
    let file = configured.folder.path().join("postroom.toml");
    fs::remove_file(&file).unwrap();
    let pipe = (FileType::Fifo, Mode::RUSR | Mode::WUSR);
    mknodat(CWD, &file, pipe.0, pipe.1, 0).unwrap();
    let error = configured.reload().unwrap_err();
    assert!(error.contains("it is not a regular file"), "{error}");
    fs::remove_file(&file).unwrap();
    configured.write("[mailbox]\ncapacity = 7\n");
    let told = "read the settings again: changed mailbox.capacity\n";
    assert_eq!(configured.reload().as_deref(), Ok(told));
}

#[test]
fn sighup_reads_the_settings_too() {
    let configured = Configured::start("");
    configured.write("[accounts]\nregistration = \"closed\"\n");
    let mut old = configured.server.connect("mailbox");
    old.ask("LOGIN old");
    configured.server.signal(Signal::HUP);
    configured.server.wait_for_log(&["settings read again", "subject=\"accounts.registration\""]);
    // Who is there stays; who is unknown is not let in any more.
    assert_eq!(old.compose("old", "hello"), "MESSAGE SENT");
    let mut new = configured.server.connect("mailbox");
    new.send("LOGIN new\n");
    assert_eq!(new.rest(), "");
}

#[test]
fn the_log_level_is_set_until_the_next_reload() {
    let configured = Configured::start("");
    let level = |level| run(configured.server.data(), &["log-level", level]);
    let debug = "the log level is debug until the next reload or start\n";
    let lines = || configured.server.log().matches("DEBUG").count();
    let mut bob = configured.server.log_in("bob");
    bob.compose("bob", "one");
    assert_eq!(lines(), 0);
    assert_eq!(level("debug").as_deref(), Ok(debug));
    bob.compose("bob", "two");
    configured.server.wait_for_log(&["DEBUG"]);
    configured.server.wait_for_log(&["log level set", "subject=\"debug\""]);
    let told = "read the settings again: changed log.level\n";
    assert_eq!(configured.reload().as_deref(), Ok(told));
    configured.server.wait_for_log(&["settings read again", "subject=\"log.level\""]);
    let before = lines();
    bob.compose("bob", "three");
    bob.send("EXIT\n");
    assert_eq!(bob.rest(), "");
    configured.server.wait_for_log(&["disconnected"]);
    assert_eq!(lines(), before);
    // The trail has the line with which it ends.
    level("error").unwrap();
    configured.server.wait_for_log(&["log level set", "subject=\"error\""]);
    let error = level("loud").unwrap_err();
    assert!(error.contains("invalid value 'loud'"), "{error}");
}

#[test]
fn without_a_server_there_is_nothing_to_reload() {
    let mut server = Server::start();
    assert!(server.stop().success());
    for command in [&["reload"][..], &["log-level", "debug"]] {
        let error = run(server.data(), command).unwrap_err();
        assert!(error.starts_with("postroom: no server runs in "), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
