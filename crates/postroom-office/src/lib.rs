//! The office: accounts, mailboxes, channels and presence, shared by all listeners.
//!
//! It composes the atomic calls of the [`Store`] into the requests of sessions, sends
//! events to the sessions that they concern, and keeps only the state of sessions:
//! their accounts, leases and joined channels. It has no thread and no clock; its
//! driver runs the store's jobs, checks passwords (see [`Check`]) and reads the
//! password file (see [`PasswordRead`]).

mod administration;
mod announcements;
mod appearing;
mod backup;
mod banning;
mod bans;
mod bounded_map;
mod calls;
mod channels;
mod check;
mod check_queue;
mod checks;
mod completion;
mod counts;
mod creations;
mod failed_logins;
mod file_passwords;
mod history;
mod leases;
mod live;
mod locks;
mod login;
mod mail;
mod once;
mod operators;
mod output;
pub mod password;
mod password_change;
mod password_file;
mod permission;
mod private;
mod requests;
mod session;
mod sweeping;
mod talk;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Instant;

use postroom_model::{
    Access, Fault, Guest, LogInRefusal, Peer, Reply, Request, SessionKey, faulty,
};
use postroom_store::{AccountRef, Call, Completion, Job, Limits, Store, StoreFailure, Timestamp};
use slab::Slab;

use announcements::Gathering;
use calls::{Calls, LeaseTerms, Origin, RequestKey};
use checks::Checks;
use creations::{Creations, Kind, Reservation};
use leases::TimedLeases;
use live::Live;
use locks::Locks;
use password_file::PasswordFile;
use requests::Requests;
use session::{HandedOut, Identity, Session, SpareWork};

pub use administration::{
    AboutAccounts, AccountAnswer, AccountCommand, AccountRefusal, AccountRequest, AdminTicket,
};
pub use bans::{AboutBan, BanAnswer, BanCommand, BanRefusal, BanRequest};
pub use channels::{AboutChannels, ChannelRefusal, DeletedChannel, ListedChannel};
pub use check::{Check, Checked};
pub use checks::LoginLimits;
pub use counts::OfficeCounts;
pub use creations::{CreationLimits, CreationRates};
pub use file_passwords::{FilePasswords, PasswordTables};
pub use output::{Announcements, NewPost, Operator, Output, Posts};
pub use password_file::{PasswordRead, PasswordsRead};

/// Bytes of the calls that wait for the store. While the disk is slow, this much may be
/// stored by one sync; it is completed in one turn.
const CALL_BYTES_MAX: usize = 16 << 20;

/// Accounts, mailboxes and channels, as sessions see them.
#[derive(Debug)]
pub struct Office<S> {
    store: S,
    /// The latest time that the driver has told.
    now: Instant,
    counts: OfficeCounts,
    sessions: Slab<Session>,
    /// Distinguishes the sessions that use one place of `sessions` one after the other.
    next_generation: u32,
    spare: SpareWork,
    /// Bytes of the requests that have not begun.
    deferred_bytes: usize,
    calls: Calls,
    live: Live,
    leases: TimedLeases,
    outputs: VecDeque<Output>,
    /// Posts in one channel that gather, after all outputs.
    posts: Option<Posts>,
    /// Arrivals and departures to be announced.
    gathering: Gathering,
    checks: Checks,
    creations: Creations,
    locks: Locks,
    /// The time of day, as it was told last.
    wall: Timestamp,
    /// Set if there is a password file.
    file: Option<PasswordFile>,
    /// Sessions whose login only has to claim the presence of its account.
    claims: Vec<SessionKey>,
    completions: Vec<Completion>,
    /// The store has had calls since it was last asked for a job.
    has_submitted: bool,
    /// The store gave no job for the last calls: it may give one after the job under
    /// way.
    is_held: bool,
    /// Jobs without a result yet.
    jobs_under_way: usize,
}

impl<S: Store> Office<S> {
    /// An office over `store`.
    pub fn new(now: Instant, mut store: S, logins: LoginLimits, creation: CreationLimits) -> Self {
        // The damaged records found when the store was opened.
        let damaged = store.take_damaged().into_iter();
        let outputs = damaged.map(|record| Output::Operator(Operator::Damaged(record))).collect();
        Self {
            store,
            now,
            counts: OfficeCounts::default(),
            sessions: Slab::new(),
            next_generation: 0,
            spare: SpareWork::default(),
            deferred_bytes: 0,
            calls: Calls::default(),
            live: Live::default(),
            leases: TimedLeases::default(),
            outputs,
            posts: None,
            gathering: Gathering::default(),
            checks: Checks::new(logins),
            creations: Creations::new(creation),
            locks: Locks::default(),
            wall: Timestamp::default(),
            file: None,
            claims: Vec::new(),
            completions: Vec::new(),
            has_submitted: false,
            is_held: false,
            jobs_under_way: 0,
        }
    }

    /// Replaces the limits. What has been counted stays.
    pub fn set_limits(&mut self, logins: LoginLimits, creation: CreationLimits, store: Limits) {
        self.checks.set_limits(logins);
        self.creations.set_limits(creation);
        if !faulty(Fault::LimitsKept) {
            self.store.set_limits(store);
        }
    }

    /// Tells the time, on which depends how much peers may create, and the time of day, at
    /// which bans end.
    pub fn set_time(&mut self, now: Instant, wall: Timestamp) {
        self.now = now;
        self.creations.set_time(now);
        self.wall = wall;
    }

    /// Begins a session of a client from `peer`, at a listener that gives it this access.
    /// It is not logged in yet, and is this guest until it does.
    pub fn enter(&mut self, peer: Peer, access: Access, guest: Option<Guest>) -> SessionKey {
        let generation = self.next_generation;
        self.next_generation = generation.wrapping_add(1);
        let purse = self.creations.open(peer);
        let index = self.sessions.insert(Session::new(generation, peer, access, guest, purse));
        key(index, generation)
    }

    /// Handles a request of a session; its reply is a later [`Output`].
    pub fn ask(&mut self, session: SessionKey, request: Request) {
        let Some(record) = find(&mut self.sessions, session) else {
            return;
        };
        let requests = &mut record.work_or(&mut self.spare).requests;
        let begun = requests.counting(&mut self.deferred_bytes, |all| all.add(request));
        if let Some((number, request)) = begun {
            self.act(RequestKey { session, number }, request);
        }
    }

    fn act(&mut self, key: RequestKey, request: Request) {
        let session = key.session;
        let Some(record) = find(&mut self.sessions, session) else {
            return;
        };
        if let Some(forbidden) = record.forbids(&request) {
            return self.resolve(key, Reply::Forbidden(forbidden));
        }
        let account = record.account();
        match (request, account) {
            (Request::LogIn { name, password, terms }, None) => {
                self.log_in(key, name, password, terms);
            }
            (Request::Compose { recipient, text, unknown }, _) => {
                self.compose(key, recipient, text, unknown, None);
            }
            (Request::ComposeAll { recipients, text, unknown }, _) => {
                self.compose_all(key, recipients, text, unknown, None);
            }
            (Request::Once(once), Some(account)) => self.once(key, account, once),
            (Request::Peek { after, count }, Some(account)) => {
                self.submit_request(key, Call::Peek { account, after, count });
            }
            (Request::Read, Some(account)) => self.submit_request(key, Call::Read { account }),
            (Request::Confirm, Some(_)) => {
                let handed_out = record.work().map(|work| work.handed_out.take());
                let HandedOut { leases, since } = handed_out.unwrap_or_default();
                let since = since.unwrap_or(self.now);
                self.submit_since(Origin::Request(key), Call::Confirm { leases }, None, since);
            }
            (Request::Lease { key: secret, lasts }, Some(account)) => {
                self.lease(key, account, LeaseTerms { key: secret, lasts });
            }
            (Request::ConfirmLease { message, key: secret }, Some(account)) => {
                self.confirm_lease(key, account, message, secret);
            }
            (Request::WatchMail, Some(account)) => {
                self.live.watch_mail(session, account);
                self.resolve(key, Reply::WatchesMail);
            }
            (Request::Appear(terms), Some(account)) => self.appear(key, account, terms),
            (Request::Disappear, Some(_)) => self.disappear(key),
            (Request::CountUnread, Some(account)) => {
                self.submit_request(key, Call::CountUnread { account });
            }
            (Request::ChangePassword { old, new }, Some(account)) => {
                self.change_password(key, account, old, new);
            }
            (Request::Block { sender, is_blocked }, Some(account)) => {
                let account = AccountRef::Id(account);
                self.submit_request(key, Call::Block { account, sender, is_blocked });
            }
            (Request::ListBlocked, Some(account)) => {
                let account = AccountRef::Id(account);
                self.submit_request(key, Call::ListBlocked { account });
            }
            (Request::ListPresent, Some(_)) => self.submit_request(key, Call::ListPresent),
            (Request::Post { channels, text, awaits_delivery }, _) => {
                self.post(key, channels, text, awaits_delivery, None);
            }
            (Request::DeletePost { id }, Some(author)) => {
                self.submit_request(key, Call::DeletePost { author, id });
            }
            (Request::Tell { recipient, text, awaits_delivery }, Some(_)) => {
                self.tell(key, &recipient, text, awaits_delivery);
            }
            (Request::Join(channel), _) => self.join(key, &channel),
            (Request::Leave(channel), _) => self.leave_channel(key, &channel),
            (Request::JoinWithKey { channel, key: secret }, _) => {
                self.join_with_key(key, channel, secret);
            }
            (Request::ManageChannel { channel, command }, Some(_)) => {
                self.manage_channel(key, channel, command);
            }
            (Request::Latest(channel), _) => {
                let reader = record.reader();
                self.submit_request(key, Call::Latest { channel, reader });
            }
            (Request::Timeline { channel, from }, _) => {
                let reader = record.reader();
                self.submit_request(key, Call::Timeline { channel, from, reader });
            }
            // A request in the wrong state is a defect of the session's protocol.
            _ => {
                debug_assert!(false, "a request out of turn");
                self.resolve(key, Reply::LogInRefused(LogInRefusal::Password));
            }
        }
    }

    /// Ends the presence of a session's account, and its memberships: its client has
    /// closed the session and can only confirm messages any more. The presence ends
    /// once the requests so far are completed.
    pub fn depart(&mut self, session: SessionKey) {
        let Some(record) = find(&mut self.sessions, session) else {
            return;
        };
        let (account, known) = (record.account(), record.known());
        let after = known.map_or(Identity::Anonymous, |known| Identity::LoggedIn(known.into()));
        let before = std::mem::replace(&mut record.identity, after);
        self.outputs.extend(self.posts.take().map(Output::Posts));
        if let Some(work) = record.work() {
            work.requests.counting(&mut self.deferred_bytes, Requests::drop_deferred);
            for channel in work.channels.drain(..) {
                if self.live.leave_channel(session, &channel) {
                    self.store.set_members(&channel, false);
                }
            }
        }
        if let Some(account) = account {
            self.live.watch_mail_no_more(session, account);
        }
        match before {
            Identity::Present(present) => self.end_presence(session, *present),
            Identity::LoggingIn(login) => self.end_login(session, &login),
            Identity::Anonymous | Identity::LoggedIn(_) | Identity::Appearing(_) => {}
        }
        self.advance(session);
    }

    /// Ends a session; messages leased to it and not confirmed are unread again.
    pub fn leave(&mut self, session: SessionKey) {
        self.depart(session);
        let Some(record) = find(&mut self.sessions, session) else {
            return;
        };
        record.has_ended = true;
        let leases = record.work().map(|work| work.handed_out.take().leases);
        let is_returned = |leases: &Vec<_>| !leases.is_empty() && !faulty(Fault::LeaseDropped);
        if let Some(leases) = leases.filter(is_returned) {
            self.submit(Origin::HandBack, Call::Return { leases });
        }
        self.advance(session);
    }

    /// Carries out the work deferred to the end of a turn, and handles what the store has
    /// answered from memory.
    pub fn take_answers(&mut self) {
        self.submit_claims();
        self.submit_locks();
        self.take_completions();
    }

    /// Does the same, and returns the next group to commit, if there is one to run now.
    pub fn next_job(&mut self, now: Timestamp) -> Option<S::Job> {
        self.take_answers();
        let job = self.store.next_job(now);
        self.is_held |= std::mem::take(&mut self.has_submitted) && job.is_none();
        self.jobs_under_way += usize::from(job.is_some());
        job
    }

    /// Handles the result of a job.
    ///
    /// After an error no more outputs may be passed on.
    pub fn finish(&mut self, done: <S::Job as Job>::Done) -> Result<(), StoreFailure> {
        self.store.finish(done)?;
        self.jobs_under_way -= 1;
        let damaged = self.store.take_damaged().into_iter();
        self.outputs.extend(damaged.map(|record| Output::Operator(Operator::Damaged(record))));
        self.take_completions();
        // The remaining calls are those that the store held back until this group was
        // committed, or calls of a group that it must commit again in another way.
        let has_rest = self.jobs_under_way == 0 && !self.calls.is_empty();
        self.has_submitted |= std::mem::take(&mut self.is_held) || has_rest;
        Ok(())
    }

    /// Takes the next output.
    pub fn take_output(&mut self) -> Option<Output> {
        self.outputs.pop_front().or_else(|| self.posts.take().map(Output::Posts))
    }

    /// Takes the next output if it is a reply to this session.
    pub fn take_reply(&mut self, session: SessionKey) -> Option<Reply> {
        match self.outputs.front() {
            Some(Output::Reply(to, _)) if *to == session => match self.outputs.pop_front() {
                Some(Output::Reply(_, reply)) => Some(reply),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether [`next_job`](Self::next_job) has work to do.
    pub fn has_work(&self) -> bool {
        let asks = self.has_submitted || !self.claims.is_empty() || self.locks.can_begin();
        asks || self.has_work_in_memory()
    }

    /// Whether there is work that needs no job of the store.
    pub fn has_work_in_memory(&self) -> bool {
        let has_newcomers = self.file.as_ref().is_some_and(PasswordFile::has_newcomers);
        !self.outputs.is_empty() || self.posts.is_some() || has_newcomers
    }

    /// Sessions that there are, with those that have ended and still have a request under
    /// way.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Calls to the store that have not completed.
    pub fn calls_under_way(&self) -> usize {
        self.calls.len()
    }

    /// Whether calls that take as much memory as may be wait for the store. More requests
    /// that it has to store, or to read, had better wait elsewhere.
    pub fn is_busy(&self) -> bool {
        let (bytes, most) = self.call_bytes();
        bytes >= most
    }

    /// Whether a session has requests that are not answered.
    pub fn has_requests(&self, session: SessionKey) -> bool {
        let record = self.sessions.get(session.index());
        record.is_some_and(|record| {
            record.generation == session.generation() && record.has_requests()
        })
    }

    /// Whether the store has nothing to do, and nothing is to be asked of it.
    pub fn is_idle(&self) -> bool {
        !self.asks_the_store() && self.jobs_under_way == 0
    }

    /// Whether there are calls to make to the store.
    pub fn asks_the_store(&self) -> bool {
        self.has_submitted || !self.claims.is_empty() || self.locks.has_waiting()
    }

    /// Reserves what a request of a session may create.
    fn reserve(&mut self, session: SessionKey, kind: Kind, wanted: u32) -> Option<Reservation> {
        let purse = &find(&mut self.sessions, session)?.purse;
        (wanted > 0).then(|| self.creations.reserve(purse, kind, wanted))
    }

    fn submit_request(&mut self, key: RequestKey, call: Call) {
        self.submit(Origin::Request(key), call);
    }

    fn submit(&mut self, origin: Origin, call: Call) {
        self.submit_reserved(origin, call, None);
    }

    fn submit_reserved(&mut self, origin: Origin, call: Call, reservation: Option<Reservation>) {
        self.submit_since(origin, call, reservation, self.now);
    }

    fn submit_since(
        &mut self,
        origin: Origin,
        call: Call,
        reservation: Option<Reservation>,
        since: Instant,
    ) {
        self.has_submitted = true;
        let ticket = self.calls.begin(&call, origin, reservation, since);
        self.store.submit(ticket, call);
    }

    fn session(&mut self, session: SessionKey) -> Option<&mut Session> {
        find(&mut self.sessions, session)
    }
}

fn key(index: usize, generation: u32) -> SessionKey {
    // There are never 2^32 sessions at a time.
    SessionKey::new(u32::try_from(index).unwrap_or(u32::MAX), generation)
}

fn find(sessions: &mut Slab<Session>, session: SessionKey) -> Option<&mut Session> {
    let record = sessions.get_mut(session.index())?;
    (record.generation == session.generation()).then_some(record)
}
