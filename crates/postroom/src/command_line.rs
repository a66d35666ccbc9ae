//! Parsing command lines with messages that may look like options.
//!
//! A message is free text, so `-help wanted` must not be parsed as an option. Before
//! clap parses the arguments, this module moves the message behind a `--`. It takes the
//! options and the position of the message from clap's own definition of the command.

use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::{Arg, ArgAction};
use postroom_client::GivenServer;

/// The argument that holds a message, in every command that has one.
const TEXT: &str = "text";

/// The argument that holds the server's address, in a command in which it may be missing.
const ADDRESS: &str = "address";

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
    let mut kept: Vec<_> = words.into_iter().collect();
    let mut words = kept.split_off(kept.len().min(2)).into_iter();
    let Some(command) = kept.get(1).and_then(|name| root.find_subcommand_mut(name)) else {
        return Ok(kept.into_iter().chain(words).collect());
    };
    let Some(place) = command.get_positionals().position(|found| found.get_id() == TEXT) else {
        return Ok(kept.into_iter().chain(words).collect());
    };
    let mut missing = place;
    if command.get_positionals().any(|found| found.get_id() == ADDRESS) {
        missing = address_words(words.as_slice(), command)?;
    }
    let has_none = missing == 0;
    while let Some(word) = words.as_slice().first()
        && (missing > 0 || (has_none && is_option(word)))
    {
        let word = word.clone();
        words.next();
        if word == "--" {
            // Clap parses no argument from here on as an option.
            return Ok(kept.into_iter().chain([word]).chain(words).collect());
        }
        let has_value = option(command, &word).is_some_and(|option| takes_next(option, &word));
        missing -= usize::from(!is_option(&word));
        kept.push(word);
        if has_value {
            kept.extend(words.next());
        }
    }
    let rest = Rest::take(words, command);
    rest.add_to(kept, command)
}

/// How many words before the message are the server's address. A message is one word, so
/// the first of two is a host; one word alone is an address only if it has a port or a
/// scheme, or if a `--` separates it from the message.
fn address_words(words: &[OsString], command: &mut clap::Command) -> Result<usize, clap::Error> {
    let mut found: Vec<&OsString> = Vec::new();
    let mut left = words.iter();
    while let (0..2, Some(word)) = (found.len(), left.next()) {
        if word == "--" {
            return Ok(found.len());
        }
        if !is_option(word) {
            found.push(word);
        } else if option(command, word).is_some_and(|option| takes_next(option, word)) {
            left.next();
        }
    }
    let is_address = |word: &OsString| word.to_str().is_some_and(GivenServer::is_meant_by);
    match found[..] {
        [word, ..] if is_address(word) => Ok(1),
        [host, port] if host != "-" && port != "-" => match port.to_str().map(str::parse) {
            Some(Ok(1..=u16::MAX)) => Ok(2),
            _ => Err(no_port(port, command)),
        },
        _ => Ok(0),
    }
}

/// The error for a second word that is neither a port nor a part of the message.
fn no_port(word: &OsStr, command: &mut clap::Command) -> clap::Error {
    let what = format!(
        "the port must be a number from 1 to 65535, and '{}' is none; if it is part of the \
         message, put the message in quotes",
        postroom_model::Safe(&word.to_string_lossy())
    );
    command.error(ErrorKind::ValueValidation, what)
}

/// Whether a word before the message is an option; a lone `-` is the standard input.
fn is_option(word: &OsStr) -> bool {
    word.len() > 1 && word.as_encoded_bytes().starts_with(b"-")
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
            ("board|-u|::1|4404", "board|-u|::1|4404"),
            ("board|-u|h:4404|-x y", "board|-u|h:4404|--|-x y"),
            ("board|h:4404|--upload|hi", "board|h:4404|--upload|--|hi"),
            ("board|-u|postrooms://h|hi", "board|-u|postrooms://h|--|hi"),
            ("board|-d|h:4404|#a", "board|-d|h:4404|--|#a"),
            ("board|-d|h:4404", "board|-d|h:4404"),
            ("board|-u|hi", "board|-u|--|hi"),
            ("board|-u|hi|--timeout|1", "board|-u|--timeout|1|--|hi"),
            ("board|--server|h|-u|hi", "board|--server|h|-u|--|hi"),
            ("board|-u|-", "board|-u|--text-from-input"),
            ("board|-u|h:4404|-", "board|-u|h:4404|--text-from-input"),
            ("board|-u|--|h:4404", "board|-u|--|h:4404"),
            ("board|-u|h|--|-hi", "board|-u|h|--|-hi"),
            ("board|-d|#a", "board|-d|--|#a"),
            ("board|-d", "board|-d"),
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
        assert!(moved("board|-u|h:4404|hello|world").unwrap_err().contains("'hello world'"));
        let error = moved("board|-u|hello|wor\u{1b}ld").unwrap_err();
        assert!(error.contains("and 'wor^[ld' is none; if it is part of the message"), "{error}");
    }
}
