//! The office's state of one session.
//!
//! ```text
//!  Anonymous ──LogIn──▶ LoggingIn ──opened──▶ LoggedIn
//!                                 ──opened, claimed──▶ Present
//!                                 ──refused──▶ Anonymous
//!  LoggedIn ──Appear──▶ Appearing ──claimed──▶ Present ──Disappear──▶ LoggedIn
//!                                 ──refused──▶ LoggedIn
//! ```

use std::collections::HashSet;
use std::time::Instant;

use postroom_model::{
    Access, Author, Channel, Committed, Guest, Mark, Name, Password, Peer, PresenceTerms,
    SessionKey, Stamp, Terms,
};
use postroom_store::{AccountId, Lease, Presence, Sender};

use crate::creations::Purse;
use crate::password_change::PasswordChange;
use crate::requests::Requests;

/// The state of a session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) generation: u32,
    pub(crate) peer: Peer,
    /// What its listener lets it do.
    pub(crate) access: Access,
    /// Who its client is while it has not tried to log in.
    pub(crate) guest: Option<Guest>,
    /// The number of its next request while none is under way. Numbers are never
    /// reused.
    next_request: u32,
    /// It has ended; its record stays until its last request is completed.
    pub(crate) has_ended: bool,
    pub(crate) identity: Identity,
    /// Its client has proved that it knows the password of its account.
    pub(crate) has_proved: bool,
    /// The account that it has opened last, which the store keeps for it.
    pub(crate) uses: Option<AccountId>,
    /// Pays for what it creates.
    pub(crate) purse: Purse,
    /// Boxed, and allocated only while it is not empty: most sessions are idle.
    work: Option<Box<Work>>,
}

/// The requests, leases and memberships of a session.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) requests: Requests,
    /// The messages handed out and not confirmed.
    pub(crate) handed_out: HandedOut,
    /// The joined channels, without `#lobby`.
    pub(crate) channels: Vec<Channel>,
    /// The presence to release when the requests are completed, so that no session sees
    /// the account leave before its last post.
    pub(crate) release: Option<Presence>,
    /// The change of its password that it has asked for.
    pub(crate) change: Option<Box<PasswordChange>>,
}

/// The leases of messages that were handed out and are not confirmed.
#[derive(Debug, Default)]
pub(crate) struct HandedOut {
    pub(crate) leases: Vec<Lease>,
    /// When the first of them was handed out.
    pub(crate) since: Option<Instant>,
}

impl HandedOut {
    pub(crate) fn add(&mut self, lease: Lease, now: Instant) {
        self.since.get_or_insert(now);
        self.leases.push(lease);
    }

    /// Takes all of them.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

/// The account of a session.
#[derive(Debug)]
pub(crate) enum Identity {
    Anonymous,
    LoggingIn(Box<LogIn>),
    LoggedIn(Box<Known>),
    /// It claims the presence of its account.
    Appearing(Box<Appearing>),
    Present(Box<Present>),
}

/// An account that a session is about to make present.
#[derive(Debug)]
pub(crate) struct Appearing {
    pub(crate) known: Known,
    pub(crate) terms: PresenceTerms,
}

/// An account, and its name as first registered.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) account: AccountId,
    pub(crate) name: Name,
}

/// A login under way.
#[derive(Debug)]
pub(crate) struct LogIn {
    /// The number of its request.
    pub(crate) number: u32,
    pub(crate) name: Name,
    /// The password that the client gave, if any.
    pub(crate) password: Option<Password>,
    /// The client has proved that it knows the password of the account.
    pub(crate) has_proved: bool,
    /// Nobody may log in with the name: whatever password is given is refused.
    pub(crate) is_banned: bool,
    pub(crate) terms: Terms,
    /// Set while the login waits for a read of the password file.
    pub(crate) waits_since: Option<Instant>,
    /// The client has half-closed: it gets an answer, but its account does not become
    /// present.
    pub(crate) is_ending: bool,
    /// Set once only the presence is left to claim.
    pub(crate) opened: Option<Opened>,
}

/// An account opened for a login.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) account: AccountId,
    pub(crate) name: Name,
    pub(crate) registered: bool,
    pub(crate) unread: u32,
}

/// The account that a session has made present.
#[derive(Debug)]
pub(crate) struct Present {
    pub(crate) account: AccountId,
    pub(crate) name: Name,
    pub(crate) presence: Presence,
    pub(crate) interests: PresenceTerms,
    pub(crate) awaited: Option<Awaited>,
    pub(crate) last_mark: u32,
}

/// A request that is answered after its delivery receipts.
#[derive(Debug)]
pub(crate) struct Awaited {
    /// The number of the request.
    pub(crate) number: u32,
    pub(crate) mark: Mark,
    pub(crate) stage: Stage,
}

#[derive(Debug)]
pub(crate) enum Stage {
    /// The post is not on disk yet.
    Storing {
        /// The sender no longer waits for delivery receipts.
        is_abandoned: bool,
    },
    /// The post is on disk.
    Posted {
        committed: Committed<Stamp>,
        /// The sessions that confirm posts and were sent this one.
        members: Vec<SessionKey>,
        /// Those that have not returned a delivery receipt.
        missing: HashSet<SessionKey>,
        /// A session had no room for the post: some receipts will not arrive.
        is_refused: bool,
    },
    /// The line was passed on to the sessions of an account. These can still confirm it.
    Told { sessions: Vec<SessionKey> },
}

impl Session {
    pub(crate) fn new(
        generation: u32,
        peer: Peer,
        access: Access,
        guest: Option<Guest>,
        purse: Purse,
    ) -> Self {
        let identity = Identity::Anonymous;
        let (next_request, uses, work) = (0, None, None);
        let (has_ended, has_proved) = (false, false);
        Self {
            generation,
            peer,
            access,
            guest,
            next_request,
            has_ended,
            identity,
            has_proved,
            uses,
            purse,
            work,
        }
    }

    /// The account that the session is logged in to.
    pub(crate) fn account(&self) -> Option<AccountId> {
        match &self.identity {
            Identity::LoggedIn(known) => Some(known.account),
            Identity::Appearing(appearing) => Some(appearing.known.account),
            Identity::Present(present) => Some(present.account),
            Identity::Anonymous | Identity::LoggingIn(_) => None,
        }
    }

    /// The account as which it enters private channels: one that it was opened without its
    /// password may have got one since.
    pub(crate) fn reader(&self) -> Option<AccountId> {
        self.account().filter(|_| self.has_proved)
    }

    /// The account that it is logged in to, with its name.
    pub(crate) fn known(&self) -> Option<Known> {
        match &self.identity {
            Identity::LoggedIn(known) => Some(Known::clone(known)),
            Identity::Appearing(appearing) => Some(appearing.known.clone()),
            Identity::Present(present) => {
                let Present { account, name, .. } = &**present;
                Some(Known { account: *account, name: name.clone() })
            }
            Identity::Anonymous | Identity::LoggingIn(_) => None,
        }
    }

    /// Who sends the messages that it leaves, if it may leave any.
    pub(crate) fn sender(&self) -> Option<Sender> {
        match (self.account(), self.guest) {
            (Some(account), _) => Some(account.into()),
            (None, Some(Guest::Web)) => Some(Sender::Web),
            (None, Some(Guest::Board) | None) => None,
        }
    }

    pub(crate) fn present(&mut self) -> Option<&mut Present> {
        match &mut self.identity {
            Identity::Present(present) => Some(present),
            _ => None,
        }
    }

    /// The work of the session, if it has any.
    pub(crate) fn work(&mut self) -> Option<&mut Work> {
        self.work.as_deref_mut()
    }

    /// The work of the session; if it has none, an empty one from `spare`.
    pub(crate) fn work_or(&mut self, spare: &mut SpareWork) -> &mut Work {
        self.work.get_or_insert_with(|| spare.take(self.next_request))
    }

    /// Whether requests are pending.
    pub(crate) fn has_requests(&self) -> bool {
        self.work.as_ref().is_some_and(|work| !work.requests.is_empty())
    }

    /// No request is pending any more: takes the presence to be released, and gives the
    /// work of the session to `spare` if nothing is left in it.
    pub(crate) fn rest(&mut self, spare: &mut SpareWork) -> Option<Presence> {
        let release = self.work()?.release.take();
        let is_empty =
            |work: &mut Box<Work>| work.handed_out.leases.is_empty() && work.channels.is_empty();
        if let Some(work) = self.work.take_if(is_empty) {
            self.next_request = work.requests.next();
            spare.put(work);
        }
        release
    }
}

/// Free boxes for the work of sessions.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "the boxes themselves are used again")]
pub(crate) struct SpareWork(Vec<Box<Work>>);

impl SpareWork {
    const MAX: usize = 256;

    #[expect(clippy::unnecessary_box_returns, reason = "the box itself is used again")]
    fn take(&mut self, next_request: u32) -> Box<Work> {
        let mut work = self.0.pop().unwrap_or_default();
        work.requests.begin_at(next_request);
        work
    }

    fn put(&mut self, work: Box<Work>) {
        if self.0.len() < Self::MAX {
            self.0.push(work);
        }
    }
}

impl Present {
    /// The next mark of this session.
    pub(crate) fn next_mark(&mut self, session: SessionKey) -> Mark {
        self.last_mark = self.last_mark.wrapping_add(1);
        Mark { session, number: self.last_mark }
    }
}

/// By whom a post is, as it is shown and as it is stored.
pub(crate) fn author(known: Option<Known>, guest: Option<Guest>) -> (Author, Option<Sender>) {
    match (known, guest) {
        (Some(Known { account, name }), _) => (Author::Account(name), Some(account.into())),
        (None, Some(Guest::Web)) => (Author::Web, Some(Sender::Web)),
        (None, Some(Guest::Board) | None) => (Author::Board, None),
    }
}
