//! Clients that write and read mailboxes until the server is killed.

use std::collections::HashSet;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::posts::{CHANNELS, PostLog};
use super::pushes::Receiver;
use super::record::{Event, Letter};
use super::talk::{PARTS, Talker};
use super::trigger::{Moment, Seen, Trigger};
use super::web_mail::Way;
use super::web_talk::Followed;
use super::{FULL, MAILBOXES, MIXED, PUSHED, log_in};

use crate::harness::fallible::FallibleConnection;
use crate::harness::support::{Random, Server};

/// The last character of every message, and nowhere else in one.
pub(super) const END_OF_TEXT: char = '!';

/// What goes on from server to server.
#[derive(Debug)]
pub(super) struct Workload {
    /// Counts texts sent, and answers to posts: it tells texts apart and orders what
    /// happens.
    clock: AtomicU64,
    /// Texts whose removal some client has seen.
    confirmed: Mutex<HashSet<String>>,
    /// What a stream over HTTP has told; one client at a time has it.
    pub(super) followed: Mutex<Followed>,
}

#[derive(Clone, Copy, Debug)]
enum Role {
    Writer {
        verbose: bool,
    },
    Reader {
        mailbox: usize,
        verbose: bool,
    },
    /// Over HTTP.
    WebWriter,
    /// Over HTTP.
    WebReader {
        mailbox: usize,
        way: Way,
    },
}

impl Role {
    fn has_password(self) -> bool {
        matches!(self, Self::Reader { mailbox: PUSHED | MIXED, .. })
    }
}

/// Writers first, as their logs must be merged before those of the readers; a
/// reader writes too where it finds nothing, to its own mailbox alone.
const ROLES: [Role; 14] = [
    Role::Writer { verbose: false },
    Role::Writer { verbose: false },
    Role::Writer { verbose: true },
    Role::Reader { mailbox: 0, verbose: false },
    Role::Reader { mailbox: 0, verbose: true },
    Role::Reader { mailbox: 1, verbose: false },
    Role::Reader { mailbox: 2, verbose: true },
    Role::Reader { mailbox: FULL, verbose: false },
    Role::Reader { mailbox: MIXED, verbose: false },
    Role::WebWriter,
    Role::WebWriter,
    Role::WebReader { mailbox: 0, way: Way::Leases },
    Role::WebReader { mailbox: 1, way: Way::OverWebSocket },
    Role::WebReader { mailbox: 2, way: Way::Automatically },
];

/// What the clients of one server have in common.
pub(super) struct Scene<'a> {
    server: &'a Server,
    tags: &'a [String; CHANNELS],
    pub(super) trigger: Trigger,
    pub(super) workload: &'a Workload,
}

impl Scene<'_> {
    pub(super) fn connect(&self, protocol: &str) -> io::Result<FallibleConnection> {
        FallibleConnection::connect_to(self.server, protocol)
    }

    /// A hashtag that is posted in.
    pub(super) fn tag(&self, channel: usize) -> &str {
        &self.tags[channel]
    }

    pub(super) fn now(&self) -> u64 {
        self.workload.now()
    }
}

/// What the clients of one server did and saw.
pub(super) struct Logs {
    pub(super) letters: Vec<Vec<Event>>,
    pub(super) posts: Vec<PostLog>,
    /// Someone has read the mailboxes that have a password.
    pub(super) has_receivers: bool,
}

impl Workload {
    pub(super) fn new() -> Self {
        let (confirmed, followed) = (Mutex::default(), Mutex::default());
        Self { clock: AtomicU64::new(1), confirmed, followed }
    }

    /// A number that is later than all before.
    pub(super) fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// Some client has seen that a text is removed.
    pub(super) fn confirm(&self, text: &str) {
        self.confirmed.lock().unwrap().insert(text.to_owned());
    }

    pub(super) fn check_not_confirmed(&self, letter: &Letter) {
        let confirmed = self.confirmed.lock().unwrap();
        assert!(!confirmed.contains(&letter.text), "handed out after its end: {letter:?}");
    }

    /// Lets all clients loose until the server is killed; returns their logs.
    pub(super) fn run(
        &self,
        server: &Server,
        tags: &[String; CHANNELS],
        random: &mut Random,
    ) -> Logs {
        let moment = Moment::choose(random);
        // Checking passwords takes the processors from all others, and posting takes
        // them from that.
        let has_receivers = moment.is_late() || random.once_in(6);
        let has_talkers = !moment.is_late() || random.once_in(4);
        let (trigger, was_killed) = Trigger::new(server, moment);
        let scene = &Scene { server, tags, trigger, workload: self };
        thread::scope(|scope| {
            let mut letters = Vec::new();
            for (number, role) in ROLES.into_iter().enumerate() {
                let worker = MailboxWorker::new(number, role, scene, Random::new(random.number()));
                if has_receivers || !role.has_password() {
                    letters.push(scope.spawn(move || worker.run(role)));
                }
            }
            for mailbox in [PUSHED, MIXED].into_iter().filter(|_| has_receivers) {
                let receiver = Receiver::new(mailbox, scene, Random::new(random.number()));
                letters.push(scope.spawn(move || receiver.run()));
            }
            let mut posts = Vec::new();
            for (number, part) in (0..).zip(PARTS).filter(|_| has_talkers) {
                let talker = Talker::new(number, scene, Random::new(random.number()));
                posts.push(scope.spawn(move || talker.run(part)));
            }
            scene.trigger.wait(&was_killed);
            let letters = letters.into_iter().map(|handle| handle.join().unwrap());
            let letters = writers_before_readers(letters);
            let posts = posts.into_iter().map(|handle| handle.join().unwrap()).collect();
            Logs { letters, posts, has_receivers }
        })
    }
}

/// What readers wrote is known before anyone is said to have read it.
fn writers_before_readers(logs: impl Iterator<Item = Vec<Event>>) -> Vec<Vec<Event>> {
    let (mut written, mut read) = (Vec::new(), Vec::new());
    for log in logs {
        let (writes, reads) = log.into_iter().partition(|event| {
            matches!(
                event,
                Event::Asked { .. } | Event::Acknowledged { .. } | Event::Refused { .. }
            )
        });
        written.push(writes);
        read.push(reads);
    }
    written.append(&mut read);
    written
}

/// One client of mailboxes, and what it saw.
pub(super) struct MailboxWorker<'a> {
    pub(super) number: usize,
    verbose: bool,
    pub(super) scene: &'a Scene<'a>,
    pub(super) random: Random,
    pub(super) log: Vec<Event>,
}

impl<'a> MailboxWorker<'a> {
    fn new(number: usize, role: Role, scene: &'a Scene<'a>, random: Random) -> Self {
        let verbose = match role {
            Role::Writer { verbose } | Role::Reader { verbose, .. } => verbose,
            Role::WebWriter | Role::WebReader { .. } => false,
        };
        Self { number, verbose, scene, random, log: Vec::new() }
    }

    /// Works until the server is gone.
    fn run(mut self, role: Role) -> Vec<Event> {
        let gone = match role {
            Role::Writer { .. } => self.write_for_ever(),
            Role::Reader { mailbox, .. } => self.read_for_ever(mailbox),
            Role::WebWriter => self.post_for_ever(),
            Role::WebReader { mailbox, way } => self.take_for_ever(mailbox, way),
        };
        assert!(gone.is_err());
        self.log
    }

    fn log_in(&self, name: &str) -> io::Result<FallibleConnection> {
        let protocol = if self.verbose { "mailbox-verbose" } else { "mailbox" };
        let mut connection = self.scene.connect(protocol)?;
        connection.send(&log_in(name))?;
        connection.line()?;
        Ok(connection)
    }

    fn write_for_ever(&mut self) -> io::Result<()> {
        let name = format!("writer{}", self.number);
        let mut connection = self.log_in(&name)?;
        loop {
            let depth = 1 + self.random.below(4);
            let mailboxes = (0..depth).map(|_| self.random.index(MAILBOXES.len())).collect();
            self.write(&mut connection, &name, mailboxes)?;
        }
    }

    /// Sends a text to each of the mailboxes, all at once.
    fn write(
        &mut self,
        connection: &mut FallibleConnection,
        name: &str,
        mailboxes: Vec<usize>,
    ) -> io::Result<()> {
        let mut commands = String::new();
        let mut texts = Vec::new();
        for mailbox in mailboxes {
            let number = self.scene.now();
            let text = format!("<{number}> by {name}{}{END_OF_TEXT}", ".".repeat(self.length()));
            let recipient = MAILBOXES[mailbox];
            let command = if self.verbose {
                format!("COMPOSE {name} {recipient} {text}\n")
            } else {
                format!("COMPOSE {recipient}\n{text}\n")
            };
            commands.push_str(&command);
            let letter = Letter { sender: name.to_owned(), text: text.clone() };
            self.log.push(Event::Asked { mailbox, author: self.number, number, letter });
            texts.push(text);
        }
        connection.send(&commands)?;
        for text in texts {
            let answer = connection.line()?;
            if answer.starts_with("MESSAGE SENT") {
                self.scene.trigger.saw(Seen::Acknowledged);
                self.log.push(Event::Acknowledged { text });
            } else {
                assert!(answer.starts_with("MESSAGE FAILED"), "{answer}");
                self.log.push(Event::Refused { text });
            }
        }
        Ok(())
    }

    /// Mostly short, some over several pages of the file.
    pub(super) fn length(&mut self) -> usize {
        let end = if self.random.once_in(8) { 8_000 } else { 200 };
        self.random.index(end)
    }

    fn read_for_ever(&mut self, mailbox: usize) -> io::Result<()> {
        loop {
            let connection = self.log_in(MAILBOXES[mailbox])?;
            self.read_until_the_end(connection, mailbox)?;
        }
    }

    /// Reads in all the ways there are, and leaves at last.
    fn read_until_the_end(
        &mut self,
        mut connection: FallibleConnection,
        mailbox: usize,
    ) -> io::Result<()> {
        let mut held = Vec::new();
        let read = self.read_command(MAILBOXES[mailbox]);
        loop {
            match self.random.below(20) {
                // A reader that vanishes.
                0 => {
                    connection.reset();
                    return Ok(());
                }
                1 => {
                    self.perhaps_confirmed(&held);
                    connection.finish();
                    return Ok(());
                }
                // Leaves behind what it never saw.
                2 => {
                    self.perhaps_confirmed(&held);
                    connection.send(&format!("{read}{read}EXIT\n"))?;
                    connection.reset();
                    return Ok(());
                }
                3 => self.read(&mut connection, mailbox, &read, 2, &mut held)?,
                // Confirms and takes nothing new.
                4 => self.write_or_ask(&mut connection, mailbox, &mut held)?,
                _ => self.read(&mut connection, mailbox, &read, 1, &mut held)?,
            }
            let is_slow = mailbox == FULL;
            if held.is_empty() || is_slow {
                self.write_or_ask(&mut connection, mailbox, &mut held)?;
            }
        }
    }

    fn read_command(&self, name: &str) -> String {
        if self.verbose { format!("READ {name}\n") } else { "READ\n".to_owned() }
    }

    /// Sends `times` READ at once: the first of them proves that what was held
    /// had arrived, and its answer that this is on disk.
    fn read(
        &mut self,
        connection: &mut FallibleConnection,
        mailbox: usize,
        read: &str,
        times: usize,
        held: &mut Vec<String>,
    ) -> io::Result<()> {
        self.perhaps_confirmed(held);
        connection.send(&read.repeat(times))?;
        for number in 0..times {
            let answer = connection.line()?;
            if number == 0 {
                self.confirmed(held);
            }
            if let Some(letter) = self.letter(connection, answer)? {
                self.scene.workload.check_not_confirmed(&letter);
                self.scene.trigger.saw(Seen::HandedOut);
                self.log.push(Event::HandedOut { mailbox, letter: letter.clone() });
                held.push(letter.text);
            }
        }
        Ok(())
    }

    /// The letter that an answer to READ begins.
    fn letter(
        &self,
        connection: &mut FallibleConnection,
        answer: String,
    ) -> io::Result<Option<Letter>> {
        if answer == "READ ERROR" || answer == "No More Unread Messages." {
            return Ok(None);
        }
        if !self.verbose {
            return Ok(Some(Letter { sender: answer, text: connection.line()? }));
        }
        let mut words = answer.splitn(3, ' ').skip(1).map(str::to_owned);
        let sender = words.next().unwrap();
        Ok(Some(Letter { sender, text: words.next().unwrap() }))
    }

    /// Something else than READ, which proves as much.
    fn write_or_ask(
        &mut self,
        connection: &mut FallibleConnection,
        mailbox: usize,
        held: &mut Vec<String>,
    ) -> io::Result<()> {
        self.perhaps_confirmed(held);
        if self.verbose && self.random.once_in(2) {
            connection.send("what now?\n")?;
            assert_eq!(connection.line()?, "UNKNOWN COMMAND");
        } else {
            self.write(connection, MAILBOXES[mailbox], vec![mailbox])?;
        }
        self.confirmed(held);
        Ok(())
    }

    pub(super) fn perhaps_confirmed(&mut self, held: &[String]) {
        let events = held.iter().map(|text| Event::PerhapsConfirmed { text: text.clone() });
        self.log.extend(events);
    }

    pub(super) fn confirmed(&mut self, held: &mut Vec<String>) {
        for text in held.drain(..) {
            self.scene.trigger.saw(Seen::Confirmed);
            self.scene.workload.confirm(&text);
            self.log.push(Event::Confirmed { text });
        }
    }
}
