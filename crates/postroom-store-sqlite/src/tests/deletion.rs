//! Rows of deleted accounts, and what damage to them costs.

use postroom_store::{Limits, Standing};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

fn set_password(spelling: &str) -> Call {
    let name = Name::new(spelling).unwrap();
    Call::SetPassword { name, password: PasswordHash("$argon2id$x".into()), of: PasswordOf::Anyone }
}

fn delete(spelling: &str) -> Call {
    Call::Delete { name: Name::new(spelling).unwrap() }
}

fn standings(store: &mut SqliteStore) -> Vec<(String, Standing)> {
    match settle(store, [LIST_ACCOUNTS]).pop() {
        Some(Outcome::Accounts { accounts: all, .. }) => {
            all.into_iter().map(|account| (account.name.to_string(), account.standing)).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// A store with `bob`, who was deleted and has written, and `ann`, who has unread mail.
fn with_a_reserved_name() -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits::default());
    let (bob, ann) = (account(&mut store, "bob"), account(&mut store, "ann"));
    settle(&mut store, [set_password("bob"), append(bob, "ann", "hi"), append(ann, "bob", "hi")]);
    settle(&mut store, [delete("bob")]);
    drop(store);
    folder
}

#[test]
fn nothing_of_a_deleted_account_is_left_in_the_file_but_its_name() {
    let folder = with_a_reserved_name();
    let mut store = open(&folder, Limits::default());
    assert_eq!(store.take_damaged(), []);
    drop(store);
    let checked = crate::check(folder.path(), |_| true, |finding| panic!("{finding}")).unwrap();
    assert_eq!(checked.accounts, 2);
    let rows = Connection::open(database_file(folder.path())).unwrap();
    let row = rows
        .query_row("SELECT name, password, deleted FROM account WHERE id = 0", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(row, ("bob".to_owned(), None, Some("reserved".to_owned())));
    drop(rows);
    let mut store = open(&folder, Limits::default());
    settle(&mut store, [Call::ReleaseName { name: Name::new("bob").unwrap() }]);
    account(&mut store, "bob");
    drop(store);
    // Two rows are of the same name, and one of them is of no account.
    let checked = crate::check(folder.path(), |_| true, |finding| panic!("{finding}")).unwrap();
    assert_eq!(checked.accounts, 2);
    let mut store = open(&folder, Limits::default());
    assert_eq!(store.take_damaged(), []);
    let ann = account(&mut store, "ann");
    assert_eq!(read(&mut store, ann, 9), ["hi"]);
}

#[test]
fn an_account_whose_state_is_damaged_is_kept_and_opens_to_nobody_without_a_password() {
    let folder = with_a_reserved_name();
    let change = "UPDATE account SET deleted = 'reserve'";
    Connection::open(database_file(folder.path())).unwrap().execute_batch(change).unwrap();
    let mut findings = Vec::new();
    crate::check(folder.path(), |_| true, |finding| findings.push(finding.to_string())).unwrap();
    assert_eq!(findings.len(), 2, "{findings:?}");
    let mut store = open(&folder, Limits::default());
    let damaged = store.take_damaged();
    let damaged: Vec<_> = damaged.iter().map(|of| (of.table, of.key)).collect();
    assert_eq!(damaged, [("account", 0), ("account", 1)]);
    let of = |name: &str| (name.to_owned(), Standing::Password);
    assert_eq!(standings(&mut store), [of("bob"), of("ann")]);
    let ann = Name::new("ann").unwrap();
    let trusted = Call::Open { name: ann, key: Key::Trusted, admits: Admits::NONE, may_create: 0 };
    match settle(&mut store, [trusted]).pop() {
        Some(Outcome::Opened { account, unread: 1, .. }) => {
            assert_eq!(read(&mut store, account, 9), ["hi"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_row_with_the_name_of_an_earlier_one_is_damaged_whichever_of_them_is_deleted() {
    let mut standing = Standing::Reserved;
    for change in [
        "UPDATE account SET name = 'bob'",
        "UPDATE account SET name = 'bob'; UPDATE account SET deleted = CASE id WHEN 1 THEN 'reserved' END",
    ] {
        let folder = with_a_reserved_name();
        Connection::open(database_file(folder.path())).unwrap().execute_batch(change).unwrap();
        let mut store = open(&folder, Limits::default());
        let damaged = store.take_damaged();
        let damaged: Vec<_> = damaged.iter().map(|of| (of.table, of.key)).collect();
        assert_eq!(damaged, [("account", 1)], "{change}");
        assert_eq!(standings(&mut store)[0], ("bob".to_owned(), standing), "{change}");
        standing = Standing::Open;
    }
}

#[test]
fn a_store_of_version_5_opens() {
    let (_folder, mut store) = released(5);
    holds_the_mail_of_the_fixtures(&mut store);
    let of = |name: &str, standing| (name.to_owned(), standing);
    let listed = standings(&mut store);
    assert_eq!(
        listed[listed.len() - 3..],
        [
            of("gone", Standing::Reserved),
            of("Erika", Standing::Password),
            of("erin", Standing::Reserved),
        ]
    );
}
