//! The service of systemd in `contrib`, as far as it can be tried without systemd as the
//! first process: what `systemd-analyze` says of it, its command line, and the server's
//! system calls against its filter.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use postroom_protocol::PROTOCOLS;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::harness::im::{CONNECTED, LOGGED_IN, login, port_of};
use crate::harness::logged::{line, passwords, write_passwords};
use crate::harness::strace::{SystemCall, TracedServer};
use crate::harness::support::{Client, launch, need, program, wait_for};

const SETTINGS: &str = "/etc/postroom.toml";

/// What `systemd-analyze security` may find at most, of 10.
const EXPOSURE_MAX: f64 = 2.0;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn unit() -> String {
    fs::read_to_string(root().join("contrib/systemd/postroom.service")).unwrap()
}

/// The values of a key of the unit.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    let lines = unit.lines().filter_map(|line| line.split_once('='));
    lines.filter(|(name, _)| *name == key).map(|(_, value)| value).collect()
}

fn value<'a>(unit: &'a str, key: &str) -> &'a str {
    let values = values(unit, key);
    assert_eq!(values.len(), 1, "{key}: {values:?}");
    values[0]
}

fn analyze(words: &[&str]) -> Output {
    need("systemd-analyze", "systemd");
    Command::new("systemd-analyze").args(words).output().unwrap()
}

#[test]
fn the_service_is_exposed_to_little() {
    let unit = root().join("contrib/systemd/postroom.service");
    let output = analyze(&["security", "--no-pager", "--offline=yes", unit.to_str().unwrap()]);
    let report = String::from_utf8_lossy(&output.stdout);
    let level = report.split("Overall exposure level for postroom.service: ").nth(1);
    let level = level.and_then(|level| level.split(' ').next()).unwrap_or_default();
    assert!(level.parse::<f64>().is_ok_and(|level| level < EXPOSURE_MAX), "{report}");
}

#[test]
fn systemd_understands_each_line_of_the_service() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("postroom.service");
    let here = unit().replace("/usr/local/bin/postroom", program().to_str().unwrap());
    fs::write(&file, here).unwrap();
    let output = analyze(&["verify", "--man=no", file.to_str().unwrap()]);
    // What it says of services of this machine is of no interest.
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<_> = said.lines().filter(|line| line.contains("postroom.service")).collect();
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn the_command_of_the_service_starts_reloads_and_stops_the_server() {
    let folder = TempDir::new().unwrap();
    let settings = folder.path().join("postroom.toml");
    let text =
        format!("data = {:?}\nlisten = [\"chat=127.0.0.1:0\"]\n", folder.path().join("data"));
    fs::write(&settings, text).unwrap();
    let unit = unit();
    let mut words = value(&unit, "ExecStart").split(' ');
    assert_eq!(words.next(), Some("/usr/local/bin/postroom"));
    let words: Vec<_> = words.collect();
    assert!(words.contains(&SETTINGS), "{words:?}");
    let words = words.into_iter().map(|word| match word {
        SETTINGS => settings.to_str().unwrap(),
        word => word,
    });
    let (mut server, listeners) = launch(Command::new(program()).args(words));
    let pid = Pid::from_child(&server);
    assert_eq!(value(&unit, "ExecReload"), "/bin/kill -HUP $MAINPID");
    kill_process(pid, Signal::HUP).unwrap();
    let mut client = Client::connect(listeners[0].1);
    assert!(client.line().starts_with("Welcome"));
    drop(client);
    kill_process(pid, Signal::TERM).unwrap();
    assert!(wait_for(&mut server).success());
}

/// What it tells systemd: `operation::service_manager`.
#[test]
fn systemd_waits_until_the_server_is_ready() {
    assert_eq!(value(&unit(), "Type"), "notify");
}

#[test]
fn the_socket_of_systemd_opens_the_default_listeners() {
    let file = root().join("contrib/systemd/postroom.socket");
    let text = fs::read_to_string(&file).unwrap();
    let defaults: Vec<_> =
        PROTOCOLS.iter().map(|protocol| protocol.default_address().to_string()).collect();
    assert_eq!(values(&text, "ListenStream"), defaults);
    let folder = TempDir::new().unwrap();
    let here = unit().replace("/usr/local/bin/postroom", program().to_str().unwrap());
    fs::write(folder.path().join("postroom.service"), here).unwrap();
    fs::copy(&file, folder.path().join("postroom.socket")).unwrap();
    let socket = folder.path().join("postroom.socket");
    let output = analyze(&["verify", "--man=no", socket.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("postroom"), "{said}");
}

#[test]
fn the_limits_of_the_service_are_beyond_those_of_the_server() {
    let unit = unit();
    let settings = fs::read_to_string(root().join("docs/postroom.toml")).unwrap();
    let settings: toml::Table = settings.parse().unwrap();
    let setting = |table: &str, key: &str| settings[table][key].as_integer().unwrap();
    let limit = |key| value(&unit, key).parse::<i64>().unwrap();
    assert!(limit("TimeoutStopSec") * 1000 > 2 * setting("stop", "limit_ms"));
    assert!(limit("LimitNOFILE") > 2 * setting("connection", "max"));
    // A hanging disk is given up by the kernel first, and a stop by its own limit.
    let minutes = value(&unit, "WatchdogSec").strip_suffix("min").unwrap().parse::<i64>().unwrap();
    assert!(minutes * 60 > limit("TimeoutStopSec") && minutes * 60 > 6 * 30);
}

/// The system calls of a server with a login, a delivered message, a changed password and a
/// dialled client.
fn calls() -> Vec<SystemCall> {
    let folder = TempDir::new().unwrap();
    write_passwords(&passwords(folder.path()), &line("jacky"));
    let file = format!("--passwords={}", passwords(folder.path()).display());
    let server = TracedServer::start(folder.path(), &[], &[&file]);
    let mut chat = Client::connect(server.address("chat"));
    chat.line();
    for line in ["/pass one", "/setname ann", "/passwd one two", "/send bob hi"] {
        chat.ask(line);
    }
    let mut im = Client::connect(server.address("im"));
    assert_eq!(im.ask(&login("jacky")), LOGGED_IN);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(im.ask(&port_of(&listener)), CONNECTED);
    let mut mailbox = Client::connect(server.address("mailbox"));
    mailbox.send("LOGIN bob\nREAD\nEXIT\n");
    assert!(mailbox.rest().contains("hi"));
    server.ask_to_stop();
    let (status, errors, calls) = server.wait();
    assert!(status.success(), "{errors}");
    calls
}

/// The system calls that a word of a filter names.
fn filtered(word: &str) -> BTreeSet<String> {
    if !word.starts_with('@') {
        return [word.to_owned()].into();
    }
    let output = analyze(&["syscall-filter", "--no-pager", word]);
    let text = String::from_utf8(output.stdout).unwrap();
    let words = text.lines().skip(1).map(str::trim).filter(|word| !word.starts_with('#'));
    words.filter(|word| !word.is_empty()).flat_map(filtered).collect()
}

/// The system calls that the unit's filter lets pass.
fn permitted(unit: &str) -> BTreeSet<String> {
    let mut permitted = BTreeSet::new();
    for line in values(unit, "SystemCallFilter") {
        let (denies, words) = line.strip_prefix('~').map_or((false, line), |words| (true, words));
        for call in words.split(' ').flat_map(filtered) {
            if denies {
                permitted.remove(&call)
            } else {
                permitted.insert(call)
            };
        }
    }
    permitted
}

#[test]
fn the_server_makes_no_system_call_that_the_service_forbids() {
    let unit = unit();
    let permitted = permitted(&unit);
    let families: Vec<_> = value(&unit, "RestrictAddressFamilies").split(' ').collect();
    assert_eq!(value(&unit, "MemoryDenyWriteExecute"), "yes");
    let calls = calls();
    for call in ["clone3", "connect", "accept4", "fdatasync", "setpriority"] {
        assert!(calls.iter().any(|found| found.name == call), "{call} was not tried");
    }
    for SystemCall { name, arguments, .. } in &calls {
        // A thread that the end of the process met within a call that strace cannot name.
        if name == "???" {
            continue;
        }
        // As root, SQLite gives its files to the owner of the folder.
        let is_of_root = name == "fchown" && geteuid().is_root();
        assert!(permitted.contains(name) || is_of_root, "{name}({arguments}");
        let family = arguments.split(',').next().unwrap_or_default();
        assert!(name != "socket" || families.contains(&family), "{name}({arguments}");
        // MemoryDenyWriteExecute: a page that can be written cannot be executed, ever.
        let is_executable = arguments.contains("PROT_EXEC");
        let is_mapped_so = name == "mmap" && !arguments.contains("PROT_WRITE");
        assert!(!is_executable || is_mapped_so, "{name}({arguments}");
    }
}
