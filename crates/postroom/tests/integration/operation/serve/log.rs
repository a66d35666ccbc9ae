//! Logs that cannot be written or that nobody reads.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use super::folder;
use crate::harness::chat;
use crate::harness::support::{Client, PATIENCE, command, launch, wait_for};

/// Their lines are more than a pipe and the server hold.
const VISITS: usize = 3_000;

const LINES_OF_A_VISIT: usize = 4;

/// The words of the log line that counts lines left out.
const LEFT_OUT: &str = "left out of the log";

fn begin(log: Stdio) -> (tempfile::TempDir, Child, SocketAddr) {
    begin_with("text", log)
}

fn begin_with(format: &str, log: Stdio) -> (tempfile::TempDir, Child, SocketAddr) {
    let (folder, data) = folder();
    let listen = ["--listen=chat=127.0.0.1:0".to_owned(), format!("--log-format={format}")];
    let (child, listeners) = launch(command(&data, &listen).stderr(log));
    (folder, child, listeners[0].1)
}

/// Connects, logs in and leaves, which is four lines of the log.
fn come_and_go(address: SocketAddr) {
    let mut client = Client::connect(address);
    chat::read_greeting(&mut client);
    chat::set_name(&mut client, "bob");
    assert_eq!(client.ask("/quit"), "You have left the chat");
}

fn stop(mut child: Child) {
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(wait_for(&mut child).success());
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (_folder, child, address) = begin(full.into());
    come_and_go(address);
    stop(child);
}

#[test]
fn a_log_that_no_one_reads_stops_nothing() {
    let (_folder, child, address) = begin(Stdio::piped());
    // More than the pipe holds.
    (0..700).for_each(|_| come_and_go(address));
    stop(child);
}

/// The number of lines that a line of the log says were left out.
fn left_out(line: &str) -> Option<usize> {
    let (_, rest) = line.split_once(LEFT_OUT)?;
    let mut numbers = rest.split(|sign: char| !sign.is_ascii_digit()).map(str::parse);
    Some(numbers.find_map(Result::ok).unwrap())
}

#[test]
fn lines_that_a_log_without_a_reader_leaves_out_are_counted_in_it() {
    for format in ["text", "json"] {
        let (_folder, mut child, address) = begin_with(format, Stdio::piped());
        (0..VISITS).for_each(|_| come_and_go(address));
        let log = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        let reader = thread::spawn(move || {
            log.lines().for_each(|line| sender.send(line.unwrap()).unwrap());
        });
        let mut log: Vec<String> = Vec::new();
        while !log.last().is_some_and(|line| line.contains(LEFT_OUT)) {
            log.push(lines.recv_timeout(PATIENCE).expect("a line for those left out"));
        }
        assert_eq!(log[log.len() - 1].starts_with('{'), format == "json");
        // What comes now is logged again.
        come_and_go(address);
        stop(child);
        reader.join().unwrap();
        log.extend(lines);
        assert!(log[log.len() - 1].contains("stopped"), "{:?}", log.last());
        let of_visits = log.iter().filter(|line| line.contains("bob")).count();
        let left_out: usize = log.iter().filter_map(|line| left_out(line)).sum();
        // The first visit registers the account.
        assert_eq!(of_visits + left_out, LINES_OF_A_VISIT * (VISITS + 1) + 1, "{format}");
    }
}
