//! Those who reach the port for metrics can do little harm.

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::scrape::{METRICS, Scrape, get};
use crate::harness::support::{Client, Server, run_program};

/// Connections to the port that the server has at a time.
const CONNECTIONS_MAX: usize = 16;

fn open_files(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count()
}

fn status_works(server: &Server) {
    let output = run_program(["status", "--data", server.data().to_str().unwrap()], b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A connection that is begun, and not waited for.
fn connect(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).unwrap();
    // It goes on in the kernel.
    let _ = socket.connect(&address.into());
    socket
}

#[test]
fn a_thousand_silent_connections_keep_nobody_out_and_take_few_files() {
    let server = Server::with(&[METRICS]);
    let address = server.address("metrics");
    let mut bob = server.log_in("bob");
    Scrape::of(address);
    let files = open_files(&server);
    let mut silent = Vec::new();
    for begin in [&b""[..], b"GET /metr", b"GET /health HTTP/1.1\r\nX: "] {
        silent.extend((0..1_000).map(|_| connect(address)));
        for _ in 0..3 {
            for socket in &silent {
                // Not connected yet, or closed already, or silent.
                let _ = socket.send(begin);
            }
            assert_eq!(get(address, "/health").0, 200);
            Scrape::of(address);
            status_works(&server);
            assert_eq!(bob.compose("bob", "hi"), "MESSAGE SENT");
            assert!(bob.read().is_some());
            let more = open_files(&server).saturating_sub(files);
            // The socket of the command before may not be closed yet.
            assert!(more <= CONNECTIONS_MAX + 2, "{more} more files are open");
        }
        silent.clear();
    }
}

#[test]
fn half_a_request_ends_with_its_time() {
    let server = Server::with(&[METRICS]);
    let mut half = Client::connect(server.address("metrics"));
    half.send("GET /metrics HTTP/1.1\r\n");
    let begun = Instant::now();
    let answer = half.rest();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    let mut long = Client::connect(server.address("metrics"));
    let header = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(64 << 10));
    // It may be refused before all is sent.
    let _ = long.try_send_bytes(header.as_bytes());
    let refused = long.try_line().unwrap_or_default();
    assert!(!refused.contains(" 200 "), "{refused}");
}

#[test]
fn a_flood_of_requests_asks_the_event_loop_once_a_second() {
    const FLOOD: Duration = Duration::from_secs(3);
    let server = Server::with(&[METRICS]);
    let address = server.address("metrics");
    let turns = |scrape: &Scrape| scrape.value("postroom_turn_seconds_count");
    let before = turns(&Scrape::of(address));
    let answered = AtomicUsize::new(0);
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while begun.elapsed() < FLOOD {
                    assert_eq!(get(address, "/metrics").0, 200);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    let answered = u32::try_from(answered.load(Ordering::Relaxed)).unwrap();
    let most = 500.0 * seconds + 66.0;
    assert!(answered > 10 && f64::from(answered) <= most, "{answered} answers");
    thread::sleep(Duration::from_millis(1_100));
    let asked = turns(&Scrape::of(address)) - before;
    assert!(asked <= seconds + 4.0, "{asked} turns, {answered} answers");
}
