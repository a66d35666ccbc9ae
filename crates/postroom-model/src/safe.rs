//! Making text safe to show.
//!
//! A terminal executes escape sequences: a stored text could move its cursor, rename
//! its window or paste into its input. Texts are therefore stored unchanged and made
//! safe at every output.

use std::fmt;

use crate::fault::{Fault, faulty};

/// Shows text without anything that a terminal would execute.
///
/// C0 controls other than tab, and DEL, appear in caret notation (`^[`), C1 controls in
/// its eight-bit form (`M-^[`); direction marks (U+061C, U+200E, U+200F, U+202A to U+202E,
/// U+2066 to U+2069) are removed.
#[derive(Clone, Copy, Debug)]
pub struct Safe<'a>(pub &'a str);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        each_piece(self.0, |piece| result = result.and_then(|()| formatter.write_str(piece)));
        result
    }
}

/// Appends `text` made safe, as [`Safe`] shows it, to an output line.
pub fn push_safe(output: &mut Vec<u8>, text: &str) {
    // Plain ASCII, the common case, takes one copy.
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    if is_plain || faulty(Fault::ControlCharactersShown) {
        output.extend_from_slice(text.as_bytes());
    } else {
        each_piece(text, |piece| output.extend_from_slice(piece.as_bytes()));
    }
}

/// The caret notations of the C0 controls, by their codes, and of DEL.
const CARETS: &str = "^@^A^B^C^D^E^F^G^H^I^J^K^L^M^N^O^P^Q^R^S^T^U^V^W^X^Y^Z^[^\\^]^^^_^?";

/// Gives the text made safe, piece by piece.
pub(crate) fn each_piece(text: &str, mut push: impl FnMut(&str)) {
    let bytes = text.as_bytes();
    // The bytes from `plain` to `at` are shown as they are.
    let (mut plain, mut at) = (0, 0);
    while at < bytes.len() {
        // What is shown, and in the place of how many bytes.
        let (length, is_c1, shown) = match bytes[at..] {
            [b' '..=b'~' | b'\t', ..] => {
                at += 1;
                continue;
            }
            [code @ (..b' ' | 0x7f), ..] => (1, false, caret(code)),
            [0xc2, code @ 0x80..=0x9f, ..] => (2, true, caret(code & 0x7f)),
            // U+061C.
            [0xd8, 0x9c, ..] => (2, false, ""),
            // U+200E, U+200F, U+202A to U+202E; U+2066 to U+2069.
            [0xe2, 0x80, 0x8e | 0x8f | 0xaa..=0xae, ..] | [0xe2, 0x81, 0xa6..=0xa9, ..] => {
                (3, false, "")
            }
            _ => {
                at += 1;
                continue;
            }
        };
        push(&text[plain..at]);
        if is_c1 {
            push("M-");
        }
        push(shown);
        at += length;
        plain = at;
    }
    push(&text[plain..]);
}

fn caret(code: u8) -> &'static str {
    let place = 2 * usize::from(code.min(0x20));
    &CARETS[place..place + 2]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn safe(text: &str) -> String {
        Safe(text).to_string()
    }

    /// What is shown of a character.
    fn shown(character: char) -> String {
        match u32::from(character) {
            0x09 => "\t".to_owned(),
            code @ (..0x20 | 0x7f) => format!("^{}", char::from_u32(code ^ 0x40).unwrap()),
            code @ 0x80..0xa0 => format!("M-^{}", char::from_u32(code & 0x7f ^ 0x40).unwrap()),
            0x61c | 0x200e | 0x200f | 0x202a..=0x202e | 0x2066..=0x2069 => String::new(),
            _ => character.to_string(),
        }
    }

    #[test]
    fn controls_are_shown_and_marks_of_direction_dropped() {
        assert_eq!(safe("\u{1b}[2J"), "^[[2J");
        assert_eq!(safe("a\tb\r\0\u{7f}"), "a\tb^M^@^?");
        assert_eq!(safe("\u{9b}31m\u{85}"), "M-^[31mM-^E");
        assert_eq!(safe("\u{202e}abc\u{2069}\u{200f}\u{61c}é"), "abcé");
        assert_eq!(safe("日本"), "日本");
    }

    proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys_is_left(
            text in "(\\PC|\\p{Cc}|\u{61c}|[\u{2000}-\u{2070}]){0,40}",
        ) {
            let shown = safe(&text);
            prop_assert_eq!(&shown, &text.chars().map(super::tests::shown).collect::<String>());
            prop_assert_eq!(safe(&shown), shown.clone());
            // At most twice the bytes: a line of 8,192 fits one of 32,768.
            prop_assert!(shown.len() <= 2 * text.len());
            let mut pushed = Vec::new();
            push_safe(&mut pushed, &text);
            prop_assert_eq!(pushed, shown.into_bytes());
        }
    }
}
