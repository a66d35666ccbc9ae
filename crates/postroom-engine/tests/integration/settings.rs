//! Settings that are replaced while the engine runs.

use std::net::SocketAddr;

use postroom_engine::{EngineSettings, ListenerOptions, PeerLimits, Rate, RateLimits};
use postroom_model::{Access, Passwords, Registration};
use postroom_simulator::Driver;
use postroom_store::Limits;

const CLOSED: Access = Access {
    registration: Registration::Closed,
    passwords: Passwords::Required,
    anonymous: Access::OPEN.anonymous,
};

fn driver() -> Driver {
    Driver::new(EngineSettings::default(), Limits::default())
}

fn address() -> SocketAddr {
    "192.0.2.1:40000".parse().unwrap()
}

#[test]
fn limits_of_peers_apply_to_the_next_connection() {
    let mut driver = driver();
    let listener = driver.add_listener("mailbox", ListenerOptions::default());
    let old = [(); 2].map(|()| driver.open(listener, address()).unwrap());
    let peers = PeerLimits { connections: 1, ..PeerLimits::default() };
    let settings = EngineSettings { peers, connections_max: 8, ..EngineSettings::default() };
    driver.engine.set_settings(settings, Limits::default());
    assert!(driver.open(listener, address()).is_err());
    driver.settle();
    for peer in old {
        assert!(!driver.is_closed(peer), "who is there stays");
        driver.reset(peer);
    }
    assert!(driver.open(listener, address()).is_ok(), "those who left no longer count");
}

#[test]
fn access_applies_to_the_next_session() {
    let mut driver = driver();
    let listener = driver.add_listener("mailbox", ListenerOptions::default());
    let old = driver.open(listener, address()).unwrap();
    driver.engine.set_access(listener, CLOSED, false);
    let new = driver.open(listener, address()).unwrap();
    for peer in [old, new] {
        driver.send(peer, b"LOGIN bob\n");
    }
    driver.settle();
    assert_eq!(driver.lines(old), ["0"]);
    assert!(driver.lines(new).is_empty() && driver.is_closed(new));
}

#[test]
fn limits_of_the_store_apply_to_the_next_message() {
    let mut driver = driver();
    let bob = driver.connect("mailbox");
    driver.send(bob, b"LOGIN bob\nCOMPOSE bob\none\n");
    driver.settle();
    let limits = Limits { mailbox_capacity: 1, ..Limits::default() };
    driver.engine.set_settings(EngineSettings::default(), limits);
    driver.send(bob, b"COMPOSE bob\ntwo\n");
    driver.settle();
    assert_eq!(driver.lines(bob), ["0", "MESSAGE SENT", "MESSAGE FAILED"]);
}

#[test]
fn rates_apply_to_the_next_request() {
    let mut driver = driver();
    let (ann, bob) = (driver.connect_from([192, 0, 2, 1], "chat"), driver.connect("chat"));
    driver.send(ann, b"/setname ann\n");
    driver.send(bob, b"/setname bob\n");
    driver.settle();
    let heard = |driver: &mut Driver| {
        driver.send(ann, b"/all hi\n".repeat(100).as_slice());
        driver.settle();
        driver.lines(bob).iter().filter(|line| line.ends_with(": hi")).count()
    };
    assert_eq!(heard(&mut driver), 100);
    let words = Rate { per_second: 1, burst: 1 };
    let rates = RateLimits { words, ..RateLimits::default() };
    let settings = EngineSettings { rates, ..EngineSettings::default() };
    driver.engine.set_settings(settings, Limits::default());
    assert!(heard(&mut driver) < 20);
}
