//! What was done, in words.

use std::path::Path;

use postroom_model::{Blocked, Name};
use postroom_office::{AccountAnswer, AccountCommand};

use super::AccountArguments;
use crate::passwords;

/// A change, in words, and whose it is.
pub(super) struct Done {
    pub(super) what: String,
    pub(super) name: Name,
    /// What it means for the line that the password file may have.
    pub(super) in_file: InFile,
}

/// What a change of an account means for its line in the password file.
#[derive(Clone, Copy)]
pub(super) enum InFile {
    /// That overrides the password.
    Overrides,
    /// That should go, too.
    Remove,
    /// Nothing.
    Nothing,
}

/// What a command has done, in one sentence.
pub(super) fn done(
    arguments: &AccountArguments,
    name: &Name,
    command: &AccountCommand,
    answer: &AccountAnswer,
) -> String {
    let reserved = |name: &Name, is_reserved| {
        let hint = arguments.hint(&format!("account release {name}"));
        if is_reserved {
            format!("; the name {name} is reserved until: {hint}")
        } else {
            String::new()
        }
    };
    match answer {
        AccountAnswer::Added { name } => {
            format!("added the account {name} with a password")
        }
        AccountAnswer::PasswordSet { name, had_password: true } => {
            format!("changed the password of the account {name}")
        }
        AccountAnswer::PasswordSet { name, had_password: false } => {
            format!("set a password for the account {name}, which had none")
        }
        AccountAnswer::PasswordRemoved { name, had_password: true } => {
            format!("removed the password of the account {name}")
        }
        AccountAnswer::PasswordRemoved { name, had_password: false } => {
            format!("the account {name} had no password")
        }
        AccountAnswer::Renamed { from, is_reserved } => {
            let to = match command {
                AccountCommand::Rename(to) => to,
                _ => name,
            };
            format!("renamed the account {from} to {to}{}", reserved(from, *is_reserved))
        }
        AccountAnswer::Deleted { name, unread, is_reserved } => {
            let messages = if *unread == 1 { "message" } else { "messages" };
            let reserved = reserved(name, *is_reserved);
            format!("deleted the account {name} and {unread} unread {messages}{reserved}")
        }
        AccountAnswer::Released => format!("the name {name} can be registered again"),
        AccountAnswer::BlockSet { name, set: Blocked { sender, is_blocked, is_new } } => {
            match (is_blocked, is_new) {
                (true, true) => {
                    format!("{name} has blocked {sender}: messages from it are refused")
                }
                (true, false) => format!("{name} has blocked {sender} already"),
                (false, true) => format!("{name} has unblocked {sender}"),
                (false, false) => format!("{name} has not blocked {sender}"),
            }
        }
        AccountAnswer::Blocked(_) => String::new(),
    }
}

impl Done {
    /// What the password file still says of the account.
    pub(super) fn what_remains(&self, file: &Path) -> String {
        let Self { name, in_file, .. } = self;
        if file.as_os_str().is_empty() {
            return String::new();
        }
        let (is_named, shown) = (passwords::names(file, name), file.display());
        match (in_file, is_named) {
            (InFile::Nothing, _) | (_, Ok(false)) => String::new(),
            (InFile::Overrides, Ok(true)) => format!(
                "; but the password file {shown} names it, too, and as long as it does, \
                 the password there is the one that counts"
            ),
            (InFile::Overrides, Err(error)) => {
                format!("; {error}; if it names {name}, the password there counts")
            }
            (InFile::Remove, Ok(true)) => {
                format!("; remove {name} from the password file {shown}, too")
            }
            (InFile::Remove, Err(error)) => format!("; {error}; if it names {name}, remove that"),
        }
    }
}
