//! The office: what happens behind all counters.
//!
//! It composes the atomic calls of the [`Store`] into what sessions ask for, and
//! keeps only what belongs to a session: which account it acts for and which
//! messages it was handed. It owns no thread and no clock; passwords are
//! checked by whoever drives it, see [`Check`].

pub mod password;
mod visit;

use postroom_model::{Composed, Delivery, LogInRefusal, Password, Reply, Request, SendRefusal};
use postroom_store::{
    Call, Completion, Key, Outcome, PasswordHash, Store, StoreFailure, Ticket, Timestamp,
};
use slab::Slab;

use visit::{Entrance, Standing, Visit};

pub use visit::SessionId;

/// Accounts and mailboxes, as sessions see them.
#[derive(Debug)]
pub struct Office<S> {
    store: S,
    visits: Slab<Visit>,
    /// Distinguishes the sessions that use one place of `visits` in turn.
    next_generation: u32,
    replies: Vec<(SessionId, Reply)>,
    checks: Vec<Check>,
    /// Checks given out and not yet answered.
    checks_under_way: usize,
    checks_max: usize,
    completed: Vec<Completion>,
    /// Something was submitted since the last settlement.
    unsettled: bool,
}

/// A password to be compared with a hash, which takes long: the driver does it
/// elsewhere and says [`Office::checked`].
#[derive(Debug)]
pub struct Check {
    session: SessionId,
    given: Option<Password>,
    hash: PasswordHash,
}

/// A check done.
#[derive(Debug)]
pub struct Checked {
    session: SessionId,
    /// The hash, where the password fits it.
    verified: Option<PasswordHash>,
}

impl Check {
    /// Does the work: some ten milliseconds and 19 MiB of memory, as much
    /// for a missing password as for a wrong one.
    #[must_use]
    pub fn run(self) -> Checked {
        let fits = password::verify(self.given.as_ref(), &self.hash);
        Checked { session: self.session, verified: fits.then_some(self.hash) }
    }
}

impl<S: Store> Office<S> {
    /// An office over `store` in which at most `checks_max` logins wait for
    /// their password to be checked.
    pub fn new(store: S, checks_max: usize) -> Self {
        Self {
            store,
            visits: Slab::new(),
            next_generation: 0,
            replies: Vec::new(),
            checks: Vec::new(),
            checks_under_way: 0,
            checks_max,
            completed: Vec::new(),
            unsettled: false,
        }
    }

    /// Begins a session, which acts for no one yet.
    pub fn enter(&mut self) -> SessionId {
        let generation = self.next_generation;
        self.next_generation = generation.wrapping_add(1);
        let key = self.visits.insert(Visit::new(generation));
        SessionId::new(key, generation)
    }

    /// Takes a request of a session; its reply comes from a later
    /// [`settle`](Self::settle).
    pub fn ask(&mut self, session: SessionId, request: Request) {
        let Some(visit) = self.visits.get_mut(session.key()) else {
            return;
        };
        let call = match (request, &mut visit.standing) {
            (Request::LogIn { name, password }, standing @ Standing::Stranger) => {
                let call = Call::Open { name: name.clone(), key: Key::None };
                *standing = Standing::Entering(Box::new(Entrance { name, password }));
                call
            }
            (Request::Compose { recipient, text }, Standing::Member(sender)) => {
                Call::Append { sender: *sender, recipient, text }
            }
            (Request::Read, Standing::Member(account)) => Call::Lease { account: *account },
            (Request::Confirm, Standing::Member(_)) => {
                Call::Confirm { leases: std::mem::take(&mut visit.leases) }
            }
            // A session that asks out of turn is a defect of its protocol's; it
            // gets nothing.
            _ => {
                debug_assert!(false, "a request out of turn");
                self.replies.push((session, Reply::LogInRefused(LogInRefusal::Password)));
                return;
            }
        };
        self.submit(session, call);
    }

    /// Ends a session; what it was handed and has not confirmed is unread again.
    pub fn leave(&mut self, session: SessionId) {
        if let Some(visit) = self.visits.try_remove(session.key())
            && !visit.leases.is_empty()
        {
            self.submit(session, Call::Return { leases: visit.leases });
        }
    }

    /// Commits what was asked and appends the replies, those of one session in
    /// the order of its requests.
    ///
    /// After an error nothing more may be answered.
    pub fn settle(
        &mut self,
        now: Timestamp,
        replies: &mut Vec<(SessionId, Reply)>,
    ) -> Result<(), StoreFailure> {
        self.unsettled = false;
        let mut completed = std::mem::take(&mut self.completed);
        self.store.settle(now, &mut completed)?;
        for completion in completed.drain(..) {
            self.complete(completion);
        }
        self.completed = completed;
        replies.append(&mut self.replies);
        Ok(())
    }

    /// Whether something was asked since the last settlement began.
    pub fn is_unsettled(&self) -> bool {
        self.unsettled || !self.replies.is_empty()
    }

    /// Takes the passwords that have to be checked.
    pub fn take_checks(&mut self) -> impl Iterator<Item = Check> + '_ {
        self.checks.drain(..)
    }

    /// Takes the result of a check.
    pub fn checked(&mut self, checked: Checked) {
        self.checks_under_way -= 1;
        let Checked { session, verified } = checked;
        let Some(visit) = self.visit(session) else {
            return;
        };
        let Standing::Entering(entrance) = &visit.standing else {
            return;
        };
        match verified {
            Some(hash) => {
                let call = Call::Open { name: entrance.name.clone(), key: Key::Verified(hash) };
                self.submit(session, call);
            }
            None => self.refuse(session, LogInRefusal::Password),
        }
    }

    fn submit(&mut self, session: SessionId, call: Call) {
        self.unsettled = true;
        self.store.submit(session.into(), call);
    }

    fn visit(&mut self, session: SessionId) -> Option<&mut Visit> {
        let visit = self.visits.get_mut(session.key())?;
        (visit.generation == session.generation()).then_some(visit)
    }

    fn complete(&mut self, completion: Completion) {
        let session = SessionId::from(completion.ticket);
        let receipt = completion.receipt;
        if self.visit(session).is_none() {
            self.complete_for_no_one(completion.ticket, receipt.into_inner());
            return;
        }
        let reply = match receipt.get() {
            Outcome::Appended { registered } => {
                let registered = *registered;
                Reply::Sent(receipt.map(|_| Composed { registered }))
            }
            Outcome::Confirmed => Reply::Confirmed(receipt.map(drop)),
            _ => match self.reply(session, receipt.into_inner()) {
                Some(reply) => reply,
                None => return,
            },
        };
        self.replies.push((session, reply));
    }

    /// The reply for what needs no proof of its own, if there is one already.
    fn reply(&mut self, session: SessionId, outcome: Outcome) -> Option<Reply> {
        match outcome {
            Outcome::Opened { account, name, registered, unread } => {
                self.visit(session)?.standing = Standing::Member(account);
                Some(Reply::LoggedIn { name, registered, unread })
            }
            Outcome::Locked { password } => {
                self.check(session, password);
                None
            }
            Outcome::Leased { lease, sender, text, remaining } => {
                self.visit(session)?.leases.push(lease);
                Some(Reply::Delivered(Delivery { sender, text, remaining }))
            }
            Outcome::NoneWaits => Some(Reply::NothingUnread),
            Outcome::MailboxFull { recipient, capacity } => {
                Some(Reply::NotSent(SendRefusal::MailboxFull { recipient, capacity }))
            }
            Outcome::DiskFull => self.no_room(session, SendRefusal::DiskFull),
            Outcome::TooManyAccounts => self.no_room(session, SendRefusal::TooManyAccounts),
            Outcome::Returned => Some(Reply::NotConfirmed),
            // Not asked for by sessions, or answered with their receipts.
            Outcome::Appended { .. }
            | Outcome::Confirmed
            | Outcome::PasswordSet { .. }
            | Outcome::Accounts(_) => None,
        }
    }

    /// What is handed to a session that has left meanwhile goes back.
    fn complete_for_no_one(&mut self, ticket: Ticket, outcome: Outcome) {
        if let Outcome::Leased { lease, .. } = outcome {
            self.submit(ticket.into(), Call::Return { leases: vec![lease] });
        }
    }

    fn no_room(&mut self, session: SessionId, refusal: SendRefusal) -> Option<Reply> {
        match self.visit(session)?.standing {
            Standing::Member(_) => Some(Reply::NotSent(refusal)),
            Standing::Stranger | Standing::Entering(_) => {
                self.refuse(session, LogInRefusal::NoRoom);
                None
            }
        }
    }

    fn check(&mut self, session: SessionId, hash: PasswordHash) {
        if self.checks_under_way >= self.checks_max {
            self.refuse(session, LogInRefusal::Busy);
            return;
        }
        let Some(Visit { standing: Standing::Entering(entrance), .. }) = self.visit(session) else {
            return;
        };
        let given = entrance.password.take();
        self.checks.push(Check { session, given, hash });
        self.checks_under_way += 1;
    }

    fn refuse(&mut self, session: SessionId, refusal: LogInRefusal) {
        if let Some(visit) = self.visit(session) {
            visit.standing = Standing::Stranger;
            self.replies.push((session, Reply::LogInRefused(refusal)));
        }
    }
}
