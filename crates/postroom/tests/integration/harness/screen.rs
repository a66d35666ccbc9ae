//! A terminal emulator with the control sequences that the clients use; any other
//! sequence fails the test.

/// Rows of characters and a cursor. The screen grows with what is shown.
pub(crate) struct Screen {
    columns: usize,
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// The last column is filled; the next character begins a row.
    is_full: bool,
    /// The bytes of an incomplete character or sequence.
    pending: Vec<u8>,
}

impl Screen {
    pub(crate) fn new(columns: usize) -> Self {
        let rows = vec![Vec::new()];
        Self { columns, rows, row: 0, column: 0, is_full: false, pending: Vec::new() }
    }

    /// The rows, without the spaces at their ends; the last is the one with the
    /// cursor or a later one that is not empty.
    pub(crate) fn rows(&self) -> Vec<String> {
        let row = |row: &Vec<char>| row.iter().collect::<String>().trim_end().to_owned();
        let mut rows: Vec<_> = self.rows.iter().map(row).collect();
        while rows.len() > self.row + 1 && rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        rows
    }

    /// Row and column, from 0.
    pub(crate) fn cursor(&self) -> (usize, usize) {
        (self.row, self.column)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.pending.push(byte);
            if let [0x1b, rest @ ..] = &self.pending[..] {
                let last = rest.last().copied().unwrap_or_default();
                let is_whole = rest.len() > 1 && !last.is_ascii_digit() && last != b'?';
                if is_whole {
                    let sequence = String::from_utf8(rest.to_vec()).unwrap();
                    self.obey(&sequence);
                    self.pending.clear();
                }
            } else if let Ok(text) = std::str::from_utf8(&self.pending) {
                let character = text.chars().next().unwrap();
                self.put(character);
                self.pending.clear();
            }
        }
    }

    fn put(&mut self, character: char) {
        match character {
            '\r' => self.column = 0,
            '\n' => self.move_to_row(self.row + 1),
            _ if character.is_control() => panic!("a terminal would obey {character:?}"),
            _ => return self.show(character),
        }
        self.is_full = false;
    }

    fn show(&mut self, character: char) {
        if std::mem::take(&mut self.is_full) {
            self.move_to_row(self.row + 1);
            self.column = 0;
        }
        let row = &mut self.rows[self.row];
        if row.len() <= self.column {
            row.resize(self.column + 1, ' ');
        }
        row[self.column] = character;
        if self.column + 1 < self.columns {
            self.column += 1;
        } else {
            self.is_full = true;
        }
    }

    fn obey(&mut self, sequence: &str) {
        let (parameter, last) = sequence.split_at(sequence.len() - 1);
        let number = parameter.trim_start_matches('[').parse().unwrap_or(1);
        match last {
            "A" => self.row = self.row.checked_sub(number).expect("a row above the first"),
            "C" => self.column = (self.column + number).min(self.columns - 1),
            "J" => {
                self.rows.truncate(self.row + 1);
                self.rows[self.row].truncate(self.column);
            }
            // Colours take no room, and bracketed paste concerns keys only.
            "m" => return,
            "h" | "l" if parameter == "[?2004" => return,
            _ => panic!("a sequence that the clients do not use: {sequence:?}"),
        }
        self.is_full = false;
    }

    fn move_to_row(&mut self, row: usize) {
        self.row = row;
        if self.rows.len() <= row {
            self.rows.resize(row + 1, Vec::new());
        }
    }
}

#[test]
fn a_row_that_is_full_goes_on_with_the_next_character() {
    let mut screen = Screen::new(4);
    screen.write("abcd".as_bytes());
    assert_eq!((screen.rows(), screen.cursor()), (vec!["abcd".to_owned()], (0, 3)));
    screen.write("é\u{1b}[1A\r\u{1b}[2CX\u{1b}[32my".as_bytes());
    assert_eq!((screen.rows(), screen.cursor()), (vec!["abXy".to_owned(), "é".to_owned()], (0, 3)));
    screen.write(b"\r\x1b[J");
    assert_eq!(screen.rows(), [""]);
}
