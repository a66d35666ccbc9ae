//! Several devices of one account: who may be present beside whom, on all listeners, and what
//! each is told.

use std::time::Duration;

use postroom_engine::{HttpConnection, HttpOutput, HttpSession, What};
use postroom_model::{Mark, PresenceTerms, Reply, Request, Told};
use postroom_protocol::HttpInput;
use postroom_simulator::PeerKey;

use crate::clients::{chat, client};
use crate::http::Http;

/// How a client of one account uses the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Use {
    Mailbox,
    Verbose,
    Board,
    Im,
    Chat,
    /// HTTP, without presence.
    Requests,
    /// HTTP, present.
    Device,
}

const USES: [Use; 7] =
    [Use::Mailbox, Use::Verbose, Use::Board, Use::Im, Use::Chat, Use::Requests, Use::Device];

struct Devices {
    http: Http,
    connection: HttpConnection,
}

impl Devices {
    fn new() -> Self {
        let mut http = Http::new();
        let connection = http.open();
        Self { http, connection }
    }

    /// A client, and whether it was let in.
    fn begins(&mut self, name: &str, of: Use) -> bool {
        let has_password = name == "ann";
        let pass = |command: &str| {
            if has_password { format!("{command} right\n") } else { String::new() }
        };
        let (protocol, login, welcome) = match of {
            Use::Mailbox => ("mailbox", pass("PASS") + &format!("LOGIN {name}\n"), "0"),
            Use::Verbose => {
                ("mailbox-verbose", pass("PASS") + &format!("LOGIN {name}\n"), "Login successful")
            }
            Use::Board => ("board", "d\n\n".to_owned(), "Empty Message"),
            Use::Im => ("im", format!("/login {name} right\n"), "101"),
            Use::Chat => {
                ("chat", pass("/pass") + &format!("/setname {name}\n"), "Username accepted")
            }
            Use::Requests => return self.http.log_in(self.connection, name).0 > 0,
            Use::Device => {
                let session = self.http.log_in(self.connection, name);
                return self.appears(session);
            }
        };
        let key = self.http.driver.connect(protocol);
        self.http.driver.send(key, login.as_bytes());
        self.http.driver.settle();
        let text = String::from_utf8_lossy(&self.http.driver.look(key)).into_owned();
        text.lines().any(|line| line.starts_with(welcome))
    }

    fn appears(&mut self, session: HttpSession) -> bool {
        self.http.ask(session, Request::Appear(PresenceTerms::DEVICE));
        match self.http.told(session)[..] {
            [HttpInput::Reply(Reply::Appeared)] => true,
            [HttpInput::Reply(Reply::NotAppeared)] => false,
            ref told => panic!("{told:?}"),
        }
    }

    /// A device that is present.
    fn device(&mut self, name: &str) -> HttpSession {
        let session = self.http.log_in(self.connection, name);
        assert!(self.appears(session), "{name}");
        session
    }

    fn ask(&mut self, session: HttpSession, request: Request) -> Vec<HttpInput> {
        self.http.ask(session, request);
        self.http.told(session)
    }

    fn say(&mut self, key: PeerKey, lines: &str) -> Vec<String> {
        self.http.driver.send(key, lines.as_bytes());
        self.http.driver.settle();
        self.http.driver.lines(key)
    }

    /// Who comes and goes, by the log.
    fn logged(&mut self) -> Vec<String> {
        let logged = std::mem::take(&mut self.http.driver.log).into_iter();
        let line = |what| match what {
            What::Joined(attendee) => Some(format!("{} joins {}", attendee.name, attendee.active)),
            What::Left(attendee) => Some(format!("{} leaves {}", attendee.name, attendee.active)),
            _ => None,
        };
        logged.filter_map(line).collect()
    }

    /// The live lines that were told, by the sessions to which they went.
    fn lines_told(&mut self) -> Vec<(HttpSession, String, Option<Mark>)> {
        let told = self.http.all_told().into_iter();
        let line = |output| match output {
            HttpOutput::Session(session, HttpInput::Told(told)) => {
                let Told { sender, text, mark } = told;
                (session, format!("{sender}: {}", text.as_str()), mark)
            }
            other => panic!("{other:?}"),
        };
        told.map(line).collect()
    }
}

/// Whether a second use is let in beside the first. `None` where the account cannot have it:
/// im needs a password.
fn is_let_in(has_password: bool, first: Use, second: Use) -> Option<bool> {
    let is_sole = |of| matches!(of, Use::Im | Use::Chat);
    let is_present = |of| is_sole(of) || of == Use::Device;
    if !has_password && (first == Use::Im || second == Use::Im) {
        return None;
    }
    let keeps_out = |of| if has_password { is_sole(of) } else { is_present(of) };
    Some(!(keeps_out(first) && keeps_out(second)))
}

#[test]
fn who_is_let_in_beside_whom_on_all_listeners() {
    for (name, has_password) in [("ann", true), ("bob", false)] {
        for first in USES {
            for second in USES {
                let Some(is_let_in) = is_let_in(has_password, first, second) else {
                    continue;
                };
                let mut devices = Devices::new();
                assert!(devices.begins(name, first), "{name} {first:?}");
                let (uses, is) = ((first, second), devices.begins(name, second));
                assert_eq!(is, is_let_in, "{name} {uses:?}");
            }
        }
    }
}

#[test]
fn a_refusal_is_told_in_the_words_of_each_listener() {
    let mut devices = Devices::new();
    let mary = devices.device("mary");
    let other = client(&mut devices.http.driver, "chat", "");
    assert!(devices.say(other, "/setname mary\n")[0].contains("taken"));
    assert!(devices.begins("ann", Use::Chat));
    let im = client(&mut devices.http.driver, "im", "");
    assert_eq!(devices.say(im, "/login ann right\n"), ["103 You are already logged in"]);
    // The name is free once its session has gone.
    devices.http.driver.engine.http_leave(devices.http.driver.now, mary);
    devices.http.driver.settle();
    assert!(devices.say(other, "/setname mary\n")[0].starts_with("Username accepted"));
}

#[test]
fn an_account_arrives_with_its_first_session_and_departs_with_its_last() {
    let mut devices = Devices::new();
    let bob = chat(&mut devices.http.driver, "bob", "");
    devices.logged();
    let phone = devices.device("ann");
    assert_eq!(devices.logged(), ["ann joins 2"]);
    let laptop = devices.device("ann");
    let ann = client(&mut devices.http.driver, "chat", "/pass right\n/setname ann\n");
    devices.http.driver.pass(Duration::from_secs(1));
    assert_eq!(devices.http.driver.lines(bob), ["ann has joined (2 users active)"]);
    assert!(devices.http.driver.lines(ann).is_empty(), "nobody came after it");
    assert_eq!(devices.say(bob, "/allusers\n"), ["Users in chat:", "bob", "ann"]);
    for session in [phone, laptop] {
        let told = devices.ask(session, Request::Disappear);
        assert!(matches!(told[..], [HttpInput::Reply(Reply::Disappeared)]), "{told:?}");
    }
    assert_eq!(devices.say(ann, "/quit\n"), ["You have left the chat"]);
    devices.http.driver.pass(Duration::from_secs(1));
    assert_eq!(devices.http.driver.lines(bob), ["ann has left (1 user active)"]);
    assert_eq!(devices.logged(), ["ann leaves 1"]);
    // It is still logged in, and may come again; twice is once.
    assert!(devices.appears(phone) && devices.appears(phone));
    assert_eq!(devices.logged(), ["ann joins 2"]);
    devices.http.driver.engine.http_leave(devices.http.driver.now, phone);
    devices.http.driver.settle();
    assert_eq!(devices.logged(), ["ann leaves 1"]);
}

#[test]
fn a_login_whose_client_has_half_closed_is_answered_as_one_that_stays() {
    let mut devices = Devices::new();
    devices.device("ann");
    devices.device("bob");
    let enter = |devices: &mut Devices, lines: &str| {
        let key = devices.http.driver.connect("chat");
        devices.http.driver.send(key, lines.as_bytes());
        devices.http.driver.half_close(key);
        devices.http.driver.settle();
        devices.http.driver.lines(key).concat()
    };
    // A device of ann keeps none of hers out.
    assert!(enter(&mut devices, "/pass right\n/setname ann\n").contains("Username accepted"));
    assert!(enter(&mut devices, "/setname bob\n").contains("taken"));
}

/// A sender on im, `ian`.
fn sender(devices: &mut Devices) -> PeerKey {
    client(&mut devices.http.driver, "im", "/login ian right\n")
}

#[test]
fn a_private_line_goes_to_all_sessions_and_the_first_proof_settles_it() {
    let mut devices = Devices::new();
    let (phone, laptop) = (devices.device("ann"), devices.device("ann"));
    let ian = sender(&mut devices);
    assert!(devices.say(ian, "/to ann hello\n").is_empty(), "nobody has proved it");
    let told = devices.lines_told();
    let to: Vec<_> = told.iter().map(|(session, line, _)| (*session, line.as_str())).collect();
    assert_eq!(to, [(phone, "ian: hello"), (laptop, "ian: hello")]);
    let mark = told[0].2.expect("ian waits");
    let now = devices.http.driver.now;
    // A session that was not told it proves nothing.
    let other = devices.http.log_in(devices.connection, "ann");
    devices.http.driver.engine.http_delivered(now, other, mark);
    devices.http.driver.settle();
    assert!(devices.http.driver.lines(ian).is_empty());
    devices.http.driver.engine.http_delivered(now, laptop, mark);
    devices.http.driver.settle();
    assert_eq!(devices.http.driver.lines(ian), ["303 Message delivery successful"]);
    // The second proof is late, and settles nothing of what follows.
    assert!(devices.say(ian, "/to ann again\n").is_empty());
    devices.http.driver.engine.http_delivered(now, phone, mark);
    devices.http.driver.settle();
    assert!(devices.http.driver.lines(ian).is_empty());
    assert_eq!(devices.lines_told().len(), 2);
}

#[test]
fn where_no_session_can_prove_it_a_private_line_is_unconfirmed() {
    let mut devices = Devices::new();
    let phone = devices.device("ann");
    let ian = sender(&mut devices);
    assert!(devices.say(ian, "/to ann hello\n").is_empty());
    devices.http.driver.pass(Duration::from_millis(4_999));
    assert!(devices.http.driver.lines(ian).is_empty());
    devices.http.driver.pass(Duration::from_millis(1));
    assert_eq!(devices.http.driver.lines(ian), ["304 Message delivery failed"]);
    assert_eq!(devices.lines_told().len(), 1, "it was shown all the same");
    // Nobody is left to prove it: the sender does not wait.
    let laptop = devices.device("ann");
    assert!(devices.say(ian, "/to ann again\n").is_empty());
    let now = devices.http.driver.now;
    devices.http.driver.engine.http_leave(now, phone);
    devices.http.driver.settle();
    assert!(devices.http.driver.lines(ian).is_empty(), "the laptop may prove it");
    devices.http.driver.engine.http_leave(now, laptop);
    devices.http.driver.settle();
    assert_eq!(devices.http.driver.lines(ian), ["304 Message delivery failed"]);
}

#[test]
fn a_chat_session_proves_for_a_device_that_cannot() {
    let mut devices = Devices::new();
    devices.device("ann");
    let ann = client(&mut devices.http.driver, "chat", "/pass right\n/setname ann\n");
    let ian = sender(&mut devices);
    devices.http.driver.pass(Duration::from_secs(1));
    devices.http.driver.look(ann);
    assert!(devices.say(ian, "/to ann hello\n").is_empty());
    assert_eq!(devices.http.driver.lines(ann), ["ian(private): hello"]);
    devices.http.driver.pass(Duration::from_millis(2));
    assert_eq!(devices.http.driver.lines(ian), ["303 Message delivery successful"]);
    assert_eq!(devices.lines_told().len(), 1);
}
