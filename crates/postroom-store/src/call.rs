//! The calls of a store and what they come to.

use std::fmt;

use postroom_model::{Name, Text};

/// An account within its store; never reused.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct AccountId(pub u32);

/// One atomic change or question.
#[derive(Debug)]
pub enum Call {
    /// Opens an account, registering an unknown name.
    Open {
        /// Whose.
        name: Name,
        /// What has been proved about its password.
        key: Key,
    },
    /// Adds a message to a mailbox if there is room, registering an unknown
    /// recipient.
    Append {
        /// Who writes.
        sender: AccountId,
        /// Whose mailbox.
        recipient: Name,
        /// What is written.
        text: Text,
    },
    /// Takes the earliest message that waits, so that no one else gets it.
    Lease {
        /// Whose mailbox.
        account: AccountId,
    },
    /// Removes what was leased.
    Confirm {
        /// What its reader has proved to have.
        leases: Vec<Lease>,
    },
    /// Puts what was leased back in its place.
    Return {
        /// What may not have arrived.
        leases: Vec<Lease>,
    },
    /// Sets or replaces the password of an account, registering an unknown name.
    SetPassword {
        /// Whose.
        name: Name,
        /// The new one.
        password: PasswordHash,
    },
    /// Tells all accounts, in the order of their registration.
    ListAccounts,
}

/// What has been proved about the password of an account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Key {
    /// Nothing.
    None,
    /// Knowledge of the password behind this hash.
    Verified(PasswordHash),
}

/// What a [`Call`] came to.
#[derive(Debug)]
pub enum Outcome {
    /// `Open`: here is the account.
    Opened {
        /// The account.
        account: AccountId,
        /// Its name as first registered.
        name: Name,
        /// Whether this call registered it.
        registered: bool,
        /// Messages in its mailbox, leased ones included.
        unread: u32,
    },
    /// `Open`: the key does not fit; verify this one.
    Locked {
        /// The account's password.
        password: PasswordHash,
    },
    /// `Append`: the message is stored.
    Appended {
        /// Whether the recipient was registered by it.
        registered: bool,
    },
    /// `Append`: the mailbox holds as much as it may.
    MailboxFull {
        /// The recipient as first registered.
        recipient: Name,
        /// Messages that a mailbox holds.
        capacity: u32,
    },
    /// `Lease`: the earliest message that waited.
    Leased {
        /// To be confirmed or returned.
        lease: Lease,
        /// Who wrote it.
        sender: Name,
        /// What it says.
        text: Text,
        /// Messages that still wait, leased ones left out.
        remaining: u32,
    },
    /// `Lease`: none waits.
    NoneWaits,
    /// `Confirm`: the messages are gone.
    Confirmed,
    /// `Return`: the messages wait again. `Confirm`: the disk had no room even
    /// to note the removal, and so they wait again.
    Returned,
    /// `SetPassword`: done.
    PasswordSet {
        /// Whether the account was registered by it.
        registered: bool,
    },
    /// `ListAccounts`: all of them.
    Accounts(Vec<AccountSummary>),
    /// The disk has less room than the reserve; nothing was stored.
    DiskFull,
    /// There are as many accounts as there may be; nothing was stored.
    TooManyAccounts,
}

/// The right to one message: its holder must confirm or return it.
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a lease that is neither confirmed nor returned keeps its message from everyone"]
pub struct Lease {
    account: AccountId,
    sequence: u64,
}

impl Lease {
    /// For store implementations alone: the right to the message with this
    /// sequence number, which from now on no one else is given.
    pub fn new(account: AccountId, sequence: u64) -> Self {
        Self { account, sequence }
    }

    /// Whose mailbox the message is in.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The place of the message in its mailbox: earlier ones have lower numbers.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}

/// A password hash in the PHC string format.
#[derive(Clone, Eq, PartialEq)]
pub struct PasswordHash(pub Box<str>);

/// Shows nothing of the hash.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(..)")
    }
}

/// One line of the list of accounts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccountSummary {
    /// The name as first registered.
    pub name: Name,
    /// Messages in its mailbox.
    pub unread: u32,
    /// Whether it has a password.
    pub has_password: bool,
}
