//! Accounts, as stores know them.

use std::fmt;

use postroom_model::Name;

/// An account within its store. That of an evicted account may become another's.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AccountId(pub u32);

/// Who writes a message or a post.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Sender {
    /// An account.
    Account(AccountId),
    /// Clients of HTTP that have not logged in, all of them as one.
    Web,
}

impl Sender {
    /// The account, if it is one.
    #[must_use]
    pub fn account(self) -> Option<AccountId> {
        match self {
            Self::Account(account) => Some(account),
            Self::Web => None,
        }
    }
}

impl From<AccountId> for Sender {
    fn from(account: AccountId) -> Self {
        Self::Account(account)
    }
}

/// A password hash in the PHC string format.
#[derive(Clone, Eq, PartialEq)]
pub struct PasswordHash(pub Box<str>);

impl PasswordHash {
    /// For stores: a hash as it was stored, if these bytes can be one.
    #[must_use]
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        let is_hash = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic);
        is_hash.then(|| Self(String::from_utf8_lossy(bytes).into()))
    }

    /// For stores: stands for a hash that is damaged. No password fits it, so its
    /// account stays locked.
    #[must_use]
    pub fn unusable() -> Self {
        Self("*".into())
    }
}

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
    /// Who can log in to it.
    pub standing: Standing,
}

/// Who can log in to an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It has no password.
    Open,
    /// It has a password.
    Password,
    /// Nobody: the account was deleted or renamed, and its name is reserved.
    Reserved,
}
