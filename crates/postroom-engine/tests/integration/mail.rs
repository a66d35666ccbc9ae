//! Messages to several recipients at once, and looking at a mailbox, as sessions of HTTP ask
//! for them.

use postroom_model::{
    Access, ComposeRefusal, Forbidden, Name, Peeked, Recipients, Registration, Reply, Request,
    Terms, Text, Unknown,
};
use postroom_simulator::Driver;
use postroom_store::Limits;

use crate::clients::client;
use crate::guests::{Http, driver_with};

fn name(word: &str) -> Name {
    Name::new(word).unwrap()
}

fn compose_all(to: &[&str]) -> Request {
    let recipients = Recipients::new(to.iter().map(|word| name(word))).unwrap();
    let text = Text::from_bytes(b"hi").unwrap();
    Request::ComposeAll { recipients, text, unknown: Unknown::Register }
}

fn peek() -> Request {
    Request::Peek { after: None, count: 64 }
}

fn log_in(http: &Http, driver: &mut Driver, word: &str) {
    let terms = Terms::WITHOUT_PRESENCE;
    let reply = http.ask(driver, Request::LogIn { name: name(word), password: None, terms });
    assert!(matches!(reply, Reply::LoggedIn { .. }), "{reply:?}");
}

fn peeked(http: &Http, driver: &mut Driver) -> Vec<(String, bool)> {
    match http.ask(driver, peek()) {
        Reply::Peeked(Peeked { messages, next: None }) => {
            messages.iter().map(|of| (of.sender.to_string(), of.is_leased)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_of_several_recipients_gets_the_message_or_none() {
    let mut driver = driver_with(Limits { mailbox_capacity: 1, ..Limits::default() });
    let http = Http::enter(&mut driver, Access::OPEN);
    log_in(&http, &mut driver, "bob");
    let reply = http.ask(&mut driver, compose_all(&["carl", "dora"]));
    let Reply::ComposedAll(all) = reply else { panic!("{reply:?}") };
    let [carl, dora] = &all.get()[..] else { panic!("{all:?}") };
    assert_eq!((carl.recipient.as_str(), dora.recipient.as_str()), ("carl", "dora"));
    assert!(carl.registered && dora.registered && carl.id < dora.id);
    let reply = http.ask(&mut driver, compose_all(&["erin", "DORA", "carl"]));
    match reply {
        Reply::NotComposedAll { recipient, refusal: ComposeRefusal::MailboxFull { .. } } => {
            assert_eq!(recipient.as_str(), "DORA", "the first that refuses");
        }
        other => panic!("{other:?}"),
    }
    // Nobody was registered by what was refused.
    let mail = client(&mut driver, "mailbox", "LOGIN dora\n");
    driver.send(mail, b"READ\nREAD\n");
    driver.settle();
    assert_eq!(driver.lines(mail), ["bob", "hi", "READ ERROR"]);
    assert_eq!(driver.disk.texts().len(), 2);
}

#[test]
fn a_mailbox_is_looked_at_by_its_owner_alone_and_stays_as_it_is() {
    let mut driver = driver_with(Limits::default());
    let http = Http::enter(&mut driver, Access::OPEN);
    let reply = http.ask(&mut driver, peek());
    assert!(matches!(reply, Reply::Forbidden(Forbidden::Anonymous)), "{reply:?}");
    http.ask(&mut driver, compose_all(&["bob", "carl"]));
    log_in(&http, &mut driver, "bob");
    assert_eq!(peeked(&http, &mut driver), [("@web".to_owned(), false)]);
    let mail = client(&mut driver, "mailbox", "LOGIN bob\n");
    driver.send(mail, b"READ\n");
    driver.settle();
    assert_eq!(driver.lines(mail), ["@web", "hi"]);
    assert_eq!(peeked(&http, &mut driver), [("@web".to_owned(), true)]);
    driver.half_close(mail);
    driver.settle();
    assert_eq!(peeked(&http, &mut driver), []);
}

/// One that the listener does not register is enough to refuse the message.
#[test]
fn unknown_recipients_are_registered_where_the_listener_registers() {
    let mut driver = driver_with(Limits::default());
    let access = Access { registration: Registration::Closed, ..Access::OPEN };
    let http = Http::enter(&mut driver, access);
    let reply = http.ask(&mut driver, compose_all(&["ann", "nobody"]));
    match reply {
        Reply::NotComposedAll { recipient, refusal: ComposeRefusal::Unknown } => {
            assert_eq!(recipient.as_str(), "nobody");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(driver.disk.texts().len(), 0);
}
