//! What the engine counts, and how long things took by its clock.

use std::time::Duration;

use postroom_engine::{EngineCounts, EngineSettings, ListenerOptions, PeerLimits, Tally};
use postroom_store::{Job as _, Limits};

use postroom_simulator::{Driver, PeerKey};

use crate::clients::{chat, client};

const SECOND: Duration = Duration::from_secs(1);

fn driver() -> Driver {
    Driver::new(EngineSettings::default(), Limits::default())
}

fn say(driver: &mut Driver, key: PeerKey, lines: &str) {
    driver.send(key, lines.as_bytes());
    driver.settle();
    driver.look(key);
}

/// The kinds that were counted.
fn counted(tally: &Tally) -> Vec<(&'static str, u64)> {
    tally.iter().filter(|(_, count)| *count > 0).collect()
}

#[test]
fn a_message_is_counted_when_it_is_stored_and_when_it_is_proved() {
    let mut driver = driver();
    let ann = client(&mut driver, "mailbox", "LOGIN ann\n");
    say(&mut driver, ann, "COMPOSE bob\none\nCOMPOSE bob\ntwo\nCOMPOSE bob\nthree\n");
    let bob = client(&mut driver, "mailbox", "LOGIN bob\n");
    say(&mut driver, bob, "READ\n");
    driver.pass(2 * SECOND);
    say(&mut driver, bob, "READ\n");
    // The connection ends before the second one is proved.
    driver.pass(3 * SECOND);
    driver.reset(bob);
    driver.settle();
    let metrics = driver.engine.metrics();
    assert_eq!((metrics.office.messages_stored, metrics.office.messages_read), (3, 1));
    let proofs = metrics.office.proof_times;
    assert_eq!((proofs.count(), proofs.sum()), (1, 2 * SECOND));
    let usage = metrics.status.usage;
    assert_eq!((usage.accounts, usage.unread), (2, 2));
    let EngineCounts { logins, registrations, .. } = metrics.counts;
    assert_eq!((logins, registrations), (2, 2), "bob is registered by the message");
}

#[test]
fn a_post_is_counted_once_and_its_delivery_for_each_who_is_told_of_it() {
    let mut driver = driver();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| chat(&mut driver, name, ""));
    driver.held = Some(Vec::new());
    say(&mut driver, ann, "/all one\n/all two\n");
    driver.pass(SECOND);
    say(&mut driver, eve, "/all three\n/private bob live\n");
    driver.pass(SECOND);
    for job in driver.held.take().unwrap() {
        driver.engine.finish(job.run()).unwrap();
    }
    driver.settle();
    for key in [ann, bob, eve] {
        driver.look(key);
    }
    let metrics = driver.engine.metrics();
    assert_eq!((metrics.office.posts_stored, metrics.office.lines_told), (3, 1));
    // ann is told of one after a second. bob is told of three in one write, and eve of two,
    // the earliest of which were asked for two seconds ago.
    let deliveries = metrics.counts.delivery_times;
    assert_eq!((deliveries.count(), deliveries.sum()), (6, (1 + 3 * 2 + 2 * 2) * SECOND));
}

#[test]
fn what_a_slow_reader_misses_is_counted() {
    let settings = EngineSettings {
        recent: postroom_engine::RecentLimits { posts: 10, ..EngineSettings::default().recent },
        ..EngineSettings::default()
    };
    let mut driver = Driver::new(settings, Limits::default());
    let [ann, bob] = ["ann", "bob"].map(|name| chat(&mut driver, name, ""));
    driver.set_window(bob, 0);
    for number in 0..50 {
        say(&mut driver, ann, &format!("/all {number}\n"));
    }
    driver.regain(bob, usize::MAX >> 1);
    driver.settle();
    driver.look(bob);
    let metrics = driver.engine.metrics();
    let told = metrics.counts.delivery_times.count();
    assert!(metrics.counts.posts_missed > 0 && told < 50, "{told}");
    assert_eq!(metrics.counts.posts_missed + told, 50);
}

#[test]
fn refusals_are_counted_by_their_reason() {
    let settings = EngineSettings {
        peers: PeerLimits { connections: 3, loopback: true, ..PeerLimits::default() },
        ..EngineSettings::default()
    };
    let limits = Limits { mailbox_capacity: 1, ..Limits::default() };
    let mut driver = Driver::new(settings, limits);
    let ann = client(&mut driver, "chat", "/setname ann\n");
    client(&mut driver, "chat", "/setname ann\n");
    let bob = client(&mut driver, "mailbox", "LOGIN bob\nCOMPOSE bob\n1\nCOMPOSE bob\n2\n");
    let listener = driver.add_listener("mailbox", ListenerOptions::default());
    for _ in 0..2 {
        assert!(driver.open(listener, ([127, 0, 0, 1], 1).into()).is_err());
    }
    for key in [ann, bob] {
        driver.half_close(key);
    }
    driver.settle();
    let EngineCounts { accepted, refused, ended, logins, logins_failed, limits_met, .. } =
        driver.engine.metrics().counts;
    assert_eq!((logins, counted(&logins_failed)), (2, vec![("present", 1)]));
    assert_eq!(counted(&refused), [("too_many_connections", 2)]);
    assert_eq!(counted(&limits_met), [("mailbox", 1)]);
    assert_eq!(counted(&ended), [("ordinary", 2)]);
    assert_eq!(accepted.iter().map(|(_, count)| count).sum::<u64>(), 3);
}
