//! Presence: claiming it, at a login or later, and ending it.
//!
//! The store decides who may be present, since servers share it. An account arrives with its
//! first session and departs with its last, whatever their order elsewhere: the store says
//! which claim was the first and which release the last.

use postroom_model::{
    Attendee, Fault, LogInRefusal, Name, PresenceTerms, Reply, SessionKey, faulty,
};
use postroom_store::{AccountId, Call, Presence, Store};

use crate::calls::{Origin, RequestKey};
use crate::login::logged_in;
use crate::session::{Appearing, Identity, Known, Present, Session, Stage};
use crate::{Office, find};

/// A presence that the store has granted.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) presence: Presence,
    pub(crate) name: Name,
    pub(crate) is_first: bool,
    pub(crate) active: u32,
}

impl<S: Store> Office<S> {
    /// Claims the presence of the account of a session that is logged in.
    pub(crate) fn appear(&mut self, key: RequestKey, account: AccountId, terms: PresenceTerms) {
        let Some(record) = self.session(key.session) else {
            return;
        };
        if let Identity::LoggedIn(known) = &record.identity {
            let known = Known::clone(known);
            record.identity = Identity::Appearing(Box::new(Appearing { known, terms }));
            return self.submit_request(key, Call::Claim { account, kind: terms.kind });
        }
        self.resolve(key, Reply::Appeared);
    }

    pub(crate) fn claimed(&mut self, key: RequestKey, claimed: Claimed) -> Option<Reply> {
        let Claimed { presence, name, is_first, active } = claimed;
        let session = key.session;
        let claim = self.session(session).and_then(take_claim);
        if claim.is_some() {
            self.push_posts();
        }
        let attendee = Attendee { name, active };
        let Some((interests, known, reply)) = claim else {
            // The session has ended meanwhile. Another one of the account may have come after
            // it, so that its own claim was not the first.
            if is_first {
                self.arrived(session, attendee);
            }
            self.submit(Origin::Release, Call::Release { presence });
            return None;
        };
        let (account, name) = (known.account, known.name);
        let present = Present { account, name, presence, interests, awaited: None, last_mark: 0 };
        self.live.enter(session, &present);
        self.session(session)?.identity = Identity::Present(Box::new(present));
        if is_first {
            self.arrived(session, attendee);
        } else {
            self.joined_its_account(session);
        }
        Some(reply)
    }

    /// Handles the refusal of a claim.
    pub(crate) fn present_already(&mut self, session: SessionKey) -> Option<Reply> {
        if self.appears_no_more(session) {
            return Some(Reply::NotAppeared);
        }
        self.refused(session, LogInRefusal::Present)
    }

    /// Returns a session whose account does not become present to what it was before;
    /// whether it had asked for that after its login.
    pub(crate) fn appears_no_more(&mut self, session: SessionKey) -> bool {
        let Some(record) = self.session(session) else {
            return false;
        };
        let Identity::Appearing(appearing) = &record.identity else {
            return false;
        };
        record.identity = Identity::LoggedIn(appearing.known.clone().into());
        true
    }

    /// Ends the presence of the account of a session that stays logged in.
    pub(crate) fn disappear(&mut self, key: RequestKey) {
        let Some(record) = self.session(key.session) else {
            return;
        };
        if let (Identity::Present(_), Some(known)) = (&record.identity, record.known()) {
            let before = std::mem::replace(&mut record.identity, Identity::LoggedIn(known.into()));
            if let Identity::Present(present) = before {
                self.end_presence(key.session, *present);
            }
            // All requests before it are answered, and a later one may appear again.
            let work = find(&mut self.sessions, key.session).and_then(Session::work);
            if let Some(presence) = work.and_then(|work| work.release.take()) {
                self.submit(Origin::Release, Call::Release { presence });
            }
        }
        self.resolve(key, Reply::Disappeared);
    }

    /// Ends the presence of a session's account once its requests are completed.
    pub(crate) fn end_presence(&mut self, session: SessionKey, present: Present) {
        self.push_posts();
        self.live.leave(session, &present);
        let Some(record) = find(&mut self.sessions, session) else {
            return;
        };
        if faulty(Fault::LeavesFirst) {
            self.submit(Origin::Release, Call::Release { presence: present.presence });
        } else {
            record.work_or(&mut self.spare).release = Some(present.presence);
        }
        if let Some(awaited) = present.awaited {
            let key = RequestKey { session, number: awaited.number };
            match awaited.stage {
                // Answered at its completion.
                Stage::Storing { .. } => {}
                Stage::Posted { committed, .. } => self.settle(key, Reply::Undelivered(committed)),
                Stage::Told { .. } => self.settle(key, Reply::Told),
            }
        }
        self.awaits_no_more_from(session);
    }
}

/// Takes what a session has claimed the presence of its account for, and the reply once that
/// is granted.
fn take_claim(record: &mut Session) -> Option<(PresenceTerms, Known, Reply)> {
    match &mut record.identity {
        Identity::LoggingIn(login) => {
            let (terms, opened) = (login.terms.presence?, login.opened.take()?);
            let known = Known { account: opened.account, name: opened.name.clone() };
            Some((terms, known, logged_in(opened)))
        }
        Identity::Appearing(appearing) => {
            Some((appearing.terms, appearing.known.clone(), Reply::Appeared))
        }
        Identity::Anonymous | Identity::LoggedIn(_) | Identity::Present(_) => None,
    }
}
