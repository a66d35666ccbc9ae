//! Private channels: who has made them, and who is invited.

use std::collections::BTreeMap;

use postroom_model::{Channel, ChannelKey};
use postroom_store::AccountId;

use super::Channels;
use crate::idle::ChannelId;

/// The private channels.
#[derive(Debug, Default)]
pub(crate) struct PrivateChannels {
    of: BTreeMap<ChannelId, Private>,
    /// How many accounts are invited in all.
    invited: u32,
    /// The highest number of the row of an invitation.
    last: u64,
}

/// A private channel.
#[derive(Clone, Debug)]
pub(crate) struct Private {
    /// Who has made it; `None` if that is damaged: then only operators reach it.
    pub(crate) creator: Option<AccountId>,
    /// Who knows it may be invited by it.
    pub(crate) key: Option<ChannelKey>,
    /// The accounts that are invited, with the numbers of their rows, in their order.
    pub(crate) invited: Vec<(u64, AccountId)>,
}

impl Private {
    pub(crate) fn new(creator: Option<AccountId>, key: Option<ChannelKey>) -> Self {
        Self { creator, key, invited: Vec::new() }
    }

    /// Whether an account has made it, or is invited.
    pub(crate) fn names(&self, account: AccountId) -> bool {
        self.creator == Some(account) || self.invited.iter().any(|(_, other)| *other == account)
    }

    fn invited(&self) -> u32 {
        u32::try_from(self.invited.len()).unwrap_or(u32::MAX)
    }
}

impl PrivateChannels {
    pub(crate) fn get(&self, id: ChannelId) -> Option<&Private> {
        self.of.get(&id)
    }

    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.of.len()).unwrap_or(u32::MAX)
    }

    /// How many accounts are invited in all.
    pub(crate) fn invited(&self) -> u32 {
        self.invited
    }

    /// Those that an account has made.
    pub(crate) fn made_by(&self, account: AccountId) -> impl Iterator<Item = ChannelId> + '_ {
        let is_by = move |(_, of): &(&ChannelId, &Private)| of.creator == Some(account);
        self.of.iter().filter(is_by).map(|(id, _)| *id)
    }

    /// Those to which an account is invited.
    pub(crate) fn invite(&self, account: AccountId) -> impl Iterator<Item = ChannelId> + '_ {
        let invites =
            move |(_, of): &(&ChannelId, &Private)| of.invited.iter().any(|(_, of)| *of == account);
        self.of.iter().filter(invites).map(|(id, _)| *id)
    }

    /// The number of the next row of an invitation.
    pub(crate) fn next_number(&self) -> u64 {
        self.last + 1
    }

    /// A row of an invitation has this number.
    pub(crate) fn given_out(&mut self, number: u64) {
        self.last = self.last.max(number);
    }
}

impl Channels {
    pub(crate) fn private(&self) -> &PrivateChannels {
        &self.private
    }

    pub(crate) fn private_mut(&mut self) -> &mut PrivateChannels {
        &mut self.private
    }

    /// What of a channel is private, if it is.
    pub(crate) fn private_of(&self, channel: &Channel) -> Option<(ChannelId, &Private)> {
        // Most stores have none.
        if self.private.of.is_empty() {
            return None;
        }
        let id = self.find(channel)?;
        Some((id, self.private.of.get(&id)?))
    }

    pub(super) fn is_private(&self, id: ChannelId) -> bool {
        self.private.of.contains_key(&id)
    }

    /// Makes a channel private.
    pub(crate) fn make_private(&mut self, id: ChannelId, private: Private) {
        self.private.invited += private.invited();
        self.private.of.insert(id, private);
        self.settle(id);
    }

    /// Makes a channel public; returns what was private.
    pub(crate) fn make_public(&mut self, id: ChannelId) -> Option<Private> {
        let private = self.private.of.remove(&id)?;
        self.private.invited -= private.invited();
        self.settle(id);
        Some(private)
    }

    /// Gives a private channel another key, or none; returns the one before.
    pub(crate) fn set_key(&mut self, id: ChannelId, key: Option<ChannelKey>) -> Option<ChannelKey> {
        let private = self.private.of.get_mut(&id)?;
        std::mem::replace(&mut private.key, key)
    }

    /// Invites an account; returns whether it was not invited before, to a private channel.
    pub(crate) fn invite(&mut self, id: ChannelId, number: u64, account: AccountId) -> bool {
        self.private.given_out(number);
        let Some(private) = self.private.of.get_mut(&id).filter(|of| !of.names(account)) else {
            return false;
        };
        let place = private.invited.partition_point(|(other, _)| *other < number);
        private.invited.insert(place, (number, account));
        self.private.invited += 1;
        true
    }

    /// Ends an invitation; returns the number of its row.
    pub(crate) fn uninvite(&mut self, id: ChannelId, account: AccountId) -> Option<u64> {
        let private = self.private.of.get_mut(&id)?;
        let place = private.invited.iter().position(|(_, other)| *other == account)?;
        self.private.invited -= 1;
        Some(private.invited.remove(place).0)
    }
}
