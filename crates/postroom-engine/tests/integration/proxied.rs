//! Connections that a proxy passes on with a header of the PROXY protocol.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use postroom_engine::{
    ConnectionKey, Engine, EngineSettings, HeaderRead, Listener, ListenerKey, ListenerOptions,
    Opened, Output, PeerLimits, Proof, Refused, What,
};
use postroom_protocol::Protocol;
use postroom_store::{Limits, MemoryDisk, MemoryStore};

const PROXY: [u8; 4] = [127, 0, 0, 1];
const LIMIT: Duration = Duration::from_secs(5);

/// An engine with one listener that reads headers, and the time.
struct Server {
    engine: Engine<MemoryStore>,
    listener: ListenerKey,
    now: Instant,
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "a test needs some first instant")]
    fn new(protocol: &str, peers: PeerLimits, connections_max: usize) -> Self {
        let settings = EngineSettings { peers, connections_max, ..EngineSettings::default() };
        let now = Instant::now();
        let mut engine = Engine::new(now, settings, MemoryDisk::default().open(Limits::default()));
        let options = ListenerOptions {
            proof: Proof::Command,
            proxy_header: true,
            ..ListenerOptions::default()
        };
        let protocol = Protocol::find(protocol).unwrap();
        let listener = engine.add_listener(Listener { protocol, options });
        Self { engine, listener, now }
    }

    fn open(&mut self, proxy: [u8; 4]) -> Result<ConnectionKey, Refused> {
        self.outputs();
        let proxy = SocketAddr::from((proxy, 40_000));
        self.engine.open(self.now, self.listener, proxy).map(|opened| match opened {
            Opened::Here(key) => key,
            Opened::HandedOver(_) => panic!("a header is to come first"),
        })
    }

    fn header(&mut self, key: ConnectionKey, bytes: &[u8]) -> HeaderRead {
        self.engine.header(self.now, key, bytes, false)
    }

    /// A connection for a client at this address.
    fn open_for(&mut self, client: &str) -> HeaderRead {
        let key = self.open(PROXY).unwrap();
        let family = if client.contains(':') { "TCP6" } else { "TCP4" };
        let header = format!("PROXY {family} {client} {client} 1 2\r\n");
        self.header(key, header.as_bytes())
    }

    /// What the engine puts out: refusals with their addresses, and closed connections.
    fn outputs(&mut self) -> (Vec<(String, &'static str)>, Vec<ConnectionKey>) {
        let (mut refusals, mut closed) = (Vec::new(), Vec::new());
        while let Some(output) = self.engine.next_output(self.now) {
            match output {
                Output::Close(key) => closed.push(key),
                Output::Log(line) => {
                    if let (Some(origin), What::ConnectionRefused(why)) = (line.origin, line.what) {
                        refusals.push((origin.peer.ip().to_string(), why));
                    }
                }
                Output::Transmit(key) => {
                    let bytes = self.engine.transmit(key, usize::MAX).len();
                    self.engine.transmitted(self.now, key, bytes);
                }
                _ => {}
            }
        }
        (refusals, closed)
    }
}

fn any_number() -> PeerLimits {
    PeerLimits::default()
}

#[test]
fn a_connection_has_no_session_before_its_header_is_whole() {
    let mut server = Server::new("mailbox", any_number(), 100);
    let header = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
    let key = server.open(PROXY).unwrap();
    for length in 0..header.len() {
        assert_eq!(server.header(key, &header[..length]), HeaderRead::More);
        assert!(!server.engine.takes_bytes(key));
    }
    assert_eq!((server.engine.connections(), server.engine.sessions()), (1, 0));
    let said = [&header[..], b"LOGIN bob\n"].concat();
    let opened = Opened::Here(key);
    assert_eq!(server.header(key, &said), HeaderRead::Whole { length: header.len(), opened });
    assert!(server.engine.takes_bytes(key));
    assert_eq!(server.engine.sessions(), 1);
    // Its time for the header is no time for anything else.
    server.now += LIMIT;
    server.engine.time_passed(server.now);
    assert_eq!(server.outputs(), (vec![], vec![]));
}

#[test]
fn what_is_no_header_is_refused_and_the_log_says_why() {
    let mut server = Server::new("chat", any_number(), 100);
    let long = format!("PROXY UNKNOWN {}", "x".repeat(100));
    for (bytes, why) in [
        (&b"/setname bob\n"[..], "its PROXY header is malformed"),
        (b"PROXY TCP4 192.0.2.1\r\n", "its PROXY header is malformed"),
        (long.as_bytes(), "its PROXY header is too long"),
    ] {
        let key = server.open(PROXY).unwrap();
        assert_eq!(server.header(key, bytes), HeaderRead::Refused(Refused { farewell: "" }));
        assert_eq!(server.outputs().0, [("127.0.0.1".to_owned(), why)]);
    }
    for bytes in [&b""[..], b"PROXY"] {
        let key = server.open(PROXY).unwrap();
        let read = server.engine.header(server.now, key, bytes, true);
        assert_eq!(read, HeaderRead::Refused(Refused { farewell: "" }));
        let why = "it ended before its PROXY header was whole";
        assert_eq!(server.outputs().0, [("127.0.0.1".to_owned(), why)]);
    }
    assert_eq!(server.engine.connections(), 0);
    assert!(server.open([192, 0, 2, 1]).is_err(), "no proxy");
    let why = "the address is no proxy's (connection.proxies)";
    assert_eq!(server.outputs().0, [("192.0.2.1".to_owned(), why)]);
}

#[test]
fn a_header_that_is_late_ends_its_connection() {
    let mut server = Server::new("mailbox", any_number(), 100);
    let key = server.open(PROXY).unwrap();
    assert_eq!(server.engine.next_deadline(), Some(server.now + LIMIT));
    server.now += LIMIT.checked_sub(Duration::from_millis(1)).unwrap();
    server.engine.time_passed(server.now);
    assert_eq!(server.outputs().1, []);
    server.now += Duration::from_millis(1);
    server.engine.time_passed(server.now);
    let (refusals, closed) = server.outputs();
    assert_eq!(closed, [key]);
    let [(_, why)] = &refusals[..] else { panic!("{refusals:?}") };
    assert!(why.contains("connection.proxy_limit_ms"), "{why}");
    assert_eq!(server.engine.connections(), 0);
}

#[test]
fn beyond_a_quarter_the_one_that_waited_longest_for_its_header_is_closed() {
    let mut server = Server::new("mailbox", any_number(), 16);
    let keys = [(); 5].map(|()| server.open(PROXY).unwrap());
    server.engine.evict_before_login(server.now);
    let (refusals, closed) = server.outputs();
    assert_eq!((refusals.len(), closed), (1, vec![keys[0]]));
    server.engine.evict_before_login(server.now);
    assert_eq!(server.outputs(), (vec![], vec![]));
}

#[test]
fn a_server_that_stops_waits_for_no_header() {
    let mut server = Server::new("mailbox", any_number(), 16);
    let key = server.open(PROXY).unwrap();
    server.engine.stop(server.now);
    assert_eq!(server.outputs().1, [key]);
    assert!(server.engine.has_stopped());
}

#[test]
fn the_limits_are_those_of_the_address_in_the_header() {
    let limits = PeerLimits { connections: 2, ..PeerLimits::default() };
    let mut server = Server::new("chat", limits, 100);
    for client in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
        for _ in 0..2 {
            assert!(matches!(server.open_for(client), HeaderRead::Whole { .. }), "{client}");
        }
        server.outputs();
        let HeaderRead::Refused(Refused { farewell }) = server.open_for(client) else {
            panic!("{client} has three connections");
        };
        assert!(farewell.starts_with("Disconnected: too many connections"));
        let (refusals, closed) = server.outputs();
        let [(peer, why)] = &refusals[..] else { panic!("{refusals:?}") };
        assert!(peer == client && why.contains("connection.per_address_max"), "{peer} {why}");
        assert_eq!(closed, [], "the driver closes it");
    }
    assert_eq!(server.engine.connections(), 6);
}

/// Health checks come again and again, and their address is no client's.
#[test]
fn the_proxys_own_connections_have_no_limit() {
    let limits = PeerLimits { connections: 2, loopback: true, ..PeerLimits::default() };
    let mut server = Server::new("chat", limits, 100);
    for _ in 0..10 {
        let key = server.open(PROXY).unwrap();
        let opened = Opened::Here(key);
        let read = server.header(key, b"PROXY UNKNOWN\r\n");
        assert_eq!(read, HeaderRead::Whole { length: 15, opened });
    }
}
