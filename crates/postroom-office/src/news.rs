//! What the office has to tell, and to whom.

use postroom_model::{Channel, Event, Reply};
use postroom_store::{AccountId, Damaged};

use crate::visit::SessionKey;

/// Something to be told, in the order in which it happened.
#[derive(Debug)]
pub enum News {
    /// To the session that asked.
    Reply(SessionKey, Reply),
    /// To whom it concerns when it is told: see
    /// [`Office::audience`](crate::Office::audience).
    Event(Audience, Event),
    /// To the operator: the store has no room to lock an account of the password
    /// file. Told once, until [`AllLocked`](Self::AllLocked).
    NotLocked,
    /// To the operator: the locks that failed have been set.
    AllLocked,
    /// To the operator: reading the password file takes so long that logins go on
    /// without it. Told once, until [`PasswordsInTime`](Self::PasswordsInTime), and
    /// when the operator asks for a read.
    PasswordsLate,
    /// To the operator: the password file is read in time again.
    PasswordsInTime,
    /// To the operator: a record of the store is damaged and was set aside.
    Damaged(Damaged),
}

/// Whom an event concerns.
#[derive(Clone, Debug)]
pub enum Audience {
    /// One session.
    Session(SessionKey),
    /// All sessions of an account that is present.
    Account(AccountId),
    /// All sessions that were in a channel when something was said there, but one.
    Channel {
        /// The channel.
        channel: Channel,
        /// The session that knows already.
        except: SessionKey,
        /// When it was said.
        at: Moment,
    },
    /// All sessions that want to be told who comes and goes, but one.
    Arrivals {
        /// The session that knows already.
        except: SessionKey,
    },
}

/// A place in the order of what is said and of who joins where: who joins later
/// than something was said is not told of it.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(pub(crate) u64);

/// A session in a channel.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The session.
    pub session: SessionKey,
    /// When it joined.
    pub since: Moment,
}
