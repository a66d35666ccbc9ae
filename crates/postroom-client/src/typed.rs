//! Lines as a person or a script types them.

use postroom_model::TextError;

use crate::{ClientError, LINE_BYTES_MAX};

/// What was typed.
#[derive(Debug)]
pub(crate) enum Typed {
    /// A line, without its line end.
    Line(String),
    /// A line that cannot be used, and why.
    Unusable(ClientError),
    /// The end of the input.
    End,
}

impl Typed {
    /// Makes a line of bytes without their line feed; a carriage return at the
    /// end is part of a foreign line end and is dropped.
    pub(crate) fn line(mut bytes: Vec<u8>) -> Self {
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        if bytes.len() > LINE_BYTES_MAX {
            return Self::Unusable(ClientError::LineTooLong);
        }
        String::from_utf8(bytes).map_or(Self::Unusable(TextError::InvalidUtf8.into()), Self::Line)
    }
}
