//! What opens each account, as far as clients can know.
//!
//! Each password is chosen by one client for one act, so it comes into force once, and never
//! again when another one has replaced it. An account goes from lock to lock: each that it
//! may have is a [`Candidate`], from the moment at which a client begins the act that would
//! put it into force. What is refused is none any more, and a proof of one ends all that it
//! has replaced.

use std::collections::BTreeMap;

use postroom_model::{Access, Passwords, Registration};

use crate::lock::{Lock, Secret, WRONG, secret};
use crate::random::Random;

/// How a client logs in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Login {
    pub(crate) name: &'static str,
    pub(crate) given: Option<Secret>,
    pub(crate) access: Access,
    /// The protocol admits names that are new, and accounts without a password.
    pub(crate) admits_strangers: bool,
}

impl Login {
    /// What an unknown name would be registered with.
    fn registers(&self) -> Option<Lock> {
        let is_open = self.admits_strangers && self.access.registration == Registration::Open;
        match self.given {
            _ if !is_open => None,
            Some(given) => Some(Lock::Password(given)),
            None => self.access.registers_without_password().then_some(Lock::Open),
        }
    }

    /// Whether it opens an account with this lock.
    fn opens(&self, lock: Lock) -> bool {
        match lock {
            Lock::Absent => self.registers().is_some(),
            Lock::Open => self.admits_strangers && self.access.passwords == Passwords::Optional,
            Lock::Password(secret) => self.given == Some(secret),
        }
    }
}

/// A lock that an account has, or had, or may have.
#[derive(Debug)]
struct Candidate {
    lock: Lock,
    /// The one that it replaces, but for the first.
    after: Option<Lock>,
    /// Acts that may put it into force, or may have.
    attempts: u32,
    /// A client has seen it in force.
    is_proved: bool,
    /// Since when it is not, for certain.
    until: Option<u64>,
}

impl Candidate {
    /// Whether it may have been in force since this moment.
    fn is_possible(&self, since: u64) -> bool {
        self.until.is_none_or(|until| until >= since)
    }
}

/// Why a login may be refused though its password is right.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Excuses {
    /// Accounts have a limit: those without a password may be evicted, and new ones refused.
    pub(crate) may_evict: bool,
    /// Checks of passwords have a limit.
    pub(crate) may_be_busy: bool,
    /// The store fails at times.
    pub(crate) may_fail: bool,
}

impl Excuses {
    fn any(self) -> bool {
        self.may_evict || self.may_be_busy || self.may_fail
    }
}

/// The locks of all accounts.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    of: BTreeMap<&'static str, Vec<Candidate>>,
    last: usize,
    excuses: Excuses,
    /// Somebody has given a wrong password: others may have to wait.
    pub(crate) has_failed: bool,
}

impl Locks {
    /// What each account has at first.
    pub(crate) fn begin(
        &mut self,
        accounts: impl Iterator<Item = (&'static str, Lock)>,
        excuses: Excuses,
    ) {
        self.excuses = excuses;
        for (name, lock) in accounts {
            let known =
                |lock, after| Candidate { lock, after, attempts: 0, is_proved: true, until: None };
            let candidates = if lock == Lock::Open && excuses.may_evict {
                vec![known(Lock::Absent, None), known(lock, Some(Lock::Absent))]
            } else {
                vec![known(lock, None)]
            };
            self.of.insert(name, candidates);
        }
        self.last = WRONG.0;
    }

    /// A password that nobody has chosen before.
    pub(crate) fn choose(&mut self) -> Secret {
        self.last += 1;
        Secret(self.last)
    }

    /// The locks that an account may have had since this moment.
    fn possible(&self, name: &str, since: u64) -> impl Iterator<Item = Lock> {
        let of = self.of.get(name).into_iter().flatten();
        of.filter(move |candidate| candidate.is_possible(since)).map(|candidate| candidate.lock)
    }

    /// The locks that an account may have now.
    pub(crate) fn present(&self, name: &str) -> Vec<Lock> {
        self.possible(name, u64::MAX).collect()
    }

    /// Passwords that an account had.
    pub(crate) fn past(&self, name: &str) -> Vec<Secret> {
        let of = self.of.get(name).into_iter().flatten();
        let past = of.filter(|candidate| candidate.until.is_some());
        past.filter_map(|candidate| secret(candidate.lock)).collect()
    }

    /// The password that a client gives, as far as its owner knows: one that may be the
    /// right one, where there is any.
    pub(crate) fn pick(
        &mut self,
        name: &str,
        chooses: bool,
        random: &mut Random,
    ) -> Option<Secret> {
        let present = self.present(name);
        if present.iter().any(|lock| secret(*lock).is_some()) {
            return secret(random.pick(&present)).or(Some(WRONG));
        }
        chooses.then(|| self.choose())
    }

    /// A password that is most probably wrong, or none.
    pub(crate) fn pick_wrong(&self, name: &str, random: &mut Random) -> Option<Secret> {
        match random.below(3) {
            0 => None,
            1 => Some(WRONG),
            _ => self.past(name).last().copied().or(Some(WRONG)),
        }
    }

    /// A client begins an act that may put a lock into force after another one.
    fn attempt(&mut self, name: &'static str, after: Lock, lock: Lock) {
        let of = self.of.entry(name).or_default();
        if let Some(known) = of.iter_mut().find(|candidate| candidate.lock == lock) {
            known.attempts += 1;
            return;
        }
        // What cannot be in force is replaced by nothing.
        if of.iter().any(|candidate| candidate.lock == after && candidate.until.is_none()) {
            let (after, until) = (Some(after), None);
            of.push(Candidate { lock, after, attempts: 1, is_proved: false, until });
        }
    }

    /// An act was refused.
    fn refused(&mut self, name: &str, lock: Lock) {
        let Some(of) = self.of.get_mut(name) else {
            return;
        };
        for candidate in of.iter_mut().filter(|candidate| candidate.lock == lock) {
            candidate.attempts = candidate.attempts.saturating_sub(1);
        }
        of.retain(|candidate| candidate.attempts > 0 || candidate.is_proved);
        forget_orphans(of);
    }

    /// A lock was in force: not those that it replaced, nor others in its place.
    fn prove(&mut self, name: &str, lock: Lock, at: u64) {
        let (may_evict, Some(of)) = (self.excuses.may_evict, self.of.get_mut(name)) else {
            return;
        };
        let mut next = Some(lock);
        while let Some(lock) = next {
            let Some(known) = of.iter_mut().find(|candidate| candidate.lock == lock) else {
                return;
            };
            known.is_proved = true;
            next = known.after;
            if lock == Lock::Open && may_evict {
                return;
            }
            let Some(after) = next else {
                return;
            };
            for before in of.iter_mut().filter(|candidate| candidate.lock == after) {
                before.until.get_or_insert(at);
            }
            let is_other = |other: &Candidate| other.after == Some(after) && other.lock != lock;
            if may_evict {
                // One without a password may have been there for a while.
                of.iter_mut().filter(|other| is_other(other)).for_each(|other| {
                    other.until.get_or_insert(at);
                });
            } else {
                of.retain(|other| !is_other(other));
                forget_orphans(of);
            }
        }
    }

    /// A client logs in.
    pub(crate) fn tries(&mut self, login: Login) {
        if let Some(lock) = login.registers() {
            self.attempt(login.name, Lock::Absent, lock);
        }
    }

    /// A client that asked at this moment is let in.
    pub(crate) fn let_in(&mut self, login: Login, asked: u64, at: u64) {
        let Login { name, given, .. } = login;
        let opened = |lock: &Lock| *lock != Lock::Absent && login.opens(*lock);
        let opened: Vec<Lock> = self.possible(name, asked).filter(opened).collect();
        let present = self.present(name);
        match opened[..] {
            [] => panic!("{name} is opened by {given:?}, and has {present:?}"),
            [lock] => self.prove(name, lock, at),
            _ => {}
        }
    }

    /// Whether a login that began at this moment may be refused.
    pub(crate) fn may_refuse(&self, login: Login, asked: u64) -> bool {
        self.excuses.any() || self.possible(login.name, asked).any(|lock| !login.opens(lock))
    }

    /// A client that asked at this moment is told that its password is wrong, or that it is
    /// not let in.
    pub(crate) fn check_wrong(&mut self, login: Login, asked: u64, is_certain: bool) {
        self.not_let_in(login);
        self.has_failed = true;
        let Login { name, given, .. } = login;
        let may_refuse = !is_certain && self.excuses.any();
        let is_right = may_refuse || self.possible(name, asked).any(|lock| !login.opens(lock));
        assert!(is_right, "{given:?} is wrong for {name}, which has {:?}", self.present(name));
    }

    /// A login is refused since too many passwords wait for their check.
    pub(crate) fn check_busy(&mut self, login: Login) {
        self.not_let_in(login);
        assert!(self.excuses.may_be_busy, "{} waits for too many checks", login.name);
    }

    /// A change is refused for the same reason.
    pub(crate) fn check_too_busy_to_change(&mut self, name: &str, new: Secret) {
        self.not_changed(name, new);
        assert!(self.excuses.may_be_busy, "{name} waits for too many checks");
    }

    /// A client is told that its name is new and cannot be registered.
    pub(crate) fn check_not_registered(&mut self, login: Login, asked: u64) {
        self.not_let_in(login);
        let name = login.name;
        let may_be_new = self.possible(name, asked).any(|lock| lock == Lock::Absent);
        let is_told = login.registers().is_some() && may_be_new;
        assert!(is_told, "{name} is told not to be an account, and is {:?}", self.present(name));
    }

    /// A login was refused.
    fn not_let_in(&mut self, login: Login) {
        if let Some(lock) = login.registers() {
            self.refused(login.name, lock);
        }
    }

    /// A client writes to a name, which may register it.
    pub(crate) fn writes_to(&mut self, name: &'static str, access: Access) {
        if access.registers_without_password() {
            self.attempt(name, Lock::Absent, Lock::Open);
        }
    }

    /// A message that was begun at this moment is stored.
    pub(crate) fn written_to(&mut self, name: &str, begun: u64, at: u64) {
        let known = |lock: &Lock| *lock != Lock::Absent;
        let known: Vec<Lock> = self.possible(name, begun).filter(known).collect();
        match known[..] {
            [] => panic!("nobody has registered {name}, and a message is left for it"),
            [lock] => self.prove(name, lock, at),
            _ => {}
        }
    }

    /// A message was refused, which may have registered its recipient.
    pub(crate) fn not_written_to(&mut self, name: &str, access: Access) {
        if access.registers_without_password() {
            self.refused(name, Lock::Open);
        }
    }

    /// A client that wrote at this moment is told that there is no such account.
    pub(crate) fn check_unknown(&self, name: &str, access: Access, begun: u64) {
        let may_be_new = self.possible(name, begun).any(|lock| lock == Lock::Absent);
        let is_told = !access.registers_without_password() && may_be_new;
        assert!(is_told, "{name} is no account, and is {:?}", self.present(name));
    }

    /// A client changes a password.
    pub(crate) fn changes(&mut self, name: &'static str, old: Secret, new: Secret) {
        self.attempt(name, Lock::Password(old), Lock::Password(new));
    }

    /// A change is acknowledged.
    pub(crate) fn changed(&mut self, name: &str, old: Secret, new: Secret, at: u64) {
        let lock = Lock::Password(new);
        let is_possible = self.of.get(name).into_iter().flatten().any(|of| of.lock == lock);
        assert!(is_possible, "{name} has {lock:?} now, and had not {old:?}");
        self.prove(name, lock, at);
    }

    /// A change that was begun at this moment is refused, since the old one is wrong.
    pub(crate) fn check_old_wrong(&mut self, name: &str, old: Secret, new: Secret, begun: u64) {
        self.not_changed(name, new);
        self.has_failed = true;
        let is_right = self.possible(name, begun).any(|lock| lock != Lock::Password(old));
        assert!(is_right, "{old:?} is wrong for {name}, which has {:?}", self.present(name));
    }

    /// A change is refused, as is one of whom to block, since there is no password.
    pub(crate) fn check_has_none(&self, name: &str, begun: u64) {
        let is_right = self.possible(name, begun).any(|lock| lock == Lock::Open);
        assert!(is_right, "{name} has no password, and has {:?}", self.present(name));
    }

    /// A change is refused.
    pub(crate) fn not_changed(&mut self, name: &str, new: Secret) {
        self.refused(name, Lock::Password(new));
    }
}

/// What replaces a lock that never was in force never is.
fn forget_orphans(of: &mut Vec<Candidate>) {
    loop {
        let locks: Vec<Lock> = of.iter().map(|candidate| candidate.lock).collect();
        of.retain(|candidate| candidate.after.is_none_or(|after| locks.contains(&after)));
        if of.len() == locks.len() {
            return;
        }
    }
}
