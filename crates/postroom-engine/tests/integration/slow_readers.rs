//! Members of channels that do not read for a while.

use postroom_engine::{EngineSettings, RecentLimits};
use postroom_protocol::{ChatSettings, Settings};
use postroom_store::Limits;

use crate::clients::chat;
use postroom_simulator::{Driver, PeerKey};

/// Posts that each channel keeps.
const KEPT: usize = 4;

/// Bytes that may wait for a reader.
const OUTPUT_BYTES_MAX: usize = 4 << 10;

fn driver_with(limits: Limits) -> Driver {
    let chat = ChatSettings { announces: false };
    let session = Settings { output_bytes_max: OUTPUT_BYTES_MAX, chat, ..Settings::default() };
    let recent = RecentLimits { posts: KEPT, ..RecentLimits::default() };
    Driver::new(EngineSettings { session, recent, ..EngineSettings::default() }, limits)
}

fn driver() -> Driver {
    driver_with(Limits::default())
}

/// A client sends lines, and all is done that can be.
fn ask(driver: &mut Driver, key: PeerKey, lines: &str) {
    driver.send(key, lines.as_bytes());
    driver.settle();
}

/// Posts in these channels, one after the other; each text is its number among all.
fn post(driver: &mut Driver, author: PeerKey, next: &mut usize, channels: &[&str]) {
    for channel in channels {
        let command =
            if *channel == "#lobby" { "/all".to_owned() } else { format!("/say {channel}") };
        ask(driver, author, &format!("{command} {next}\n"));
        *next += 1;
    }
}

/// One who posts, and one in three channels who does not read.
fn author_and_stalled_member() -> (Driver, PeerKey, PeerKey) {
    let mut driver = driver();
    let ann = chat(&mut driver, "ann", "");
    let bob = chat(&mut driver, "bob", "/join #a\n/join #b\n/join #c\n");
    driver.set_stalled(bob, true);
    (driver, ann, bob)
}

/// The client reads what there is, and then reads no more.
fn read_for_a_while(driver: &mut Driver, key: PeerKey) -> Vec<String> {
    driver.set_stalled(key, false);
    driver.settle();
    driver.set_stalled(key, true);
    driver.lines(key)
}

#[test]
fn the_posts_of_several_channels_come_in_the_order_of_their_commits() {
    let (mut driver, ann, bob) = author_and_stalled_member();
    let (a, b, c, lobby) = ("#a", "#b", "#c", "#lobby");
    let mut next = 0;
    // The first is on its way when the socket turns out to be full.
    post(&mut driver, ann, &mut next, &[a, c, b, a, lobby, b, c, a, a, lobby, b, c]);
    let lines = read_for_a_while(&mut driver, bob);
    let expected = "ann(#a): 0|ann(#c): 1|ann(#b): 2|ann(#a): 3|ann: 4|ann(#b): 5|ann(#c): 6|\
        ann(#a): 7|ann(#a): 8|ann: 9|ann(#b): 10|ann(#c): 11";
    assert_eq!(lines.join("|"), expected);
    assert!(driver.waiting(bob) == 0 && next == 12);
}

/// Where the one gap in a channel is: the last post of the channel before it, and the
/// first one after it.
fn around_gap<'a>(lines: &'a [String], gap: &str, channel: &str) -> [Option<&'a str>; 2] {
    let at = lines.iter().position(|line| line == gap).expect(gap);
    let is_of = |line: &&String| line.contains(&format!("({channel}): "));
    let before = lines[..at].iter().rfind(is_of);
    [before, lines[at..].iter().find(is_of)].map(|line| line.map(String::as_str))
}

#[test]
fn each_gap_is_named_where_posts_of_its_channel_are_missing() {
    let (mut driver, ann, bob) = author_and_stalled_member();
    let (a, b, c, lobby) = ("#a", "#b", "#c", "#lobby");
    let mut next = 0;
    post(&mut driver, ann, &mut next, &[c, a, a, b, a, a, a, lobby, a]);
    let mut lines = read_for_a_while(&mut driver, bob);
    post(&mut driver, ann, &mut next, &[a, b, a, c, b, b, b, b, lobby, b, lobby, b]);
    lines.extend(read_for_a_while(&mut driver, bob));
    post(&mut driver, ann, &mut next, &[c]);
    lines.extend(read_for_a_while(&mut driver, bob));
    let (gaps, posts): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.starts_with('('));
    let posts: Vec<_> = posts.into_iter().map(String::as_str).collect();
    // Each channel keeps four posts: of #a, 1 and 2 are gone, of #b 10, 13 and 14.
    let expected = "ann(#c): 0|ann(#b): 3|ann(#a): 4|ann(#a): 5|ann(#a): 6|ann: 7|ann(#a): 8|\
        ann(#a): 9|ann(#a): 11|ann(#c): 12|ann(#b): 15|ann(#b): 16|ann: 17|ann(#b): 18|\
        ann: 19|ann(#b): 20|ann(#c): 21";
    assert_eq!(posts.join("|"), expected);
    assert_eq!(gaps, ["(2 posts missed in #a)", "(3 posts missed in #b)"]);
    assert_eq!(around_gap(&lines, gaps[0], a), [None, Some("ann(#a): 4")]);
    assert_eq!(around_gap(&lines, gaps[1], b), [Some("ann(#b): 3"), Some("ann(#b): 15")]);
}

#[test]
fn a_member_that_leaves_gets_no_more_of_the_channel_and_all_of_its_others() {
    let mut driver = driver();
    let ann = chat(&mut driver, "ann", "");
    let bob = chat(&mut driver, "bob", "/join #x\n/join #y\n");
    driver.set_stalled(bob, true);
    let (x, y, mut next) = ("#x", "#y", 0);
    post(&mut driver, ann, &mut next, &[x, x, y, x]);
    ask(&mut driver, bob, "/leave #x\n");
    post(&mut driver, ann, &mut next, &[y, x, x, x, x, x, x]);
    let lines = read_for_a_while(&mut driver, bob);
    // The first was in its buffer.
    assert_eq!(lines, ["ann(#x): 0", "You have left #x.", "ann(#y): 2", "ann(#y): 4"]);
    // One that comes back meanwhile gets what is said from then on.
    ask(&mut driver, bob, "/join #x\n");
    post(&mut driver, ann, &mut next, &[x]);
    ask(&mut driver, bob, "/leave #x\n");
    post(&mut driver, ann, &mut next, &[x, y]);
    ask(&mut driver, bob, "/join #x\n");
    post(&mut driver, ann, &mut next, &[y, x]);
    let lines = read_for_a_while(&mut driver, bob);
    let (answers, posts): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.starts_with("You"));
    assert_eq!(answers, ["You are in #x now.", "You have left #x.", "You are in #x now."]);
    assert_eq!(posts, ["ann(#y): 13", "ann(#y): 14", "ann(#x): 15"]);
}

#[test]
fn private_lines_beyond_the_limit_are_missed_and_counted() {
    const LINE_BYTES: usize = 88;
    /// A line is taken while no more than the limit waits.
    const TAKEN: usize = OUTPUT_BYTES_MAX / LINE_BYTES + 1;
    let mut driver = driver();
    let senders = ["ann", "joe"].map(|name| chat(&mut driver, name, ""));
    let bob = chat(&mut driver, "bob", "");
    for (lost, missed) in
        [(13, "(13 lines missed)"), (1, "(1 line missed)"), (40, "(40 lines missed)")]
    {
        driver.set_stalled(bob, true);
        for number in 0..TAKEN + lost {
            let text = "x".repeat(LINE_BYTES - "ann(private): 00 \n".len());
            ask(&mut driver, senders[number % 2], &format!("/private bob {number:02} {text}\n"));
            assert!(driver.waiting(bob) <= OUTPUT_BYTES_MAX + LINE_BYTES);
        }
        let lines = read_for_a_while(&mut driver, bob);
        let (last, told) = lines.split_last().unwrap();
        assert_eq!((told.len(), last.as_str()), (TAKEN, missed));
        for (number, line) in told.iter().enumerate() {
            let author = ["ann", "joe"][number % 2];
            assert!(line.starts_with(&format!("{author}(private): {number:02} ")), "{line}");
        }
    }
    driver.set_stalled(bob, false);
    ask(&mut driver, senders[0], "/private bob hi\n");
    assert_eq!(driver.lines(bob), ["ann(private): hi"]);
    assert!(senders.iter().all(|key| driver.lines(*key).is_empty()), "a sender is not told");
}

#[test]
fn lines_that_were_missed_are_named_before_those_that_come_after() {
    let mut driver = driver();
    let [ann, bob] = ["ann", "bob"].map(|name| chat(&mut driver, name, ""));
    driver.set_stalled(bob, true);
    let mut sent = 0;
    while driver.waiting(bob) <= OUTPUT_BYTES_MAX {
        ask(&mut driver, ann, &format!("/private bob {sent}\n"));
        sent += 1;
    }
    for lost in ["lost", "lost too"] {
        ask(&mut driver, ann, &format!("/private bob {lost}\n"));
    }
    // Some of it goes, and there is room again.
    driver.room = OUTPUT_BYTES_MAX / 2;
    driver.set_stalled(bob, false);
    driver.transmit(bob);
    driver.set_stalled(bob, true);
    ask(&mut driver, ann, "/private bob after\n");
    driver.set_stalled(bob, false);
    driver.settle();
    let lines = driver.lines(bob);
    assert_eq!(lines.len(), sent + 2);
    assert_eq!(lines[sent..], ["(2 lines missed)", "ann(private): after"]);
}

/// A client that reads slowly can rely on these lines.
#[test]
fn nobody_forges_a_line_that_names_a_gap() {
    let gap = "(12 posts missed in #rust)";
    let mut driver = driver();
    let bob = chat(&mut driver, "bob", "/join #rust\n");
    let stream = driver.connect("board");
    ask(&mut driver, stream, "s\n#rust\n");
    let forger = driver.connect("chat");
    driver.settle();
    driver.look(forger);
    for name in ["(12", gap, "(12posts", "\r(12", "x\u{8}(12", "\u{ff08}12"] {
        ask(&mut driver, forger, &format!("/setname {name}\n"));
        let answers = driver.lines(forger);
        assert!(answers[0].starts_with("That is no username"), "{name:?}: {answers:?}");
    }
    ask(&mut driver, forger, "/setname ann\n/join #rust\n");
    driver.look(forger);
    driver.look(bob);
    for before in ["", "\r", "\u{b}", "\u{85}", "\u{2028}", "\x1b[1G", "\u{202e}", "x\r"] {
        let text = format!("{before}{gap}");
        ask(&mut driver, forger, &format!("/say #rust {text}\n/all {text}\n/private bob {text}\n"));
        let lines = driver.lines(bob);
        assert_eq!(lines.len(), 3, "{before:?}: {lines:?}");
        for (line, author) in lines.iter().zip(["ann(#rust): ", "ann: ", "ann(private): "]) {
            let shown = line.strip_prefix(author).expect(line);
            assert!(shown.ends_with(gap) && !shown.contains(char::is_control), "{line:?}");
        }
        let streamed = driver.lines(stream);
        assert!(streamed.len() == 1 && streamed[0].starts_with("ann: "), "{streamed:?}");
    }
    let upload = driver.connect("board");
    driver.send(upload, format!("u\n{gap} #rust").as_bytes());
    driver.half_close(upload);
    driver.settle();
    assert_eq!(driver.lines(bob), [format!("@board(#rust): {gap} #rust")]);
    assert_eq!(driver.lines(stream), [format!("@board: {gap} #rust")]);
}

/// The posts of a hashtag that are stored.
fn timeline(driver: &mut Driver, channel: &str) -> Vec<String> {
    let reader = driver.connect("board");
    ask(driver, reader, &format!("t\n{channel}\n"));
    driver.lines(reader)
}

#[test]
fn a_channel_with_a_stream_of_the_board_is_not_evicted_and_others_are() {
    let mut driver = driver_with(Limits { channels_max: 2, ..Limits::default() });
    let ann = chat(&mut driver, "ann", "");
    let stream = driver.connect("board");
    ask(&mut driver, stream, "s\n#a\n");
    let mut next = 0;
    // #a has the fewest posts and was posted in longest ago.
    post(&mut driver, ann, &mut next, &["#a", "#b", "#b", "#c", "#c", "#d"]);
    assert_eq!(timeline(&mut driver, "#a"), ["ann: 0"]);
    assert_eq!(timeline(&mut driver, "#d"), ["ann: 5"]);
    assert!(timeline(&mut driver, "#b").is_empty() && timeline(&mut driver, "#c").is_empty());
    let other = driver.connect("board");
    ask(&mut driver, other, "s\n#d\n");
    driver.look(ann);
    ask(&mut driver, ann, "/say #e hi\n");
    assert_eq!(driver.lines(ann), ["Nothing was said: the server takes no new hashtags."]);
    driver.reset(stream);
    post(&mut driver, ann, &mut next, &["#e"]);
    assert!(timeline(&mut driver, "#a").is_empty());
    assert_eq!(timeline(&mut driver, "#d"), ["ann: 5"]);
    assert_eq!(timeline(&mut driver, "#e"), ["ann: 6"]);
}
