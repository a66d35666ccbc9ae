//! Reading the history of channels while the store is used.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use postroom_model::{Entry, PostId};
use postroom_store::{History as _, HistoryFrom, HistoryPage, HistoryQuery, HistoryRows};

use super::*;

fn rows_of(store: &SqliteStore, tag: &str, from: HistoryFrom, count: usize) -> HistoryRows {
    store.history(HistoryQuery { channel: Channel::parse(tag).unwrap(), from, count })
}

fn page_of(store: &SqliteStore, tag: &str, from: HistoryFrom) -> HistoryPage {
    let mut reader = store.history_source().open().unwrap();
    reader.page(&rows_of(store, tag, from, 100)).unwrap()
}

fn texts(page: &HistoryPage) -> Vec<&str> {
    page.entries.iter().filter_map(|entry| entry.content.text()).map(Text::as_str).collect()
}

fn store_of(texts: impl IntoIterator<Item = String>, limits: Limits) -> (TempDir, SqliteStore) {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, limits);
    settle(&mut store, texts.into_iter().map(|words| post("#a", &words)));
    (folder, store)
}

#[test]
fn a_damaged_post_is_left_out_of_its_page_and_told_once() {
    let (folder, mut store) = store_of((0..4).map(|at| at.to_string()), Limits::default());
    let changes = "UPDATE post SET author = 7 WHERE number = 2;
        UPDATE post SET first = 9 WHERE number = 3";
    Connection::open(database_file(folder.path())).unwrap().execute_batch(changes).unwrap();
    for from in [HistoryFrom::Oldest, HistoryFrom::Latest] {
        let page = page_of(&store, "#a", from);
        assert_eq!(page.entries.len(), 2, "{page:?}");
        let mut keys: Vec<_> = page.damaged.iter().map(|of| (of.table, of.key)).collect();
        keys.sort_unstable();
        assert_eq!(keys, [("post", 2), ("post", 3)], "{page:?}");
        page.damaged.into_iter().for_each(|damaged| store.note_damaged(damaged));
    }
    assert_eq!(store.take_damaged().len(), 2);
    assert_eq!(entries(&mut store, "#a"), ["@board: 0", "@board: 3"], "they are set aside");
    assert_eq!(store.take_damaged(), []);
}

/// The author's row is lost; that of a later account is there.
#[test]
fn a_history_names_authors_as_timelines_do() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits::default());
    let accounts = ["ann", "bob", "eve"].map(|name| account(&mut store, name));
    let say = |author: AccountId| {
        let Call::Post { post, may_create, .. } = post("#a", "hi") else {
            unreachable!("it posts");
        };
        Call::Post { author: Some(author.into()), post, may_create }
    };
    settle(&mut store, accounts.map(say));
    drop(store);
    let changes = "DELETE FROM account WHERE id = 0; UPDATE account SET name = '' WHERE id = 1";
    Connection::open(database_file(folder.path())).unwrap().execute_batch(changes).unwrap();
    let mut store = open(&folder, Limits::default());
    let page = page_of(&store, "#a", HistoryFrom::Oldest);
    let read: Vec<_> = page.entries.iter().map(|entry| format!("{}: hi", entry.author)).collect();
    assert_eq!(read, ["damaged-account-0: hi", "damaged-account-1: hi", "eve: hi"]);
    assert_eq!(read, entries(&mut store, "#a"));
}

/// Pages of the one that reads are whole and in order, whatever the store does meanwhile.
#[test]
fn pages_are_read_on_another_thread_while_posts_are_stored_and_trimmed() {
    const KEPT: u32 = 500;
    let limits = Limits { channel_posts: KEPT, ..Limits::default() };
    let (_folder, mut store) = store_of((0..KEPT).map(|at| at.to_string()), limits);
    let is_over = Arc::new(AtomicBool::new(false));
    let (asked, questions) = std::sync::mpsc::sync_channel::<HistoryRows>(1);
    let (source, ends) = (store.history_source(), Arc::clone(&is_over));
    let reader = thread::spawn(move || {
        let (mut reader, mut pages) = (source.open().unwrap(), 0);
        for rows in questions {
            let page = reader.page(&rows).unwrap();
            assert!(page.damaged.is_empty(), "{page:?}");
            let ids: Vec<_> = page.entries.iter().map(|entry| entry.id).collect();
            assert!(ids.is_sorted_by(|one, other| one.0 + 1 == other.0), "{ids:?}");
            for Entry { id, content, .. } in &page.entries {
                let text = content.text().unwrap();
                assert_eq!(text.as_str(), (id.0 - 1).to_string(), "{id}");
            }
            pages += usize::from(!page.entries.is_empty());
            if pages == 200 {
                ends.store(true, Ordering::Relaxed);
            }
        }
        pages
    });
    let mut next = KEPT;
    while !is_over.load(Ordering::Relaxed) {
        settle(&mut store, (next..next + 10).map(|at| post("#a", &at.to_string())));
        next += 10;
        let from = HistoryFrom::After(PostId(u64::from(next - next % 499)));
        let _ = asked.try_send(rows_of(&store, "#a", from, 100));
    }
    drop(asked);
    assert!(reader.join().unwrap() >= 200);
}

/// Where a channel keeps fewer posts than before, the others leave the memory at the start and
/// the file a few with each commit.
#[test]
fn a_lower_limit_deletes_a_few_posts_with_each_commit() {
    const COUNT: u32 = 2_000;
    let limits = |channel_posts| Limits { channel_posts, ..Limits::default() };
    let (folder, store) = store_of((0..COUNT).map(|at| at.to_string()), limits(COUNT));
    drop(store);
    let mut store = open(&folder, limits(10));
    let (mut commits, mut before) = (0, rows(&folder, "post"));
    assert_eq!(before, u64::from(COUNT));
    assert_eq!(page_of(&store, "#a", HistoryFrom::Latest).entries.len(), 10);
    while before > 74 {
        settle(&mut store, [post("#a", "more")]);
        let left = rows(&folder, "post");
        assert!(before - left <= 64, "a commit has deleted {} posts", before - left);
        (commits, before) = (commits + 1, left);
        assert!(commits < 100, "{left} posts are left");
    }
    assert!(commits >= 25, "{commits} commits");
    assert_eq!(texts(&page_of(&store, "#a", HistoryFrom::Oldest)), ["more"; 10]);
    // A higher one lets it keep more again.
    drop(store);
    let mut store = open(&folder, limits(COUNT));
    settle(&mut store, (0..90).map(|_| post("#a", "again")));
    assert_eq!(page_of(&store, "#a", HistoryFrom::Latest).entries.len(), 100);
}

/// Posts of several channels, some of them gone: a time is found whatever numbers have no row.
#[test]
fn a_time_is_found_among_numbers_with_gaps() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits::default());
    for time in 0..60 {
        store.submit(Ticket(0), post(["#a", "#b"][usize::from(time % 7 < 3)], "x"));
        store.settle(Timestamp(10 * time), &mut Vec::new()).unwrap();
    }
    settle(&mut store, [Call::DeleteChannel { channel: Channel::parse("#b").unwrap() }]);
    while store.sweep_due() == postroom_store::SweepDue::Soon {
        settle(&mut store, [Call::Sweep { passed_ms: 0 }]);
    }
    let times: Vec<u64> = (0..60).filter(|time| time % 7 >= 3).map(|time| 10 * time).collect();
    let mut reader = store.history_source().open().unwrap();
    for time in 0..620 {
        let from = HistoryFrom::At(reader.first_at(Timestamp(time)).unwrap());
        let page = page_of(&store, "#a", from);
        let found: Vec<_> = page.entries.iter().map(|entry| entry.stored.0).collect();
        let expected: Vec<_> = times.iter().copied().filter(|of| *of >= time).collect();
        assert_eq!(found, expected, "{time}");
    }
}
