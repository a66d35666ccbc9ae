//! Password checks: what they compare.

use postroom_model::{Name, Password, Peer};
use postroom_store::{AccountId, PasswordHash};

use crate::calls::RequestKey;
use crate::password::{self, Checker, SALT_BYTES};

/// A password to compare with a secret. That takes long: the driver runs the check on
/// another thread and passes the result to [`Office::checked`](crate::Office::checked).
#[derive(Debug)]
pub struct Check {
    pub(crate) login: RequestKey,
    pub(crate) name: Name,
    given: Option<Password>,
    against: Against,
    pub(crate) peer: Peer,
    /// The account has logged in from there before.
    pub(crate) is_known: bool,
    /// Set if the password is to be changed once it fits.
    pub(crate) change: Option<Change>,
}

/// A change of a password.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) account: AccountId,
    /// The new password.
    pub(crate) to: Password,
}

/// The secret that a password is compared with.
#[derive(Clone, Debug)]
pub(crate) enum Against {
    /// The hash in the store.
    Stored(PasswordHash),
    /// The password in the password file.
    File(Password),
    /// No secret: no password matches, but the check must take as long.
    Nothing,
    /// No secret either: the name is new, and the password is hashed for it.
    NewName,
}

/// A completed check.
#[derive(Debug)]
pub struct Checked {
    pub(crate) login: RequestKey,
    pub(crate) name: Name,
    pub(crate) peer: Peer,
    pub(crate) verdict: Verdict,
    /// Set if the password is to be changed: of which account, and the hash of the new one
    /// if the old one fits.
    pub(crate) change: Option<(AccountId, Option<PasswordHash>)>,
}

/// The result of a check.
#[derive(Debug)]
pub(crate) enum Verdict {
    Wrong,
    /// The password matches the hash in the store.
    FitsStored(PasswordHash),
    /// The password matches the password file.
    FitsFile,
    /// The password of a new name.
    Hashed(PasswordHash),
    /// It could not be hashed.
    NotHashed,
}

impl Check {
    pub(crate) fn new(
        login: RequestKey,
        name: Name,
        given: Option<Password>,
        against: Against,
        peer: Peer,
    ) -> Self {
        Self { login, name, given, against, peer, is_known: false, change: None }
    }

    /// Runs the check, which takes some ten milliseconds and 19 MiB of memory. Every
    /// check computes one hash, for any secret and any result, so that the time of the
    /// answer reveals nothing. A new password is hashed with this salt, which must be
    /// random.
    #[must_use]
    pub fn run(self, checker: &mut Checker, salt: [u8; SALT_BYTES]) -> Checked {
        let given = self.given.as_ref();
        if let Against::NewName = self.against {
            let hashed = given.and_then(|given| password::hash(given, salt).ok());
            let verdict = hashed.map_or(Verdict::NotHashed, Verdict::Hashed);
            return self.end(verdict, None);
        }
        let hash = match &self.against {
            Against::Stored(hash) => Some(hash),
            Against::File(_) | Against::Nothing | Against::NewName => None,
        };
        let fits_hash = checker.verify(given, hash);
        let verdict = match &self.against {
            Against::Stored(hash) if fits_hash => Verdict::FitsStored(hash.clone()),
            Against::File(password)
                if given.is_some_and(|given| password::are_same(given, password)) =>
            {
                Verdict::FitsFile
            }
            Against::Stored(_) | Against::File(_) | Against::Nothing | Against::NewName => {
                Verdict::Wrong
            }
        };
        let fits = matches!(verdict, Verdict::FitsStored(_));
        let change = self.change.as_ref().filter(|_| fits);
        let hash = change.and_then(|change| password::hash(&change.to, salt).ok());
        self.end(verdict, hash)
    }

    fn end(self, verdict: Verdict, changed: Option<PasswordHash>) -> Checked {
        let Self { login, name, peer, change, .. } = self;
        let change = change.map(|change| (change.account, changed));
        Checked { login, name, peer, verdict, change }
    }
}
