//! What comes in a request.

use std::fmt::Display;
use std::str::FromStr;

use axum::body::Bytes;
use postroom_model::{Channel, Name, Text};

use crate::http::problem::{CHANNEL, NAME, Problem, TEXT, VALUE};

/// The text that a body is. The line end behind it is not a part of it.
pub(super) fn text(body: &Bytes) -> Result<Text, Problem> {
    Text::from_lines(body).map_err(|error| Problem::new(&TEXT, error.to_string()))
}

/// The name that a word is.
pub(super) fn name(word: &str) -> Result<Name, Problem> {
    let refused = |error| format!("\"{}\" is not a name: {error}", word.escape_debug());
    Name::new(word).map_err(|error| Problem::new(&NAME, refused(error)))
}

/// The channel that a word is, without its `#`.
pub(super) fn channel(word: &str) -> Result<Channel, Problem> {
    Channel::parse(&format!("#{word}")).ok_or_else(|| {
        let detail = format!(
            "\"{}\" is not the name of a channel: letters, digits and _, without #",
            word.escape_debug()
        );
        Problem::new(&CHANNEL, detail)
    })
}

/// A value that a word is, such as an id.
pub(super) fn value<T>(what: &str, word: &str) -> Result<T, Problem>
where
    T: FromStr,
    T::Err: Display,
{
    let refused = |error| format!("{what} cannot be \"{}\": {error}", word.escape_debug());
    word.parse().map_err(|error| Problem::new(&VALUE, refused(error)))
}
