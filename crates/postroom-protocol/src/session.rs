//! What a session takes in and gives out.

use std::time::Duration;

use postroom_model::{Reply, Request};

/// One logged-in use of a listener.
pub trait Session {
    /// Takes one input and appends what is to be done to `outputs`.
    fn input(&mut self, input: Input<'_>, outputs: &mut Outputs);

    /// Whether a message was handed out that its reader has not proved to have:
    /// the driver must then find out, before it takes bytes from the socket,
    /// whether the peer has acknowledged all answers.
    fn awaits_proof(&self) -> bool;

    /// Whether it has room for bytes. Where it has not, it waits for a reply or for
    /// [`Input::Written`], and the driver must leave the peer's bytes in the
    /// socket.
    fn takes_bytes(&self) -> bool;
}

/// What happens to a session.
#[derive(Debug)]
pub enum Input<'a> {
    /// Bytes from the peer.
    Bytes {
        /// Any part of what it sent, in order.
        bytes: &'a [u8],
        /// Whether the peer's operating system had acknowledged all answers
        /// before these bytes were taken from the socket.
        proof: bool,
    },
    /// The peer has ended its side of the connection.
    End {
        /// As for `Bytes`.
        proof: bool,
    },
    /// The office's reply to the earliest request that has none yet.
    Reply(Reply),
    /// The time set for this timer has passed.
    Elapsed(Timer),
    /// The operating system has taken all bytes for the peer.
    Written,
    /// The server stops: what was asked is still answered, nothing more is taken.
    Stop,
}

/// The timers of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Timer {
    /// The time to log in.
    LogIn,
    /// The silence that ends a command without a line feed.
    Pause,
}

impl Timer {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::LogIn, Self::Pause];
}

/// What a session wants done.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Bytes for the peer: what waits to be written, and what the session adds.
    pub bytes: Vec<u8>,
    /// Requests to the office, each to be answered by one reply.
    pub requests: Vec<Request>,
    /// Timers to be set, or with `None` stopped; the last word on a timer counts.
    pub timers: Vec<(Timer, Option<Duration>)>,
    /// Set once: end the connection after the bytes so far.
    pub close: Option<Close>,
}

/// How a session ends its connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Close {
    /// As the client wished: if it also ends its side after the last answer, it
    /// has proved to have what it read.
    Asked,
    /// For a reason of the server's, which proves nothing.
    Dropped,
}

/// What all sessions are told at their begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Bytes of an input line, its end left out.
    pub line_bytes_max: usize,
    /// Time from the connection to a successful login.
    pub login_limit: Duration,
    /// Silence that ends a command of a client that sends no line feeds.
    pub pause: Duration,
    /// Bytes of the longest command that such a silence ends.
    pub paused_bytes_max: usize,
    /// Bytes of answers that may wait for the peer before no more of its lines are
    /// taken.
    pub output_bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            line_bytes_max: 8_192,
            login_limit: Duration::from_mins(1),
            pause: Duration::from_millis(300),
            paused_bytes_max: 1_024,
            output_bytes_max: 256 << 10,
        }
    }
}
