//! Ctrl-C, in a process of its own since a signal is for all of it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use postroom_client::{Environment, MailArguments, ServerAddress};
use rustix::process::{Pid, Signal, kill_process};

use crate::fake::FakeServer;

const PORT_VARIABLE: &str = "POSTROOM_TEST_PORT";

/// Not a test but the process that the others start; in a common run it does
/// nothing.
#[test]
fn a_client_on_its_own() {
    if let Ok(port) = std::env::var(PORT_VARIABLE) {
        let server = ServerAddress::new("127.0.0.1", port.parse().unwrap());
        let arguments: MailArguments = crate::mail::arguments(&server);
        postroom_client::mail(&arguments, &Environment::default()).unwrap();
    }
}

fn start_client(server: &FakeServer) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "signal::a_client_on_its_own", "--nocapture"])
        .env(PORT_VARIABLE, server.address.port().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn interrupt(client: &Child) {
    kill_process(Pid::from_child(client), Signal::INT).unwrap();
}

#[test]
fn an_interrupt_while_nothing_is_typed_leaves_in_order() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say("Login successful with new username. Welcome bob\n");
        peer.expect_exit();
    });
    let mut client = start_client(&server);
    let mut stdin = client.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"bob\n").unwrap();
    let mut output = BufReader::new(client.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("Welcome bob") {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "the client ended");
    }
    interrupt(&client);
    assert!(client.wait_with_output().unwrap().status.success());
    server.finish();
}

#[test]
fn an_interrupt_while_an_answer_is_due_confirms_nothing() {
    let (asked, answer_due) = std::sync::mpsc::channel();
    let server = FakeServer::start(move |mut peer| {
        peer.expect("LOGIN bob");
        peer.say("Login successful with new username. Welcome bob\n");
        peer.expect("READ bob");
        asked.send(()).unwrap();
        peer.expect_reset();
    });
    let mut client = start_client(&server);
    let mut stdin = client.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"bob\nREAD\n").unwrap();
    answer_due.recv().unwrap();
    interrupt(&client);
    assert!(client.wait_with_output().unwrap().status.success());
    server.finish();
}
