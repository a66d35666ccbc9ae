//! The protocol `board` (seed 003): one request a connection, a letter, a line
//! feed and data.
//!
//! ```text
//!  Letter ──u, d, t, s──▶ Data ──its end──▶ Asked ──answered──▶ Closed
//!  Letter ──another──▶ Closed
//!  Asked ──t, a page of several──▶ Paging ──all written──▶ Asked
//!  Asked ──s──▶ Streaming
//! ```
//!
//! The data ends at a line feed, at the end of input, or once some of it has come,
//! after a silence: the original client sends no line feed. What may have no data,
//! `d` and `s`, also ends by a silence without any. An end of input that comes while
//! texts are streamed is no hang-up: the client still reads.

use std::time::Duration;

use postroom_model::{
    BOARD_TEXT_CHARACTERS_MAX, Channel, Entry, Event, Page, Position, PostRefusal, Posted, Reply,
    Request, Safe, Text,
};

use crate::line::{Line, LineBuffer};
use crate::session::{Category, Close, Input, Outputs, Report, Session, Settings, Stream, Timer};

/// What is shown while there is no latest text.
const EMPTY: &str = "Empty Message";

const SUCCESS: &str = "operation success\n";

/// Begins a session.
pub(crate) fn begin(settings: &Settings, outputs: &mut Outputs) -> Box<dyn Session> {
    outputs.timers.push((Timer::LogIn, Some(settings.login_limit)));
    Box::new(Board {
        state: State::Letter,
        lines: LineBuffer::new(settings.line_bytes_max),
        pause: settings.pause,
    })
}

#[derive(Debug)]
struct Board {
    state: State,
    lines: LineBuffer,
    pause: Duration,
}

#[derive(Debug)]
enum State {
    Letter,
    Data { operation: Operation },
    Asked { request: Asked },
    Paging { channel: Channel, from: Position },
    Streaming,
    Closed,
}

/// What a letter asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Operation {
    Upload,
    Download,
    Timeline,
    Stream,
}

/// What a reply is awaited for.
#[derive(Debug)]
enum Asked {
    Upload { text: Text },
    Download,
    Timeline { channel: Channel },
    Stream,
}

/// A rule that the client broke, or a limit, and what it is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Refusal {
    Operation,
    Length,
    Text,
    Hashtag,
    DiskFull,
    TooManyHashtags,
}

impl Refusal {
    fn as_str(self) -> &'static str {
        match self {
            Self::Operation => "operation illegal",
            Self::Length => "message length illegal",
            Self::Text => "message text illegal",
            Self::Hashtag => "hashtag illegal",
            Self::DiskFull => "disk full",
            Self::TooManyHashtags => "too many hashtags",
        }
    }
}

impl From<PostRefusal> for Refusal {
    fn from(refusal: PostRefusal) -> Self {
        match refusal {
            PostRefusal::DiskFull => Self::DiskFull,
            PostRefusal::TooManyChannels => Self::TooManyHashtags,
        }
    }
}

impl Operation {
    fn parse(letter: &[u8]) -> Option<Self> {
        match letter {
            b"u" => Some(Self::Upload),
            b"d" => Some(Self::Download),
            b"t" => Some(Self::Timeline),
            b"s" => Some(Self::Stream),
            _ => None,
        }
    }

    /// Whether it may have no data at all, so that silence ends even that.
    fn may_lack_data(self) -> bool {
        matches!(self, Self::Download | Self::Stream)
    }

    /// What is to be asked of the office.
    fn ask(self, data: &[u8]) -> Result<(Asked, Request), Refusal> {
        Ok(match self {
            Self::Upload => {
                let text = Text::from_bytes(data).map_err(|_| Refusal::Text)?;
                let request = upload(&text)?;
                (Asked::Upload { text }, request)
            }
            Self::Download => (Asked::Download, Request::Latest(channel_or_board(data)?)),
            Self::Timeline => {
                let channel = hashtag(data)?;
                (Asked::Timeline { channel: channel.clone() }, first_page(channel))
            }
            Self::Stream => (Asked::Stream, Request::Join(channel_or_board(data)?)),
        })
    }
}

fn upload(text: &Text) -> Result<Request, Refusal> {
    if text.as_str().chars().count() > BOARD_TEXT_CHARACTERS_MAX {
        return Err(Refusal::Length);
    }
    let hashtags = Channel::hashtags(text.as_str());
    if hashtags.iter().any(Channel::is_lobby) {
        return Err(Refusal::Hashtag);
    }
    let channels = [Channel::board()].into_iter().chain(hashtags).collect();
    Ok(Request::Post { channels, text: text.clone(), heard: false })
}

fn first_page(channel: Channel) -> Request {
    Request::Timeline { channel, from: Position::default() }
}

/// `#lobby` is for those who are present; the board is for anyone.
fn hashtag(data: &[u8]) -> Result<Channel, Refusal> {
    let word = std::str::from_utf8(data).map_err(|_| Refusal::Hashtag)?.trim_ascii();
    Channel::parse(word).filter(|channel| !channel.is_lobby()).ok_or(Refusal::Hashtag)
}

fn channel_or_board(data: &[u8]) -> Result<Channel, Refusal> {
    if data.trim_ascii().is_empty() { Ok(Channel::board()) } else { hashtag(data) }
}

impl Board {
    /// Takes the lines that have come.
    fn proceed(&mut self, outputs: &mut Outputs) {
        loop {
            match self.state {
                State::Letter => match self.lines.next_line() {
                    Some(Line::Whole(letter)) => {
                        let operation = Operation::parse(letter);
                        self.begin_data(operation, outputs);
                    }
                    Some(Line::TooLong) => self.begin_data(None, outputs),
                    None => break,
                },
                State::Data { operation } => match self.lines.next_line() {
                    Some(Line::Whole(data)) => {
                        let asked = operation.ask(data);
                        self.ask(asked, outputs);
                    }
                    Some(Line::TooLong) => self.refuse(Refusal::Length, outputs),
                    None => break,
                },
                // One request a connection: the rest is nothing.
                _ => {
                    while self.lines.next_line().is_some() {}
                    self.lines.take_partial();
                    break;
                }
            }
        }
        self.watch_silence(outputs);
    }

    fn begin_data(&mut self, operation: Option<Operation>, outputs: &mut Outputs) {
        match operation {
            Some(operation) => self.state = State::Data { operation },
            None => self.refuse(Refusal::Operation, outputs),
        }
    }

    fn watch_silence(&self, outputs: &mut Outputs) {
        let ends = match &self.state {
            State::Data { operation } => {
                operation.may_lack_data() || self.lines.partial().is_some()
            }
            _ => false,
        };
        outputs.timers.push((Timer::Pause, ends.then_some(self.pause)));
    }

    /// Takes what there is for whole.
    fn end_partial(&mut self, outputs: &mut Outputs) {
        if let State::Letter = self.state
            && let Some(letter) = self.lines.take_partial()
        {
            // A client that was cut off after its letter must not empty the board.
            let operation = Operation::parse(&letter).filter(|found| found.may_lack_data());
            self.begin_data(operation, outputs);
        }
        if let State::Data { operation } = self.state {
            let data = self.lines.take_partial().unwrap_or_default();
            self.ask(operation.ask(data.strip_suffix(b"\r").unwrap_or(&data)), outputs);
        }
    }

    fn ask(&mut self, asked: Result<(Asked, Request), Refusal>, outputs: &mut Outputs) {
        match asked {
            Ok((asked, request)) => {
                outputs.requests.push(request);
                self.state = State::Asked { request: asked };
                outputs.timers.push((Timer::LogIn, None));
            }
            Err(refusal) => self.refuse(refusal, outputs),
        }
    }

    fn refuse(&mut self, refusal: Refusal, outputs: &mut Outputs) {
        let what = refusal.as_str();
        outputs.reports.push(Report { category: Category::Error, what: what.to_owned() });
        self.answer(&format!("error: {what}\n"), outputs);
    }

    /// Answers, and ends the connection.
    fn answer(&mut self, answer: &str, outputs: &mut Outputs) {
        outputs.front.extend_from_slice(answer.as_bytes());
        self.close(Close::Asked, outputs);
    }

    fn close(&mut self, close: Close, outputs: &mut Outputs) {
        if !matches!(self.state, State::Closed) {
            self.state = State::Closed;
            outputs.close = Some(close);
        }
    }

    fn reply(&mut self, reply: Reply, outputs: &mut Outputs) {
        if let State::Closed = self.state {
            return;
        }
        match (std::mem::replace(&mut self.state, State::Letter), reply) {
            (State::Asked { request: Asked::Upload { text } }, Reply::Posted(_)) => {
                let what = format!("message received: {}", Safe(text.as_str()));
                outputs.reports.push(Report { category: Category::General, what });
                self.answer(SUCCESS, outputs);
            }
            (_, Reply::NotPosted(refusal)) => self.refuse(refusal.into(), outputs),
            (_, Reply::Latest(entry)) => {
                // A text may show as nothing without being empty.
                let shown = entry.map(|entry| Safe(entry.text.as_str()).to_string());
                let shown = shown.filter(|shown| !shown.is_empty());
                outputs.front.extend_from_slice(shown.as_deref().unwrap_or(EMPTY).as_bytes());
                self.close(Close::Asked, outputs);
            }
            (State::Asked { request: Asked::Timeline { channel } }, Reply::Timeline(page)) => {
                self.page(channel, &page, outputs);
            }
            (_, Reply::Joined) => self.state = State::Streaming,
            // Nothing else is asked for.
            (_, _) => self.close(Close::Dropped, outputs),
        }
    }

    fn page(&mut self, channel: Channel, page: &Page, outputs: &mut Outputs) {
        for Entry { author, text } in &page.entries {
            push_line(&mut outputs.front, author, &Safe(text.as_str()));
        }
        match page.next {
            Some(from) => self.state = State::Paging { channel, from },
            None => self.close(Close::Asked, outputs),
        }
    }

    fn next_page(&mut self, outputs: &mut Outputs) {
        if let State::Paging { channel, from } = &self.state {
            let (channel, from) = (channel.clone(), *from);
            outputs.requests.push(Request::Timeline { channel: channel.clone(), from });
            self.state = State::Asked { request: Asked::Timeline { channel } };
        }
    }

    fn stop(&mut self, outputs: &mut Outputs) {
        // What was asked is answered, and that ends the connection.
        if !matches!(self.state, State::Asked { request: Asked::Upload { .. } | Asked::Download }) {
            self.close(Close::Dropped, outputs);
        }
    }
}

fn push_posted(line: &mut Vec<u8>, posted: &Posted) {
    // An empty text resets the latest one and is nothing to read.
    if !posted.post().text.as_str().is_empty() {
        push_line(line, &posted.post().author, &posted.shown());
    }
}

fn push_line(line: &mut Vec<u8>, author: &impl std::fmt::Display, text: &impl std::fmt::Display) {
    use std::io::Write as _;
    // Writing to memory does not fail.
    let _ = writeln!(line, "{author}: {text}");
}

impl Session for Board {
    fn input(&mut self, input: Input<'_>, outputs: &mut Outputs) {
        match input {
            Input::Bytes { stream: Stream::Front, bytes, .. } => {
                self.lines.push(bytes);
                self.proceed(outputs);
            }
            Input::End { stream: Stream::Front, .. } => {
                self.end_partial(outputs);
                if matches!(self.state, State::Letter) {
                    self.close(Close::Asked, outputs);
                }
                self.watch_silence(outputs);
            }
            Input::Elapsed(Timer::Pause) => self.end_partial(outputs),
            Input::Elapsed(Timer::LogIn) => {
                if matches!(self.state, State::Letter | State::Data { .. }) {
                    self.close(Close::Dropped, outputs);
                }
            }
            Input::Reply(reply) => self.reply(reply, outputs),
            Input::Event(Event::Posted(posted)) => {
                if matches!(self.state, State::Streaming) {
                    push_posted(&mut outputs.front, posted);
                }
            }
            Input::Written => self.next_page(outputs),
            Input::Stop => self.stop(outputs),
            Input::Event(_)
            | Input::Elapsed(Timer::Hearing)
            | Input::Dialled(_)
            | Input::Bytes { .. }
            | Input::End { .. } => {}
        }
    }

    fn awaits_proof(&self) -> bool {
        false
    }

    fn takes_bytes(&self) -> bool {
        !matches!(self.state, State::Paging { .. } | State::Closed)
    }
}
