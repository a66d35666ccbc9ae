//! Requests that the store cannot carry out, or of which it cannot say whether it
//! has.

use super::*;

const OUTCOME_UNKNOWN: Option<Close> = Some(Close::Dropped(DropReason::OutcomeUnknown));

/// A session that has sent `before`, each request of which was carried out.
fn bench(protocol: &str, before: &[u8]) -> Bench {
    let mut bench = Bench::begin(Protocol::find(protocol).unwrap());
    bench.bytes(before, before.len().max(1));
    bench.work();
    bench.front.clear();
    bench.back.clear();
    bench
}

/// What a session answers to `line` if all that it asks for ends as `reply` says.
fn ended(protocol: &str, before: &[u8], line: &[u8], reply: fn(Request) -> Reply) -> Bench {
    let mut bench = bench(protocol, before);
    bench.reply = reply;
    bench.bytes(line, line.len());
    bench
}

fn answer(bench: &Bench) -> &str {
    std::str::from_utf8(&bench.front).unwrap()
}

fn unavailable(_: Request) -> Reply {
    Reply::Unavailable
}

fn unknown(_: Request) -> Reply {
    Reply::Unknown
}

/// The requests of each protocol, and how it refuses them.
const REFUSALS: &[(&str, &[u8], &[u8], &str)] = &[
    ("mailbox", b"LOGIN bob\n", b"COMPOSE alice\nhi\n", "MESSAGE FAILED\n"),
    ("mailbox", b"LOGIN bob\n", b"READ\n", "READ ERROR\n"),
    ("mailbox-verbose", b"", b"LOGIN bob\n", "LOGIN ERROR\n"),
    (
        "mailbox-verbose",
        b"LOGIN bob\n",
        b"COMPOSE bob alice hi\n",
        "MESSAGE FAILED. The server cannot store messages at present.\n",
    ),
    (
        "mailbox-verbose",
        b"LOGIN bob\n",
        b"READ bob\n",
        "MESSAGE FAILED. The server cannot read messages at present.\n",
    ),
    ("im", b"", b"/login bob 1\n", "102 Authentication Failed\n"),
    ("im", b"/login bob 1\n", b"/list\n", "304 Message delivery failed\n"),
    ("im", b"/login bob 1\n", b"/to alice hi\n", "304 Message delivery failed\n"),
    ("im", b"/login bob 1\n", b"/toall hi\n", "304 Message delivery failed\n"),
    ("board", b"", b"d\n#rust\n", "error: server unavailable\n"),
    ("board", b"", b"t\n#rust\n", "error: server unavailable\n"),
    ("board", b"", b"s\n#rust\n", "error: server unavailable\n"),
    ("chat", b"", b"/setname bob\n", "You cannot come in at present. Try again in a moment.\n"),
    ("chat", b"/setname bob\n", b"/all hi\n", SAID),
    ("chat", b"/setname bob\n", b"/say #rust hi\n", SAID),
    ("chat", b"/setname bob\n", b"/private al hi\n", SAID),
    (
        "chat",
        b"/setname bob\n",
        b"/send al hi\n",
        "No message was left for al: the server cannot store it at present. Try again in a moment.\n",
    ),
    ("chat", b"/setname bob\n", b"/read\n", NOT_DONE),
    ("chat", b"/setname bob\n", b"/inbox\n", NOT_DONE),
    ("chat", b"/setname bob\n", b"/allusers\n", NOT_DONE),
    ("chat", b"/setname bob\n", b"/join #rust\n", NOT_DONE),
    ("chat", b"/setname bob\n", b"/leave #rust\n", NOT_DONE),
];

const SAID: &str =
    "Nothing was said: the server cannot take it at present. Try again in a moment.\n";
const NOT_DONE: &str = "The server cannot do that at present. Try again in a moment.\n";

#[test]
fn what_is_unavailable_is_refused_in_the_words_of_the_protocol() {
    for (protocol, before, line, refusal) in REFUSALS {
        let bench = ended(protocol, before, line, unavailable);
        let line = String::from_utf8_lossy(line);
        assert_eq!(answer(&bench), *refusal, "{protocol} {line:?}");
        assert_eq!(bench.is_closed(), *protocol == "board", "{protocol} {line:?}");
    }
}

#[test]
fn a_login_that_is_unavailable_drops_a_strict_client() {
    let bench = ended("mailbox", b"", b"LOGIN bob\n", unavailable);
    assert_eq!(answer(&bench), "");
    assert_eq!(bench.close, Some(Close::Dropped(DropReason::LogInRefused)));
}

#[test]
fn a_login_that_was_unavailable_may_be_tried_again() {
    let lines: [(&str, &[u8]); 3] = [
        ("mailbox-verbose", b"LOGIN bob\n"),
        ("im", b"/login bob 1\n"),
        ("chat", b"/setname bob\n"),
    ];
    for (protocol, line) in lines {
        let mut bench = ended(protocol, b"", line, unavailable);
        assert_eq!(bench.outputs.login, Some(Login::Awaited), "{protocol}");
        bench.reply = reply;
        bench.bytes(line, line.len());
        assert_eq!(bench.outputs.login, Some(Login::Done), "{protocol}");
    }
}

#[test]
fn a_text_that_the_board_cannot_store_is_refused_and_reported() {
    for (end, answer_to_it, close) in [
        (unavailable as fn(Request) -> Reply, "error: server unavailable\n", Some(Close::Asked)),
        (unknown, "", OUTCOME_UNKNOWN),
    ] {
        let mut bench = bench("board", b"u\nhi");
        bench.reply = end;
        bench.feed(Input::End { stream: Stream::Front, proof: false });
        assert_eq!((answer(&bench), bench.close), (answer_to_it, close));
        let is_error = |report: &Report| report.category == Category::Error;
        assert_eq!(bench.reports.iter().any(is_error), !answer_to_it.is_empty());
    }
}

#[test]
fn a_refusal_keeps_its_place_among_the_answers_and_costs_no_room() {
    let mut bench = bench("mailbox", b"LOGIN bob\n");
    bench.reply = |request| match request {
        Request::Read => Reply::Unavailable,
        request => reply(request),
    };
    bench.bytes(&b"READ\nCOMPOSE al\nhi\n".repeat(100), 2_000);
    assert_eq!(answer(&bench), "READ ERROR\nMESSAGE SENT\n".repeat(100));
}

#[test]
fn no_answer_leaves_while_what_was_read_cannot_be_removed() {
    for (end, reason) in [
        (Reply::NotConfirmed, DropReason::NotRemoved),
        (Reply::Unavailable, DropReason::NotRemoved),
        (Reply::Unknown, DropReason::OutcomeUnknown),
    ] {
        let mut bench = bench("mailbox", b"LOGIN bob\nREAD\n");
        let bytes = b"READ\n";
        let read = Input::Bytes { stream: Stream::Front, bytes, proof: true };
        bench.session.input(read, &mut bench.outputs);
        assert!(matches!(bench.outputs.requests[..], [Request::Confirm, Request::Read]));
        bench.session.input(Input::Reply(end), &mut bench.outputs);
        let read = bench.outputs.requests.pop().unwrap();
        bench.session.input(Input::Reply(reply(read)), &mut bench.outputs);
        bench.outputs.requests.clear();
        bench.work();
        assert_eq!((answer(&bench), bench.close), ("", Some(Close::Dropped(reason))));
    }
}

/// The server cannot say that it was stored, nor that it was not.
#[test]
fn what_is_unknown_ends_the_connection_without_an_answer() {
    let is_answered = |protocol: &str, line: &[u8]| protocol == "im" && line.starts_with(b"/to");
    let strict: (&str, &[u8], &[u8], &str) = ("mailbox", b"", b"LOGIN bob\n", "");
    for (protocol, before, line, _) in REFUSALS.iter().chain([&strict]) {
        if !is_answered(protocol, line) {
            let bench = ended(protocol, before, line, unknown);
            let line = String::from_utf8_lossy(line);
            assert_eq!((answer(&bench), bench.close), ("", OUTCOME_UNKNOWN), "{protocol} {line:?}");
        }
    }
}

#[test]
fn answers_before_what_is_unknown_still_leave_and_none_after_it() {
    let mut bench = bench("mailbox", b"LOGIN bob\n");
    bench.reply = |request| match request {
        Request::Read => Reply::Unknown,
        request => reply(request),
    };
    bench.bytes(b"COMPOSE al\nhi\nREAD\nCOMPOSE al\nho\n", 100);
    assert_eq!((answer(&bench), bench.close), ("MESSAGE SENT\n", OUTCOME_UNKNOWN));
}

#[test]
fn im_answers_a_delivery_of_which_nothing_is_known_with_304_and_goes_on() {
    for line in [&b"/to alice hi\n"[..], b"/toall hi\n"] {
        let mut bench = ended("im", b"/login bob 1\n", line, unknown);
        assert_eq!((answer(&bench), bench.close), ("304 Message delivery failed\n", None));
        bench.reply = reply;
        bench.bytes(b"/list\n", 100);
        assert!(answer(&bench).ends_with("301 bob\n"), "{}", answer(&bench));
    }
}

/// What is left in the mailbox of an absent recipient ends as any other delivery.
#[test]
fn im_answers_a_message_that_cannot_be_left_with_304() {
    fn absent(request: Request) -> Reply {
        match request {
            Request::Tell { .. } => Reply::NotTold(NotTold::Absent),
            Request::Compose { text, .. } if text.as_str() == "hi" => Reply::Unavailable,
            _ => Reply::Unknown,
        }
    }
    let im = Protocol::find("im").unwrap();
    let stores_for_absent = true;
    let im_settings = ImSettings { stores_for_absent, ..ImSettings::default() };
    let settings = Settings { im: im_settings, ..Settings::default() };
    let mut bench = Bench::begin(im);
    bench.session = (im.begin)(&settings, &mut bench.outputs);
    bench.bytes(b"/login bob 1\n", 100);
    bench.reply = absent;
    bench.front.clear();
    bench.bytes(b"/to al hi\n/to al ho\n", 100);
    assert_eq!((answer(&bench), bench.close), (&*"304 Message delivery failed\n".repeat(2), None));
}

#[test]
fn a_message_that_cannot_be_pushed_is_asked_for_again_when_mail_comes() {
    let mut bench = bench("im", b"/login bob 1\n");
    bench.reply = unavailable;
    bench.bytes(b"/port 30232\n", 100);
    assert_eq!((&bench.back[..], bench.close), (&b""[..], None));
    bench.reply = reply;
    bench.feed(Input::Event(&Event::Mail));
    assert!(bench.back.starts_with(b"/from bob "), "it is pushed");
    bench.reply = unknown;
    bench.back_bytes(b"302\n");
    assert_eq!(bench.close, OUTCOME_UNKNOWN, "it may have been removed, or not");
}

/// Replies to the mailbox's requests and to those of the commands may mix.
#[test]
fn a_refusal_is_for_what_was_asked_and_for_nothing_else() {
    let mut bench = bench("im", b"/login bob 1\n");
    bench.reply = |_| Reply::NothingUnread;
    bench.bytes(b"/port 30232\n", 100);
    let list = Input::Bytes { stream: Stream::Front, bytes: b"/list\n", proof: false };
    bench.session.input(Input::Event(&Event::Mail), &mut bench.outputs);
    bench.session.input(list, &mut bench.outputs);
    let asked = std::mem::take(&mut bench.outputs.requests);
    assert!(matches!(asked[..], [Request::Read, Request::ListPresent]), "{asked:?}");
    bench.session.input(Input::Reply(Reply::Unavailable), &mut bench.outputs);
    assert_eq!(bench.outputs.front, b"", "that was the mailbox");
    bench.session.input(Input::Reply(Reply::Unavailable), &mut bench.outputs);
    assert_eq!(bench.outputs.front, b"304 Message delivery failed\n");
}
