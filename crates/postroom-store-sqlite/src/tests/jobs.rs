//! Groups, their jobs, and what happens between planning and committing.

use postroom_model::PresenceKind;

use super::*;
use crate::CommitJob;

fn submit(store: &mut SqliteStore, ticket: u64, call: Call) {
    store.submit(Ticket(ticket), call);
}

fn job(store: &mut SqliteStore) -> CommitJob {
    store.next_job(Timestamp(1)).unwrap()
}

/// The calls completed since the last time.
fn completed(store: &mut SqliteStore) -> Vec<(u64, Outcome)> {
    let mut completed = Vec::new();
    store.take_completions(&mut completed);
    let outcome = |done: Completion| (done.ticket.0, done.into_outcome().unwrap());
    completed.into_iter().map(outcome).collect()
}

fn tickets(store: &mut SqliteStore) -> Vec<u64> {
    completed(store).into_iter().map(|(ticket, _)| ticket).collect()
}

fn unread(store: &mut SqliteStore, account: AccountId) -> u32 {
    submit(store, 999, Call::CountUnread { account });
    match completed(store).pop() {
        Some((999, Outcome::Unread(count))) => count,
        other => panic!("{other:?}"),
    }
}

/// A store with the account of Bob, who has so many messages.
fn bobs_store(messages: usize) -> (TempDir, SqliteStore, AccountId) {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits::default());
    let bob = account(&mut store, "bob");
    settle(&mut store, (0..messages).map(|number| append(bob, "bob", &number.to_string())));
    (folder, store, bob)
}

/// Lets the disk be full for whatever needs another page.
fn fill_disk(job: &CommitJob) {
    let connection = &job.0.disk.connection;
    let pages: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    connection.pragma_update(None, "max_page_count", pages).unwrap();
}

#[test]
fn one_group_is_in_flight_and_later_calls_wait() {
    let (_folder, mut store, bob) = bobs_store(0);
    submit(&mut store, 1, append(bob, "bob", "one"));
    submit(&mut store, 2, append(bob, "ann", "two"));
    let first = job(&mut store);
    submit(&mut store, 3, append(bob, "carol", "another account"));
    assert!(store.next_job(Timestamp(1)).is_none());
    let done = first.run();
    assert!(store.next_job(Timestamp(1)).is_none(), "until its result is back");
    assert_eq!(tickets(&mut store), []);
    store.finish(done).unwrap();
    assert_eq!(tickets(&mut store), [1, 2]);
    let second = job(&mut store);
    store.finish(second.run()).unwrap();
    assert_eq!(tickets(&mut store), [3]);
    assert!(store.next_job(Timestamp(1)).is_none(), "nothing waits");
}

#[test]
fn a_full_disk_takes_the_group_back_and_lets_it_go_before_others() {
    let (folder, mut store, bob) = bobs_store(1);
    submit(&mut store, 1, append(bob, "new", &"x".repeat(100_000)));
    submit(&mut store, 2, Call::Read { account: bob });
    let first = job(&mut store);
    fill_disk(&first);
    submit(&mut store, 3, LIST_ACCOUNTS);
    store.finish(first.run()).unwrap();
    assert_eq!(tickets(&mut store), [], "nothing is acknowledged");
    assert_eq!(unread(&mut store, bob), 1);
    let again = job(&mut store);
    store.finish(again.run()).unwrap();
    let outcomes = completed(&mut store);
    assert!(
        matches!(&outcomes[..], [(1, Outcome::DiskFull), (2, Outcome::Read { text, .. })]
            if text.as_str() == "0"),
        "{outcomes:?}"
    );
    let others = job(&mut store);
    store.finish(others.run()).unwrap();
    let listed = completed(&mut store);
    assert!(
        matches!(&listed[..], [(3, Outcome::Accounts { accounts, .. })] if accounts.len() == 1),
        "{listed:?}"
    );
    drop(store);
    assert_eq!(rows(&folder, "account"), 1);
}

#[test]
fn damage_that_the_job_finds_costs_the_record_and_nothing_else() {
    let (folder, mut store, bob) = bobs_store(3);
    settle(&mut store, ["first", "second"].map(|words| post("#a", words)));
    submit(&mut store, 1, append(bob, "new", "stored once"));
    submit(&mut store, 2, Call::Read { account: bob });
    submit(&mut store, 3, Call::Read { account: bob });
    let channel = Channel::parse("#a").unwrap();
    submit(&mut store, 4, Call::Latest { channel: channel.clone(), reader: None });
    submit(&mut store, 5, Call::Timeline { channel, from: Position::default(), reader: None });
    let first = job(&mut store);
    let damage = "UPDATE message SET text = CAST(x'ff' AS TEXT) WHERE sequence = 1;
         UPDATE message SET sender = 77 WHERE sequence = 2;
         UPDATE post SET author = 77 WHERE number = 2;";
    first.0.disk.connection.execute_batch(damage).unwrap();
    store.finish(first.run()).unwrap();
    assert_eq!(tickets(&mut store), []);
    assert_eq!(unread(&mut store, bob), 3);
    let outcomes = settle(&mut store, []);
    assert!(
        matches!(
            &outcomes[..],
            [
                Outcome::Composed { .. },
                Outcome::Read { text, remaining: 0, .. },
                Outcome::NothingUnread,
                Outcome::Latest(Some(latest)),
                Outcome::Timeline(page),
            ] if text.as_str() == "2" && latest.content.text().is_some_and(|text| text.as_str() == "first") && page.entries.len() == 1
        ),
        "{outcomes:?}"
    );
    assert_eq!(unread(&mut store, bob), 1, "two are damaged, one is leased");
    let keys: Vec<_> = store.take_damaged().iter().map(|one| (one.table, one.key)).collect();
    assert_eq!(keys, [("message", 1), ("message", 2), ("post", 2)]);
    assert_eq!(entries(&mut store, "#a"), ["@board: first"]);
    drop(store);
    assert_eq!(rows(&folder, "message"), 4);
}

/// A count that is asked while messages are set aside, and after a setback.
#[test]
fn counts_are_those_of_the_last_commit_through_all_setbacks() {
    let (_folder, mut store, bob) = bobs_store(2);
    submit(&mut store, 1, append(bob, "bob", "another"));
    submit(&mut store, 2, Call::Read { account: bob });
    let mut next = job(&mut store);
    let damage = "UPDATE message SET text = CAST(x'ff' AS TEXT) WHERE sequence = 1";
    next.0.disk.connection.execute_batch(damage).unwrap();
    assert_eq!(unread(&mut store, bob), 2);
    store.finish(next.run()).unwrap();
    assert_eq!(unread(&mut store, bob), 2);
    next = job(&mut store);
    assert_eq!(unread(&mut store, bob), 2, "one is to be set aside, one to be added");
    store.finish(next.run()).unwrap();
    assert_eq!(tickets(&mut store), [1, 2]);
    assert_eq!(unread(&mut store, bob), 2);
}

#[test]
fn presence_outlives_a_setback() {
    let (_folder, mut store, bob) = bobs_store(0);
    submit(&mut store, 1, append(bob, "bob", &"x".repeat(100_000)));
    let first = job(&mut store);
    fill_disk(&first);
    submit(&mut store, 2, Call::Claim { account: bob, kind: PresenceKind::Sole });
    assert_eq!(tickets(&mut store), [2]);
    store.finish(first.run()).unwrap();
    submit(&mut store, 3, Call::Claim { account: bob, kind: PresenceKind::Sole });
    let refused = completed(&mut store);
    assert!(matches!(refused[..], [(3, Outcome::PresentAlready)]), "{refused:?}");
}

#[test]
fn a_stranger_is_refused_without_a_job() {
    let (_folder, mut store, bob) = bobs_store(0);
    let open = |name| Call::Open {
        name: Name::new(name).unwrap(),
        key: Key::None,
        admits: Admits::NONE,
        may_create: 1,
    };
    submit(&mut store, 1, append(bob, "new", "registers"));
    let first = job(&mut store);
    for (ticket, name) in (2..).zip(["bob", "new", "unknown"]) {
        submit(&mut store, ticket, open(name));
    }
    let refused = completed(&mut store);
    let is_refused = |(_, outcome): &(u64, Outcome)| matches!(outcome, Outcome::NotAdmitted { .. });
    assert!(refused.len() == 3 && refused.iter().all(is_refused), "{refused:?}");
    store.finish(first.run()).unwrap();
}

#[test]
fn a_job_that_failed_leaves_nothing_acknowledged() {
    let (folder, mut store, bob) = bobs_store(1);
    submit(&mut store, 1, append(bob, "bob", "two"));
    let first = job(&mut store);
    first.0.disk.connection.pragma_update(None, "query_only", true).unwrap();
    let failure = store.finish(first.run()).unwrap_err();
    assert!(failure.to_string().contains("nothing more was acknowledged"), "{failure}");
    submit(&mut store, 2, append(bob, "bob", "three"));
    assert!(store.next_job(Timestamp(1)).is_none());
    assert_eq!(tickets(&mut store), []);
    assert_eq!(unread(&mut store, bob), 1);
    drop(store);
    assert_eq!(rows(&folder, "message"), 1);
}

/// A second server must not open the folder while a job may still write to it.
#[test]
fn a_folder_is_locked_as_long_as_its_job_exists() {
    let (folder, mut store, bob) = bobs_store(0);
    submit(&mut store, 1, append(bob, "bob", "one"));
    let job = job(&mut store);
    drop(store);
    let refused = DataFolder::open(folder.path()).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    drop(job.run());
    let mut store = open(&folder, Limits::default());
    assert_eq!(read(&mut store, bob, 2), ["one"], "it was committed, and not acknowledged");
}
