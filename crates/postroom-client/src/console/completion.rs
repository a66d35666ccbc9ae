//! What Tab completes: commands, and the names and hashtags seen so far.

use std::collections::VecDeque;

use postroom_model::{Channel, Name};

/// Names, and hashtags, that are remembered; beyond it the least recently seen
/// one is evicted.
const WORDS_MAX: usize = 500;

/// What follows a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Operand {
    /// Nothing.
    None,
    /// A text.
    Text,
    /// A name, optionally with a text.
    Name,
    /// A hashtag, optionally with a text.
    Hashtag,
}

/// A command, for /help and for Tab.
#[derive(Debug)]
pub(crate) struct CommandHelp {
    /// Its first word.
    pub(crate) word: &'static str,
    /// What follows.
    pub(crate) operand: Operand,
    /// Its form.
    pub(crate) usage: &'static str,
    /// What it does.
    pub(crate) what: &'static str,
}

impl CommandHelp {
    /// A command; `usage` is its form, and `what` says what it does.
    pub(crate) const fn new(
        word: &'static str,
        operand: Operand,
        usage: &'static str,
        what: &'static str,
    ) -> Self {
        Self { word, operand, usage, what }
    }

    /// Its line in the answer to /help.
    pub(crate) fn line(&self) -> String {
        format!("{:<20} {}", self.usage, self.what)
    }
}

/// Completes words.
#[derive(Debug, Default)]
pub(crate) struct Completer {
    /// The commands of this client.
    pub(crate) commands: &'static [CommandHelp],
    names: VecDeque<Name>,
    hashtags: VecDeque<Channel>,
}

/// The completions of a word.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Candidates {
    /// Where the word begins.
    pub(crate) start: usize,
    /// The completions, sorted.
    pub(crate) words: Vec<String>,
}

impl Completer {
    /// Remembers a name.
    pub(crate) fn learn_name(&mut self, name: Name) {
        remember(&mut self.names, name);
    }

    /// Remembers the hashtags in a text.
    pub(crate) fn learn_hashtags(&mut self, text: &str) {
        for hashtag in Channel::hashtags(text) {
            remember(&mut self.hashtags, hashtag);
        }
    }

    /// The completions of the word that ends at `cursor`.
    pub(crate) fn candidates(&self, line: &str, cursor: usize) -> Candidates {
        let before = &line[..cursor];
        let start = before
            .rfind(char::is_whitespace)
            .map_or(0, |at| at + before[at..].chars().next().map_or(0, char::len_utf8));
        let word = &before[start..];
        let mut words = match (start, word) {
            (0, "") => self.matching_commands(""),
            (0, _) if word.starts_with('/') => self.matching_commands(word),
            (_, "") => self.matching_operands(before),
            _ if word.starts_with('#') => self.matching_hashtags(word),
            _ => self.matching_names(word),
        };
        words.sort();
        Candidates { start, words }
    }

    /// Whether anything follows this word, a completion.
    pub(crate) fn is_followed(&self, word: &str) -> bool {
        let command = self.commands.iter().find(|command| command.word == word);
        command.is_none_or(|command| command.operand != Operand::None)
    }

    /// The completions of an empty operand.
    fn matching_operands(&self, before: &str) -> Vec<String> {
        let mut words = before.split_whitespace();
        let (command, None) = (words.next().unwrap_or_default(), words.next()) else {
            return Vec::new();
        };
        match self.commands.iter().find(|known| known.word == command).map(|known| known.operand) {
            Some(Operand::Name) => self.matching_names(""),
            Some(Operand::Hashtag) => self.matching_hashtags("#"),
            _ => Vec::new(),
        }
    }

    fn matching_commands(&self, beginning: &str) -> Vec<String> {
        let words = self.commands.iter().map(|command| command.word);
        words.filter(|word| word.starts_with(beginning)).map(str::to_owned).collect()
    }

    fn matching_names(&self, beginning: &str) -> Vec<String> {
        let names = self.names.iter().map(Name::as_str);
        names.filter(|name| begins(name, beginning)).map(str::to_owned).collect()
    }

    fn matching_hashtags(&self, beginning: &str) -> Vec<String> {
        let hashtags = self.hashtags.iter().map(|hashtag| format!("#{}", hashtag.as_str()));
        hashtags.filter(|hashtag| begins(hashtag, beginning)).collect()
    }
}

impl Candidates {
    /// The common beginning of all completions, ignoring case.
    pub(crate) fn common_beginning(&self) -> &str {
        let Some((first, others)) = self.words.split_first() else { return "" };
        let ends = first.char_indices().map(|(at, character)| at + character.len_utf8());
        let is_common = |end: &usize| others.iter().all(|other| begins(other, &first[..*end]));
        &first[..ends.take_while(is_common).last().unwrap_or(0)]
    }
}

/// Whether a word has this beginning, ignoring case.
fn begins(word: &str, beginning: &str) -> bool {
    let mut word = word.chars().flat_map(char::to_lowercase);
    beginning.chars().flat_map(char::to_lowercase).all(|expected| word.next() == Some(expected))
}

fn remember<T: PartialEq>(known: &mut VecDeque<T>, word: T) {
    known.retain(|other| *other != word);
    if known.len() == WORDS_MAX {
        known.pop_front();
    }
    known.push_back(word);
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMANDS: [CommandHelp; 4] = [
        CommandHelp { word: "/to", operand: Operand::Name, usage: "", what: "" },
        CommandHelp { word: "/toall", operand: Operand::Text, usage: "", what: "" },
        CommandHelp { word: "/join", operand: Operand::Hashtag, usage: "", what: "" },
        CommandHelp { word: "/list", operand: Operand::None, usage: "", what: "" },
    ];

    fn completer() -> Completer {
        let mut completer = Completer { commands: &COMMANDS, ..Completer::default() };
        for name in ["mary", "Bob", "bobby", "bob"] {
            completer.learn_name(Name::new(name).unwrap());
        }
        completer.learn_hashtags("about #Rust and #ruby");
        completer
    }

    #[track_caller]
    fn check(line: &str, start: usize, words: &[&str]) {
        let candidates = completer().candidates(line, line.len());
        assert_eq!((candidates.start, candidates.words), (start, words.map_to_strings()), "{line}");
    }

    trait MapToStrings {
        fn map_to_strings(&self) -> Vec<String>;
    }

    impl MapToStrings for [&str] {
        fn map_to_strings(&self) -> Vec<String> {
            self.iter().map(|&word| word.to_owned()).collect()
        }
    }

    #[test]
    fn a_completion_depends_on_the_place_of_the_word() {
        check("", 0, &["/join", "/list", "/to", "/toall"]);
        check("/t", 0, &["/to", "/toall"]);
        check("/to ", 4, &["bob", "bobby", "mary"]);
        check("/join ", 6, &["#ruby", "#rust"]);
        check("/toall ", 7, &[]);
        check("/to b", 4, &["bob", "bobby"]);
        check("hi MA", 3, &["mary"]);
        check("see #RU", 4, &["#ruby", "#rust"]);
        check("see /t", 4, &[]);
        check("日本 #rus", 7, &["#rust"]);
        check("x", 0, &[]);
    }

    #[test]
    fn several_words_have_a_common_beginning() {
        let common = |words: &[&str]| {
            Candidates { start: 0, words: words.map_to_strings() }.common_beginning().to_owned()
        };
        assert_eq!(common(&["Bob", "bobby"]), "Bob");
        assert_eq!(common(&["/to", "/toall"]), "/to");
        assert_eq!(common(&["a", "b"]), "");
        assert_eq!(common(&[]), "");
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_word_is_evicted() {
        let mut completer = completer();
        for number in 0..2 * WORDS_MAX {
            completer.learn_name(Name::new(&format!("n{number}")).unwrap());
            completer.learn_hashtags(&format!("#t{number}"));
        }
        assert_eq!((completer.names.len(), completer.hashtags.len()), (WORDS_MAX, WORDS_MAX));
        assert!(completer.candidates("mar", 3).words.is_empty());
    }
}
