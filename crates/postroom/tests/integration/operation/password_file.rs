//! How the server follows the password file while it is changed, damaged, replaced
//! or slow.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Signal, kill_process, test_kill_process};
use tempfile::TempDir;

use crate::harness::chat::enter;
use crate::harness::im::LOGGED_IN;
use crate::harness::logged::{LoggedServer, passwords, wait_until, write_passwords};
use crate::harness::support::{Client, command, only_child, wait_for};
use crate::operation::passwords::{may_enter_im, may_enter_mailbox, server_with};

/// Logins must follow a change within this time.
const NOTICED_WITHIN: Duration = Duration::from_secs(1);

/// Time that a login waits for the file, and its check on a busy machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Lines of a file that a debug build needs seconds for.
const LONG_FILE: usize = 200_000;

/// Less than a login waits for a read, and less than a read of a new file takes.
const REPLACED_EVERY: Duration = Duration::from_millis(10);

/// Locking them takes longer than [`NOTICED_WITHIN`].
const REPLACEMENTS: u32 = 200;

/// Names that take some time to lock.
const FILE_AT_A_STOP: usize = 20_000;

/// Answers that are timed once such a file is read.
const ANSWERS_AFTER_READ: usize = 50;

/// A session that does not need the file is answered within this time, on a busy
/// machine too.
const ANSWERED_WITHIN_ALWAYS: Duration = Duration::from_secs(1);

const UNREADABLE: &str = "cannot read the password file";

/// Logs in again and again until the answer is this one. A login that began late
/// enough after the change must have it.
fn assert_noticed(server: &LoggedServer, name: &str, password: &str, expected: bool) {
    let changed = Instant::now();
    loop {
        let begun = changed.elapsed();
        if may_enter_im(server, name, password) == expected {
            return;
        }
        assert!(begun < NOTICED_WITHIN, "{name}: a login {begun:?} after the change");
    }
}

fn make_pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// How often these words are in the log.
fn count(server: &LoggedServer, what: &str) -> usize {
    server.log().matches(what).count()
}

#[test]
fn a_changed_file_is_noticed_by_logins_within_a_second() {
    let server = server_with("bob old\n");
    let file = server.passwords();
    assert!(may_enter_im(&server, "bob", "old"));
    write_passwords(&file, "bob new\ncarol carols\n");
    assert_noticed(&server, "bob", "new", true);
    assert!(!may_enter_im(&server, "bob", "old") && may_enter_im(&server, "carol", "carols"));
    // A removed line.
    write_passwords(&file, "bob new\n");
    assert_noticed(&server, "carol", "carols", false);
    // Another file in its place, as editors leave it.
    let other = server.folder().join("other");
    write_passwords(&other, "bob two\n");
    fs::rename(&other, &file).unwrap();
    assert_noticed(&server, "bob", "two", true);
    // As many bytes, with the time stamp of before.
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    write_passwords(&file, "bob six\n");
    File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    assert_noticed(&server, "bob", "six", true);
    // A time stamp in the future, and a further change under it.
    let future = SystemTime::now() + Duration::from_hours(1);
    for password in ["ten", "one"] {
        write_passwords(&file, &format!("bob {password}\n"));
        File::options().write(true).open(&file).unwrap().set_modified(future).unwrap();
        assert_noticed(&server, "bob", password, true);
    }
}

#[test]
fn an_unchanged_file_is_not_read_again() {
    let server = server_with("bob bobs\n");
    let read = count(&server, "password file read");
    for _ in 0..3 {
        assert!(may_enter_im(&server, "bob", "bobs"));
    }
    server.signal(Signal::HUP);
    server.wait_for_log(&["INFO", "password file unchanged"]);
    assert_eq!(count(&server, "password file read"), read);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_again() {
    let folder = TempDir::new().unwrap();
    let (file, trace) = (passwords(folder.path()), folder.path().join("trace"));
    write_passwords(&file, "bob bobs\n");
    let mut server = slow_server(folder, &file, &trace, "500000");
    let process = only_child(server.pid());
    let reads = || fs::read_to_string(&trace).unwrap().matches("read(").count();
    let before = reads();
    write_passwords(&file, "bob new\n");
    kill_process(process, Signal::HUP).unwrap();
    wait_until("the file is read", || reads() > before);
    // As a program that truncates a file before it writes.
    File::create(&file).unwrap();
    wait_until("it is read again", || reads() > before + 1);
    write_passwords(&file, "bob two\n");
    wait_until("it is read a last time", || {
        assert!(may_enter_im(&server, "bob", "bobs") || may_enter_im(&server, "bob", "two"));
        may_enter_im(&server, "bob", "two")
    });
    let log = server.log();
    assert_eq!(log.matches("accounts=1").count(), 2, "{log}");
    assert!(!log.contains("accounts=0"), "{log}");
    // Without strace, which is the child here, the server would go on.
    kill_process(process, Signal::KILL).unwrap();
    server.wait();
}

#[test]
fn an_unreadable_file_leaves_the_last_passwords_and_is_reported_once() {
    let server = server_with("bob bobs\n");
    let file = server.passwords();
    fs::remove_file(&file).unwrap();
    let begun = Instant::now();
    while begun.elapsed() < 2 * NOTICED_WITHIN {
        assert!(may_enter_im(&server, "bob", "bobs"));
    }
    assert_eq!(count(&server, UNREADABLE), 1, "{}", server.log());
    // A reload that the operator asks for is reported again, and so is another cause.
    server.signal(Signal::HUP);
    wait_until("SIGHUP is answered", || count(&server, UNREADABLE) == 2);
    make_pipe(&file);
    wait_until("a login finds the pipe", || {
        assert!(may_enter_im(&server, "bob", "bobs"));
        count(&server, "it is a named pipe") == 1
    });
    fs::remove_file(&file).unwrap();
    write_passwords(&file, "bob new\n");
    assert_noticed(&server, "bob", "new", true);
}

#[test]
fn a_pipe_in_place_of_the_file_stops_nothing_and_is_refused_at_start() {
    let server = server_with("bob bobs\n");
    fs::remove_file(server.passwords()).unwrap();
    make_pipe(&server.passwords());
    let begun = Instant::now();
    server.signal(Signal::HUP);
    server.wait_for_log(&["ERROR", UNREADABLE, "named pipe"]);
    assert!(may_enter_im(&server, "bob", "bobs"));
    assert!(begun.elapsed() < ANSWERED_WITHIN);

    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("pipe");
    make_pipe(&pipe);
    for (path, what) in [(pipe.as_path(), "a named pipe"), (folder.path(), "a directory")] {
        let arguments = [format!("--passwords={}", path.display())];
        let mut command = command(&folder.path().join("data"), &arguments);
        let log = folder.path().join("log");
        let mut child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        assert_eq!(wait_for(&mut child).code(), Some(1));
        let expected = format!("it is {what}; give the path of a regular file");
        let log = fs::read_to_string(&log).unwrap();
        assert!(log.contains(UNREADABLE) && log.contains(&expected), "{log}");
    }
}

/// A server for which each read of a file takes this many microseconds.
fn slow_server(folder: TempDir, file: &Path, trace: &Path, micros: &str) -> LoggedServer {
    let [file, trace] = [file, trace].map(|path| path.to_str().unwrap());
    let delay = format!("inject=read:delay_enter={micros}");
    let launcher = ["strace", "-f", "-o", trace, "-P", file, "-e", "trace=read", "-e", &delay];
    LoggedServer::begin(folder, &launcher, &[])
}

#[test]
fn a_file_on_a_disk_that_hangs_stops_no_login_and_no_stop() {
    let folder = TempDir::new().unwrap();
    let [quick, slow, trace] = ["quick", "slow", "trace"].map(|name| folder.path().join(name));
    write_passwords(&quick, "bob bobs\n");
    write_passwords(&slow, "bob other\n");
    let file = passwords(folder.path());
    symlink(&quick, &file).unwrap();
    // Each read of the other file takes a minute.
    let mut server = slow_server(folder, &slow, &trace, "60000000");
    let process = only_child(server.pid());
    assert!(may_enter_im(&server, "bob", "bobs"));
    let mut member = server.log_in("member");

    symlink(&slow, server.folder().join("link")).unwrap();
    fs::rename(server.folder().join("link"), &file).unwrap();
    kill_process(process, Signal::HUP).unwrap();
    let begun = Instant::now();
    let mut waiting = server.connect("im");
    waiting.send("/login bob bobs\n");
    // Everything else goes on.
    assert_eq!(member.compose("member", "hi"), "MESSAGE SENT");
    assert_eq!(waiting.line(), LOGGED_IN);
    assert!(begun.elapsed() < ANSWERED_WITHIN, "{:?}", begun.elapsed());
    server.wait_for_log(&["WARN", "reading the password file takes too long"]);
    // No login waits any more, and wrong passwords stay wrong.
    let begun = Instant::now();
    assert!(!may_enter_mailbox(&server, "mailbox", "bob", None));
    assert!(may_enter_mailbox(&server, "mailbox", "bob", Some("bobs")));
    assert!(begun.elapsed() < ANSWERED_WITHIN, "{:?}", begun.elapsed());
    drop((member, waiting));
    kill_process(process, Signal::TERM).unwrap();
    server.wait_for_log(&["INFO", "stopped"]);
    // strace keeps a process whose call it delays until the delay has passed.
    server.kill();
    wait_until("the process ends", || test_kill_process(process).is_err());
}

#[test]
fn a_lock_that_the_store_refuses_is_reported_once() {
    let folder = TempDir::new().unwrap();
    write_passwords(&passwords(folder.path()), "bob bobs\ncarol carols\ndora doras\n");
    let server = LoggedServer::begin(folder, &[], &["--set=accounts.max=1"]);
    server.wait_for_log(&["WARN", "no room to lock"]);
    for lines in ["bob bobs\ndora doras\n", "bob bobs\n"] {
        write_passwords(&server.passwords(), lines);
        assert_noticed(&server, "carol", "carols", false);
        assert!(!may_enter_mailbox(&server, "mailbox", "carol", None));
    }
    assert_eq!(count(&server, "no room to lock"), 1, "{}", server.log());
}

/// Asks the server something; returns how long the answer took.
fn time_of_answer(chat: &mut Client) -> Duration {
    let begun = Instant::now();
    chat.send("/cmd\n");
    // Other clients come and go meanwhile.
    while !chat.line().starts_with("Commands") {}
    begun.elapsed()
}

#[test]
fn a_long_file_delays_no_session_and_its_names_may_log_in_at_once() {
    let server = server_with("bob old\n");
    let mut chat = enter(&server, "idle");
    let users = (0..LONG_FILE).map(|number| format!("user{number} secret\n"));
    let lines: Vec<_> = users.chain(["bob new\n".to_owned()]).collect();
    write_passwords(&server.passwords(), &lines.concat());
    server.signal(Signal::HUP);
    let mut longest = Duration::ZERO;
    wait_until("the file is read", || {
        longest = longest.max(time_of_answer(&mut chat));
        server.log().contains(&format!("accounts={}", LONG_FILE + 1))
    });
    for _ in 0..ANSWERS_AFTER_READ {
        longest = longest.max(time_of_answer(&mut chat));
    }
    let last = format!("user{}", LONG_FILE - 1);
    assert_noticed(&server, "bob", "new", true);
    assert!(may_enter_im(&server, &last, "secret"));
    // A name whose lock still waits is no longer open either.
    write_passwords(&server.passwords(), "bob new\n");
    assert_noticed(&server, &last, "secret", false);
    assert!(!may_enter_mailbox(&server, "mailbox", &last, None));
    longest = longest.max(time_of_answer(&mut chat));
    assert!(longest < ANSWERED_WITHIN_ALWAYS, "{longest:?}");
}

#[test]
fn a_stop_locks_the_names_that_wait_for_it_first() {
    let folder = TempDir::new().unwrap();
    let names = || (0..FILE_AT_A_STOP).map(|number| format!("user{number}"));
    let lines: Vec<_> = names().map(|name| format!("{name} secret\n")).collect();
    write_passwords(&passwords(folder.path()), &lines.concat());
    let mut server = LoggedServer::begin(folder, &[], &[]);
    assert!(server.stop().success());
    write_passwords(&server.passwords(), "");
    server.restart();
    for name in names().skip(FILE_AT_A_STOP - 2) {
        assert!(!may_enter_mailbox(&server, "mailbox", &name, None), "{name}");
    }
}

#[test]
fn a_file_that_is_replaced_again_and_again_is_taken_over() {
    let server = server_with("bob old\n");
    let (file, other) = (server.passwords(), server.folder().join("other"));
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..REPLACEMENTS {
                write_passwords(&other, &format!("bob new\nuser{number} secret\n"));
                fs::rename(&other, &file).unwrap();
                thread::sleep(REPLACED_EVERY);
            }
        });
        assert_noticed(&server, "bob", "new", true);
    });
    assert_eq!(count(&server, UNREADABLE), 0, "{}", server.log());
}
