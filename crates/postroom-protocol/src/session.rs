//! The inputs and outputs of a session.

use std::time::Duration;

use postroom_model::{Event, Mark, Name, Notice, Posted, Reply, Request, Text, Told};

/// A client's use of a listener, from its connection to its end, over one stream or
/// two.
pub trait Session {
    /// Handles one input, appends the driver's work to `outputs`, and says what may be
    /// read next from the client's connection. Bytes of the back stream are always
    /// taken.
    fn input(&mut self, input: Input<'_>, outputs: &mut Outputs) -> Reading;

    /// Whether its client is shown posts now, where its protocol tells of posts
    /// [by lines](crate::PostHandling::Rendered).
    fn shows_posts(&self) -> bool {
        false
    }

    /// Bytes of posts and lines that it queues for its client, beside those in
    /// [`Outputs`]; only where its protocol [queues](crate::PostHandling::Queued) posts.
    fn queued_bytes(&self) -> usize {
        0
    }
}

/// What the driver may read from a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reading {
    /// Nothing before the session has taken lines that it has already: it does with
    /// [`Input::Continue`].
    Lines,
    /// Nothing: it leaves the bytes in the socket, and sends the session
    /// [`Input::Written`] when all its output is written.
    Nothing,
    /// Bytes.
    Bytes,
    /// Bytes or the end, which may prove the receipt of messages that the session has
    /// leased: the driver checks first whether the peer has acknowledged all answers.
    Proof,
}

/// The streams of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stream {
    /// The connection that the client opened.
    Front,
    /// The connection that the server opened back to the client.
    Back,
}

/// An input of a session.
#[derive(Debug)]
pub enum Input<'a> {
    /// Bytes from the peer.
    Bytes {
        /// The stream that they arrived on.
        stream: Stream,
        /// Any part of the stream, in order.
        bytes: &'a [u8],
        /// Whether the peer's operating system had acknowledged all answers before
        /// these bytes were read from the socket.
        proof: bool,
    },
    /// The peer has half-closed a stream. For the back stream also: the stream is
    /// broken.
    End {
        /// The stream.
        stream: Stream,
        /// As for `Bytes`.
        proof: bool,
    },
    /// The office's reply to the earliest pending request.
    Reply(Reply),
    /// An event of another session or of the store.
    Event(&'a Event),
    /// A post in a channel that the session has joined, where its protocol
    /// [queues](crate::PostHandling::Queued) posts.
    Post(&'a Posted),
    /// The result of [`Outputs::dial`]: whether the client is connected.
    Dialled(bool),
    /// The session may take lines that it has, as many as [`Outputs::requests_max`] says.
    Continue,
    /// The time set for this timer has passed.
    Elapsed(Timer),
    /// The operating system has accepted all bytes for the peer.
    Written,
    /// The server ends the session: it is [evicted](DropReason::Evicted), or an operator
    /// ends it.
    Ended(DropReason),
    /// The server stops: requests under way are still answered, no more are taken.
    Stop,
}

/// One of a session's timers. Only the session knows its purpose.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Timer(u8);

impl Timer {
    /// All timers of a session.
    pub const ALL: [Self; 4] = [Self(0), Self(1), Self(2), Self(3)];

    /// Its place in [`ALL`](Self::ALL).
    #[must_use]
    pub fn index(self) -> usize {
        self.0.into()
    }
}

/// Whether a session's client has logged in. The driver limits the number of sessions
/// that wait for a login.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Login {
    /// The client has not logged in: the session counts, and may be evicted. It keeps
    /// its age when this follows [`UnderWay`](Self::UnderWay): the login failed.
    Awaited,
    /// A login waits for its reply, which arrives in bounded time: the session does not
    /// count and is not evicted.
    UnderWay,
    /// The client has logged in, or has made a complete request that needs no login.
    Done,
}

/// The outputs of a session: work for the driver.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Bytes for the client's connection: those not yet written, and those that the
    /// session appends.
    pub front: Vec<u8>,
    /// The same for the connection that the server opened.
    pub back: Vec<u8>,
    /// How many requests the session may take of its client's lines; it counts them down.
    /// A line counts as a request, unless it only begins one that the next line completes.
    /// The driver shares the time of a turn out with it.
    pub requests_max: u32,
    /// Requests to the office, each answered by one reply.
    pub requests: Vec<Request>,
    /// Notices to the office, which have no reply.
    pub notices: Vec<Notice>,
    /// Delivery receipts to be returned once the peer's operating system has
    /// acknowledged all bytes so far of the client's connection.
    pub delivered_once_acknowledged: Vec<Mark>,
    /// Timers to set, or to stop with `None`; the last entry for a timer counts.
    pub timers: Vec<(Timer, Option<Duration>)>,
    /// Set when the session begins, and whenever it changes.
    pub login: Option<Login>,
    /// Opens a connection back to the client; the result is [`Input::Dialled`].
    pub dial: Option<Dial>,
    /// Lines for the operator's report.
    pub reports: Vec<Report>,
    /// What the driver of HTTP is told; of its sessions alone.
    pub http: Vec<HttpInput>,
    /// Set once: the session ends after the bytes so far.
    pub close: Option<Close>,
}

/// A connection to open back to the client. The driver decides whether to dial.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dial {
    /// The port, at the peer address of the client's connection.
    pub port: u16,
    /// The account whose failed dials are counted.
    pub account: Name,
}

/// How a session ends its connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Close {
    /// The client asked for it. If it also half-closes after the last answer, it has
    /// proved receipt of the messages it read.
    Asked,
    /// The server has a reason; such an end is no proof of receipt.
    Dropped(DropReason),
}

/// Why the server ends a session without the client's request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DropReason {
    /// The client has broken a rule of the protocol.
    RuleBroken,
    /// The login was refused, and the protocol has no other answer.
    LogInRefused,
    /// The client has not logged in within [`Settings::login_limit`](crate::Settings::login_limit).
    LogInLimit,
    /// Too many connections wait to log in.
    Evicted,
    /// Messages that the client read could not be removed from the mailbox.
    NotRemoved,
    /// The store cannot say whether a request was carried out.
    OutcomeUnknown,
    /// The client does not answer its pushes.
    Unresponsive,
    /// The connection that the server opened back has ended.
    BackStreamEnded,
    /// An operator ends the session, or has deleted or renamed its account.
    Kicked,
    /// The server stops.
    Stop,
}

impl DropReason {
    /// The reason, as text for the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RuleBroken => "the client broke a rule of the protocol",
            Self::LogInRefused => "the login was refused",
            Self::LogInLimit => "no login within connection.login_limit_ms",
            Self::Evicted => "too many connections wait to log in",
            Self::NotRemoved => {
                "what was read cannot be removed: the disk is full or the store unavailable"
            }
            Self::OutcomeUnknown => "the store cannot say whether a request was carried out",
            Self::Unresponsive => "the client has not answered a push (im.unanswered_limit_ms)",
            Self::BackStreamEnded => "the connection back to the client has ended",
            Self::Kicked => "an operator has ended the session",
            Self::Stop => "the server stops",
        }
    }

    /// Whether to warn the operator: a limit was reached, or the store failed.
    #[must_use]
    pub fn is_a_limit(self) -> bool {
        match self {
            Self::LogInLimit
            | Self::Evicted
            | Self::NotRemoved
            | Self::OutcomeUnknown
            | Self::Unresponsive => true,
            Self::RuleBroken
            | Self::LogInRefused
            | Self::BackStreamEnded
            | Self::Kicked
            | Self::Stop => false,
        }
    }
}

/// What the driver of HTTP is told of a session.
#[derive(Debug)]
pub enum HttpInput {
    /// The office's reply to its earliest request without one.
    Reply(Reply),
    /// A message waits in the mailbox of its account.
    Mail,
    /// A live line to its account, which is present by it. If it has a mark, the sender waits
    /// for a delivery receipt, which a client gives that can.
    Told(Told),
    /// It has ended. It gets no further replies.
    Ended(DropReason),
}

/// A line of the operator's report, a feature of seed 003, the small Twitter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// The category of the event.
    pub category: Category,
    /// The event, without the text of any message.
    pub what: String,
    /// The text of the received message. It goes to the report only, never to the log.
    pub text: Option<Text>,
}

impl Report {
    /// A line without the text of a message.
    #[must_use]
    pub fn new(category: Category, what: &str) -> Self {
        Self { category, what: what.to_owned(), text: None }
    }
}

/// The categories of report lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Category {
    /// The server has started, or a message was received.
    General,
    /// A rule was broken.
    Error,
    /// A client has disconnected, or the server has stopped.
    Connection,
}

impl Category {
    /// The word in brackets in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::General => "GENERAL",
            Self::Error => "ERROR",
            Self::Connection => "CONNECTION",
        }
    }
}
