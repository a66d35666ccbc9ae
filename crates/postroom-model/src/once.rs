//! Requests that may be repeated without being carried out twice.

use std::fmt;

use thiserror::Error;

use crate::{Composed, Request, Stamp, Timestamp};

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

/// A request to store something, with the key by which it is repeated.
#[derive(Clone, Debug)]
pub struct Once {
    key: IdempotencyKey,
    request: Box<Request>,
}

impl Once {
    /// Of a [`Request::Compose`], a [`Request::ComposeAll`], or a [`Request::Post`] that awaits
    /// no delivery; nothing else has a key.
    #[must_use]
    pub fn new(key: IdempotencyKey, request: Request) -> Option<Self> {
        let stores = matches!(
            request,
            Request::Compose { .. }
                | Request::ComposeAll { .. }
                | Request::Post { awaits_delivery: false, .. }
        );
        stores.then(|| Self { key, request: Box::new(request) })
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The key and the request.
    #[must_use]
    pub fn into_parts(self) -> (IdempotencyKey, Request) {
        (self.key, *self.request)
    }
}

/// What an earlier request with the same key and the same content has stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Repeated {
    /// A message. It has registered nobody this time.
    Composed(Composed),
    /// Messages, in the order of their recipients. They have registered nobody this time.
    ComposedAll(Vec<Composed>),
    /// A post.
    Posted(Stamp),
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
    use crate::{Name, Text, Unknown};

    #[test]
    fn a_key_has_a_limited_length() {
        assert_eq!(IdempotencyKey::new(b""), Err(IdempotencyKeyError));
        assert_eq!(IdempotencyKey::new(&[7; 129]), Err(IdempotencyKeyError));
        let key = IdempotencyKey::new(&[7; 128]).unwrap();
        assert_eq!(key.as_bytes(), [7; 128]);
        assert_eq!(format!("{key:?}"), "IdempotencyKey(128 bytes)");
    }

    #[test]
    fn only_what_stores_something_has_a_key() {
        let key = || IdempotencyKey::new(b"k").unwrap();
        let recipient = Name::new("bob").unwrap();
        let compose =
            Request::Compose { recipient, text: Text::default(), unknown: Unknown::Refuse };
        assert!(Once::new(key(), compose).is_some());
        assert!(Once::new(key(), Request::Read).is_none());
        let post = Request::Post { channels: vec![], text: Text::default(), awaits_delivery: true };
        assert!(Once::new(key(), post).is_none());
    }
}
