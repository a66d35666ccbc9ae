//! Limits of live sessions: a client that does not read falls behind, one that does not
//! confirm is logged out, and the others go on.

use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::chat::{enter, read_greeting, set_name};
use crate::harness::im::{
    DELIVERED, ImClient, NOT_CONNECTED, NOT_DELIVERED, log_in, port_of, was_not_dialled,
};
use crate::harness::logged::LoggedServer;
use crate::harness::support::{Client, PATIENCE, Server};

/// Channels that a session may be in, `#lobby` not counted.
const CHANNELS_MAX: usize = 64;

/// A member of `chat` with a small receive buffer.
fn enter_with_small_buffer(server: &Server, name: &str) -> Client {
    let mut client = Client::connect_with_small_buffer(server.address("chat"));
    read_greeting(&mut client);
    set_name(&mut client, name);
    client
}

/// Posts that are more than the operating system's buffers and the server's memory hold.
const TOO_MANY_POSTS: usize = 1_200;

/// Reads all posts of ann; posts that were missed are named in their places. Returns how
/// many those are.
fn read_with_gaps(slow: &mut Client, unit: &str) -> usize {
    let (mut next, mut missed_in_all) = (0, 0);
    while next < TOO_MANY_POSTS {
        let line = slow.line();
        if let Some(missed) = line.strip_prefix('(') {
            let (missed, rest) = missed.split_once(' ').unwrap();
            assert_eq!(rest, unit);
            missed_in_all += missed.parse::<usize>().unwrap();
            next += missed.parse::<usize>().unwrap();
        } else {
            let text = line.strip_prefix("ann: ").unwrap();
            assert_eq!(text.split(' ').next().unwrap(), next.to_string());
            next += 1;
        }
    }
    missed_in_all
}

#[test]
fn a_member_that_stops_reading_falls_behind_and_stays_and_the_others_go_on() {
    let server = LoggedServer::start(&[], &["--set=channels.recent_posts=20"]);
    let mut ann = enter(&server, "ann");
    let mut slow = enter_with_small_buffer(&server, "slow");
    let mut carl = enter(&server, "carl");
    assert_eq!(slow.line(), "carl has joined (3 users active)");
    let text = "x".repeat(8_000);
    for number in 0..TOO_MANY_POSTS {
        ann.send(&format!("/all {number} {text}\n"));
        // The others miss nothing.
        assert_eq!(carl.line(), format!("ann: {number} {text}"));
    }
    let missed = read_with_gaps(&mut slow, "posts missed in #lobby)");
    assert!(missed > 0, "there was room for all");
    carl.send("/all and now?\n");
    assert_eq!(slow.line(), "carl: and now?");
    assert!(ann.line().starts_with("slow has joined"));
    assert!(ann.line().starts_with("carl has joined"));
    assert_eq!(ann.line(), "carl: and now?");
}

#[test]
fn a_reader_of_the_board_that_stops_reading_falls_behind_and_goes_on() {
    let server = LoggedServer::start(&[], &["--set=channels.recent_posts=20"]);
    let mut slow = Client::connect_with_small_buffer(server.address("board"));
    slow.send("s\n#tag\n");
    let mut quick = server.connect("board");
    quick.send("s\n#tag\n");
    let mut ann = enter(&server, "ann");
    let text = "x".repeat(8_000);
    for number in 0..TOO_MANY_POSTS {
        assert_eq!(ann.ask(&format!("/say #tag {number} {text}")), "Said in #tag.");
        assert_eq!(quick.line(), format!("ann: {number} {text}"));
    }
    let missed = read_with_gaps(&mut slow, "texts missed in #tag)");
    assert!(missed > 0, "there was room for all");
}

#[test]
fn what_a_member_of_chat_has_not_taken_is_not_delivered() {
    let limit = Duration::from_secs(1);
    let server = LoggedServer::start(&["bob"], &["--set=im.confirm_limit_ms=1000"]);
    let mut bob = log_in(&server, "bob");
    let mut slow = enter_with_small_buffer(&server, "slow");
    assert_eq!(bob.ask("/to slow hi"), DELIVERED);
    assert_eq!(slow.line(), "bob(private): hi");
    let mut ann = enter(&server, "ann");
    assert_eq!(slow.line(), "ann has joined (3 users active)");
    let text = "x".repeat(8_000);
    for _ in 0..20 {
        ann.send(&format!("/all {text}\n"));
    }
    assert_eq!(ann.ask("/inbox"), "You have 0 unread messages.");
    let begun = Instant::now();
    assert_eq!(bob.ask("/to slow are you there?"), NOT_DELIVERED);
    assert!(begun.elapsed() >= limit, "{:?}", begun.elapsed());
    // The message was late, not lost. It does not wait for posts that are still behind.
    let mut lines: Vec<_> = (0..=20).map(|_| slow.line()).collect();
    let at = lines.iter().position(|line| line == "bob(private): are you there?").unwrap();
    lines.remove(at);
    assert!(lines.iter().all(|line| *line == format!("ann: {text}")));
    assert_eq!(bob.ask("/to slow and now?"), DELIVERED);
}

#[test]
fn a_client_that_confirms_nothing_is_logged_out_after_the_limit() {
    let limit = Duration::from_secs(1);
    let server = LoggedServer::start(&["bob"], &["--set=im.unanswered_limit_ms=1000"]);
    let mut bob = ImClient::enter(&server, "bob");
    let mut ann = enter(&server, "ann");
    let mut carl = enter(&server, "carl");
    assert!(ann.line().starts_with("carl has joined"));
    let (mut pushes, begun) = (0, Instant::now());
    let mut line = String::new();
    while line != "bob has left (2 users active)" {
        assert!(begun.elapsed() < PATIENCE, "it is waited for without an end");
        line = ann.ask(&format!("/private bob {pushes}\n/inbox"));
        pushes += 1;
    }
    assert!(begun.elapsed() >= limit, "{:?}", begun.elapsed());
    assert_eq!(bob.a.rest(), "");
    // One push was in flight, and nothing after it.
    assert_eq!(bob.b.line(), "/from ann 0");
    assert!(bob.b.try_line().is_err());
    assert_eq!(carl.line(), "bob has left (2 users active)");
    carl.send("/private ann hi\n");
    let mut line = ann.line();
    while line != "carl(private): hi" {
        assert!(line == "User not found" || line.starts_with("You have"), "{line}");
        line = ann.line();
    }
    // The client can log in again; what it missed is lost.
    let bob = ImClient::enter(&server, "bob");
    assert!(bob.b.is_silent());
}

#[test]
fn a_member_may_be_in_64_channels() {
    let server = LoggedServer::start(&[], &[]);
    let mut ann = enter(&server, "ann");
    for number in 0..CHANNELS_MAX {
        assert_eq!(ann.ask(&format!("/join #c{number}")), format!("You are in #c{number} now."));
    }
    let refusal = ann.ask("/join #more");
    assert!(refusal.contains("#more") && !refusal.contains("now"), "{refusal}");
    assert_eq!(ann.ask("/join #C0"), "You are in #c0 now.");
    let mut carl = enter(&server, "carl");
    assert!(ann.line().starts_with("carl has joined"));
    assert_eq!(carl.ask("/say #more hi"), "Said in #more.");
    assert_eq!(carl.ask("/say #c63 hi"), "Said in #c63.");
    assert_eq!(ann.line(), "carl(#c63): hi");
    assert_eq!(ann.ask("/leave #c5"), "You have left #c5.");
    assert_eq!(ann.ask("/join #more"), "You are in #more now.");
    assert_eq!(carl.ask("/say #more hi"), "Said in #more.");
    assert_eq!(ann.line(), "carl(#more): hi");
}

#[test]
fn both_streams_count_as_connections() {
    let server = LoggedServer::start(&["bob", "jacky"], &["--set=connection.max=3"]);
    let mut bob = ImClient::enter(&server, "bob");
    let mut jacky = log_in(&server, "jacky");
    let mut waiting = server.connect("chat");
    assert!(waiting.is_silent(), "served though there is no place");
    assert_eq!(jacky.ask("/list"), "301 bob jacky");
    assert_eq!(bob.a.ask("/exit"), "310 Bye bye");
    drop(bob);
    assert!(waiting.line().contains("/setname"));
}

#[test]
fn a_full_server_dials_no_client() {
    let server =
        LoggedServer::start(&["bob"], &["--set=connection.max=1", "--set=im.dial_limit_ms=100"]);
    let mut bob = log_in(&server, "bob");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(bob.ask(&port_of(&listener)), NOT_CONNECTED);
    assert!(was_not_dialled(&listener));
    assert_eq!(bob.ask("/list"), "301 bob");
}

#[test]
fn clients_that_come_and_go_leave_no_session_behind() {
    const VISITORS: usize = 8;
    let server = LoggedServer::start(&[], &["--set=chat.announce=false"]);
    let mut observer = enter(&server, "observer");
    thread::scope(|scope| {
        for visitor in 0..VISITORS {
            let server = &server;
            scope.spawn(move || {
                for round in 0..20 {
                    let mut client = enter(server, &format!("v{visitor}r{round}"));
                    client.stream().write_all(b"/all hi\n/join #a\n").unwrap();
                    match round % 3 {
                        0 => client.reset(),
                        1 => drop(client),
                        _ => {
                            client.send("/quit\n");
                            assert!(client.rest().ends_with("You have left the chat\n"));
                        }
                    }
                }
            });
        }
    });
    crate::harness::logged::wait_until("all are absent", || {
        observer.send("/allusers\n");
        let mut names = Vec::new();
        observer.send("/nonsense\n");
        loop {
            let line = observer.line();
            if line.starts_with("Unknown command") {
                return names == ["Users in chat:", "observer"];
            }
            if !line.contains(": ") {
                names.push(line);
            }
        }
    });
}
