//! The key of a private channel. What is typed goes no further than here: a [`ChannelKey`] is
//! its hash.

use std::fmt;

use blake2::{Blake2b512, Digest as _};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use crate::{Channel, Password, PasswordError};

/// The key of one private channel, as a hash that is salted with the name of the channel. It
/// is fast: whoever can read the hash can read the channel, and how often keys are guessed is
/// limited like logins.
#[derive(Clone, Copy)]
pub struct ChannelKey([u8; Self::BYTES]);

/// Why bytes are not a valid key.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ChannelKeyError {
    /// It is empty.
    #[error("a key is missing")]
    Empty,
    /// It has more bytes than a password may have.
    #[error("a key has at most {} bytes", Password::BYTES_MAX)]
    TooLong,
    /// It is not UTF-8, or contains a control character.
    #[error("a key is UTF-8 without control characters")]
    Disallowed,
    /// It looks like another channel.
    #[error("a key does not begin with #")]
    Hashtag,
}

impl ChannelKey {
    /// Bytes of a hash.
    pub const BYTES: usize = 32;

    /// The hash of what was typed as the key of a channel. A key is made of what a password
    /// may be made of.
    pub fn of(channel: &Channel, typed: &[u8]) -> Result<Self, ChannelKeyError> {
        if typed.starts_with(b"#") {
            return Err(ChannelKeyError::Hashtag);
        }
        let typed = Password::from_bytes(typed).map_err(|error| match error {
            PasswordError::Empty => ChannelKeyError::Empty,
            PasswordError::TooLong => ChannelKeyError::TooLong,
            PasswordError::Disallowed => ChannelKeyError::Disallowed,
        })?;
        let mut digest = Blake2b512::new();
        digest.update(b"postroom channel key");
        // No name has a zero byte.
        digest.update(channel.as_str());
        digest.update([0]);
        digest.update(typed.as_bytes());
        let mut hash = [0; Self::BYTES];
        hash.copy_from_slice(&digest.finalize()[..Self::BYTES]);
        Ok(Self(hash))
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// What was stored; `None` if it has not as many bytes.
    #[must_use]
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// Takes as long wherever they differ.
impl PartialEq for ChannelKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for ChannelKey {}

/// Hides the hash.
impl fmt::Debug for ChannelKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ChannelKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_one_channel() {
        let channel = |tag| Channel::parse(tag).unwrap();
        let key = |tag, typed: &[u8]| ChannelKey::of(&channel(tag), typed).unwrap();
        assert_eq!(key("#den", b"open"), key("#DEN", b"open"));
        assert_ne!(key("#den", b"open"), key("#den", b"Open"));
        assert_ne!(key("#den", b"open"), key("#de", b"nopen"));
        let stored = key("#den", b"open");
        assert_eq!(ChannelKey::from_stored(stored.as_bytes()), Some(stored));
        assert_eq!(ChannelKey::from_stored(b"open"), None);
        assert_eq!(format!("{stored:?}"), "ChannelKey(..)");
        for (typed, error) in [
            (&b""[..], ChannelKeyError::Empty),
            (b"#tea", ChannelKeyError::Hashtag),
            (b"\xff", ChannelKeyError::Disallowed),
            (&[b'x'; 1025], ChannelKeyError::TooLong),
        ] {
            assert_eq!(ChannelKey::of(&channel("#den"), typed), Err(error));
        }
    }
}
