//! Buffers for answers, used by one connection after the other.

/// Buffers kept at most.
const BUFFERS_MAX: usize = 256;
/// Bytes of the largest buffer of which several are kept.
const BYTES_MAX: usize = 4 << 10;
/// Bytes of the one buffer that may be larger.
const LARGE_BYTES_MAX: usize = 128 << 10;

/// Empty buffers that have memory already.
#[derive(Debug, Default)]
pub(crate) struct SpareBuffers {
    buffers: Vec<Vec<u8>>,
    /// The posts that one group brought to a channel take more than an answer, and each
    /// member's are transmitted before the next member's are written: one is enough.
    large: Vec<u8>,
}

impl SpareBuffers {
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    /// Takes a buffer for more than an answer.
    pub(crate) fn take_large(&mut self) -> Vec<u8> {
        if self.large.capacity() > 0 { std::mem::take(&mut self.large) } else { self.take() }
    }

    pub(crate) fn put(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        match buffer.capacity() {
            0 => {}
            1..=BYTES_MAX => {
                if self.buffers.len() < BUFFERS_MAX {
                    self.buffers.push(buffer);
                }
            }
            bytes => {
                if bytes <= LARGE_BYTES_MAX && bytes > self.large.capacity() {
                    self.large = buffer;
                }
            }
        }
    }
}
