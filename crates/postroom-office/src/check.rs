//! Password checks: what they compare.

use postroom_model::{Name, Password, Peer};
use postroom_store::PasswordHash;

use crate::calls::RequestKey;
use crate::password::{self, Checker};

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
}

/// A completed check.
#[derive(Debug)]
pub struct Checked {
    pub(crate) login: RequestKey,
    pub(crate) name: Name,
    pub(crate) peer: Peer,
    pub(crate) verdict: Verdict,
}

/// The result of a check.
#[derive(Debug)]
pub(crate) enum Verdict {
    Wrong,
    /// The password matches the hash in the store.
    FitsStored(PasswordHash),
    /// The password matches the password file.
    FitsFile,
}

impl Check {
    pub(crate) fn new(
        login: RequestKey,
        name: Name,
        given: Option<Password>,
        against: Against,
        peer: Peer,
    ) -> Self {
        Self { login, name, given, against, peer, is_known: false }
    }

    /// Runs the check, which takes some ten milliseconds and 19 MiB of memory. Every
    /// check computes one hash, for any secret and any result, so that the time of the
    /// answer reveals nothing.
    #[must_use]
    pub fn run(self, checker: &mut Checker) -> Checked {
        let given = self.given.as_ref();
        let hash = match &self.against {
            Against::Stored(hash) => Some(hash),
            Against::File(_) | Against::Nothing => None,
        };
        let fits_hash = checker.verify(given, hash);
        let verdict = match self.against {
            Against::Stored(hash) if fits_hash => Verdict::FitsStored(hash),
            Against::File(password)
                if given.is_some_and(|given| password::are_same(given, &password)) =>
            {
                Verdict::FitsFile
            }
            Against::Stored(_) | Against::File(_) | Against::Nothing => Verdict::Wrong,
        };
        Checked { login: self.login, name: self.name, peer: self.peer, verdict }
    }
}
