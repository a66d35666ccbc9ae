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

/// Parses the lines; skips empty lines and those that begin with `#`.
pub(super) fn parse(content: &[u8]) -> (Vec<(Name, Password)>, Mistakes) {
    let (mut passwords, mut mistakes, mut names) =
        (Vec::new(), Mistakes::default(), HashSet::new());
    for (line, text) in (1..).zip(content.split(|byte| *byte == b'\n')) {
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.trim_ascii().is_empty() || text.starts_with(b"#") {
            continue;
        }
        match parse_line(text) {
            Ok((name, _)) if !names.insert(name.clone()) => {
                mistakes.add(line, || format!("{name} has a line already"));
            }
            Ok(password) => passwords.push(password),
            Err(what) => mistakes.add(line, || what),
        }
    }
    (passwords, mistakes)
}

fn parse_line(line: &[u8]) -> Result<(Name, Password), String> {
    let words: Vec<_> =
        line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
    let [name, password] = words[..] else {
        return Err("a line is a username, a space and a password".to_owned());
    };
    let name = Name::from_bytes(name).map_err(|error| error.to_string())?;
    let password = Password::from_bytes(password).map_err(|error| error.to_string())?;
    Ok((name, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_told_with_its_number_and_the_rest_is_used() {
        let content =
            b"jacky 12345\n\n# people\nbob\r\nmichael  abc\r\na:b x\nJACKY 2\nx \xff y\nlast 1";
        let (passwords, mistakes) = parse(content);
        let names: Vec<_> = passwords.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["jacky", "michael", "last"]);
        assert_eq!(passwords[1].1, Password::from_bytes(b"abc").unwrap());
        let lines: Vec<_> = mistakes.first.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [4, 6, 7, 8]);
        assert!(mistakes.first[2].what.contains("already"), "{mistakes:?}");
    }
}
