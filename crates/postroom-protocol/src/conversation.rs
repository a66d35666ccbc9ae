//! Protocols of one line in, one answer out.
//!
//! The [`Conversation`] does for all of them what must be the same: it cuts
//! lines, keeps answers in the order of the lines although the office's replies
//! come later, sees which lines prove that earlier messages arrived, and keeps
//! the time limits. A [`Dialogue`] says what the lines mean.
//!
//! ```text
//!          line            Ask: on at once, up to PIPELINE_MAX
//!  Open ─────────▶ Step ─▶ AskAlone, AskWithin, Dial: the next line waits
//!                          Answer, Leave, Close: wait until all replies came
//!  Open ──Close──▶ Closed
//!  Open ──end of input──▶ Ending ──all answered──▶ Closed
//!  Open ──the server stops──▶ Stopping ──all replies come──▶ Closed
//!  Open ──evicted, or the time to log in is over──▶ Closed
//! ```

use std::borrow::Cow;
use std::time::Duration;

use postroom_model::{Event, Notice, Reply, Request};

use crate::line::{Line, LineDecoder};
use crate::session::{Close, Dial, DropReason, Input, Login, Outputs, Session, Stream, Timer};
use crate::settings::Settings;

/// The time to log in.
const LOG_IN: Timer = Timer::ALL[0];

/// The silence that ends a command without a line feed.
const PAUSE: Timer = Timer::ALL[1];

/// The time in which the client of another session must confirm a delivery.
const DELIVERY: Timer = Timer::ALL[2];

/// Requests that a session may have under way; further lines wait.
pub(crate) const PIPELINE_MAX: u32 = 128;

/// Time in which what a client said must be heard once it has ended its side: it
/// may be gone, and must not seem present for much longer.
const DELIVERY_LIMIT_AT_END: Duration = Duration::from_millis(250);

/// Bytes of the longest answer to a request: a message, made safe, and its sender.
const DELIVERY_BYTES_MAX: usize = 17 << 10;

/// What a protocol's lines and the office's replies mean.
pub(crate) trait Dialogue {
    /// Takes a line from the client.
    fn line(&mut self, line: Line<'_>) -> Step;

    /// Takes the reply to the earliest request that has none, and appends the
    /// answer to it.
    fn reply(&mut self, reply: Reply, answer: &mut Vec<u8>) -> Next;

    /// Whether the client has logged in: then it may be silent for ever.
    fn is_logged_in(&self) -> bool;

    /// Takes what happened elsewhere.
    fn event(&mut self, _event: &Event, _outputs: &mut Outputs) {}

    /// Takes what came of a dial, and appends the answer to it.
    fn dialled(&mut self, _is_connected: bool, _answer: &mut Vec<u8>) {}

    /// The last words when the server ends the connection of a client that has
    /// done nothing wrong.
    fn farewell(&mut self, _reason: DropReason, _answer: &mut Vec<u8>) {}
}

/// What follows from a line.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing to answer.
    Silence,
    /// A request, answered when its reply comes.
    Ask(Request),
    /// A request that decides what the next line means.
    AskAlone(Request),
    /// The same, to be given up when it is not heard in this time.
    AskWithin(Request, Duration),
    /// A connection back to the client, without which the next line has no
    /// meaning.
    Dial(Dial),
    /// An answer, its line end included.
    Answer(Cow<'static, str>),
    /// An answer, its line end included, and then the end that the client asked
    /// for.
    Leave(&'static str),
    /// The end of the connection.
    Close(Close),
}

/// What follows from a reply.
#[derive(Debug)]
pub(crate) enum Next {
    /// The conversation goes on.
    Continue,
    /// Another request, whose reply is the answer.
    AskAlone(Request),
    /// The connection ends after the answer.
    Close(Close),
}

/// How commands of a client that never sends a line feed end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PauseRule {
    /// The silence after which a command has ended.
    pub(crate) after: Duration,
    /// Bytes of the longest command that can end so.
    pub(crate) bytes_max: usize,
}

/// A session made of a [`Dialogue`].
#[derive(Debug)]
pub(crate) struct Conversation<D> {
    dialogue: D,
    lines: LineDecoder,
    output_bytes_max: usize,
    pause: Option<PauseRule>,
    /// Requests without a reply.
    outstanding: u32,
    /// How many of them hand out a message.
    reads: usize,
    /// The latest request is `AskAlone`.
    alone: bool,
    /// The latest request is given up when it is not heard in time.
    awaits_delivery: bool,
    /// What has to wait until nothing is outstanding.
    held: Option<Step>,
    /// Messages handed out and not proved to have arrived.
    unproved: u32,
    /// The bytes just taken prove it, if they complete a line.
    proof: bool,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Open,
    /// The client's side has ended; what it sent is still being answered.
    Ending,
    /// The server stops; what was asked is still being answered.
    Stopping,
    Closed(Close),
}

impl<D: Dialogue> Conversation<D> {
    /// Begins a conversation, with the time to log in running.
    pub(crate) fn begin(
        dialogue: D,
        settings: &Settings,
        pause: Option<PauseRule>,
        outputs: &mut Outputs,
    ) -> Self {
        outputs.timers.push((LOG_IN, Some(settings.login_limit)));
        outputs.login = Some(Login::Awaited);
        Self {
            dialogue,
            lines: LineDecoder::new(settings.line_bytes_max),
            output_bytes_max: settings.output_bytes_max,
            pause,
            outstanding: 0,
            reads: 0,
            alone: false,
            awaits_delivery: false,
            held: None,
            unproved: 0,
            proof: false,
            phase: Phase::Open,
        }
    }

    fn bytes(&mut self, bytes: &[u8], proof: bool, outputs: &mut Outputs) {
        if self.phase != Phase::Open {
            return;
        }
        self.proof = proof && self.outstanding == 0;
        self.lines.push(bytes);
        if self.pause.is_some() && memchr::memchr(b'\n', bytes).is_some() {
            self.pause = None;
        }
        self.proceed(outputs);
        self.watch_pause(outputs);
    }

    fn end(&mut self, proof: bool, outputs: &mut Outputs) {
        let proved = proof && self.outstanding == 0 && self.unproved > 0;
        match self.phase {
            Phase::Open => {
                self.phase = Phase::Ending;
                if self.awaits_delivery {
                    outputs.timers.push((DELIVERY, Some(DELIVERY_LIMIT_AT_END)));
                }
                if proved {
                    self.confirm(outputs);
                }
                self.proceed(outputs);
            }
            Phase::Closed(Close::Asked) if proved => self.confirm(outputs),
            Phase::Ending | Phase::Stopping | Phase::Closed(_) => {}
        }
    }

    /// The protocol's own part.
    pub(crate) fn dialogue(&self) -> &D {
        &self.dialogue
    }

    /// Whether the connection has been ended.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed(_))
    }

    /// Ends the connection for a reason of the server's.
    pub(crate) fn drop_client(&mut self, reason: DropReason, outputs: &mut Outputs) {
        self.close(Close::Dropped(reason), outputs);
    }

    fn stop(&mut self, outputs: &mut Outputs) {
        // A login under way has no answer that anyone could rely on.
        if self.outstanding == 0 || self.alone {
            self.say_farewell(DropReason::Stop, outputs);
        } else if !matches!(self.phase, Phase::Closed(_)) {
            self.phase = Phase::Stopping;
        }
    }

    fn reply(&mut self, reply: Reply, outputs: &mut Outputs) {
        self.settled(outputs, |this, outputs| match reply {
            Reply::Confirmed(_) => {}
            // What was read could not be removed: the next answer must not leave.
            Reply::NotConfirmed => this.drop_client(DropReason::NotRemoved, outputs),
            reply => this.answer(reply, outputs),
        });
    }

    /// Takes what one of the requests under way came to.
    fn settled(&mut self, outputs: &mut Outputs, answer: impl FnOnce(&mut Self, &mut Outputs)) {
        self.outstanding -= 1;
        if matches!(self.phase, Phase::Closed(_)) {
            return;
        }
        if std::mem::take(&mut self.awaits_delivery) {
            outputs.timers.push((DELIVERY, None));
        }
        answer(self, outputs);
        if self.outstanding == 0 {
            self.alone = false;
            if let Some(step) = self.held.take() {
                self.step(step, outputs);
            }
            if self.phase == Phase::Stopping {
                self.say_farewell(DropReason::Stop, outputs);
            }
        }
        self.proceed(outputs);
        self.watch_pause(outputs);
    }

    fn say_farewell(&mut self, reason: DropReason, outputs: &mut Outputs) {
        if !matches!(self.phase, Phase::Closed(_)) {
            self.dialogue.farewell(reason, &mut outputs.front);
            self.drop_client(reason, outputs);
        }
    }

    fn dialled(&mut self, is_connected: bool, outputs: &mut Outputs) {
        self.settled(outputs, |this, outputs| {
            this.dialogue.dialled(is_connected, &mut outputs.front);
        });
    }

    fn answer(&mut self, reply: Reply, outputs: &mut Outputs) {
        if let Reply::Read(_) | Reply::NothingUnread = reply {
            self.reads -= 1;
        }
        if let Reply::Read(_) = reply {
            self.unproved += 1;
        }
        let is_login = matches!(reply, Reply::LoggedIn { .. } | Reply::LogInRefused(_));
        match self.dialogue.reply(reply, &mut outputs.front) {
            Next::Continue => {}
            Next::AskAlone(request) => self.ask(request, outputs),
            Next::Close(close) => self.close(close, outputs),
        }
        if is_login {
            let is_logged_in = self.dialogue.is_logged_in();
            outputs.login = Some(if is_logged_in { Login::Done } else { Login::Awaited });
            if is_logged_in {
                outputs.timers.push((LOG_IN, None));
            }
        }
    }

    fn elapsed(&mut self, timer: Timer, outputs: &mut Outputs) {
        match timer {
            LOG_IN if !self.dialogue.is_logged_in() => {
                self.say_farewell(DropReason::LogInLimit, outputs);
            }
            DELIVERY if self.awaits_delivery => outputs.notices.push(Notice::Abandon),
            PAUSE => {
                if let Some(step) = self.end_partial() {
                    self.take(step, outputs);
                }
                self.proceed(outputs);
            }
            _ => {}
        }
    }

    /// Takes lines for as long as none has to wait.
    fn proceed(&mut self, outputs: &mut Outputs) {
        while self.may_take_a_line() && self.has_room_for_an_answer(outputs) {
            let step = match self.lines.next_line() {
                Some(line) => Some(self.dialogue.line(line)),
                None if self.phase == Phase::Ending => self.end_partial(),
                None => None,
            };
            let Some(step) = step else {
                self.lines.shrink();
                if self.phase == Phase::Ending && self.outstanding == 0 {
                    self.close(Close::Asked, outputs);
                }
                return;
            };
            self.take(step, outputs);
        }
        if self.phase == Phase::Ending && self.alone && self.lines.is_empty() {
            outputs.notices.push(Notice::Ending);
        }
    }

    /// Whether what waits for the peer, and the messages asked for, leave room for
    /// more.
    fn has_room_for_an_answer(&self, outputs: &Outputs) -> bool {
        outputs.front.len() + self.reads * DELIVERY_BYTES_MAX <= self.output_bytes_max
    }

    fn may_take_a_line(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Ending)
            && self.held.is_none()
            && !self.alone
            && self.outstanding < PIPELINE_MAX
    }

    /// Takes what follows from a line just received.
    fn take(&mut self, step: Step, outputs: &mut Outputs) {
        if std::mem::take(&mut self.proof) && self.unproved > 0 {
            self.confirm(outputs);
        }
        self.step(step, outputs);
    }

    fn step(&mut self, step: Step, outputs: &mut Outputs) {
        match step {
            Step::Silence => {}
            Step::Ask(request) => self.ask(request, outputs),
            Step::AskAlone(request) => {
                self.ask(request, outputs);
                self.alone = true;
            }
            later if self.outstanding > 0 => self.held = Some(later),
            Step::AskWithin(request, limit) => {
                self.ask(request, outputs);
                self.alone = true;
                self.awaits_delivery = true;
                let is_ending = self.phase == Phase::Ending;
                let limit = if is_ending { limit.min(DELIVERY_LIMIT_AT_END) } else { limit };
                outputs.timers.push((DELIVERY, Some(limit)));
            }
            Step::Dial(dial) => {
                self.outstanding += 1;
                self.alone = true;
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

    fn ask(&mut self, request: Request, outputs: &mut Outputs) {
        self.outstanding += 1;
        self.reads += usize::from(matches!(request, Request::Read));
        if let Request::LogIn { .. } = request {
            outputs.login = Some(Login::UnderWay);
        }
        outputs.requests.push(request);
    }

    fn confirm(&mut self, outputs: &mut Outputs) {
        self.unproved = 0;
        self.ask(Request::Confirm, outputs);
    }

    fn close(&mut self, close: Close, outputs: &mut Outputs) {
        if !matches!(self.phase, Phase::Closed(_)) {
            self.phase = Phase::Closed(close);
            self.held = None;
            outputs.close = Some(close);
        }
    }

    /// What follows from the command of a client that sends no line feeds, once
    /// it has ended otherwise.
    fn end_partial(&mut self) -> Option<Step> {
        let rule = self.pause?;
        if !self.may_take_a_line() || self.lines.partial()?.len() > rule.bytes_max {
            return None;
        }
        let command = self.lines.take_partial()?;
        let command = command.strip_suffix(b"\r").unwrap_or(&command);
        Some(self.dialogue.line(Line::Whole(command)))
    }

    fn watch_pause(&mut self, outputs: &mut Outputs) {
        if let Some(rule) = self.pause {
            let waits = self.lines.partial().is_some_and(|partial| partial.len() <= rule.bytes_max);
            outputs.timers.push((PAUSE, waits.then_some(rule.after)));
        }
    }
}

impl<D: Dialogue> Session for Conversation<D> {
    fn input(&mut self, input: Input<'_>, outputs: &mut Outputs) {
        match input {
            Input::Bytes { stream: Stream::Front, bytes, proof } => {
                self.bytes(bytes, proof, outputs);
            }
            Input::End { stream: Stream::Front, proof } => self.end(proof, outputs),
            // A conversation has but one stream; another is its owner's.
            Input::Bytes { .. } | Input::End { .. } => {}
            Input::Reply(reply) => self.reply(reply, outputs),
            Input::Event(event) => {
                if matches!(self.phase, Phase::Open | Phase::Ending) {
                    self.dialogue.event(event, outputs);
                }
            }
            Input::Dialled(is_connected) => self.dialled(is_connected, outputs),
            Input::Elapsed(timer) => self.elapsed(timer, outputs),
            Input::Written => self.proceed(outputs),
            Input::Evicted => self.say_farewell(DropReason::Evicted, outputs),
            Input::Stop => self.stop(outputs),
        }
    }

    fn awaits_proof(&self) -> bool {
        self.unproved > 0
    }

    fn takes_bytes(&self) -> bool {
        self.phase == Phase::Open && !self.lines.is_full() && self.lines.partial_only()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A protocol in which each line is a question that waits for its reply.
    struct Slow;

    impl Dialogue for Slow {
        fn line(&mut self, _: Line<'_>) -> Step {
            Step::AskAlone(Request::CountUnread)
        }

        fn reply(&mut self, _: Reply, answer: &mut Vec<u8>) -> Next {
            answer.extend_from_slice(b"ok\n");
            Next::Continue
        }

        fn is_logged_in(&self) -> bool {
            true
        }
    }

    #[test]
    fn while_a_reply_is_awaited_no_more_is_taken_than_a_line() {
        let mut outputs = Outputs::default();
        let settings = Settings::default();
        let mut session = Conversation::begin(Slow, &settings, None, &mut outputs);
        session.input(
            Input::Bytes { stream: Stream::Front, bytes: b"first\n", proof: false },
            &mut outputs,
        );
        let mut taken = 0;
        while session.takes_bytes() {
            session.input(
                Input::Bytes { stream: Stream::Front, bytes: &[b'x'; 1_000], proof: false },
                &mut outputs,
            );
            taken += 1_000;
            assert!(taken < 2 * settings.line_bytes_max, "the session takes without an end");
        }
        assert!(taken > settings.line_bytes_max);
        session.input(Input::Reply(Reply::Unread(0)), &mut outputs);
        assert!(session.takes_bytes(), "what was too long has been dropped");
        assert_eq!(outputs.front, b"ok\n");
    }
}
