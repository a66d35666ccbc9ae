//! Backups: what is in them, what they cost others, and how they end.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use postroom_store::{Backup, BackupGuard, BanSubject, NotBackedUp};

use super::*;
use crate::Checkpointer;

/// More parts than any backup here takes.
const PARTS_MAX: usize = 100_000;
const RESERVE_BYTES: u64 = 1 << 20;

/// A store in a folder, with its checkpointer, and with as much free disk as a test says.
struct Busy {
    folder: TempDir,
    store: SqliteStore,
    checkpointer: Checkpointer,
    free: Arc<AtomicU64>,
    bob: AccountId,
    sent: Vec<String>,
}

impl Busy {
    /// One with messages of 4,000 bytes for Bob.
    fn with(messages: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let free = Arc::new(AtomicU64::new(u64::MAX));
        let asked = Arc::clone(&free);
        let place = DataFolder::open(folder.path())
            .unwrap()
            .with_free_bytes(move || asked.load(Ordering::Relaxed));
        let limits = Limits {
            mailbox_capacity: 1_000_000,
            disk_reserve_bytes: RESERVE_BYTES,
            ..Limits::default()
        };
        let (mut store, checkpointer) = SqliteStore::open(place, limits).unwrap();
        let bob = account(&mut store, "bob");
        let mut busy = Self { folder, store, checkpointer, free, bob, sent: Vec::new() };
        busy.send(messages);
        busy
    }

    fn texts(&mut self, messages: usize) -> Vec<Call> {
        let bob = self.bob;
        let calls = (0..messages).map(|_| {
            let text = format!("{} {}", self.sent.len(), "x".repeat(4_000));
            self.sent.push(text.clone());
            append(bob, "bob", &text)
        });
        calls.collect()
    }

    fn send(&mut self, messages: usize) {
        let calls = self.texts(messages);
        settle(&mut self.store, calls);
        while self.checkpointer.step().unwrap() {}
    }

    fn begin(&mut self) -> BackupGuard {
        let (guard, token) = BackupGuard::new();
        self.store.begin_backup(token).unwrap();
        guard
    }

    /// Copies a part, together with so many messages.
    fn part(&mut self, messages: usize) {
        for call in self.texts(messages) {
            self.store.submit(Ticket(0), call);
        }
        self.store.continue_backup();
        let job = self.store.next_job(Timestamp(1)).expect("there is a part to copy");
        self.store.finish(job.run()).unwrap();
        self.store.take_completions(&mut Vec::new());
        while self.checkpointer.step().unwrap() {}
    }

    /// Copies the rest while others send so many messages with each part. Returns what
    /// the backup came to, and how many parts it took.
    fn finish(&mut self, messages: usize) -> (Result<Backup, NotBackedUp>, usize) {
        for parts in 1..PARTS_MAX {
            self.part(messages);
            if let Some(ended) = self.store.take_backup() {
                return (ended, parts);
            }
        }
        panic!("the backup does not end");
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Puts a backup where a store belongs, and returns the folder.
fn restored(backup: Backup) -> TempDir {
    let folder = TempDir::new().unwrap();
    let Backup { bytes, mut content } = backup;
    let mut copy = Vec::new();
    content.read_to_end(&mut copy).unwrap();
    assert_eq!(copy.len() as u64, bytes);
    fs::write(database_file(folder.path()), copy).unwrap();
    folder
}

/// The messages of Bob in a folder, which is sound.
fn messages(folder: &Path) -> Vec<String> {
    let mut findings = Vec::new();
    crate::check(folder, |_| true, |finding| findings.push(finding.to_string())).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    let limits = Limits { mailbox_capacity: 1_000_000, ..Limits::default() };
    let (mut store, _) = SqliteStore::open(DataFolder::open(folder).unwrap(), limits).unwrap();
    let bob = account(&mut store, "bob");
    let mut texts = Vec::new();
    loop {
        let outcomes = settle(&mut store, (0..100).map(|_| Call::Read { account: bob }));
        let read = outcomes.into_iter().filter_map(|outcome| match outcome {
            Outcome::Read { text, .. } => Some(text.as_str().to_owned()),
            _ => None,
        });
        let before = texts.len();
        texts.extend(read);
        if texts.len() == before {
            return texts;
        }
    }
}

#[test]
fn a_backup_ends_under_load_and_has_all_that_was_committed() {
    let mut busy = Busy::with(2_000);
    let _guard = busy.begin();
    let before = busy.sent.len();
    // Each part comes with more pages than are copied at a time.
    let (ended, parts) = busy.finish(60);
    assert!(parts > 3, "{parts}");
    let texts = messages(restored(ended.unwrap()).path());
    assert!(texts.len() > before, "it has what came meanwhile, too");
    assert_eq!(texts, busy.sent[..texts.len()]);
    assert_eq!(busy.sent.len() - texts.len(), 60, "all but what came with its end");
    lost_nothing(busy);
}

/// The store itself still has all messages.
fn lost_nothing(busy: Busy) {
    let Busy { folder, store, sent, checkpointer, .. } = busy;
    drop((store, checkpointer));
    assert_eq!(messages(folder.path()), sent);
}

/// All rows of a store, as SQLite prints them.
fn dump(folder: &Path) -> Vec<String> {
    let connection = Connection::open(database_file(folder)).unwrap();
    let tables =
        ["account", "message", "removal", "counter", "channel", "post", "block", "ban", "once"];
    let rows = tables.iter().flat_map(|table| {
        let mut select = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = select.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let values = (0..columns).map(|column| row.get::<_, rusqlite::types::Value>(column));
            values.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = select.query_map([], row).unwrap();
        rows.map(|row| format!("{table} {:?}", row.unwrap())).collect::<Vec<_>>()
    });
    rows.collect()
}

#[test]
fn what_is_changed_behind_the_copy_is_in_it() {
    let mut busy = Busy::with(2_000);
    let _guard = busy.begin();
    for _ in 0..4 {
        busy.part(0);
    }
    assert!(busy.store.take_backup().is_none());
    // Accounts are in the first pages, which are copied.
    let name = |word| Name::new(word).unwrap();
    let (password, of) = (PasswordHash("$argon2id$x".into()), PasswordOf::Known);
    let bob = busy.bob;
    settle(
        &mut busy.store,
        [
            Call::SetPassword { name: name("bob"), password, of },
            Call::Rename { from: name("bob"), to: name("rob") },
            Call::Block { account: AccountRef::Id(bob), sender: name("eve"), is_blocked: true },
            Call::Ban { subject: BanSubject::Name(name("mallory")), lasts: None },
        ],
    );
    assert_eq!(read(&mut busy.store, bob, 50).len(), 50);
    let (ended, _) = busy.finish(0);
    let folder = restored(ended.unwrap());
    let copy = dump(folder.path());
    for changed in ["account [Integer(0), Text(\"rob\")", "block", "ban"] {
        assert!(copy.iter().any(|row| row.starts_with(changed)), "{changed}");
    }
    assert!(copy.len() > 2_050, "{}", copy.len());
    assert!(copy == dump(busy.folder.path()), "the copy is not as the store");
}

#[test]
fn a_commit_that_fails_makes_the_copy_begin_again() {
    let mut busy = Busy::with(2_000);
    let _guard = busy.begin();
    for _ in 0..4 {
        busy.part(0);
    }
    let limit = |store: &SqliteStore, pages: u32| {
        connection(store).pragma_update(None, "max_page_count", pages).unwrap();
    };
    let pages =
        connection(&busy.store).pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    limit(&busy.store, pages);
    let calls = busy.texts(200);
    let outcomes = settle(&mut busy.store, calls);
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Outcome::DiskFull)));
    busy.sent.truncate(2_000);
    limit(&busy.store, 1_000_000);
    let (ended, _) = busy.finish(0);
    assert_eq!(messages(restored(ended.unwrap()).path()), busy.sent);
}

#[test]
fn the_log_begins_anew_while_a_backup_is_made() {
    const LOG_BYTES_MAX: u64 = 17 << 20;
    let mut busy = Busy::with(2_000);
    let log = busy.folder.path().join("postroom.db-wal");
    let (mut longest, mut ended) = (0, 0);
    let mut guard = busy.begin();
    // 80 MB of messages, each group longer than a part.
    for _ in 0..100 {
        busy.part(200);
        longest = longest.max(fs::metadata(&log).unwrap().len());
        if busy.store.take_backup().is_some() {
            ended += 1;
            drop(guard);
            guard = busy.begin();
        }
    }
    assert!(longest < LOG_BYTES_MAX && ended < 50, "{longest} bytes, {ended} backups");
}

#[test]
fn there_is_one_backup_until_nobody_has_it() {
    let mut busy = Busy::with(10);
    let guard = busy.begin();
    let again = |busy: &mut Busy| busy.store.begin_backup(BackupGuard::new().1);
    assert_eq!(again(&mut busy), Err(NotBackedUp::UnderWay));
    let (ended, _) = busy.finish(0);
    let backup = ended.unwrap();
    assert_eq!(again(&mut busy), Err(NotBackedUp::UnderWay), "it is being read");
    drop((guard, backup));
    let _guard = busy.begin();
    busy.finish(0).0.unwrap();
}

#[test]
fn a_backup_that_nobody_wants_any_more_ends_and_leaves_nothing() {
    let mut busy = Busy::with(2_000);
    let files = busy.files();
    let guard = busy.begin();
    busy.part(0);
    busy.part(0);
    assert_eq!(busy.files(), files, "the copy has no name");
    drop(guard);
    busy.part(1);
    assert!(matches!(busy.store.take_backup(), Some(Err(NotBackedUp::Canceled))));
    let _guard = busy.begin();
    busy.finish(0).0.unwrap();
    lost_nothing(busy);
}

#[test]
fn a_backup_takes_no_room_that_others_need() {
    const MARGIN: u64 = 16 << 20;
    let mut busy = Busy::with(2_000);
    let bytes = fs::metadata(database_file(busy.folder.path())).unwrap().len();
    busy.free.store(bytes + RESERVE_BYTES + MARGIN - 1, Ordering::Relaxed);
    let guard = busy.begin();
    assert_eq!(busy.finish(0).0.unwrap_err(), NotBackedUp::DiskFull, "before it begins");
    drop(guard);
    busy.free.store(u64::MAX, Ordering::Relaxed);
    let _guard = busy.begin();
    busy.part(0);
    busy.part(0);
    // There is room for messages.
    busy.free.store(RESERVE_BYTES + MARGIN - 1, Ordering::Relaxed);
    assert_eq!(busy.finish(1).0.unwrap_err(), NotBackedUp::DiskFull, "in the midst of it");
    assert_eq!(rows(&busy.folder, "message"), busy.sent.len() as u64);
}

#[test]
fn the_copy_is_written_by_the_thread_of_the_checkpointer() {
    let Busy { mut store, checkpointer, folder, .. } = Busy::with(3_000);
    let thread = thread::spawn(move || checkpointer.run());
    let (_guard, token) = BackupGuard::new();
    store.begin_backup(token).unwrap();
    let begun = Instant::now();
    let backup = loop {
        assert!(begun.elapsed() < Duration::from_mins(1), "the backup does not end");
        store.continue_backup();
        let job = store.next_job(Timestamp(1)).expect("there is a part to copy");
        store.finish(job.run()).unwrap();
        if let Some(ended) = store.take_backup() {
            break ended.unwrap();
        }
    };
    drop(store);
    thread.join().unwrap().unwrap();
    assert_eq!(messages(restored(backup).path()), messages(folder.path()));
}

#[test]
fn what_a_killed_process_left_is_removed() {
    let folder = TempDir::new().unwrap();
    let left = folder.path().join("backup.tmp");
    fs::write(&left, "left").unwrap();
    let store = open(&folder, Limits::default());
    assert!(!left.exists());
    drop(store);
}
