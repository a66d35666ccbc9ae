//! What opens each account, as far as clients and operators can know.

mod account;
mod change;

use std::collections::BTreeMap;

use postroom_model::{Access, Passwords, Registration};

use crate::lock::{Lock, Secret, WRONG, secret};
use crate::random::Random;
use crate::texts::TextId;

use account::{Account, Possible};
pub(crate) use change::{Change, ChangeId};

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
            Lock::Reserved => false,
            Lock::Open => self.admits_strangers && self.access.passwords == Passwords::Optional,
            Lock::Password(secret) => self.given == Some(secret),
        }
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
    of: BTreeMap<&'static str, Account>,
    last: usize,
    /// Acts of operators so far.
    changes: u64,
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
        let account = |(name, lock)| (name, Account::new(lock, excuses.may_evict));
        self.of = accounts.map(account).collect();
        self.last = WRONG.0;
    }

    /// A password that nobody has chosen before.
    pub(crate) fn choose(&mut self) -> Secret {
        self.last += 1;
        Secret(self.last)
    }

    /// The locks that an account may have had since this moment.
    fn possible(&self, name: &str, since: u64) -> impl Iterator<Item = Possible> {
        self.of.get(name).into_iter().flat_map(move |of| of.possible(since))
    }

    /// The locks that an account may have now.
    pub(crate) fn present(&self, name: &str) -> Vec<Lock> {
        let mut present = Vec::new();
        for Possible { lock, .. } in self.possible(name, u64::MAX) {
            if !present.contains(&lock) {
                present.push(lock);
            }
        }
        present
    }

    /// Passwords that an account had.
    pub(crate) fn past(&self, name: &str) -> Vec<Secret> {
        let present = self.present(name);
        let past = self.of.get(name).into_iter().flat_map(Account::past);
        past.filter(|lock| !present.contains(lock)).filter_map(secret).collect()
    }

    /// Accounts that have a password for certain.
    pub(crate) fn locked(&self) -> Vec<&'static str> {
        let is_locked = |name: &&str| {
            let mut present = self.possible(name, u64::MAX).peekable();
            present.peek().is_some() && present.all(|of| secret(of.lock).is_some())
        };
        self.of.keys().copied().filter(is_locked).collect()
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

    /// A lock is seen in force, of those that fit, since this moment.
    fn prove(&mut self, name: &str, fits: &[Possible], since: u64, at: u64) {
        if let ([one], Some(account)) = (fits, self.of.get_mut(name)) {
            account.prove(*one, since, at);
        }
    }

    /// A client logs in.
    pub(crate) fn tries(&mut self, login: Login) {
        if let Some(lock) = login.registers() {
            self.account(login.name).login_begins(lock);
        }
    }

    fn account(&mut self, name: &'static str) -> &mut Account {
        let may_evict = self.excuses.may_evict;
        self.of.entry(name).or_insert_with(|| Account::new(Lock::Absent, may_evict))
    }

    /// A client that asked at this moment is let in.
    pub(super) fn let_in(&mut self, login: Login, asked: u64, at: u64) {
        let Login { name, given, .. } = login;
        if let (Some(lock), Some(account)) = (login.registers(), self.of.get_mut(name)) {
            account.login_ends(lock);
        }
        let opened = |of: &Possible| of.lock.is_of_account() && login.opens(of.lock);
        let opened: Vec<Possible> = self.possible(name, asked).filter(opened).collect();
        let present = self.present(name);
        assert!(!opened.is_empty(), "{name} is opened by {given:?}, and has {present:?}");
        self.prove(name, &opened, asked, at);
    }

    /// Whether a login that began at this moment may be refused.
    pub(super) fn may_refuse(&self, login: Login, asked: u64) -> bool {
        self.excuses.any() || self.possible(login.name, asked).any(|of| !login.opens(of.lock))
    }

    /// A client is not let in, whatever its password is.
    pub(super) fn is_kept_out(&mut self, login: Login) {
        self.not_let_in(login);
        self.has_failed = true;
    }

    /// A client that asked at this moment is told that its password is wrong, or that it is
    /// not let in.
    pub(super) fn check_wrong(&mut self, login: Login, asked: u64, is_certain: bool) {
        self.is_kept_out(login);
        let Login { name, given, .. } = login;
        let may_refuse = !is_certain && self.excuses.any();
        let is_right = may_refuse || self.possible(name, asked).any(|of| !login.opens(of.lock));
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
        let may_be_new = self.possible(name, asked).any(|of| of.lock == Lock::Absent);
        let is_told = login.registers().is_some() && may_be_new;
        assert!(is_told, "{name} is told not to be an account, and is {:?}", self.present(name));
    }

    /// A login was refused.
    fn not_let_in(&mut self, login: Login) {
        if let (Some(lock), Some(account)) = (login.registers(), self.of.get_mut(login.name)) {
            account.login_ends(lock);
            account.refused(lock);
        }
    }

    /// A client writes to a name, which may register it.
    pub(crate) fn writes_to(&mut self, name: &'static str, id: TextId, access: Access) {
        if access.registers_without_password() {
            self.account(name).message_begins(id);
        }
    }

    /// A message that was begun at this moment is stored.
    pub(crate) fn written_to(&mut self, name: &str, id: TextId, begun: u64, at: u64) {
        if let Some(account) = self.of.get_mut(name) {
            account.message_ends(id);
        }
        let known: Vec<Possible> =
            self.possible(name, begun).filter(|of| of.lock.is_of_account()).collect();
        assert!(!known.is_empty(), "nobody has registered {name}, and a message is left for it");
        self.prove(name, &known, begun, at);
    }

    /// A message was refused, which may have registered its recipient.
    pub(crate) fn not_written_to(&mut self, name: &str, id: TextId) {
        if let Some(account) = self.of.get_mut(name)
            && account.message_ends(id)
        {
            account.refused(Lock::Open);
        }
    }

    /// A client that wrote at this moment is told that there is no such account.
    pub(crate) fn check_unknown(&self, name: &str, access: Access, begun: u64) {
        let is_told = |lock| match lock {
            Lock::Absent => !access.registers_without_password(),
            Lock::Reserved => true,
            Lock::Open | Lock::Password(_) => false,
        };
        let is_right = self.possible(name, begun).any(|of| is_told(of.lock));
        assert!(is_right, "{name} is no account, and is {:?}", self.present(name));
    }

    /// A client changes a password.
    pub(crate) fn changes(&mut self, name: &'static str, old: Secret, new: Secret) {
        self.account(name).attempt(Lock::Password(old), Lock::Password(new));
    }

    /// A change that was begun at this moment is acknowledged.
    pub(crate) fn changed(
        &mut self,
        name: &str,
        (old, new): (Secret, Secret),
        begun: u64,
        at: u64,
    ) {
        let lock = Lock::Password(new);
        let fits: Vec<Possible> = self.possible(name, begun).filter(|of| of.lock == lock).collect();
        assert!(!fits.is_empty(), "{name} has {lock:?} now, and had not {old:?}");
        self.prove(name, &fits, begun, at);
    }

    /// A change that was begun at this moment is refused, since the old one is wrong.
    pub(crate) fn check_old_wrong(&mut self, name: &str, old: Secret, new: Secret, begun: u64) {
        self.not_changed(name, new);
        self.has_failed = true;
        let is_right = self.possible(name, begun).any(|of| of.lock != Lock::Password(old));
        assert!(is_right, "{old:?} is wrong for {name}, which has {:?}", self.present(name));
    }

    /// A change is refused, as is one of whom to block, since there is no password.
    pub(crate) fn check_has_none(&self, name: &str, begun: u64) {
        let is_right = self.possible(name, begun).any(|of| of.lock == Lock::Open);
        assert!(is_right, "{name} has no password, and has {:?}", self.present(name));
    }

    /// Something that was begun at this moment is refused, since there is no such account.
    pub(crate) fn check_is_none(&self, name: &str, begun: u64) {
        let is_right = self.possible(name, begun).any(|of| !of.lock.is_of_account());
        assert!(is_right, "{name} is no account, and is {:?}", self.present(name));
    }

    /// A change is refused.
    pub(crate) fn not_changed(&mut self, name: &str, new: Secret) {
        if let Some(account) = self.of.get_mut(name) {
            account.refused(Lock::Password(new));
        }
    }
}
