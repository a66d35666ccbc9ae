//! The keys of requests, as this store keeps them.

use postroom_model::{Composed, MessageId, Repeated};
use postroom_store::{Fingerprint, KEY_KEPT_MS};
use postroom_virtual_disk::VirtualDisk;

use super::power::folder;
use super::*;

fn once(account: AccountId, key: u64, words: &str) -> Call {
    let fingerprint = Fingerprint { key, content: 1 };
    Call::Once { account, fingerprint, call: Box::new(append(account, "bob", words)) }
}

fn rows(folder: &TempDir) -> u32 {
    let rows = Connection::open(database_file(folder.path())).unwrap();
    rows.query_row("SELECT count(*) FROM once", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_store_of_version_10_opens() {
    let (folder, mut store) = released(10);
    assert_eq!(store.take_damaged(), []);
    let dora = account(&mut store, "Dora");
    // 'hi' with a key whose fingerprint is 7.
    store.submit(Ticket(0), once(dora, 7, "hi"));
    let mut completed = Vec::new();
    store.settle(Timestamp(1_795_234_723_200), &mut completed).unwrap();
    match completed.pop().and_then(Completion::into_outcome) {
        Some(Outcome::Repeated(Repeated::Composed(Composed { id, stored, .. }))) => {
            assert_eq!((id, stored), (MessageId(6), Timestamp(1_795_234_723_160)));
        }
        other => panic!("{other:?}"),
    }
    holds_the_mail_of_the_fixtures(&mut store);
    drop(store);
    let mut findings = Vec::new();
    crate::check(folder.path(), |_| true, |found| findings.push(found.to_string())).unwrap();
    assert_eq!(findings, [""; 0]);
}

#[test]
fn a_damaged_key_costs_itself() {
    for (change, key) in [
        ("account = -1 WHERE number = 1", 1),
        ("account = 77 WHERE number = 2", 2),
        ("first = -1 WHERE number = 2", 2),
        ("number = 9223372036854775807 WHERE number = 3", i64::MAX),
        ("key = 1 WHERE number = 3", 3),
    ] {
        let folder = TempDir::new().unwrap();
        let mut store = open(&folder, Limits::default());
        let bob = account(&mut store, "bob");
        settle(&mut store, (1..=3).map(|key| once(bob, key, "hi")));
        drop(store);
        let update = format!("UPDATE once SET {change}");
        Connection::open(database_file(folder.path())).unwrap().execute_batch(&update).unwrap();
        let mut findings = 0;
        let checked = crate::check(folder.path(), |_| true, |_| findings += 1).unwrap();
        // What is there twice is told where it is loaded.
        let expected = u32::from(!change.starts_with("key"));
        assert_eq!((checked.keys, findings), (3, expected), "{change}");
        let mut store = open(&folder, Limits::default());
        let damaged = store.take_damaged();
        let damaged: Vec<_> = damaged.iter().map(|of| (of.table, of.key)).collect();
        assert_eq!(damaged, [("once", key)], "{change}");
        // The others are still repeats, and a number is not given out twice.
        let outcomes = settle(&mut store, (1..=4).map(|key| once(bob, key, "hi")));
        let repeats = outcomes.iter().filter(|of| matches!(of, Outcome::Repeated(_))).count();
        assert_eq!(repeats, 2, "{change}");
        drop(store);
        assert_eq!(rows(&folder), 5, "{change}");
    }
}

#[test]
fn keys_that_are_no_longer_kept_are_deleted_with_what_is_stored_later() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits { mailbox_capacity: 1_000, ..Limits::default() });
    let bob = account(&mut store, "bob");
    settle(&mut store, (0..200).map(|key| once(bob, key, "hi")));
    assert_eq!(rows(&folder), 200);
    for left in [136, 72, 8, 0, 0] {
        store.submit(Ticket(0), append(bob, "bob", "hi"));
        store.settle(Timestamp(1 + KEY_KEPT_MS), &mut Vec::new()).unwrap();
        assert_eq!(rows(&folder), left);
    }
    // What only reads writes nothing.
    let mut store = open_again(store, &folder);
    settle(&mut store, [once(bob, 1, "hi")]);
    store.submit(Ticket(0), Call::Read { account: bob });
    store.settle(Timestamp(1 + KEY_KEPT_MS), &mut Vec::new()).unwrap();
    assert_eq!(rows(&folder), 1);
}

fn open_again(store: SqliteStore, folder: &TempDir) -> SqliteStore {
    drop(store);
    open(folder, Limits { mailbox_capacity: 1_000, ..Limits::default() })
}

/// Wherever the power goes off while a request is stored: sent again, it is stored once.
#[test]
fn a_request_that_is_repeated_after_a_cut_is_stored_once() {
    let (mut lost, mut kept) = (0, 0);
    for changes in 1..60 {
        let (folder, disk) = (folder(), VirtualDisk::new(changes));
        let open = || {
            let data = DataFolder::open(folder.path()).unwrap().on_vfs(disk.name());
            SqliteStore::open(data, Limits::default()).unwrap().0
        };
        let mut store = open();
        let bob = account(&mut store, "bob");
        settle(&mut store, [append(bob, "bob", "first")]);
        disk.cut_power_in(changes);
        for (ticket, call) in
            [once(bob, 1, "once"), append(bob, "bob", "beside")].into_iter().enumerate()
        {
            store.submit(Ticket(ticket as u64), call);
        }
        // It is committed or not, and said or not.
        drop(store.settle(Timestamp(1), &mut Vec::new()));
        drop(store);
        disk.cut_power().unwrap();
        let mut store = open();
        match settle(&mut store, [once(bob, 1, "once")]).pop() {
            Some(Outcome::Repeated(_)) => kept += 1,
            Some(Outcome::Composed { .. }) => lost += 1,
            other => panic!("{changes} changes: {other:?}"),
        }
        let texts = read(&mut store, bob, 9);
        let stored = texts.iter().filter(|text| *text == "once").count();
        assert_eq!(stored, 1, "{changes} changes: {texts:?}");
    }
    assert!(lost > 0 && kept > 0, "{lost} {kept}");
}
