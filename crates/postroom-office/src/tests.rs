//! The office over a store whose refusals a test decides.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use postroom_model::{Batch, Name, Password, PresenceTerms, Reply, Request, Terms};
use postroom_store::{
    AccountId, Call, Completion, Damaged, Key, Outcome, PasswordHash, Presence, Store,
    StoreFailure, Ticket, Timestamp,
};

use crate::password::Checker;
use crate::{FilePasswords, News, Office, PasswordTables, SessionId};

/// Accounts and presence in memory, and a disk that is full when a test says so.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) is_full: bool,
    /// Presences that were claimed, in all.
    pub(crate) claims: usize,
    names: Vec<Name>,
    passwords: HashMap<Name, PasswordHash>,
    present: HashSet<AccountId>,
}

impl Disk {
    pub(crate) fn is_locked(&self, name: &str) -> bool {
        self.passwords.contains_key(&Name::new(name).unwrap())
    }

    fn act(&mut self, call: Call) -> Outcome {
        match call {
            Call::Open { name, key, .. } => self.open(name, &key),
            Call::SetPassword { .. } if self.is_full => Outcome::DiskFull,
            Call::SetPassword { name, password } => {
                self.passwords.insert(name, password);
                Outcome::PasswordSet { registered: false }
            }
            Call::Claim { account, .. } if self.present.contains(&account) => {
                Outcome::PresentAlready
            }
            Call::Claim { account, .. } => {
                self.claims += 1;
                self.present.insert(account);
                Outcome::Claimed { presence: Presence::new(account), active: self.active() }
            }
            Call::Release { presence } => {
                let account = presence.account();
                self.present.remove(&account);
                let name = self.name(account);
                Outcome::Released { name, remains: false, active: self.active() }
            }
            Call::ListPresent => {
                Outcome::Present(self.present.iter().map(|account| self.name(*account)).collect())
            }
            other => panic!("{other:?} is not in these tests"),
        }
    }

    fn open(&mut self, name: Name, key: &Key) -> Outcome {
        if let Some(password) = self.passwords.get(&name)
            && !key.fits(password)
        {
            return Outcome::Locked { password: password.clone() };
        }
        let known = self.names.iter().position(|known| *known == name);
        let place = known.unwrap_or(self.names.len());
        if known.is_none() {
            self.names.push(name.clone());
        }
        let account = AccountId(u32::try_from(place).unwrap());
        Outcome::Opened { account, name, registered: known.is_none(), unread: 0 }
    }

    fn name(&self, account: AccountId) -> Name {
        self.names[account.0 as usize].clone()
    }

    fn active(&self) -> u32 {
        u32::try_from(self.present.len()).unwrap()
    }
}

#[derive(Debug, Default)]
pub(crate) struct DiskStore {
    disk: Rc<RefCell<Disk>>,
    calls: Vec<(Ticket, Call)>,
}

impl Store for DiskStore {
    fn submit(&mut self, ticket: Ticket, call: Call) {
        self.calls.push((ticket, call));
    }

    fn settle(&mut self, _: Timestamp, done: &mut Vec<Completion>) -> Result<(), StoreFailure> {
        for (ticket, call) in self.calls.drain(..) {
            let mut batch = Batch::new();
            batch.push(self.disk.borrow_mut().act(call));
            let receipts = batch.commit(|| Ok::<_, StoreFailure>(()))?;
            done.extend(receipts.map(|receipt| Completion { ticket, receipt }));
        }
        Ok(())
    }

    fn take_damaged(&mut self) -> Vec<Damaged> {
        Vec::new()
    }
}

/// An office, its store's disk and its news.
pub(crate) struct Bench {
    pub(crate) office: Office<DiskStore>,
    pub(crate) disk: Rc<RefCell<Disk>>,
    pub(crate) news: Vec<News>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let disk = Rc::new(RefCell::new(Disk::default()));
        let store = DiskStore { disk: Rc::clone(&disk), calls: Vec::new() };
        Self { office: Office::new(store, 16), disk, news: Vec::new() }
    }

    /// Commits once.
    pub(crate) fn settle_once(&mut self) {
        self.office.settle(Timestamp(0), &mut self.news).unwrap();
    }

    /// Commits and checks passwords until nothing is left to do.
    pub(crate) fn settle(&mut self) {
        loop {
            while let Some(check) = self.office.take_check() {
                let checked = check.run(&mut Checker::default());
                self.office.checked(checked);
            }
            if !self.office.is_unsettled() {
                return;
            }
            self.settle_once();
        }
    }

    /// Asks to log in, and to be present.
    pub(crate) fn ask_to_enter(&mut self, name: &str, given: Option<&str>) -> SessionId {
        let session = self.office.enter();
        let presence = Some(PresenceTerms { alone: true, arrivals: false, mail: false });
        let terms = Terms { admits_strangers: true, presence };
        let (name, password) = (Name::new(name).unwrap(), given.map(password));
        self.office.ask(session, Request::LogIn { name, password, terms });
        session
    }

    /// What a session was answered, if it was.
    pub(crate) fn answer(&self, session: SessionId) -> Option<&Reply> {
        self.news.iter().find_map(|news| match news {
            News::Reply(to, reply) if *to == session => Some(reply),
            _ => None,
        })
    }

    /// Whether an account can be entered; it is left again.
    pub(crate) fn opens(&mut self, name: &str, given: Option<&str>) -> bool {
        let session = self.ask_to_enter(name, given);
        self.settle();
        let is_in = matches!(self.answer(session), Some(Reply::LoggedIn { .. }));
        self.office.leave(session);
        self.settle();
        is_in
    }
}

pub(crate) fn password(typed: &str) -> Password {
    Password::from_bytes(typed.as_bytes()).unwrap()
}

/// What a password file says that was not read before.
pub(crate) fn file(lines: &[(&str, &str)]) -> FilePasswords {
    PasswordTables::default().next(owned(lines))
}

/// The lines of a password file.
pub(crate) fn owned(lines: &[(&str, &str)]) -> Vec<(Name, Password)> {
    lines.iter().map(|(name, typed)| (Name::new(name).unwrap(), password(typed))).collect()
}
