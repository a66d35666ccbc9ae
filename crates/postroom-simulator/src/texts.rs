//! What clients write: each text is told from all others wherever it shows.

use std::collections::BTreeSet;

use postroom_store::Timestamp;

/// One text that a client has written.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct TextId(pub(crate) usize);

/// An import of an operator, which brings texts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ImportId(pub(crate) usize);

/// Where a text was sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// To a mailbox.
    Mailbox(&'static str),
    /// To channels, to be stored there.
    Channels(Vec<&'static str>),
    /// To someone who is present, and not to be stored.
    Live(&'static str),
}

/// How a text was answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    /// Not, or so that it may be stored or not.
    Open,
    /// It is stored, or delivered.
    Acknowledged {
        /// When the client saw that.
        at: u64,
    },
    /// It is not stored.
    Refused,
}

/// A text and what is known of it.
#[derive(Debug)]
pub(crate) struct Written {
    /// As listeners show it.
    pub(crate) shown: String,
    pub(crate) author: &'static str,
    pub(crate) place: Place,
    /// When its client began to send it.
    pub(crate) begun: u64,
    /// When it was stored, at the earliest, if it was.
    pub(crate) stored: Timestamp,
    pub(crate) answer: Answer,
    /// An operator has brought it.
    pub(crate) import: Option<ImportId>,
}

impl Written {
    pub(crate) fn is_refused(&self) -> bool {
        self.answer == Answer::Refused
    }

    pub(crate) fn acknowledged_at(&self) -> Option<u64> {
        match self.answer {
            Answer::Acknowledged { at } => Some(at),
            Answer::Open | Answer::Refused => None,
        }
    }
}

/// The mark of a text, with which it begins.
pub(crate) fn mark(id: TextId) -> String {
    format!("<{}>", id.0)
}

/// The texts whose marks are in a line.
pub(crate) fn marks(line: &str) -> impl Iterator<Item = TextId> + '_ {
    let ends = line.split('<').skip(1).filter_map(|rest| rest.split_once('>'));
    ends.filter_map(|(number, _)| number.parse().ok().map(TextId))
}

/// The text of a line, which has one.
pub(crate) fn text_of(line: &str) -> TextId {
    marks(line).next().unwrap_or_else(|| panic!("nobody has written {line:?}"))
}

/// The texts whose marks are in some bytes of a connection, which may begin and end
/// anywhere.
#[derive(Debug, Default)]
pub(crate) struct MarkScanner {
    open: Option<usize>,
    has_digits: bool,
}

impl MarkScanner {
    pub(crate) fn scan(&mut self, bytes: &[u8], found: &mut BTreeSet<TextId>) {
        for byte in bytes {
            match (byte, self.open) {
                (b'<', _) => (self.open, self.has_digits) = (Some(0), false),
                (b'0'..=b'9', Some(number)) => {
                    self.open = Some(number * 10 + usize::from(byte - b'0'));
                    self.has_digits = true;
                }
                (b'>', Some(number)) if self.has_digits => {
                    found.insert(TextId(number));
                    self.open = None;
                }
                _ => self.open = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_in_any_pieces() {
        let bytes = b"x<1>y<22> <>3><4a><<5>";
        for cut in 0..bytes.len() {
            let (mut scanner, mut found) = (MarkScanner::default(), BTreeSet::new());
            scanner.scan(&bytes[..cut], &mut found);
            scanner.scan(&bytes[cut..], &mut found);
            assert_eq!(found, [1, 22, 5].map(TextId).into());
        }
    }
}
