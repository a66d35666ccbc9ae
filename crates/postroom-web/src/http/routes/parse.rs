//! What comes in a request.

use std::fmt::Display;
use std::str::FromStr;

use axum::http::HeaderMap;
use postroom_model::{Channel, Name, Text};
use serde::de::DeserializeOwned;

use crate::http::problem::{CHANNEL, MALFORMED, NAME, Problem, TEXT, VALUE};

/// The text that a body is. The line end behind it is not a part of it.
pub(super) fn text(body: &[u8]) -> Result<Text, Problem> {
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

/// What a body has as JSON.
pub(super) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let kind = if error.is_data() { &VALUE } else { &MALFORMED };
        Problem::new(kind, format!("the body is not the JSON that is expected: {error}"))
    })
}

/// Where a stream goes on. A client that comes again says by a header where it stopped.
pub(super) fn resumed<T>(headers: &HeaderMap, after: Option<String>) -> Result<Option<T>, Problem>
where
    T: FromStr,
    T::Err: Display,
{
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    match (last, after) {
        (Some(last), _) => value("last-event-id", last).map(Some),
        (None, Some(after)) => value("after", &after).map(Some),
        (None, None) => Ok(None),
    }
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
