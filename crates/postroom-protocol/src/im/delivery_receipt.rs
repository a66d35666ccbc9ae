//! Delivery receipts: the client's answers over the back stream.

/// The client's answer to a push. It is accepted without a line end, since some clients
/// send none.
const RECEIPT: &[u8] = b"302 Message receipt successful";

/// A line with this code, alone or before white space, is a receipt.
const CODE: &[u8] = b"302";

/// Maximum bytes of a line that are kept.
const LINE_BYTES_MAX: usize = 256;

/// Finds receipts in a stream of bytes, and skips everything else.
#[derive(Debug, Default)]
pub(super) struct DeliveryReceipts {
    bytes: Vec<u8>,
    /// Bytes at the beginning that have been parsed.
    taken: usize,
    /// The bytes up to the next line end belong to a line that is too long.
    skipping: bool,
}

impl DeliveryReceipts {
    /// Adds received bytes. Before adding more, call [`take`](Self::take) until it
    /// returns `false`.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next receipt, if there is one.
    pub(super) fn take(&mut self) -> bool {
        while let Some(is_receipt) = self.next() {
            if is_receipt {
                return true;
            }
        }
        self.bytes.drain(..self.taken);
        self.taken = 0;
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
        false
    }

    /// Takes the next line if it is complete; returns whether it is a receipt.
    fn next(&mut self) -> Option<bool> {
        let rest = &self.bytes[self.taken..];
        let begin = rest.iter().position(|byte| !byte.is_ascii_whitespace() || self.skipping);
        let begin = begin.unwrap_or(rest.len());
        let rest = &rest[begin..];
        self.taken += begin;
        if rest.starts_with(RECEIPT) && !self.skipping {
            self.taken += RECEIPT.len();
            return Some(true);
        }
        if let Some(end) = memchr::memchr(b'\n', rest) {
            let is_receipt = !self.skipping && is_receipt(&rest[..end]);
            self.taken += end + 1;
            self.skipping = false;
            return Some(is_receipt);
        }
        if self.skipping || rest.len() > LINE_BYTES_MAX {
            self.skipping = true;
            self.taken = self.bytes.len();
        }
        None
    }
}

fn is_receipt(line: &[u8]) -> bool {
    let rest = line.strip_prefix(CODE).filter(|_| line.len() <= LINE_BYTES_MAX);
    rest.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

/// How many receipts there are in an input that is received in parts of this size.
///
/// # Panics
///
/// If more than a line and a part are kept.
#[cfg(any(test, feature = "fuzzing"))]
#[must_use]
pub fn receipts(input: &[u8], part: usize) -> usize {
    let mut receipts = DeliveryReceipts::default();
    let mut count = 0;
    for part in input.chunks(part) {
        receipts.push(part);
        while receipts.take() {
            count += 1;
        }
        let kept = receipts.bytes.len();
        assert!(kept <= LINE_BYTES_MAX + part.len(), "{kept} bytes of memory");
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_receipt_is_taken_with_and_without_a_line_end() {
        let sentence = "302 Message receipt successful";
        assert_eq!(receipts(format!("{sentence}{sentence}\r\n{sentence}\n").as_bytes(), 200), 3);
        assert_eq!(receipts(b"302\n302 ok\r\n", 200), 2);
        assert_eq!(receipts(b"hello\n401\n\n3023\n302", 200), 0);
        let long = [&[b'x'; 1_000][..], b"302\n302\n"].concat();
        assert_eq!(receipts(&long, 100), 1);
        let long = [&b"302 "[..], &[b'x'; 1_000], b"\n302\n"].concat();
        assert_eq!((receipts(&long, 100), receipts(&long, 4_096)), (1, 1));
    }

    proptest! {
        #[test]
        fn any_split_gives_as_many(input in "(302 Message receipt successful|302|\r?\n| |hm){0,12}",
                                   part in 1..9_usize) {
            prop_assert_eq!(receipts(input.as_bytes(), part), receipts(input.as_bytes(), 4_096));
        }
    }
}
