//! The server over its sockets against the model, with kills.

use std::path::PathBuf;
use std::time::Instant;

use crate::harness::support::{Client, PATIENCE, Random, Server};
use postroom_testing::mailboxes::{Answer, Mailboxes, NAMES, Person, Visitor};

const CAPACITY: usize = 4;
const SEATS: usize = 4;
const STEPS: usize = 800;
/// The seed of the history.
const SEED: u64 = 2;

struct Seat {
    visitor: Visitor,
    person: Person,
    name: String,
    verbose: bool,
    client: Client,
    holds: Vec<String>,
}

struct Trial {
    server: Server,
    model: Mailboxes,
    seats: [Option<Seat>; SEATS],
    random: Random,
    visitors: usize,
    texts: usize,
    kills: usize,
    redelivered: usize,
}

#[test]
fn the_server_answers_as_a_simple_model_of_mailboxes_does_kills_and_breaks_included() {
    let mut trial = Trial {
        server: Server::with(&[&format!("--capacity={CAPACITY}"), "--set=log.level=warn"]),
        model: Mailboxes::new(CAPACITY),
        seats: Default::default(),
        random: Random::new(SEED),
        visitors: 0,
        texts: 0,
        kills: 0,
        redelivered: 0,
    };
    for _ in 0..STEPS {
        trial.step();
    }
    assert!(trial.kills > 5 && trial.redelivered > 10, "{} {}", trial.kills, trial.redelivered);
}

impl Trial {
    fn step(&mut self) {
        let seat = self.random.index(SEATS);
        match self.random.below(100) {
            0 => self.restart(Server::kill),
            1 => self.restart(|server| assert!(server.stop().success())),
            2..10 => self.break_off(seat),
            10..14 => self.exit(seat),
            14..55 => self.compose(seat),
            _ => self.read(seat),
        }
    }

    /// The client in this seat, or a new one.
    fn take_seat(&mut self, number: usize) -> Seat {
        if let Some(seat) = self.seats[number].take() {
            return seat;
        }
        let (person, spelling) = (self.random.index(NAMES.len()), self.random.index(2));
        let verbose = self.random.once_in(2);
        let expected = self.model.log_in(person, spelling);
        let Answer::LoggedIn { name, registered, unread } = &expected else { unreachable!() };
        let protocol = if verbose { "mailbox-verbose" } else { "mailbox" };
        let mut client = self.server.connect(protocol);
        let answer = client.ask(&format!("LOGIN {}", NAMES[person][spelling]));
        let expected = match (verbose, registered) {
            (false, _) => unread.to_string(),
            (true, true) => format!("Login successful with new username. Welcome {name}"),
            (true, false) => {
                format!("Login successful. Welcome {name}. You have {unread} unread messages.")
            }
        };
        assert_eq!(answer, expected);
        self.visitors += 1;
        let (visitor, name) = (self.visitors, NAMES[person][spelling].to_owned());
        Seat { visitor, person, name, verbose, client, holds: Vec::new() }
    }

    /// A further line proves that all answers before it have arrived.
    fn confirm(&mut self, seat: &mut Seat) {
        self.model.confirm(seat.visitor, &std::mem::take(&mut seat.holds));
    }

    fn compose(&mut self, number: usize) {
        let mut seat = self.take_seat(number);
        self.confirm(&mut seat);
        self.texts += 1;
        let text = format!("text {}", self.texts);
        let (recipient, spelling) = (self.random.index(NAMES.len()), self.random.index(2));
        let expected = self.model.compose(seat.person, recipient, spelling, &text);
        let recipient = NAMES[recipient][spelling];
        let Seat { name, client, verbose, .. } = &mut seat;
        let (answer, expected) = if *verbose {
            let expected = match expected {
                Answer::Sent { registered: false } => "MESSAGE SENT SUCCESSFULLY.".to_owned(),
                Answer::Sent { .. } => "MESSAGE SENT SUCCESSFULLY TO NEW USER.".to_owned(),
                Answer::Full { recipient } => format!(
                    "MESSAGE FAILED. UNREAD MESSAGE IS MORE THAN {CAPACITY} FOR THE USERNAME \
                     <{recipient}>."
                ),
                other => unreachable!("{other:?}"),
            };
            (client.ask(&format!("COMPOSE {name} {recipient} {text}")), expected)
        } else {
            let expected = match expected {
                Answer::Sent { .. } => "MESSAGE SENT",
                _ => "MESSAGE FAILED",
            };
            (client.compose(recipient, &text), expected.to_owned())
        };
        assert_eq!(answer, expected);
        self.seats[number] = Some(seat);
    }

    fn read(&mut self, number: usize) {
        let mut seat = self.take_seat(number);
        self.confirm(&mut seat);
        let expected = self.model.read(seat.visitor, seat.person);
        let Seat { name, client, verbose, holds, .. } = &mut seat;
        if *verbose {
            let expected = match &expected {
                Answer::Message { sender, text, remaining } => {
                    format!("{remaining} {sender} {text}")
                }
                _ => "No More Unread Messages.".to_owned(),
            };
            assert_eq!(client.ask(&format!("READ {name}")), expected);
        } else {
            let found = client.read();
            let expected = match &expected {
                Answer::Message { sender, text, .. } => Some((sender.clone(), text.clone())),
                _ => None,
            };
            assert_eq!(found, expected);
        }
        if let Answer::Message { text, .. } = expected {
            holds.push(text);
        }
        self.seats[number] = Some(seat);
    }

    fn break_off(&mut self, number: usize) {
        let Some(seat) = self.seats[number].take() else { return };
        self.redelivered += seat.holds.len();
        self.model.put_back_all(seat.visitor);
        let before = self.open_sockets();
        seat.client.reset();
        self.await_fewer_sockets(before);
    }

    fn exit(&mut self, number: usize) {
        let Some(mut seat) = self.seats[number].take() else { return };
        self.confirm(&mut seat);
        let before = self.open_sockets();
        seat.client.send("EXIT\n");
        assert_eq!(seat.client.rest(), "");
        drop(seat.client);
        self.await_fewer_sockets(before);
    }

    fn restart(&mut self, end: impl FnOnce(&mut Server)) {
        self.redelivered += self.seats.iter().flatten().map(|seat| seat.holds.len()).sum::<usize>();
        self.model.restart();
        end(&mut self.server);
        self.seats = Default::default();
        self.server.restart();
        self.kills += 1;
    }

    fn open_sockets(&self) -> usize {
        let folder = PathBuf::from(format!("/proc/{}/fd", self.server.pid()));
        let links =
            folder.read_dir().unwrap().filter_map(|entry| entry.unwrap().path().read_link().ok());
        links.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    /// Waits until the server has seen the end of a connection: later requests find
    /// the mailbox as the connection left it.
    fn await_fewer_sockets(&self, before: usize) {
        let begun = Instant::now();
        while self.open_sockets() >= before {
            assert!(begun.elapsed() < PATIENCE, "the server keeps a connection that has ended");
            std::thread::yield_now();
        }
    }
}
