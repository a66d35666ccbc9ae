//! What the client answers over the back stream.

/// What a client says when it has a push. It is taken without waiting for a line
/// end, which not every client sends.
const RECEIPT: &[u8] = b"302 Message receipt successful";

/// The code alone makes a line a receipt.
const CODE: &[u8] = b"302";

/// Bytes of a line that are kept.
const LINE_BYTES_MAX: usize = 256;

/// Finds receipts in a stream of bytes; anything else in it is left out.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    bytes: Vec<u8>,
    /// What follows up to the next line end belongs to what was taken, or is too
    /// long.
    skipping: bool,
}

impl Receipts {
    /// Adds bytes as they came. [`take`](Self::take) must be called until it gives
    /// nothing before more is added.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next receipt, if there is one.
    pub(super) fn take(&mut self) -> bool {
        loop {
            if self.skipping && !self.skip() {
                return false;
            }
            let begin = self.bytes.iter().position(|byte| !byte.is_ascii_whitespace());
            self.bytes.drain(..begin.unwrap_or(self.bytes.len()));
            if self.bytes.starts_with(RECEIPT) {
                self.bytes.drain(..RECEIPT.len());
                return true;
            }
            let Some(end) = memchr::memchr(b'\n', &self.bytes) else {
                self.skipping = self.bytes.len() > LINE_BYTES_MAX;
                if self.bytes.is_empty() || self.skipping {
                    self.bytes = Vec::new();
                }
                return false;
            };
            let is_receipt = self.bytes.starts_with(CODE);
            self.bytes.drain(..=end);
            if is_receipt {
                return true;
            }
        }
    }

    fn skip(&mut self) -> bool {
        let end = memchr::memchr(b'\n', &self.bytes);
        self.bytes.drain(..end.map_or(self.bytes.len(), |end| end + 1));
        self.skipping = end.is_none();
        !self.skipping
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn receipts(input: &[u8], part: usize) -> usize {
        let mut receipts = Receipts::default();
        let mut count = 0;
        for part in input.chunks(part) {
            receipts.push(part);
            while receipts.take() {
                count += 1;
            }
            assert!(receipts.bytes.len() <= LINE_BYTES_MAX);
        }
        count
    }

    #[test]
    fn a_receipt_is_taken_with_and_without_a_line_end() {
        let sentence = "302 Message receipt successful";
        assert_eq!(receipts(format!("{sentence}{sentence}\r\n{sentence}\n").as_bytes(), 200), 3);
        assert_eq!(receipts(b"302\n302 ok\r\n", 200), 2);
        assert_eq!(receipts(b"hello\n401\n\n3023", 200), 0);
        let long = [&[b'x'; 1_000][..], b"302\n302\n"].concat();
        assert_eq!(receipts(&long, 100), 1);
    }

    proptest! {
        #[test]
        fn any_split_gives_as_many(input in "(302 Message receipt successful|302|\r?\n| |hm){0,12}",
                                   part in 1..9_usize) {
            prop_assert_eq!(receipts(input.as_bytes(), part), receipts(input.as_bytes(), 4_096));
        }
    }
}
