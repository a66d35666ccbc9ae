//! Limits of the connections of each peer.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use postroom_engine::{
    EngineSettings, ListenerKey, ListenerOptions, PeerLimits, Proof, Refused, What,
};
use postroom_simulator::{Driver, PeerKey};
use postroom_store::Limits;

const MOST: usize = 3;
const PER_MINUTE: usize = 6;

fn limits() -> PeerLimits {
    PeerLimits { connections: 3, new_per_minute: 1_000, ..PeerLimits::default() }
}

fn driver(peers: PeerLimits) -> Driver {
    Driver::new(EngineSettings { peers, ..EngineSettings::default() }, Limits::default())
}

fn listener(driver: &mut Driver, protocol: &str) -> ListenerKey {
    driver.add_listener(protocol, ListenerOptions::default())
}

fn open(driver: &mut Driver, listener: ListenerKey, address: &str) -> Result<PeerKey, Refused> {
    let address: IpAddr = address.parse().unwrap();
    driver.perform();
    let opened = driver.open(listener, SocketAddr::new(address, 40_000));
    driver.settle();
    opened
}

/// How many of so many connections of these addresses are let in.
fn let_in(
    driver: &mut Driver,
    listener: ListenerKey,
    addresses: impl Iterator<Item = String>,
) -> usize {
    addresses.filter(|address| open(driver, listener, address).is_ok()).count()
}

fn again(address: &str, times: usize) -> impl Iterator<Item = String> {
    std::iter::repeat_n(address.to_owned(), times)
}

#[test]
fn an_address_has_so_many_connections_and_no_more() {
    let mut driver = driver(limits());
    let listener = listener(&mut driver, "mailbox");
    let [first, ..] = [(); MOST].map(|()| open(&mut driver, listener, "192.0.2.1").unwrap());
    assert_eq!(open(&mut driver, listener, "192.0.2.1").unwrap_err(), Refused { farewell: "" });
    assert_eq!(driver.engine.connections(), MOST);
    assert_eq!(driver.engine.sessions(), MOST);
    // Others are not concerned, and one that leaves makes a place.
    assert!(open(&mut driver, listener, "192.0.2.2").is_ok());
    driver.reset(first);
    assert!(open(&mut driver, listener, "192.0.2.1").is_ok());
    assert!(open(&mut driver, listener, "192.0.2.1").is_err());
}

/// One that the server has ended and that is still drained has its place.
#[test]
fn a_connection_counts_until_it_is_closed() {
    let mut driver = driver(limits());
    let listener = listener(&mut driver, "mailbox");
    let [first, ..] = [(); MOST].map(|()| open(&mut driver, listener, "192.0.2.1").unwrap());
    driver.send(first, b"nonsense\n");
    driver.settle();
    assert!(driver.is_closed(first) && !driver.is_gone(first));
    assert!(open(&mut driver, listener, "192.0.2.1").is_err());
    driver.pass(Duration::from_secs(1));
    assert!(open(&mut driver, listener, "192.0.2.1").is_ok());
}

#[test]
fn a_site_has_four_times_as_many() {
    let mut driver = driver(limits());
    let listener = listener(&mut driver, "mailbox");
    let of_a_network = (0..20).map(|number| format!("2001:db8:1:2::{number:x}"));
    assert_eq!(let_in(&mut driver, listener, of_a_network), MOST);
    let of_its_site = (0..20).map(|number| format!("2001:db8:1:{number:x}::1"));
    assert_eq!(let_in(&mut driver, listener, of_its_site), 3 * MOST);
    assert!(open(&mut driver, listener, "2001:db8:2::1").is_ok());
}

#[test]
fn an_address_connects_so_often_in_a_minute() {
    let mut driver = driver(PeerLimits { connections: 1_000, new_per_minute: 6, ..limits() });
    let listener = listener(&mut driver, "mailbox");
    assert_eq!(let_in(&mut driver, listener, again("192.0.2.1", 20)), PER_MINUTE);
    assert_eq!(let_in(&mut driver, listener, again("192.0.2.2", 1)), 1);
    // A tenth of a minute brings one back; what was refused has cost nothing.
    driver.pass(Duration::from_millis(9_990));
    assert_eq!(let_in(&mut driver, listener, again("192.0.2.1", 1)), 0);
    driver.pass(Duration::from_millis(10));
    assert_eq!(let_in(&mut driver, listener, again("192.0.2.1", 2)), 1);
    driver.pass(Duration::from_mins(2));
    assert_eq!(let_in(&mut driver, listener, again("192.0.2.1", 20)), PER_MINUTE);
}

#[test]
fn trusted_addresses_have_no_limit() {
    let trusted = ["198.51.100.0/24", "2001:db8::/32"].map(|prefix| prefix.parse().unwrap());
    let mut driver =
        driver(PeerLimits { trusted: trusted.to_vec(), new_per_minute: 3, ..limits() });
    let listener = listener(&mut driver, "mailbox");
    for trusted in ["198.51.100.7", "::ffff:198.51.100.7", "2001:db8:1::1"] {
        assert_eq!(let_in(&mut driver, listener, again(trusted, 20)), 20, "{trusted}");
    }
    for other in ["198.51.101.7", "2001:db9::1"] {
        assert_eq!(let_in(&mut driver, listener, again(other, 20)), MOST, "{other}");
    }
}

#[test]
fn an_address_that_stands_for_many_clients_has_no_limit() {
    let mut driver = driver(limits());
    let own = listener(&mut driver, "mailbox");
    let options = ListenerOptions { proof: Proof::Command, ..ListenerOptions::default() };
    let behind_proxy = driver.add_listener("mailbox", options);
    for (listener, address) in
        [(own, "127.0.0.1"), (own, "::1"), (behind_proxy, "127.0.0.1"), (behind_proxy, "192.0.2.1")]
    {
        assert_eq!(let_in(&mut driver, listener, again(address, 20)), 20, "{address}");
    }
    // What came through the proxy does not count for the address.
    assert_eq!(let_in(&mut driver, own, again("192.0.2.1", 20)), MOST);
}

#[test]
fn clients_on_loopback_are_limited_where_a_setting_says_so() {
    let mut driver = driver(PeerLimits { loopback: true, ..limits() });
    let listener = listener(&mut driver, "mailbox");
    for address in ["127.0.0.1", "127.0.0.2", "::1"] {
        assert_eq!(let_in(&mut driver, listener, again(address, 20)), MOST, "{address}");
    }
}

#[test]
fn chat_is_told_why_it_is_refused_and_so_is_the_log() {
    let mut driver = driver(limits());
    let listener = listener(&mut driver, "chat");
    assert_eq!(let_in(&mut driver, listener, again("2001:db8::1", MOST)), MOST);
    driver.log.clear();
    for number in 0..100 {
        let refused = open(&mut driver, listener, &format!("2001:db8::{number:x}")).unwrap_err();
        assert!(refused.farewell.starts_with("Disconnected: too many connections"));
    }
    let lines: Vec<_> = driver.log.iter().filter_map(refusal).collect();
    assert_eq!(lines, ["the address has too many connections (connection.per_address_max)"; 20]);
}

#[test]
fn lines_of_all_networks_of_a_site_count_together() {
    let mut driver = driver(PeerLimits { new_per_minute: 1, ..limits() });
    let listener = listener(&mut driver, "mailbox");
    let of_site = |number| format!("2001:db8:1:{number:x}::1");
    assert_eq!(let_in(&mut driver, listener, (0..100).map(of_site)), 4);
    let lines: Vec<_> = driver.log.iter().filter_map(refusal).collect();
    assert_eq!(lines, ["its /48 connects too often (connection.new_per_minute)"; 20]);
    assert_eq!(let_in(&mut driver, listener, again("2001:db8:2::1", 2)), 1);
    assert_eq!(driver.log.iter().filter_map(refusal).count(), 21);
}

fn refusal(what: &What) -> Option<&'static str> {
    match what {
        What::ConnectionRefused(reason) => Some(reason),
        _ => None,
    }
}
