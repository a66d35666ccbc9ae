//! The text of a message or a post.

use std::fmt;

use thiserror::Error;

/// One line of UTF-8 without a NUL, unchanged.
///
/// It may contain escape sequences: code that shows it must write it with
/// [`Safe`](crate::Safe). The limit of input lines bounds its length.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text(Box<str>);

/// Why bytes are not a valid text.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum TextError {
    /// Not UTF-8.
    #[error("the text is not valid UTF-8")]
    InvalidUtf8,
    /// A NUL, which ends a string in C clients.
    #[error("the text holds a NUL")]
    Nul,
    /// A line feed would make two lines of one.
    #[error("the text holds a line feed")]
    LineFeed,
}

impl Text {
    /// Parses one line, without its end.
    pub fn from_bytes(line: &[u8]) -> Result<Self, TextError> {
        let text = std::str::from_utf8(line).map_err(|_| TextError::InvalidUtf8)?;
        if line.contains(&0) {
            return Err(TextError::Nul);
        }
        if line.contains(&b'\n') {
            return Err(TextError::LineFeed);
        }
        Ok(Self(text.into()))
    }

    /// The text, unchanged.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Shows the text made safe for a terminal.
impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::Safe(&self.0).fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_of_utf8_without_nul() {
        assert_eq!(Text::from_bytes(b"").unwrap().as_str(), "");
        assert_eq!(Text::from_bytes("grüße\t\u{1b}".as_bytes()).unwrap().as_str(), "grüße\t\u{1b}");
        assert_eq!(Text::from_bytes(b"a\0b"), Err(TextError::Nul));
        assert_eq!(Text::from_bytes(b"a\nb"), Err(TextError::LineFeed));
        assert_eq!(Text::from_bytes(b"\xc3("), Err(TextError::InvalidUtf8));
    }
}
