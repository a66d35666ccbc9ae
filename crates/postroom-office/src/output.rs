//! The outputs of the office and their recipients.

use std::collections::HashMap;
use std::time::Instant;

use postroom_model::{Attendee, Channel, Event, Posted, Reply, SessionKey};
use postroom_store::{Damaged, Swept};

use crate::administration::{AboutAccounts, AdminTicket};
use crate::bans::AboutBan;
use crate::channels::AboutChannels;

/// An output. The driver passes outputs on in the order in which it takes them.
#[derive(Debug)]
pub enum Output {
    /// To the session that asked.
    Reply(SessionKey, Reply),
    /// To these sessions; some may have ended meanwhile.
    Event(Vec<SessionKey>, Event),
    /// Posts in channels.
    Posts(Posts),
    /// Arrivals and departures, for sessions.
    Announcements(Announcements),
    /// An account became present: for the log.
    Arrived(Attendee),
    /// An account is no longer present: for the log.
    Departed(Attendee),
    /// The session has left the channel.
    Left(SessionKey, Channel),
    /// The channel was private, and is deleted.
    Gone(Channel),
    /// To the operator.
    Operator(Operator),
    /// To the operator who asked.
    Administered(AdminTicket, AboutAccounts),
    /// To the operator who asked about channels.
    AboutChannels(AdminTicket, AboutChannels),
    /// A [sweep](crate::Office::sweep) has ended; `None` if the store could not carry it out.
    Swept(Option<Swept>),
    /// To the operator who asked for a ban.
    AboutBan(AdminTicket, AboutBan),
    /// The session must end: its account has another name, is gone, or is banned.
    Expelled(SessionKey),
}

/// Posts in channels, for their members.
#[derive(Debug, Default)]
pub struct Posts {
    /// The channels, each with its members; some may have ended meanwhile.
    pub channels: Vec<(Channel, Vec<SessionKey>)>,
    /// The posts in the order of their commits, each in one of the channels.
    pub posts: Vec<NewPost>,
}

/// A post that is on disk and has not been told.
#[derive(Debug)]
pub struct NewPost {
    /// The session that posted it, which does not receive it.
    pub author: SessionKey,
    /// The post.
    pub posted: Posted,
    /// When it was asked for.
    pub asked_at: Instant,
}

/// The announcements of one crowd.
#[derive(Debug)]
pub struct Announcements {
    /// The sessions that are told; some may have ended meanwhile.
    pub sessions: Vec<SessionKey>,
    /// For sessions that were there before the first of the changes; `None` if nothing
    /// has changed for them.
    pub(crate) to_earlier: Option<Event>,
    /// For sessions that became present with one of the changes.
    pub(crate) to_newcomers: HashMap<SessionKey, Option<Event>>,
}

impl Announcements {
    /// What a session is told.
    #[must_use]
    pub fn event_for(&self, session: SessionKey) -> Option<&Event> {
        match self.to_newcomers.get(&session) {
            Some(event) => event.as_ref(),
            None => self.to_earlier.as_ref(),
        }
    }

    /// How many different events there are.
    #[must_use]
    pub fn events(&self) -> usize {
        self.to_newcomers.len() + 1
    }
}

/// A message to the operator.
#[derive(Debug)]
pub enum Operator {
    /// The store has no room to lock an account of the password file. Sent once, until
    /// [`AllLocked`](Self::AllLocked).
    NotLocked,
    /// All failed locks have been set.
    AllLocked,
    /// Reading the password file takes so long that logins go on without it. Sent once,
    /// until [`PasswordsInTime`](Self::PasswordsInTime), and when the operator asks for
    /// a read.
    PasswordsLate,
    /// The password file is read in time again.
    PasswordsInTime,
    /// A record of the store is damaged and was set aside.
    Damaged(Damaged),
}
