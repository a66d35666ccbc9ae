//! Numbers with gaps: nothing is missing unless a record names it.
//!
//! The fixture has the accounts 1, 4 and 9, the messages 2, 5, 9 and 30, of which 5 was
//! read, the channels 2 and 5, and the posts 3, 8 and 20.

use postroom_store::{Damaged, Limits};
use rusqlite::Connection;

use super::*;

fn open_gaps() -> (TempDir, SqliteStore) {
    let folder = fixture("version-2-gaps");
    let store = open(&folder, Limits::default());
    (folder, store)
}

fn names(store: &mut SqliteStore) -> Vec<String> {
    match settle(store, [LIST_ACCOUNTS]).pop() {
        Some(Outcome::Accounts { accounts, .. }) => {
            accounts.iter().map(|account| account.name.to_string()).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_store_whose_numbers_have_gaps_is_sound() {
    let (folder, mut store) = open_gaps();
    assert_eq!(store.take_damaged(), []);
    assert_eq!(names(&mut store), ["Bob", "alice", "carol"]);
    assert_eq!(entries(&mut store, "#rust"), ["Bob: first", "@board: second"]);
    assert_eq!(entries(&mut store, "#lobby"), ["carol: hello"]);
    assert_eq!(account(&mut store, "alice"), AccountId(4));
    assert_eq!(read(&mut store, AccountId(4), 9), ["one", "two"]);
    assert_eq!(read(&mut store, AccountId(1), 9), ["three"]);
    drop(store);
    let mut findings = Vec::new();
    let checked = crate::check(folder.path(), |_| true, |finding| findings.push(finding)).unwrap();
    assert_eq!(format!("{findings:?}"), "[]");
    assert_eq!((checked.accounts, checked.messages), (3, 4));
    assert_eq!((checked.channels, checked.posts), (2, 3));
}

#[test]
fn new_records_are_numbered_behind_the_gaps() {
    let (folder, mut store) = open_gaps();
    assert_eq!(account(&mut store, "damaged-account-2"), AccountId(10), "a name like any other");
    settle(&mut store, [append(AccountId(1), "alice", "new"), post("#new", "new")]);
    for _ in 0..2 {
        assert_eq!(entries(&mut store, "#new"), ["@board: new"]);
        assert_eq!(names(&mut store), ["Bob", "alice", "carol", "damaged-account-2"]);
        drop(store);
        store = open(&folder, Limits::default());
        assert_eq!(store.take_damaged(), []);
    }
    assert_eq!(read(&mut store, AccountId(4), 9), ["one", "two", "new"]);
    let connection = connection(&store);
    let last = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(last("SELECT max(sequence) FROM message"), 31);
    assert_eq!(last("SELECT max(id) FROM channel"), 6);
    assert_eq!(last("SELECT max(number) FROM post"), 21);
}

#[test]
fn gaps_do_not_count_as_accounts() {
    let folder = fixture("version-2-gaps");
    let mut store = open(&folder, Limits { accounts_max: 4, ..Limits::default() });
    let known = |name| Call::Open {
        name: Name::new(name).unwrap(),
        key: Key::None,
        admits: Admits::ALL,
        may_create: 1,
    };
    let outcomes = settle(&mut store, [known("dora"), known("emil")]);
    assert!(
        matches!(outcomes[..], [Outcome::Opened { .. }, Outcome::TooManyAccounts]),
        "{outcomes:?}"
    );
}

#[test]
fn what_a_record_names_in_a_gap_is_lost() {
    let folder = fixture("version-2-gaps");
    Connection::open(database_file(folder.path()))
        .unwrap()
        .execute_batch(
            "UPDATE message SET sender = 2 WHERE sequence = 2;
             UPDATE message SET recipient = 6 WHERE sequence = 30;
             UPDATE post SET author = 7 WHERE number = 3;
             UPDATE post SET channel = 3 WHERE number = 20;",
        )
        .unwrap();
    let mut findings = 0;
    crate::check(folder.path(), |_| true, |_| findings += 1).unwrap();
    assert_eq!(findings, 4);
    let mut store = open(&folder, Limits::default());
    let damaged: Vec<_> =
        store.take_damaged().iter().map(|Damaged { table, key, .. }| (*table, *key)).collect();
    assert_eq!(damaged, [("account", 2), ("account", 6), ("account", 7), ("channel", 3)]);
    assert_eq!(read(&mut store, AccountId(4), 9), ["one", "two"], "its messages stay");
    assert_eq!(entries(&mut store, "#rust"), ["damaged-account-7: first"]);
    for id in [2, 6, 7] {
        let name = Name::new(&format!("damaged-account-{id}")).unwrap();
        let open = Call::Open { name, key: Key::None, admits: Admits::ALL, may_create: 1 };
        assert!(matches!(settle(&mut store, [open])[..], [Outcome::Locked { .. }]));
    }
    assert_eq!(names(&mut store).len(), 6);
}
