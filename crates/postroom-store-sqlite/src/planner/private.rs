//! Planning what creators do with private channels.

use postroom_model::{Channel, ChannelCommand, ChannelKey, ManageRefusal, Managed, Name};
use postroom_store::{AccountId, INVITED_IN_ALL_MAX, INVITED_MAX, Outcome, PRIVATE_CHANNELS_MAX};

use super::Planner;
use crate::allowed::Allowed;
use crate::channels::Private;
use crate::idle::ChannelId;
use crate::index::Undo;
use crate::operation::Operation;
use crate::state::State;

impl Planner<'_> {
    pub(super) fn manage_channel(
        &mut self,
        account: AccountId,
        channel: &Channel,
        command: &ChannelCommand,
        may_create: u32,
    ) -> Outcome {
        match self.managed(account, channel, command, may_create) {
            Ok(managed) => Outcome::ChannelManaged { channel: channel.clone(), managed },
            Err(refusal) => Outcome::ChannelNotManaged(refusal),
        }
    }

    fn managed(
        &mut self,
        account: AccountId,
        channel: &Channel,
        command: &ChannelCommand,
        may_create: u32,
    ) -> Result<Managed, ManageRefusal> {
        let known = self.index.account(account);
        if known.state != State::Known || known.password.is_none() {
            return Err(ManageRefusal::HasNoPassword);
        }
        if self.allowed == Allowed::Nothing {
            return Err(ManageRefusal::DiskFull);
        }
        if *command == ChannelCommand::MakePrivate {
            return self.make_private(account, channel, may_create);
        }
        let private = self.index.channels.private_of(channel);
        if let ChannelCommand::UseKey(key) = command {
            let fits = private.filter(|(_, private)| private.key == Some(*key));
            let (id, _) = fits.ok_or(ManageRefusal::WrongKey)?;
            return self.add_invitation(id, account).map(|_| Managed::Admitted);
        }
        let (id, private) = private
            .filter(|(_, private)| private.creator == Some(account))
            .ok_or(ManageRefusal::NotCreator)?;
        match command {
            ChannelCommand::Invite { name, is_invited } => self.invite(id, name, *is_invited),
            ChannelCommand::ListInvited => {
                let invited = private.invited.iter();
                let name = |(_, account): &_| self.index.account(*account).name.clone();
                let (names, has_key) = (invited.map(name).collect(), private.key.is_some());
                Ok(Managed::Invited { names, has_key })
            }
            ChannelCommand::SetKey(key) => Ok(self.set_key(id, *key)),
            ChannelCommand::Delete | ChannelCommand::MakePrivate | ChannelCommand::UseKey(_) => {
                let posts = self.index.channels.posts(channel).unwrap_or(0);
                self.remove_channel(id);
                Ok(Managed::Deleted { posts })
            }
        }
    }

    fn make_private(
        &mut self,
        account: AccountId,
        channel: &Channel,
        may_create: u32,
    ) -> Result<Managed, ManageRefusal> {
        let channels = &self.index.channels;
        if channel.is_built_in() || channels.find(channel).is_some() {
            return Err(ManageRefusal::Exists);
        }
        if channels.private().made_by(account).count() >= PRIVATE_CHANNELS_MAX as usize {
            return Err(ManageRefusal::TooManyOfAccount);
        }
        if may_create == 0 {
            return Err(ManageRefusal::MayNotCreate);
        }
        if self.allowed != Allowed::Everything {
            return Err(ManageRefusal::DiskFull);
        }
        // Others are never kept out by channels that are never evicted.
        let is_full = channels.private().len() >= self.limits.channels_max / 2;
        if is_full || !self.make_room(1, &[]) {
            return Err(ManageRefusal::TooManyChannels);
        }
        self.name_in_record(account);
        let id = self.find_or_add(channel, 0);
        self.index.channels.make_private(id, Private::new(Some(account), None));
        self.plan.undo.push(Undo::MakePrivate(id));
        self.operations.push(Operation::SetCreator { channel: id, creator: account });
        Ok(Managed::MadePrivate)
    }

    fn set_key(&mut self, id: ChannelId, key: Option<ChannelKey>) -> Managed {
        let before = self.index.channels.set_key(id, key);
        self.plan.undo.push(Undo::SetKey(id, before));
        self.operations.push(Operation::SetKey { channel: id, call: self.call });
        Managed::KeySet { has_key: key.is_some() }
    }

    fn invite(
        &mut self,
        id: ChannelId,
        name: &Name,
        is_invited: bool,
    ) -> Result<Managed, ManageRefusal> {
        let known = self.index.find(name);
        let may_be = |id: &AccountId| !is_invited || self.index.account(*id).password.is_some();
        let account = known.filter(may_be).ok_or(ManageRefusal::MayNotBeInvited)?;
        let name = self.index.account(account).name.clone();
        let is_new = if is_invited {
            self.add_invitation(id, account)?
        } else {
            self.remove_invitation(id, account)
        };
        Ok(Managed::Invitation { name, is_invited, is_new })
    }

    fn add_invitation(&mut self, id: ChannelId, account: AccountId) -> Result<bool, ManageRefusal> {
        let channels = &mut self.index.channels;
        let Some(private) = channels.private().get(id).filter(|of| !of.names(account)) else {
            return Ok(false);
        };
        let is_full = private.invited.len() >= INVITED_MAX as usize;
        if is_full || channels.private().invited() >= INVITED_IN_ALL_MAX {
            return Err(ManageRefusal::TooManyInvited);
        }
        let number = channels.private().next_number();
        channels.invite(id, number, account);
        self.plan.undo.push(Undo::Invite(id, account));
        self.operations.push(Operation::InsertInvitation { number, channel: id, account });
        self.name_in_record(account);
        Ok(true)
    }

    /// Ends an invitation, if there is one; returns whether there was.
    fn remove_invitation(&mut self, id: ChannelId, account: AccountId) -> bool {
        let removed = self.index.channels.uninvite(id, account);
        if let Some(number) = removed {
            self.plan.undo.push(Undo::Uninvite(id, account, number));
            self.operations.push(Operation::DeleteInvitation { number });
        }
        removed.is_some()
    }

    /// Removes what an account that is deleted has made, and its invitations; returns the
    /// former.
    pub(super) fn leave_private(&mut self, account: AccountId) -> Vec<Channel> {
        let private = self.index.channels.private();
        let invited: Vec<_> = private.invite(account).collect();
        for id in invited {
            self.remove_invitation(id, account);
        }
        let made: Vec<_> = self.index.channels.private().made_by(account).collect();
        made.into_iter().filter_map(|id| self.remove_channel(id)).collect()
    }

    /// Removes a channel, with its invitations if it is private; returns its name.
    pub(super) fn remove_channel(&mut self, id: ChannelId) -> Option<Channel> {
        if let Some(private) = self.index.channels.make_public(id) {
            for (number, _) in &private.invited {
                self.operations.push(Operation::DeleteInvitation { number: *number });
            }
            self.plan.undo.push(Undo::MakePublic(id, private));
        }
        let name = self.index.channels.evict(id);
        self.plan.undo.extend(name.clone().map(|name| Undo::EvictChannel(id, name)));
        self.plan.deleted_channels.push(id);
        self.operations.push(Operation::EvictChannel { channel: id });
        name
    }
}
