//! Connections that send nothing, half-close or do not read, and how many there may
//! be: each ends, or waits, at a named limit.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use socket2::{SockRef, Socket};

use crate::harness::logged::LoggedServer;
use crate::harness::support::{Client, PATIENCE, Server};

const VERBOSE: &str = "mailbox-verbose";
const BOTH: [&str; 2] = ["mailbox", VERBOSE];

/// A limit short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

/// The sockets that the server holds, its listeners included.
fn sockets(server: &Server) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    descriptors
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}

/// Waits until the server holds no more than this many sockets.
fn wait_for_sockets(server: &Server, most: usize) {
    let begun = Instant::now();
    while sockets(server) > most {
        assert!(begun.elapsed() < PATIENCE, "the server keeps a socket");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_connection_that_says_nothing_is_dropped_at_the_login_limit() {
    let server = Server::with(&["--set=connection.login_limit_ms=300"]);
    for protocol in BOTH {
        let begun = Instant::now();
        let mut silent = server.connect(protocol);
        assert_eq!(silent.rest(), "");
        assert!(begun.elapsed() >= SHORT, "dropped after {:?}", begun.elapsed());
    }
}

/// A server that lets two connections wait to log in.
fn server_for_two() -> LoggedServer {
    LoggedServer::start(&[], &["--set=connection.max=8"])
}

/// Whether the server has not ended a connection.
fn is_open(client: &Client) -> bool {
    let stream = client.stream();
    stream.set_nonblocking(true).unwrap();
    let is_open = stream.peek(&mut [0]).is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock);
    stream.set_nonblocking(false).unwrap();
    is_open
}

#[test]
fn beyond_a_quarter_of_the_connections_the_longest_waiting_login_is_ended() {
    let server = server_for_two();
    let mut first = server.connect("chat");
    assert!(first.line().starts_with("Welcome"));
    let mut second = server.connect(VERBOSE);
    assert_eq!(second.ask("LOGIN two words"), "LOGIN ERROR");
    let third = server.connect("mailbox");
    assert_eq!(
        first.rest(),
        "Disconnected: too many connections wait to choose a name. Connect again later.\n"
    );
    server.wait_for_log(&["WARN", "disconnected", "too many connections wait to log in", "chat"]);
    // Those that have logged in do not count.
    second.ask("LOGIN bob");
    let mut fourth = server.connect("mailbox");
    assert_eq!(fourth.ask("LOGIN carol"), "0");
    assert_eq!(second.ask("READ bob"), "No More Unread Messages.");
    assert!(is_open(&third));
}

#[test]
fn an_address_with_many_connections_loses_its_own_first() {
    let server = server_for_two();
    let mut honest = Client::connect_from([127, 0, 0, 2], server.address("chat"));
    assert!(honest.line().starts_with("Welcome"));
    // The honest client has waited longest, but its address has fewer connections.
    let rude: Vec<_> = (0..20)
        .map(|_| {
            let mut client = Client::connect_from([127, 0, 0, 3], server.address("chat"));
            assert!(client.line().starts_with("Welcome"));
            client
        })
        .collect();
    for mut client in rude.into_iter().take(19) {
        let rest = client.rest();
        assert!(rest.starts_with("Disconnected: too many"), "{rest:?}");
    }
    assert!(honest.ask("/setname honest").starts_with("Username accepted"));
}

/// A burst of clients that log in at the same time is no attack.
#[test]
fn a_login_that_has_come_is_taken_before_any_connection_is_ended() {
    let server = server_for_two();
    std::thread::scope(|scope| {
        for number in 0..6 {
            let server = &server;
            scope.spawn(move || {
                for _ in 0..20 {
                    let mut client = server.connect("mailbox");
                    assert_eq!(client.ask(&format!("LOGIN user{number}")), "0");
                    client.send("EXIT\n");
                    assert_eq!(client.rest(), "");
                }
            });
        }
    });
}

#[test]
fn a_complete_request_to_the_board_is_a_login() {
    let server = server_for_two();
    // One that has not sent its request yet would be evicted for the third.
    let stream = |_| {
        let mut stream = server.connect("board");
        stream.send("s\n#rust\n");
        stream
    };
    let mut streams: Vec<_> = (0..3).map(stream).collect();
    let silent = server.connect("board");
    let mut upload = server.connect("board");
    upload.send("u\nhi #rust");
    upload.end();
    assert_eq!(upload.rest(), "operation success\n");
    assert!(streams.iter_mut().all(|stream| stream.line() == "@board: hi #rust"));
    assert!(is_open(&silent));
}

#[test]
fn what_is_no_login_does_not_extend_the_login_limit() {
    let server = Server::with(&["--set=connection.login_limit_ms=300"]);
    let begun = Instant::now();
    let busy = server.connect(VERBOSE);
    busy.stream().set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut answers = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        // A server that has closed may answer further lines with a reset.
        let _ = busy.stream().write_all(b"LOGIN two words\nhalf a li");
        match busy.stream().read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => answers.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("no orderly end: {error}"),
        }
        assert!(begun.elapsed() < PATIENCE, "not dropped");
    }
    assert!(begun.elapsed() >= SHORT);
    assert!(answers.starts_with(b"LOGIN ERROR\n"));
}

#[test]
fn half_a_line_is_dropped_at_the_login_limit() {
    let server = Server::with(&["--set=connection.login_limit_ms=300"]);
    let mut half = server.connect("mailbox");
    half.send("PASS secret\nLOGIN bo");
    assert_eq!(half.rest(), "");
}

#[test]
fn after_its_login_a_client_may_be_silent_for_ever() {
    let server = Server::with(&["--set=connection.login_limit_ms=300"]);
    let mut members = BOTH.map(|protocol| {
        let mut member = server.connect(protocol);
        member.ask("LOGIN bob");
        member
    });
    // The limit passes for later connections too, for one of them twice.
    for _ in 0..2 {
        assert_eq!(server.connect("mailbox").rest(), "");
    }
    assert_eq!(members[0].ask("READ"), "READ ERROR");
    assert_eq!(members[1].ask("READ bob"), "No More Unread Messages.");
}

#[test]
fn a_client_that_ends_its_side_is_answered_and_closed() {
    let server = Server::start();
    let listening = sockets(&server);
    for protocol in BOTH {
        let mut client = server.connect(protocol);
        client.send("LOGIN bob\n");
        client.end();
        assert_eq!(client.rest().lines().count(), 1);
        wait_for_sockets(&server, listening);
    }
}

#[test]
fn a_dropped_client_that_does_not_end_its_side_is_closed_at_the_drain_limit() {
    let server = Server::with(&["--set=connection.drain_limit_ms=300"]);
    let listening = sockets(&server);
    let mut client = server.connect("mailbox");
    client.send("nonsense\n");
    assert_eq!(client.rest(), "");
    let begun = Instant::now();
    wait_for_sockets(&server, listening);
    assert!(begun.elapsed() < PATIENCE);
    drop(client);
}

#[test]
fn a_dropped_client_is_drained_until_the_limit() {
    let server = Server::with(&["--set=connection.drain_limit_ms=300"]);
    let listening = sockets(&server);
    let mut client = server.connect("mailbox");
    let begun = Instant::now();
    client.send("nonsense\n");
    assert_eq!(client.rest(), "");
    // The client goes on sending, which does not extend the limit, and receives a
    // reset.
    while client.stream().write_all(&[b'x'; 1_000]).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "never closed");
    }
    assert!(begun.elapsed() >= SHORT, "closed after {:?}", begun.elapsed());
    wait_for_sockets(&server, listening);
}

#[test]
fn what_a_dropped_client_still_sends_does_not_cost_it_its_answers() {
    let server = Server::start();
    let mut client = server.connect("mailbox");
    // Far more than the server reads at once follows the line that drops.
    let mut input = b"LOGIN bob\nREAD\nnonsense\n".to_vec();
    input.extend(std::iter::repeat_n(b'x', 1 << 20));
    client.send_bytes(&input);
    assert_eq!(client.rest(), "0\nREAD ERROR\n");
}

#[test]
fn a_client_that_never_reads_is_given_up_with_its_connection_alone() {
    let server = Server::with(&["--set=connection.peer_dead_after_ms=15000"]);
    let listening = sockets(&server);
    let stuck = Client::connect_with_small_buffer(server.address(VERBOSE));
    stuck.write_until_stuck(b"LOGIN two words that are no name\n", usize::MAX);
    assert_eq!(server.log_in("bob").ask("READ"), "READ ERROR");
    wait_for_sockets(&server, listening);
}

#[test]
fn a_peer_that_is_dead_is_found_out_by_its_system() {
    let server = Server::start();
    for protocol in BOTH {
        let client = server.connect(protocol);
        let accepted = accepted_socket(&server, client.stream());
        let accepted = SockRef::from(&accepted);
        assert!(accepted.keepalive().unwrap());
        let idle = accepted.tcp_keepalive_time().unwrap();
        let probe = accepted.tcp_keepalive_interval().unwrap();
        let unacknowledged = accepted.tcp_user_timeout().unwrap().unwrap();
        // The first probe and those until the user timeout has passed, at whose
        // next probe the connection ends.
        let limit = Duration::from_secs(90);
        assert!(idle + probe <= limit, "{idle:?} {probe:?}");
        assert!(unacknowledged > idle && unacknowledged <= limit, "{unacknowledged:?}");
        let rest = unacknowledged.checked_sub(idle).unwrap();
        let probes = rest.div_duration_f64(probe).ceil();
        assert!(idle + probe.mul_f64(probes) <= limit, "{probes} probes");
        assert!(accepted.tcp_nodelay().unwrap());
    }
}

#[test]
fn the_time_after_which_a_peer_is_dead_is_a_setting() {
    let server = Server::with(&["--set=connection.peer_dead_after_ms=30000"]);
    let client = server.connect("mailbox");
    let accepted = accepted_socket(&server, client.stream());
    let accepted = SockRef::from(&accepted);
    let limit = Duration::from_secs(30);
    assert!(accepted.tcp_keepalive_time().unwrap() < limit);
    assert!(accepted.tcp_user_timeout().unwrap().unwrap() <= limit);
}

/// What the kernel takes and has not sent is in no limit of the server.
#[test]
fn the_kernel_takes_little_that_it_cannot_send() {
    let server = Server::start();
    for protocol in BOTH {
        let client = server.connect(protocol);
        let accepted = accepted_socket(&server, client.stream());
        assert_eq!(SockRef::from(&accepted).tcp_notsent_lowat().unwrap(), 128 << 10, "{protocol}");
    }
}

/// The server's socket of a connection, duplicated out of its process to read its
/// options.
fn accepted_socket(server: &Server, client: &TcpStream) -> Socket {
    let process = Pid::from_raw(i32::try_from(server.pid()).unwrap()).unwrap();
    let process = pidfd_open(process, PidfdFlags::empty()).unwrap();
    let begun = Instant::now();
    let ours = client.local_addr().unwrap();
    loop {
        for entry in fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap() {
            let descriptor = entry.unwrap().file_name().to_string_lossy().parse().unwrap();
            // Some descriptors are closed by now.
            let Ok(copy) = pidfd_getfd(&process, descriptor, PidfdGetfdFlags::empty()) else {
                continue;
            };
            let copy = Socket::from(copy);
            if copy.peer_addr().is_ok_and(|peer| peer.as_socket() == Some(ours)) {
                return copy;
            }
        }
        assert!(begun.elapsed() < PATIENCE, "the connection is not accepted");
    }
}

/// A server with one place, which a client has, and another client that has sent
/// its login and waits.
fn full_server(arguments: &[&str]) -> (Server, Client, Client) {
    let server = Server::with(&[&["--set=connection.max=1"], arguments].concat());
    let mut first = server.connect("mailbox");
    assert_eq!(first.ask("LOGIN bob"), "0");
    let mut second = server.connect(VERBOSE);
    second.send("LOGIN carol\n");
    (server, first, second)
}

fn assert_served(mut second: Client) {
    assert_eq!(second.line(), "Login successful with new username. Welcome carol");
}

#[test]
fn beyond_the_most_connections_a_further_one_waits() {
    let (_server, mut first, second) = full_server(&[]);
    let mut byte = [0];
    second.stream().set_read_timeout(Some(SHORT)).unwrap();
    assert!(second.stream().peek(&mut byte).is_err(), "served though there is no place");
    second.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    // The first client is served meanwhile.
    assert_eq!(first.ask("READ"), "READ ERROR");
    first.send("EXIT\n");
    assert_eq!(first.rest(), "");
    drop(first);
    assert_served(second);
}

/// A place that becomes free does not always go to the listener with the flood.
#[test]
fn listeners_take_turns_where_connections_wait() {
    let (server, mut first, mut verbose) = full_server(&[]);
    let _silent: Vec<_> = (0..3).map(|_| server.connect("mailbox")).collect();
    first.send("EXIT\n");
    assert_eq!(first.rest(), "");
    drop(first);
    assert_eq!(verbose.line(), "Login successful with new username. Welcome carol");
}

/// A client without a login that reads nothing keeps its place no longer than
/// others.
#[test]
fn an_evicted_connection_that_reads_nothing_frees_its_place() {
    let server = LoggedServer::start(&[], &["--set=connection.max=3"]);
    let stuck = Client::connect_with_small_buffer(server.address(VERBOSE));
    stuck.write_until_stuck(b"no command\n", usize::MAX);
    let mut second = server.connect("mailbox");
    assert_eq!(second.ask("LOGIN bob"), "0");
    let mut third = server.connect("chat");
    assert!(third.line().starts_with("Welcome"));
    let begun = Instant::now();
    let mut fourth = server.connect("chat");
    assert!(fourth.line().starts_with("Welcome"));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(stuck);
}

#[test]
fn that_the_server_is_full_is_logged() {
    let server = LoggedServer::start(&[], &["--set=connection.max=1"]);
    let mut first = server.connect("mailbox");
    assert_eq!(first.ask("LOGIN bob"), "0");
    let _second = server.connect("mailbox");
    server.wait_for_log(&["WARN", "the server is full", "connections=1"]);
}

#[test]
fn a_waiting_connection_gets_in_when_one_ends_its_side() {
    let (_server, mut first, second) = full_server(&[]);
    first.end();
    assert_eq!(first.rest(), "");
    assert_served(second);
}

#[test]
fn a_waiting_connection_gets_in_when_one_ends_its_side_with_an_answer_due() {
    let (_server, mut first, second) = full_server(&[]);
    first.send("READ\n");
    first.end();
    assert_eq!(first.rest(), "READ ERROR\n");
    assert_served(second);
}

#[test]
fn a_waiting_connection_gets_in_when_one_is_reset() {
    let (_server, first, second) = full_server(&[]);
    first.reset();
    assert_served(second);
}

#[test]
fn a_waiting_connection_gets_in_when_one_is_closed_at_the_drain_limit() {
    let (_server, mut first, second) = full_server(&["--set=connection.drain_limit_ms=100"]);
    first.send("nonsense\n");
    assert_eq!(first.rest(), "");
    assert_served(second);
}

/// No event says that the system can accept again, and no other client comes.
#[test]
fn a_connection_that_could_not_be_accepted_gets_in_later() {
    for error in ["EMFILE", "ENOBUFS", "EPERM"] {
        let inject = format!("inject=accept4:error={error}:when=1..3");
        let strace =
            ["strace", "-D", "-f", "-o", "/dev/null", "-e", "trace=accept4", "-e", &inject];
        let server = LoggedServer::through(&strace, &[], &[]);
        let mut client = server.connect("mailbox");
        assert_eq!(client.ask("LOGIN bob"), "0", "{error}");
        server.wait_for_log(&["WARN", "cannot accept connections"]);
    }
}

#[test]
fn all_that_wait_get_in_one_after_the_other() {
    let server = Server::with(&["--set=connection.max=2"]);
    let mut waiting: Vec<_> = (0..20)
        .map(|number| {
            let mut client = server.connect(BOTH[number % 2]);
            client.send("LOGIN bob\n");
            client
        })
        .collect();
    // Each client leaves, so in the end all are served.
    while !waiting.is_empty() {
        let begun = Instant::now();
        let answered = loop {
            let found = waiting.iter().position(|client| has_answer(client.stream()));
            if let Some(found) = found {
                break found;
            }
            assert!(begun.elapsed() < PATIENCE, "{} are not served", waiting.len());
        };
        let mut client = waiting.remove(answered);
        client.line();
        client.send("EXIT\n");
        assert_eq!(client.rest(), "");
    }
}

fn has_answer(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let has = stream.peek(&mut [0]).is_ok();
    stream.set_nonblocking(false).unwrap();
    has
}
