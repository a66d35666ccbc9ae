//! Bytes of the file that change at random.

use postroom_model::Page;
use postroom_store::Limits;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::damage::{PAGE, large};
use super::*;

/// Makes some calls; what fails is no panic, and is said once.
fn attempt(store: &mut SqliteStore, calls: impl IntoIterator<Item = Call>) -> Option<Vec<Outcome>> {
    for call in calls {
        store.submit(Ticket(0), call);
    }
    let mut completed: Vec<Completion> = Vec::new();
    store.settle(Timestamp(1), &mut completed).ok()?;
    Some(completed.into_iter().filter_map(Completion::into_outcome).collect())
}

/// Reads and writes all that there is, as far as the damage allows; whether it did
/// to the end.
fn use_up(store: &mut SqliteStore) -> Option<usize> {
    let mut leases = Vec::new();
    for outcome in attempt(store, (0..1_000).map(|_| Call::Read { account: AccountId(0) }))? {
        if let Outcome::Read { lease, .. } = outcome {
            leases.push(lease);
        }
    }
    let (read, channel) = (leases.len(), Channel::parse("#a").unwrap());
    attempt(
        store,
        [Call::Latest { channel: channel.clone(), reader: None }, Call::Confirm { leases }],
    )?;
    let mut from = Position::default();
    loop {
        let page =
            attempt(store, [Call::Timeline { channel: channel.clone(), from, reader: None }])?
                .pop()?;
        let Outcome::Timeline(Page { next: Some(next), .. }) = page else { break };
        from = next;
    }
    attempt(store, [append(AccountId(0), "account0", "late"), post("#a", "late")])?;
    store.sweep.hurry();
    attempt(store, [append(AccountId(0), "account0", "later")])?;
    store.take_damaged();
    Some(read)
}

/// Whatever has happened to the file, it is opened or refused, and then used or
/// given up, without a panic; and what is sound can be read.
#[test]
fn random_damage_is_survived() {
    const TRIES: usize = 60;
    let folder = large();
    let content = std::fs::read(database_file(folder.path())).unwrap();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let spot = (PAGE..content.len(), prop::collection::vec(any::<u8>(), 1..80));
    let spots = prop::collection::vec(spot, 1..4);
    let mut survived = 0;
    for _ in 0..TRIES {
        let mut damaged = content.clone();
        for (start, bytes) in spots.new_tree(&mut runner).unwrap().current() {
            let end = (start + bytes.len()).min(damaged.len());
            damaged[start..end].copy_from_slice(&bytes[..end - start]);
        }
        let folder = TempDir::new().unwrap();
        std::fs::write(database_file(folder.path()), damaged).unwrap();
        let limits = Limits { mailbox_capacity: 1_000, ..Limits::default() };
        // Twice: what was given up must not stop the next start.
        for _ in 0..2 {
            let data = DataFolder::open(folder.path()).unwrap();
            if let Ok((mut store, _checkpointer)) = SqliteStore::open(data, limits)
                && use_up(&mut store).is_some()
            {
                survived += 1;
            }
        }
        let mut findings = 0;
        let _ = crate::check(folder.path(), |_| true, |_| findings += 1);
    }
    println!("{survived} of {} runs came to their end", 2 * TRIES);
    assert!(survived > TRIES, "{survived} of {} runs came to their end", 2 * TRIES);
}
