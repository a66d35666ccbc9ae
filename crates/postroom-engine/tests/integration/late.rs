//! Commits that come late, in another order, or not at all: what a slow disk or a store
//! across a network does.

use std::time::Duration;

use postroom_engine::EngineSettings;
use postroom_store::{Call, Fate, Job as _, Limits};

use crate::clients::client;
use postroom_simulator::{Driver, PeerKey};

fn driver() -> Driver {
    Driver::new(EngineSettings::default(), Limits::default())
}

/// The client sends lines in one packet, and what can be done is done.
fn say(driver: &mut Driver, key: PeerKey, lines: &str) {
    driver.send(key, lines.as_bytes());
    driver.settle();
}

fn say_and_see(driver: &mut Driver, key: PeerKey, lines: &str) -> Vec<String> {
    say(driver, key, lines);
    driver.lines(key)
}

/// Messages to `bob` wait, and posts.
fn delay_messages_to_bob_and_posts(driver: &Driver) {
    driver.disk.decide(|call| match call {
        Call::Compose { recipient, .. } if recipient.as_str() == "bob" => Fate::Late,
        Call::Post { .. } => Fate::Late,
        _ => Fate::CarriedOut,
    });
}

/// From now on jobs are kept and not run.
fn hold_jobs(driver: &mut Driver) {
    driver.held = Some(Vec::new());
}

/// Runs what was kept, the last job first.
fn run_held_jobs_backwards(driver: &mut Driver) {
    for job in driver.held.take().unwrap().into_iter().rev() {
        driver.engine.finish(job.run()).unwrap();
    }
    driver.settle();
}

#[test]
fn completions_come_in_any_order_between_accounts() {
    let mut driver = driver();
    let [ann, cat] =
        ["ann", "cat"].map(|name| client(&mut driver, "mailbox", &format!("LOGIN {name}\n")));
    delay_messages_to_bob_and_posts(&driver);
    assert!(say_and_see(&mut driver, ann, "COMPOSE bob\none\n").is_empty());
    assert_eq!(say_and_see(&mut driver, cat, "COMPOSE dan\ntwo\n"), ["MESSAGE SENT"]);
    driver.disk.carry_out();
    driver.settle();
    assert_eq!(driver.lines(ann), ["MESSAGE SENT"]);
}

#[test]
fn completions_come_in_order_within_an_account() {
    let mut driver = driver();
    let ann = client(&mut driver, "mailbox", "LOGIN ann\n");
    let cat = client(&mut driver, "mailbox", "LOGIN cat\n");
    let bob = client(&mut driver, "mailbox", "LOGIN bob\n");
    hold_jobs(&mut driver);
    assert!(say_and_see(&mut driver, ann, "COMPOSE bob\none\n").is_empty());
    assert!(say_and_see(&mut driver, cat, "COMPOSE bob\ntwo\nCOMPOSE ann\nthree\n").is_empty());
    assert!(say_and_see(&mut driver, bob, "READ\n").is_empty());
    // One job has the message to bob, another one that to ann; the rest waits.
    assert_eq!(driver.held.as_ref().unwrap().len(), 2);
    run_held_jobs_backwards(&mut driver);
    assert_eq!(driver.lines(ann), ["MESSAGE SENT"]);
    assert_eq!(driver.lines(cat), ["MESSAGE SENT", "MESSAGE SENT"]);
    assert_eq!(driver.lines(bob), ["ann", "one"]);
    assert_eq!(say_and_see(&mut driver, bob, "READ\n"), ["cat", "two"]);
}

#[test]
fn replies_reach_a_session_in_the_order_of_its_requests() {
    let mut driver = driver();
    let ann = client(&mut driver, "mailbox", "LOGIN ann\nCOMPOSE ann\nhello\n");
    delay_messages_to_bob_and_posts(&driver);
    let lines = "COMPOSE bob\none\nREAD\nCOMPOSE cat\ntwo\nREAD\n";
    assert!(say_and_see(&mut driver, ann, lines).is_empty(), "the first is not carried out");
    driver.disk.carry_out();
    driver.settle();
    let answers = ["MESSAGE SENT", "ann", "hello", "MESSAGE SENT", "READ ERROR"];
    assert_eq!(driver.lines(ann), answers);
}

#[test]
fn a_store_that_is_unavailable_refuses_in_each_protocols_words() {
    let mut driver = driver();
    let ann = client(&mut driver, "mailbox", "LOGIN ann\n");
    let bob = client(&mut driver, "mailbox-verbose", "LOGIN bob\n");
    let cat = client(&mut driver, "chat", "/setname cat\n");
    driver.disk.decide(|call| match call {
        Call::Compose { .. } | Call::Post { .. } | Call::Read { .. } => Fate::Unavailable,
        _ => Fate::CarriedOut,
    });
    let answers = say_and_see(&mut driver, ann, "COMPOSE bob\none\nREAD\n");
    assert_eq!(answers, ["MESSAGE FAILED", "READ ERROR"]);
    let answers = say_and_see(&mut driver, bob, "COMPOSE bob ann one\n");
    assert!(answers[0].starts_with("MESSAGE FAILED."), "{answers:?}");
    let answers = say_and_see(&mut driver, cat, "/all hi\n");
    assert!(answers[0].starts_with("Nothing was said"), "{answers:?}");
    driver.disk.carry_out();
    assert_eq!(say_and_see(&mut driver, ann, "READ\n"), ["READ ERROR"], "nothing was stored");
}

#[test]
fn a_session_whose_request_is_unknown_ends_unanswered() {
    for carried_out in [false, true] {
        let mut driver = driver();
        let ann = client(&mut driver, "mailbox", "LOGIN ann\n");
        driver.disk.decide(move |call| match call {
            Call::Compose { .. } => Fate::Unknown { carried_out },
            _ => Fate::CarriedOut,
        });
        assert!(say_and_see(&mut driver, ann, "COMPOSE ann\none\n").is_empty());
        assert!(driver.is_closed(ann));
        let ann = client(&mut driver, "mailbox", "LOGIN ann\n");
        let expected: &[_] = if carried_out { &["ann", "one"] } else { &["READ ERROR"] };
        assert_eq!(say_and_see(&mut driver, ann, "READ\n"), expected, "zero or one copy");
    }
}

#[test]
fn nothing_uncommitted_is_shown() {
    let mut driver = driver();
    let ann = client(&mut driver, "chat", "/setname ann\n/join #rust\n");
    let bob = client(&mut driver, "chat", "/setname bob\n/join #rust\n");
    driver.lines(ann);
    delay_messages_to_bob_and_posts(&driver);
    assert!(say_and_see(&mut driver, ann, "/send bob one\n/say #rust two\n").is_empty());
    let unread = say_and_see(&mut driver, bob, "/inbox\n");
    assert_eq!(unread, ["You have 0 unread messages."]);
    let again = driver.connect("mailbox");
    assert_eq!(say_and_see(&mut driver, again, "LOGIN bob\n"), ["0"]);
    driver.disk.carry_out();
    driver.settle();
    assert_eq!(driver.lines(ann), ["Message left for bob.", "Said in #rust."]);
    assert_eq!(driver.lines(bob), ["ann(#rust): two"]);
    assert_eq!(say_and_see(&mut driver, bob, "/inbox\n"), ["You have 1 unread message."]);
}

#[test]
fn presence_counts_and_known_accounts_wait_for_no_commit() {
    let mut driver = driver();
    let ann = client(&mut driver, "chat", "/setname ann\n");
    let bob = client(&mut driver, "mailbox", "LOGIN bob\n");
    hold_jobs(&mut driver);
    assert!(say_and_see(&mut driver, bob, "COMPOSE ann\none\n").is_empty());
    let answers = say_and_see(&mut driver, ann, "/allusers\n/inbox\n");
    assert_eq!(answers, ["Users in chat:", "ann", "You have 0 unread messages."]);
    let known = driver.connect("chat");
    let answers = say_and_see(&mut driver, known, "/setname bob\n");
    assert!(answers[1].starts_with("Username accepted"), "{answers:?}");
    let unknown = driver.connect("chat");
    let answers = say_and_see(&mut driver, unknown, "/setname eve\n");
    assert_eq!(answers.len(), 1, "a new account has to be stored first: {answers:?}");
    run_held_jobs_backwards(&mut driver);
    let answers = driver.lines(unknown);
    assert!(answers[0].starts_with("Username accepted"), "{answers:?}");
}

#[test]
fn a_request_sees_what_its_own_session_stored_before_it() {
    let mut driver = driver();
    let ann = client(&mut driver, "chat", "/setname ann\n");
    hold_jobs(&mut driver);
    let answers = say_and_see(&mut driver, ann, "/send ann one\n/inbox\n/read\n");
    assert!(answers.is_empty(), "{answers:?}");
    run_held_jobs_backwards(&mut driver);
    let answers = ["Message left for ann.", "You have 1 unread message.", "from ann: one"];
    assert_eq!(driver.lines(ann), answers);
}

#[test]
fn a_request_sees_nothing_that_its_own_session_stored_after_it() {
    let mut driver = driver();
    let ann = client(&mut driver, "chat", "/setname ann\n");
    let lines = "/send ann one\n/inbox\n/send ann two\n/inbox\n/send ann three\n/read\n";
    let expected = [
        "Message left for ann.",
        "You have 1 unread message.",
        "Message left for ann.",
        "You have 2 unread messages.",
        "Message left for ann.",
        "from ann: one",
    ];
    assert_eq!(say_and_see(&mut driver, ann, lines), expected);
}

#[test]
fn a_later_request_waits_for_one_from_memory() {
    let mut driver = driver();
    let ann = client(&mut driver, "chat", "/setname ann\n");
    let lines = "/read\n/inbox\n/send ann one\n/inbox\n/send ann two\n";
    let answers = [
        "You have no unread messages.",
        "You have 0 unread messages.",
        "Message left for ann.",
        "You have 1 unread message.",
        "Message left for ann.",
    ];
    assert_eq!(say_and_see(&mut driver, ann, lines), answers);
    // The count alone is late.
    driver.disk.decide(|call| match call {
        Call::CountUnread { .. } => Fate::Late,
        _ => Fate::CarriedOut,
    });
    assert!(say_and_see(&mut driver, ann, "/inbox\n/send ann three\n").is_empty());
    driver.disk.carry_out();
    driver.settle();
    assert_eq!(driver.lines(ann), ["You have 2 unread messages.", "Message left for ann."]);
}

#[test]
fn a_live_line_waits_for_the_commits_of_its_own_session_alone() {
    let mut driver = driver();
    let [ann, bob, cat] = ["ann", "bob", "cat"]
        .map(|name| client(&mut driver, "chat", &format!("/setname {name}\n")));
    for key in [ann, bob, cat] {
        driver.lines(key);
    }
    hold_jobs(&mut driver);
    assert!(say_and_see(&mut driver, ann, "/all one\n/private cat two\n").is_empty());
    assert!(say_and_see(&mut driver, bob, "/private cat three\n").is_empty());
    assert_eq!(driver.lines(cat), ["bob(private): three"]);
    run_held_jobs_backwards(&mut driver);
    assert_eq!(driver.lines(cat), ["ann: one", "ann(private): two"]);
}

#[test]
fn what_a_session_says_in_one_commit_is_seen_in_its_order() {
    let mut driver = driver();
    let [ann, cat] =
        ["ann", "cat"].map(|name| client(&mut driver, "chat", &format!("/setname {name}\n")));
    driver.lines(cat);
    say(&mut driver, ann, "/all one\n/allusers\n/inbox\n/private cat two\n/all three\n");
    assert_eq!(driver.lines(cat), ["ann: one", "ann(private): two", "ann: three"]);
}

#[test]
fn an_account_is_seen_to_leave_after_what_it_said() {
    let mut driver = driver();
    let ann = client(&mut driver, "chat", "/setname ann\n");
    let bob = client(&mut driver, "chat", "/setname bob\n");
    driver.lines(ann);
    hold_jobs(&mut driver);
    say(&mut driver, bob, "/all bye\n/quit\n");
    driver.reset(bob);
    assert!(driver.lines(ann).is_empty());
    run_held_jobs_backwards(&mut driver);
    driver.pass(Duration::from_millis(100));
    assert_eq!(driver.lines(ann), ["bob: bye", "bob has left (1 user active)"]);
    // And the name is free again.
    let again = driver.connect("chat");
    let answers = say_and_see(&mut driver, again, "/setname bob\n");
    assert!(answers[1].starts_with("Username accepted"), "{answers:?}");
}

#[test]
fn a_message_handed_to_a_session_that_has_ended_is_unread_again() {
    let mut driver = driver();
    let ann = client(&mut driver, "mailbox", "LOGIN ann\nCOMPOSE ann\none\n");
    hold_jobs(&mut driver);
    say(&mut driver, ann, "READ\n");
    driver.reset(ann);
    run_held_jobs_backwards(&mut driver);
    let ann = driver.connect("mailbox");
    assert_eq!(say_and_see(&mut driver, ann, "LOGIN ann\nREAD\n"), ["1", "ann", "one"]);
}

#[test]
fn a_stop_waits_for_the_commit_under_way() {
    let mut driver = driver();
    let ann = client(&mut driver, "mailbox", "LOGIN ann\n");
    hold_jobs(&mut driver);
    say(&mut driver, ann, "COMPOSE ann\none\n");
    driver.engine.stop(driver.now);
    driver.settle();
    driver.reset(ann);
    assert!(!driver.engine.has_stopped());
    run_held_jobs_backwards(&mut driver);
    assert!(driver.engine.has_stopped());
}
