//! What was done, in words.

use std::path::Path;

use postroom_model::Name;
use postroom_web::AccountDone;

use super::AccountArguments;
use super::export::plural;
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
    /// That overrides the password, as the server says.
    IsOverridden,
}

/// What an order has come to, in one sentence.
pub(super) fn done(arguments: &AccountArguments, done: &AccountDone) -> String {
    let reserved = |name: &str, is_reserved| {
        let hint = arguments.folder.hint(&format!("account release {name}"));
        if is_reserved {
            format!("; the name {name} is reserved until: {hint}")
        } else {
            String::new()
        }
    };
    match done {
        AccountDone::Added { account } => format!("added the account {account} with a password"),
        AccountDone::Imported { account, blocked, messages } => format!(
            "imported the account {account} with a password, {} and {}",
            plural(*messages as u64, "unread message"),
            plural(*blocked as u64, "blocked sender"),
        ),
        AccountDone::PasswordSet { account, had_password: true, .. } => {
            format!("changed the password of the account {account}")
        }
        AccountDone::PasswordSet { account, had_password: false, .. } => {
            format!("set a password for the account {account}, which had none")
        }
        AccountDone::PasswordRemoved { account, had_password: true } => {
            format!("removed the password of the account {account}")
        }
        AccountDone::PasswordRemoved { account, had_password: false } => {
            format!("the account {account} had no password")
        }
        AccountDone::Renamed { account, to, is_reserved } => {
            format!("renamed the account {account} to {to}{}", reserved(account, *is_reserved))
        }
        AccountDone::Deleted { account, unread, posts, is_reserved } => {
            let messages = if *unread == 1 { "message" } else { "messages" };
            let posted = if *posts == 1 { "post" } else { "posts" };
            let reserved = reserved(account, *is_reserved);
            format!(
                "deleted the account {account}, {unread} unread {messages} and \
                 {posts} {posted}{reserved}"
            )
        }
        AccountDone::Released { account } => format!("the name {account} can be registered again"),
        AccountDone::BlockSet { account, sender, is_blocked, is_new } => {
            match (is_blocked, is_new) {
                (true, true) => {
                    format!("{account} has blocked {sender}: messages from it are refused")
                }
                (true, false) => format!("{account} has blocked {sender} already"),
                (false, true) => format!("{account} has unblocked {sender}"),
                (false, false) => format!("{account} has not blocked {sender}"),
            }
        }
        AccountDone::Blocked { senders } => senders.join(" "),
    }
}

impl Done {
    /// What the password file still says of the account.
    pub(super) fn what_remains(&self, file: &Path) -> String {
        let Self { name, in_file, .. } = self;
        if matches!(in_file, InFile::IsOverridden) {
            return "; but the server's password file names it, too, and as long as it does, the \
                    password there is the one that counts"
                .to_owned();
        }
        if file.as_os_str().is_empty() {
            return String::new();
        }
        let (is_named, shown) = (passwords::names(file, name), file.display());
        match (in_file, is_named) {
            (InFile::Nothing | InFile::IsOverridden, _) | (_, Ok(false)) => String::new(),
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
