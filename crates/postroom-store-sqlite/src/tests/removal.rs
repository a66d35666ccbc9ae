//! What is deleted leaves the file, a little with each commit, whatever happens meanwhile.

use postroom_store::{SWEPT_MAX, SweepDue};
use postroom_virtual_disk::VirtualDisk;

use super::*;

pub(super) const SWEEP: Call = Call::Sweep { passed_ms: 0 };

fn delete(spelling: &str) -> Call {
    Call::Delete { name: Name::new(spelling).unwrap() }
}

fn post_by(author: AccountId, shown: &str, tag: &str, words: &str) -> Call {
    let Call::Post { post, may_create, .. } = post(tag, words) else { unreachable!("a post") };
    let name = Author::Account(Name::new(shown).unwrap());
    let post = Arc::new(Post { author: name, ..(*post).clone() });
    Call::Post { author: Some(author.into()), post, may_create }
}

/// Posts of `bob` and of `ann` in turn, in channels of their own and in one of both.
fn talk(bob: AccountId, ann: AccountId, posts: usize) -> impl Iterator<Item = Call> {
    (0..posts).flat_map(move |number| {
        let words = number.to_string();
        [
            post_by(bob, "bob", ["#both", "#bob"][number % 2], &words),
            post_by(ann, "ann", ["#both", "#ann"][number % 2], &words),
        ]
    })
}

#[test]
fn each_commit_removes_a_limited_number_of_rows() {
    const POSTS: usize = 1_000;
    const MESSAGES: usize = 300;
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits::default());
    let (bob, ann) = (account(&mut store, "bob"), account(&mut store, "ann"));
    settle(&mut store, talk(bob, ann, POSTS));
    settle(&mut store, (0..MESSAGES).map(|_| append(ann, "bob", "secret")));
    settle(&mut store, [append(bob, "ann", "kept"), delete("bob")]);
    let (mut posts, mut messages) = (rows(&folder, "post"), rows(&folder, "message"));
    assert_eq!(posts, 2 * POSTS as u64);
    let mut sweeps = 0;
    while store.sweep_due() == SweepDue::Soon {
        // Others go on meanwhile.
        settle(&mut store, [SWEEP, append(ann, "ann", "new")]);
        let (posts_left, messages_left) = (rows(&folder, "post"), rows(&folder, "message"));
        assert!(posts - posts_left <= SWEPT_MAX as u64, "{posts} to {posts_left}");
        assert!(messages + 1 - messages_left <= SWEPT_MAX as u64, "{messages} to {messages_left}");
        (posts, messages, sweeps) = (posts_left, messages_left, sweeps + 1);
    }
    assert!(sweeps >= POSTS / SWEPT_MAX, "{sweeps}");
    assert_eq!((posts, messages), (POSTS as u64, sweeps as u64 + 1));
    assert_eq!(read(&mut store, ann, 1), ["kept"]);
}

#[test]
fn posts_that_later_ones_replace_need_no_sweep() {
    let folder = TempDir::new().unwrap();
    let limits = Limits { channel_posts: 10, channels_max: 2, ..Limits::default() };
    let mut store = open(&folder, limits);
    for number in 0..300 {
        settle(&mut store, [post(["#a", "#b", "#c"][number % 3], "x")]);
        assert_eq!(store.sweep_due(), SweepDue::Never);
    }
    // At a start nobody knows who deleted a channel.
    drop(store);
    let mut store = open(&folder, limits);
    while store.sweep_due() == SweepDue::Soon {
        settle(&mut store, [SWEEP]);
    }
    assert!(rows(&folder, "post") <= 20, "{} are left", rows(&folder, "post"));
}

#[test]
fn messages_that_were_handed_out_at_the_deletion_leave_the_file() {
    let folder = TempDir::new().unwrap();
    for is_restarted in [false, true] {
        let mut store = open(&folder, Limits::default());
        let (bob, ann) = (account(&mut store, "bob"), account(&mut store, "ann"));
        settle(&mut store, [append(ann, "bob", "one"), append(ann, "bob", "two")]);
        let lease = settle(&mut store, [Call::Read { account: bob }]).pop();
        settle(&mut store, [delete("bob")]);
        if is_restarted {
            drop(store);
            store = open(&folder, Limits::default());
            assert_eq!(store.sweep_due(), SweepDue::Soon);
        } else if let Some(Outcome::Read { lease, .. }) = lease {
            settle(&mut store, [Call::Return { leases: vec![lease] }]);
        }
        while store.sweep_due() == SweepDue::Soon {
            settle(&mut store, [SWEEP]);
        }
        assert_eq!(rows(&folder, "message"), 0, "{is_restarted}");
    }
}

#[test]
fn a_damaged_post_stays_and_the_others_go() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits::default());
    let (bob, ann) = (account(&mut store, "bob"), account(&mut store, "ann"));
    settle(&mut store, talk(bob, ann, 100));
    drop(store);
    Connection::open(database_file(folder.path()))
        .unwrap()
        .execute_batch("UPDATE post SET stored_ms = 0, channel = 4000000 WHERE number = 7")
        .unwrap();
    let mut store = open(&folder, Limits::default());
    settle(&mut store, [delete("bob")]);
    while store.sweep_due() == SweepDue::Soon {
        settle(&mut store, [SWEEP]);
    }
    assert_eq!(rows(&folder, "post"), 101);
    assert_eq!(entries(&mut store, "#bob"), Vec::<String>::new());
    assert_eq!(store.take_damaged().len(), 1);
}

/// The posts of `bob` are all there, or none; those of `ann` always; and in the end the
/// file has no others.
#[test]
fn an_erasure_that_loses_power_anywhere_is_whole_and_goes_on() {
    const POSTS: usize = 400;
    let mut is_erased = [false; 2];
    for cut in (1..).step_by(3) {
        let folder = power::folder();
        let disk = VirtualDisk::new(cut);
        let open = || {
            let data = DataFolder::open(folder.path()).unwrap().on_vfs(disk.name());
            SqliteStore::open(data.with_free_bytes(|| 1 << 30), Limits::default()).unwrap().0
        };
        let mut store = open();
        let (bob, ann) = (account(&mut store, "bob"), account(&mut store, "ann"));
        settle(&mut store, talk(bob, ann, POSTS));
        settle(&mut store, [append(ann, "bob", "secret")]);
        store.submit(Ticket(0), delete("bob"));
        disk.cut_power_in(cut);
        let mut completed = Vec::new();
        let mut ends = store.settle(Timestamp(1), &mut completed).is_ok();
        let is_told = ends;
        while ends && store.sweep_due() == SweepDue::Soon {
            store.submit(Ticket(0), SWEEP);
            ends = store.settle(Timestamp(1), &mut completed).is_ok();
        }
        drop(store);
        let is_cut = disk.is_off();
        disk.cut_power().unwrap();
        let mut store = open();
        let of_bob = entries(&mut store, "#bob").len();
        assert!(of_bob == 0 || of_bob == 64, "{cut}: {of_bob} on a page");
        assert!(of_bob == 0 || !is_told, "{cut}");
        is_erased[usize::from(of_bob == 0)] = true;
        if of_bob > 0 {
            settle(&mut store, [delete("bob")]);
        }
        while store.sweep_due() == SweepDue::Soon {
            settle(&mut store, [SWEEP]);
        }
        let ann: Vec<_> =
            (0..POSTS).skip(1).step_by(2).map(|number| format!("ann: {number}")).collect();
        assert_eq!(entries(&mut store, "#ann"), ann[..64], "{cut}");
        drop(store);
        let mut store = open();
        assert_eq!(store.sweep_due(), SweepDue::Never, "{cut}");
        let count = |table: &str| {
            let sql = format!("SELECT count(*) FROM {table}");
            connection(&store).query_row(&sql, [], |row| row.get::<_, usize>(0)).unwrap()
        };
        assert_eq!((count("post"), count("message")), (POSTS, 0), "{cut}");
        assert_eq!(store.take_damaged(), []);
        if !is_cut {
            break;
        }
    }
    assert_eq!(is_erased, [true; 2], "cuts were before and after the deletion");
}
