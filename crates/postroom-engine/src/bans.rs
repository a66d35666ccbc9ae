//! What a ban means for those who are connected.

use postroom_model::{Fault, faulty};
use postroom_office::{AboutBan, AdminTicket, BanAnswer};
use postroom_store::{BanSubject, Store};

use crate::administration::Kick;
use crate::{AdminAnswer, Engine, Output};

impl<S: Store> Engine<S> {
    /// Tells an operator what came of a ban. The sessions of banned addresses end; those of
    /// a banned name the office has expelled.
    pub(crate) fn tell_about_ban(&mut self, ticket: AdminTicket, mut about: AboutBan) {
        match &mut about {
            AboutBan::Done(Ok(BanAnswer::Banned { ban, sessions, .. })) => {
                self.log_ban(ban.subject.clone(), ban.until);
                if let BanSubject::Addresses(prefix) = ban.subject
                    && !faulty(Fault::BannedAddressStays)
                {
                    *sessions = self.end_sessions(&Kick::Addresses(prefix.net()));
                }
            }
            AboutBan::Done(Ok(BanAnswer::Unbanned { subject })) => {
                self.log_administered("unbanned", subject.to_string());
            }
            AboutBan::Done(Err(_)) | AboutBan::Unavailable | AboutBan::Unknown => {}
        }
        let answer = Box::new(AdminAnswer::Ban(about));
        self.outputs.push_back(Output::Administered(ticket, answer));
    }
}
