//! Joins and leaves within 100 ms make one line on chat, before the words of those who
//! join and after the words of those who leave.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use postroom_engine::{EngineSettings, What};
use postroom_store::Limits;
use proptest::prelude::*;

use postroom_simulator::{Driver, PeerKey};

const GATHERING: Duration = Duration::from_millis(100);

fn driver() -> Driver {
    Driver::new(EngineSettings::default(), Limits::default())
}

/// Enters the chat; everyone has been told of the others before.
fn enter(driver: &mut Driver, name: &str) -> PeerKey {
    let key = driver.connect("chat");
    driver.send(key, format!("/setname {name}\n").as_bytes());
    driver.settle();
    assert_eq!(driver.lines(key).len(), 2, "{name} gets a greeting and a welcome");
    key
}

/// Those in the chat, each of whom has been told of the others.
fn entered<const N: usize>(driver: &mut Driver, names: [&str; N]) -> [PeerKey; N] {
    let keys = names.map(|name| enter(driver, name));
    driver.pass(GATHERING * 2);
    for key in keys {
        driver.look(key);
    }
    keys
}

#[test]
fn the_first_is_announced_at_once_and_those_within_100_ms_together() {
    let mut driver = driver();
    let [ann, zoe] = entered(&mut driver, ["ann", "zoe"]);
    let _bob = enter(&mut driver, "bob");
    assert_eq!(driver.lines(ann), ["bob has joined (3 users active)"]);
    for name in ["cat", "dan", "eve", "fay", "gus", "hal", "ian"] {
        enter(&mut driver, name);
    }
    driver.reset(zoe);
    driver.pass(Duration::from_millis(99));
    assert!(driver.lines(ann).is_empty());
    driver.pass(Duration::from_millis(1));
    let together = "cat, dan, eve, fay, gus and 2 more have joined, zoe has left (9 users active)";
    assert_eq!(driver.lines(ann), [together]);
    driver.pass(GATHERING);
    enter(&mut driver, "jim");
    assert_eq!(driver.lines(ann), ["jim has joined (10 users active)"]);
}

#[test]
fn the_log_has_a_line_for_each_at_its_time() {
    let mut driver = driver();
    let [_ann, bob] = entered(&mut driver, ["ann", "bob"]);
    driver.log.clear();
    enter(&mut driver, "cat");
    enter(&mut driver, "dan");
    driver.reset(bob);
    let logged = driver.log.iter().filter_map(|what| match what {
        What::Joined(attendee) => Some((true, attendee.name.as_str(), attendee.active)),
        What::Left(attendee) => Some((false, attendee.name.as_str(), attendee.active)),
        _ => None,
    });
    assert_eq!(logged.collect::<Vec<_>>(), [(true, "cat", 3), (true, "dan", 4), (false, "bob", 3)]);
}

#[test]
fn who_joins_and_leaves_within_100_ms_is_not_announced() {
    let mut driver = driver();
    let [ann, zoe] = entered(&mut driver, ["ann", "zoe"]);
    enter(&mut driver, "bob");
    let cat = enter(&mut driver, "cat");
    let dan = enter(&mut driver, "dan");
    driver.reset(cat);
    // Whose client connects again was never away.
    driver.reset(zoe);
    enter(&mut driver, "zoe");
    driver.pass(GATHERING);
    let lines = ["bob has joined (3 users active)", "dan has joined (4 users active)"];
    assert_eq!(driver.lines(ann), lines);
    // Dan saw cat, who was there when dan came.
    assert_eq!(driver.lines(dan), ["cat has left (4 users active)"]);
}

#[test]
fn a_session_is_told_of_those_after_it_and_never_of_itself() {
    let mut driver = driver();
    let [ann] = entered(&mut driver, ["ann"]);
    let keys = ["bob", "cat", "dan", "eve"].map(|name| enter(&mut driver, name));
    driver.pass(GATHERING);
    let expected: [&[&str]; 4] = [
        &["cat, dan and eve have joined (5 users active)"],
        &["dan and eve have joined (5 users active)"],
        &["eve has joined (5 users active)"],
        &[],
    ];
    for (key, expected) in keys.into_iter().zip(expected) {
        assert_eq!(driver.lines(key), expected);
    }
    assert_eq!(driver.lines(ann)[1..], ["cat, dan and eve have joined (5 users active)"]);
}

#[test]
fn a_reader_that_is_behind_is_told_of_an_arrival_before_private_words() {
    let mut driver = driver();
    let [ann, bob] = entered(&mut driver, ["ann", "bob"]);
    driver.set_stalled(ann, true);
    driver.send(bob, format!("/all {}\n", "x".repeat(8_000)).repeat(16).as_bytes());
    driver.settle();
    let cat = enter(&mut driver, "cat");
    driver.send(cat, b"/private ann hello\n");
    driver.settle();
    driver.set_stalled(ann, false);
    driver.settle();
    let lines = driver.lines(ann);
    let place = |line| lines.iter().position(|other| other == line);
    let joined = place("cat has joined (3 users active)");
    assert!(joined.is_some() && joined < place("cat(private): hello"), "{joined:?}");
    assert_eq!(lines.len(), 18);
}

#[test]
fn without_announcements_a_crowd_costs_no_one_a_line() {
    let mut settings = EngineSettings::default();
    settings.session.chat.announces = false;
    let mut driver = Driver::new(settings, Limits::default());
    let [ann] = entered(&mut driver, ["ann"]);
    for name in ["bob", "cat", "dan"] {
        let key = enter(&mut driver, name);
        driver.reset(key);
    }
    assert!(driver.engine.next_deadline().is_none_or(|at| at > driver.now + GATHERING));
    driver.pass(GATHERING);
    assert!(driver.lines(ann).is_empty());
}

/// How long changes gather where one turn cannot tell all.
const CROWD_GATHERING: Duration = Duration::from_millis(250);

const MEMBERS: usize = 10_000;
const LEAVING: usize = 5_000;
/// Sessions told in a turn.
const TELLS_MAX: usize = 512;

/// Members of the chat, and how many of the last leave at once.
fn crowd(driver: &mut Driver) -> (Vec<PeerKey>, Vec<PeerKey>) {
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        let key = driver.connect("chat");
        driver.put(key, format!("/setname user{number}\n").as_bytes());
        members.push(key);
        if number % 1_000 == 999 {
            driver.settle();
        }
    }
    driver.pass(CROWD_GATHERING * 2);
    for key in &members {
        driver.look(*key);
    }
    let leaving = members.split_off(MEMBERS - LEAVING);
    (members, leaving)
}

#[test]
fn five_thousand_of_ten_thousand_leave_at_a_cost_linear_in_members() {
    let mut driver = driver();
    let (members, leaving) = crowd(&mut driver);
    driver.log.clear();
    for key in leaving {
        driver.break_off(key);
    }
    driver.turn();
    // One turn cannot tell all, so the first waits for the others.
    assert!(members.iter().all(|key| driver.received(*key).is_empty()));
    driver.now += CROWD_GATHERING;
    driver.engine.time_passed(driver.now);
    let mut turns = 0;
    loop {
        driver.turn();
        turns += 1;
        let told: usize = members.iter().filter(|key| !driver.received(**key).is_empty()).count();
        assert!(told <= turns * TELLS_MAX, "{told} sessions were told in {turns} turns");
        if told == members.len() {
            break;
        }
    }
    driver.pass(CROWD_GATHERING);
    for key in members {
        let lines = driver.lines(key);
        assert!(lines.len() == 1, "{lines:?}");
        assert!(lines[0].ends_with(" and 4995 more have left (5000 users active)"), "{lines:?}");
    }
    let logged = driver.log.iter().filter(|what| matches!(what, What::Left(_))).count();
    assert_eq!(logged, LEAVING);
}

/// What one of the accounts does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Join(usize),
    Leave(usize),
    Post(usize),
    Tell(usize, usize),
    Pass(u64),
}

const NAMES: [&str; 6] = ["ann", "bob", "cat", "dan", "eve", "fay"];

fn any_step() -> impl Strategy<Value = Step> {
    let who = 0..NAMES.len();
    prop_oneof![
        4 => who.clone().prop_map(Step::Join),
        3 => who.clone().prop_map(Step::Leave),
        1 => who.clone().prop_map(Step::Post),
        1 => (who.clone(), who).prop_map(|(from, to)| Step::Tell(from, to)),
        2 => (1..120_u64).prop_map(Step::Pass),
    ]
}

/// A session, and whom it knows to be there.
struct Observer {
    key: PeerKey,
    knows: BTreeSet<String>,
}

impl Observer {
    /// Reads a line, which must agree with what the observer knows.
    fn read(&mut self, line: &str) {
        if let Some((author, _)) = line.split_once(": ") {
            let author = author.trim_end_matches("(private)");
            assert!(self.knows.contains(author), "{line}, and it knows {:?}", self.knows);
            return;
        }
        if !line.ends_with(" active)") {
            return;
        }
        let (changes, _) = line.split_once(" (").unwrap();
        let mut names = Vec::new();
        for word in changes.split([' ', ',']) {
            match word {
                "" | "and" | "has" | "have" => {}
                "joined" => {
                    for name in names.drain(..) {
                        assert!(self.knows.insert(name), "{line}, and it is there");
                    }
                }
                "left" => {
                    for name in names.drain(..) {
                        assert!(self.knows.remove(&name), "{line}, and it is not there");
                    }
                }
                name => names.push(name.to_owned()),
            }
        }
    }
}

fn read_all(driver: &mut Driver, observers: &mut BTreeMap<&str, Observer>) {
    for observer in observers.values_mut() {
        for line in driver.lines(observer.key) {
            observer.read(&line);
        }
    }
}

fn take_step(driver: &mut Driver, observers: &mut BTreeMap<&str, Observer>, step: Step) {
    match step {
        Step::Join(who) if !observers.contains_key(NAMES[who]) => {
            let key = enter(driver, NAMES[who]);
            let others = observers.keys().copied().chain([NAMES[who]]);
            let knows = others.map(str::to_owned).collect();
            observers.insert(NAMES[who], Observer { key, knows });
        }
        Step::Leave(who) => {
            if let Some(observer) = observers.remove(NAMES[who]) {
                driver.send(observer.key, b"/all bye\n/quit\n");
                driver.settle();
                driver.reset(observer.key);
            }
        }
        Step::Post(who) => {
            if let Some(observer) = observers.get(NAMES[who]) {
                driver.send(observer.key, b"/all hello\n");
            }
        }
        Step::Tell(from, to) => {
            if let Some(observer) = observers.get(NAMES[from]) {
                driver.send(observer.key, format!("/private {} hi\n", NAMES[to]).as_bytes());
            }
        }
        Step::Pass(millis) => driver.pass(Duration::from_millis(millis)),
        Step::Join(_) => {}
    }
    driver.settle();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Who is there for a session, is told to it once, before it sees words of theirs; and
    /// after 100 ms each session knows all who are there.
    #[test]
    fn each_change_is_told_once_to_each_that_was_there(
        steps in prop::collection::vec(any_step(), 1..60),
    ) {
        let mut driver = driver();
        let mut observers = BTreeMap::new();
        for step in steps {
            take_step(&mut driver, &mut observers, step);
            read_all(&mut driver, &mut observers);
        }
        driver.pass(GATHERING);
        read_all(&mut driver, &mut observers);
        let present: BTreeSet<_> = observers.keys().map(|name| (*name).to_owned()).collect();
        for (name, observer) in observers {
            prop_assert_eq!(&observer.knows, &present, "{}", name);
        }
    }
}
