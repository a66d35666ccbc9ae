//! Metrics and health, as programs that watch a server ask for them.

mod attacks;
mod health;
mod scrape;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use scrape::{ANY, METRICS, Scrape, get};

use crate::harness::chat;
use crate::harness::logged::LoggedServer;
use crate::harness::support::{PATIENCE, Server, need, run_program};

const PAGE: &str = include_str!("../../../../../../docs/operating.md");

/// The part of the page on operation that is about this.
fn section() -> &'static str {
    let (_, rest) = PAGE.split_once("\n## Monitoring\n").unwrap();
    rest.split_once("\n## ").unwrap().0
}

/// Scrapes until a sample has a value: an answer may be a second old.
fn scrape_until(address: SocketAddr, name: &str, labels: &[(&str, &str)], value: f64) -> Scrape {
    let begun = Instant::now();
    loop {
        let scrape = Scrape::of(address);
        let found = scrape.labelled(name, labels);
        if is(found, value) {
            return scrape;
        }
        assert!(begun.elapsed() < PATIENCE, "{name} is {found}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn is(found: f64, expected: f64) -> bool {
    (found - expected).abs() < f64::EPSILON
}

/// What a sample has risen by.
fn risen(before: &Scrape, after: &Scrape, name: &str, labels: &[(&str, &str)]) -> f64 {
    after.labelled(name, labels) - before.labelled(name, labels)
}

#[test]
fn counters_rise_by_what_was_done() {
    let server = LoggedServer::start(&["jacky"], &[METRICS, "--capacity=8"]);
    let address = server.address("metrics");
    let before = Scrape::of(address);
    let mut bob = server.log_in("bob");
    for _ in 0..10 {
        bob.compose("ann", "hi");
    }
    let mut ann = server.log_in("ann");
    for _ in 0..3 {
        assert!(ann.read().is_some());
    }
    ann.send("EXIT\n");
    ann.rest();
    drop(ann);
    let mut chat = [(); 3].map(|()| chat::connect(&server));
    for (client, name) in chat.iter_mut().zip(["carl", "dora", "eve"]) {
        chat::set_name(client, name);
    }
    let [carl, dora, eve] = &mut chat;
    for number in 0..5 {
        carl.send(&format!("/all {number}\n"));
        for other in [&mut *dora, &mut *eve] {
            assert_eq!(other.line(), format!("carl: {number}"));
        }
    }
    dora.send("/private eve psst\n");
    assert_eq!(eve.line(), "dora(private): psst");
    for _ in 0..2 {
        let mut guess = server.connect("mailbox");
        guess.send("PASS wrong\nLOGIN jacky\n");
        guess.rest();
    }
    let ended = [("cause", "ordinary")];
    let after = scrape_until(address, "postroom_sessions_ended_total", &ended, 3.0);
    for (name, labels, expected) in [
        ("postroom_messages_stored_total", &[][..], 8.0),
        ("postroom_messages_read_total", &[], 3.0),
        ("postroom_message_proof_seconds_count", &[], 3.0),
        ("postroom_requests_refused_total", &[("limit", "mailbox")], 2.0),
        ("postroom_posts_stored_total", &[], 5.0),
        ("postroom_post_delivery_seconds_count", &[], 10.0),
        ("postroom_lines_told_total", &[], 1.0),
        ("postroom_logins_total", &[], 5.0),
        ("postroom_login_failures_total", &[("reason", "wrong_password")], 2.0),
        ("postroom_registrations_total", &[], 5.0),
        ("postroom_connections_accepted_total", &[("listener", "mailbox")], 4.0),
        ("postroom_connections_accepted_total", &[("listener", "chat")], 3.0),
        ("postroom_sessions_ended_total", &ended, 3.0),
    ] {
        let rise = risen(&before, &after, name, labels);
        assert!(is(rise, expected), "{name} {labels:?}: {rise}");
    }
    // The accounts with that of the password file.
    for (name, expected) in
        [("postroom_messages_unread", 5.0), ("postroom_accounts", 6.0), ("postroom_sessions", 4.0)]
    {
        assert!(is(after.value(name), expected), "{name}: {}", after.value(name));
    }
    assert!(risen(&before, &after, "postroom_sent_bytes_total", &[]) > 100.0);
    assert!(risen(&before, &after, "postroom_received_bytes_total", &[]) > 100.0);
    assert!(after.value("postroom_store_log_bytes") > 4_096.0);
    assert!(after.value("postroom_disk_free_bytes") > 0.0);
    let (commits, syncs) = ("postroom_commit_seconds", "postroom_sync_seconds");
    let count = |of: &str| after.value(&format!("{of}_count"));
    let sum = |of: &str| after.value(&format!("{of}_sum"));
    assert!(count(commits) >= 8.0 && sum(commits) >= sum(syncs));
    assert!(is(count(commits), count(syncs)));
    assert!(count("postroom_turn_seconds") > count(commits));
    let (open, most) = ("process_open_fds", "process_max_fds");
    assert!(after.value(open) > 10.0 && after.value(most) >= after.value(open));
}

#[test]
fn the_page_on_operation_lists_each_metric_and_no_other() {
    let server = LoggedServer::start(&[], &[METRICS]);
    let scrape = Scrape::of(server.address("metrics"));
    let mut documented = BTreeSet::new();
    let rows = section().lines().filter(|line| {
        line.starts_with("| `postroom_") && line.split('|').count() == 6
            || line.starts_with("| `process_")
    });
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let words = |cell: &'static str| cell.split('`').skip(1).step_by(2);
        for name in words(cells[1]) {
            let family = scrape.0.get(name).unwrap_or_else(|| panic!("there is no {name}"));
            assert_eq!(family.kind, cells[2], "{name}");
            assert!(documented.insert(name), "{name} comes twice");
            let mut expected: BTreeSet<_> = words(cells[3]).collect();
            let mut found = BTreeSet::new();
            for (label, values) in family.labels() {
                found.insert(label);
                // Others have values of the server's settings.
                if !["le", "listener", "version"].contains(&label) {
                    found.extend(values);
                }
            }
            if family.kind == "histogram" {
                expected.insert("le");
            }
            assert_eq!(found, expected, "the labels of {name}");
        }
    }
    assert_eq!(documented, scrape.0.keys().map(String::as_str).collect());
    // What the alerts and the text name, is there.
    let is_of_name = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let mut words: Vec<_> = section().split(|c: char| !is_of_name(c)).collect();
    words.retain(|word| ["postroom_", "process_"].iter().any(|begin| word.starts_with(begin)));
    let names = scrape.names();
    for word in words {
        let is_known = names.contains(word) || scrape.0.contains_key(word);
        let is_meant = is_known || names.iter().any(|name| name.starts_with(word));
        assert!(is_meant, "{word}");
    }
}

#[test]
fn the_commands_of_the_page_on_operation_work() {
    need("curl", "curl");
    let server = LoggedServer::start(&[], &[METRICS]);
    let address = server.address("metrics").to_string();
    let commands: Vec<_> = section().lines().filter(|line| line.starts_with("curl -fsS")).collect();
    assert_eq!(commands.len(), 2);
    for command in commands {
        let command = command.replace("127.0.0.1:9464", &address);
        let output = Command::new("sh").arg("-c").arg(&command).output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{command}");
    }
}

#[test]
fn nothing_is_served_unless_it_is_wanted_and_nothing_but_metrics_and_health() {
    let server = LoggedServer::start(&[], &[METRICS]);
    let address = server.address("metrics");
    assert_eq!(get(address, "/health"), (200, "ok\n".to_owned()));
    for path in ["/", "/v1/status", "/metrics/", "/health/x", "/v1/sessions?from=0"] {
        assert_eq!(get(address, path).0, 404, "{path}");
    }
    let posted =
        scrape::ask(address, "POST /v1/kick HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
    assert!(posted.starts_with("HTTP/1.1 405 "), "{posted}");
    let head = scrape::ask(address, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.contains("text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
    server.wait_for_log(&["metrics are served", &address.to_string()]);
    assert!(!server.log().contains("WARN"), "{}", server.log());
    let open = LoggedServer::start(&[], &["--metrics=0.0.0.0:0"]);
    open.wait_for_log(&["WARN", "metrics are served to whoever reaches their address"]);
}

#[test]
fn an_address_that_cannot_be_used_stops_the_start() {
    let server = Server::with(&[METRICS]);
    let taken = format!("--metrics={}", server.address("metrics"));
    let folder = tempfile::tempdir().unwrap();
    let start = |metrics: &str| {
        let data = folder.path().to_str().unwrap();
        let words = ["serve", "--listen=mailbox=127.0.0.1:0", "--data", data, metrics];
        let output = run_program(words, b"");
        assert!(!output.status.success());
        let error = String::from_utf8(output.stderr).unwrap();
        error.lines().last().unwrap().to_owned()
    };
    assert!(start(&taken).contains("cannot listen for metrics on 127.0.0.1:"));
    assert!(start("--metrics=here").contains("such as 127.0.0.1:9464"), "{ANY}");
}

#[test]
fn the_status_tells_how_full_the_server_is() {
    let server = LoggedServer::start(&[], &["--set=accounts.max=500"]);
    server.log_in("bob").compose("ann", "hi");
    let data = server.data().to_str().unwrap();
    let output = run_program(["status", "--data", data], b"");
    let status = String::from_utf8(output.stdout).unwrap();
    for line in ["accounts\t2 of 500", "hashtags\t0 of 10000", "unread messages\t1"] {
        assert!(status.lines().any(|other| other == line), "{line}: {status}");
    }
}
