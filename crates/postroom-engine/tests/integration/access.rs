//! Who is let in at a listener: each cell of registration and passwords, on each protocol.

use postroom_engine::{EngineSettings, ListenerOptions};
use postroom_model::{Access, Anonymous, Passwords, Registration};
use postroom_store::{Limits, MemoryDisk};

use postroom_simulator::{Driver, PeerKey, delete, set_password};

use crate::clients::client;

/// A driver with the accounts `open`, which has no password, and `locked`, whose password
/// is `right`. The name of `gone`, who had the password `right`, is reserved.
fn driver() -> Driver {
    let (disk, limits) = (MemoryDisk::default(), Limits::default());
    set_password(&disk, limits, "locked", "right");
    set_password(&disk, limits, "gone", "right");
    delete(&disk, limits, "gone");
    let mut driver = Driver::on(disk, EngineSettings::default(), limits);
    client(&mut driver, "mailbox", "LOGIN open\nEXIT\n");
    driver
}

fn connect(driver: &mut Driver, protocol: &str, access: Access) -> PeerKey {
    let options = ListenerOptions { access, ..ListenerOptions::default() };
    driver.connect_with([127, 0, 0, 1].into(), protocol, options)
}

/// The lines of a login.
pub(crate) fn login(protocol: &str, name: &str, password: Option<&str>) -> String {
    let (pass, login) = match protocol {
        "chat" => ("/pass", "/setname"),
        // The login has the password with it; without one it has no meaning.
        "im" => return format!("/login {name} {}\n", password.unwrap_or("none")),
        _ => ("PASS", "LOGIN"),
    };
    let pass = password.map(|password| format!("{pass} {password}\n")).unwrap_or_default();
    format!("{pass}{login} {name}\n")
}

/// Whether a login succeeds; logs out again.
fn is_let_in(
    driver: &mut Driver,
    protocol: &str,
    access: Access,
    name: &str,
    password: Option<&str>,
) -> bool {
    let key = connect(driver, protocol, access);
    driver.send(key, login(protocol, name, password).as_bytes());
    driver.settle();
    let last = driver.lines(key).pop().unwrap_or_default();
    driver.half_close(key);
    driver.settle();
    let (welcome, refusal) = match protocol {
        "mailbox" => ("0", ""),
        "mailbox-verbose" => ("Login successful", "LOGIN ERROR"),
        "im" => ("101 ", "102 "),
        _ => ("Username accepted", "That username is taken"),
    };
    let is_in = last.starts_with(welcome);
    let is_refused = last.starts_with(refusal) && (protocol != "mailbox" || last.is_empty());
    assert!(is_in != is_refused, "{protocol}: {last:?}");
    is_in
}

/// All ways to log in at a listener, and what they come to.
fn check(protocol: &str, registration: Registration, passwords: Passwords) {
    let cell = format!("{protocol} {registration:?} {passwords:?}");
    let access = Access { registration, passwords, anonymous: Anonymous::Read };
    let mut driver = driver();
    let mut tries = |name: &str, password, expected, what: &str| {
        let is_in = is_let_in(&mut driver, protocol, access, name, password);
        assert_eq!(is_in, expected, "{cell}: {what}");
    };
    // The protocol im registers nobody, and lets nobody in without a password.
    let is_im = protocol == "im";
    let is_open = registration == Registration::Open && !is_im;
    let is_optional = passwords == Passwords::Optional && !is_im;
    tries("new", None, is_open && is_optional, "a new name");
    tries("fresh", Some("chosen"), is_open, "a new name with a password");
    tries("fresh", Some("chosen"), is_open, "again");
    tries("fresh", Some("other"), false, "with another password");
    tries("fresh", None, false, "without the password");
    tries("open", None, is_optional, "an account without a password");
    tries("open", Some("any"), is_optional, "the same, with a password");
    tries("locked", Some("right"), true, "the right password");
    tries("locked", Some("wrong"), false, "a wrong password");
    tries("locked", None, false, "no password");
    for password in [None, Some("right"), Some("new")] {
        tries("gone", password, false, "the name of a deleted account");
    }
}

const REGISTRATIONS: [Registration; 2] = [Registration::Open, Registration::Closed];
const PASSWORDS: [Passwords; 2] = [Passwords::Optional, Passwords::Required];

#[test]
fn who_is_let_in_depends_on_registration_and_passwords() {
    for protocol in ["mailbox", "mailbox-verbose", "im", "chat"] {
        for registration in REGISTRATIONS {
            for passwords in PASSWORDS {
                check(protocol, registration, passwords);
            }
        }
    }
}

#[test]
fn a_message_registers_its_recipient_where_anyone_may_come_without_a_password() {
    for (registration, passwords) in
        REGISTRATIONS.into_iter().flat_map(|of| PASSWORDS.map(|passwords| (of, passwords)))
    {
        let access = Access { registration, passwords, anonymous: Anonymous::Read };
        let registers = access == Access { anonymous: Anonymous::Read, ..Access::OPEN };
        for (protocol, lines, known, sent, refused) in [
            (
                "mailbox",
                "COMPOSE new\nhi\nCOMPOSE open\nhi\n",
                "MESSAGE SENT",
                "MESSAGE SENT",
                "MESSAGE FAILED",
            ),
            (
                "mailbox-verbose",
                "COMPOSE locked new hi\nCOMPOSE locked open hi\n",
                "MESSAGE SENT SUCCESSFULLY.",
                "MESSAGE SENT SUCCESSFULLY TO NEW USER.",
                "MESSAGE FAILED. There is no user of this name.",
            ),
            (
                "chat",
                "/send new hi\n/send open hi\n",
                "Message left for open.",
                "Message left for new.",
                "No message was left: there is no user new.",
            ),
        ] {
            let mut driver = driver();
            let key = connect(&mut driver, protocol, access);
            driver.send(key, login(protocol, "locked", Some("right")).as_bytes());
            driver.settle();
            driver.look(key);
            driver.send(key, lines.as_bytes());
            driver.settle();
            let expected = [if registers { sent } else { refused }, known];
            assert_eq!(driver.lines(key), expected, "{protocol} {access:?}");
            let first = lines.lines().take(lines.lines().count() / 2);
            let first: String = first.map(|line| line.replace("new", "gone") + "\n").collect();
            driver.send(key, first.as_bytes());
            driver.settle();
            let refused = refused.replace("new", "gone");
            assert_eq!(driver.lines(key), [refused], "{protocol} {access:?}: a deleted account");
            // Whoever writes to a name does not take it away from its owner.
            let owner = is_let_in(&mut driver, "chat", access, "new", Some("chosen"));
            assert_eq!(owner, registration == Registration::Open, "{protocol} {access:?}");
        }
    }
}

#[test]
fn anonymous_clients_read_and_post_where_they_may() {
    for (anonymous, answer, latest) in [
        (Anonymous::Post, "operation success", "new"),
        (Anonymous::Read, "error: this board is read only", "old"),
    ] {
        let mut driver = driver();
        let mut ask = |anonymous, request: &[u8]| {
            let access = Access { anonymous, ..Access::OPEN };
            let key = connect(&mut driver, "board", access);
            driver.send(key, request);
            driver.half_close(key);
            driver.settle();
            let answer = driver.received(key).drain(..).collect();
            String::from_utf8(answer).unwrap().trim_end().to_owned()
        };
        assert_eq!(ask(Anonymous::Post, b"u\nold"), "operation success");
        assert_eq!(ask(anonymous, b"u\nnew"), answer);
        assert_eq!(ask(anonymous, b"d\n"), latest);
    }
}

#[test]
fn a_password_that_is_none_registers_nobody() {
    for (protocol, line) in [("mailbox", "PASS \u{1}\n"), ("mailbox-verbose", "PASS \u{1}\n")] {
        let mut driver = driver();
        let key = connect(&mut driver, protocol, Access::OPEN);
        driver.send(key, format!("{line}LOGIN new\n").as_bytes());
        driver.settle();
        let answer = driver.lines(key);
        assert!(answer.is_empty() || answer == ["LOGIN ERROR"], "{answer:?}");
        assert!(is_let_in(&mut driver, protocol, Access::OPEN, "new", Some("chosen")));
        assert!(!is_let_in(&mut driver, protocol, Access::OPEN, "new", None), "it was registered");
    }
}

#[test]
fn two_who_register_the_same_name_at_once_share_no_account() {
    let mut driver = driver();
    let keys = ["one", "two", "one"].map(|password| {
        let key = connect(&mut driver, "mailbox", Access::OPEN);
        driver.put(key, login("mailbox", "new", Some(password)).as_bytes());
        key
    });
    driver.settle();
    let let_in = keys.map(|key| driver.lines(key) == ["0"]);
    assert_eq!(let_in, [true, false, true]);
}

/// What a refused login makes the engine do: turns, jobs and checks.
fn path(driver: &mut Driver, protocol: &str, name: &str, password: Option<&str>) -> Vec<String> {
    let closed = Access {
        registration: Registration::Closed,
        passwords: Passwords::Required,
        anonymous: Anonymous::Read,
    };
    let key = connect(driver, protocol, closed);
    driver.put(key, login(protocol, name, password).as_bytes());
    let mut path = Vec::new();
    driver.checks_in_turn = 0;
    loop {
        driver.turn();
        let check = driver.engine.next_check();
        path.push(format!("turn, a check: {}", check.is_some()));
        if let Some(check) = check {
            driver.check(check);
        }
        if !driver.engine.has_work() && path.len() > 4 {
            break;
        }
    }
    driver.checks_in_turn = usize::MAX;
    path.push(driver.lines(key).join("|"));
    path.push(format!("closed: {}", driver.is_closed(key)));
    path
}

#[test]
fn known_and_unknown_names_take_the_same_path_where_strangers_are_shut_out() {
    for protocol in ["mailbox", "mailbox-verbose", "im", "chat"] {
        for password in [Some("wrong"), None] {
            let mut driver = driver();
            let mut path = |name| path(&mut driver, protocol, name, password);
            let known = path("locked");
            // Without a password there is none to be checked. im's login always has one.
            let is_checked = known.iter().any(|step| step.ends_with("a check: true"));
            assert_eq!(is_checked, password.is_some() || protocol == "im", "{known:?}");
            assert_eq!(path("nobody"), known, "{protocol}");
            assert_eq!(path("gone"), known, "{protocol}: deleted");
            assert_eq!(path("open"), known, "{protocol}: without a password");
        }
    }
}
