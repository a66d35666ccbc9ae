//! Clients of HTTP that do not log in: what they may do, and how the other listeners show it.

use std::net::SocketAddr;

use postroom_engine::{
    EngineSettings, HttpConnection, HttpOutput, HttpSession, ListenerOptions, Opened,
};
use postroom_model::{
    Access, Anonymous, Channel, Forbidden, LogInRefusal, Name, Position, Reply, Request, Terms,
    Text, Unknown,
};
use postroom_protocol::HttpInput;
use postroom_simulator::{Driver, set_password};
use postroom_store::{Limits, MemoryDisk};

use crate::clients::{chat, client};

/// A session of HTTP, on a connection of its own.
pub(crate) struct Http {
    connection: HttpConnection,
    session: HttpSession,
}

impl Http {
    pub(crate) fn enter(driver: &mut Driver, access: Access) -> Self {
        let options = ListenerOptions { access, ..ListenerOptions::default() };
        let listener = driver.add_listener("http", options);
        let (now, peer) = (driver.now, SocketAddr::from(([192, 0, 2, 7], 40_000)));
        let Ok(Opened::HandedOver(connection)) = driver.engine.open(now, listener, peer) else {
            panic!("it is handed over");
        };
        let session = HttpSession(1);
        driver.engine.http_enter(now, connection, session);
        Self { connection, session }
    }

    pub(crate) fn ask(&self, driver: &mut Driver, request: Request) -> Reply {
        driver.engine.http_ask(driver.now, self.session, 0, request);
        driver.settle();
        let mut told = std::mem::take(&mut driver.http);
        match told.pop() {
            Some(HttpOutput::Session(_, HttpInput::Reply(reply))) if told.is_empty() => reply,
            other => panic!("{other:?} {told:?}"),
        }
    }

    fn leave(self, driver: &mut Driver) {
        driver.engine.http_closed(driver.now, self.connection);
        driver.settle();
    }
}

fn text(words: &str) -> Text {
    Text::from_bytes(words.as_bytes()).unwrap()
}

fn compose(to: &str) -> Request {
    let recipient = Name::new(to).unwrap();
    Request::Compose { recipient, text: text("hi"), unknown: Unknown::Register }
}

fn rust() -> Channel {
    Channel::parse("#rust").unwrap()
}

fn post() -> Request {
    Request::Post { channels: vec![rust()], text: text("hello #rust"), awaits_delivery: false }
}

fn driver() -> Driver {
    driver_with(Limits::default())
}

/// A server that knows ann, who has a password.
pub(crate) fn driver_with(limits: Limits) -> Driver {
    let disk = MemoryDisk::default();
    set_password(&disk, limits, "ann", "right");
    Driver::on(disk, EngineSettings::default(), limits)
}

/// A listener that lets clients without a login do this.
fn letting(anonymous: Anonymous) -> Access {
    Access { anonymous, ..Access::OPEN }
}

fn is_forbidden(reply: &Reply) -> bool {
    matches!(reply, Reply::Forbidden(Forbidden::Anonymous))
}

#[test]
fn a_client_without_a_login_does_what_its_listener_lets_it() {
    for (anonymous, may_post, may_read) in [
        (Anonymous::Post, true, true),
        (Anonymous::Read, false, true),
        (Anonymous::None, false, false),
    ] {
        let mut driver = driver();
        let http = Http::enter(&mut driver, letting(anonymous));
        let timeline = Request::Timeline { channel: rust(), from: Position::default() };
        for (request, may) in [
            (compose("bob"), may_post),
            (post(), may_post),
            (Request::Latest(rust()), may_read),
            (timeline, may_read),
            // These are for accounts alone.
            (Request::Read, false),
            (Request::CountUnread, false),
            (Request::Confirm, false),
            (Request::WatchMail, false),
            (Request::ListPresent, false),
            (Request::ListBlocked, false),
        ] {
            let words = format!("{anonymous:?} {request:?}");
            let reply = http.ask(&mut driver, request);
            assert_eq!(is_forbidden(&reply), !may, "{words}: {reply:?}");
        }
        let stored = driver.disk.texts();
        assert_eq!(stored.len(), if may_post { 2 } else { 0 }, "{stored:?}");
    }
}

/// Whoever has said who they are is not taken for nobody if that is not believed.
#[test]
fn a_client_whose_login_is_refused_is_no_guest() {
    let mut driver = driver();
    let http = Http::enter(&mut driver, letting(Anonymous::Post));
    let terms = Terms::WITHOUT_PRESENCE;
    let login = Request::LogIn { name: Name::new("ann").unwrap(), password: None, terms };
    let reply = http.ask(&mut driver, login);
    assert!(matches!(reply, Reply::LogInRefused(LogInRefusal::NoPassword)), "{reply:?}");
    for request in [compose("bob"), post()] {
        let reply = http.ask(&mut driver, request);
        assert!(is_forbidden(&reply), "{reply:?}");
    }
    assert!(driver.disk.texts().is_empty());
}

#[test]
fn what_the_web_says_is_shown_as_its_own_on_every_listener() {
    let mut driver = driver();
    let member = chat(&mut driver, "carl", "/join #rust\n");
    let http = Http::enter(&mut driver, letting(Anonymous::Post));
    for name in ["strict", "verbose", "talker"] {
        let reply = http.ask(&mut driver, compose(name));
        assert!(matches!(reply, Reply::Composed(_)), "{reply:?}");
    }
    let reply = http.ask(&mut driver, post());
    assert!(matches!(reply, Reply::Posted(_)), "{reply:?}");
    http.leave(&mut driver);
    assert_eq!(driver.lines(member), ["@web(#rust): hello #rust"]);
    let ask = |driver: &mut Driver, protocol: &str, login: &str, request: &str| {
        let key = client(driver, protocol, login);
        driver.send(key, request.as_bytes());
        driver.settle();
        driver.lines(key)
    };
    let mut ask = |protocol, login, request| ask(&mut driver, protocol, login, request);
    assert_eq!(ask("mailbox", "LOGIN strict\n", "READ\n"), ["@web", "hi"]);
    assert_eq!(ask("mailbox-verbose", "LOGIN verbose\n", "READ verbose\n"), ["0 @web hi"]);
    assert_eq!(ask("chat", "/setname talker\n", "/read\n"), ["from @web: hi"]);
    assert_eq!(ask("board", "", "t\n#rust\n"), ["@web: hello #rust"]);
    // Nobody can reply to it, nor be it.
    assert_eq!(ask("mailbox", "LOGIN strict\n", "COMPOSE @web\nhi\n"), ["MESSAGE FAILED"]);
    let verbose = ask("mailbox-verbose", "LOGIN verbose\n", "COMPOSE verbose @web hi\n");
    assert!(verbose[0].starts_with("MESSAGE FAILED"), "{verbose:?}");
    let told = ask("chat", "/setname writer\n", "/send @web hi\n");
    assert!(told[0].starts_with("That is no username"), "{told:?}");
    assert_eq!(ask("mailbox", "", "LOGIN @web\n"), [""; 0], "it is dropped");
    let told = ask("chat", "", "/setname @web\n");
    assert!(!told[0].starts_with("Username accepted"), "{told:?}");
}

#[test]
fn an_account_blocks_the_web_and_the_sender_is_told_of_a_full_mailbox() {
    let mut driver = driver();
    let ann = chat(&mut driver, "x", "");
    driver.half_close(ann);
    let ann = client(&mut driver, "chat", "/pass right\n/setname ann\n");
    driver.send(ann, b"/block @web\n/blocked\n");
    driver.settle();
    let told = driver.lines(ann);
    assert!(told.iter().any(|line| line.contains("@web")), "{told:?}");
    let http = Http::enter(&mut driver, letting(Anonymous::Post));
    let reply = http.ask(&mut driver, compose("ann"));
    assert!(matches!(reply, Reply::NotComposed(_)), "{reply:?}");
    driver.send(ann, b"/unblock @web\n");
    driver.settle();
    let reply = http.ask(&mut driver, compose("ann"));
    assert!(matches!(reply, Reply::Composed(_)), "{reply:?}");
}
