//! Buffers for answers, used by one connection after the other.

/// Buffers kept at most.
const BUFFERS_MAX: usize = 256;
/// Bytes of the largest buffer that is kept.
const BYTES_MAX: usize = 4 << 10;

/// Empty buffers that have memory already.
#[derive(Debug, Default)]
pub(crate) struct SpareBuffers(Vec<Vec<u8>>);

impl SpareBuffers {
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_default()
    }

    pub(crate) fn put(&mut self, mut buffer: Vec<u8>) {
        if (1..=BYTES_MAX).contains(&buffer.capacity()) && self.0.len() < BUFFERS_MAX {
            buffer.clear();
            self.0.push(buffer);
        }
    }
}
