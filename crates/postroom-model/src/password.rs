//! A password as the user typed it. It is never shown and never stored.

use std::fmt;

use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use thiserror::Error;

/// A password prepared by the PRECIS profile `OpaqueString` (RFC 8265), so that the
/// same password typed on different keyboards compares equal.
#[derive(Clone, Eq, PartialEq)]
pub struct Password(Box<str>);

/// Why bytes are not a valid password.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum PasswordError {
    /// The password is empty.
    #[error("a password is missing")]
    Empty,
    /// More than [`Password::BYTES_MAX`] bytes.
    #[error("a password has at most {} bytes", Password::BYTES_MAX)]
    TooLong,
    /// Not UTF-8, or contains a control character.
    #[error("a password is UTF-8 without control characters")]
    Disallowed,
}

impl Password {
    /// Maximum bytes of a password. It bounds the cost of hashing.
    pub const BYTES_MAX: usize = 1024;

    /// Parses a password from the bytes that the user typed.
    pub fn from_bytes(typed: &[u8]) -> Result<Self, PasswordError> {
        if typed.is_empty() {
            return Err(PasswordError::Empty);
        }
        if typed.len() > Self::BYTES_MAX {
            return Err(PasswordError::TooLong);
        }
        let typed = std::str::from_utf8(typed).map_err(|_| PasswordError::Disallowed)?;
        let prepared = OpaqueString::enforce(typed).map_err(|_| PasswordError::Disallowed)?;
        Ok(Self(prepared.into_owned().into_boxed_str()))
    }

    /// The bytes to hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Hides the password.
impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ways_to_type_an_accent_are_one_password() {
        let composed = Password::from_bytes("é1".as_bytes()).unwrap();
        assert_eq!(composed, Password::from_bytes("e\u{301}1".as_bytes()).unwrap());
        assert_ne!(composed, Password::from_bytes(b"E1").unwrap());
        assert_eq!(format!("{composed:?}"), "Password(..)");
    }

    #[test]
    fn what_is_no_password_is_refused() {
        assert_eq!(Password::from_bytes(b""), Err(PasswordError::Empty));
        assert_eq!(Password::from_bytes(&[b'x'; 1025]), Err(PasswordError::TooLong));
        assert_eq!(Password::from_bytes(b"a\0"), Err(PasswordError::Disallowed));
        assert_eq!(Password::from_bytes(b"\xff"), Err(PasswordError::Disallowed));
    }
}
