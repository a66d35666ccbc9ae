//! Limits of the whole engine.

use std::net::IpAddr;
use std::time::Duration;

use postroom_engine::{EngineSettings, ListenerOptions, What};
use postroom_protocol::Settings;
use postroom_store::{Limits, MemoryDisk};

use postroom_simulator::{Driver, PeerKey, set_password};

/// An account with the password that im asks for.
fn with_account_on_im(settings: EngineSettings) -> Driver {
    let (disk, limits) = (MemoryDisk::default(), Limits::default());
    set_password(&disk, limits, "ian", "1");
    Driver::on(disk, settings, limits)
}

#[test]
fn a_delivery_receipt_is_asked_for_during_its_limit_alone() {
    let mut driver = with_account_on_im(EngineSettings::default());
    let bob = driver.connect("chat");
    driver.send(bob, b"/setname bob\n");
    driver.settle();
    let ian = driver.connect("im");
    driver.send(ian, b"/login ian 1\n/to bob hi\n");
    driver.settle();
    assert_eq!(driver.lines(ian), ["101 Authentication successful"]);
    driver.pass(Duration::from_millis(4_900));
    assert!(driver.lines(ian).is_empty());
    let next = driver.engine.next_deadline().unwrap();
    assert!(next > driver.now && next <= driver.now + Duration::from_millis(2));
    driver.pass(Duration::from_millis(200));
    assert_eq!(driver.lines(ian), ["304 Message delivery failed"]);
    let next = driver.engine.next_deadline();
    assert!(next.is_none_or(|next| next > driver.now + Duration::from_secs(1)), "{next:?}");
}

#[test]
fn a_peer_is_asked_about_once_an_interval_for_all_senders() {
    let (disk, limits) = (MemoryDisk::default(), Limits::default());
    let names = ["ian", "iris", "ivo"];
    for name in names {
        set_password(&disk, limits, name, "1");
    }
    let mut driver = Driver::on(disk, EngineSettings::default(), limits);
    let bob = driver.connect("chat");
    driver.send(bob, b"/setname bob\n");
    driver.settle();
    for name in names {
        let key = driver.connect("im");
        driver.send(key, format!("/login {name} 1\n").as_bytes());
        driver.settle();
        driver.send(key, b"/to bob hi\n");
        driver.settle();
    }
    driver.asks = 0;
    (0..10).for_each(|_| driver.turn());
    assert_eq!(driver.asks, 0, "the interval is not over");
    for asks in 1..=3 {
        driver.pass(Duration::from_millis(2));
        assert_eq!(driver.asks, asks);
    }
}

#[test]
fn a_refused_dial_is_tried_again_only_while_there_is_a_place() {
    let settings = EngineSettings { connections_max: 4, ..EngineSettings::default() };
    let mut driver = with_account_on_im(settings);
    let ian = driver.connect("im");
    driver.send(ian, b"/login ian 1\n/port 30232\n");
    driver.settle();
    driver.listen(ian);
    let others = ["ann", "bob", "cat"].map(|name| {
        let other = driver.connect("mailbox");
        driver.send(other, format!("LOGIN {name}\n").as_bytes());
        driver.settle();
        other
    });
    driver.pass(Duration::from_secs(1));
    assert_eq!(driver.engine.connections(), 4);
    assert_eq!(driver.lines(ian), ["101 Authentication successful"]);
    driver.reset(others[0]);
    driver.pass(Duration::from_secs(2));
    assert_eq!(driver.lines(ian), ["201 Build connection successful"]);
}

const OUTPUT_BYTES_IN_ALL: usize = 1 << 20;

fn with_little_for_all() -> Driver {
    let session = Settings { output_bytes_max: 256 << 10, ..Settings::default() };
    let limits = EngineSettings { session, ..EngineSettings::default() };
    let output_bytes_in_all = OUTPUT_BYTES_IN_ALL;
    let settings = EngineSettings { output_bytes_in_all, connections_max: 64, ..limits };
    Driver::new(settings, Limits::default())
}

fn log_in(driver: &mut Driver, address: impl Into<IpAddr>, name: &str) -> PeerKey {
    let key = driver.connect_with(address.into(), "chat", ListenerOptions::default());
    driver.send(key, format!("/setname {name}\n").as_bytes());
    driver.settle();
    key
}

fn waiting(driver: &Driver, keys: &[PeerKey]) -> usize {
    keys.iter().map(|key| driver.waiting(*key)).sum()
}

#[test]
fn while_much_waits_for_all_no_more_is_taken_and_nobody_ends() {
    let mut driver = with_little_for_all();
    let honest = log_in(&mut driver, [127, 0, 0, 1], "honest");
    let name = |number| format!("greedy{number}");
    let greedy: Vec<_> =
        (0..20).map(|number| log_in(&mut driver, [127, 0, 0, 1], &name(number))).collect();
    for key in &greedy {
        driver.set_stalled(*key, true);
    }
    for _ in 0..100 {
        for key in &greedy {
            driver.send(*key, b"/cmd\n".repeat(128).as_slice());
        }
        driver.settle();
    }
    let asked = waiting(&driver, &greedy);
    assert!(asked > OUTPUT_BYTES_IN_ALL / 4 && asked <= OUTPUT_BYTES_IN_ALL, "{asked}");
    // What others say to them, and post, comes unasked.
    let text = "x".repeat(8_000);
    for number in 0..400 {
        let line = format!("/private {} {text}\n/all {text}\n", name(number % greedy.len()));
        driver.send(honest, line.as_bytes());
        driver.settle();
        assert!(waiting(&driver, &greedy) <= OUTPUT_BYTES_IN_ALL);
    }
    assert!(greedy.iter().all(|key| !driver.is_gone(*key)));
    driver.look(honest);
    driver.send(honest, b"/inbox\n");
    driver.settle();
    assert_eq!(driver.lines(honest), ["You have 0 unread messages."]);
}

#[test]
fn where_too_much_waits_connections_end_of_the_network_with_most() {
    connections_end_of_those_with_most(|_| [192, 0, 2, 1].into());
}

#[test]
fn where_too_much_waits_connections_end_of_the_site_with_most() {
    connections_end_of_those_with_most(|at| [0x2001, 0xdb8, 1, at, 0, 0, 0, 1].into());
}

fn connections_end_of_those_with_most(address_of: impl Fn(u16) -> IpAddr) {
    const GREEDY: usize = 20;
    let mut driver = with_little_for_all();
    let honest = log_in(&mut driver, [127, 0, 0, 1], "honest");
    let greedy: Vec<_> = (0..)
        .map(address_of)
        .zip(0..GREEDY)
        .map(|(address, at)| log_in(&mut driver, address, &format!("greedy{at}")))
        .collect();
    // None of the others has as much waiting.
    let slow = log_in(&mut driver, [198, 51, 100, 1], "slow");
    let text = "x".repeat(8_000);
    let mut fill = |name: &str, messages| {
        for _ in 0..messages {
            driver.send(honest, format!("/send {name} {text}\n").as_bytes());
            driver.settle();
        }
    };
    (0..GREEDY).for_each(|at| fill(&format!("greedy{at}"), 7));
    fill("slow", 12);
    for key in greedy.iter().chain([&slow]) {
        driver.look(*key);
        driver.set_stalled(*key, true);
        driver.put(*key, b"/read\n".repeat(12).as_slice());
    }
    driver.settle();
    driver.turn();
    let ended = greedy.iter().filter(|key| driver.is_gone(**key)).count();
    assert!(ended > 0 && ended < GREEDY / 2, "{ended} ended");
    assert!(!driver.is_gone(slow) && driver.waiting(slow) > 12 * 8_000);
    assert!(waiting(&driver, &greedy) + driver.waiting(slow) <= OUTPUT_BYTES_IN_ALL);
}

/// A socket that takes a byte at a time must not make the server copy what is left each
/// time.
#[test]
fn what_is_left_of_a_partial_write_seldom_moves() {
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let key = log_in(&mut driver, [127, 0, 0, 1], "bob");
    driver.settle();
    driver.set_stalled(key, true);
    driver.send(key, "/cmd\n".repeat(100).as_bytes());
    driver.settle();
    let connection = driver.connection(key);
    let (mut last, mut moves, mut bytes) = (None, 0, 0);
    loop {
        let waiting = driver.engine.transmit(connection, usize::MAX);
        let Some(first) = waiting.first() else {
            break;
        };
        let at = std::ptr::from_ref(first).addr();
        moves += u32::from(last.is_some_and(|last| at != last + 1));
        last = Some(at);
        driver.engine.transmitted(driver.now, connection, 1);
        bytes += 1_usize;
    }
    assert!(bytes > 10_000, "{bytes} bytes waited");
    assert!(moves <= 2 * bytes.ilog2(), "{moves} times for {bytes} bytes");
}

#[test]
fn a_new_name_is_told_what_is_full() {
    let limits = Limits { accounts_max: 2, ..Limits::default() };
    let mut driver = Driver::new(EngineSettings::default(), limits);
    let enter = |driver: &mut Driver, name: &str| {
        let key = driver.connect("chat");
        driver.settle();
        driver.look(key);
        driver.send(key, format!("/setname {name}\n").as_bytes());
        driver.settle();
        driver.lines(key).remove(0)
    };
    driver.disk.set_full(true);
    let disk = "The server's disk is full: it takes no new users. Choose a name that it knows.";
    assert_eq!(enter(&mut driver, "ann"), disk);
    driver.disk.set_full(false);
    for name in ["ann", "bob"] {
        assert!(enter(&mut driver, name).starts_with("Username accepted."));
    }
    let table = "The server takes no more new users. Choose a name that it knows.";
    assert_eq!(enter(&mut driver, "cat"), table);
}

#[test]
fn posts_for_many_who_do_not_read_take_no_more_than_what_may_wait_in_all() {
    const MEMBERS: usize = 40;
    let mut driver = with_little_for_all();
    let poster = log_in(&mut driver, [127, 0, 0, 1], "poster");
    let members: Vec<_> = (0..MEMBERS)
        .map(|number| log_in(&mut driver, [127, 0, 0, 1], &format!("member{number}")))
        .collect();
    for key in &members {
        driver.set_stalled(*key, true);
    }
    let line = format!("/all {}\n", "x".repeat(1_000));
    driver.put(poster, line.repeat(100).as_bytes());
    driver.settle();
    driver.turn();
    let waiting = waiting(&driver, &members);
    assert!(waiting > OUTPUT_BYTES_IN_ALL / 2 && waiting <= OUTPUT_BYTES_IN_ALL, "{waiting}");
    assert!(members.iter().all(|key| !driver.is_gone(*key)));
}

#[test]
fn what_a_client_of_im_does_not_confirm_counts_in_what_waits_in_all() {
    const SESSIONS: usize = 20;
    let (disk, limits) = (MemoryDisk::default(), Limits::default());
    let names: Vec<_> = (0..SESSIONS).map(|number| format!("ian{number}")).collect();
    for name in &names {
        set_password(&disk, limits, name, "1");
    }
    let output_bytes_in_all = OUTPUT_BYTES_IN_ALL;
    let settings = EngineSettings { output_bytes_in_all, ..EngineSettings::default() };
    let mut driver = Driver::on(disk, settings, limits);
    let silent: Vec<_> = names
        .iter()
        .map(|name| {
            let key = driver.connect_from([192, 0, 2, 1], "im");
            driver.listen(key);
            driver.send(key, format!("/login {name} 1\n/port 30232\n").as_bytes());
            driver.settle();
            key
        })
        .collect();
    let poster = log_in(&mut driver, [127, 0, 0, 1], "poster");
    let line = format!("/all {}\n", "x".repeat(8_000));
    for _ in 0..20 {
        driver.send(poster, line.as_bytes());
        driver.settle();
    }
    driver.turn();
    let ended = silent.iter().filter(|key| driver.is_gone(**key)).count();
    assert!(ended > 0 && ended < SESSIONS, "{ended} ended");
    assert!(!driver.is_gone(poster));
}

#[test]
fn an_upload_without_an_end_is_refused_beyond_a_line() {
    let session = Settings { line_bytes_max: 1_000, ..Settings::default() };
    let settings = EngineSettings { session, ..EngineSettings::default() };
    let mut driver = Driver::new(settings, Limits::default());
    let eve = driver.connect("board");
    driver.send(eve, &[b"u\n", &[b'x'; 1_002][..]].concat());
    driver.settle();
    assert!(driver.lines(eve).is_empty());
    driver.send(eve, b"x");
    driver.settle();
    assert_eq!(driver.lines(eve), ["error: message length illegal"]);
}

#[test]
fn an_evicted_connection_gives_up_its_place_once_another_needs_it() {
    let settings = EngineSettings { connections_max: 4, ..EngineSettings::default() };
    let mut driver = Driver::new(settings, Limits::default());
    // One may wait for its login; the other is told why it ends, and has not closed yet.
    let silent: Vec<PeerKey> = (0..2).map(|_| driver.connect("chat")).collect();
    driver.settle();
    let evicted = silent.into_iter().find(|key| driver.is_closed(*key)).unwrap();
    driver.engine.make_places(driver.now, true);
    driver.settle();
    assert!(!driver.is_gone(evicted), "there is a place");
    for name in ["ann", "bob"] {
        let key = driver.connect("chat");
        driver.send(key, format!("/setname {name}\n").as_bytes());
        driver.settle();
    }
    assert!(!driver.engine.has_place());
    driver.engine.make_places(driver.now, true);
    driver.settle();
    assert!(driver.is_gone(evicted));
    assert!(driver.engine.has_place());
}

#[test]
fn an_engine_without_connections_waits_for_nothing() {
    for protocol in ["mailbox", "mailbox-verbose", "im", "board", "chat"] {
        let mut driver = with_account_on_im(EngineSettings::default());
        let silent = driver.connect(protocol);
        driver.settle();
        assert!(driver.engine.next_deadline().is_some(), "{protocol} has a limit for the login");
        driver.reset(silent);
        assert_eq!(driver.engine.next_deadline(), None, "{protocol}");
    }
}

#[test]
fn a_full_mailbox_is_logged_with_its_recipient_and_capacity() {
    let limits = Limits { mailbox_capacity: 1, ..Limits::default() };
    let mut driver = Driver::new(EngineSettings::default(), limits);
    let bob = driver.connect("mailbox");
    driver.send(bob, b"LOGIN bob\nCOMPOSE ann\none\nCOMPOSE ann\ntwo\n");
    driver.settle();
    assert_eq!(driver.lines(bob), ["0", "MESSAGE SENT", "MESSAGE FAILED"]);
    let full = driver.log.iter().filter_map(|what| match what {
        What::MailboxFull { recipient, capacity, .. } => Some((recipient.as_str(), *capacity)),
        _ => None,
    });
    assert_eq!(full.collect::<Vec<_>>(), [("ann", 1)]);
}
