//! When password checks begin, and the password file that some of them need.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use postroom_model::{Name, Network, Password};

use crate::calls::RequestKey;
use crate::check::{Check, Checked, Verdict};
use crate::check_queue::{CheckQueue, Next};
use crate::failed_logins::FailedLogins;
use crate::file_passwords::Table;

/// The limits of logins with a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LoginLimits {
    /// Logins that may wait for their check.
    pub checks_max: usize,
    /// Those that may come from one network.
    pub checks_per_network_max: usize,
    /// The longest delay between checks of an account after failed logins.
    pub account_delay_max: Duration,
    /// The longest delay between checks of a network after failed logins.
    pub network_delay_max: Duration,
}

impl Default for LoginLimits {
    fn default() -> Self {
        Self {
            checks_max: 256,
            checks_per_network_max: 128,
            account_delay_max: Duration::from_secs(10),
            network_delay_max: Duration::from_secs(5),
        }
    }
}

/// The checks that have not begun, and the password file.
#[derive(Debug)]
pub(crate) struct Checks {
    waiting: CheckQueue,
    failed: FailedLogins,
    /// Refusals that are withheld, in the order of their times.
    withheld: BTreeMap<(Instant, u64), Checked>,
    /// How many there have been.
    withheld_ever: u64,
    /// When the first of the waiting checks may begin; known until another is added.
    not_before: Option<Instant>,
    /// The names and passwords of the password file.
    secrets: Table,
}

impl Checks {
    pub(crate) fn new(limits: LoginLimits) -> Self {
        Self {
            waiting: CheckQueue::new(limits.checks_max, limits.checks_per_network_max),
            failed: FailedLogins::new(limits.account_delay_max, limits.network_delay_max),
            withheld: BTreeMap::new(),
            withheld_ever: 0,
            not_before: None,
            secrets: Table::default(),
        }
    }

    pub(crate) fn set_limits(&mut self, limits: LoginLimits) {
        let LoginLimits { checks_max, checks_per_network_max, .. } = limits;
        self.waiting.set_limits(checks_max, checks_per_network_max);
        self.failed.set_limits(limits.account_delay_max, limits.network_delay_max);
    }

    /// Checks that wait, and those that may.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        self.waiting.len()
    }

    /// Adds a check. At a limit returns the one that is evicted.
    pub(crate) fn add(&mut self, mut check: Check) -> Option<Check> {
        self.not_before = None;
        check.is_known = self.failed.is_known(&check.name, check.peer.network);
        self.waiting.add(check)
    }

    /// Removes the check of a login that is over, if it waits.
    pub(crate) fn remove(&mut self, login: RequestKey, name: &Name, network: Network) {
        self.waiting.remove(login, name, network);
    }

    /// Takes the next check that may begin.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Check> {
        if self.waiting.is_empty() || self.not_before.is_some_and(|at| now < at) {
            return None;
        }
        match self.waiting.take(now, &self.failed) {
            Next::Check(mut check) => {
                check.withheld_for = self.failed.begin(&check.name, check.peer, now);
                Some(check)
            }
            Next::NotBefore(at) => {
                self.not_before = at;
                None
            }
        }
    }

    /// When the next check may begin, if all of them wait for that.
    pub(crate) fn not_before(&self) -> Option<Instant> {
        let withheld = self.withheld.keys().next().map(|(at, _)| *at);
        let waiting = self.not_before.filter(|_| !self.waiting.is_empty());
        [withheld, waiting].into_iter().flatten().min()
    }

    /// Keeps a result that must not be told yet: the check of an account that has logged in
    /// from the same network before begins at once, and nobody there may learn from the time
    /// of a refusal which accounts those are.
    pub(crate) fn withhold(&mut self, checked: Checked, now: Instant) -> Option<Checked> {
        let is_refused = matches!(checked.verdict, Verdict::Wrong | Verdict::ChangesNothing);
        if !is_refused || checked.withheld_for.is_zero() {
            return Some(checked);
        }
        self.withheld_ever += 1;
        self.withheld.insert((now + checked.withheld_for, self.withheld_ever), checked);
        None
    }

    /// Takes a result that was withheld until now.
    pub(crate) fn take_withheld(&mut self, now: Instant) -> Option<Checked> {
        let first = self.withheld.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// Notes the result of a check.
    pub(crate) fn note(&mut self, checked: &Checked, now: Instant) {
        // A success lets checks of the account begin earlier.
        self.not_before = None;
        match checked.verdict {
            Verdict::Wrong | Verdict::ChangesNothing => {
                self.failed.failed(&checked.name, checked.peer, now);
            }
            Verdict::FitsStored(_) | Verdict::FitsFile | Verdict::Changes { .. } => {
                self.failed.succeeded(checked.name.clone(), checked.peer);
            }
            Verdict::Hashed(_) | Verdict::NotHashed => {}
        }
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
