//! The driver and the office of one session.

use std::collections::VecDeque;
use std::time::Duration;

use postroom_model::{Access, Request};
use postroom_protocol::{
    Close, DropReason, Input, Login, Outputs, PostHandling, Protocol, Reading, Session, Settings,
    Stream, Timer,
};

use super::judge::Judge;
use super::office::Office;
use crate::script::Step;

/// How the bytes of the front stream reach the session. Those of the back stream are never
/// cut: how many receipts one read brings decides which of them count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cut {
    /// As they are, and any number of requests at once.
    Whole,
    /// One at a time, and one request at a time.
    Bytes,
}

/// What a session has done, at every split the same.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Told {
    front: String,
    back: String,
    requests: Vec<String>,
    login: Option<Login>,
    close: Option<Close>,
}

/// One session, and all that is outside of it.
#[expect(clippy::struct_excessive_bools, reason = "each is for itself")]
pub(super) struct Bench {
    protocol: &'static Protocol,
    session: Box<dyn Session>,
    outputs: Outputs,
    reading: Reading,
    cut: Cut,
    office: Office,
    judge: Judge,
    /// What the client has sent and the session has not taken.
    waiting: VecDeque<u8>,
    half_closes: bool,
    has_half_closed: bool,
    /// Where the client speaks.
    stream: Stream,
    proof: bool,
    is_stalled: bool,
    timers: [bool; 4],
    is_dialling: bool,
    /// The session had ended the connection before the input that it handles.
    was_closed: bool,
    requests: Vec<String>,
    login: Option<Login>,
}

/// Small limits, so that short inputs reach them.
fn settings() -> Settings {
    let mut settings = Settings {
        line_bytes_max: 200,
        paused_bytes_max: 60,
        output_bytes_max: 20_000,
        pause: Duration::from_millis(1),
        ..Settings::default()
    };
    settings.im.stores_for_absent = true;
    settings
}

impl Bench {
    /// Plays a script to its end, and then until nothing is under way any more.
    pub(super) fn play(protocol: &'static Protocol, steps: &[Step], cut: Cut) -> Told {
        let mut outputs = Outputs { requests_max: u32::MAX, ..Outputs::default() };
        let session = (protocol.begin)(&settings(), Access::OPEN, &mut outputs);
        let mut bench = Self {
            protocol,
            session,
            outputs,
            reading: Reading::Bytes,
            cut,
            office: Office::default(),
            judge: Judge::new(protocol.name, settings().output_bytes_max),
            waiting: VecDeque::new(),
            half_closes: false,
            has_half_closed: false,
            stream: Stream::Front,
            proof: false,
            is_stalled: false,
            timers: [false; 4],
            is_dialling: false,
            was_closed: false,
            requests: Vec::new(),
            login: None,
        };
        bench.collect();
        for step in steps {
            bench.step(step);
            bench.settle();
        }
        bench.finish();
        bench.judge.end();
        let Self { judge, requests, login, .. } = bench;
        Told { front: judge.front(), back: judge.back(), requests, login, close: judge.close }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Bytes(bytes) if self.stream == Stream::Front => {
                if !self.half_closes {
                    self.judge.said(bytes);
                    self.waiting.extend(bytes);
                }
            }
            Step::Bytes(bytes) => {
                self.feed(Input::Bytes { stream: Stream::Back, bytes, proof: false });
            }
            Step::Action(action) => self.act(*action),
        }
    }

    fn act(&mut self, action: u8) {
        match action {
            b'f' => self.stream = Stream::Front,
            b'b' if self.judge.has_back => self.stream = Stream::Back,
            b'.' | b'2' | b'x' | b'-' | b'?' => self.reply(action),
            b'D' | b'd' if self.is_dialling => {
                self.is_dialling = false;
                self.judge.has_back = action == b'D';
                self.feed(Input::Dialled(action == b'D'));
            }
            b'e' => self.half_closes = true,
            b'E' if self.judge.has_back => {
                self.feed(Input::End { stream: Stream::Back, proof: false });
            }
            b'p' | b'P' => self.post(action == b'p'),
            b'0'..=b'3' => self.elapse(usize::from(action - b'0')),
            b's' => {
                self.judge.has_stopped = true;
                self.feed(Input::Stop);
            }
            b'v' if !matches!(self.login, Some(Login::Done | Login::UnderWay)) => {
                self.feed(Input::Ended(DropReason::Evicted));
            }
            b'z' => self.is_stalled = !self.is_stalled,
            b'+' => self.proof = true,
            b'/' => self.proof = false,
            other => {
                if let Some(event) = self.office.event(other, &mut self.judge) {
                    self.feed(Input::Event(&event));
                }
            }
        }
    }

    fn reply(&mut self, choice: u8) {
        if let Some(reply) = self.office.reply(choice) {
            self.feed(Input::Reply(reply));
        }
    }

    fn post(&mut self, is_marked: bool) {
        match self.protocol.posts {
            PostHandling::Queued => {
                let posted = self.office.posted(is_marked);
                self.feed(Input::Post(&posted));
            }
            PostHandling::Rendered(render) if self.session.shows_posts() && !self.is_closed() => {
                let posted = self.office.posted(false);
                render(&posted, &mut self.outputs.front);
                self.collect();
            }
            PostHandling::None | PostHandling::Rendered(_) => {}
        }
    }

    fn elapse(&mut self, timer: usize) {
        if std::mem::take(&mut self.timers[timer]) && !self.is_closed() {
            self.feed(Input::Elapsed(Timer::ALL[timer]));
        }
    }

    fn is_closed(&self) -> bool {
        self.judge.close.is_some()
    }

    /// Gives the session what the client has sent, as far as it takes it.
    fn settle(&mut self) {
        self.collect();
        loop {
            match self.reading {
                Reading::Lines => self.feed(Input::Continue),
                Reading::Nothing => return,
                Reading::Bytes | Reading::Proof => {
                    if self.is_closed() && !self.has_left() {
                        return;
                    } else if !self.waiting.is_empty() {
                        self.read();
                    } else if self.half_closes && !self.has_half_closed {
                        self.has_half_closed = true;
                        self.feed(Input::End { stream: Stream::Front, proof: self.proof });
                    } else {
                        return;
                    }
                }
            }
        }
    }

    /// Whether all is said and only the client's end is to come.
    fn has_left(&self) -> bool {
        self.waiting.is_empty() && self.half_closes
    }

    fn read(&mut self) {
        let size = if self.cut == Cut::Whole { self.waiting.len() } else { 1 };
        let bytes: Vec<u8> = self.waiting.drain(..size).collect();
        self.feed(Input::Bytes { stream: Stream::Front, bytes: &bytes, proof: self.proof });
    }

    fn feed(&mut self, input: Input<'_>) {
        self.was_closed = self.is_closed();
        self.judge.before(&input);
        self.outputs.requests_max = if self.cut == Cut::Whole { u32::MAX } else { 1 };
        self.reading = self.session.input(input, &mut self.outputs);
        self.judge.after(&mut self.outputs, self.session.queued_bytes());
        self.collect();
    }

    /// Carries out what the session asks for.
    fn collect(&mut self) {
        for (timer, time) in self.outputs.timers.drain(..) {
            self.timers[timer.index()] = time.is_some();
        }
        for request in std::mem::take(&mut self.outputs.requests) {
            self.requests.push(format!("{request:?}"));
            self.ask(request);
        }
        self.login = self.outputs.login.take().or(self.login);
        self.is_dialling |= self.outputs.dial.take().is_some();
        self.outputs.reports.clear();
        if self.is_stalled {
            return;
        }
        let has_more = self.judge.transmit(&mut self.outputs);
        if has_more && self.reading == Reading::Nothing && !self.is_closed() {
            self.feed(Input::Written);
        }
    }

    fn ask(&mut self, request: Request) {
        assert!(
            !self.was_closed || matches!(request, Request::Confirm),
            "{request:?} after the end of the connection"
        );
        self.office.requests.push_back(request);
    }

    /// Everything under way succeeds, and the client half-closes: its lines are answered
    /// before the end.
    fn finish(&mut self) {
        self.is_stalled = false;
        self.half_closes = true;
        for _ in 0..10_000 {
            self.settle();
            if self.is_dialling {
                self.act(b'd');
            } else if self.office.requests.is_empty() {
                break;
            } else {
                self.reply(b'.');
            }
        }
        assert!(self.office.requests.is_empty(), "requests without an end");
        let streams = self.session.shows_posts() && !self.judge.has_stopped;
        assert!(self.is_closed() || streams, "the client left, and the session stays");
    }
}
