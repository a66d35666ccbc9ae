//! One connection, as far as the engine knows it.
//!
//! ```text
//!  Dialling ──connected──▶ Open
//!  Header ──whole──▶ Open
//!  Open ──the session closes──▶ Closing ──all transmitted──▶ Draining ──▶ gone
//!  any ──broken, or a limit──▶ gone
//! ```

use postroom_model::SessionKey;
use postroom_protocol::{Close, DropReason, Reading, Stream};

use crate::timers::Slot;
use crate::turns::Listed;

#[expect(clippy::struct_excessive_bools, reason = "each is for itself")]
pub(crate) struct Connection {
    /// Its session, unless that has not begun, or has ended before it.
    pub(crate) session: Option<SessionKey>,
    /// Which of the session's streams it is.
    pub(crate) stream: Stream,
    pub(crate) phase: Phase,
    /// What its session takes, if it is open and the client's.
    pub(crate) reading: Reading,
    /// Its socket may have bytes, or an end.
    pub(crate) is_readable: bool,
    /// Set while it is listed among those whose input is to be taken.
    pub(crate) listed: Option<Listed>,
    /// Set once it is to give way to others before its login: up to where input is taken
    /// before that.
    pub(crate) gives_way: Option<Listed>,
    /// Already in the list of connections to be transmitted.
    pub(crate) in_unsent: bool,
    /// The peer has half-closed.
    pub(crate) has_half_closed: bool,
    /// Set while the session waits until it may say more.
    pub(crate) waits: Slot,
    /// When a header of a proxy, a handshake of TLS or a drain ends at the latest.
    pub(crate) drain: Slot,
    /// Bytes that the driver has taken so far.
    pub(crate) transmitted: u64,
    /// The driver had no room for all bytes when it was last asked.
    pub(crate) is_stuck: bool,
    /// Bytes at the beginning of `output` that it has taken.
    pub(crate) sent: usize,
    /// Bytes for the peer.
    pub(crate) output: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// The server has dialled, and the peer has not answered.
    Dialling,
    /// A proxy has opened it and not said for whom.
    Header,
    Open,
    /// The session is closed; its last bytes are being transmitted.
    Closing(Close),
    /// Our side has half-closed; the peer's bytes are dropped until it closes too.
    Draining(Close),
}

/// Why the driver can use a connection no more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Broken {
    /// The peer, or a network between, has reset it.
    Reset,
    /// The peer answers no more.
    TimedOut,
    /// The operating system cannot watch it.
    Unwatched,
    /// The bytes end without the end that TLS has for them: the peer may have sent more.
    Truncated,
    /// The peer violates the rules of TLS, in these words.
    Tls(&'static str),
}

/// How a connection came to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// As its phase tells.
    AsItsPhase,
    Broken(Broken),
    /// Too much waits for all peers, and most for this one.
    TooMuchWaits,
    /// The handshake of TLS has not come to its end.
    HandshakeLimit,
    /// Its session was ended alone, and the connection goes on.
    Dropped(DropReason),
}

/// What kind of a reason an end has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// What clients and networks do every day.
    Ordinary,
    /// A limit.
    Limit,
    /// A fault, of the peer or of this machine. Anyone can cause it without an account.
    Fault,
}

impl Cause {
    /// The word for it, for counts.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Limit => "limit",
            Self::Fault => "fault",
        }
    }
}

impl Ending {
    /// The reason for the log, and what kind it is of.
    pub(crate) fn reason(self, phase: Phase) -> (&'static str, Cause) {
        match (phase, self) {
            (_, Self::TooMuchWaits) => (
                "most waits for it of too much in all (connection.output_bytes_in_all)",
                Cause::Limit,
            ),
            (_, Self::HandshakeLimit) => {
                ("no handshake of TLS within tls.handshake_limit_ms", Cause::Limit)
            }
            (
                Phase::Closing(Close::Dropped(reason)) | Phase::Draining(Close::Dropped(reason)),
                _,
            )
            | (_, Self::Dropped(reason)) => {
                let cause = if reason.is_a_limit() { Cause::Limit } else { Cause::Ordinary };
                (reason.as_str(), cause)
            }
            (Phase::Closing(Close::Asked) | Phase::Draining(Close::Asked), _)
            | (_, Self::AsItsPhase) => ("the client left", Cause::Ordinary),
            (_, Self::Broken(Broken::TimedOut)) => ("the peer answers no more", Cause::Ordinary),
            (_, Self::Broken(Broken::Reset)) => ("the connection was reset", Cause::Ordinary),
            (_, Self::Broken(Broken::Unwatched)) => {
                ("the system cannot watch the connection", Cause::Fault)
            }
            (_, Self::Broken(Broken::Truncated)) => {
                ("the connection ended without the end of TLS (close_notify)", Cause::Ordinary)
            }
            (_, Self::Broken(Broken::Tls(reason))) => (reason, Cause::Fault),
        }
    }
}

impl Connection {
    pub(crate) fn new(session: Option<SessionKey>, stream: Stream, phase: Phase) -> Self {
        Self {
            session,
            stream,
            phase,
            reading: Reading::Bytes,
            is_readable: false,
            listed: None,
            gives_way: None,
            in_unsent: false,
            has_half_closed: false,
            waits: Slot::default(),
            drain: Slot::default(),
            transmitted: 0,
            is_stuck: false,
            sent: 0,
            output: Vec::new(),
        }
    }

    /// How many bytes wait to be transmitted.
    pub(crate) fn waiting(&self) -> usize {
        self.output.len() - self.sent
    }

    /// How many bytes of memory what waits takes.
    pub(crate) fn held(&self) -> usize {
        if self.waiting() == 0 { 0 } else { self.output.capacity() }
    }

    /// How many bytes will have been transmitted with the last one that waits now.
    pub(crate) fn position(&self) -> u64 {
        self.transmitted + self.waiting() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_the_reason_even_where_the_client_has_left() {
        for phase in [Phase::Open, Phase::Closing(Close::Asked)] {
            let (reason, cause) = Ending::TooMuchWaits.reason(phase);
            assert!(cause == Cause::Limit && reason.contains("output_bytes_in_all"), "{reason}");
        }
    }
}
