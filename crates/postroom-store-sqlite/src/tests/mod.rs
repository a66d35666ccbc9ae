//! The store against its contract, and what only this store can get wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use postroom_model::{Author, Channel, Name, Position, Post, PostRefusal, Text, Unknown};
use postroom_store::contract::{self, Fixture};
use postroom_store::{
    AccountId, AccountRef, Admits, Call, Completion, Job, Key, Limits, Outcome, PasswordHash,
    PasswordOf, Sender, Store, Ticket, Timestamp,
};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::file::database as database_file;
use crate::{CommitJob, CommitJobDone, DataFolder, HistoryReader, OpenError, SqliteStore};

mod backup;
mod bans;
mod blocks;
mod checks;
mod damage;
mod deletion;
mod exports;
mod gaps;
mod guests;
mod history;
mod ids;
mod jobs;
mod kept;
mod links;
mod once;
mod own_posts;
mod power;
mod private;
mod random_damage;
mod removal;
mod restoring;
mod retention;
mod versions;

/// A folder, and what runs the jobs of its stores.
struct Place {
    folder: TempDir,
    runner: Box<dyn FnMut(CommitJob) -> CommitJobDone>,
}

impl Place {
    fn with_runner(runner: impl FnMut(CommitJob) -> CommitJobDone + 'static) -> Self {
        Self { folder: TempDir::new().unwrap(), runner: Box::new(runner) }
    }
}

impl Fixture for Place {
    type Store = SqliteStore;
    type History = HistoryReader;

    fn clear(&mut self) {
        self.folder = TempDir::new().unwrap();
    }

    fn open(&mut self, limits: Limits) -> SqliteStore {
        open(&self.folder, limits)
    }

    fn history(&mut self, store: &SqliteStore) -> HistoryReader {
        store.history_source().open().unwrap()
    }

    fn run(&mut self, job: CommitJob) -> CommitJobDone {
        (self.runner)(job)
    }
}

fn run_on_a_thread(job: CommitJob) -> CommitJobDone {
    thread::spawn(|| job.run()).join().unwrap()
}

fn open(folder: &TempDir, limits: Limits) -> SqliteStore {
    SqliteStore::open(DataFolder::open(folder.path()).unwrap(), limits).unwrap().0
}

fn connection(store: &SqliteStore) -> &Connection {
    &store.work.as_ref().unwrap().disk.connection
}

fn settle(store: &mut SqliteStore, calls: impl IntoIterator<Item = Call>) -> Vec<Outcome> {
    for call in calls {
        store.submit(Ticket(0), call);
    }
    let mut completed: Vec<Completion> = Vec::new();
    store.settle(Timestamp(1), &mut completed).unwrap();
    completed.into_iter().filter_map(Completion::into_outcome).collect()
}

fn account(store: &mut SqliteStore, name: &str) -> AccountId {
    let call = Call::Open {
        name: Name::new(name).unwrap(),
        key: Key::None,
        admits: Admits::ALL,
        may_create: 1,
    };
    match settle(store, [call]).pop() {
        Some(Outcome::Opened { account, .. }) => account,
        other => panic!("{other:?}"),
    }
}

fn append(sender: impl Into<Sender>, recipient: &str, words: &str) -> Call {
    let text = Text::from_bytes(words.as_bytes()).unwrap();
    Call::Compose {
        sender: sender.into(),
        recipient: Name::new(recipient).unwrap(),
        text,
        unknown: Unknown::Register,
        may_create: 1,
    }
}

/// Leases and confirms the `count` earliest messages in one group each; returns
/// their texts.
fn read(store: &mut SqliteStore, account: AccountId, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    let mut leases = Vec::new();
    for outcome in settle(store, (0..count).map(|_| Call::Read { account })) {
        if let Outcome::Read { lease, text, .. } = outcome {
            leases.push(lease);
            texts.push(text.as_str().to_owned());
        }
    }
    settle(store, [Call::Confirm { leases }]);
    texts
}

fn rows(folder: &TempDir, table: &str) -> u64 {
    Connection::open(database_file(folder.path()))
        .unwrap()
        .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
        .unwrap()
}

#[test]
fn keeps_the_contract_of_all_stores() {
    contract::check(&mut Place::with_runner(CommitJob::run));
}

#[test]
fn keeps_the_contract_where_jobs_run_on_a_thread() {
    contract::check(&mut Place::with_runner(run_on_a_thread));
}

#[test]
fn keeps_the_contract_while_jobs_change_their_thread() {
    let mut is_threads_turn = true;
    contract::check(&mut Place::with_runner(move |job| {
        is_threads_turn = !is_threads_turn;
        if is_threads_turn { run_on_a_thread(job) } else { job.run() }
    }));
}

#[test]
fn what_was_read_is_swept_out_and_stays_read() {
    const MESSAGES: usize = 20_000;
    let folder = TempDir::new().unwrap();
    let limits = Limits { mailbox_capacity: 100_000, ..Limits::default() };
    let mut store = open(&folder, limits);
    let bob = account(&mut store, "bob");
    for part in (0..MESSAGES).collect::<Vec<_>>().chunks(1_000) {
        settle(&mut store, part.iter().map(|number| append(bob, "bob", &number.to_string())));
    }
    for part in 0..18 {
        let first = part * 1_000;
        let expected: Vec<_> = (first..first + 1_000).map(|number| number.to_string()).collect();
        assert_eq!(read(&mut store, bob, 1_000), expected);
        if part % 5 == 0 {
            drop(store);
            store = open(&folder, limits);
        }
    }
    assert!(rows(&folder, "message") < 12_000, "{} messages are left", rows(&folder, "message"));
    drop(store);
    store = open(&folder, limits);
    assert!(rows(&folder, "removal") < 12_000, "{} removals are left", rows(&folder, "removal"));
    assert_eq!(read(&mut store, bob, 5_000).len(), 2_000);
    assert_eq!(read(&mut store, bob, 1), Vec::<String>::new());
}

/// If the highest number were given out anew after its row is swept out, the
/// removal noted for it would hide the new message.
#[test]
fn a_sequence_number_is_never_given_out_again() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits::default());
    let bob = account(&mut store, "bob");
    settle(&mut store, (0..50).map(|_| append(bob, "bob", "old")));
    assert_eq!(read(&mut store, bob, 50).len(), 50);
    // The disk is short of room: everything read is swept out with the next
    // groups, the row with the highest number too.
    store.sweep.hurry();
    for _ in 0..3 {
        settle(&mut store, [append(bob, "bob", "x")]);
        assert_eq!(read(&mut store, bob, 1), ["x"]);
        store.sweep.hurry();
    }
    settle(&mut store, [LIST_ACCOUNTS]);
    drop(store);
    assert!(rows(&folder, "message") <= 1);
    let mut store = open(&folder, Limits::default());
    settle(&mut store, [append(bob, "bob", "new")]);
    drop(store);
    let mut store = open(&folder, Limits::default());
    assert_eq!(read(&mut store, bob, 5), ["new"]);
}

#[test]
fn below_the_reserve_messages_are_refused_and_reading_goes_on() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits::default());
    let bob = account(&mut store, "bob");
    settle(&mut store, [append(bob, "bob", "one")]);
    drop(store);
    let mut store = open(&folder, Limits { disk_reserve_bytes: u64::MAX, ..Limits::default() });
    let outcomes = settle(&mut store, [append(bob, "bob", "two"), append(bob, "new", "three")]);
    assert!(matches!(outcomes[..], [Outcome::DiskFull, Outcome::DiskFull]), "{outcomes:?}");
    let refused = settle(&mut store, [post("#a", "x")]);
    assert!(matches!(refused[..], [Outcome::NotPosted(PostRefusal::DiskFull)]), "{refused:?}");
    assert_eq!(read(&mut store, bob, 2), ["one"]);
    account(&mut store, "new");
}

#[test]
fn posts_that_a_channel_keeps_no_longer_leave_the_table() {
    const POSTS: usize = 2_000;
    let folder = TempDir::new().unwrap();
    let limits = Limits { channel_posts: 10, ..Limits::default() };
    let mut store = open(&folder, limits);
    for number in 0..POSTS / 20 {
        settle(&mut store, (0..20).map(|part| post(["#a", "#b"][part % 2], "x")));
        if number % 45 == 30 {
            drop(store);
            store = open(&folder, limits);
        }
    }
    assert!(rows(&folder, "post") < 200, "{} posts are left", rows(&folder, "post"));
}

fn post(tag: &str, words: &str) -> Call {
    let channels = vec![Channel::parse(tag).unwrap()];
    let text = Text::from_bytes(words.as_bytes()).unwrap();
    let post = Arc::new(Post { author: Author::Board, channels, text });
    Call::Post { author: None, post, may_create: 10 }
}

#[test]
fn on_a_full_disk_passwords_and_posts_are_refused_and_nothing_else_fails() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits::default());
    let bob = account(&mut store, "bob");
    settle(&mut store, [append(bob, "bob", "one"), post("#a", "one")]);
    let pages: u32 =
        connection(&store).pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    connection(&store).pragma_update(None, "max_page_count", pages).unwrap();
    let password = PasswordHash("x".repeat(100_000).into_boxed_str());
    let set =
        Call::SetPassword { name: Name::new("bob").unwrap(), password, of: PasswordOf::Anyone };
    let outcomes = settle(&mut store, [set, post("#b", &"x".repeat(100_000))]);
    let refused = [Outcome::DiskFull, Outcome::NotPosted(PostRefusal::DiskFull)];
    assert_eq!(format!("{outcomes:?}"), format!("{refused:?}"));
    assert_eq!(account(&mut store, "bob"), bob, "the password was not set");
    assert_eq!(read(&mut store, bob, 2), ["one"]);
    assert_eq!(entries(&mut store, "#a"), ["@board: one"]);
    assert_eq!(entries(&mut store, "#b"), Vec::<String>::new());
}

#[test]
fn the_log_does_not_grow_for_ever() {
    let folder = TempDir::new().unwrap();
    let limits = Limits { mailbox_capacity: 1_000_000, ..Limits::default() };
    let (mut store, checkpointer) =
        SqliteStore::open(DataFolder::open(folder.path()).unwrap(), limits).unwrap();
    let thread = std::thread::spawn(|| checkpointer.run());
    let bob = account(&mut store, "bob");
    let log = || std::fs::metadata(folder.path().join("postroom.db-wal")).unwrap().len();
    // Small groups, and such as a slow disk has.
    for (groups, messages, bytes) in [(400, 200, 1_000), (40, 500, 8_000)] {
        let words = "x".repeat(bytes);
        for number in 0..groups {
            settle(&mut store, (0..messages).map(|_| append(bob, "bob", &words)));
            let log = log();
            assert!(log < 80 << 20, "{log} bytes after {number} groups of {messages} x {bytes}");
        }
    }
    drop(store);
    thread.join().unwrap().unwrap();
}

#[test]
fn a_checkpointer_that_is_stepped_keeps_the_log_short() {
    let folder = TempDir::new().unwrap();
    let (mut store, mut checkpointer) =
        SqliteStore::open(DataFolder::open(folder.path()).unwrap(), Limits::default()).unwrap();
    let bob = account(&mut store, "bob");
    let words = "x".repeat(60_000);
    let mut steps = 0;
    for _ in 0..30 {
        settle(&mut store, (0..20).map(|_| append(bob, "bob", &words)));
        steps += u32::from(checkpointer.step().unwrap());
        assert!(!checkpointer.step().unwrap());
        assert_eq!(read(&mut store, bob, 20).len(), 20);
    }
    let log = std::fs::metadata(folder.path().join("postroom.db-wal")).unwrap().len();
    assert!(steps >= 2 && log < 20 << 20, "{log} bytes after {steps} steps and 36 MB of messages");
}

#[test]
fn the_owner_of_the_folder_may_tell_the_free_space() {
    let folder = TempDir::new().unwrap();
    let free = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&free);
    let data = DataFolder::open(folder.path()).unwrap();
    let data = data.with_free_bytes(move || told.load(Ordering::Relaxed) as u64);
    let mut store = SqliteStore::open(data, Limits::default()).unwrap().0;
    let bob = account(&mut store, "bob");
    let outcomes = settle(&mut store, [append(bob, "bob", "one")]);
    assert!(matches!(outcomes[..], [Outcome::DiskFull]), "{outcomes:?}");
    free.store(1 << 30, Ordering::Relaxed);
    settle(&mut store, [append(bob, "bob", "two")]);
    assert_eq!(read(&mut store, bob, 2), ["two"]);
}

#[test]
fn a_file_of_another_program_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = database_file(folder.path());
    let foreign = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        let error = SqliteStore::open(DataFolder::open(folder.path()).unwrap(), Limits::default())
            .unwrap_err();
        assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), content);
    };
    foreign(&[b'x'; 5_000]);
}

#[test]
fn a_database_of_another_program_is_left_as_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    for statements in ["CREATE TABLE x (y)", "PRAGMA user_version = 7", "PRAGMA application_id = 7"]
    {
        let folder = TempDir::new().unwrap();
        let path = database_file(folder.path());
        Connection::open(&path).unwrap().execute_batch(statements).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = SqliteStore::open(DataFolder::open(folder.path()).unwrap(), Limits::default())
            .unwrap_err();
        assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
        assert!(std::fs::read(&path).unwrap() == before, "{statements}");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        for suffix in ["-wal", "-shm", "-journal"] {
            assert!(!crate::file::beside(&path, suffix).exists(), "{suffix}");
        }
    }
}

#[test]
fn a_database_with_other_tables_or_of_a_newer_version_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = database_file(folder.path());
    let try_open =
        || SqliteStore::open(DataFolder::open(folder.path()).unwrap(), Limits::default());
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    assert!(matches!(try_open().unwrap_err(), OpenError::Foreign { .. }));
    std::fs::remove_file(&path).unwrap();
    drop(try_open().unwrap());
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let error = try_open().unwrap_err();
    assert!(matches!(error, OpenError::Newer { version: 99, .. }), "{error}");
}

#[test]
fn the_account_that_is_unused_for_longest_is_evicted() {
    let folder = TempDir::new().unwrap();
    let limits = Limits { accounts_max: 3, ..Limits::default() };
    let mut store = open(&folder, limits);
    let [one, _, three] = ["one", "two", "three"].map(|name| account(&mut store, name));
    for account in [one, three] {
        store.session_began(account);
    }
    store.session_ended(three);
    store.session_ended(one);
    let names = |store: &mut SqliteStore| match settle(store, [LIST_ACCOUNTS]).pop() {
        Some(Outcome::Accounts { accounts: all, .. }) => {
            all.iter().map(|one| one.name.to_string()).collect()
        }
        other => panic!("{other:?}"),
    };
    let mut kept: Vec<Vec<String>> = Vec::new();
    for new in ["four", "five"] {
        account(&mut store, new);
        kept.push(names(&mut store));
    }
    assert_eq!(kept, [["one", "four", "three"], ["one", "four", "five"]]);
    drop(store);
    let mut findings = 0;
    crate::check(folder.path(), |_| true, |_| findings += 1).unwrap();
    assert_eq!(findings, 0);
    assert_eq!(names(&mut open(&folder, limits)), ["one", "four", "five"]);
}

const LIST_ACCOUNTS: Call = Call::ListAccounts { from: AccountId(0) };

/// Files of released versions, kept as they were, must open for ever.
fn released(version: u32) -> (TempDir, SqliteStore) {
    let folder = fixture(&format!("version-{version}"));
    let store = open(&folder, Limits::default());
    (folder, store)
}

fn fixture(file: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let fixture = format!("{}/fixtures/{file}.db", env!("CARGO_MANIFEST_DIR"));
    std::fs::copy(fixture, database_file(folder.path())).unwrap();
    folder
}

fn entries(store: &mut SqliteStore, tag: &str) -> Vec<String> {
    let channel = Channel::parse(tag).unwrap();
    let timeline = Call::Timeline { channel, from: Position::default(), reader: None };
    match settle(store, [timeline]).pop() {
        Some(Outcome::Timeline(page)) => page
            .entries
            .iter()
            .map(|entry| {
                let text = entry.content.text().map_or("(deleted)", Text::as_str);
                format!("{}: {text}", entry.author)
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn holds_the_mail_of_the_fixtures(store: &mut SqliteStore) {
    let bob = account(store, "Bob");
    assert_eq!(read(store, bob, 9), ["Hi Bob!", "grüße"]);
    let locked = Call::Open {
        name: Name::new("carol").unwrap(),
        key: Key::None,
        admits: Admits::ALL,
        may_create: 1,
    };
    assert!(matches!(settle(store, [locked])[..], [Outcome::Locked { .. }]));
    // One message of alice's was read and its removal noted.
    let alice = account(store, "alice");
    assert_eq!(read(store, alice, 9), ["kept"]);
}
