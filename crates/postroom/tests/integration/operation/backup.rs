//! `postroom backup`: of a running server and of a folder, and whatever ends it early.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::logged::{LoggedServer, wait_until};
use crate::harness::small_disk::SmallDisk;
use crate::harness::support::{Client, PATIENCE, Server, need, program, run_program};

const LARGE: &str = "--capacity=1000000";
/// The log of a store under load, and what it may grow beyond.
const LOG_BYTES_MAX: u64 = 64 << 20;
const TEXT_BYTES: usize = 4_000;
/// Messages that are sent at once.
const BATCH: usize = 50;

fn text(number: usize) -> String {
    format!("{number} {}", "x".repeat(TEXT_BYTES))
}

/// Sends so many messages, from this number on, all of which are acknowledged.
fn send(client: &mut Client, recipient: &str, from: usize, count: usize) {
    let commands: Vec<_> = (from..from + count)
        .map(|number| format!("COMPOSE {recipient}\n{}\n", text(number)))
        .collect();
    client.send(&commands.concat());
    for _ in 0..count {
        assert_eq!(client.line(), "MESSAGE SENT");
    }
}

fn fill(server: &Server, recipient: &str, count: usize) {
    let mut client = server.log_in("filler");
    for from in (0..count).step_by(BATCH) {
        send(&mut client, recipient, from, BATCH.min(count - from));
    }
}

/// The numbers of all messages of an account, in order.
fn numbers(server: &Server, account: &str) -> Vec<usize> {
    let mut client = server.log_in(account);
    let mut numbers = Vec::new();
    while let Some((_, text)) = client.read() {
        numbers.push(text.split(' ').next().unwrap().parse().unwrap());
    }
    numbers
}

/// The command line of a backup.
fn command(data: &Path, file: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.arg("backup").arg(file).arg("--data").arg(data).args(options);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Makes a backup; returns what the command says, or what is wrong.
fn back_up(data: &Path, file: &Path, options: &[&str]) -> Result<String, String> {
    let output = command(data, file, options).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Puts a backup where a server finds its store.
fn install(file: &Path) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::copy(file, folder.path().join("postroom.db")).unwrap();
    let checked = run_program(["check", "--data", folder.path().to_str().unwrap()], b"");
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.starts_with("nothing is damaged in "), "{said}");
    folder
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn is_private(file: &Path) -> bool {
    fs::metadata(file).unwrap().permissions().mode() & 0o777 == 0o600
}

/// Asks a server for a backup as a program would, and returns the connection.
fn ask(data: &Path) -> UnixStream {
    let mut stream = UnixStream::connect(data.join("postroom.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(b"POST /v1/backup HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        .unwrap();
    stream
}

#[test]
fn a_backup_under_load_has_all_that_was_acknowledged_before_it() {
    const WRITERS: usize = 4;
    let server = Server::with(&[LARGE]);
    fill(&server, "full", 5_000);
    let is_over = AtomicBool::new(false);
    let acknowledged: [AtomicUsize; WRITERS] = std::array::from_fn(|_| AtomicUsize::new(0));
    let count = |of: &AtomicUsize| of.load(Ordering::SeqCst);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("backup.db");
    let log = server.data().join("postroom.db-wal");
    let (before, during, longest) = thread::scope(|scope| {
        for (writer, acknowledged) in acknowledged.iter().enumerate() {
            let (server, is_over) = (&server, &is_over);
            scope.spawn(move || {
                let mut client = server.log_in(&format!("writer{writer}"));
                while !is_over.load(Ordering::SeqCst) {
                    let from = acknowledged.load(Ordering::SeqCst);
                    send(&mut client, &format!("box{writer}"), from, 5);
                    acknowledged.store(from + 5, Ordering::SeqCst);
                }
            });
        }
        wait_until("the writers write", || acknowledged.iter().all(|of| count(of) > 20));
        let before = acknowledged.each_ref().map(count);
        let mut backup = command(server.data(), &file, &[]).spawn().unwrap();
        let (begun, mut longest) = (Instant::now(), 0);
        let status = loop {
            longest = fs::metadata(&log).unwrap().len().max(longest);
            if let Some(status) = backup.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE * 3, "the backup does not end under load");
            thread::sleep(Duration::from_millis(1));
        };
        let during = acknowledged.each_ref().map(count);
        is_over.store(true, Ordering::SeqCst);
        assert!(status.success(), "{:?}", backup.wait_with_output());
        (before, during, longest)
    });
    assert!(during > before, "they have gone on");
    assert!(longest < LOG_BYTES_MAX, "{longest}");
    assert!(is_private(&file));
    assert_eq!(files(folder.path()), ["backup.db"]);
    let copy = install(&file);
    let restored = Server::in_folder(copy.path(), &[LARGE]);
    assert!(numbers(&restored, "full").into_iter().eq(0..5_000));
    for writer in 0..WRITERS {
        let name = format!("box{writer}");
        let copied = numbers(&restored, &name);
        assert!(copied.len() >= before[writer], "{name}: {} of {}", copied.len(), before[writer]);
        assert!(copied.iter().copied().eq(0..copied.len()), "{name}");
        // Nobody else has lost anything.
        let sent = count(&acknowledged[writer]);
        assert!(numbers(&server, &name).into_iter().eq(0..sent), "{name}");
    }
}

#[test]
fn a_folder_without_a_server_is_backed_up_with_its_log() {
    let mut server = Server::with(&[LARGE]);
    fill(&server, "bob", 300);
    server.kill();
    let (data, before) = (server.data().to_path_buf(), files(server.data()));
    assert!(fs::metadata(data.join("postroom.db-wal")).unwrap().len() > 0);
    let content = fs::read(data.join("postroom.db")).unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("backup.db");
    let said = back_up(&data, &file, &[]).unwrap();
    let bytes = fs::metadata(&file).unwrap().len();
    let (data_shown, file_shown) = (data.display(), file.display());
    assert_eq!(
        said,
        format!("wrote a backup of the store in {data_shown} to {file_shown}: {bytes} bytes\n")
    );
    assert!(is_private(&file));
    assert_eq!(files(&data), before, "nothing is changed");
    assert!(fs::read(data.join("postroom.db")).unwrap() == content, "nothing is changed");
    let copy = install(&file);
    let restored = Server::in_folder(copy.path(), &[LARGE]);
    assert!(numbers(&restored, "bob").into_iter().eq(0..300));
}

#[test]
fn a_backup_overwrites_nothing_unless_it_is_told_to() {
    let mut server = Server::start();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("backup.db");
    for is_running in [true, false] {
        if !is_running {
            assert!(server.stop().success());
        }
        let backup = |options: &[&str]| back_up(server.data(), &file, options);
        fs::write(&file, "mine").unwrap();
        let error = backup(&[]).unwrap_err();
        assert!(error.contains("exists already, and is not overwritten"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        backup(&["--force"]).unwrap();
        assert!(fs::metadata(&file).unwrap().len() > 4_000 && is_private(&file));
        let part = folder.path().join("backup.db.part");
        fs::write(&part, "of one that was killed").unwrap();
        backup(&["--force"]).unwrap();
        let of_another = fs::File::create(&part).unwrap();
        of_another.lock().unwrap();
        let error = backup(&["--force"]).unwrap_err();
        assert!(error.contains("another backup is being written to"), "{error}");
        fs::remove_file(part).unwrap();
        let links = TempDir::new().unwrap();
        let link = links.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for (place, why) in [
            (server.data().join("postroom.db"), "is in the data folder"),
            (server.data().join("../data/new.db"), "is in the data folder"),
            (link, "is no regular file"),
            ("/dev/null".into(), "is no regular file"),
        ] {
            let error = back_up(server.data(), &place, &["--force"]).unwrap_err();
            assert!(error.contains(why), "{place:?}: {error}");
        }
        for (place, part) in [
            (folder.path().to_path_buf(), "a directory"),
            (folder.path().join("nowhere/backup.db"), "No such file"),
            (file.join("backup.db"), "Not a directory"),
        ] {
            let error = back_up(server.data(), &place, &["--force"]).unwrap_err();
            assert!(
                error.starts_with("postroom: cannot write ") && error.contains(part),
                "{error}"
            );
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        assert_eq!(files(folder.path()), ["backup.db"]);
    }
    let error = back_up(&folder.path().join("none"), &folder.path().join("b"), &[]).unwrap_err();
    assert!(error.contains("there is no store in "), "{error}");
    let output = run_program(["backup"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(files(folder.path()), ["backup.db"]);
}

/// Waits for a child that fails; returns what it says.
fn failure(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_server_that_stops_in_the_middle_leaves_no_half_of_a_backup() {
    let mut server = LoggedServer::start(&[], &[LARGE]);
    fill(&server, "bob", 10_000);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("backup.db");
    let backup = command(server.data(), &file, &[]).spawn().unwrap();
    server.wait_for_log(&["backup begun"]);
    server.kill();
    let error = failure(backup);
    assert!(error.starts_with("postroom: there is no backup: "), "{error}");
    assert!(files(folder.path()).is_empty(), "{:?}", files(folder.path()));
    server.restart();
    assert!(!server.data().join("backup.tmp").exists());
    back_up(server.data(), &file, &[]).unwrap();
    // A stop in order does not wait for it.
    let backup = command(server.data(), &file, &["--force"]).spawn().unwrap();
    wait_until("it begins again", || server.log().matches("backup begun").count() == 3);
    assert!(server.stop().success());
    let error = failure(backup);
    assert!(error.contains("stop") || error.contains("has ended"), "{error}");
    assert_eq!(files(folder.path()), ["backup.db"]);
}

/// A folder where something answers that is not a whole server.
fn answering(answer: &'static [u8]) -> (TempDir, thread::JoinHandle<()>) {
    let folder = TempDir::new().unwrap();
    let listener = UnixListener::bind(folder.path().join("postroom.sock")).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1_024];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.write_all(answer).unwrap();
    });
    (folder, server)
}

#[test]
fn a_body_that_ends_early_is_no_backup() {
    let answers: [(&[u8], &str); 3] = [
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.sqlite3\r\n\
              Content-Length: 100\r\n\r\n0123456789",
            "ended in the middle: 10 of 100 bytes have come",
        ),
        (b"", "nothing was changed; try again"),
        (
            b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n\
              {\"status\":503,\"problem\":\"busy\",\"detail\":\"the server is busy; try again later\"}",
            "the server is busy; try again later",
        ),
    ];
    for (answer, said) in answers {
        let (data, server) = answering(answer);
        let folder = TempDir::new().unwrap();
        let error = back_up(data.path(), &folder.path().join("backup.db"), &[]).unwrap_err();
        assert!(error.contains(said), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(files(folder.path()).is_empty());
        server.join().unwrap();
    }
}

#[test]
fn a_client_that_goes_away_ends_its_backup() {
    let server = LoggedServer::start(&[], &[LARGE]);
    fill(&server, "bob", 10_000);
    let stream = ask(server.data());
    server.wait_for_log(&["backup begun", "audit=\"administration\""]);
    drop(stream);
    server.wait_for_log(&["backup canceled"]);
    let folder = TempDir::new().unwrap();
    back_up(server.data(), &folder.path().join("backup.db"), &[]).unwrap();
    server.wait_for_log(&["backup made", "bytes"]);
}

#[test]
fn there_is_one_backup_at_a_time_and_nobody_waits_for_its_reader() {
    let server = LoggedServer::start(&[], &[LARGE]);
    fill(&server, "bob", 1_000);
    let mut first = ask(server.data());
    server.wait_for_log(&["backup made"]);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("backup.db");
    let error = back_up(server.data(), &file, &[]).unwrap_err();
    assert!(error.contains("another backup is being made or sent"), "{error}");
    fill(&server, "bob", 100);
    // The first is whole, however late it is read.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        first.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let (_, length) = head.split_once("content-length: ").unwrap();
    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
    let mut copy = vec![0; length];
    first.read_exact(&mut copy).unwrap();
    let path = folder.path().join("first.db");
    fs::write(&path, copy).unwrap();
    install(&path);
    drop(first);
    wait_until("there may be another", || back_up(server.data(), &file, &[]).is_ok());
}

#[test]
fn a_disk_without_room_for_the_copy_is_left_to_others() {
    const RESERVE_BYTES: u64 = 16 << 20;
    let disk = SmallDisk::with_mebibytes(80);
    let server = disk.serve(&[LARGE]);
    fill(&server, "bob", 2_000);
    disk.fill_up_to(RESERVE_BYTES + (20 << 20));
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("backup.db");
    let error = back_up(&disk.data(), &file, &[]).unwrap_err();
    assert!(error.contains("has no room for a copy of the store"), "{error}");
    assert!(files(folder.path()).is_empty());
    fill(&server, "bob", 100);
    disk.clear();
    back_up(&disk.data(), &file, &[]).unwrap();
    assert_eq!(numbers(&server, "bob").len(), 2_100);
}

#[test]
fn a_full_disk_of_the_backup_leaves_no_half_of_it() {
    let mut server = Server::with(&[LARGE]);
    fill(&server, "bob", 1_000);
    let disk = SmallDisk::with_mebibytes(1);
    for (is_running, part) in [(true, "No space left on device"), (false, "full; make room")] {
        if !is_running {
            assert!(server.stop().success());
        }
        let (data, file) = (server.data().to_str().unwrap(), disk.mounted_at().join("backup.db"));
        let output = disk.run(&["backup", file.to_str().unwrap(), "--data", data]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(part), "{error}");
        assert!(files(disk.data().parent().unwrap()).is_empty());
    }
}

/// The example of docs/administration.md.
#[test]
fn curl_takes_a_backup() {
    const PAGE: &str = include_str!("../../../../../docs/administration.md");
    need("curl", "curl");
    let server = Server::start();
    assert_eq!(server.log_in("ann").compose("bob", "hello"), "MESSAGE SENT");
    let codes = PAGE.split("```sh\n").filter_map(|code| code.split("```").next());
    let example = codes.skip(1).find(|code| code.contains("/v1/backup")).unwrap();
    let folder = server.data().parent().unwrap();
    let example = example.replace("postroom-data/", "data/");
    let run = Command::new("sh").arg("-ec").arg(&example).current_dir(folder).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let copy = install(&folder.join("backup.db"));
    let restored = Server::in_folder(copy.path(), &[]);
    assert_eq!(restored.log_in("bob").read(), Some(("ann".to_owned(), "hello".to_owned())));
    // With GET there is none.
    let socket = server.data().join("postroom.sock");
    let mut curl = Command::new("curl");
    curl.args(["-s", "-w", "\n%{http_code}", "http://localhost/v1/backup", "--unix-socket"]);
    let answer = String::from_utf8(curl.arg(socket).output().unwrap().stdout).unwrap();
    assert!(answer.ends_with("405"), "{answer}");
}
