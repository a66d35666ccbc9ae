//! A slow disk: what is stored waits for it, and nothing else does.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::chat;
use crate::harness::strace::{TracedServer, data};
use crate::harness::support::{Client, Server};

/// How long each sync takes.
const SYNC: Duration = Duration::from_millis(400);
/// What does not wait for the disk takes less, also on a busy machine.
const AT_ONCE: Duration = Duration::from_millis(200);
const SENDERS: usize = 20;
const ROUNDS: u32 = 5;

/// A server whose syncs are slow from the start.
fn start(folder: &TempDir) -> TracedServer {
    // A new store takes many syncs.
    assert!(Server::in_folder(&data(folder.path()), &[]).stop().success());
    let delay = format!("inject=fsync,fdatasync:delay_enter={}", SYNC.as_micros());
    let options = ["--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-e", &delay];
    TracedServer::start(folder.path(), &options.map(str::to_owned), &["--capacity=1000"])
}

fn user(server: &TracedServer, name: &str) -> Client {
    let mut client = Client::connect(server.address("chat"));
    chat::read_greeting(&mut client);
    chat::set_name(&mut client, name);
    client
}

#[test]
fn a_slow_disk_delays_what_is_stored_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let server = start(&folder);
    // The one sync in which the disk turns slow is waited for.
    let [mut ann, mut bob] = ["ann", "bob"].map(|name| user(&server, name));
    let mut writer = Client::connect(server.address("mailbox"));
    writer.ask("LOGIN writer");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                assert_eq!(writer.compose("bob", "hi"), "MESSAGE SENT");
                assert!(begun.elapsed() >= SYNC, "acknowledged before the sync");
            }
        });
        let mut slowest = Duration::ZERO;
        let mut at_once = |what: &mut dyn FnMut()| {
            let begun = Instant::now();
            what();
            slowest = slowest.max(begun.elapsed());
        };
        for number in 0..40 {
            at_once(&mut || {
                ann.send(&format!("/private bob {number}\n"));
                assert_eq!(bob.line(), format!("ann(private): {number}"));
            });
            at_once(&mut || {
                let mut new = Client::connect(server.address("chat"));
                assert!(new.line().starts_with("Welcome"));
            });
            at_once(&mut || {
                bob.send("/allusers\n");
                assert_eq!([bob.line(), bob.line()], ["Users in chat:", "ann"]);
                assert_eq!(bob.line(), "bob");
            });
            at_once(&mut || {
                let mut known = Client::connect(server.address("mailbox"));
                known.ask("LOGIN writer");
            });
        }
        stop.store(true, Ordering::Relaxed);
        assert!(slowest < AT_ONCE, "{slowest:?}");
    });
    drop(server);
    let log = fs::read_to_string(folder.path().join("errors")).unwrap();
    let lines = log.lines().filter(|line| line.contains("the disk is slow")).count();
    assert_eq!(lines, 1, "{log}");
}

#[test]
fn all_that_arrives_during_a_slow_sync_shares_the_next_one() {
    let folder = TempDir::new().unwrap();
    let server = start(&folder);
    let mut senders: Vec<_> = (0..SENDERS)
        .map(|number| {
            let mut client = Client::connect(server.address("mailbox"));
            client.send(&format!("LOGIN sender{number}\n"));
            client
        })
        .collect();
    for client in &mut senders {
        assert_eq!(client.line(), "0");
    }
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        for client in &mut senders {
            client.send("COMPOSE bob\nhi\n");
        }
        for client in &mut senders {
            assert_eq!(client.line(), "MESSAGE SENT");
        }
    }
    // Each round takes one sync, or two if one was under way; and not one a message.
    let syncs = begun.elapsed().as_millis() / SYNC.as_millis();
    assert!(syncs <= u128::from(3 * ROUNDS), "{syncs} syncs");
}
