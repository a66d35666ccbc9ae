//! Tests of the properties of one session on which its driver relies. The engine has
//! the tests of sessions within a server.

use postroom_model::{
    Access, Announcement, Author, Content, Entry, Event, LogInRefusal, Name, NameList, Page,
    PostId, Reply, Text, Timestamp,
};

use super::*;

/// Outputs of a session that may take any number of lines.
fn outputs() -> Outputs {
    Outputs { requests_max: u32::MAX, ..Outputs::default() }
}

fn log_in(protocol: &Protocol) -> &'static [u8] {
    match protocol.name {
        "im" => b"/login bob 1\n",
        "chat" => b"/setname bob\n",
        _ => b"LOGIN bob\n",
    }
}

fn logged_in() -> Reply {
    Reply::LoggedIn { name: Name::new("bob").unwrap(), registered: false, unread: 1 }
}

/// The driver counts the sessions that wait for a login, and evicts the oldest of them.
#[test]
fn a_session_says_how_far_its_login_is() {
    for protocol in PROTOCOLS.iter().filter(|protocol| protocol.name != "board") {
        let mut outputs = outputs();
        let mut session = (protocol.begin)(&Settings::default(), Access::OPEN, &mut outputs);
        assert_eq!(outputs.login.take(), Some(Login::Awaited), "{}", protocol.name);
        let line = log_in(protocol);
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
        session.input(Input::Reply(logged_in()), &mut outputs);
        assert_eq!(outputs.login, Some(Login::Done), "{}", protocol.name);
    }
}

#[test]
fn a_complete_request_to_the_board_counts_as_a_login() {
    let board = Protocol::find("board").unwrap();
    let mut outputs = outputs();
    let mut session = (board.begin)(&Settings::default(), Access::OPEN, &mut outputs);
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
        let session = (protocol.begin)(&Settings::default(), Access::OPEN, &mut outputs());
        let bytes_max = if protocol.name == "im" { 336 } else { 176 };
        let bytes = size_of_val(&*session);
        assert!(bytes <= bytes_max, "a session of {} has {bytes} bytes", protocol.name);
    }
}

/// Two users log in in one turn: each gets its welcome before the event about the
/// other.
#[test]
fn nothing_of_others_is_shown_before_the_answer_to_the_login() {
    let chat = Protocol::find("chat").unwrap();
    let mut outputs = outputs();
    let mut session = (chat.begin)(&Settings::default(), Access::OPEN, &mut outputs);
    let bytes = b"/setname bob\n";
    session.input(Input::Bytes { stream: Stream::Front, bytes, proof: false }, &mut outputs);
    outputs.front.clear();
    let joined = NameList { names: vec![Name::new("eve").unwrap()], others: 0 };
    let announcement = Announcement { joined, left: NameList::default(), active: 1 };
    session.input(Input::Event(&Event::Announced(Box::new(announcement))), &mut outputs);
    assert_eq!(outputs.front, b"");
    assert!(!session.shows_posts());
    session.input(Input::Reply(logged_in()), &mut outputs);
    let shown = String::from_utf8(outputs.front).unwrap();
    assert!(shown.starts_with("Username accepted. Welcome, bob"), "{shown}");
    assert!(session.shows_posts());
}

/// The answer of a logged-in session to a line whose request ends with `reply`.
fn answer(protocol: &str, line: &[u8], reply: Reply) -> (String, Option<Close>) {
    let protocol = Protocol::find(protocol).unwrap();
    let mut outputs = outputs();
    let mut session = (protocol.begin)(&Settings::default(), Access::OPEN, &mut outputs);
    let mut say = |bytes, reply, outputs: &mut Outputs| {
        session.input(Input::Bytes { stream: Stream::Front, bytes, proof: false }, outputs);
        outputs.front.clear();
        session.input(Input::Reply(reply), outputs);
    };
    if protocol.name != "board" {
        say(log_in(protocol), logged_in(), &mut outputs);
    }
    say(line, reply, &mut outputs);
    (String::from_utf8(outputs.front).unwrap(), outputs.close)
}

/// Live requests involve no store today, so only this test refuses them.
#[test]
fn what_is_live_is_refused_in_the_words_of_the_protocol() {
    let said = "Nothing was said: the server cannot take it at present. Try again in a moment.\n";
    let not_done = "The server cannot do that at present. Try again in a moment.\n";
    let refusals: [(&str, &[u8], &str); 5] = [
        ("im", b"/to alice hi\n", "304 Message delivery failed\n"),
        ("board", b"s\n#rust\n", "error: server unavailable\n"),
        ("chat", b"/private al hi\n", said),
        ("chat", b"/join #rust\n", not_done),
        ("chat", b"/leave #rust\n", not_done),
    ];
    for (protocol, line, refusal) in refusals {
        let close = (protocol == "board").then_some(Close::Asked);
        let refused = (refusal.to_owned(), close);
        assert_eq!(answer(protocol, line, Reply::Unavailable), refused, "{protocol}");
        let unknown = match protocol {
            "im" => refused,
            _ => (String::new(), Some(Close::Dropped(DropReason::OutcomeUnknown))),
        };
        assert_eq!(answer(protocol, line, Reply::Unknown), unknown, "{protocol}");
    }
}

/// No other protocol shows posts that were stored before.
#[test]
fn the_board_says_that_a_text_is_deleted() {
    let entry = |content| {
        let (id, stored) = (PostId(1), Timestamp(0));
        Entry { id, stored, author: Author::Account(Name::new("ann").unwrap()), content }
    };
    let latest = Reply::Latest(Some(entry(Content::Deleted)));
    assert_eq!(answer("board", b"d\n#rust\n", latest).0, "(deleted)");
    let said = Content::Text(Text::from_bytes(b"hi").unwrap());
    let entries = vec![entry(said), entry(Content::Deleted)];
    let timeline = Reply::Timeline(Page { entries, next: None });
    assert_eq!(answer("board", b"t\n#rust\n", timeline).0, "ann: hi\nann: (deleted)\n");
}

/// What came before it is answered as if it had come in a read of its own.
#[test]
fn lines_before_a_negotiation_that_is_too_long_are_taken() {
    let chat = Protocol::find("chat").unwrap();
    let lines = b"/setname bob\n/all one\n\xff\xfa";
    let bytes = &[&lines[..], &[b'x'; 70], b"/all two\n"].concat();
    let mut outputs = outputs();
    let mut session = (chat.begin)(&Settings::default(), Access::OPEN, &mut outputs);
    session.input(Input::Bytes { stream: Stream::Front, bytes, proof: false }, &mut outputs);
    assert_eq!((outputs.requests.len(), outputs.close), (1, None));
    session.input(Input::Reply(logged_in()), &mut outputs);
    assert_eq!(outputs.requests.len(), 2, "the first line was said, and not the second");
    assert_eq!(outputs.close, Some(Close::Dropped(DropReason::RuleBroken)));
}
