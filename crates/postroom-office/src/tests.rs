//! Tests of the office over a store in memory.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use postroom_model::{
    Access, Name, Password, Peer, PresenceTerms, Reply, Request, SessionKey, Terms,
};
use postroom_store::{Call, Fate, Job as _, Limits, MemoryDisk, MemoryStore, Timestamp};

use crate::password::{Checker, SALT_BYTES};
use crate::{CreationLimits, FilePasswords, LoginLimits, Office, Output, PasswordTables};

/// A first instant for tests, whose clock may begin anywhere.
#[expect(clippy::disallowed_methods, reason = "any time will do as the first")]
pub(crate) fn any_time() -> Instant {
    Instant::now()
}

/// An office, its store's disk and its outputs.
pub(crate) struct Bench {
    pub(crate) office: Office<MemoryStore>,
    pub(crate) disk: MemoryDisk,
    pub(crate) outputs: Vec<Output>,
    pub(crate) now: Instant,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let disk = MemoryDisk::default();
        let store = disk.open(Limits::default());
        let now = any_time();
        let office = Office::new(now, store, LoginLimits::default(), CreationLimits::default());
        Self { office, disk, outputs: Vec::new(), now }
    }

    /// Counts the presence claims from now on.
    pub(crate) fn count_claims(&self) -> Rc<Cell<u32>> {
        let claims = Rc::new(Cell::new(0));
        let counter = Rc::clone(&claims);
        self.disk.decide(move |call| {
            counter.set(counter.get() + u32::from(matches!(call, Call::Claim { .. })));
            Fate::CarriedOut
        });
        claims
    }

    pub(crate) fn is_locked(&self, name: &str) -> bool {
        self.disk.is_locked(&Name::new(name).unwrap())
    }

    /// Commits once.
    pub(crate) fn settle_once(&mut self) {
        if let Some(job) = self.office.next_job(Timestamp(0)) {
            self.office.finish(job.run()).unwrap();
        }
        self.outputs.extend(std::iter::from_fn(|| self.office.take_output()));
    }

    /// Commits and checks passwords until there is no work left.
    pub(crate) fn settle(&mut self) {
        loop {
            while let Some(check) = self.office.take_check(self.now) {
                let checked = check.run(&mut Checker::default(), [7; SALT_BYTES]);
                self.office.checked(self.now, checked);
            }
            if !self.office.has_work() {
                return;
            }
            self.settle_once();
        }
    }

    /// Requests a login with presence.
    pub(crate) fn ask_to_enter(&mut self, name: &str, given: Option<&str>) -> SessionKey {
        self.ask_to_enter_on(PresenceTerms::SOLE, name, given)
    }

    /// Logs a session in to which arrivals and departures are announced, and nothing else
    /// is to be done.
    pub(crate) fn listen(&mut self, name: &str) -> SessionKey {
        let terms = PresenceTerms { arrivals: true, ..PresenceTerms::SOLE };
        let session = self.ask_to_enter_on(terms, name, None);
        self.settle();
        self.office.announce();
        session
    }

    fn ask_to_enter_on(
        &mut self,
        presence: PresenceTerms,
        name: &str,
        given: Option<&str>,
    ) -> SessionKey {
        let session = self.office.enter(peer(1), Access::OPEN, None);
        let presence = Some(presence);
        let terms = Terms { admits_strangers: true, presence };
        let (name, password) = (Name::new(name).unwrap(), given.map(password));
        self.office.ask(session, Request::LogIn { name, password, terms });
        session
    }

    /// The reply to a session, if it has one.
    pub(crate) fn answer(&self, session: SessionKey) -> Option<&Reply> {
        self.outputs.iter().find_map(|output| match output {
            Output::Reply(to, reply) if *to == session => Some(reply),
            _ => None,
        })
    }

    /// Whether a login to the account succeeds; ends that session again.
    pub(crate) fn opens(&mut self, name: &str, given: Option<&str>) -> bool {
        let session = self.ask_to_enter(name, given);
        self.settle();
        let is_in = matches!(self.answer(session), Some(Reply::LoggedIn { .. }));
        self.office.leave(session);
        self.settle();
        is_in
    }
}

/// The origin of a session.
pub(crate) fn peer(number: u8) -> Peer {
    Peer { network: IpAddr::from([192, 0, 2, number]).into(), is_shared: false, is_local: false }
}

pub(crate) fn password(typed: &str) -> Password {
    Password::from_bytes(typed.as_bytes()).unwrap()
}

/// The first reading of a password file with these lines.
pub(crate) fn file(lines: &[(&str, &str)]) -> FilePasswords {
    PasswordTables::default().next(owned(lines), &[])
}

/// The lines of a password file.
pub(crate) fn owned(lines: &[(&str, &str)]) -> Vec<(Name, Password)> {
    lines.iter().map(|(name, typed)| (Name::new(name).unwrap(), password(typed))).collect()
}
