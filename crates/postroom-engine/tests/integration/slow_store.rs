//! A store whose jobs take long: what waits for it is bounded, and the rest goes on.

use std::time::Duration;

use postroom_engine::{EngineSettings, RecentLimits};
use postroom_protocol::{ChatSettings, Settings};
use postroom_store::{Job as _, Limits, MemoryDisk};

use postroom_simulator::{Driver, PeerKey, set_password};

use crate::clients::{chat, client, silent_im};

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
    let chat = ChatSettings { announces: false };
    let session = Settings { chat, ..Settings::default() };
    let mut driver = Driver::new(EngineSettings { session, ..EngineSettings::default() }, roomy());
    let clients = names
        .iter()
        .map(|name| client(&mut driver, "mailbox", &format!("LOGIN {name}\n")))
        .collect();
    driver.held = Some(Vec::new());
    (driver, clients)
}

fn roomy() -> Limits {
    Limits { mailbox_capacity: 1_000_000, ..Limits::default() }
}

/// Clients that have sent much, of which the engine has taken what it takes.
fn flood(driver: &mut Driver) -> Vec<PeerKey> {
    let kept = driver.held.take();
    let names: Vec<_> = (0..SENDERS).map(|number| format!("sender{number}")).collect();
    let senders: Vec<_> =
        names.iter().map(|name| client(driver, "mailbox", &format!("LOGIN {name}\n"))).collect();
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
fn what_a_session_has_to_answer_first_counts_too() {
    let (mut driver, _) = held(&["bob"]);
    let kept = driver.held.take();
    let names: Vec<_> = (0..SENDERS).map(|number| format!("user{number}")).collect();
    let users: Vec<_> = names.iter().map(|name| chat(&mut driver, name, "")).collect();
    driver.held = kept;
    // The count waits for the first message, and all others for the count.
    let others = format!("/send bob {}\n", "x".repeat(TEXT_BYTES)).repeat(2 * EACH);
    let asks = format!("/send bob a\n/inbox\n{others}");
    for key in &users {
        driver.put(*key, asks.as_bytes());
    }
    driver.settle();
    let untaken: usize = users.iter().map(|key| driver.untaken(*key)).sum();
    let taken = SENDERS * asks.len() - untaken;
    assert!(taken <= CALL_BYTES_MAX + SENDERS * QUEUED_BYTES_MAX, "{taken} bytes were taken");
}

#[test]
fn prompt_readers_miss_nothing_of_what_a_slow_sync_brings() {
    const POSTERS: usize = 500;
    let recent = RecentLimits { posts: POSTERS / 10, ..RecentLimits::default() };
    let settings = EngineSettings { recent, ..EngineSettings::default() };
    let mut driver = Driver::new(settings, Limits::default());
    let reader = driver.connect("board");
    driver.send(reader, b"s\n#busy\n");
    let names: Vec<_> = (0..POSTERS).map(|number| format!("user{number}")).collect();
    let posters: Vec<_> = names.iter().map(|name| chat(&mut driver, name, "")).collect();
    driver.held = Some(Vec::new());
    for key in posters {
        driver.put(key, b"/say #busy hello\n/private user0 psst\n");
    }
    driver.settle();
    run_all_jobs(&mut driver);
    assert_eq!(driver.lines(reader).len(), POSTERS);
}

/// Clients of im that answer no push.
fn silent_clients_of_im() -> (Driver, [PeerKey; 2]) {
    let (disk, limits) = (MemoryDisk::default(), roomy());
    for name in ["ian", "iris"] {
        set_password(&disk, limits, name, "1");
    }
    let mut driver = Driver::on(disk, EngineSettings::default(), limits);
    let clients = ["ian", "iris"].map(|name| silent_im(&mut driver, name));
    (driver, clients)
}

fn run_all_jobs(driver: &mut Driver) {
    while driver.held.as_ref().is_some_and(|held| !held.is_empty()) {
        run_jobs(driver);
    }
}

#[test]
fn whoever_waits_for_delivery_receipts_gives_up_also_while_the_post_waits() {
    let (mut driver, [ian, _]) = silent_clients_of_im();
    client(&mut driver, "mailbox", "LOGIN bob\n");
    driver.held = Some(Vec::new());
    flood(&mut driver);
    driver.send(ian, b"/toall hello\n");
    driver.settle();
    driver.pass(Duration::from_secs(6));
    run_all_jobs(&mut driver);
    assert_eq!(driver.lines(ian), ["304 Message delivery failed"]);
}

#[test]
fn whoever_waits_for_delivery_receipts_gives_up_while_mail_for_it_waits() {
    let (mut driver, [ian, _]) = silent_clients_of_im();
    let writer = client(&mut driver, "mailbox", "LOGIN writer\n");
    driver.held = Some(Vec::new());
    driver.send(writer, b"COMPOSE ian\nmail\n");
    driver.settle();
    driver.send(ian, b"/toall hello\n");
    driver.settle();
    flood(&mut driver);
    // The mail is stored; its push waits, behind the post.
    run_jobs(&mut driver);
    driver.pass(Duration::from_secs(6));
    run_all_jobs(&mut driver);
    assert_eq!(driver.lines(ian), ["304 Message delivery failed"]);
}

#[test]
fn live_talk_and_logins_go_on_while_the_store_is_busy() {
    let (mut driver, _) = held(&["bob"]);
    let kept = driver.held.take();
    let [ann, cat] = ["ann", "cat"].map(|name| chat(&mut driver, name, ""));
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
