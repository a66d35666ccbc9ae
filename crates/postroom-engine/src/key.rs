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

/// A connection that was handed over.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HttpConnection(u64);

/// A session of such a connection. Its driver gives out the numbers, each once.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct HttpSession(pub u64);

impl HttpConnection {
    pub(crate) fn from_number(number: u64) -> Self {
        Self(number)
    }
}
