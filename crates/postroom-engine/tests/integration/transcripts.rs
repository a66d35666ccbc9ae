//! Plays the transcripts of all protocols at every split.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use postroom_engine::{CreationLimits, CreationRates, EngineSettings};
use postroom_model::{Author, Channel, Post, Text};
use postroom_protocol::{ChatSettings, ImSettings, PROTOCOLS, Settings};
use postroom_store::{Call, Limits, MemoryDisk, Retention, Store as _, Ticket, Timestamp};
use postroom_testing::transcript::{
    LINES, Stage, Transcript, every_cut, for_each_transcript, play,
};

use crate::lines;
use postroom_simulator::{Driver, PORT, PeerKey, set_password};

/// When the store commits what was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Commits {
    /// After each part of what is sent.
    Each,
    /// After all of it, or when the session takes no more.
    Late,
}

/// The engine as a stage.
struct EngineStage {
    driver: Driver,
    commits: Commits,
    protocols: BTreeMap<String, String>,
    protocol: String,
    clients: BTreeMap<String, Client>,
    keeps_board: bool,
}

#[derive(Clone, Copy)]
struct Client {
    key: PeerKey,
    has_half_closed: bool,
}

/// Whether a name in a transcript means the stream that the server opened.
fn is_back(name: &str) -> bool {
    name.strip_suffix(".b").is_some()
}

/// A setting that is a number.
fn number(transcript: &Transcript, key: &str) -> Option<u32> {
    transcript.setting(key).map(|value| value.parse().unwrap())
}

/// A setting that is a time.
fn millis(transcript: &Transcript, key: &str) -> Option<Duration> {
    number(transcript, key).map(|value| Duration::from_millis(value.into()))
}

fn settings(transcript: &Transcript) -> EngineSettings {
    let millis = |key| millis(transcript, key);
    let standard = EngineSettings::default();
    let session = Settings::default();
    EngineSettings {
        session: Settings {
            login_limit: millis("connection.login_limit_ms").unwrap_or(session.login_limit),
            pause: millis("connection.pause_ms").unwrap_or(session.pause),
            im: ImSettings {
                delivery_limit: millis("im.confirm_limit_ms").unwrap_or(session.im.delivery_limit),
                unanswered_limit: millis("im.unanswered_limit_ms")
                    .unwrap_or(session.im.unanswered_limit),
                broadcast_verb: transcript
                    .setting("im.broadcast_verb")
                    .map_or(session.im.broadcast_verb, Into::into),
                stores_for_absent: transcript.setting("im.offline") == Some("store"),
            },
            output_bytes_max: number(transcript, "connection.output_bytes_max")
                .map_or(session.output_bytes_max, |max| max as usize),
            chat: ChatSettings { announces: transcript.setting("chat.announce") != Some("false") },
            ..Settings::default()
        },
        creation: creation_limits(transcript),
        dial_limit: millis("im.dial_limit_ms").unwrap_or(standard.dial_limit),
        connections_max: number(transcript, "connection.max")
            .map_or(standard.connections_max, |max| max as usize),
        ..standard
    }
}

fn creation_limits(transcript: &Transcript) -> CreationLimits {
    let standard = CreationLimits::default();
    let rates = |key, standard: CreationRates| CreationRates {
        per_hour_local: number(transcript, key).unwrap_or(standard.per_hour_local),
        ..standard
    };
    CreationLimits {
        accounts: rates("accounts.new_per_hour_loopback", standard.accounts),
        channels: rates("channels.new_per_hour_loopback", standard.channels),
    }
}

fn limits(transcript: &Transcript) -> Limits {
    let number = |key| number(transcript, key);
    let standard = Limits::default();
    Limits {
        mailbox_capacity: number("mailbox.capacity").unwrap_or(standard.mailbox_capacity),
        mailbox_percent_of_sender: number("mailbox.per_sender_percent").unwrap_or(100),
        accounts_max: number("accounts.max").unwrap_or(standard.accounts_max),
        channels_max: number("channels.max").unwrap_or(standard.channels_max),
        channel_posts: number("channels.posts").unwrap_or(standard.channel_posts),
        bans_max: standard.bans_max,
        keys_of_account_max: standard.keys_of_account_max,
        keys_max: standard.keys_max,
        disk_reserve_bytes: 0,
        retention: Retention::NONE,
        keep_read: None,
    }
}

/// What the program does at its start where the board is not to be kept.
fn empty_board() -> Call {
    let channels = vec![Channel::board()];
    let post = Arc::new(Post { author: Author::Board, channels, text: Text::default() });
    Call::Post { author: None, post, may_create: 0 }
}

impl EngineStage {
    fn start(transcript: &Transcript, commits: Commits) -> Self {
        let limits = limits(transcript);
        let disk = MemoryDisk::default();
        for (name, password) in &transcript.accounts {
            set_password(&disk, limits, name, password);
        }
        Self {
            driver: Driver::on(disk, settings(transcript), limits),
            commits,
            protocols: BTreeMap::new(),
            protocol: transcript.protocol().to_owned(),
            clients: BTreeMap::new(),
            keeps_board: transcript.setting("board.persist") != Some("false"),
        }
    }

    /// The connection that a name in a transcript means, if it is there.
    fn find(&self, name: &str) -> Option<PeerKey> {
        match name.strip_suffix(".b") {
            Some(client) => self.driver.back(self.clients.get(client)?.key),
            None => self.clients.get(name).map(|client| client.key),
        }
    }

    fn key(&self, name: &str) -> PeerKey {
        self.find(name).unwrap_or_else(|| panic!("{name:?} is not connected"))
    }

    /// The connection, opened by this if it is not there.
    fn key_or_connect(&mut self, name: &str) -> PeerKey {
        if let Some(key) = self.find(name) {
            return key;
        }
        assert!(!is_back(name), "{name:?} was not dialled");
        let protocol = self.protocols.get(name).unwrap_or(&self.protocol);
        let key = match protocol.as_str() {
            LINES => lines::connect(&mut self.driver),
            protocol => self.driver.connect(protocol),
        };
        let client = Client { key, has_half_closed: false };
        self.clients.insert(name.to_owned(), client);
        key
    }

    fn remove(&mut self, name: &str) -> Vec<u8> {
        let key = self.clients.remove(name).expect("this client is connected").key;
        self.driver.reset(key);
        self.driver.forget(key)
    }
}

impl Stage for EngineStage {
    fn send(&mut self, name: &str, parts: &[&[u8]]) {
        let key = self.key_or_connect(name);
        for part in parts {
            if self.driver.takes_no_more(key) {
                self.driver.settle();
            }
            self.driver.send(key, part);
            if self.commits == Commits::Each {
                self.driver.settle();
            }
        }
        self.driver.settle();
    }

    fn line(&mut self, name: &str) -> Result<Vec<u8>, String> {
        self.driver.settle();
        if !is_back(name) {
            self.key_or_connect(name);
            self.driver.settle();
        }
        let key = self.find(name).ok_or("it was not dialled")?;
        // The engine asks again soon what a peer has acknowledged, and announces joins and
        // leaves once they have gathered.
        for wait_ms in [2, 100] {
            if !self.driver.received(key).contains(&b'\n') {
                self.driver.pass(Duration::from_millis(wait_ms));
            }
        }
        self.driver.line(key).ok_or_else(|| {
            let received = self.driver.received(key).make_contiguous();
            format!("the server sent only {:?}", String::from_utf8_lossy(received))
        })
    }

    fn rest(&mut self, name: &str) -> Vec<u8> {
        self.driver.settle();
        let key = self.key(name);
        assert!(self.driver.is_closed(key), "the server does not end the connection of {name:?}");
        if is_back(name) {
            return self.driver.forget(key);
        }
        // The client has the answers, and half-closes too.
        if !self.clients[name].has_half_closed {
            self.driver.half_close(key);
            self.driver.settle();
        }
        self.clients.remove(name);
        self.driver.forget(key)
    }

    fn end(&mut self, name: &str) {
        let key = self.key(name);
        if let Some(client) = self.clients.get_mut(name) {
            client.has_half_closed = true;
        }
        self.driver.half_close(key);
        self.driver.settle();
    }

    fn reset(&mut self, name: &str) {
        if is_back(name) {
            self.end(name);
        } else {
            self.remove(name);
        }
    }

    fn leave(&mut self, name: &str) {
        self.end(name);
        self.remove(name);
    }

    fn choose(&mut self, client: &str, protocol: &str) {
        self.protocols.insert(client.to_owned(), protocol.to_owned());
    }

    fn pause(&mut self, time: Duration) {
        self.driver.pass(time);
    }

    fn is_silent(&mut self, name: &str) -> bool {
        let key = self.key(name);
        !self.driver.is_closed(key) && self.driver.received(key).is_empty()
    }

    fn listen(&mut self, name: &str) {
        let key = self.key_or_connect(name);
        self.driver.listen(key);
    }

    fn port(&self, name: &str) -> Option<u16> {
        let key = self.find(name)?;
        self.driver.listens(key).then_some(PORT)
    }

    fn kill(&mut self) {
        self.clients.clear();
        self.driver.stop_abruptly();
        if !self.keeps_board {
            let (disk, limits) = (self.driver.disk.clone(), self.driver.limits());
            let mut store = disk.open(limits);
            store.submit(Ticket(0), empty_board());
            store.settle(Timestamp(0), &mut Vec::new()).unwrap();
        }
        self.driver.start();
    }

    fn stop(&mut self) {
        self.driver.engine.stop(self.driver.now);
        self.driver.settle();
    }

    fn start(&mut self) {
        assert!(self.clients.is_empty(), "all clients are closed before the server starts again");
        self.kill();
    }

    fn restart(&mut self) -> Vec<(String, Vec<u8>)> {
        let names: Vec<_> = self.clients.keys().cloned().collect();
        let rests = names.into_iter().map(|name| (name.clone(), self.remove(&name))).collect();
        self.kill();
        rests
    }

    fn clients(&self) -> Vec<String> {
        self.clients.keys().cloned().collect()
    }
}

/// Plays each transcript at every split.
fn play_all(commits: Commits) {
    let protocols: Vec<_> = PROTOCOLS.iter().map(|protocol| protocol.name).collect();
    for_each_transcript(&protocols, |transcript| {
        for cut in every_cut(transcript) {
            play(transcript, EngineStage::start(transcript, commits), cut);
        }
    });
}

#[test]
fn every_protocol_answers_its_transcripts_at_every_split() {
    play_all(Commits::Each);
}

#[test]
fn every_protocol_answers_its_transcripts_at_every_split_with_late_commits() {
    play_all(Commits::Late);
}
