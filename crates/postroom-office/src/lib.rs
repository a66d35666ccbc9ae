//! The office: what happens behind all counters.
//!
//! It composes the atomic calls of the [`Store`] into what sessions ask for, tells
//! sessions what happens elsewhere, and keeps only what belongs to a session:
//! which account it acts for, which messages it was handed and which channels it
//! is in. It owns no thread and no clock; its driver checks passwords, see
//! [`Check`], and reads the password file, see [`PasswordRead`].

mod check;
mod file_passwords;
mod live;
mod locks;
mod login;
mod news;
pub mod password;
mod password_file;
mod talk;
#[cfg(test)]
mod tests;
mod visit;

use std::collections::VecDeque;

use postroom_model::{Channel, ComposeRefusal, Composed, Delivery, LogInRefusal, Reply, Request};
use postroom_store::{Call, Completion, End, Outcome, Store, StoreFailure, Ticket, Timestamp};
use slab::Slab;

use check::Checks;
use live::Live;
use locks::Locks;
use password_file::PasswordFile;
use visit::{Standing, Visit};

pub use check::{Check, Checked};
pub use file_passwords::{FilePasswords, PasswordTables};
pub use news::{Audience, Member, Moment, News};
pub use password_file::{PasswordRead, PasswordsRead};
pub use visit::SessionKey;

/// Accounts, mailboxes and channels, as sessions see them.
#[derive(Debug)]
pub struct Office<S> {
    store: S,
    visits: Slab<Visit>,
    /// Distinguishes the sessions that use one place of `visits` in turn.
    next_generation: u32,
    live: Live,
    news: Vec<News>,
    checks: Checks,
    locks: Locks,
    /// Set where passwords come from a file.
    file: Option<PasswordFile>,
    /// Sessions whose login has only to claim the presence of its account.
    claims: Vec<SessionKey>,
    completions: Vec<Completion>,
    /// Calls that the store was given, and those that it has completed.
    submitted: u64,
    completed: u64,
    /// What needs no call, but came after calls that are not completed: so many
    /// must be first.
    deferred: VecDeque<(u64, SessionKey, Request)>,
    /// Something was submitted since the last settlement.
    unsettled: bool,
}

impl<S: Store> Office<S> {
    /// An office over `store` in which at most `checks_max` logins wait for
    /// their password to be checked.
    pub fn new(mut store: S, checks_max: usize) -> Self {
        // What was found to be damaged when the store was opened.
        let news = store.take_damaged().into_iter().map(News::Damaged).collect();
        Self {
            store,
            visits: Slab::new(),
            next_generation: 0,
            live: Live::default(),
            news,
            checks: Checks::new(checks_max),
            locks: Locks::default(),
            file: None,
            claims: Vec::new(),
            completions: Vec::new(),
            submitted: 0,
            completed: 0,
            deferred: VecDeque::new(),
            unsettled: false,
        }
    }

    /// Begins a session, which acts for no one yet.
    pub fn enter(&mut self) -> SessionKey {
        let generation = self.next_generation;
        self.next_generation = generation.wrapping_add(1);
        let key = self.visits.insert(Visit::new(generation));
        SessionKey::new(key, generation)
    }

    /// Takes a request of a session; its reply comes from a later
    /// [`settle`](Self::settle).
    pub fn ask(&mut self, session: SessionKey, request: Request) {
        let needs_no_call =
            matches!(request, Request::Tell { .. } | Request::Join(_) | Request::Leave(_));
        if needs_no_call && self.completed < self.submitted {
            self.deferred.push_back((self.submitted, session, request));
        } else {
            self.act(session, request);
        }
    }

    fn act(&mut self, session: SessionKey, request: Request) {
        let Some(visit) = self.visits.get_mut(session.key()) else {
            return;
        };
        let account = visit.account();
        match (request, account) {
            (Request::LogIn { name, password, terms }, None) => {
                self.log_in(session, name, password, terms);
            }
            (Request::Compose { recipient, text, unknown }, Some(sender)) => {
                self.submit(session, Call::Compose { sender, recipient, text, unknown });
            }
            (Request::Read, Some(account)) => self.submit(session, Call::Read { account }),
            (Request::Confirm, Some(_)) => {
                let leases = std::mem::take(&mut visit.leases);
                self.submit(session, Call::Confirm { leases });
            }
            (Request::CountUnread, Some(account)) => {
                self.submit(session, Call::CountUnread { account });
            }
            (Request::ListPresent, Some(_)) => self.submit(session, Call::ListPresent),
            (Request::Post { channels, text, awaits_delivery }, _) => {
                self.post(session, channels, text, awaits_delivery);
            }
            (Request::Tell { recipient, text, awaits_delivery }, Some(_)) => {
                self.tell(session, &recipient, text, awaits_delivery);
            }
            (Request::Join(channel), _) => self.join(session, channel),
            (Request::Leave(channel), _) => self.part(session, &channel),
            (Request::Latest(channel), _) => self.submit(session, Call::Latest { channel }),
            (Request::Timeline { channel, from }, _) => {
                self.submit(session, Call::Timeline { channel, from });
            }
            // A session that asks out of turn is a defect of its protocol's; it
            // gets nothing.
            _ => {
                debug_assert!(false, "a request out of turn");
                self.reply(session, Reply::LogInRefused(LogInRefusal::Password));
            }
        }
    }

    /// Ends the presence of a session's account, and its part in channels: its
    /// client has said farewell and may only prove yet what it read.
    pub fn depart(&mut self, session: SessionKey) {
        let Some(visit) = self.visit(session) else {
            return;
        };
        let account = visit.account();
        let channels = std::mem::take(&mut visit.channels);
        let standing = match account {
            Some(account) => std::mem::replace(&mut visit.standing, Standing::Member(account)),
            None => std::mem::replace(&mut visit.standing, Standing::Stranger),
        };
        for channel in &channels {
            self.live.part(session, channel);
        }
        match standing {
            Standing::Attending(attendance) => {
                self.live.leave(session, &attendance);
                self.awaits_no_more_from(session, attendance.account);
                self.submit(session, Call::Release { presence: attendance.presence });
            }
            Standing::Entering(entrance) => self.enters_no_more(session, &entrance),
            Standing::Stranger | Standing::Member(_) => {}
        }
    }

    /// Ends a session; what it was handed and has not confirmed is unread again.
    pub fn leave(&mut self, session: SessionKey) {
        self.depart(session);
        if let Some(visit) = self.visits.try_remove(session.key())
            && !visit.leases.is_empty()
        {
            self.submit(session, Call::Return { leases: visit.leases });
        }
    }

    /// Commits what was asked and appends what there is to tell, replies to one
    /// session in the order of its requests.
    ///
    /// After an error nothing more may be told.
    pub fn settle(&mut self, now: Timestamp, news: &mut Vec<News>) -> Result<(), StoreFailure> {
        self.submit_claims();
        self.submit_locks();
        self.unsettled = false;
        let mut completions = std::mem::take(&mut self.completions);
        self.store.settle(now, &mut completions)?;
        self.news.extend(self.store.take_damaged().into_iter().map(News::Damaged));
        for completion in completions.drain(..) {
            self.complete(completion);
            self.completed += 1;
            self.act_on_deferred();
        }
        self.completions = completions;
        news.append(&mut self.news);
        Ok(())
    }

    /// Whether something was asked, or happened, since the last settlement began.
    pub fn is_unsettled(&self) -> bool {
        let has_newcomers = self.file.as_ref().is_some_and(PasswordFile::has_newcomers);
        self.asks_the_store() || !self.news.is_empty() || has_newcomers
    }

    /// Whether the next settlement has something to ask of the store.
    pub fn asks_the_store(&self) -> bool {
        self.unsettled || self.locks.has_waiting()
    }

    /// The sessions in a channel.
    pub fn members(&self, channel: &Channel) -> &[Member] {
        self.live.members(channel)
    }

    /// Appends the sessions that an event concerns.
    pub fn audience(&self, audience: &Audience, sessions: &mut Vec<SessionKey>) {
        sessions.extend(self.live.iter(audience));
    }

    /// Does what was asked after calls that are completed by now.
    fn act_on_deferred(&mut self) {
        while let Some((calls, ..)) = self.deferred.front()
            && *calls <= self.completed
            && let Some((_, session, request)) = self.deferred.pop_front()
        {
            if self.visit(session).is_some() {
                self.act(session, request);
            }
        }
    }

    /// Takes back words that are still to be passed on, if a session waits until
    /// they are heard.
    fn take_deferred(&mut self, session: SessionKey) -> bool {
        let is_it = |(_, other, request): &(u64, SessionKey, Request)| {
            *other == session && matches!(request, Request::Tell { awaits_delivery: true, .. })
        };
        let place = self.deferred.iter().position(is_it);
        place.and_then(|place| self.deferred.remove(place)).is_some()
    }

    fn submit(&mut self, session: SessionKey, call: Call) {
        self.unsettled = true;
        self.submitted += 1;
        self.store.submit(session.into(), call);
    }

    fn visit(&mut self, session: SessionKey) -> Option<&mut Visit> {
        let visit = self.visits.get_mut(session.key())?;
        (visit.generation == session.generation()).then_some(visit)
    }

    fn reply(&mut self, session: SessionKey, reply: Reply) {
        self.news.push(News::Reply(session, reply));
    }

    fn complete(&mut self, completion: Completion) {
        let session = SessionKey::from(completion.ticket);
        let End::Done(receipt) = completion.end else {
            // Its replies come with the next step.
            return;
        };
        if self.locks.has(session) {
            self.lock_ended(session, receipt.get());
            return;
        }
        let reply = match receipt.get() {
            Outcome::Posted(post) => {
                let post = receipt.derive(|_| post.clone());
                self.posted(session, &post);
                return;
            }
            Outcome::Composed { recipient, name, registered } => {
                self.tell_of_mail(*recipient);
                let composed = Composed { recipient: name.clone(), registered: *registered };
                Reply::Composed(receipt.map(|_| composed))
            }
            Outcome::Confirmed => Reply::Confirmed(receipt.map(drop)),
            Outcome::Released { name, remains, active } => {
                if !*remains && session != own() {
                    self.departed(session, name.clone(), *active);
                }
                return;
            }
            _ => match self.outcome(session, receipt.into_inner()) {
                Some(reply) => reply,
                None => return,
            },
        };
        if self.visit(session).is_some() {
            self.reply(session, reply);
        }
    }

    /// The reply for what needs no proof of its own, if there is one already.
    fn outcome(&mut self, session: SessionKey, outcome: Outcome) -> Option<Reply> {
        if self.visit(session).is_none() {
            return self.outcome_for_no_one(session, outcome);
        }
        match outcome {
            Outcome::Opened { account, name, registered, unread } => {
                self.opened(session, visit::Opened { account, name, registered, unread })
            }
            Outcome::Locked { password } => self.locked(session, password),
            Outcome::NotAdmitted => self.not_admitted(session),
            Outcome::Claimed { presence, active } => self.claimed(session, presence, active),
            Outcome::PresentAlready => self.refused(session, LogInRefusal::Present),
            Outcome::Read { lease, sender, text, remaining } => {
                self.visit(session)?.leases.push(lease);
                Some(Reply::Read(Delivery { sender, text, remaining }))
            }
            Outcome::NothingUnread => Some(Reply::NothingUnread),
            Outcome::Unread(messages) => Some(Reply::Unread(messages)),
            Outcome::Present(names) => self.present(session, names),
            Outcome::Latest(entry) => Some(Reply::Latest(entry)),
            Outcome::Timeline(page) => Some(Reply::Timeline(page)),
            Outcome::MailboxFull { recipient, capacity } => {
                Some(Reply::NotComposed(ComposeRefusal::MailboxFull { recipient, capacity }))
            }
            Outcome::UnknownRecipient => Some(Reply::NotComposed(ComposeRefusal::Unknown)),
            Outcome::DiskFull => self.no_room(session, ComposeRefusal::DiskFull),
            Outcome::TooManyAccounts => self.no_room(session, ComposeRefusal::TooManyAccounts),
            Outcome::NotPosted(refusal) => Some(self.not_posted(session, refusal)),
            Outcome::Returned { .. } => Some(Reply::NotConfirmed),
            // Not asked for by sessions, or answered with their receipts.
            Outcome::Composed { .. }
            | Outcome::Confirmed
            | Outcome::Posted(_)
            | Outcome::Released { .. }
            | Outcome::PasswordSet { .. }
            | Outcome::Accounts(_) => None,
        }
    }

    /// What is handed to a session that has left meanwhile goes back.
    fn outcome_for_no_one(&mut self, session: SessionKey, outcome: Outcome) -> Option<Reply> {
        match outcome {
            Outcome::Read { lease, .. } => {
                self.submit(session, Call::Return { leases: vec![lease] });
            }
            // It was never told of.
            Outcome::Claimed { presence, .. } => self.submit(own(), Call::Release { presence }),
            // It is unread again, and someone else may be waiting for it.
            Outcome::Returned { account: Some(account) } => self.tell_of_mail(account),
            _ => {}
        }
        None
    }
}

/// The ticket of what the office asks for itself, locks excepted.
fn own() -> SessionKey {
    SessionKey::from(Ticket(u64::MAX))
}
