//! Damaged records: each costs itself, and nothing else.

use postroom_store::{Damaged, Limits};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

/// Page size of the file.
pub(super) const PAGE: usize = 4_096;

/// A store of a few accounts, messages and posts, closed again.
fn filled() -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits::default());
    let bob = account(&mut store, "bob");
    settle(&mut store, ["one", "two", "three"].map(|words| append(bob, "alice", words)));
    settle(&mut store, ["first", "second", "third"].map(|words| post("#a", words)));
    folder
}

/// Changes a table behind the store's back, whatever its declaration says.
fn damage(folder: &TempDir, statement: &str) {
    let path = database_file(folder.path());
    let relax = "PRAGMA writable_schema = ON;
        UPDATE sqlite_schema
        SET sql = replace(replace(replace(sql, 'STRICT', ''), 'NOT NULL', ''), ' TEXT', '')
        WHERE type = 'table' AND name != 'counter';";
    Connection::open(&path).unwrap().execute_batch(relax).unwrap();
    Connection::open(&path).unwrap().execute_batch(statement).unwrap();
}

/// The tables and keys of what was found to be damaged.
fn damaged(store: &mut SqliteStore) -> Vec<(&'static str, i64)> {
    store.take_damaged().into_iter().map(|Damaged { table, key, .. }| (table, key)).collect()
}

fn unread(store: &mut SqliteStore, account: AccountId) -> u32 {
    match settle(store, [Call::CountUnread { account }]).pop() {
        Some(Outcome::Unread(count)) => count,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_damaged_text_costs_its_message_at_each_reading() {
    let (many_lines, long_lines) =
        ("replace(hex(zeroblob(32)), '0', char(10))", "hex(zeroblob(4096)) || char(10)");
    for text in
        ["CAST(x'c328' AS TEXT)", "'a' || char(0)", many_lines, long_lines, "NULL", "7", "x'41'"]
    {
        let folder = filled();
        damage(&folder, &format!("UPDATE message SET text = {text} WHERE sequence IN (1, 3)"));
        for _ in 0..2 {
            let mut store = open(&folder, Limits { mailbox_capacity: 3, ..Limits::default() });
            let alice = account(&mut store, "alice");
            assert_eq!(damaged(&mut store), [], "texts are not read at start");
            let leased = settle(&mut store, [Call::Read { account: alice }]).pop();
            let Some(Outcome::Read { lease, text, remaining: 1, .. }) = leased else {
                panic!("{leased:?}")
            };
            assert_eq!(text.as_str(), "two");
            assert_eq!(unread(&mut store, alice), 2);
            let sent = settle(&mut store, [append(alice, "alice", "four")]);
            assert!(matches!(sent[..], [Outcome::Composed { .. }]), "{sent:?}");
            assert_eq!(read(&mut store, alice, 5), ["four"]);
            settle(&mut store, [Call::Return { leases: vec![lease] }]);
            assert_eq!(damaged(&mut store), [("message", 1), ("message", 3)]);
            assert_eq!(unread(&mut store, alice), 1);
            assert_eq!(damaged(&mut store), []);
        }
        assert_eq!(rows(&folder, "message WHERE sequence IN (1, 3)"), 2, "the rows stay");
    }
}

#[test]
fn a_text_of_several_lines_is_no_damage() {
    // As much as there may be: 64 empty lines, and 8 KiB in two.
    for text in [
        "replace(hex(zeroblob(31)), '0', char(10)) || char(10)",
        "hex(zeroblob(4095)) || char(10) || 'x'",
    ] {
        let folder = filled();
        damage(&folder, &format!("UPDATE message SET text = {text} WHERE sequence = 1"));
        let mut store = open(&folder, Limits::default());
        let alice = account(&mut store, "alice");
        let [one, two, three] = &read(&mut store, alice, 3)[..] else { panic!() };
        assert!(matches!((one.len(), one.split('\n').count()), (63, 64) | (8_192, 2)));
        assert_eq!([two, three], ["two", "three"]);
        assert_eq!(damaged(&mut store), []);
    }
}

#[test]
fn a_damaged_message_row_costs_its_message() {
    for change in ["recipient = 99", "sender = 99", "sender = NULL", "recipient = 'x'"] {
        let folder = filled();
        damage(&folder, &format!("UPDATE message SET {change} WHERE sequence = 2"));
        let mut store = open(&folder, Limits::default());
        assert_eq!(damaged(&mut store), [("message", 2)], "{change}");
        let alice = account(&mut store, "alice");
        assert_eq!(read(&mut store, alice, 5), ["one", "three"]);
    }
    // A number from which none could be given out any more.
    let folder = filled();
    damage(&folder, &format!("UPDATE message SET sequence = {} WHERE sequence = 3", i64::MAX));
    let mut store = open(&folder, Limits::default());
    assert_eq!(damaged(&mut store), [("message", i64::MAX)]);
    let alice = account(&mut store, "alice");
    settle(&mut store, [append(alice, "alice", "four")]);
    assert_eq!(read(&mut store, alice, 5), ["one", "two", "four"]);
}

#[test]
fn a_damaged_name_locks_its_account_and_costs_nothing_else() {
    for name in ["CAST(x'ff' AS TEXT)", "'two words'", "NULL", "'alice'", "''"] {
        let folder = filled();
        // Bob, who wrote the messages, is account 0.
        damage(&folder, "UPDATE account SET id = 5 WHERE id = 1; UPDATE message SET recipient = 5");
        damage(&folder, &format!("UPDATE account SET name = {name} WHERE id = 0"));
        let mut store = open(&folder, Limits::default());
        let found = damaged(&mut store);
        let lost = if name == "'alice'" { 5 } else { 0 };
        assert_eq!(found, [("account", lost)], "{name}");
        let locked = Call::Open {
            name: Name::new(&format!("damaged-account-{lost}")).unwrap(),
            key: Key::None,
            admits: Admits::ALL,
            may_create: 1,
        };
        assert!(matches!(settle(&mut store, [locked])[..], [Outcome::Locked { .. }]));
        if name != "'alice'" {
            let alice = account(&mut store, "alice");
            assert_eq!(read(&mut store, alice, 5), ["one", "two", "three"]);
        }
        assert!(account(&mut store, "carol") == AccountId(6));
        drop(store);
        let mut store = open(&folder, Limits::default());
        assert!(account(&mut store, "carol") == AccountId(6));
    }
}

#[test]
fn a_damaged_password_locks_its_account() {
    for password in ["CAST(x'ff' AS TEXT)", "'a b'", "7", "''", "x'24'"] {
        let folder = filled();
        damage(&folder, &format!("UPDATE account SET password = {password} WHERE id = 1"));
        let mut store = open(&folder, Limits::default());
        assert_eq!(damaged(&mut store), [("account", 1)], "{password}");
        let name = Name::new("alice").unwrap();
        let open =
            Call::Open { name: name.clone(), key: Key::None, admits: Admits::ALL, may_create: 1 };
        assert!(matches!(settle(&mut store, [open])[..], [Outcome::Locked { .. }]));
        // A new password mends it.
        let password = PasswordHash("$argon2id$new".into());
        settle(
            &mut store,
            [Call::SetPassword { name, password: password.clone(), of: PasswordOf::Anyone }],
        );
        drop(store);
        let mut store = self::open(&folder, Limits::default());
        assert_eq!(damaged(&mut store), []);
        let open = Call::Open {
            name: Name::new("alice").unwrap(),
            key: Key::Verified(password),
            admits: Admits::ALL,
            may_create: 1,
        };
        assert!(matches!(settle(&mut store, [open])[..], [Outcome::Opened { unread: 3, .. }]));
    }
}

#[test]
fn an_account_with_a_damaged_name_can_be_given_a_password() {
    let folder = filled();
    damage(&folder, "UPDATE account SET name = NULL WHERE id = 1");
    let name = Name::new("damaged-account-1").unwrap();
    let password = PasswordHash("$argon2id$new".into());
    let mut store = open(&folder, Limits::default());
    settle(
        &mut store,
        [Call::SetPassword {
            name: name.clone(),
            password: password.clone(),
            of: PasswordOf::Anyone,
        }],
    );
    drop(store);
    let mut store = open(&folder, Limits::default());
    let open =
        Call::Open { name, key: Key::Verified(password), admits: Admits::ALL, may_create: 1 };
    assert!(matches!(settle(&mut store, [open])[..], [Outcome::Opened { unread: 3, .. }]));
}

#[test]
fn a_damaged_post_is_left_out() {
    for change in ["text = CAST(x'ff' AS TEXT)", "text = NULL"] {
        let folder = filled();
        damage(&folder, &format!("UPDATE post SET {change} WHERE number = 3"));
        let mut store = open(&folder, Limits::default());
        let channel = Channel::parse("#a").unwrap();
        let latest =
            settle(&mut store, [Call::Latest { channel: channel.clone(), reader: None }]).pop();
        let Some(Outcome::Latest(Some(entry))) = latest else { panic!("{latest:?}") };
        assert_eq!(entry.content.text().unwrap().as_str(), "second", "the one before");
        assert_eq!(damaged(&mut store), [("post", 3)]);
        assert_eq!(entries(&mut store, "#a"), ["@board: first", "@board: second"]);
    }
    for change in ["author = 99", "author = 'x'", "channel = 99", "channel = NULL"] {
        let folder = filled();
        damage(&folder, &format!("UPDATE post SET {change} WHERE number = 2"));
        let mut store = open(&folder, Limits::default());
        assert_eq!(damaged(&mut store), [("post", 2)], "{change}");
        assert_eq!(entries(&mut store, "#a"), ["@board: first", "@board: third"]);
    }
}

#[test]
fn a_damaged_channel_costs_its_posts() {
    let folder = filled();
    let mut store = open(&folder, Limits::default());
    settle(&mut store, [post("#b", "in b")]);
    drop(store);
    damage(&folder, "UPDATE channel SET name = 'no channel' WHERE id = 0");
    let mut store = open(&folder, Limits::default());
    assert_eq!(damaged(&mut store), [("channel", 0)]);
    assert_eq!(entries(&mut store, "#b"), ["@board: in b"]);
    assert_eq!(entries(&mut store, "#a"), Vec::<String>::new());
    settle(&mut store, [post("#a", "anew")]);
    drop(store);
    let mut store = open(&folder, Limits::default());
    assert_eq!(entries(&mut store, "#a"), ["@board: anew"]);
}

#[test]
fn damaged_removals_and_counters_cost_at_most_a_second_delivery() {
    let folder = filled();
    let mut store = open(&folder, Limits::default());
    let alice = account(&mut store, "alice");
    read(&mut store, alice, 1);
    drop(store);
    let counter = "INSERT OR REPLACE INTO counter VALUES ('last_sequence', -1);";
    damage(&folder, &format!("{counter} UPDATE removal SET message = -7"));
    let mut store = open(&folder, Limits::default());
    assert_eq!(damaged(&mut store), [("removal", 1), ("counter", 0)]);
    let alice = account(&mut store, "alice");
    assert_eq!(read(&mut store, alice, 5), ["one", "two", "three"]);
}

/// The numbers of the pages of a table, its root page first.
pub(super) fn pages(folder: &TempDir, table: &str) -> Vec<usize> {
    let connection = Connection::open(database_file(folder.path())).unwrap();
    let mut select =
        connection.prepare("SELECT pageno FROM dbstat WHERE name = ?1 ORDER BY path").unwrap();
    select.query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

pub(super) fn overwrite(folder: &TempDir, page: usize, from: usize, bytes: &[u8]) {
    let path = database_file(folder.path());
    let mut content = std::fs::read(&path).unwrap();
    let start = (page - 1) * PAGE + from;
    content[start..start + bytes.len()].copy_from_slice(bytes);
    std::fs::write(&path, content).unwrap();
}

/// Makes the last row of a table of one page unreadable; its key stays sound.
fn spoil_last_row(folder: &TempDir, table: &str) {
    let page = pages(folder, table)[0];
    let content = std::fs::read(database_file(folder.path())).unwrap();
    let page_content = &content[(page - 1) * PAGE..page * PAGE];
    assert_eq!(page_content[0], 13, "a leaf of a table");
    let number =
        |at: usize| usize::from(u16::from_be_bytes([page_content[at], page_content[at + 1]]));
    let (header, pointer, cells) = (8, 2, number(3));
    // The length of the row and its key are a byte each; the row begins with the
    // length of its header.
    let row = number(header + pointer * (cells - 1)) + 2;
    overwrite(folder, page, row, &[0x7f]);
}

#[test]
fn the_key_of_an_unreadable_last_row_is_not_given_out_again() {
    for (table, key) in [("message", 3), ("account", 1), ("channel", 0), ("post", 3)] {
        let folder = filled();
        spoil_last_row(&folder, table);
        let mut seen = Vec::new();
        for word in ["late", "later"] {
            let mut store = open(&folder, Limits::default());
            assert_eq!(damaged(&mut store), [(table, key)]);
            let id = account(&mut store, "carol");
            assert_eq!(id, AccountId(2));
            settle(&mut store, [append(id, "carol", word), post("#new", word)]);
            assert_eq!(read(&mut store, id, 9), [word], "{table}");
            seen.push(format!("@board: {word}"));
            assert_eq!(entries(&mut store, "#new"), seen, "{table}");
        }
    }
}

#[test]
fn a_number_near_the_end_costs_no_later_message_or_post() {
    const HALF: i64 = i64::MAX / 2;
    for number in [HALF - 1, HALF, HALF + 1, HALF + (1 << 48), HALF + (1 << 48) + 1, i64::MAX] {
        let folder = filled();
        damage(&folder, &format!("UPDATE message SET sequence = {number} WHERE sequence = 3"));
        damage(&folder, &format!("UPDATE post SET number = {number} WHERE number = 3"));
        for run in ["four", "five"] {
            let mut store = open(&folder, Limits::default());
            settle(&mut store, [append(AccountId(1), "alice", run), post("#new", run)]);
        }
        let mut store = open(&folder, Limits::default());
        let texts = read(&mut store, AccountId(1), 9);
        assert_eq!(texts[texts.len() - 2..], ["four", "five"], "{number}");
        assert_eq!(entries(&mut store, "#new"), ["@board: four", "@board: five"], "{number}");
        drop(store);
        let mut store = open(&folder, Limits::default());
        assert_eq!(read(&mut store, AccountId(1), 9), Vec::<String>::new(), "{number}");
    }
}

#[test]
fn a_lost_account_has_no_heir() {
    let far = "UPDATE account SET id = 9000000 WHERE id = 2";
    for change in
        ["DELETE FROM account WHERE id = 2", "UPDATE account SET id = -3 WHERE id = 2", far]
    {
        let folder = filled();
        let mut store = open(&folder, Limits::default());
        let victim = account(&mut store, "victim");
        assert_eq!(victim, AccountId(2));
        settle(&mut store, [append(AccountId(0), "victim", "secret"), post("#a", "x")]);
        settle(&mut store, [append(victim, "alice", "from the victim")]);
        drop(store);
        damage(&folder, change);
        damage(&folder, "UPDATE post SET author = 3 WHERE number = 4");
        // A number that no store can have room for.
        damage(&folder, &format!("INSERT INTO message VALUES (9, {}, 0, 0, 'x', NULL)", u32::MAX));
        for run in 0..3 {
            let mut store = open(&folder, Limits::default());
            assert!(damaged(&mut store).len() > 2, "{change}");
            let eve = account(&mut store, "eve");
            assert_eq!(eve, AccountId(4), "{change}, run {run}");
            assert_eq!(read(&mut store, eve, 9), Vec::<String>::new());
            let next = account(&mut store, &format!("next{run}"));
            assert_eq!(next, AccountId(5 + run));
            settle(&mut store, [append(next, &format!("next{run}"), "hello")]);
            assert_eq!(read(&mut store, next, 9), ["hello"]);
        }
        let mut findings = 0;
        crate::check(folder.path(), |_| true, |_| findings += 1).unwrap();
        assert!(findings > 1);
    }
}

#[test]
fn a_lost_channel_has_no_heir() {
    for change in ["DELETE FROM channel WHERE id = 1", "UPDATE channel SET id = -3 WHERE id = 1"] {
        let folder = filled();
        let mut store = open(&folder, Limits::default());
        settle(&mut store, [post("#lost", "secret")]);
        drop(store);
        damage(&folder, change);
        for run in 1..4 {
            let mut store = open(&folder, Limits::default());
            assert!(!damaged(&mut store).is_empty());
            settle(&mut store, [post("#new", "x")]);
            assert_eq!(entries(&mut store, "#new"), vec!["@board: x"; run]);
            assert_eq!(entries(&mut store, "#lost"), Vec::<String>::new());
        }
        let mut findings = 0;
        crate::check(folder.path(), |_| true, |_| findings += 1).unwrap();
        assert!(findings > 0);
    }
}

/// An account's number may be reserved when the group that would have skipped it
/// fails.
#[test]
fn a_reserved_number_is_skipped_once() {
    let mut index = crate::index::Index::default();
    index.reserve(AccountId(0));
    for name in ["bob", "carol"] {
        index.skip_reserved();
        assert_eq!(index.register(Name::new(name).unwrap()), AccountId(1));
        index.undo([crate::index::Undo::Register].into_iter());
        assert_eq!(index.find(&Name::new(name).unwrap()), None);
    }
}

/// A store whose tables have many pages.
pub(super) fn large() -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits { mailbox_capacity: 1_000, ..Limits::default() });
    let words = "x".repeat(100);
    let known = |number| Call::Open {
        name: Name::new(&format!("account{number}")).unwrap(),
        key: Key::None,
        admits: Admits::ALL,
        may_create: 1,
    };
    settle(&mut store, (0..2_000).map(known));
    for number in 0..600 {
        settle(&mut store, [append(AccountId(0), "account0", &format!("{number} {words}"))]);
        settle(&mut store, [post("#a", &format!("{number} {words}"))]);
    }
    folder
}

#[test]
fn a_page_that_cannot_be_read_costs_what_is_on_it() {
    let folder = large();
    for table in ["message", "post", "account"] {
        let pages = pages(&folder, table);
        overwrite(&folder, pages[pages.len() / 2], 0, &[0; PAGE]);
    }
    let mut store = open(&folder, Limits { mailbox_capacity: 1_000, ..Limits::default() });
    let found = damaged(&mut store);
    for table in ["message", "post", "account"] {
        assert!(found.iter().any(|(other, _)| *other == table), "{table}: {found:?}");
    }
    let texts = read(&mut store, AccountId(0), 1_000);
    assert!((500..600).contains(&texts.len()), "{} texts", texts.len());
    assert!(texts[0].starts_with("0 ") && texts.last().unwrap().starts_with("599 "));
    assert!(entries(&mut store, "#a").len() > 30);
    settle(&mut store, [append(AccountId(0), "account0", "late"), post("#a", "late")]);
    assert_eq!(read(&mut store, AccountId(0), 5), ["late"]);
}

/// A page may turn bad while the store is open: first when its messages are read,
/// then when those that were read are swept out.
#[test]
fn a_page_that_goes_bad_later_costs_what_is_on_it() {
    let folder = large();
    let limits = Limits { mailbox_capacity: 1_000, ..Limits::default() };
    let mut store = open(&folder, limits);
    let pages = pages(&folder, "message");
    assert_eq!(read(&mut store, AccountId(0), 300).len(), 300);
    connection(&store).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    for page in [pages[2], pages[pages.len() - 3]] {
        overwrite(&folder, page, 0, &[0; PAGE]);
    }
    connection(&store).execute_batch("PRAGMA shrink_memory").unwrap();
    for _ in 0..60 {
        store.sweep.hurry();
        settle(&mut store, [post("#b", "x")]);
        read(&mut store, AccountId(0), 10);
    }
    let found = damaged(&mut store);
    assert!(found.iter().any(|(_, key)| *key < 300), "none found by the sweep: {found:?}");
    assert!(found.iter().any(|(_, key)| *key > 300), "none found by reading: {found:?}");
    assert_eq!(unread(&mut store, AccountId(0)), 0);
}

#[test]
fn a_store_whose_tables_have_other_columns_is_refused() {
    let folder = TempDir::new().unwrap();
    let try_open =
        || SqliteStore::open(DataFolder::open(folder.path()).unwrap(), Limits::default());
    drop(try_open().unwrap());
    let connection = Connection::open(database_file(folder.path())).unwrap();
    connection.execute_batch("ALTER TABLE message RENAME COLUMN text TO tezt").unwrap();
    drop(connection);
    let error = try_open().unwrap_err();
    assert!(error.to_string().contains("its tables are not those that it says it has"), "{error}");
}
