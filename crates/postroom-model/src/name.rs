//! The name of an account.
//!
//! Prepared by the PRECIS profile `UsernameCasePreserved` and compared by its
//! case-mapped form (RFC 8265), so that `Bob` and `bob` are one account.

use std::fmt;
use std::hash::{Hash, Hasher};

use precis_profiles::precis_core::profile::PrecisFastInvocation;
use precis_profiles::{UsernameCaseMapped, UsernameCasePreserved};
use smol_str::{SmolStr, StrExt};
use thiserror::Error;

use crate::{NAME_BYTES_MAX, Skeleton};

/// A name that can be registered, shown in a terminal and put into a command.
///
/// Equality and hash use the case-mapped form; the shown form keeps the case as given.
#[derive(Clone, Debug)]
pub struct Name {
    shown: SmolStr,
    /// The case-mapped form, if it differs from the shown form.
    folded: Option<SmolStr>,
}

/// The shown form of the name.
impl From<&Name> for SmolStr {
    fn from(name: &Name) -> Self {
        name.shown.clone()
    }
}

/// Why a word is not a valid name.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum NameError {
    /// The word is empty.
    #[error("a name is missing")]
    Empty,
    /// More than [`NAME_BYTES_MAX`] bytes.
    #[error("a name has at most {NAME_BYTES_MAX} bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("a name must be valid UTF-8")]
    InvalidUtf8,
    /// White space, a control character, or a character of the syntax of some protocol.
    #[error("a name holds no white space, control characters or any of ! * ? , : ( ) / @ # \" '")]
    Forbidden,
    /// `.` or `..`, which are not names in a URL.
    #[error("\".\" and \"..\" are no names")]
    Dots,
    /// A character that RFC 8265 does not allow in a user name.
    #[error("a name holds letters, digits and signs that RFC 8265 allows in user names")]
    Disallowed,
}

/// The sender of what clients of HTTP leave without a login: no word that a client sends is
/// this name.
pub(crate) const WEB: &str = "@web";

/// Characters that RFC 8265 allows and Postroom does not.
const FORBIDDEN: &[u8] = b"!*?,:()/@#\"'";

impl Name {
    /// Parses a name from a word that a client sent.
    pub fn new(word: &str) -> Result<Self, NameError> {
        if word.is_empty() {
            return Err(NameError::Empty);
        }
        if word.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        if word == "." || word == ".." {
            return Err(NameError::Dots);
        }
        if word.is_ascii() { Self::from_ascii(word) } else { Self::from_unicode(word) }
    }

    /// Parses a name from the bytes of a word.
    pub fn from_bytes(word: &[u8]) -> Result<Self, NameError> {
        Self::new(std::str::from_utf8(word).map_err(|_| NameError::InvalidUtf8)?)
    }

    /// The sender of what clients of HTTP leave without a login, `@web`. It is no account:
    /// nobody logs in with it, and nobody can reply to it.
    #[must_use]
    pub const fn web() -> Self {
        Self { shown: SmolStr::new_static(WEB), folded: None }
    }

    /// Whether it is that of [`web`](Self::web).
    #[must_use]
    pub fn is_web(&self) -> bool {
        self.shown == WEB
    }

    /// Parses the name of a sender: that of an account, or `@web`.
    pub fn of_sender(word: &str) -> Result<Self, NameError> {
        if word.eq_ignore_ascii_case(WEB) { Ok(Self::web()) } else { Self::new(word) }
    }

    /// Parses the name of a sender from the bytes of a word.
    pub fn of_sender_from_bytes(word: &[u8]) -> Result<Self, NameError> {
        Self::of_sender(std::str::from_utf8(word).map_err(|_| NameError::InvalidUtf8)?)
    }

    /// The name as it was first registered.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// The case-mapped form, equal for all spellings of one account.
    #[must_use]
    pub fn folded(&self) -> &str {
        self.folded.as_deref().unwrap_or(&self.shown)
    }

    /// What the name looks like.
    #[must_use]
    pub fn skeleton(&self) -> Skeleton {
        Skeleton::of(self.folded())
    }

    /// Whether the name has other characters than ASCII.
    #[must_use]
    pub fn has_non_ascii(&self) -> bool {
        !self.shown.is_ascii()
    }

    /// A fast path without the Unicode tables: all printable ASCII is in the identifier
    /// class, and only its case is mapped.
    fn from_ascii(word: &str) -> Result<Self, NameError> {
        if word.bytes().any(is_forbidden_ascii) {
            return Err(NameError::Forbidden);
        }
        let folded = word
            .bytes()
            .any(|byte| byte.is_ascii_uppercase())
            .then(|| word.to_ascii_lowercase_smolstr());
        Ok(Self { shown: word.into(), folded })
    }

    fn from_unicode(word: &str) -> Result<Self, NameError> {
        if word.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return Err(NameError::Forbidden);
        }
        let shown = UsernameCasePreserved::enforce(word).map_err(|_| NameError::Disallowed)?;
        // Width mapping may have produced ASCII from other characters.
        if shown.bytes().any(|byte| byte.is_ascii() && is_forbidden_ascii(byte)) {
            return Err(NameError::Forbidden);
        }
        let folded = UsernameCaseMapped::enforce(shown.as_ref())
            .map_err(|_| NameError::Disallowed)?
            .into_owned();
        if shown.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        if shown == "." || shown == ".." {
            return Err(NameError::Dots);
        }
        let folded = (folded != shown).then(|| SmolStr::from(folded));
        Ok(Self { shown: SmolStr::from(shown), folded })
    }
}

fn is_forbidden_ascii(byte: u8) -> bool {
    !byte.is_ascii_graphic() || FORBIDDEN.contains(&byte)
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_account_are_equal_and_shown_as_given() {
        let bob = Name::new("Bob").unwrap();
        assert_eq!(bob, Name::new("bOB").unwrap());
        assert_eq!(bob.as_str(), "Bob");
        assert_eq!(Name::new("Émile").unwrap(), Name::new("E\u{301}mile").unwrap());
        assert_eq!(Name::new("ÉMILE").unwrap(), Name::new("émile").unwrap());
        assert_ne!(bob, Name::new("bobby").unwrap());
    }

    #[test]
    fn a_sender_may_be_the_web_and_an_account_never() {
        assert_eq!(Name::of_sender("@Web"), Ok(Name::web()));
        assert_eq!(Name::of_sender_from_bytes(b"@web").map(|name| name.is_web()), Ok(true));
        assert_eq!(Name::of_sender("Bob"), Name::new("bob"));
        assert!(!Name::new("web").unwrap().is_web());
        assert_eq!(Name::web().to_string(), "@web");
        for word in ["@web", "@Web", "＠web"] {
            assert!(Name::new(word).is_err(), "{word}");
        }
        assert!(Name::of_sender("@board").is_err());
    }

    #[test]
    fn full_width_letters_are_the_narrow_ones() {
        assert_eq!(Name::new("ｂｏｂ").unwrap().as_str(), "bob");
        assert_eq!(Name::new("ｂ：ｂ"), Err(NameError::Forbidden));
        assert_eq!(Name::new("．．"), Err(NameError::Dots));
    }

    #[test]
    fn the_length_is_counted_in_bytes() {
        assert!(Name::new(&"x".repeat(64)).is_ok());
        assert_eq!(Name::new(&"x".repeat(65)), Err(NameError::TooLong));
        assert!(Name::new(&"é".repeat(32)).is_ok());
        assert_eq!(Name::new(&"é".repeat(33)), Err(NameError::TooLong));
    }

    #[test]
    fn what_would_forge_syntax_is_no_name() {
        for word in [
            "a b",
            "a\tb",
            "a\u{7f}",
            "a\u{1b}[2J",
            "a!",
            "*",
            "?",
            ",",
            "a:b",
            "(x)",
            "a/b",
            "a@b",
            "#rust",
            "\"a\"",
            "o'hara",
            "a\u{a0}b",
            "a\u{9b}b",
            "a\u{202e}b",
            "a\u{2028}b",
        ] {
            assert!(Name::new(word).is_err(), "{word:?}");
        }
        assert_eq!(Name::new(""), Err(NameError::Empty));
        assert_eq!(Name::new("."), Err(NameError::Dots));
        assert_eq!(Name::new(".."), Err(NameError::Dots));
        assert!(Name::new("...").is_ok());
        assert_eq!(Name::from_bytes(b"\xff"), Err(NameError::InvalidUtf8));
    }

    proptest! {
        #[test]
        fn preparing_a_prepared_name_changes_nothing(word in "\\PC{0,24}") {
            if let Ok(name) = Name::new(&word) {
                let again = Name::new(name.as_str()).unwrap();
                prop_assert_eq!(again.as_str(), name.as_str());
                prop_assert_eq!(again.folded(), name.folded());
                prop_assert!(!name.as_str().contains(char::is_whitespace));
            }
        }

        #[test]
        fn the_short_way_for_ascii_agrees_with_the_tables(word in "[!-~]{1,20}") {
            let short = Name::from_ascii(&word);
            let tables = Name::from_unicode(&word);
            prop_assert_eq!(short.is_ok(), tables.is_ok() || word == "." || word == "..");
            if let (Ok(short), Ok(tables)) = (short, tables) {
                prop_assert_eq!(short.folded(), tables.folded());
            }
        }
    }
}
