//! Draws the prompt and the line at the end of the terminal, and erases them.
//!
//! The terminal is never asked where its cursor is. The rows above the cursor are
//! counted instead, since the terminal wraps lines at its last column.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

/// Moves the cursor to the first column and clears the rest of the screen.
const CLEAR_BELOW: &str = "\r\u{1b}[J";

/// Moves the cursor to the top and clears the screen.
const CLEAR_SCREEN: &str = "\u{1b}[H\u{1b}[2J";

/// What is drawn at the end of the terminal.
#[derive(Debug)]
pub(crate) struct Drawing {
    columns: usize,
    /// Rows of the drawing above the one with the cursor.
    rows_above: usize,
    /// Rows of the drawing below the one with the cursor.
    rows_below: usize,
}

/// A place relative to the first character.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    row: usize,
    column: usize,
}

impl Drawing {
    /// An empty drawing on a terminal with so many columns.
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns: columns.max(2), rows_above: 0, rows_below: 0 }
    }

    /// The columns of the terminal.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Notes the new width of the terminal, which has rewrapped the drawing. Erase
    /// and draw it again.
    pub(crate) fn resize(&mut self, columns: usize, prompt: &str, line: &str, cursor: usize) {
        self.columns = columns.max(2);
        self.rows_above = self.cursor_place(prompt, line, cursor).row;
    }

    /// Erases the drawing; the cursor is then where the drawing began.
    pub(crate) fn erase(&mut self, output: &mut String) {
        move_up(self.rows_above, output);
        output.push_str(CLEAR_BELOW);
        (self.rows_above, self.rows_below) = (0, 0);
    }

    /// Draws a prompt and a line, with the cursor after `cursor` bytes of the line.
    pub(crate) fn draw(&mut self, prompt: &str, line: &str, cursor: usize, output: &mut String) {
        output.push_str(prompt);
        output.push_str(line);
        let end = self.end_place(prompt, line);
        if end.column == 0 && end.row > 0 {
            // After filling a row, the cursor stays in its last column.
            output.push_str("\r\n");
        }
        let place = self.cursor_place(prompt, line, cursor);
        self.rows_above = place.row;
        self.rows_below = end.row - place.row;
        move_up(self.rows_below, output);
        output.push('\r');
        if place.column > 0 {
            // Writing to a string succeeds.
            let _ = write!(output, "\u{1b}[{}C", place.column);
        }
    }

    /// Keeps the drawing on the screen and continues below it.
    pub(crate) fn leave(&mut self, output: &mut String) {
        for _ in 0..=self.rows_below {
            output.push_str("\r\n");
        }
        (self.rows_above, self.rows_below) = (0, 0);
    }

    /// Clears the whole screen.
    pub(crate) fn clear_screen(&mut self, output: &mut String) {
        output.push_str(CLEAR_SCREEN);
        (self.rows_above, self.rows_below) = (0, 0);
    }

    fn end_place(&self, prompt: &str, line: &str) -> Place {
        self.advance(self.advance(Place::default(), prompt), line)
    }

    fn cursor_place(&self, prompt: &str, line: &str, cursor: usize) -> Place {
        let start = self.advance(Place::default(), prompt);
        let place = self.advance(start, &line[..cursor]);
        // A wide character that does not fit moves the cursor before it to the
        // next row.
        match line[cursor..].chars().next().and_then(char::width) {
            Some(width) if place.column + width > self.columns => {
                Place { row: place.row + 1, column: 0 }
            }
            _ => place,
        }
    }

    fn advance(&self, mut place: Place, text: &str) -> Place {
        for character in text.chars() {
            let width = character.width().unwrap_or(0);
            if place.column + width > self.columns {
                place = Place { row: place.row + 1, column: 0 };
            }
            place.column += width;
            if place.column == self.columns {
                place = Place { row: place.row + 1, column: 0 };
            }
        }
        place
    }
}

fn move_up(rows: usize, output: &mut String) {
    if rows > 0 {
        // Writing to a string succeeds.
        let _ = write!(output, "\u{1b}[{rows}A");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(drawing: &mut Drawing, prompt: &str, line: &str, cursor: usize) -> String {
        let mut output = String::new();
        drawing.draw(prompt, line, cursor, &mut output);
        output
    }

    #[test]
    fn a_line_is_drawn_with_its_cursor() {
        let mut drawing = Drawing::new(10);
        assert_eq!(drawn(&mut drawing, "> ", "abc", 1), "> abc\r\u{1b}[3C");
        assert_eq!(drawn(&mut drawing, "> ", "日本", 3), "> 日本\r\u{1b}[4C");
    }

    #[test]
    fn a_long_line_takes_several_rows_and_is_erased_whole() {
        let mut drawing = Drawing::new(10);
        let output = drawn(&mut drawing, "> ", "0123456789012345678", 19);
        assert!(output.ends_with("8\r\u{1b}[1C"), "{output:?}");
        let mut output = String::new();
        drawing.erase(&mut output);
        assert_eq!(output, "\u{1b}[2A\r\u{1b}[J");
        let output = drawn(&mut drawing, "> ", "0123456789012345678", 0);
        assert!(output.ends_with("8\u{1b}[2A\r\u{1b}[2C"), "{output:?}");
        let mut output = String::new();
        drawing.leave(&mut output);
        assert_eq!(output, "\r\n\r\n\r\n");
    }

    #[test]
    fn a_full_row_continues_in_the_next() {
        let mut drawing = Drawing::new(10);
        assert_eq!(drawn(&mut drawing, "> ", "01234567", 8), "> 01234567\r\n\r");
        assert_eq!(drawn(&mut drawing, "> ", "0123456", 7), "> 0123456\r\u{1b}[9C");
        // The wide character leaves the last column free.
        assert_eq!(drawn(&mut drawing, "> ", "0123456日", 10), "> 0123456日\r\u{1b}[2C");
        assert_eq!((drawing.rows_above, drawing.rows_below), (1, 0));
        let output = drawn(&mut drawing, "> ", "0123456日", 7);
        assert_eq!((output.as_str(), drawing.rows_above), ("> 0123456日\r", 1));
    }

    #[test]
    fn a_resized_terminal_has_rewrapped_the_drawing() {
        let mut drawing = Drawing::new(80);
        drawn(&mut drawing, "> ", "0123456789012345678", 19);
        drawing.resize(10, "> ", "0123456789012345678", 19);
        assert_eq!(drawing.rows_above, 2);
    }
}
