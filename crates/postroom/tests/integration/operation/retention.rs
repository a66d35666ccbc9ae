//! Unread messages and posts that become too old, on a real server.

use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

use crate::harness::chat;
use crate::harness::logged::{LoggedServer, wait_until};
use crate::harness::support::{Server, run_program};

fn status(server: &Server, is_json: bool) -> String {
    let json = is_json.then_some("--json");
    let words = ["status"].into_iter().chain(json);
    let output = run_program(words.chain(["--data", server.data().to_str().unwrap()]), b"");
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Makes those of the messages and posts older by so many days whose text begins so.
fn age(data: &Path, beginning: &str, days: u64) {
    let database = Connection::open(data.join("postroom.db")).unwrap();
    for table in ["message", "post"] {
        let change = format!(
            "UPDATE {table} SET stored_ms = stored_ms - {days} * 86400000 \
             WHERE text LIKE '{beginning}%'"
        );
        assert!(database.execute(&change, []).unwrap() > 0, "{table}");
    }
}

#[test]
fn what_is_too_old_goes_and_is_told_and_counted() {
    let arguments = ["--set", "retention.messages_days=30", "--set", "retention.posts_days=7"];
    let mut server = LoggedServer::start(&[], &arguments);
    let mut ann = chat::enter(&server, "ann");
    for words in ["old 1", "old 2", "older", "young"] {
        assert_eq!(ann.ask(&format!("/send bob {words}")), "Message left for bob.");
        assert_eq!(ann.ask(&format!("/say #a {words}")), "Said in #a.");
    }
    server.stop();
    age(server.data(), "old", 20);
    age(server.data(), "older", 20);
    server.restart();
    let report = || -> Value { serde_json::from_str(&status(&server, true)).unwrap() };
    wait_until("the old ones are gone", || report()["expired_posts"] == 3);
    assert_eq!(
        (&report()["expired_messages"], &report()["retention_behind_s"]),
        (&1.into(), &0.into())
    );
    let shown = status(&server, false);
    assert!(shown.contains("\nremoved for their age\t1 messages, 3 posts\n"), "{shown}");
    let words = ["removed what is older than the retention allows", "messages=1", "posts=3"];
    server.wait_for_log(&words);
    let mut bob = server.log_in("bob");
    for expected in ["old 1", "old 2", "young"] {
        assert_eq!(bob.read(), Some(("ann".to_owned(), expected.to_owned())));
    }
    assert_eq!(bob.read(), None);
    let mut board = server.connect("board");
    board.send("t\n#a\n");
    assert_eq!(board.rest(), "ann: young\n");
}

#[test]
fn without_a_retention_nothing_is_too_old() {
    let mut server = Server::start();
    let mut ann = chat::enter(&server, "ann");
    assert_eq!(ann.ask("/send bob old"), "Message left for bob.");
    assert_eq!(ann.ask("/say #a old"), "Said in #a.");
    server.stop();
    age(server.data(), "old", 4_000);
    server.restart();
    let mut bob = server.log_in("bob");
    assert_eq!(bob.read(), Some(("ann".to_owned(), "old".to_owned())));
    let mut board = server.connect("board");
    board.send("t\n#a\n");
    assert_eq!(board.rest(), "ann: old\n");
    assert!(status(&server, false).contains("\nremoved for their age\t0 messages, 0 posts\n"));
    for wrong in ["retention.posts_days=-1", "retention.messages_days=ever", "retention.days=1"] {
        let output = run_program(["config", "check", "--set", wrong], b"");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.lines().count() == 1, "{error}");
        assert!(error.contains(wrong.split_once('=').unwrap().0), "{error}");
    }
}
