//! Private channels. The store decides which accounts may enter one; here the sessions are
//! taken out that no longer may.

use std::collections::BTreeSet;

use postroom_model::{
    Channel, ChannelCommand, ChannelKey, Event, ManageRefusal, Name, Reply, SessionKey,
};
use postroom_store::{Call, Outcome, Store};

use crate::calls::{Origin, RequestKey};
use crate::creations::Kind;
use crate::output::Output;
use crate::session::Session;
use crate::{Office, find};

impl<S: Store> Office<S> {
    /// Whether a channel is public, or a session may enter it.
    pub(crate) fn may_enter(&self, session: SessionKey, channel: &Channel) -> bool {
        let record = self.sessions.get(session.index());
        let record = record.filter(|record| record.generation == session.generation());
        self.store.may_enter(channel, record.and_then(Session::reader))
    }

    /// Whether anyone may read a channel.
    pub fn is_public(&self, channel: &Channel) -> bool {
        self.store.may_enter(channel, None)
    }

    pub(crate) fn manage_channel(
        &mut self,
        key: RequestKey,
        channel: Channel,
        command: ChannelCommand,
    ) {
        let reader = self.session(key.session).and_then(|record| record.reader());
        let Some(account) = reader else {
            let refusal = ManageRefusal::HasNoPassword;
            return self.resolve(key, Reply::ChannelNotManaged(refusal));
        };
        let wanted = u32::from(command == ChannelCommand::MakePrivate);
        let reservation = self.reserve(key.session, Kind::Channel, wanted);
        let may_create = reservation.map_or(0, |reserved| reserved.count());
        let call = Call::ManageChannel { account, channel, command, may_create };
        self.submit_reserved(Origin::Request(key), call, reservation);
    }

    pub(crate) fn join_with_key(&mut self, key: RequestKey, channel: Channel, secret: ChannelKey) {
        let reader = self.session(key.session).and_then(|record| record.reader());
        match reader {
            Some(account) if !self.may_enter(key.session, &channel) => {
                let command = ChannelCommand::UseKey(secret);
                let origin = Origin::Join(key, channel.clone());
                self.submit(
                    origin,
                    Call::ManageChannel { account, channel, command, may_create: 0 },
                );
            }
            // It needs no key, or none would help.
            _ => self.join(key, &channel),
        }
    }

    /// Handles what came of the key of a session that wants to join a channel.
    pub(crate) fn key_checked(&mut self, key: RequestKey, channel: &Channel, outcome: Outcome) {
        match outcome {
            Outcome::ChannelNotManaged(ManageRefusal::WrongKey)
            | Outcome::ChannelManaged { .. } => {
                self.join(key, channel);
            }
            Outcome::ChannelNotManaged(refusal) => {
                self.resolve(key, Reply::ChannelNotManaged(refusal));
            }
            outcome => {
                debug_assert!(false, "{outcome:?} is not about a key");
                self.resolve(key, Reply::Unavailable);
            }
        }
    }

    /// Takes the sessions out of a channel that may no longer enter it.
    pub(crate) fn take_strangers_out(&mut self, channel: &Channel) {
        let members = self.live.members(channel).iter().copied();
        let strangers = members.filter(|session| !self.may_enter(*session, channel)).collect();
        self.take_out(channel, strangers);
    }

    /// Handles the deletion of a private channel. What is said under its name from now on anyone
    /// may read, so nobody stays in it who thinks otherwise.
    pub(crate) fn private_channel_gone(&mut self, channel: &Channel) {
        let members = self.live.members(channel).iter().copied().collect();
        self.take_out(channel, members);
        self.push_posts();
        self.outputs.push_back(Output::Gone(channel.clone()));
    }

    fn take_out(&mut self, channel: &Channel, mut sessions: Vec<SessionKey>) {
        sessions.retain(|session| {
            // What stands for the readers of HTTP stays: each of them is asked for.
            let work = find(&mut self.sessions, *session).and_then(Session::work);
            let place = work.and_then(|work| {
                let place = work.channels.iter().position(|joined| joined == channel)?;
                Some(work.channels.swap_remove(place))
            });
            place.is_some()
        });
        if sessions.is_empty() {
            return;
        }
        self.push_event(sessions.clone(), Event::TakenOut(channel.clone()));
        for session in sessions {
            if self.live.leave_channel(session, channel) {
                self.store.set_members(channel, false);
            }
            self.outputs.push_back(Output::Left(session, channel.clone()));
        }
    }

    /// Takes the sessions of an account that has no password any more out of private channels.
    pub(crate) fn take_out_of_private(&mut self, name: &Name) {
        let of = self
            .sessions
            .iter_mut()
            .filter(|(_, session)| session.known().is_some_and(|known| known.name == *name));
        let joined = of.filter_map(|(_, session)| session.work()).flat_map(|work| &work.channels);
        let joined: BTreeSet<_> = joined.cloned().collect();
        for channel in joined {
            self.take_strangers_out(&channel);
        }
    }

    /// The reply to a session that may not enter the channel that it wants to join. A client
    /// of the board is not told that there is such a channel: it waits for posts, as it would
    /// if nobody posted there.
    pub(crate) fn refusal_to_join(&self, session: SessionKey) -> Reply {
        let record = self.sessions.get(session.index());
        match record.and_then(Session::account) {
            Some(_) => Reply::NotInvited,
            None => Reply::Joined,
        }
    }
}
