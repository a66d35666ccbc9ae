//! One client that fills the server's tables, and the others who still create.

use crate::harness::chat::enter;
use crate::harness::support::Server;

const CHANNELS_MAX: u32 = 500;

/// What the board answers to a request.
fn board(server: &Server, request: &str) -> String {
    let mut client = server.connect("board");
    client.send(request);
    client.end();
    client.rest().trim_end().to_owned()
}

#[test]
fn one_client_that_fills_the_table_of_hashtags_keeps_nobody_from_a_new_one() {
    let mut server = Server::with(&[&format!("--set=channels.max={CHANNELS_MAX}")]);
    let mut honest = enter(&server, "honest");
    for line in ["/say #mine one", "/say #mine two", "/say #mine three"] {
        assert_eq!(honest.ask(line), "Said in #mine.");
    }
    let mut flooder = enter(&server, "flooder");
    assert!(honest.line().starts_with("flooder has joined"));
    for first in (0..4 * CHANNELS_MAX).step_by(100) {
        let lines: Vec<_> = (first..first + 100).map(|tag| format!("/say #f{tag} x\n")).collect();
        flooder.send(&lines.concat());
        for tag in first..first + 100 {
            assert_eq!(flooder.line(), format!("Said in #f{tag}."));
        }
    }
    assert_eq!(honest.ask("/say #new one"), "Said in #new.");
    assert_eq!(board(&server, "u\nhello #fresh"), "operation success");
    server.kill();
    server.restart();
    assert_eq!(board(&server, "t\n#mine").lines().count(), 3, "it has most posts");
    assert_eq!(board(&server, "t\n#new"), "honest: one");
    assert_eq!(board(&server, "u\nhello #fresher"), "operation success");
    assert_eq!(board(&server, "d\n#fresher"), "hello #fresher");
}

#[test]
fn a_peer_that_creates_too_much_is_refused_new_names_alone() {
    let server = Server::with(&[
        "--set=accounts.new_per_hour_loopback=20",
        "--set=channels.new_per_hour_loopback=20",
    ]);
    let mut flooder = server.log_in("flooder");
    let sent = (0..40).filter(|to| flooder.compose(&format!("n{to}"), "x") == "MESSAGE SENT");
    assert_eq!(sent.count(), 19);
    assert_eq!(flooder.compose("n3", "again"), "MESSAGE SENT");
    let said = (0..40).filter(|tag| board(&server, &format!("u\n#b{tag}")) == "operation success");
    assert_eq!(said.count(), 20);
    assert_eq!(board(&server, "u\nagain #b3"), "operation success");
    assert_eq!(board(&server, "u\nno hashtag"), "operation success");
}

#[test]
fn one_client_that_fills_the_table_of_accounts_keeps_nobody_from_a_new_one() {
    let mut server = Server::with(&["--set=accounts.max=50"]);
    let mut honest = server.log_in("honest");
    assert_eq!(honest.compose("friend", "hi"), "MESSAGE SENT");
    for number in 0..200 {
        let mut flooder = server.log_in(&format!("flood{number}"));
        flooder.send("EXIT\n");
        flooder.rest();
    }
    assert_eq!(honest.compose("another", "hi"), "MESSAGE SENT");
    server.kill();
    server.restart();
    for (name, unread) in [("friend", "1"), ("another", "1"), ("someone", "0")] {
        assert_eq!(server.connect("mailbox").ask(&format!("LOGIN {name}")), unread, "{name}");
    }
}
