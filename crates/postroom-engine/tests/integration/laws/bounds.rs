//! What waits for a reader is bounded, however much it asks for at once.

use std::time::Duration;

use postroom_engine::{EngineSettings, RecentLimits};
use postroom_protocol::{ChatSettings, Settings};
use postroom_store::{Job as _, Limits, MemoryDisk};
use proptest::prelude::*;

use postroom_simulator::{Driver, PeerKey, set_password};

/// Bytes that may wait before nothing more is taken from the reader.
const OUTPUT_BYTES_MAX: usize = 4 << 10;

/// Accounts that are present, each with the longest name.
const PRESENT: usize = 20;

/// A reader that asks and does not read.
struct Reader {
    protocol: &'static str,
    log_in: &'static str,
    /// What it asks for, again and again.
    asks: &'static [&'static str],
    /// Bytes of the longest answer.
    answer_bytes_max: usize,
}

const READERS: &[Reader] = &[
    Reader {
        protocol: "mailbox",
        log_in: "LOGIN bob\n",
        asks: &["READ\n", "COMPOSE ann\nhi\n"],
        answer_bytes_max: 17 << 10,
    },
    Reader {
        protocol: "mailbox-verbose",
        log_in: "LOGIN bob\n",
        asks: &["READ bob\n", "COMPOSE bob ann hi\n", "?\n"],
        answer_bytes_max: 17 << 10,
    },
    Reader {
        protocol: "im",
        log_in: "/login ian 1\n",
        asks: &["/list\n", "/to ann hi\n", "?\n", "/port x\n"],
        answer_bytes_max: 32 << 10,
    },
    Reader {
        protocol: "board",
        log_in: "t\n",
        asks: &["#rust\n"],
        // A page of 72 KiB, made safe.
        answer_bytes_max: 144 << 10,
    },
    Reader {
        protocol: "chat",
        log_in: "/setname bob\n",
        asks: &["/allusers\n", "/read\n", "/inbox\n", "/send ann hi\n", "/cmd\n", "?\n"],
        answer_bytes_max: 17 << 10,
    },
];

/// An engine with a full mailbox, a full channel, and many who are present.
fn begin() -> (Driver, PeerKey) {
    let (disk, limits) = (MemoryDisk::default(), Limits::default());
    set_password(&disk, limits, "ian", "1");
    let chat = ChatSettings { announces: false };
    let session = Settings { output_bytes_max: OUTPUT_BYTES_MAX, chat, ..Settings::default() };
    let recent = RecentLimits { posts: 20, bytes: 64 << 10, ..RecentLimits::default() };
    let settings = EngineSettings { session, recent, ..EngineSettings::default() };
    let mut driver = Driver::on(disk, settings, limits);
    for number in 0..PRESENT {
        let present = driver.connect("chat");
        driver.send(present, format!("/setname {number:064}\n").as_bytes());
        driver.settle();
    }
    let ann = driver.connect("chat");
    driver.send(ann, b"/setname ann\n");
    driver.settle();
    // Control characters take two bytes where they are shown.
    let long = "\u{8}".repeat(8_000);
    for _ in 0..20 {
        driver.send(ann, format!("/send bob {long}\n").as_bytes());
        driver.send(ann, format!("/say #rust {long}\n").as_bytes());
        driver.settle();
        driver.look(ann);
    }
    (driver, ann)
}

/// What waits is within its limit and one answer, and the engine takes nothing beyond
/// the limit.
fn check(driver: &mut Driver, key: PeerKey, reader: &Reader) {
    let waiting = driver.waiting(key);
    let most = OUTPUT_BYTES_MAX + reader.answer_bytes_max;
    assert!(waiting <= most, "{}: {waiting} bytes wait", reader.protocol);
    assert!(waiting <= OUTPUT_BYTES_MAX || driver.takes_no_more(key), "{}", reader.protocol);
}

/// Runs what is held, the last job first.
fn finish(driver: &mut Driver) {
    for job in driver.held.replace(Vec::new()).into_iter().flatten().rev() {
        driver.engine.finish(job.run()).unwrap();
    }
}

#[test]
fn nothing_is_taken_from_a_reader_with_more_waiting_than_its_limit() {
    let (mut driver, _) = begin();
    let key = driver.connect("mailbox");
    driver.send(key, b"LOGIN bob\n");
    driver.settle();
    driver.set_stalled(key, true);
    driver.send(key, b"READ\n");
    driver.settle();
    assert!(driver.waiting(key) > OUTPUT_BYTES_MAX && driver.takes_no_more(key));
    driver.set_stalled(key, false);
    driver.transmit(key);
    assert!(!driver.takes_no_more(key));
}

/// How many posts came, each in its place, or were named as missed.
fn told_or_missed(lines: &[String]) -> usize {
    let mut next = 0;
    for line in lines {
        if let Some(missed) = line.strip_prefix('(') {
            assert!(missed.ends_with("missed in #rust)"), "{line}");
            next += missed.split(' ').next().unwrap().parse::<usize>().unwrap();
        } else {
            let post = line.split_once(": ").unwrap().1;
            assert_eq!(post.split(' ').next().unwrap(), next.to_string());
            next += 1;
        }
    }
    next
}

#[test]
fn a_member_does_not_miss_its_own_posts() {
    const OTHERS: usize = 30;
    let (mut driver, ann) = begin();
    let key = driver.connect("chat");
    driver.send(key, b"/setname bob\n/join #rust\n");
    // Posts are kept for others than their author.
    driver.send(ann, b"/join #rust\n");
    driver.settle();
    driver.look(key);
    driver.set_stalled(key, true);
    for number in 0..OTHERS {
        let text = "x".repeat(if number == 0 { 1 } else { 1_000 });
        driver.send(ann, format!("/say #rust {number} {text}\n").as_bytes());
        driver.send(key, b"/say #rust mine\n");
        driver.settle();
    }
    driver.set_stalled(key, false);
    driver.settle();
    let mut lines = driver.lines(key);
    assert!(lines.iter().any(|line| line.contains("missed")), "{lines:?}");
    lines.retain(|line| line != "Said in #rust.");
    assert_eq!(told_or_missed(&lines), OTHERS);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn no_more_waits_for_a_reader_than_its_limit_and_one_answer(
        asks in prop::collection::vec(0..6_usize, 1..300),
        repeats in 1..50_usize,
        part in 200..4_000_usize,
        reads in 0..30_000_usize,
    ) {
        for reader in READERS {
            let (mut driver, ann) = begin();
            let key = driver.connect(reader.protocol);
            driver.send(key, reader.log_in.as_bytes());
            driver.settle();
            driver.look(key);
            driver.room = reads;
            driver.held = Some(Vec::new());
            let asks = asks.iter().flat_map(|ask| {
                std::iter::repeat_n(reader.asks[ask % reader.asks.len()], repeats)
            });
            let asks: String = asks.take(200).collect();
            for part in asks.as_bytes().chunks(part) {
                driver.send(key, part);
                driver.set_stalled(key, true);
                for _ in 0..3 {
                    driver.settle();
                    check(&mut driver, key, reader);
                    finish(&mut driver);
                }
                // It reads a little.
                driver.set_stalled(key, false);
                driver.transmit(key);
            }
            // Once it reads, all is answered.
            driver.room = usize::MAX;
            for _ in 0..asks.len() {
                driver.settle();
                finish(&mut driver);
                // It has what it is told, which is a delivery receipt.
                driver.look(ann);
                driver.pass(Duration::from_millis(2));
            }
            prop_assert!(driver.has_taken_all(key) && driver.waiting(key) == 0);
            prop_assert_eq!(driver.is_closed(key), reader.protocol == "board");
        }
    }

    /// Who does not read what others say falls behind, goes on when it reads, and is told
    /// what it has missed.
    #[test]
    fn who_does_not_read_what_others_say_falls_behind_and_goes_on(
        said in prop::collection::vec(1..8_000_usize, 1..60),
        at_once in 1..20_usize,
        reads in 1..20_000_usize,
    ) {
        for (protocol, log_in) in
            [("chat", "/setname bob\n/join #rust\n"), ("board", "s\n#rust\n")]
        {
            let (mut driver, ann) = begin();
            let key = driver.connect(protocol);
            driver.send(key, log_in.as_bytes());
            driver.settle();
            driver.look(key);
            driver.set_stalled(key, true);
            let mut number = 0;
            for said in said.chunks(at_once) {
                for bytes in said {
                    let text = "x".repeat(*bytes);
                    driver.send(ann, format!("/say #rust {number} {text}\n").as_bytes());
                    number += 1;
                }
                driver.settle();
                let waiting = driver.waiting(key);
                prop_assert!(waiting <= OUTPUT_BYTES_MAX + 8_300, "{protocol}: {waiting} bytes wait");
            }
            driver.set_stalled(key, false);
            driver.room = reads;
            driver.settle();
            prop_assert_eq!(told_or_missed(&driver.lines(key)), number, "{}", protocol);
            prop_assert!(!driver.is_closed(key));
        }
    }
}
