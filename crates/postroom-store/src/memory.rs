//! A store in memory, for tests: it does what every store must do, and its test
//! decides when, and how calls end.
//!
//! What a store keeps is on a [`MemoryDisk`], which outlives it: to restart, drop the
//! store and open another one on the same disk. A test can decide the [`Fate`] of each
//! call ([`MemoryDisk::decide`]): late, refused, unavailable or unknown. Any number of
//! jobs may be under way, and may finish in any order; calls that concern the same
//! account or channel keep theirs. A test can also make the disk full.

mod books;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use postroom_model::{Batch, Channel, Committed, Name};

use crate::{
    Call, Completion, Damaged, End, Job, Lease, Limits, Outcome, Store, StoreFailure, Ticket,
    Timestamp,
};

use books::{Books, Session};

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
        MemoryStore {
            disk: self.clone(),
            session: Session::default(),
            limits,
            waiting: Vec::new(),
            under_way: Vec::new(),
            last_job: 0,
            completions: Vec::new(),
        }
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

/// What a call concerns. Calls that share a subject keep their order.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Subject {
    Account(Name),
    Channel(Channel),
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
                act(call);
                End::Unknown
            }
            Fate::CarriedOut | Fate::Late => End::Done(committed(act(call))),
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
        if needs_a_job(&waiting.call, &disk.books) {
            self.waiting.push(waiting);
            return;
        }
        match disk.fate(&waiting.call) {
            Fate::Late => self.waiting.push(waiting),
            fate => self.end(disk, waiting, fate, Timestamp(0)),
        }
    }

    fn next_job(&mut self, now: Timestamp) -> Option<MemoryJob> {
        let disk = self.disk.clone();
        let calls = self.take_due(&mut disk.0.borrow_mut());
        if calls.is_empty() {
            return None;
        }
        self.last_job += 1;
        let job = self.last_job;
        self.under_way.push(UnderWay { job, now, calls });
        Some(MemoryJob(job))
    }

    fn finish(&mut self, done: MemoryJobDone) -> Result<(), StoreFailure> {
        let disk = self.disk.clone();
        let disk = &mut *disk.0.borrow_mut();
        let place = self.under_way.iter().position(|group| group.job == done.0);
        let UnderWay { now, calls, .. } =
            self.under_way.swap_remove(place.expect("a job finishes once"));
        for (waiting, fate) in calls {
            self.end(disk, waiting, fate, now);
        }
        Ok(())
    }

    fn take_completions(&mut self, completions: &mut Vec<Completion>) {
        completions.append(&mut self.completions);
    }

    fn take_damaged(&mut self) -> Vec<Damaged> {
        Vec::new()
    }
}

/// Whether a call stores something or reads the disk.
fn needs_a_job(call: &Call, books: &Books) -> bool {
    match call {
        Call::Claim { .. }
        | Call::Release { .. }
        | Call::ListPresent
        | Call::CountUnread { .. } => false,
        Call::Open { name, .. } => !books.is_known(name),
        _ => true,
    }
}

fn subjects(call: &Call, books: &Books) -> Vec<Subject> {
    let account = |account| vec![Subject::Account(books.name(account).clone())];
    let of_leases =
        |leases: &[Lease]| leases.first().map_or_else(Vec::new, |lease| account(lease.account()));
    match call {
        Call::Open { name, .. } if books.is_known(name) => Vec::new(),
        Call::Open { name, .. } | Call::SetPassword { name, .. } => {
            vec![Subject::Account(name.clone())]
        }
        Call::Compose { recipient, .. } => vec![Subject::Account(recipient.clone())],
        Call::Read { account: id } => account(*id),
        Call::Confirm { leases } | Call::Return { leases } => of_leases(leases),
        Call::Post { post, .. } => {
            post.channels.iter().map(|channel| Subject::Channel(channel.clone())).collect()
        }
        Call::Latest { channel } | Call::Timeline { channel, .. } => {
            vec![Subject::Channel(channel.clone())]
        }
        Call::Claim { .. }
        | Call::Release { .. }
        | Call::ListPresent
        | Call::CountUnread { .. }
        | Call::ListAccounts => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use postroom_model::{Text, Unknown};

    use super::*;
    use crate::contract::{self, Fixture};
    use crate::{AccountId, Key, Outcome};

    /// A disk whose calls are late when a seed says so, if one does.
    struct Place {
        disk: MemoryDisk,
        seed: Option<u64>,
    }

    impl Fixture for Place {
        type Store = MemoryStore;

        fn clear(&mut self) {
            self.disk = MemoryDisk::default();
            if let Some(seed) = self.seed {
                let state = Cell::new(seed);
                self.disk.decide(move |_| {
                    state.set(state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
                    if state.get() >> 63 == 0 { Fate::Late } else { Fate::CarriedOut }
                });
            }
        }

        fn open(&mut self, limits: Limits) -> MemoryStore {
            self.disk.open(limits)
        }
    }

    #[test]
    fn keeps_the_contract_of_all_stores() {
        contract::check(&mut Place { disk: MemoryDisk::default(), seed: None });
    }

    #[test]
    fn keeps_the_contract_whatever_is_late() {
        for seed in 0..8 {
            contract::check(&mut Place { disk: MemoryDisk::default(), seed: Some(seed) });
        }
    }

    fn open(name: &str) -> Call {
        Call::Open { name: Name::new(name).unwrap(), key: Key::None, admits_strangers: true }
    }

    fn append(recipient: &str, words: &str) -> Call {
        let (recipient, text) = (Name::new(recipient).unwrap(), Text::from_bytes(words.as_bytes()));
        let (sender, text) = (AccountId(0), text.unwrap());
        Call::Compose { sender, recipient, text, unknown: Unknown::Register }
    }

    /// Settles once; the numbers of the calls that completed.
    fn settle(store: &mut MemoryStore) -> Vec<u64> {
        let mut completed = Vec::new();
        store.settle(Timestamp(0), &mut completed).unwrap();
        completed.iter().map(|completion| completion.ticket.0).collect()
    }

    #[test]
    fn what_is_late_holds_back_its_own_account_alone() {
        let disk = MemoryDisk::default();
        let mut store = disk.open(Limits::default());
        store.submit(Ticket(0), open("bob"));
        assert_eq!(settle(&mut store), [0]);
        disk.decide(|call| match call {
            Call::Compose { recipient, .. } if recipient.as_str() == "bob" => Fate::Late,
            _ => Fate::CarriedOut,
        });
        let calls = [append("bob", "one"), append("ann", "two"), append("bob", "three")];
        for (number, call) in (1..).zip(calls) {
            store.submit(Ticket(number), call);
        }
        store.submit(Ticket(4), open("bob"));
        assert_eq!(settle(&mut store), [4, 2]);
        disk.carry_out();
        assert_eq!(settle(&mut store), [1, 3]);
    }

    #[test]
    fn on_a_full_disk_nothing_is_stored() {
        let disk = MemoryDisk::default();
        let mut store = disk.open(Limits::default());
        store.submit(Ticket(0), open("bob"));
        settle(&mut store);
        disk.set_full(true);
        let mut completed = Vec::new();
        for (number, call) in (1..).zip([append("bob", "one"), open("new"), open("bob")]) {
            store.submit(Ticket(number), call);
        }
        store.settle(Timestamp(0), &mut completed).unwrap();
        completed.sort_by_key(|completion| completion.ticket.0);
        let outcomes: Vec<_> = completed.into_iter().filter_map(Completion::into_outcome).collect();
        assert!(
            matches!(
                outcomes[..],
                [Outcome::DiskFull, Outcome::DiskFull, Outcome::Opened { unread: 0, .. }]
            ),
            "{outcomes:?}"
        );
    }
}
