//! Each answer leaves after the sync that covers it. Kills cannot show this: data
//! that was written but not synced survives a kill.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::strace::{SystemCall, TracedServer, parse};
use crate::harness::support::{COMMIT_PATHS, Client, PATIENCE};

const CLIENTS: usize = 4;
const ROUNDS: usize = 24;
/// Tracing takes time too.
const SLOW_SYNC: &str = "--set=store.slow_sync_ms=100";
const CAPACITY: &str = "--capacity=1000000";

fn options() -> Vec<String> {
    let calls = "trace=read,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync";
    ["-y", "-s", "9000", "-e", calls].map(str::to_owned).into()
}

#[test]
fn message_sent_leaves_after_a_sync_of_the_log_that_covers_the_message() {
    for path in COMMIT_PATHS {
        let folder = TempDir::new().unwrap();
        let server = TracedServer::start(folder.path(), &options(), &[path, CAPACITY]);
        thread::scope(|scope| {
            for number in 0..CLIENTS {
                let verbose = number % 2 == 1;
                let address = server.address(if verbose { "mailbox-verbose" } else { "mailbox" });
                scope.spawn(move || send(&mut Client::connect(address), number, verbose));
            }
        });
        let covered = check_acknowledgements(&server.kill()).unwrap();
        assert_eq!(covered, CLIENTS * (0..ROUNDS).map(depth).sum::<usize>(), "{path}");
    }
}

#[test]
fn message_sent_leaves_after_its_sync_while_commits_change_their_thread() {
    let folder = TempDir::new().unwrap();
    // One sync in so many of a thread is slow. Between two of them passes more than a
    // second, as the senders pause.
    let delay = "inject=fdatasync:delay_enter=150000:when=50+300".to_owned();
    let options = [options(), vec!["-e".to_owned(), delay]].concat();
    let server = TracedServer::start(folder.path(), &options, &[SLOW_SYNC, CAPACITY]);
    let changes = |to: &str| server.errors().matches(to).count();
    let begun = Instant::now();
    let stop = AtomicBool::new(false);
    let sent: usize = thread::scope(|scope| {
        let senders: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (address, stop) = (server.address("mailbox"), &stop);
                scope.spawn(move || {
                    let mut client = Client::connect(address);
                    client.ask(&format!("LOGIN writer{number}"));
                    let mut sent = 0;
                    while !stop.load(Ordering::Relaxed) {
                        sent += 1;
                        let answer = client.compose("bob", &format!("<{number}-{sent}>"));
                        assert_eq!(answer, "MESSAGE SENT");
                        thread::sleep(Duration::from_millis(20));
                    }
                    sent
                })
            })
            .collect();
        while changes("the disk is fast again") < 2 && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(100));
        }
        stop.store(true, Ordering::Relaxed);
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    let (to_thread, to_loop) = (changes("the disk is slow"), changes("the disk is fast again"));
    assert!(to_thread >= 2 && to_loop >= 2, "{to_thread} and {to_loop} changes");
    assert_eq!(check_acknowledgements(&server.kill()).unwrap(), sent);
}

/// How many messages a client sends at once.
fn depth(round: usize) -> usize {
    1 + round % 6
}

fn send(client: &mut Client, number: usize, verbose: bool) {
    client.ask(&format!("LOGIN writer{number}"));
    let mut sent = 0;
    for round in 0..ROUNDS {
        let mut commands = String::new();
        for _ in 0..depth(round) {
            sent += 1;
            let text = format!("<{number}-{sent}>");
            let command = if verbose {
                format!("COMPOSE writer{number} bob {text}\n")
            } else {
                format!("COMPOSE bob\n{text}\n")
            };
            commands.push_str(&command);
        }
        client.send(&commands);
        for _ in 0..depth(round) {
            let answer = client.line();
            assert!(answer.starts_with("MESSAGE SENT"), "{answer}");
        }
    }
}

/// Sees that each `MESSAGE SENT` began to be written after a sync of the log had
/// ended well that began after the text had been written there; how many there
/// were.
fn check_acknowledgements(calls: &[SystemCall]) -> Result<usize, String> {
    let mut written = HashMap::new();
    for call in log_writes(calls) {
        for text in texts(&call.arguments) {
            written.entry(text).or_insert(call.ended);
        }
    }
    let syncs: Vec<_> = log_syncs(calls).collect();
    // Of each socket, what was sent to it and not yet acknowledged.
    let mut asked: HashMap<&str, VecDeque<&str>> = HashMap::new();
    let mut covered = 0;
    for call in calls.iter().filter(|call| is_socket(call)) {
        if is_receive(call) {
            asked.entry(call.file()).or_default().extend(texts(&call.arguments));
            continue;
        }
        for _ in 0..call.arguments.matches("MESSAGE SENT").count() {
            let text = asked.get_mut(call.file()).and_then(VecDeque::pop_front);
            let text = text.ok_or_else(|| format!("nothing was asked: {}", call.arguments))?;
            let write =
                *written.get(text).ok_or_else(|| format!("{text} was never written to the log"))?;
            if !syncs.iter().any(|sync| write < sync.begun && sync.ended < call.begun) {
                return Err(format!("{text} was acknowledged before a sync covered it"));
            }
            covered += 1;
        }
    }
    Ok(covered)
}

fn log_writes(calls: &[SystemCall]) -> impl Iterator<Item = &SystemCall> {
    calls.iter().filter(|call| call.name == "pwrite64" && call.file().ends_with("-wal"))
}

fn log_syncs(calls: &[SystemCall]) -> impl Iterator<Item = &SystemCall> {
    calls
        .iter()
        .filter(|call| call.is_sync() && call.has_succeeded() && call.file().ends_with("-wal"))
}

fn is_socket(call: &SystemCall) -> bool {
    call.file().starts_with("socket:") || call.file().starts_with("TCP")
}

fn is_receive(call: &SystemCall) -> bool {
    call.name.starts_with("re")
}

/// The texts in what was written: two numbers in angle brackets.
fn texts(data: &str) -> impl Iterator<Item = &str> {
    data.split('<').skip(1).filter_map(|rest| {
        let (text, _) = rest.split_once('>')?;
        let (client, number) = text.split_once('-')?;
        (client.parse::<u32>().is_ok() && number.parse::<u32>().is_ok()).then_some(text)
    })
}

#[test]
fn the_answer_after_a_message_leaves_after_a_sync_of_its_removal() {
    for path in COMMIT_PATHS {
        read_after_reading(path);
    }
}

fn read_after_reading(path: &str) {
    const MESSAGES: usize = 6;
    let folder = TempDir::new().unwrap();
    let server = TracedServer::start(folder.path(), &options(), &[path]);
    for (protocol, read) in [("mailbox", "READ"), ("mailbox-verbose", "READ bob")] {
        let mut writer = Client::connect(server.address("mailbox"));
        writer.ask("LOGIN writer");
        for number in 0..MESSAGES {
            assert_eq!(writer.compose("bob", &format!("text {number}")), "MESSAGE SENT");
        }
        let mut reader = Client::connect(server.address(protocol));
        reader.ask("LOGIN bob");
        for number in 0..=MESSAGES {
            reader.send(&format!("{read}\n"));
            let answer = reader.line();
            if number < MESSAGES && protocol == "mailbox" {
                assert_eq!(answer, "writer");
                assert_eq!(reader.line(), format!("text {number}"));
            }
        }
    }
    assert_eq!(check_removals(&server.kill()).unwrap(), 2 * MESSAGES);
}

/// Sees that after each READ that proves something the log is written and, after
/// that, synced before the answer begins to be written; how many there were.
fn check_removals(calls: &[SystemCall]) -> Result<usize, String> {
    let mut handed_out: HashMap<&str, bool> = HashMap::new();
    let mut removals = 0;
    for receive in calls.iter().filter(|call| is_socket(call) && is_receive(call)) {
        if !receive.arguments.contains("\"READ") {
            continue;
        }
        let socket = receive.file();
        let answer = calls
            .iter()
            .find(|call| call.file() == socket && !is_receive(call) && call.begun > receive.ended)
            .ok_or("a READ without an answer")?;
        if handed_out.insert(socket, answer.arguments.contains("writer")) == Some(true) {
            let between = receive.ended..answer.begun;
            let write = log_writes(calls)
                .filter(|call| between.contains(&call.begun))
                .last()
                .ok_or("a removal that was not written")?;
            log_syncs(calls)
                .find(|sync| sync.begun > write.ended && sync.ended < answer.begun)
                .ok_or("a removal that was not synced before the answer")?;
            removals += 1;
        }
    }
    Ok(removals)
}

/// An exchange with one message, its sync left out or too late.
fn exchange(middle: &[&str]) -> Vec<SystemCall> {
    let mut lines = vec![r#"7 recvfrom(9<socket:[1]>, "COMPOSE bob\n<0-1>\n", 65536, 0) = 18"#];
    lines.extend_from_slice(middle);
    parse(&lines.join("\n"))
}

#[test]
fn an_acknowledgement_too_early_is_found_in_a_trace() {
    const WRITE: &str = r#"7 pwrite64(6</d/postroom.db-wal>, "\0\7<0-1>\0", 4096, 56) = 4096"#;
    const SYNC: &str = "7 fdatasync(6</d/postroom.db-wal>) = 0";
    const FAILED: &str = "7 fdatasync(6</d/postroom.db-wal>) = -1 EIO (Input/output error)";
    const ELSEWHERE: &str = "7 fdatasync(5</d/postroom.db>) = 0";
    const BEGUN: &str = "8 fdatasync(6</d/postroom.db-wal> <unfinished ...>";
    const ENDED: &str = "8 <... fdatasync resumed>) = 0";
    const ANSWER: &str = r#"7 sendto(9<socket:[1]>, "MESSAGE SENT\n", 13, 0, NULL, 0) = 13"#;
    for good in [&[WRITE, SYNC, ANSWER][..], &[WRITE, BEGUN, ENDED, ANSWER]] {
        assert_eq!(check_acknowledgements(&exchange(good)), Ok(1), "{good:?}");
    }
    for bad in [
        &[WRITE, ANSWER, SYNC][..],
        &[SYNC, WRITE, ANSWER],
        &[WRITE, FAILED, ANSWER],
        &[WRITE, ELSEWHERE, ANSWER],
        &[BEGUN, WRITE, ENDED, ANSWER],
        &[WRITE, BEGUN, ANSWER, ENDED],
        &[SYNC, ANSWER],
    ] {
        assert!(check_acknowledgements(&exchange(bad)).is_err(), "{bad:?}");
    }
}
