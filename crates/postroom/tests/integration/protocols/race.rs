//! Clients of `mailbox` that race: for the last place in a mailbox, and for its
//! messages.

use std::collections::{HashMap, HashSet};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Instant;

use crate::harness::support::{Client, PATIENCE, Random, Server};

const SENDERS: usize = 64;
const CAPACITY: usize = 5;
const ROUNDS: usize = 12;

/// One of many clients that write to the same mailbox.
struct Sender {
    name: String,
    verbose: bool,
    client: Client,
}

impl Sender {
    fn new(server: &Server, number: usize) -> Self {
        let (name, verbose) = (format!("sender{number}"), number % 2 == 1);
        let client = if verbose {
            let mut client = server.connect("mailbox-verbose");
            let welcome = client.ask(&format!("LOGIN {name}"));
            assert!(welcome.starts_with("Login successful"), "{welcome}");
            client
        } else {
            server.log_in(&name)
        };
        Self { name, verbose, client }
    }

    /// Sends a text; returns whether it was stored.
    fn send(&mut self, recipient: &str, text: &str) -> bool {
        let Self { name, verbose, client } = self;
        let answer = if *verbose {
            client.ask(&format!("COMPOSE {name} {recipient} {text}"))
        } else {
            client.compose(recipient, text)
        };
        let full = format!(
            "MESSAGE FAILED. UNREAD MESSAGE IS MORE THAN {CAPACITY} FOR THE USERNAME <{recipient}>."
        );
        match answer.as_str() {
            "MESSAGE SENT" | "MESSAGE FAILED" => assert!(!*verbose),
            "MESSAGE SENT SUCCESSFULLY." => assert!(*verbose),
            _ => assert_eq!(answer, full),
        }
        answer.starts_with("MESSAGE SENT")
    }
}

#[test]
fn of_64_senders_that_race_for_the_last_place_exactly_one_gets_it() {
    let server = Server::with(&[&format!("--capacity={CAPACITY}")]);
    let mut senders: Vec<_> = (0..SENDERS).map(|number| Sender::new(&server, number)).collect();
    let mut reader = server.log_in("target");
    let start = Barrier::new(SENDERS);
    let mut waiting = Vec::new();
    for round in 0..ROUNDS {
        while waiting.len() < CAPACITY - 1 {
            let text = format!("round {round}, before the race, {}", waiting.len());
            assert!(senders[0].send("target", &text));
            waiting.push((senders[0].name.clone(), text));
        }
        // In every other round a reader holds one of the messages.
        let held = (round % 2 == 1).then(|| reader.read().unwrap());
        let winners = race(&mut senders, &start, round);
        let [winner] = winners.as_slice() else { panic!("{} winners", winners.len()) };
        waiting.push((winner.clone(), format!("round {round}")));
        let mut late = server.connect("mailbox");
        assert_eq!(late.ask("LOGIN target"), CAPACITY.to_string());
        let found: Vec<_> = held.into_iter().chain(std::iter::from_fn(|| reader.read())).collect();
        assert_eq!(found, waiting);
        waiting.clear();
    }
}

/// Lets all senders send at once; returns those whose message was stored.
fn race(senders: &mut [Sender], start: &Barrier, round: usize) -> Vec<String> {
    thread::scope(|scope| {
        let racers: Vec<_> = senders
            .iter_mut()
            .map(|sender| {
                scope.spawn(move || {
                    start.wait();
                    sender.send("target", &format!("round {round}")).then(|| sender.name.clone())
                })
            })
            .collect();
        racers.into_iter().filter_map(|racer| racer.join().unwrap()).collect()
    })
}

const MESSAGES: usize = 300;

/// Which reader holds which message, as the readers see it.
#[derive(Default)]
struct Holdings {
    held: HashMap<String, usize>,
    confirmed: HashSet<String>,
    confirmed_by: [usize; 2],
    handed_out_again: usize,
    seen: HashSet<String>,
}

impl Holdings {
    fn take(&mut self, reader: usize, text: &str) {
        assert!(!self.confirmed.contains(text), "{text} was confirmed, and is handed out again");
        let other = self.held.insert(text.to_owned(), reader);
        assert_eq!(other, None, "{text} is handed out to both");
        self.handed_out_again += usize::from(!self.seen.insert(text.to_owned()));
    }

    fn let_go(&mut self, text: &str) {
        self.held.remove(text).unwrap();
    }

    fn confirm(&mut self, reader: usize, text: &str) {
        self.let_go(text);
        assert!(self.confirmed.insert(text.to_owned()));
        self.confirmed_by[reader] += 1;
    }
}

#[test]
fn of_two_readers_that_break_off_now_and_then_exactly_one_confirms_each_message() {
    let server = Server::with(&[&format!("--capacity={MESSAGES}")]);
    let mut writer = server.log_in("writer");
    let texts: HashSet<_> = (0..MESSAGES).map(|number| format!("text {number}")).collect();
    for number in 0..MESSAGES {
        assert_eq!(writer.compose("shared", &format!("text {number}")), "MESSAGE SENT");
    }
    let holdings = Mutex::new(Holdings::default());
    thread::scope(|scope| {
        for reader in 0..2 {
            let (server, holdings) = (&server, &holdings);
            scope.spawn(move || read_all(server, reader, holdings));
        }
    });
    let holdings = holdings.into_inner().unwrap();
    assert_eq!(holdings.confirmed, texts);
    assert!(holdings.confirmed_by.iter().all(|count| *count > 0), "{:?}", holdings.confirmed_by);
    assert!(holdings.handed_out_again > 0, "no break put anything back");
    assert_eq!(server.connect("mailbox").ask("LOGIN shared"), "0");
}

/// Reads and resets until the two readers have confirmed all messages.
fn read_all(server: &Server, reader: usize, holdings: &Mutex<Holdings>) {
    let mut random = Random::new(reader as u64);
    let mut client = server.log_in("shared");
    let mut held: Option<String> = None;
    let begun = Instant::now();
    while holdings.lock().unwrap().confirmed.len() < MESSAGES {
        assert!(begun.elapsed() < PATIENCE, "some messages are given to no one");
        if random.once_in(5) {
            // Before the reset: after it the other reader may receive the message.
            if let Some(text) = held.take() {
                holdings.lock().unwrap().let_go(&text);
            }
            client.reset();
            client = server.log_in("shared");
        }
        let letter = client.read();
        let mut holdings = holdings.lock().unwrap();
        if let Some(text) = held.take() {
            holdings.confirm(reader, &text);
        }
        if let Some((sender, text)) = letter {
            assert_eq!(sender, "writer");
            holdings.take(reader, &text);
            held = Some(text);
        }
    }
}
