//! The line that is being typed, and the lines typed before it.

use std::collections::VecDeque;

use unicode_width::UnicodeWidthChar as _;

use super::keys::Key;
use crate::LINE_BYTES_MAX;

/// Lines that Up brings back.
const HISTORY_LINES_MAX: usize = 100;

/// What a key did.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Pressed {
    /// The line, or the place in it, may look different.
    Changed,
    /// The line is finished.
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D where nothing was typed.
    End,
    /// Ctrl-L.
    Clear,
    /// Ctrl-Z.
    Suspend,
}

/// A line and a place in it.
#[derive(Debug, Default)]
pub(crate) struct LineEditor {
    text: String,
    /// Bytes before the cursor; a boundary of characters.
    cursor: usize,
    history: VecDeque<String>,
    /// Which line of the history is shown, if one is, ...
    recalled: Option<usize>,
    /// ... and what was typed before it was.
    draft: String,
    /// The line goes into no history.
    pub(crate) is_secret: bool,
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

    /// Does what the key asks for.
    pub(crate) fn press(&mut self, key: Key) -> Pressed {
        match key {
            Key::Character(character) => self.insert(character),
            Key::Enter => return Pressed::Line(self.finish()),
            Key::Backspace => self.remove(self.before(self.cursor), self.cursor),
            Key::EndOfInput if self.text.is_empty() => return Pressed::End,
            Key::Delete | Key::EndOfInput => self.remove(self.cursor, self.after(self.cursor)),
            Key::Left => self.cursor = self.before(self.cursor),
            Key::Right => self.cursor = self.after(self.cursor),
            Key::WordLeft => self.cursor = self.word_before(),
            Key::WordRight => self.cursor = self.word_after(),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.text.len(),
            Key::Earlier => self.recall_earlier(),
            Key::Later => self.recall_later(),
            Key::KillToStart => self.remove(0, self.cursor),
            Key::KillToEnd => self.remove(self.cursor, self.text.len()),
            Key::KillWord => self.remove(self.word_before(), self.cursor),
            Key::Interrupt => return Pressed::Interrupt,
            Key::Clear => return Pressed::Clear,
            Key::Suspend => return Pressed::Suspend,
        }
        Pressed::Changed
    }

    /// Drops what was typed.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.cursor = 0;
        self.recalled = None;
    }

    /// A line that could not be sent is not taken: it would be refused anyway.
    fn insert(&mut self, character: char) {
        if self.text.len() + character.len_utf8() <= LINE_BYTES_MAX {
            self.text.insert(self.cursor, character);
            self.cursor += character.len_utf8();
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
        let is_kept = !self.is_secret && !line.is_empty() && self.history.back() != Some(&line);
        if is_kept {
            if self.history.len() == HISTORY_LINES_MAX {
                self.history.pop_front();
            }
            self.history.push_back(line.clone());
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
        self.show(self.history[index].clone());
    }

    fn recall_later(&mut self) {
        let Some(index) = self.recalled else { return };
        if let Some(line) = self.history.get(index + 1).cloned() {
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

    /// The place one character to the left, marks that combine with it
    /// included.
    fn before(&self, place: usize) -> usize {
        let mut characters = self.text[..place].char_indices().rev();
        characters.find(|(_, character)| character.width() != Some(0)).map_or(0, |(at, _)| at)
    }

    /// The place one character to the right, marks that combine with it
    /// included.
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
mod tests {
    use super::super::keys::KeyDecoder;
    use super::*;

    fn press(editor: &mut LineEditor, bytes: &str) -> Pressed {
        let mut decoder = KeyDecoder::default();
        decoder.push(bytes.as_bytes());
        let keys: Vec<_> = std::iter::from_fn(|| decoder.next_key()).collect();
        keys.into_iter().map(|key| editor.press(key)).last().unwrap()
    }

    /// What was typed, a bar where the cursor is.
    fn shown(editor: &LineEditor) -> String {
        let (before, after) = editor.text().split_at(editor.cursor());
        format!("{before}|{after}")
    }

    #[test]
    fn keys_edit_the_line() {
        for (keys, line) in [
            ("hélo\u{1b}[D\u{1b}[Dl", "hél|lo"),
            ("e\u{301}x\u{1b}[D\u{7f}", "|x"),
            ("日本\u{1b}[D\u{1b}[3~", "日|"),
            ("one two  \u{17}", "one |"),
            ("one two\u{1b}[1;5D\u{1b}[1;5D", "|one two"),
            ("one two\u{1}\u{1b}[1;5C", "one| two"),
            ("one two\u{1}\u{6}\u{b}", "o|"),
            ("one two\u{2}\u{15}", "|o"),
            ("\u{7f}\u{1b}[D\u{1b}[C\u{1b}[3~\u{17}a", "a|"),
        ] {
            let mut editor = LineEditor::default();
            assert_eq!(press(&mut editor, keys), Pressed::Changed, "{keys:?}");
            assert_eq!(shown(&editor), line, "{keys:?}");
        }
    }

    #[test]
    fn the_history_keeps_what_was_being_typed() {
        let mut editor = LineEditor::default();
        assert_eq!(press(&mut editor, "first\r"), Pressed::Line("first".into()));
        press(&mut editor, "second\rsecond\r\r");
        press(&mut editor, "half");
        press(&mut editor, "\u{1b}[A");
        assert_eq!(shown(&editor), "second|");
        press(&mut editor, "\u{1b}[A\u{1b}[A");
        assert_eq!(shown(&editor), "first|");
        press(&mut editor, "\u{1b}[B\u{1b}[B\u{1b}[B");
        assert_eq!(shown(&editor), "half|");
    }

    #[test]
    fn a_secret_is_not_kept() {
        let mut editor = LineEditor { is_secret: true, ..LineEditor::default() };
        press(&mut editor, "12345\r\u{1b}[A");
        assert_eq!(shown(&editor), "|");
        assert!(editor.history.is_empty());
    }

    #[test]
    fn the_end_is_a_key_only_where_nothing_is_typed() {
        let mut editor = LineEditor::default();
        assert_eq!(press(&mut editor, "ab\u{1}\u{4}"), Pressed::Changed);
        assert_eq!(shown(&editor), "|b");
        assert_eq!(press(&mut editor, "\u{4}\u{4}"), Pressed::End);
        assert_eq!(press(&mut editor, "\u{3}"), Pressed::Interrupt);
    }

    #[test]
    fn a_line_is_bounded() {
        let mut editor = LineEditor::default();
        press(&mut editor, &"é".repeat(LINE_BYTES_MAX));
        assert_eq!(editor.text().len(), LINE_BYTES_MAX);
    }
}
