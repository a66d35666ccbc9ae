//! The store in memory against its contract, and what its tests decide.

use std::cell::Cell;

use postroom_model::{Text, Unknown};

use super::*;
use crate::contract::{self, Fixture};
use crate::{AccountId, Admits, Key, Outcome};

/// A disk whose calls are late when a seed says so, if one does.
struct Place {
    disk: MemoryDisk,
    seed: Option<u64>,
}

impl Fixture for Place {
    type Store = MemoryStore;
    type History = MemoryHistory;

    fn clear(&mut self) {
        self.disk = MemoryDisk::default();
        if let Some(seed) = self.seed {
            let state = Cell::new(seed);
            self.disk.decide(move |call| {
                if answers_at_once(call) {
                    return Fate::CarriedOut;
                }
                state.set(state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
                if state.get() >> 63 == 0 { Fate::Late } else { Fate::CarriedOut }
            });
        }
    }

    fn open(&mut self, limits: Limits) -> MemoryStore {
        self.disk.open(limits)
    }

    fn history(&mut self, _: &MemoryStore) -> MemoryHistory {
        self.disk.history()
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

/// Whether a store answers a call without a job, if it can.
fn answers_at_once(call: &Call) -> bool {
    matches!(
        call,
        Call::Claim { .. }
            | Call::MayClaim { .. }
            | Call::Release { .. }
            | Call::ListPresent
            | Call::CountUnread { .. }
            | Call::Open { .. }
    )
}

fn open(name: &str) -> Call {
    Call::Open {
        name: Name::new(name).unwrap(),
        key: Key::None,
        admits: Admits::ALL,
        may_create: 1,
    }
}

fn append(recipient: &str, words: &str) -> Call {
    let (recipient, text) = (Name::new(recipient).unwrap(), Text::from_bytes(words.as_bytes()));
    let (sender, text) = (AccountId(0), text.unwrap());
    let sender = sender.into();
    Call::Compose { sender, recipient, text, unknown: Unknown::Register, may_create: 1 }
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

/// Submits a call and takes out the job that it is in.
fn job(store: &mut MemoryStore, ticket: u64, call: Call) -> MemoryJob {
    store.submit(Ticket(ticket), call);
    store.next_job(Timestamp(0)).unwrap()
}

fn completed(store: &mut MemoryStore) -> Vec<u64> {
    let mut completed = Vec::new();
    store.take_completions(&mut completed);
    completed.iter().map(|completion| completion.ticket.0).collect()
}

#[test]
fn jobs_of_different_accounts_finish_in_any_order() {
    let mut store = MemoryDisk::default().open(Limits::default());
    store.submit(Ticket(0), open("bob"));
    settle(&mut store);
    let first = job(&mut store, 1, append("bob", "one"));
    let second = job(&mut store, 2, append("ann", "two"));
    store.submit(Ticket(3), append("bob", "waits for the first"));
    assert!(store.next_job(Timestamp(0)).is_none());
    store.finish(second.run()).unwrap();
    assert_eq!(completed(&mut store), [2]);
    store.finish(first.run()).unwrap();
    assert_eq!(completed(&mut store), [1]);
    assert_eq!(settle(&mut store), [3]);
}

/// How a call ends when this is its fate, and what a restart finds of it.
fn fate(fate: Fate) -> (End, u32) {
    let disk = MemoryDisk::default();
    let mut store = disk.open(Limits::default());
    store.submit(Ticket(0), open("bob"));
    settle(&mut store);
    disk.decide(move |_| fate);
    let mut ended = Vec::new();
    store.submit(Ticket(1), append("bob", "one"));
    store.settle(Timestamp(0), &mut ended).unwrap();
    drop(store);
    disk.carry_out();
    let mut store = disk.open(Limits::default());
    let mut completed = Vec::new();
    store.submit(Ticket(2), open("bob"));
    store.take_completions(&mut completed);
    match completed.pop().and_then(Completion::into_outcome) {
        Some(Outcome::Opened { unread, .. }) => (ended.remove(0).end, unread),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_unavailable_is_not_stored() {
    let (end, unread) = fate(Fate::Unavailable);
    assert!(matches!(end, End::Unavailable), "{end:?}");
    assert_eq!(unread, 0);
}

#[test]
fn what_is_unknown_may_be_stored() {
    for carried_out in [false, true] {
        let (end, unread) = fate(Fate::Unknown { carried_out });
        assert!(matches!(end, End::Unknown), "{end:?}");
        assert_eq!(unread, u32::from(carried_out));
    }
}

#[test]
fn a_removal_that_is_unavailable_leaves_its_message_unread() {
    let disk = MemoryDisk::default();
    let mut store = disk.open(Limits::default());
    store.submit(Ticket(0), open("bob"));
    store.submit(Ticket(1), append("bob", "one"));
    settle(&mut store);
    let read = |store: &mut MemoryStore| {
        store.submit(Ticket(2), Call::Read { account: AccountId(0) });
        let mut completed = Vec::new();
        store.settle(Timestamp(0), &mut completed).unwrap();
        match completed.pop().and_then(Completion::into_outcome) {
            Some(Outcome::Read { lease, .. }) => lease,
            other => panic!("{other:?}"),
        }
    };
    let lease = read(&mut store);
    disk.decide(|_| Fate::Unavailable);
    store.submit(Ticket(3), Call::Confirm { leases: vec![lease] });
    assert_eq!(settle(&mut store), [3]);
    disk.carry_out();
    let _again = read(&mut store);
}
