//! `postroom serve`, `postroom account`, `postroom check` and `postroom config`: starts,
//! refusals, output and stops.

mod accounts;
mod check;
mod config;
mod log;
mod stop;
mod store;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::harness::support::{Client, Server, command, program, wait_for};

const VERBOSE: &str = "mailbox-verbose";

/// Runs the program until it ends.
fn run(arguments: &[&str], configure: impl FnOnce(&mut Command)) -> Output {
    let mut command = Command::new(program());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    configure(&mut command);
    let mut child = command.spawn().unwrap();
    let status = wait_for(&mut child);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
    child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
    Output { status, stdout, stderr }
}

/// Checks that the program writes one sentence and nothing else, and exits with 1;
/// returns the sentence.
fn refusal(arguments: &[&str], configure: impl FnOnce(&mut Command)) -> String {
    let output = run(arguments, configure);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
    assert!(stderr.starts_with("postroom: ") && stderr.ends_with('\n'), "{stderr}");
    assert!(!stderr.contains("Error {") && !stderr.contains("Os {"), "{stderr}");
    stderr.trim_end().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A data folder that does not exist yet, in a temporary folder.
fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    (folder, data)
}

/// A server whose standard output and standard error are captured.
struct CapturedServer {
    child: Child,
    stdout: String,
}

impl CapturedServer {
    fn start(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut server = Self { child, stdout: String::new() };
        server.read_until_ready();
        server
    }

    fn read_until_ready(&mut self) {
        let stdout = self.child.stdout.as_mut().unwrap();
        let mut byte = [0];
        while !self.stdout.ends_with("ready\n") {
            assert_eq!(stdout.read(&mut byte).unwrap(), 1, "ended after {:?}", self.stdout);
            self.stdout.push(char::from(byte[0]));
        }
    }

    fn address(&self, protocol: &str) -> &str {
        let listener = self.stdout.lines().find_map(|line| line.split_once(' '));
        let (name, address) = listener.unwrap();
        assert_eq!(name, protocol);
        address
    }

    /// Stops it and returns its standard output and standard error.
    fn stop(mut self) -> (String, String) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(wait_for(&mut self.child).success());
        self.child.stdout.take().unwrap().read_to_string(&mut self.stdout).unwrap();
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (std::mem::take(&mut self.stdout), stderr)
    }
}

impl Drop for CapturedServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn standard_output_is_one_line_a_listener_and_ready() {
    let (_folder, data) = folder();
    let listeners = [
        "--listen=mailbox-verbose=127.0.0.1:0",
        "--listen=mailbox=127.0.0.1:0",
        "--listen=mailbox=localhost:0",
    ];
    let server = CapturedServer::start(&mut command(&data, &listeners.map(str::to_owned)));
    let mut client = Client::connect(server.address(VERBOSE).parse().unwrap());
    assert_eq!(client.ask("HELP"), "UNKNOWN COMMAND");
    drop(client);
    let (stdout, _) = server.stop();
    let lines: Vec<_> = stdout.lines().collect();
    let [first, second, third, "ready"] = lines[..] else { panic!("{stdout}") };
    for (line, protocol) in [(first, VERBOSE), (second, "mailbox"), (third, "mailbox")] {
        let (name, address) = line.split_once(' ').unwrap();
        assert_eq!(name, protocol);
        let address: std::net::SocketAddr = address.parse().unwrap();
        assert!(address.ip().is_loopback() && address.port() != 0, "{line}");
    }
}

#[test]
fn a_port_in_use_is_reported_in_one_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (_folder, data) = folder();
    let listen = format!("mailbox={address}");
    let sentence = refusal(&["serve", "--data", text(&data), "--listen", &listen], |_| {});
    assert!(sentence.contains(&address) && sentence.contains("--listen"), "{sentence}");
}

#[test]
fn a_folder_that_cannot_be_written_is_reported_in_one_sentence() {
    let (folder, data) = folder();
    // A file in place of the folder stops even root.
    fs::write(&data, "").unwrap();
    let sentence = refusal(&serve_in(&data), |_| {});
    assert!(sentence.contains(text(&data)) && sentence.contains("--data"), "{sentence}");
    let below = data.join("further");
    let sentence = refusal(&serve_in(&below), |_| {});
    assert!(sentence.contains(text(&below)), "{sentence}");
    let read_only = folder.path().join("read-only");
    fs::create_dir(&read_only).unwrap();
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(read_only.join("probe"), "").is_err() {
        let sentence = refusal(&serve_in(&read_only), |_| {});
        assert!(sentence.contains(text(&read_only)), "{sentence}");
    }
}

fn serve_in(data: &Path) -> [&str; 5] {
    ["serve", "--data", text(data), "--listen", "mailbox=127.0.0.1:0"]
}

#[test]
fn a_listener_that_is_none_is_reported_in_one_sentence() {
    let (_folder, data) = folder();
    for (listener, named) in [
        ("gopher=127.0.0.1:0", "mailbox-verbose"),
        ("mailbox", "PROTOCOL="),
        ("mailbox=127.0.0.1", "mailbox=127.0.0.1"),
        ("mailbox=127.0.0.1:66000", "66000"),
        ("=127.0.0.1:0", "mailbox"),
        ("mailbox=192.0.2.1:4401", "192.0.2.1:4401"),
    ] {
        let arguments = ["serve", "--data", text(&data), "--listen", listener];
        let sentence = refusal(&arguments, |_| {});
        assert!(sentence.contains(named), "{listener}: {sentence}");
    }
}

#[test]
fn a_listener_that_is_none_is_reported_in_one_sentence_with_an_example() {
    let (_folder, data) = folder();
    for listener in ["4401", "mailbox=4401", "mailbox=127.0.0.1:99999", "mailbox=127.0.0.1"] {
        let sentence = refusal(&["serve", "--data", text(&data), "--listen", listener], |_| {});
        assert!(sentence.contains(listener), "{sentence}");
        assert!(sentence.contains("mailbox=127.0.0.1:4401"), "{sentence}");
    }
}

#[test]
fn a_setting_that_is_none_is_reported_in_one_sentence() {
    let (_folder, data) = folder();
    for (setting, named) in [
        ("mailbox.size=1", "mailbox.size"),
        ("mailbox.capacity", "KEY=VALUE"),
        ("mailbox.capacity=many", "whole number"),
        ("mailbox.capacity=0", "mailbox.capacity"),
        ("mailbox.capacity=-1", "capacity"),
        ("mailbox.capacity=99999999999", "capacity"),
        ("mailbox=1", "mailbox"),
        ("proof=faith", "proof"),
        ("log.level=loud", "log.level"),
        ("connection.line_bytes_max=100000", "line_bytes_max"),
        ("mailbox.per_sender_percent=0", "per_sender_percent"),
        ("mailbox.per_sender_percent=101", "per_sender_percent"),
        ("mailbox.keep_read_max=5", "keep_read_days"),
        ("mailbox.keep_read_days=5", "keep_read_max"),
        ("mailbox.keep_read_max=1000001", "keep_read_max"),
        ("connection.max=0", "connection.max"),
        ("=1", "setting"),
    ] {
        let arguments = [&serve_in(&data)[..], &["--set", setting]].concat();
        let sentence = refusal(&arguments, |_| {});
        assert!(sentence.contains(named), "{setting}: {sentence}");
    }
    let sentence = refusal(&serve_in(&data), |command| {
        command.env("POSTROOM_MAILBOX_CAPACITY", "many");
    });
    assert!(sentence.contains("POSTROOM_MAILBOX_CAPACITY"), "{sentence}");
}

#[test]
fn a_bad_file_of_settings_is_reported_in_one_sentence_with_its_line() {
    let (folder, data) = folder();
    let file = folder.path().join("postroom.toml");
    let arguments = [&serve_in(&data)[..], &["--config", text(&file)]].concat();
    let sentence = refusal(&arguments, |_| {});
    assert!(sentence.contains(text(&file)), "{sentence}");
    for contents in [
        "[mailbox]\ncapacity = \n",
        "[mailbox]\ncapacity = \"many\"\n",
        "[mailbox]\nsize = 3\n",
        "[mailbox]\ncapacity = -1\n",
    ] {
        fs::write(&file, contents).unwrap();
        let sentence = refusal(&arguments, |_| {});
        assert!(sentence.contains(text(&file)) && sentence.contains("line 2"), "{sentence}");
    }
    fs::write(&file, "[mailbox]\ncapacity = 0\n").unwrap();
    assert!(refusal(&arguments, |_| {}).contains("mailbox.capacity"));
    fs::write(&file, [0xff, 0xfe]).unwrap();
    assert!(refusal(&arguments, |_| {}).contains(text(&file)));
}

#[test]
fn a_store_that_is_none_is_reported_in_one_sentence_and_left_alone() {
    let (_folder, data) = folder();
    fs::create_dir(&data).unwrap();
    let foreign = "someone else's file, quite long enough to be no database at all".repeat(20);
    fs::write(data.join("postroom.db"), &foreign).unwrap();
    let sentence = refusal(&serve_in(&data), |_| {});
    assert!(sentence.contains("postroom.db"), "{sentence}");
    assert_eq!(fs::read_to_string(data.join("postroom.db")).unwrap(), foreign);
}

#[test]
fn errors_of_usage_end_with_2() {
    let usage: &[&[&str]] = &[
        &[],
        &["serve", "--bogus"],
        &["serve", "--capacity", "many"],
        &["serve", "--log-format", "xml"],
        &["serve", "stray"],
        &["bogus"],
        &["account"],
        &["account", "add"],
        &["account", "drop", "bob"],
        &["config"],
        &["config", "check", "--json"],
        &["config", "show", "--bogus"],
    ];
    for arguments in usage {
        let output = run(arguments, |_| {});
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["serve", "--help"]] {
        let output = run(arguments, |_| {});
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}");
    }
}

/// How many messages a server with these arguments takes for one mailbox.
fn capacity(data: &Path, arguments: &[&str], variable: Option<&str>) -> usize {
    let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let mut command = command(data, &arguments);
    if let Some(value) = variable {
        command.env("POSTROOM_MAILBOX_CAPACITY", value);
    }
    let server = CapturedServer::start(&mut command);
    let mut client = Client::connect(server.address("mailbox").parse().unwrap());
    let name = format!("n{}", arguments.len() + 10 * usize::from(variable.is_some()));
    client.ask(&format!("LOGIN {name}"));
    let mut taken = 0;
    while client.compose(&name, "fill") == "MESSAGE SENT" {
        taken += 1;
    }
    taken
}

#[test]
fn the_command_line_overrides_the_environment_and_that_the_file() {
    let (folder, data) = folder();
    let file = folder.path().join("postroom.toml");
    fs::write(&file, "[mailbox]\ncapacity = 2\n").unwrap();
    let config = format!("--config={}", text(&file));
    let set = "--set=mailbox.capacity=4";
    assert_eq!(capacity(&data, &[&config], None), 2);
    assert_eq!(capacity(&data, &[&config], Some("3")), 3);
    assert_eq!(capacity(&data, &[&config, set], Some("3")), 4);
    assert_eq!(capacity(&data, &[&config, set, "--capacity=5"], Some("3")), 5);
    assert_eq!(capacity(&data, &[], None), 100);
}

#[test]
fn listeners_and_the_folder_may_come_from_the_file() {
    let (folder, data) = folder();
    let file = folder.path().join("postroom.toml");
    let listen = "listen = [\"mailbox=127.0.0.1:0\"]";
    fs::write(&file, format!("data = \"{}\"\n{listen}\n", text(&data))).unwrap();
    let mut command = Command::new(program());
    command.args(["serve", "--config", text(&file)]);
    let server = CapturedServer::start(&mut command);
    assert_eq!(server.stdout.lines().count(), 2);
    server.address("mailbox");
    assert!(data.join("postroom.db").exists());
    server.stop();
}

#[test]
fn a_second_server_in_one_folder_is_refused_and_the_first_goes_on() {
    let server = Server::start();
    let sentence = refusal(&serve_in(server.data()), |_| {});
    assert!(sentence.contains("in use") && sentence.contains(text(server.data())), "{sentence}");
    assert_eq!(server.log_in("bob").compose("bob", "hello"), "MESSAGE SENT");
}

#[test]
fn the_data_folder_is_for_its_owner_alone() {
    let server = Server::start();
    let mode = fs::metadata(server.data()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn the_log_is_an_object_a_line_where_that_is_wanted() {
    let (_folder, data) = folder();
    let server = CapturedServer::start(&mut command(&data, &["--log-format=json".to_owned()]));
    let (stdout, stderr) = server.stop();
    assert!(stdout.ends_with("ready\n"));
    assert!(stderr.lines().count() >= 2, "{stderr}");
    for line in stderr.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["level"].is_string() && event["message"].is_string(), "{line}");
    }
    let (_folder, data) = self::folder();
    let server = CapturedServer::start(&mut command(&data, &["--set=log.level=error".to_owned()]));
    assert_eq!(server.stop().1, "");
}

fn script(name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(name);
    let mut command = Command::new(path);
    command.env("POSTROOM", program());
    command
}

#[test]
fn the_script_opens_the_server_to_the_address_that_it_is_given() {
    for (arguments, address) in [
        (&["0"][..], "127.0.0.1:"),
        (&["0", "0.0.0.0"], "0.0.0.0:"),
        (&["0", "::1", "--capacity=5"], "[::1]:"),
        (&["0", "[::]"], "[::]:"),
    ] {
        let (_folder, data) = folder();
        let mut start = script("startServer.sh");
        start.args(arguments).args(["--data", text(&data)]);
        let server = CapturedServer::start(&mut start);
        assert!(server.address(VERBOSE).starts_with(address), "{arguments:?}: {}", server.stdout);
        server.stop();
    }
}

#[test]
fn the_scripts_start_a_server_and_a_client() {
    let (_folder, data) = folder();
    let mut start = script("startServer.sh");
    start.args(["0", "--data", text(&data)]);
    let server = CapturedServer::start(&mut start);
    assert_eq!(server.stdout.lines().count(), 2);
    let (host, port) = server.address(VERBOSE).split_once(':').unwrap();
    let mut client = script("startClient.sh");
    client.args([host, port]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut client = client.spawn().unwrap();
    client.stdin.take().unwrap().write_all(b"bob\nEXIT\n").unwrap();
    let mut said = String::new();
    client.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(wait_for(&mut client).success());
    assert!(said.contains("Login successful with new username. Welcome bob"), "{said}");
    server.stop();
    for (name, arguments) in [
        ("startServer.sh", &[][..]),
        ("startServer.sh", &["http"]),
        ("startClient.sh", &[]),
        ("startClient.sh", &["localhost"]),
        ("startClient.sh", &["localhost", "http"]),
    ] {
        let output = script(name).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name} {arguments:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("usage"), "{name}");
    }
}
