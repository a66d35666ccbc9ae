//! What must be true, whatever happens: each promise as a model that the clients feed with
//! what they do and see. A broken promise panics.

mod backups;
mod bans;
mod blocks;
mod histories;
mod imports;
mod lives;
mod locks;
mod mailboxes;
mod peers;
mod posts;
mod presence;
mod usage;

use std::collections::BTreeSet;
use std::time::Duration;

use postroom_model::Safe;
use postroom_store::Timestamp;

use crate::person::MOVED;
use crate::random::Random;
use crate::scenario::Rules;
use crate::texts::{Answer, Place, TextId, Written, mark};

pub(crate) use bans::{BanId, Bans, Subject};
pub(crate) use blocks::{BlockId, Blocks};
pub(crate) use lives::Lives;
pub(crate) use locks::{Change, ChangeId, Excuses, Locks, Login};
pub(crate) use mailboxes::Mailboxes;
pub(crate) use peers::{Group, Peers, groups};
pub(crate) use posts::{Observer, Posts};
pub(crate) use presence::Presences;
pub(crate) use usage::{Act, Usage};

/// One connection of one client, from its connecting to its end.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Visit(pub(crate) usize);

impl Visit {
    /// The port of its client.
    pub(crate) fn port(self) -> u16 {
        u16::try_from(10_000 + self.0 % 50_000).unwrap_or(1)
    }
}

/// What the clients know of each promise.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    /// Grows with all that clients do and see, so that what was seen before something else
    /// was begun can be told from what was not.
    pub(crate) clock: u64,
    pub(crate) texts: Vec<Written>,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) posts: Posts,
    pub(crate) presences: Presences,
    pub(crate) lives: Lives,
    pub(crate) usage: Usage,
    pub(crate) peers: Peers,
    pub(crate) locks: Locks,
    pub(crate) blocks: Blocks,
    pub(crate) bans: Bans,
    imports: imports::Imports,
    /// Texts that have reached a client's machine, or on im were answered by 302.
    pub(crate) arrived: BTreeSet<TextId>,
    /// There are accounts that an operator may rename and delete.
    pub(crate) has_aside: bool,
    /// The store carries out every call, sooner or later.
    pub(crate) is_store_sound: bool,
    /// Nothing is late or lost on the network, and the process runs without a break.
    pub(crate) is_punctual: bool,
    /// The time since the beginning.
    pub(crate) now: Duration,
    /// The time of day.
    wall: Timestamp,
}

impl Judge {
    /// From this moment on this is in force.
    pub(crate) fn set_rules(&mut self, rules: &Rules, at: u64, now: Duration) {
        self.mailboxes.set_limits(rules.limits, at);
        self.usage.set_limits(&rules.settings);
        self.peers.set_limits(&rules.settings.peers, now);
    }

    /// A turn begins, at this time of day.
    pub(crate) fn time_is(&mut self, wall: Timestamp) {
        self.wall = wall;
        self.mailboxes.time_is(&self.texts, wall);
        if !self.bans.is_empty() {
            let moment = self.tick();
            self.bans.time_is(wall, moment);
        }
    }

    /// The next moment.
    pub(crate) fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// A client writes a text of at most so many bytes; returns its line.
    pub(crate) fn write(
        &mut self,
        author: &'static str,
        place: Place,
        bytes_max: usize,
        random: &mut Random,
    ) -> (TextId, String) {
        let id = TextId(self.texts.len());
        let mut said = mark(id);
        if let Place::Channels(channels) = &place
            && author == BOARD
        {
            for channel in channels.iter().filter(|channel| **channel != BOARD_CHANNEL) {
                said.push(' ');
                said.push_str(channel);
            }
        }
        let length = match random.below(20) {
            0 => bytes_max,
            1..4 => bytes_max / 8,
            _ => bytes_max.min(12),
        };
        if random.chance(100) && length >= said.len() + 12 {
            // Control characters are shown in caret notation, some letters have two bytes.
            said.push_str("\u{1b}[0m\u{7}é\u{202e}");
        }
        if said.len() < length {
            // What follows is no part of a hashtag.
            said.push(' ');
        }
        while said.len() < length {
            said.push(char::from(b'a' + u8::try_from(said.len() % 26).unwrap_or(0)));
        }
        let shown = Safe(&said).to_string();
        if let Place::Mailbox(recipient) = place {
            self.mailboxes.add(recipient, id);
        }
        let begun = self.tick();
        let (stored, answer, import) = (self.wall, Answer::Open, None);
        self.texts.push(Written { shown, author, place, begun, stored, answer, import });
        (id, said)
    }

    /// A client saw that its text is stored, or delivered.
    pub(crate) fn acknowledged(&mut self, id: TextId) {
        let at = self.tick();
        let written = &mut self.texts[id.0];
        assert!(!written.is_refused(), "{id:?} is refused and acknowledged");
        written.answer = Answer::Acknowledged { at };
        self.blocks.check_passed(&self.texts[id.0]);
        let written = &self.texts[id.0];
        match written.place {
            Place::Mailbox(recipient) => {
                self.locks.written_to(recipient, id, written.begun, at);
                self.mailboxes.check_capacity(&self.texts, id, recipient);
                self.mailboxes.check_accounts(&self.texts, &self.locks.locked());
            }
            Place::Channels(_) => {}
            Place::Live(recipient) => {
                let has_arrived = self.arrived.contains(&id);
                assert!(has_arrived, "{id:?} is delivered and did not reach {recipient}");
            }
        }
    }

    /// A client saw that its text is not stored.
    pub(crate) fn refused(&mut self, id: TextId) {
        let written = &mut self.texts[id.0];
        assert!(written.acknowledged_at().is_none(), "{id:?} is acknowledged and refused");
        written.answer = Answer::Refused;
        self.mailboxes.check_refused(id);
        self.posts.check_refused(id);
    }

    /// The server has ended a connection.
    pub(crate) fn closed(&mut self, visit: Visit) {
        self.tick();
        self.mailboxes.closed(visit);
        self.leaves(visit);
    }

    /// A client begins to leave, or its connection is over.
    pub(crate) fn leaves(&mut self, visit: Visit) {
        self.presences.leaves(visit);
        self.lives.leaves(visit);
        self.posts.ended(visit);
    }

    /// The process has ended.
    pub(crate) fn all_gone(&mut self, at: u64) {
        self.presences.all_gone(at);
        self.posts.all_gone();
        self.lives.all_gone();
    }

    /// Some line shows this text: it must be whole, and its author's.
    pub(crate) fn check_shown(&mut self, id: TextId, author: &str, shown: &str) {
        let Some(written) = self.texts.get(id.0) else {
            panic!("nobody has written {shown:?}");
        };
        assert!(written.shown == shown, "{id:?} is {:?}, and shown as {shown:?}", written.shown);
        // An account is shown with the name that it has.
        let is_moved = MOVED.contains(&author) && MOVED.contains(&written.author);
        let is_author = is_moved || written.author == author;
        assert!(is_author, "{id:?} is by {}, not {author}", written.author);
        assert!(!written.is_refused(), "{id:?} is refused and shown");
        if let Some(import) = written.import {
            let at = self.tick();
            self.import_is_there(import, at);
        }
    }
}

/// The author of what comes from the board.
pub(crate) const BOARD: &str = "@board";
/// Stands for all texts of the board.
pub(crate) const BOARD_CHANNEL: &str = "@board";
