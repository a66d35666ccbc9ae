//! The health of a server whose disk hangs, or that has too much to do.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::scrape::{METRICS, get};
use crate::harness::strace::{TracedServer, data};
use crate::harness::support::{COMMIT_PATHS, Client, PATIENCE, Server};

/// How long each sync takes: longer than a healthy server needs, and than an answer is old.
const SYNC: Duration = Duration::from_secs(4);
/// Questions of operators that may wait.
const WAITING_MAX: usize = 64;

/// A server whose syncs hang for a while.
fn start(folder: &TempDir, path: &str) -> TracedServer {
    // A new store takes many syncs.
    assert!(Server::in_folder(&data(folder.path()), &[]).stop().success());
    let delay = format!("inject=fsync,fdatasync:delay_enter={}", SYNC.as_micros());
    let options = ["--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-e", &delay];
    TracedServer::start(folder.path(), &options.map(str::to_owned), &[METRICS, path])
}

/// Asks until the health is this; returns the answer.
fn wait_for_health(address: SocketAddr, status: u16) -> String {
    let begun = Instant::now();
    loop {
        let (told, reason) = get(address, "/health");
        if told == status {
            return reason;
        }
        assert!(begun.elapsed() < PATIENCE, "{told} {reason}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_server_whose_disk_hangs_is_not_healthy_until_it_goes_on() {
    thread::scope(|scope| {
        for (path, reason) in
            COMMIT_PATHS.into_iter().zip(["has not answered", "waited for the disk"])
        {
            scope.spawn(move || is_unhealthy_while_it_hangs(path, reason));
        }
    });
}

fn is_unhealthy_while_it_hangs(path: &str, reason: &str) {
    let folder = TempDir::new().unwrap();
    let server = start(&folder, path);
    let address = server.address("metrics");
    assert_eq!(wait_for_health(address, 200), "ok\n");
    let mut writer = Client::connect(server.address("mailbox"));
    writer.send("LOGIN writer\n");
    let told = wait_for_health(address, 503);
    assert!(told.contains(reason), "{path}: {told}");
    assert_eq!(writer.line(), "0");
    assert_eq!(wait_for_health(address, 200), "ok\n", "{path}");
    let log = fs::read_to_string(folder.path().join("errors")).unwrap();
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn where_too_many_questions_wait_the_server_says_so() {
    let folder = TempDir::new().unwrap();
    let server = start(&folder, COMMIT_PATHS[0]);
    let address = server.address("metrics");
    wait_for_health(address, 200);
    // The answer is forgotten before the loop hangs.
    thread::sleep(Duration::from_millis(1_100));
    let mut writer = Client::connect(server.address("mailbox"));
    writer.send("LOGIN writer\n");
    let mut asking: Vec<_> = (0..WAITING_MAX + 2)
        .map(|_| {
            let mut socket =
                UnixStream::connect(data(folder.path()).join("postroom.sock")).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            let request = "GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            socket.write_all(request.as_bytes()).unwrap();
            socket
        })
        .collect();
    assert!(wait_for_health(address, 503).contains("questions wait"));
    let answered = asking.iter_mut().filter_map(|socket| {
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer.get(9..12).map(str::to_owned)
    });
    let answered: Vec<_> = answered.collect();
    let with = |status: &str| answered.iter().filter(|other| *other == status).count();
    assert_eq!((with("200") >= WAITING_MAX, with("200") + with("503")), (true, WAITING_MAX + 2));
    assert_eq!(writer.line(), "0");
    assert_eq!(wait_for_health(address, 200), "ok\n");
}
