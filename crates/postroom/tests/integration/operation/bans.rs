//! `postroom ban`, `unban` and `bans`: on a running server, after its restart, and on a folder.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::geteuid;
use serde_json::{Value, json};

use super::under_load::{Over, while_others_go_on};
use crate::harness::logged::{LoggedServer, wait_until};
use crate::harness::operator::{curl, run};
use crate::harness::support::{Client, Server, add_account, need, program};

const BANNED: [u8; 4] = [127, 0, 0, 2];

/// Runs a command that says in one line what it did.
fn done(data: &Path, arguments: &[&str]) -> String {
    let said = run(data, arguments).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said.trim_end().to_owned()
}

/// Whether the server closes a connection at once, without a word.
fn is_refused(server: &Server, protocol: &str, from: [u8; 4]) -> bool {
    let client = Client::connect_from(from, server.address(protocol));
    match client.stream().read(&mut [0]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// What mailbox-verbose says to a login.
fn log_in(server: &Server, name: &str, password: &str) -> String {
    let mut client = server.connect("mailbox-verbose");
    client.send(&format!("PASS {password}\n"));
    client.ask(&format!("LOGIN {name}"))
}

/// The list without its times.
fn listed(data: &Path) -> Vec<String> {
    let list = run(data, &["bans"]).unwrap();
    let (header, rows) = list.split_once('\n').unwrap();
    assert_eq!(header, "KIND\tBANNED\tSINCE\tUNTIL");
    let row = |row: &str| {
        let fields: Vec<_> = row.split('\t').collect();
        let is_time = |field: &str| field.len() == 20 && field.starts_with("20");
        assert!(is_time(fields[2]) && (fields[3] == "-" || is_time(fields[3])), "{row}");
        fields[..2].join(" ")
    };
    rows.lines().map(row).collect()
}

#[test]
fn a_banned_name_has_no_session_and_gets_none() {
    let mut server = LoggedServer::start(&[], &[]);
    let data = server.data().to_path_buf();
    let password = server.folder().join("secret");
    fs::write(&password, "right\n").unwrap();
    let add = ["account", "add", "Bob", "--password-file", password.to_str().unwrap()];
    run(&data, &add).unwrap();
    let mut bob = server.connect("mailbox");
    bob.send("PASS right\n");
    assert_eq!(bob.ask("LOGIN bob"), "0");
    let mut ann = server.log_in("ann");
    assert_eq!(done(&data, &["ban", "bob"]), "banned bob until the ban is lifted; ended 1 session");
    assert_eq!(bob.rest(), "");
    for password in ["right", "wrong"] {
        assert_eq!(log_in(&server, "bob", password), "LOGIN ERROR");
    }
    let mut im = server.connect("im");
    assert_eq!(im.ask("/login bob right"), "102 Authentication Failed");
    let mut chat = server.connect("chat");
    chat.line();
    assert!(chat.ask("/setname bob").starts_with("That username is taken."));
    assert_eq!(ann.compose("bob", "for later"), "MESSAGE SENT");
    let nobody = "banned nobody, a name that no account has, until ";
    assert!(done(&data, &["ban", "nobody", "--for", "1h"]).starts_with(nobody));
    let mut stranger = server.connect("mailbox");
    stranger.send("LOGIN nobody\n");
    assert_eq!(stranger.rest(), "");
    server.wait_for_log(&["login failed", "listener=mailbox", "reason=\"the name is banned\""]);
    server.wait_for_log(&["an operator: banned", "subject=\"bob\"", "audit=\"administration\""]);
    let ends = server.wait_for_log(&["an operator: banned", "subject=\"nobody\"", "until=20"]);
    assert!(ends.contains("Z "), "{ends}");
    // It holds over a restart, and on the folder it is listed and lifted as on a server.
    assert!(server.stop().success());
    assert_eq!(listed(&data), ["name bob", "name nobody"]);
    server.restart();
    assert_eq!(log_in(&server, "bob", "right"), "LOGIN ERROR");
    assert_eq!(done(&data, &["unban", "BOB"]), "lifted the ban of BOB");
    assert!(log_in(&server, "bob", "right").ends_with("You have 1 unread messages."));
    server.wait_for_log(&["an operator: unbanned", "subject=\"BOB\"", "audit=\"administration\""]);
    assert_eq!(listed(&data), ["name nobody"]);
}

#[test]
fn nobody_connects_from_a_banned_address() {
    let mut server = LoggedServer::start(&[], &[]);
    let data = server.data().to_path_buf();
    let mut banned = Client::connect_from(BANNED, server.address("mailbox"));
    assert_eq!(banned.ask("LOGIN bob"), "0");
    let mut other = server.log_in("ann");
    assert_eq!(
        done(&data, &["ban", "127.0.0.2/31"]),
        "banned 127.0.0.2/31 until the ban is lifted; ended 1 session"
    );
    assert_eq!(banned.rest(), "");
    for protocol in ["mailbox", "mailbox-verbose", "im", "board", "chat"] {
        assert!(is_refused(&server, protocol, BANNED), "{protocol}");
    }
    assert_eq!(other.ask("READ"), "READ ERROR");
    let line = server.wait_for_log(&["connection refused", "peer=127.0.0.2:"]);
    let fields = ["INFO", "reason=\"the address is banned\"", "ban=127.0.0.2/31"];
    assert!(fields.iter().all(|field| line.contains(field)), "{line}");
    // One line tells of all of them, and none is a match for fail2ban, which has banned them.
    assert!(server.log().matches("the address is banned").count() == 1, "{}", server.log());
    need("fail2ban-regex", "fail2ban");
    let filter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contrib/fail2ban/postroom.conf");
    let log = server.folder().join("log");
    let found = Command::new("fail2ban-regex").args(["-o", "ip"]).args([&log, &filter]).output();
    assert_eq!(String::from_utf8(found.unwrap().stdout).unwrap(), "");
    // Operators still reach the server, even where all of loopback is banned.
    done(&data, &["ban", "127.0.0.0/8"]);
    assert_eq!(other.rest(), "");
    assert!(is_refused(&server, "mailbox", [127, 0, 0, 1]));
    assert_eq!(listed(&data), ["addresses 127.0.0.2/31", "addresses 127.0.0.0/8"]);
    assert_eq!(done(&data, &["unban", "127.0.0.0/8"]), "lifted the ban of 127.0.0.0/8");
    server.log_in("ann");
    assert!(server.stop().success());
    server.wait_for_log(&["more connections refused within a minute", "left_out=4"]);
    server.restart();
    assert!(is_refused(&server, "mailbox", BANNED));
    server.log_in("ann");
    // Another spelling of the same addresses.
    done(&data, &["unban", "::ffff:127.0.0.3/127"]);
    Client::connect_from(BANNED, server.address("chat")).line();
}

#[test]
fn a_folder_is_asked_where_no_server_runs() {
    let mut server = Server::start();
    let data = server.data().to_path_buf();
    assert!(server.stop().success());
    add_account(&data, "bob", "right");
    assert_eq!(run(&data, &["bans"]).unwrap(), "KIND\tBANNED\tSINCE\tUNTIL\n");
    assert_eq!(done(&data, &["ban", "bob"]), "banned bob until the ban is lifted");
    let week = done(&data, &["ban", "127.0.0.2", "--for", "7d"]);
    assert!(week.starts_with("banned 127.0.0.2 until 20") && week.ends_with('Z'), "{week}");
    let longer = done(&data, &["ban", "127.0.0.2"]);
    assert_eq!(longer, "banned 127.0.0.2 until the ban is lifted; it was banned already");
    assert!(done(&data, &["ban", "--name", "127.0.0.2"]).contains(", a name that no account has,"));
    let expected = ["name bob", "addresses 127.0.0.2", "name 127.0.0.2"];
    assert_eq!(listed(&data), expected);
    server.restart();
    assert_eq!(listed(&data), expected);
    assert_eq!(log_in(&server, "bob", "right"), "LOGIN ERROR");
    assert!(is_refused(&server, "board", BANNED));
    let lines = run(&data, &["bans", "--json"]).unwrap();
    let bans: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(bans[0]["whom"], json!({"name": "bob"}));
    assert_eq!(bans[1]["whom"], json!({"addresses": "127.0.0.2/32"}));
    assert_eq!(bans[1]["until_ms"], Value::Null);
    assert!(server.stop().success());
    for subject in [&["bob"][..], &["127.0.0.2"], &["--name", "127.0.0.2"]] {
        done(&data, &[&["unban"], subject].concat());
    }
    assert_eq!(listed(&data), [""; 0]);
}

#[test]
fn wrong_arguments_and_missing_rights_are_told() {
    let mut server = Server::start();
    let data = server.data().to_path_buf();
    for runs in [true, false] {
        if !runs {
            assert!(server.stop().success());
        }
        for (arguments, expected) in [
            (&["ban"][..], "required arguments were not provided"),
            (&["ban", "two words"], "\"two words\" is no address, no prefix such as"),
            (&["ban", "192.0.2.0/33"], "is neither an address nor a prefix such as 192.0.2.0/24"),
            (&["ban", "bob", "--for", "7"], "a time is a whole number from 1 on with s, m, h, d"),
            (&["ban", "bob", "--for", "0d"], "a time is a whole number from 1 on with s, m, h, d"),
            (&["unban", "bob"], "bob is not banned; list the bans with: postroom bans --data "),
            (&["unban", "192.0.2.0/24"], "192.0.2.0/24 is not banned; list the bans with: "),
            (&["bans", "bob"], "unexpected argument 'bob'"),
        ] {
            let error = run(&data, arguments).unwrap_err();
            assert!(error.contains(expected), "{arguments:?}: {error}");
        }
        assert_eq!(listed(&data), [""; 0], "nothing was done");
    }
    server.restart();
    // Another user may not ask the server.
    let mut ban = Command::new(program());
    ban.args(["ban", "bob", "--data"]).arg(&data);
    for folder in [&data, data.parent().unwrap()] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    if geteuid().is_root() {
        ban.uid(65_534).gid(65_534);
    } else {
        fs::set_permissions(data.join("postroom.sock"), fs::Permissions::from_mode(0o0)).unwrap();
    }
    let output = ban.output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && error.contains("only the user who runs the server"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
    let nowhere = run(&data.join("nowhere"), &["ban", "bob"]).unwrap_err();
    assert!(nowhere.contains("nowhere"), "{nowhere}");
}

/// Who is banned gets in again by itself, and not before.
#[test]
fn a_ban_ends_by_itself() {
    let server = Server::start();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    for (subject, is_in) in [
        ("bob", (|server| log_in(server, "bob", "x").starts_with("Login")) as fn(&Server) -> bool),
        ("127.0.0.2", |server| {
            Client::connect_from(BANNED, server.address("chat")).try_line().is_ok()
        }),
    ] {
        let begun = now();
        done(server.data(), &["ban", subject, "--for", "1s"]);
        wait_until("the ban has ended", || is_in(&server));
        assert!(now() >= begun + Duration::from_secs(1), "{subject}: too early");
        assert_eq!(listed(server.data()), [""; 0]);
    }
}

/// Others send and read while someone is banned again and again: each message that was
/// acknowledged is read once, in order.
#[test]
fn bans_under_load_lose_nothing_of_others() {
    let server = Server::start();
    let is_over = AtomicBool::new(false);
    let (server, is_over) = (&server, &is_over);
    while_others_go_on(server, || {
        thread::scope(|scope| {
            let over = Over(is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let mut client = Client::connect_from(BANNED, server.address("mailbox"));
                    // The server may have closed it already.
                    let _ = client.try_send_bytes(b"LOGIN mallory\nREAD\n");
                    let _ = client.try_line();
                }
            });
            for _ in 0..20 {
                for subject in ["127.0.0.2", "mallory"] {
                    done(server.data(), &["ban", subject]);
                }
                for subject in ["127.0.0.2", "mallory"] {
                    done(server.data(), &["unban", subject]);
                }
            }
            wait_until("someone logs in between the bans", || {
                let mut client = Client::connect_from(BANNED, server.address("mailbox"));
                client.send("LOGIN mallory\n");
                client.try_line().is_ok()
            });
            drop(over);
        });
    });
}

#[test]
fn curl_bans_lists_and_lifts() {
    need("curl", "curl");
    let server = Server::start();
    let curl = |path: &str, body: Option<&str>| curl(server.data(), path, body);
    let (status, done) =
        curl("/v1/ban", Some(r#"{"whom":{"addresses":"192.0.2.7/24"},"seconds":3600}"#));
    assert_eq!((status.as_str(), &done["done"]), ("200", &json!("banned")), "{done}");
    assert_eq!(done["whom"], json!({"addresses": "192.0.2.0/24"}));
    assert_eq!((&done["was_banned"], &done["sessions"]), (&json!(false), &json!(0)));
    let (_, page) = curl("/v1/bans?from=0", None);
    assert_eq!(page["bans"][0]["whom"], json!({"addresses": "192.0.2.0/24"}));
    assert_eq!((&page["bans"][0]["until_ms"], &page["next"]), (&done["until_ms"], &Value::Null));
    for (path, body, status, problem) in [
        ("/v1/ban", r#"{"whom":{"name":"a b"}}"#, "422", "name"),
        ("/v1/ban", r#"{"whom":{"name":"bob"},"seconds":0}"#, "422", "malformed"),
        ("/v1/ban", r#"{"whom":{"name":"bob"},"for":"1h"}"#, "422", "malformed"),
        ("/v1/ban", r#"{"whom":{"addresses":"192.0.2.0/33"}}"#, "422", "malformed"),
        ("/v1/unban", r#"{"whom":{"name":"bob"}}"#, "404", "not-banned"),
        ("/v1/unban", "{", "400", "malformed"),
    ] {
        let (told, answer) = curl(path, Some(body));
        assert_eq!((told.as_str(), &answer["problem"]), (status, &json!(problem)), "{answer}");
        assert!(!answer["detail"].as_str().unwrap().is_empty());
    }
    let (status, lifted) = curl("/v1/unban", Some(r#"{"whom":{"addresses":"192.0.2.0/24"}}"#));
    let expected = json!({"done": "unbanned", "whom": {"addresses": "192.0.2.0/24"}});
    assert_eq!((status.as_str(), lifted), ("200", expected));
}
