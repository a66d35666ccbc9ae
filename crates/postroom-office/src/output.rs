//! The outputs of the office and their recipients.

use postroom_model::{Attendee, Channel, Event, Reply, SessionKey};
use postroom_store::Damaged;

/// An output. The driver passes outputs on in the order in which it takes them.
#[derive(Debug)]
pub enum Output {
    /// To the session that asked.
    Reply(SessionKey, Reply),
    /// To these sessions; some may have ended meanwhile.
    Event(Vec<SessionKey>, Event),
    /// Posts in one channel.
    Posts(Posts),
    /// An account became present: for the log.
    Arrived(Attendee),
    /// An account is no longer present: for the log.
    Departed(Attendee),
    /// The session has left the channel.
    Left(SessionKey, Channel),
    /// To the operator.
    Operator(Operator),
}

/// Posts in one channel, for its members.
#[derive(Debug)]
pub struct Posts {
    /// The channel.
    pub channel: Channel,
    /// The members; some may have ended meanwhile.
    pub members: Vec<SessionKey>,
    /// The posts in the order of the channel, each with the session that posted it,
    /// which does not receive it.
    pub posts: Vec<(SessionKey, Event)>,
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
