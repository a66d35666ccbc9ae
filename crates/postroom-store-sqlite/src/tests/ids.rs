//! The ids of posts in the file, and in files of earlier versions.

use postroom_model::{Entry, PostId};
use postroom_store::Limits;

use super::*;

fn ids(store: &mut SqliteStore, tag: &str) -> Vec<(u64, u64)> {
    let channel = Channel::parse(tag).unwrap();
    match settle(store, [Call::Timeline { channel, from: Position::default(), reader: None }]).pop()
    {
        Some(Outcome::Timeline(page)) => {
            page.entries.iter().map(|Entry { id, stored, .. }| (id.0, stored.0)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_store_of_version_7_opens() {
    const TIME: u64 = 1_767_323_045_999;
    let (_folder, mut store) = released(7);
    assert_eq!(store.take_damaged(), []);
    holds_the_mail_of_the_fixtures(&mut store);
    // Before this version a post had an id for each of its channels.
    let old = 1_795_244_235_870;
    assert_eq!(ids(&mut store, "#rust"), [(2, old), (4, old + 7), (7, TIME)]);
    assert_eq!(ids(&mut store, "#milk"), [(7, TIME), (9, TIME + 1_000)]);
    assert_eq!(entries(&mut store, "#milk"), ["@board: both", "@board: one"]);
    // The post with the number 10 was deleted.
    match settle(&mut store, [post("#tea", "new")]).pop() {
        Some(Outcome::Posted { stamp, .. }) => assert_eq!(stamp.id, PostId(11)),
        other => panic!("{other:?}"),
    }
}

/// A row that names another one as the first of its post must have a number close behind it.
#[test]
fn a_damaged_id_costs_its_post() {
    for first in ["2", "9", "-1", "0", "3"] {
        let folder = TempDir::new().unwrap();
        let mut store = open(&folder, Limits::default());
        settle(&mut store, (0..12).map(|number| post("#a", &number.to_string())));
        drop(store);
        let change = format!("UPDATE post SET first = {first} WHERE number IN (2, 12)");
        Connection::open(database_file(folder.path())).unwrap().execute_batch(&change).unwrap();
        let mut findings = Vec::new();
        crate::check(folder.path(), |_| true, |found| findings.push(found.to_string())).unwrap();
        let mut store = open(&folder, Limits::default());
        let found = entries(&mut store, "#a");
        let damaged: Vec<_> = store.take_damaged().iter().map(ToString::to_string).collect();
        assert_eq!(damaged, findings, "{first}");
        assert_eq!(found.len() + damaged.len(), 12, "{first}");
        let is_sound = [first == "0", matches!(first, "2" | "3" | "9")];
        for (row, is_sound) in ["post 2:", "post 12:"].into_iter().zip(is_sound) {
            let is_damaged = damaged.iter().any(|line| line.starts_with(row));
            assert_eq!(is_damaged, !is_sound, "{first} {row} {damaged:?}");
        }
    }
}
