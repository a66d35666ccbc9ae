//! Clients whose network is cut: keep-alive ends their sessions.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::harness::chat::enter;
use crate::harness::im::{CONNECTED, LOGGED_IN, login, port_of};
use crate::harness::logged::LoggedServer;
use crate::harness::network::{in_its_own_network, set_loopback};
use crate::harness::support::Client;

const LIMIT: &str = "--set=connection.peer_dead_after_ms=15000";

/// The limit, and some time for a slow machine.
const ABSENT_WITHIN: Duration = Duration::from_millis(16_500);

const CUT: &str = "limits::cut::clients_whose_network_is_cut_are_absent";

#[test]
fn clients_whose_network_is_cut_are_absent() {
    in_its_own_network(CUT, || {
        let server = LoggedServer::start(&["bob"], &[LIMIT, "--set=chat.announce=false"]);
        let mut bob = server.connect("im");
        assert_eq!(bob.ask(&login("bob")), LOGGED_IN);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(bob.ask(&port_of(&listener)), CONNECTED);
        let b = Client::accept(&listener);
        let mary = enter(&server, "mary");
        // Everything sent is acknowledged: only keep-alive probes can fail.
        assert!([&bob, &b, &mary].iter().all(|client| client.is_silent()));
        set_loopback("down");
        let cut = Instant::now();
        // Without a network only the log can be read.
        wait_for_departure(&server, "mary", cut);
        wait_for_departure(&server, "bob", cut);
        set_loopback("up");
        enter(&server, "mary");
        assert_eq!(server.connect("im").ask(&login("bob")), LOGGED_IN);
    });
}

const DEAD_PEER: &str = "limits::cut::data_for_a_dead_peer_does_not_keep_it_alive";

/// Data that is sent to a dead peer just before keep-alive ends it, here the
/// announcement that another client has left, must not restart the time-out.
#[test]
fn data_for_a_dead_peer_does_not_keep_it_alive() {
    in_its_own_network(DEAD_PEER, || {
        let server = LoggedServer::start(&[], &[LIMIT]);
        let bob = enter(&server, "bob");
        // The probes of the others come later.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(1_500) {
            assert!(bob.is_silent());
        }
        let mary = enter(&server, "mary");
        assert!(mary.is_silent());
        set_loopback("down");
        let cut = Instant::now();
        wait_for_departure(&server, "bob", cut);
        wait_for_departure(&server, "mary", cut);
    });
}

fn wait_for_departure(server: &LoggedServer, name: &str, since: Instant) {
    let name = format!("name={name} ");
    let is_departure = |line: &str| line.contains("User has left") && line.contains(&name);
    while !server.log().lines().any(is_departure) {
        assert!(since.elapsed() < ABSENT_WITHIN, "{name}is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}
