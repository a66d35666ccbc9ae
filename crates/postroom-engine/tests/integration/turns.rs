//! A turn takes so much and no more, and those who wait for each answer go first.

use std::time::Duration;

use postroom_engine::EngineSettings;
use postroom_protocol::Settings;
use postroom_store::{Limits, MemoryJob};

use postroom_simulator::{Driver, PeerKey};

use crate::clients::client;

/// Requests of all clients that a turn takes.
const REQUESTS_MAX: usize = 1_024;

/// Reads of a turn.
const READS_MAX: usize = 400;

/// What long answers may cost in a turn, in requests.
const LONG_ANSWERS_MAX: usize = 128;

const FLOODERS: usize = 300;
/// Requests that each of them sends at once.
const FLOOD: usize = 100;

/// Clients of a protocol, logged in by this command and a name each.
fn log_in(driver: &mut Driver, protocol: &str, command: &str, count: usize) -> Vec<PeerKey> {
    let mut client = |number| {
        let key = driver.connect(protocol);
        driver.send(key, format!("{command} user{number}\n").as_bytes());
        key
    };
    let clients = (0..count).map(&mut client).collect();
    // Until all joins are announced.
    driver.pass(Duration::from_secs(1));
    clients
}

fn readers(driver: &mut Driver, count: usize) -> Vec<PeerKey> {
    log_in(driver, "mailbox", "LOGIN", count)
}

/// Clients that have sent many requests, of which one turn has taken some, and one that
/// has sent nothing.
fn flooded() -> (Driver, Vec<PeerKey>, PeerKey) {
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let mut flooders = readers(&mut driver, FLOODERS + 1);
    let honest = flooders.pop().unwrap();
    for key in flooders.iter().chain([&honest]) {
        driver.look(*key);
    }
    for key in &flooders {
        driver.put(*key, "READ\n".repeat(FLOOD).as_bytes());
    }
    driver.turn();
    (driver, flooders, honest)
}

fn answers(driver: &mut Driver, keys: &[PeerKey]) -> usize {
    keys.iter().map(|key| driver.lines(*key).len()).sum()
}

#[test]
fn a_turn_takes_so_many_requests_and_then_goes_on_with_the_others() {
    let (mut driver, flooders, _) = flooded();
    let mut answered = answers(&mut driver, &flooders);
    assert!(answered > 0 && answered <= REQUESTS_MAX, "{answered} in one turn");
    while answered < FLOODERS * FLOOD {
        driver.turn();
        let now = answers(&mut driver, &flooders);
        assert!(now > 0 && now <= REQUESTS_MAX, "{now} in one turn");
        answered += now;
    }
    assert_eq!(answered, FLOODERS * FLOOD);
}

#[test]
fn those_with_input_left_over_get_half_of_a_turn_and_a_quarter_beside_others() {
    let (mut driver, flooders, honest) = flooded();
    // Each of them has had its first turn.
    (0..FLOODERS * 8 / READS_MAX).for_each(|_| driver.turn());
    answers(&mut driver, &flooders);
    for (has_new, share) in [(true, 4), (false, 2), (true, 4)] {
        if has_new {
            driver.put(honest, b"READ\n");
        }
        driver.turn();
        assert_eq!(driver.lines(honest).len(), usize::from(has_new));
        let answered = answers(&mut driver, &flooders);
        assert_eq!(answered, REQUESTS_MAX / share, "beside others: {has_new}");
    }
}

#[test]
fn a_request_of_two_lines_counts_once() {
    const EACH: usize = 16;
    const SENDERS: usize = REQUESTS_MAX / EACH;
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let senders = readers(&mut driver, SENDERS);
    for key in &senders {
        driver.look(*key);
        driver.put(*key, "COMPOSE bob\nhi\n".repeat(EACH).as_bytes());
    }
    driver.turn();
    assert_eq!(answers(&mut driver, &senders), SENDERS * EACH, "in one turn");
}

#[test]
fn the_pages_of_many_timelines_are_shared_out_over_turns() {
    const READERS: usize = 100;
    const POSTS: usize = 40;
    /// A page has 64 KiB, or the posts until then.
    const POST_BYTES: usize = 8_000;
    const PAGES_MAX: usize = LONG_ANSWERS_MAX / 32;
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let ann = driver.connect("chat");
    driver.send(ann, b"/setname ann\n");
    for _ in 0..POSTS {
        driver.send(ann, format!("/say #rust {}\n", "x".repeat(POST_BYTES)).as_bytes());
        driver.settle();
    }
    let readers: Vec<_> = (0..READERS).map(|_| driver.connect("board")).collect();
    driver.settle();
    for key in &readers {
        driver.put(*key, b"t\n#rust\n");
    }
    let mut posts = 0;
    while posts < READERS * POSTS {
        driver.turn();
        let lines = answers(&mut driver, &readers);
        assert!(lines > 0, "{posts} posts came");
        assert!(lines <= PAGES_MAX * (1 + (64 << 10) / POST_BYTES), "{lines} posts in a turn");
        posts += lines;
    }
}

fn users(driver: &mut Driver, count: usize) -> Vec<PeerKey> {
    log_in(driver, "chat", "/setname", count)
}

#[test]
fn no_one_waits_for_those_who_catch_up() {
    const BEHIND: usize = 40;
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let users = users(&mut driver, BEHIND + 2);
    let [behind @ .., poster, other] = &users[..] else { panic!("too few users") };
    for key in behind {
        driver.set_stalled(*key, true);
    }
    for _ in 0..400 {
        driver.put(*poster, format!("/all {}\n", "x".repeat(1_000)).as_bytes());
    }
    driver.settle();
    driver.look(*other);
    for key in behind {
        driver.set_stalled(*key, false);
    }
    // It takes several turns until all of them have been told.
    for _ in 0..3 {
        driver.turn();
        driver.put(*other, b"/inbox\n");
        driver.turn();
        assert_eq!(driver.lines(*other), ["You have 0 unread messages."]);
    }
    assert!(driver.engine.has_work(), "some are still behind");
    driver.settle();
    for key in behind {
        assert!(driver.lines(*key).len() >= 400);
    }
}

#[test]
fn what_is_asked_after_a_list_is_answered_after_it() {
    const USERS: usize = 200;
    let session = Settings { output_bytes_max: 1 << 20, ..Settings::default() };
    let settings = EngineSettings { session, ..EngineSettings::default() };
    let mut driver = Driver::new(settings, Limits::default());
    let users = users(&mut driver, USERS);
    for (number, key) in users.iter().enumerate() {
        driver.look(*key);
        let asks = format!("/allusers\n/inbox\n/send bob{number} hi\n/allusers\n/cmd\n");
        driver.put(*key, asks.as_bytes());
    }
    driver.turn();
    let mut answered: Vec<_> = users.iter().map(|key| driver.lines(*key)).collect();
    assert!(answered.iter().any(Vec::is_empty), "some wait");
    driver.settle();
    for (lines, key) in answered.iter_mut().zip(&users) {
        lines.extend(driver.lines(*key));
        let others: Vec<_> = lines.iter().filter(|line| !line.starts_with("user")).collect();
        let list = "Users in chat:";
        assert_eq!(others[..2], [list, "You have 0 unread messages."]);
        assert!(others[2].starts_with("Message left for bob") && others[3] == list, "{others:?}");
        assert!(others[4].starts_with("Commands: ") && lines.last() == Some(others[4]));
    }
}

#[test]
fn long_lists_are_shared_out_over_turns_and_no_one_else_waits_for_them() {
    share_out_lists(None);
    // Where jobs run on a thread, groups wait for what is asked in the next turn.
    share_out_lists(Some(Vec::new()));
}

fn share_out_lists(held: Option<Vec<MemoryJob>>) {
    const USERS: usize = 1_000;
    /// A list costs as much as a request for 64 names. The last one may begin with what is
    /// left.
    const LISTS_MAX: usize = LONG_ANSWERS_MAX / (USERS / 64) + 1;
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let users = users(&mut driver, USERS);
    let honest = client(&mut driver, "mailbox", "LOGIN bob\nEXIT\n");
    driver.look(honest);
    let honest = driver.connect("mailbox");
    driver.settle();
    driver.held = held;
    for key in &users {
        driver.look(*key);
        driver.put(*key, b"/allusers\n");
    }
    driver.put(honest, b"LOGIN bob\n");
    let (mut lists, mut turns) = (0, 0);
    while lists < USERS {
        driver.turn();
        turns += 1;
        if driver.lines(honest) == ["0"] {
            // Its request came after all the others.
            assert!(turns <= 1 + USERS / READS_MAX, "{turns} turns");
        }
        let answered = users.iter().filter(|key| driver.lines(**key).len() == 1 + USERS).count();
        assert!(answered > 0, "{lists} lists came");
        assert!(answered <= LISTS_MAX, "{answered} lists in a turn");
        lists += answered;
    }
}

#[test]
fn a_client_that_waits_for_each_answer_goes_before_those_that_do_not() {
    let (mut driver, flooders, honest) = flooded();
    // Each of them has had its first turn.
    (0..FLOODERS * 8 / REQUESTS_MAX).for_each(|_| driver.turn());
    for _ in 0..10 {
        driver.put(honest, b"READ\n");
        driver.turn();
        assert_eq!(driver.lines(honest), ["READ ERROR"]);
    }
    assert!(answers(&mut driver, &flooders) < FLOODERS * FLOOD, "they have no more to ask");
}

#[test]
fn many_who_wait_for_each_answer_do_not_keep_others_waiting_for_ever() {
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let mut many = readers(&mut driver, 2_001);
    let pipelining = many.pop().unwrap();
    driver.look(pipelining);
    driver.put(pipelining, "READ\n".repeat(FLOOD).as_bytes());
    let (mut answered, mut turns) = (0, 0);
    while answered < FLOOD {
        for key in &many {
            driver.look(*key);
            driver.put(*key, b"READ\n");
        }
        driver.turn();
        answered += answers(&mut driver, &[pipelining]);
        turns += 1;
        assert!(turns < 100, "{answered} answers in {turns} turns");
    }
}

#[test]
fn deadlines_that_pass_at_once_are_shared_out_over_turns() {
    const STRANGERS: usize = 1_500;
    const DEADLINES_MAX: usize = 512;
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let strangers: Vec<_> = (0..STRANGERS).map(|_| driver.connect("mailbox")).collect();
    driver.settle();
    driver.now += Duration::from_hours(2);
    let (mut closed, mut turns) = (0, 0);
    while closed < STRANGERS {
        driver.turn();
        turns += 1;
        let now = strangers.iter().filter(|key| driver.is_closed(**key)).count();
        assert!(now - closed <= DEADLINES_MAX, "{now} after {closed}");
        assert!(turns < 20, "{now} in {turns} turns");
        closed = now;
    }
}

#[test]
fn a_deadline_counts_what_was_sent_before_it() {
    for send in [Driver::put, Driver::put_unnoticed] {
        let mut driver = Driver::new(EngineSettings::default(), Limits::default());
        let key = driver.connect("mailbox");
        driver.settle();
        send(&mut driver, key, b"LOGIN bob\n");
        driver.pass(Duration::from_hours(1));
        assert_eq!(driver.lines(key), ["0"]);
        assert!(!driver.is_closed(key));
    }
}

#[test]
fn one_that_sends_without_a_pause_is_evicted_before_its_login_too() {
    let settings = EngineSettings { connections_max: 8, ..EngineSettings::default() };
    let mut driver = Driver::new(settings, Limits::default());
    let [oldest, ..] = [(); 3].map(|()| driver.connect("board"));
    for _ in 0..10 {
        driver.put(oldest, b"x");
        driver.turn();
    }
    assert!(driver.is_closed(oldest), "it keeps its place");
}

#[test]
fn a_member_that_reads_misses_nothing_however_much_is_said_at_once() {
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let mut enter = |name: String| {
        let key = driver.connect("chat");
        driver.send(key, format!("/setname {name}\n").as_bytes());
        driver.settle();
        key
    };
    let reader = enter("reader".to_owned());
    let many: Vec<_> = (0..600).map(|number| enter(format!("user{number}"))).collect();
    // The reader is told who has joined.
    driver.pass(Duration::from_millis(100));
    driver.look(reader);
    let text = "x".repeat(1_000);
    for key in &many {
        driver.put(*key, format!("/all {text}\n").repeat(8).as_bytes());
    }
    driver.settle();
    let lines = driver.lines(reader);
    assert!(lines.iter().all(|line| !line.starts_with('(')), "something was missed");
    assert_eq!(lines.len(), many.len() * 8);
}
