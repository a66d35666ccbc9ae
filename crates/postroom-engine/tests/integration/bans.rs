//! Who is banned: nobody connects from banned addresses, and nobody logs in with a banned
//! name.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use postroom_engine::{
    AboutBan, AdminAnswer, AdminRequest, BanAnswer, BanCommand, BanRefusal, BanRequest,
    EngineSettings, HeaderRead, ListenerOptions, Opened, PeerLimits, Proof, Refused, What,
};
use postroom_model::{Access, Anonymous, Name, Passwords, Registration};
use postroom_store::{BanPlace, BanSubject, Call, Fate, Limits, MemoryDisk, Timestamp};

use postroom_simulator::{Driver, PeerKey, set_password};

use crate::access::login;
use crate::clients::client;

const SECOND: Duration = Duration::from_secs(1);

/// The protocols that have a login.
const PROTOCOLS: [&str; 4] = ["mailbox", "mailbox-verbose", "im", "chat"];

/// As on an address that other machines reach.
const CLOSED: Access = Access {
    registration: Registration::Closed,
    passwords: Passwords::Required,
    anonymous: Anonymous::Read,
};

/// A driver with the accounts `bob` and `eve`, whose passwords are `right`.
fn driver() -> Driver {
    let (disk, limits) = (MemoryDisk::default(), Limits::default());
    set_password(&disk, limits, "bob", "right");
    set_password(&disk, limits, "eve", "right");
    let mut driver = Driver::on(disk, EngineSettings::default(), limits);
    driver.wall = Timestamp(1_000_000);
    driver
}

fn subject(words: &str) -> BanSubject {
    let prefix = words.parse().map(BanSubject::Addresses);
    prefix.unwrap_or_else(|_| BanSubject::Name(Name::new(words).unwrap()))
}

fn request(words: &str, command: BanCommand) -> AdminRequest {
    AdminRequest::Ban(BanRequest { subject: subject(words), command })
}

/// Bans, or lifts a ban.
fn ask(driver: &mut Driver, words: &str, command: BanCommand) -> Result<BanAnswer, BanRefusal> {
    match driver.administer(request(words, command)) {
        AdminAnswer::Ban(AboutBan::Done(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

/// Bans; returns how many sessions that has ended.
fn ban(driver: &mut Driver, words: &str, lasts: Option<Duration>) -> usize {
    match ask(driver, words, BanCommand::Ban { lasts }) {
        Ok(BanAnswer::Banned { sessions, .. }) => sessions,
        other => panic!("{other:?}"),
    }
}

fn unban(driver: &mut Driver, words: &str) {
    assert!(ask(driver, words, BanCommand::Unban).is_ok());
}

/// All that a client is told that logs in, and whether the server closes then.
fn told(
    driver: &mut Driver,
    protocol: &str,
    access: Access,
    name: &str,
    password: Option<&str>,
) -> (Vec<String>, bool) {
    let options = ListenerOptions { access, ..ListenerOptions::default() };
    let key = driver.connect_with([127, 0, 0, 1].into(), protocol, options);
    driver.send(key, login(protocol, name, password).as_bytes());
    driver.settle();
    let told = (driver.lines(key), driver.is_closed(key));
    driver.half_close(key);
    driver.settle();
    told
}

fn login_failures(driver: &Driver) -> Vec<&'static str> {
    let reason = |what: &What| match what {
        What::LoginFailed(reason) => Some(*reason),
        _ => None,
    };
    driver.log.iter().filter_map(reason).collect()
}

/// Whatever it is, and whatever password is given: the right one, a wrong one or none.
#[test]
fn a_banned_name_is_refused_like_a_wrong_password() {
    for protocol in PROTOCOLS {
        for access in [Access::OPEN, CLOSED] {
            let mut driver = driver();
            let wrong = told(&mut driver, protocol, access, "eve", Some("wrong"));
            let missing = told(&mut driver, protocol, access, "eve", None);
            client(&mut driver, "mailbox", "LOGIN open\nEXIT\n");
            for name in ["bob", "open", "nobody"] {
                ban(&mut driver, &name.to_uppercase(), None);
                driver.log.clear();
                for (password, expected) in
                    [(Some("right"), &wrong), (Some("wrong"), &wrong), (None, &missing)]
                {
                    let told = told(&mut driver, protocol, access, name, password);
                    assert_eq!(told, *expected, "{protocol}: {name}, {password:?}");
                }
                let failures = login_failures(&driver);
                assert_eq!(failures, ["the name is banned"; 3], "{protocol}: {name}");
                unban(&mut driver, name);
            }
            // It has registered nobody, and who is banned no more logs in.
            assert_ne!(told(&mut driver, protocol, access, "bob", Some("right")), wrong);
            let accounts = AdminRequest::Accounts { from: postroom_store::AccountId(0) };
            let listed = format!("{:?}", driver.administer(accounts));
            assert!(!listed.contains("nobody"), "{protocol}: {listed}");
        }
    }
}

/// A check of a password takes as long for each name; the refusal of one waits for it.
#[test]
fn a_banned_name_costs_a_check_of_its_password() {
    for (name, password) in [("bob", "right"), ("nobody", "wrong"), ("eve", "wrong")] {
        let mut driver = driver();
        ban(&mut driver, "bob", None);
        ban(&mut driver, "nobody", None);
        driver.checks_in_turn = 0;
        let key = driver.connect("mailbox-verbose");
        driver.send(key, login("mailbox-verbose", name, Some(password)).as_bytes());
        driver.settle();
        assert_eq!(driver.lines(key), [""; 0], "{name}: nothing is told before the check");
        let check = driver.engine.next_check().expect("the password is checked");
        driver.check(check);
        driver.settle();
        assert_eq!(driver.lines(key), ["LOGIN ERROR"], "{name}");
    }
}

#[test]
fn the_sessions_of_a_banned_name_end_and_nobody_elses() {
    let mut driver = driver();
    let of_bob: Vec<PeerKey> = PROTOCOLS
        .into_iter()
        .filter(|protocol| *protocol != "im")
        .map(|protocol| client(&mut driver, protocol, &login(protocol, "bob", Some("right"))))
        .collect();
    let carl = client(&mut driver, "mailbox", "LOGIN carl\n");
    let board = driver.connect("board");
    driver.log.clear();
    assert_eq!(ban(&mut driver, "Bob", None), 3);
    assert!(of_bob.iter().all(|key| driver.is_closed(*key)));
    assert!(!driver.is_closed(carl) && !driver.is_closed(board));
    assert!(driver.log.iter().any(|what| matches!(
        what,
        What::Banned { subject: BanSubject::Name(name), until: None } if name.as_str() == "Bob"
    )));
    // What is sent to who is banned is kept.
    driver.send(carl, b"COMPOSE bob\nhi\n");
    driver.settle();
    assert_eq!(driver.lines(carl), ["MESSAGE SENT"]);
    unban(&mut driver, "bob");
    let again = driver.connect("mailbox");
    driver.send(again, b"PASS right\nLOGIN bob\nREAD\n");
    driver.settle();
    assert_eq!(driver.lines(again), ["1", "carl", "hi"]);
    assert_eq!(
        ask(&mut driver, "bob", BanCommand::Unban),
        Err(BanRefusal::NotBanned(subject("bob")))
    );
}

/// It has passed the look at the bans, and waits for its password or for the store.
#[test]
fn a_login_that_began_before_the_ban_does_not_get_past_it() {
    for (name, password) in [("bob", Some("right")), ("nobody", None)] {
        let mut driver = driver();
        driver.checks_in_turn = 0;
        if name == "nobody" {
            let is_late = std::cell::Cell::new(true);
            driver.disk.decide(move |call| match call {
                Call::Open { .. } if is_late.replace(false) => Fate::Late,
                _ => Fate::CarriedOut,
            });
        }
        let key = driver.connect("chat");
        driver.look(key);
        driver.put(key, login("chat", name, password).as_bytes());
        driver.turn();
        assert_eq!(ban(&mut driver, name, None), 1, "{name}");
        driver.checks_in_turn = usize::MAX;
        driver.settle();
        assert!(driver.is_closed(key));
        let lines = driver.lines(key);
        assert!(!lines.iter().any(|line| line.contains("accepted")), "{lines:?}");
        driver.pass(2 * SECOND);
        assert_eq!(driver.engine.sessions(), 0);
    }
}

#[test]
fn nobody_connects_from_banned_addresses() {
    let trusted = vec!["192.0.2.0/24".parse().unwrap()];
    let peers = PeerLimits { trusted, ..PeerLimits::default() };
    let settings = EngineSettings { peers, ..EngineSettings::default() };
    let mut driver = Driver::new(settings, Limits::default());
    let listeners = PROTOCOLS
        .into_iter()
        .chain(["board"])
        .map(|protocol| driver.add_listener(protocol, ListenerOptions::default()));
    let listeners: Vec<_> = listeners.collect();
    let open = |driver: &mut Driver, address: &str| {
        let address: IpAddr = address.parse().unwrap();
        let mut opened = listeners.iter().map(|listener| {
            driver.perform();
            driver.open(*listener, SocketAddr::new(address, 40_000))
        });
        let opened: Result<Vec<_>, _> = opened.by_ref().collect();
        driver.settle();
        opened
    };
    let inside = open(&mut driver, "192.0.2.7").unwrap();
    let outside = open(&mut driver, "192.0.3.7").unwrap();
    let of_ipv6 = open(&mut driver, "2001:db8::7").unwrap();
    assert_eq!(ban(&mut driver, "192.0.2.0/24", None), 5);
    driver.pass(2 * SECOND);
    let gone: Vec<_> = inside.iter().map(|key| driver.is_gone(*key)).collect();
    assert_eq!(gone, [true; 5]);
    assert!(outside.iter().chain(&of_ipv6).all(|key| !driver.is_closed(*key)));
    let connections = driver.engine.connections();
    for address in ["192.0.2.7", "::ffff:192.0.2.7"] {
        assert_eq!(open(&mut driver, address).unwrap_err(), Refused { farewell: "" }, "{address}");
    }
    assert_eq!(driver.engine.connections(), connections);
    // Without a handshake.
    let tls = ListenerOptions { tls: true, ..ListenerOptions::default() };
    let tls = driver.add_listener("chat", tls);
    assert!(driver.open(tls, SocketAddr::from(([192, 0, 2, 7], 40_000))).is_err());
    assert!(open(&mut driver, "192.0.3.7").is_ok());
    assert_eq!(ban(&mut driver, "2001:db8::/32", None), 5);
    assert!(open(&mut driver, "2001:db8:1::1").is_err());
    // An operator may ban loopback; the socket for operators is no address.
    ban(&mut driver, "127.0.0.0/8", None);
    assert!(open(&mut driver, "127.0.0.1").is_err());
    for banned in ["127.0.0.0/8", "192.0.2.0/24"] {
        unban(&mut driver, banned);
    }
    assert!(open(&mut driver, "127.0.0.1").is_ok() && open(&mut driver, "192.0.2.7").is_ok());
}

/// The ban is of the address that the log names: the client's, where a header tells it.
#[test]
fn a_header_of_a_proxy_tells_whose_address_is_banned() {
    let mut driver = driver();
    ban(&mut driver, "192.0.2.7", None);
    ban(&mut driver, "127.0.0.1", None);
    let options =
        ListenerOptions { proof: Proof::Command, proxy_header: true, ..ListenerOptions::default() };
    let listener = driver.add_listener("mailbox", options);
    for (header, is_refused) in [
        ("PROXY TCP4 192.0.2.7 192.0.2.9 1 2\r\n", true),
        ("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", true),
        ("PROXY TCP4 192.0.2.8 192.0.2.9 1 2\r\n", false),
        ("PROXY UNKNOWN\r\n", true),
    ] {
        driver.perform();
        let (now, proxy) = (driver.now, SocketAddr::from(([127, 0, 0, 1], 40_000)));
        let opened = driver.engine.open(now, listener, proxy).expect("it is a proxy's");
        let Opened::Here(key) = opened else {
            panic!("a header is to come first");
        };
        let read = driver.engine.header(now, key, header.as_bytes(), false);
        assert_eq!(matches!(read, HeaderRead::Refused(_)), is_refused, "{header}: {read:?}");
    }
}

#[test]
fn a_ban_ends_at_its_time_of_day_and_holds_over_a_restart() {
    let mut driver = driver();
    let minute = Some(Duration::from_mins(1));
    ban(&mut driver, "bob", minute);
    ban(&mut driver, "127.0.0.2", minute);
    ban(&mut driver, "ann", None);
    let listed = |driver: &mut Driver| -> Vec<String> {
        match driver.administer(AdminRequest::Bans { from: BanPlace::default() }) {
            AdminAnswer::Bans(page) => {
                assert_eq!(page.next, None);
                page.bans.iter().map(|ban| ban.subject.to_string()).collect()
            }
            other => panic!("{other:?}"),
        }
    };
    let is_banned = |driver: &mut Driver| {
        driver.settle();
        let bob = driver.connect("mailbox-verbose");
        driver.send(bob, b"PASS right\nLOGIN bob\n");
        driver.settle();
        let listener = driver.add_listener("mailbox", ListenerOptions::default());
        let opened = driver.open(listener, SocketAddr::from(([127, 0, 0, 2], 40_000)));
        let of_name = driver.lines(bob) == ["LOGIN ERROR"];
        assert_eq!(of_name, opened.is_err());
        of_name
    };
    for restarts in [false, true] {
        driver.wall = Timestamp(1_059_999);
        assert!(is_banned(&mut driver), "{restarts}");
        assert_eq!(listed(&mut driver), ["bob", "127.0.0.2", "ann"]);
        // The clock of the machine was set, or a minute has passed.
        driver.wall = Timestamp(1_060_000);
        assert!(!is_banned(&mut driver), "{restarts}");
        assert_eq!(listed(&mut driver), ["ann"]);
        driver.stop_abruptly();
        driver.start();
    }
    assert_eq!(
        ask(&mut driver, "bob", BanCommand::Unban),
        Err(BanRefusal::NotBanned(subject("bob")))
    );
    unban(&mut driver, "ann");
    assert_eq!(listed(&mut driver), [""; 0]);
}

/// What came of a connection, for the log.
fn refused(driver: &Driver) -> Vec<String> {
    let line = |what: &What| match what {
        What::ConnectionBanned(ban) => Some(ban.to_string()),
        What::ConnectionsBanned { ban, left_out } => Some(format!("{ban} {left_out}")),
        _ => None,
    };
    driver.log.iter().filter_map(line).collect()
}

#[test]
fn a_banned_program_that_goes_on_connecting_fills_no_log() {
    let mut driver = driver();
    for words in ["192.0.2.0/24", "2001:db8::/32"] {
        ban(&mut driver, words, None);
    }
    let listener = driver.add_listener("mailbox", ListenerOptions::default());
    let connect = |driver: &mut Driver, address: IpAddr| {
        driver.perform();
        assert!(driver.open(listener, SocketAddr::new(address, 40_000)).is_err());
    };
    for number in 0..200_u8 {
        connect(&mut driver, [192, 0, 2, number].into());
        connect(&mut driver, [0x2001, 0xdb8, number.into(), 0, 0, 0, 0, 1].into());
    }
    driver.pass(Duration::from_secs(59));
    assert_eq!(refused(&driver), ["192.0.2.0/24", "2001:db8::/32"]);
    driver.pass(SECOND);
    let minute = ["192.0.2.0/24", "2001:db8::/32", "192.0.2.0/24 199", "2001:db8::/32 199"];
    assert_eq!(refused(&driver), minute);
    driver.pass(Duration::from_mins(5));
    connect(&mut driver, [192, 0, 2, 1].into());
    driver.pass(Duration::from_mins(5));
    assert_eq!(refused(&driver)[4..], ["192.0.2.0/24"], "one alone is counted by no further line");
}

#[test]
fn what_the_store_cannot_say_is_told() {
    for (fate, is_banned) in [
        (Fate::Unavailable, false),
        (Fate::Unknown { carried_out: false }, false),
        (Fate::Unknown { carried_out: true }, true),
    ] {
        let mut driver = driver();
        driver.disk.decide(move |call| match call {
            Call::Ban { .. } => fate,
            _ => Fate::CarriedOut,
        });
        let answer = driver.administer(request("bob", BanCommand::Ban { lasts: None }));
        let is_told = match answer {
            AdminAnswer::Ban(AboutBan::Unavailable) => fate == Fate::Unavailable,
            AdminAnswer::Ban(AboutBan::Unknown) => fate != Fate::Unavailable,
            other => panic!("{other:?}"),
        };
        assert!(is_told, "{fate:?}");
        let (lines, _) = told(&mut driver, "mailbox-verbose", Access::OPEN, "bob", Some("right"));
        assert_eq!(lines == ["LOGIN ERROR"], is_banned, "{fate:?}: {lines:?}");
    }
}
