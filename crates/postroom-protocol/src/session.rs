//! What a session takes in and gives out.

use std::time::Duration;

use postroom_model::{Event, Mark, Name, Notice, Reply, Request, Text};

/// A client's use of a listener, from its connection to its end, over one stream or
/// two.
pub trait Session {
    /// Takes one input and appends what the driver must do to `outputs`.
    fn input(&mut self, input: Input<'_>, outputs: &mut Outputs);

    /// Whether a message was handed out that its reader has not proved to have. The
    /// driver then looks, before it takes bytes from the client's connection, whether
    /// the peer has acknowledged all answers.
    fn awaits_proof(&self) -> bool;

    /// Whether the driver may take bytes from the client's connection. While it may
    /// not, it leaves them in the socket, and tells the session with
    /// [`Input::Written`] when all its output is written. A session that has ended
    /// takes no more. Bytes of the back stream are always taken.
    fn takes_bytes(&self) -> bool;
}

/// The streams of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stream {
    /// The connection that the client opened.
    Front,
    /// The connection that the server opened back to the client.
    Back,
}

/// What happens to a session.
#[derive(Debug)]
pub enum Input<'a> {
    /// Bytes from the peer.
    Bytes {
        /// Which stream they came over.
        stream: Stream,
        /// Any part of what it sent, in order.
        bytes: &'a [u8],
        /// Whether the peer's operating system had acknowledged all answers
        /// before these bytes were taken from the socket.
        proof: bool,
    },
    /// The peer has ended its side of a stream; of the back stream also: the
    /// stream is broken.
    End {
        /// Which.
        stream: Stream,
        /// As for `Bytes`.
        proof: bool,
    },
    /// The office's reply to the earliest request that has none yet.
    Reply(Reply),
    /// Something happened elsewhere.
    Event(&'a Event),
    /// The result of [`Outputs::dial`]: whether the client is connected.
    Dialled(bool),
    /// The time set for this timer has passed.
    Elapsed(Timer),
    /// The operating system has taken all bytes for the peer.
    Written,
    /// Too many connections wait to log in, and this one has waited longest: it ends.
    Evicted,
    /// The server stops: what was asked is still answered, nothing more is taken.
    Stop,
}

/// One of a session's timers. What it is for, only its session knows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Timer(u8);

impl Timer {
    /// All that a session may have.
    pub const ALL: [Self; 3] = [Self(0), Self(1), Self(2)];

    /// Its place in [`ALL`](Self::ALL).
    #[must_use]
    pub fn index(self) -> usize {
        self.0.into()
    }
}

/// Whether a session's client has logged in. The driver limits how many sessions
/// wait for a login.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Login {
    /// The client has not logged in: the session counts, and may be evicted. It keeps
    /// its age when this follows [`UnderWay`](Self::UnderWay): the login failed.
    Awaited,
    /// A login waits for its reply, which comes in a bounded time: the session neither
    /// counts nor may be evicted.
    UnderWay,
    /// The client has logged in, or asked for all that it may ask without a login.
    Done,
}

/// What a session wants done.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Bytes for the client's connection: what waits to be written, and what the
    /// session adds.
    pub front: Vec<u8>,
    /// The same for the connection that the server opened.
    pub back: Vec<u8>,
    /// Requests to the office, each to be answered by one reply.
    pub requests: Vec<Request>,
    /// Notices to the office, which are not answered.
    pub notices: Vec<Notice>,
    /// Delivery receipts to be given once the peer's operating system has acknowledged
    /// all bytes so far of the client's connection.
    pub delivered_once_acknowledged: Vec<Mark>,
    /// Timers to be set, or with `None` stopped; the last word on a timer counts.
    pub timers: Vec<(Timer, Option<Duration>)>,
    /// Set at the session's begin, and whenever it changes.
    pub login: Option<Login>,
    /// Open a connection back to the client; answered by [`Input::Dialled`].
    pub dial: Option<Dial>,
    /// Lines for the operator's report.
    pub reports: Vec<Report>,
    /// Set once: end the session after the bytes so far.
    pub close: Option<Close>,
}

/// A connection to be opened back to the client. Whether it may be, the driver
/// decides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dial {
    /// The port at the address that the client's connection comes from.
    pub port: u16,
    /// The account whose failed dials are counted.
    pub account: Name,
}

/// How a session ends its connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Close {
    /// The client asked for it. If it also ends its side after the last answer, it
    /// has proved to have what it read.
    Asked,
    /// The server has a reason; such an end proves nothing.
    Dropped(DropReason),
}

/// Why the server ends a session that did not ask for it.
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
    /// What was read could not be removed from the mailbox.
    NotRemoved,
    /// The store cannot say whether a request was carried out.
    OutcomeUnknown,
    /// The client answers none of the pushes that it is sent.
    Unresponsive,
    /// The connection that the server opened back has ended.
    BackStreamEnded,
    /// The server stops.
    Stop,
}

impl DropReason {
    /// The reason for the log.
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
            Self::Unresponsive => "the client answers no pushes",
            Self::BackStreamEnded => "the connection back to the client has ended",
            Self::Stop => "the server stops",
        }
    }

    /// Whether an operator should know: a limit was reached, or the store failed.
    #[must_use]
    pub fn is_a_limit(self) -> bool {
        match self {
            Self::LogInLimit
            | Self::Evicted
            | Self::NotRemoved
            | Self::OutcomeUnknown
            | Self::Unresponsive => true,
            Self::RuleBroken | Self::LogInRefused | Self::BackStreamEnded | Self::Stop => false,
        }
    }
}

/// A line of the operator's report, which seed 003, the board's, asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// What kind of thing happened.
    pub category: Category,
    /// What happened, without the text of any message.
    pub what: String,
    /// The text of the message that was received. It belongs to the report alone,
    /// never to the log.
    pub text: Option<Text>,
}

impl Report {
    /// A line without the text of a message.
    #[must_use]
    pub fn new(category: Category, what: &str) -> Self {
        Self { category, what: what.to_owned(), text: None }
    }
}

/// The kinds of things that are reported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Category {
    /// The server has started, or a message was received.
    General,
    /// A rule was broken.
    Error,
    /// A client is gone, or the server has stopped.
    Connection,
}

impl Category {
    /// The word that stands in brackets.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::General => "GENERAL",
            Self::Error => "ERROR",
            Self::Connection => "CONNECTION",
        }
    }
}
