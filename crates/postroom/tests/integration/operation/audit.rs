//! The audit trail: a line of the log for each login, failed login, registration, change of
//! a password or a block, and limit that was met; and the filter of fail2ban that reads it.

use std::path::Path;
use std::process::Command;

use crate::harness::logged::LoggedServer;
use crate::harness::support::{Client, need};

const FORMATS: [&str; 2] = ["text", "json"];

/// A server whose log has this format, after one of each event.
fn server(format: &str) -> (LoggedServer, Client) {
    let format = format!("--log-format={format}");
    let server = LoggedServer::start(&["jacky"], &[&format, "--capacity=1"]);
    let mut chat = server.connect("chat");
    chat.line();
    for (line, answer) in [
        ("/pass one", "Now choose"),
        ("/setname ann", "Username accepted"),
        ("/passwd two three", "Your password was not changed"),
        ("/passwd one two", "Your password is changed"),
        ("/block eve", "eve can no longer"),
        ("/block eve", "You have blocked eve already"),
        ("/unblock eve", "eve can write"),
        ("/block bob", "bob can no longer"),
        ("/send carol hi", "Message left for carol"),
        ("/send carol again", "No message was left"),
    ] {
        assert!(chat.ask(line).starts_with(answer), "{line}");
    }
    let mut bob = server.log_in("bob");
    assert_eq!(bob.compose("ann", "hi"), "MESSAGE FAILED");
    bob.end();
    bob.rest();
    let mut mailbox = server.connect("mailbox");
    mailbox.send("PASS wrong\nLOGIN ann\n");
    assert_eq!(mailbox.rest(), "");
    let mut im = server.connect("im");
    assert_eq!(im.ask("/login jacky wrong"), "102 Authentication Failed");
    // A name that tries to look like the rest of a line.
    let mut verbose = server.connect("mailbox-verbose");
    assert_eq!(verbose.ask("LOGIN ann"), "LOGIN ERROR");
    verbose.send("PASS x\n");
    assert_eq!(verbose.ask("LOGIN reason=peer=192.0.2.66"), WELCOME);
    verbose.send("EXIT\n");
    verbose.rest();
    server.wait_for_log(&["disconnected", "mailbox-verbose"]);
    (server, chat)
}

const WELCOME: &str = "Login successful with new username. Welcome reason=peer=192.0.2.66";

/// The value of a field of a line, in either format.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line
        .split_once(&format!(" {name}="))
        .or_else(|| line.split_once(&format!("\"{name}\":")))?;
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split(' ').next(),
    }
}

#[test]
fn each_event_is_one_line_with_peer_listener_and_account() {
    for format in FORMATS {
        let (server, chat) = server(format);
        let log = server.log();
        let audit = log.lines().filter(|line| field(line, "audit").is_some());
        let told: Vec<_> = audit
            .map(|line| {
                let of = |name| field(line, name).unwrap_or_default();
                assert!(of("peer").starts_with("127.0.0.1:"), "{line}");
                (of("audit"), of("listener"), of("account"))
            })
            .collect();
        let name = "reason=peer=192.0.2.66";
        assert_eq!(
            told,
            [
                ("registration", "chat", "ann"),
                ("login", "chat", "ann"),
                ("password_failed", "chat", "ann"),
                ("password", "chat", "ann"),
                ("block", "chat", "ann"),
                ("unblock", "chat", "ann"),
                ("block", "chat", "ann"),
                ("registration", "chat", "ann"),
                ("limit", "chat", "ann"),
                ("registration", "mailbox", "bob"),
                ("login", "mailbox", "bob"),
                ("blocked", "mailbox", "bob"),
                ("login_failed", "mailbox", "ann"),
                ("login_failed", "im", "jacky"),
                ("login_failed", "mailbox-verbose", "ann"),
                ("registration", "mailbox-verbose", name),
                ("login", "mailbox-verbose", name),
            ],
            "{format}: {log}"
        );
        let peer = chat.stream().local_addr().unwrap().to_string();
        assert_eq!(log.matches(&peer).count(), 9, "{log}");
    }
}

#[test]
fn the_filter_of_fail2ban_finds_failed_logins_and_nothing_else() {
    need("fail2ban-regex", "fail2ban");
    let filter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contrib/fail2ban/postroom.conf");
    for format in FORMATS {
        let (server, _chat) = server(format);
        let output = Command::new("fail2ban-regex")
            .args(["-o", "ip"])
            .arg(server.folder().join("log"))
            .arg(&filter)
            .output()
            .unwrap();
        let found = String::from_utf8(output.stdout).unwrap();
        // A wrong old password, and two failed logins.
        assert_eq!(found, "127.0.0.1\n".repeat(3), "{format}: {}", server.log());
    }
}
