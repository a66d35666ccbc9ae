//! Banning, and what it means for sessions.

use std::net::IpAddr;

use postroom_model::{Fault, Name, Prefix, faulty};
use postroom_store::{AccountId, BanPage, BanPlace, BanSubject, End, Outcome, Store};

use crate::Office;
use crate::administration::AdminTicket;
use crate::bans::{AboutBan, BanAnswer, BanRequest};
use crate::calls::Origin;
use crate::output::Output;
use crate::session::Identity;

impl<S: Store> Office<S> {
    /// Bans someone, or lifts a ban; the answer is an [`Output::AboutBan`]. Sessions of a
    /// banned name are [expelled](Output::Expelled) then; those of addresses are the
    /// driver's to end.
    pub fn ban(&mut self, ticket: AdminTicket, request: BanRequest) {
        let call = request.call();
        self.submit(Origin::Ban(ticket, request), call);
    }

    /// The bans that are in force.
    pub fn bans(&self, from: BanPlace) -> BanPage {
        self.store.bans(from, self.wall)
    }

    /// The banned addresses of which this is one.
    pub fn banned_with(&self, address: IpAddr) -> Option<Prefix> {
        self.store.banned_with(address, self.wall)
    }

    /// Whether nobody may log in with a name.
    pub(crate) fn is_banned(&self, name: &Name) -> bool {
        self.store.is_banned(name, self.wall) && !faulty(Fault::BannedNameLetIn)
    }

    pub(crate) fn ban_ended(&mut self, ticket: AdminTicket, request: &BanRequest, end: End) {
        let about = match end {
            End::Unavailable => AboutBan::Unavailable,
            End::Unknown => AboutBan::Unknown,
            End::Done(outcome) => {
                let outcome = outcome.into_inner();
                let expelled = match (&request.subject, &outcome) {
                    (BanSubject::Name(name), Outcome::Banned { account, .. }) => {
                        self.expel_banned(name, *account)
                    }
                    _ => 0,
                };
                let mut answer = request.answer(outcome);
                if let Ok(BanAnswer::Banned { sessions, .. }) = &mut answer {
                    *sessions = expelled;
                }
                AboutBan::Done(answer)
            }
        };
        self.outputs.push_back(Output::AboutBan(ticket, about));
    }

    /// Expels the sessions of a name, and those that are just logging in with it; returns how
    /// many. So a login that began before the ban does not get past it.
    fn expel_banned(&mut self, name: &Name, account: Option<AccountId>) -> usize {
        self.expel(|session| {
            let is_logging_in =
                matches!(&session.identity, Identity::LoggingIn(login) if login.name == *name);
            let is_in = account.is_some() && session.uses == account;
            (is_logging_in && !faulty(Fault::BanOvertaken))
                || (is_in && !faulty(Fault::BannedNameStays))
        })
    }
}
