//! What the office has to say, and to whom.

use postroom_model::{Channel, Event, Reply, SessionKey};
use postroom_store::Damaged;

/// Something to be passed on, in the order in which it happened.
#[derive(Debug)]
pub enum Output {
    /// To the session that asked.
    Reply(SessionKey, Reply),
    /// To these sessions, some of which may have ended meanwhile.
    Event(Vec<SessionKey>, Event),
    /// Posts in one channel.
    Posts(Posts),
    /// To the operator.
    Operator(Operator),
}

/// Posts in one channel, to be shown to its members.
#[derive(Debug)]
pub struct Posts {
    /// Its members, some of which may have ended meanwhile.
    pub members: Vec<SessionKey>,
    /// In the order of the channel, each with the session that posted it and does not
    /// see it.
    pub posts: Vec<(SessionKey, Event)>,
}

/// What the operator is to know.
#[derive(Debug)]
pub enum Operator {
    /// The store has no room to lock an account of the password file. Told once,
    /// until [`AllLocked`](Self::AllLocked).
    NotLocked,
    /// The locks that failed have been set.
    AllLocked,
    /// Reading the password file takes so long that logins go on without it. Told
    /// once, until [`PasswordsInTime`](Self::PasswordsInTime), and when the operator
    /// asks for a read.
    PasswordsLate,
    /// The password file is read in time again.
    PasswordsInTime,
    /// A record of the store is damaged and was set aside.
    Damaged(Damaged),
}

impl Posts {
    /// Whether these are posts in this channel.
    pub(crate) fn is_in(&self, channel: &Channel) -> bool {
        match self.posts.first() {
            Some((_, Event::Posted(first))) => first.channel == *channel,
            _ => false,
        }
    }
}
