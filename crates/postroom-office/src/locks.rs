//! Locks in the store for the accounts of the password file.
//!
//! Without a lock in the store, an account would need no password once its line is
//! removed from the file. If the store has no room for a lock, the office itself
//! refuses the name once the file no longer has it, and retries the lock.

use std::collections::{HashSet, VecDeque};

use postroom_model::Name;
use postroom_store::{Call, End, Outcome, PasswordHash, PasswordOf, Store};

use crate::Office;
use crate::calls::Origin;
use crate::file_passwords::NewNames;
use crate::output::{Operator, Output};
use crate::password::FROM_FILE;

/// Maximum failed locks to retry at a time. A full disk refuses each, and logins must
/// not wait for all of them.
const RETRIES_MAX: usize = 64;

/// Maximum names to lock in one group, since all sessions wait for the group. The other
/// names of a long file wait; the office refuses them itself meanwhile.
const LOCKS_PER_GROUP_MAX: usize = 256;

/// The locks that the store has not confirmed.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    /// Names whose lock was not tried yet: one batch per reading of the file with new
    /// names.
    waiting: VecDeque<NewNames>,
    /// Names whose lock is under way or has failed.
    unlocked: HashSet<Name>,
    under_way: usize,
    failed: VecDeque<Name>,
    /// The operator has been told that some have failed.
    is_reported: bool,
}

impl Locks {
    /// Whether this name must be locked and the store has not locked it yet.
    pub(crate) fn is_missing(&self, name: &Name) -> bool {
        self.unlocked.contains(name) || self.waiting.iter().any(|batch| batch.contains(name))
    }

    /// Whether there are names whose lock was not tried yet.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether the next of them can be tried now.
    pub(crate) fn can_begin(&self) -> bool {
        self.has_waiting() && self.under_way == 0
    }

    /// Adds names to be locked.
    pub(crate) fn add(&mut self, names: NewNames) {
        if !names.is_empty() {
            self.waiting.push_back(names);
        }
    }

    fn take_waiting(&mut self) -> Option<Name> {
        let batch = self.waiting.front_mut()?;
        let name = batch.take();
        if batch.is_empty() {
            self.waiting.pop_front();
        }
        name
    }

    fn begin(&mut self, name: Name) {
        self.unlocked.insert(name);
        self.under_way += 1;
    }

    /// Handles the result of a lock; returns a message to the operator, if there is
    /// one.
    fn end(&mut self, name: Name, is_locked: bool) -> Option<Operator> {
        self.under_way -= 1;
        if is_locked {
            self.unlocked.remove(&name);
        } else {
            self.failed.push_back(name);
        }
        match (is_locked, self.is_reported) {
            (false, false) => {
                self.is_reported = true;
                Some(Operator::NotLocked)
            }
            (true, true) if self.unlocked.is_empty() && self.waiting.is_empty() => {
                self.is_reported = false;
                Some(Operator::AllLocked)
            }
            _ => None,
        }
    }
}

impl<S: Store> Office<S> {
    /// Makes the calls that lock waiting names of the password file, once the previous
    /// ones are completed.
    pub(crate) fn submit_locks(&mut self) {
        if self.locks.under_way > 0 {
            return;
        }
        for _ in 0..LOCKS_PER_GROUP_MAX {
            let Some(name) = self.locks.take_waiting() else {
                return;
            };
            // A name that was in the file before is locked already, or its lock is
            // retried.
            if !self.locks.unlocked.contains(&name) {
                self.lock(name);
            }
        }
    }

    /// Makes the call that locks a name of the password file.
    fn lock(&mut self, name: Name) {
        self.locks.begin(name.clone());
        let password = PasswordHash(FROM_FILE.into());
        self.submit(
            Origin::Lock(name.clone()),
            Call::SetPassword { name, password, of: PasswordOf::Anyone },
        );
    }

    /// Handles the result of a lock.
    pub(crate) fn lock_ended(&mut self, name: Name, end: &End) {
        let is_locked = match end {
            // Nobody opens a name that is reserved, its password in the file or not.
            End::Done(outcome) => {
                matches!(outcome.get(), Outcome::PasswordSet { .. } | Outcome::NameReserved)
            }
            End::Unavailable | End::Unknown => false,
        };
        self.outputs.extend(self.locks.end(name, is_locked).map(Output::Operator));
    }

    /// Retries failed locks.
    pub(crate) fn retry_locks(&mut self) {
        for _ in 0..RETRIES_MAX.min(self.locks.failed.len()) {
            if let Some(name) = self.locks.failed.pop_front() {
                self.lock(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Bench, file, owned};
    use crate::{PasswordTables, PasswordsRead};

    fn told(bench: &mut Bench) -> Vec<Operator> {
        bench.settle();
        let outputs = std::mem::take(&mut bench.outputs).into_iter();
        let operator = outputs.filter_map(|output| match output {
            Output::Operator(told) => Some(told),
            _ => None,
        });
        operator.collect()
    }

    #[test]
    fn a_lock_that_failed_is_tried_again_and_its_name_is_never_open() {
        let mut bench = Bench::new();
        assert!(bench.opens("bob", None) && bench.opens("ann", None));
        bench.disk.set_full(true);
        bench.office.set_passwords(file(&[("bob", "bobs"), ("ann", "anns")]));
        assert!(matches!(told(&mut bench)[..], [Operator::NotLocked]));
        assert!(bench.opens("bob", Some("bobs")) && !bench.opens("bob", None));
        // The file no longer has bob, and the store never locked the account.
        bench.office.passwords_read(PasswordsRead::Changed(file(&[("ann", "anns")])));
        assert!(told(&mut bench).is_empty(), "told once");
        assert!(!bench.is_locked("bob"));
        assert!(!bench.opens("bob", None) && !bench.opens("bob", Some("bobs")));
        bench.disk.set_full(false);
        bench.office.passwords_read(PasswordsRead::Unreadable);
        assert!(matches!(told(&mut bench)[..], [Operator::AllLocked]));
        assert!(bench.is_locked("bob") && bench.is_locked("ann"));
        assert!(!bench.opens("bob", None));
    }

    fn locked(bench: &Bench, names: &[String]) -> usize {
        names.iter().filter(|name| bench.is_locked(name)).count()
    }

    #[test]
    fn the_names_of_a_long_file_are_locked_a_few_at_a_time_and_none_is_open_meanwhile() {
        let mut bench = Bench::new();
        let names: Vec<_> = (0..1_000).map(|number| format!("user{number}")).collect();
        let lines: Vec<_> = names.iter().map(|name| (name.as_str(), "secret")).collect();
        let mut tables = PasswordTables::default();
        bench.office.use_password_file(tables.next(owned(&lines), &[]));
        bench.settle_once();
        assert_eq!(locked(&bench, &names), LOCKS_PER_GROUP_MAX);
        // The file no longer has most of them, and one is added again.
        bench.office.passwords_read(PasswordsRead::Changed(tables.next(owned(&lines[..1]), &[])));
        bench.office.passwords_read(PasswordsRead::Changed(tables.next(owned(&lines[998..]), &[])));
        let last = Name::new(&names[997]).unwrap();
        assert!(bench.office.locks.is_missing(&last));
        bench.settle_once();
        assert_eq!(locked(&bench, &names), 2 * LOCKS_PER_GROUP_MAX);
        assert!(bench.office.locks.is_missing(&last) && bench.office.has_work());
        bench.settle();
        assert_eq!(locked(&bench, &names), names.len());
        assert!(!bench.office.locks.is_missing(&last) && !bench.office.locks.has_waiting());
    }

    #[test]
    fn locks_that_fail_are_tried_again_a_few_at_each_reading() {
        let mut bench = Bench::new();
        let names: Vec<_> = (0..1_000).map(|number| format!("user{number}")).collect();
        let lines: Vec<_> = names.iter().map(|name| (name.as_str(), "secret")).collect();
        bench.disk.set_full(true);
        let mut tables = PasswordTables::default();
        bench.office.use_password_file(tables.next(owned(&lines), &[]));
        bench.settle();
        bench.disk.set_full(false);
        // A name that was removed from the file and added again does not wait twice.
        for lines in [&lines[1..], &lines[..]] {
            let reading = tables.next(owned(lines), &[]);
            bench.office.passwords_read(PasswordsRead::Changed(reading));
        }
        bench.settle();
        assert_eq!(locked(&bench, &names), 2 * RETRIES_MAX);
        assert_eq!(bench.office.locks.failed.len(), names.len() - 2 * RETRIES_MAX);
    }
}
