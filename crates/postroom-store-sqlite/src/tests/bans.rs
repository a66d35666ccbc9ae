//! Bans, as this store keeps them.

use std::time::Duration;

use postroom_store::{BanPlace, BanSubject, Limits};
use tempfile::TempDir;

use super::*;

fn ban(subject: &str, lasts: Option<Duration>) -> Call {
    let prefix = subject.parse().map(BanSubject::Addresses);
    let subject = prefix.unwrap_or_else(|_| BanSubject::Name(Name::new(subject).unwrap()));
    Call::Ban { subject, lasts }
}

fn banned(store: &SqliteStore) -> Vec<String> {
    let page = store.bans(BanPlace::default(), Timestamp(1));
    page.bans.iter().map(|ban| ban.subject.to_string()).collect()
}

fn rows(folder: &TempDir) -> u32 {
    let rows = Connection::open(database_file(folder.path())).unwrap();
    rows.query_row("SELECT count(*) FROM ban", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_damaged_ban_costs_itself() {
    for (change, left, key) in [
        ("subject = 'two words' WHERE number = 1", ["192.0.2.0/24", "eve"], 1),
        ("subject = '192.0.2.0/33' WHERE number = 2", ["bob", "eve"], 2),
        ("subject = CAST(x'ff2f' AS TEXT) WHERE number = 2", ["bob", "eve"], 2),
        ("subject = 'BOB' WHERE number = 3", ["bob", "192.0.2.0/24"], 3),
        ("since_ms = -1 WHERE number = 1", ["192.0.2.0/24", "eve"], 1),
        ("until_ms = -1 WHERE number = 2", ["bob", "eve"], 2),
        ("number = 9223372036854775807 WHERE number = 3", ["bob", "192.0.2.0/24"], i64::MAX),
    ] {
        let folder = TempDir::new().unwrap();
        let mut store = open(&folder, Limits::default());
        settle(&mut store, ["bob", "192.0.2.0/24", "eve"].map(|subject| ban(subject, None)));
        drop(store);
        let update = format!("UPDATE ban SET {change}");
        Connection::open(database_file(folder.path())).unwrap().execute_batch(&update).unwrap();
        let mut findings = Vec::new();
        let checked = crate::check(folder.path(), |_| true, |finding| findings.push(finding));
        // What is banned twice is told where it is loaded.
        let expected = usize::from(!change.contains("'BOB'"));
        assert_eq!((checked.unwrap().bans, findings.len()), (3, expected), "{change}");
        let mut store = open(&folder, Limits::default());
        let damaged = store.take_damaged();
        let damaged: Vec<_> = damaged.iter().map(|of| (of.table, of.key)).collect();
        assert_eq!(damaged, [("ban", key)], "{change}");
        assert_eq!(banned(&store), left, "{change}");
        // A number is not given out twice, and the row stays.
        settle(&mut store, [ban("carl", None)]);
        drop(store);
        assert_eq!(rows(&folder), 4, "{change}");
        assert_eq!(banned(&open(&folder, Limits::default())), [left[0], left[1], "carl"]);
    }
}

#[test]
fn bans_that_have_ended_are_deleted_with_a_later_one() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits::default());
    let short = Some(Duration::from_millis(1));
    settle(&mut store, [ban("bob", short), ban("192.0.2.0/24", short), ban("ann", None)]);
    assert_eq!(rows(&folder), 3);
    store.submit(Ticket(0), ban("eve", None));
    store.settle(Timestamp(2), &mut Vec::new()).unwrap();
    assert_eq!(rows(&folder), 2);
    assert_eq!(banned(&store), ["ann", "eve"]);
}

/// Each ban is looked for as often as there are lengths of prefixes.
#[test]
fn an_address_is_found_among_as_many_bans_as_there_may_be() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits::default());
    let most = Limits::default().bans_max;
    let prefix = |number: u32| format!("2001:db8:{number:x}::/{}", 48 + number % 17);
    settle(&mut store, (0..most).map(|number| ban(&prefix(number), None)));
    for number in 0..most {
        let inside = format!("2001:db8:{number:x}::1").parse().unwrap();
        assert!(store.banned_with(inside, Timestamp(1)).is_some());
        let outside = format!("2001:db9:{number:x}::1").parse().unwrap();
        assert_eq!(store.banned_with(outside, Timestamp(1)), None);
    }
}

#[test]
fn a_store_of_version_6_opens() {
    let (_folder, mut store) = released(6);
    assert_eq!(store.take_damaged(), []);
    holds_the_mail_of_the_fixtures(&mut store);
    let page = store.bans(BanPlace::default(), Timestamp(1));
    let found: Vec<_> = page
        .bans
        .iter()
        .map(|ban| (ban.subject.to_string(), ban.since.0, ban.until.map(|until| until.0)))
        .collect();
    assert_eq!(
        found,
        [
            ("Mallory".to_owned(), 1_000, None),
            ("192.0.2.0/24".to_owned(), 1_000, Some(1_900_000_000_000)),
            ("2001:db8::1".to_owned(), 2_000, None),
        ]
    );
}
