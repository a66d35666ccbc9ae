//! What a client changes of its own account: its password, and whom it has blocked.

use postroom_engine::EngineSettings;
use postroom_protocol::{ChatSettings, Settings};
use postroom_store::{Limits, MemoryDisk};

use postroom_simulator::{Driver, PORT, PeerKey, set_password};

use crate::clients::{chat, client};

/// A driver with the accounts `ann` and `ian`, whose password is `1`.
fn driver() -> Driver {
    let (disk, limits) = (MemoryDisk::default(), Limits::default());
    for name in ["ann", "ian"] {
        set_password(&disk, limits, name, "1");
    }
    let chat = ChatSettings { announces: false };
    let session = Settings { chat, ..Settings::default() };
    Driver::on(disk, EngineSettings { session, ..EngineSettings::default() }, limits)
}

fn ann(driver: &mut Driver) -> PeerKey {
    client(driver, "chat", "/pass 1\n/setname ann\n")
}

fn say(driver: &mut Driver, key: PeerKey, lines: &str) -> Vec<String> {
    driver.send(key, lines.as_bytes());
    driver.settle();
    driver.lines(key)
}

#[test]
fn a_password_is_changed_by_those_who_give_the_old_one() {
    for (protocol, login, passwd, [changed, wrong, none]) in [
        (
            "chat",
            "/pass 1\n/setname ann\n",
            "/passwd",
            [
                "Your password is changed.",
                "Your password was not changed: the old password is wrong.",
                "Your password was not changed: the account has no password; ask the operator for \
                 one.",
            ],
        ),
        (
            "mailbox-verbose",
            "PASS 1\nLOGIN ann\n",
            "PASSWD",
            [
                "PASSWORD CHANGED SUCCESSFULLY.",
                "PASSWORD FAILED. The old password is wrong.",
                "PASSWORD FAILED. The account has no password; ask the operator for one.",
            ],
        ),
    ] {
        let mut driver = driver();
        let key = client(&mut driver, protocol, login);
        assert_eq!(say(&mut driver, key, &format!("{passwd} 2 3\n")), [wrong]);
        assert_eq!(say(&mut driver, key, &format!("{passwd} 1 the new one\n")), [changed]);
        assert_eq!(
            say(&mut driver, key, &format!("{passwd} 1 3\n")),
            [wrong],
            "it was the old one"
        );
        driver.half_close(key);
        driver.settle();
        let mut tries = |password: &str| {
            let key = client(&mut driver, "mailbox", "");
            say(&mut driver, key, &format!("PASS {password}\nLOGIN ann\n")) == ["0"]
        };
        assert_eq!(["1", "2", "the new one"].map(&mut tries), [false, false, true]);
        let login = login.replace("/pass 1\n", "").replace("PASS 1\n", "").replace("ann", "bob");
        let bob = client(&mut driver, protocol, &login);
        assert_eq!(say(&mut driver, bob, &format!("{passwd} 1 2\n")), [none]);
    }
}

#[test]
fn a_wrong_old_password_counts_as_a_failed_login() {
    let mut driver = driver();
    let key = driver.connect_from([192, 0, 2, 1], "chat");
    say(&mut driver, key, "/pass 1\n/setname ann\n");
    let mut times = Vec::new();
    for _ in 0..14 {
        let begun = driver.now;
        let mut answer = say(&mut driver, key, "/passwd 2 3\n");
        while answer.is_empty() {
            let next = driver.engine.next_deadline().expect("the check waits");
            driver.pass(next - driver.now);
            answer = driver.lines(key);
        }
        times.push((driver.now - begun).as_millis());
    }
    assert_eq!(times[..9], [0, 0, 0, 0, 0, 10, 20, 40, 80], "a few are free");
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn a_change_goes_on_where_its_session_has_ended() {
    let mut driver = driver();
    let key = ann(&mut driver);
    driver.checks_in_turn = 0;
    driver.put(key, b"/passwd 1 2\n");
    (0..3).for_each(|_| driver.turn());
    driver.reset(key);
    driver.checks_in_turn = usize::MAX;
    driver.settle();
    assert_eq!(driver.engine.sessions(), 0);
    let key = client(&mut driver, "mailbox", "");
    assert_eq!(say(&mut driver, key, "PASS 2\nLOGIN ann\n"), ["0"]);
}

#[test]
fn a_blocked_sender_is_answered_as_if_there_were_no_room_and_nobody_there() {
    let mut driver = driver();
    let ann = ann(&mut driver);
    let eve = chat(&mut driver, "eve", "");
    let bob = chat(&mut driver, "bob", "");
    let ian = driver.connect("im");
    driver.listen(ian);
    say(&mut driver, ian, &format!("/login ian 1\n/port {PORT}\n"));
    driver.look(eve);
    driver.look(ann);
    let answers = say(&mut driver, ann, "/block Eve\n/block eve\n/block ian\n/blocked\n");
    assert_eq!(
        answers,
        [
            "Eve can no longer write to you.",
            "You have blocked eve already.",
            "ian can no longer write to you.",
            "Blocked users:",
            "Eve",
            "ian",
        ]
    );
    let answers = say(&mut driver, eve, "/private ann psst\n/send ann hi\n/all hello\n");
    assert_eq!(
        answers,
        ["User not found", "No message was left: ann has 100 unread messages already."]
    );
    let mail = client(&mut driver, "mailbox", "LOGIN eve\n");
    assert_eq!(say(&mut driver, mail, "COMPOSE ann\nhi\n"), ["MESSAGE FAILED"]);
    assert_eq!(say(&mut driver, ian, "/to ann hi\n"), ["304 Message delivery failed"]);
    driver.look(bob);
    assert_eq!(say(&mut driver, bob, "/private ann hi\n/send ann hi\n"), ["Message left for ann."]);
    assert_eq!(driver.lines(ann), ["eve: hello", "bob(private): hi"], "what all see, she sees");
    let answers = say(&mut driver, ann, "/unblock eve\n/unblock eve\n/inbox\n");
    let expected =
        ["eve can write to you again.", "You have not blocked eve.", "You have 1 unread message."];
    assert_eq!(answers, expected);
    assert_eq!(
        say(&mut driver, eve, "/private ann psst\n/send ann hi\n"),
        ["Message left for ann."]
    );
    assert_eq!(driver.lines(ann), ["eve(private): psst"]);
    let refused = say(&mut driver, bob, "/block eve\n");
    assert_eq!(
        refused,
        ["Only an account with a password can block others; ask the operator for one."]
    );
}
