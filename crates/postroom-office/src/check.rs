//! The queue of password checks.

use std::collections::VecDeque;

use postroom_model::{Name, Password};
use postroom_store::PasswordHash;

use crate::calls::RequestKey;
use crate::file_passwords::Table;
use crate::password::{self, Checker};

/// Maximum waiting checks per account; further logins are refused.
const CHECKS_PER_ACCOUNT_MAX: usize = 16;

/// A password to compare with a secret. That takes long: the driver runs the check on
/// another thread and passes the result to [`Office::checked`](crate::Office::checked).
#[derive(Debug)]
pub struct Check {
    login: RequestKey,
    name: Name,
    given: Option<Password>,
    against: Against,
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
    ) -> Self {
        Self { login, name, given, against }
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
        Checked { login: self.login, name: self.name, verdict }
    }
}

/// The checks that have not started, and the password file.
#[derive(Debug)]
pub(crate) struct Checks {
    waiting: VecDeque<Check>,
    waiting_max: usize,
    /// The names and passwords of the password file.
    secrets: Table,
}

impl Checks {
    pub(crate) fn new(waiting_max: usize) -> Self {
        Self { waiting: VecDeque::new(), waiting_max, secrets: Table::default() }
    }

    /// Adds a check, if the queue has room; returns whether it has.
    pub(crate) fn add(&mut self, check: Check) -> bool {
        let of_account = self.waiting.iter().filter(|other| other.name == check.name).count();
        let has_room = self.waiting.len() < self.waiting_max && of_account < CHECKS_PER_ACCOUNT_MAX;
        if has_room {
            self.waiting.push_back(check);
        }
        has_room
    }

    /// Takes the earliest check whose login is still under way.
    pub(crate) fn take(&mut self, is_under_way: impl Fn(RequestKey) -> bool) -> Option<Check> {
        while let Some(check) = self.waiting.pop_front() {
            if is_under_way(check.login) {
                return Some(check);
            }
        }
        None
    }

    /// The password of a name in the password file.
    pub(crate) fn secret(&self, name: &Name) -> Option<&Password> {
        self.secrets.get(name)
    }

    /// Replaces the passwords of the password file.
    pub(crate) fn set_secrets(&mut self, secrets: Table) {
        self.secrets = secrets;
    }
}
