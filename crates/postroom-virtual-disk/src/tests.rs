//! Databases on a virtual disk.

use std::path::{Path, PathBuf};
use std::{fs, thread};

use rusqlite::{Connection, OpenFlags, ffi};
use tempfile::TempDir;

use crate::{Fault, VirtualDisk};

const ROWS: u32 = 30;

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("some.db")
}

fn open(disk: &VirtualDisk, folder: &TempDir) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags_and_vfs(file(folder), flags, disk.name())?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch("CREATE TABLE IF NOT EXISTS row (number INTEGER PRIMARY KEY, x)")?;
    Ok(connection)
}

fn insert(connection: &Connection, number: u32) -> rusqlite::Result<()> {
    connection.execute("INSERT INTO row VALUES (?1, zeroblob(700))", [number]).map(drop)
}

fn count(connection: &Connection) -> u32 {
    connection.query_row("SELECT count(*) FROM row", [], |row| row.get(0)).unwrap()
}

fn code(result: rusqlite::Result<()>) -> i32 {
    result.unwrap_err().sqlite_error().unwrap().extended_code
}

fn checkpoint(connection: &Connection) {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

/// Commits rows until the power goes off; returns how many are committed, and how many
/// are there afterwards: none in a file that is damaged.
fn run_until_cut(seed: u64, is_lying: bool) -> (u32, u32) {
    let folder = TempDir::new().unwrap();
    let disk = VirtualDisk::new(seed);
    let connection = open(&disk, &folder).unwrap();
    disk.set_lying(is_lying);
    disk.cut_power_in(seed % 100 + 1);
    let mut committed = 0;
    while committed < ROWS && insert(&connection, committed).is_ok() {
        committed += 1;
        if committed % 7 == 0 && !disk.is_off() {
            let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }
    drop(connection);
    disk.set_lying(false);
    disk.cut_power().unwrap();
    let Ok(connection) = open(&disk, &folder) else { return (committed, 0) };
    let check = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0));
    let check: String = check.unwrap_or_default();
    (committed, if check == "ok" { count(&connection) } else { 0 })
}

#[test]
fn no_cut_loses_what_is_committed() {
    for seed in 0..150 {
        let (committed, found) = run_until_cut(seed, false);
        assert!(found == committed || found == committed + 1, "{seed}: {found} of {committed}");
    }
}

#[test]
fn a_disk_that_lies_loses_what_is_committed() {
    let (committed, found): (Vec<_>, Vec<_>) =
        (0..50).map(|seed| run_until_cut(seed, true)).unzip();
    let lost = committed.iter().zip(&found).filter(|(committed, found)| found < committed).count();
    assert!(lost > 10, "{lost} of 50 cuts have lost something");
}

#[test]
fn a_connection_from_before_a_cut_changes_nothing() {
    for seed in 0..20 {
        let folder = TempDir::new().unwrap();
        let disk = VirtualDisk::new(seed);
        let connection = open(&disk, &folder).unwrap();
        insert(&connection, 1).unwrap();
        connection.execute_batch("BEGIN; INSERT INTO row VALUES (2, 2)").unwrap();
        disk.cut_power().unwrap();
        let before = contents(folder.path());
        assert_eq!(before.len(), 2, "the table file and its log");
        insert(&connection, 3).unwrap();
        connection.execute_batch("COMMIT").unwrap_err();
        drop(connection);
        assert!(contents(folder.path()) == before);
        assert_eq!(count(&open(&disk, &folder).unwrap()), 1);
    }
}

#[test]
fn nothing_is_opened_while_the_dead_are_open() {
    let folder = TempDir::new().unwrap();
    let disk = VirtualDisk::new(1);
    let connection = open(&disk, &folder).unwrap();
    disk.cut_power().unwrap();
    assert_eq!(code(open(&disk, &folder).map(drop)), ffi::SQLITE_CANTOPEN);
    drop(connection);
    open(&disk, &folder).unwrap();
}

#[test]
fn a_kill_loses_nothing_and_leaves_the_log() {
    let folder = TempDir::new().unwrap();
    let disk = VirtualDisk::new(1);
    let connection = open(&disk, &folder).unwrap();
    disk.set_lying(true);
    insert(&connection, 1).unwrap();
    disk.kill();
    drop(connection);
    assert!(folder.path().join("some.db-wal").exists());
    assert_eq!(count(&open(&disk, &folder).unwrap()), 1);
}

#[test]
fn operations_fail_when_they_are_to() {
    let folder = TempDir::new().unwrap();
    let disk = VirtualDisk::new(1);
    let connection = open(&disk, &folder).unwrap();
    for (fault, expected) in [
        (Fault::Write, ffi::SQLITE_IOERR_WRITE),
        (Fault::Sync, ffi::SQLITE_IOERR_FSYNC),
        (Fault::Full, ffi::SQLITE_FULL),
    ] {
        disk.fail_next(fault, 1);
        assert_eq!(code(insert(&connection, 1)), expected);
    }
    insert(&connection, 1).unwrap();
    checkpoint(&connection);
    disk.kill();
    drop(connection);
    disk.fail_next(Fault::Read, 1);
    assert_eq!(code(open(&disk, &folder).map(drop)), ffi::SQLITE_IOERR_READ);
    assert_eq!(count(&open(&disk, &folder).unwrap()), 1);
    assert_eq!(disk.counts().faults, 4);
}

#[test]
fn a_full_disk_takes_nothing_until_there_is_room() {
    let folder = TempDir::new().unwrap();
    let disk = VirtualDisk::new(1);
    let connection = open(&disk, &folder).unwrap();
    disk.set_full(true);
    let fails = (0..20).filter(|number| insert(&connection, *number).is_err()).count();
    assert_eq!(fails, 20);
    disk.set_full(false);
    insert(&connection, 1).unwrap();
    assert_eq!(count(&connection), 1);
}

#[test]
fn a_flip_changes_one_bit() {
    let folder = TempDir::new().unwrap();
    let disk = VirtualDisk::new(1);
    let connection = open(&disk, &folder).unwrap();
    disk.flip_bits(1).unwrap_err();
    drop(connection);
    let before = fs::read(file(&folder)).unwrap();
    let flips = disk.flip_bits(1).unwrap();
    let after = fs::read(file(&folder)).unwrap();
    let changed: u32 = before.iter().zip(&after).map(|(a, b)| (a ^ b).count_ones()).sum();
    assert_eq!((changed, flips.len()), (1, 1));
    let offset = usize::try_from(flips[0].offset).unwrap();
    assert_eq!(before[offset] ^ after[offset], 1 << flips[0].bit);
}

/// Also while other disks are used on other threads.
#[test]
fn one_seed_makes_one_course() {
    let course = |seed| {
        let folder = TempDir::new().unwrap();
        let disk = VirtualDisk::new(seed);
        disk.fail_often(Fault::Write, 50);
        disk.fail_often(Fault::Sync, 50);
        let mut failed = Vec::new();
        for round in 0..10 {
            let Ok(connection) = open(&disk, &folder) else { continue };
            for number in 0..10 {
                failed.push(insert(&connection, round * 10 + number).is_err());
            }
            disk.cut_power().unwrap();
        }
        disk.clear_faults();
        let connection = open(&disk, &folder).unwrap();
        let now = "SELECT datetime('now')";
        let now: String = connection.query_row(now, [], |row| row.get(0)).unwrap();
        checkpoint(&connection);
        (disk.counts(), failed, now, fs::read(file(&folder)).unwrap())
    };
    let threads: Vec<_> = (0..4).map(|index| thread::spawn(move || course(index % 2))).collect();
    let courses: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(courses[0] == courses[2] && courses[1] == courses[3]);
    assert!(courses[0] != courses[1]);
    assert!(courses[0].0.loss.lost > 0 && courses[0].0.faults > 0);
}

/// The connection goes on, as SQLite would with a VFS that is not registered any more.
#[test]
fn a_disk_may_be_dropped_before_its_connections() {
    let folder = TempDir::new().unwrap();
    let disk = VirtualDisk::new(1);
    let connection = open(&disk, &folder).unwrap();
    drop(disk);
    insert(&connection, 1).unwrap();
    drop(connection);
    assert!(file(&folder).exists());
}
