//! Logins with a password.

use std::fs;

use crate::harness::logged::wait_until;
use crate::harness::support::Server;

/// The niceness of the thread of a server that has this name, if it has begun.
fn niceness(server: &Server, name: &str) -> Option<i32> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    // A thread may end meanwhile.
    let mut stats =
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let stat = stats.find(|stat| stat.contains(&format!("({name})")))?;
    // After the name, which is in parentheses, the niceness is the 17th field.
    let fields = stat.rsplit_once(')')?.1;
    fields.split_whitespace().nth(16)?.parse().ok()
}

#[test]
fn passwords_are_checked_below_the_priority_of_the_loop() {
    let server = Server::start();
    let event_loop = niceness(&server, "postroom").unwrap();
    let nicer = Some((event_loop + 10).min(19));
    for name in ["password-0", "password-1"] {
        // Each thread begins with that.
        wait_until("the thread has begun", || niceness(&server, name) == nicer);
    }
    assert_eq!(niceness(&server, "postroom"), Some(event_loop));
}
