//! The part of a line protocol that differs: what its lines and the replies mean.

use std::borrow::Cow;
use std::fmt::Debug;
use std::time::Duration;

use postroom_model::{Event, Reply, Request};

use crate::line::Line;
use crate::session::{Close, Dial, DropReason, Outputs};

/// What a protocol's lines and the office's replies mean.
pub(crate) trait Dialogue {
    /// What the dialogue needs to answer a request when its reply comes.
    type Asked: Debug;

    /// Takes a line from the client.
    fn line(&mut self, line: Line<'_>) -> Step<Self::Asked>;

    /// Takes the reply to a request, and appends the answer to it.
    fn reply(
        &mut self,
        asked: Self::Asked,
        reply: Reply,
        answer: &mut Vec<u8>,
    ) -> Next<Self::Asked>;

    /// The store cannot say whether a request was carried out: the connection ends
    /// without an answer, unless the protocol has one for that.
    fn outcome_unknown(&mut self, _asked: Self::Asked, _answer: &mut Vec<u8>) -> Next<Self::Asked> {
        Next::Close(Close::Dropped(DropReason::OutcomeUnknown))
    }

    /// How commands end if the client never sends a line feed.
    fn pause(&self) -> Option<PauseRule> {
        None
    }

    /// Takes what happened elsewhere.
    fn event(&mut self, _event: &Event, _outputs: &mut Outputs) {}

    /// Takes the result of a dial, and appends the answer to it.
    fn dialled(&mut self, _is_connected: bool, _answer: &mut Vec<u8>) {}

    /// The last words when the server ends the connection of a client that has
    /// done nothing wrong.
    fn farewell(&mut self, _reason: DropReason, _answer: &mut Vec<u8>) {}
}

/// What follows from a line.
#[derive(Debug)]
pub(crate) enum Step<A> {
    /// Nothing to answer.
    Silence,
    /// A request, answered when its reply comes.
    Ask(A, Request),
    /// A request that decides what the next line means.
    AskAlone(A, Request),
    /// The same, for which a delivery receipt must come in this time.
    AskWithin(A, Request, Duration),
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
pub(crate) enum Next<A> {
    /// The conversation goes on.
    Continue,
    /// Another request, whose reply is the answer.
    AskAlone(A, Request),
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
