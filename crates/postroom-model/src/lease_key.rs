//! The keys of leases.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Proves that a message was leased by whoever has it. It is random: the id of a message is no
/// secret. Written as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub struct LeaseKey([u8; Self::BYTES]);

/// A text is no key.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the key of a lease is 32 hexadecimal digits, as the server has shown it")]
pub struct LeaseKeyError;

impl LeaseKey {
    /// Bytes of a key.
    pub const BYTES: usize = 16;

    /// A key of these random bytes.
    #[must_use]
    pub fn new(random: [u8; Self::BYTES]) -> Self {
        Self(random)
    }
}

/// Takes as long wherever two keys differ.
impl PartialEq for LeaseKey {
    fn eq(&self, other: &Self) -> bool {
        let differing = self.0.iter().zip(&other.0).fold(0, |all, (one, two)| all | (one ^ two));
        std::hint::black_box(differing) == 0
    }
}

impl Eq for LeaseKey {}

impl fmt::Display for LeaseKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl FromStr for LeaseKey {
    type Err = LeaseKeyError;

    fn from_str(text: &str) -> Result<Self, LeaseKeyError> {
        let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok();
        let number = number.filter(|_| is_hexadecimal && text.len() == 2 * Self::BYTES);
        number.map(|number| Self(number.to_be_bytes())).ok_or(LeaseKeyError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_again_once_it_was_written() {
        let key = LeaseKey::new(*b"\x00\x01abcdefghijkl\xfe\xff");
        assert_eq!(key.to_string().parse(), Ok(key));
        let mut other = key;
        other.0[15] ^= 1;
        assert_ne!(key, other);
        let sign = format!("+{}", &key.to_string()[1..]);
        for wrong in ["", "00", &sign, &format!("{key}0"), &"g".repeat(32)] {
            assert_eq!(wrong.parse::<LeaseKey>(), Err(LeaseKeyError), "{wrong}");
        }
    }
}
