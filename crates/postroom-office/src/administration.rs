//! What operators do with accounts: on a running server, or on a store that no server uses.

use std::sync::Arc;

use postroom_model::{Blocked, Channel, Name};
use postroom_store::{
    AccountId, AccountRef, AccountSummary, Call, Import, Outcome, PasswordHash, PasswordOf,
    Standing,
};
use thiserror::Error;

/// What is to be done with an account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccountRequest {
    /// Its name.
    pub name: Name,
    /// What is to be done.
    pub command: AccountCommand,
}

/// What can be done with an account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AccountCommand {
    /// Add it, with this password.
    Add(PasswordHash),
    /// Add it, with what it had elsewhere.
    Import(Arc<Import>),
    /// Give it a password, or another one.
    SetPassword(PasswordHash),
    /// Remove its password.
    RemovePassword,
    /// Give it this name.
    Rename(Name),
    /// Delete it.
    Delete,
    /// Release its name, which is reserved since it was deleted or renamed.
    Release,
    /// Refuse the messages of a sender, or no longer.
    Block {
        /// Whose messages.
        sender: Name,
        /// Whether they are refused.
        is_blocked: bool,
    },
    /// Tell whom it has blocked.
    ListBlocked,
}

/// What was done, or is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AccountAnswer {
    /// `Add`.
    Added {
        /// The name of the account.
        name: Name,
    },
    /// `Import`.
    Imported {
        /// The name of the account.
        name: Name,
        /// Senders that it has blocked.
        blocked: usize,
        /// Messages in its mailbox.
        messages: usize,
    },
    /// `SetPassword`.
    PasswordSet {
        /// The name of the account, as first registered.
        name: Name,
        /// Whether it replaced another one.
        had_password: bool,
        /// Whether the password file has a line for it, whose password counts.
        is_overridden: bool,
    },
    /// `RemovePassword`.
    PasswordRemoved {
        /// The name of the account, as first registered.
        name: Name,
        /// Whether there was one.
        had_password: bool,
    },
    /// `Rename`.
    Renamed {
        /// The name that the account had.
        from: Name,
        /// The name that it has.
        to: Name,
        /// Whether that is reserved.
        is_reserved: bool,
    },
    /// `Delete`.
    Deleted {
        /// The name, as first registered.
        name: Name,
        /// Unread messages that are gone with it.
        unread: u32,
        /// Posts that are gone with it, each counted once for each of its channels.
        posts: u32,
        /// Whether the name is reserved.
        is_reserved: bool,
    },
    /// `Release`.
    Released {
        /// The name.
        name: Name,
    },
    /// `Block`.
    BlockSet {
        /// The name of the account, as first registered.
        name: Name,
        /// What is so.
        set: Blocked,
    },
    /// `ListBlocked`.
    Blocked(Vec<Name>),
}

/// Why nothing was done.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum AccountRefusal {
    /// There is no such account.
    #[error("there is no account {0}")]
    Unknown(Name),
    /// There is one, of this name.
    #[error("there is an account {0} already")]
    Exists(Name),
    /// The name is that of an account which was deleted or renamed.
    #[error("the name {0} is reserved: its account was deleted or renamed")]
    Reserved(Name),
    /// The password file has a line for it, and that would count again.
    #[error(
        "the password file has a line for {0}, which would count on; remove that line and reload \
         first"
    )]
    InPasswordFile(Name),
    /// The name is not reserved.
    #[error("the name {0} is not reserved")]
    NotReserved(Name),
    /// An account without a password cannot block.
    #[error("the account {0} has no password, and only an account with one can block senders")]
    HasNoPassword(Name),
    /// The account, or the store, has as many as it may.
    #[error("too many senders are blocked; unblock one first")]
    TooManyBlocked,
    /// There are as many accounts as there may be.
    #[error("there are as many accounts as there may be (accounts.max)")]
    TooManyAccounts,
    /// A mailbox does not hold as many messages.
    #[error("a mailbox holds {capacity} messages here (mailbox.capacity); nothing was changed")]
    MailboxTooSmall {
        /// How many it holds.
        capacity: u32,
    },
    /// The disk has no room for the change.
    #[error("the disk is full; nothing was changed")]
    DiskFull,
}

impl AccountRequest {
    /// The call that does it.
    #[must_use]
    pub fn call(&self) -> Call {
        let name = self.name.clone();
        match self.command.clone() {
            AccountCommand::Add(password) => {
                Call::SetPassword { name, password, of: PasswordOf::New }
            }
            AccountCommand::Import(import) => Call::Import { name, import },
            AccountCommand::SetPassword(password) => {
                Call::SetPassword { name, password, of: PasswordOf::Known }
            }
            AccountCommand::RemovePassword => Call::RemovePassword { name },
            AccountCommand::Rename(to) => Call::Rename { from: name, to },
            AccountCommand::Delete => Call::Delete { name },
            AccountCommand::Release => Call::ReleaseName { name },
            AccountCommand::Block { sender, is_blocked } => {
                Call::Block { account: AccountRef::Name(name), sender, is_blocked }
            }
            AccountCommand::ListBlocked => Call::ListBlocked { account: AccountRef::Name(name) },
        }
    }

    /// What the outcome of that call means.
    pub fn answer(&self, outcome: Outcome) -> Result<AccountAnswer, AccountRefusal> {
        Ok(match outcome {
            Outcome::PasswordSet { name, before: None } => AccountAnswer::Added { name },
            Outcome::PasswordSet { name, before } => {
                let had_password = before == Some(Standing::Password);
                AccountAnswer::PasswordSet { name, had_password, is_overridden: false }
            }
            Outcome::Imported { name } => self.imported(name),
            Outcome::PasswordRemoved { name, had_password } => {
                AccountAnswer::PasswordRemoved { name, had_password }
            }
            Outcome::Renamed { from, is_reserved, .. } => {
                AccountAnswer::Renamed { from, to: self.new_name().clone(), is_reserved }
            }
            Outcome::Deleted { name, unread, posts, is_reserved, .. } => {
                AccountAnswer::Deleted { name, unread, posts, is_reserved }
            }
            Outcome::NameReleased => AccountAnswer::Released { name: self.name.clone() },
            Outcome::BlockSet { name, set } => AccountAnswer::BlockSet { name, set },
            Outcome::BlockedNames(names) => AccountAnswer::Blocked(names),
            outcome => return Err(self.refusal(outcome)),
        })
    }

    fn imported(&self, name: Name) -> AccountAnswer {
        let (blocked, messages) = match &self.command {
            AccountCommand::Import(import) => (import.blocked.len(), import.messages.len()),
            _ => (0, 0),
        };
        AccountAnswer::Imported { name, blocked, messages }
    }

    /// The name that the account is to have.
    fn new_name(&self) -> &Name {
        match &self.command {
            AccountCommand::Rename(to) => to,
            _ => &self.name,
        }
    }

    fn refusal(&self, outcome: Outcome) -> AccountRefusal {
        let name = self.name.clone();
        match (outcome, &self.command) {
            (Outcome::AccountExists { name }, _) => AccountRefusal::Exists(name),
            (Outcome::NameReserved, _) => AccountRefusal::Reserved(self.new_name().clone()),
            (Outcome::HasNoPassword, _) => AccountRefusal::HasNoPassword(name),
            (Outcome::TooManyBlocked, _) => AccountRefusal::TooManyBlocked,
            (Outcome::TooManyAccounts, _) => AccountRefusal::TooManyAccounts,
            (Outcome::DiskFull, _) => AccountRefusal::DiskFull,
            (Outcome::MailboxFull { capacity, .. }, _) => {
                AccountRefusal::MailboxTooSmall { capacity }
            }
            (_, AccountCommand::Release) => AccountRefusal::NotReserved(name),
            _ => AccountRefusal::Unknown(name),
        }
    }
}

/// Tells the answer to one question of an operator from others. The driver chooses it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct AdminTicket(pub usize);

/// What is under way for an operator.
#[derive(Debug)]
pub(crate) enum Administered {
    Account(AccountRequest),
    Accounts,
    Channels,
    DeleteChannel(Channel),
}

/// What came of a question about accounts.
#[derive(Debug)]
pub enum AboutAccounts {
    /// It was carried out, or refused.
    Account(Result<AccountAnswer, AccountRefusal>),
    /// A page of accounts and reserved names.
    Accounts {
        /// They, in the order of their registration.
        accounts: Vec<AccountSummary>,
        /// Where the next page begins, if there is one.
        next: Option<AccountId>,
    },
    /// The store cannot carry it out now.
    Unavailable,
    /// The store cannot say whether it was carried out.
    Unknown,
}
