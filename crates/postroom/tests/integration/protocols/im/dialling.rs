//! Dialling back: only the address of the client, few failures in a minute, and an
//! answer that does not give away why a dial failed.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::harness::im::{
    CONNECTED, LOGGED_IN, NOT_CONNECTED, dial, log_in, login, port_of, was_not_dialled,
};
use crate::harness::logged::{LoggedServer, wait_until};
use crate::harness::network::{add_link_local_address, in_its_own_network, limit_ports};
use crate::harness::support::Client;

const LIMIT: Duration = Duration::from_millis(300);
const SHORT_LIMIT: &str = "--set=im.dial_limit_ms=300";

/// Dials that may fail in a minute.
const FAILURES_MAX: usize = 3;

/// A port where nothing listens, kept from others while the socket lives.
fn closed_port() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// A port whose accept queue is full, so that a dial to it gets no answer.
struct BlackHole {
    listener: Socket,
    waiting: Vec<TcpStream>,
}

impl BlackHole {
    fn open() -> Self {
        let (listener, address) = closed_port();
        listener.listen(0).unwrap();
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok();
        let waiting = std::iter::from_fn(connect).collect();
        Self { listener, waiting }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap().as_socket().unwrap()
    }

    /// Whether a dial waits for its answer.
    fn is_dialled(&self) -> bool {
        const SYN_SENT: &str = "02";
        let to = format!(":{:04X}", self.address().port());
        fs::read_to_string("/proc/net/tcp").unwrap().lines().any(|socket| {
            let fields: Vec<_> = socket.split_ascii_whitespace().collect();
            fields[2].ends_with(&to) && fields[3] == SYN_SENT
        })
    }

    /// Answers the dial that waits.
    fn answer(self) -> TcpStream {
        let listener = TcpListener::from(self.listener);
        for _ in self.waiting {
            listener.accept().unwrap();
        }
        listener.accept().unwrap().0
    }
}

/// Asks for a dial that must fail, in the time that every failure takes.
fn assert_not_connected(client: &mut Client, command: &str) {
    let begun = Instant::now();
    assert_eq!(client.ask(command), NOT_CONNECTED, "{command}");
    let elapsed = begun.elapsed();
    assert!(elapsed >= LIMIT && elapsed < 10 * LIMIT, "{command}: {elapsed:?}");
}

#[test]
fn whatever_fails_the_answer_is_the_same_after_the_same_time() {
    let server = LoggedServer::start(&["bob", "jacky"], &[SHORT_LIMIT]);
    let (_socket, closed) = closed_port();
    let hole = BlackHole::open();
    let mut bob = log_in(&server, "bob");
    for command in ["/port 0", "/port 22", "/port 1023"] {
        assert_not_connected(&mut bob, command);
    }
    assert_not_connected(&mut bob, &dial(closed));
    assert_not_connected(&mut bob, &dial(hole.address()));
    let mut jacky = log_in(&server, "jacky");
    for command in ["/port", "/port x", "/port 70000", "/port 1 2", "/port 127.0.0.1:5000"] {
        assert_eq!(jacky.ask(command), NOT_CONNECTED, "{command}");
    }
    // None of this counts as a failure of either account.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(jacky.ask(&port_of(&listener)), CONNECTED);
    assert_eq!(bob.ask(&port_of(&listener)), CONNECTED);
}

#[test]
fn nothing_is_dialled_before_a_login() {
    let server = LoggedServer::start(&["bob"], &[SHORT_LIMIT]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = server.connect("im");
    assert_eq!(client.ask(&port_of(&listener)), "401 Unrecognized message");
    assert_eq!(client.ask("/login bob wrong"), "102 Authentication Failed");
    assert_eq!(client.ask(&port_of(&listener)), "401 Unrecognized message");
    assert!(was_not_dialled(&listener));
}

#[test]
fn after_three_failures_an_account_is_not_dialled_whoever_logs_in() {
    let server = LoggedServer::start(&["bob", "jacky"], &[SHORT_LIMIT]);
    let (_socket, closed) = closed_port();
    for _ in 0..FAILURES_MAX {
        let mut bob = log_in(&server, "bob");
        assert_not_connected(&mut bob, &dial(closed));
        assert_eq!(bob.ask("/exit"), "310 Bye bye");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for _ in 0..2 {
        let mut bob = log_in(&server, "bob");
        assert_not_connected(&mut bob, &port_of(&listener));
        assert_eq!(bob.ask("/exit"), "310 Bye bye");
    }
    assert!(was_not_dialled(&listener));
    // The limit concerns this account alone.
    assert_eq!(log_in(&server, "jacky").ask(&port_of(&listener)), CONNECTED);
}

#[test]
fn one_dial_follows_the_other() {
    let server = LoggedServer::start(&["bob"], &["--set=im.dial_limit_ms=1500"]);
    let hole = BlackHole::open();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut bob = log_in(&server, "bob");
    let begun = Instant::now();
    bob.send(&format!("{}\n{}\n/list\n", dial(hole.address()), port_of(&listener)));
    assert!(bob.is_silent() && was_not_dialled(&listener));
    assert!(begun.elapsed() < 5 * LIMIT, "the machine is too slow to tell");
    assert_eq!(bob.line(), NOT_CONNECTED);
    assert_eq!(bob.line(), CONNECTED);
    assert_eq!(bob.line(), "301 bob");
}

#[test]
fn a_client_that_is_connected_back_is_dialled_no_more() {
    let server = LoggedServer::start(&["bob"], &[]);
    let (first, second) = (TcpListener::bind("127.0.0.1:0"), TcpListener::bind("127.0.0.1:0"));
    let (first, second) = (first.unwrap(), second.unwrap());
    let mut bob = log_in(&server, "bob");
    assert_eq!(bob.ask(&port_of(&first)), CONNECTED);
    assert_eq!(bob.ask(&port_of(&second)), NOT_CONNECTED);
    assert!(was_not_dialled(&second));
    let b = Client::accept(&first);
    assert!(b.is_silent());
    assert_eq!(bob.ask("/list"), "301 bob");
}

#[test]
fn only_the_address_that_a_client_comes_from_is_dialled() {
    let server = LoggedServer::start(&["bob"], &[SHORT_LIMIT]);
    let elsewhere = Ipv4Addr::new(127, 0, 0, 9);
    let here = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = here.local_addr().unwrap().port();
    let mut bob = Client::connect_from(elsewhere, server.address("im"));
    assert_eq!(bob.ask(&login("bob")), LOGGED_IN);
    assert_not_connected(&mut bob, &port_of(&here));
    assert!(was_not_dialled(&here));
    let there = TcpListener::bind((elsewhere, port)).unwrap();
    assert_eq!(bob.ask(&port_of(&there)), CONNECTED);
    assert_eq!(there.accept().unwrap().1.ip(), IpAddr::from(Ipv4Addr::LOCALHOST));
    assert!(was_not_dialled(&here));
}

/// A server whose connections are traced.
fn traced_server(users: &[&str], dial_limit_ms: u32) -> LoggedServer {
    let folder = tempfile::TempDir::new().unwrap();
    let lines: String = users.iter().map(|user| crate::harness::logged::line(user)).collect();
    crate::harness::logged::write_passwords(
        &crate::harness::logged::passwords(folder.path()),
        &lines,
    );
    let trace = folder.path().join("trace");
    // With -D the server, not strace, is the process that was started.
    let launcher = ["strace", "-D", "-f", "-e", "trace=connect", "-o", trace.to_str().unwrap()];
    LoggedServer::begin(folder, &launcher, &[&format!("--set=im.dial_limit_ms={dial_limit_ms}")])
}

/// The dials so far.
fn dials(server: &LoggedServer) -> Vec<String> {
    let trace = fs::read_to_string(server.folder().join("trace")).unwrap();
    trace.lines().filter(|line| line.contains("connect(")).map(str::to_owned).collect()
}

/// Stops the server and returns all its dials.
fn all_dials(mut server: LoggedServer) -> Vec<String> {
    assert!(server.stop().success());
    let trace = server.folder().join("trace");
    wait_until("the trace is whole", || {
        fs::read_to_string(&trace).unwrap().contains("+++ exited with 0 +++")
    });
    dials(&server)
}

#[test]
fn of_twenty_ports_in_a_row_three_are_tried_and_nothing_else() {
    // Too short for a refused dial to be tried again.
    let server = traced_server(&["bob"], 15);
    let (_socket, closed) = closed_port();
    let mut bob = log_in(&server, "bob");
    // Half of them are answered one by one, the others are sent together.
    for number in 0..10 {
        let port = if number % 2 == 0 { closed.port() } else { 1 + number };
        assert_eq!(bob.ask(&format!("/port {port}")), NOT_CONNECTED);
    }
    bob.send(&format!("{}\n", dial(closed)).repeat(10));
    for _ in 0..10 {
        assert_eq!(bob.line(), NOT_CONNECTED);
    }
    let dialled = all_dials(server);
    assert_eq!(dialled.len(), FAILURES_MAX, "{dialled:#?}");
    let to = format!("sin_port=htons({}), sin_addr=inet_addr(\"127.0.0.1\")", closed.port());
    assert!(dialled.iter().all(|call| call.contains(&to)), "{dialled:#?}");
}

#[test]
fn a_dial_that_its_client_does_not_wait_for_counts_as_failed() {
    let server = traced_server(&["bob"], 300);
    let (_socket, closed) = closed_port();
    for number in 1..=FAILURES_MAX {
        let before = dials(&server).len();
        let mut bob = log_in(&server, "bob");
        bob.send(&format!("{}\n", dial(closed)));
        wait_until("it is dialled", || dials(&server).len() > before);
        bob.reset();
        wait_until("it is gone", || {
            server.log().matches("User has left name=bob").count() == number
        });
    }
    let before = dials(&server).len();
    assert_eq!(log_in(&server, "bob").ask(&dial(closed)), NOT_CONNECTED);
    assert_eq!(all_dials(server).len(), before);
}

#[test]
fn a_client_that_closes_during_a_dial_is_logged_out_at_once() {
    let server = LoggedServer::start(&["bob"], &["--set=im.dial_limit_ms=10000"]);
    let hole = BlackHole::open();
    let mut bob = log_in(&server, "bob");
    bob.send(&format!("{}\n", dial(hole.address())));
    drop(bob);
    server.wait_for_log(&["dialling back failed", "account=bob", "reason=\"no answer\""]);
    let begun = Instant::now();
    assert_eq!(server.connect("im").ask(&login("bob")), LOGGED_IN);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_client_whose_end_comes_with_the_answer_to_a_dial_is_logged_out() {
    let server = LoggedServer::start(&["bob"], &["--set=im.dial_limit_ms=10000"]);
    let hole = BlackHole::open();
    let mut bob = log_in(&server, "bob");
    bob.send(&format!("{}\n", dial(hole.address())));
    wait_until("the server dials", || hole.is_dialled());
    server.signal(Signal::STOP);
    let mut b = hole.answer();
    b.write_all(b"hello\n").unwrap();
    drop(b);
    server.signal(Signal::CONT);
    assert_eq!(bob.line(), CONNECTED);
    assert_eq!(bob.rest(), "");
}

/// The original client sends its port before it listens there.
#[test]
fn a_client_that_listens_late_is_reached() {
    let server = LoggedServer::start(&["bob"], &[]);
    let (socket, closed) = closed_port();
    let mut bob = log_in(&server, "bob");
    bob.send(&format!("{}\n", dial(closed)));
    assert!(bob.is_silent(), "refused, and tried again");
    socket.listen(1).unwrap();
    assert_eq!(bob.line(), CONNECTED);
    let mut b = Client::accept(&socket.into());
    assert_eq!(server.log_in("writer").compose("bob", "hi"), "MESSAGE SENT");
    assert_eq!(b.line(), "/from writer hi");
}

#[test]
fn a_dial_that_is_tried_again_counts_once() {
    let server = LoggedServer::start(&["bob"], &[SHORT_LIMIT]);
    let (_socket, closed) = closed_port();
    let mut bob = log_in(&server, "bob");
    // 300 ms leave time for five tries.
    for _ in 1..FAILURES_MAX {
        assert_not_connected(&mut bob, &dial(closed));
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(bob.ask(&port_of(&listener)), CONNECTED);
}

#[test]
fn behind_a_proxy_no_one_is_dialled_unless_configured() {
    let behind_a_proxy = "--set=proof=command";
    for (arguments, answer) in [
        (&[behind_a_proxy, "--allow-open", SHORT_LIMIT][..], NOT_CONNECTED),
        (&[behind_a_proxy, "--allow-open", "--set=im.dial_back=on", SHORT_LIMIT], CONNECTED),
        (&["--set=im.dial_back=off", SHORT_LIMIT], NOT_CONNECTED),
    ] {
        let server = LoggedServer::start(&["bob"], arguments);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut bob = log_in(&server, "bob");
        assert_eq!(bob.ask(&port_of(&listener)), answer, "{arguments:?}");
        assert_eq!(was_not_dialled(&listener), answer == NOT_CONNECTED);
    }
}

const LINK_LOCAL: &str = "protocols::im::dialling::a_client_with_a_link_local_address_is_dialled";

#[test]
fn a_client_with_a_link_local_address_is_dialled() {
    in_its_own_network(LINK_LOCAL, || {
        let scope = add_link_local_address("fe80::1");
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let server = LoggedServer::start(
            &["bob"],
            &[&format!("--listen=im={any}"), "--allow-open", SHORT_LIMIT],
        );
        let here = |port| SocketAddrV6::new("fe80::1".parse().unwrap(), port, 0, scope);
        let listener = TcpListener::bind(here(0)).unwrap();
        let mut bob = Client::connect(here(server.address("im").port()).into());
        assert_eq!(bob.ask(&login("bob")), LOGGED_IN);
        assert_eq!(bob.ask(&port_of(&listener)), CONNECTED);
    });
}

const TO_ITSELF: &str =
    "protocols::im::dialling::a_port_that_would_connect_to_itself_is_none_that_can_be_reached";

#[test]
fn a_port_that_would_connect_to_itself_is_none_that_can_be_reached() {
    in_its_own_network(TO_ITSELF, || {
        let server = LoggedServer::start(&["bob"], &[SHORT_LIMIT]);
        let mut bob = log_in(&server, "bob");
        // The server gets the very port that it dials.
        limit_ports(50_000, 50_000);
        assert_not_connected(&mut bob, "/port 50000");
        limit_ports(40_000, 50_000);
        let listener = TcpListener::bind("127.0.0.1:50001").unwrap();
        assert_eq!(bob.ask(&port_of(&listener)), CONNECTED);
    });
}
