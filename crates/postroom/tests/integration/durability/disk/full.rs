//! A full disk: writing stops with a clear refusal, reading and logging in go
//! on, and writing resumes when there is room.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsRawFd;

use crate::harness::fallible::FallibleConnection;
use crate::harness::small_disk::SmallDisk;
use crate::harness::support::{COMMIT_PATHS, Client, Server};

/// The default of `disk.reserve_bytes`.
const RESERVE_BYTES: u64 = 16 << 20;
/// What its log brings into the table file at one time, and more.
const LOG_BYTES: u64 = 16 << 20;
const TEXT_BYTES: usize = 8_000;
const BOX_MESSAGES: usize = 60;
/// Sent at once.
const BATCH: usize = 20;
const REFUSED: &str = "MESSAGE FAILED";
const REASON: &str = "MESSAGE FAILED. The server's disk is full.";

/// The acknowledged and unread texts of each mailbox, in order.
#[derive(Default)]
struct Sent {
    boxes: BTreeMap<String, Vec<String>>,
    /// The number of the next text.
    next: usize,
}

impl Sent {
    /// Sends to one mailbox after the other until something is refused.
    fn fill(&mut self, server: &Server) {
        let mut writer = server.log_in("writer");
        while self.batch(&mut writer) {}
    }

    /// Sends this many batches, all of which are stored.
    fn begin(&mut self, server: &Server, batches: usize) {
        let mut writer = server.log_in("writer");
        for _ in 0..batches {
            assert!(self.batch(&mut writer));
        }
    }

    /// Whether all of a batch were stored.
    fn batch(&mut self, writer: &mut Client) -> bool {
        let first = self.next;
        self.next += BATCH;
        let name = format!("box{}", first / BOX_MESSAGES);
        let texts: Vec<_> = (first..first + BATCH).map(text).collect();
        let commands: Vec<_> =
            texts.iter().map(|text| format!("COMPOSE {name}\n{text}\n")).collect();
        writer.send(&commands.concat());
        let mut all = true;
        for text in texts {
            match writer.line().as_str() {
                "MESSAGE SENT" => self.boxes.entry(name.clone()).or_default().push(text),
                answer => {
                    assert_eq!(answer, REFUSED);
                    all = false;
                }
            }
        }
        all
    }

    fn count(&self) -> usize {
        self.boxes.values().map(Vec::len).sum()
    }

    /// Each mailbox holds all that was acknowledged and not taken since.
    fn check_counts(&self, server: &Server) {
        for (name, texts) in &self.boxes {
            assert_eq!(server.connect("mailbox").ask(&format!("LOGIN {name}")), count(texts));
        }
    }

    /// Reads everything, and finds what was acknowledged, in order.
    fn check_all(self, server: &Server) {
        for (name, texts) in self.boxes {
            let mut reader = server.log_in(&name);
            for text in texts {
                assert_eq!(reader.read(), Some(("writer".to_owned(), text)));
            }
            assert_eq!(reader.read(), None);
        }
    }
}

fn count(texts: &[String]) -> String {
    texts.len().to_string()
}

/// A text that begins with its number.
fn text(number: usize) -> String {
    let mut text = format!("<{number}>");
    text.extend(std::iter::repeat_n('x', TEXT_BYTES - text.len()));
    text
}

/// Checks that each listener refuses messages in its own words, and that known and
/// new accounts may still log in.
fn check_refuses(server: &Server, newcomer: &str) {
    let mut verbose = server.connect("mailbox-verbose");
    let welcome = verbose.ask(&format!("LOGIN {newcomer}"));
    assert_eq!(welcome, format!("Login successful with new username. Welcome {newcomer}"));
    assert_eq!(verbose.ask(&format!("COMPOSE {newcomer} writer hello")), REASON);
    assert_eq!(verbose.ask(&format!("COMPOSE {newcomer} nobody hello")), REASON);
    let mut strict = server.log_in(newcomer);
    assert_eq!(strict.compose("writer", "hello"), REFUSED);
    assert_eq!(strict.compose(newcomer, ""), REFUSED);
}

/// Reads this many messages and proves receipt of all but the last.
fn read_and_break_off(server: &Server, sent: &mut Sent, name: &str, messages: usize) {
    let mut reader = server.log_in(name);
    let texts = sent.boxes.get_mut(name).unwrap();
    for text in &texts[..messages] {
        assert_eq!(reader.read(), Some(("writer".to_owned(), text.clone())));
    }
    texts.drain(..messages - 1);
    reader.reset();
}

#[test]
fn on_a_full_disk_reading_goes_on_and_makes_room_for_writing() {
    COMMIT_PATHS.into_iter().for_each(fill_and_read);
}

#[expect(clippy::print_stdout, reason = "a test says how much it did")]
fn fill_and_read(path: &str) {
    let disk = SmallDisk::mount();
    let mut server = disk.serve(&[path]);
    let mut sent = Sent::default();
    sent.fill(&server);
    assert!(sent.count() > 1_000, "full after {} messages", sent.count());
    assert!(disk.free_bytes() < RESERVE_BYTES + LOG_BYTES);
    // So that a few removals do not make enough room already.
    disk.fill_up_to(RESERVE_BYTES - (1 << 20));
    check_refuses(&server, "first");
    sent.check_counts(&server);
    read_and_break_off(&server, &mut sent, "box0", 11);

    // What was removed is removed, and everything else there, after a restart in
    // the same need.
    server.kill();
    server.restart();
    // The start has moved the log into the table file and may have gained room.
    disk.fill_up_to(RESERVE_BYTES - (1 << 20));
    check_refuses(&server, "second");
    sent.check_counts(&server);

    let mut reads = 0;
    let mut writer = server.log_in("writer");
    let names: Vec<_> = sent.boxes.keys().cloned().collect();
    for name in names {
        let messages = sent.boxes[&name].len();
        read_and_break_off(&server, &mut sent, &name, messages);
        reads += messages;
        if writer.compose("late", "there is room") == "MESSAGE SENT" {
            break;
        }
    }
    println!("writing resumed after {reads} of {} messages were read", sent.count() + reads);
    assert_eq!(server.log_in("late").read().unwrap().1, "there is room");
    // Full once more, now of what the table file has to spare: all can be read.
    sent.fill(&server);
    sent.check_all(&server);
}

#[test]
fn writing_resumes_when_another_program_gives_room_back() {
    let disk = SmallDisk::mount();
    let server = disk.serve(&[]);
    let mut sent = Sent::default();
    sent.begin(&server, 10);
    disk.fill_up_to(RESERVE_BYTES / 2);
    check_refuses(&server, "first");
    read_and_break_off(&server, &mut sent, "box0", 11);
    sent.check_counts(&server);
    disk.clear();
    let mut writer = server.log_in("writer");
    assert_eq!(writer.compose("late", "there is room"), "MESSAGE SENT");
    assert_eq!(server.log_in("late").read().unwrap().1, "there is room");
    sent.check_all(&server);
}

/// Registers names until there is no room for one more; returns them.
fn register_until_refused(server: &Server) -> Vec<String> {
    const NAMES_MAX: usize = 50_000;
    let names = (0..NAMES_MAX).map(|number| format!("name{number}")).map_while(|name| {
        let mut connection = FallibleConnection::connect(server.address("mailbox")).unwrap();
        connection.send(&format!("LOGIN {name}\n")).unwrap();
        let answer = connection.line().ok()?;
        assert_eq!(answer, "0");
        Some(name)
    });
    let names: Vec<_> = names.collect();
    assert!(names.len() < NAMES_MAX, "the disk was never full");
    names
}

/// A removal that cannot be stored: the next answer does not come, and the
/// message waits again.
fn check_keeps_what_it_cannot_remove(server: &Server, sent: &Sent) {
    for (name, texts) in &sent.boxes {
        for _ in 0..2 {
            let mut connection = FallibleConnection::connect(server.address("mailbox")).unwrap();
            connection.send(&format!("LOGIN {name}\n")).unwrap();
            assert_eq!(connection.line().unwrap(), count(texts));
            connection.send("READ\n").unwrap();
            assert_eq!(connection.line().unwrap(), "writer");
            assert_eq!(connection.line().unwrap(), texts[0]);
            connection.send("READ\n").unwrap();
            connection.line().expect_err("an answer although the removal is not on disk");
        }
    }
}

#[test]
fn a_disk_without_a_free_byte_costs_neither_the_server_nor_anything_acknowledged() {
    COMMIT_PATHS.into_iter().for_each(run_without_a_free_byte);
}

#[expect(clippy::print_stdout, reason = "a test says how much it did")]
fn run_without_a_free_byte(path: &str) {
    let disk = SmallDisk::mount();
    let mut server = disk.serve(&[path]);
    let mut sent = Sent::default();
    sent.begin(&server, 10);
    disk.fill_up_to(0);
    let mut writer = server.log_in("writer");
    assert_eq!(writer.compose("box0", "hello"), REFUSED);
    // The log has some room of its own, and so removals go on for a while.
    read_and_break_off(&server, &mut sent, "box0", 11);
    let names = register_until_refused(&server);
    println!("{} names found room in the log", names.len());
    assert_eq!(disk.free_bytes(), 0);
    assert_eq!(writer.compose("box0", "hello"), REFUSED);
    check_keeps_what_it_cannot_remove(&server, &sent);

    server.kill();
    server.restart();
    sent.check_counts(&server);
    assert!(server.stop().success());
    server.restart();
    let mut writer = server.log_in("writer");
    assert_eq!(writer.compose("box0", "hello"), REFUSED);
    sent.check_counts(&server);

    disk.clear();
    assert_eq!(writer.compose("late", "there is room"), "MESSAGE SENT");
    assert_eq!(server.log_in("late").read().unwrap().1, "there is room");
    sent.check_all(&server);
    for name in names {
        let welcome = server.connect("mailbox-verbose").ask(&format!("LOGIN {name}"));
        let known = format!("Login successful. Welcome {name}. You have 0 unread messages.");
        assert_eq!(welcome, known);
    }
}

/// A reader of the store, which keeps its log from starting over.
///
/// The lock is the one by which SQLite knows of a reader (`WAL_READ_LOCK(1)`,
/// sqlite.org/walformat.html); SQLite itself does not open files of another mount
/// namespace.
#[expect(unsafe_code, reason = "no library locks a part of a file")]
fn look_at(disk: &SmallDisk) -> File {
    const READ_LOCK: libc::off_t = 124;
    let index = File::open(disk.data().join("postroom.db-shm")).unwrap();
    let lock = libc::flock {
        l_type: libc::c_short::try_from(libc::F_RDLCK).unwrap(),
        l_whence: libc::c_short::try_from(libc::SEEK_SET).unwrap(),
        l_start: READ_LOCK,
        l_len: 1,
        l_pid: 0,
    };
    // SAFETY: the descriptor is open and the structure lives for the call.
    let locked = unsafe { libc::fcntl(index.as_raw_fd(), libc::F_SETLK, &raw const lock) };
    assert_eq!(locked, 0, "{}", std::io::Error::last_os_error());
    index
}

/// What is in the log needs as much room again in the table file.
#[test]
fn the_reserve_counts_what_the_log_still_has_to_bring_into_the_table_file() {
    // The log comes near the length at which commits wait for the checkpointer.
    const DISK_MEBIBYTES: u32 = 144;
    let disk = SmallDisk::with_mebibytes(DISK_MEBIBYTES);
    let server = disk.serve(&[]);
    let mut sent = Sent::default();
    sent.begin(&server, 1);
    let reader = look_at(&disk);
    sent.fill(&server);
    let log_bytes = || std::fs::metadata(disk.data().join("postroom.db-wal")).unwrap().len();
    let grown = log_bytes();
    println!("{} messages, a log of {grown} bytes, {} free", sent.count(), disk.free_bytes());
    assert!(grown > 48 << 20, "the log has only {grown} bytes");
    // So that not even a short message has room.
    disk.fill_up_to(disk.free_bytes() - (1 << 20));
    check_refuses(&server, "first");
    sent.check_counts(&server);
    read_and_break_off(&server, &mut sent, "box0", 51);
    drop(reader);
    read_and_break_off(&server, &mut sent, "box1", 60);
    let mut least = u64::MAX;
    for (name, texts) in std::mem::take(&mut sent.boxes) {
        let mut reader = server.log_in(&name);
        for text in texts {
            assert_eq!(reader.read(), Some(("writer".to_owned(), text)));
        }
        assert_eq!(reader.read(), None);
        least = least.min(disk.free_bytes());
    }
    assert!(least > RESERVE_BYTES / 2, "only {least} bytes were free");
    assert!(log_bytes() <= 17 << 20, "the log still has {} bytes", log_bytes());
    let mut writer = server.log_in("writer");
    assert_eq!(writer.compose("late", "there is room"), "MESSAGE SENT");
    assert_eq!(server.log_in("late").read().unwrap().1, "there is room");
    sent.next = 0;
    sent.fill(&server);
    assert!(sent.count() > 1_000, "full after {} messages", sent.count());
    sent.check_all(&server);
}
