//! How the live clients end: in order, or with one sentence and a status, and
//! always with the terminal put back.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::{
    ChatTerminal, ImTerminal, answer_exit, answer_quit, chat_arguments, chat_that_stays_away,
    im_arguments, im_that_stays_away,
};
use crate::harness::support::{program, run_program, without_user};
use crate::harness::terminal::Terminal;

/// The one sentence that begins with the program's name.
fn complaint(written: &str) -> &str {
    let sentences: Vec<_> = written.lines().filter(|line| line.contains("postroom: ")).collect();
    assert_eq!(sentences.len(), 1, "{written:?}");
    sentences[0]
}

#[test]
fn the_end_of_the_server_is_reported_at_once() {
    let ImTerminal { mut terminal, commands, pushes, prompt } = im_that_stays_away();
    terminal.type_keys("half a li");
    terminal.wait_for(&format!("{prompt}half a li"));
    drop((commands, pushes));
    terminal.wait_for_words("has ended the connection");
    assert!(terminal.is_as_usual());
    let (status, written) = terminal.end();
    assert_eq!(status.code(), Some(75));
    complaint(&written);

    let ChatTerminal { mut terminal, peer, .. } = chat_that_stays_away();
    drop(peer);
    terminal.wait_for_words("has ended the connection");
    assert!(terminal.is_as_usual());
    let (status, written) = terminal.end();
    assert_eq!(status.code(), Some(75));
    complaint(&written);
}

#[test]
fn a_server_that_stops_says_so() {
    let ImTerminal { terminal, mut pushes, commands: _kept, .. } = im_that_stays_away();
    pushes.say("/forceQuit\n");
    let (status, written) = terminal.end();
    assert_eq!(status.code(), Some(75));
    assert!(
        complaint(&written).contains("is stopping; connect again when it is back"),
        "{written:?}"
    );

    let ChatTerminal { terminal, mut peer, .. } = chat_that_stays_away();
    peer.say("Server has been closed by host\n");
    let (status, written) = terminal.end();
    assert_eq!(status.code(), Some(75));
    assert!(written.contains("Server has been closed by host"), "{written:?}");
    assert!(
        complaint(&written).contains("is stopping; connect again when it is back"),
        "{written:?}"
    );
}

#[test]
fn without_a_server_one_sentence_says_so() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    for arguments in [im_arguments(address, &[]), chat_arguments(address, &[])] {
        let (status, written) = Terminal::start(&arguments).end();
        assert_eq!(status.code(), Some(75));
        let expected = format!("{address} refused the connection; check the port");
        assert!(complaint(&written).contains(&expected), "{written:?}");
    }
    let port = address.port().to_string();
    let output = run_program(["board", "-d", "127.0.0.1", &port], b"");
    assert_eq!(output.status.code(), Some(75));
    assert!(String::from_utf8_lossy(&output.stderr).contains("refused the connection"));
    assert!(output.stdout.is_empty());
}

#[test]
fn ctrl_c_ctrl_d_and_signals_leave_in_order() {
    for way in ["\u{3}", "\u{4}", "half\u{3}\u{3}", ""] {
        let ImTerminal { mut terminal, mut commands, pushes, .. } = ImTerminal::start();
        leave(&mut terminal, way);
        answer_exit(&mut commands);
        drop(pushes);
        terminal.wait_until_as_usual();
        assert!(terminal.end().0.success(), "{way:?}");

        let ChatTerminal { mut terminal, mut peer, .. } = ChatTerminal::start();
        leave(&mut terminal, way);
        answer_quit(&mut peer);
        terminal.wait_until_as_usual();
        assert!(terminal.end().0.success(), "{way:?}");
    }
}

fn leave(terminal: &mut Terminal, way: &str) {
    if way.is_empty() {
        terminal.signal(Signal::TERM);
    } else {
        terminal.type_keys(way);
    }
}

#[test]
fn a_second_ctrl_c_leaves_at_once() {
    let ImTerminal { mut terminal, mut commands, pushes: _kept, .. } = ImTerminal::start();
    terminal.type_keys("/to bob hi\r");
    commands.expect("/to bob hi");
    terminal.type_keys("\u{3}");
    commands.expect("/exit");
    terminal.type_keys("\u{3}");
    assert!(terminal.end().0.success());
    commands.expect_end();
}

#[test]
fn a_stopped_client_goes_on_with_its_line() {
    let ChatTerminal { mut terminal, mut peer, prompt } = ChatTerminal::start();
    terminal.type_keys("half");
    terminal.wait_for(&format!("{prompt}half"));
    terminal.signal(Signal::STOP);
    peer.say("mary: hi\n");
    terminal.signal(Signal::CONT);
    terminal.wait_for_rows(&["mary: hi", &format!("{prompt}half")]);
    // A session leader without a shell cannot be continued, so Ctrl-Z has no effect.
    terminal.type_keys("\u{1a} a line\r");
    peer.expect("/all half a line");
}

#[test]
fn in_a_pipe_there_are_no_prompts_and_no_sequences() {
    let server = super::FakeServer::new();
    let mut child = without_user(&mut Command::new(program()))
        .args(chat_arguments(server.address(), &["--as", "john"]))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut peer = server.accept();
    peer.say(super::GREETING);
    peer.expect("/setname john");
    peer.say("Username accepted\nmary: hi\n");
    answer_quit(&mut peer);
    assert!(crate::harness::support::wait_for(&mut child).success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("{}Username accepted\nmary: hi\nYou have left the chat\n", super::GREETING)
    );
}
