//! The recipients of one message.

use thiserror::Error;

use crate::Name;

/// Whose mailboxes a message goes to: 1 to [`MAX`](Self::MAX) accounts, each once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recipients(Vec<Name>);

/// Why names are no recipients.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum RecipientsError {
    /// There is none.
    #[error("a message needs a recipient")]
    None,
    /// There are more than [`Recipients::MAX`].
    #[error("a message has at most {} recipients", Recipients::MAX)]
    TooMany,
}

impl Recipients {
    /// Recipients of one message.
    pub const MAX: usize = 64;

    /// Takes the names in their order. One that comes again is the same recipient.
    pub fn new(names: impl IntoIterator<Item = Name>) -> Result<Self, RecipientsError> {
        let mut recipients: Vec<Name> = Vec::new();
        for name in names {
            if recipients.contains(&name) {
                continue;
            }
            if recipients.len() == Self::MAX {
                return Err(RecipientsError::TooMany);
            }
            recipients.push(name);
        }
        if recipients.is_empty() { Err(RecipientsError::None) } else { Ok(Self(recipients)) }
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> &[Name] {
        &self.0
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipients(names: &[&str]) -> Result<Vec<String>, RecipientsError> {
        let names = names.iter().map(|name| Name::new(name).unwrap());
        Recipients::new(names).map(|of| of.names().iter().map(Name::to_string).collect())
    }

    #[test]
    fn each_is_named_once_and_there_are_not_too_many() {
        assert_eq!(recipients(&["bob", "Ann", "BOB", "ann"]).unwrap(), ["bob", "Ann"]);
        assert_eq!(recipients(&[]), Err(RecipientsError::None));
        let names: Vec<_> = (0..=Recipients::MAX).map(|number| format!("n{number}")).collect();
        let mut names: Vec<_> = names.iter().map(String::as_str).collect();
        assert_eq!(recipients(&names), Err(RecipientsError::TooMany));
        names[0] = "N1";
        assert_eq!(recipients(&names).unwrap().len(), Recipients::MAX);
    }
}
