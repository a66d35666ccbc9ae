//! The store on a disk that loses power, fails, is full, and lies.
//!
//! Every course runs twice: with its jobs here, and on a thread. `POSTROOM_POWER_SEEDS`
//! says how many courses there are of each kind; a long run has 1,000:
//!
//! ```sh
//! POSTROOM_POWER_SEEDS=1000 cargo test -p postroom-store-sqlite power:: -- --nocapture
//! ```

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::AtomicU64;

use fastrand::Rng;
use postroom_store::{Lease, StoreFailure};
use postroom_virtual_disk::{Fault, VirtualDisk};

use super::*;
use crate::Checkpointer;
use crate::job::Setback;

mod toll;

use toll::Toll;

const NAMES: [&str; 2] = ["bob", "ann"];

/// A folder in memory, where the system has any: nothing here is to be synced in truth.
pub(super) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory).unwrap() } else { TempDir::new().unwrap() }
}

/// A place on a disk that loses its power whenever no store is open.
struct Powerless(TempDir, VirtualDisk);

impl Powerless {
    fn new() -> Self {
        static SEEDS: AtomicU64 = AtomicU64::new(0);
        Self(folder(), VirtualDisk::new(SEEDS.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Fixture for Powerless {
    type Store = SqliteStore;
    type History = HistoryReader;

    fn clear(&mut self) {
        *self = Self::new();
    }

    fn open(&mut self, limits: Limits) -> SqliteStore {
        self.1.cut_power().unwrap();
        let data = DataFolder::open(self.0.path()).unwrap().on_vfs(self.1.name());
        SqliteStore::open(data, limits).unwrap().0
    }

    fn history(&mut self, store: &SqliteStore) -> HistoryReader {
        store.history_source().open().unwrap()
    }
}

#[test]
fn keeps_the_contract_though_the_power_is_cut_between_stores() {
    contract::check(&mut Powerless::new());
}

/// Whenever the power goes off: a new store has no log yet, but a rollback journal.
#[test]
fn a_cut_while_the_store_is_made_leaves_a_folder_in_which_one_can_be_made() {
    for seed in 0..8 {
        let is_cut = |changes: &u64| is_made_after_a_cut(seed, *changes);
        let cuts = (1..1_000).take_while(is_cut).count();
        assert!((21..900).contains(&cuts), "{cuts}");
    }
}

/// Makes a store, and cuts the power at one of its changes, if it has so many; then a store
/// is to open.
fn is_made_after_a_cut(seed: u64, changes: u64) -> bool {
    let (folder, disk) = (folder(), VirtualDisk::new(seed));
    let open = || {
        let data = DataFolder::open(folder.path()).unwrap().on_vfs(disk.name());
        SqliteStore::open(data.with_free_bytes(|| 0), Limits::default())
    };
    disk.cut_power_in(changes);
    // It may open, and be cut when it is closed.
    drop(open());
    let is_cut = disk.is_off();
    disk.cut_power().unwrap();
    open().unwrap_or_else(|error| panic!("seed {seed}, {changes} changes: {error}"));
    is_cut
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Trouble {
    Cuts,
    Errors,
    FullDisk,
    /// Cuts, and the disk says that it has synced when it has not.
    Lies,
}

/// What is known of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Known {
    Stored,
    /// It was being stored or removed when the store ended.
    Unsure,
}

/// What a call is about.
enum Asked {
    Compose(u32),
    Read,
    Confirm(Vec<u32>),
}

/// Where jobs run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum CommitPath {
    Inline,
    /// On a thread of their own; calls are submitted meanwhile.
    Thread,
}

/// A disk, what stores on it are asked, and what they must have.
struct Course {
    folder: TempDir,
    disk: VirtualDisk,
    free_bytes: Arc<AtomicU64>,
    random: Rng,
    trouble: Trouble,
    path: CommitPath,
    /// Whether its log becomes so long that it is to be checkpointed.
    is_large: bool,
    /// By their numbers, which are their texts and their order.
    messages: BTreeMap<u32, Known>,
    next: u32,
    /// How many calls of this turn are still to come, while jobs run.
    later: usize,
    /// Calls that are not completed.
    asked: HashMap<u64, Asked>,
    ticket: u64,
    leases: Vec<(Lease, u32)>,
    /// Messages that the store has acknowledged as stored, and as removed.
    acknowledged: u64,
    removed: u64,
}

impl Course {
    fn new(seed: u64, trouble: Trouble, path: CommitPath) -> Self {
        let mut random = Rng::with_seed(seed);
        Self {
            folder: folder(),
            disk: VirtualDisk::new(seed),
            free_bytes: Arc::new(AtomicU64::new(u64::MAX)),
            trouble,
            path,
            is_large: random.u8(..10) == 0,
            random,
            messages: BTreeMap::new(),
            next: 0,
            later: 0,
            asked: HashMap::new(),
            ticket: 0,
            leases: Vec::new(),
            acknowledged: 0,
            removed: 0,
        }
    }

    /// Runs one store after the other; says what is lost, if anything is.
    fn run(&mut self) -> Result<(), String> {
        let rounds = 4;
        for round in 0..rounds {
            self.open_in_trouble();
            let (mut store, mut checkpointer) =
                self.open().map_err(|error| format!("round {round}: {error}"))?;
            let accounts = NAMES.map(|name| account(&mut store, name));
            self.judge(&mut store, accounts).map_err(|lost| format!("round {round}: {lost}"))?;
            if round + 1 < rounds {
                let worked = self.work(&mut store, &mut checkpointer, accounts);
                if self.trouble == Trouble::FullDisk {
                    worked.map_err(|failure| format!("a full disk ends the store: {failure}"))?;
                }
            }
            self.end(store, checkpointer);
        }
        Ok(())
    }

    fn open(&mut self) -> Result<(SqliteStore, Checkpointer), OpenError> {
        // Most stores have no room to give their log its usual length, which takes time.
        let free = if self.random.u8(..8) == 0 { u64::MAX } else { 1 << 20 };
        self.free_bytes.store(free, Ordering::Relaxed);
        let told = Arc::clone(&self.free_bytes);
        let data = DataFolder::open(self.folder.path()).unwrap().on_vfs(self.disk.name());
        let data = data.with_free_bytes(move || told.load(Ordering::Relaxed));
        let limits =
            Limits { disk_reserve_bytes: 0, mailbox_capacity: 10_000, ..Limits::default() };
        let opened = SqliteStore::open(data, limits);
        self.free_bytes.store(u64::MAX, Ordering::Relaxed);
        opened
    }

    /// A store to which something happens while it is opened.
    fn open_in_trouble(&mut self) {
        if self.random.bool() {
            return;
        }
        self.begin_trouble(30);
        // Where it opens nevertheless, it ends without having done anything.
        drop(self.open());
        self.end_trouble();
    }

    fn begin_trouble(&mut self, operations: u64) {
        let Self { disk, random, .. } = self;
        let due = random.u64(1..operations);
        match self.trouble {
            Trouble::Lies | Trouble::Cuts => disk.cut_power_in(due),
            Trouble::Errors if random.bool() => disk.fail_next(Fault::Write, due),
            // There are fewer syncs and reads than writes.
            Trouble::Errors if random.u8(..3) > 0 => disk.fail_next(Fault::Sync, due / 6 + 1),
            Trouble::Errors => disk.fail_next(Fault::Read, due / 6 + 1),
            Trouble::FullDisk if random.bool() => disk.fail_next(Fault::Full, due),
            Trouble::FullDisk => disk.fail_often(Fault::Full, 20),
        }
        self.disk.set_lying(self.trouble == Trouble::Lies);
    }

    /// To be called when no store is open, or all are to die.
    fn end_trouble(&mut self) {
        if self.disk.is_off() || self.random.bool() {
            self.disk.cut_power().unwrap();
        } else {
            self.disk.kill();
        }
        self.disk.clear_faults();
        self.disk.set_full(false);
        self.disk.set_lying(false);
    }

    /// Everything that is known to be stored can be read, in its order, and nothing that
    /// was removed.
    fn judge(&mut self, store: &mut SqliteStore, accounts: [AccountId; 2]) -> Result<(), String> {
        let mut found = BTreeMap::new();
        for (parity, account) in (0..).zip(accounts) {
            let mut last = None;
            while let Some(Outcome::Read { lease, text, .. }) =
                settle(store, [Call::Read { account }]).pop()
            {
                let number = number(text.as_str());
                let is_next = last < Some(number) && number % 2 == parity;
                if !is_next || !self.messages.contains_key(&number) {
                    return Err(format!("{number} is there, behind {last:?}"));
                }
                last = Some(number);
                found.insert(number, Known::Stored);
                self.leases.push((lease, number));
            }
        }
        let is_lost = |(number, known): &(&u32, &Known)| {
            **known == Known::Stored && !found.contains_key(number)
        };
        if let Some((number, _)) = self.messages.iter().find(is_lost) {
            return Err(format!("{number} is lost"));
        }
        self.messages = found;
        Ok(())
    }

    /// Commits groups until the store fails.
    fn work(
        &mut self,
        store: &mut SqliteStore,
        checkpointer: &mut Checkpointer,
        accounts: [AccountId; 2],
    ) -> Result<(), StoreFailure> {
        self.begin_trouble(if self.is_large { 8_000 } else { 100 });
        let calls = if self.is_large { 10..30 } else { 1..6 };
        for _ in 0..20 {
            if self.trouble == Trouble::FullDisk {
                self.disk.set_full(self.random.u8(..3) == 0);
            }
            let calls = self.random.usize(calls.clone());
            self.later = if self.path == CommitPath::Thread { calls / 2 } else { 0 };
            self.ask(store, accounts, calls - self.later);
            while let Some(job) = store.next_job(Timestamp(1)) {
                let done = self.run_job(job, store, accounts);
                if matches!(done.result, Err(Setback::Failed(_))) && self.random.bool() {
                    // Before SQLite closes the file, which tidies it up.
                    self.disk.kill();
                }
                store.finish(done)?;
                self.complete(store);
            }
            checkpointer.step()?;
        }
        Ok(())
    }

    fn run_job(
        &mut self,
        job: CommitJob,
        store: &mut SqliteStore,
        accounts: [AccountId; 2],
    ) -> CommitJobDone {
        if self.path == CommitPath::Inline {
            return job.run();
        }
        let thread = thread::spawn(|| job.run());
        let calls = self.random.usize(..=self.later);
        self.later -= calls;
        self.ask(store, accounts, calls);
        thread.join().unwrap()
    }

    fn ask(&mut self, store: &mut SqliteStore, accounts: [AccountId; 2], calls: usize) {
        for _ in 0..calls {
            let (asked, call) = self.call(accounts);
            self.ticket += 1;
            self.asked.insert(self.ticket, asked);
            store.submit(Ticket(self.ticket), call);
        }
    }

    fn call(&mut self, accounts: [AccountId; 2]) -> (Asked, Call) {
        let reader = accounts[self.random.usize(..2)];
        match self.random.u8(..10) {
            0..6 => {
                let number = self.next;
                self.next += 1;
                self.messages.insert(number, Known::Unsure);
                let bytes = if self.is_large { 60_000 } else { self.random.usize(1..3_000) };
                let words = format!("{number} {}", "x".repeat(bytes));
                (Asked::Compose(number), append(reader, NAMES[number as usize % 2], &words))
            }
            6..8 => (Asked::Read, Call::Read { account: reader }),
            _ => {
                let (leases, numbers): (Vec<_>, Vec<_>) = self.leases.drain(..).unzip();
                for number in &numbers {
                    self.messages.insert(*number, Known::Unsure);
                }
                (Asked::Confirm(numbers), Call::Confirm { leases })
            }
        }
    }

    fn complete(&mut self, store: &mut SqliteStore) {
        let mut completed = Vec::new();
        store.take_completions(&mut completed);
        for completion in completed {
            let asked = self.asked.remove(&completion.ticket.0).unwrap();
            match (asked, completion.into_outcome().unwrap()) {
                (Asked::Compose(number), Outcome::Composed { .. }) => {
                    self.acknowledged += 1;
                    self.messages.insert(number, Known::Stored);
                }
                (Asked::Compose(number), Outcome::DiskFull) => {
                    self.messages.remove(&number);
                }
                (Asked::Read, Outcome::Read { lease, text, .. }) => {
                    self.leases.push((lease, number(text.as_str())));
                }
                (Asked::Read, Outcome::NothingUnread) => {}
                (Asked::Confirm(numbers), Outcome::Confirmed) => {
                    self.removed += numbers.len() as u64;
                    self.messages.retain(|number, _| !numbers.contains(number));
                }
                (Asked::Confirm(numbers), Outcome::Returned { .. }) => {
                    self.messages.extend(numbers.iter().map(|number| (*number, Known::Stored)));
                }
                (_, outcome) => panic!("{outcome:?}"),
            }
        }
    }

    /// The store ends without knowing it.
    fn end(&mut self, store: SqliteStore, checkpointer: Checkpointer) {
        self.end_trouble();
        drop((store, checkpointer));
        self.asked.clear();
        self.leases.clear();
    }
}

fn number(text: &str) -> u32 {
    text.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_is_cut() {
    toll::loses_nothing(Trouble::Cuts, 30);
}

#[test]
fn nothing_acknowledged_is_lost_when_operations_fail() {
    toll::loses_nothing(Trouble::Errors, 30);
}

#[test]
fn a_full_disk_is_survived_and_loses_nothing() {
    toll::loses_nothing(Trouble::FullDisk, 20);
}

/// So the tests above would find a forgotten sync.
#[test]
fn a_disk_that_lies_about_a_sync_loses_messages() {
    for path in [CommitPath::Inline, CommitPath::Thread] {
        let toll = Toll::of(Trouble::Lies, path, 15);
        assert!(toll.lost.len() > 7, "{path:?}: {toll}");
    }
}

/// After a failed sync the operating system may hold the end of the log in memory alone,
/// and call it written.
#[test]
fn what_a_failed_sync_left_in_the_log_is_not_built_upon() {
    for seed in 0..10 {
        let (folder, disk) = (folder(), VirtualDisk::new(seed));
        let open = || {
            let data = DataFolder::open(folder.path()).unwrap().on_vfs(disk.name());
            SqliteStore::open(data.with_free_bytes(|| 1 << 30), Limits::default()).unwrap().0
        };
        let mut store = open();
        let bob = account(&mut store, "bob");
        disk.fail_next(Fault::Sync, 1);
        store.submit(Ticket(1), append(bob, "bob", "one"));
        let done = store.next_job(Timestamp(1)).unwrap().run();
        // Before SQLite closes the file, with a checkpoint without that end.
        disk.kill();
        store.finish(done).unwrap_err();
        drop(store);
        store = open();
        settle(&mut store, [append(bob, "bob", "two")]);
        disk.cut_power().unwrap();
        drop(store);
        let found = read(&mut open(), bob, 3);
        assert_eq!(found.last().map(String::as_str), Some("two"), "seed {seed}: {found:?}");
    }
}
