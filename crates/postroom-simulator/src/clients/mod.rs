//! Clients: what they say, and what they make of the answers.
//!
//! A client tells the [`Judge`] what it does and sees. It panics itself at an answer that
//! its protocol does not allow.

mod board;
mod chat;
mod im;
mod mailbox;
mod mailbox_verbose;
mod own_account;

use std::collections::{BTreeSet, VecDeque};

use crate::judge::{Act, BlockId, Judge, Login, Observer, Visit};
use crate::lock::{Secret, WRONG};
use crate::peer::PeerKey;
use crate::person::{Manners, Person, Speaks};
use crate::random::Random;
use crate::texts::{Place, TextId};

/// A line that waits for its answer.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) what: What,
    /// The number of the line among those of the connection.
    line: u32,
    /// When it was said.
    pub(crate) at: u64,
    /// Nothing else was on its way then: it proves that all before it has arrived.
    proves: bool,
}

/// What a line asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum What {
    LogIn,
    /// A connection back.
    Port,
    Compose(TextId, &'static str),
    Read,
    /// The text of a message from this sender, whose line has come.
    ReadText(String),
    Count,
    /// Who is present; these were listed so far, once the answer has begun.
    List(Option<Vec<String>>),
    /// A post that is answered.
    Post(TextId),
    /// A post or a live line whose success has no answer.
    Say(TextId),
    /// A live line that is answered.
    Tell(TextId),
    Join(&'static str),
    Leave(&'static str),
    /// Posts of a channel, until the connection ends.
    Posts,
    /// The latest text of the board.
    Latest,
    /// A password for another one.
    Passwd(Secret, Secret),
    Block(BlockId),
    /// Whom it has blocked; these were listed so far, once the answer has begun.
    Blocked(Option<Vec<String>>),
    /// Anything in one line.
    Line,
}

impl What {
    /// Whether the answer waits for nothing but the server.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self, Self::Count | Self::List(_) | Self::Blocked(_) | Self::Line)
    }
}

/// A channel that a client follows.
#[derive(Debug)]
struct Followed {
    channel: &'static str,
    observer: Observer,
}

/// What a client says and hears on one connection.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is for itself")]
pub(crate) struct Talk {
    pub(crate) visit: Visit,
    pub(crate) front: PeerKey,
    person: Person,
    /// What it has said and not sent.
    pub(crate) outbox: Vec<u8>,
    /// What it has said on the connection back, and not sent.
    pub(crate) back_outbox: Vec<u8>,
    pub(crate) asked: VecDeque<Asked>,
    /// Lines that it has said.
    pub(crate) lines: u32,
    partial: Vec<u8>,
    back_partial: Vec<u8>,
    followed: Vec<Followed>,
    pub(crate) is_in: bool,
    /// It has said all, and waits for the end.
    pub(crate) has_ended: bool,
    /// It has broken a rule for which the server may end the connection.
    pub(crate) is_at_fault: bool,
    /// An operator may have ended its session.
    pub(crate) is_sent_away: bool,
    /// Pushes that it has not answered.
    pub(crate) pushes: VecDeque<TextId>,
    /// It says nothing at all.
    pub(crate) is_mute: bool,
    /// The password that it gives.
    given: Option<Secret>,
    /// It has read a message: what it says next may wait for the removal.
    pub(crate) has_read: bool,
    /// It was told that it has missed lines.
    pub(crate) has_missed: bool,
    /// Those it was told to have left.
    absent: BTreeSet<String>,
    /// Turns of the server since it could have answered.
    pub(crate) turns_waited: u32,
}

impl Talk {
    /// A client that has connected, and says its first lines.
    pub(crate) fn new(
        visit: Visit,
        front: PeerKey,
        person: &Person,
        random: &mut Random,
        judge: &mut Judge,
    ) -> Self {
        let mut talk = Self {
            visit,
            front,
            person: person.clone(),
            outbox: Vec::new(),
            back_outbox: Vec::new(),
            asked: VecDeque::new(),
            lines: 0,
            partial: Vec::new(),
            back_partial: Vec::new(),
            followed: Vec::new(),
            is_in: false,
            has_ended: false,
            is_at_fault: false,
            is_sent_away: false,
            pushes: VecDeque::new(),
            is_mute: person.is_mute(random),
            given: given(person, random, judge),
            has_read: false,
            has_missed: false,
            absent: BTreeSet::new(),
            turns_waited: 0,
        };
        judge.mailboxes.visits(person.name, visit);
        let logs_in = !talk.is_mute && person.speaks != Speaks::Board;
        if logs_in {
            judge.locks.tries(talk.login());
        }
        if matches!(person.manners, Manners::Slow | Manners::Deaf) {
            judge.presences.is_behind(visit);
        }
        if talk.is_mute {
            talk.is_at_fault = true;
            return talk;
        }
        match person.speaks {
            Speaks::Mailbox => talk.mailbox_log_in(judge),
            Speaks::MailboxVerbose => talk.verbose_log_in(judge),
            Speaks::Im => talk.im_log_in(judge),
            Speaks::Board => talk.board_ask(random, judge),
            Speaks::Chat => talk.chat_log_in(judge),
        }
        talk
    }

    pub(crate) fn name(&self) -> &'static str {
        self.person.name
    }

    pub(crate) fn speaks(&self) -> Speaks {
        self.person.speaks
    }

    /// How it logs in.
    pub(crate) fn login(&self) -> Login {
        let Person { name, access, speaks, .. } = self.person;
        Login { name, given: self.given, access, admits_strangers: speaks != Speaks::Im }
    }

    /// The client, which asked at this moment, is let in.
    fn let_in(&mut self, asked: u64, judge: &mut Judge) {
        judge.let_in(self.login(), asked);
        judge.usage.done(self.visit, Act::Login, judge.now);
        self.is_in = true;
    }

    /// A post or a live line of the client is answered.
    fn has_said(&self, id: TextId, judge: &mut Judge) {
        // What is said to oneself on im goes nowhere.
        if judge.texts[id.0].place != Place::Live(self.person.name) {
            judge.usage.done(self.visit, Act::Word, judge.now);
        }
    }

    /// Says a line, whose answer is this.
    fn ask(&mut self, line: &str, what: What, judge: &mut Judge) {
        self.outbox.extend_from_slice(line.as_bytes());
        self.lines += 1;
        // On chat the lines of others may be on their way, and on im a push is confirmed by
        // its receipt and by nothing else.
        let is_mailbox = matches!(self.person.speaks, Speaks::Mailbox | Speaks::MailboxVerbose);
        let proves = is_mailbox && self.asked.is_empty();
        self.asked.push_back(Asked { what, line: self.lines, at: judge.tick(), proves });
    }

    /// Says a line that has no answer.
    fn say_unanswered(&mut self, line: &str) {
        self.outbox.extend_from_slice(line.as_bytes());
        self.lines += 1;
    }

    /// Says its next line, if it may say one.
    pub(crate) fn say(&mut self, random: &mut Random, judge: &mut Judge) {
        if self.has_ended || !self.is_in || self.asked.len() >= self.person.lines_at_once() {
            return;
        }
        if self.person.manners == Manners::Rude && random.chance(100) {
            return self.say_nonsense(random, judge);
        }
        match self.person.speaks {
            Speaks::Mailbox => self.mailbox_say(random, judge),
            Speaks::MailboxVerbose => self.verbose_say(random, judge),
            Speaks::Im => self.im_say(random, judge),
            Speaks::Board => {}
            Speaks::Chat => self.chat_say(random, judge),
        }
    }

    /// Says something that is no command.
    fn say_nonsense(&mut self, random: &mut Random, judge: &mut Judge) {
        let nonsense: &[u8] = random.pick(&[
            b"/nonsense\n" as &[u8],
            b"\xff\xfe\n",
            b"nonsense \0 with a NUL\n",
            b"\xff\xfb\x01\xff\xfd\x03\n",
            b"\n",
        ]);
        self.outbox.extend_from_slice(nonsense);
        self.lines += 1;
        match self.person.speaks {
            Speaks::Mailbox => (self.is_at_fault, self.has_ended) = (true, true),
            // A negotiation of telnet, which takes the line's end along.
            Speaks::Chat if nonsense == b"\xff\xfe\n" => {}
            _ => {
                let (line, at) = (self.lines, judge.tick());
                self.asked.push_back(Asked { what: What::Line, line, at, proves: false });
            }
        }
    }

    /// Says that it leaves.
    pub(crate) fn leave(&mut self, judge: &mut Judge) {
        if self.has_ended {
            return;
        }
        self.has_ended = true;
        judge.tick();
        judge.leaves(self.visit);
        match self.person.speaks {
            Speaks::Mailbox | Speaks::MailboxVerbose => self.say_unanswered("EXIT\n"),
            Speaks::Im => self.ask("/exit\n", What::Line, judge),
            Speaks::Chat => self.ask("/quit\n", What::Line, judge),
            Speaks::Board => self.lines += 1,
        }
    }

    /// Takes so much of what it has said, to be sent.
    pub(crate) fn take_outbox(&mut self, bytes: usize) -> Vec<u8> {
        self.outbox.drain(..bytes.min(self.outbox.len())).collect()
    }

    /// Looks at bytes that it has received on the connection that it opened.
    pub(crate) fn receive(&mut self, bytes: &[u8], judge: &mut Judge) {
        self.partial.extend_from_slice(bytes);
        while let Some(line) = take_line(&mut self.partial) {
            self.turns_waited = 0;
            judge.tick();
            match self.person.speaks {
                Speaks::Mailbox => self.mailbox_answer(&line, judge),
                Speaks::MailboxVerbose => self.verbose_answer(&line, judge),
                Speaks::Im => self.im_answer(&line, judge),
                Speaks::Board => self.board_answer(&line, judge),
                Speaks::Chat => self.chat_line(&line, judge),
            }
        }
    }

    /// Looks at bytes that it has received on the connection that the server opened.
    pub(crate) fn receive_back(&mut self, bytes: &[u8], judge: &mut Judge) {
        self.back_partial.extend_from_slice(bytes);
        while let Some(line) = take_line(&mut self.back_partial) {
            judge.tick();
            self.im_push(&line, judge);
        }
    }

    /// The server has ended the connection, and all that it sent was read.
    pub(crate) fn check_end(&mut self, judge: &mut Judge) {
        if self.person.speaks == Speaks::Board && !self.partial.is_empty() {
            // The answer to a download has no end of line.
            let rest = String::from_utf8(std::mem::take(&mut self.partial));
            self.board_answer(&rest.expect("answers are UTF-8"), judge);
        }
    }

    /// The connection is over, as far as the client knows.
    pub(crate) fn ended(&mut self, judge: &mut Judge) {
        judge.tick();
        judge.mailboxes.ended(self.visit, self.lines);
        judge.posts.ended(self.visit);
        judge.leaves(self.visit);
    }

    /// Takes the line that an answer is for: it was the next one.
    fn answered(&mut self, line: &str, judge: &mut Judge) -> Asked {
        let asked = self.asked.pop_front();
        let asked =
            asked.unwrap_or_else(|| panic!("{line:?} answers nothing of {}", self.person.name));
        if asked.proves {
            let at = judge.clock;
            judge.mailboxes.answered(self.visit, asked.line, at);
        }
        asked
    }

    /// A message of the client's mailbox was read, by the line of this number.
    fn saw_message(&mut self, asked: u32, sender: &str, shown: &str, judge: &mut Judge) {
        let id = crate::texts::text_of(shown);
        judge.check_shown(id, sender, shown);
        self.has_read = true;
        judge.mailboxes.seen(self.person.name, id, self.visit, asked);
    }

    /// The client follows a channel, as it asked at this moment.
    fn follow(
        &mut self,
        channel: &'static str,
        asked: u64,
        is_lossy: bool,
        judge: &mut Judge,
    ) -> Observer {
        // Nobody has a name on the board.
        let account = (self.person.speaks != Speaks::Board).then_some(self.person.name);
        let who = (self.visit, account);
        let observer = judge.posts.follow(who, channel, asked, is_lossy);
        self.followed.push(Followed { channel, observer });
        observer
    }

    fn observer(&self, channel: &str) -> Observer {
        let followed = self.followed.iter().rev().find(|followed| followed.channel == channel);
        let Some(Followed { observer, .. }) = followed else {
            panic!("{} is told of {channel}, which it has not joined", self.person.name);
        };
        *observer
    }

    /// A post of a channel is shown.
    fn saw_post(&mut self, channel: &str, author: &str, shown: &str, judge: &mut Judge) {
        let id = crate::texts::text_of(shown);
        judge.check_shown(id, author, shown);
        let is_own = author == self.person.name && self.person.speaks != Speaks::Board;
        assert!(!is_own, "{:?} is told of its own {id:?}", self.visit);
        judge.posts.seen(&judge.texts, self.observer(channel), id);
    }
}

/// The password that a client gives.
fn given(person: &Person, random: &mut Random, judge: &mut Judge) -> Option<Secret> {
    let is_wrong = random.chance(if person.manners == Manners::Rude { 300 } else { 50 });
    let given = if is_wrong {
        judge.locks.pick_wrong(person.name, random)
    } else {
        let chooses = random.chance(if person.is_new() { 700 } else { 50 });
        judge.locks.pick(person.name, chooses, random)
    };
    // A login on im has one always.
    given.or((person.speaks == Speaks::Im).then_some(WRONG))
}

/// Takes the first line, without its end.
fn take_line(partial: &mut Vec<u8>) -> Option<String> {
    let end = partial.iter().position(|byte| *byte == b'\n')?;
    let mut line: Vec<u8> = partial.drain(..=end).collect();
    line.pop();
    // Answers to negotiations of telnet: three bytes each.
    while let Some(at) = line.iter().position(|byte| *byte == 0xff) {
        line.drain(at..at + 3);
    }
    assert!(line.len() <= 32_768, "a line has {} bytes", line.len());
    let line = String::from_utf8(line).expect("lines are UTF-8");
    let is_harmless = |c: char| {
        (c == '\t' || !c.is_control())
            && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(line.chars().all(is_harmless), "{line:?} is not safe to show");
    Some(line)
}
