//! Texts of several lines, as far as transcripts do not show them: the longest ones, and members
//! that do not read.

use std::time::Duration;

use postroom_engine::{EngineSettings, RecentLimits};
use postroom_model::{TEXT_BYTES_MAX, TEXT_LINES_MAX};
use postroom_protocol::{ChatSettings, Settings};
use postroom_simulator::{Driver, PeerKey, set_password};
use postroom_store::{Limits, MemoryDisk};

use crate::clients::{chat, client, silent_im};
use crate::lines::lines;

/// Bytes that may wait for a reader.
const OUTPUT_BYTES_MAX: usize = 8 << 10;

/// Posts that a channel keeps.
const KEPT: usize = 4;

fn driver() -> Driver {
    let chat = ChatSettings { announces: false };
    let session = Settings { output_bytes_max: OUTPUT_BYTES_MAX, chat, ..Settings::default() };
    let recent = RecentLimits { posts: KEPT, ..RecentLimits::default() };
    let settings = EngineSettings { session, recent, ..EngineSettings::default() };
    Driver::new(settings, Limits::default())
}

/// A text of these lines, as a client says it.
fn said(lines: &[String]) -> String {
    lines.join("\x1e")
}

fn ask(driver: &mut Driver, key: PeerKey, line: &str) {
    driver.send(key, format!("{line}\n").as_bytes());
    driver.settle();
    // Until a client of chat has acknowledged what it was told.
    driver.pass(Duration::from_millis(2));
}

/// What a client has been told, when it has read all there is.
fn told(driver: &mut Driver, key: PeerKey) -> Vec<String> {
    driver.settle();
    driver.lines(key)
}

#[test]
fn sixty_four_empty_lines_are_as_many_spaces() {
    let mut driver = driver();
    let [bob, ann] = ["bob", "ann"].map(|name| chat(&mut driver, name, ""));
    let poet = lines(&mut driver, "poet", "");
    // The end of the last line is dropped.
    let empty = "\x1e".repeat(TEXT_LINES_MAX);
    let mut read = Vec::new();
    for command in ["/post #lobby", "/tell bob", "/send bob"] {
        ask(&mut driver, poet, &format!("{command} {empty}"));
        read.extend(told(&mut driver, bob));
    }
    ask(&mut driver, bob, "/read");
    read.extend(told(&mut driver, bob));
    let heads = ["poet: ", "poet(private): ", "from poet: "];
    let shown = |heads: &[&str]| -> Vec<String> {
        let lines = heads.iter().flat_map(|head| [head; TEXT_LINES_MAX]);
        lines.map(|head| format!("{head} ")).collect()
    };
    assert_eq!(read, shown(&heads));
    assert_eq!(told(&mut driver, ann), shown(&heads[..1]));
    ask(&mut driver, poet, &format!("/post #e {empty}"));
    let board = driver.connect("board");
    ask(&mut driver, board, "t\n#e");
    let joined = "poet: ".to_owned() + &[""; TEXT_LINES_MAX].join(" ⏎ ");
    assert_eq!(told(&mut driver, board), [joined]);
}

/// As much as a text may have, in as many lines: what is shown of it is twice as long.
fn longest() -> Vec<String> {
    let mut rest = TEXT_BYTES_MAX + 1;
    (0..TEXT_LINES_MAX)
        .rev()
        .map(|after| {
            let bytes = rest / (after + 1) - 1;
            rest -= bytes + 1;
            "\u{1b}".repeat(bytes)
        })
        .collect()
}

#[test]
fn the_longest_text_fits_the_lines_of_all() {
    let mut driver = driver();
    let [long, tag] = ["n", "t"].map(|letter| letter.repeat(64));
    let reader = chat(&mut driver, "bob", &format!("/join #{tag}\n"));
    let poet = lines(&mut driver, &long, "");
    let stream = client(&mut driver, "board", &format!("s\n#{tag}\n"));
    let longest = longest();
    assert_eq!(said(&longest).len(), TEXT_BYTES_MAX);
    let safe: Vec<_> = longest.iter().map(|line| line.replace('\u{1b}', "^[")).collect();
    let each = |head: &str| -> Vec<_> { safe.iter().map(|line| format!("{head}{line}")).collect() };
    for (command, head) in [
        (format!("/post #{tag}"), format!("{long}(#{tag}): ")),
        ("/tell bob".to_owned(), format!("{long}(private): ")),
    ] {
        ask(&mut driver, poet, &format!("{command} {}", said(&longest)));
        assert_eq!(told(&mut driver, reader), each(&head));
    }
    ask(&mut driver, poet, &format!("/send bob {}", said(&longest)));
    ask(&mut driver, reader, "/read");
    assert_eq!(told(&mut driver, reader), each(&format!("from {long}: ")));
    let joined = format!("{long}: {}", safe.join(" ⏎ "));
    assert!(joined.len() < 32_768);
    assert_eq!(told(&mut driver, stream), [joined]);
}

#[test]
fn a_member_that_does_not_read_misses_posts_and_not_lines_of_them() {
    let mut driver = driver();
    let bob = chat(&mut driver, "bob", "");
    let poet = lines(&mut driver, "poet", "");
    driver.set_stalled(bob, true);
    let text = |number: usize| -> Vec<_> {
        (0..8).map(|line| format!("{number}.{line} {}", "x".repeat(1_000))).collect()
    };
    for number in 0..10 {
        ask(&mut driver, poet, &format!("/post #lobby {}", said(&text(number))));
        assert!(driver.waiting(bob) <= OUTPUT_BYTES_MAX + 8 * 1_024);
    }
    driver.set_stalled(bob, false);
    let read = told(&mut driver, bob);
    let whole = |numbers: std::ops::Range<usize>| {
        numbers.flat_map(text).map(|line| format!("poet: {line}")).collect::<Vec<_>>()
    };
    let gap = read.iter().position(|line| line.starts_with('(')).expect("some are missed");
    let first = gap / 8;
    assert_eq!(read[..gap], whole(0..first), "those before the gap are whole");
    assert_eq!(read[gap], format!("({} posts missed in #lobby)", 10 - KEPT - first));
    assert_eq!(read[gap + 1..], whole(10 - KEPT..10));
    // A private text is one, too, however many lines it has.
    driver.set_stalled(bob, true);
    for number in 0..5 {
        let poet = lines(&mut driver, &format!("poet{number}"), "");
        ask(&mut driver, poet, &format!("/tell bob {}", said(&text(number))));
    }
    driver.set_stalled(bob, false);
    let read = told(&mut driver, bob);
    assert_eq!(read.len() % 8, 1, "the texts are whole, and one line tells of the others");
    let missed = 5 - read.len() / 8;
    let lines = if missed == 1 { "line" } else { "lines" };
    assert_eq!(read.last().unwrap(), &format!("({missed} {lines} missed)"));
}

#[test]
fn a_client_of_im_that_answers_no_push_holds_up_nobody_but_the_sender() {
    let (disk, limits) = (MemoryDisk::default(), Limits::default());
    set_password(&disk, limits, "bob", "1");
    let chat_settings = ChatSettings { announces: false };
    let session = Settings { chat: chat_settings, ..Settings::default() };
    let mut driver =
        Driver::on(disk, EngineSettings { session, ..EngineSettings::default() }, limits);
    let bob = silent_im(&mut driver, "bob");
    let ann = chat(&mut driver, "ann", "");
    let poet = lines(&mut driver, "poet", "");
    let three = ["a", "b", "c"].map(str::to_owned);
    ask(&mut driver, poet, &format!("/post #lobby {}", said(&three)));
    assert_eq!(told(&mut driver, ann), ["poet: a", "poet: b", "poet: c"]);
    let back = driver.back(bob).expect("it was dialled");
    assert_eq!(driver.lines(back), ["/broadcast poet a"]);
    assert_eq!(driver.lines(poet), [""; 0], "its sender waits for the last 302");
    let pushes = [("/broadcast poet b", ""), ("/broadcast poet c", ""), ("", "posted")];
    for (next, answered) in pushes {
        ask(&mut driver, back, "302");
        assert_eq!(driver.lines(back).join("|"), next);
        assert_eq!(driver.lines(poet).join("|"), answered);
    }
}
