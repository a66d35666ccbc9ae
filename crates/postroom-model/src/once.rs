//! Keys by which requests may be repeated without being carried out twice.

use std::fmt;

use thiserror::Error;

use crate::Timestamp;

/// The word by which a client repeats a request: 1 to [`MAX`](Self::MAX) bytes of its choice,
/// for its account alone.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct IdempotencyKey(Box<[u8]>);

/// Why bytes are no key.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("an idempotency key has 1 to {} bytes", IdempotencyKey::MAX)]
pub struct IdempotencyKeyError;

impl IdempotencyKey {
    /// Maximum bytes of a key.
    pub const MAX: usize = 128;

    /// Takes the bytes as they are.
    pub fn new(bytes: &[u8]) -> Result<Self, IdempotencyKeyError> {
        match bytes.len() {
            1..=Self::MAX => Ok(Self(bytes.into())),
            _ => Err(IdempotencyKeyError),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A key may stand for something private.
impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "IdempotencyKey({} bytes)", self.0.len())
    }
}

/// Why a request with a key was not carried out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyRefusal {
    /// The account has used the key for another recipient, channel or text in the last 24 hours.
    OtherRequest,
    /// The account has used as many keys in the last 24 hours as it may.
    TooMany {
        /// When it may use another one.
        until: Timestamp,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_limited_length() {
        assert_eq!(IdempotencyKey::new(b""), Err(IdempotencyKeyError));
        assert_eq!(IdempotencyKey::new(&[7; 129]), Err(IdempotencyKeyError));
        let key = IdempotencyKey::new(&[7; 128]).unwrap();
        assert_eq!(key.as_bytes(), [7; 128]);
        assert_eq!(format!("{key:?}"), "IdempotencyKey(128 bytes)");
    }
}
