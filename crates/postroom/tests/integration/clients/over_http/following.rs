//! Clients that follow what comes, over kills of the server, until they are told to end.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{done, json, post, unread};
use crate::harness::support::{PATIENCE, Server, lasting_address, program, wait_for, without_user};

/// A client that runs until it is told to end, and its lines.
pub(super) struct Follower {
    child: Child,
    pub(super) lines: Receiver<String>,
    complaints: Receiver<String>,
}

fn lines_of(output: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        lines.map_while(|line| sender.send(line).ok()).for_each(drop);
    });
    lines
}

#[track_caller]
fn next(lines: &Receiver<String>) -> String {
    lines.recv_timeout(PATIENCE).expect("a line")
}

impl Follower {
    pub(super) fn start(words: &[&str]) -> Self {
        let mut child = without_user(&mut Command::new(program()))
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let complaints = lines_of(child.stderr.take().unwrap());
        Self { child, lines, complaints }
    }

    #[track_caller]
    pub(super) fn line(&self) -> String {
        next(&self.lines)
    }

    /// The next line ends so.
    #[track_caller]
    pub(super) fn expect(&self, end: &str) {
        let line = self.line();
        assert!(line.ends_with(end), "{line}, not {end}");
    }

    #[track_caller]
    fn complaint(&self) -> String {
        next(&self.complaints)
    }

    /// Asks it to end by a signal; returns how it ends and its further lines.
    pub(super) fn end(mut self, signal: Signal) -> (ExitStatus, Vec<String>) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let status = wait_for(&mut self.child);
        let rest = std::iter::from_fn(|| match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("its output does not end"),
        });
        (status, rest.collect())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server with a listener `http` whose address it has again after a restart.
fn lasting(folder: &TempDir) -> Server {
    let address = lasting_address();
    Server::in_folder(&folder.path().join("data"), &[&format!("--listen=http={address}")])
}

#[test]
fn tail_misses_nothing_and_shows_nothing_twice_over_kills() {
    let folder = TempDir::new().unwrap();
    let mut server = lasting(&folder);
    let address = server.address("http").to_string();
    let first = post(&server, "before");
    let follower = Follower::start(&["tail", "--server", &address, "#rust", "--after", &first]);
    let (mut posted, mut shown) = (Vec::new(), Vec::new());
    let text = |line: String| line.split_once(" bob: ").expect("time, author, text").1.to_owned();
    for round in 0..4 {
        for number in 0..20 {
            let text = format!("{round} {number}");
            post(&server, &text);
            posted.push(text);
        }
        // It has seen some, and perhaps not the last.
        while shown.len() + 5 < posted.len() {
            shown.push(text(follower.line()));
        }
        if round % 2 == 0 {
            server.kill();
        } else {
            server.stop();
        }
        server.restart();
    }
    while shown.len() < posted.len() {
        shown.push(text(follower.line()));
    }
    assert_eq!(shown, posted);
    let said = follower.complaint();
    let begin = format!("postroom: Connection lost: {address} ");
    assert!(
        said.starts_with(&begin) && said.ends_with("Connecting again; Ctrl-C leaves."),
        "{said}"
    );
    let (status, rest) = follower.end(Signal::TERM);
    assert_eq!((status.code(), rest), (Some(0), Vec::new()));
}

#[test]
fn read_follows_over_kills_and_prints_each_message_once() {
    let folder = TempDir::new().unwrap();
    let mut server = lasting(&folder);
    let address = server.address("http").to_string();
    let follower =
        Follower::start(&["read", "--follow", "--server", &address, "--as", "al", "--json"]);
    let mut sent = Vec::new();
    for round in 0..3 {
        for number in 0..10 {
            let text = format!("{round} {number}");
            done(&server, &["send", "--as", "bob", "al", &text], "");
            sent.push(text);
        }
        let seen = json(&follower.line());
        assert_eq!(seen["text"], sent[0]);
        sent.remove(0);
        server.kill();
        server.restart();
    }
    for text in sent {
        assert_eq!(json(&follower.line())["text"], text.as_str());
    }
    assert!(follower.complaint().contains("Connection lost"));
    assert!(
        std::iter::repeat_with(|| follower.complaint())
            .any(|said| said.contains("Connected again."))
    );
    let (status, rest) = follower.end(Signal::INT);
    assert_eq!((status.code(), rest), (Some(0), Vec::new()));
    // What is printed is removed.
    assert_eq!(unread(&server, "al")["unread"], 0);
}

#[test]
fn a_signal_ends_who_waits_in_order() {
    let server = Server::start();
    let address = server.address("http").to_string();
    for words in [
        &["read", "--follow", "--as", "al", "--server", &address][..],
        &["tail", "#rust", "--server", &address],
    ] {
        for signal in [Signal::INT, Signal::TERM] {
            let follower = Follower::start(words);
            // It waits once it has been told of one.
            loop {
                done(&server, &["send", "--as", "bob", "al", "now"], "");
                post(&server, "now");
                if follower.lines.recv_timeout(Duration::from_millis(200)).is_ok() {
                    break;
                }
            }
            let (status, _) = follower.end(signal);
            assert_eq!(status.code(), Some(0), "{words:?}");
        }
    }
}

#[test]
fn who_follows_ends_with_its_reader() {
    let server = Server::start();
    let address = server.address("http").to_string();
    done(&server, &["send", "--as", "bob", "al", "now"], "");
    post(&server, "now");
    for words in [
        &["read", "--follow", "--as", "al", "--server", &address][..],
        &["tail", "#rust", "--after", "p0000000000000", "--server", &address],
    ] {
        let mut command = Command::new(program());
        let command = without_user(&mut command).args(words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(line.ends_with("bob: now\n"), "{line}");
        // It waits for more, and nothing comes.
        drop(output);
        assert!(wait_for(&mut child).success(), "{words:?}");
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said, "");
    }
    // What it has printed is removed.
    assert_eq!(unread(&server, "al")["unread"], 0);
}
