//! Making text safe to show.
//!
//! A terminal executes escape sequences: a stored text could move its cursor, rename
//! its window or paste into its input. Texts are therefore stored unchanged and made
//! safe at every output.

use std::fmt::{self, Write as _};

/// Shows text without anything that a terminal would execute.
///
/// C0 controls other than tab, and DEL, appear in caret notation (`^[`), C1 controls in
/// its eight-bit form (`M-^[`); direction marks (U+200E, U+200F, U+202A to U+202E,
/// U+2066 to U+2069) are removed.
#[derive(Clone, Copy, Debug)]
pub struct Safe<'a>(pub &'a str);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(needs_care) {
            let (plain, tail) = rest.split_at(at);
            formatter.write_str(plain)?;
            let mut characters = tail.chars();
            if let Some(character) = characters.next() {
                write_careful(formatter, character)?;
            }
            rest = characters.as_str();
        }
        formatter.write_str(rest)
    }
}

/// Appends `text` made safe, as [`Safe`] shows it, to an output line.
pub fn push_safe(output: &mut Vec<u8>, text: &str) {
    // Plain ASCII, the common case, takes one copy.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        output.extend_from_slice(text.as_bytes());
    } else {
        output.extend_from_slice(Safe(text).to_string().as_bytes());
    }
}

fn needs_care(character: char) -> bool {
    match character {
        '\t' => false,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => character.is_control(),
    }
}

fn write_careful(formatter: &mut fmt::Formatter<'_>, character: char) -> fmt::Result {
    match u8::try_from(u32::from(character)) {
        Ok(code @ 0x80..) => write!(formatter, "M-^{}", caret(code & 0x7f)),
        Ok(code) => {
            formatter.write_char('^')?;
            formatter.write_char(caret(code))
        }
        // A direction mark: dropped.
        Err(_) => Ok(()),
    }
}

fn caret(code: u8) -> char {
    char::from(code ^ 0x40)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn safe(text: &str) -> String {
        Safe(text).to_string()
    }

    #[test]
    fn controls_are_shown_and_marks_of_direction_dropped() {
        assert_eq!(safe("\u{1b}[2J"), "^[[2J");
        assert_eq!(safe("a\tb\r\0\u{7f}"), "a\tb^M^@^?");
        assert_eq!(safe("\u{9b}31m\u{85}"), "M-^[31mM-^E");
        assert_eq!(safe("\u{202e}abc\u{2069}\u{200f}é"), "abcé");
        assert_eq!(safe("日本"), "日本");
    }

    proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys_is_left(text in "(\\PC|\\p{Cc}|\u{202e}|\u{2066}){0,40}") {
            let shown = safe(&text);
            prop_assert!(!shown.contains(needs_care));
            prop_assert_eq!(safe(&shown), shown.clone());
            // At most twice the bytes: a line of 8,192 fits one of 32,768.
            prop_assert!(shown.len() <= 2 * text.len());
            let mut pushed = Vec::new();
            push_safe(&mut pushed, &text);
            prop_assert_eq!(pushed, shown.into_bytes());
        }
    }
}
