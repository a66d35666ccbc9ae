//! The key of a connection.

/// A connection of the driver; its number is used again after its end.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConnectionKey(u32);

impl ConnectionKey {
    /// The key of the connection at this place.
    #[must_use]
    pub fn from_index(index: usize) -> Self {
        // There are never as many connections as numbers of 32 bits.
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// The place in tables of connections. No other connection has it at the same time.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}
