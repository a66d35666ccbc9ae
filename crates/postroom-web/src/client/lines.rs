//! The lines of an answer.

use std::io;

/// Bytes of a line, at most: a line with a text has far less.
const LINE_BYTES_MAX: usize = 1 << 20;

/// The lines of an answer, as it comes.
#[derive(Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// Where the next line begins.
    begin: usize,
}

impl Lines {
    pub(super) fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.drain(..self.begin);
        self.begin = 0;
        if self.bytes.len() > LINE_BYTES_MAX {
            return Err(io::Error::other("a line of the answer is too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn next(&mut self) -> Option<&[u8]> {
        let rest = &self.bytes[self.begin..];
        let length = rest.iter().position(|byte| *byte == b'\n')?;
        self.begin += length + 1;
        Some(&rest[..length])
    }
}
