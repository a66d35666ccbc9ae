//! Password checks: what they compare.

use std::time::Duration;

use postroom_model::{Fault, Name, Password, Peer, faulty};
use postroom_store::{AccountId, PasswordHash};

use crate::calls::RequestKey;
use crate::password::{self, Checker, SALT_BYTES};

/// A password to compare with a secret, for a login or a change. That takes long: the driver runs the check on
/// another thread and passes the result to [`Office::checked`](crate::Office::checked).
#[derive(Debug)]
pub struct Check {
    pub(crate) request: RequestKey,
    pub(crate) name: Name,
    given: Password,
    against: Against,
    pub(crate) peer: Peer,
    /// The account has logged in from there before.
    pub(crate) is_known: bool,
    /// How long it would have waited otherwise: so long is a refusal withheld.
    pub(crate) withheld_for: Duration,
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
    /// The hash in the store, which another password is to replace.
    Change { account: AccountId, from: PasswordHash, to: Password },
}

/// A completed check.
#[derive(Debug)]
pub struct Checked {
    pub(crate) request: RequestKey,
    pub(crate) name: Name,
    pub(crate) peer: Peer,
    pub(crate) verdict: Verdict,
    /// How long a refusal is withheld.
    pub(crate) withheld_for: Duration,
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
    /// A new password could not be hashed.
    NotHashed,
    /// The old password matches: the hash of the new one.
    Changes {
        account: AccountId,
        from: PasswordHash,
        to: PasswordHash,
    },
    /// The old password is wrong.
    ChangesNothing,
}

impl Check {
    pub(crate) fn new(
        request: RequestKey,
        name: Name,
        given: Password,
        against: Against,
        peer: Peer,
    ) -> Self {
        let (is_known, withheld_for) = (false, Duration::ZERO);
        Self { request, name, given, against, peer, is_known, withheld_for }
    }

    /// Whether it is one for a change of a password, not for a login.
    pub(crate) fn is_for_change(&self) -> bool {
        matches!(self.against, Against::Change { .. })
    }

    /// Runs the check, which takes some ten milliseconds and 19 MiB of memory. Every check
    /// for a login computes one hash, for any secret and any result, so that the time of the
    /// answer reveals nothing. A new password is hashed with this salt, which must be random.
    #[must_use]
    pub fn run(self, checker: &mut Checker, salt: [u8; SALT_BYTES]) -> Checked {
        let Self { request, name, given, against, peer, withheld_for, .. } = self;
        let verdict = match against {
            Against::Stored(hash) if checker.verify(&given, &hash) => Verdict::FitsStored(hash),
            Against::Stored(_) => Verdict::Wrong,
            Against::File(password) => {
                checker.waste(&given);
                if password::are_same(&given, &password) {
                    Verdict::FitsFile
                } else {
                    Verdict::Wrong
                }
            }
            Against::Nothing => {
                checker.waste(&given);
                Verdict::Wrong
            }
            Against::NewName => match checker.hash(&given, salt) {
                Ok(hash) => Verdict::Hashed(hash),
                Err(_) => Verdict::NotHashed,
            },
            Against::Change { account, from, to }
                if checker.verify(&given, &from) || faulty(Fault::ChangeUnproved) =>
            {
                match checker.hash(&to, salt) {
                    Ok(to) => Verdict::Changes { account, from, to },
                    Err(_) => Verdict::NotHashed,
                }
            }
            Against::Change { .. } => Verdict::ChangesNothing,
        };
        Checked { request, name, peer, verdict, withheld_for }
    }
}
