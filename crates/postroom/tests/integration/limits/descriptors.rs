//! The operating system's limit of open files.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::harness::logged::{LoggedServer, wait_until};

/// Several times as long as the server waits before it tries to accept again.
const TRIES: Duration = Duration::from_millis(600);

/// The files that the server has open, by the numbers of their descriptors.
fn open_files(server: &LoggedServer) -> BTreeMap<u64, PathBuf> {
    let open = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    open.filter_map(|entry| {
        let entry = entry.unwrap();
        let number = entry.file_name().to_string_lossy().parse().unwrap();
        Some((number, fs::read_link(entry.path()).ok()?))
    })
    .collect()
}

/// From now on the server can open so many files more.
fn leave_files(server: &LoggedServer, files: usize) {
    // The last that it opens for itself is the log of the store, on a thread of its own.
    let is_log = |path: &&PathBuf| path.to_string_lossy().ends_with(".db-wal");
    wait_until("the store is open", || open_files(server).values().filter(is_log).count() == 2);
    let open = open_files(server);
    // The limit is on the number of a descriptor, and the lowest free one is taken.
    let free = (0..).filter(|number| !open.contains_key(number));
    let limit = free.take(files).last().unwrap() + 1;
    let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
    let server = Pid::from_raw(i32::try_from(server.pid()).unwrap());
    prlimit(server, Resource::Nofile, limit).unwrap();
}

fn shortages(server: &LoggedServer) -> usize {
    server.log().lines().filter(|line| line.contains("cannot accept connections")).count()
}

#[test]
fn at_the_limit_of_open_files_connections_wait_and_the_log_says_so_once() {
    let server = LoggedServer::start(&[], &[]);
    leave_files(&server, 2);
    let [mut first, second] = ["ann", "bob"].map(|name| server.log_in(name));
    let mut third = server.connect("mailbox");
    third.send("LOGIN cat\n");
    server.wait_for_log(&["WARN", "cannot accept connections", "os error 24"]);
    assert!(third.is_silent_for(TRIES), "served without a descriptor");
    assert_eq!(first.ask("READ"), "READ ERROR", "others are served");
    assert_eq!(shortages(&server), 1);
    first.close();
    assert_eq!(third.line(), "0");
    second.close();
    server.wait_for_log(&["INFO", "connections are accepted again"]);
    // A later shortage is another one.
    let _clients = (third, server.log_in("dan"), server.connect("mailbox"));
    wait_until("the second shortage is logged", || shortages(&server) == 2);
}
