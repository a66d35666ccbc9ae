//! A store in memory, for tests: it does what every store must do, and its test
//! decides when.
//!
//! What a store keeps is on a [`MemoryDisk`], which outlives it: to restart, drop the
//! store and open another one on the same disk. A test can make calls late
//! ([`MemoryDisk::delay`]), so that they complete in any order that a store across a
//! network may choose: calls that concern the same account or channel complete in the
//! order of their submission, others in any. It can also make the disk full.

mod books;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use postroom_model::{Batch, Channel, Name};

use crate::{Call, Completion, Damaged, Lease, Limits, Store, StoreFailure, Ticket, Timestamp};

use books::{Books, Session};

/// What a store in memory keeps when it is dropped, and how its test controls it.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Rc<RefCell<Disk>>);

#[derive(Default)]
struct Disk {
    books: Books,
    is_full: bool,
    /// Says of a call whether it waits for a later settlement.
    delay: Option<Delay>,
}

type Delay = Box<dyn FnMut(&Call) -> bool>;

impl fmt::Debug for Disk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { books, is_full, .. } = self;
        formatter.debug_struct("Disk").field("books", books).field("is_full", is_full).finish()
    }
}

impl MemoryDisk {
    /// Opens the store that is kept here; the one before must have been dropped.
    #[must_use]
    pub fn open(&self, limits: Limits) -> MemoryStore {
        let (disk, session) = (self.clone(), Session::default());
        MemoryStore { disk, session, limits, waiting: VecDeque::new() }
    }

    /// While the disk is full, nothing is stored.
    pub fn set_full(&self, is_full: bool) {
        self.0.borrow_mut().is_full = is_full;
    }

    /// From now on each settlement asks `is_late` of each call that could complete.
    /// One that is late waits for the next settlement, and with it those behind it
    /// that concern the same account or channel.
    pub fn delay(&self, is_late: impl FnMut(&Call) -> bool + 'static) {
        self.0.borrow_mut().delay = Some(Box::new(is_late));
    }

    /// From now on every settlement completes all calls.
    pub fn hurry(&self) {
        self.0.borrow_mut().delay = None;
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
    waiting: VecDeque<(Ticket, Call)>,
}

/// What a call concerns. Calls that share a subject complete in their order.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Subject {
    Account(Name),
    Channel(Channel),
    /// Who is present.
    Presence,
}

impl MemoryStore {
    /// Takes the calls that complete now, each behind none that it must wait for.
    fn take_due(&mut self, disk: &mut Disk) -> Vec<(Ticket, Call)> {
        let (mut due, mut late) = (Vec::new(), VecDeque::new());
        let mut blocked: Vec<Subject> = Vec::new();
        for (ticket, call) in std::mem::take(&mut self.waiting) {
            let subjects = subjects(&call, &disk.books);
            let is_blocked = subjects.iter().any(|subject| blocked.contains(subject));
            let mut is_late =
                |call: &Call| disk.delay.as_mut().is_some_and(|is_late| is_late(call));
            if is_blocked || is_late(&call) {
                blocked.extend(subjects);
                late.push_back((ticket, call));
            } else {
                due.push((ticket, call));
            }
        }
        self.waiting = late;
        due
    }
}

impl Store for MemoryStore {
    fn submit(&mut self, ticket: Ticket, call: Call) {
        self.waiting.push_back((ticket, call));
    }

    fn settle(
        &mut self,
        now: Timestamp,
        completed: &mut Vec<Completion>,
    ) -> Result<(), StoreFailure> {
        let disk = self.disk.clone();
        let disk = &mut *disk.0.borrow_mut();
        let mut outcomes = Batch::new();
        let due = self.take_due(disk);
        let tickets: Vec<_> = due.iter().map(|(ticket, _)| *ticket).collect();
        for (_, call) in due {
            let limits = self.limits;
            outcomes.push(disk.books.act(&mut self.session, call, limits, now, disk.is_full));
        }
        // Memory is on disk at once.
        let receipts = outcomes.commit(|| Ok::<_, StoreFailure>(()))?;
        let completions = tickets.into_iter().zip(receipts);
        completed.extend(completions.map(|(ticket, outcome)| Completion { ticket, outcome }));
        Ok(())
    }

    fn take_damaged(&mut self) -> Vec<Damaged> {
        Vec::new()
    }
}

fn subjects(call: &Call, books: &Books) -> Vec<Subject> {
    let account = |account| vec![Subject::Account(books.name(account).clone())];
    let of_leases =
        |leases: &[Lease]| leases.first().map_or_else(Vec::new, |lease| account(lease.account()));
    match call {
        Call::Open { name, .. } | Call::SetPassword { name, .. } => {
            vec![Subject::Account(name.clone())]
        }
        Call::Compose { recipient, .. } => vec![Subject::Account(recipient.clone())],
        Call::Read { account: id } | Call::CountUnread { account: id } => account(*id),
        Call::Confirm { leases } | Call::Return { leases } => of_leases(leases),
        Call::Claim { .. } | Call::Release { .. } | Call::ListPresent => vec![Subject::Presence],
        Call::Post { post, .. } => {
            post.channels.iter().map(|channel| Subject::Channel(channel.clone())).collect()
        }
        Call::Latest { channel } | Call::Timeline { channel, .. } => {
            vec![Subject::Channel(channel.clone())]
        }
        Call::ListAccounts => Vec::new(),
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
                self.disk.delay(move |_| {
                    state.set(state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
                    state.get() >> 63 == 0
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
        disk.delay(
            |call| matches!(call, Call::Compose { recipient, .. } if recipient.as_str() == "bob"),
        );
        let calls = [append("bob", "one"), append("ann", "two"), open("bob"), open("ann")];
        for (number, call) in (1..).zip(calls) {
            store.submit(Ticket(number), call);
        }
        assert_eq!(settle(&mut store), [2, 4]);
        disk.hurry();
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
        for call in [append("bob", "one"), open("new"), open("bob")] {
            store.submit(Ticket(1), call);
        }
        store.settle(Timestamp(0), &mut completed).unwrap();
        let outcomes: Vec<_> =
            completed.iter().map(|completion| completion.outcome.get()).collect();
        assert!(
            matches!(
                outcomes[..],
                [Outcome::DiskFull, Outcome::DiskFull, Outcome::Opened { unread: 0, .. }]
            ),
            "{outcomes:?}"
        );
    }
}
