//! Private channels of a store in memory.

use std::sync::Arc;

use postroom_model::{Channel, ChannelCommand, ChannelKey, ManageRefusal, Managed, Name, Post};

use crate::{AccountId, INVITED_IN_ALL_MAX, INVITED_MAX, Outcome, PRIVATE_CHANNELS_MAX, Timestamp};

use super::books::{Books, Creator};
use super::private_channel::Private;

impl Books {
    /// Whether a channel is public, or an account may enter it.
    pub(super) fn may_enter(&self, channel: &Channel, account: Option<AccountId>) -> bool {
        let Some(private) = self.private.iter().find(|private| private.channel == *channel) else {
            return true;
        };
        account.is_some_and(|account| {
            private.names(account) && self.account(account).password.is_some()
        })
    }

    /// A post without the private channels that its author may not enter; `None` if it has no
    /// others.
    pub(super) fn admitted(
        &self,
        author: Option<AccountId>,
        post: &Arc<Post>,
    ) -> Option<Arc<Post>> {
        let channels = post.channels.iter().filter(|channel| self.may_enter(channel, author));
        let channels: Vec<_> = channels.cloned().collect();
        let (author, text) = (post.author.clone(), post.text.clone());
        (!channels.is_empty()).then(|| Arc::new(Post { author, channels, text }))
    }

    /// Whether an account has made a private channel, or is invited to one.
    pub(super) fn is_in_private(&self, account: AccountId) -> bool {
        self.private.iter().any(|private| private.names(account))
    }

    /// What an account that is deleted has made goes, and its invitations; returns the former.
    pub(super) fn leave_private(&mut self, account: AccountId) -> Vec<Channel> {
        let made = self.private.extract_if(.., |private| private.creator == account);
        let made: Vec<_> = made.map(|private| private.channel).collect();
        for channel in &made {
            self.channels.remove(channel);
        }
        for private in &mut self.private {
            private.invited.retain(|invited| *invited != account);
        }
        made
    }

    pub(super) fn manage_channel(
        &mut self,
        account: AccountId,
        channel: Channel,
        command: ChannelCommand,
        creator: Creator<'_>,
        now: Timestamp,
    ) -> Outcome {
        if self.account(account).password.is_none() {
            return Outcome::ChannelNotManaged(ManageRefusal::HasNoPassword);
        }
        let is_it = |private: &Private| private.channel == channel && private.creator == account;
        let place = self.private.iter().position(is_it);
        let managed = match (command, place) {
            (ChannelCommand::MakePrivate, _) => self.make_private(account, &channel, creator, now),
            (ChannelCommand::UseKey(key), _) => self.use_key(account, &channel, key),
            (_, None) => Err(ManageRefusal::NotCreator),
            (ChannelCommand::Invite { name, is_invited }, Some(place)) => {
                self.invite(place, &name, is_invited)
            }
            (ChannelCommand::ListInvited, Some(place)) => {
                let private = &self.private[place];
                let names = private.invited.iter().map(|of| self.name(*of).clone()).collect();
                Ok(Managed::Invited { names, has_key: private.key.is_some() })
            }
            (ChannelCommand::SetKey(key), Some(place)) => {
                self.private[place].key = key;
                Ok(Managed::KeySet { has_key: key.is_some() })
            }
            (ChannelCommand::Delete, Some(place)) => {
                self.private.remove(place);
                Ok(Managed::Deleted { posts: self.channels.remove(&channel).unwrap_or(0) })
            }
        };
        match managed {
            Ok(managed) => Outcome::ChannelManaged { channel, managed },
            Err(refusal) => Outcome::ChannelNotManaged(refusal),
        }
    }

    fn make_private(
        &mut self,
        account: AccountId,
        channel: &Channel,
        Creator { session, may_create, limits }: Creator<'_>,
        now: Timestamp,
    ) -> Result<Managed, ManageRefusal> {
        if channel.is_built_in() || self.channels.is_known(channel) {
            return Err(ManageRefusal::Exists);
        }
        let of_account = self.private.iter().filter(|private| private.creator == account).count();
        if of_account >= PRIVATE_CHANNELS_MAX as usize {
            return Err(ManageRefusal::TooManyOfAccount);
        }
        if may_create == 0 {
            return Err(ManageRefusal::MayNotCreate);
        }
        let is_full = self.private.len() >= limits.channels_max as usize / 2;
        if is_full || !self.channels.make(session, channel, limits, now) {
            return Err(ManageRefusal::TooManyChannels);
        }
        let (channel, key, invited) = (channel.clone(), None, Vec::new());
        self.private.push(Private { channel, creator: account, key, invited });
        Ok(Managed::MadePrivate)
    }

    fn invite(
        &mut self,
        place: usize,
        name: &Name,
        is_invited: bool,
    ) -> Result<Managed, ManageRefusal> {
        let known =
            self.find(name).filter(|id| self.account(*id).password.is_some() || !is_invited);
        let invited = known.ok_or(ManageRefusal::MayNotBeInvited)?;
        let name = self.name(invited).clone();
        let is_new = if is_invited {
            self.add_invitation(place, invited)?
        } else {
            let private = &mut self.private[place];
            let count = private.invited.len();
            private.invited.retain(|other| *other != invited);
            private.invited.len() < count
        };
        Ok(Managed::Invitation { name, is_invited, is_new })
    }

    fn use_key(
        &mut self,
        account: AccountId,
        channel: &Channel,
        key: ChannelKey,
    ) -> Result<Managed, ManageRefusal> {
        let fits = |of: &Private| of.channel == *channel && of.key == Some(key);
        let place = self.private.iter().position(fits).ok_or(ManageRefusal::WrongKey)?;
        self.add_invitation(place, account)?;
        Ok(Managed::Admitted)
    }

    /// Invites an account; returns whether it could not enter before.
    fn add_invitation(&mut self, place: usize, account: AccountId) -> Result<bool, ManageRefusal> {
        let in_all: usize = self.private.iter().map(|private| private.invited.len()).sum();
        let private = &mut self.private[place];
        if private.names(account) {
            return Ok(false);
        }
        let is_full = private.invited.len() >= INVITED_MAX as usize;
        if is_full || in_all >= INVITED_IN_ALL_MAX as usize {
            return Err(ManageRefusal::TooManyInvited);
        }
        private.invited.push(account);
        Ok(true)
    }
}
