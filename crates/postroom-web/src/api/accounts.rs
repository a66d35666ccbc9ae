//! Accounts.

use postroom_engine::AccountAnswer;
use postroom_model::Blocked;
use postroom_store::{AccountSummary, Standing};
use serde::{Deserialize, Serialize};

use super::time::Time;

/// What is to be done with an account: the body of `POST /v1/account`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AccountOrder {
    /// Add it.
    Add {
        /// Its name.
        account: String,
        /// Its password.
        password: String,
    },
    /// Add it, with what it had elsewhere.
    Import {
        /// Its name.
        account: String,
        /// Its password.
        password: String,
        /// The senders that it blocks.
        blocked: Vec<String>,
        /// What is unread in its mailbox, the earliest first.
        messages: Vec<ImportMessage>,
    },
    /// Set its password.
    Passwd {
        /// Its name.
        account: String,
        /// Its new password.
        password: String,
    },
    /// Remove its password.
    RemovePassword {
        /// Its name.
        account: String,
    },
    /// Give it another name.
    Rename {
        /// Its name.
        account: String,
        /// Its new name.
        to: String,
    },
    /// Delete it.
    Delete {
        /// Its name.
        account: String,
    },
    /// Release its reserved name.
    Release {
        /// The name.
        account: String,
    },
    /// Refuse the messages of a sender.
    Block {
        /// Its name.
        account: String,
        /// Whose messages.
        sender: String,
    },
    /// Accept them again.
    Unblock {
        /// Its name.
        account: String,
        /// Whose messages.
        sender: String,
    },
    /// Tell whom it has blocked.
    Blocked {
        /// Its name.
        account: String,
    },
}

/// A message of an import.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ImportMessage {
    /// Who has written it.
    pub sender: String,
    /// When it was stored. A time to come is now.
    pub time: Time,
    /// What it says.
    pub text: String,
}

/// What was done: the answer to an [`AccountOrder`]. Names are as first registered.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "done", rename_all = "kebab-case")]
pub enum AccountDone {
    /// The account is added.
    Added {
        /// Its name.
        account: String,
    },
    /// The account is added, with what it had elsewhere.
    Imported {
        /// Its name.
        account: String,
        /// Senders that it has blocked.
        blocked: usize,
        /// Messages in its mailbox.
        messages: usize,
    },
    /// Its password is set.
    PasswordSet {
        /// Its name.
        account: String,
        /// Whether it had another one.
        had_password: bool,
        /// Whether the password file has a line for it, whose password counts.
        in_password_file: bool,
    },
    /// It has no password any more.
    PasswordRemoved {
        /// Its name.
        account: String,
        /// Whether it had one.
        had_password: bool,
    },
    /// It has another name.
    Renamed {
        /// The name that it had.
        account: String,
        /// Its new name.
        to: String,
        /// Whether that is reserved.
        is_reserved: bool,
    },
    /// It is deleted.
    Deleted {
        /// Its name.
        account: String,
        /// Unread messages that are gone with it.
        unread: u32,
        /// Posts that are gone with it, each counted once for each of its channels.
        posts: u32,
        /// Whether the name is reserved.
        is_reserved: bool,
    },
    /// Its name is released.
    Released {
        /// The name.
        account: String,
    },
    /// The sender is blocked, or no longer.
    BlockSet {
        /// Its name.
        account: String,
        /// The sender.
        sender: String,
        /// Whether the sender is blocked now.
        is_blocked: bool,
        /// Whether it was not so before.
        is_new: bool,
    },
    /// Whom it has blocked.
    Blocked {
        /// The senders, in the order in which it did.
        senders: Vec<String>,
    },
}

impl From<AccountAnswer> for AccountDone {
    fn from(answer: AccountAnswer) -> Self {
        match answer {
            AccountAnswer::Added { name } => Self::Added { account: name.to_string() },
            AccountAnswer::Imported { name, blocked, messages } => {
                Self::Imported { account: name.to_string(), blocked, messages }
            }
            AccountAnswer::PasswordSet { name, had_password, is_overridden } => {
                let (account, in_password_file) = (name.to_string(), is_overridden);
                Self::PasswordSet { account, had_password, in_password_file }
            }
            AccountAnswer::PasswordRemoved { name, had_password } => {
                Self::PasswordRemoved { account: name.to_string(), had_password }
            }
            AccountAnswer::Renamed { from, to, is_reserved } => {
                let (account, to) = (from.to_string(), to.to_string());
                Self::Renamed { account, to, is_reserved }
            }
            AccountAnswer::Deleted { name, unread, posts, is_reserved } => {
                Self::Deleted { account: name.to_string(), unread, posts, is_reserved }
            }
            AccountAnswer::Released { name } => Self::Released { account: name.to_string() },
            AccountAnswer::BlockSet { name, set: Blocked { sender, is_blocked, is_new } } => {
                let (account, sender) = (name.to_string(), sender.to_string());
                Self::BlockSet { account, sender, is_blocked, is_new }
            }
            AccountAnswer::Blocked(senders) => {
                Self::Blocked { senders: senders.iter().map(ToString::to_string).collect() }
            }
        }
    }
}

/// A page of `GET /v1/accounts`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct AccountPage {
    /// Accounts and reserved names, in the order of their registration.
    pub accounts: Vec<AccountLine>,
    /// `?from=` of the next page, if there is one.
    pub next: Option<u32>,
}

/// An account or a reserved name.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct AccountLine {
    /// The name, as first registered.
    pub account: String,
    /// Unread messages.
    pub unread: u32,
    /// Who can log in: `open`, `password` or `reserved`.
    pub login: String,
}

impl From<AccountSummary> for AccountLine {
    fn from(AccountSummary { name, unread, standing }: AccountSummary) -> Self {
        let login = match standing {
            Standing::Open => "open",
            Standing::Password => "password",
            Standing::Reserved => "reserved",
        };
        Self { account: name.to_string(), unread, login: login.to_owned() }
    }
}
