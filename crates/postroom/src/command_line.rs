//! Parsing command lines with messages that may look like options.
//!
//! A message is free text, so `-help wanted` must not be parsed as an option. Before
//! clap parses the arguments, this module moves the message behind a `--`. It takes the
//! options and the position of the message from clap's own definition of the command.

use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::{Arg, ArgAction};

/// The argument that holds a message, in every command that has one.
const TEXT: &str = "text";

/// The hidden flag that stands for a lone `-`.
const TEXT_FROM_INPUT: &str = "text_from_input";

/// Moves the message, if the command has one, behind all options.
///
/// After the arguments before the message only exact long options other than `--help`,
/// the first `--`, and a lone `-` are not part of it. Everything after the first `--`
/// is the message.
pub(crate) fn with_text_last(
    words: impl IntoIterator<Item = OsString>,
    root: &mut clap::Command,
) -> Result<Vec<OsString>, clap::Error> {
    // The errors made here name the whole command: `postroom send`.
    root.build();
    let mut words = words.into_iter();
    let mut kept: Vec<_> = words.by_ref().take(2).collect();
    let Some(command) = kept.get(1).and_then(|name| root.find_subcommand_mut(name)) else {
        return Ok(kept.into_iter().chain(words).collect());
    };
    let Some(mut missing) = command.get_positionals().position(|found| found.get_id() == TEXT)
    else {
        return Ok(kept.into_iter().chain(words).collect());
    };
    while missing > 0 {
        let Some(word) = words.next() else { return Ok(kept) };
        if word == "--" {
            // Clap parses no argument from here on as an option.
            return Ok(kept.into_iter().chain([word]).chain(words).collect());
        }
        let has_value = option(command, &word).is_some_and(|option| takes_next(option, &word));
        let is_option = word.len() > 1 && word.as_encoded_bytes().starts_with(b"-");
        missing -= usize::from(!is_option);
        kept.push(word);
        if has_value {
            kept.extend(words.next());
        }
    }
    let rest = Rest::take(words, command);
    rest.add_to(kept, command)
}

/// The arguments after those before the message.
#[derive(Default)]
struct Rest {
    options: Vec<OsString>,
    text: Vec<OsString>,
    is_from_input: bool,
}

impl Rest {
    fn take(mut words: impl Iterator<Item = OsString>, command: &clap::Command) -> Self {
        let mut rest = Self::default();
        while let Some(word) = words.next() {
            if word == "--" {
                rest.text.extend(words);
                break;
            }
            if word == "-" {
                rest.is_from_input = true;
                continue;
            }
            match option(command, &word).filter(|_| word.as_encoded_bytes().starts_with(b"--")) {
                Some(option) => {
                    let has_value = takes_next(option, &word);
                    rest.options.push(word);
                    if has_value {
                        rest.options.extend(words.next());
                    }
                }
                None => rest.text.push(word),
            }
        }
        rest
    }

    fn add_to(
        self,
        mut kept: Vec<OsString>,
        command: &mut clap::Command,
    ) -> Result<Vec<OsString>, clap::Error> {
        kept.extend(self.options);
        if self.is_from_input {
            let flag = command.get_arguments().find(|found| found.get_id() == TEXT_FROM_INPUT);
            kept.extend(flag.and_then(Arg::get_long).map(|long| format!("--{long}").into()));
        }
        match (self.text.len(), self.is_from_input) {
            (0, _) => {}
            (1, false) => {
                kept.push("--".into());
                kept.extend(self.text);
            }
            (1, true) => {
                let what = "the message is given twice: as a word and, by -, as the standard input";
                return Err(command.error(ErrorKind::ArgumentConflict, what));
            }
            _ => return Err(several(&self.text, command)),
        }
        Ok(kept)
    }
}

/// The error for a message without quotes around it.
fn several(text: &[OsString], command: &mut clap::Command) -> clap::Error {
    let words = text.join(OsStr::new(" "));
    let words = words.to_string_lossy();
    let what = format!(
        "the message is {} words; put it in quotes, as one: '{}'",
        text.len(),
        postroom_model::Safe(&words)
    );
    command.error(ErrorKind::TooManyValues, what)
}

/// The option of an argument: `--name`, `--name=value` or `-n`.
fn option<'a>(command: &'a clap::Command, word: &OsStr) -> Option<&'a Arg> {
    let word = word.to_str()?;
    let is_known = |found: &&Arg| {
        if found.is_hide_set() || matches!(found.get_action(), ArgAction::Help) {
            return false;
        }
        if let Some(long) = word.strip_prefix("--") {
            let (name, has_value) =
                long.split_once('=').map_or((long, false), |(name, _)| (name, true));
            let takes_value = found.get_action().takes_values();
            found.get_long() == Some(name) && (takes_value || !has_value)
        } else {
            let short = word.strip_prefix('-').and_then(|letters| letters.parse().ok());
            short.is_some() && found.get_short() == short
        }
    };
    command.get_arguments().find(is_known)
}

/// Whether the option's value is the next argument.
fn takes_next(option: &Arg, word: &OsStr) -> bool {
    option.get_action().takes_values() && !word.as_encoded_bytes().contains(&b'=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn moved(words: &str) -> Result<String, String> {
        let words = ["postroom"].into_iter().chain(words.split('|')).map(OsString::from);
        match with_text_last(words, &mut crate::Arguments::command()) {
            Ok(words) => {
                let words: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
                Ok(words[1..].join("|"))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_message_goes_behind_the_options() {
        for (given, expected) in [
            ("send|--as|bob|al|-help wanted", "send|--as|bob|al|--|-help wanted"),
            ("send|--as|bob|al|--help", "send|--as|bob|al|--|--help"),
            ("send|--as|bob|al|-h", "send|--as|bob|al|--|-h"),
            ("send|al|--bogus|--as|bob", "send|al|--as|bob|--|--bogus"),
            ("send|al|hi|--as=bob|--allow-empty", "send|al|--as=bob|--allow-empty|--|hi"),
            ("send|al|--allow-empty=no", "send|al|--|--allow-empty=no"),
            ("send|al|--allow", "send|al|--|--allow"),
            ("send|al|--text-from-input", "send|al|--|--text-from-input"),
            ("send|al|--|--as", "send|al|--|--as"),
            ("send|al|--|--", "send|al|--|--"),
            ("send|al|--|-", "send|al|--|-"),
            ("send|al|", "send|al|--|"),
            ("send|al|-", "send|al|--text-from-input"),
            ("send|al|--as|bob", "send|al|--as|bob"),
            ("send|--|al|--as", "send|--|al|--as"),
            ("send|--help", "send|--help"),
            ("send|-h|al", "send|-h|al"),
            ("board|-u|::1|4404|-u", "board|-u|::1|4404|--|-u"),
            ("board|--timeout|1|-d|::1|4404|#a", "board|--timeout|1|-d|::1|4404|--|#a"),
            ("board|::1|4404|hi|--upload", "board|::1|4404|--upload|--|hi"),
            ("read|--all|--help", "read|--all|--help"),
            ("serve|--help", "serve|--help"),
            ("bogus|--help", "bogus|--help"),
        ] {
            assert_eq!(moved(given).as_deref(), Ok(expected), "{given}");
        }
    }

    #[test]
    fn a_message_is_one_word() {
        let error = moved("send|--as|bob|al|hello|\u{1b}world").unwrap_err();
        assert!(error.contains("put it in quotes, as one: 'hello ^[world'"), "{error}");
        assert!(moved("send|al|-|hi").unwrap_err().contains("given twice"));
    }
}
