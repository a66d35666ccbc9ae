//! What keeps the bytes of a file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// A file: a real one, or one for tests.
pub(crate) trait Medium {
    type Error;

    fn length(&mut self) -> Result<u64, Self::Error>;

    /// Reads bytes all of which the file has.
    fn read(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), Self::Error>;

    /// Writes; what lies between the end of the file and the offset becomes zero.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Cuts the file off, or appends zeros.
    fn set_length(&mut self, length: u64) -> Result<(), Self::Error>;
}

impl Medium for File {
    type Error = io::Error;

    fn length(&mut self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(bytes, offset)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}
