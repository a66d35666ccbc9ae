//! The lines that are typed, between the runs of a client.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use tempfile::TempDir;

use super::{ChatTerminal, answer_quit, client_arguments, im_arguments, let_in};
use crate::harness::fake_server::FakeServer;
use crate::harness::terminal::Terminal;

/// A client `chat` that keeps its history below this folder.
fn chat(state: &Path, more: &[&str]) -> ChatTerminal {
    ChatTerminal::at(|arguments| {
        let more: Vec<_> = more.iter().map(|&word| word.to_owned()).collect();
        start(&[arguments, &more].concat(), state)
    })
}

fn start(arguments: &[String], state: &Path) -> Terminal {
    Terminal::start_with(arguments, |command| {
        command.env("XDG_STATE_HOME", state);
    })
}

fn leave(chat: ChatTerminal) -> String {
    let ChatTerminal { mut terminal, mut peer, .. } = chat;
    terminal.type_keys("\u{4}");
    answer_quit(&mut peer);
    let (status, written) = terminal.end();
    assert!(status.success(), "{written:?}");
    written
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn lines_come_back_in_the_next_run_and_passwords_do_not() {
    let state = TempDir::new().unwrap();
    let mut first = chat(state.path(), &[]);
    first.terminal.type_keys("one\r/passwd old secret\r/pass secret\rtwo\r");
    for line in ["/all one", "/passwd old secret", "/pass secret", "/all two"] {
        first.peer.expect(line);
    }
    leave(first);
    let file = state.path().join("postroom/chat_history");
    assert_eq!(fs::read_to_string(&file).unwrap(), "one\ntwo\n");
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));

    // A client that is killed has kept its lines.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let mut second = chat(state.path(), &[]);
    assert_eq!(mode(&file), 0o600);
    second.terminal.type_keys("\u{1b}[A");
    second.terminal.wait_for(&format!("{}two", second.prompt));
    second.terminal.type_keys("\u{1b}[A\r");
    second.peer.expect("/all one");
    drop(second);
    let mut third = chat(state.path(), &[]);
    third.terminal.type_keys("\u{12}tw");
    third.terminal.wait_for_words("`tw': two");
    third.terminal.type_keys("\r");
    third.peer.expect("/all two");
    leave(third);
    assert_eq!(fs::read_to_string(&file).unwrap(), "one\ntwo\none\ntwo\n");
}

#[test]
fn each_client_has_a_file_and_no_typed_password_is_in_it() {
    let state = TempDir::new().unwrap();
    let server = FakeServer::new();
    let mut terminal = start(&im_arguments(server.address(), &["--as", "jacky"]), state.path());
    let mut commands = server.accept();
    terminal.answer("Password: ", "12345");
    commands.expect("/login jacky 12345");
    let _pushes = let_in(&mut commands);
    terminal.wait_for(&format!("jacky@{}> ", server.address()));
    terminal.type_keys("/to bob hi\r");
    commands.expect("/to bob hi");

    let server = FakeServer::new();
    let mut terminal = start(&client_arguments("mail", server.address(), &[]), state.path());
    terminal.answer("Username: ", "bob");
    let mut peer = server.accept();
    peer.expect("LOGIN bob");
    peer.say("LOGIN ERROR\n");
    terminal.answer(super::AGAIN, "secret");
    super::expect_password(&mut peer, "secret");
    peer.say("Login successful. Welcome bob. You have 0 unread messages.\n");
    terminal.answer("Command (COMPOSE, READ or EXIT): ", "READ");
    peer.expect("READ bob");

    let kept = |name: &str| fs::read_to_string(state.path().join("postroom").join(name)).unwrap();
    assert_eq!(
        (kept("im_history").as_str(), kept("mail_history").as_str()),
        ("/to bob hi\n", "bob\nREAD\n")
    );
}

#[test]
fn a_history_that_cannot_be_kept_is_told_once_and_stops_nothing() {
    let state = TempDir::new().unwrap();
    let (folder, target) = (state.path().join("postroom"), state.path().join("target"));
    fs::create_dir(&folder).unwrap();
    fs::write(&target, "theirs\n").unwrap();
    symlink(&target, folder.join("chat_history")).unwrap();
    let told = "Lines are not kept for the next time";
    let mut talk = chat(state.path(), &[]);
    talk.terminal.type_keys("one\rtwo\r");
    talk.peer.expect("/all one");
    talk.peer.expect("/all two");
    // In this run the lines are there.
    talk.terminal.type_keys("\u{1b}[A\u{1b}[A");
    talk.terminal.wait_for(&format!("{}one", talk.prompt));
    talk.terminal.type_keys("\u{3}");
    assert_eq!(leave(talk).matches(told).count(), 1);
    assert_eq!(fs::read_to_string(&target).unwrap(), "theirs\n");

    // The file is lost while the client runs.
    fs::remove_file(folder.join("chat_history")).unwrap();
    let mut talk = chat(state.path(), &[]);
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "").unwrap();
    talk.terminal.type_keys("one\rtwo\r");
    talk.peer.expect("/all one");
    talk.peer.expect("/all two");
    assert_eq!(leave(talk).matches(told).count(), 1);
}

#[test]
fn nothing_is_kept_where_that_is_not_wanted() {
    let state = TempDir::new().unwrap();
    let mut talk = chat(state.path(), &["--no-history"]);
    talk.terminal.type_keys("one\r");
    talk.peer.expect("/all one");
    assert!(!leave(talk).contains("Lines are not kept"));
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
}
