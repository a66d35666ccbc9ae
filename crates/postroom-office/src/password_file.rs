//! When the password file is read, and the logins that wait for it.
//!
//! A login needs a read of the file that began at most [`FRESH_FOR`] before it, so that
//! a change takes effect within a second. One read is under way at a time, for all
//! waiting logins. A login waits at most [`WAIT_MAX`] and then goes on with the
//! passwords last read; while a read takes longer than that, as on a mount that hangs,
//! logins do not wait at all.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use postroom_model::SessionKey;
use postroom_store::Store;

use crate::output::{Operator, Output};
use crate::{FilePasswords, Office};

/// How long a read counts as recent, from its start.
const FRESH_FOR: Duration = Duration::from_millis(500);

/// How long a login waits for a read.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// A read of the password file, which the driver carries out on another thread.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PasswordRead {
    /// The operator asked for it and gets every result.
    pub is_asked: bool,
}

/// The result of a read.
#[derive(Debug)]
pub enum PasswordsRead {
    /// The file has not changed.
    Unchanged,
    /// The file has changed; its new passwords.
    Changed(FilePasswords),
    /// The file cannot be read; the passwords last read stay in force.
    Unreadable,
}

/// The state of reading the file.
#[derive(Debug, Default)]
pub(crate) struct PasswordFile {
    /// Logins requested since the last call with the time.
    newcomers: Vec<SessionKey>,
    /// Waiting logins, each with its start of waiting; at most one per session.
    waiting: BTreeSet<(Instant, SessionKey)>,
    under_way: Option<UnderWay>,
    /// When the last completed read began.
    last_begun: Option<Instant>,
    is_asked: bool,
    /// The operator has been told that reads take too long.
    is_reported: bool,
}

#[derive(Debug)]
struct UnderWay {
    begun: Instant,
    is_late: bool,
}

impl PasswordFile {
    pub(crate) fn add(&mut self, session: SessionKey) {
        self.newcomers.push(session);
    }

    pub(crate) fn has_newcomers(&self) -> bool {
        !self.newcomers.is_empty()
    }

    /// Removes a login that has waited since `since`.
    pub(crate) fn remove(&mut self, since: Instant, session: SessionKey) {
        self.waiting.remove(&(since, session));
    }

    /// Whether a login that has waited since `since` may go on.
    fn admits(&self, since: Instant, now: Instant) -> bool {
        let is_late = self.under_way.as_ref().is_some_and(|under_way| under_way.is_late);
        let is_fresh = self.last_begun.is_some_and(|begun| begun + FRESH_FOR >= since);
        is_late || is_fresh || since + WAIT_MAX <= now
    }

    fn take_admitted(&mut self, now: Instant) -> Option<SessionKey> {
        let (since, session) = *self.waiting.first()?;
        self.admits(since, now).then(|| {
            self.waiting.pop_first();
            session
        })
    }

    /// Notes if the read under way takes too long; returns whether the operator must be
    /// told.
    fn note_late(&mut self, now: Instant) -> bool {
        let Some(under_way) = &mut self.under_way else {
            return false;
        };
        under_way.is_late = under_way.begun + WAIT_MAX <= now;
        under_way.is_late && !std::mem::replace(&mut self.is_reported, true)
    }

    /// Begins a read if one is needed and none is under way.
    fn begin(&mut self, now: Instant) -> Option<PasswordRead> {
        let is_needed = self.is_asked || !self.waiting.is_empty();
        (is_needed && self.under_way.is_none()).then(|| {
            self.under_way = Some(UnderWay { begun: now, is_late: false });
            PasswordRead { is_asked: std::mem::take(&mut self.is_asked) }
        })
    }

    /// Notes the end of the read under way; returns whether the operator must be told
    /// that reads are in time again.
    fn end(&mut self) -> bool {
        let Some(UnderWay { begun, is_late }) = self.under_way.take() else {
            return false;
        };
        self.last_begun = Some(begun);
        !is_late && std::mem::take(&mut self.is_reported)
    }

    fn deadline(&self) -> Option<Instant> {
        let login = self.waiting.first().map(|(since, _)| *since);
        let read = self.under_way.as_ref().filter(|read| !read.is_late).map(|read| read.begun);
        [login, read].into_iter().flatten().min().map(|begun| begun + WAIT_MAX)
    }
}

impl<S: Store> Office<S> {
    /// Starts to use a password file, with its first reading. From now on logins need a
    /// recent one, see [`tend_logins`](Self::tend_logins).
    pub fn use_password_file(&mut self, first: FilePasswords) {
        self.file = Some(PasswordFile::default());
        self.set_passwords(first);
    }

    /// The operator asks for a read of the password file.
    pub fn ask_for_passwords(&mut self) {
        if let Some(file) = &mut self.file {
            file.is_asked = true;
            if file.under_way.as_ref().is_some_and(|under_way| under_way.is_late) {
                self.outputs.push_back(Output::Operator(Operator::PasswordsLate));
            }
        }
    }

    /// Whether a read of the password file was asked for, or is under way.
    #[must_use]
    pub fn reads_passwords(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.is_asked || file.under_way.is_some())
    }

    /// Continues the logins that no longer have to wait for the password file. Returns
    /// a read for the driver to carry out: its result goes to
    /// [`passwords_read`](Self::passwords_read). Call it before each
    /// [`next_job`](Self::next_job), and when
    /// [`logins_wait_until`](Self::logins_wait_until) passes.
    pub fn tend_logins(&mut self, now: Instant) -> Option<PasswordRead> {
        let file = self.file.as_mut()?;
        let newcomers = std::mem::take(&mut file.newcomers);
        if file.note_late(now) {
            self.outputs.push_back(Output::Operator(Operator::PasswordsLate));
        }
        for session in newcomers {
            if let Some(login) = self.login(session) {
                login.waits_since = Some(now);
                self.file.as_mut()?.waiting.insert((now, session));
            }
        }
        while let Some(session) = self.file.as_mut()?.take_admitted(now) {
            self.admit(session);
        }
        self.file.as_mut()?.begin(now)
    }

    /// The latest time for the next call of [`tend_logins`](Self::tend_logins).
    pub fn logins_wait_until(&self) -> Option<Instant> {
        self.file.as_ref()?.deadline()
    }

    /// Handles the result of a read.
    pub fn passwords_read(&mut self, read: PasswordsRead) {
        if self.file.as_mut().is_some_and(PasswordFile::end) {
            self.outputs.push_back(Output::Operator(Operator::PasswordsInTime));
        }
        self.retry_locks();
        if let PasswordsRead::Changed(passwords) = read {
            self.set_passwords(passwords);
        }
    }
}

#[cfg(test)]
mod tests {
    use postroom_model::Reply;

    use super::*;
    use crate::tests::{Bench, file};

    const ASKED_FOR_A_LOGIN: Option<PasswordRead> = Some(PasswordRead { is_asked: false });

    /// An office with a password file, and a function that makes times.
    fn bench() -> (Bench, impl Fn(u64) -> Instant) {
        let mut bench = Bench::new();
        bench.office.use_password_file(file(&[("bob", "old")]));
        bench.settle();
        #[expect(clippy::disallowed_methods, reason = "any time will do as the first")]
        let start = Instant::now();
        (bench, move |millis| start + Duration::from_millis(millis))
    }

    impl Bench {
        fn is_answered(&mut self, session: SessionKey) -> bool {
            self.settle();
            self.answer(session).is_some()
        }

        fn opens_at(&mut self, name: &str, given: &str, now: Instant) -> bool {
            let session = self.ask_to_enter(name, Some(given));
            self.office.tend_logins(now);
            self.settle();
            let is_in = matches!(self.answer(session), Some(Reply::LoggedIn { .. }));
            self.office.leave(session);
            self.settle();
            is_in
        }

        fn ends(&mut self, lines: &[(&str, &str)]) {
            self.office.passwords_read(PasswordsRead::Changed(file(lines)));
        }
    }

    #[test]
    fn logins_share_a_read_that_began_a_short_time_before_them() {
        let (mut bench, at) = bench();
        let first = bench.ask_to_enter("bob", Some("new"));
        assert_eq!(bench.office.tend_logins(at(0)), ASKED_FOR_A_LOGIN);
        let second = bench.ask_to_enter("ann", None);
        assert_eq!(bench.office.tend_logins(at(500)), None, "one at a time");
        let third = bench.ask_to_enter("cat", None);
        assert_eq!(bench.office.tend_logins(at(501)), None);
        assert!(!bench.is_answered(first) && !bench.is_answered(second));
        bench.ends(&[("bob", "new")]);
        // For the third login the file may have changed since the read began.
        assert_eq!(bench.office.tend_logins(at(600)), ASKED_FOR_A_LOGIN);
        assert!(bench.is_answered(first) && bench.is_answered(second));
        assert!(!bench.is_answered(third));
        bench.office.passwords_read(PasswordsRead::Unchanged);
        let fourth = bench.ask_to_enter("dan", None);
        assert_eq!(bench.office.tend_logins(at(1_100)), None, "the read is recent enough");
        assert!(bench.is_answered(third) && bench.is_answered(fourth));
        assert_eq!(bench.office.logins_wait_until(), None);
        bench.office.leave(first);
        assert!(bench.opens_at("bob", "new", at(1_100)));
    }

    #[test]
    fn no_login_waits_longer_than_its_limit_and_none_for_a_read_that_hangs() {
        let (mut bench, at) = bench();
        let first = bench.ask_to_enter("bob", Some("old"));
        assert_eq!(bench.office.tend_logins(at(0)), ASKED_FOR_A_LOGIN);
        assert_eq!(bench.office.logins_wait_until(), Some(at(1_000)));
        assert_eq!(bench.office.tend_logins(at(999)), None);
        assert!(!bench.is_answered(first));
        assert_eq!(bench.office.tend_logins(at(1_000)), None);
        assert!(bench.is_answered(first));
        assert!(
            matches!(bench.outputs[..], [Output::Operator(Operator::PasswordsLate), ..]),
            "{:?}",
            bench.outputs
        );
        bench.office.leave(first);
        assert!(!bench.opens_at("bob", "new", at(1_500)));
        assert_eq!(bench.office.logins_wait_until(), None);
        // The operator asks for a read, and is told that it failed.
        bench.outputs.clear();
        bench.office.ask_for_passwords();
        assert_eq!(bench.office.tend_logins(at(2_000)), None);
        bench.settle();
        assert!(
            matches!(bench.outputs[..], [Output::Operator(Operator::PasswordsLate)]),
            "{:?}",
            bench.outputs
        );
        bench.outputs.clear();
        bench.ends(&[("bob", "old")]);
        assert_eq!(bench.office.tend_logins(at(9_000)), Some(PasswordRead { is_asked: true }));
        bench.ends(&[("bob", "new")]);
        bench.settle();
        assert!(
            matches!(bench.outputs[..], [Output::Operator(Operator::PasswordsInTime)]),
            "{:?}",
            bench.outputs
        );
        assert!(bench.opens_at("bob", "new", at(9_001)));
    }

    #[test]
    fn a_login_that_waits_for_a_later_read_waits_no_longer_than_its_own_limit() {
        let (mut bench, at) = bench();
        bench.office.ask_for_passwords();
        assert_eq!(bench.office.tend_logins(at(0)), Some(PasswordRead { is_asked: true }));
        let late = bench.ask_to_enter("bob", Some("old"));
        assert_eq!(bench.office.tend_logins(at(700)), None);
        bench.office.passwords_read(PasswordsRead::Unreadable);
        assert_eq!(bench.office.tend_logins(at(900)), ASKED_FOR_A_LOGIN);
        assert_eq!(bench.office.logins_wait_until(), Some(at(1_700)));
        assert_eq!(bench.office.tend_logins(at(1_700)), None);
        assert!(bench.is_answered(late));
        assert_eq!(bench.office.logins_wait_until(), Some(at(1_900)), "for the read");
    }

    #[test]
    fn a_session_that_leaves_waits_no_longer() {
        let (mut bench, at) = bench();
        for leaves_at_once in [false, true] {
            let session = bench.ask_to_enter("bob", Some("old"));
            if !leaves_at_once {
                bench.office.tend_logins(at(0));
            }
            bench.office.leave(session);
            bench.office.tend_logins(at(0));
            let file = bench.office.file.as_ref().unwrap();
            assert!(file.waiting.is_empty() && !file.has_newcomers());
            assert!(!bench.is_answered(session));
        }
    }
}
