//! Lines out of a stream of bytes, in bounded memory.
//!
//! At most the longest line and what one read brought is held, whatever comes.

/// Collects bytes and gives them out line by line.
#[derive(Debug)]
pub(crate) struct LineSplitter {
    bytes: Vec<u8>,
    /// How far the bytes are known to hold no line feed.
    scanned: usize,
    line_bytes_max: usize,
    /// The rest of a line that was too long is being left out.
    skipping: bool,
}

/// What a [`LineSplitter`] has to give.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum NextLine {
    /// A line, its line feed left out.
    Line(Vec<u8>),
    /// A line was too long; the next one begins after its line feed.
    TooLong,
    /// No whole line is there.
    Nothing,
}

impl LineSplitter {
    /// An empty buffer for lines of at most `line_bytes_max` bytes, their line
    /// feeds left out.
    pub(crate) fn new(line_bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), scanned: 0, line_bytes_max, skipping: false }
    }

    /// Adds what came. Call [`take`](Self::take) until it gives nothing before
    /// the next.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the earliest line out.
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

    /// Takes what is left at the end of the stream: a line without a line feed.
    pub(crate) fn take_rest(&mut self) -> Option<Vec<u8>> {
        let rest = std::mem::take(&mut self.bytes);
        self.scanned = 0;
        (!rest.is_empty() && !self.skipping).then_some(rest)
    }

    /// Whether nothing is held.
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
    fn lines_come_out_whole_however_they_came() {
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
    fn the_limit_leaves_the_line_feed_out() {
        let mut lines = LineSplitter::new(5);
        lines.push(b"12345\n123456\n12345");
        assert_eq!(lines.take(), line("12345"));
        assert_eq!(lines.take(), NextLine::TooLong);
        assert_eq!(lines.take(), NextLine::Nothing);
        lines.push(b"\n");
        assert_eq!(lines.take(), line("12345"));
    }

    #[test]
    fn a_line_without_an_end_is_told_once_and_not_kept() {
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
    fn the_end_of_a_line_that_was_too_long_is_no_line() {
        let mut lines = LineSplitter::new(2);
        lines.push(b"123");
        assert_eq!(lines.take(), NextLine::TooLong);
        lines.push(b"4");
        assert_eq!(lines.take(), NextLine::Nothing);
        assert_eq!(lines.take_rest(), None);
    }
}
