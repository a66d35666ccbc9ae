//! The server's pushes over the back stream, one at a time.
//!
//! A push is a text: each of its lines, and each piece of a line that is too long for one, goes
//! out alone, and is answered with 302 before the next. The push is settled when the client has
//! answered them all. The next one waits until then: the original client treats the bytes of one receive call as
//! one push. Live lines and broadcasts go first, since senders wait for them; messages
//! of the mailbox follow, each removed once it is settled.
//!
//! A client that answers each push is never logged out for what others send: at the
//! limit of waiting pushes posts are evicted and senders refused. A client that owes a
//! 302 for [`ImSettings::unanswered_limit`](super::settings::ImSettings) is logged out.

use std::collections::VecDeque;
use std::time::Duration;

use postroom_model::{Delivery, Fault, Mark, Notice, Reply, Request, Shown, faulty};

use crate::session::{Outputs, Timer};

use super::delivery_receipt::DeliveryReceipts;

/// Maximum bytes of one piece, with its line end.
const PIECE_BYTES_MAX: usize = 1_024;

/// Maximum lines of pushes that wait for those before them. At the limit the oldest push
/// without a waiting sender is evicted; if all have one, the new push is refused.
const WAITING_LINES_MAX: u32 = 256;

/// The time limit for the 302 to the piece in flight. The conversation has the others.
pub(super) const UNANSWERED: Timer = Timer::ALL[3];

/// The pushes of a session.
#[derive(Debug)]
pub(super) struct Pushes {
    /// The back stream is connected.
    is_open: bool,
    waiting: VecDeque<Push>,
    waiting_lines: u32,
    waiting_bytes: usize,
    waiting_bytes_max: usize,
    unanswered_limit: Duration,
    in_flight: Option<Box<Push>>,
    mail: Mail,
    /// A message has arrived since the mailbox was read last. The reply to that may say that
    /// nothing waited: it comes after the replies to earlier requests, and so perhaps late.
    has_arrived: bool,
    receipts: DeliveryReceipts,
}

#[derive(Debug)]
struct Push {
    origin: Origin,
    /// The verb and sender before each line of the text, with the space after them.
    head: String,
    shown: Shown,
    /// The line that goes out next, or a part of which has gone out.
    line: usize,
    /// How many bytes of that line have gone out.
    sent: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Origin {
    Live(Option<Mark>),
    Mailbox,
}

/// The state of the messages of the mailbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mail {
    /// No message is known to wait.
    None,
    /// Messages may wait.
    Some,
    /// The client has received the earliest message; it must be removed.
    Received,
    /// The earliest message is being read, pushed or removed.
    UnderWay,
}

impl Pushes {
    /// An empty queue, in which `waiting_bytes_max` bytes may wait, of a client that
    /// may owe a 302 for `unanswered_limit`.
    pub(super) fn new(waiting_bytes_max: usize, unanswered_limit: Duration) -> Self {
        Self {
            is_open: false,
            waiting: VecDeque::new(),
            waiting_lines: 0,
            waiting_bytes: 0,
            waiting_bytes_max,
            unanswered_limit,
            in_flight: None,
            mail: Mail::None,
            has_arrived: false,
            receipts: DeliveryReceipts::default(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// The back stream is connected: starts to push the waiting lines and the mailbox.
    pub(super) fn open(&mut self, outputs: &mut Outputs) {
        self.is_open = true;
        self.mail = Mail::Some;
        self.proceed(outputs);
    }

    /// Bytes of the pushes that wait, as they will go out.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Adds a live text; `verb` comes before the sender. If there is no room for it, its
    /// sender gets no delivery receipt.
    pub(super) fn add(
        &mut self,
        verb: &str,
        sender: &str,
        shown: Shown,
        mark: Option<Mark>,
        outputs: &mut Outputs,
    ) {
        let push = Push::new(Origin::Live(mark), verb, sender, shown);
        if self.make_room(&push) {
            self.wait(push);
            self.proceed(outputs);
        } else {
            outputs.notices.extend(mark.map(Notice::Refused));
        }
    }

    /// Evicts the oldest pushes without a waiting sender until there is room for
    /// another push. Returns whether there is.
    fn make_room(&mut self, push: &Push) -> bool {
        while !self.has_room(push) {
            let without_sender =
                self.waiting.iter().position(|push| push.origin == Origin::Live(None));
            let Some(evicted) = without_sender.and_then(|place| self.waiting.remove(place)) else {
                return false;
            };
            self.waits_no_longer(&evicted);
        }
        true
    }

    fn wait(&mut self, push: Push) {
        self.waiting_lines += push.lines();
        self.waiting_bytes += push.bytes();
        self.waiting.push_back(push);
    }

    fn waits_no_longer(&mut self, push: &Push) {
        self.waiting_lines -= push.lines();
        self.waiting_bytes -= push.bytes();
    }

    fn has_room(&self, push: &Push) -> bool {
        let is_next = self.is_open && self.in_flight.is_none();
        let lines = self.waiting_lines + push.lines();
        let bytes = self.waiting_bytes + push.bytes();
        is_next || lines <= WAITING_LINES_MAX && bytes <= self.waiting_bytes_max
    }

    /// Removes a push whose sender no longer waits for its delivery receipt, unless it
    /// has been sent.
    pub(super) fn withdraw(&mut self, mark: Mark) {
        let is_it = |push: &Push| push.origin == Origin::Live(Some(mark));
        while let Some(withdrawn) =
            self.waiting.iter().position(is_it).and_then(|place| self.waiting.remove(place))
        {
            self.waits_no_longer(&withdrawn);
        }
    }

    /// Notes that a message waits in the mailbox.
    pub(super) fn mail(&mut self) {
        match self.mail {
            Mail::None => self.mail = Mail::Some,
            Mail::UnderWay => self.has_arrived = true,
            Mail::Some | Mail::Received => {}
        }
    }

    /// The next request to the office, if there is one.
    pub(super) fn take_request(&mut self) -> Option<Request> {
        let request = match self.mail {
            Mail::Received => Request::Confirm,
            // Live lines go first.
            Mail::Some if self.is_open && self.in_flight.is_none() => {
                self.has_arrived = false;
                Request::Read
            }
            _ => return None,
        };
        self.mail = Mail::UnderWay;
        Some(request)
    }

    /// Handles the reply to such a request.
    pub(super) fn reply(&mut self, reply: Reply, outputs: &mut Outputs) {
        match reply {
            Reply::Read(Delivery { sender, text, .. }) => {
                let shown = Shown::new(&text);
                self.wait(Push::new(Origin::Mailbox, "/from", sender.as_str(), shown));
            }
            Reply::Confirmed(_) => self.mail = Mail::Some,
            Reply::NothingUnread if self.has_arrived => self.mail = Mail::Some,
            // If the disk has no room for a removal, or the store is unavailable,
            // retrying would push the same message again and again.
            _ => self.mail = Mail::None,
        }
        self.proceed(outputs);
    }

    /// Handles bytes from the back stream.
    ///
    /// A receipt is for the one piece in flight, and only if that was written before
    /// these bytes arrived; further receipts in them are ignored.
    pub(super) fn bytes(&mut self, bytes: &[u8], outputs: &mut Outputs) {
        let is_written = outputs.back.is_empty();
        self.receipts.push(bytes);
        let mut receipts = 0;
        while self.receipts.take() {
            receipts += 1;
        }
        if is_written && receipts > 0 {
            self.settle_piece(outputs);
        }
    }

    /// Tells the client that the server stops.
    pub(super) fn force_quit(&self, outputs: &mut Outputs) {
        if self.is_open {
            outputs.back.extend_from_slice(b"/forceQuit\n");
        }
    }

    fn settle_piece(&mut self, outputs: &mut Outputs) {
        // A receipt without a push in flight is ignored.
        let Some(push) = &mut self.in_flight else {
            return;
        };
        if !push.is_sent() {
            push.send(outputs);
            outputs.timers.push((UNANSWERED, Some(self.unanswered_limit)));
            return;
        }
        outputs.timers.push((UNANSWERED, None));
        match push.origin {
            Origin::Live(mark) => outputs.notices.extend(mark.map(Notice::Delivered)),
            Origin::Mailbox => self.mail = Mail::Received,
        }
        self.in_flight = None;
        self.proceed(outputs);
    }

    /// Sends the next push, unless one is in flight.
    fn proceed(&mut self, outputs: &mut Outputs) {
        let waits = self.in_flight.is_some() && !faulty(Fault::PushesOverlap);
        if !self.is_open || waits {
            return;
        }
        if let Some(mut push) = self.waiting.pop_front() {
            self.waits_no_longer(&push);
            push.send(outputs);
            outputs.timers.push((UNANSWERED, Some(self.unanswered_limit)));
            self.in_flight = Some(push.into());
        }
    }
}

impl Push {
    fn new(origin: Origin, verb: &str, sender: &str, shown: Shown) -> Self {
        Self { origin, head: format!("{verb} {sender} "), shown, line: 0, sent: 0 }
    }

    fn lines(&self) -> u32 {
        // No text has more than 64.
        u32::try_from(self.shown.lines().count()).unwrap_or(u32::MAX)
    }

    fn bytes(&self) -> usize {
        self.shown.lines().map(|line| self.head.len() + line.len()).sum()
    }

    /// Whether all lines have gone out.
    fn is_sent(&self) -> bool {
        self.shown.lines().nth(self.line).is_none()
    }

    /// Sends the next piece.
    fn send(&mut self, outputs: &mut Outputs) {
        let line = self.shown.lines().nth(self.line).unwrap_or_default();
        let rest = &line[self.sent..];
        let room = PIECE_BYTES_MAX - self.head.len() - 1;
        let end = floor_char_boundary(rest, room);
        outputs.back.extend_from_slice(self.head.as_bytes());
        outputs.back.extend_from_slice(&rest.as_bytes()[..end]);
        outputs.back.push(b'\n');
        self.sent += end;
        if end == rest.len() {
            (self.line, self.sent) = (self.line + 1, 0);
        }
    }
}

/// The last character boundary at or before `at`.
fn floor_char_boundary(text: &str, at: usize) -> usize {
    if text.len() <= at {
        return text.len();
    }
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use postroom_model::{MessageId, Name, Text, Timestamp};
    use proptest::prelude::*;

    use super::*;

    fn pushes(waiting_bytes_max: usize) -> Pushes {
        Pushes::new(waiting_bytes_max, Duration::from_mins(1))
    }

    fn shown(lines: &str) -> Shown {
        Shown::new(&Text::from_lines(lines.as_bytes()).unwrap())
    }

    fn message(lines: &str) -> Reply {
        let (id, stored, sender) = (MessageId(1), Timestamp(0), Name::new("bob").unwrap());
        let text = Text::from_lines(lines.as_bytes()).unwrap();
        Reply::Read(Delivery { id, stored, sender, text, remaining: 0 })
    }

    #[test]
    fn a_receipt_is_for_a_push_that_was_written_before_it() {
        let (mut outputs, mut pushes) = (Outputs::default(), pushes(10_000));
        let mark = Mark { session: postroom_model::SessionKey::new(1, 0), number: 1 };
        pushes.open(&mut outputs);
        assert!(matches!(pushes.take_request(), Some(Request::Read)));
        pushes.add("/from", "ann", shown("one"), Some(mark), &mut outputs);
        pushes.reply(message("two"), &mut outputs);
        assert_eq!(std::mem::take(&mut outputs.back), b"/from ann one\n");
        pushes.bytes(b"302\n302\n", &mut outputs);
        assert_eq!(outputs.notices, [Notice::Delivered(mark)]);
        assert_eq!(outputs.back, b"/from bob two\n");
        pushes.bytes(b"302\n", &mut outputs);
        assert!(pushes.take_request().is_none(), "it was not written yet");
        outputs.back.clear();
        pushes.bytes(b"302\n", &mut outputs);
        assert!(matches!(pushes.take_request(), Some(Request::Confirm)));
    }

    #[test]
    fn a_message_that_arrives_while_the_mailbox_is_read_is_read_then() {
        let (mut outputs, mut pushes) = (Outputs::default(), pushes(10_000));
        pushes.open(&mut outputs);
        assert!(matches!(pushes.take_request(), Some(Request::Read)));
        pushes.mail();
        pushes.reply(Reply::NothingUnread, &mut outputs);
        assert!(matches!(pushes.take_request(), Some(Request::Read)));
        pushes.reply(Reply::NothingUnread, &mut outputs);
        assert!(pushes.take_request().is_none(), "no message has arrived since");
    }

    #[test]
    fn at_the_limit_posts_are_evicted_and_then_senders_are_refused() {
        let (mut outputs, mut pushes) = (Outputs::default(), pushes(1 << 20));
        pushes.open(&mut outputs);
        let mut add = |pushes: &mut Pushes, number: Option<u32>| {
            let session = postroom_model::SessionKey::new(1, 0);
            let mark = number.map(|number| Mark { session, number });
            pushes.add("/from", "ann", shown("hi"), mark, &mut outputs);
            std::mem::take(&mut outputs.notices)
        };
        let limit = WAITING_LINES_MAX;
        // One is in flight; of those that wait, every second has a waiting sender.
        for number in 0..=2 * limit {
            assert_eq!(add(&mut pushes, (number % 2 == 1).then_some(number)), []);
        }
        assert_eq!(pushes.waiting.len(), limit as usize);
        assert!(pushes.waiting.iter().all(|push| push.origin != Origin::Live(None)));
        let notices = add(&mut pushes, Some(1_000));
        assert!(matches!(notices[..], [Notice::Refused(Mark { number: 1_000, .. })]));
        assert_eq!(add(&mut pushes, None), []);
        assert_eq!(pushes.waiting.len(), limit as usize);
    }

    #[test]
    fn each_line_is_answered_and_the_last_answer_is_the_receipt() {
        let (mut outputs, mut pushes) = (Outputs::default(), pushes(10_000));
        let session = postroom_model::SessionKey::new(1, 0);
        let mark = Mark { session, number: 1 };
        pushes.open(&mut outputs);
        let three = shown("one\n\nthree");
        pushes.add("/broadcast", "ann", three.clone(), Some(mark), &mut outputs);
        assert!(pushes.take_request().is_none(), "a live line is in flight");
        for expected in ["one", " ", "three"] {
            assert_eq!(outputs.notices, [], "before {expected:?}");
            let line = String::from_utf8(std::mem::take(&mut outputs.back)).unwrap();
            assert_eq!(line, format!("/broadcast ann {expected}\n"));
            pushes.bytes(b"302\n302\n", &mut outputs);
        }
        assert_eq!(std::mem::take(&mut outputs.notices), [Notice::Delivered(mark)]);
        // A message is removed on the answer to its last line.
        assert!(matches!(pushes.take_request(), Some(Request::Read)));
        pushes.reply(message("a\nb\n\n"), &mut outputs);
        for expected in ["a", "b", " "] {
            let line = String::from_utf8(std::mem::take(&mut outputs.back)).unwrap();
            assert_eq!(line, format!("/from bob {expected}\n"));
            assert!(pushes.take_request().is_none(), "{expected:?} is not answered");
            pushes.bytes(b"302\n", &mut outputs);
        }
        assert!(matches!(pushes.take_request(), Some(Request::Confirm)));
        assert_eq!((outputs.back.as_slice(), pushes.waiting_bytes()), (&b""[..], 0));
    }

    #[test]
    fn lines_count_in_what_waits() {
        let (mut outputs, mut pushes) = (Outputs::default(), pushes(1 << 20));
        pushes.open(&mut outputs);
        let session = postroom_model::SessionKey::new(1, 0);
        let mark = |number| Some(Mark { session, number });
        let empty = shown(&"\n".repeat(64));
        pushes.add("/from", "ann", shown("in flight"), mark(0), &mut outputs);
        for number in 1..=4 {
            pushes.add("/from", "ann", empty.clone(), mark(number), &mut outputs);
        }
        let waiting_bytes = 4 * 64 * "/from ann  ".len();
        assert_eq!((pushes.waiting_lines, pushes.waiting_bytes()), (256, waiting_bytes));
        pushes.add("/from", "ann", shown("one more"), mark(5), &mut outputs);
        assert!(matches!(outputs.notices[..], [Notice::Refused(Mark { number: 5, .. })]));
        pushes.withdraw(Mark { session, number: 2 });
        pushes.add("/from", "ann", shown("one more"), mark(6), &mut outputs);
        assert_eq!((pushes.waiting_lines, outputs.notices.len()), (193, 1));
        for _ in 0..=193 {
            outputs.back.clear();
            pushes.bytes(b"302\n", &mut outputs);
        }
        assert_eq!((pushes.waiting_lines, pushes.waiting_bytes()), (0, 0));
        assert_eq!(outputs.notices.len(), 1 + 5, "each but the one that was withdrawn");
    }

    proptest! {
        #[test]
        fn the_pieces_of_a_push_fit_and_make_up_its_lines(
            lines in prop::collection::vec("[a-zé日🎉]{0,700}", 1..5),
        ) {
            let mut outputs = Outputs::default();
            let shown = shown(&(lines.join("\n") + "\n"));
            let mut push = Push::new(Origin::Mailbox, "/from", "bob", shown.clone());
            let mut pieces = Vec::new();
            while !push.is_sent() {
                push.send(&mut outputs);
                prop_assert!(outputs.back.len() <= PIECE_BYTES_MAX);
                let line = String::from_utf8(std::mem::take(&mut outputs.back)).unwrap();
                let piece = line.strip_prefix("/from bob ").unwrap().strip_suffix('\n').unwrap();
                pieces.push(piece.to_owned());
            }
            // A piece that is not the last of its line is full: the next character has no room.
            let most = PIECE_BYTES_MAX - "/from bob \n".len();
            let mut expected = Vec::new();
            for line in shown.lines() {
                let mut rest = line;
                while rest.len() > most {
                    let end = (0..=most).rev().find(|at| rest.is_char_boundary(*at)).unwrap();
                    expected.push(rest[..end].to_owned());
                    rest = &rest[end..];
                }
                expected.push(rest.to_owned());
            }
            prop_assert_eq!(pieces, expected);
        }
    }
}
