//! Cutting a stream of bytes into lines.

use postroom_model::{Fault, faulty};

/// Received bytes that are not yet taken as lines.
///
/// Holds at most one line and the bytes received with its end. It does not keep the
/// bytes of a line that is too long.
#[derive(Debug)]
pub(crate) struct LineDecoder {
    bytes: Vec<u8>,
    /// Where the next line begins in `bytes`.
    start: usize,
    /// The bytes before this place contain no line feed.
    searched: usize,
    line_bytes_max: usize,
    /// The bytes up to the next line feed belong to a line reported as too long.
    skipping: bool,
}

/// The bytes between two line feeds.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Line<'a> {
    /// The bytes of the line, without its end (LF or CR LF).
    Whole(&'a [u8]),
    /// Longer than allowed; reported once, as soon as it is known.
    TooLong,
}

impl<'a> Line<'a> {
    /// The line of these bytes before a line feed.
    fn new(bytes: &'a [u8], line_bytes_max: usize) -> Self {
        let line = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if line.len() > line_bytes_max { Self::TooLong } else { Self::Whole(line) }
    }
}

impl LineDecoder {
    /// A decoder of lines of at most `line_bytes_max` bytes, without their ends.
    pub(crate) fn new(line_bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, searched: 0, line_bytes_max, skipping: false }
    }

    /// Whether bytes may be added: all complete lines have been taken, and what is left
    /// is not longer than a line.
    pub(crate) fn wants_bytes(&self) -> bool {
        self.bytes.len() - self.start <= self.line_bytes_max + 1 && !self.has_line()
    }

    /// Whether all bytes have been taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Whether it holds a complete line.
    pub(crate) fn has_line(&self) -> bool {
        !self.bytes.is_empty() && memchr::memchr(b'\n', &self.bytes[self.searched..]).is_some()
    }

    /// Takes the next line of the bytes kept and then of those just received, of which it
    /// keeps only what does not end a line.
    pub(crate) fn next_line_of<'a, 'b: 'a>(
        &'a mut self,
        received: &mut &'b [u8],
    ) -> Option<Line<'a>> {
        if self.bytes.is_empty()
            && !self.skipping
            && let Some(end) = memchr::memchr(b'\n', received)
        {
            let (line, rest) = received.split_at(end);
            *received = &rest[1..];
            return Some(Line::new(line, self.line_bytes_max));
        }
        self.push(std::mem::take(received));
        self.next_line()
    }

    /// Adds received bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let is_cut = !self.bytes.is_empty() && faulty(Fault::ByteLost);
        self.bytes.extend_from_slice(bytes.get(usize::from(is_cut)..).unwrap_or_default());
    }

    /// Takes the next line, if it is complete or known to be too long; otherwise frees
    /// unused memory.
    pub(crate) fn next_line(&mut self) -> Option<Line<'_>> {
        if self.bytes.is_empty() {
            return None;
        }
        if self.skipping && !self.skip() {
            return None;
        }
        let Some(end) = self.find_end() else {
            if self.is_too_long() {
                self.release();
                self.skipping = true;
                return Some(Line::TooLong);
            }
            self.shrink();
            return None;
        };
        let (start, next) = (self.start, end + 1);
        self.start = next;
        self.searched = next;
        Some(Line::new(&self.bytes[start..end], self.line_bytes_max))
    }

    /// Takes the bytes of an incomplete line, if there are any.
    pub(crate) fn take_partial(&mut self) -> Option<Vec<u8>> {
        let partial = self.partial()?.to_vec();
        self.release();
        Some(partial)
    }

    /// Takes everything that was not taken as a line, line feeds included.
    pub(crate) fn take_all(&mut self) -> Vec<u8> {
        let all = if self.skipping { Vec::new() } else { self.bytes.split_off(self.start) };
        self.release();
        all
    }

    /// The bytes of an incomplete line, after all complete lines have been taken.
    pub(crate) fn partial(&self) -> Option<&[u8]> {
        (!self.skipping && self.start < self.bytes.len()).then(|| &self.bytes[self.start..])
    }

    fn shrink(&mut self) {
        if self.start == self.bytes.len() {
            self.release();
        } else if self.start > 0 {
            // A copy: the rest is short, and the buffer is much larger.
            self.bytes = self.bytes[self.start..].to_vec();
            self.searched -= self.start;
            self.start = 0;
        }
    }

    fn release(&mut self) {
        self.bytes = Vec::new();
        self.start = 0;
        self.searched = 0;
    }

    /// Drops bytes up to the end of the line that is too long; returns whether it was
    /// found.
    fn skip(&mut self) -> bool {
        let Some(end) = self.find_end() else {
            self.release();
            return false;
        };
        self.start = end + 1;
        self.searched = self.start;
        self.skipping = false;
        true
    }

    fn find_end(&mut self) -> Option<usize> {
        let found = memchr::memchr(b'\n', &self.bytes[self.searched..]);
        let end = found.map(|offset| self.searched + offset);
        self.searched = end.unwrap_or(self.bytes.len());
        end
    }

    /// Whether the incomplete line is too long already.
    fn is_too_long(&self) -> bool {
        // A CR may belong to the line's end.
        let allowed = self.line_bytes_max + usize::from(self.bytes.last() == Some(&b'\r'));
        self.bytes.len() - self.start > allowed
    }
}

/// The lines of an input that is received in parts of these sizes, again and again: `None`
/// is a line of more than `line_bytes_max` bytes.
///
/// # Panics
///
/// If the decoder's memory is not bounded by this limit and the largest part.
#[cfg(any(test, feature = "fuzzing"))]
#[must_use]
pub fn lines(input: &[u8], parts: &[usize], line_bytes_max: usize) -> Vec<Option<Vec<u8>>> {
    let mut decoder = LineDecoder::new(line_bytes_max);
    let mut lines = Vec::new();
    let mut rest = input;
    let mut sizes = parts.iter().copied().cycle();
    while !rest.is_empty() {
        let (mut part, tail) = rest.split_at(sizes.next().unwrap_or(1).clamp(1, rest.len()));
        let held_max = line_bytes_max + 1 + part.len();
        rest = tail;
        while let Some(line) = decoder.next_line_of(&mut part) {
            lines.push(match line {
                Line::Whole(line) => Some(line.to_vec()),
                Line::TooLong => None,
            });
        }
        let capacity = decoder.bytes.capacity();
        assert!(capacity <= 64.max(2 * held_max), "{capacity} bytes of memory");
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    fn lines(input: &[u8], parts: &[usize]) -> Vec<Option<Vec<u8>>> {
        super::lines(input, parts, 8)
    }

    #[test]
    fn a_line_ends_in_lf_and_one_cr_before_it_is_dropped() {
        let expected: Vec<_> =
            ["a", "b", "c\r", "", ""].map(|line| Some(line.as_bytes().to_vec())).into();
        assert_eq!(lines(b"a\nb\r\nc\r\r\n\n\r\nrest", &[100]), expected);
    }

    #[test]
    fn a_line_is_too_long_beyond_its_limit_and_not_before() {
        assert_eq!(lines(b"12345678\r\n", &[1]), [Some(b"12345678".to_vec())]);
        assert_eq!(lines(b"123456789\nok\n", &[1]), [None, Some(b"ok".to_vec())]);
        assert_eq!(lines(b"12345678\rx\nok\n", &[1]), [None, Some(b"ok".to_vec())]);
        assert_eq!(lines(&[b'x'; 1000], &[7]), [None]);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(input in "[ab\r\n]{0,60}",
                                          parts in prop::collection::vec(1..12_usize, 1..8)) {
            prop_assert_eq!(lines(input.as_bytes(), &parts), lines(input.as_bytes(), &[60]));
        }
    }
}
