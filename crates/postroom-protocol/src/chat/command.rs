//! The grammar of a command of `chat`: its name and its arguments.

use std::fmt;

use super::answer::Asked;

type Step = crate::dialogue::Step<Asked>;

/// A command with its handler in the dialogue `D`.
pub(super) struct Command<D: 'static> {
    /// The first word of the line.
    pub(super) name: &'static str,
    pub(super) stage: Stage,
    pub(super) arguments: Arguments<D>,
}

/// The stage at which a command is valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// Before the login; it serves to choose a name.
    BeforeName,
    /// After the login.
    Named,
    Always,
}

/// The arguments of a command, as in its usage, and its handler. The last argument is
/// the rest of the line.
pub(super) enum Arguments<D: 'static> {
    None(fn(&mut D) -> Step),
    One(&'static str, fn(&mut D, &[u8]) -> Step),
    /// The second may be missing.
    OneOrTwo(&'static str, &'static str, fn(&mut D, &[u8], Option<&[u8]>) -> Step),
    Two(&'static str, &'static str, fn(&mut D, &[u8], &[u8]) -> Step),
}

impl<D> Command<D> {
    /// Runs the command; `None` if `rest`, the line after its name, has too few
    /// arguments or one too many.
    pub(super) fn run(&self, dialogue: &mut D, rest: &[u8]) -> Option<Step> {
        match self.arguments {
            Arguments::None(run) => rest.is_empty().then(|| run(dialogue)),
            Arguments::One(_, run) => (!rest.is_empty()).then(|| run(dialogue, rest)),
            Arguments::OneOrTwo(_, _, run) => {
                let (first, second) = split(rest);
                let second = (!second.is_empty()).then_some(second);
                (!first.is_empty()).then(|| run(dialogue, first, second))
            }
            Arguments::Two(_, _, run) => {
                let (first, second) = split(rest);
                let are_both = !first.is_empty() && !second.is_empty();
                are_both.then(|| run(dialogue, first, second))
            }
        }
    }
}

/// Shows the usage: `/private NAME TEXT`.
impl<D> fmt::Display for Command<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)?;
        match self.arguments {
            Arguments::None(_) => Ok(()),
            Arguments::One(argument, _) => write!(formatter, " {argument}"),
            Arguments::OneOrTwo(first, second, _) => write!(formatter, " {first} [{second}]"),
            Arguments::Two(first, second, _) => write!(formatter, " {first} {second}"),
        }
    }
}

/// The first word, and the bytes after the space that follows it; empty if those are
/// spaces only.
pub(super) fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let (word, rest) = match memchr::memchr(b' ', line) {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (line, &[][..]),
    };
    (word, if rest.iter().all(|byte| *byte == b' ') { &[] } else { rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(arguments: Arguments<Vec<Vec<u8>>>) -> Command<Vec<Vec<u8>>> {
        Command { name: "/x", stage: Stage::Always, arguments }
    }

    /// Parses `rest`, the line after a command's name, by `arguments`.
    fn arguments(arguments: Arguments<Vec<Vec<u8>>>, rest: &str) -> Option<Vec<String>> {
        let mut taken = Vec::new();
        let line = format!("/x {rest}");
        let (_, rest) = split(line.as_bytes());
        command(arguments).run(&mut taken, rest)?;
        Some(taken.into_iter().map(|word| String::from_utf8(word).unwrap()).collect())
    }

    fn one() -> Arguments<Vec<Vec<u8>>> {
        Arguments::One("TEXT", |taken, text| {
            taken.push(text.to_vec());
            Step::Silence
        })
    }

    fn two() -> Arguments<Vec<Vec<u8>>> {
        Arguments::Two("NAME", "TEXT", |taken, name, text| {
            taken.extend([name.to_vec(), text.to_vec()]);
            Step::Silence
        })
    }

    fn one_or_two() -> Arguments<Vec<Vec<u8>>> {
        Arguments::OneOrTwo("#TAG", "KEY", |taken, tag, key| {
            taken.push(tag.to_vec());
            taken.extend(key.map(<[u8]>::to_vec));
            Step::Silence
        })
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn the_last_argument_is_all_that_follows() {
        assert_eq!(arguments(one(), " hi there "), Some(words(&[" hi there "])));
        assert_eq!(arguments(two(), "mary hi  you"), Some(words(&["mary", "hi  you"])));
        assert_eq!(arguments(Arguments::None(|_| Step::Silence), ""), Some(words(&[])));
        assert_eq!(arguments(one_or_two(), "#a"), Some(words(&["#a"])));
        assert_eq!(arguments(one_or_two(), "#a  "), Some(words(&["#a"])));
        assert_eq!(arguments(one_or_two(), "#a b c"), Some(words(&["#a", "b c"])));
    }

    #[test]
    fn what_is_short_of_an_argument_or_has_one_too_many_is_not_carried_out() {
        assert_eq!(arguments(one(), " "), None);
        assert_eq!(arguments(one_or_two(), " b"), None);
        for rest in ["", "mary", "mary ", " hi"] {
            assert_eq!(arguments(two(), rest), None, "{rest:?}");
        }
        assert_eq!(arguments(Arguments::None(|_| Step::Silence), "now"), None);
    }

    #[test]
    fn the_usage_names_the_arguments() {
        assert_eq!(command(two()).to_string(), "/x NAME TEXT");
        assert_eq!(command(one()).to_string(), "/x TEXT");
        assert_eq!(command(one_or_two()).to_string(), "/x #TAG [KEY]");
        assert_eq!(command(Arguments::None(|_| Step::Silence)).to_string(), "/x");
    }
}
