//! The lines of a password file.

use std::collections::HashSet;

use postroom_model::{Name, Password};

/// An invalid line.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Mistake {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) what: String,
}

/// Maximum mistakes that are described; the others are counted. The wrong file may have
/// one in each line.
pub(super) const DESCRIBED_MAX: usize = 20;

/// The mistakes of a file.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    pub(super) first: Vec<Mistake>,
    /// The number of further mistakes.
    pub(super) more: usize,
}

impl Mistakes {
    fn add(&mut self, line: usize, what: impl FnOnce() -> String) {
        if self.first.len() < DESCRIBED_MAX {
            self.first.push(Mistake { line, what: what() });
        } else {
            self.more += 1;
        }
    }
}

/// The lines of a file.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) passwords: Vec<(Name, Password)>,
    /// Names whose lines have no password that can be used. The line says that the name
    /// has one, so nobody may log in without.
    pub(super) without: Vec<Name>,
    pub(super) mistakes: Mistakes,
}

/// Parses the lines; skips empty lines and those that begin with `#`.
pub(super) fn parse(content: &[u8]) -> Lines {
    let (mut lines, mut names) = (Lines::default(), HashSet::new());
    for (line, text) in (1..).zip(content.split(|byte| *byte == b'\n')) {
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.trim_ascii().is_empty() || text.starts_with(b"#") {
            continue;
        }
        match parse_line(text) {
            Ok((name, _)) if !names.insert(name.clone()) => {
                lines.mistakes.add(line, || format!("{name} has a line already; {LEFT_OUT}"));
            }
            Ok((name, Ok(password))) => lines.passwords.push((name, password)),
            Ok((name, Err(what))) => {
                lines
                    .mistakes
                    .add(line, || format!("{what}; {LEFT_OUT}, and nobody can log in as {name}"));
                lines.without.push(name);
            }
            Err(what) => lines.mistakes.add(line, || format!("{what}; {LEFT_OUT}")),
        }
    }
    lines
}

const LEFT_OUT: &str = "the line is left out";

/// The name of a line, and its password, or what is wrong with that.
fn parse_line(line: &[u8]) -> Result<(Name, Result<Password, String>), String> {
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let name = words.next().unwrap_or_default();
    let name = Name::from_bytes(name).map_err(|error| error.to_string())?;
    let password = match (words.next(), words.next()) {
        (Some(password), None) => Password::from_bytes(password).map_err(|error| error.to_string()),
        _ => Err("a line is a username, a space and a password without a space".to_owned()),
    };
    Ok((name, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_told_with_its_number_and_the_rest_is_used() {
        let content =
            b"jacky 12345\n\n# people\nbob\r\nmichael  abc\r\na:b x\nJACKY 2\nx \xff y\nlast 1";
        let Lines { passwords, without, mistakes } = parse(content);
        let without: Vec<_> = without.iter().map(Name::as_str).collect();
        assert_eq!(without, ["bob", "x"], "those whose password cannot be used");
        let names: Vec<_> = passwords.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["jacky", "michael", "last"]);
        assert_eq!(passwords[1].1, Password::from_bytes(b"abc").unwrap());
        let lines: Vec<_> = mistakes.first.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [4, 6, 7, 8]);
        assert!(mistakes.first[2].what.contains("already"), "{mistakes:?}");
    }
}
