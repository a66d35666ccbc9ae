//! What clients of HTTP have left without a login, in the file.

use super::*;

#[test]
fn a_store_of_version_8_opens() {
    let (folder, mut store) = released(8);
    assert_eq!(store.take_damaged(), []);
    holds_the_mail_of_the_fixtures(&mut store);
    let dora = account(&mut store, "Dora");
    match settle(&mut store, [Call::Read { account: dora }]).pop() {
        Some(Outcome::Read { sender, text, .. }) => {
            assert_eq!((sender, text.as_str()), (Name::web(), "from nobody"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(entries(&mut store, "#tea"), ["Bob: hot #tea", "@web: who? #tea"]);
    let carol = AccountId(0);
    assert!(store.has_blocked(carol, &Name::web()));
    drop(store);
    assert_eq!(shown(&folder), ["@web"]);
    let mut findings = Vec::new();
    crate::check(folder.path(), |_| true, |found| findings.push(found.to_string())).unwrap();
    assert_eq!(findings, [""; 0]);
}

/// The senders in the view of unread messages.
fn shown(folder: &TempDir) -> Vec<String> {
    let rows = Connection::open(database_file(folder.path())).unwrap();
    let mut senders = rows.prepare("SELECT sender FROM unread ORDER BY sequence").unwrap();
    senders.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// No other number than that of the web stands for anybody who is no account.
#[test]
fn a_sender_that_is_neither_an_account_nor_the_web_is_damage() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits::default());
    let ann = account(&mut store, "ann");
    settle(&mut store, [append(Sender::Web, "ann", "one"), append(Sender::Web, "ann", "two")]);
    drop(store);
    let rows = Connection::open(database_file(folder.path())).unwrap();
    rows.execute_batch("UPDATE message SET sender = -2 WHERE text = 'one'").unwrap();
    drop(rows);
    let mut store = open(&folder, Limits::default());
    assert_eq!(store.take_damaged().len(), 1);
    assert_eq!(read(&mut store, ann, 9), ["two"]);
}
