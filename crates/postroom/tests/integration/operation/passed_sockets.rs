//! Listeners that a service manager has opened: `LISTEN_FDS`, `LISTEN_PID` and
//! `LISTEN_FDNAMES`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::harness::support::{Client, command_through, need, program, wait_for};

/// Opens a socket a word, each as KIND:NAME, and prints their ports. Once it has read a line,
/// it becomes the program that its further arguments name, with the sockets from 3 on.
const ACTIVATOR: &str = r#"
import os, socket, sys
kinds, words = sys.argv[1].split(","), sys.argv[2:]
def opened(kind):
    if kind == "file":
        return open("/dev/null")
    if kind == "unix":
        return socket.socket(socket.AF_UNIX)
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    found.bind(("127.0.0.1", 0))
    if kind == "tcp":
        found.listen(8)
    return found
found = [opened(kind.split(":")[0]) for kind in kinds]
ports = [one.getsockname()[1] if hasattr(one, "getsockname") and one.getsockname() else 0 for one in found]
print(*ports, flush=True)
words += sys.stdin.readline().split()
# First beyond all places, so that none is overwritten.
for number, one in enumerate(found):
    os.dup2(one.fileno(), 100 + number)
for number in range(len(found)):
    os.dup2(100 + number, 3 + number)
    os.close(100 + number)
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
os.environ.setdefault("LISTEN_FDS", str(len(found)))
os.environ.setdefault("LISTEN_FDNAMES", ":".join(kind.split(":")[1] for kind in kinds))
os.execv(words[0], words)
"#;

/// A service manager that has opened sockets, and then becomes the server.
struct Activator {
    child: Child,
    output: BufReader<ChildStdout>,
    addresses: Vec<SocketAddr>,
    folder: TempDir,
}

impl Activator {
    /// Opens sockets, each as KIND:NAME.
    fn open(sockets: &[&str], variables: &[(&str, &str)]) -> Self {
        need("python3", "python3");
        let folder = TempDir::new().unwrap();
        let launcher = ["python3", "-c", ACTIVATOR, &sockets.join(",")].map(str::to_owned);
        let mut command =
            command_through(&launcher, &folder.path().join("data"), &["--listen".to_owned()]);
        // The port of the last listener is given later.
        command.envs(variables.iter().copied());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut ports = String::new();
        output.read_line(&mut ports).unwrap();
        let address = |port: &str| format!("127.0.0.1:{port}").parse().unwrap();
        let addresses = ports.split_ascii_whitespace().map(address).collect();
        Self { child, output, addresses, folder }
    }

    /// Starts the server with these listeners; `{0}` is the address of the first socket.
    fn start(&mut self, listeners: &[&str]) {
        let words: Vec<_> = listeners
            .iter()
            .map(|listener| {
                let addresses = self.addresses.iter().enumerate();
                addresses.fold((*listener).to_owned(), |listener, (number, address)| {
                    listener.replace(&format!("{{{number}}}"), &address.to_string())
                })
            })
            .collect();
        let line = format!("{}\n", words.join(" --listen "));
        self.child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    }

    /// What the server prints before `ready`.
    fn read_until_ready(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "{:?}", self.errors());
            if line == "ready\n" {
                return lines;
            }
            lines.push(line.trim_end().to_owned());
        }
    }

    fn errors(&mut self) -> String {
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        errors
    }

    fn stop(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(wait_for(&mut self.child).success());
        self.errors()
    }

    /// The one sentence with which the server does not start.
    fn refusal(mut self) -> String {
        let status = wait_for(&mut self.child);
        let errors = self.errors();
        assert_eq!(status.code(), Some(1), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(errors.starts_with("postroom: "), "{errors}");
        assert!(!self.folder.path().join("data/postroom.db").exists());
        errors
    }
}

impl Drop for Activator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's ends of the connections to an address, with their timers.
fn server_side(address: SocketAddr) -> String {
    need("ss", "iproute2");
    let port = format!("sport = :{}", address.port());
    let words = ["-H", "-t", "-n", "-o", "state", "established", &port];
    let output = Command::new("ss").args(words).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn connections_that_came_before_the_server_are_answered() {
    let mut manager = Activator::open(&["tcp:mailbox", "tcp:chat"], &[]);
    let [mailbox, chat] = manager.addresses[..] else { panic!() };
    let mut early: Vec<_> = (0..3).map(|_| Client::connect(mailbox)).collect();
    for client in &mut early {
        client.send("LOGIN bob\n");
    }
    let mut talker = Client::connect(chat);
    // In another order, and beside one that the server opens itself.
    manager.start(&["board=127.0.0.1:0", "chat={1}", "mailbox={0}"]);
    let lines = manager.read_until_ready();
    assert_eq!(lines[1..], [format!("chat {chat}"), format!("mailbox {mailbox}")]);
    assert!(lines[0].starts_with("board 127.0.0.1:"), "{lines:?}");
    for client in &mut early {
        assert_eq!(client.line(), "0");
    }
    assert!(talker.line().starts_with("Welcome"));
    // They have not inherited this, since they came before.
    let sockets = server_side(mailbox);
    assert_eq!(sockets.lines().filter(|line| line.contains("timer:(keepalive")).count(), 3);
    assert_eq!(sockets.lines().count(), 3, "{sockets}");
    let mut late = Client::connect(mailbox);
    assert_eq!(late.ask("LOGIN ann"), "0");
    drop((early, talker, late));
    let log = manager.stop();
    let passed = log.lines().filter(|line| line.contains("has opened this listener")).count();
    assert_eq!(passed, 2, "{log}");
}

#[test]
fn the_address_alone_names_a_listener_where_the_socket_has_no_name() {
    for (name, variables) in [
        ("postroom.socket", &[][..]),
        ("", &[]),
        ("unknown", &[]),
        ("mailbox", &[("LISTEN_FDNAMES", "")]),
    ] {
        let mut manager = Activator::open(&[&format!("tcp:{name}")], variables);
        manager.start(&["mailbox={0}"]);
        manager.read_until_ready();
        let mut client = Client::connect(manager.addresses[0]);
        assert_eq!(client.ask("LOGIN ann"), "0", "{name}");
        drop(client);
        manager.stop();
    }
}

#[test]
fn sockets_that_are_of_no_use_stop_the_start_with_one_sentence() {
    for (sockets, listeners, sentence) in [
        (
            &["file:mailbox"][..],
            &["mailbox=127.0.0.1:0"][..],
            "named \"mailbox\" that is no listening TCP",
        ),
        (&["udp:mailbox"], &["mailbox=127.0.0.1:0"], "is no listening TCP"),
        (&["unix:mailbox"], &["mailbox=127.0.0.1:0"], "is no listening TCP"),
        (&["idle:mailbox"], &["mailbox={0}"], "is no listening TCP"),
        (&["tcp:chat"], &["mailbox={0}"], "set FileDescriptorName=mailbox in"),
        (&["tcp:mailbox"], &["mailbox=127.0.0.1:0"], "named \"mailbox\" on {0}, where no listener"),
        (&["tcp:mailbox", "tcp:chat"], &["mailbox={0}"], "named \"chat\" on {1}, where no"),
        (&["tcp:mailbox", "udp:chat"], &["mailbox={0}", "chat={1}"], "named \"chat\" that is no"),
    ] {
        let mut manager = Activator::open(sockets, &[]);
        manager.start(listeners);
        let addresses = manager.addresses.clone();
        let said = manager.refusal();
        let sentence = addresses.iter().enumerate().fold(sentence.to_owned(), |text, (at, is)| {
            text.replace(&format!("{{{at}}}"), &is.to_string())
        });
        assert!(said.contains(&sentence), "{sockets:?} {listeners:?}: {said}");
    }
}

#[test]
fn a_count_that_is_none_stops_the_start_with_one_sentence() {
    for count in ["-1", "many", "", "257", "4294967296"] {
        let mut manager = Activator::open(&["tcp:mailbox"], &[("LISTEN_FDS", count)]);
        manager.start(&["mailbox={0}"]);
        let said = manager.refusal();
        assert!(said.contains("LISTEN_FDS") && said.contains(&format!("\"{count}\"")), "{said}");
    }
    // More than were passed.
    let mut manager = Activator::open(&["tcp:mailbox"], &[("LISTEN_FDS", "40")]);
    manager.start(&["mailbox={0}"]);
    assert!(manager.refusal().contains("named \"unknown\" that is no listening TCP"));
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    for pid in ["1", "", "x"] {
        let mut manager = Activator::open(&["tcp:mailbox"], &[("LISTEN_PID", pid)]);
        manager.start(&["mailbox=127.0.0.1:0"]);
        let lines = manager.read_until_ready();
        assert_ne!(lines, [format!("mailbox {}", manager.addresses[0])]);
        manager.stop();
    }
}

#[test]
fn a_command_that_opens_no_listener_takes_no_sockets() {
    let script = "LISTEN_PID=$$ LISTEN_FDS=many exec \"$0\" config check";
    let output = Command::new("sh").args(["-c", script]).arg(program()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
