//! Addresses or a name, as they are typed.

use clap::Args;
use postroom_model::{Name, NameError, Prefix};
use postroom_web::Whom;
use thiserror::Error;

/// Whom a command is about.
#[derive(Debug, Args)]
pub(crate) struct WhomArguments {
    /// An address, a prefix such as 192.0.2.0/24, or a name
    #[arg(value_name = "ADDRESS|NAME")]
    subject: String,
    /// It is a name, even if it looks like an address
    #[arg(long)]
    name: bool,
}

#[derive(Debug, Error)]
pub(crate) enum WhomError {
    #[error("\"{word}\" is no address, no prefix such as 192.0.2.0/24, and no name: {cause}")]
    Neither { word: String, cause: NameError },
    #[error(
        "\"{word}\" is neither an address nor a prefix such as 192.0.2.0/24; \
         if it is a name, add --name"
    )]
    NoAddress { word: String },
}

impl WhomArguments {
    pub(crate) fn whom(&self) -> Result<Whom, WhomError> {
        let word = &self.subject;
        if !self.name {
            if let Ok(prefix) = word.parse::<Prefix>() {
                return Ok(Whom::Addresses(prefix.net()));
            }
            if looks_like_address(word) {
                return Err(WhomError::NoAddress { word: word.clone() });
            }
        }
        let name = Name::new(word);
        name.map(|name| Whom::Name(name.to_string()))
            .map_err(|cause| WhomError::Neither { word: word.clone(), cause })
    }
}

/// Whether a word is rather an address that is mistyped than a name.
fn looks_like_address(word: &str) -> bool {
    let is_of = |digit: fn(&char) -> bool, mark: char| {
        word.contains(mark)
            && word.chars().all(|letter| digit(&letter) || [mark, '/'].contains(&letter))
    };
    is_of(char::is_ascii_digit, '.') || is_of(char::is_ascii_hexdigit, ':')
}

/// Addresses or a name, as they can be typed.
pub(crate) fn shown(whom: &Whom) -> String {
    match whom {
        Whom::Name(name) => name.clone(),
        Whom::Addresses(net) => Prefix::from(*net).to_string(),
    }
}
