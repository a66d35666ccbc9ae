//! Plays transcripts over TCP, against the program itself.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::harness::support::{Client, Server, add_account};
use postroom_testing::transcript::{Stage, Transcript};

/// A server and the clients of a transcript that are connected to it.
pub(crate) struct TcpStage {
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

impl TcpStage {
    pub(crate) fn start(transcript: &Transcript) -> Self {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        if !transcript.accounts.is_empty() {
            // Accounts are added to a store that is there.
            assert!(Server::in_folder(&data, &[]).stop().success());
        }
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

    /// A client, connected by this if it is not; of a second stream, accepted.
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

/// The next line, byte by byte: a line of `chat` may hold bytes that are no text.
fn next_line(client: &Client) -> Result<Vec<u8>, String> {
    let (mut stream, mut line) = (client.stream(), Vec::new());
    loop {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) if byte == *b"\n" => return Ok(line),
            Ok(1) => line.push(byte[0]),
            end => {
                let line = String::from_utf8_lossy(&line);
                return Err(format!("instead of a line came {line:?}, and then {end:?}"));
            }
        }
    }
}

/// Everything up to the server's orderly end of the connection.
fn rest(client: &Client) -> Vec<u8> {
    let mut rest = Vec::new();
    client.stream().read_to_end(&mut rest).unwrap();
    rest
}

impl Stage for TcpStage {
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
        next_line(self.client(client))
    }

    fn rest(&mut self, name: &str) -> Vec<u8> {
        self.pause = None;
        self.client(name);
        let client = self.clients.remove(name).expect("this client is connected");
        let mut all = rest(&client);
        if let Some(back) = self.clients.remove(&format!("{name}.b")) {
            all.extend(rest(&back));
            back.close();
        }
        // Before another connection can overtake it.
        client.close();
        all
    }

    fn end(&mut self, client: &str) {
        self.client(client).end();
    }

    fn reset(&mut self, client: &str) {
        self.client(client);
        self.clients.remove(client).expect("this client is connected").reset();
        self.clients.remove(&format!("{client}.b"));
    }

    fn leave(&mut self, client: &str) {
        self.client(client);
        for stream in [client.to_owned(), format!("{client}.b")] {
            if let Some(client) = self.clients.remove(&stream) {
                client.close();
            }
        }
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
            .map(|(name, client)| {
                let rest = rest(&client);
                (name, rest)
            })
            .collect();
        assert!(self.server.wait().success());
        self.server.restart();
        rests
    }

    fn clients(&self) -> Vec<String> {
        self.clients.keys().filter(|name| name.strip_suffix(".b").is_none()).cloned().collect()
    }
}
