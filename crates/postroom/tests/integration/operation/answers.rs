//! Each command that asks a running server: on one, on a folder, with wrong arguments, without
//! rights, and where the server stops in the middle or is none.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use rustix::process::geteuid;
use tempfile::TempDir;

use crate::harness::chat::{read_greeting, set_name};
use crate::harness::support::{Server, program, run_program, without_user};

/// All commands that ask a running server; `{}` is a folder for their files.
const COMMANDS: &[&str] = &[
    "account add ann --password-file {}/secret",
    "account passwd ann --password-file {}/secret",
    "account remove-password ann",
    "account rename ann anna",
    "account delete ann",
    "account release ann",
    "account block ann bob",
    "account unblock ann bob",
    "account blocked ann",
    "account list",
    "account list --json",
    "account export ann",
    "account export ann --output {}/ann.jsonl",
    "account import {}/eve.jsonl --password-file {}/secret",
    "channel list",
    "channel delete rust",
    "status",
    "sessions",
    "kick ann",
    "reload",
    "log-level debug",
    "backup {}/backup.db",
    "ban ann",
    "unban ann",
    "bans",
    "check",
    "check --json",
];

/// The commands that ask none.
const OTHERS: &[&str] = &[
    "serve", "config", "restore", "cert", "mail", "send", "read", "im", "chat", "board", "tail",
    "post", "history", "help",
];

/// An export without messages.
const EXPORT: &str = "{\"type\":\"account\",\"version\":1,\"account\":\"eve\",\"has_password\":true,\
         \"time\":\"2026-01-01T00:00:00Z\"}\n\
         {\"type\":\"end\",\"blocks\":0,\"messages\":0,\"sent\":0,\"posts\":0,\"damaged\":0}\n";

/// What answers each request in a data folder in place of a server.
struct FakeServer {
    folder: TempDir,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FakeServer {
    fn answering(answer: &'static [u8]) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = UnixListener::bind(folder.path().join("postroom.sock")).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let mut stream = stream.unwrap();
                let mut request = [0; 8_192];
                // One that only looks whether somebody is there says nothing.
                if stream.read(&mut request).is_ok_and(|bytes| bytes > 0) {
                    let _ = stream.write_all(answer);
                }
            }
        });
        Self { folder, is_over, thread: Some(thread) }
    }

    fn data(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = std::os::unix::net::UnixStream::connect(self.folder.path().join("postroom.sock"));
        let _ = self.thread.take().unwrap().join();
    }
}

/// Runs a command against a server; it must fail. Returns what it says.
fn failure(server: &FakeServer, command: &str) -> String {
    let files = files();
    let command = command.replace("{}", files.path().to_str().unwrap());
    let words = command.split(' ').chain(["--data", server.data().to_str().unwrap()]);
    let output = run_program(words, b"");
    let (stdout, stderr) =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).into();
    assert_eq!(output.status.code(), Some(1), "{command}: {stdout}{stderr}");
    // A list may have begun with its header.
    let is_list = ["account list", "channel list", "sessions", "bans"]
        .iter()
        .any(|list| command.starts_with(list));
    assert!(stdout.lines().count() <= usize::from(is_list), "{command}: {stdout}");
    assert_eq!(stderr.lines().count(), 1, "{command}: {stderr}");
    assert!(stderr.starts_with("postroom: "), "{command}: {stderr}");
    let left: BTreeSet<_> =
        fs::read_dir(files.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["eve.jsonl", "secret"].map(Into::into).into(), "{command}");
    stderr
}

#[test]
fn a_server_that_stops_in_the_middle_is_told_of_by_each_command() {
    let socket = |server: &FakeServer| server.data().join("postroom.sock").display().to_string();
    let no_server = ["no Postroom server"].as_slice();
    let ended = ["has ended before its answer was whole", "has ended in the middle"].as_slice();
    let answers: [(&[u8], &[&str]); 7] = [
        (b"", ended),
        (b"HTTP/1.1 200 OK\r\nConte", ended),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.sqlite3\r\n\
              Content-Length: 100\r\n\r\n{\"accounts\":[",
            ended,
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", no_server),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[]\n", no_server),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found", no_server),
        (
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 68\r\n\r\n\
              {\"status\":503,\"problem\":\"busy\",\"detail\":\"it has too much to do now\"}",
            &["it has too much to do now"],
        ),
    ];
    for (answer, said) in answers {
        let server = FakeServer::answering(answer);
        for command in COMMANDS {
            let error = failure(&server, command);
            let is_said = said.iter().any(|words| error.contains(words));
            assert!(is_said, "{}: {command}: {error}", String::from_utf8_lossy(answer));
            assert!(
                error.contains(&socket(&server)) || said == ["it has too much to do now"],
                "{command}: {error}"
            );
        }
    }
}

#[test]
fn the_table_has_every_command() {
    let listed = |words: &[&str]| {
        let help = String::from_utf8(run_program(words, b"").stdout).unwrap();
        let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
        let named = commands.lines().filter(|line| !line.starts_with("   "));
        named.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let is_in_table = |command: &str| {
        COMMANDS.iter().any(|line| {
            line.strip_prefix(command).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        })
    };
    for command in listed(&["--help"]) {
        assert!(is_in_table(&command) != OTHERS.contains(&command.as_str()), "{command}");
    }
    for group in ["account", "channel"] {
        for command in listed(&[group, "--help"]) {
            assert!(command == "help" || is_in_table(&format!("{group} {command}")), "{command}");
        }
    }
}

/// The commands that only a running server can carry out.
const OF_SERVER: &[&str] = &["status", "sessions", "kick ", "reload", "log-level "];

/// Files that the commands of the table read and write.
fn files() -> TempDir {
    let files = TempDir::new().unwrap();
    fs::write(files.path().join("secret"), "secret\n").unwrap();
    fs::write(files.path().join("eve.jsonl"), EXPORT).unwrap();
    files
}

/// Runs a command of the table for a data folder; returns its status and what it says.
fn run(command: &mut Command, line: &str, files: &Path, data: &Path) -> (Option<i32>, [String; 2]) {
    let line = line.replace("{}", files.to_str().unwrap());
    let output = without_user(command)
        .args(line.split(' '))
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let texts = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code(), texts)
}

#[test]
fn each_command_works_on_a_server_and_on_a_folder_or_says_that_it_does_not() {
    for is_running in [true, false] {
        for line in COMMANDS {
            let mut server = Server::start();
            let mut ann = server.log_in("ann");
            assert_eq!(ann.compose("ann", "hello"), "MESSAGE SENT");
            let mut chat = server.connect("chat");
            read_greeting(&mut chat);
            set_name(&mut chat, "bob");
            assert_eq!(chat.ask("/say #rust hi"), "Said in #rust.");
            let prepare = |words: &[&str]| {
                let data = server.data().to_str().unwrap();
                let output =
                    run_program(words.iter().copied().chain(["--data", data]), b"secret\n");
                assert!(output.status.success(), "{words:?}");
            };
            match *line {
                "account release ann" => {
                    prepare(&["account", "passwd", "ann"]);
                    prepare(&["account", "delete", "ann"]);
                }
                "account block ann bob" | "account unblock ann bob" => {
                    prepare(&["account", "passwd", "ann"]);
                }
                "unban ann" => prepare(&["ban", "ann"]),
                line if line.starts_with("account add ann") => {
                    prepare(&["account", "delete", "ann"]);
                }
                _ => {}
            }
            if !is_running {
                // A stop waits for clients to go.
                drop((ann, chat));
                assert!(server.stop().success());
            }
            let files = files();
            let (status, [told, error]) =
                run(&mut Command::new(program()), line, files.path(), server.data());
            if !is_running && OF_SERVER.iter().any(|of| line.starts_with(of)) {
                assert_eq!((status, told.as_str()), (Some(1), ""), "{line}");
                assert!(error.starts_with("postroom: no server runs in "), "{line}: {error}");
                assert_eq!(error.lines().count(), 1, "{line}: {error}");
            } else {
                assert_eq!(status, Some(0), "{line}: {told}{error}");
                // Beside an export on standard output is told what it came to.
                let is_beside = *line == "account export ann";
                assert_eq!(error.lines().count(), usize::from(is_beside), "{line}: {error}");
                assert!(!told.is_empty(), "{line} has said nothing");
            }
        }
    }
}

#[test]
fn each_command_refuses_what_it_does_not_know() {
    let data = TempDir::new().unwrap();
    for line in COMMANDS {
        for wrong in ["--no-such-option", "--data"] {
            let line = format!("{line} {wrong}");
            let (status, [told, error]) =
                run(&mut Command::new(program()), &line, files().path(), data.path());
            assert_eq!((status, told.as_str()), (Some(2), ""), "{line}");
            assert!(error.contains("--help"), "{line}: {error}");
        }
    }
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0, "nothing was made there");
}

/// Only root can become somebody else; for others the mode of the socket stands in.
#[test]
fn each_command_is_refused_to_other_users() {
    let server = Server::start();
    for folder in [server.data(), server.data().parent().unwrap()] {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    }
    if !geteuid().is_root() {
        let socket = server.data().join("postroom.sock");
        fs::set_permissions(socket, Permissions::from_mode(0o0)).unwrap();
    }
    for line in COMMANDS {
        let files = files();
        for place in [files.path().to_path_buf(), files.path().join("secret")] {
            fs::set_permissions(place, Permissions::from_mode(0o777)).unwrap();
        }
        let mut command = Command::new(program());
        if geteuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        let (status, [told, error]) = run(&mut command, line, files.path(), server.data());
        assert_eq!((status, error.lines().count()), (Some(1), 1), "{line}: {told}{error}");
        assert!(error.contains("only the user who runs the server"), "{line}: {error}");
        assert!(!error.contains("secret\n"), "{line}: {error}");
    }
}
