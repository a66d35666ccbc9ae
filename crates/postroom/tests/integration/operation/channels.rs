//! Deleting what was posted: by the channel, and with its author.

use std::path::Path;
use std::thread;

use serde_json::{Value, json};

use crate::harness::chat;
use crate::harness::logged::{LoggedServer, wait_until};
use crate::harness::operator::{curl, run};
use crate::harness::support::{Client, Server, need, run_program};

const HEADER: &str = "CHANNEL\tPOSTS\tMEMBERS\tSECONDS SINCE THE LATEST\tACCESS";

/// The channels that are listed: name, posts, members, and whether one was posted.
fn listed(data: &Path) -> Vec<(String, u64, u64, bool)> {
    let text = run(data, &["channel", "list"]).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(HEADER));
    let shown: Vec<_> = lines
        .map(|line| {
            let fields: Vec<_> = line.split('\t').collect();
            let number = |field: &str| field.parse().unwrap();
            assert!(fields[3] == "-" || number(fields[3]) < 60, "{line}");
            (fields[0].to_owned(), number(fields[1]), number(fields[2]), fields[3] != "-")
        })
        .collect();
    let json = run(data, &["channel", "list", "--json"]).unwrap();
    let told = json.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let number = |member: &str| line[member].as_u64().unwrap();
        let channel = line["channel"].as_str().unwrap().to_owned();
        (channel, number("posts"), number("members"), !line["latest_ms"].is_null())
    });
    assert_eq!(told.collect::<Vec<_>>(), shown);
    shown
}

fn of(channel: &str, posts: u64, members: u64) -> (String, u64, u64, bool) {
    (channel.to_owned(), posts, members, posts > 0)
}

fn say(client: &mut Client, channel: &str, words: &str) {
    assert_eq!(client.ask(&format!("/say {channel} {words}")), format!("Said in {channel}."));
}

/// All posts of a channel, as the board shows them.
fn timeline(server: &Server, channel: &str) -> Vec<String> {
    let mut client = server.connect("board");
    client.send(&format!("t\n{channel}\n"));
    client.rest().lines().map(str::to_owned).collect()
}

/// How many posts the file of a store has, and how many messages.
fn rows(data: &Path) -> (u64, u64) {
    let checked = run(data, &["check"]).unwrap();
    let count = |word: &str| {
        let rest = checked.split_once(&format!("{word} ")).unwrap().1;
        rest.split([',', '\n', ' ']).next().unwrap().parse().unwrap()
    };
    (count("posts"), count("messages"))
}

#[test]
fn channels_are_listed_and_deleted_while_the_server_runs() {
    let mut server = LoggedServer::start(&[], &[]);
    let mut bob = chat::enter(&server, "bob");
    assert_eq!(bob.ask("/join #rust"), "You are in #rust now.");
    assert_eq!(bob.ask("/join #quiet"), "You are in #quiet now.");
    say(&mut bob, "#rust", "one");
    say(&mut bob, "#tea", "two");
    let mut board = server.connect("board");
    board.send("u\nthree #rust");
    board.stream().shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(board.rest(), "operation success\n");
    assert_eq!(bob.line(), "@board(#rust): three #rust");
    let channels = [of("@board", 1, 0), of("#quiet", 0, 1), of("#rust", 2, 1), of("#tea", 1, 0)];
    assert_eq!(listed(server.data()), channels);
    let delete = |word: &str| run(server.data(), &["channel", "delete", word]);
    assert_eq!(
        delete("Rust").unwrap(),
        "deleted the channel #rust and 2 posts; its member stays in it\n"
    );
    assert_eq!(timeline(&server, "#rust"), Vec::<String>::new());
    assert_eq!(timeline(&server, "#tea"), ["bob: two"]);
    server.wait_for_log(&["an operator: channel deleted", "subject=\"#rust\""]);
    // Who is in it hears what is said in it from then on.
    let mut ann = chat::enter(&server, "ann");
    say(&mut ann, "#rust", "anew");
    let heard = std::iter::repeat_with(|| bob.line()).find(|line| !line.contains("joined"));
    assert_eq!(heard.as_deref(), Some("ann(#rust): anew"));
    assert_eq!(delete("#tea").unwrap(), "deleted the channel #tea and 1 post\n");
    assert_eq!(delete("@board").unwrap(), "deleted the channel @board and 1 post\n");
    for (word, part) in [
        ("never", "there is no channel #never"),
        ("a b", "\"a b\" is not a channel: letters, digits and _, such as #rust; or @board"),
        ("", "\"\" is not a channel"),
    ] {
        let error = delete(word).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
    for _ in 0..2 {
        assert_eq!(timeline(&server, "#rust"), ["ann: anew"]);
        wait_until("the deleted posts leave the file", || rows(server.data()).0 == 1);
        server.stop();
        server.restart();
    }
}

#[test]
fn channels_are_listed_and_deleted_in_the_folder_of_a_server_that_does_not_run() {
    let mut server = Server::start();
    let mut bob = chat::enter(&server, "bob");
    for channel in ["#rust", "#rust", "#tea", "#zoo"] {
        say(&mut bob, channel, "words");
    }
    server.stop();
    let data = server.data();
    assert_eq!(listed(data), [of("#rust", 2, 0), of("#tea", 1, 0), of("#zoo", 1, 0)]);
    let delete = |word: &str| run(data, &["channel", "delete", word]);
    assert_eq!(delete("#RUST").unwrap(), "deleted the channel #rust and 2 posts\n");
    assert!(delete("rust").unwrap_err().contains("there is no channel #rust"));
    assert!(delete("#").unwrap_err().contains("\"#\" is not a channel"));
    assert_eq!(rows(data), (2, 0), "the file has no more of them");
    assert_eq!(listed(data), [of("#tea", 1, 0), of("#zoo", 1, 0)]);
    let deleted = run(data, &["account", "delete", "bob"]).unwrap();
    assert_eq!(deleted, "deleted the account bob, 0 unread messages and 2 posts\n");
    assert_eq!(rows(data), (0, 0));
    server.restart();
    assert_eq!(timeline(&server, "#tea"), Vec::<String>::new());
    for wrong in [&["channel"][..], &["channel", "delete"], &["channel", "fly"]] {
        assert_eq!(run_program(wrong.iter().copied(), b"").status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn curl_lists_and_deletes_channels() {
    need("curl", "curl");
    let server = Server::start();
    let mut bob = chat::enter(&server, "bob");
    say(&mut bob, "#rust", "words");
    let curl = |path: &str, body: Option<&str>| curl(server.data(), path, body);
    let (status, page) = curl("/v1/channels", None);
    let channels = page["channels"].as_array().unwrap();
    let names: Vec<_> = channels.iter().map(|line| &line["channel"]).collect();
    assert_eq!((status.as_str(), names), ("200", vec![&json!("#rust")]));
    assert!(page["next"].is_null());
    assert_eq!(curl("/v1/channels?after=rust", None).1["channels"], json!([]));
    let delete = |channel: &str| json!({"command": "delete", "channel": channel}).to_string();
    let deleted = json!({"done": "deleted", "channel": "#rust", "posts": 1, "members": 0});
    assert_eq!(curl("/v1/channel", Some(&delete("#rust"))), ("200".to_owned(), deleted));
    for (path, body, status, problem) in [
        ("/v1/channel", Some(delete("rust")), "404", "no-such-channel"),
        ("/v1/channel", Some(delete("a b")), "422", "channel"),
        ("/v1/channel", Some(r#"{"command":"fly","channel":"a"}"#.to_owned()), "422", "malformed"),
        ("/v1/channel", Some("{".to_owned()), "400", "malformed"),
        ("/v1/channels?after=a-b", None, "422", "channel"),
    ] {
        let (told, answer) = curl(path, body.as_deref());
        assert_eq!((told.as_str(), &answer["problem"]), (status, &json!(problem)), "{answer}");
    }
}

/// Others post and leave mail meanwhile; nothing of theirs is lost, and the file gets rid of
/// what was deleted.
#[test]
fn an_account_with_many_posts_is_erased_under_load() {
    const POSTS: usize = 900;
    let mut server = Server::start();
    let mut bob = chat::enter(&server, "bob");
    for channel in ["#shared", "#bob"] {
        let lines: Vec<_> = (0..POSTS).map(|number| format!("/say {channel} {number}\n")).collect();
        for part in lines.chunks(100) {
            bob.send(&part.concat());
            for _ in part {
                assert_eq!(bob.line(), format!("Said in {channel}."));
            }
        }
    }
    assert_eq!(server.log_in("carl").compose("bob", "for bob"), "MESSAGE SENT");
    bob.send("/send ann from bob\n");
    assert_eq!(bob.line(), "Message left for ann.");
    thread::scope(|scope| {
        let others = ["dan", "eve"].map(|name| {
            let server = &server;
            scope.spawn(move || {
                let mut chat = chat::enter(server, name);
                let mut mail = server.log_in(name);
                for number in 0..40 {
                    chat.send(&format!("/say #shared {name}-{number}\n"));
                    while chat.line() != "Said in #shared." {}
                    assert_eq!(mail.compose("ann", &format!("{name}-{number}")), "MESSAGE SENT");
                }
            })
        });
        let deleted = run(server.data(), &["account", "delete", "bob"]).unwrap();
        assert_eq!(deleted, "deleted the account bob, 1 unread message and 1800 posts\n");
        assert!(timeline(&server, "#shared").iter().all(|line| !line.starts_with("bob")));
        for other in others {
            other.join().unwrap();
        }
    });
    for round in 0..2 {
        let shared = timeline(&server, "#shared");
        for name in ["dan", "eve"] {
            let of_name: Vec<_> =
                shared.iter().filter(|line| line.starts_with(name)).cloned().collect();
            let expected: Vec<_> =
                (0..40).map(|number| format!("{name}: {name}-{number}")).collect();
            assert_eq!(of_name, expected, "{round}");
        }
        assert_eq!(shared.len(), 80, "{round}");
        assert_eq!(timeline(&server, "#bob"), Vec::<String>::new());
        wait_until("only the others' rows are left", || rows(server.data()) == (80, 81));
        if round == 0 {
            server.kill();
            server.restart();
        }
    }
    let mut ann = server.log_in("ann");
    let expected = ("bob".to_owned(), "from bob".to_owned());
    assert_eq!(ann.read(), Some(expected), "it is her mail");
}

/// Killed while the rows go, the server shows none of them again, and goes on.
#[test]
fn an_erasure_goes_on_after_a_kill() {
    const POSTS: usize = 900;
    let mut server = Server::start();
    let mut bob = chat::enter(&server, "bob");
    let mut ann = chat::enter(&server, "ann");
    say(&mut ann, "#bob", "kept");
    for part in 0..POSTS / 100 {
        let lines: Vec<_> = (0..100).map(|number| format!("/say #bob {part} {number}\n")).collect();
        bob.send(&lines.concat());
        let mut said = 0;
        while said < 100 {
            said += usize::from(bob.line() == "Said in #bob.");
        }
    }
    run(server.data(), &["account", "delete", "bob"]).unwrap();
    server.kill();
    assert!(rows(server.data()).0 > 1, "some are still there");
    server.restart();
    assert_eq!(timeline(&server, "#bob"), ["ann: kept"]);
    wait_until("the rows go", || rows(server.data()).0 == 1);
    assert_eq!(listed(server.data()), [of("#bob", 1, 0)]);
}
