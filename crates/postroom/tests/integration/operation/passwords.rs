//! The password file: its lines, when it is read, and the accounts that are no
//! longer in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::harness::im::{LOGGED_IN, NOT_LOGGED_IN};
use crate::harness::logged::{LoggedServer, passwords, wait_until, write_passwords};
use crate::harness::support::{PATIENCE, Server, run_program};

const BOTH: [&str; 2] = ["mailbox", "mailbox-verbose"];

/// The least number of measurements.
const ROUNDS_MIN: u32 = 5;

/// A server with these lines in its password file.
pub(crate) fn server_with(lines: &str) -> LoggedServer {
    let folder = TempDir::new().unwrap();
    write_passwords(&passwords(folder.path()), lines);
    LoggedServer::begin(folder, &[], &[])
}

/// Has the server read the file again. It may have read it at a login already.
fn read_again(server: &LoggedServer) {
    let results = || ["read", "unchanged"].map(|what| server.log().matches(&file_is(what)).count());
    // Twice: the second read begins when the server has taken over the result of the first.
    for _ in 0..2 {
        let before = results();
        server.signal(Signal::HUP);
        wait_until("the file is read", || results() != before);
    }
}

/// What the log says of the password file.
fn file_is(what: &str) -> String {
    format!("password file {what} file=")
}

pub(crate) fn may_enter_im(server: &Server, name: &str, password: &str) -> bool {
    let mut client = server.connect("im");
    match client.ask(&format!("/login {name} {password}")).as_str() {
        LOGGED_IN => {
            client.send("/exit\n");
            client.rest();
            true
        }
        answer => {
            assert_eq!(answer, NOT_LOGGED_IN);
            false
        }
    }
}

pub(crate) fn may_enter_mailbox(
    server: &Server,
    protocol: &str,
    name: &str,
    password: Option<&str>,
) -> bool {
    let mut client = server.connect(protocol);
    if let Some(password) = password {
        client.send(&format!("PASS {password}\n"));
    }
    client.send(&format!("LOGIN {name}\n"));
    // `mailbox` ends the connection instead.
    client.try_line().is_ok_and(|answer| answer != "LOGIN ERROR")
}

fn may_enter_chat(server: &Server, name: &str, password: Option<&str>) -> bool {
    let mut client = server.connect("chat");
    client.line();
    if let Some(password) = password {
        assert_eq!(client.ask(&format!("/pass {password}")).lines().count(), 1);
    }
    let answer = client.ask(&format!("/setname {name}"));
    let is_accepted = answer.starts_with("Username accepted");
    assert!(is_accepted || answer.contains("taken"), "{answer}");
    if is_accepted {
        client.send("/quit\n");
        client.rest();
    }
    is_accepted
}

/// Whether a password opens an account; all listeners say the same.
fn opens(server: &Server, name: &str, password: &str) -> bool {
    let opens = may_enter_im(server, name, password);
    for protocol in BOTH {
        let also = may_enter_mailbox(server, protocol, name, Some(password));
        assert_eq!(also, opens, "{protocol}: {name}");
    }
    assert_eq!(may_enter_chat(server, name, Some(password)), opens, "chat: {name}");
    opens
}

/// No listener lets anyone into the account without its password.
fn assert_locked(server: &Server, name: &str) {
    for protocol in BOTH {
        assert!(!may_enter_mailbox(server, protocol, name, None), "{protocol}: {name}");
    }
    assert!(!may_enter_chat(server, name, None), "chat: {name}");
}

#[test]
fn a_bad_line_is_reported_with_its_number_and_the_others_are_used() {
    let lines = "jacky 12345\n\nbob\na:b hidden1\nmichael abc\r\nJACKY hidden2\n\
                 \u{1b}[31mred hidden3\none two hidden4\nlast 1";
    let server = server_with(lines);
    let log = server.log();
    for number in [3, 4, 6, 7, 8] {
        let line = server.wait_for_log(&["WARN", &format!("line={number}")]);
        assert!(line.contains("passwords"), "{line}");
    }
    assert_eq!(log.matches("line=").count(), 5, "{log}");
    assert!(log.contains("accounts=3"), "{log}");
    for secret in ["12345", "hidden", "\u{1b}"] {
        assert!(!log.contains(secret), "{log}");
    }
    for (name, password) in [("jacky", "12345"), ("michael", "abc"), ("last", "1")] {
        assert!(opens(&server, name, password), "{name}");
        assert_locked(&server, name);
    }
    // A line without a password that can be used locks its name.
    for name in ["bob", "one"] {
        assert_locked(&server, name);
    }
    for (name, password) in [("jacky", "hidden2"), ("bob", "x"), ("one", "two")] {
        assert!(!may_enter_im(&server, name, password), "{name}");
    }
}

#[test]
fn of_many_bad_lines_the_first_are_reported_and_the_others_counted() {
    let server = server_with(&format!("bob bobs\n{}", "x\n".repeat(10_000)));
    let line = server.wait_for_log(&["WARN", "more lines are left out"]);
    assert!(line.contains("lines=9980"), "{line}");
    let log = server.log();
    assert_eq!(log.matches("the line is left out").count(), 20, "{log}");
    assert!(log.contains("line=2\n") && log.contains("line=21\n"), "{log}");
    assert!(may_enter_im(&server, "bob", "bobs"));
}

#[test]
fn a_file_that_others_may_read_is_warned_about() {
    for (mode, is_warned) in [(0o600, false), (0o640, true), (0o604, true), (0o644, true)] {
        let folder = TempDir::new().unwrap();
        let path = passwords(folder.path());
        write_passwords(&path, "bob 12345\n");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let server = LoggedServer::begin(folder, &[], &[]);
        let log = server.log();
        let warned = log.contains("WARN") && log.contains("others may read the password file");
        assert_eq!(warned, is_warned, "{mode:o}: {log}");
        assert!(may_enter_im(&server, "bob", "12345"));
    }
}

#[test]
fn the_file_is_read_again_when_the_operator_asks() {
    let server = server_with("bob old\ncarol carols\n");
    assert!(opens(&server, "bob", "old") && opens(&server, "carol", "carols"));
    write_passwords(&server.passwords(), "bob new\ndora doras\n");
    read_again(&server);
    assert!(opens(&server, "bob", "new") && !opens(&server, "bob", "old"));
    assert!(opens(&server, "dora", "doras"));
    for name in ["bob", "dora", "carol"] {
        assert_locked(&server, name);
    }
    assert!(!opens(&server, "carol", "carols"));
    // A line that is back in the file opens the account again.
    write_passwords(&server.passwords(), "carol carols\n");
    read_again(&server);
    assert!(opens(&server, "carol", "carols"));
    assert!(!opens(&server, "bob", "new"));
}

#[test]
fn a_file_that_cannot_be_read_again_changes_nothing() {
    let server = server_with("bob 12345\n");
    fs::remove_file(server.passwords()).unwrap();
    server.signal(Signal::HUP);
    server.wait_for_log(&["ERROR", "cannot read the password file"]);
    assert!(opens(&server, "bob", "12345"));
    assert_locked(&server, "bob");
}

#[test]
fn an_account_removed_from_the_file_stays_locked_after_a_restart() {
    let mut server = server_with("bob bobs\ncarol carols\n");
    assert!(opens(&server, "bob", "bobs") && opens(&server, "carol", "carols"));
    assert_eq!(server.log_in("writer").compose("carol", "hi"), "MESSAGE SENT");
    write_passwords(&server.passwords(), "bob bobs\n");
    for kill in [false, true] {
        if kill {
            server.kill();
        } else {
            assert!(server.stop().success());
        }
        server.restart();
        assert!(opens(&server, "bob", "bobs") && !opens(&server, "carol", "carols"));
        assert_locked(&server, "carol");
    }
    server.stop();
    let without = Server::in_folder(server.data(), &[]);
    for (name, password) in [("bob", "bobs"), ("carol", "carols")] {
        assert!(!opens(&without, name, password), "{name}");
        assert_locked(&without, name);
    }
}

#[test]
fn what_would_open_an_account_of_the_file_is_refused() {
    let server = server_with("kim kims\n");
    assert!(opens(&server, "kim", "kims"));
    let ask = |words: &[&str]| {
        let data = server.data().to_str().unwrap();
        let output = run_program(words.iter().copied().chain(["--data", data]), b"other\n");
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    for words in [&["account", "remove-password", "kim"][..], &["account", "rename", "kim", "kay"]]
    {
        let error = ask(words);
        assert!(error.contains("the password file has a line for kim"), "{error}");
    }
    let told = ask(&["account", "passwd", "kim"]);
    assert!(told.contains("; but the server's password file names it, too"), "{told}");
    assert!(opens(&server, "kim", "kims") && !opens(&server, "kim", "other"));
    write_passwords(&server.passwords(), "");
    read_again(&server);
    assert!(opens(&server, "kim", "other") && !may_enter_mailbox(&server, "mailbox", "kim", None));
}

#[test]
fn an_account_that_never_logged_in_is_locked_too() {
    // One account had no password before, the other did not exist.
    let mut server = server_with("");
    assert!(may_enter_mailbox(&server, "mailbox", "bob", None));
    write_passwords(&server.passwords(), "bob bobs\ncarol carols\n");
    read_again(&server);
    assert_locked(&server, "bob");
    assert_locked(&server, "carol");
    write_passwords(&server.passwords(), "");
    read_again(&server);
    for restart in [false, true] {
        if restart {
            server.kill();
            server.restart();
        }
        assert_locked(&server, "bob");
        assert_locked(&server, "carol");
        assert!(!opens(&server, "bob", "bobs") && !opens(&server, "carol", "carols"));
    }
}

/// All bytes of the files in a folder.
fn bytes_in(folder: &Path) -> Vec<u8> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).flat_map(|path| fs::read(path).unwrap()).collect()
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_password_of_the_file_is_not_on_disk_in_any_form() {
    let secret = "correct-horse-battery-staple";
    let mut server = server_with(&format!("bob {secret}\n"));
    // A commit for the first wrong password would delay its answer alone.
    assert!(!opens(&server, "bob", "wrong-horse-battery-staple"));
    assert!(!has(&bytes_in(server.data()), "$argon2id$"));
    assert!(opens(&server, "bob", secret));
    for is_running in [true, false] {
        if !is_running {
            assert!(server.stop().success());
        }
        let bytes = bytes_in(server.data());
        assert!(has(&bytes, "bob") && has(&bytes, "file:"));
        assert!(!has(&bytes, "$argon2id$") && !has(&bytes, "horse-battery"));
    }
    assert!(!server.log().contains("horse-battery"));
}

/// A login that must fail; returns how long its answer took.
type Attempt<'a> = (&'a str, Box<dyn FnMut() + 'a>);

/// Checks that all of these take about as long, by the least time of each: the
/// machine may be busy now and then, but a login that is not checked is always
/// quick.
fn are_alike(attempts: &mut [Attempt<'_>], least: &mut [Duration]) -> bool {
    for ((_, attempt), least) in attempts.iter_mut().zip(&mut *least) {
        let begun = Instant::now();
        attempt();
        *least = begun.elapsed().min(*least);
    }
    least.iter().max() < least.iter().min().map(|quickest| 3 * *quickest).as_ref()
}

#[test]
fn a_failed_login_takes_as_long_whatever_was_wrong() {
    let folder = TempDir::new().unwrap();
    write_passwords(
        &passwords(folder.path()),
        "bob bobs\ncarol carols\nfresh freshs\nhere heres\n",
    );
    // It is the time of a check alone: the delays after failures grow with those before.
    let no_delay = ["account", "address"].map(|of| format!("--set=accounts.{of}_delay_max_ms=0"));
    let server = LoggedServer::begin(folder, &[], &no_delay.each_ref().map(String::as_str));
    assert!(opens(&server, "bob", "bobs") && opens(&server, "carol", "carols"));
    assert!(may_enter_mailbox(&server, "mailbox", "open", None));
    let mut here = server.connect("im");
    assert_eq!(here.ask("/login here heres"), LOGGED_IN);
    write_passwords(&server.passwords(), "bob bobs\nfresh freshs\nhere heres\n");
    read_again(&server);
    let data = server.data().to_str().unwrap().to_owned();
    assert!(run_program(["ban", "banned", "--data", &data], b"").status.success());
    let server = &server;
    let on_im = |name: &'static str| -> Attempt<'_> {
        let mut im = server.connect("im");
        (name, Box::new(move || assert_eq!(im.ask(&format!("/login {name} x")), NOT_LOGGED_IN)))
    };
    let mut attempts: Vec<_> =
        ["nobody", "bob", "fresh", "carol", "open", "here", "banned"].map(on_im).into();
    let wrong = Some("wrong");
    let mailbox = move || assert!(!may_enter_mailbox(server, "mailbox", "bob", wrong));
    let chat = move || assert!(!may_enter_chat(server, "bob", wrong));
    attempts.push(("on mailbox", Box::new(mailbox)));
    attempts.push(("on chat", Box::new(chat)));
    let mut least = vec![Duration::from_hours(1); attempts.len()];
    let begun = Instant::now();
    let mut rounds = 0;
    while !are_alike(&mut attempts, &mut least) || rounds < ROUNDS_MIN {
        rounds += 1;
        let names: Vec<_> = attempts.iter().map(|(name, _)| *name).collect();
        assert!(begun.elapsed() < 3 * PATIENCE, "{names:?} {least:?}");
    }
}
