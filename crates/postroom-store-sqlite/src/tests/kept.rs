//! What accounts keep of what they have read and sent, in the file.

use postroom_store::{
    EARLIEST, History as _, HistoryFrom, KeepRead, KeptAs, KeptPage, KeptQuery, SWEPT_MAX, SweepDue,
};
use postroom_virtual_disk::VirtualDisk;

use super::*;
use crate::{Export, Exported, Place as ExportPlace};

const DAY: u64 = 86_400_000;

fn at(days: u64) -> Timestamp {
    Timestamp(EARLIEST.0 + days * DAY)
}

/// Accounts keep so many messages, for 30 days.
fn keeping(messages_max: u32) -> Limits {
    let keep_read = Some(KeepRead { messages_max, age_ms: Some(30 * DAY) });
    Limits { keep_read, mailbox_capacity: 100_000, ..Limits::default() }
}

fn with_password(store: &mut SqliteStore, spelling: &str) -> AccountId {
    let account = account(store, spelling);
    let (name, password) = (Name::new(spelling).unwrap(), PasswordHash("$argon2id$x".into()));
    settle(store, [Call::SetPassword { name, password, of: PasswordOf::Known }]);
    account
}

fn delete(store: &mut SqliteStore, spelling: &str) {
    let outcome = settle(store, [Call::Delete { name: Name::new(spelling).unwrap() }]).pop();
    assert!(matches!(outcome, Some(Outcome::Deleted { .. })), "{outcome:?}");
}

fn page(
    store: &SqliteStore,
    account: AccountId,
    from: HistoryFrom<postroom_model::MessageId>,
) -> KeptPage {
    let rows = store.kept(KeptQuery { account, from, count: usize::MAX }).unwrap();
    store.history_source().open().unwrap().kept(&rows).unwrap()
}

/// All that an account keeps, the oldest first.
fn kept(store: &SqliteStore, account: AccountId) -> Vec<String> {
    let (mut all, mut from) = (Vec::new(), Some(HistoryFrom::Oldest));
    while let Some(next) = from {
        let page = page(store, account, next);
        assert_eq!(page.damaged, []);
        all.extend(page.messages.iter().map(|message| {
            let (other, text) = (&message.other, message.text.as_str());
            match message.kept {
                KeptAs::Received => format!("{other}: {text}"),
                KeptAs::Sent => format!("to {other}: {text}"),
            }
        }));
        from = page.next;
    }
    all
}

/// Sweeps until nothing is due soon.
fn sweep(store: &mut SqliteStore) {
    while {
        settle(store, [Call::Sweep { passed_ms: 0 }]);
        store.sweep_due() == SweepDue::Soon
    } {}
}

/// Lets the sweep note in the rows what the removal table says.
fn sweep_removals(store: &mut SqliteStore) {
    store.sweep.hurry();
    for _ in 0..3 {
        settle(store, [Call::Sweep { passed_ms: 0 }]);
    }
}

fn query(folder: &TempDir, sql: &str) -> String {
    let rows = Connection::open(database_file(folder.path())).unwrap();
    rows.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Of each row its text and who keeps it.
fn keepers(folder: &TempDir) -> String {
    let all = "SELECT coalesce(group_concat(text || coalesce(kept, '-'), ' '), '') \
               FROM (SELECT * FROM message ORDER BY sequence)";
    query(folder, all)
}

fn is_sound(folder: &TempDir) {
    let mut findings = Vec::new();
    crate::check(folder.path(), |_| true, |found| findings.push(format!("{found:?}"))).unwrap();
    assert_eq!(findings, [""; 0]);
}

#[test]
fn a_row_leaves_the_table_with_the_last_who_keeps_it() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, keeping(99));
    let [ann, bob] = ["ann", "bob"].map(|name| with_password(&mut store, name));
    let eve = account(&mut store, "eve");
    settle(
        &mut store,
        [
            append(ann, "bob", "both"),
            append(Sender::Web, "bob", "his"),
            append(ann, "eve", "hers"),
            append(eve, "eve", "nobodys"),
            append(ann, "bob", "unread"),
        ],
    );
    assert_eq!(read(&mut store, bob, 2), ["both", "his"]);
    assert_eq!(read(&mut store, eve, 2), ["hers", "nobodys"]);
    assert_eq!(keepers(&folder), "both2 his- hers2 nobodys- unread2", "nothing but removals");
    for round in 0..2 {
        assert_eq!(kept(&store, ann), ["to bob: both", "to eve: hers", "to bob: unread"]);
        assert_eq!(kept(&store, bob), ["ann: both", "@web: his"]);
        if round == 0 {
            sweep_removals(&mut store);
            assert_eq!(keepers(&folder), "both3 his1 hers4 unread2");
            assert_eq!(query(&folder, "SELECT group_concat(text, ' ') FROM unread"), "unread");
            drop(store);
            is_sound(&folder);
            store = open(&folder, keeping(99));
        }
    }
    delete(&mut store, "ann");
    assert_eq!(store.sweep_due(), SweepDue::Soon);
    sweep(&mut store);
    assert_eq!(keepers(&folder), "both1 his1 unread-");
    assert_eq!(kept(&store, bob), ["ann: both", "@web: his"]);
    delete(&mut store, "bob");
    sweep(&mut store);
    assert_eq!(keepers(&folder), "");
    drop(store);
    is_sound(&folder);
}

/// In whichever order the sweep of the removals and that of what is kept come.
#[test]
fn an_erasure_before_the_removals_are_swept_leaves_nothing() {
    for first in ["ann", "bob"] {
        for hurries in [false, true] {
            let folder = TempDir::new().unwrap();
            let mut store = open(&folder, keeping(99));
            let [ann, bob] = ["ann", "bob"].map(|name| with_password(&mut store, name));
            settle(&mut store, [append(ann, "bob", "one"), append(Sender::Web, "bob", "two")]);
            read(&mut store, bob, 2);
            delete(&mut store, first);
            if hurries {
                store.sweep.hurry();
            }
            settle(&mut store, [Call::Sweep { passed_ms: 0 }]);
            drop(store);
            store = open(&folder, keeping(99));
            sweep(&mut store);
            sweep_removals(&mut store);
            match first {
                "ann" => assert_eq!(kept(&store, bob), ["ann: one", "@web: two"]),
                _ => assert_eq!(kept(&store, ann), ["to bob: one"]),
            }
            let left = if first == "ann" { "one1 two1" } else { "one4" };
            assert_eq!(keepers(&folder), left, "{first} {hurries}");
            delete(&mut store, if first == "ann" { "bob" } else { "ann" });
            sweep(&mut store);
            assert_eq!(keepers(&folder), "");
        }
    }
}

#[test]
fn what_was_read_is_swept_and_stays_kept() {
    const MESSAGES: usize = 20_000;
    const MOST: usize = 1_000;
    let folder = TempDir::new().unwrap();
    let limits = keeping(u32::try_from(MOST).unwrap());
    let mut store = open(&folder, limits);
    let [ann, bob] = ["ann", "bob"].map(|name| with_password(&mut store, name));
    for part in 0..MESSAGES / 1_000 {
        let numbers = part * 1_000..(part + 1) * 1_000;
        settle(&mut store, numbers.map(|number| append(ann, "bob", &number.to_string())));
        assert_eq!(read(&mut store, bob, 1_000).len(), 1_000);
        if part % 5 == 0 {
            drop(store);
            store = open(&folder, limits);
        }
    }
    let left: Vec<_> = (MESSAGES - MOST..MESSAGES).collect();
    assert!(rows(&folder, "message") < 12_000, "{} messages are left", rows(&folder, "message"));
    drop(store);
    let store = open(&folder, limits);
    let received: Vec<_> = left.iter().map(|number| format!("ann: {number}")).collect();
    let sent: Vec<_> = left.iter().map(|number| format!("to bob: {number}")).collect();
    assert!(kept(&store, bob) == received && kept(&store, ann) == sent);
    drop(store);
    is_sound(&folder);
}

/// Of an operator who lowers the limit, and of one who lets nothing be kept any longer.
#[test]
fn a_commit_gives_up_a_few_rows_alone() {
    const COUNT: u32 = 2_000;
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, keeping(COUNT));
    let ann = with_password(&mut store, "ann");
    settle(&mut store, (0..COUNT).map(|number| append(ann, "eve", &number.to_string())));
    let eve = account(&mut store, "eve");
    read(&mut store, eve, COUNT as usize);
    sweep_removals(&mut store);
    while rows(&folder, "removal") > 0 {
        settle(&mut store, [Call::Sweep { passed_ms: 0 }]);
    }
    drop(store);
    let mut store = open(&folder, keeping(500));
    let (mut before, mut commits) = (rows(&folder, "message"), 0);
    assert_eq!((before, kept(&store, ann).len()), (u64::from(COUNT), 500));
    while before > 600 {
        settle(&mut store, [append(ann, "bob", "more")]);
        let left = rows(&folder, "message");
        assert!(before + 1 - left <= 64, "a commit has given up {}", before + 1 - left);
        (before, commits) = (left, commits + 1);
        assert!(commits < 60, "{left} are left");
    }
    assert!(commits >= 20, "{commits} commits");
    drop(store);
    let mut store = open(&folder, Limits::default());
    let mut before = rows(&folder, "message");
    while store.sweep_due() == SweepDue::Soon {
        settle(&mut store, [Call::Sweep { passed_ms: 0 }]);
        let left = rows(&folder, "message");
        assert!(before - left <= SWEPT_MAX as u64, "a commit has given up {}", before - left);
        before = left;
    }
    let bob = account(&mut store, "bob");
    assert_eq!(read(&mut store, bob, 99).len(), usize::try_from(before).unwrap(), "the unread");
}

/// What each call costs the disk where nothing is kept.
#[test]
fn keeping_nothing_costs_no_operation() {
    for (limits, kept) in [(Limits::default(), 0), (keeping(1), 64)] {
        let folder = TempDir::new().unwrap();
        let mut store = open(&folder, limits);
        let [ann, bob] = ["ann", "bob"].map(|name| with_password(&mut store, name));
        let mut operations = |calls: Vec<Call>| {
            for call in calls {
                store.submit(Ticket(0), call);
            }
            let job = store.next_job(at(1)).unwrap();
            let count = job.0.group.operations.len();
            store.finish(job.run()).unwrap();
            let mut completed = Vec::new();
            store.take_completions(&mut completed);
            (count, completed)
        };
        let hundred = || (0..100).map(|_| append(ann, "bob", "x")).collect::<Vec<_>>();
        assert_eq!(operations(hundred()).0, 100);
        let (count, read) = operations((0..100).map(|_| Call::Read { account: bob }).collect());
        assert_eq!(count, 100);
        let leases = read.into_iter().filter_map(Completion::into_outcome);
        let leases = leases.filter_map(|outcome| match outcome {
            Outcome::Read { lease, .. } => Some(lease),
            _ => None,
        });
        let leases: Vec<_> = leases.collect();
        let given_up = operations(vec![Call::Confirm { leases }]).0 - 100;
        assert_eq!(given_up > 0, kept > 0, "{given_up}");
        drop(store);
        drop(folder);
    }
}

#[test]
fn an_export_has_what_is_kept_whether_it_is_swept_or_not() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, keeping(99));
    let [ann, bob] = ["ann", "bob"].map(|name| with_password(&mut store, name));
    let eve = account(&mut store, "eve");
    settle(
        &mut store,
        [
            append(ann, "bob", "one"),
            append(bob, "ann", "two"),
            append(eve, "bob", "three"),
            append(bob, "eve", "four"),
        ],
    );
    read(&mut store, bob, 1);
    read(&mut store, eve, 1);
    let exported = |name: &str| {
        let name = Name::new(name).unwrap();
        let place = ExportPlace::OwnServer(folder.path());
        let (mut export, mut told) = (Export::open(place, &name).unwrap(), Vec::new());
        while export
            .page(|exported| match exported {
                Exported::Message { sender, text, .. } => {
                    told.push(format!("unread {sender}: {}", text.as_str()));
                }
                Exported::Read { sender, text, .. } => {
                    told.push(format!("{sender}: {}", text.as_str()));
                }
                Exported::Sent { recipient, text, .. } => {
                    told.push(format!("to {recipient}: {}", text.as_str()));
                }
                Exported::Damaged => told.push("damaged".to_owned()),
                _ => {}
            })
            .unwrap()
        {}
        told
    };
    for round in 0..3 {
        assert_eq!(
            exported("bob"),
            ["ann: one", "to ann: two", "unread eve: three", "to eve: four"]
        );
        assert_eq!(exported("ann"), ["to bob: one", "unread bob: two"]);
        // What she has sent is unread; what she has read is bob's alone.
        assert_eq!(exported("eve"), ["to bob: three"]);
        if round == 0 {
            sweep_removals(&mut store);
        } else {
            drop(store);
            store = open(&folder, keeping(99));
        }
    }
    delete(&mut store, "ann");
    sweep(&mut store);
    let all = ["ann: one", "to ann: two", "unread eve: three", "to eve: four"];
    assert_eq!(exported("bob"), all, "it is his");
}

#[test]
fn a_row_of_which_it_is_unclear_who_keeps_it_is_damaged() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, keeping(99));
    let [ann, bob] = ["ann", "bob"].map(|name| with_password(&mut store, name));
    settle(&mut store, ["one", "two", "three", "four"].map(|words| append(ann, "bob", words)));
    read(&mut store, bob, 2);
    drop(store);
    let change = "UPDATE message SET kept = 9 WHERE text = 'four';
        UPDATE message SET kept = -1 WHERE text = 'three';
        UPDATE removal SET kept = 7 WHERE message = 2";
    Connection::open(database_file(folder.path())).unwrap().execute_batch(change).unwrap();
    let mut store = open(&folder, keeping(99));
    let mut damaged: Vec<_> =
        store.take_damaged().into_iter().map(|of| (of.table, of.key, of.what)).collect();
    damaged.sort();
    let who = "it is unclear who keeps it".to_owned();
    let whether = "it is unclear whether its message is kept".to_owned();
    let expected = [("message", 3, who.clone()), ("message", 4, who), ("removal", 2, whether)];
    assert_eq!(damaged, expected);
    assert_eq!(kept(&store, bob), ["ann: one"], "the other one is read, and that is more");
    assert_eq!(kept(&store, ann), ["to bob: one", "to bob: two"]);
    assert_eq!(read(&mut store, bob, 9), [""; 0]);
    // A text that cannot be read costs its message.
    let change = "UPDATE message SET text = 'a' || char(0) WHERE text = 'one'";
    connection(&store).execute_batch(change).unwrap();
    let page = page(&store, bob, HistoryFrom::Latest);
    assert_eq!((page.messages.len(), page.damaged.len()), (0, 1), "{page:?}");
    assert_eq!((page.damaged[0].table, page.damaged[0].key), ("message", 1));
    drop(store);
    let mut findings = 0;
    crate::check(folder.path(), |_| true, |_| findings += 1).unwrap();
    assert_eq!(findings, 4);
}

/// Whatever is on disk when the power goes off: what was acknowledged is kept, and nothing that
/// was erased comes back.
#[test]
fn a_store_that_loses_power_anywhere_keeps_what_it_has_acknowledged() {
    for cut in 1.. {
        let folder = power::folder();
        let disk = VirtualDisk::new(cut);
        let open = || {
            let data = DataFolder::open(folder.path()).unwrap().on_vfs(disk.name());
            SqliteStore::open(data.with_free_bytes(|| 1 << 30), keeping(4)).unwrap().0
        };
        let mut store = open();
        let [ann, bob] = ["ann", "bob"].map(|name| with_password(&mut store, name));
        with_password(&mut store, "eve");
        disk.cut_power_in(cut);
        let mut completed: Vec<Completion> = Vec::new();
        let (mut sent, mut read, mut is_deleted) = (0, 0, false);
        for number in 0..12_u32 {
            store.submit(Ticket(0), append(ann, "bob", &number.to_string()));
            if store.settle(at(1), &mut completed).is_err() {
                break;
            }
            sent += 1;
            store.submit(Ticket(0), Call::Read { account: bob });
            if store.settle(at(1), &mut completed).is_err() {
                break;
            }
            let leases = completed.drain(..).filter_map(Completion::into_outcome);
            let leases = leases.filter_map(|outcome| match outcome {
                Outcome::Read { lease, .. } => Some(lease),
                _ => None,
            });
            store.submit(Ticket(0), Call::Confirm { leases: leases.collect() });
            store.sweep.hurry();
            if store.settle(at(1), &mut completed).is_err() {
                break;
            }
            read += 1;
            if number == 9 {
                store.submit(Ticket(0), Call::Delete { name: Name::new("ann").unwrap() });
                is_deleted = store.settle(at(1), &mut completed).is_ok();
                break;
            }
        }
        while !disk.is_off() {
            store.submit(Ticket(0), Call::Sweep { passed_ms: 0 });
            let works = store.settle(at(1), &mut completed).is_ok();
            if !works || store.sweep_due() != SweepDue::Soon {
                break;
            }
        }
        drop(store);
        let is_cut = disk.is_off();
        disk.cut_power().unwrap();
        let mut store = open();
        assert_eq!(store.take_damaged(), []);
        let of_bob = kept(&store, bob);
        let latest = |count: u32| -> Vec<_> {
            (count.saturating_sub(4)..count).map(|of| format!("ann: {of}")).collect()
        };
        // What was not acknowledged may be there or not.
        let unsure = [latest(read), latest(read + 1)];
        assert!(unsure.contains(&of_bob), "{cut}: {of_bob:?} of {read}");
        let is_there =
            store.kept(KeptQuery { account: ann, from: HistoryFrom::Oldest, count: 9 }).is_ok();
        if is_there {
            assert!(!is_deleted, "{cut}");
            let of_ann = kept(&store, ann);
            let latest = |count: u32| -> Vec<_> {
                (count.saturating_sub(4)..count).map(|of| format!("to bob: {of}")).collect()
            };
            assert!([latest(sent), latest(sent + 1)].contains(&of_ann), "{cut}: {of_ann:?}");
        } else {
            assert!(is_deleted || sent == 10, "{cut}");
        }
        delete(&mut store, "bob");
        if is_there {
            delete(&mut store, "ann");
        }
        sweep(&mut store);
        sweep_removals(&mut store);
        drop(store);
        drop(open());
        assert_eq!(rows_on(&folder, &disk), 0, "{cut}");
        if !is_cut {
            assert!(cut > 40, "{cut}");
            return;
        }
    }
}

/// The rows of the table of messages, on a disk that has a log of its own.
fn rows_on(folder: &TempDir, disk: &VirtualDisk) -> u64 {
    let data = DataFolder::open(folder.path()).unwrap().on_vfs(disk.name());
    let store = SqliteStore::open(data.with_free_bytes(|| 1 << 30), keeping(4)).unwrap().0;
    connection(&store).query_row("SELECT count(*) FROM message", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_store_of_version_12_opens() {
    let (_folder, mut store) = released(12);
    assert_eq!(store.take_damaged(), []);
    holds_the_mail_of_the_fixtures(&mut store);
    let folder = fixture("version-12");
    let mut store = open(&folder, keeping(99));
    assert_eq!(store.take_damaged(), []);
    holds_the_mail_of_the_fixtures(&mut store);
    let [frank, gina] = ["frank", "gina"].map(|name| {
        let (name, key) = (Name::new(name).unwrap(), Key::Trusted);
        let open = Call::Open { name, key, admits: Admits::NONE, may_create: 0 };
        match settle(&mut store, [open]).pop() {
            Some(Outcome::Opened { account, .. }) => account,
            other => panic!("{other:?}"),
        }
    });
    let of_frank =
        ["to gina: both", "@web: his", "to hal: hers", "to gina: noted", "to gina: unread"];
    assert_eq!(kept(&store, frank), of_frank);
    assert_eq!(kept(&store, gina), ["frank: both", "frank: noted"]);
    assert_eq!(read(&mut store, gina, 9), ["unread"]);
}
