//! When sessions are told who joins and leaves.
//!
//! Changes gather and are announced together: a session gets at most one line in that
//! time, however many join and leave. Where one turn can tell all, the first change after
//! a quiet time is announced at once, and those within [`GATHERING`] after it gather.
//! Otherwise all gather for [`CROWD_GATHERING`], in which the loop takes the ends of
//! thousands of connections. The time begins when all have been told of the last
//! announcement. Only an arriving session that says something is announced earlier, by the
//! office.

use std::time::{Duration, Instant};

use postroom_office::Announcements;
use postroom_store::Store;

use crate::Engine;
use crate::recent::ChannelPlace;
use crate::telling::TELLS_MAX;
use crate::timers::{Deadline, Slot};

/// How long changes gather.
const GATHERING: Duration = Duration::from_millis(100);
/// How long they gather where one turn cannot tell all.
const CROWD_GATHERING: Duration = Duration::from_millis(250);

/// The state of announcements.
#[derive(Debug)]
pub(crate) struct Announcing {
    /// Where sessions are being told of the last announcement.
    under_way: Option<ChannelPlace>,
    /// A quiet time begins.
    quiet_from: Instant,
    /// When the changes that gather now are announced.
    due_at: Option<Instant>,
    /// The deadline for that.
    pub(crate) deadline: Slot,
}

impl Announcing {
    pub(crate) fn new(now: Instant) -> Self {
        Self { under_way: None, quiet_from: now, due_at: None, deadline: Slot::default() }
    }
}

impl<S: Store> Engine<S> {
    /// Keeps announcements for the sessions that are told.
    pub(crate) fn announced(&mut self, mut announcements: Announcements) {
        self.announcing.due_at = None;
        let sessions = std::mem::take(&mut announcements.sessions);
        let position = self.recent.announce(announcements);
        self.announcing.under_way = Some(position.channel);
        self.list_due(position, sessions);
    }

    /// Has the office announce what has gathered, if it is time; returns whether it does.
    pub(crate) fn announce_if_due(&mut self) -> bool {
        let (now, announcing) = (self.now, &mut self.announcing);
        if announcing.under_way.is_some_and(|channel| !self.due.is_due(channel)) {
            announcing.under_way = None;
            announcing.quiet_from = now + GATHERING;
        }
        if announcing.under_way.is_some() || !self.office.has_changes() {
            return false;
        }
        let is_crowd = self.office.listeners() > TELLS_MAX;
        let earliest = if is_crowd { now + CROWD_GATHERING } else { now };
        let due_at = *announcing.due_at.get_or_insert(earliest.max(announcing.quiet_from));
        if now < due_at {
            if !announcing.deadline.is_set() {
                self.timers.set(&mut announcing.deadline, Deadline::Announcement, Some(due_at));
            }
            return false;
        }
        announcing.due_at = None;
        self.office.announce();
        true
    }
}
