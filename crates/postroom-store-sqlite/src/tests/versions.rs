//! Stores of the earlier versions open. Those of later ones are where what they brought is tested.

use super::*;

#[test]
fn a_store_of_version_1_opens() {
    let (_folder, mut store) = released(1);
    holds_the_mail_of_the_fixtures(&mut store);
    assert_eq!(entries(&mut store, "#rust"), Vec::<String>::new());
}

#[test]
fn a_store_of_version_2_opens() {
    let (_folder, mut store) = released(2);
    holds_the_mail_of_the_fixtures(&mut store);
    assert_eq!(entries(&mut store, "#lobby"), ["Dora: hello"]);
    assert_eq!(entries(&mut store, "#rust"), ["Dora: one", "@board: two #rust #Grüße"]);
    assert_eq!(entries(&mut store, "#grüße"), ["@board: two #rust #Grüße"]);
}

#[test]
fn a_store_of_version_3_opens() {
    let (folder, mut store) = released(3);
    holds_the_mail_of_the_fixtures(&mut store);
    assert_eq!(entries(&mut store, "#rust"), ["Dora: one", "@board: two #rust #Grüße"]);
    // It was evicted, and its post is not deleted yet.
    assert_eq!(entries(&mut store, "#grüße"), Vec::<String>::new());
    assert_eq!(entries(&mut store, "#tea"), ["Bob: hot #tea"]);
    settle(&mut store, [post("#milk", "new"), post("#grüße", "again")]);
    drop(store);
    let mut store = open(&folder, Limits::default());
    assert_eq!(store.take_damaged(), []);
    assert_eq!(entries(&mut store, "#milk"), ["@board: new"]);
    assert_eq!(entries(&mut store, "#grüße"), ["@board: again"]);
    drop(store);
    let checked = crate::check(folder.path(), |_| true, |_| ()).unwrap();
    assert_eq!(checked.channels, 6, "one row is of a channel that was evicted");
    let rows = Connection::open(database_file(folder.path())).unwrap();
    let channels = "SELECT group_concat(id || name, ' ') FROM (SELECT * FROM channel ORDER BY id)";
    let channels: String = rows.query_row(channels, [], |row| row.get(0)).unwrap();
    assert_eq!(channels, "0lobby 1rust 2@board 3 4tea 5milk 6grüße", "5 had no post");
    let said: u32 = rows.query_row("SELECT count(*) FROM said", [], |row| row.get(0)).unwrap();
    assert_eq!(said, 7, "the view does not show what was evicted");
}

#[test]
fn a_store_of_version_4_opens() {
    let (_folder, mut store) = released(4);
    holds_the_mail_of_the_fixtures(&mut store);
    let name = Name::new("carol").unwrap();
    let open = Call::Open { name, key: Key::Trusted, admits: Admits::NONE, may_create: 0 };
    let Some(Outcome::Opened { account, .. }) = settle(&mut store, [open]).pop() else {
        panic!("she is known");
    };
    match settle(&mut store, [Call::ListBlocked { account: AccountRef::Id(account) }]).pop() {
        Some(Outcome::BlockedNames(names)) => {
            assert_eq!(names.iter().map(Name::as_str).collect::<Vec<_>>(), ["dora", "Eve2"]);
        }
        other => panic!("{other:?}"),
    }
}
