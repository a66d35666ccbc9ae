//! Plays transcripts over TCP or TLS, against the program itself.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::harness::support::{Client, Server, add_account};
use crate::harness::tls::{Authority, Valid};
use postroom_testing::transcript::{Stage, Transcript};

/// A server and the clients of a transcript that are connected to it.
pub(crate) struct TcpStage {
    server: Server,
    protocols: BTreeMap<String, String>,
    protocol: String,
    clients: BTreeMap<String, Client>,
    /// The ports that clients listen on for the second stream.
    listening: BTreeMap<String, TcpListener>,
    /// A pause that no answer has been waited for yet.
    pause: Option<Duration>,
    _folder: TempDir,
}

impl TcpStage {
    pub(crate) fn start(transcript: &Transcript) -> Self {
        Self::with(transcript, &[], TempDir::new().unwrap())
    }

    /// The same over TLS.
    pub(crate) fn start_tls(transcript: &Transcript) -> Self {
        let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
        let pair = authority.issue(folder.path(), &["localhost"], Valid::Now);
        let mut stage = Self::with(transcript, &pair.arguments(), folder);
        stage.server.use_tls(authority.client());
        stage
    }

    fn with(transcript: &Transcript, more: &[String], folder: TempDir) -> Self {
        let data = folder.path().join("data");
        if !transcript.accounts.is_empty() {
            // `postroom account` needs a store.
            assert!(Server::in_folder(&data, &[]).stop().success());
        }
        for (name, password) in &transcript.accounts {
            add_account(&data, name, password);
        }
        let mut arguments: Vec<String> =
            transcript.settings.iter().map(|(key, value)| format!("--set={key}={value}")).collect();
        arguments.extend_from_slice(more);
        if !transcript.has_pauses() && transcript.setting("connection.pause_ms").is_none() {
            // On a slow machine too, no pause may end a command.
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

    /// Waits until a pause is over, unless an answer was waited for since.
    fn let_time_pass(&mut self) {
        if let Some(time) = self.pause.take() {
            std::thread::sleep(time + Duration::from_millis(50));
        }
    }

    /// A client. The first call connects it, or accepts its second stream.
    fn client(&mut self, name: &str) -> &mut Client {
        if !self.clients.contains_key(name) {
            let client = self.connect(name);
            self.clients.insert(name.to_owned(), client);
        }
        self.clients.get_mut(name).unwrap_or_else(|| panic!("{name:?} is not connected"))
    }

    /// Connects a client, or accepts its second stream.
    fn connect(&self, name: &str) -> Client {
        if let Some(client) = name.strip_suffix(".b") {
            let listener = self.listening.get(client);
            return Client::accept(listener.unwrap_or_else(|| panic!("{client} does not listen")));
        }
        self.server.connect(self.protocols.get(name).unwrap_or(&self.protocol))
    }
}

/// The next line, read byte by byte: a line of `chat` may hold bytes that are not
/// UTF-8.
fn next_line(client: &mut Client) -> Result<Vec<u8>, String> {
    let mut line = Vec::new();
    loop {
        match client.byte() {
            Ok(Some(b'\n')) => return Ok(line),
            Ok(Some(byte)) => line.push(byte),
            end => {
                let line = String::from_utf8_lossy(&line);
                return Err(format!("instead of a line came {line:?}, and then {end:?}"));
            }
        }
    }
}

impl Stage for TcpStage {
    fn send(&mut self, client: &str, parts: &[&[u8]]) {
        self.let_time_pass();
        let client = self.client(client);
        for part in parts {
            // The server may have dropped the client.
            if client.try_send_bytes(part).is_err() {
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
        let mut client = self.clients.remove(name).expect("this client is connected");
        let mut all = client.rest_bytes();
        if let Some(mut back) = self.clients.remove(&format!("{name}.b")) {
            all.extend(back.rest_bytes());
            back.close();
        }
        // Now, so that no later connection overtakes the close.
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
        // Over TCP a late answer looks like silence.
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
            .map(|(name, mut client)| {
                let rest = client.rest_bytes();
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
