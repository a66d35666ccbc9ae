//! When password checks begin, and the password file that some of them need.

use postroom_model::{Name, Network, Password};

use crate::calls::RequestKey;
use crate::check::Check;
use crate::check_queue::CheckQueue;
use crate::file_passwords::Table;

/// The limits of logins with a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LoginLimits {
    /// Logins that may wait for their check.
    pub checks_max: usize,
    /// Those that may come from one network.
    pub checks_per_network_max: usize,
}

impl Default for LoginLimits {
    fn default() -> Self {
        Self { checks_max: 256, checks_per_network_max: 128 }
    }
}

/// The checks that have not begun, and the password file.
#[derive(Debug)]
pub(crate) struct Checks {
    waiting: CheckQueue,
    /// The names and passwords of the password file.
    secrets: Table,
}

impl Checks {
    pub(crate) fn new(limits: LoginLimits) -> Self {
        Self {
            waiting: CheckQueue::new(limits.checks_max, limits.checks_per_network_max),
            secrets: Table::default(),
        }
    }

    /// Adds a check. At a limit returns the one that is evicted.
    pub(crate) fn add(&mut self, check: Check) -> Option<Check> {
        self.waiting.add(check)
    }

    /// Removes the check of a login that is over, if it waits.
    pub(crate) fn remove(&mut self, login: RequestKey, name: &Name, network: Network) {
        self.waiting.remove(login, name, network);
    }

    /// Takes the next check.
    pub(crate) fn take(&mut self) -> Option<Check> {
        self.waiting.take()
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
