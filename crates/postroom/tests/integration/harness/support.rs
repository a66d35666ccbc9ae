//! The program under test: runs, servers, accounts and random choices.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use postroom_protocol::Protocol;
use rustix::process::{Pid, Signal, kill_process};
use rustls::ClientConfig;
use tempfile::{NamedTempFile, TempDir};

pub(crate) use super::client::Client;

/// How long a test waits for something that should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The settings that say where commits run.
pub(crate) const COMMIT_PATHS: [&str; 2] =
    ["--set=store.commit=inline", "--set=store.commit=thread"];

/// Environment variables of the tests.
const TEST_VARIABLES: [&str; 2] = ["POSTROOM_CRASH_KILLS", "POSTROOM_CRASH_SEED"];

/// The program under test.
pub(crate) fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_postroom").into()
}

/// Hides the files of whoever runs the tests from a client.
pub(crate) fn without_user(command: &mut Command) -> &mut Command {
    for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        command.env_remove(variable);
    }
    command
}

/// A loopback address at which nothing listens, and which the system gives to nobody who asks
/// for any: it stays free while a server is stopped.
pub(crate) fn lasting_address() -> SocketAddr {
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let first = std::process::id();
    loop {
        let number = u32::try_from(TAKEN.fetch_add(1, Ordering::Relaxed)).unwrap();
        // Linux gives out the ports from 32,768 on.
        let port = u16::try_from(20_000 + (first + 7 * number) % 12_000).unwrap();
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().unwrap();
        }
    }
}

/// Fails, with the package to install, if a program is missing.
pub(crate) fn need(program: &str, package: &str) {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    assert!(
        found.is_ok_and(|status| status.success()),
        "this test needs the program {program}; install the package {package}"
    );
}

/// Runs the program with these arguments and this standard input until it ends.
pub(crate) fn run_program(
    words: impl IntoIterator<Item = impl AsRef<OsStr>>,
    input: &[u8],
) -> Output {
    let mut child = without_user(&mut Command::new(program()))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The program may end without reading its input.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Adds an account with a password to the data folder of a server that is stopped.
pub(crate) fn add_account(data: &Path, name: &str, password: &str) {
    let mut file = NamedTempFile::new().unwrap();
    writeln!(file, "{password}").unwrap();
    let words = [
        OsStr::new("account"),
        "add".as_ref(),
        name.as_ref(),
        "--data".as_ref(),
        data.as_ref(),
        "--password-file".as_ref(),
        file.path().as_ref(),
    ];
    let output = run_program(words, b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Which clients connect over TLS.
struct UsesTls {
    settings: Arc<ClientConfig>,
    /// One in so many.
    every: usize,
    connections: AtomicUsize,
}

/// A running server with a data folder of its own, killed when dropped.
pub(crate) struct Server {
    child: Child,
    listeners: Vec<(String, SocketAddr)>,
    launcher: Vec<String>,
    arguments: Vec<String>,
    data: PathBuf,
    /// Set where clients connect over TLS.
    tls: Option<UsesTls>,
    /// Kept while the server may be restarted.
    _folder: Option<TempDir>,
}

impl Server {
    /// Starts a server that speaks all protocols, each on a free port.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The same with more arguments.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        Self::begin(Some(folder), &[], &data, arguments)
    }

    /// A server in a folder that the test keeps.
    pub(crate) fn in_folder(data: &Path, arguments: &[&str]) -> Self {
        Self::through(&[], data, arguments)
    }

    /// The same through a launcher, which must execute the program that its
    /// arguments name.
    pub(crate) fn through(launcher: &[String], data: &Path, arguments: &[&str]) -> Self {
        Self::begin(None, launcher, data, arguments)
    }

    fn begin(
        folder: Option<TempDir>,
        launcher: &[String],
        data: &Path,
        arguments: &[&str],
    ) -> Self {
        let launcher = launcher.to_vec();
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let (child, listeners) = launch(&mut command_through(&launcher, data, &arguments));
        Self {
            child,
            listeners,
            launcher,
            arguments,
            data: data.to_path_buf(),
            tls: None,
            _folder: folder,
        }
    }

    /// Starts it again, after [`kill`](Self::kill) or [`stop`](Self::stop), on
    /// new ports.
    pub(crate) fn restart(&mut self) {
        let mut command = command_through(&self.launcher, &self.data, &self.arguments);
        (self.child, self.listeners) = launch(&mut command);
    }

    /// Replaces its last argument, for the next start.
    pub(crate) fn set_last_argument(&mut self, argument: &str) {
        self.arguments.pop();
        self.arguments.push(argument.to_owned());
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn address(&self, protocol: &str) -> SocketAddr {
        let found = self.listeners.iter().find(|(name, _)| name == protocol);
        found.unwrap_or_else(|| panic!("no listener for {protocol}")).1
    }

    /// The addresses of all listeners of this name.
    pub(crate) fn addresses(&self, listener: &str) -> Vec<SocketAddr> {
        let found = self.listeners.iter().filter(|(name, _)| name == listener);
        found.map(|(_, address)| *address).collect()
    }

    pub(crate) fn connect(&self, protocol: &str) -> Client {
        match self.next_place(protocol) {
            (address, Some(tls)) => Client::connect_tls(address, tls),
            (address, None) => Client::connect(address),
        }
    }

    /// Where the next client of a protocol connects, and with what, if over TLS.
    pub(crate) fn next_place(&self, protocol: &str) -> (SocketAddr, Option<&Arc<ClientConfig>>) {
        let tls = self.tls.as_ref().filter(|tls| {
            tls.connections.fetch_add(1, Ordering::Relaxed).is_multiple_of(tls.every)
        });
        match tls {
            Some(tls) => (self.address(&format!("{protocol}+tls")), Some(&tls.settings)),
            None => (self.address(protocol), None),
        }
    }

    /// From now on clients connect over TLS.
    pub(crate) fn use_tls(&mut self, settings: Arc<ClientConfig>) {
        self.share_tls(settings, 1);
    }

    /// From now on one client in so many connects over TLS.
    pub(crate) fn share_tls(&mut self, settings: Arc<ClientConfig>, every: usize) {
        self.tls = Some(UsesTls { settings, every, connections: AtomicUsize::new(0) });
    }

    /// A client of `mailbox`, logged in.
    pub(crate) fn log_in(&self, name: &str) -> Client {
        let mut client = self.connect("mailbox");
        client.send(&format!("LOGIN {name}\n"));
        client.line().parse::<u32>().expect("the answer to LOGIN is a number");
        client
    }

    /// Asks the server to stop and waits until it has.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// Kills the server.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the server to end by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_for(&mut self.child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command that starts a server, on free ports unless the arguments name
/// listeners.
pub(crate) fn command(data: &Path, arguments: &[String]) -> Command {
    command_through(&[], data, arguments)
}

/// The same, through a launcher.
pub(crate) fn command_through(launcher: &[String], data: &Path, arguments: &[String]) -> Command {
    let mut command = match launcher {
        [] => Command::new(program()),
        [launcher, its_arguments @ ..] => {
            let mut command = Command::new(launcher);
            command.args(its_arguments).arg(program());
            command
        }
    };
    // The server refuses unknown variables.
    for variable in TEST_VARIABLES {
        command.env_remove(variable);
    }
    command.arg("serve").arg("--data").arg(data);
    if !arguments.iter().any(|argument| argument.starts_with("--listen")) {
        for protocol in Protocol::all() {
            command.arg(format!("--listen={}=127.0.0.1:0", protocol.name));
        }
    }
    command.args(arguments);
    command
}

/// Starts a server and waits until it is ready; returns its listeners.
pub(crate) fn launch(command: &mut Command) -> (Child, Vec<(String, SocketAddr)>) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut listeners = Vec::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    loop {
        let mut line = String::new();
        assert!(output.read_line(&mut line).unwrap() > 0, "the server ended before it was ready");
        let Some((protocol, address)) = line.trim_end().split_once(' ') else {
            assert_eq!(line, "ready\n");
            return (child, listeners);
        };
        listeners.push((protocol.to_owned(), address.parse().unwrap()));
    }
}

/// Waits for a process to end, no longer than [`PATIENCE`].
pub(crate) fn wait_for(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(begun.elapsed() < PATIENCE, "the process does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The one child of a process: the server that `strace` runs.
pub(crate) fn only_child(parent: u32) -> Pid {
    let children = format!("/proc/{parent}/task/{parent}/children");
    let children = std::fs::read_to_string(children).unwrap();
    Pid::from_raw(children.trim().parse().expect("it has one child")).unwrap()
}

/// A seeded random generator (`SplitMix64`).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// An index into a list of this length.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}
