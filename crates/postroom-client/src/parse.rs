//! Parses names and texts as they were typed or given: only those that servers
//! accept are ever sent.

use std::io::Read;

use postroom_model::{Name, Text};

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
