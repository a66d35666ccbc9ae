//! The text of a message or a post.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::Safe;

/// Lines of a text, at most.
pub const TEXT_LINES_MAX: usize = 64;

/// Bytes of a text of several lines, at most, the line feeds between them included.
pub const TEXT_BYTES_MAX: usize = 8_192;

/// Between the lines of a text where one line shows it all.
const LINE_BREAK: &str = " ⏎ ";

/// An empty line of several, where each is a line of a protocol.
const EMPTY_LINE: &str = " ";

/// A line of UTF-8 without a NUL, or several, unchanged.
///
/// Only [`from_lines`](Self::from_lines) and stores make a text of several lines. Lines are
/// separated by line feeds; the last one has none behind it.
///
/// It may contain escape sequences and line feeds: code that shows it writes the text itself,
/// which is then one safe line, or its [`Shown`] lines, each with its sender.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text(Box<str>);

/// Why bytes are not a valid text.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum TextError {
    /// Not UTF-8.
    #[error("the text is not valid UTF-8")]
    InvalidUtf8,
    /// A NUL, which ends a string in C clients.
    #[error("the text holds a NUL")]
    Nul,
    /// A line feed would make two lines of one.
    #[error("the text holds a line feed")]
    LineFeed,
    /// More lines than [`TEXT_LINES_MAX`].
    #[error("the text has more than {TEXT_LINES_MAX} lines")]
    TooManyLines,
    /// More bytes than [`TEXT_BYTES_MAX`].
    #[error("the text has more than {TEXT_BYTES_MAX} bytes")]
    TooLong,
}

impl Text {
    /// Parses one line, without its end. The limit of input lines bounds its length.
    pub fn from_bytes(line: &[u8]) -> Result<Self, TextError> {
        if line.contains(&b'\n') {
            // What else is wrong with it is more to the point.
            return valid(line).and(Err(TextError::LineFeed));
        }
        valid(line).map(|line| Self(line.into()))
    }

    /// Parses lines that end in LF or CR LF, the last one also without an end: at most
    /// [`TEXT_LINES_MAX`] of them, with [`TEXT_BYTES_MAX`] bytes without the CRs and the last LF.
    /// Nothing at all is one empty line.
    pub fn from_lines(lines: &[u8]) -> Result<Self, TextError> {
        let lines = valid(lines)?;
        let mut text = lines.strip_suffix('\n').unwrap_or(lines).to_owned();
        if lines.contains("\r\n") {
            text = lines.replace("\r\n", "\n");
            text.truncate(text.strip_suffix('\n').map_or(text.len(), str::len));
        }
        check_size(&text)?;
        Ok(Self(text.into()))
    }

    /// For stores, and what is imported from them: the text of which
    /// [`as_str`](Self::as_str) returned these bytes.
    pub fn from_stored(stored: &[u8]) -> Result<Self, TextError> {
        let text = valid(stored)?;
        // One line had the limit of input lines.
        if text.contains('\n') {
            check_size(text)?;
        }
        Ok(Self(text.into()))
    }

    /// The text, unchanged, with the line feeds between its lines.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its line, where it has one: what a command of a line protocol may hold.
    #[must_use]
    pub fn as_line(&self) -> Option<&str> {
        (!self.has_several_lines()).then_some(&self.0)
    }

    /// Its lines, without their ends: one at least, each perhaps empty.
    pub fn lines(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.split('\n')
    }

    /// Whether it has more lines than one.
    #[must_use]
    pub fn has_several_lines(&self) -> bool {
        self.0.contains('\n')
    }
}

fn valid(bytes: &[u8]) -> Result<&str, TextError> {
    let text = std::str::from_utf8(bytes).map_err(|_| TextError::InvalidUtf8)?;
    if text.contains('\0') { Err(TextError::Nul) } else { Ok(text) }
}

fn check_size(text: &str) -> Result<(), TextError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(TextError::TooLong);
    }
    if text.split('\n').count() > TEXT_LINES_MAX {
        return Err(TextError::TooManyLines);
    }
    Ok(())
}

/// Shows the text made safe for a terminal, as one line: its lines with ` ⏎ ` between them.
impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(self.lines()).try_for_each(|piece| Safe(piece).fmt(formatter))
    }
}

/// Appends the text to an output line, as its `Display` shows it.
pub fn push_joined(output: &mut Vec<u8>, text: &Text) {
    joined(text.lines()).for_each(|piece| crate::push_safe(output, piece));
}

/// Appends an output line for each of the text's: `head` begins each, so that none can be taken
/// for another sender's. An empty one of several is a space.
pub fn push_lines(output: &mut Vec<u8>, text: &Text, head: impl Fn(&mut Vec<u8>)) {
    let has_several = text.has_several_lines();
    for line in text.lines() {
        head(output);
        let begin = output.len();
        crate::push_safe(output, line);
        if has_several && output.len() == begin {
            output.extend_from_slice(EMPTY_LINE.as_bytes());
        }
        output.push(b'\n');
    }
}

fn joined<'a>(lines: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let breaks = std::iter::once("").chain(std::iter::repeat(LINE_BREAK));
    breaks.zip(lines).flat_map(|(line_break, line)| [line_break, line])
}

/// A text made safe to show, kept once for all who are shown it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shown(Arc<str>);

impl Shown {
    /// The text made safe, line by line.
    #[must_use]
    pub fn new(text: &Text) -> Self {
        let mut shown = String::with_capacity(text.as_str().len());
        for (number, line) in text.lines().enumerate() {
            if number > 0 {
                shown.push('\n');
            }
            crate::safe::each_piece(line, |piece| shown.push_str(piece));
        }
        Self(shown.into())
    }

    /// Its lines, each for a line of a protocol: an empty one of several is one space.
    pub fn lines<'a>(&'a self) -> impl Iterator<Item = &'a str> + Clone {
        let has_several = self.0.contains('\n');
        let or_space =
            move |line: &'a str| if has_several && line.is_empty() { EMPTY_LINE } else { line };
        self.0.split('\n').map(or_space)
    }

    /// Appends an output line for each of its lines, as [`push_lines`] does with its text.
    pub fn push_lines(&self, output: &mut Vec<u8>, head: impl Fn(&mut Vec<u8>)) {
        for line in self.lines() {
            head(output);
            output.extend_from_slice(line.as_bytes());
            output.push(b'\n');
        }
    }

    /// Appends it to an output line, as [`push_joined`] does with its text.
    pub fn push_joined(&self, output: &mut Vec<u8>) {
        joined(self.0.split('\n')).for_each(|piece| output.extend_from_slice(piece.as_bytes()));
    }

    /// Bytes of it in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it shows as nothing: the text is empty, or one line of marks of direction.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Shows it as one line, as its text does.
impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(self.0.split('\n')).try_for_each(|piece| formatter.write_str(piece))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &Text) -> Vec<&str> {
        text.lines().collect()
    }

    fn text(lines: &str) -> Text {
        Text::from_lines(lines.as_bytes()).unwrap()
    }

    #[test]
    fn a_text_of_a_line_protocol_is_one_line_of_utf8_without_nul() {
        assert_eq!(Text::from_bytes(b"").unwrap().as_str(), "");
        assert_eq!(Text::from_bytes("grüße\t\u{1b}".as_bytes()).unwrap().as_str(), "grüße\t\u{1b}");
        assert_eq!(Text::from_bytes(b"a\0b"), Err(TextError::Nul));
        assert_eq!(Text::from_bytes(b"a\nb"), Err(TextError::LineFeed));
        assert_eq!(Text::from_bytes(b"a\n"), Err(TextError::LineFeed));
        assert_eq!(Text::from_bytes(b"\xc3("), Err(TextError::InvalidUtf8));
    }

    #[test]
    fn lines_lose_one_cr_before_their_ends_and_the_last_end() {
        for (given, expected) in [
            ("", ""),
            ("a", "a"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\r", "a\r"),
            ("\n", ""),
            ("\r\n", ""),
            ("a\nb", "a\nb"),
            ("a\r\nb\r\n", "a\nb"),
            ("a\r\r\nb", "a\r\nb"),
            ("a\n\n", "a\n"),
            ("\n\n\n", "\n\n"),
            ("a\rb\n", "a\rb"),
        ] {
            assert_eq!(text(given).as_str(), expected, "{given:?}");
        }
        assert_eq!(Text::from_lines(b"a\n\0"), Err(TextError::Nul));
        assert_eq!(Text::from_lines(b"a\n\xff"), Err(TextError::InvalidUtf8));
    }

    #[test]
    fn a_text_has_64_lines_and_8_kib_at_most() {
        let many = "\n".repeat(TEXT_LINES_MAX);
        assert_eq!(lines(&text(&many)), [""; TEXT_LINES_MAX]);
        let more = many.clone() + "x";
        assert_eq!(Text::from_lines(more.as_bytes()), Err(TextError::TooManyLines));
        assert_eq!(Text::from_stored(more.as_bytes()), Err(TextError::TooManyLines));
        let full = ["x".repeat(TEXT_BYTES_MAX - 2), "y".to_owned()].join("\r\n") + "\r\n";
        assert_eq!(text(&full).as_str().len(), TEXT_BYTES_MAX);
        let over = "x".to_owned() + &full;
        assert_eq!(Text::from_lines(over.as_bytes()), Err(TextError::TooLong));
        let over = over.replace('\r', "");
        assert_eq!(Text::from_stored(over.trim_end().as_bytes()), Err(TextError::TooLong));
        let line = [b'x'; TEXT_BYTES_MAX + 1];
        assert_eq!(Text::from_lines(&line), Err(TextError::TooLong));
        assert_eq!(Text::from_stored(&line).unwrap().as_str().len(), line.len());
    }

    #[test]
    fn what_went_wrong_is_told_in_words() {
        let words = TextError::TooManyLines.to_string() + "; " + &TextError::TooLong.to_string();
        assert_eq!(words, "the text has more than 64 lines; the text has more than 8192 bytes");
    }

    #[test]
    fn a_text_is_shown_as_one_line_or_as_its_lines() {
        let text = text("one\u{1b}[2J\n\n\u{202e}\n two\r\r\n");
        assert_eq!(text.to_string(), "one^[[2J ⏎  ⏎  ⏎  two^M");
        let shown: Vec<_> = Shown::new(&text).lines().map(str::to_owned).collect();
        assert_eq!(shown, ["one^[[2J", " ", " ", " two^M"]);
        assert_eq!(text.as_line(), None);
        // One line is what it was.
        for line in ["", "\u{202e}", " ", "hi"] {
            let text = Text::from_bytes(line.as_bytes()).unwrap();
            let expected = line.trim_start_matches('\u{202e}');
            assert_eq!(text.to_string(), expected);
            assert_eq!(Shown::new(&text).lines().collect::<Vec<_>>(), [expected]);
            assert_eq!(text.as_line(), Some(line));
        }
    }

    proptest! {
        #[test]
        fn lines_come_back_as_they_were(given in prop::collection::vec("[a#\r\u{1b}é⏎]{0,9}", 1..70)) {
            let joined = given.join("\n");
            let parsed = Text::from_lines(joined.as_bytes());
            let (last, before) = given.split_last().unwrap();
            let mut expected: Vec<_> =
                before.iter().map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
            if expected.is_empty() || !last.is_empty() {
                expected.push(last);
            }
            if expected.len() > TEXT_LINES_MAX {
                prop_assert_eq!(parsed, Err(TextError::TooManyLines));
                return Ok(());
            }
            let parsed = parsed.unwrap();
            prop_assert_eq!(parsed.lines().collect::<Vec<_>>(), expected);
            // What is stored stays what it is.
            prop_assert_eq!(&Text::from_stored(parsed.as_str().as_bytes()).unwrap(), &parsed);
        }

        #[test]
        fn what_is_shown_is_as_many_safe_lines_and_fits_an_output_line(
            given in prop::collection::vec("(\\PC|\\p{Cc}|\u{202e}){0,40}", 1..20),
        ) {
            let text = Text::from_lines(given.join("\n").replace('\0', "").as_bytes()).unwrap();
            let shown = Shown::new(&text);
            prop_assert_eq!(shown.lines().count(), text.lines().count());
            for (line, said) in shown.lines().zip(text.lines()) {
                let safe = Safe(said).to_string();
                let is_space = safe.is_empty() && text.has_several_lines();
                prop_assert_eq!(line, if is_space { " " } else { &safe });
            }
            let one = text.to_string();
            prop_assert!(!one.contains('\n'));
            // 8 KiB, of which 63 line feeds are five bytes each, fit 32,768.
            prop_assert!(one.len() <= 2 * text.as_str().len() + 3 * text.lines().count());
            prop_assert_eq!(shown.to_string(), one.clone());
            let (mut pushed, mut again) = (Vec::new(), Vec::new());
            push_joined(&mut pushed, &text);
            shown.push_joined(&mut again);
            prop_assert_eq!(&pushed, &again);
            prop_assert_eq!(pushed, one.into_bytes());
            let head = |output: &mut Vec<u8>| output.extend_from_slice(b"ann: ");
            let (mut pushed, mut again) = (Vec::new(), Vec::new());
            push_lines(&mut pushed, &text, head);
            shown.push_lines(&mut again, head);
            let expected: Vec<_> = shown.lines().map(|line| format!("ann: {line}\n")).collect();
            prop_assert_eq!(&pushed, &again);
            prop_assert_eq!(pushed, expected.concat().into_bytes());
        }
    }
}
