//! A driver without sockets: the network, the clock and the disk are the test's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use postroom_engine::{
    Broken, ConnectionKey, Dialled, Engine, EngineSettings, Listener, ListenerOptions, Output, What,
};
use postroom_office::password::Checker;
use postroom_protocol::Protocol;
use postroom_store::{Job as _, Limits, MemoryDisk, MemoryJob, MemoryStore, Timestamp};

/// The port of every client that listens.
pub(crate) const PORT: u16 = 30_232;

/// An engine and the clients' ends of its connections.
pub(crate) struct Driver {
    pub(crate) engine: Engine<MemoryStore>,
    pub(crate) disk: MemoryDisk,
    pub(crate) now: Instant,
    settings: EngineSettings,
    limits: Limits,
    peers: BTreeMap<ConnectionKey, Peer>,
    /// Connections whose peer listens on [`PORT`].
    listening: BTreeSet<ConnectionKey>,
    /// The connections that the engine opened, by those whose peer was dialled.
    backs: BTreeMap<ConnectionKey, ConnectionKey>,
    /// Jobs are kept here and not run, while there is a place for them.
    pub(crate) held: Option<Vec<MemoryJob>>,
    /// What was written to the log.
    pub(crate) log: Vec<What>,
    checker: Checker,
}

/// The client's end of a connection.
#[derive(Debug, Default)]
struct Peer {
    /// What waits in the socket for the engine.
    waiting: VecDeque<Sent>,
    /// What the engine has transmitted and the client has not looked at.
    received: VecDeque<u8>,
    /// How many bytes the client has looked at: those are acknowledged.
    acknowledged: u64,
    is_closed: bool,
}

#[derive(Debug)]
enum Sent {
    Bytes(Vec<u8>),
    End,
}

impl Driver {
    pub(crate) fn new(settings: EngineSettings, limits: Limits) -> Self {
        Self::on(MemoryDisk::default(), settings, limits)
    }

    pub(crate) fn on(disk: MemoryDisk, settings: EngineSettings, limits: Limits) -> Self {
        #[expect(clippy::disallowed_methods, reason = "any time will do as the first")]
        let now = Instant::now();
        Self {
            engine: Engine::new(now, settings.clone(), disk.open(limits)),
            disk,
            now,
            settings,
            limits,
            peers: BTreeMap::new(),
            listening: BTreeSet::new(),
            backs: BTreeMap::new(),
            held: None,
            log: Vec::new(),
            checker: Checker::default(),
        }
    }

    /// The process ends: what is not on the disk is gone.
    pub(crate) fn stop_abruptly(&mut self) {
        self.peers.clear();
        self.listening.clear();
        self.backs.clear();
        // The store must be dropped before another one is opened on its disk.
        let elsewhere = MemoryDisk::default().open(self.limits);
        self.engine = Engine::new(self.now, self.settings.clone(), elsewhere);
    }

    /// Another process starts on the same disk.
    pub(crate) fn start(&mut self) {
        let store = self.disk.open(self.limits);
        self.engine = Engine::new(self.now, self.settings.clone(), store);
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn listens(&self, key: ConnectionKey) -> bool {
        self.listening.contains(&key)
    }

    pub(crate) fn connect(&mut self, protocol: &str) -> ConnectionKey {
        let peer = SocketAddr::from(([192, 0, 2, 1], 40_000));
        self.perform();
        let protocol = Protocol::find(protocol).unwrap();
        let listener = Listener { protocol, options: ListenerOptions::default() };
        let listener = self.engine.add_listener(listener);
        let key = self.engine.open(self.now, listener, peer);
        self.peers.insert(key, Peer::default());
        key
    }

    /// The client sends bytes, which the engine may take when it likes.
    pub(crate) fn send(&mut self, key: ConnectionKey, bytes: &[u8]) {
        self.peer(key).waiting.push_back(Sent::Bytes(bytes.to_vec()));
        self.take_from(key);
    }

    pub(crate) fn half_close(&mut self, key: ConnectionKey) {
        self.peer(key).waiting.push_back(Sent::End);
        self.take_from(key);
    }

    pub(crate) fn reset(&mut self, key: ConnectionKey) {
        self.engine.broken(self.now, key, Broken::Reset);
        self.settle();
    }

    pub(crate) fn listen(&mut self, key: ConnectionKey) {
        self.listening.insert(key);
    }

    /// The connection that the engine has opened to the client of another one.
    pub(crate) fn back(&self, key: ConnectionKey) -> Option<ConnectionKey> {
        self.backs.get(&key).copied()
    }

    /// Whether the engine takes no bytes of a connection, which wait in the socket.
    pub(crate) fn takes_no_more(&mut self, key: ConnectionKey) -> bool {
        !self.engine.wants_bytes(key)
    }

    /// Whether the engine has half-closed the connection.
    pub(crate) fn is_closed(&self, key: ConnectionKey) -> bool {
        self.peers.get(&key).is_none_or(|peer| peer.is_closed)
    }

    /// What the client has received and not looked at.
    pub(crate) fn received(&mut self, key: ConnectionKey) -> &mut VecDeque<u8> {
        &mut self.peer(key).received
    }

    /// The client looks at the next line.
    pub(crate) fn line(&mut self, key: ConnectionKey) -> Option<Vec<u8>> {
        let peer = self.peer(key);
        let end = peer.received.iter().position(|byte| *byte == b'\n')?;
        let mut line: Vec<u8> = peer.received.drain(..=end).collect();
        peer.acknowledged += line.len() as u64;
        line.pop();
        Some(line)
    }

    /// All lines that the client has received.
    pub(crate) fn lines(&mut self, key: ConnectionKey) -> Vec<String> {
        let lines = std::iter::from_fn(|| self.line(key));
        lines.map(|line| String::from_utf8(line).unwrap()).collect()
    }

    fn peer(&mut self, key: ConnectionKey) -> &mut Peer {
        self.peers.entry(key).or_default()
    }

    /// Lets time pass; what the engine waits for happens when it is due.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.engine.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.engine.time_passed(self.now);
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    /// Does all that there is to do until the engine waits for something.
    pub(crate) fn settle(&mut self) {
        loop {
            let keys: Vec<_> = self.peers.keys().copied().collect();
            let mut took = false;
            for key in keys {
                took |= self.take_from(key);
            }
            self.engine.next_password_read(self.now);
            while let Some(job) = self.engine.next_job(Timestamp(0)) {
                match &mut self.held {
                    Some(held) => held.push(job),
                    None => self.engine.finish(job.run()).unwrap(),
                }
            }
            while let Some(check) = self.engine.next_check() {
                self.engine.checked(check.run(&mut self.checker));
            }
            self.perform();
            let peers = &self.peers;
            self.engine.ask_for_acknowledgements(self.now, |key| {
                peers.get(&key).map_or(0, |peer| peer.acknowledged)
            });
            self.engine.evict_before_login(self.now);
            if !took && !self.engine.has_work() {
                return;
            }
        }
    }

    /// Gives the engine what waits in a socket; whether it took any.
    fn take_from(&mut self, key: ConnectionKey) -> bool {
        let mut took = false;
        while self.peers.get(&key).is_some_and(|peer| !peer.waiting.is_empty())
            && self.engine.wants_bytes(key)
        {
            let needed = self.engine.needs_acknowledged(key);
            let peer = self.peer(key);
            let acknowledged = needed.then_some(peer.acknowledged);
            match peer.waiting.pop_front() {
                Some(Sent::Bytes(bytes)) => {
                    self.engine.received(self.now, key, &bytes, acknowledged);
                }
                Some(Sent::End) => self.engine.half_closed(self.now, key, acknowledged),
                None => {}
            }
            took = true;
        }
        took
    }

    fn perform(&mut self) {
        while let Some(output) = self.engine.next_output(self.now) {
            match output {
                Output::Transmit(key) => self.transmit(key),
                Output::HalfClose(key) => self.peer(key).is_closed = true,
                Output::Close(key) => {
                    self.peer(key).is_closed = true;
                    self.peer(key).waiting.clear();
                }
                Output::Dial { connection, front, port } => self.dial(connection, front, port),
                Output::Log(line) => self.log.push(line.what),
                // All sockets are looked at again in any case.
                Output::Receive(_) | Output::Report(_) => {}
            }
        }
    }

    fn transmit(&mut self, key: ConnectionKey) {
        let bytes = self.engine.transmit(key, usize::MAX).to_vec();
        self.peer(key).received.extend(&bytes);
        self.engine.transmitted(self.now, key, bytes.len());
    }

    fn dial(&mut self, key: ConnectionKey, front: ConnectionKey, port: u16) {
        let dialled = if port == PORT && self.listening.contains(&front) {
            self.peers.insert(key, Peer::default());
            self.backs.insert(front, key);
            Dialled::Connected
        } else {
            Dialled::Refused("nobody listens".to_owned())
        };
        self.engine.dialled(self.now, key, dialled);
    }

    /// Forgets the client's end of a connection, and returns what it has not looked at.
    pub(crate) fn forget(&mut self, key: ConnectionKey) -> Vec<u8> {
        self.listening.remove(&key);
        self.peers.remove(&key).map(|peer| peer.received.into()).unwrap_or_default()
    }
}
