//! A disk that fails to sync: nothing more is acknowledged, and the server ends.

use std::path::Path;
use std::process::ExitStatus;

use tempfile::TempDir;

use crate::harness::fallible::FallibleConnection;
use crate::harness::strace::{SystemCall, TracedServer, data};
use crate::harness::support::{COMMIT_PATHS, Server};

/// The syncs of commits. A server that starts with an existing store makes other calls.
const SYNC: &str = "fdatasync";

/// The syncs of the thread that commits: `strace` counts those of each thread.
fn count_syncs(calls: &[SystemCall]) -> usize {
    let mut syncs = calls.iter().filter(|call| call.name == SYNC).map(|call| &call.thread);
    let last = syncs.clone().next_back();
    syncs.by_ref().filter(|thread| Some(*thread) == last).count()
}

/// A folder with a new store.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    assert!(Server::in_folder(&data(folder.path()), &[]).stop().success());
    folder
}

fn trace_options() -> Vec<String> {
    ["-e", "trace=fsync,fdatasync,sendto,write,writev,sendmsg", "-y"].map(str::to_owned).into()
}

/// Makes the first sync fail that comes after so many.
fn fail_after(syncs: usize) -> Vec<String> {
    let injection = format!("inject={SYNC}:error=EIO:when={}", syncs + 1);
    [trace_options(), vec!["-e".to_owned(), injection]].concat()
}

/// Logs in and leaves so many messages, all acknowledged; with `None` nothing.
fn begin(server: &TracedServer, acknowledged: Option<usize>) -> FallibleConnection {
    let mut connection = FallibleConnection::connect(server.address("mailbox")).unwrap();
    if let Some(count) = acknowledged {
        connection.send("LOGIN writer\n").unwrap();
        assert_eq!(connection.line().unwrap(), "0");
        for number in 0..count {
            connection.send(&format!("COMPOSE bob\ntext {number}\n")).unwrap();
            assert_eq!(connection.line().unwrap(), "MESSAGE SENT");
        }
    }
    connection
}

#[test]
fn the_first_sync_that_fails_after_the_start_ends_the_server_without_an_acknowledgement() {
    for path in COMMIT_PATHS {
        end_by_failing_sync(path, None);
    }
}

#[test]
fn a_later_sync_that_fails_ends_the_server_and_costs_nothing_that_was_acknowledged() {
    for path in COMMIT_PATHS {
        end_by_failing_sync(path, Some(0));
        end_by_failing_sync(path, Some(3));
    }
}

fn end_by_failing_sync(path: &str, acknowledged: Option<usize>) {
    // How many syncs there are until then is seen in a rehearsal.
    let folder = self::folder();
    let server = TracedServer::start(folder.path(), &trace_options(), &[path]);
    begin(&server, acknowledged);
    let syncs = count_syncs(&server.kill());
    assert_eq!(syncs > 0, acknowledged.is_some());

    let folder = self::folder();
    let server = TracedServer::start(folder.path(), &fail_after(syncs), &[path]);
    let mut other = FallibleConnection::connect(server.address("mailbox-verbose")).unwrap();
    let mut connection = begin(&server, acknowledged);
    let log_in = if acknowledged.is_some() { "" } else { "LOGIN writer\n" };
    connection.send(&format!("{log_in}COMPOSE bob\nunsure\nCOMPOSE bob\nunsure too\n")).unwrap();
    connection.line().expect_err("nothing is acknowledged any more");
    let _ = other.send("LOGIN other\n");
    other.line().expect_err("nothing is acknowledged to anyone any more");
    let (status, errors, calls) = server.wait();
    assert_has_given_up(status, &errors);
    let failed = calls.iter().position(SystemCall::was_made_to_fail).expect("no sync has failed");
    let sent = calls[failed..].iter().find(|call| call.file().starts_with("socket:"));
    assert!(sent.is_none(), "sent after the failure: {sent:?}");

    let certain: Vec<_> =
        (0..acknowledged.unwrap_or(0)).map(|number| format!("text {number}")).collect();
    let found = read_all(folder.path(), "bob");
    let (kept, others) = found.split_at(certain.len());
    assert_eq!(kept, certain);
    assert!(
        ["unsure", "unsure too"]
            .starts_with(&others.iter().map(String::as_str).collect::<Vec<_>>()),
        "{others:?}"
    );
}

#[test]
fn a_sync_that_fails_after_the_limit_of_a_stop_is_an_error() {
    let folder = folder();
    let injection = format!("inject={SYNC}:error=EIO:delay_enter=1500000:when=1");
    let options = [trace_options(), vec!["-e".to_owned(), injection]].concat();
    let arguments = ["--set=store.commit=thread", "--set=stop.limit_ms=100"];
    let server = TracedServer::start(folder.path(), &options, &arguments);
    let mut connection = begin(&server, None);
    connection.send("LOGIN writer\nCOMPOSE bob\nunsure\n").unwrap();
    // The sync is under way once a later connection is greeted.
    FallibleConnection::connect(server.address("chat")).unwrap().line().unwrap();
    server.ask_to_stop();
    connection.line().expect_err("nothing is acknowledged");
    let (status, errors, _) = server.wait();
    assert_has_given_up(status, &errors);
}

/// The process has ended by itself and said why, once.
fn assert_has_given_up(status: ExitStatus, errors: &str) {
    assert!(status.code().is_some_and(|code| code > 0), "{status}: {errors}");
    assert!(!errors.contains("panicked"), "{errors}");
    let said: Vec<_> = errors.lines().filter(|line| line.starts_with("postroom: ")).collect();
    let [said] = said.as_slice() else { panic!("not one line but {}: {errors}", said.len()) };
    assert!(said.contains("I/O error") || said.contains("Input/output error"), "{said}");
    assert_eq!(errors.lines().last(), Some(*said), "{errors}");
}

/// What a server started on the folder finds in a mailbox.
fn read_all(folder: &Path, name: &str) -> Vec<String> {
    let server = Server::in_folder(&data(folder), &[]);
    let mut reader = server.log_in(name);
    std::iter::from_fn(|| reader.read()).map(|(_, text)| text).collect()
}

#[test]
fn a_sync_that_fails_while_the_log_is_moved_ends_the_server_too() {
    const BATCH: usize = 64;
    // The table file is synced once all of the log is in it, which on a busy
    // machine takes until commits wait for it, at 64 MiB.
    const BATCHES_MAX: usize = 250;
    // An existing store is opened without a sync of its table file.
    let folder = folder();
    let table = data(folder.path()).join("postroom.db");
    let mut options = vec!["-P".to_owned(), table.to_string_lossy().into_owned()];
    options.extend(
        ["-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=1", "-y"]
            .map(str::to_owned),
    );
    let server = TracedServer::start(folder.path(), &options, &[]);
    let mut connection = begin(&server, Some(0));
    let text = "x".repeat(8_000);
    let acknowledged: Vec<usize> = (0..BATCHES_MAX)
        .map_while(|batch| {
            let commands: Vec<_> =
                (0..BATCH).map(|number| format!("COMPOSE box{batch}\n{number} {text}\n")).collect();
            // Where it breaks off within a batch, the rest is unknown.
            let _ = connection.send(&commands.concat());
            let count = (0..BATCH).take_while(|_| connection.line().is_ok()).count();
            (count > 0).then_some(count)
        })
        .collect();
    assert!(acknowledged.len() < BATCHES_MAX, "the log was never moved");
    let (status, errors, calls) = server.wait();
    assert_has_given_up(status, &errors);
    assert!(calls.iter().any(SystemCall::was_made_to_fail));

    let server = Server::in_folder(&data(folder.path()), &[]);
    for (batch, acknowledged) in acknowledged.into_iter().enumerate() {
        let mut reader = server.log_in(&format!("box{batch}"));
        let found: Vec<_> = std::iter::from_fn(|| reader.read()).map(|(_, text)| text).collect();
        assert!(acknowledged <= found.len() && found.len() <= BATCH, "{}", found.len());
        for (number, found) in found.iter().enumerate() {
            assert_eq!(*found, format!("{number} {text}"));
        }
    }
}
