//! Parses names and texts as they were typed or given: only those that servers
//! accept are ever sent.

use std::io::Read;

use postroom_model::{Channel, Name, TEXT_BYTES_MAX, TEXT_LINES_MAX, Text, TextError};

use crate::{ClientError, LINE_BYTES_MAX};

/// A name as it was typed or given.
pub(crate) fn parse_name(word: &str) -> Result<Name, ClientError> {
    Name::new(word).map_err(|source| ClientError::Name { word: word.to_owned(), source })
}

/// A message as it was typed or given; it may be empty.
///
/// Several lines are refused as a whole: sent as several messages, some might be
/// stored and others not.
pub(crate) fn parse_text(bytes: &[u8]) -> Result<Text, ClientError> {
    if bytes.contains(&b'\n') {
        return Err(ClientError::SeveralLines);
    }
    if bytes.len() > LINE_BYTES_MAX {
        return Err(ClientError::LineTooLong);
    }
    Ok(Text::from_bytes(bytes)?)
}

/// A channel as it was given.
pub(crate) fn parse_channel(word: &str) -> Result<Channel, ClientError> {
    Channel::parse(word).ok_or_else(|| ClientError::Hashtag { word: word.to_owned() })
}

/// How many lines a listener takes as one text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Takes {
    /// One.
    OneLine,
    /// As many as a text may have.
    Lines,
}

/// A text, from an argument or else from the input. An empty input is more often a failure of the
/// command before the pipe than an empty text.
pub(crate) fn given_text(
    argument: Option<&str>,
    input: &mut dyn Read,
    takes: Takes,
    allows_empty: bool,
) -> Result<Text, ClientError> {
    let parse = |bytes: &[u8]| match takes {
        Takes::OneLine => parse_text(bytes),
        Takes::Lines => Ok(Text::from_lines(bytes)?),
    };
    if let Some(argument) = argument {
        return parse(argument.as_bytes());
    }
    let read = match takes {
        Takes::OneLine => read_bounded(input)?,
        Takes::Lines => read_lines(input)?,
    };
    let line = without_line_end(&read);
    if line.is_empty() && !allows_empty {
        let is_nothing = read.is_empty();
        return Err(if is_nothing { ClientError::EmptyInput } else { ClientError::EmptyLine });
    }
    match takes {
        Takes::OneLine => parse(line),
        Takes::Lines => parse(&read),
    }
}

/// Reads a text of several lines, each perhaps with CR LF at its end.
fn read_lines(input: &mut dyn Read) -> Result<Vec<u8>, ClientError> {
    let mut bytes = Vec::new();
    let bytes_max = TEXT_BYTES_MAX + TEXT_LINES_MAX + "\n".len();
    let read = input.take(bytes_max as u64 + 1).read_to_end(&mut bytes);
    if read.map_err(ClientError::Input)? > bytes_max {
        return Err(TextError::TooLong.into());
    }
    Ok(bytes)
}

/// Drops one line end, of either kind.
pub(crate) fn without_line_end(bytes: &[u8]) -> &[u8] {
    match bytes.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => bytes,
    }
}

/// Reads a message, or enough of the input to see that it is too long.
pub(crate) fn read_bounded(input: &mut dyn Read) -> Result<Vec<u8>, ClientError> {
    let mut bytes = Vec::new();
    let bytes_max = LINE_BYTES_MAX + "\r\n".len() + 1;
    input.take(bytes_max as u64).read_to_end(&mut bytes).map_err(ClientError::Input)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use postroom_model::TextError;

    use super::*;

    #[test]
    fn a_text_is_one_line_and_may_be_empty() {
        assert_eq!(parse_text(b"").unwrap().as_str(), "");
        assert_eq!(parse_text(&[b'x'; LINE_BYTES_MAX]).unwrap().as_str().len(), LINE_BYTES_MAX);
        assert!(matches!(parse_text(b"a\nb"), Err(ClientError::SeveralLines)));
        assert!(matches!(parse_text(&[b'x'; LINE_BYTES_MAX + 1]), Err(ClientError::LineTooLong)));
        assert!(matches!(parse_text(b"\xff"), Err(ClientError::Text(TextError::InvalidUtf8))));
        assert!(matches!(parse_text(b"a\0"), Err(ClientError::Text(TextError::Nul))));
    }

    #[test]
    fn a_pipe_is_one_text_where_several_lines_are_taken() {
        let given = |input: &str, takes| given_text(None, &mut input.as_bytes(), takes, false);
        let text = given("one\r\n\ntwo\n", Takes::Lines).unwrap();
        assert_eq!(text.as_str(), "one\n\ntwo");
        assert!(matches!(given("one\ntwo\n", Takes::OneLine), Err(ClientError::SeveralLines)));
        for takes in [Takes::OneLine, Takes::Lines] {
            assert!(matches!(given("", takes), Err(ClientError::EmptyInput)));
            assert!(matches!(given("\r\n", takes), Err(ClientError::EmptyLine)));
            let empty = given_text(None, &mut &b""[..], takes, true).unwrap();
            assert_eq!(empty.as_str(), "");
        }
        let most = format!("{}\r\n", "x".repeat(127)).repeat(TEXT_LINES_MAX);
        let text = given(&most, Takes::Lines).unwrap();
        assert_eq!(text.as_str().len(), TEXT_BYTES_MAX - 1);
        let error = |input: &str| given(input, Takes::Lines).unwrap_err().to_string();
        assert!(error(&"x\n".repeat(65)).contains("more than 64 lines"));
        assert!(error(&"é".repeat(5_000)).contains("more than 8192 bytes"));
        let endless = given_text(None, &mut std::io::repeat(b'\n'), Takes::Lines, false);
        assert!(matches!(endless, Err(ClientError::Text(TextError::TooLong))));
    }

    #[test]
    fn one_line_end_is_dropped() {
        for (bytes, line) in
            [("a\n", "a"), ("a\r\n", "a"), ("a", "a"), ("a\r", "a\r"), ("\n\n", "\n")]
        {
            assert_eq!(without_line_end(bytes.as_bytes()), line.as_bytes());
        }
    }

    #[test]
    fn an_endless_input_is_not_read_to_its_end() {
        let bytes = read_bounded(&mut std::io::repeat(b'x')).unwrap();
        assert!(matches!(parse_text(&bytes), Err(ClientError::LineTooLong)));
    }
}
