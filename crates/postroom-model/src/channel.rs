//! Channels: where posts are said. A hashtag is a channel.

use std::fmt;

use smol_str::{SmolStr, StrExt};

use crate::{Name, Text};

/// Bytes of the longest channel name, its `#` left out.
pub const CHANNEL_BYTES_MAX: usize = 64;

/// Hashtags that count in one text; further ones are words.
pub const HASHTAGS_MAX: usize = 10;

/// The channel of everyone who is present.
const LOBBY: &str = "lobby";

/// The channel of all board texts. No hashtag can be spelt so.
const BOARD: &str = "@board";

/// The name of a channel: letters, digits and `_`, case-folded, without its `#`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Channel(SmolStr);

impl Channel {
    /// The channel of everyone who is present.
    #[must_use]
    pub fn lobby() -> Self {
        Self(SmolStr::new_static(LOBBY))
    }

    /// The channel of all board texts, which no one can name.
    #[must_use]
    pub fn board() -> Self {
        Self(SmolStr::new_static(BOARD))
    }

    /// Whether it is the channel of everyone who is present.
    #[must_use]
    pub fn is_lobby(&self) -> bool {
        self.0 == LOBBY
    }

    /// Whether it is no hashtag, but there from the beginning.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.0 == LOBBY || self.0 == BOARD
    }

    /// Reads a word such as `#rust`; `None` where it is no hashtag.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let name = word.strip_prefix('#')?;
        (name.len() == tag_length(name)).then(|| Self::folded(name)).flatten()
    }

    /// For stores: a channel by what [`as_str`](Self::as_str) said of it.
    #[must_use]
    pub fn from_stored(name: &str) -> Option<Self> {
        if name == BOARD {
            return Some(Self::board());
        }
        (name.len() == tag_length(name)).then(|| Self::folded(name)).flatten()
    }

    /// The hashtags in a text, each once, in their order, at most
    /// [`HASHTAGS_MAX`].
    ///
    /// One begins at a `#` that no letter, digit or `_` stands before, and goes on
    /// as far as it can. `#lobby` in a text is plain text: what is posted under a
    /// hashtag may come from anyone, and the lobby is for accounts that are present.
    pub fn hashtags(text: &str) -> Vec<Self> {
        let mut found = Vec::new();
        let mut previous = None;
        for (at, character) in text.char_indices() {
            if found.len() == HASHTAGS_MAX {
                break;
            }
            if character == '#' && !previous.is_some_and(is_tag_character) {
                let rest = &text[at + 1..];
                if let Some(channel) = Self::folded(&rest[..tag_length(rest)])
                    && !channel.is_lobby()
                    && !found.contains(&channel)
                {
                    found.push(channel);
                }
            }
            previous = Some(character);
        }
        found
    }

    /// The name without its `#`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn folded(name: &str) -> Option<Self> {
        let folded = name.to_lowercase_smolstr();
        // Some letters fold to a letter and a mark, which no hashtag may hold.
        let is_one = !name.is_empty() && tag_length(&folded) == folded.len();
        (is_one && name.len().max(folded.len()) <= CHANNEL_BYTES_MAX).then_some(Self(folded))
    }
}

fn is_tag_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Bytes at the beginning of `text` that can be of a hashtag.
fn tag_length(text: &str) -> usize {
    text.find(|character| !is_tag_character(character)).unwrap_or(text.len())
}

/// Shows the channel with its `#`.
impl fmt::Display for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "#{}", self.0)
    }
}

/// Who said something in a channel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Author {
    /// An account.
    Account(Name),
    /// Someone unknown, on the board.
    Board,
}

/// Shows the name, or `@board`, which is the name of no account.
impl fmt::Display for Author {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(name) => name.fmt(formatter),
            Self::Board => formatter.pad(BOARD),
        }
    }
}

/// Something said in one channel or several.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Post {
    /// Who said it.
    pub author: Author,
    /// Where, each channel once.
    pub channels: Vec<Channel>,
    /// What was said.
    pub text: Text,
}

/// Something said in a channel, as its timeline has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Who said it.
    pub author: Author,
    /// What was said.
    pub text: Text,
}

/// Some entries of a timeline, the oldest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Page {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where the next page begins; none where this is the last.
    pub next: Option<Position>,
}

/// A place in a timeline; means something to its store alone.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    fn hashtags(text: &str) -> Vec<String> {
        Channel::hashtags(text).iter().map(Channel::to_string).collect()
    }

    #[test]
    fn a_hashtag_is_letters_digits_and_underscores_case_folded() {
        assert_eq!(Channel::parse("#Rust_2024").unwrap().as_str(), "rust_2024");
        assert_eq!(Channel::parse("#GRÜSSE").unwrap().to_string(), "#grüsse");
        assert!(Channel::parse("#LOBBY").unwrap().is_lobby());
        let longest = format!("#{}", "x".repeat(CHANNEL_BYTES_MAX));
        assert!(Channel::parse(&longest).is_some());
        let too_long = longest + "x";
        for word in [
            "rust", "#", "##", "#a-b", "#a b", "", "#a\u{1b}", "@board", "#@board", "#İ", &too_long,
        ] {
            assert!(Channel::parse(word).is_none(), "{word:?}");
        }
    }

    #[test]
    fn the_hashtags_of_a_text_count_once_each_and_ten_at_most() {
        assert_eq!(hashtags("Hi #Rust, #rust! #c++ a#b ##d #"), ["#rust", "#c", "#d"]);
        assert_eq!(hashtags("#lobby #LOBBY #lobbyist"), ["#lobbyist"]);
        let many = "#a #b #c #d #e #f #g #h #i #j #k #l";
        assert_eq!(hashtags(many).len(), HASHTAGS_MAX);
        assert_eq!(hashtags(&format!("#{}", "x".repeat(65))), Vec::<String>::new());
    }

    #[test]
    fn a_stored_channel_is_the_same_again() {
        for channel in [Channel::lobby(), Channel::board(), Channel::parse("#Ünï_1").unwrap()] {
            assert_eq!(Channel::from_stored(channel.as_str()), Some(channel));
        }
        assert_eq!(Channel::from_stored("a b"), None);
    }
}
