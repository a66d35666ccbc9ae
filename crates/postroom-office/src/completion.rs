//! Handling the completions of store calls, and passing on the replies that they make due.

use std::time::Instant;

use postroom_model::{
    Attendee, BlockRefusal, Committed, ComposeRefusal, Composed, Delivery, Fault, LogInRefusal,
    Managed, PasswordRefusal, Reply, SessionKey, faulty,
};
use postroom_store::{Call, Completion, End, Outcome, Store};

use crate::appearing::Claimed;
use crate::calls::{Ended, Origin, RequestKey};
use crate::output::Output;
use crate::requests::{Due, Requests};
use crate::session::{Identity, Opened};
use crate::{Office, find};

impl<S: Store> Office<S> {
    /// Handles the store's completions so far, and those of calls that they cause and
    /// that complete at once.
    pub(crate) fn take_completions(&mut self) {
        let mut completions = std::mem::take(&mut self.completions);
        self.store.take_completions(&mut completions);
        completions.reverse();
        while let Some(completion) = completions.pop() {
            self.complete(completion);
            // What followed, and was answered from memory, comes before the rest: behind
            // it there may be a live line, which no later post of its session overtakes.
            let rest = completions.len();
            self.store.take_completions(&mut completions);
            completions[rest..].reverse();
        }
        self.completions = completions;
    }

    fn complete(&mut self, Completion { ticket, end }: Completion) {
        let Some(Ended { origin, reservation, since, leases }) = self.calls.end(ticket) else {
            debug_assert!(false, "a call completes once");
            return;
        };
        if let End::Done(outcome) = &end {
            let took = self.now.saturating_duration_since(since);
            self.counts.done(outcome.get(), leases, took);
        }
        if let Some(reservation) = reservation {
            let created = match &end {
                End::Done(outcome) => outcome.get().created(),
                End::Unavailable => 0,
                End::Unknown => reservation.count(),
            };
            self.creations.settle(reservation, created);
        }
        match (origin, end) {
            (Origin::Request(key), End::Done(outcome)) => self.done(key, outcome, since),
            (Origin::Join(key, channel), End::Done(outcome)) => {
                self.key_checked(key, &channel, outcome.into_inner());
            }
            (
                Origin::Request(key) | Origin::Lease(key, _) | Origin::Join(key, _),
                End::Unavailable,
            ) => {
                self.not_done(key, Reply::Unavailable);
            }
            (Origin::Request(key) | Origin::Lease(key, _) | Origin::Join(key, _), End::Unknown) => {
                self.not_done(key, Reply::Unknown);
            }
            (Origin::Lease(key, terms), End::Done(outcome)) => match outcome.into_inner() {
                Outcome::Read { lease, stored, sender, text, remaining } => {
                    let id = lease.message();
                    let delivery = Delivery { id, stored, sender, text, remaining };
                    self.leased(key, terms, lease, delivery);
                }
                outcome => {
                    if let Some(reply) = self.reply_to(key, outcome) {
                        self.resolve(key, reply);
                    }
                }
            },
            (Origin::Lock(name), end) => self.lock_ended(name, &end),
            (Origin::Administration(ticket, what), end) => self.administered(ticket, what, end),
            (Origin::Sweep, end) => self.swept(end),
            (Origin::Ban(ticket, request), end) => self.ban_ended(ticket, &request, end),
            (Origin::Release, End::Done(outcome)) => {
                if let Outcome::Released { name, remains: false, active } = outcome.into_inner() {
                    self.departed(Attendee { name, active });
                }
            }
            (Origin::HandBack, End::Done(outcome)) => {
                if let Outcome::Returned { account: Some(account) } = outcome.into_inner() {
                    // Another session of the account may wait for the message.
                    self.tell_of_mail(account);
                }
            }
            // A store does not fail these calls.
            (Origin::Release | Origin::HandBack, End::Unavailable | End::Unknown) => {
                debug_assert!(false, "a release or a return always ends as done");
            }
        }
    }

    /// Handles a request that was not carried out, or whose outcome is unknown.
    pub(crate) fn not_done(&mut self, key: RequestKey, reply: Reply) {
        if self.login(key.session).is_some()
            && let Some(record) = self.session(key.session)
        {
            record.identity = Identity::Anonymous;
        }
        self.appears_no_more(key.session);
        self.stored(key);
        self.resolve(key, reply);
    }

    fn done(&mut self, key: RequestKey, outcome: Committed<Outcome>, since: Instant) {
        let reply = match outcome.get() {
            Outcome::Posted { post, stamp, .. } => {
                let stored = outcome.derive(|_| (post.clone(), *stamp));
                self.posted(key, &stored, since);
                return;
            }
            Outcome::Composed { id, stored, recipient, name, registered } => {
                self.tell_of_mail(*recipient);
                let (id, stored, registered) = (*id, *stored, *registered);
                let composed = Composed { id, stored, recipient: name.clone(), registered };
                Reply::Composed(outcome.map(|_| composed))
            }
            Outcome::ComposedAll { sent, stored } => self.composed_all(*stored, sent, &outcome),
            Outcome::PostDeleted { id, channels } => {
                self.tell_of_deletion(*id, channels);
                Reply::PostDeleted(outcome.derive(|_| *id))
            }
            Outcome::Repeated(repeated) => {
                let repeated = repeated.clone();
                Reply::Repeated(outcome.map(|_| repeated))
            }
            Outcome::ChannelManaged { channel, managed } => {
                let (channel, managed) = (channel.clone(), managed.clone());
                match managed {
                    Managed::Deleted { .. } => self.private_channel_gone(&channel),
                    _ => self.take_strangers_out(&channel),
                }
                Reply::ChannelManaged(outcome.map(|_| managed))
            }
            Outcome::Confirmed => Reply::Confirmed(outcome.map(drop)),
            Outcome::PasswordSet { .. } => Reply::PasswordChanged(outcome.map(drop)),
            Outcome::BlockSet { set, .. } => {
                let set = set.clone();
                Reply::BlockSet(outcome.map(|_| set))
            }
            _ => match self.reply_to(key, outcome.into_inner()) {
                Some(reply) => reply,
                None => return,
            },
        };
        self.resolve(key, reply);
    }

    /// The reply to a request whose outcome needs no proof of a commit; `None` if the
    /// request needs another step first.
    pub(crate) fn reply_to(&mut self, key: RequestKey, outcome: Outcome) -> Option<Reply> {
        match outcome {
            Outcome::Opened { account, name, registered, unread } => {
                self.opened(key, Opened { account, name, registered, unread })
            }
            Outcome::Locked { password } => self.locked(key, password),
            Outcome::Password { name, password } => self.has_password(key, name, password),
            Outcome::NotAdmitted { is_known } => self.not_admitted(key, is_known),
            Outcome::Claimed { presence, name, is_first, active } => {
                self.claimed(key, Claimed { presence, name, is_first, active })
            }
            Outcome::PresentAlready => self.present_already(key.session),
            Outcome::MayClaim => self.may_claim(key),
            Outcome::Read { lease, stored, sender, text, remaining } => {
                let id = lease.message();
                let session = find(&mut self.sessions, key.session);
                match session.filter(|session| !session.has_ended) {
                    Some(session) => {
                        session.work_or(&mut self.spare).handed_out.add(lease, self.now);
                    }
                    // The session has ended meanwhile: the message is unread again.
                    None => self.submit(Origin::HandBack, Call::Return { leases: vec![lease] }),
                }
                Some(Reply::Read(Delivery { id, stored, sender, text, remaining }))
            }
            Outcome::NothingUnread => Some(Reply::NothingUnread),
            Outcome::Unread(messages) => Some(Reply::Unread(messages)),
            Outcome::Present(names) => Some(Reply::Present(names)),
            Outcome::Latest(entry) => Some(Reply::Latest(entry)),
            Outcome::Timeline(page) => Some(Reply::Timeline(page)),
            Outcome::MailboxFull { recipient, capacity, full } => {
                let refusal = ComposeRefusal::MailboxFull { recipient, capacity, full };
                Some(Reply::NotComposed(refusal))
            }
            Outcome::NotComposedAll { recipient, why } => {
                Some(self.not_composed_all(key, recipient, *why))
            }
            Outcome::KeyRefused(refusal) => Some(Reply::KeyRefused(refusal)),
            Outcome::Peeked(peeked) => Some(Reply::Peeked(peeked)),
            Outcome::UnknownRecipient => Some(Reply::NotComposed(ComposeRefusal::Unknown)),
            Outcome::DiskFull => {
                self.not_registered(key, LogInRefusal::DiskFull, ComposeRefusal::DiskFull)
            }
            Outcome::TooManyAccounts => {
                let message = ComposeRefusal::TooManyAccounts;
                self.not_registered(key, LogInRefusal::TooManyAccounts, message)
            }
            Outcome::MayNotCreate => {
                self.not_registered(key, LogInRefusal::MayNotCreate, ComposeRefusal::MayNotCreate)
            }
            Outcome::LooksAlike => {
                self.not_registered(key, LogInRefusal::LooksAlike, ComposeRefusal::LooksAlike)
            }
            // Who may know that there was such an account is for the operator to say.
            Outcome::NameReserved => {
                self.not_registered(key, LogInRefusal::Password, ComposeRefusal::Unknown)
            }
            Outcome::PasswordDiffers => Some(Reply::PasswordNotChanged(PasswordRefusal::Wrong)),
            Outcome::HasNoPassword => Some(Reply::NotBlocked(BlockRefusal::HasNoPassword)),
            Outcome::TooManyBlocked => Some(Reply::NotBlocked(BlockRefusal::TooMany)),
            Outcome::BlockedNames(names) => Some(Reply::BlockedNames(names)),
            Outcome::ChannelNotManaged(refusal) => Some(Reply::ChannelNotManaged(refusal)),
            Outcome::NotPosted(refusal) => {
                self.stored(key);
                Some(Reply::NotPosted(refusal))
            }
            Outcome::PostNotDeleted(refusal) => Some(Reply::PostNotDeleted(refusal)),
            Outcome::Returned { account } => {
                if self.session(key.session).is_none_or(|session| session.has_ended)
                    && let Some(account) = account
                {
                    // Another session of the account may wait for the message.
                    self.tell_of_mail(account);
                }
                Some(Reply::NotConfirmed)
            }
            // Not outcomes of requests, or handled above.
            Outcome::Composed { .. }
            | Outcome::ComposedAll { .. }
            | Outcome::Repeated(_)
            | Outcome::Confirmed
            | Outcome::Posted { .. }
            | Outcome::PostDeleted { .. }
            | Outcome::Released { .. }
            | Outcome::PasswordSet { .. }
            | Outcome::BlockSet { .. }
            | Outcome::Deleted { .. }
            | Outcome::NoSuchAccount
            | Outcome::NameReleased
            | Outcome::AccountExists { .. }
            | Outcome::PasswordRemoved { .. }
            | Outcome::Renamed { .. }
            | Outcome::Imported { .. }
            | Outcome::Accounts { .. }
            | Outcome::ChannelDeleted { .. }
            | Outcome::ChannelManaged { .. }
            | Outcome::NoSuchChannel
            | Outcome::Channels { .. }
            | Outcome::Swept(_)
            | Outcome::Banned { .. }
            | Outcome::TooManyBans
            | Outcome::Unbanned
            | Outcome::NotBanned => None,
        }
    }

    /// Resolves a request with its reply, and passes on all replies of the session that
    /// are due.
    pub(crate) fn resolve(&mut self, key: RequestKey, reply: Reply) {
        self.settle(key, reply);
        self.advance(key.session);
    }

    /// Settles a request with its reply. The replies of later ones may be due then: see
    /// [`advance`](Self::advance).
    pub(crate) fn settle(&mut self, key: RequestKey, reply: Reply) {
        let Some(record) = find(&mut self.sessions, key.session) else {
            return;
        };
        let has_ended = record.has_ended;
        let deferred_bytes = &mut self.deferred_bytes;
        let due = record.work().and_then(|work| {
            work.requests.counting(deferred_bytes, |all| all.settle(key.number, reply))
        });
        self.outputs
            .extend(due.filter(|_| !has_ended).map(|reply| Output::Reply(key.session, reply)));
    }

    /// Passes on the replies that are due in a session. Once it has no request left, its
    /// presence is released, and the session is removed if it has ended.
    pub(crate) fn advance(&mut self, session: SessionKey) {
        let Some(mut record) = find(&mut self.sessions, session) else {
            return;
        };
        while let Some(work) = record.work()
            && let Some(due) = work.requests.counting(&mut self.deferred_bytes, Requests::take_due)
        {
            match due {
                Due::Reply(_) if record.has_ended => {}
                Due::Reply(reply) => self.outputs.push_back(Output::Reply(session, reply)),
                Due::Request(number, request) => {
                    self.act(RequestKey { session, number }, request);
                    match find(&mut self.sessions, session) {
                        Some(found) => record = found,
                        None => return,
                    }
                }
            }
        }
        if record.has_requests() {
            return;
        }
        let release = record.rest(&mut self.spare);
        let uses = record.uses.filter(|_| record.has_ended);
        if record.has_ended && !faulty(Fault::SessionLeaked) {
            let ended = self.sessions.remove(session.index());
            self.creations.close(&ended.purse);
        }
        if let Some(presence) = release.filter(|_| !faulty(Fault::PresenceKept)) {
            self.submit(Origin::Release, Call::Release { presence });
        }
        if let Some(account) = uses {
            self.store.session_ended(account);
        }
    }
}
