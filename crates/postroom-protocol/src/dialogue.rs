//! The part of a line protocol that is its own: the meaning of its lines and replies.

use std::borrow::Cow;
use std::fmt::Debug;
use std::time::Duration;

use postroom_model::{Event, PasswordRefusal, Reply, Request};

use crate::line::Line;
use crate::session::{Close, Dial, DropReason, Outputs};

/// Defines the meaning of a protocol's lines and of the office's replies.
pub(crate) trait Dialogue {
    /// The data that the dialogue needs to answer a request when its reply arrives.
    type Asked: Debug;

    /// How many lines a message that was read has in the answer.
    const READ_LINES: ReadLines = ReadLines::One;

    /// Handles a line from the client.
    fn line(&mut self, line: Line<'_>) -> Step<Self::Asked>;

    /// Handles the reply to a request, and appends the answer.
    fn reply(
        &mut self,
        asked: Self::Asked,
        reply: Reply,
        answer: &mut Vec<u8>,
    ) -> Next<Self::Asked>;

    /// Called if the store cannot say whether a request was carried out: the connection
    /// ends without an answer, unless the protocol has one for this case.
    fn outcome_unknown(&mut self, _asked: Self::Asked, _answer: &mut Vec<u8>) -> Next<Self::Asked> {
        Next::Close(Close::Dropped(DropReason::OutcomeUnknown))
    }

    /// The pause rule for clients that never send a line feed.
    fn pause(&self) -> Option<PauseRule> {
        None
    }

    /// Handles an event.
    fn event(&mut self, _event: &Event, _outputs: &mut Outputs) {}

    /// Handles the result of a dial, and appends the answer.
    fn dialled(&mut self, _is_connected: bool, _answer: &mut Vec<u8>) {}

    /// Appends the last line before the server ends the connection of a client that has
    /// broken no rule.
    fn farewell(&mut self, _reason: DropReason, _answer: &mut Vec<u8>) {}
}

/// The lines of a message that was read, which decide how much room its answer may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ReadLines {
    /// One for the whole text.
    One,
    /// One for each of the text's, with the sender before it.
    Each,
}

/// The step that follows from a line.
#[derive(Debug)]
pub(crate) enum Step<A> {
    /// No answer.
    Silence,
    /// No answer: the line begins a request, which the next line completes.
    Begin,
    /// A request, answered when its reply arrives.
    Ask(A, Request),
    /// A request that decides what the next line means.
    AskAlone(A, Request),
    /// The same, with a time limit for its delivery receipts.
    AskWithin(A, Request, Duration),
    /// A dial back to the client. The next line waits for its result.
    Dial(Dial),
    /// An answer with its line end.
    Answer(Cow<'static, str>),
    /// An answer with its line end, and then the end that the client asked for.
    Leave(&'static str),
    /// The end of the connection.
    Close(Close),
}

/// The step that follows from a reply.
#[derive(Debug)]
pub(crate) enum Next<A> {
    /// The conversation goes on.
    Continue,
    /// Another request, whose reply is the answer.
    AskAlone(A, Request),
    /// The connection ends after the answer.
    Close(Close),
}

/// The rule by which a command without a line feed ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PauseRule {
    /// The pause after which a command has ended.
    pub(crate) after: Duration,
    /// Maximum bytes of a command that ends by a pause.
    pub(crate) bytes_max: usize,
}

/// Why a password was not changed, in words.
pub(crate) fn password_refusal(refusal: PasswordRefusal) -> &'static str {
    match refusal {
        PasswordRefusal::Wrong => "the old password is wrong",
        PasswordRefusal::HasNone => "the account has no password; ask the operator for one",
        PasswordRefusal::InFile => "the operator has set it in a file; ask the operator",
        PasswordRefusal::Busy => "too many passwords wait to be checked; try again in a moment",
    }
}
