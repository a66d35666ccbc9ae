//! Posts that go to many sessions at once.

use postroom_engine::EngineSettings;
use postroom_model::{Channel, PostId};
use postroom_store::{History as _, HistoryFrom, HistoryQuery, Limits};

use postroom_simulator::{Driver, PeerKey};

fn chat(driver: &mut Driver, name: &str) -> PeerKey {
    let key = driver.connect("chat");
    driver.send(key, format!("/setname {name}\n").as_bytes());
    key
}

/// The lines of posts that have come, joins left out.
fn posts(driver: &mut Driver, key: PeerKey) -> Vec<String> {
    let mut lines = driver.lines(key);
    lines.retain(|line| line.contains(": ") && !line.starts_with("Welcome"));
    lines
}

#[test]
fn each_session_is_told_what_is_for_it_in_the_lines_of_its_protocol() {
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| chat(&mut driver, name));
    // One who is told after others, and has more channels to be told of.
    let joe = chat(&mut driver, "joe");
    for key in [bob, eve, joe] {
        driver.send(key, b"/join #rust\n");
    }
    let stream = driver.connect("board");
    driver.send(stream, b"s\n#rust\n");
    driver.settle();
    for key in [ann, bob, eve, joe, stream] {
        driver.look(key);
    }
    for key in [ann, bob] {
        driver.put(key, b"/say #rust one\n/say #rust two\n");
    }
    driver.put(eve, b"/all three\n");
    driver.turn();
    driver.settle();
    let rust = |name| ["one", "two"].map(|text| format!("{name}(#rust): {text}"));
    let of_all = [rust("ann"), rust("bob")].concat();
    let three = ["eve: three".to_owned()];
    assert_eq!(posts(&mut driver, ann), three);
    assert_eq!(posts(&mut driver, bob), [&rust("ann")[..], &three].concat());
    assert_eq!(posts(&mut driver, eve), of_all);
    assert_eq!(posts(&mut driver, joe), [&of_all[..], &three].concat());
    let streamed = ["ann: one", "ann: two", "bob: one", "bob: two"];
    assert_eq!(posts(&mut driver, stream), streamed);
}

#[test]
fn the_posts_of_a_channel_are_not_taken_for_those_of_one_that_is_gone() {
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let [ann, bob] = ["ann", "bob"].map(|name| chat(&mut driver, name));
    for channel in ["#rust", "#iron"] {
        driver.send(bob, format!("/join {channel}\n").as_bytes());
        driver.settle();
        driver.look(bob);
        driver.send(ann, format!("/say {channel} hello\n").as_bytes());
        driver.settle();
        assert_eq!(posts(&mut driver, bob), [format!("ann({channel}): hello")]);
        driver.send(bob, format!("/leave {channel}\n").as_bytes());
        driver.settle();
    }
}

#[test]
fn posts_of_more_bytes_than_gather_at_a_time_all_come_in_order() {
    const POSTS: usize = 200;
    const GATHERED_BYTES_MAX: usize = 64 << 10;
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| chat(&mut driver, name));
    driver.settle();
    for key in [bob, eve] {
        driver.look(key);
    }
    let post = |at| format!("ann: {at:03}{}", "x".repeat(900));
    let expected: Vec<_> = (0..POSTS).map(post).collect();
    for post in &expected {
        driver.put(ann, post.replace("ann:", "/all").as_bytes());
        driver.put(ann, b"\n");
    }
    driver.set_stalled(eve, true);
    driver.settle();
    assert!(driver.waiting(eve) <= GATHERED_BYTES_MAX + expected[0].len() + 1);
    driver.set_stalled(eve, false);
    driver.settle();
    for key in [bob, eve] {
        assert_eq!(posts(&mut driver, key), expected);
    }
}

/// Whoever is told of posts can go on from them in the history, and the other way round.
#[test]
fn the_history_of_a_channel_is_read_beside_the_engine() {
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let ann = chat(&mut driver, "ann");
    driver.send(ann, b"/say #rust one\n/say #iron other\n/say #rust two\n");
    driver.settle();
    driver.held = Some(Vec::new());
    driver.send(ann, b"/say #rust three\n");
    driver.settle();
    let rust = Channel::parse("#rust").unwrap();
    let read = |driver: &mut Driver, from, count| {
        let rows = driver.engine.history(HistoryQuery { channel: rust.clone(), from, count });
        let page = driver.disk.history().page(&rows).unwrap();
        let texts = page.entries.iter().map(|entry| {
            let text = entry.content.text().expect("nobody deletes posts");
            (entry.id, text.as_str().to_owned())
        });
        texts.collect::<Vec<_>>()
    };
    let texts = |read: &[(PostId, String)]| read.iter().map(|(_, text)| text.clone()).collect();
    let all = read(&mut driver, HistoryFrom::Oldest, 9);
    let words: Vec<String> = texts(&all);
    assert_eq!(words, ["one", "two"], "the third one is not on disk");
    let after: Vec<String> = texts(&read(&mut driver, HistoryFrom::After(all[0].0), 9));
    assert_eq!(after, ["two"]);
    let latest: Vec<String> = texts(&read(&mut driver, HistoryFrom::Latest, 1));
    assert_eq!(latest, ["two"]);
}
