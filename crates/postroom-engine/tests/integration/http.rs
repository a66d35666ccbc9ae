//! Connections of HTTP: their sessions are asked for by another driver, which may be late.

use std::net::{IpAddr, SocketAddr};

use postroom_engine::{
    AdminAnswer, AdminRequest, EngineSettings, HTTP_SESSIONS_MAX, HttpConnection, HttpOutput,
    HttpSession, Kick, ListenerKey, ListenerOptions, Opened, PeerLimits, Status,
};
use postroom_model::{Channel, Name, Password, Reply, Request, Terms, Text, Unknown};
use postroom_protocol::{DropReason, HttpInput};
use postroom_simulator::{Driver, set_password};
use postroom_store::{Limits, MemoryDisk};

use crate::clients::client;

const PEER: [u8; 4] = [192, 0, 2, 7];

pub(crate) struct Http {
    pub(crate) driver: Driver,
    listener: ListenerKey,
    last: u64,
}

impl Http {
    pub(crate) fn with(settings: EngineSettings) -> Self {
        let (disk, limits) = (MemoryDisk::default(), Limits::default());
        for name in ["ann", "ian"] {
            set_password(&disk, limits, name, "right");
        }
        let mut driver = Driver::on(disk, settings, limits);
        let listener = driver.add_listener("http", ListenerOptions::default());
        Self { driver, listener, last: 0 }
    }

    pub(crate) fn new() -> Self {
        Self::with(EngineSettings::default())
    }

    pub(crate) fn open(&mut self) -> HttpConnection {
        self.driver.perform();
        let (now, peer) = (self.driver.now, SocketAddr::from((PEER, 40_000)));
        match self.driver.engine.open(now, self.listener, peer) {
            Ok(Opened::HandedOver(connection)) => connection,
            other => panic!("{other:?}"),
        }
    }

    fn enter(&mut self, connection: HttpConnection) -> HttpSession {
        self.last += 1;
        self.driver.engine.http_enter(self.driver.now, connection, HttpSession(self.last));
        HttpSession(self.last)
    }

    /// A session that has logged in. The password of `ann` and `ian` is `right`.
    pub(crate) fn log_in(&mut self, connection: HttpConnection, name: &str) -> HttpSession {
        let session = self.enter(connection);
        let password =
            matches!(name, "ann" | "ian").then(|| Password::from_bytes(b"right").unwrap());
        let name = Name::new(name).unwrap();
        self.ask(session, Request::LogIn { name, password, terms: Terms::WITHOUT_PRESENCE });
        let replies = self.told(session);
        assert!(matches!(replies[..], [HttpInput::Reply(Reply::LoggedIn { .. })]), "{replies:?}");
        session
    }

    pub(crate) fn ask(&mut self, session: HttpSession, request: Request) {
        self.driver.engine.http_ask(self.driver.now, session, 0, request);
    }

    fn compose(&mut self, session: HttpSession, to: &str) {
        let (recipient, text) = (Name::new(to).unwrap(), Text::from_bytes(b"hi").unwrap());
        self.ask(session, Request::Compose { recipient, text, unknown: Unknown::Register });
    }

    pub(crate) fn all_told(&mut self) -> Vec<HttpOutput> {
        self.driver.settle();
        std::mem::take(&mut self.driver.http)
    }

    /// What is told of a session; nothing else may be.
    pub(crate) fn told(&mut self, session: HttpSession) -> Vec<HttpInput> {
        let of = |output| match output {
            HttpOutput::Session(other, input) if other == session => input,
            other => panic!("{other:?}"),
        };
        self.all_told().into_iter().map(of).collect()
    }

    /// What an account reads at another listener.
    fn read(&mut self, name: &str) -> Vec<String> {
        let mail = client(&mut self.driver, "mailbox", &format!("LOGIN {name}\n"));
        self.driver.send(mail, b"READ\n");
        self.driver.settle();
        self.driver.lines(mail)
    }

    fn status(&mut self) -> Status {
        match self.driver.administer(AdminRequest::Status) {
            AdminAnswer::Status(status) => status,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_session_of_http_asks_and_is_answered_in_order() {
    let mut http = Http::new();
    let connection = http.open();
    let bob = http.log_in(connection, "bob");
    http.compose(bob, "carl");
    http.ask(bob, Request::CountUnread);
    let told = http.told(bob);
    let [HttpInput::Reply(Reply::Composed(_)), HttpInput::Reply(Reply::Unread(0))] = told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!(http.read("carl"), ["bob", "hi"]);
}

#[test]
fn what_a_connection_was_handed_is_unread_again_once_it_is_gone() {
    let mut http = Http::new();
    let connection = http.open();
    let bob = http.log_in(connection, "bob");
    http.compose(bob, "bob");
    http.ask(bob, Request::Read);
    let told = http.told(bob);
    assert!(matches!(told[..], [_, HttpInput::Reply(Reply::Read(_))]), "{told:?}");
    http.driver.engine.http_closed(http.driver.now, connection);
    // What comes late from the other driver changes nothing.
    http.ask(bob, Request::Confirm);
    http.driver.engine.http_leave(http.driver.now, bob);
    http.driver.engine.http_closed(http.driver.now, connection);
    let told = http.told(bob);
    assert!(matches!(told[..], [HttpInput::Ended(_)]), "{told:?}");
    assert_eq!(http.read("bob"), ["bob", "hi"]);
}

#[test]
fn a_connection_counts_until_its_driver_closes_it() {
    let peers = PeerLimits { connections: 2, ..PeerLimits::default() };
    let mut http = Http::with(EngineSettings { peers, ..EngineSettings::default() });
    let (first, _) = (http.open(), http.open());
    assert_eq!(http.status().connections, 2);
    let peer = SocketAddr::from((PEER, 40_000));
    assert!(http.driver.engine.open(http.driver.now, http.listener, peer).is_err());
    http.driver.engine.http_closed(http.driver.now, first);
    assert_eq!(http.status().connections, 1);
    http.open();
}

#[test]
fn a_kick_ends_sessions_and_an_address_loses_its_connections() {
    let mut http = Http::new();
    let connection = http.open();
    let (ann, bob) = (http.log_in(connection, "bob"), http.log_in(connection, "carl"));
    let kick = Kick::Account(Name::new("bob").unwrap());
    let kicked = http.driver.administer(AdminRequest::Kick(kick));
    assert!(matches!(kicked, AdminAnswer::Kicked(1)), "{kicked:?}");
    let told = http.told(ann);
    assert!(matches!(told[..], [HttpInput::Ended(DropReason::Kicked)]), "{told:?}");
    http.ask(bob, Request::CountUnread);
    assert!(matches!(http.told(bob)[..], [HttpInput::Reply(Reply::Unread(0))]));
    let prefix = IpAddr::from(PEER).into();
    http.driver.administer(AdminRequest::Kick(Kick::Addresses(prefix)));
    let told = http.all_told();
    let [HttpOutput::Session(of, HttpInput::Ended(_)), HttpOutput::Close(closed)] = told[..] else {
        panic!("{told:?}");
    };
    assert_eq!((of, closed), (bob, connection));
    assert_eq!(http.status().connections, 0);
}

#[test]
fn a_connection_has_so_many_sessions_and_no_more() {
    let mut http = Http::new();
    let connection = http.open();
    for number in 0..HTTP_SESSIONS_MAX {
        http.log_in(connection, &format!("bob{number}"));
    }
    let beyond = http.enter(connection);
    http.ask(beyond, Request::CountUnread);
    assert!(matches!(http.told(beyond)[..], [HttpInput::Ended(_)]));
}

#[test]
fn who_says_too_much_is_told_how_long_to_wait() {
    let mut http = Http::new();
    let connection = http.open();
    let bob = http.log_in(connection, "bob");
    let login = || Request::LogIn {
        name: Name::new("ann").unwrap(),
        password: None,
        terms: Terms::WITHOUT_PRESENCE,
    };
    let waits = (0..1_000).find_map(|_| {
        let session = http.enter(connection);
        http.ask(session, login());
        let told = http.all_told();
        http.driver.engine.http_leave(http.driver.now, session);
        told.into_iter().find_map(|output| match output {
            HttpOutput::TooMuch { session: of, wait, .. } => {
                assert_eq!(of, session);
                Some(wait)
            }
            _ => None,
        })
    });
    let wait = waits.expect("an address logs in so often and no more");
    // Others are not held up by it, and neither is it after that.
    http.ask(bob, Request::CountUnread);
    assert!(matches!(http.told(bob)[..], [HttpInput::Reply(Reply::Unread(0))]));
    http.driver.pass(wait);
    let session = http.enter(connection);
    http.ask(session, login());
    let told = http.told(session);
    assert!(matches!(told[..], [HttpInput::Reply(Reply::LogInRefused(_))]), "{told:?}");
}

#[test]
fn each_post_of_a_watched_channel_is_told_once() {
    let mut http = Http::new();
    let rust = Channel::parse("#rust").unwrap();
    let connection = http.open();
    let bob = http.log_in(connection, "bob");
    let texts = |http: &mut Http| -> Vec<String> {
        let text = |output| match output {
            HttpOutput::Post(posted) => Some(posted.post().text.as_str().to_owned()),
            _ => None,
        };
        http.all_told().into_iter().filter_map(text).collect()
    };
    let post = |http: &mut Http, text: &[u8]| {
        let (channels, text) = (vec![rust.clone()], Text::from_bytes(text).unwrap());
        http.ask(bob, Request::Post { channels, text, awaits_delivery: false });
    };
    post(&mut http, b"before");
    assert!(texts(&mut http).is_empty());
    for _ in 0..2 {
        http.driver.engine.http_watch(http.driver.now, &rust, true);
    }
    let mary = client(&mut http.driver, "chat", "/setname mary\n/join #rust\n/say #rust one\n");
    post(&mut http, b"two");
    assert_eq!(texts(&mut http), ["one", "two"]);
    assert!(http.driver.lines(mary).contains(&"bob(#rust): two".to_owned()));
    http.driver.engine.http_watch(http.driver.now, &rust, false);
    post(&mut http, b"three");
    assert!(texts(&mut http).is_empty());
    assert_eq!(http.driver.lines(mary), ["bob(#rust): three"]);
}

#[test]
fn the_deletion_of_a_post_in_a_watched_channel_is_told_once() {
    let mut http = Http::new();
    let [rust, tea] = ["#rust", "#tea"].map(|tag| Channel::parse(tag).unwrap());
    let connection = http.open();
    let ann = http.log_in(connection, "ann");
    let text = Text::from_bytes(b"one").unwrap();
    let channels = vec![rust.clone(), tea];
    http.driver.engine.http_watch(http.driver.now, &rust, true);
    http.ask(ann, Request::Post { channels, text, awaits_delivery: false });
    let posted = http.all_told().into_iter().find_map(|output| match output {
        HttpOutput::Post(posted) => Some(posted.stamp.id),
        _ => None,
    });
    let id = posted.expect("it is watched");
    for is_first in [true, false] {
        http.ask(ann, Request::DeletePost { id });
        let (mut told, mut replies) = (Vec::new(), 0);
        for output in http.all_told() {
            match output {
                HttpOutput::PostDeleted { channel, id, is_private: false } => {
                    told.push((channel, id));
                }
                HttpOutput::Session(_, HttpInput::Reply(Reply::PostDeleted(of))) => {
                    assert_eq!(*of.get(), id);
                    replies += 1;
                }
                _ => {}
            }
        }
        let expected: Vec<_> = is_first.then(|| (rust.clone(), id)).into_iter().collect();
        assert_eq!((told, replies), (expected, 1));
    }
}
