//! Decodes the bytes of a terminal into keys.
//!
//! Any bytes may arrive, split anywhere: bytes that are not a key are ignored,
//! and the buffer for an incomplete key is bounded.

use std::collections::VecDeque;

/// What was pressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Key {
    /// A character to insert.
    Character(char),
    /// Enter or Ctrl-J.
    Enter,
    /// Backspace or Ctrl-H.
    Backspace,
    /// Delete.
    Delete,
    /// Left or Ctrl-B.
    Left,
    /// Right or Ctrl-F.
    Right,
    /// Ctrl-Left or Alt-B.
    WordLeft,
    /// Ctrl-Right or Alt-F.
    WordRight,
    /// Home or Ctrl-A.
    Home,
    /// End or Ctrl-E.
    End,
    /// Up or Ctrl-P.
    Earlier,
    /// Down or Ctrl-N.
    Later,
    /// Ctrl-U.
    KillToStart,
    /// Ctrl-K.
    KillToEnd,
    /// Ctrl-W.
    KillWord,
    /// Ctrl-Y.
    Yank,
    /// Tab.
    Complete,
    /// Ctrl-R.
    Search,
    /// Ctrl-G.
    Cancel,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D: deletes a character, or ends the input on an empty line.
    EndOfInput,
    /// Ctrl-L.
    Clear,
    /// Ctrl-Z.
    Suspend,
}

/// Bytes of an incomplete key that are kept.
const SEQUENCE_BYTES_MAX: usize = 32;

const ESCAPE: u8 = 0x1b;

/// What a terminal sends before and after a paste, in the mode that
/// [`BRACKET_PASTES`] turns on.
const PASTE_BEGIN: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// Has the terminal mark pasted text, ...
pub(crate) const BRACKET_PASTES: &str = "\u{1b}[?2004h";

/// ... and stop marking it.
pub(crate) const LEAVE_PASTES: &str = "\u{1b}[?2004l";

/// Decodes bytes into keys.
#[derive(Debug, Default)]
pub(crate) struct KeyDecoder {
    bytes: VecDeque<u8>,
    is_pasting: bool,
}

/// What the bytes begin with.
enum Parsed {
    /// A key of so many bytes.
    Key(Key, usize),
    /// So many bytes without a meaning.
    Ignored(usize),
    /// An incomplete key.
    Unfinished,
}

impl KeyDecoder {
    /// Adds bytes. Take all keys before adding more.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next key.
    pub(crate) fn next_key(&mut self) -> Option<Key> {
        loop {
            let bytes = self.bytes.make_contiguous();
            let (begins, ends) = (bytes.starts_with(PASTE_BEGIN), bytes.starts_with(PASTE_END));
            if begins || ends {
                self.is_pasting = begins;
            }
            let (key, length) = match parse(bytes) {
                Parsed::Key(key, length) => (Some(key), length),
                Parsed::Ignored(length) => (None, length),
                Parsed::Unfinished if self.bytes.len() > SEQUENCE_BYTES_MAX => {
                    (None, self.bytes.len())
                }
                Parsed::Unfinished => return None,
            };
            self.bytes.drain(..length);
            let key = if self.is_pasting { key.and_then(pasted) } else { key };
            if key.is_some() {
                return key;
            }
        }
    }
}

/// Pasted keys only insert text.
fn pasted(key: Key) -> Option<Key> {
    match key {
        Key::Character(_) | Key::Enter => Some(key),
        Key::Complete => Some(Key::Character(' ')),
        _ => None,
    }
}

fn parse(bytes: &[u8]) -> Parsed {
    match bytes {
        [] | [ESCAPE] | [ESCAPE, b'O'] => Parsed::Unfinished,
        [ESCAPE, b'[', rest @ ..] => parse_sequence(rest),
        [ESCAPE, b'O', last, ..] => {
            cursor_key(*last).map_or(Parsed::Ignored(3), |key| Parsed::Key(key, 3))
        }
        [ESCAPE, b'b' | b'B', ..] => Parsed::Key(Key::WordLeft, 2),
        [ESCAPE, b'f' | b'F', ..] => Parsed::Key(Key::WordRight, 2),
        // A lone Escape before an ordinary key.
        [ESCAPE, ..] => Parsed::Ignored(1),
        [control @ (..0x20 | 0x7f), ..] => {
            control_key(*control).map_or(Parsed::Ignored(1), |key| Parsed::Key(key, 1))
        }
        _ => parse_character(bytes),
    }
}

/// A control sequence after its introducer: parameters and a final byte.
fn parse_sequence(rest: &[u8]) -> Parsed {
    let is_last = |byte: &u8| !matches!(byte, 0x20..0x40);
    let Some(at) = rest.iter().position(is_last) else {
        return Parsed::Unfinished;
    };
    let length = "\x1b[".len() + at + 1;
    let key = match (&rest[..at], rest[at]) {
        (b"", last) => cursor_key(last),
        (b"1;5", b'C') => Some(Key::WordRight),
        (b"1;5", b'D') => Some(Key::WordLeft),
        (b"1" | b"7", b'~') => Some(Key::Home),
        (b"4" | b"8", b'~') => Some(Key::End),
        (b"3", b'~') => Some(Key::Delete),
        _ => None,
    };
    key.map_or(Parsed::Ignored(length), |key| Parsed::Key(key, length))
}

fn cursor_key(last: u8) -> Option<Key> {
    Some(match last {
        b'A' => Key::Earlier,
        b'B' => Key::Later,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        b'M' => Key::Enter,
        _ => return None,
    })
}

fn control_key(byte: u8) -> Option<Key> {
    Some(match byte {
        b'\t' => Key::Complete,
        b'\r' | b'\n' => Key::Enter,
        0x01 => Key::Home,
        0x02 => Key::Left,
        0x03 => Key::Interrupt,
        0x04 => Key::EndOfInput,
        0x05 => Key::End,
        0x06 => Key::Right,
        0x07 => Key::Cancel,
        0x08 | 0x7f => Key::Backspace,
        0x0b => Key::KillToEnd,
        0x0c => Key::Clear,
        0x0e => Key::Later,
        0x10 => Key::Earlier,
        0x12 => Key::Search,
        0x15 => Key::KillToStart,
        0x17 => Key::KillWord,
        0x19 => Key::Yank,
        0x1a => Key::Suspend,
        _ => return None,
    })
}

fn parse_character(bytes: &[u8]) -> Parsed {
    let length = match bytes[0] {
        ..0x80 => 1,
        0xc2..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf5 => 4,
        _ => return Parsed::Ignored(1),
    };
    let Some(bytes) = bytes.get(..length) else {
        return Parsed::Unfinished;
    };
    match std::str::from_utf8(bytes).map(|text| text.chars().next()) {
        Ok(Some(character)) if !character.is_control() => {
            Parsed::Key(Key::Character(character), length)
        }
        Ok(_) => Parsed::Ignored(length),
        Err(_) => Parsed::Ignored(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(pieces: &[&[u8]]) -> Vec<Key> {
        let mut decoder = KeyDecoder::default();
        let mut keys = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            keys.extend(std::iter::from_fn(|| decoder.next_key()));
            assert!(decoder.bytes.len() <= SEQUENCE_BYTES_MAX);
        }
        keys
    }

    #[test]
    fn keys_are_the_same_however_their_bytes_are_split() {
        let bytes =
            "aé日\u{1b}[D\u{1b}OC\u{1b}[3~\u{1b}[1;5D\u{7f}\u{1b}b\r\u{1b}[5~\u{c}".as_bytes();
        let expected = [
            Key::Character('a'),
            Key::Character('é'),
            Key::Character('日'),
            Key::Left,
            Key::Right,
            Key::Delete,
            Key::WordLeft,
            Key::Backspace,
            Key::WordLeft,
            Key::Enter,
            Key::Clear,
        ];
        assert_eq!(keys(&[bytes]), expected);
        for at in 0..bytes.len() {
            assert_eq!(keys(&[&bytes[..at], &bytes[at..]]), expected, "split at {at}");
        }
    }

    #[test]
    fn bytes_that_are_not_a_key_are_ignored() {
        let a = [Key::Character('a')];
        assert_eq!(keys(&[b"\xff\xc3a"]), a);
        assert_eq!(keys(&[b"\xe6\x97a"]), a);
        assert_eq!(keys(&[b"\xc2\x9ba\0"]), a, "a C1 control");
        assert_eq!(keys(&[b"\x1ba"]), a, "a lone Escape");
        assert_eq!(keys(&[b"\x1b\x1b[200~a"]), a);
        assert_eq!(keys(&[b"\x1b[", &[b'1'; 100], b"a"]), a, "no end of a sequence");
    }

    #[test]
    fn pasted_keys_are_text() {
        let bytes = b"\t\x1b[200~a\tb\x03\x1b[A\rc\x1b[201~\t";
        let expected = [
            Key::Complete,
            Key::Character('a'),
            Key::Character(' '),
            Key::Character('b'),
            Key::Enter,
            Key::Character('c'),
            Key::Complete,
        ];
        for at in 0..bytes.len() {
            assert_eq!(keys(&[&bytes[..at], &bytes[at..]]), expected, "split at {at}");
        }
    }
}
