//! Channels whose members take long to be told.

use postroom_engine::{EngineSettings, RecentLimits};
use postroom_protocol::{ChatSettings, Settings};
use postroom_store::Limits;

use crate::clients::{chat, client};
use postroom_simulator::{Driver, PeerKey};

fn driver(recent: RecentLimits) -> Driver {
    let chat = ChatSettings { announces: false };
    let session = Settings { chat, ..Settings::default() };
    Driver::new(EngineSettings { session, recent, ..EngineSettings::default() }, Limits::default())
}

/// Clients of the board that follow this hashtag.
fn followers(driver: &mut Driver, channel: &str, count: usize) -> Vec<PeerKey> {
    (0..count).map(|_| client(driver, "board", &format!("s\n{channel}\n"))).collect()
}

fn line_of(number: usize) -> String {
    format!("/say #busy {number}\n")
}

/// A channel with as many members as several turns tell, of which the first turn has told
/// some; one who has posted there, and two users who talk elsewhere.
fn busy() -> (Driver, Vec<PeerKey>, [PeerKey; 3]) {
    let mut driver = driver(RecentLimits::default());
    let members = followers(&mut driver, "#busy", 2_000);
    let users = ["ann", "bob", "cat"].map(|name| chat(&mut driver, name, "/join #quiet\n"));
    driver.put(users[0], line_of(0).as_bytes());
    driver.turn();
    assert_eq!(driver.lines(users[0]), ["Said in #busy."]);
    (driver, members, users)
}

#[test]
fn nobody_waits_for_the_members_of_a_channel_of_others() {
    let (mut driver, members, [_, bob, cat]) = busy();
    driver.put(bob, b"/say #quiet hello\n/private cat psst\n/inbox\n");
    driver.turn();
    assert_eq!(driver.lines(bob), ["Said in #quiet.", "You have 0 unread messages."]);
    assert_eq!(driver.lines(cat), ["bob(#quiet): hello", "bob(private): psst"]);
    let told = |driver: &mut Driver, key: &&PeerKey| !driver.lines(**key).is_empty();
    let first = members.iter().filter(|key| told(&mut driver, key)).count();
    assert!(first < members.len(), "{first} were told in two turns");
    driver.settle();
    let others = members.iter().filter(|key| told(&mut driver, key)).count();
    assert_eq!(first + others, members.len());
}

#[test]
fn the_next_post_to_a_channel_waits_until_its_members_have_been_told() {
    let (mut driver, members, [ann, bob, _]) = busy();
    driver.put(ann, format!("{}/quit\n", line_of(1)).as_bytes());
    driver.put(bob, b"/say #quiet a\n/say #busy b\n/say #quiet c\n");
    driver.turn();
    // What follows a post that waits, waits too.
    assert_eq!(driver.lines(bob), ["Said in #quiet."]);
    assert_eq!(driver.lines(ann), ["bob(#quiet): a"]);
    driver.settle();
    assert_eq!(driver.lines(bob), ["Said in #busy.", "Said in #quiet."]);
    assert_eq!(driver.lines(ann).first().map(String::as_str), Some("Said in #busy."));
    assert!(driver.is_closed(ann), "ann has quit");
    for key in members {
        assert_eq!(driver.lines(key).len(), 3);
    }
}

#[test]
fn a_client_whose_post_waits_is_not_read_from() {
    let (mut driver, _, [ann, ..]) = busy();
    driver.put(ann, line_of(1).as_bytes());
    driver.turn();
    assert!(driver.has_taken_all(ann));
    driver.put(ann, b"/inbox\n");
    driver.turn();
    assert!(!driver.has_taken_all(ann), "it could send without end");
    driver.settle();
    assert_eq!(driver.lines(ann), ["Said in #busy.", "You have 0 unread messages."]);
}

#[test]
fn what_arrived_behind_a_post_that_waits_is_answered_before_a_stop() {
    const LAST_TURNS: usize = 64;
    let (mut driver, _, [ann, ..]) = busy();
    driver.put(ann, line_of(1).as_bytes());
    driver.turn();
    driver.put(ann, b"/say #quiet a\n/say #busy b\n/inbox\n");
    for _ in 0..LAST_TURNS {
        if driver.engine.has_input_left() {
            driver.turn();
        }
    }
    driver.engine.stop(driver.now);
    driver.settle();
    let lines = driver.lines(ann);
    let said = ["Said in #busy.", "Said in #quiet.", "Said in #busy."];
    assert_eq!(lines[..3], said);
    assert_eq!(lines[3], "You have 0 unread messages.");
}

#[test]
fn members_that_read_miss_nothing_however_many_others_post() {
    const POSTERS: usize = 10;
    const EACH: usize = 15;
    let mut driver = driver(RecentLimits { posts: 20, ..RecentLimits::default() });
    let members = followers(&mut driver, "#busy", 2_000);
    let posters: Vec<_> =
        (0..POSTERS).map(|number| chat(&mut driver, &format!("user{number}"), "")).collect();
    for key in posters {
        driver.put(key, line_of(0).repeat(EACH).as_bytes());
        driver.turn();
    }
    driver.settle();
    for key in members {
        assert_eq!(driver.lines(key).len(), POSTERS * EACH);
    }
}
