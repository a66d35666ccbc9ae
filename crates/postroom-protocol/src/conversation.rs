//! Protocols with one answer per line.
//!
//! A [`Conversation`] is the common part of all line protocols: it cuts lines, keeps
//! answers in the order of the lines although the office's replies come later, finds
//! the lines that prove the receipt of earlier messages, and enforces the time limits.
//! A [`Dialogue`] defines what the lines mean.

use std::time::Duration;

use postroom_model::{Fault, Notice, Reply, Request, faulty};

use crate::dialogue::{Dialogue, Next, PauseRule, Step};
use crate::line::{Line, LineDecoder};
use crate::pending::{Entry, Kind, Pending};
use crate::session::{Close, DropReason, Input, Login, Outputs, Reading, Session, Stream, Timer};
use crate::settings::Settings;

/// The time limit for the login.
const LOG_IN: Timer = Timer::ALL[0];

/// The pause that ends a command without a line feed.
const PAUSE: Timer = Timer::ALL[1];

/// The time limit for a delivery receipt.
const DELIVERY: Timer = Timer::ALL[2];

/// Maximum requests under way per session; further lines wait.
const PIPELINE_MAX: usize = 128;

/// The time limit for a delivery receipt after the client's half-close: the client may
/// be gone, and must not appear present for much longer.
const DELIVERY_LIMIT_AT_END: Duration = Duration::from_millis(250);

/// A session made of a [`Dialogue`].
#[derive(Debug)]
pub(crate) struct Conversation<D: Dialogue> {
    dialogue: D,
    lines: LineDecoder,
    output_bytes_max: usize,
    pending: Pending<D::Asked>,
    intake: Intake<D::Asked>,
    proof: Proof,
    /// The client has half-closed; its earlier lines are still being answered.
    is_ending: bool,
    is_logged_in: bool,
    /// The client has sent a line feed: all its commands end with one.
    sends_line_feeds: bool,
}

/// Which input a conversation accepts from its client.
///
/// ```text
///  Lines ──AskAlone, AskWithin, Dial──▶ Replies ──all replies are in──▶ Lines
///  Lines ──any other step but Ask, while replies are due──▶ Step ──all are in──▶ the step, as from Lines
///  Lines, Step ──the server stops, while replies are due──▶ Stopping ──all are in, the step──▶ Closed
///  any but Closed ──Close, a limit, a stop with no reply due or in Replies──▶ Closed
///  Lines ──the client has half-closed, and all is answered──▶ Closed
/// ```
#[derive(Debug)]
enum Intake<A> {
    /// Lines; each makes its request at once, up to [`PIPELINE_MAX`] requests.
    Lines,
    /// Nothing until all replies have arrived: the last request decides what the next
    /// line means.
    Replies,
    /// Nothing until all replies have arrived, and then this step first: its answer
    /// must not overtake theirs.
    Step(Box<Step<A>>),
    /// Nothing more, since the server stops. Requests under way are still answered, and
    /// so is the step that follows them.
    Stopping(Option<Box<Step<A>>>),
    /// Nothing more: the session has ended the connection.
    Closed(Close),
}

/// The state of the proof that the client has received the messages handed out to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Proof {
    /// No message needs proof.
    NotDue,
    /// The next line or half-close may be the proof.
    Due,
    /// The bytes just received are the proof, if they complete a line.
    InNextLine,
}

impl<D: Dialogue> Conversation<D> {
    /// Begins a conversation and starts the time limit for the login.
    pub(crate) fn begin(dialogue: D, settings: &Settings, outputs: &mut Outputs) -> Self {
        outputs.timers.push((LOG_IN, Some(settings.login_limit)));
        outputs.login = Some(Login::Awaited);
        Self {
            dialogue,
            lines: LineDecoder::new(settings.line_bytes_max),
            output_bytes_max: settings.output_bytes_max,
            pending: Pending::default(),
            intake: Intake::Lines,
            proof: Proof::NotDue,
            is_ending: false,
            is_logged_in: false,
            sends_line_feeds: false,
        }
    }

    /// The dialogue, the protocol's own part.
    pub(crate) fn dialogue(&self) -> &D {
        &self.dialogue
    }

    /// Whether the session has ended the connection.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.intake, Intake::Closed(_))
    }

    /// Whether lines are taken, or will be once the replies due have arrived.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.intake, Intake::Lines | Intake::Replies | Intake::Step(_))
    }

    /// Ends the connection for a reason of the server.
    pub(crate) fn drop_client(&mut self, reason: DropReason, outputs: &mut Outputs) {
        self.close(Close::Dropped(reason), outputs);
    }

    /// Makes a request for the owner of the conversation, which also handles the reply:
    /// see [`take_aside`](Self::take_aside).
    pub(crate) fn ask_aside(&mut self, request: Request, outputs: &mut Outputs) {
        self.pending.push(Entry::Aside);
        outputs.requests.push(request);
    }

    /// Whether the reply that has just arrived is for a request of the owner. Must be
    /// called once per reply.
    pub(crate) fn take_aside(&mut self) -> bool {
        self.pending.pop_if(|entry| matches!(entry, Entry::Aside)).is_some()
    }

    /// What may be read from the client's connection now.
    pub(crate) fn reading(&self, outputs: &Outputs) -> Reading {
        if self.lines.has_line() && self.may_take_a_line() && self.has_room_for_an_answer(outputs) {
            return Reading::Lines;
        }
        let takes_bytes = self.is_open() && !self.is_ending && self.lines.wants_bytes();
        let end_may_be_proof = matches!(self.intake, Intake::Closed(Close::Asked));
        match self.proof {
            Proof::NotDue if takes_bytes => Reading::Bytes,
            Proof::Due | Proof::InNextLine if takes_bytes || end_may_be_proof => Reading::Proof,
            _ => Reading::Nothing,
        }
    }

    fn bytes(&mut self, bytes: &[u8], proof: bool, outputs: &mut Outputs) {
        if !self.is_open() || self.is_ending {
            return;
        }
        if self.proof != Proof::NotDue {
            let proof = proof || faulty(Fault::ConfirmedTooEarly);
            let is_proof = proof && self.pending.is_empty();
            self.proof = if is_proof { Proof::InNextLine } else { Proof::Due };
        }
        self.sends_line_feeds = self.sends_line_feeds || memchr::memchr(b'\n', bytes).is_some();
        self.take_lines(bytes, outputs);
        self.watch_pause(outputs);
    }

    fn end(&mut self, proof: bool, outputs: &mut Outputs) {
        let is_proved = proof && self.pending.is_empty() && self.proof != Proof::NotDue;
        if self.is_open() && !self.is_ending {
            if faulty(Fault::HalfCloseHangsUp) {
                return self.close(Close::Asked, outputs);
            }
            self.is_ending = true;
            if self.pending.awaits_delivery() {
                outputs.timers.push((DELIVERY, Some(DELIVERY_LIMIT_AT_END)));
            }
            if is_proved {
                self.confirm(outputs);
            }
            self.proceed(outputs);
        } else if is_proved && matches!(self.intake, Intake::Closed(Close::Asked)) {
            self.confirm(outputs);
        }
    }

    fn stop(&mut self, outputs: &mut Outputs) {
        self.intake = match std::mem::replace(&mut self.intake, Intake::Lines) {
            Intake::Lines if !self.pending.is_empty() => Intake::Stopping(None),
            Intake::Step(step) => Intake::Stopping(Some(step)),
            // A login under way may end unanswered: no client relies on its answer.
            Intake::Lines | Intake::Replies => {
                return self.say_farewell(DropReason::Stop, outputs);
            }
            ended => ended,
        };
    }

    fn reply(&mut self, reply: Reply, outputs: &mut Outputs) {
        let Some(entry) = self.pending.pop_if(|entry| !matches!(entry, Entry::Dial)) else {
            return;
        };
        if self.is_closed() {
            return;
        }
        match (entry, reply) {
            (Entry::Asked(asked, kind), reply) => self.answer(asked, kind, reply, outputs),
            (Entry::Confirm, _) if faulty(Fault::RemovalFailureIgnored) => {}
            (Entry::Confirm, Reply::Confirmed(_)) | (Entry::Aside | Entry::Dial, _) => {}
            (Entry::Confirm, Reply::Unknown) => {
                self.drop_client(DropReason::OutcomeUnknown, outputs);
            }
            // The messages read could not be removed: the next answer must not be sent.
            (Entry::Confirm, _) => self.drop_client(DropReason::NotRemoved, outputs),
        }
        self.settled(outputs);
    }

    fn dialled(&mut self, is_connected: bool, outputs: &mut Outputs) {
        let entry = self.pending.pop_if(|entry| matches!(entry, Entry::Dial));
        if entry.is_some() && !self.is_closed() {
            self.dialogue.dialled(is_connected, &mut outputs.front);
            self.settled(outputs);
        }
    }

    /// Handles the state after an answer.
    fn settled(&mut self, outputs: &mut Outputs) {
        if self.pending.is_empty() {
            match std::mem::replace(&mut self.intake, Intake::Lines) {
                Intake::Lines | Intake::Replies => {}
                Intake::Step(step) => self.step(*step, outputs),
                Intake::Stopping(step) => {
                    if let Some(step) = step {
                        self.step(*step, outputs);
                    }
                    self.say_farewell(DropReason::Stop, outputs);
                }
                closed @ Intake::Closed(_) => self.intake = closed,
            }
        }
        self.proceed(outputs);
        self.watch_pause(outputs);
    }

    fn say_farewell(&mut self, reason: DropReason, outputs: &mut Outputs) {
        if !self.is_closed() {
            self.dialogue.farewell(reason, &mut outputs.front);
            self.drop_client(reason, outputs);
        }
    }

    fn answer(&mut self, asked: D::Asked, kind: Kind, reply: Reply, outputs: &mut Outputs) {
        match (kind, &reply) {
            (Kind::LogIn, Reply::LoggedIn { .. }) => {
                self.is_logged_in = true;
                outputs.login = Some(Login::Done);
                outputs.timers.push((LOG_IN, None));
            }
            (Kind::LogIn, _) => outputs.login = Some(Login::Awaited),
            (Kind::Read(_), Reply::Read(_)) => self.proof = Proof::Due,
            (Kind::AwaitsDelivery, _) => outputs.timers.push((DELIVERY, None)),
            (Kind::Plain | Kind::Read(_) | Kind::List, _) => {}
        }
        let answer = &mut outputs.front;
        let next = match reply {
            Reply::Unknown => self.dialogue.outcome_unknown(asked, answer),
            reply => self.dialogue.reply(asked, reply, answer),
        };
        match next {
            Next::Continue => {}
            Next::AskAlone(asked, request) => self.ask(asked, request, outputs),
            Next::Close(close) => self.close(close, outputs),
        }
    }

    fn elapsed(&mut self, timer: Timer, outputs: &mut Outputs) {
        match timer {
            LOG_IN if !self.is_logged_in => self.say_farewell(DropReason::LogInLimit, outputs),
            DELIVERY if self.pending.awaits_delivery() => outputs.notices.push(Notice::Abandon),
            PAUSE => {
                if let Some(step) = self.end_partial() {
                    self.step(step, outputs);
                }
                self.proceed(outputs);
            }
            _ => {}
        }
    }

    /// Handles lines until one has to wait.
    fn proceed(&mut self, outputs: &mut Outputs) {
        self.take_lines(&[], outputs);
    }

    /// The same, with bytes just received.
    fn take_lines(&mut self, mut received: &[u8], outputs: &mut Outputs) {
        while self.may_take_a_line() && self.has_room_for_an_answer(outputs) {
            if outputs.requests_max == 0 {
                self.lines.push(std::mem::take(&mut received));
                if self.lines.has_line() {
                    return;
                }
            }
            let step = if let Some(line) = self.lines.next_line_of(&mut received) {
                let step = self.dialogue.line(line);
                let counts = u32::from(!matches!(step, Step::Begin));
                outputs.requests_max = outputs.requests_max.saturating_sub(counts);
                step
            } else if !self.is_ending {
                return;
            } else if let Some(step) = self.end_partial() {
                step
            } else {
                if self.pending.is_empty() {
                    self.close(Close::Asked, outputs);
                }
                return;
            };
            self.step(step, outputs);
        }
        self.lines.push(received);
        if self.is_ending && matches!(self.intake, Intake::Replies) && self.lines.is_empty() {
            outputs.notices.push(Notice::Ending);
        }
    }

    fn may_take_a_line(&self) -> bool {
        matches!(self.intake, Intake::Lines) && self.pending.len() < PIPELINE_MAX
    }

    /// Whether the unsent bytes and the answers to requests under way leave room for
    /// another answer.
    fn has_room_for_an_answer(&self, outputs: &Outputs) -> bool {
        let bytes = outputs.front.len() + self.pending.answer_bytes_max();
        bytes <= self.output_bytes_max || faulty(Fault::OutputUnlimited)
    }

    /// Carries out the step of a line.
    fn step(&mut self, step: Step<D::Asked>, outputs: &mut Outputs) {
        if self.proof == Proof::InNextLine && !faulty(Fault::ConfirmForgotten) {
            self.confirm(outputs);
        }
        match step {
            Step::Silence | Step::Begin => {}
            Step::Ask(asked, request) => self.ask(asked, request, outputs),
            Step::AskAlone(asked, request) => {
                self.ask(asked, request, outputs);
                self.intake = Intake::Replies;
            }
            later if !self.pending.is_empty() => self.intake = Intake::Step(Box::new(later)),
            Step::AskWithin(asked, request, limit) => {
                self.pending.push(Entry::Asked(asked, Kind::AwaitsDelivery));
                outputs.requests.push(request);
                self.intake = Intake::Replies;
                let limit = if self.is_ending { limit.min(DELIVERY_LIMIT_AT_END) } else { limit };
                outputs.timers.push((DELIVERY, Some(limit)));
            }
            Step::Dial(dial) => {
                self.pending.push(Entry::Dial);
                self.intake = Intake::Replies;
                outputs.dial = Some(dial);
            }
            Step::Answer(answer) => outputs.front.extend_from_slice(answer.as_bytes()),
            Step::Leave(answer) => {
                outputs.front.extend_from_slice(answer.as_bytes());
                self.close(Close::Asked, outputs);
            }
            Step::Close(close) => self.close(close, outputs),
        }
    }

    fn ask(&mut self, asked: D::Asked, request: Request, outputs: &mut Outputs) {
        let kind = match request {
            Request::LogIn { .. } => {
                outputs.login = Some(Login::UnderWay);
                Kind::LogIn
            }
            Request::Read => Kind::Read(D::READ_LINES),
            Request::ListPresent => Kind::List,
            _ => Kind::Plain,
        };
        self.pending.push(Entry::Asked(asked, kind));
        outputs.requests.push(request);
    }

    fn confirm(&mut self, outputs: &mut Outputs) {
        self.proof = Proof::NotDue;
        self.pending.push(Entry::Confirm);
        outputs.requests.push(Request::Confirm);
    }

    fn close(&mut self, close: Close, outputs: &mut Outputs) {
        if !self.is_closed() {
            self.intake = Intake::Closed(close);
            outputs.close = Some(close);
        }
    }

    /// The pause rule for this client, unless it sends line feeds.
    fn pause(&self) -> Option<PauseRule> {
        self.dialogue.pause().filter(|_| !self.sends_line_feeds)
    }

    /// The step of a command without a line feed, once it has ended by a pause or
    /// half-close.
    fn end_partial(&mut self) -> Option<Step<D::Asked>> {
        let rule = self.pause()?;
        if !self.may_take_a_line() || self.lines.partial()?.len() > rule.bytes_max {
            return None;
        }
        let command = self.lines.take_partial()?;
        let command = command.strip_suffix(b"\r").unwrap_or(&command);
        Some(self.dialogue.line(Line::Whole(command)))
    }

    fn watch_pause(&mut self, outputs: &mut Outputs) {
        if let Some(rule) = self.pause() {
            let waits = self.lines.partial().is_some_and(|partial| partial.len() <= rule.bytes_max);
            outputs.timers.push((PAUSE, waits.then_some(rule.after)));
        }
    }
}

impl<D: Dialogue> Session for Conversation<D> {
    fn input(&mut self, input: Input<'_>, outputs: &mut Outputs) -> Reading {
        match input {
            Input::Bytes { stream: Stream::Front, bytes, proof } => {
                self.bytes(bytes, proof, outputs);
            }
            Input::End { stream: Stream::Front, proof } => self.end(proof, outputs),
            // A conversation has one stream and no posts; others belong to its owner.
            Input::Bytes { .. } | Input::End { .. } | Input::Post(_) => {}
            Input::Reply(reply) => self.reply(reply, outputs),
            Input::Event(event) => {
                if self.is_open() {
                    self.dialogue.event(event, outputs);
                }
            }
            Input::Dialled(is_connected) => self.dialled(is_connected, outputs),
            Input::Elapsed(timer) => self.elapsed(timer, outputs),
            Input::Written | Input::Continue => self.proceed(outputs),
            Input::Ended(reason) => self.say_farewell(reason, outputs),
            Input::Stop => self.stop(outputs),
        }
        self.reading(outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A protocol in which each line makes a request and waits for its reply.
    struct Slow;

    impl Dialogue for Slow {
        type Asked = ();

        fn line(&mut self, _: Line<'_>) -> Step<()> {
            Step::AskAlone((), Request::CountUnread)
        }

        fn reply(&mut self, (): (), _: Reply, answer: &mut Vec<u8>) -> Next<()> {
            answer.extend_from_slice(b"ok\n");
            Next::Continue
        }
    }

    #[test]
    fn while_a_reply_is_awaited_no_more_is_taken_than_a_line() {
        let mut outputs = Outputs { requests_max: 1, ..Outputs::default() };
        let settings = Settings::default();
        let mut session = Conversation::begin(Slow, &settings, &mut outputs);
        session.input(
            Input::Bytes { stream: Stream::Front, bytes: b"first\n", proof: false },
            &mut outputs,
        );
        let mut taken = 0;
        while session.reading(&outputs) == Reading::Bytes {
            session.input(
                Input::Bytes { stream: Stream::Front, bytes: &[b'x'; 1_000], proof: false },
                &mut outputs,
            );
            taken += 1_000;
            assert!(taken < 2 * settings.line_bytes_max, "the session takes without an end");
        }
        assert!(taken > settings.line_bytes_max);
        let reading = session.input(Input::Reply(Reply::Unread(0)), &mut outputs);
        assert_eq!(reading, Reading::Bytes, "what was too long has been dropped");
        assert_eq!(outputs.front, b"ok\n");
    }
}
