//! Logging in: opening an account, checking its password, becoming present.

use postroom_model::{Attendee, ComposeRefusal, Event, LogInRefusal, Name, Password, Reply, Terms};
use postroom_store::{Call, Key, PasswordHash, Presence, Store};

use crate::check::{Against, Check, Checked, Verdict};
use crate::file_passwords::FilePasswords;
use crate::news::{Audience, News};
use crate::visit::{Attendance, Entrance, Opened, SessionKey, Standing};
use crate::{Office, own};

impl<S: Store> Office<S> {
    pub(crate) fn log_in(
        &mut self,
        session: SessionKey,
        name: Name,
        password: Option<Password>,
        terms: Terms,
    ) {
        let Some(visit) = self.visit(session) else {
            return;
        };
        let entrance =
            Entrance { name, password, terms, waits_since: None, is_ending: false, opened: None };
        visit.standing = Standing::Entering(Box::new(entrance));
        match &mut self.file {
            Some(file) => file.add(session),
            None => self.admit(session),
        }
    }

    /// Goes on with a login, on the passwords that are in force now.
    pub(crate) fn admit(&mut self, session: SessionKey) {
        let Some(entrance) = self.entrance(session) else {
            return;
        };
        entrance.waits_since = None;
        let (name, terms) = (entrance.name.clone(), entrance.terms);
        match self.checks.secret(&name).cloned() {
            Some(secret) => self.check(session, Against::File(secret)),
            None if self.locks.is_missing(&name) => self.check(session, Against::Nothing),
            None => self.open(session, name, Key::None, terms),
        }
    }

    /// Forgets a login whose session has ended.
    pub(crate) fn enters_no_more(&mut self, session: SessionKey, entrance: &Entrance) {
        if let (Some(file), Some(since)) = (&mut self.file, entrance.waits_since) {
            file.remove(since, session);
        }
    }

    fn open(&mut self, session: SessionKey, name: Name, key: Key, terms: Terms) {
        let admits_strangers = terms.admits_strangers;
        self.submit(session, Call::Open { name, key, admits_strangers });
    }

    /// The login of a session, if one is under way.
    pub(crate) fn entrance(&mut self, session: SessionKey) -> Option<&mut Entrance> {
        match &mut self.visit(session)?.standing {
            Standing::Entering(entrance) => Some(entrance),
            _ => None,
        }
    }

    pub(crate) fn opened(&mut self, session: SessionKey, opened: Opened) -> Option<Reply> {
        let account = opened.account;
        let visit = self.visit(session)?;
        match &mut visit.standing {
            Standing::Entering(entrance) => {
                if entrance.terms.presence.is_none() {
                    visit.standing = Standing::Member(account);
                    return Some(logged_in(opened));
                }
                entrance.opened = Some(opened);
                self.claims.push(session);
                self.unsettled = true;
                None
            }
            // Its login is over.
            _ => None,
        }
    }

    /// Claims the presence of accounts for the sessions that are still there when
    /// the next group is committed. A session that has only to be answered yet
    /// claims nothing; it looks whether it could.
    pub(crate) fn submit_claims(&mut self) {
        for session in std::mem::take(&mut self.claims) {
            let Some(Entrance { terms, opened: Some(opened), is_ending, .. }) =
                self.entrance(session)
            else {
                continue;
            };
            let alone = terms.presence.is_some_and(|presence| presence.alone);
            let call = match is_ending {
                true => Call::ListPresent,
                false => Call::Claim { account: opened.account, alone },
            };
            self.submit(session, call);
        }
    }

    /// Takes the list of accounts that are present, for a session that asked for it
    /// or for a login that is only to be answered.
    pub(crate) fn present(&mut self, session: SessionKey, names: Vec<Name>) -> Option<Reply> {
        let Some(entrance) = self.entrance(session) else {
            return Some(Reply::Present(names));
        };
        let opened = entrance.opened.take()?;
        let alone = entrance.terms.presence.is_some_and(|presence| presence.alone);
        if alone && names.contains(&opened.name) {
            return self.refused(session, LogInRefusal::Present);
        }
        self.visit(session)?.standing = Standing::Member(opened.account);
        Some(logged_in(opened))
    }

    /// The client has ended its side, and its login is the last of its requests.
    pub(crate) fn ends(&mut self, session: SessionKey) {
        if let Some(entrance) = self.entrance(session) {
            entrance.is_ending = true;
        }
    }

    pub(crate) fn claimed(
        &mut self,
        session: SessionKey,
        presence: Presence,
        active: u32,
    ) -> Option<Reply> {
        let entrance = self.entrance(session);
        let claim =
            entrance.and_then(|entrance| Some((entrance.terms.presence?, entrance.opened.take()?)));
        let Some((interests, opened)) = claim else {
            // It is no one's: the name must be free again.
            self.submit(own(), Call::Release { presence });
            return None;
        };
        let name = opened.name.clone();
        let attendance = Attendance {
            account: opened.account,
            name: name.clone(),
            presence,
            interests,
            awaited: None,
            last_mark: 0,
        };
        self.live.enter(session, &attendance);
        self.visit(session)?.standing = Standing::Attending(Box::new(attendance));
        let arrived = Event::Arrived(Attendee { name, active });
        self.news.push(News::Event(Audience::Arrivals { except: session }, arrived));
        Some(logged_in(opened))
    }

    pub(crate) fn departed(&mut self, session: SessionKey, name: Name, active: u32) {
        let departed = Event::Departed(Attendee { name, active });
        self.news.push(News::Event(Audience::Arrivals { except: session }, departed));
    }

    pub(crate) fn locked(&mut self, session: SessionKey, password: PasswordHash) -> Option<Reply> {
        self.check(session, Against::Stored(password));
        None
    }

    pub(crate) fn not_admitted(&mut self, session: SessionKey) -> Option<Reply> {
        self.check(session, Against::Nothing);
        None
    }

    pub(crate) fn no_room(
        &mut self,
        session: SessionKey,
        refusal: ComposeRefusal,
    ) -> Option<Reply> {
        match self.entrance(session) {
            Some(_) => self.refused(session, LogInRefusal::NoRoom),
            None => Some(Reply::NotComposed(refusal)),
        }
    }

    fn check(&mut self, session: SessionKey, against: Against) {
        let Some(entrance) = self.entrance(session) else {
            return;
        };
        let (name, given) = (entrance.name.clone(), entrance.password.take());
        if !self.checks.add(Check::new(session, name, given, against))
            && let Some(reply) = self.refused(session, LogInRefusal::Busy)
        {
            self.reply(session, reply);
        }
    }

    pub(crate) fn refused(&mut self, session: SessionKey, refusal: LogInRefusal) -> Option<Reply> {
        self.visit(session)?.standing = Standing::Stranger;
        Some(Reply::LogInRefused(refusal))
    }

    /// Takes a password that has to be checked; those of sessions that have left
    /// are not checked any more.
    pub fn take_check(&mut self) -> Option<Check> {
        let visits = &self.visits;
        self.checks.take(|session| {
            visits.get(session.key()).is_some_and(|visit| visit.generation == session.generation())
        })
    }

    /// Takes the result of a check.
    pub fn checked(&mut self, checked: Checked) {
        let Checked { session, name, verdict } = checked;
        let key = match verdict {
            Verdict::Wrong => None,
            Verdict::FitsStored(hash) => Some(Key::Verified(hash)),
            Verdict::FitsFile => Some(Key::Trusted),
        };
        let Some(terms) = self.entrance(session).map(|entrance| entrance.terms) else {
            return;
        };
        match key {
            Some(key) => self.open(session, name, key, terms),
            None => {
                if let Some(reply) = self.refused(session, LogInRefusal::Password) {
                    self.reply(session, reply);
                }
            }
        }
    }

    /// Takes over the passwords in the password file. From now on they alone open
    /// the accounts named; accounts named before and no longer stay locked.
    pub(crate) fn set_passwords(&mut self, FilePasswords { table, new_names }: FilePasswords) {
        // Names that the file had before are locked, or their lock is tried again.
        self.locks.add(new_names);
        self.checks.set_secrets(table);
    }
}

fn logged_in(opened: Opened) -> Reply {
    let Opened { name, registered, unread, .. } = opened;
    Reply::LoggedIn { name, registered, unread }
}

#[cfg(test)]
mod tests {
    use postroom_model::Notice;

    use super::*;
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
                let told = bench.news.iter().any(|news| matches!(news, News::Event(..)));
                assert!(!told, "{:?}", bench.news);
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
