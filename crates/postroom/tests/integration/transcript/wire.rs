//! The stage over TCP: the program itself.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Stage, Transcript};
use crate::support::{Client, Server, program};

/// A server and the clients that are connected to it.
pub(crate) struct Wire {
    server: Server,
    protocols: BTreeMap<String, String>,
    protocol: String,
    clients: BTreeMap<String, Client>,
    /// Who listens, for the second stream.
    listening: BTreeMap<String, TcpListener>,
    /// A step of the clock whose effect no one has waited for.
    pause: Option<Duration>,
    _folder: TempDir,
}

impl Wire {
    pub(crate) fn start(transcript: &Transcript) -> Self {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        for (name, password) in &transcript.accounts {
            add_account(&data, name, password);
        }
        let mut arguments: Vec<String> =
            transcript.settings.iter().map(|(key, value)| format!("--set={key}={value}")).collect();
        if !transcript.has_pauses() && transcript.setting("connection.pause_ms").is_none() {
            // No pause is wanted, however slow the machine is.
            arguments.push("--set=connection.pause_ms=60000".to_owned());
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        Self {
            server: Server::in_folder(&data, &arguments),
            protocols: BTreeMap::new(),
            protocol: transcript.protocol().to_owned(),
            clients: BTreeMap::new(),
            listening: BTreeMap::new(),
            pause: None,
            _folder: folder,
        }
    }

    /// Where an answer is due, the clock is waited for by that answer; where none
    /// is, the time has to pass, and a little more.
    fn let_time_pass(&mut self) {
        if let Some(time) = self.pause.take() {
            std::thread::sleep(time + Duration::from_millis(50));
        }
    }

    fn client(&mut self, name: &str) -> &mut Client {
        if !self.clients.contains_key(name) {
            let client = self.connect(name);
            self.clients.insert(name.to_owned(), client);
        }
        self.clients.get_mut(name).unwrap_or_else(|| panic!("{name:?} is not connected"))
    }

    /// Connects, or for a second stream accepts.
    fn connect(&self, name: &str) -> Client {
        if let Some(client) = name.strip_suffix(".b") {
            let listener = self.listening.get(client);
            return Client::accept(listener.unwrap_or_else(|| panic!("{client} does not listen")));
        }
        self.server.connect(self.protocols.get(name).unwrap_or(&self.protocol))
    }
}

fn add_account(data: &std::path::Path, name: &str, password: &str) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{password}").unwrap();
    let status = Command::new(program())
        .args(["account", "add", name, "--data"])
        .arg(data)
        .arg("--password-file")
        .arg(file.path())
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

impl Stage for Wire {
    fn send(&mut self, client: &str, parts: &[&[u8]]) {
        self.let_time_pass();
        let client = self.client(client);
        for part in parts {
            // A server that has dropped the client takes no more.
            if client.stream().write_all(part).is_err() {
                return;
            }
        }
    }

    fn line(&mut self, client: &str) -> Result<Vec<u8>, String> {
        self.pause = None;
        self.client(client).try_line().map(String::into_bytes)
    }

    fn rest(&mut self, name: &str) -> Vec<u8> {
        self.pause = None;
        let mut client = self.clients.remove(name).expect("this client is connected");
        let mut rest = client.rest().into_bytes();
        if let Some(mut back) = self.clients.remove(&format!("{name}.b")) {
            rest.extend(back.rest().into_bytes());
        }
        rest
    }

    fn end(&mut self, client: &str) {
        self.client(client).end();
    }

    fn reset(&mut self, client: &str) {
        self.clients.remove(client).expect("this client is connected").reset();
    }

    fn choose(&mut self, client: &str, protocol: &str) {
        self.protocols.insert(client.to_owned(), protocol.to_owned());
    }

    fn pause(&mut self, time: Duration) {
        self.let_time_pass();
        self.pause = Some(time);
    }

    fn is_silent(&mut self, _client: &str) -> bool {
        self.let_time_pass();
        // Over TCP silence cannot be told from what has not come yet.
        true
    }

    fn listen(&mut self, client: &str) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        self.listening.insert(client.to_owned(), listener);
    }

    fn port(&self, client: &str) -> Option<u16> {
        self.listening.get(client).map(|listener| listener.local_addr().unwrap().port())
    }

    fn stop(&mut self) {
        self.server.signal(Signal::TERM);
    }

    fn start(&mut self) {
        assert!(self.server.wait().success());
        self.server.restart();
    }

    fn kill(&mut self) {
        self.server.kill();
        self.clients.clear();
        self.server.restart();
    }

    fn restart(&mut self) -> Vec<(String, Vec<u8>)> {
        self.server.signal(Signal::TERM);
        let clients = std::mem::take(&mut self.clients);
        let rests = clients
            .into_iter()
            .map(|(name, mut client)| (name, client.rest().into_bytes()))
            .collect();
        assert!(self.server.wait().success());
        self.server.restart();
        rests
    }

    fn clients(&self) -> Vec<String> {
        self.clients.keys().filter(|name| name.strip_suffix(".b").is_none()).cloned().collect()
    }
}
