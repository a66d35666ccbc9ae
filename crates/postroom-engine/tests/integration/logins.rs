//! How failed logins delay others.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use postroom_engine::{EngineSettings, ListenerOptions, LoginLimits, Proof};
use postroom_model::{Access, Registration};
use postroom_store::{Limits, MemoryDisk};

use postroom_simulator::{Driver, PeerKey, set_password};

/// The longest delays of the default settings, and a little.
const PATIENCE: Duration = Duration::from_secs(11);

fn driver() -> Driver {
    driver_with(LoginLimits::default())
}

fn driver_with(logins: LoginLimits) -> Driver {
    let (disk, limits) = (MemoryDisk::default(), Limits::default());
    for (name, password) in [("dora", "right"), ("erik", "right")] {
        set_password(&disk, limits, name, password);
    }
    Driver::on(disk, EngineSettings { logins, ..EngineSettings::default() }, limits)
}

/// Where a client comes from, and what proof its listener takes.
#[derive(Clone, Copy)]
struct From(IpAddr, Proof);

fn host(number: u8) -> From {
    From([198, 51, 100, number].into(), Proof::Tcp)
}

/// A host in a /64 of one /48.
fn host_of_site(network: u16) -> From {
    From(Ipv6Addr::new(0x2001, 0xdb8, 7, network, 0, 0, 0, 1).into(), Proof::Tcp)
}

/// A listener where nobody can register.
fn closed(proof: Proof) -> ListenerOptions {
    let access = Access { registration: Registration::Closed, ..Access::OPEN };
    ListenerOptions { proof, access, ..ListenerOptions::default() }
}

fn ask(driver: &mut Driver, From(address, proof): From, name: &str, password: &str) -> PeerKey {
    let client = driver.connect_with(address, "mailbox", closed(proof));
    driver.send(client, format!("PASS {password}\nLOGIN {name}\n").as_bytes());
    driver.settle();
    client
}

/// A client logs in, of which its check is left for later.
fn ask_in_a_turn(driver: &mut Driver, from: From, name: &str, password: &str) -> PeerKey {
    let From(address, proof) = from;
    let client = driver.connect_with(address, "mailbox", closed(proof));
    driver.put(client, format!("PASS {password}\nLOGIN {name}\n").as_bytes());
    driver.turn();
    client
}

/// How long a login takes, in milliseconds.
fn time_of(driver: &mut Driver, from: From, name: &str, password: &str) -> u128 {
    let begun = driver.now;
    let client = ask(driver, from, name, password);
    // `mailbox` drops a client whose login fails.
    while driver.lines(client).is_empty() && !driver.is_closed(client) {
        assert!(driver.now - begun < PATIENCE, "it is not answered");
        let next = driver.engine.next_deadline().expect("the engine waits for something");
        driver.pass(next - driver.now);
    }
    (driver.now - begun).as_millis()
}

fn fail(driver: &mut Driver, from: From, name: &str, times: usize) {
    for _ in 0..times {
        time_of(driver, from, name, "wrong");
    }
}

#[test]
fn the_delay_of_an_account_and_of_an_address_grows() {
    let mut driver = driver();
    let times: Vec<_> = (0..9).map(|_| time_of(&mut driver, host(1), "dora", "wrong")).collect();
    assert_eq!(times, [0, 0, 0, 0, 0, 10, 20, 40, 80]);
    // The account waits wherever the login comes from, another one does not.
    assert_eq!(time_of(&mut driver, host(2), "dora", "right"), 160);
    assert_eq!(time_of(&mut driver, host(2), "erik", "right"), 0);
    fail(&mut driver, host(1), "dora", 30);
    assert_eq!(time_of(&mut driver, host(1), "erik", "right"), 5_000);
    assert_eq!(time_of(&mut driver, host(3), "dora", "right"), 0, "5 s have passed");
}

#[test]
fn an_owner_is_not_locked_out_where_they_have_logged_in() {
    let mut driver = driver();
    assert_eq!(time_of(&mut driver, host(200), "dora", "right"), 0);
    for number in 0..60 {
        ask(&mut driver, host(number), "dora", "wrong");
    }
    // Those that guess wait in turn.
    driver.pass(Duration::from_mins(1));
    assert_eq!(time_of(&mut driver, host(200), "dora", "right"), 0);
    let waiting = ask(&mut driver, host(201), "dora", "right");
    assert!(driver.lines(waiting).is_empty());
}

#[test]
fn who_shares_the_owners_address_learns_nothing_from_the_time_of_a_refusal() {
    for from in [host(1), From([127, 0, 0, 1].into(), Proof::Command)] {
        let [owner, other, nobody] = ["dora", "erik", "nobody"].map(|name| -> Vec<_> {
            let mut driver = driver();
            time_of(&mut driver, from, "dora", "right");
            (0..19).map(|_| time_of(&mut driver, from, name, "wrong")).collect()
        });
        assert_eq!((&owner, &other), (&nobody, &nobody));
    }
}

#[test]
fn a_login_without_a_password_is_no_guess() {
    let mut driver = driver();
    // No more at once than a client may.
    for _ in 0..15 {
        let client = driver.connect_with(host(1).0, "mailbox-verbose", ListenerOptions::default());
        driver.send(client, b"LOGIN dora\n");
        driver.settle();
        assert_eq!(driver.lines(client), ["LOGIN ERROR"]);
    }
    assert_eq!(time_of(&mut driver, host(1), "dora", "right"), 0);
}

#[test]
fn loopback_and_a_proxy_are_delayed_little_and_their_accounts_as_any() {
    let loopback = From([127, 0, 0, 1].into(), Proof::Tcp);
    let proxy = From([192, 0, 2, 9].into(), Proof::Command);
    for from in [loopback, proxy] {
        let mut driver = driver();
        fail(&mut driver, from, "dora", 200);
        assert_eq!(time_of(&mut driver, from, "erik", "right"), 20);
        fail(&mut driver, from, "dora", 1);
        assert_eq!(time_of(&mut driver, from, "dora", "right"), 160);
    }
}

#[test]
fn a_client_that_leaves_makes_nobody_wait_for_its_check() {
    let mut driver = driver();
    fail(&mut driver, host(1), "dora", 9);
    let gone = ask(&mut driver, host(1), "dora", "wrong");
    driver.reset(gone);
    assert_eq!(time_of(&mut driver, host(1), "dora", "right"), 160);
    assert_eq!(driver.engine.next_check().map(|_| ()), None);
}

/// An engine whose accounts `user0` and so on have passwords, too.
fn driver_with_users(count: usize) -> Driver {
    let (disk, limits) = (MemoryDisk::default(), Limits::default());
    let users = (0..count).map(|number| format!("user{number}"));
    for name in users.chain(["erik".to_owned()]) {
        set_password(&disk, limits, &name, "right");
    }
    Driver::on(disk, EngineSettings::default(), limits)
}

#[test]
fn the_checks_of_a_host_for_many_accounts_let_those_of_others_go_next() {
    // So many are not delayed.
    const USERS: usize = 10;
    let mut driver = driver_with_users(USERS);
    driver.checks_in_turn = 0;
    let guesses: Vec<_> = (0..USERS)
        .map(|number| ask_in_a_turn(&mut driver, host(1), &format!("user{number}"), "wrong"))
        .collect();
    let erik = ask_in_a_turn(&mut driver, host(2), "erik", "right");
    driver.checks_in_turn = 1;
    let checked = [(); 4].map(|()| {
        driver.turn();
        guesses.iter().filter(|key| driver.is_closed(**key)).count()
    });
    assert_eq!(checked, [1, 1, 2, 3], "the second check is not erik's");
    assert_eq!(driver.lines(erik), ["0"]);
}

#[test]
fn a_host_that_guesses_at_many_accounts_delays_no_other_host() {
    const USERS: usize = 300;
    let mut driver = driver_with_users(USERS);
    let guesses: Vec<_> = (0..USERS)
        .map(|number| ask(&mut driver, host(1), &format!("user{number}"), "wrong"))
        .collect();
    // Its own wait, as many as may, and it loses the others.
    let waits = guesses.iter().filter(|key| !driver.is_closed(**key)).count();
    assert_eq!(waits, LoginLimits::default().checks_per_network_max);
    for _ in 0..100 {
        ask(&mut driver, host(1), "user0", "wrong");
        assert_eq!(time_of(&mut driver, host(2), "erik", "right"), 0);
        driver.pass(Duration::from_millis(100));
    }
    let begun = driver.now;
    let own = ask(&mut driver, host(1), "erik", "right");
    while driver.lines(own).is_empty() && driver.now - begun < Duration::from_hours(1) {
        driver.pass(Duration::from_secs(1));
    }
    assert!(driver.now - begun > Duration::from_secs(5), "its host waits");
}

#[test]
fn a_48_of_ipv6_that_fills_the_queue_loses_its_own_logins() {
    let mut driver = driver();
    fail(&mut driver, host(1), "dora", 9);
    // All wait for the delay of the account.
    let site: Vec<_> =
        (0..300).map(|number| ask(&mut driver, host_of_site(number), "dora", "right")).collect();
    let others: Vec<_> =
        (2..6).map(|number| ask(&mut driver, host(number), "dora", "right")).collect();
    assert!(others.iter().all(|client| !driver.is_closed(*client)), "one was refused");
    let refused = site.iter().filter(|client| driver.is_closed(**client)).count();
    assert_eq!(refused, 300 + others.len() - LoginLimits::default().checks_max);
}

#[test]
fn the_networks_of_a_48_delay_each_other_but_one_alone_delays_no_other() {
    // The delay of the account is another matter.
    let logins = LoginLimits { account_delay_max: Duration::ZERO, ..LoginLimits::default() };
    let mut driver = driver_with(logins);
    fail(&mut driver, host_of_site(1), "dora", 60);
    assert_eq!(time_of(&mut driver, host_of_site(2), "erik", "right"), 0);
    let mut driver = driver_with(logins);
    for network in 0..60 {
        fail(&mut driver, host_of_site(network), "dora", 1);
    }
    // A quarter of the longest delay of one network.
    assert_eq!(time_of(&mut driver, host_of_site(100), "erik", "right"), 1_250);
    let other = From("2001:db8:8::1".parse().unwrap(), Proof::Tcp);
    assert_eq!(time_of(&mut driver, other, "erik", "right"), 0);
}
