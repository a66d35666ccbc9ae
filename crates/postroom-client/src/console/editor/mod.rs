//! The line that is being typed.

use unicode_width::UnicodeWidthChar as _;

use super::completion::Completer;
use super::history::History;
use super::keys::Key;

/// Bytes that can be typed: more than can be sent, so that a pasted text that is
/// too long can be shortened.
const TEXT_BYTES_MAX: usize = 65_536;

/// Bytes of a search query.
const QUERY_BYTES_MAX: usize = 256;

/// What a key did.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Pressed {
    /// The line or the cursor may have changed.
    Changed,
    /// The line is finished.
    Line(String),
    /// Tab, pressed twice where several completions are possible.
    Candidates(Vec<String>),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D where nothing was typed.
    End,
    /// Ctrl-L.
    Clear,
    /// Ctrl-Z.
    Suspend,
}

/// A line and its cursor.
#[derive(Debug, Default)]
pub(crate) struct LineEditor {
    text: String,
    /// Bytes before the cursor, at a character boundary.
    cursor: usize,
    /// The lines typed before.
    pub(super) history: History,
    /// The line of the history that is shown, if any, ...
    recalled: Option<usize>,
    /// ... and the line that was typed before.
    draft: String,
    /// The text that was killed last, for Ctrl-Y.
    killed: String,
    search: Option<Search>,
    /// The last key was Tab, and several completions are possible.
    has_candidates: bool,
    /// What Tab completes.
    pub(crate) completer: Completer,
    /// The line does not go into the history.
    pub(crate) is_secret: bool,
    /// Ctrl-C clears a line that is not empty.
    pub(crate) is_cleared_by_interrupt: bool,
}

/// A search through the history, from the latest line to the earliest.
#[derive(Debug)]
struct Search {
    query: String,
    /// The line of the history that was found last.
    found: Option<usize>,
    has_failed: bool,
    /// The line that was typed before, and its cursor.
    draft: (String, usize),
}

impl LineEditor {
    /// What was typed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// How many bytes of it are before the cursor.
    pub(crate) fn cursor(&self) -> usize {
        self.cursor
    }

    /// What replaces the prompt during a search.
    pub(crate) fn search_prompt(&self) -> Option<String> {
        let search = self.search.as_ref()?;
        let failed = if search.has_failed { "failed " } else { "" };
        Some(format!("({failed}reverse-i-search)`{}': ", search.query))
    }

    /// Does what the key asks for.
    pub(crate) fn press(&mut self, key: Key) -> Pressed {
        let had_candidates = std::mem::take(&mut self.has_candidates);
        if self.search.is_some() && self.press_in_search(key) {
            return Pressed::Changed;
        }
        match key {
            Key::Enter => return Pressed::Line(self.finish()),
            Key::EndOfInput if self.text.is_empty() => return Pressed::End,
            Key::Interrupt if !self.is_cleared_by_interrupt || self.text.is_empty() => {
                return Pressed::Interrupt;
            }
            Key::Clear => return Pressed::Clear,
            Key::Suspend => return Pressed::Suspend,
            Key::Complete => return self.complete(had_candidates),
            key => self.edit(key),
        }
        Pressed::Changed
    }

    fn edit(&mut self, key: Key) {
        match key {
            Key::Character(character) => self.insert(character),
            Key::Backspace => self.remove(self.before(self.cursor), self.cursor),
            Key::Delete | Key::EndOfInput => self.remove(self.cursor, self.after(self.cursor)),
            Key::Left => self.cursor = self.before(self.cursor),
            Key::Right => self.cursor = self.after(self.cursor),
            Key::WordLeft => self.cursor = self.word_before(),
            Key::WordRight => self.cursor = self.word_after(),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.text.len(),
            Key::Earlier => self.recall_earlier(),
            Key::Later => self.recall_later(),
            Key::KillToStart => self.kill(0, self.cursor),
            Key::KillToEnd => self.kill(self.cursor, self.text.len()),
            Key::KillWord => self.kill(self.word_before(), self.cursor),
            Key::Yank => self.replace(self.cursor, &self.killed.clone()),
            Key::Search => self.begin_search(),
            Key::Interrupt => {
                self.kill(0, self.text.len());
                self.recalled = None;
            }
            // The other keys do not edit.
            _ => {}
        }
    }

    /// Puts a line in the place of what was typed.
    pub(crate) fn restore(&mut self, line: &str) {
        self.clear();
        self.show(line.to_owned());
    }

    /// Drops what was typed.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.cursor = 0;
        self.recalled = None;
        self.search = None;
    }

    /// Characters beyond the limit are dropped. Such a line is far too long to be
    /// sent, and is refused once it is finished.
    fn insert(&mut self, character: char) {
        if self.text.len() + character.len_utf8() <= TEXT_BYTES_MAX {
            self.text.insert(self.cursor, character);
            self.cursor += character.len_utf8();
        }
    }

    /// Replaces the text between `from` and the cursor.
    fn replace(&mut self, from: usize, word: &str) {
        if self.text.len() + word.len() <= TEXT_BYTES_MAX {
            self.text.replace_range(from..self.cursor, word);
            self.cursor = from + word.len();
        }
    }

    /// Removes text and keeps it for Ctrl-Y, unless it is a password.
    fn kill(&mut self, from: usize, to: usize) {
        if !self.is_secret && from < to {
            self.killed = self.text[from..to].to_owned();
        }
        self.remove(from, to);
    }

    fn complete(&mut self, had_candidates: bool) -> Pressed {
        if self.is_secret {
            return Pressed::Changed;
        }
        let candidates = self.completer.candidates(&self.text, self.cursor);
        let start = candidates.start;
        if let [word] = &candidates.words[..] {
            let is_followed = self.completer.is_followed(word);
            let end =
                if is_followed && !self.text[self.cursor..].starts_with(' ') { " " } else { "" };
            self.replace(start, &format!("{word}{end}"));
            return Pressed::Changed;
        }
        let common = candidates.common_beginning();
        if common.len() > self.cursor - start {
            self.replace(start, common);
        } else if had_candidates {
            return Pressed::Candidates(candidates.words);
        }
        self.has_candidates = !candidates.words.is_empty();
        Pressed::Changed
    }

    fn begin_search(&mut self) {
        if !self.is_secret {
            let draft = (self.text.clone(), self.cursor);
            let query = String::new();
            self.search = Some(Search { query, found: None, has_failed: false, draft });
        }
    }

    /// Handles a key of the search. Returns `false` for any other key, which ends
    /// the search and edits the line that was found.
    fn press_in_search(&mut self, key: Key) -> bool {
        let Some(search) = &mut self.search else { return false };
        match key {
            // Here Ctrl-C ends the client at once.
            Key::Interrupt if !self.is_cleared_by_interrupt => return false,
            Key::Character(character) if search.query.len() < QUERY_BYTES_MAX => {
                search.query.push(character);
                let before = search.found.map_or(self.history.len(), |found| found + 1);
                self.search_before(before);
            }
            Key::Backspace => {
                search.query.pop();
                self.search_before(self.history.len());
            }
            Key::Search => {
                let before = search.found.unwrap_or(self.history.len());
                self.search_before(before);
            }
            Key::Cancel | Key::Interrupt => {
                (self.text, self.cursor) = std::mem::take(&mut search.draft);
                self.search = None;
            }
            Key::Character(_) => {}
            _ => {
                self.search = None;
                return false;
            }
        }
        true
    }

    /// Shows the latest line before this one that contains the query.
    fn search_before(&mut self, before: usize) {
        let Some(search) = &mut self.search else { return };
        let mut lines =
            (0..before).rev().filter_map(|index| Some((index, self.history.line(index)?)));
        let found = lines.find_map(|(index, line)| Some((index, line.find(&search.query)?)));
        search.has_failed = found.is_none() && !search.query.is_empty();
        if let Some((index, at)) = found.filter(|_| !search.query.is_empty()) {
            search.found = Some(index);
            self.text = self.history.line(index).unwrap_or_default().to_owned();
            self.cursor = at;
        }
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    fn finish(&mut self) -> String {
        let line = std::mem::take(&mut self.text);
        self.cursor = 0;
        self.recalled = None;
        if !self.is_secret {
            self.history.remember(&line);
        }
        line
    }

    fn recall_earlier(&mut self) {
        let earlier = self.recalled.unwrap_or(self.history.len()).checked_sub(1);
        let (Some(index), false) = (earlier, self.is_secret) else { return };
        if self.recalled.is_none() {
            self.draft.clone_from(&self.text);
        }
        self.recalled = Some(index);
        self.show(self.history.line(index).unwrap_or_default().to_owned());
    }

    fn recall_later(&mut self) {
        let Some(index) = self.recalled else { return };
        if let Some(line) = self.history.line(index + 1).map(str::to_owned) {
            self.recalled = Some(index + 1);
            self.show(line);
        } else {
            self.recalled = None;
            let draft = std::mem::take(&mut self.draft);
            self.show(draft);
        }
    }

    fn show(&mut self, line: String) {
        self.text = line;
        self.cursor = self.text.len();
    }

    /// The boundary one character to the left, its combining marks included.
    fn before(&self, place: usize) -> usize {
        let mut characters = self.text[..place].char_indices().rev();
        characters.find(|(_, character)| character.width() != Some(0)).map_or(0, |(at, _)| at)
    }

    /// The boundary one character to the right, its combining marks included.
    fn after(&self, place: usize) -> usize {
        let mut characters = self.text[place..].char_indices().skip(1);
        characters
            .find(|(_, character)| character.width() != Some(0))
            .map_or(self.text.len(), |(at, _)| place + at)
    }

    fn word_before(&self) -> usize {
        let words = self.text[..self.cursor].trim_end();
        words
            .char_indices()
            .rev()
            .find(|(_, character)| character.is_whitespace())
            .map_or(0, |(at, space)| at + space.len_utf8())
    }

    fn word_after(&self) -> usize {
        let rest = &self.text[self.cursor..];
        let word = rest.trim_start();
        let end = word.find(char::is_whitespace).unwrap_or(word.len());
        self.cursor + (rest.len() - word.len()) + end
    }
}

#[cfg(test)]
mod tests;
