//! What the server tells a service manager, over the socket in `NOTIFY_SOCKET`.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as Name, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::harness::logged::{line, passwords, write_passwords};
use crate::harness::support::{
    Client, PATIENCE, command, command_through, launch, need, only_child, wait_for,
};

/// The time within which the service manager wants a sign of life.
const WATCHDOG: Duration = Duration::from_millis(400);

/// The socket of a service manager.
struct Manager {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("notify")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A server that tells it.
    fn command(&self, arguments: &[&str]) -> Command {
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        self.told_by(command(&self.data(), &arguments))
    }

    fn told_by(&self, mut command: Command) -> Command {
        command.env("NOTIFY_SOCKET", self.path());
        command
    }

    /// The next message.
    fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("the server tells something");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// The next message that is no sign of life.
    fn next_state(&self) -> String {
        let is_state = |message: &String| message != ALIVE;
        std::iter::repeat_with(|| self.next()).find(is_state).unwrap()
    }

    /// The messages that have arrived.
    fn arrived(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 4096];
        let mut messages = Vec::new();
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(length) => messages.push(String::from_utf8(buffer[..length].to_vec()).unwrap()),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    self.socket.set_nonblocking(false).unwrap();
                    return messages;
                }
            }
        }
    }
}

const ALIVE: &str = "WATCHDOG=1";
const READY: &str = "READY=1\nSTATUS=ready, listeners: 6";

/// A started server, killed when dropped.
struct Started {
    child: Child,
    listeners: Vec<(String, SocketAddr)>,
}

impl Started {
    fn new(command: &mut Command) -> Self {
        let (child, listeners) = launch(command);
        Self { child, listeners }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn address(&self, protocol: &str) -> SocketAddr {
        self.listeners.iter().find(|(name, _)| name == protocol).unwrap().1
    }

    fn stop(mut self) {
        self.signal(Signal::TERM);
        assert!(wait_for(&mut self.child).success());
    }

    /// Waits until the kernel has stopped or continued it.
    fn wait_until_stopped(&self, is_stopped: bool) {
        let begun = Instant::now();
        let stat = format!("/proc/{}/stat", self.child.id());
        let state = || fs::read_to_string(&stat).unwrap().split(' ').nth(2).map(str::to_owned);
        while (state().as_deref() == Some("T")) != is_stopped {
            assert!(begun.elapsed() < PATIENCE, "{:?}", state());
            std::thread::yield_now();
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn microseconds(time: Duration) -> String {
    time.as_micros().to_string()
}

#[test]
fn the_service_manager_is_told_of_the_start_and_of_the_stop() {
    let manager = Manager::new();
    let server = Started::new(&mut manager.command(&[]));
    assert_eq!(manager.next(), READY);
    let mut client = Client::connect(server.address("chat"));
    assert!(client.line().starts_with("Welcome"));
    server.signal(Signal::HUP);
    assert!(manager.next().starts_with("RELOADING=1\n"));
    assert_eq!(manager.next(), READY, "there is nothing to read");
    server.stop();
    assert_eq!(manager.next(), "STOPPING=1\nSTATUS=stopping, connections: 1");
    assert_eq!(manager.arrived(), [""; 0], "no watchdog without WATCHDOG_USEC");
}

#[test]
fn a_socket_without_a_file_is_told_too() {
    let name = format!("postroom-test-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&Name::from_abstract_name(&name).unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let folder = TempDir::new().unwrap();
    let mut command = command(&folder.path().join("data"), &[]);
    let server = Started::new(command.env("NOTIFY_SOCKET", format!("@{name}")));
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], READY.as_bytes());
    server.stop();
}

/// Seconds since the machine was started, which is what the kernel's monotonic clock counts.
fn uptime_s() -> f64 {
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    uptime.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_reload_ends_when_the_files_are_read() {
    need("strace", "strace");
    let manager = Manager::new();
    let file = passwords(manager.folder.path());
    write_passwords(&file, &line("jacky"));
    let read = Duration::from_millis(300);
    let delay = format!("inject=read:delay_enter={}", read.as_micros());
    let trace = manager.folder.path().join("trace");
    let (trace, file) = (trace.to_str().unwrap(), file.to_str().unwrap());
    let launcher = ["strace", "-f", "-o", trace, "-P", file, "-e", "trace=read", "-e", &delay];
    let arguments = [format!("--passwords={file}")];
    let launcher = launcher.map(str::to_owned);
    let mut command = manager.told_by(command_through(&launcher, &manager.data(), &arguments));
    let mut strace = Started::new(&mut command);
    let server = only_child(strace.child.id());
    assert_eq!(manager.next(), READY);
    write_passwords(file.as_ref(), &(line("jacky") + &line("mary")));
    let (asked, asked_s) = (Instant::now(), uptime_s());
    kill_process(server, Signal::HUP).unwrap();
    let said = manager.next();
    let lines: Vec<_> = said.lines().collect();
    let [reloading, clock, status] = lines[..] else { panic!("{said}") };
    assert_eq!(reloading, "RELOADING=1");
    let clock = clock.strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
    let clock_s = Duration::from_micros(clock).as_secs_f64();
    assert!(asked_s - 0.1 < clock_s && clock_s < uptime_s() + 0.1, "{said}");
    assert!(status.starts_with("STATUS=reading"), "{said}");
    assert_eq!(manager.next(), READY);
    assert!(asked.elapsed() >= read, "{:?}", asked.elapsed());
    // A stop during a reload is not taken back.
    kill_process(server, Signal::HUP).unwrap();
    kill_process(server, Signal::TERM).unwrap();
    while !manager.next().starts_with("STOPPING=1\n") {}
    kill_process(server, Signal::HUP).ok();
    assert!(wait_for(&mut strace.child).success());
    assert_eq!(manager.arrived(), [""; 0]);
}

#[test]
fn a_server_that_does_not_go_round_gives_no_sign_of_life() {
    let manager = Manager::new();
    let server = Started::new(manager.command(&[]).env("WATCHDOG_USEC", microseconds(WATCHDOG)));
    assert_eq!(manager.next(), READY);
    let next_after = |()| {
        let begun = Instant::now();
        assert_eq!(manager.next(), ALIVE);
        begun.elapsed()
    };
    // On a busy machine some come later.
    let shortest = [(); 4].map(next_after).into_iter().min();
    assert!(shortest < Some(WATCHDOG), "{shortest:?}");
    server.signal(Signal::STOP);
    server.wait_until_stopped(true);
    manager.arrived();
    manager.socket.set_read_timeout(Some(WATCHDOG * 3)).unwrap();
    let silence = manager.socket.recv(&mut [0; 64]).unwrap_err();
    assert_eq!(silence.kind(), ErrorKind::WouldBlock);
    manager.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    server.signal(Signal::CONT);
    assert_eq!(manager.next(), ALIVE);
    server.stop();
    assert!(manager.next_state().starts_with("STOPPING=1\n"));
}

#[test]
fn the_sign_of_life_is_of_the_loop_that_serves() {
    need("strace", "strace");
    let manager = Manager::new();
    // A new store takes many syncs.
    Started::new(&mut manager.command(&[])).stop();
    manager.arrived();
    let sync = WATCHDOG * 4;
    let delay = format!("inject=fsync,fdatasync:delay_enter={}", sync.as_micros());
    let trace = manager.folder.path().join("trace");
    let launcher = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-o",
        trace.to_str().unwrap(),
        "-e",
        "trace=fsync,fdatasync",
        "-e",
        &delay,
    ];
    let launcher = launcher.map(str::to_owned);
    let arguments = ["--set=store.commit=inline".to_owned()];
    let mut command = manager.told_by(command_through(&launcher, &manager.data(), &arguments));
    let mut strace = Started::new(command.env("WATCHDOG_USEC", microseconds(WATCHDOG)));
    assert_eq!(manager.next_state(), READY);
    assert_eq!(manager.next(), ALIVE);
    let mut client = Client::connect(strace.address("mailbox"));
    client.send("LOGIN bob\n");
    // While the loop waits for the disk, all other threads run.
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    let mut before = begun;
    while begun.elapsed() < sync * 2 {
        assert_eq!(manager.next(), ALIVE);
        longest = longest.max(before.elapsed());
        before = Instant::now();
    }
    assert!(longest > sync / 2, "{longest:?}");
    let server = only_child(strace.child.id());
    kill_process(server, Signal::KILL).unwrap();
    wait_for(&mut strace.child);
}

#[test]
fn the_watchdog_of_another_process_gets_no_sign_of_life() {
    let (ours, others) = (Manager::new(), Manager::new());
    let watchdog = microseconds(WATCHDOG / 10);
    let other =
        Started::new(others.command(&[]).env("WATCHDOG_USEC", &watchdog).env("WATCHDOG_PID", "1"));
    // The shell becomes the server, which keeps its id.
    let script = "WATCHDOG_PID=$$; export WATCHDOG_PID; exec \"$0\" \"$@\"";
    let launcher = ["sh", "-c", script].map(str::to_owned);
    let mut command = ours.told_by(command_through(&launcher, &ours.data(), &[]));
    let server = Started::new(command.env("WATCHDOG_USEC", &watchdog));
    assert_eq!(ours.next(), READY);
    for _ in 0..10 {
        assert_eq!(ours.next(), ALIVE);
    }
    assert_eq!(others.arrived(), [READY]);
    server.stop();
    other.stop();
}

/// The log of a server that starts, serves and stops with these variables.
fn log_with(variables: &[(&str, &str)], folder: &Path) -> String {
    let errors = folder.join("errors");
    let mut command = command(&folder.join("data"), &[]);
    command.envs(variables.iter().copied()).stderr(fs::File::create(&errors).unwrap());
    let server = Started::new(command.stdin(Stdio::null()));
    let mut client = Client::connect(server.address("chat"));
    assert!(client.line().starts_with("Welcome"));
    drop(client);
    server.stop();
    fs::read_to_string(errors).unwrap()
}

#[test]
fn a_service_manager_that_cannot_be_told_is_logged_once_and_stops_nothing() {
    let folder = TempDir::new().unwrap();
    let gone = folder.path().join("gone");
    let gone = gone.to_str().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let too_long = format!("/{}", "long".repeat(40));
    for socket in [gone, file.to_str().unwrap(), &too_long, "vsock:2:1", "relative", "@"] {
        let variables = [("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", "2000")];
        let log = log_with(&variables, folder.path());
        let lines: Vec<_> = log.lines().filter(|line| line.contains("NOTIFY_SOCKET")).collect();
        assert_eq!(lines.len(), 1, "{socket}: {log}");
        assert!(lines[0].contains(" WARN "), "{log}");
    }
    let log = log_with(&[("NOTIFY_SOCKET", ""), ("WATCHDOG_USEC", "2000")], folder.path());
    assert!(!log.contains("service manager") && !log.contains("WARN"), "{log}");
}

#[test]
fn a_watchdog_that_makes_no_sense_gets_no_sign_of_life() {
    for (watchdog, is_logged) in [("soon", true), ("-1", true), ("0", false)] {
        let manager = Manager::new();
        let path = manager.path();
        let variables = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", watchdog)];
        let log = log_with(&variables, manager.folder.path());
        assert_eq!(log.contains("WATCHDOG_USEC"), is_logged, "{log}");
        let messages = manager.arrived();
        assert_eq!(messages.len(), 2, "{messages:?}");
    }
}

#[test]
fn a_service_manager_that_does_not_listen_holds_nobody_up() {
    let manager = Manager::new();
    let full = UnixDatagram::unbound().unwrap();
    full.set_nonblocking(true).unwrap();
    let mut filled = 0;
    while full.send_to(b"of another", manager.path()).is_ok() {
        filled += 1;
    }
    let server = Started::new(manager.command(&[]).env("WATCHDOG_USEC", "2000"));
    let mut client = Client::connect(server.address("chat"));
    assert!(client.line().starts_with("Welcome"));
    for _ in 0..filled {
        assert_eq!(manager.next(), "of another");
    }
    // What it was told first is what it hears first.
    assert_eq!(manager.next(), READY);
    assert_eq!(manager.next(), ALIVE);
    drop(client);
    server.signal(Signal::TERM);
    while !manager.next().starts_with("STOPPING=1\n") {}
}
