//! What one peer may create.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use postroom_engine::{CreationLimits, CreationRates, EngineSettings, ListenerOptions, Proof};
use postroom_model::{Access, Registration};
use postroom_store::{Limits, MemoryDisk};

use postroom_simulator::{Driver, set_password};

/// A peer may create ten accounts and ten hashtags an hour; all local programs twenty.
fn driver() -> Driver {
    let rates = CreationRates { per_hour: 10, per_hour_local: 20 };
    let creation = CreationLimits { accounts: rates, channels: rates };
    let (disk, limits) = (MemoryDisk::default(), Limits::default());
    for name in ["ada", "ben"] {
        set_password(&disk, limits, name, "1");
    }
    Driver::on(disk, EngineSettings { creation, ..EngineSettings::default() }, limits)
}

/// What the strict mailbox answers to these lines.
fn answers(driver: &mut Driver, address: &str, proof: Proof, lines: &str) -> Vec<String> {
    let address: IpAddr = address.parse().unwrap();
    let options = ListenerOptions { proof, ..ListenerOptions::default() };
    let client = driver.connect_with(address, "mailbox", options);
    driver.send(client, lines.as_bytes());
    driver.settle();
    let answers = driver.lines(client);
    driver.half_close(client);
    driver.settle();
    answers
}

/// How many of thirty messages to new names are sent from an address.
fn sent_from(driver: &mut Driver, address: &str, login: &str, proof: Proof) -> usize {
    static BATCH: AtomicU32 = AtomicU32::new(0);
    let batch = BATCH.fetch_add(1, Ordering::Relaxed);
    let new = (0..30).map(|to| format!("COMPOSE new{batch}-{to}\nhi\n"));
    let lines = format!("{login}\n{}", new.collect::<String>());
    let answers = answers(driver, address, proof, &lines);
    answers.iter().filter(|answer| *answer == "MESSAGE SENT").count()
}

#[test]
fn an_address_creates_so_many_accounts_an_hour_over_all_its_connections() {
    let mut driver = driver();
    assert_eq!(sent_from(&mut driver, "192.0.2.1", "LOGIN ann", Proof::Tcp), 9);
    assert_eq!(sent_from(&mut driver, "192.0.2.1", "LOGIN ann", Proof::Tcp), 0);
    let refused = answers(&mut driver, "192.0.2.1", Proof::Tcp, "LOGIN unknown\n");
    assert!(refused.is_empty(), "a login creates, too: {refused:?}");
    assert_eq!(sent_from(&mut driver, "192.0.2.2", "LOGIN ann", Proof::Tcp), 10, "another");
    driver.pass(Duration::from_mins(30));
    assert_eq!(sent_from(&mut driver, "192.0.2.1", "LOGIN ann", Proof::Tcp), 5);
}

#[test]
fn networks_of_ipv6_and_local_programs_have_an_allowance_together() {
    let mut driver = driver();
    let mut sent = |address: &str, proof| sent_from(&mut driver, address, "LOGIN ada", proof);
    assert_eq!(sent("2001:db8::1", Proof::Tcp), 0, "ada has a password");
    let mut sent = |address: &str, proof| sent_from(&mut driver, address, "LOGIN ann", proof);
    assert_eq!(sent("2001:db8::1", Proof::Tcp), 9);
    assert_eq!(sent("2001:db8::2", Proof::Tcp), 0, "of one /64");
    assert_eq!(sent("2001:db8:0:1::1", Proof::Tcp), 10);
    assert_eq!(sent("2001:db8:0:2::1", Proof::Tcp), 10);
    assert_eq!(sent("2001:db8:0:3::1", Proof::Tcp), 10);
    assert_eq!(sent("2001:db8:0:4::1", Proof::Tcp), 0, "of one /48");
    assert_eq!(sent("127.0.0.1", Proof::Tcp), 20);
    assert_eq!(sent("127.0.0.9", Proof::Tcp), 0, "all local programs together");
    assert_eq!(sent("127.0.0.1", Proof::Command), 10, "a proxy's clients");
}

/// How many of thirty new hashtags are made from an address, by a client of chat that has
/// said `login`.
fn hashtags(driver: &mut Driver, address: &str, login: &str, registration: Registration) -> usize {
    static BATCH: AtomicU32 = AtomicU32::new(0);
    let batch = BATCH.fetch_add(1, Ordering::Relaxed);
    let access = Access { registration, ..Access::OPEN };
    let options = ListenerOptions { access, ..ListenerOptions::default() };
    let address: IpAddr = address.parse().unwrap();
    let client = driver.connect_with(address, "chat", options);
    let new = (0..30).map(|tag| format!("/say #new{batch}_{tag} hi\n"));
    driver.send(client, format!("{login}\n{}/quit\n", new.collect::<String>()).as_bytes());
    driver.settle();
    let answers = driver.lines(client);
    driver.settle();
    assert!(answers.iter().any(|answer| answer.starts_with("Username accepted")), "{answers:?}");
    answers.iter().filter(|answer| answer.starts_with("Said in")).count()
}

#[test]
fn an_account_with_a_password_pays_for_itself_where_nobody_can_register() {
    let mut driver = driver();
    let mut made = |address, login| hashtags(&mut driver, address, login, Registration::Open);
    assert_eq!(made("192.0.2.1", "/setname ann"), 10);
    assert_eq!(made("192.0.2.1", "/pass 1\n/setname ada"), 0, "anyone may get a password there");
    let mut made = |address, login| hashtags(&mut driver, address, login, Registration::Closed);
    assert_eq!(made("192.0.2.1", "/pass 1\n/setname ada"), 10);
    assert_eq!(made("192.0.2.1", "/pass 1\n/setname ben"), 10, "each of them");
    assert_eq!(made("192.0.2.7", "/pass 1\n/setname ada"), 0, "wherever it is");
    assert_eq!(made("192.0.2.7", "/setname ann"), 10, "and not its address");
}

#[test]
fn a_message_to_a_known_name_is_never_refused_and_never_charged() {
    let mut driver = driver();
    let to_known = "COMPOSE bob\nhi\n".repeat(50);
    let lines = format!("LOGIN bob\n{to_known}");
    let mut send_to_known = |expected| {
        let all = answers(&mut driver, "192.0.2.1", Proof::Tcp, &lines);
        assert_eq!(all.iter().filter(|answer| *answer == "MESSAGE SENT").count(), expected);
    };
    send_to_known(50);
    send_to_known(50);
    assert_eq!(sent_from(&mut driver, "192.0.2.1", "LOGIN bob", Proof::Tcp), 9);
    let all = answers(&mut driver, "192.0.2.1", Proof::Tcp, "LOGIN bob\nREAD\nREAD\n");
    assert_eq!(all.len(), 5, "{all:?}");
    let all = answers(&mut driver, "192.0.2.1", Proof::Tcp, &lines.replace("bob\nhi", "ada\nhi"));
    assert_eq!(all.iter().filter(|answer| *answer == "MESSAGE SENT").count(), 50);
}

#[test]
fn the_board_and_the_chat_share_an_allowance_of_hashtags() {
    let mut driver = driver();
    let bob = driver.connect_from([192, 0, 2, 1], "chat");
    driver.send(bob, b"/setname bob\n/say #c1 hi\n/say #c2 hi\n/say #c1 again\n/join #c3\n");
    driver.settle();
    driver.lines(bob);
    let mut post = |text: &str| {
        let client = driver.connect_from([192, 0, 2, 1], "board");
        driver.send(client, format!("u\n{text}").as_bytes());
        driver.half_close(client);
        driver.settle();
        driver.lines(client).join("\n")
    };
    assert_eq!(post("#b1 #b2 #b3 #b4 #b5 #b6 #b7"), "operation success");
    assert_eq!(post("#b8 #b9"), "error: too many new hashtags");
    assert_eq!(post("#b8 #b7 #lobby"), "operation success");
    assert_eq!(post("#b9"), "error: too many new hashtags");
    assert_eq!(post("#b1 #c1, and none"), "operation success");
}
