//! Splits a stream of bytes into lines, in bounded memory.
//!
//! It holds at most the longest line and the bytes of one read, whatever
//! arrives.

/// Collects bytes and returns them line by line.
#[derive(Debug)]
pub(crate) struct LineSplitter {
    bytes: Vec<u8>,
    /// How many of the first bytes are known to hold no line feed.
    scanned: usize,
    line_bytes_max: usize,
    /// The rest of a line that was too long is being dropped.
    skipping: bool,
}

/// What a [`LineSplitter`] returns.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum NextLine {
    /// A line, without its line feed.
    Line(Vec<u8>),
    /// A line was too long; the next one begins after its line feed.
    TooLong,
    /// There is no whole line.
    Nothing,
}

impl LineSplitter {
    /// An empty buffer for lines of at most `line_bytes_max` bytes, without their
    /// line feeds.
    pub(crate) fn new(line_bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), scanned: 0, line_bytes_max, skipping: false }
    }

    /// Adds bytes. Call [`take`](Self::take) until it returns nothing before
    /// adding more.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the earliest line.
    pub(crate) fn take(&mut self) -> NextLine {
        while let Some(line) = self.cut() {
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            return if line.len() > self.line_bytes_max {
                NextLine::TooLong
            } else {
                NextLine::Line(line)
            };
        }
        if self.bytes.len() > self.line_bytes_max {
            self.bytes.clear();
            self.scanned = 0;
            if !std::mem::replace(&mut self.skipping, true) {
                return NextLine::TooLong;
            }
        }
        NextLine::Nothing
    }

    /// At the end of the stream, takes the last line if it has no line feed.
    pub(crate) fn take_rest(&mut self) -> Option<Vec<u8>> {
        let rest = std::mem::take(&mut self.bytes);
        self.scanned = 0;
        (!rest.is_empty() && !self.skipping).then_some(rest)
    }

    /// Whether it holds no bytes.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn cut(&mut self) -> Option<Vec<u8>> {
        let fresh = &self.bytes[self.scanned..];
        let Some(at) = fresh.iter().position(|&byte| byte == b'\n') else {
            self.scanned = self.bytes.len();
            return None;
        };
        let rest = self.bytes.split_off(self.scanned + at + 1);
        let mut line = std::mem::replace(&mut self.bytes, rest);
        line.pop();
        self.scanned = 0;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> NextLine {
        NextLine::Line(text.into())
    }

    #[test]
    fn lines_are_whole_however_their_bytes_are_split() {
        let mut lines = LineSplitter::new(5);
        lines.push(b"a\n\nbc");
        assert_eq!(lines.take(), line("a"));
        assert_eq!(lines.take(), line(""));
        assert_eq!(lines.take(), NextLine::Nothing);
        lines.push(b"d\nrest");
        assert_eq!(lines.take(), line("bcd"));
        assert_eq!(lines.take(), NextLine::Nothing);
        assert_eq!(lines.take_rest(), Some(b"rest".to_vec()));
        assert_eq!(lines.take_rest(), None);
        assert!(lines.is_empty());
    }

    #[test]
    fn the_limit_does_not_count_the_line_feed() {
        let mut lines = LineSplitter::new(5);
        lines.push(b"12345\n123456\n12345");
        assert_eq!(lines.take(), line("12345"));
        assert_eq!(lines.take(), NextLine::TooLong);
        assert_eq!(lines.take(), NextLine::Nothing);
        lines.push(b"\n");
        assert_eq!(lines.take(), line("12345"));
    }

    #[test]
    fn an_endless_line_is_reported_once_and_not_kept() {
        let mut lines = LineSplitter::new(5);
        lines.push(b"123456");
        assert_eq!(lines.take(), NextLine::TooLong);
        for _ in 0..1_000 {
            lines.push(b"7890123");
            assert_eq!(lines.take(), NextLine::Nothing);
            assert!(lines.bytes.len() <= 7);
        }
        lines.push(b"4\nnext\n");
        assert_eq!(lines.take(), line("next"));
    }

    #[test]
    fn the_end_of_a_line_that_was_too_long_is_not_a_line() {
        let mut lines = LineSplitter::new(2);
        lines.push(b"123");
        assert_eq!(lines.take(), NextLine::TooLong);
        lines.push(b"4");
        assert_eq!(lines.take(), NextLine::Nothing);
        assert_eq!(lines.take_rest(), None);
    }
}
