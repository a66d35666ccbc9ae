//! A store in memory, for tests: it does what every store must do, and its test
//! decides when, and how calls end.
//!
//! What a store keeps is on a [`MemoryDisk`], which outlives it: to restart, drop the
//! store and open another one on the same disk. A test can decide the [`Fate`] of each
//! call ([`MemoryDisk::decide`]): late, refused, unavailable or unknown. Any number of
//! jobs may be under way, and may finish in any order; calls that concern the same
//! account or channel keep theirs. A test can also make the disk full.

mod accounts;
mod backup;
mod bans;
mod books;
mod channels;
mod history;
mod imports;
mod kept;
mod kept_message;
mod keys;
mod messages;
mod once;
mod private;
mod private_channel;
mod retention;
mod session;
mod talk;

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use postroom_model::{Batch, Channel, Committed, Fault, Name, PostId, Prefix, Stamp, faulty};

use crate::{
    AccountId, AccountRef, Backup, BackupToken, BanPage, BanPlace, Call, Completion, Damaged, End,
    HistoryQuery, HistoryRows, Job, JobDone, KeptQuery, KeptRows, Lease, Limits, NotBackedUp,
    NotKept, Outcome, Store, StoreFailure, StoreUsage, SweepDue, Ticket, Timestamp,
};

use backup::Copying;
use books::Books;
use session::Session;

pub use history::MemoryHistory;

/// What a store in memory keeps when it is dropped, and how its test controls it.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Rc<RefCell<Disk>>);

#[derive(Default)]
struct Disk {
    books: Books,
    is_full: bool,
    decide: Option<Decide>,
}

type Decide = Box<dyn FnMut(&Call) -> Fate>;

/// What becomes of a call that could be carried out now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It is carried out.
    CarriedOut,
    /// It waits for a later job, and with it those behind it that concern the same
    /// account or channel.
    Late,
    /// It ends as [`End::Unavailable`].
    Unavailable,
    /// It ends as [`End::Unknown`].
    Unknown {
        /// Whether it was carried out.
        carried_out: bool,
    },
}

impl fmt::Debug for Disk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { books, is_full, .. } = self;
        formatter.debug_struct("Disk").field("books", books).field("is_full", is_full).finish()
    }
}

impl Disk {
    fn fate(&mut self, call: &Call) -> Fate {
        self.decide.as_mut().map_or(Fate::CarriedOut, |decide| decide(call))
    }
}

impl MemoryDisk {
    /// Opens the store that is kept here; the one before must have been dropped.
    #[must_use]
    pub fn open(&self, limits: Limits) -> MemoryStore {
        self.0.borrow_mut().books.trim_kept(limits.keep_read);
        MemoryStore {
            disk: self.clone(),
            session: Session::default(),
            limits,
            waiting: Vec::new(),
            under_way: Vec::new(),
            last_job: 0,
            completions: Vec::new(),
            promised: HashSet::new(),
            copying: Copying::default(),
        }
    }

    /// Reads the history of the channels that are kept here.
    #[must_use]
    pub fn history(&self) -> MemoryHistory {
        MemoryHistory::new(self.clone())
    }

    /// While the disk is full, nothing is stored.
    pub fn set_full(&self, is_full: bool) {
        self.0.borrow_mut().is_full = is_full;
    }

    /// From now on `decide` says what becomes of each call. It is asked of a late call
    /// again.
    pub fn decide(&self, decide: impl FnMut(&Call) -> Fate + 'static) {
        self.0.borrow_mut().decide = Some(Box::new(decide));
    }

    /// From now on every call is carried out.
    pub fn carry_out(&self) {
        self.0.borrow_mut().decide = None;
    }

    /// All texts that are kept, each with the mailbox or the channel that it is in.
    #[must_use]
    pub fn texts(&self) -> Vec<(String, String)> {
        self.0.borrow().books.texts()
    }

    /// Whether an account has a password.
    #[must_use]
    pub fn is_locked(&self, name: &Name) -> bool {
        self.0.borrow().books.is_locked(name)
    }
}

/// A store on a [`MemoryDisk`].
#[derive(Debug)]
pub struct MemoryStore {
    disk: MemoryDisk,
    session: Session,
    limits: Limits,
    waiting: Vec<Waiting>,
    under_way: Vec<UnderWay>,
    last_job: u64,
    completions: Vec<Completion>,
    /// Calls that are completed and not carried out.
    promised: HashSet<Ticket>,
    copying: Copying,
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    call: Call,
}

/// A group that was handed out as a job.
#[derive(Debug)]
struct UnderWay {
    job: u64,
    now: Timestamp,
    calls: Vec<(Waiting, Fate)>,
    /// Whether it copies a part of the backup.
    copies: bool,
}

/// A group of calls, which the store itself holds.
#[derive(Debug)]
#[must_use = "its calls complete when its result comes back"]
pub struct MemoryJob(u64);

/// A job that has run.
#[derive(Debug)]
pub struct MemoryJobDone(u64);

impl Job for MemoryJob {
    type Done = MemoryJobDone;

    fn run(self) -> MemoryJobDone {
        MemoryJobDone(self.0)
    }
}

impl JobDone for MemoryJobDone {
    fn sync_time(&self) -> Option<Duration> {
        None
    }
}

/// What a call concerns. Calls that share a subject keep their order.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Subject {
    Account(Name),
    Channel(Channel),
    Bans,
}

impl MemoryStore {
    /// Takes the calls that may be carried out now, each behind none that it must wait
    /// for.
    fn take_due(&mut self, disk: &mut Disk) -> Vec<(Waiting, Fate)> {
        let (mut due, mut late) = (Vec::new(), Vec::new());
        let under_way = self.under_way.iter().flat_map(|group| &group.calls);
        let mut blocked: Vec<Subject> =
            under_way.flat_map(|(waiting, _)| subjects(&waiting.call, &disk.books)).collect();
        for waiting in std::mem::take(&mut self.waiting) {
            let subjects = subjects(&waiting.call, &disk.books);
            let is_blocked = subjects.iter().any(|subject| blocked.contains(subject));
            let fate = if is_blocked { Fate::Late } else { disk.fate(&waiting.call) };
            if fate == Fate::Late {
                blocked.extend(subjects);
                late.push(waiting);
            } else {
                due.push((waiting, fate));
            }
        }
        self.waiting = late;
        due
    }

    /// Whether a call stores something, reads the disk, or depends on one that does.
    fn needs_a_job(&self, call: &Call, books: &Books) -> bool {
        match call {
            Call::Claim { .. }
            | Call::MayClaim { .. }
            | Call::Release { .. }
            | Call::ListPresent
            | Call::ListBlocked { .. } => false,
            Call::CountUnread { .. } => faulty(Fault::MemoryWaits),
            Call::Open { name, .. } => !books.is_known(name) || self.sets_password(name, books),
            Call::Password { account } => self.sets_password(books.name(*account), books),
            _ => true,
        }
    }

    /// Whether a call that is not completed sets the password of an account.
    fn sets_password(&self, account: &Name, books: &Books) -> bool {
        let under_way = self.under_way.iter().flat_map(|group| &group.calls);
        let waiting = self.waiting.iter().chain(under_way.map(|(waiting, _)| waiting));
        waiting.map(|waiting| &waiting.call).any(|call| match call {
            Call::SetPassword { name, .. }
            | Call::Import { name, .. }
            | Call::RemovePassword { name }
            | Call::Rename { from: name, .. }
            | Call::Delete { name } => name == account,
            Call::ChangePassword { account: id, .. } => books.name(*id) == account,
            _ => false,
        })
    }

    /// Completes posts before they are kept, where a fault says so.
    fn promise(&mut self, calls: &[(Waiting, Fate)]) {
        for (Waiting { ticket, call }, fate) in calls {
            if let Call::Post { post, .. } = call
                && *fate == Fate::CarriedOut
                && faulty(Fault::ShownTooEarly)
            {
                let stamp = Stamp { id: PostId(0), stored: Timestamp(0) };
                let outcome = Outcome::Posted { post: Arc::clone(post), stamp, created: 0 };
                let end = End::Done(committed(outcome));
                self.completions.push(Completion { ticket: *ticket, end });
                self.promised.insert(*ticket);
            }
        }
    }

    fn end(&mut self, disk: &mut Disk, waiting: Waiting, fate: Fate, now: Timestamp) {
        let Waiting { ticket, call } = waiting;
        let (session, limits) = (&mut self.session, self.limits);
        let mut act = |call| disk.books.act(session, call, limits, now, disk.is_full);
        let end = match fate {
            Fate::Unavailable | Fate::Unknown { carried_out: false } => {
                give_back(&mut act, call);
                if fate == Fate::Unavailable { End::Unavailable } else { End::Unknown }
            }
            Fate::Unknown { carried_out: true } => {
                if let Some(again) = call.again().filter(|_| faulty(Fault::StoredTwice)) {
                    act(again);
                }
                act(call);
                End::Unknown
            }
            Fate::CarriedOut | Fate::Late => {
                let outcome = act(call);
                self.session.completed(&outcome);
                End::Done(committed(outcome))
            }
        };
        self.completions.push(Completion { ticket, end });
    }
}

/// Messages whose removal is not carried out wait again.
fn give_back(act: &mut impl FnMut(Call) -> Outcome, call: Call) {
    if let Call::Confirm { leases } = call {
        act(Call::Return { leases });
    }
}

/// Memory is on disk at once.
fn committed(outcome: Outcome) -> Committed<Outcome> {
    let mut batch = Batch::new();
    batch.push(outcome);
    let committed = batch.commit(|| Ok::<_, StoreFailure>(()));
    committed.ok().and_then(|mut committed| committed.next()).expect("one was pushed")
}

impl Store for MemoryStore {
    type Job = MemoryJob;

    fn submit(&mut self, ticket: Ticket, call: Call) {
        let disk = self.disk.clone();
        let disk = &mut *disk.0.borrow_mut();
        let waiting = Waiting { ticket, call };
        if self.needs_a_job(&waiting.call, &disk.books) {
            self.waiting.push(waiting);
            return;
        }
        match disk.fate(&waiting.call) {
            Fate::Late => self.waiting.push(waiting),
            fate => self.end(disk, waiting, fate, Timestamp(0)),
        }
    }

    fn session_began(&mut self, account: AccountId) {
        self.session.session_began(account);
    }

    fn session_ended(&mut self, account: AccountId) {
        self.session.session_ended(account);
    }

    fn has_blocked(&self, account: AccountId, sender: &Name) -> bool {
        self.disk.0.borrow().books.has_blocked(account, sender)
    }

    fn may_enter(&self, channel: &Channel, account: Option<AccountId>) -> bool {
        self.disk.0.borrow().books.may_enter(channel, account)
    }

    fn is_banned(&self, name: &Name, now: Timestamp) -> bool {
        self.disk.0.borrow().books.bans.is_banned(name, now)
    }

    fn banned_with(&self, address: IpAddr, now: Timestamp) -> Option<Prefix> {
        self.disk.0.borrow().books.bans.banned_with(address, now)
    }

    fn bans(&self, from: BanPlace, now: Timestamp) -> BanPage {
        self.disk.0.borrow().books.bans.page(from, now)
    }

    fn history(&self, query: HistoryQuery) -> HistoryRows {
        self.disk.0.borrow().books.channels.history(query)
    }

    fn kept(&self, query: KeptQuery) -> Result<KeptRows, NotKept> {
        self.disk.0.borrow().books.kept(query, self.limits)
    }

    /// Memory is never damaged.
    fn note_damaged(&mut self, _: Damaged) {}

    fn set_members(&mut self, channel: &Channel, has_members: bool) {
        self.session.set_members(channel, has_members);
    }

    fn set_limits(&mut self, limits: Limits) {
        self.limits = self.limits.replaced_by(limits);
    }

    /// Memory is freed at once: only what grows old is swept.
    fn sweep_due(&self) -> SweepDue {
        let Limits { retention, keep_read, .. } = self.limits;
        let grows_old = retention.is_on() || keep_read.is_some_and(|keep| keep.age_ms.is_some());
        match (self.session.has_more_old, grows_old) {
            (true, _) => SweepDue::Soon,
            (false, true) => SweepDue::Later,
            (false, false) => SweepDue::Never,
        }
    }

    fn next_job(&mut self, now: Timestamp) -> Option<MemoryJob> {
        let disk = self.disk.clone();
        let calls = self.take_due(&mut disk.0.borrow_mut());
        let copies = self.copying.takes_part();
        if calls.is_empty() && !copies {
            return None;
        }
        self.promise(&calls);
        self.last_job += 1;
        let job = self.last_job;
        self.under_way.push(UnderWay { job, now, calls, copies });
        Some(MemoryJob(job))
    }

    fn finish(&mut self, done: MemoryJobDone) -> Result<(), StoreFailure> {
        let disk = self.disk.clone();
        let disk = &mut *disk.0.borrow_mut();
        let place = self.under_way.iter().position(|group| group.job == done.0);
        let UnderWay { now, calls, copies, .. } =
            self.under_way.swap_remove(place.expect("a job finishes once"));
        for (waiting, fate) in calls {
            if self.promised.contains(&waiting.ticket) {
                disk.books.act(&mut self.session, waiting.call, self.limits, now, disk.is_full);
                continue;
            }
            self.end(disk, waiting, fate, now);
        }
        if copies {
            self.copying.copy(disk.is_full, || disk.books.texts());
        }
        Ok(())
    }

    fn take_completions(&mut self, completions: &mut Vec<Completion>) {
        self.session.completions_taken();
        completions.append(&mut self.completions);
    }

    fn take_damaged(&mut self) -> Vec<Damaged> {
        Vec::new()
    }

    fn begin_backup(&mut self, token: BackupToken) -> Result<(), NotBackedUp> {
        self.copying.begin(token)
    }

    fn continue_backup(&mut self) {
        self.copying.proceed();
    }

    fn take_backup(&mut self) -> Option<Result<Backup, NotBackedUp>> {
        self.copying.take()
    }

    fn usage(&self) -> StoreUsage {
        self.disk.0.borrow().books.usage(self.limits)
    }
}

fn subjects(call: &Call, books: &Books) -> Vec<Subject> {
    let account = |account| vec![Subject::Account(books.name(account).clone())];
    let of_leases =
        |leases: &[Lease]| leases.first().map_or_else(Vec::new, |lease| account(lease.account()));
    match call {
        Call::Open { name, .. }
        | Call::SetPassword { name, .. }
        | Call::RemovePassword { name }
        | Call::Delete { name }
        | Call::Import { name, .. }
        | Call::ReleaseName { name } => {
            vec![Subject::Account(name.clone())]
        }
        Call::Once { account: id, call, .. } => {
            let mut subjects = subjects(call, books);
            subjects.extend(account(*id));
            subjects
        }
        Call::Compose { recipient, .. } => vec![Subject::Account(recipient.clone())],
        Call::ComposeAll { recipients, .. } => {
            recipients.names().iter().cloned().map(Subject::Account).collect()
        }
        Call::Rename { from, to } => {
            vec![Subject::Account(from.clone()), Subject::Account(to.clone())]
        }
        Call::Block { account: AccountRef::Name(name), .. } => vec![Subject::Account(name.clone())],
        Call::Read { account: id }
        | Call::Peek { account: id, .. }
        | Call::Password { account: id }
        | Call::ChangePassword { account: id, .. }
        | Call::Block { account: AccountRef::Id(id), .. } => account(*id),
        Call::Confirm { leases } | Call::Return { leases } => of_leases(leases),
        Call::Post { post, .. } => {
            post.channels.iter().map(|channel| Subject::Channel(channel.clone())).collect()
        }
        Call::Latest { channel, .. }
        | Call::Timeline { channel, .. }
        | Call::ManageChannel { channel, .. }
        | Call::DeleteChannel { channel } => vec![Subject::Channel(channel.clone())],
        // Which channels it is in, only the books know.
        Call::DeletePost { author, id } => {
            let mut subjects = account(*author);
            subjects.extend(books.channels.of_post(*id).map(Subject::Channel));
            subjects
        }
        Call::Ban { .. } | Call::Unban { .. } => vec![Subject::Bans],
        Call::Claim { .. }
        | Call::MayClaim { .. }
        | Call::Release { .. }
        | Call::ListPresent
        | Call::CountUnread { .. }
        | Call::ListBlocked { .. }
        | Call::ListAccounts { .. }
        | Call::ListChannels { .. }
        | Call::Sweep { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
