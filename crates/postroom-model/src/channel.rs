//! Channels and their posts. A hashtag is a channel.

use std::fmt;

use smol_str::{SmolStr, StrExt};

use crate::name::WEB;
use crate::{Name, PostId, Text, Timestamp};

/// Maximum bytes of a channel name, without its `#`.
pub const CHANNEL_BYTES_MAX: usize = 64;

/// Hashtags that count in one text; further ones are plain text.
pub const HASHTAGS_MAX: usize = 10;

/// The channel of all present accounts.
const LOBBY: &str = "lobby";

/// The channel of all board texts. Its name is not a valid hashtag.
const BOARD: &str = "@board";

/// The name of a channel: letters, digits and `_`, case-folded, without its `#`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Channel(SmolStr);

impl Channel {
    /// The channel of all present accounts.
    #[must_use]
    pub fn lobby() -> Self {
        Self(SmolStr::new_static(LOBBY))
    }

    /// The channel of all board texts. No hashtag names it.
    #[must_use]
    pub fn board() -> Self {
        Self(SmolStr::new_static(BOARD))
    }

    /// Whether it is the channel of all present accounts.
    #[must_use]
    pub fn is_lobby(&self) -> bool {
        self.0 == LOBBY
    }

    /// Whether it is the lobby or the board, which always exist.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.0 == LOBBY || self.0 == BOARD
    }

    /// Parses a word such as `#rust`; `None` if it is no hashtag.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let name = word.strip_prefix('#')?;
        (name.len() == tag_length(name)).then(|| Self::folded(name)).flatten()
    }

    /// For stores: the channel for which [`as_str`](Self::as_str) returned `name`.
    #[must_use]
    pub fn from_stored(name: &str) -> Option<Self> {
        if name == BOARD {
            return Some(Self::board());
        }
        (name.len() == tag_length(name)).then(|| Self::folded(name)).flatten()
    }

    /// The hashtags in all lines of a text, each once, in their order, at most
    /// [`HASHTAGS_MAX`].
    ///
    /// A hashtag begins at a `#` that does not follow a letter, digit or `_`, and is as
    /// long as possible. `#lobby` in a text is plain text: clients without an account
    /// can post under a hashtag, and the lobby is for present accounts.
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
        // Some letters fold to a letter and a combining mark, which no hashtag may
        // contain.
        let is_one = !name.is_empty() && tag_length(&folded) == folded.len();
        (is_one && name.len().max(folded.len()) <= CHANNEL_BYTES_MAX).then_some(Self(folded))
    }
}

fn is_tag_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Bytes at the beginning of `text` that a hashtag may contain.
fn tag_length(text: &str) -> usize {
    text.find(|character| !is_tag_character(character)).unwrap_or(text.len())
}

/// Shows the channel with its `#`; that of the board has none.
impl fmt::Display for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.0 == BOARD { "" } else { "#" };
        write!(formatter, "{mark}{}", self.0)
    }
}

/// The author of a post.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Author {
    /// An account.
    Account(Name),
    /// A client of the board, without an account.
    Board,
    /// A client of HTTP that has not logged in.
    Web,
}

/// Shows the name, or `@board` or `@web`, which are names of no account.
impl fmt::Display for Author {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(name) => name.fmt(formatter),
            Self::Board => formatter.pad(BOARD),
            Self::Web => formatter.pad(WEB),
        }
    }
}

/// A text posted in one channel or several.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Post {
    /// The author.
    pub author: Author,
    /// The channels, each once.
    pub channels: Vec<Channel>,
    /// The text.
    pub text: Text,
}

/// A post in the timeline of a channel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The id of the post.
    pub id: PostId,
    /// When it was stored.
    pub stored: Timestamp,
    /// The author.
    pub author: Author,
    /// What it says.
    pub content: Content,
}

/// What a post says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// This text.
    Text(Text),
    /// Nothing any more: its author has deleted it, and this is the mark in its place.
    Deleted,
}

impl Content {
    /// The text, unless it is deleted.
    #[must_use]
    pub fn text(&self) -> Option<&Text> {
        match self {
            Self::Text(text) => Some(text),
            Self::Deleted => None,
        }
    }

    /// Bytes of the text.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.text().map_or(0, |text| text.as_str().len())
    }
}

/// A page of a timeline, the oldest entry first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Page {
    /// The entries.
    pub entries: Vec<Entry>,
    /// The start of the next page; `None` if this is the last.
    pub next: Option<Position>,
}

/// A place in a timeline. Only its store interprets it.
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
        assert_eq!(Channel::board().to_string(), "@board");
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
        // A line feed ends one, and the next line may begin with one.
        assert_eq!(hashtags("#a\n#b\nno#c\r\n#d"), ["#a", "#b", "#d"]);
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
