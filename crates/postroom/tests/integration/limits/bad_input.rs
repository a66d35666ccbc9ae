//! Input that breaks the rules, by accident or on purpose: its answer, that none of
//! it is stored or shown, and that it costs the server no memory.

use std::fs;
use std::io::Write;
use std::net::TcpStream;

use crate::harness::support::{Client, Server};

const VERBOSE: &str = "mailbox-verbose";

/// The memory that one client may cost a server.
const MEMORY_GAIN_MAX: u64 = 8 << 20;

/// The peak memory of the server.
fn memory_peak(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes << 10
}

fn assert_memory_gain(server: &Server, before: u64) {
    let gain = memory_peak(server).saturating_sub(before);
    assert!(gain < MEMORY_GAIN_MAX, "the server took {gain} bytes");
}

fn verbose(server: &Server, name: &str) -> Client {
    let mut client = server.connect(VERBOSE);
    assert!(client.ask(&format!("LOGIN {name}")).starts_with("Login successful"));
    client
}

/// What `mailbox` answers to this input before it ends the connection.
fn answers(server: &Server, input: &[u8]) -> String {
    let mut client = server.connect("mailbox");
    client.send_bytes(input);
    client.rest()
}

#[test]
fn each_deviation_from_mailbox_drops_the_connection_without_an_answer() {
    let server = Server::start();
    let too_long = [&b"x".repeat(8_193)[..], b"\n"].concat();
    let strangers: &[&[u8]] = &[
        b"\n",
        b" \n",
        b"HELP\n",
        b"READ\n",
        b"EXIT\n",
        b"COMPOSE bob\n",
        b"LOGIN\n",
        b"LOGIN \n",
        b"login bob\n",
        b" LOGIN bob\n",
        b"LOGIN  bob\n",
        b"LOGIN bob \n",
        b"LOGIN\tbob\n",
        b"LOGIN my username contains the space character\n",
        b"LOGIN bob\r\r\n",
        b"LOGIN b\0b\n",
        b"LOGIN b\xffb\n",
        b"LOGIN b\x1b[2Jb\n",
        b"LOGIN .\n",
        b"LOGIN ..\n",
        b"LOGIN b:b\n",
        b"LOGIN b\xe2\x80\xaeb\n",
        b"PASS\n",
        b"PASS \n",
        b"PASS a\0b\n",
        b"\0\n",
        b"\xff\xfe\n",
        &too_long,
    ];
    for input in strangers {
        let input_and_more = [input, &b"LOGIN bob\n"[..]].concat();
        let shown = String::from_utf8_lossy(&input[..input.len().min(60)]);
        assert_eq!(answers(&server, &input_and_more), "", "{shown:?}");
    }
    let members: &[&[u8]] = &[
        b"\n",
        b"read\n",
        b"Read\n",
        b"READ \n",
        b"READ bob\n",
        b" READ\n",
        b"READ\r\r\n",
        b"EXIT now\n",
        b"exit\n",
        b"LOGIN bob\n",
        b"LOGIN carol\n",
        b"PASS secret\n",
        b"COMPOSE\n",
        b"COMPOSE \n",
        b"COMPOSE a b\n",
        b"COMPOSE  a\n",
        b"compose a\n",
        b"\x1b[A\n",
        &too_long,
        &[b"COMPOSE bob\n", &too_long[..]].concat(),
    ];
    for input in members {
        let input_and_more = [b"LOGIN bob\n", *input, b"READ\n"].concat();
        let shown = String::from_utf8_lossy(&input[..input.len().min(60)]);
        assert_eq!(answers(&server, &input_and_more), "0\n", "{shown:?}");
    }
}

#[test]
fn what_was_acknowledged_before_a_deviation_stays() {
    let server = Server::start();
    let input = b"LOGIN carol\nCOMPOSE bob\nfirst\nnonsense\nCOMPOSE bob\nsecond\n";
    assert_eq!(answers(&server, input), "0\nMESSAGE SENT\n");
    let mut bob = server.log_in("bob");
    assert_eq!(bob.read(), Some(("carol".into(), "first".into())));
    assert_eq!(bob.read(), None);
}

#[test]
fn a_recipient_or_body_that_is_refused_is_answered_and_nothing_is_stored() {
    let server = Server::start();
    let mut carol = server.log_in("carol");
    let long = "x".repeat(65);
    for recipient in ["a:b", "..", "#rust", "o'hara", "b\u{202e}b", "b\u{1b}b", "b\tb", &long] {
        assert_eq!(carol.compose(recipient, "hello"), "MESSAGE FAILED", "{recipient:?}");
    }
    for body in [&b"a\0b"[..], b"\0", b"\xff", b"caf\xe9", b"\xed\xa0\x80", b"\xc0\xaf"] {
        carol.send("COMPOSE bob\n");
        carol.send_bytes(&[body, b"\n"].concat());
        assert_eq!(carol.line(), "MESSAGE FAILED", "{body:?}");
    }
    carol.send_bytes(b"COMPOSE \xff\nhello\n");
    assert_eq!(carol.line(), "MESSAGE FAILED");
    assert_eq!(server.log_in("bob").read(), None);
    assert_eq!(carol.compose("bob", "hello"), "MESSAGE SENT");
}

#[test]
fn each_deviation_from_mailbox_verbose_is_answered_and_the_connection_stays() {
    let server = Server::start();
    let mut bob = server.connect(VERBOSE);
    for line in ["", " ", "HELP", "login bob", "EXIT now", "READ", "PASS", "COMPOSE", "\u{1b}[A"] {
        assert_eq!(bob.ask(line), "UNKNOWN COMMAND", "{line:?}");
    }
    let long = format!("LOGIN {}", "x".repeat(65));
    for line in ["LOGIN", "LOGIN ", "LOGIN bob smith", "LOGIN a:b", "LOGIN ..", &long] {
        assert_eq!(bob.ask(line), "LOGIN ERROR", "{line:?}");
    }
    for line in ["READ bob", "COMPOSE bob alice hi", "READ a:b"] {
        assert_eq!(bob.ask(line), "LOGIN ERROR", "{line:?}");
    }
    assert_eq!(bob.ask("LOGIN bob"), "Login successful with new username. Welcome bob");
    for line in ["LOGIN bob", "LOGIN carol", "READ carol", "COMPOSE carol bob hi", "READ .."] {
        assert_eq!(bob.ask(line), "LOGIN ERROR", "{line:?}");
    }
    for line in ["READ", "read bob", "READ bob now", "COMPOSE bob", "PASS secret", ""] {
        assert_eq!(bob.ask(line), "UNKNOWN COMMAND", "{line:?}");
    }
    for line in [&b"\0"[..], b"\xff", &b"x".repeat(8_193)] {
        bob.send_bytes(&[line, b"\n"].concat());
        assert_eq!(bob.line(), "UNKNOWN COMMAND");
    }
    for line in [&b"READ \xff"[..], b"READ b\0b", b"COMPOSE \xff bob hi"] {
        bob.send_bytes(&[line, b"\n"].concat());
        assert_eq!(bob.line(), "LOGIN ERROR");
    }
    assert_eq!(bob.ask("READ bob"), "No More Unread Messages.");
}

#[test]
fn in_full_sentences_a_refused_message_is_told_with_its_reason() {
    let server = Server::start();
    let mut bob = verbose(&server, "bob");
    let bodies = [
        (&b"COMPOSE bob alice a\0b"[..], "MESSAGE FAILED. The text holds a NUL."),
        (b"COMPOSE bob alice \xff", "MESSAGE FAILED. The text is not valid UTF-8."),
    ];
    for (line, answer) in bodies {
        bob.send_bytes(&[line, b"\n"].concat());
        assert_eq!(bob.line(), answer);
    }
    for recipient in ["a:b", "..", "b\u{202e}b", &"x".repeat(65), ""] {
        let answer = bob.ask(&format!("COMPOSE bob {recipient} hi"));
        let reason = answer.strip_prefix("MESSAGE FAILED. ").unwrap();
        assert!(reason.ends_with('.') && reason.len() > 10, "{recipient:?}: {answer}");
        assert!(reason.is_ascii(), "{recipient:?}: {answer}");
    }
    assert_eq!(
        bob.ask("COMPOSE bob alice hi"),
        "MESSAGE SENT SUCCESSFULLY TO NEW USER.",
        "a refused message has registered its recipient"
    );
}

#[test]
fn what_a_terminal_would_obey_is_shown_and_not_sent() {
    let server = Server::start();
    let text = "\u{1b}[2J\u{7}a\tb\u{9b}31m\u{85}\u{202e}c\u{2066}\u{200f}\u{7f}é\r.";
    let safe = "^[[2J^Ga\tbM-^[31mM-^Ec^?é^M.";
    let mut carol = server.log_in("carol");
    for _ in 0..2 {
        assert_eq!(carol.compose("bob", text), "MESSAGE SENT");
    }
    let mut carol = verbose(&server, "carol");
    let sent = carol.ask(&format!("COMPOSE carol bob {text}"));
    assert_eq!(sent, "MESSAGE SENT SUCCESSFULLY.");
    let mut bob = server.log_in("bob");
    assert_eq!(bob.read(), Some(("carol".into(), safe.into())));
    bob.end();
    assert_eq!(bob.rest(), "");
    let mut bob = verbose(&server, "bob");
    assert_eq!(bob.ask("READ bob"), format!("1 carol {safe}"));
    assert_eq!(bob.ask("READ bob"), format!("0 carol {safe}"));
}

#[test]
fn the_longest_line_is_taken_and_its_text_comes_back_whole() {
    let server = Server::start();
    let escapes = "\u{1b}".repeat(8_192);
    let letters = "x".repeat(8_192);
    let mut bob = server.log_in("bob");
    assert_eq!(bob.compose("bob", &letters), "MESSAGE SENT");
    assert_eq!(bob.compose("bob", &format!("{letters}\r")), "MESSAGE SENT");
    assert_eq!(bob.compose("bob", &escapes), "MESSAGE SENT");
    assert_eq!(bob.read().unwrap().1, letters);
    assert_eq!(bob.read().unwrap().1, letters);
    assert_eq!(bob.read().unwrap().1, "^[".repeat(8_192));
}

#[test]
fn a_name_has_64_bytes_and_not_65() {
    let server = Server::start();
    let (fits, too_long) = ("n".repeat(64), "n".repeat(65));
    let accented = "é".repeat(32);
    for name in [&fits, &accented] {
        let mut client = server.log_in(name);
        assert_eq!(client.compose(name, "to myself"), "MESSAGE SENT");
        assert_eq!(client.read(), Some((name.clone(), "to myself".into())));
        client.end();
        assert_eq!(client.rest(), "");
        let welcome = server.connect(VERBOSE).ask(&format!("LOGIN {name}"));
        assert_eq!(
            welcome,
            format!("Login successful. Welcome {name}. You have 0 unread messages.")
        );
    }
    assert_eq!(answers(&server, format!("LOGIN {too_long}\n").as_bytes()), "");
    let too_long = format!("{accented}x");
    assert_eq!(answers(&server, format!("LOGIN {too_long}\n").as_bytes()), "");
    assert_eq!(server.connect(VERBOSE).ask(&format!("LOGIN {too_long}")), "LOGIN ERROR");
}

#[test]
fn spellings_of_a_name_are_one_account_shown_as_first_registered() {
    let server = Server::start();
    let mut bob = server.log_in("BoB");
    let mut carol = verbose(&server, "CAROL");
    assert_eq!(carol.ask("COMPOSE carol bob one"), "MESSAGE SENT SUCCESSFULLY.");
    assert_eq!(carol.ask("COMPOSE Carol BOB two"), "MESSAGE SENT SUCCESSFULLY.");
    assert_eq!(bob.read(), Some(("CAROL".into(), "one".into())));
    bob.end();
    assert_eq!(bob.rest(), "");
    let mut bob = server.connect(VERBOSE);
    assert_eq!(bob.ask("LOGIN bob"), "Login successful. Welcome BoB. You have 1 unread messages.");
    assert_eq!(bob.ask("READ boB"), "0 CAROL two");
    let mut emile = server.log_in("Émile");
    assert_eq!(emile.compose("e\u{301}mile", "decomposed"), "MESSAGE SENT");
    assert_eq!(emile.compose("ｅ́ｍｉｌｅ", "wide"), "MESSAGE SENT");
    assert_eq!(emile.read(), Some(("Émile".into(), "decomposed".into())));
    assert_eq!(emile.read(), Some(("Émile".into(), "wide".into())));
}

#[test]
fn a_gibibyte_without_a_line_feed_is_dropped_by_mailbox_and_costs_no_memory() {
    // With a longer limit the server would read and discard much of it.
    let server = Server::with(&["--set=connection.drain_limit_ms=20"]);
    for login in ["", "LOGIN bob\n", "LOGIN bob\nCOMPOSE bob\n"] {
        let before = memory_peak(&server);
        let mut client = server.connect("mailbox");
        client.send(login);
        assert!(write_gibibyte(client.stream()).is_err(), "the server took it all");
        assert_memory_gain(&server, before);
    }
    assert_eq!(server.log_in("bob").read(), None);
}

#[test]
fn a_gibibyte_without_a_line_feed_costs_mailbox_verbose_no_memory() {
    let server = Server::start();
    let before = memory_peak(&server);
    let mut client = verbose(&server, "bob");
    write_gibibyte(client.stream()).unwrap();
    client.send("\n");
    assert_eq!(client.line(), "UNKNOWN COMMAND");
    assert_eq!(client.ask("READ bob"), "No More Unread Messages.");
    assert_memory_gain(&server, before);
}

fn write_gibibyte(mut stream: &TcpStream) -> std::io::Result<()> {
    let mebibyte = vec![b'x'; 1 << 20];
    for _ in 0..1_024 {
        stream.write_all(&mebibyte)?;
    }
    Ok(())
}

fn numbered(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

#[test]
fn many_commands_in_one_go_are_answered_in_order() {
    const MESSAGES: usize = 10_000;
    let server = Server::with(&["--capacity=10000"]);
    let commands = "LOGIN bob\n".to_owned()
        + &numbered(MESSAGES, |number| format!("COMPOSE bob\n{number}\n"))
        + "COMPOSE bob\none too many\n"
        + &"READ\n".repeat(MESSAGES)
        + "READ\nEXIT\nREAD\n";
    let expected = "0\n".to_owned()
        + &"MESSAGE SENT\n".repeat(MESSAGES)
        + "MESSAGE FAILED\n"
        + &numbered(MESSAGES, |number| format!("bob\n{number}\n"))
        + "READ ERROR\n";
    let mut client = server.connect("mailbox");
    let mut writer = client.stream().try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(commands.as_bytes()));
    assert_eq!(client.rest(), expected);
    writing.join().unwrap().unwrap();
}

#[test]
fn many_full_sentences_in_one_go_are_answered_in_order() {
    const MESSAGES: usize = 3_000;
    let server = Server::with(&["--capacity=3000"]);
    let commands = "LOGIN bob\n".to_owned()
        + &numbered(MESSAGES, |number| format!("COMPOSE bob bob {number}\nHELP\nREAD carol\n"))
        + &"READ bob\n".repeat(MESSAGES)
        + "EXIT\n";
    let expected = "Login successful with new username. Welcome bob\n".to_owned()
        + &"MESSAGE SENT SUCCESSFULLY.\nUNKNOWN COMMAND\nLOGIN ERROR\n".repeat(MESSAGES)
        + &numbered(MESSAGES, |number| format!("{} bob {number}\n", MESSAGES - 1 - number));
    let mut client = server.connect(VERBOSE);
    let mut writer = client.stream().try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(commands.as_bytes()));
    assert_eq!(client.rest(), expected);
    writing.join().unwrap().unwrap();
}

#[test]
fn a_client_that_sends_and_never_reads_is_not_taken_from_and_costs_no_memory() {
    const LIMIT: usize = 256 << 20;
    let server = Server::start();
    let before = memory_peak(&server);
    let mut client = Client::connect_with_small_buffer(server.address(VERBOSE));
    let line = b"what this means is known to its writer alone, if at all........\n";
    let sent = client.write_until_stuck(line, LIMIT);
    assert!(sent < LIMIT, "the server takes commands whose answers no one reads");
    assert_memory_gain(&server, before);
    // Others are served, and once the client reads it receives every answer.
    assert_eq!(server.log_in("bob").read(), None);
    client.end();
    let answers = client.rest();
    let complete = sent / line.len();
    assert!(answers.lines().all(|answer| answer == "UNKNOWN COMMAND"));
    let partial = usize::from(!sent.is_multiple_of(line.len()));
    let answers = answers.lines().count();
    let expected = complete..=complete + partial;
    assert!(expected.contains(&answers), "{answers} answers, not {expected:?}");
}

#[test]
fn answers_much_longer_than_their_commands_wait_for_their_reader_on_the_disk() {
    const MESSAGES: usize = 2_000;
    let server = Server::with(&["--capacity=2000"]);
    let text = "\u{1b}".repeat(8_000);
    let mut carol = server.log_in("carol");
    for _ in 0..MESSAGES / 50 {
        carol.send(&format!("COMPOSE bob\n{text}\n").repeat(50));
        for _ in 0..50 {
            assert_eq!(carol.line(), "MESSAGE SENT");
        }
    }
    let before = memory_peak(&server);
    let mut bob = Client::connect_with_small_buffer(server.address("mailbox"));
    bob.send("LOGIN bob\n");
    bob.send(&"READ\n".repeat(MESSAGES));
    // Others are served while the server works through bob's commands, and after.
    for _ in 0..100 {
        assert_eq!(carol.compose("carol", "still here"), "MESSAGE SENT");
        assert!(carol.read().is_some());
    }
    assert_memory_gain(&server, before);
    drop(bob);
}
