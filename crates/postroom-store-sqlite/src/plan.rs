//! What a group has changed in memory ahead of its commit, and how it is taken back.

use std::collections::HashMap;

use postroom_model::Batch;
use postroom_store::AccountId;

use crate::bans::BanChanges;
use crate::draft::Draft;
use crate::expiry;
use crate::idle::ChannelId;
use crate::index::{Index, Undo};
use crate::kept::{KeptChange, Noted};
use crate::sweep::{Step, Sweep};

/// The side of a group that stays in memory while its job is out. Empty where there
/// is none. Its memory is used for one group after the other.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// What each call will have come to, in the order of the calls.
    pub(crate) drafts: Batch<Draft>,
    pub(crate) undo: Vec<Undo>,
    /// The messages whose removal is noted.
    pub(crate) removed: Vec<Noted>,
    /// What accounts keep from now on, and what no longer, in the order of the calls.
    pub(crate) kept: Vec<KeptChange>,
    /// Of what was due to be given up, how much is.
    pub(crate) due_given_up: usize,
    /// The channels posted in.
    pub(crate) posted: Vec<ChannelId>,
    /// The channels evicted.
    pub(crate) evicted: Vec<ChannelId>,
    /// The channels that an operator deletes.
    pub(crate) deleted_channels: Vec<ChannelId>,
    /// The accounts deleted.
    pub(crate) deleted_accounts: Vec<AccountId>,
    /// It removes messages of a deleted account.
    pub(crate) erases_messages: bool,
    pub(crate) step: Option<Step>,
    pub(crate) expiry: Option<expiry::Step>,
    /// Posts deleted.
    pub(crate) trimmed: usize,
    /// Of each call, the account it writes to, while the group is being planned.
    pub(crate) recipients: Vec<Option<AccountId>>,
    /// The accounts registered.
    pub(crate) registered: Vec<AccountId>,
    /// The bans changed; `None` if none is.
    pub(crate) bans: Option<BanChanges>,
    /// How many unread messages the group adds to each account, once that was asked.
    unread: Option<HashMap<AccountId, i64>>,
}

impl Plan {
    /// Takes the changes back: there is no group.
    pub(crate) fn undo(&mut self, index: &mut Index) {
        index.undo(self.undo.drain(..));
        index.keys.undo_to(0);
        self.clear();
    }

    /// Does what follows from the commit of the group: there is none any more.
    /// `through` is the last removal of the round of the sweep that it began.
    pub(crate) fn committed(
        &mut self,
        index: &mut Index,
        sweep: &mut Sweep,
        through: Option<i64>,
        channel_posts: u32,
    ) {
        let changes = self.undo.iter().filter_map(Undo::unread_change);
        let change = changes.map(|(_, change)| change).sum();
        index.unread = index.unread.saturating_add_signed(change);
        sweep.committed(self.step.take(), through, &self.removed);
        index.channels.deleted(self.trimmed);
        index.kept.due_given_up(self.due_given_up);
        for change in self.kept.drain(..) {
            index.kept.committed(change);
        }
        for account in self.registered.drain(..) {
            index.registered(account);
        }
        if let Some(bans) = self.bans.take() {
            bans.committed(&mut index.bans);
        }
        index.keys.committed();
        index.channels.committed();
        for channel in self.posted.drain(..) {
            index.channels.posted(channel, channel_posts);
        }
        for channel in self.evicted.drain(..) {
            index.channels.evicted(channel);
        }
        for channel in self.deleted_channels.drain(..) {
            index.channels.erase(channel);
        }
        for account in self.deleted_accounts.drain(..) {
            index.channels.erase_author(account);
        }
        if self.erases_messages {
            sweep.erase();
        }
        self.clear();
    }

    /// The unread messages of an account without what the group has changed.
    pub(crate) fn committed_unread(&mut self, index: &Index, account: AccountId) -> u32 {
        let undo = &self.undo;
        let changes = self.unread.get_or_insert_with(|| unread_changes(undo));
        let change = changes.get(&account).copied().unwrap_or(0);
        let committed = i64::from(index.account(account).mailbox.unread()) - change;
        u32::try_from(committed.max(0)).unwrap_or(u32::MAX)
    }

    pub(crate) fn clear(&mut self) {
        self.drafts.clear();
        self.undo.clear();
        self.removed.clear();
        self.kept.clear();
        self.due_given_up = 0;
        self.posted.clear();
        self.evicted.clear();
        self.deleted_channels.clear();
        self.deleted_accounts.clear();
        self.erases_messages = false;
        self.step = None;
        self.expiry = None;
        self.trimmed = 0;
        self.registered.clear();
        self.bans = None;
        self.unread = None;
    }
}

fn unread_changes(undo: &[Undo]) -> HashMap<AccountId, i64> {
    let mut changes = HashMap::new();
    for (account, change) in undo.iter().filter_map(Undo::unread_change) {
        *changes.entry(account).or_default() += change;
    }
    changes
}
