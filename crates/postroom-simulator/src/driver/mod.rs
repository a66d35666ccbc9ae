//! A driver without sockets: the network, the clock and the disk are the test's.

mod client_side;
mod tls;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use postroom_engine::{
    AdminAnswer, AdminTicket, ConnectionKey, Dialled, Engine, EngineSettings, HttpOutput, Listener,
    ListenerKey, ListenerOptions, Output, Read, What,
};
use postroom_office::Check;
use postroom_office::password::{Checker, SALT_BYTES};
use postroom_protocol::{Protocol, Report};
use postroom_store::{Job, Limits, MemoryDisk, Store, StoreFailure, Timestamp};

use crate::disk::Disk;
use crate::passwords::cheap_checker;
use crate::peer::{HeldDial, Peer, PeerKey, Sent, Taken};
use crate::running::Running;

/// The port of every client that listens.
pub const PORT: u16 = 30_232;

/// Turns after which an engine has done what there is to do.
const TURNS_MAX: u32 = 500_000;

/// An engine and the clients' ends of its connections.
///
/// It holds the engine to what every driver relies on: outputs name connections that
/// there are, a connection is half-closed and closed once, nothing is transmitted after
/// that, and bytes are taken again only where the engine says so.
pub struct Driver<D: Disk = MemoryDisk> {
    /// The engine of the process that runs.
    pub engine: Running<Engine<D::Store>>,
    /// What its store keeps.
    pub disk: D,
    /// The time.
    pub now: Instant,
    /// The time that messages and posts are kept with.
    pub wall: Timestamp,
    settings: EngineSettings,
    limits: Limits,
    /// All that there have been.
    peers: Vec<Peer>,
    /// Those of the connections that the engine has.
    live: BTreeMap<ConnectionKey, PeerKey>,
    /// Bytes that a socket takes at a time.
    pub room: usize,
    /// Jobs are kept here and not run, while there is a place for them.
    pub held: Option<Vec<<D::Store as Store>::Job>>,
    /// Dials are kept here and not answered, while there is a place for them.
    pub held_dials: Option<Vec<HeldDial>>,
    /// Password checks that end in a turn: each takes a long time.
    pub checks_in_turn: usize,
    /// How often the engine has asked what a peer had acknowledged.
    pub asks: usize,
    /// What the last turn has read.
    pub taken: Taken,
    /// What was written to the log.
    pub log: Vec<What>,
    /// What was written to the report.
    pub reports: Vec<Report>,
    /// What the driver of HTTP is told.
    pub http: Vec<HttpOutput>,
    /// The store has lost track of its disk: nothing more is done.
    pub failure: Option<StoreFailure>,
    checker: Checker,
    /// How often operators have asked.
    administrations: usize,
    /// What operators were told.
    pub(crate) administered: Vec<(AdminTicket, AdminAnswer)>,
}

impl Driver {
    /// A driver of an engine whose store is in memory.
    #[must_use]
    pub fn new(settings: EngineSettings, limits: Limits) -> Self {
        Self::on(MemoryDisk::default(), settings, limits)
    }
}

impl<D: Disk> Driver<D> {
    /// A driver of an engine whose store is on a disk.
    pub fn on(mut disk: D, settings: EngineSettings, limits: Limits) -> Self {
        let now = Instant::now();
        Self {
            engine: Running::new(Engine::new(now, settings.clone(), disk.open(limits))),
            disk,
            now,
            wall: Timestamp(0),
            settings,
            limits,
            peers: Vec::new(),
            live: BTreeMap::new(),
            room: usize::MAX,
            held: None,
            held_dials: None,
            checks_in_turn: usize::MAX,
            asks: 0,
            taken: Taken::default(),
            log: Vec::new(),
            reports: Vec::new(),
            http: Vec::new(),
            failure: None,
            checker: cheap_checker(),
            administrations: 0,
            administered: Vec::new(),
        }
    }

    /// The process ends: what is not on the disk is gone.
    pub fn stop_abruptly(&mut self) {
        self.live.clear();
        for peer in &mut self.peers {
            let had_connection = peer.connection.take().is_some();
            // A client that reads late may live through several ends.
            peer.is_cut_off |= had_connection && !peer.is_half_closed;
        }
        // A store on the disk must be dropped before another one is opened there.
        self.engine.end();
    }

    /// Another process starts on the same disk.
    pub fn start(&mut self) {
        let store = self.open_store();
        self.start_with(store);
    }

    /// Another process opens its store.
    pub(crate) fn open_store(&mut self) -> D::Store {
        self.disk.open(self.limits)
    }

    /// Another process starts with this store.
    pub fn start_with(&mut self, store: D::Store) {
        self.engine = Running::new(Engine::new(self.now, self.settings.clone(), store));
        // Nothing is asked of it before.
        self.engine.begin_turn(self.now, self.wall);
    }

    /// The engine reads its settings again, as does every process that starts from now on.
    pub(crate) fn set_settings(&mut self, settings: EngineSettings, limits: Limits) {
        self.engine.set_settings(settings.clone(), limits);
        (self.settings, self.limits) = (settings, limits);
    }

    /// The limits of the store.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Adds a listener to the engine.
    pub fn add_listener(&mut self, protocol: &str, options: ListenerOptions) -> ListenerKey {
        let protocol = Protocol::find(protocol).expect("a protocol has this name");
        self.engine.add_listener(Listener { protocol, options })
    }

    fn add(&mut self, connection: ConnectionKey, front: Option<PeerKey>) -> PeerKey {
        let key = PeerKey(self.peers.len());
        let before = self.live.insert(connection, key);
        assert!(before.is_none(), "{connection:?} is another connection still");
        self.peers.push(Peer::new(connection, front));
        key
    }

    /// The engine's name of a connection that is there.
    pub fn connection(&self, key: PeerKey) -> ConnectionKey {
        self.peers[key.0].connection.expect("the connection is there")
    }

    /// How many bytes wait in the engine for a connection.
    pub fn waiting(&self, key: PeerKey) -> usize {
        let connection = self.peers[key.0].connection;
        connection.map_or(0, |connection| self.engine.transmit(connection, usize::MAX).len())
    }

    /// Whether the engine takes no bytes of a connection, which wait in the socket.
    pub fn takes_no_more(&mut self, key: PeerKey) -> bool {
        let connection = self.peers[key.0].connection;
        !connection.is_some_and(|key| self.engine.takes_bytes(key))
    }

    /// Lets time pass; what the engine waits for happens when it is due.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.engine.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.engine.time_passed(self.now);
            self.settle();
            let next = self.engine.next_deadline();
            assert!(next.is_none_or(|next| next > self.now), "a deadline has passed and stays");
        }
        self.now = end;
        self.settle();
    }

    /// Does all that there is to do until the engine waits for something.
    pub fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            self.turn();
            assert!(self.failure.is_none(), "{:?}", self.failure);
            if !self.has_events() && !self.engine.has_work() {
                return;
            }
        }
        panic!("{TURNS_MAX} turns, and there is work");
    }

    /// One turn, as a server's loop has it.
    pub fn turn(&mut self) {
        self.shake_hands();
        self.read();
        self.engine.time_passed(self.now);
        self.engine.next_password_read(self.now);
        self.engine.take_answers();
        while self.failure.is_none()
            && !(self.held.is_some() && self.engine.can_ask_store())
            && let Some(job) = self.engine.next_job(self.wall)
        {
            match &mut self.held {
                Some(held) => held.push(job),
                None => self.finish(job.run()),
            }
        }
        if self.failure.is_some() {
            return;
        }
        for _ in 0..self.checks_in_turn {
            let Some(check) = self.engine.next_check() else {
                break;
            };
            self.check(check);
        }
        self.perform();
        self.transmit_more();
        let (live, peers, asks) = (&self.live, &mut self.peers, &mut self.asks);
        self.engine.ask_for_acknowledgements(self.now, |key| {
            *asks += 1;
            live.get(&key).map_or(0, |key| peers[key.0].acknowledged())
        });
        self.engine.evict_before_login(self.now);
        self.engine.end_turn(self.now);
    }

    /// Checks a password at once.
    pub fn check(&mut self, check: Check) {
        self.engine.checked(check.run(&mut self.checker, [0; SALT_BYTES]));
    }

    /// The engine takes the result of a job. After a failure it does nothing more.
    pub fn finish(&mut self, done: <<D::Store as Store>::Job as Job>::Done) {
        if let Err(failure) = self.engine.finish(done) {
            self.failure = Some(failure);
        }
    }

    /// Whether a socket has room that the engine can use.
    fn has_events(&self) -> bool {
        let mut peers = self.live.values().map(|key| &self.peers[key.0]);
        peers.any(|peer| peer.has_more && peer.has_room())
    }

    /// The engine hears that a socket has something, and reads what it likes.
    fn arrived(&mut self, key: PeerKey) {
        self.notice(key);
        self.shake_hands();
        self.read();
    }

    /// Gives the engine what waits in the sockets, as far as it takes it in a turn.
    fn read(&mut self) {
        self.engine.begin_turn(self.now, self.wall);
        self.taken = Taken::default();
        while let Some(read) = self.engine.next_read(self.now) {
            let Read { connection, bytes_max, proves } = read;
            let key = self.live[&connection];
            let peer = &mut self.peers[key.0];
            self.taken.reads += 1;
            if peer.tls.is_some() {
                self.read_tls(key, read);
                continue;
            }
            let acknowledged = proves.then_some(peer.acknowledged);
            match peer.waiting.pop_front() {
                Some(Sent::Bytes(mut bytes)) => {
                    if bytes.len() > bytes_max {
                        let rest = bytes.split_off(bytes_max);
                        peer.waiting.push_front(Sent::Bytes(rest));
                    }
                    if peer.waiting.is_empty() {
                        self.engine.drained(connection);
                    }
                    self.taken.bytes += bytes.len();
                    self.engine.received(self.now, connection, &bytes, acknowledged);
                }
                Some(Sent::End) => self.engine.half_closed(self.now, connection, acknowledged),
                None => self.engine.drained(connection),
            }
        }
    }

    /// Does what the engine puts out.
    pub fn perform(&mut self) {
        while let Some(output) = self.engine.next_output(self.now) {
            match output {
                Output::Transmit(connection) => self.transmit(self.live[&connection]),
                Output::HalfClose(connection) => self.end_our_side(self.live[&connection]),
                Output::Close(connection) => {
                    let key = self.live.remove(&connection).expect("a connection is closed once");
                    let peer = &mut self.peers[key.0];
                    peer.connection = None;
                    peer.waiting.clear();
                    // The socket had no room: more may have waited for it.
                    let is_unwritten = peer.tls.as_ref().is_some_and(|tls| tls.has_unwritten());
                    peer.is_cut_off |= !peer.is_half_closed && (peer.window == 0 || is_unwritten);
                }
                Output::Administered(ticket, answer) => {
                    self.administered.push((ticket, *answer));
                }
                Output::Dial { connection, front, port } => {
                    let front = self.live[&front];
                    let back = self.add(connection, Some(front));
                    self.dial(HeldDial { connection, back, port });
                }
                Output::Log(line) => self.log.push(line.what),
                Output::Report(report) => self.reports.push(report),
                Output::Http(output) => self.http.push(output),
            }
        }
    }

    fn end_our_side(&mut self, key: PeerKey) {
        if self.is_shaking_hands(key) {
            return self.end_in_handshake(key);
        }
        let peer = &mut self.peers[key.0];
        assert!(!peer.is_half_closed, "a connection is half-closed once");
        peer.is_half_closed = true;
        self.end_tls(key);
    }

    /// As a socket does: it takes what it has room for.
    pub fn transmit(&mut self, key: PeerKey) {
        let peer = &mut self.peers[key.0];
        if peer.tls.is_some() {
            return self.transmit_tls(key);
        }
        let Some(connection) = peer.connection else {
            return;
        };
        let room = if peer.is_stalled { 0 } else { self.room.min(peer.window) };
        let bytes = self.engine.transmit(connection, room).to_vec();
        assert!(bytes.is_empty() || !peer.is_half_closed, "bytes after the end of our side");
        peer.received.extend(&bytes);
        if peer.window != usize::MAX {
            peer.window -= bytes.len();
        }
        self.engine.transmitted(self.now, connection, bytes.len());
        peer.has_more = !self.engine.transmit(connection, 1).is_empty();
    }

    /// Sockets that had no room have some again.
    fn transmit_more(&mut self) {
        let has_more = |key: &PeerKey| self.peers[key.0].has_more && self.peers[key.0].has_room();
        let keys: Vec<_> = self.live.values().copied().filter(has_more).collect();
        for key in keys {
            self.transmit(key);
        }
        self.perform();
    }

    fn dial(&mut self, dial: HeldDial) {
        if let Some(held) = &mut self.held_dials {
            held.push(dial);
            return;
        }
        let front = self.peers[dial.back.0].front;
        let is_there = dial.port == PORT && front.is_some_and(|front| self.listens(front));
        self.answer_dial(&dial, is_there);
    }

    /// A dial has a result, unless it was called off.
    pub fn answer_dial(&mut self, dial: &HeldDial, is_connected: bool) {
        if self.is_gone(dial.back) {
            return;
        }
        self.peers[dial.back.0].is_connected = is_connected;
        let dialled = if is_connected {
            Dialled::Connected
        } else {
            Dialled::Refused("nobody listens".to_owned())
        };
        self.engine.dialled(self.now, dial.connection, dialled);
    }

    /// The connections that the engine has.
    pub fn live(&self) -> impl Iterator<Item = PeerKey> + '_ {
        self.live.values().copied()
    }
}
