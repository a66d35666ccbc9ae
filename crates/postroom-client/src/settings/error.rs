//! What is wrong with the settings of a client.

use std::fmt;
use std::io;
use std::path::PathBuf;

use postroom_model::Safe;
use thiserror::Error;

use crate::server_address::ServerAddressError;

/// Which source has said something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// A line of `client.toml`.
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Variable(String),
    /// All variables with this prefix.
    Environment(&'static str),
    /// The options.
    CommandLine,
}

/// Why the settings of a client cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The file of defaults is there and cannot be read.
    #[error("cannot read {}: {source}; mend that, or use --no-config", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("{origin}: {cause}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What is wrong.
        cause: String,
    },
    /// The file has a key that does not exist.
    #[error("{origin}: there is no key \"{}\"; the keys here are {keys}", Safe(key))]
    Key {
        /// Where.
        origin: Origin,
        /// The key, with its table.
        key: String,
        /// Those that there are.
        keys: String,
    },
    /// The file has a table that does not exist.
    #[error("{origin}: there is no table [{}]; the tables are {tables}", Safe(table))]
    Table {
        /// Where.
        origin: Origin,
        /// The table.
        table: String,
        /// Those that there are.
        tables: String,
    },
    /// A variable has the prefix of the clients' and is none of them.
    #[error(
        "there is no variable {}; the variables of the clients are {prefix} and one of {keys}",
        Safe(name)
    )]
    Variable {
        /// The variable.
        name: String,
        /// How all begin.
        prefix: &'static str,
        /// How they end.
        keys: String,
    },
    /// A value cannot be used.
    #[error("{origin}: {key} cannot be used: {cause}")]
    Value {
        /// Where.
        origin: Origin,
        /// The key.
        key: String,
        /// What is wrong.
        cause: String,
    },
    /// Two values of one source contradict each other.
    #[error("{origin}: {cause}")]
    Contradiction {
        /// Where.
        origin: Origin,
        /// Which.
        cause: &'static str,
    },
    /// The client does not speak what is spoken at the address.
    #[error("{advice}{}", origin_advice(*is_given))]
    Scheme {
        /// How to give it, or what else to use.
        advice: String,
        /// The command line has it.
        is_given: bool,
    },
    /// The address on the command line cannot be used.
    #[error("\"{}\" is not the address of a server: {cause}", Safe(word))]
    Address {
        /// What was given.
        word: String,
        /// What is wrong.
        cause: ServerAddressError,
    },
}

/// Where an address is that the command line does not have, and can be for some clients only.
fn origin_advice(is_given: bool) -> &'static str {
    if is_given {
        ""
    } else {
        "; the address is that of client.toml or POSTROOM_CLIENT_SERVER: one that is not for all \
         clients stands in their tables, such as [send]"
    }
}

impl SettingsError {
    /// Whether the command line is wrong, rather than what is kept elsewhere.
    pub(crate) fn is_of_command_line(&self) -> bool {
        matches!(
            self,
            Self::Address { .. }
                | Self::Scheme { is_given: true, .. }
                | Self::Contradiction { origin: Origin::CommandLine, .. }
        )
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { path, line } => write!(formatter, "{}, line {line}", path.display()),
            Self::Variable(name) => write!(formatter, "the environment variable {}", Safe(name)),
            Self::Environment(prefix) => {
                write!(formatter, "the environment variables {prefix}...")
            }
            Self::CommandLine => formatter.write_str("the command line"),
        }
    }
}
