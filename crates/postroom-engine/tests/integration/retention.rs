//! Messages and posts that become too old.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use postroom_engine::{AdminAnswer, AdminRequest, EngineSettings, Expired, Status, What};
use postroom_store::{Call, EARLIEST, Fate, Limits, MemoryDisk, Retention, Timestamp};

use postroom_simulator::Driver;

use crate::clients::client;

const DAY: u64 = 86_400_000;

fn at(days: u64) -> Timestamp {
    Timestamp(EARLIEST.0 + days * DAY)
}

/// What the log says of it: how much went, and whether the clock is said to be ahead.
fn told(driver: &mut Driver) -> (Vec<Expired>, usize) {
    let log = std::mem::take(&mut driver.log);
    let ahead = log.iter().filter(|what| matches!(what, What::ClockAhead { .. })).count();
    let expired = log.iter().filter_map(|what| match what {
        What::Expired { messages, posts } => Some(Expired { messages: *messages, posts: *posts }),
        _ => None,
    });
    (expired.collect(), ahead)
}

fn status(driver: &mut Driver) -> Status {
    match driver.administer(AdminRequest::Status) {
        AdminAnswer::Status(status) => status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_too_old_goes_and_is_told_and_counted() {
    let retention = Retention { messages_ms: Some(30 * DAY), posts_ms: Some(10 * DAY) };
    let limits = Limits { retention, ..Limits::default() };
    let mut driver = Driver::new(EngineSettings::default(), limits);
    driver.wall = at(100);
    let chat = client(&mut driver, "chat", "/setname ann\n");
    for number in 0..300 {
        driver.send(chat, format!("/say #a {number}\n").as_bytes());
        if number < 90 {
            driver.send(chat, format!("/send bob {number}\n").as_bytes());
        }
        driver.settle();
    }
    driver.look(chat);
    driver.pass(Duration::from_mins(5));
    assert_eq!(told(&mut driver), (vec![], 0));
    // The clock jumps: for nine minutes nothing goes, and one line says why.
    driver.wall = at(140);
    driver.pass(Duration::from_mins(9));
    assert_eq!(told(&mut driver), (vec![], 1));
    assert!(status(&mut driver).retention_behind > Duration::from_hours(24 * 39));
    driver.pass(Duration::from_hours(4));
    let posts = Expired { messages: 0, posts: 300 };
    assert_eq!(told(&mut driver), (vec![posts], 0), "one line for two sweeps");
    driver.send(chat, b"/send bob young\n");
    driver.pass(Duration::from_hours(12));
    assert_eq!(told(&mut driver), (vec![Expired { messages: 90, posts: 0 }], 0));
    let Status { expired, retention_behind, .. } = status(&mut driver);
    assert_eq!(expired, Expired { messages: 90, posts: 300 });
    assert_eq!(retention_behind, Duration::ZERO);
    let bob = driver.connect("mailbox");
    driver.send(bob, b"LOGIN bob\nREAD\nREAD\n");
    driver.settle();
    assert_eq!(driver.lines(bob), ["1", "ann", "young", "READ ERROR"]);
    assert!(!driver.is_closed(chat));
}

/// It is tried again now and then, and not in each turn.
#[test]
fn on_a_full_disk_sweeps_wait() {
    let retention = Retention { messages_ms: Some(30 * DAY), posts_ms: None };
    let limits = Limits { retention, ..Limits::default() };
    let disk = MemoryDisk::default();
    let mut driver = Driver::on(disk.clone(), EngineSettings::default(), limits);
    driver.wall = at(100);
    let chat = client(&mut driver, "chat", "/setname ann\n/send bob old\n");
    driver.wall = at(131);
    disk.set_full(true);
    let sweeps = Rc::new(Cell::new(0));
    let counter = Rc::clone(&sweeps);
    disk.decide(move |call| {
        counter.set(counter.get() + u32::from(matches!(call, Call::Sweep { .. })));
        Fate::CarriedOut
    });
    driver.pass(Duration::from_hours(1));
    assert!((50..=61).contains(&sweeps.get()), "{} sweeps", sweeps.get());
    assert_eq!(told(&mut driver).0, []);
    disk.set_full(false);
    driver.send(chat, b"/all hello\n");
    driver.pass(Duration::from_hours(13));
    assert_eq!(told(&mut driver).0, [Expired { messages: 1, posts: 0 }]);
}

#[test]
fn nothing_is_swept_where_nothing_grows_old() {
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let chat = client(&mut driver, "chat", "/setname ann\n/say #a hello\n");
    driver.settle();
    driver.look(chat);
    driver.pass(Duration::from_mins(1));
    assert_eq!(driver.engine.next_deadline(), None);
}
