//! Logs that go nowhere.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::folder;
use crate::support::{Client, command, launch, wait_for};

fn begin(log: Stdio) -> (tempfile::TempDir, Child, SocketAddr) {
    let (folder, data) = folder();
    let listen = ["--listen=chat=127.0.0.1:0".to_owned()];
    let (child, listeners) = launch(command(&data, &listen).stderr(log));
    (folder, child, listeners[0].1)
}

/// Comes and goes, which is two lines of the log.
fn come_and_go(address: SocketAddr) {
    let mut client = Client::connect(address);
    client.line();
    assert!(client.ask("/setname bob").starts_with("Username accepted"));
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
