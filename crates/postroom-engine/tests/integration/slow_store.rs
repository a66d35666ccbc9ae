//! A store whose jobs take long: what waits for it is bounded, and the rest goes on.

use postroom_engine::EngineSettings;
use postroom_store::{Job as _, Limits};

use crate::driver::{Driver, PeerKey};

const SENDERS: usize = 200;
/// Messages that each of them sends at once.
const EACH: usize = 20;
const TEXT_BYTES: usize = 8_000;
/// What calls that wait for the store may take.
const CALL_BYTES_MAX: usize = 16 << 20;
/// What may wait of a session beside: a read, and the line before it.
const QUEUED_BYTES_MAX: usize = 16 << 10;

/// A driver with these mailboxes open, whose jobs are kept and not run from now on.
fn held(names: &[&str]) -> (Driver, Vec<PeerKey>) {
    let limits = Limits { mailbox_capacity: 1_000_000, ..Limits::default() };
    let mut driver = Driver::new(EngineSettings::default(), limits);
    let clients = names.iter().map(|name| log_in(&mut driver, name)).collect();
    driver.held = Some(Vec::new());
    (driver, clients)
}

fn log_in(driver: &mut Driver, name: &str) -> PeerKey {
    let key = driver.connect("mailbox");
    driver.send(key, format!("LOGIN {name}\n").as_bytes());
    driver.settle();
    driver.look(key);
    key
}

/// Clients that have sent much, of which the engine has taken what it takes.
fn flood(driver: &mut Driver) -> Vec<PeerKey> {
    let kept = driver.held.take();
    let names: Vec<_> = (0..SENDERS).map(|number| format!("sender{number}")).collect();
    let senders: Vec<_> = names.iter().map(|name| log_in(driver, name)).collect();
    driver.held = kept;
    let messages = format!("COMPOSE bob\n{}\n", "x".repeat(TEXT_BYTES)).repeat(EACH);
    for key in &senders {
        driver.put(*key, messages.as_bytes());
    }
    // This returns: nothing is tried again and again while the store is busy.
    driver.settle();
    senders
}

/// Runs the jobs that are kept.
fn run_jobs(driver: &mut Driver) {
    for job in driver.held.replace(Vec::new()).unwrap() {
        driver.engine.finish(job.run()).unwrap();
    }
    driver.settle();
}

#[test]
fn what_waits_for_the_store_is_bounded() {
    let (mut driver, _) = held(&["bob"]);
    let senders = flood(&mut driver);
    let untaken: usize = senders.iter().map(|key| driver.untaken(*key)).sum();
    let taken = SENDERS * EACH * (TEXT_BYTES + "COMPOSE bob\n\n".len()) - untaken;
    let bound = CALL_BYTES_MAX + SENDERS * QUEUED_BYTES_MAX;
    assert!(taken > CALL_BYTES_MAX / 2 && taken <= bound, "{taken} bytes were taken");
    let mut groups = 0;
    let mut answers = 0;
    while answers < SENDERS * EACH {
        run_jobs(&mut driver);
        groups += 1;
        answers += senders.iter().map(|key| driver.lines(*key).len()).sum::<usize>();
        assert!(groups < 100, "{answers} answers");
    }
}

#[test]
fn live_talk_and_logins_go_on_while_the_store_is_busy() {
    let (mut driver, _) = held(&["bob"]);
    let kept = driver.held.take();
    let [ann, cat] = ["ann", "cat"].map(|name| {
        let key = driver.connect("chat");
        driver.send(key, format!("/setname {name}\n").as_bytes());
        driver.settle();
        driver.look(key);
        key
    });
    driver.look(ann);
    driver.held = kept;
    flood(&mut driver);
    driver.send(ann, b"/private cat psst\n/inbox\n");
    driver.settle();
    assert_eq!(driver.lines(cat), ["ann(private): psst"]);
    assert_eq!(driver.lines(ann), ["You have 0 unread messages."]);
    let known = driver.connect("mailbox");
    driver.send(known, b"LOGIN bob\n");
    driver.settle();
    assert_eq!(driver.lines(known), ["0"]);
}

#[test]
fn a_sender_of_one_message_does_not_wait_for_all_of_a_flood() {
    let (mut driver, honest) = held(&["ann"]);
    flood(&mut driver);
    driver.send(honest[0], b"COMPOSE bob\nhi\n");
    driver.settle();
    let mut groups = 0;
    while driver.lines(honest[0]).is_empty() {
        run_jobs(&mut driver);
        groups += 1;
    }
    // The one under way, the one that waited behind it, and one with a message of each.
    assert!(groups <= 3, "{groups} groups");
}
