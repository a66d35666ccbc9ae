//! Clients that write and read until the server is killed under them.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::MAILBOXES;
use super::record::{Event, Letter};

use crate::support::{Random, Server};
use crate::wire::Wire;

/// How long a kill waits for the event that is to trigger it.
const TRIGGER_WAIT: Duration = Duration::from_millis(500);
const FULL: usize = MAILBOXES.len() - 1;

/// When the server is killed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// So long after the clients have begun.
    After(Duration),
    /// Right after this many acknowledgements.
    Acknowledged(u64),
    /// Between this many answers to READ and the next command.
    HandedOut(u64),
    /// Right after the answer that shows a removal, this many of them.
    Confirmed(u64),
}

/// What a client has just seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Seen {
    Acknowledged,
    HandedOut,
    Confirmed,
}

/// Kills the server at its moment, from whichever thread sees it first.
#[derive(Debug)]
pub(super) struct Trigger {
    server: Pid,
    moment: Moment,
    seen: AtomicU64,
}

impl Trigger {
    pub(super) fn new(server: u32, moment: Moment) -> Self {
        let server = Pid::from_raw(i32::try_from(server).unwrap()).unwrap();
        Self { server, moment, seen: AtomicU64::new(0) }
    }

    fn saw(&self, seen: Seen, killed: &mpsc::Sender<()>) {
        let (awaited, count) = match self.moment {
            Moment::After(_) => return,
            Moment::Acknowledged(count) => (Seen::Acknowledged, count),
            Moment::HandedOut(count) => (Seen::HandedOut, count),
            Moment::Confirmed(count) => (Seen::Confirmed, count),
        };
        if seen != awaited {
            return;
        }
        if self.seen.fetch_add(1, Ordering::Relaxed) + 1 == count {
            self.kill();
            let _ = killed.send(());
        }
    }

    /// The process may be dead; it is not reaped before all clients have ended.
    fn kill(&self) {
        kill_process(self.server, Signal::KILL).unwrap();
    }
}

/// What goes on from server to server.
#[derive(Debug)]
pub(super) struct Workload {
    /// Texts sent so far, which tells them apart and orders those of a client.
    sent: AtomicU64,
    /// Texts whose removal some client has seen.
    confirmed: Mutex<HashSet<String>>,
}

#[derive(Clone, Copy, Debug)]
enum Role {
    Writer { verbose: bool },
    Reader { mailbox: usize, verbose: bool },
}

/// Writers first, as their logs must be merged before those of the readers; a
/// reader writes too where it finds nothing, to its own mailbox alone.
const ROLES: [Role; 8] = [
    Role::Writer { verbose: false },
    Role::Writer { verbose: false },
    Role::Writer { verbose: true },
    Role::Reader { mailbox: 0, verbose: false },
    Role::Reader { mailbox: 0, verbose: true },
    Role::Reader { mailbox: 1, verbose: false },
    Role::Reader { mailbox: 2, verbose: true },
    Role::Reader { mailbox: FULL, verbose: false },
];

impl Workload {
    pub(super) fn new() -> Self {
        Self { sent: AtomicU64::new(0), confirmed: Mutex::new(HashSet::new()) }
    }

    /// Lets all clients loose until the server is killed; returns their logs.
    pub(super) fn run(
        &self,
        server: &Server,
        trigger: &Trigger,
        random: &mut Random,
    ) -> Vec<Vec<Event>> {
        let addresses = ["mailbox", "mailbox-verbose"].map(|protocol| server.address(protocol));
        let (killed, was_killed) = mpsc::channel();
        thread::scope(|scope| {
            let mut handles = Vec::new();
            for (number, role) in ROLES.into_iter().enumerate() {
                let (Role::Writer { verbose } | Role::Reader { verbose, .. }) = role;
                let mut client = Client {
                    number,
                    verbose,
                    address: addresses[usize::from(verbose)],
                    workload: self,
                    trigger,
                    killed: killed.clone(),
                    random: Random::new(random.number()),
                    log: Vec::new(),
                };
                handles.push(scope.spawn(move || {
                    client.run(role);
                    client.log
                }));
            }
            match trigger.moment {
                Moment::After(delay) => thread::sleep(delay),
                // Where the event does not come, the time is as good a moment.
                _ => drop(was_killed.recv_timeout(TRIGGER_WAIT)),
            }
            trigger.kill();
            let logs = handles.into_iter().map(|handle| handle.join().unwrap());
            writers_before_readers(logs)
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

struct Client<'a> {
    number: usize,
    verbose: bool,
    address: SocketAddr,
    workload: &'a Workload,
    trigger: &'a Trigger,
    killed: mpsc::Sender<()>,
    random: Random,
    log: Vec<Event>,
}

impl Client<'_> {
    /// Works until the server is gone.
    fn run(&mut self, role: Role) {
        let gone = match role {
            Role::Writer { .. } => self.write_for_ever(),
            Role::Reader { mailbox, .. } => self.read_for_ever(mailbox),
        };
        assert!(gone.is_err());
    }

    fn log_in(&self, name: &str) -> io::Result<Wire> {
        let mut wire = Wire::connect(self.address)?;
        wire.send(&format!("LOGIN {name}\n"))?;
        wire.line()?;
        Ok(wire)
    }

    fn write_for_ever(&mut self) -> io::Result<()> {
        let name = format!("writer{}", self.number);
        let mut wire = self.log_in(&name)?;
        loop {
            let depth = 1 + self.random.below(4);
            let mailboxes = (0..depth).map(|_| self.random.index(MAILBOXES.len())).collect();
            self.write(&mut wire, &name, mailboxes)?;
        }
    }

    /// Sends a text to each of the mailboxes, all at once.
    fn write(&mut self, wire: &mut Wire, name: &str, mailboxes: Vec<usize>) -> io::Result<()> {
        let mut commands = String::new();
        let mut texts = Vec::new();
        for mailbox in mailboxes {
            let number = self.workload.sent.fetch_add(1, Ordering::Relaxed);
            let text = format!("<{number}> by {name}{}", ".".repeat(self.length()));
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
        wire.send(&commands)?;
        for text in texts {
            let answer = wire.line()?;
            if answer.starts_with("MESSAGE SENT") {
                self.trigger.saw(Seen::Acknowledged, &self.killed);
                self.log.push(Event::Acknowledged { text });
            } else {
                assert!(answer.starts_with("MESSAGE FAILED"), "{answer}");
                self.log.push(Event::Refused { text });
            }
        }
        Ok(())
    }

    /// Mostly short, some over several pages of the file.
    fn length(&mut self) -> usize {
        let end = if self.random.once_in(8) { 8_000 } else { 200 };
        self.random.index(end)
    }

    fn read_for_ever(&mut self, mailbox: usize) -> io::Result<()> {
        loop {
            let wire = self.log_in(MAILBOXES[mailbox])?;
            self.read_until_the_end(wire, mailbox)?;
        }
    }

    /// Reads in all the ways there are, and leaves at last.
    fn read_until_the_end(&mut self, mut wire: Wire, mailbox: usize) -> io::Result<()> {
        let mut held = Vec::new();
        let read = self.read_command(MAILBOXES[mailbox]);
        loop {
            match self.random.below(20) {
                // A reader that vanishes.
                0 => {
                    wire.reset();
                    return Ok(());
                }
                1 => {
                    self.perhaps_confirmed(&held);
                    wire.finish();
                    return Ok(());
                }
                // Leaves behind what it never saw.
                2 => {
                    self.perhaps_confirmed(&held);
                    wire.send(&format!("{read}{read}EXIT\n"))?;
                    wire.reset();
                    return Ok(());
                }
                3 => self.read(&mut wire, mailbox, &read, 2, &mut held)?,
                // Confirms and takes nothing new.
                4 => self.write_or_ask(&mut wire, mailbox, &mut held)?,
                _ => self.read(&mut wire, mailbox, &read, 1, &mut held)?,
            }
            let is_slow = mailbox == FULL;
            if held.is_empty() || is_slow {
                self.write_or_ask(&mut wire, mailbox, &mut held)?;
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
        wire: &mut Wire,
        mailbox: usize,
        read: &str,
        times: usize,
        held: &mut Vec<String>,
    ) -> io::Result<()> {
        self.perhaps_confirmed(held);
        wire.send(&read.repeat(times))?;
        for number in 0..times {
            let answer = wire.line()?;
            if number == 0 {
                self.confirmed(held);
            }
            if let Some(letter) = self.letter(wire, answer)? {
                self.check_not_confirmed(&letter);
                self.trigger.saw(Seen::HandedOut, &self.killed);
                self.log.push(Event::HandedOut { mailbox, letter: letter.clone() });
                held.push(letter.text);
            }
        }
        Ok(())
    }

    /// The letter that an answer to READ begins.
    fn letter(&self, wire: &mut Wire, answer: String) -> io::Result<Option<Letter>> {
        if answer == "READ ERROR" || answer == "No More Unread Messages." {
            return Ok(None);
        }
        if !self.verbose {
            return Ok(Some(Letter { sender: answer, text: wire.line()? }));
        }
        let mut words = answer.splitn(3, ' ').skip(1).map(str::to_owned);
        let sender = words.next().unwrap();
        Ok(Some(Letter { sender, text: words.next().unwrap() }))
    }

    /// Something else than READ, which proves as much.
    fn write_or_ask(
        &mut self,
        wire: &mut Wire,
        mailbox: usize,
        held: &mut Vec<String>,
    ) -> io::Result<()> {
        self.perhaps_confirmed(held);
        if self.verbose && self.random.once_in(2) {
            wire.send("what now?\n")?;
            assert_eq!(wire.line()?, "UNKNOWN COMMAND");
        } else {
            self.write(wire, MAILBOXES[mailbox], vec![mailbox])?;
        }
        self.confirmed(held);
        Ok(())
    }

    fn perhaps_confirmed(&mut self, held: &[String]) {
        let events = held.iter().map(|text| Event::PerhapsConfirmed { text: text.clone() });
        self.log.extend(events);
    }

    fn confirmed(&mut self, held: &mut Vec<String>) {
        for text in held.drain(..) {
            self.trigger.saw(Seen::Confirmed, &self.killed);
            self.workload.confirmed.lock().unwrap().insert(text.clone());
            self.log.push(Event::Confirmed { text });
        }
    }

    fn check_not_confirmed(&self, letter: &Letter) {
        let confirmed = self.workload.confirmed.lock().unwrap();
        assert!(!confirmed.contains(&letter.text), "handed out after its end: {letter:?}");
    }
}
