//! What is too old leaves the file, and nothing else does.

use postroom_store::{EARLIEST, Retention, SWEPT_MAX, SweepDue, Swept};
use postroom_virtual_disk::VirtualDisk;

use super::*;
use crate::operation::Operation;

const DAY: u64 = 86_400_000;
/// Old messages and posts, and as many young ones.
const COUNT: usize = 600;

fn at(days: u64) -> Timestamp {
    Timestamp(EARLIEST.0 + days * DAY)
}

fn aging() -> Limits {
    let retention = Retention { messages_ms: Some(30 * DAY), posts_ms: Some(30 * DAY) };
    Limits { retention, mailbox_capacity: 10_000, channel_posts: 10_000, ..Limits::default() }
}

fn settle_at(
    store: &mut SqliteStore,
    now: Timestamp,
    calls: impl IntoIterator<Item = Call>,
) -> Vec<Outcome> {
    for call in calls {
        store.submit(Ticket(0), call);
    }
    let mut completed: Vec<Completion> = Vec::new();
    store.settle(now, &mut completed).unwrap();
    completed.into_iter().filter_map(Completion::into_outcome).collect()
}

/// Messages to `bob` and posts in `#a`, in three groups.
fn write(store: &mut SqliteStore, now: Timestamp, words: &str) {
    let bob = account(store, "bob");
    for _ in 0..3 {
        settle_at(store, now, (0..COUNT / 3).map(|_| append(bob, "bob", words)));
        settle_at(store, now, (0..COUNT / 3).map(|_| post("#a", words)));
    }
}

/// Sweeps until nothing is due soon; returns how many messages and posts are gone.
fn expire(store: &mut SqliteStore, now: Timestamp) -> (u32, u32) {
    let (mut messages, mut posts) = (0, 0);
    let mut passed_ms = DAY;
    loop {
        match settle_at(store, now, [Call::Sweep { passed_ms }]).pop() {
            Some(Outcome::Swept(Swept { messages: more, posts: more_posts, .. })) => {
                messages += more;
                posts += more_posts;
            }
            other => panic!("{other:?}"),
        }
        passed_ms = 0;
        if store.sweep_due() != SweepDue::Soon {
            return (messages, posts);
        }
    }
}

fn texts(store: &mut SqliteStore) -> Vec<String> {
    let bob = account(store, "bob");
    read(store, bob, 3 * COUNT)
}

#[test]
fn sweeps_read_nothing_where_nothing_is_old() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, aging());
    write(&mut store, at(100), "old");
    write(&mut store, at(120), "young");
    let operations = |store: &mut SqliteStore, now| {
        store.submit(Ticket(0), Call::Sweep { passed_ms: DAY });
        let job = store.next_job(now).unwrap();
        let looks = |operation: &Operation| matches!(operation, Operation::Look { .. });
        let count = job.0.group.operations.iter().filter(looks).count();
        store.finish(job.run()).unwrap();
        count
    };
    assert_eq!(operations(&mut store, at(130)), 0);
    assert_eq!(operations(&mut store, at(131)), 1, "a look at one block");
    let count = u32::try_from(COUNT).unwrap();
    assert_eq!(expire(&mut store, at(131)), (count, count));
    assert_eq!(operations(&mut store, at(131)), 0);
    drop(store);
    // So it is after a start, when all times are read once.
    let mut store = open(&folder, aging());
    assert_eq!(operations(&mut store, at(131)), 0);
    assert_eq!(texts(&mut store), vec!["young"; COUNT]);
    assert!(rows(&folder, "post") == COUNT as u64);
}

#[test]
fn the_clock_of_the_retention_is_written_once_an_hour() {
    const MINUTE: u64 = 60_000;
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, aging());
    write(&mut store, at(100), "old");
    let mut minute = 0;
    let mut writes = |store: &mut SqliteStore, passed_ms| {
        minute += 1;
        store.submit(Ticket(0), Call::Sweep { passed_ms });
        let job = store.next_job(Timestamp(at(100).0 + minute * MINUTE)).unwrap();
        let writes = job.0.group.operations.write();
        store.finish(job.run()).unwrap();
        usize::from(writes)
    };
    assert_eq!(writes(&mut store, 0), 1, "at the first sweep of all");
    let times = (0..180).map(|_| writes(&mut store, MINUTE)).sum::<usize>();
    assert_eq!(times, 3);
    drop(store);
    let mut store = open(&folder, aging());
    assert_eq!(writes(&mut store, 0), 0);
    drop(store);
    // Without a retention there is nothing to write.
    let mut store = open(&folder, Limits::default());
    assert_eq!((0..180).map(|_| writes(&mut store, MINUTE)).sum::<usize>(), 0);
}

#[test]
fn a_clock_of_the_retention_that_is_damaged_makes_nothing_older() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, aging());
    write(&mut store, at(100), "old");
    assert_eq!(expire(&mut store, at(100)), (0, 0));
    drop(store);
    for value in ["-1", &i64::MIN.to_string()] {
        let change = format!("UPDATE counter SET value = {value} WHERE name = 'retention_ms'");
        Connection::open(database_file(folder.path())).unwrap().execute(&change, []).unwrap();
        let mut store = open(&folder, aging());
        let damaged = store.take_damaged();
        assert_eq!(damaged.len(), 1, "{damaged:?}");
        assert_eq!((damaged[0].table, damaged[0].key), ("counter", 1));
        let swept = settle_at(&mut store, at(200), [Call::Sweep { passed_ms: 0 }]).pop();
        let Some(Outcome::Swept(Swept { behind_ms, .. })) = swept else { panic!("{swept:?}") };
        assert_eq!(behind_ms, 200 * DAY);
        assert_eq!(expire(&mut store, at(200)), (0, 0));
    }
}

#[test]
fn each_commit_removes_and_reads_a_limited_number_of_rows() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, aging());
    write(&mut store, at(100), "old");
    write(&mut store, at(131), "young");
    let mut left = rows(&folder, "message") + rows(&folder, "post");
    let mut passed_ms = DAY;
    while left > 2 * COUNT as u64 {
        settle_at(&mut store, at(131), [Call::Sweep { passed_ms }]);
        passed_ms = 0;
        let now_left = rows(&folder, "message") + rows(&folder, "post");
        assert!(left - now_left <= SWEPT_MAX as u64, "{left} to {now_left}");
        left = now_left;
    }
}

#[test]
fn a_retention_that_loses_power_anywhere_takes_what_is_old_alone() {
    for cut in (1..).step_by(7) {
        let folder = power::folder();
        let disk = VirtualDisk::new(cut);
        let open = || {
            let data = DataFolder::open(folder.path()).unwrap().on_vfs(disk.name());
            SqliteStore::open(data.with_free_bytes(|| 1 << 30), aging()).unwrap().0
        };
        let mut store = open();
        write(&mut store, at(100), "old");
        write(&mut store, at(131), "young");
        disk.cut_power_in(cut);
        let mut completed = Vec::new();
        let mut works = true;
        let mut passed_ms = DAY;
        while works {
            store.submit(Ticket(0), Call::Sweep { passed_ms });
            works = store.settle(at(131), &mut completed).is_ok();
            passed_ms = 0;
            if store.sweep_due() != SweepDue::Soon {
                break;
            }
        }
        drop(store);
        let is_cut = disk.is_off();
        disk.cut_power().unwrap();
        let mut store = open();
        assert_eq!(store.take_damaged(), []);
        // What was told to be gone is gone.
        let gone = completed.into_iter().filter_map(Completion::into_outcome);
        let gone = gone.fold((0, 0), |(messages, posts), outcome| match outcome {
            Outcome::Swept(swept) => (messages + swept.messages, posts + swept.posts),
            other => panic!("{other:?}"),
        });
        let rest = expire(&mut store, at(131));
        let count = u32::try_from(COUNT).unwrap();
        assert!(gone.0 + rest.0 <= count && gone.1 + rest.1 <= count, "{cut}: {gone:?} {rest:?}");
        settle_at(&mut store, at(131), [post("#a", "new")]);
        let bob = account(&mut store, "bob");
        settle_at(&mut store, at(131), [append(bob, "bob", "new")]);
        drop(store);
        let mut store = open();
        let mut expected = vec!["young"; COUNT];
        expected.push("new");
        assert_eq!(texts(&mut store), expected, "{cut}");
        assert_eq!(entries(&mut store, "#a")[0], "@board: young", "{cut}");
        if !is_cut {
            return;
        }
    }
}

#[test]
fn a_block_that_cannot_be_read_stays_and_the_others_go() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, aging());
    write(&mut store, at(100), &"old".repeat(60));
    write(&mut store, at(131), "young");
    connection(&store).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let pages = damage::pages(&folder, "message");
    damage::overwrite(&folder, pages[3], 0, &[0; damage::PAGE]);
    connection(&store).execute_batch("PRAGMA shrink_memory").unwrap();
    let (messages, posts) = expire(&mut store, at(131));
    let count = u32::try_from(COUNT).unwrap();
    assert!((count - 300..count).contains(&messages), "{messages}");
    assert_eq!(posts, count);
    assert_eq!(store.sweep_due(), SweepDue::Later, "it is not tried again and again");
    assert_eq!(expire(&mut store, at(131)), (0, 0));
    // It is told once, and costs no record that can be read.
    let mut told = store.take_damaged();
    let blocks = told.len();
    told.dedup();
    assert!((1..=2).contains(&blocks) && told.len() == blocks, "{told:?}");
    for damaged in told {
        let block = i64::try_from(SWEPT_MAX).unwrap();
        assert_eq!((damaged.table, damaged.key % block), ("message", 0), "{damaged}");
        assert!(damaged.what.ends_with("none of them is removed for its age"), "{damaged}");
    }
    settle_at(&mut store, at(131), [append(AccountId(0), "bob", "young")]);
    assert_eq!(expire(&mut store, at(140)), (0, 0));
    assert_eq!(store.take_damaged(), []);
    let left = texts(&mut store);
    let young = left.iter().filter(|text| *text == "young").count();
    assert_eq!(young, COUNT + 1);
}
