//! The text of a post and the line that its readers receive. Both have a fixed
//! width and hold the sender's number and the post's.

use crate::drive::digits;

/// Digits of the sender's number and of the post's.
const SENDER_DIGITS: usize = 3;
const NUMBER_DIGITS: usize = 10;

/// Bytes of a text before the post's number: the sender's number and a space.
const NUMBER_AT: usize = SENDER_DIGITS + 1;

/// Both numbers, a space after each, and one more byte, since a server may drop
/// trailing spaces.
const SHORTEST_TEXT: u16 = 16;
const _: () = assert!(SHORTEST_TEXT as usize == NUMBER_AT + NUMBER_DIGITS + 2);

/// The value of an option that says how long a post is.
pub(crate) fn post_bytes() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(i64::from(SHORTEST_TEXT)..)
}

/// As many senders as three digits can number.
pub(super) const MOST_SENDERS: u32 = 1000;

/// The parts of a sender's text before and after the digits of its number.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) before: String,
    pub(super) digits: usize,
    pub(super) behind: String,
}

impl Text {
    /// A text of `bytes`, at least `SHORTEST_TEXT`.
    pub(super) fn new(sender: usize, bytes: usize) -> Self {
        Self {
            before: format!("{sender:0SENDER_DIGITS$} "),
            digits: NUMBER_DIGITS,
            behind: format!(" {}", "x".repeat(bytes + 1 - usize::from(SHORTEST_TEXT))),
        }
    }

    /// The text with the number 0.
    pub(super) fn first(&self) -> String {
        [&self.before, &*"0".repeat(self.digits), &self.behind].concat()
    }
}

/// The line that the readers of a sender receive, with any number in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    bytes: Vec<u8>,
    number_at: usize,
}

impl Line {
    /// The form of `line`, whose text begins at `text_at`.
    pub(super) fn new(line: &[u8], text_at: usize) -> Self {
        Self { bytes: line.to_vec(), number_at: text_at + NUMBER_AT }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The number of the post at the front of `bytes`, if it is complete and
    /// every other byte matches this sender's line.
    #[inline]
    pub(super) fn number(&self, bytes: &[u8]) -> Option<u32> {
        let line = bytes.get(..self.bytes.len())?;
        let number_end = self.number_at + NUMBER_DIGITS;
        let same = line[..self.number_at] == self.bytes[..self.number_at]
            && line[number_end..] == self.bytes[number_end..];
        same.then(|| digits::read(&line[self.number_at..number_end]))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line::new(b"ann: 007 0000000000 xx\n", 5)
    }

    #[test]
    fn a_text_has_the_given_length() {
        assert_eq!(Text::new(7, 18).first(), "007 0000000000 xxx");
        let shortest = usize::from(SHORTEST_TEXT);
        assert_eq!(Text::new(0, shortest).first().len(), shortest);
    }

    #[test]
    fn a_post_is_recognised_with_any_number() {
        assert_eq!(line().number(b"ann: 007 0000000042 xx\nann: "), Some(42));
        assert_eq!(line().number(b"ann: 007 0000000042 xx"), None);
    }

    #[test]
    fn no_byte_may_differ() {
        for other in [b"bob: 007 0000000042 xx\n", b"ann: 007 0000000042 xy\n"] {
            assert_eq!(line().number(other), None);
        }
        assert_eq!(line().number(b"ann: 007 00000000 2 xx\n"), None);
    }
}
