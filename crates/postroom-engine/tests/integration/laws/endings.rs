//! Requests that end as unavailable or unknown in the store.

use std::time::Duration;

use postroom_engine::{EngineSettings, What};
use postroom_protocol::{Category, ImSettings, Settings};
use postroom_store::{Call, Fate, Limits};

use postroom_simulator::{Driver, PeerKey, set_password};

const OUTCOME_UNKNOWN: &str = "the store cannot say whether a request was carried out";

/// An engine whose store has an account `bob` on im.
fn driver(settings: EngineSettings) -> Driver {
    let mut driver = Driver::new(settings, Limits::default());
    let (disk, limits) = (driver.disk.clone(), driver.limits());
    driver.stop_abruptly();
    for name in ["bob", "al"] {
        set_password(&disk, limits, name, "1");
    }
    driver.start();
    driver
}

/// A client that has sent `before`; all requests in it succeeded.
fn client(protocol: &str, before: &[u8]) -> (Driver, PeerKey) {
    // Only im requires passwords; elsewhere the accounts have none.
    let mut driver = match protocol {
        "im" => driver(EngineSettings::default()),
        _ => Driver::new(EngineSettings::default(), Limits::default()),
    };
    let key = enter(&mut driver, protocol, before);
    (driver, key)
}

fn enter(driver: &mut Driver, protocol: &str, before: &[u8]) -> PeerKey {
    let key = driver.connect(protocol);
    driver.listen(key);
    driver.send(key, before);
    driver.settle();
    driver.look(key);
    key
}

/// From now on all calls that may meet this fate do.
fn let_calls_end(driver: &Driver, fate: Fate) {
    driver.disk.decide(move |call| match call {
        // The store carries these out later.
        Call::Release { .. } | Call::Return { .. } => Fate::CarriedOut,
        _ => fate,
    });
}

const UNKNOWN: Fate = Fate::Unknown { carried_out: false };

fn answer(driver: &mut Driver, key: PeerKey, lines: &[u8]) -> String {
    driver.send(key, lines);
    driver.settle();
    String::from_utf8(driver.look(key)).unwrap()
}

/// Why the connection has ended, if it has.
fn end(driver: &mut Driver, key: PeerKey) -> Option<&'static str> {
    driver.is_closed(key).then(|| driver.reset(key))?;
    driver.log.iter().rev().find_map(|what| match what {
        What::Disconnected(reason, _) => Some(*reason),
        _ => None,
    })
}

/// The requests of each protocol that are calls of the store, and its refusals.
const REFUSALS: &[(&str, &[u8], &[u8], &str)] = &[
    ("mailbox", b"LOGIN bob\n", b"COMPOSE alice\nhi\n", "MESSAGE FAILED\n"),
    ("mailbox", b"LOGIN bob\n", b"READ\n", "READ ERROR\n"),
    ("mailbox-verbose", b"", b"LOGIN bob\n", "LOGIN ERROR\n"),
    (
        "mailbox-verbose",
        b"LOGIN bob\n",
        b"COMPOSE bob alice hi\n",
        "MESSAGE FAILED. The server cannot store messages at present.\n",
    ),
    (
        "mailbox-verbose",
        b"LOGIN bob\n",
        b"READ bob\n",
        "MESSAGE FAILED. The server cannot read messages at present.\n",
    ),
    ("im", b"", b"/login bob 1\n", "102 Authentication Failed\n"),
    ("im", b"/login bob 1\n", b"/list\n", "304 Message delivery failed\n"),
    ("im", b"/login bob 1\n", b"/toall hi\n", "304 Message delivery failed\n"),
    ("board", b"", b"d\n#rust\n", "error: server unavailable\n"),
    ("board", b"", b"t\n#rust\n", "error: server unavailable\n"),
    ("chat", b"", b"/setname bob\n", "You cannot come in at present. Try again in a moment.\n"),
    ("chat", b"/setname bob\n", b"/all hi\n", SAID),
    ("chat", b"/setname bob\n", b"/say #rust hi\n", SAID),
    (
        "chat",
        b"/setname bob\n",
        b"/send al hi\n",
        "No message was left for al: the server cannot store it at present. Try again in a moment.\n",
    ),
    ("chat", b"/setname bob\n", b"/read\n", NOT_DONE),
    ("chat", b"/setname bob\n", b"/inbox\n", NOT_DONE),
    ("chat", b"/setname bob\n", b"/allusers\n", NOT_DONE),
];

const SAID: &str =
    "Nothing was said: the server cannot take it at present. Try again in a moment.\n";
const NOT_DONE: &str = "The server cannot do that at present. Try again in a moment.\n";

#[test]
fn what_is_unavailable_is_refused_in_the_words_of_the_protocol() {
    for (protocol, before, line, refusal) in REFUSALS {
        let (mut driver, key) = client(protocol, before);
        let_calls_end(&driver, Fate::Unavailable);
        let shown = String::from_utf8_lossy(line);
        assert_eq!(answer(&mut driver, key, line), *refusal, "{protocol} {shown:?}");
        assert_eq!(driver.is_closed(key), *protocol == "board", "{protocol} {shown:?}");
    }
}

#[test]
fn a_login_that_is_unavailable_drops_a_strict_client() {
    let (mut driver, key) = client("mailbox", b"");
    let_calls_end(&driver, Fate::Unavailable);
    assert_eq!(answer(&mut driver, key, b"LOGIN bob\n"), "");
    assert_eq!(end(&mut driver, key), Some("the login was refused"));
}

#[test]
fn a_login_that_was_unavailable_may_be_tried_again() {
    let lines: [(&str, &[u8], &str); 3] = [
        ("mailbox-verbose", b"LOGIN bob\n", "Login successful"),
        ("im", b"/login bob 1\n", "101 "),
        ("chat", b"/setname bob\n", "Username accepted"),
    ];
    for (protocol, line, accepted) in lines {
        let (mut driver, key) = client(protocol, b"");
        let_calls_end(&driver, Fate::Unavailable);
        answer(&mut driver, key, line);
        driver.disk.carry_out();
        let answer = answer(&mut driver, key, line);
        assert!(answer.starts_with(accepted), "{protocol}: {answer:?}");
    }
}

#[test]
fn a_text_that_the_board_cannot_store_is_refused_and_reported() {
    for (fate, expected) in [(Fate::Unavailable, "error: server unavailable\n"), (UNKNOWN, "")] {
        let (mut driver, key) = client("board", b"u\nhi");
        let_calls_end(&driver, fate);
        driver.half_close(key);
        assert_eq!(answer(&mut driver, key, b""), expected);
        let reason = if expected.is_empty() { OUTCOME_UNKNOWN } else { "the client left" };
        assert_eq!(end(&mut driver, key), Some(reason));
        let is_error = |report: &postroom_protocol::Report| report.category == Category::Error;
        assert_eq!(driver.reports.iter().any(is_error), !expected.is_empty());
    }
}

#[test]
fn a_refusal_keeps_its_place_among_the_answers_and_costs_no_room() {
    let (mut driver, key) = client("mailbox", b"LOGIN bob\n");
    driver.disk.decide(|call| match call {
        Call::Read { .. } => Fate::Unavailable,
        _ => Fate::CarriedOut,
    });
    let answer = answer(&mut driver, key, &b"READ\nCOMPOSE al\nhi\n".repeat(100));
    assert_eq!(answer, "READ ERROR\nMESSAGE SENT\n".repeat(100));
}

#[test]
fn no_answer_leaves_while_what_was_read_cannot_be_removed() {
    let not_removed = "what was read cannot be removed: the disk is full or the store unavailable";
    for (fate, reason) in [
        // The disk is full.
        (Fate::CarriedOut, not_removed),
        (Fate::Unavailable, not_removed),
        (UNKNOWN, OUTCOME_UNKNOWN),
        (Fate::Unknown { carried_out: true }, OUTCOME_UNKNOWN),
    ] {
        let (mut driver, key) = client("mailbox", b"LOGIN bob\nCOMPOSE bob\none\nREAD\n");
        driver.disk.set_full(fate == Fate::CarriedOut);
        driver.disk.decide(move |call| match call {
            Call::Confirm { .. } => fate,
            _ => Fate::CarriedOut,
        });
        assert_eq!(answer(&mut driver, key, b"READ\n"), "", "{fate:?}");
        assert_eq!(end(&mut driver, key), Some(reason), "{fate:?}");
    }
}

/// The server cannot say whether the text was stored.
#[test]
fn what_is_unknown_ends_the_connection_without_an_answer() {
    let strict: (&str, &[u8], &[u8], &str) = ("mailbox", b"", b"LOGIN bob\n", "");
    for (protocol, before, line, _) in REFUSALS.iter().chain([&strict]) {
        if *line == b"/toall hi\n" {
            continue;
        }
        let (mut driver, key) = client(protocol, before);
        let_calls_end(&driver, UNKNOWN);
        let shown = String::from_utf8_lossy(line);
        assert_eq!(answer(&mut driver, key, line), "", "{protocol} {shown:?}");
        assert_eq!(end(&mut driver, key), Some(OUTCOME_UNKNOWN), "{protocol} {shown:?}");
    }
}

#[test]
fn answers_before_what_is_unknown_still_leave_and_none_after_it() {
    let (mut driver, key) = client("mailbox", b"LOGIN bob\n");
    driver.disk.decide(|call| match call {
        Call::Compose { text, .. } if text.as_str() == "two" => UNKNOWN,
        _ => Fate::CarriedOut,
    });
    let lines = b"COMPOSE al\none\nCOMPOSE al\ntwo\nCOMPOSE al\nthree\n";
    assert_eq!(answer(&mut driver, key, lines), "MESSAGE SENT\n");
    assert_eq!(end(&mut driver, key), Some(OUTCOME_UNKNOWN));
}

#[test]
fn im_answers_a_delivery_of_which_nothing_is_known_with_304_and_goes_on() {
    let (mut driver, key) = client("im", b"/login bob 1\n");
    let_calls_end(&driver, UNKNOWN);
    let said = answer(&mut driver, key, b"/toall hi\n");
    assert_eq!(said, "304 Message delivery failed\n");
    driver.disk.carry_out();
    assert_eq!(answer(&mut driver, key, b"/list\n"), "301 bob\n");
}

/// A text stored for an absent recipient ends like any other delivery.
#[test]
fn im_answers_a_message_that_cannot_be_left_with_304() {
    let stores_for_absent = true;
    let im = ImSettings { stores_for_absent, ..ImSettings::default() };
    let session = Settings { im, ..Settings::default() };
    let mut driver = driver(EngineSettings { session, ..EngineSettings::default() });
    let key = enter(&mut driver, "im", b"/login bob 1\n");
    for fate in [Fate::Unavailable, UNKNOWN] {
        let_calls_end(&driver, fate);
        let said = answer(&mut driver, key, b"/to al hi\n");
        assert_eq!(said, "304 Message delivery failed\n", "{fate:?}");
        assert!(!driver.is_closed(key));
    }
    driver.disk.carry_out();
    assert_eq!(answer(&mut driver, key, b"/to al hi\n"), "303 Message delivery successful\n");
}

/// A client of im with its back connection, and another client that leaves it messages.
fn pushed() -> (Driver, PeerKey, PeerKey, PeerKey) {
    let mut driver = driver(EngineSettings::default());
    let key = enter(&mut driver, "im", b"/login bob 1\n/port 30232\n");
    let back = driver.back(key).unwrap();
    let sender = enter(&mut driver, "mailbox", b"LOGIN ann\n");
    (driver, key, back, sender)
}

#[test]
fn a_message_that_cannot_be_pushed_is_asked_for_again_when_mail_comes() {
    let (mut driver, key, back, sender) = pushed();
    driver.disk.decide(|call| match call {
        Call::Read { .. } => Fate::Unavailable,
        _ => Fate::CarriedOut,
    });
    answer(&mut driver, sender, b"COMPOSE bob\none\n");
    assert_eq!(answer(&mut driver, back, b""), "");
    assert!(!driver.is_closed(key));
    driver.disk.carry_out();
    answer(&mut driver, sender, b"COMPOSE bob\ntwo\n");
    assert_eq!(answer(&mut driver, back, b""), "/from ann one\n");
    let_calls_end(&driver, UNKNOWN);
    assert_eq!(answer(&mut driver, back, b"302\n"), "");
    assert_eq!(end(&mut driver, key), Some(OUTCOME_UNKNOWN), "removed or not, nobody knows");
}

#[test]
fn a_delivery_receipt_that_came_in_time_counts_however_late_it_is_read() {
    let (mut driver, _, back, _) = pushed();
    let al = enter(&mut driver, "im", b"/login al 1\n/port 30232\n");
    assert_eq!(answer(&mut driver, al, b"/to bob hi\n"), "");
    assert_eq!(answer(&mut driver, back, b""), "/from al hi\n");
    driver.put(back, b"302\n");
    driver.pass(Duration::from_secs(30));
    assert_eq!(answer(&mut driver, al, b""), "303 Message delivery successful\n");
}

/// Replies to the mailbox's requests and to those of the commands may mix.
#[test]
fn a_refusal_is_for_what_was_asked_and_for_nothing_else() {
    let (mut driver, key, _, sender) = pushed();
    driver.disk.decide(|call| match call {
        Call::Read { .. } => Fate::Late,
        Call::ListPresent => Fate::Unavailable,
        _ => Fate::CarriedOut,
    });
    answer(&mut driver, sender, b"COMPOSE bob\none\n");
    assert_eq!(answer(&mut driver, key, b"/list\n"), "", "the list waits for the mailbox");
    let_calls_end(&driver, Fate::Unavailable);
    assert_eq!(answer(&mut driver, key, b""), "304 Message delivery failed\n", "once");
}
