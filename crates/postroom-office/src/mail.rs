//! Leaving messages: for one recipient, or for several, all or nothing.

use postroom_model::{
    Access, Committed, ComposeRefusal, Composed, Forbidden, Name, Recipients, Reply, SessionKey,
    Text, Timestamp, Unknown,
};
use postroom_store::{Call, Outcome, Sender, Sent, Store};

use crate::Office;
use crate::calls::{Origin, RequestKey};
use crate::creations::{Kind, Reservation};
use crate::once::Keyed;

impl<S: Store> Office<S> {
    pub(crate) fn compose(
        &mut self,
        key: RequestKey,
        recipient: Name,
        text: Text,
        unknown: Unknown,
        keyed: Option<Keyed>,
    ) {
        let Some(sender) = self.sender(key) else {
            return;
        };
        let (unknown, reservation) = self.recipients_to_register(key.session, unknown, 1);
        let may_create = reservation.map_or(0, |reserved| reserved.count());
        let call = Call::Compose { sender, recipient, text, unknown, may_create };
        self.submit_reserved(Origin::Request(key), Keyed::wrap(keyed, call), reservation);
    }

    pub(crate) fn compose_all(
        &mut self,
        key: RequestKey,
        recipients: Recipients,
        text: Text,
        unknown: Unknown,
        keyed: Option<Keyed>,
    ) {
        let Some(sender) = self.sender(key) else {
            return;
        };
        let most = recipients.count();
        let (unknown, reservation) = self.recipients_to_register(key.session, unknown, most);
        let may_create = reservation.map_or(0, |reserved| reserved.count());
        let call = Call::ComposeAll { sender, recipients, text, unknown, may_create };
        self.submit_reserved(Origin::Request(key), Keyed::wrap(keyed, call), reservation);
    }

    /// Who sends what a session asks for. If there is nobody, the request is answered.
    fn sender(&mut self, key: RequestKey) -> Option<Sender> {
        let sender = self.session(key.session)?.sender();
        if sender.is_none() {
            self.resolve(key, Reply::Forbidden(Forbidden::Anonymous));
        }
        sender
    }

    /// Whether unknown recipients are registered, and what is reserved for that.
    fn recipients_to_register(
        &mut self,
        session: SessionKey,
        unknown: Unknown,
        most: u32,
    ) -> (Unknown, Option<Reservation>) {
        let access = self.session(session).map(|record| record.access);
        match unknown {
            Unknown::Register if access.is_some_and(Access::registers_without_password) => {
                (unknown, self.reserve(session, Kind::Account, most))
            }
            Unknown::Register | Unknown::Refuse => (Unknown::Refuse, None),
        }
    }

    /// The reply to messages that are on disk. Their recipients are told.
    pub(crate) fn composed_all(
        &mut self,
        stored: Timestamp,
        sent: &[Sent],
        committed: &Committed<Outcome>,
    ) -> Reply {
        for sent in sent {
            self.tell_of_mail(sent.recipient);
        }
        let composed = |Sent { id, name, registered, .. }: &Sent| Composed {
            id: *id,
            stored,
            recipient: name.clone(),
            registered: *registered,
        };
        let all: Vec<_> = sent.iter().map(composed).collect();
        Reply::ComposedAll(committed.derive(|_| all))
    }

    /// The reply to messages that were refused for one recipient.
    pub(crate) fn not_composed_all(
        &mut self,
        key: RequestKey,
        recipient: Name,
        why: Outcome,
    ) -> Reply {
        let refusal = match self.reply_to(key, why) {
            Some(Reply::NotComposed(refusal)) => refusal,
            // No other outcome refuses a message.
            _ => ComposeRefusal::Unknown,
        };
        Reply::NotComposedAll { recipient, refusal }
    }
}
