//! docs/administration.md says what the API is.

use std::fs;
use std::path::{Path, PathBuf};

use postroom_store::Timestamp;
use postroom_web::{
    AccountDone, AccountOrder, BanDone, BanLine, BanOrder, BanPage, ChannelDone, ChannelOrder,
    CheckLine, Counts, EXPORT_VERSION, ExportCounts, ExportLine, Whom,
};
use serde_json::{Value, json};

const PAGE: &str = include_str!("../../../docs/administration.md");

/// What stands between backquotes in lines of the page with this beginning.
fn words() -> Vec<&'static str> {
    PAGE.split('`').skip(1).step_by(2).flat_map(|code| code.split(", ")).collect()
}

#[test]
fn every_order_and_every_answer_is_on_the_page() {
    let orders = [
        json!({"command": "add", "account": "a", "password": "b"}),
        json!({
            "command": "import",
            "account": "a",
            "password": "b",
            "blocked": ["c"],
            "messages": [{"sender": "c", "time": "2026-01-02T03:04:05Z", "text": "d"}],
        }),
        json!({"command": "passwd", "account": "a", "password": "b"}),
        json!({"command": "remove-password", "account": "a"}),
        json!({"command": "rename", "account": "a", "to": "b"}),
        json!({"command": "delete", "account": "a"}),
        json!({"command": "release", "account": "a"}),
        json!({"command": "block", "account": "a", "sender": "b"}),
        json!({"command": "unblock", "account": "a", "sender": "b"}),
        json!({"command": "blocked", "account": "a"}),
    ];
    for order in orders {
        let parsed: AccountOrder = serde_json::from_value(order.clone()).expect("it is an order");
        assert_eq!(serde_json::to_value(&parsed).expect("it is JSON"), order);
        for (member, value) in order.as_object().expect("an object") {
            let word = if member == "command" { value.as_str().expect("a word") } else { member };
            assert!(words().contains(&word), "{word}");
        }
    }
    let order = json!({"command": "delete", "channel": "#a"});
    let parsed: ChannelOrder = serde_json::from_value(order.clone()).expect("it is an order");
    assert_eq!(serde_json::to_value(&parsed).expect("it is JSON"), order);
    let done = ChannelDone::Deleted { channel: "#a".to_owned(), posts: 1, members: 1 };
    let shape = PAGE.lines().find(|line| line.contains("POST /v1/channel")).expect("a line");
    let told = serde_json::to_value(done).expect("it is JSON");
    for (member, _) in told.as_object().expect("an object") {
        assert!(shape.contains(&format!("\"{member}\"")), "{member}");
    }
    let account = || "a".to_owned();
    for done in [
        AccountDone::Added { account: account() },
        AccountDone::Imported { account: account(), blocked: 1, messages: 1 },
        AccountDone::PasswordSet { account: account(), had_password: true, in_password_file: true },
        AccountDone::PasswordRemoved { account: account(), had_password: true },
        AccountDone::Renamed { account: account(), to: account(), is_reserved: true },
        AccountDone::Deleted { account: account(), unread: 1, posts: 1, is_reserved: true },
        AccountDone::Released { account: account() },
        AccountDone::BlockSet {
            account: account(),
            sender: account(),
            is_blocked: true,
            is_new: true,
        },
        AccountDone::Blocked { senders: Vec::new() },
    ] {
        let told: Value = serde_json::to_value(&done).expect("it is JSON");
        let word = told["done"].as_str().expect("a word");
        assert!(words().contains(&word), "{word}");
    }
}

/// Each type of line, and each of its members.
fn check_lines_are_on_the_page(lines: &[impl serde::Serialize]) {
    for line in lines {
        let told: Value = serde_json::to_value(line).expect("it is JSON");
        for (member, value) in told.as_object().expect("an object") {
            let word = if member == "type" { value.as_str().expect("a word") } else { member };
            assert!(words().contains(&word), "{word}");
        }
    }
}

#[test]
fn every_line_of_a_check_is_on_the_page() {
    let what = || "what".to_owned();
    check_lines_are_on_the_page(&[
        CheckLine::Record { table: what(), key: 1, what: what() },
        CheckLine::File { what: what() },
        CheckLine::End(Counts::default()),
        CheckLine::Failed { detail: what() },
    ]);
}

/// The names of all members of a value.
fn members(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                names.push(name.clone());
                members(value, names);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| members(value, names)),
        _ => {}
    }
}

#[test]
fn all_of_bans_is_on_the_page() {
    let ban = || BanLine {
        whom: Whom::Addresses("192.0.2.0/24".parse().expect("a prefix")),
        since_ms: 1,
        until_ms: Some(2),
    };
    let whom = || Whom::Name("bob".to_owned());
    let banned = BanDone::Banned { ban: ban(), was_banned: true, is_account: true, sessions: 1 };
    let dones = [banned, BanDone::Unbanned { whom: whom() }];
    for done in &dones {
        let told: Value = serde_json::to_value(done).expect("it is JSON");
        let word = told["done"].as_str().expect("a word");
        assert!(words().contains(&word), "{word}");
    }
    let order = BanOrder { whom: whom(), seconds: std::num::NonZeroU32::new(1) };
    let page = BanPage { bans: vec![ban()], next: Some(1) };
    let told = json!([order, page, dones]);
    let mut names = Vec::new();
    members(&told, &mut names);
    for name in &names {
        let is_there = PAGE.contains(&format!("\"{name}\"")) || words().contains(&name.as_str());
        assert!(is_there, "{name}");
    }
    assert!(names.len() > 15);
}

#[test]
fn every_line_of_an_export_is_on_the_page() {
    let (word, time) = (|| "a".to_owned(), Timestamp(0).into());
    check_lines_are_on_the_page(&[
        ExportLine::Account { version: EXPORT_VERSION, account: word(), has_password: true, time },
        ExportLine::Block { sender: word() },
        ExportLine::Message { sender: word(), time, text: word() },
        ExportLine::Read { sender: word(), time, text: word() },
        ExportLine::Sent { recipient: word(), time, text: word() },
        ExportLine::Post { channel: word(), time, text: word() },
        ExportLine::End(ExportCounts::default()),
        ExportLine::Failed { detail: word() },
    ]);
    assert!(PAGE.contains(&format!("the version of this format, {EXPORT_VERSION};")));
}

/// The text of all source files of a folder.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("the sources are here");
    let read = |path: PathBuf| {
        if path.is_dir() { sources(&path) } else { fs::read_to_string(path).expect("it is text") }
    };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    // The listeners for HTTP have a page of their own.
    paths.filter(|path| !path.ends_with("src/http")).map(read).collect()
}

/// The words for problems, and the paths, as they stand in the source.
#[test]
fn every_path_and_every_problem_is_on_the_page() {
    let sources = sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")));
    let quoted: Vec<_> = sources.split('"').skip(1).step_by(2).collect();
    let paths: Vec<_> = quoted.iter().filter(|word| word.starts_with("/v1/")).collect();
    assert!(paths.len() >= 5, "{paths:?}");
    for path in paths {
        assert!(PAGE.contains(&format!(" {path}")), "{path}");
    }
    // Each is the first string behind its status.
    let problems = sources.split("StatusCode::").skip(1).filter_map(|rest| {
        let (_, word) = rest.split_once(", \"")?;
        word.split_once('"').map(|(word, _)| word)
    });
    let problems: Vec<_> = problems.filter(|word| !word.contains([' ', '/'])).collect();
    assert!(problems.len() > 10, "{problems:?}");
    for problem in problems.iter().filter(|word| !["hash", "defect"].contains(word)) {
        assert!(words().contains(problem), "{problem}");
    }
}
