//! The protocol `board` (seed 003, a course's small Twitter): one request per
//! connection: a letter, a line feed and data.
//!
//! ```text
//!  Letter ──d, t, s──▶ Operand ──its end──▶ Asked ──answered──▶ Closed
//!  Letter ──u──▶ Upload ──its end──▶ Asked
//!  Letter ──another──▶ Closed
//!  Asked ──t, a page of several──▶ Paging ──all written──▶ Asked
//!  Asked ──s──▶ Streaming
//! ```
//!
//! The operand of `d`, `t` and `s` ends at a line feed, at the client's half-close, or,
//! once some of it has arrived, after a pause: the original client sends no line feed.
//! For `d` and `s` the operand is optional: they also end after a pause without one.
//! The text of `u` ends at the half-close or after a pause, not at a line feed: a text
//! of several lines is refused as a whole instead of being cut. A client that
//! half-closes while texts are streamed still receives them.

use std::time::Duration;

use postroom_model::{
    Access, Anonymous, Author, BOARD_TEXT_CHARACTERS_MAX, Channel, Content, Entry, Event, Guest,
    Page, Position, PostRefusal, Posted, Reply, Request, Text, push_joined,
};

use crate::line::{Line, LineDecoder};
use crate::protocol::{PostHandling, Protocol};
use crate::session::{
    Category, Close, DropReason, Input, Login, Outputs, Reading, Report, Session, Stream, Timer,
};
use crate::settings::Settings;

/// Stands for a text that its author has deleted.
const DELETED: &str = "(deleted)";

/// The answer to `d` while there is no latest text.
const EMPTY: &str = "Empty Message";

/// The time limit for a complete request.
const LOG_IN: Timer = Timer::ALL[0];

/// The pause that ends a request.
const PAUSE: Timer = Timer::ALL[1];

const SUCCESS: &str = "operation success\n";

/// The protocol's entry in `PROTOCOLS`.
pub(crate) const PROTOCOL: Protocol = Protocol {
    name: "board",
    default_port: 4404,
    has_accounts: false,
    guest: Some(Guest::Board),
    reports: true,
    is_handed_over: false,
    posts: PostHandling::Rendered(push_posted),
    refusal: "",
    begin,
};

fn begin(settings: &Settings, access: Access, outputs: &mut Outputs) -> Box<dyn Session> {
    outputs.timers.push((LOG_IN, Some(settings.login_limit)));
    outputs.login = Some(Login::Awaited);
    Box::new(Board {
        state: State::Letter,
        lines: LineDecoder::new(settings.line_bytes_max),
        text_bytes_max: settings.line_bytes_max + "\r\n".len(),
        pause: settings.pause,
        may_upload: access.anonymous == Anonymous::Post,
    })
}

#[derive(Debug)]
struct Board {
    state: State,
    lines: LineDecoder,
    /// Maximum bytes of a text and its line end.
    text_bytes_max: usize,
    pause: Duration,
    /// Whether the listener lets its clients post.
    may_upload: bool,
}

#[derive(Debug)]
enum State {
    Letter,
    /// The operand of a query is a line.
    Operand {
        query: Query,
    },
    /// The bytes of the text received so far.
    Upload {
        text: Vec<u8>,
    },
    Asked {
        request: Asked,
    },
    /// A page is being written; the next one begins at `from`.
    Paging {
        channel: Channel,
        from: Position,
    },
    Streaming,
    Closed,
}

/// The operation of a letter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Operation {
    Upload,
    Query(Query),
}

/// The queries for stored texts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Query {
    Download,
    Timeline,
    Stream,
}

/// The request that waits for its reply.
#[derive(Debug)]
enum Asked {
    Upload { text: Text },
    Download,
    Timeline { channel: Channel },
    Stream,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Refusal {
    Operation,
    ReadOnly,
    Length,
    SeveralLines,
    Text,
    Hashtag,
    DiskFull,
    TooManyHashtags,
    NewHashtags,
    Unavailable,
}

impl Refusal {
    fn as_str(self) -> &'static str {
        match self {
            Self::Operation => "operation illegal",
            Self::ReadOnly => "this board is read only",
            Self::Length => "message length illegal",
            Self::SeveralLines => "message illegal",
            Self::Text => "message text illegal",
            Self::Hashtag => "hashtag illegal",
            Self::DiskFull => "disk full",
            Self::TooManyHashtags => "too many hashtags",
            Self::NewHashtags => "too many new hashtags",
            Self::Unavailable => "server unavailable",
        }
    }
}

impl From<PostRefusal> for Refusal {
    fn from(refusal: PostRefusal) -> Self {
        match refusal {
            PostRefusal::DiskFull => Self::DiskFull,
            PostRefusal::TooManyChannels => Self::TooManyHashtags,
            PostRefusal::MayNotCreate => Self::NewHashtags,
            // The board posts without an account.
            PostRefusal::AuthorDeleted | PostRefusal::NotInvited => Self::Unavailable,
        }
    }
}

impl Operation {
    fn parse(letter: &[u8]) -> Option<Self> {
        match letter {
            b"u" => Some(Self::Upload),
            b"d" => Some(Self::Query(Query::Download)),
            b"t" => Some(Self::Query(Query::Timeline)),
            b"s" => Some(Self::Query(Query::Stream)),
            _ => None,
        }
    }
}

impl Query {
    /// Whether its operand is optional, so that a pause without one ends the request.
    fn may_lack_operand(self) -> bool {
        matches!(self, Self::Download | Self::Stream)
    }

    /// The request to the office.
    fn ask(self, operand: &[u8]) -> Result<(Asked, Request), Refusal> {
        Ok(match self {
            Self::Download => (Asked::Download, Request::Latest(channel_or_board(operand)?)),
            Self::Timeline => {
                let channel = hashtag(operand)?;
                (Asked::Timeline { channel: channel.clone() }, first_page(channel))
            }
            Self::Stream => (Asked::Stream, Request::Join(channel_or_board(operand)?)),
        })
    }
}

/// The request to the office for the bytes after `u` and its line feed.
fn upload(bytes: &[u8]) -> Result<(Asked, Request), Refusal> {
    let line = without_line_end(bytes);
    if line.contains(&b'\n') {
        return Err(Refusal::SeveralLines);
    }
    let text = Text::from_bytes(line).map_err(|_| Refusal::Text)?;
    if text.as_str().chars().count() > BOARD_TEXT_CHARACTERS_MAX {
        return Err(Refusal::Length);
    }
    // `#lobby` in a text is plain text; `Channel::hashtags` does not return it.
    let channels = [Channel::board()].into_iter().chain(Channel::hashtags(text.as_str())).collect();
    let request = Request::Post { channels, text: text.clone(), awaits_delivery: false };
    Ok((Asked::Upload { text }, request))
}

/// Strips one line end: LF, and one CR before it or at the end.
fn without_line_end(bytes: &[u8]) -> &[u8] {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn first_page(channel: Channel) -> Request {
    Request::Timeline { channel, from: Position::default() }
}

/// Parses a hashtag. `#lobby` is refused: it is for present accounts, and clients of
/// the board have none.
fn hashtag(data: &[u8]) -> Result<Channel, Refusal> {
    let word = std::str::from_utf8(data).map_err(|_| Refusal::Hashtag)?.trim_ascii();
    Channel::parse(word).filter(|channel| !channel.is_lobby()).ok_or(Refusal::Hashtag)
}

fn channel_or_board(data: &[u8]) -> Result<Channel, Refusal> {
    if data.trim_ascii().is_empty() { Ok(Channel::board()) } else { hashtag(data) }
}

impl Board {
    /// Handles the received bytes.
    fn proceed(&mut self, outputs: &mut Outputs) {
        loop {
            match &mut self.state {
                State::Letter => match self.lines.next_line() {
                    Some(Line::Whole(letter)) => {
                        let operation = Operation::parse(letter);
                        self.begin_operation(operation, outputs);
                    }
                    Some(Line::TooLong) => self.begin_operation(None, outputs),
                    None => break,
                },
                State::Operand { query } => match self.lines.next_line() {
                    Some(Line::Whole(operand)) => {
                        let asked = query.ask(operand);
                        self.ask(asked, outputs);
                    }
                    Some(Line::TooLong) => self.refuse(Refusal::Length, outputs),
                    None => break,
                },
                State::Upload { text } => {
                    text.extend_from_slice(&self.lines.take_all());
                    if text.len() > self.text_bytes_max {
                        self.refuse(Refusal::Length, outputs);
                    }
                    break;
                }
                // One request per connection: further bytes are dropped.
                _ => {
                    self.lines.take_all();
                    break;
                }
            }
        }
        self.watch_silence(outputs);
    }

    fn begin_operation(&mut self, operation: Option<Operation>, outputs: &mut Outputs) {
        match operation {
            Some(Operation::Query(query)) => self.state = State::Operand { query },
            Some(Operation::Upload) if !self.may_upload => self.refuse(Refusal::ReadOnly, outputs),
            Some(Operation::Upload) => self.state = State::Upload { text: Vec::new() },
            None => self.refuse(Refusal::Operation, outputs),
        }
    }

    fn watch_silence(&self, outputs: &mut Outputs) {
        let ends = match &self.state {
            State::Operand { query } => query.may_lack_operand() || self.lines.partial().is_some(),
            State::Upload { text } => !text.is_empty(),
            _ => false,
        };
        outputs.timers.push((PAUSE, ends.then_some(self.pause)));
    }

    /// Handles the end of the request, by a half-close or a pause.
    fn end_request(&mut self, outputs: &mut Outputs) {
        if let State::Letter = self.state
            && let Some(letter) = self.lines.take_partial()
        {
            // A client whose connection broke after `u` must not empty the board.
            let operation = Operation::parse(&letter).filter(
                |operation| matches!(operation, Operation::Query(query) if query.may_lack_operand()),
            );
            self.begin_operation(operation, outputs);
        }
        let asked = match &self.state {
            State::Operand { query } => {
                let operand = self.lines.take_partial().unwrap_or_default();
                query.ask(without_line_end(&operand))
            }
            State::Upload { text } => upload(text),
            _ => return,
        };
        self.ask(asked, outputs);
    }

    fn ask(&mut self, asked: Result<(Asked, Request), Refusal>, outputs: &mut Outputs) {
        match asked {
            Ok((asked, request)) => {
                outputs.requests_max = outputs.requests_max.saturating_sub(1);
                outputs.requests.push(request);
                self.state = State::Asked { request: asked };
                outputs.timers.push((LOG_IN, None));
                outputs.login = Some(Login::Done);
            }
            Err(refusal) => self.refuse(refusal, outputs),
        }
    }

    fn refuse(&mut self, refusal: Refusal, outputs: &mut Outputs) {
        let what = refusal.as_str();
        outputs.reports.push(Report::new(Category::Error, what));
        self.answer(&format!("error: {what}\n"), outputs);
    }

    /// Sends the answer, and ends the connection.
    fn answer(&mut self, answer: &str, outputs: &mut Outputs) {
        outputs.front.extend_from_slice(answer.as_bytes());
        self.close(Close::Asked, outputs);
    }

    fn drop_client(&mut self, reason: DropReason, outputs: &mut Outputs) {
        self.close(Close::Dropped(reason), outputs);
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
                outputs.reports.push(received(text));
                self.answer(SUCCESS, outputs);
            }
            (_, Reply::NotPosted(refusal)) => self.refuse(refusal.into(), outputs),
            (_, Reply::Latest(entry)) => {
                // A text that is not empty may be empty once made safe.
                let shown = entry.map(|entry| match entry.content {
                    Content::Text(text) => text.to_string(),
                    Content::Deleted => DELETED.to_owned(),
                });
                let shown = shown.filter(|shown| !shown.is_empty());
                outputs.front.extend_from_slice(shown.as_deref().unwrap_or(EMPTY).as_bytes());
                self.close(Close::Asked, outputs);
            }
            (State::Asked { request: Asked::Timeline { channel } }, Reply::Timeline(page)) => {
                self.page(channel, &page, outputs);
            }
            (_, Reply::Unavailable) => self.refuse(Refusal::Unavailable, outputs),
            (_, Reply::Unknown) => self.drop_client(DropReason::OutcomeUnknown, outputs),
            (_, Reply::Joined) => self.state = State::Streaming,
            // Sessions of the board make no other requests.
            (_, _) => self.drop_client(DropReason::RuleBroken, outputs),
        }
    }

    fn page(&mut self, channel: Channel, page: &Page, outputs: &mut Outputs) {
        for Entry { author, content, .. } in &page.entries {
            push_author(&mut outputs.front, author);
            match content {
                Content::Text(text) => push_joined(&mut outputs.front, text),
                Content::Deleted => outputs.front.extend_from_slice(DELETED.as_bytes()),
            }
            outputs.front.push(b'\n');
        }
        match page.next {
            Some(from) => self.state = State::Paging { channel, from },
            None => self.close(Close::Asked, outputs),
        }
    }

    fn page_written(&mut self, outputs: &mut Outputs) {
        if let State::Paging { channel, from } = &self.state {
            let (channel, from) = (channel.clone(), *from);
            outputs.requests.push(Request::Timeline { channel: channel.clone(), from });
            self.state = State::Asked { request: Asked::Timeline { channel } };
        }
    }

    fn stop(&mut self, outputs: &mut Outputs) {
        // The answer to a request ends the connection.
        if !matches!(self.state, State::Asked { request: Asked::Upload { .. } | Asked::Download }) {
            self.drop_client(DropReason::Stop, outputs);
        }
    }
}

/// The report line of a text; a text that is not empty may be empty once made safe.
fn received(text: Text) -> Report {
    if text.to_string().is_empty() {
        return Report::new(Category::General, &format!("message received: {EMPTY}"));
    }
    Report { text: Some(text), ..Report::new(Category::General, "message received") }
}

fn push_posted(posted: &Posted, line: &mut Vec<u8>) {
    // An empty text resets the latest one; readers do not see it.
    if !posted.post().text.as_str().is_empty() {
        push_author(line, &posted.post().author);
        posted.shown().push_joined(line);
        line.push(b'\n');
    }
}

/// Appends the line that stands for texts that the client was too slow to get. No author
/// begins with a parenthesis.
fn push_missed(line: &mut Vec<u8>, channel: &Channel, missed: u64) {
    use std::io::Write as _;
    let texts = if missed == 1 { "text" } else { "texts" };
    let place = if *channel == Channel::board() { String::new() } else { format!(" in {channel}") };
    // Writing to memory does not fail.
    let _ = writeln!(line, "({missed} {texts} missed{place})");
}

fn push_author(line: &mut Vec<u8>, author: &Author) {
    use std::io::Write as _;
    // Writing to memory does not fail.
    let _ = write!(line, "{author}: ");
}

impl Session for Board {
    fn input(&mut self, input: Input<'_>, outputs: &mut Outputs) -> Reading {
        match input {
            Input::Bytes { stream: Stream::Front, bytes, .. } => {
                self.lines.push(bytes);
                self.proceed(outputs);
            }
            Input::End { stream: Stream::Front, .. } => {
                self.end_request(outputs);
                if matches!(self.state, State::Letter) {
                    self.close(Close::Asked, outputs);
                }
                self.watch_silence(outputs);
            }
            Input::Elapsed(PAUSE) => self.end_request(outputs),
            Input::Elapsed(LOG_IN) => {
                if matches!(
                    self.state,
                    State::Letter | State::Operand { .. } | State::Upload { .. }
                ) {
                    self.drop_client(DropReason::LogInLimit, outputs);
                }
            }
            Input::Ended(reason) => self.drop_client(reason, outputs),
            Input::Reply(reply) => self.reply(reply, outputs),
            Input::Event(Event::Missed { channel, missed }) => {
                if self.shows_posts() {
                    push_missed(&mut outputs.front, channel, *missed);
                }
            }
            Input::Written => self.page_written(outputs),
            Input::Stop => self.stop(outputs),
            Input::Continue
            | Input::Event(_)
            | Input::Post(_)
            | Input::Elapsed(_)
            | Input::Dialled(_)
            | Input::Bytes { .. }
            | Input::End { .. } => {}
        }
        match self.state {
            State::Paging { .. } | State::Closed => Reading::Nothing,
            _ => Reading::Bytes,
        }
    }

    fn shows_posts(&self) -> bool {
        matches!(self.state, State::Streaming)
    }
}
