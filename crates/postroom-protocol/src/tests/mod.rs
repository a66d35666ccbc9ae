//! What must hold for every protocol, whatever the client sends.

use std::sync::Arc;

use postroom_model::{
    Attendee, Author, Batch, Channel, Composed, Delivery, Event, LogInRefusal, Mark, Name, NotTold,
    Page, Post, Posted, Reply, Request, Text, Told,
};
use proptest::prelude::*;

use super::*;

mod endings;

/// What clients say, and what they should not.
const WORDS: &[&[u8]] = &[
    b"LOGIN bob",
    b"COMPOSE alice",
    b"COMPOSE bob alice hi",
    b"READ",
    b"READ bob",
    b"PASS x",
    b"/login bob 1",
    b"/port 30232",
    b"/list",
    b"/to alice hi",
    b"/toall hi",
    b"/setname bob",
    b"/all hi",
    b"/private alice hi",
    b"/join #rust",
    b"/say #rust hi",
    b"/read",
    b"/inbox",
    b"/allusers",
    b"302 Message receipt successful",
    b"u",
    b"d",
    b"t",
    b"s",
    b"#rust",
    b"\n",
    b"\n",
    b"\n",
    b"\r\n",
    b" ",
    b"\0",
    b"\x1b]0;x\x07",
    b"\xff\xfd\x06",
    b"\xff\xfa\x1f\xff\xf0",
    b"\xff",
    b"\xc3",
    "\u{202e}é日".as_bytes(),
    b"EXIT",
];

/// Something that happens to a session of which the test plays all the rest.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Bytes(usize),
    BackBytes(usize),
    DeliveryReceipt,
    Post,
    Told,
    Mail,
    Elapsed(usize),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let happening = prop_oneof![
        12 => (0..WORDS.len()).prop_map(Happening::Bytes),
        2 => (0..WORDS.len()).prop_map(Happening::BackBytes),
        2 => Just(Happening::DeliveryReceipt),
        1 => Just(Happening::Post),
        1 => Just(Happening::Told),
        1 => Just(Happening::Mail),
        1 => (0..Timer::ALL.len()).prop_map(Happening::Elapsed),
    ];
    prop::collection::vec(happening, 0..60)
}

fn hostile() -> Text {
    Text::from_bytes("\u{1b}[2J\u{9b}31m\u{8}\u{202e}evil\r".as_bytes()).unwrap()
}

fn receipt<T: std::fmt::Debug>(outcome: T) -> postroom_model::Committed<T> {
    let mut batch = Batch::new();
    batch.push(outcome);
    batch.commit(|| Ok::<_, ()>(())).unwrap().next().unwrap()
}

fn reply(request: Request) -> Reply {
    let bob = Name::new("bob").unwrap();
    match request {
        Request::LogIn { name, .. } => Reply::LoggedIn { name, registered: false, unread: 1 },
        Request::Compose { recipient, .. } => {
            Reply::Composed(receipt(Composed { recipient, registered: false }))
        }
        Request::Read => Reply::Read(Delivery { sender: bob, text: hostile(), remaining: 0 }),
        Request::Confirm => Reply::Confirmed(receipt(())),
        Request::CountUnread => Reply::Unread(1),
        Request::ListPresent => Reply::Present(vec![bob]),
        Request::Post { .. } => Reply::Posted(receipt(())),
        Request::Tell { .. } => Reply::Told,
        Request::Join(_) => Reply::Joined,
        Request::Leave(_) => Reply::Left(true),
        Request::Latest(_) => Reply::Latest(None),
        Request::Timeline { .. } => Reply::Timeline(Page::default()),
    }
}

fn posted() -> Event {
    let author = Author::Account(Name::new("eve").unwrap());
    let post = Post { author, channels: vec![Channel::lobby()], text: hostile() };
    let mark = Some(Mark { session: postroom_model::SessionKey::new(1, 0), number: 1 });
    Event::Posted(Posted::in_each(&receipt(Arc::new(post)), mark).next().unwrap())
}

/// A session and all that it said.
struct Bench {
    session: Box<dyn Session>,
    outputs: Outputs,
    /// How the office replies.
    reply: fn(Request) -> Reply,
    front: Vec<u8>,
    back: Vec<u8>,
    close: Option<Close>,
    reports: Vec<Report>,
}

impl Bench {
    fn begin(protocol: &Protocol) -> Self {
        let mut outputs = Outputs::default();
        let session = (protocol.begin)(&Settings::default(), &mut outputs);
        Self {
            session,
            outputs,
            reply,
            front: Vec::new(),
            back: Vec::new(),
            close: None,
            reports: Vec::new(),
        }
    }

    fn is_closed(&self) -> bool {
        self.close.is_some()
    }

    fn feed(&mut self, input: Input<'_>) {
        self.session.input(input, &mut self.outputs);
        self.work();
    }

    /// Does what the session wants done, until it wants nothing more.
    fn work(&mut self) {
        loop {
            self.front.append(&mut self.outputs.front);
            self.back.append(&mut self.outputs.back);
            self.reports.append(&mut self.outputs.reports);
            self.close = self.close.or(self.outputs.close.take());
            let input = if !self.outputs.requests.is_empty() {
                Input::Reply((self.reply)(self.outputs.requests.remove(0)))
            } else if self.outputs.dial.take().is_some() {
                Input::Dialled(true)
            } else if !self.is_closed() && !self.session.takes_bytes() {
                Input::Written
            } else {
                return;
            };
            self.session.input(input, &mut self.outputs);
        }
    }

    fn bytes(&mut self, bytes: &[u8], part: usize) {
        for bytes in bytes.chunks(part) {
            if !self.is_closed() {
                self.feed(Input::Bytes { stream: Stream::Front, bytes, proof: false });
            }
        }
    }

    fn back_bytes(&mut self, bytes: &[u8]) {
        self.feed(Input::Bytes { stream: Stream::Back, bytes, proof: false });
    }

    fn happen(&mut self, happening: Happening, part: usize) {
        let told = |mark| Told { sender: Name::new("eve").unwrap(), text: hostile(), mark };
        match happening {
            _ if self.is_closed() => {}
            Happening::Bytes(word) => self.bytes(WORDS[word], part),
            Happening::BackBytes(word) => self.back_bytes(WORDS[word]),
            Happening::DeliveryReceipt => self.back_bytes(b"302\n"),
            Happening::Post => self.feed(Input::Event(&posted())),
            Happening::Told => self.feed(Input::Event(&Event::Told(told(None)))),
            Happening::Mail => self.feed(Input::Event(&Event::Mail)),
            Happening::Elapsed(timer) => self.feed(Input::Elapsed(Timer::ALL[timer])),
        }
    }
}

/// What brings a client to where most can happen.
fn prelude(protocol: &Protocol) -> &'static [u8] {
    match protocol.name {
        "im" => b"/login bob 1\n/port 30232\n",
        "board" => b"s\n#rust\n",
        "chat" => b"/setname bob\n",
        _ => b"LOGIN bob\n",
    }
}

/// All that is shown, telnet's refusals left out.
fn shown(mut bytes: &[u8]) -> String {
    let mut text = Vec::new();
    while let [first, rest @ ..] = bytes {
        bytes = match (first, rest) {
            (255, [252 | 254, _, rest @ ..]) => rest,
            (byte, rest) => {
                text.push(*byte);
                rest
            }
        };
    }
    String::from_utf8(text).unwrap()
}

fn is_safe(text: &str) -> bool {
    text.chars().all(|character| {
        matches!(character, '\n' | '\t') || !(character.is_control() || character == '\u{202e}')
    })
}

/// The driver counts the sessions that wait for a login, and evicts the oldest of them.
#[test]
fn a_session_says_how_far_its_login_is() {
    for protocol in PROTOCOLS.iter().filter(|protocol| protocol.name != "board") {
        let mut outputs = Outputs::default();
        let mut session = (protocol.begin)(&Settings::default(), &mut outputs);
        assert_eq!(outputs.login.take(), Some(Login::Awaited), "{}", protocol.name);
        let line = prelude(protocol).split_inclusive(|byte| *byte == b'\n').next().unwrap();
        let log_in = Input::Bytes { stream: Stream::Front, bytes: line, proof: false };
        session.input(log_in, &mut outputs);
        assert_eq!(outputs.login.take(), Some(Login::UnderWay), "{}", protocol.name);
        let refused = Reply::LogInRefused(LogInRefusal::Password);
        session.input(Input::Reply(refused), &mut outputs);
        assert_eq!(outputs.login.take(), Some(Login::Awaited), "{}", protocol.name);
        if outputs.close.is_some() {
            continue;
        }
        let log_in = Input::Bytes { stream: Stream::Front, bytes: line, proof: false };
        session.input(log_in, &mut outputs);
        session.input(Input::Reply(reply(outputs.requests.pop().unwrap())), &mut outputs);
        assert_eq!(outputs.login, Some(Login::Done), "{}", protocol.name);
    }
}

#[test]
fn a_complete_request_to_the_board_counts_as_a_login() {
    let board = Protocol::find("board").unwrap();
    let mut outputs = Outputs::default();
    let mut session = (board.begin)(&Settings::default(), &mut outputs);
    assert_eq!(outputs.login.take(), Some(Login::Awaited));
    for (bytes, login) in [(&b"t\n"[..], None), (b"#rust\n", Some(Login::Done))] {
        let input = Input::Bytes { stream: Stream::Front, bytes, proof: false };
        session.input(input, &mut outputs);
        assert_eq!(outputs.login, login);
    }
}

/// Most sessions are idle, and there are thousands.
#[test]
fn an_idle_session_is_small() {
    for protocol in PROTOCOLS {
        let session = (protocol.begin)(&Settings::default(), &mut Outputs::default());
        let bytes_max = if protocol.name == "im" { 328 } else { 176 };
        let bytes = size_of_val(&*session);
        assert!(bytes <= bytes_max, "a session of {} has {bytes} bytes", protocol.name);
    }
}

/// Two who come in one turn: each is let in before it is told of the other.
#[test]
fn nothing_of_others_is_shown_before_the_answer_to_the_login() {
    let chat = Protocol::find("chat").unwrap();
    let mut outputs = Outputs::default();
    let mut session = (chat.begin)(&Settings::default(), &mut outputs);
    let bytes = b"/setname bob\n";
    session.input(Input::Bytes { stream: Stream::Front, bytes, proof: false }, &mut outputs);
    outputs.front.clear();
    let arrived = Attendee { name: Name::new("eve").unwrap(), active: 1 };
    session.input(Input::Event(&Event::Arrived(arrived)), &mut outputs);
    session.input(Input::Event(&posted()), &mut outputs);
    assert_eq!(outputs.front, b"");
    assert_eq!(outputs.notices.len(), 1, "and no one waits for it");
    session.input(Input::Reply(reply(outputs.requests.remove(0))), &mut outputs);
    session.input(Input::Event(&posted()), &mut outputs);
    let shown = String::from_utf8(outputs.front).unwrap();
    assert!(shown.starts_with("Username accepted. Welcome, bob"), "{shown}");
    assert_eq!(shown.lines().count(), 2, "{shown}");
}

proptest! {
    #[test]
    fn no_client_makes_a_session_panic_or_say_what_a_terminal_obeys(
        happenings in happenings(),
        part in 1..9_usize,
        is_known in any::<bool>(),
    ) {
        for protocol in PROTOCOLS {
            let mut bench = Bench::begin(protocol);
            if is_known {
                bench.bytes(prelude(protocol), 100);
            }
            for happening in &happenings {
                bench.happen(*happening, part);
            }
            for said in [&bench.front, &bench.back] {
                let said = shown(said);
                prop_assert!(is_safe(&said), "{}: {said:?}", protocol.name);
                prop_assert!(said.lines().all(|line| line.len() <= 32_768));
            }
        }
    }

    #[test]
    fn any_split_of_the_same_input_is_answered_alike(
        words in prop::collection::vec(0..WORDS.len(), 0..60),
        part in 1..9_usize,
        is_known in any::<bool>(),
    ) {
        let words: Vec<u8> = words.iter().flat_map(|word| WORDS[*word]).copied().collect();
        for protocol in PROTOCOLS {
            let prelude = if is_known { prelude(protocol) } else { &[] };
            let input = [prelude, &words].concat();
            let (mut whole, mut parts) = (Bench::begin(protocol), Bench::begin(protocol));
            whole.bytes(&input, input.len().max(1));
            parts.bytes(&input, part);
            prop_assert_eq!(shown(&whole.front), shown(&parts.front), "{}", protocol.name);
            prop_assert_eq!(whole.close, parts.close);
        }
    }
}
