//! The ids of posts and messages, as clients see them on all listeners.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::Timestamp;

/// The id of a post, the same in all its channels: `p` and 13 digits. A post that was stored
/// later in its channel has a higher one, and comes later in the order of the text, too.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PostId(pub u64);

/// The id of a message: `m` and 13 digits. A message that was stored later in its mailbox has
/// a higher one, and comes later in the order of the text, too.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MessageId(pub u64);

/// Under which id, and when, a post was stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// The id of the post.
    pub id: PostId,
    /// The time of its commit.
    pub stored: Timestamp,
}

/// A text is not an id as it is shown.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("an id is `{letter}` and 13 digits or lower-case letters, as the server has shown it")]
pub struct IdError {
    letter: char,
}

/// The digits of Crockford's base 32: no letter of them is taken for another digit.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

const BASE: u64 = DIGITS.len() as u64;

/// Digits of an id: as many as the highest number needs, so that ids sort as text.
const LENGTH: usize = 13;

fn show(letter: char, mut number: u64, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut digits = [b'0'; LENGTH];
    for digit in digits.iter_mut().rev() {
        let value = usize::try_from(number % BASE).map_err(|_| fmt::Error)?;
        *digit = DIGITS[value];
        number /= BASE;
    }
    write!(formatter, "{letter}{}", str::from_utf8(&digits).map_err(|_| fmt::Error)?)
}

/// Takes what [`show`] writes, and nothing else.
fn read(letter: char, text: &str) -> Result<u64, IdError> {
    let error = IdError { letter };
    let digits = text.strip_prefix(letter).filter(|digits| digits.len() == LENGTH).ok_or(error)?;
    digits.bytes().try_fold(0_u64, |number, byte| {
        let digit = DIGITS.iter().position(|digit| *digit == byte).ok_or(error)?;
        // The first digit has one bit more than there is room for.
        Ok(number.checked_mul(BASE).ok_or(error)? + digit as u64)
    })
}

impl fmt::Display for PostId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        show('p', self.0, formatter)
    }
}

impl FromStr for PostId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        read('p', text).map(Self)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        show('m', self.0, formatter)
    }
}

impl FromStr for MessageId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        read('m', text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_shown_with_its_letter_and_all_its_digits() {
        for (number, shown) in [
            (0, "p0000000000000"),
            (31, "p000000000000z"),
            (32, "p0000000000010"),
            (u64::MAX, "pfzzzzzzzzzzzz"),
        ] {
            assert_eq!(PostId(number).to_string(), shown);
            assert_eq!(shown.parse(), Ok(PostId(number)));
        }
        assert_eq!(MessageId(33).to_string(), "m0000000000011");
    }

    #[test]
    fn only_an_id_as_it_is_shown_is_one() {
        for text in [
            "",
            "p",
            "0000000000000",
            "m0000000000001",
            "P0000000000001",
            "p000000000001",
            "p00000000000001",
            "p000000000000A",
            // These are taken for 1, 0 and v.
            "p000000000000l",
            "p000000000000o",
            "p000000000000u",
            "p 000000000001",
            "p+000000000001",
            "p00000000000\u{e9}",
            "pg000000000000",
            "pzzzzzzzzzzzzz",
        ] {
            assert!(text.parse::<PostId>().is_err(), "{text}");
        }
        assert!("p0000000000001".parse::<MessageId>().is_err());
    }

    proptest! {
        #[test]
        fn ids_are_read_as_they_are_shown_and_sort_as_text(one: u64, other: u64) {
            let (one, other) = (MessageId(one), MessageId(other));
            prop_assert_eq!(one.to_string().parse(), Ok(one));
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }

        #[test]
        fn what_is_read_is_shown_as_it_was(text in "p[0-9a-z]{12,14}") {
            if let Ok(id) = text.parse::<PostId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
