//! Logging in: opening an account, checking its password, asking for its presence.

use std::time::Instant;

use postroom_model::{
    ComposeRefusal, Fault, LogInRefusal, Name, Password, PasswordRefusal, Passwords, PresenceTerms,
    Registration, Reply, SessionKey, Terms, faulty,
};
use postroom_store::{Admits, Call, Key, PasswordHash, Store};

use crate::calls::{Origin, RequestKey};
use crate::check::{Against, Check, Checked, Verdict};
use crate::creations::Kind;
use crate::file_passwords::FilePasswords;
use crate::requests::Requests;
use crate::session::{Identity, Known, LogIn, Opened, Session};
use crate::{Office, find};

impl<S: Store> Office<S> {
    pub(crate) fn log_in(
        &mut self,
        RequestKey { session, number }: RequestKey,
        name: Name,
        password: Option<Password>,
        terms: Terms,
    ) {
        let Some(record) = self.session(session) else {
            return;
        };
        let (has_proved, waits_since, is_ending, opened) = (false, None, false, None);
        let is_banned = false;
        let login = LogIn {
            number,
            name,
            password,
            has_proved,
            is_banned,
            terms,
            waits_since,
            is_ending,
            opened,
        };
        // Whoever has said who they are does nothing as a guest, even if it is not believed.
        record.guest = None;
        record.identity = Identity::LoggingIn(Box::new(login));
        match &mut self.file {
            Some(file) => file.add(session),
            None => self.admit(session),
        }
    }

    /// Continues a login with the passwords and the bans in force now. A banned name is
    /// refused like an unknown one where strangers are shut out, after as long.
    pub(crate) fn admit(&mut self, session: SessionKey) {
        let Some(login) = self.login(session) else {
            return;
        };
        login.waits_since = None;
        let (number, name) = (login.number, login.name.clone());
        let is_banned = self.is_banned(&name);
        if let Some(login) = self.login(session) {
            login.is_banned = is_banned;
        }
        let key = RequestKey { session, number };
        match self.checks.secret(&name).cloned() {
            _ if is_banned => self.check(key, Against::Nothing),
            Some(secret) => self.check(key, Against::File(secret)),
            None if self.locks.is_missing(&name) => self.check(key, Against::Nothing),
            None => self.open(key, name, Key::None),
        }
    }

    /// Cancels a login whose session has ended.
    pub(crate) fn end_login(&mut self, session: SessionKey, login: &LogIn) {
        if let (Some(file), Some(since)) = (&mut self.file, login.waits_since) {
            file.remove(since, session);
        }
        if let Some(peer) = self.session(session).map(|record| record.peer) {
            let key = RequestKey { session, number: login.number };
            self.checks.remove(key, &login.name, peer.network);
        }
        // The results of its calls are dropped.
        if let Some(work) = find(&mut self.sessions, session).and_then(Session::work) {
            work.requests.counting(&mut self.deferred_bytes, Requests::clear);
        }
    }

    fn open(&mut self, key: RequestKey, name: Name, password: Key) {
        let admits = self.admits(key.session, &password);
        // The operator decides on the accounts of the password file.
        let reservation = match password {
            Key::Trusted => None,
            Key::None | Key::New(_) | Key::Verified(_) => {
                self.reserve(key.session, Kind::Account, 1)
            }
        };
        let may_create = reservation.map_or(1, |reserved| reserved.count());
        let call = Call::Open { name, key: password, admits, may_create };
        self.submit_reserved(Origin::Request(key), call, reservation);
    }

    /// Whom a login lets in that has proved no password. A new name whose client gave a
    /// password is not registered without it: it must be hashed first.
    fn admits(&mut self, session: SessionKey, password: &Key) -> Admits {
        let access = self.session(session).map(|record| record.access);
        let (Some(access), Some(login)) = (access, self.login(session)) else {
            return Admits::NONE;
        };
        let admits = login.terms.admits_strangers;
        let has_none = login.password.is_none() || faulty(Fault::RegisteredUnlocked);
        let unknown = match password {
            Key::New(_) => access.registration == Registration::Open,
            _ => access.registers_without_password() && has_none,
        };
        let is_optional = access.passwords == Passwords::Optional;
        Admits {
            unknown: admits && (unknown || faulty(Fault::RegistrationOpen)),
            without_password: admits && (is_optional || faulty(Fault::PasswordsOptional)),
        }
    }

    /// Whether a login registers its name, if that is unknown, with the password that its
    /// client gave.
    fn registers_with_password(&mut self, session: SessionKey) -> bool {
        let access = self.session(session).map(|record| record.access);
        let is_open = access.is_some_and(|access| access.registration == Registration::Open);
        let login = self.login(session);
        is_open && login.is_some_and(|of| of.terms.admits_strangers && of.password.is_some())
    }

    /// The login of a session, if one is under way.
    pub(crate) fn login(&mut self, session: SessionKey) -> Option<&mut LogIn> {
        match &mut self.session(session)?.identity {
            Identity::LoggingIn(login) => Some(login),
            _ => None,
        }
    }

    pub(crate) fn opened(&mut self, key: RequestKey, opened: Opened) -> Option<Reply> {
        let account = opened.account;
        let record = find(&mut self.sessions, key.session)?;
        // Otherwise its login is over.
        let Identity::LoggingIn(login) = &mut record.identity else {
            return None;
        };
        record.has_proved = login.has_proved;
        // Where anyone may register, accounts with a password are not scarce.
        if login.has_proved && record.access.registration == Registration::Closed {
            self.creations.belong_to(&mut record.purse, account);
        }
        self.store.session_began(account);
        if let Some(before) = record.uses.replace(account) {
            self.store.session_ended(before);
        }
        if login.terms.presence.is_none() {
            let known = Known { account, name: opened.name.clone() };
            record.identity = Identity::LoggedIn(known.into());
            return Some(logged_in(opened));
        }
        login.opened = Some(opened);
        self.claims.push(key.session);
        None
    }

    /// Claims the presence of accounts for the sessions that have not ended by the end
    /// of a turn. A session whose client has half-closed claims nothing; the office
    /// only checks whether it could, for the answer.
    pub(crate) fn submit_claims(&mut self) {
        for session in std::mem::take(&mut self.claims) {
            let Some(LogIn { number, terms, opened: Some(opened), is_ending, .. }) =
                self.login(session)
            else {
                continue;
            };
            let Some(PresenceTerms { kind, .. }) = terms.presence else {
                continue;
            };
            let (account, is_ending) = (opened.account, *is_ending);
            let call = if is_ending {
                Call::MayClaim { account, kind }
            } else {
                Call::Claim { account, kind }
            };
            let key = RequestKey { session, number: *number };
            self.submit_request(key, call);
        }
    }

    /// Answers a login whose client has half-closed, and whose account could become present.
    pub(crate) fn may_claim(&mut self, key: RequestKey) -> Option<Reply> {
        let opened = self.login(key.session)?.opened.take()?;
        let known = Known { account: opened.account, name: opened.name.clone() };
        self.session(key.session)?.identity = Identity::LoggedIn(known.into());
        Some(logged_in(opened))
    }

    /// Handles a client's half-close: a login under way is its last request.
    pub(crate) fn ends(&mut self, session: SessionKey) {
        if let Some(login) = self.login(session) {
            login.is_ending = true;
        }
    }

    pub(crate) fn locked(&mut self, key: RequestKey, password: PasswordHash) -> Option<Reply> {
        self.check(key, Against::Stored(password));
        None
    }

    pub(crate) fn not_admitted(&mut self, key: RequestKey, is_known: bool) -> Option<Reply> {
        if is_known || !self.registers_with_password(key.session) {
            if !is_known && faulty(Fault::UnknownNameTold) {
                return self.refused(key.session, LogInRefusal::MayNotCreate);
            }
            self.check(key, Against::Nothing);
            return None;
        }
        // A peer that may create nothing has no password hashed for it.
        let reserved = self.reserve(key.session, Kind::Account, 1)?;
        let may_create = reserved.count() > 0;
        self.creations.settle(reserved, 0);
        if !may_create {
            return self.refused(key.session, LogInRefusal::MayNotCreate);
        }
        self.check(key, Against::NewName);
        None
    }

    /// Handles a new name that was not registered, by a login or by a message to it.
    pub(crate) fn not_registered(
        &mut self,
        key: RequestKey,
        login: LogInRefusal,
        message: ComposeRefusal,
    ) -> Option<Reply> {
        match self.login(key.session) {
            Some(_) => self.refused(key.session, login),
            None => Some(Reply::NotComposed(message)),
        }
    }

    fn check(&mut self, key: RequestKey, against: Against) {
        let Some(peer) = self.session(key.session).map(|record| record.peer) else {
            return;
        };
        let Some(login) = self.login(key.session) else {
            return;
        };
        // It is no guess, and counts as none.
        let Some(given) = login.password.clone() else {
            let refusal =
                if login.is_banned { LogInRefusal::Banned } else { LogInRefusal::NoPassword };
            if let Some(reply) = self.refused(key.session, refusal) {
                self.resolve(key, reply);
            }
            return;
        };
        let name = login.name.clone();
        self.add_check(Check::new(key, name, given, against, peer));
    }

    /// Adds a check to the queue. At its limit one is evicted.
    pub(crate) fn add_check(&mut self, check: Check) {
        let Some(evicted) = self.checks.add(check) else {
            return;
        };
        let key = evicted.request;
        let reply = if evicted.is_for_change() {
            Some(Reply::PasswordNotChanged(PasswordRefusal::Busy))
        } else {
            self.refused(key.session, LogInRefusal::Busy)
        };
        if let Some(reply) = reply {
            self.resolve(key, reply);
        }
    }

    pub(crate) fn refused(&mut self, session: SessionKey, refusal: LogInRefusal) -> Option<Reply> {
        self.session(session)?.identity = Identity::Anonymous;
        Some(Reply::LogInRefused(refusal))
    }

    /// Concludes the checks whose refusal was withheld until now, and takes the next one
    /// that may begin.
    pub fn take_check(&mut self, now: Instant) -> Option<Check> {
        while let Some(checked) = self.checks.take_withheld(now) {
            self.conclude(now, checked);
        }
        self.checks.take(now)
    }

    /// When to take the next one, after there was none: failed logins delay it, or the
    /// refusal of one.
    pub fn checks_wait_until(&self) -> Option<Instant> {
        self.checks.not_before()
    }

    /// Handles the result of a check.
    pub fn checked(&mut self, now: Instant, checked: Checked) {
        if let Some(checked) = self.checks.withhold(checked, now) {
            self.conclude(now, checked);
        }
    }

    fn conclude(&mut self, now: Instant, checked: Checked) {
        self.checks.note(&checked, now);
        let Checked { request: key, name, verdict, .. } = checked;
        let login = self.login(key.session).filter(|login| login.number == key.number);
        let password = match verdict {
            Verdict::Changes { account, from, to } => {
                let to = if faulty(Fault::ChangeForgotten) { from.clone() } else { to };
                return self.submit_request(key, Call::ChangePassword { account, from, to });
            }
            Verdict::ChangesNothing => {
                let refused = Reply::PasswordNotChanged(PasswordRefusal::Wrong);
                return self.resolve(key, refused);
            }
            Verdict::Wrong if login.as_ref().is_some_and(|login| login.is_banned) => {
                Err(Reply::LogInRefused(LogInRefusal::Banned))
            }
            Verdict::Wrong => Err(Reply::LogInRefused(LogInRefusal::Password)),
            Verdict::NotHashed => Err(Reply::Unavailable),
            Verdict::FitsStored(hash) => Ok(Key::Verified(hash)),
            Verdict::FitsFile => Ok(Key::Trusted),
            Verdict::Hashed(hash) => Ok(Key::New(hash)),
        };
        match (login, password) {
            (Some(login), Ok(password)) => {
                login.has_proved = true;
                self.open(key, name, password);
            }
            (Some(_), Err(reply)) => self.not_done(key, reply),
            // A change of a password, or a login that is over.
            (None, Err(reply)) => self.resolve(key, reply),
            (None, Ok(_)) => {}
        }
    }

    /// Replaces the passwords of the password file. From now on they override those in
    /// the store; accounts whose lines were removed stay locked.
    pub(crate) fn set_passwords(&mut self, FilePasswords { table, new_names }: FilePasswords) {
        // Names that the file had before are locked, or their lock is retried.
        self.locks.add(new_names);
        self.checks.set_secrets(table);
    }
}

pub(crate) fn logged_in(opened: Opened) -> Reply {
    let Opened { name, registered, unread, .. } = opened;
    Reply::LoggedIn { name, registered, unread }
}

#[cfg(test)]
mod tests {
    use postroom_model::Notice;

    use super::*;
    use crate::output::Output;
    use crate::tests::Bench;

    /// The ways in which a session ends.
    const ENDS: [fn(&mut Bench, SessionKey); 3] = [
        |bench, session| bench.office.leave(session),
        |bench, session| bench.office.depart(session),
        |bench, session| bench.office.note(session, Notice::Ending),
    ];

    #[test]
    fn a_session_that_ends_during_its_login_never_claims_presence() {
        for (number, end) in ENDS.into_iter().enumerate() {
            // Before the account is opened, and when only the claim is left.
            for settled in [0, 1] {
                let mut bench = Bench::new();
                let claims = bench.count_claims();
                let session = bench.ask_to_enter("bob", None);
                (0..settled).for_each(|_| bench.settle_once());
                end(&mut bench, session);
                bench.settle();
                assert_eq!(claims.get(), 0, "end {number} after {settled}");
                let told = bench.outputs.iter().any(|output| matches!(output, Output::Event(..)));
                assert!(!told, "{:?}", bench.outputs);
                // The name is free.
                assert!(bench.opens("bob", None));
            }
        }
    }

    #[test]
    fn a_client_that_has_ended_its_side_is_answered_truly() {
        let mut bench = Bench::new();
        let present = bench.ask_to_enter("bob", None);
        bench.settle();
        for (name, is_taken) in [("bob", true), ("ann", false)] {
            let session = bench.ask_to_enter(name, None);
            bench.office.note(session, Notice::Ending);
            bench.settle();
            let answer = bench.answer(session);
            let is_right = match answer {
                Some(Reply::LogInRefused(LogInRefusal::Present)) => is_taken,
                Some(Reply::LoggedIn { .. }) => !is_taken,
                _ => false,
            };
            assert!(is_right, "{name}: {answer:?}");
        }
        bench.office.leave(present);
    }
}
