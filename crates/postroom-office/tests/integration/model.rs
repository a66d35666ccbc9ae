//! Random histories of the office against a model of mailboxes.

use std::collections::HashMap;

use postroom_model::{
    Access, ComposeRefusal, Name, Reply, Request, SessionKey, Terms, Text, Unknown,
};
use postroom_office::{CreationLimits, LoginLimits, Office, Output};
use postroom_store::{Job as _, Limits, MemoryDisk, MemoryStore, Timestamp};
use postroom_testing::mailboxes::{Answer, Mailboxes, NAMES, Person, Visitor};
use proptest::prelude::*;

use crate::telling::peer;

const CAPACITY: u32 = 4;
/// Concurrent clients.
const SEATS: usize = 4;
/// The persons on the seats at first; two clients log in as the same person.
const SEATED: [Person; SEATS] = [0, 0, 1, 2];
/// The number of random histories.
const CASES: u32 = 64;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The client on the seat disconnects; another one takes the seat and logs in.
    LogIn {
        seat: usize,
        person: Person,
        spelling: usize,
    },
    Compose {
        seat: usize,
        recipient: Person,
        spelling: usize,
    },
    Read {
        seat: usize,
    },
    Confirm {
        seat: usize,
    },
    Leave {
        seat: usize,
    },
    /// Commits all requests so far as one group.
    Settle,
    /// All clients read and confirm all their messages.
    Empty,
    /// The process ends, and a new one loads the data on disk.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let (seat, person, spelling) = (0..SEATS, 0..NAMES.len(), 0..2_usize);
    prop_oneof![
        2 => (seat.clone(), person.clone(), spelling.clone())
            .prop_map(|(seat, person, spelling)| Step::LogIn { seat, person, spelling }),
        10 => (seat.clone(), person, spelling)
            .prop_map(|(seat, recipient, spelling)| Step::Compose { seat, recipient, spelling }),
        10 => seat.clone().prop_map(|seat| Step::Read { seat }),
        5 => seat.clone().prop_map(|seat| Step::Confirm { seat }),
        1 => seat.prop_map(|seat| Step::Leave { seat }),
        12 => Just(Step::Settle),
        2 => Just(Step::Empty),
        2 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_office_answers_as_a_simple_model_of_mailboxes_does(
        steps in prop::collection::vec(step(), 1..120)
    ) {
        let mut trial = Trial::new();
        trial.take_seats();
        for step in steps {
            trial.step(step);
        }
        trial.finish();
    }
}

/// The client on a seat.
#[derive(Clone, Debug)]
struct Seat {
    visitor: Visitor,
    session: SessionKey,
    person: Person,
    /// The login has succeeded.
    is_member: bool,
    /// The messages handed out to it and not confirmed.
    holds: Vec<String>,
}

/// A request that is not settled yet, to be repeated on the model.
#[derive(Debug)]
enum Pending {
    LogIn {
        person: Person,
        spelling: usize,
    },
    /// A login that was answered at once.
    LoggedIn(Answer),
    Compose {
        sender: Person,
        recipient: Person,
        spelling: usize,
        text: String,
    },
    Read {
        person: Person,
    },
    Confirm {
        texts: Vec<String>,
    },
    Leave {
        texts: Vec<String>,
    },
}

struct Trial {
    office: Office<MemoryStore>,
    disk: MemoryDisk,
    model: Mailboxes,
    seats: [Option<Seat>; SEATS],
    pending: Vec<(Visitor, SessionKey, Pending)>,
    visitors: usize,
    texts: usize,
}

fn open(disk: &MemoryDisk) -> Office<MemoryStore> {
    let limits = Limits { mailbox_capacity: CAPACITY, ..Limits::default() };
    Office::new(
        crate::telling::any_time(),
        disk.open(limits),
        LoginLimits::default(),
        CreationLimits::default(),
    )
}

impl Trial {
    fn new() -> Self {
        let disk = MemoryDisk::default();
        Self {
            office: open(&disk),
            disk,
            model: Mailboxes::new(CAPACITY as usize),
            seats: Default::default(),
            pending: Vec::new(),
            visitors: 0,
            texts: 0,
        }
    }

    fn take_seats(&mut self) {
        for (seat, person) in SEATED.into_iter().enumerate() {
            self.log_in(seat, person, 0);
        }
        self.settle();
    }

    /// Carries out a step, unless the state does not allow it.
    fn step(&mut self, step: Step) {
        match step {
            Step::LogIn { seat, person, spelling } => self.log_in(seat, person, spelling),
            Step::Compose { seat, recipient, spelling } => {
                self.compose(seat, recipient, spelling);
            }
            Step::Read { seat } => {
                if let Some(Seat { visitor, session, person, .. }) = self.member(seat) {
                    self.office.ask(session, Request::Read);
                    self.pending.push((visitor, session, Pending::Read { person }));
                }
            }
            Step::Confirm { seat } => {
                if let Some(Seat { visitor, session, holds, .. }) = self.member(seat) {
                    self.office.ask(session, Request::Confirm);
                    self.pending.push((visitor, session, Pending::Confirm { texts: holds }));
                    self.seats[seat].as_mut().unwrap().holds.clear();
                }
            }
            Step::Leave { seat } => self.leave(seat),
            Step::Settle => self.settle(),
            Step::Empty => self.empty(),
            Step::Restart => self.restart(),
        }
    }

    fn empty(&mut self) {
        for seat in 0..SEATS {
            for _ in 0..CAPACITY {
                self.step(Step::Read { seat });
            }
            self.settle();
            self.step(Step::Confirm { seat });
        }
        self.settle();
    }

    fn member(&self, seat: usize) -> Option<Seat> {
        self.seats[seat].clone().filter(|seat| seat.is_member)
    }

    fn log_in(&mut self, seat: usize, person: Person, spelling: usize) {
        self.leave(seat);
        let session = self.office.enter(peer(), Access::OPEN, None);
        self.visitors += 1;
        let visitor = self.visitors;
        let name = Name::new(NAMES[person][spelling]).unwrap();
        self.office
            .ask(session, Request::LogIn { name, password: None, terms: Terms::WITHOUT_PRESENCE });
        // A known account is opened from committed state, before waiting requests.
        let login = if self.model.knows(person) {
            Pending::LoggedIn(self.model.log_in(person, spelling))
        } else {
            Pending::LogIn { person, spelling }
        };
        self.pending.push((visitor, session, login));
        let is_member = false;
        self.seats[seat] = Some(Seat { visitor, session, person, is_member, holds: Vec::new() });
    }

    fn compose(&mut self, seat: usize, recipient: Person, spelling: usize) {
        let Some(Seat { visitor, session, person: sender, .. }) = self.member(seat) else {
            return;
        };
        self.texts += 1;
        let text = format!("text {}", self.texts);
        let name = Name::new(NAMES[recipient][spelling]).unwrap();
        let body = Text::from_bytes(text.as_bytes()).unwrap();
        let unknown = Unknown::Register;
        self.office.ask(session, Request::Compose { recipient: name, text: body, unknown });
        let asked = Pending::Compose { sender, recipient, spelling, text };
        self.pending.push((visitor, session, asked));
    }

    fn leave(&mut self, seat: usize) {
        if let Some(Seat { visitor, session, holds, .. }) = self.seats[seat].take() {
            self.office.leave(session);
            self.pending.push((visitor, session, Pending::Leave { texts: holds }));
        }
    }

    /// Commits all requests, and compares all answers with the model's.
    fn settle(&mut self) {
        let mut expected: HashMap<SessionKey, Vec<Answer>> = HashMap::new();
        for (visitor, session, pending) in std::mem::take(&mut self.pending) {
            let answer = self.ask_model(visitor, pending);
            if let Some(answer) = answer
                && self.is_here(visitor)
            {
                expected.entry(session).or_default().push(answer);
            }
        }
        // A message handed to a client that has disconnected becomes unread again.
        let here: Vec<_> = self.seats.iter().flatten().map(|seat| seat.visitor).collect();
        (1..=self.visitors)
            .filter(|visitor| !here.contains(visitor))
            .for_each(|visitor| self.model.put_back_all(visitor));
        let mut outputs = Vec::new();
        while self.office.has_work() {
            if let Some(job) = self.office.next_job(Timestamp(0)) {
                self.office.finish(job.run()).unwrap();
            }
            outputs.extend(std::iter::from_fn(|| self.office.take_output()));
        }
        let mut actual: HashMap<SessionKey, Vec<Answer>> = HashMap::new();
        for output in outputs {
            let Output::Reply(session, reply) = output else {
                panic!("nobody is present, and yet there is an event: {output:?}");
            };
            let answer = answer(reply);
            self.note(session, &answer);
            actual.entry(session).or_default().push(answer);
        }
        assert_eq!(actual, expected);
    }

    fn ask_model(&mut self, visitor: Visitor, pending: Pending) -> Option<Answer> {
        Some(match pending {
            Pending::LoggedIn(answer) => answer,
            Pending::LogIn { person, spelling } => self.model.log_in(person, spelling),
            Pending::Compose { sender, recipient, spelling, text } => {
                self.model.compose(sender, recipient, spelling, &text)
            }
            Pending::Read { person } => self.model.read(visitor, person),
            Pending::Confirm { texts } => self.model.confirm(visitor, &texts),
            Pending::Leave { texts } => {
                self.model.put_back(visitor, &texts);
                return None;
            }
        })
    }

    fn is_here(&self, visitor: Visitor) -> bool {
        self.seats.iter().flatten().any(|seat| seat.visitor == visitor)
    }

    fn note(&mut self, session: SessionKey, answer: &Answer) {
        let Some(seat) = self.seats.iter_mut().flatten().find(|seat| seat.session == session)
        else {
            return;
        };
        match answer {
            Answer::LoggedIn { .. } => seat.is_member = true,
            Answer::Message { text, .. } => seat.holds.push(text.clone()),
            _ => {}
        }
    }

    /// Drops all unsettled requests; leased messages become unread again.
    fn forget_sessions(&mut self) {
        self.pending.clear();
        self.seats = Default::default();
        self.model.restart();
    }

    fn restart(&mut self) {
        self.forget_sessions();
        self.office = open(&self.disk);
        self.take_seats();
    }

    /// Checks that all mailboxes have the same messages as the model.
    fn finish(mut self) {
        self.settle();
        self.restart();
        for person in 0..NAMES.len() {
            self.log_in(0, person, 0);
            self.settle();
            for _ in 0..=CAPACITY {
                self.step(Step::Read { seat: 0 });
            }
            let content = self.model.content(person);
            self.settle();
            let held = &self.seats[0].as_ref().unwrap().holds;
            assert!(content.iter().map(|(_, text)| text).eq(held), "{content:?} {held:?}");
        }
    }
}

fn answer(reply: Reply) -> Answer {
    match reply {
        Reply::LoggedIn { name, registered, unread } => {
            Answer::LoggedIn { name: name.to_string(), registered, unread: unread as usize }
        }
        Reply::Composed(receipt) => Answer::Sent { registered: receipt.get().registered },
        Reply::NotComposed(ComposeRefusal::MailboxFull { recipient, capacity, .. }) => {
            assert_eq!(capacity, CAPACITY);
            Answer::Full { recipient: recipient.to_string() }
        }
        Reply::Read(delivery) => Answer::Message {
            sender: delivery.sender.to_string(),
            text: delivery.text.as_str().to_owned(),
            remaining: delivery.remaining as usize,
        },
        Reply::NothingUnread => Answer::Nothing,
        Reply::Confirmed(_) => Answer::Confirmed,
        other => panic!("nothing should come to {other:?}"),
    }
}
