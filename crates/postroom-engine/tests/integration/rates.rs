//! Who says much waits; nothing is refused for it.

use std::time::Duration;

use postroom_engine::{EngineSettings, Rate, RateLimits, What};
use postroom_store::{Limits, MemoryDisk};

use postroom_simulator::{Driver, PeerKey, set_password};

const FAR: [u8; 4] = [192, 0, 2, 1];

/// Each may say 2 lines a second and 10 at once, all of a network 3 a second and 15.
fn settings() -> EngineSettings {
    let rates = RateLimits {
        words: Rate { per_second: 2, burst: 10 },
        words_of_network: Rate { per_second: 3, burst: 15 },
        ..RateLimits::default()
    };
    EngineSettings { rates, ..EngineSettings::default() }
}

fn driver() -> Driver {
    Driver::new(settings(), Limits::default())
}

fn enter(driver: &mut Driver, address: [u8; 4], name: &str) -> PeerKey {
    let key = driver.connect_from(address, "chat");
    driver.send(key, format!("/setname {name}\n").as_bytes());
    driver.settle();
    key
}

/// How many lines of a reader are what was said.
fn said(driver: &mut Driver, reader: PeerKey) -> usize {
    driver.lines(reader).iter().filter(|line| line.ends_with(": hi")).count()
}

#[test]
fn a_session_may_say_its_burst_and_then_waits_and_nothing_is_refused() {
    let mut driver = driver();
    let reader = enter(&mut driver, [127, 0, 0, 1], "reader");
    let talker = enter(&mut driver, FAR, "talker");
    driver.send(talker, b"/all hi\n".repeat(20).as_slice());
    driver.settle();
    let mut in_all = said(&mut driver, reader);
    assert!((10..=18).contains(&in_all), "{in_all} at once");
    for second in 1..=5 {
        driver.pass(Duration::from_secs(1));
        let now = said(&mut driver, reader);
        in_all += now;
        assert!(in_all <= 18 + 2 * second, "{in_all} in {second} s");
    }
    driver.pass(Duration::from_secs(10));
    assert_eq!(in_all + said(&mut driver, reader), 20);
    assert!(!driver.is_closed(talker));
}

/// Each is a line of the audit trail, which leaves none out.
#[test]
fn an_account_changes_its_blocks_as_often_as_it_may_say_something() {
    let disk = MemoryDisk::default();
    set_password(&disk, Limits::default(), "bob", "1");
    let mut driver = Driver::on(disk, settings(), Limits::default());
    let bob = driver.connect_from(FAR, "chat");
    driver.send(bob, b"/pass 1\n/setname bob\n");
    driver.settle();
    driver.send(bob, b"/block eve\n/unblock eve\n".repeat(20).as_slice());
    driver.settle();
    let changes = |driver: &Driver| {
        driver.log.iter().filter(|what| matches!(what, What::BlockSet { .. })).count()
    };
    let at_once = changes(&driver);
    assert!((10..=18).contains(&at_once), "{at_once} at once");
    driver.pass(Duration::from_secs(5));
    assert!(changes(&driver) <= at_once + 10);
    driver.pass(Duration::from_mins(1));
    assert_eq!(changes(&driver), 40);
}

#[test]
fn all_sessions_of_a_network_wait_for_each_other_and_others_do_not() {
    let mut driver = driver();
    let reader = enter(&mut driver, [127, 0, 0, 1], "reader");
    let many: Vec<_> =
        (0..5).map(|number| enter(&mut driver, FAR, &format!("user{number}"))).collect();
    let other = enter(&mut driver, [198, 51, 100, 1], "other");
    for key in &many {
        driver.send(*key, b"/all hi\n".repeat(8).as_slice());
    }
    driver.settle();
    // What was read together is said; then all of them wait, and so do newcomers.
    let at_once = said(&mut driver, reader);
    assert!((15..=30).contains(&at_once), "{at_once} at once");
    let newcomer = enter(&mut driver, FAR, "newcomer");
    driver.send(newcomer, b"/all hi\n");
    driver.settle();
    assert_eq!(said(&mut driver, reader), 0);
    driver.send(other, b"/all hi\n");
    driver.settle();
    assert_eq!(said(&mut driver, reader), 1);
    driver.pass(Duration::from_secs(30));
    assert_eq!(at_once + said(&mut driver, reader), 5 * 8 + 1);
}

#[test]
fn many_sessions_of_a_network_say_no_more_than_a_few() {
    const SESSIONS: usize = 300;
    let mut driver = driver();
    let reader = enter(&mut driver, [127, 0, 0, 1], "reader");
    let many: Vec<_> =
        (0..SESSIONS).map(|number| enter(&mut driver, FAR, &format!("user{number}"))).collect();
    for key in &many {
        driver.put(*key, b"/all hi\n".repeat(3).as_slice());
    }
    driver.settle();
    // Each had sent something before all of them had to wait.
    let at_once = said(&mut driver, reader);
    assert!(at_once <= SESSIONS + 15, "{at_once} at once");
    let mut in_all = 0;
    for second in 1..=60 {
        driver.pass(Duration::from_secs(1));
        in_all += said(&mut driver, reader);
        assert!(in_all <= 15 + 3 * second, "{in_all} in {second} s");
    }
}

#[test]
fn a_text_costs_as_much_as_the_hashtags_that_it_goes_to() {
    let mut driver = driver();
    let stream = driver.connect("board");
    driver.send(stream, b"s\n#a\n");
    driver.settle();
    let upload = |driver: &mut Driver| {
        let key = driver.connect_from(FAR, "board");
        driver.send(key, b"u\n#a #b #c #d #e #f #g #h #i #j");
        driver.half_close(key);
        driver.settle();
    };
    for _ in 0..10 {
        upload(&mut driver);
    }
    // Of the burst of 15 a text with ten hashtags takes eleven.
    assert_eq!(driver.lines(stream).len(), 2);
    driver.pass(Duration::from_secs(30));
    assert_eq!(driver.lines(stream).len(), 8, "all that wait had their turn");
}

#[test]
fn mail_and_clients_of_this_machine_do_not_wait() {
    let mut driver = driver();
    let reader = enter(&mut driver, [127, 0, 0, 1], "reader");
    let talker = enter(&mut driver, [127, 0, 0, 1], "talker");
    driver.send(talker, b"/all hi\n".repeat(100).as_slice());
    driver.settle();
    assert_eq!(said(&mut driver, reader), 100);
    let sender = driver.connect_from(FAR, "mailbox");
    driver.send(sender, b"LOGIN ann\n");
    driver.settle();
    driver.look(sender);
    driver.send(sender, b"COMPOSE bob\nhi\n".repeat(100).as_slice());
    driver.settle();
    assert_eq!(driver.lines(sender).len(), 100);
}
