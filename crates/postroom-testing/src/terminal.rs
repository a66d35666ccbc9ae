//! What may be shown to a person at a terminal, or to a script.

/// A text with sequences that a terminal would execute, and marks that reorder it.
pub const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\u{8}\u{202e}\u{2066}\u{61c}ev\ril\u{7f}é日";

/// Fails if a terminal would execute something in these bytes, or if they are not UTF-8;
/// returns their text.
#[track_caller]
#[expect(clippy::must_use_candidate, reason = "some callers want the check alone")]
pub fn check_safe(what: &str, bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else {
        panic!("{what} is not UTF-8: {}", bytes.escape_ascii());
    };
    let found = text.chars().find(|character| is_unsafe(*character));
    assert!(found.is_none(), "{what} holds {found:?}: {text:?}");
    text.to_owned()
}

fn is_unsafe(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        other => other.is_control(),
    }
}

/// What a telnet client shows of these bytes: all but the server's refusals of options.
#[must_use]
pub fn without_refusals(mut bytes: &[u8]) -> Vec<u8> {
    const COMMAND: u8 = 255;
    const WONT: u8 = 252;
    const DONT: u8 = 254;
    let mut shown = Vec::new();
    while let [first, rest @ ..] = bytes {
        bytes = match (*first, rest) {
            (COMMAND, [WONT | DONT, _, rest @ ..]) => rest,
            (byte, rest) => {
                shown.push(byte);
                rest
            }
        };
    }
    shown
}
