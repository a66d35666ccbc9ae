//! What accounts have read and sent, in a store in memory: a copy for each that keeps it.

use postroom_model::{MessageId, Timestamp};

use crate::{
    AccountId, HistoryFailure, KeepRead, KeptAs, KeptMessage, KeptPage, KeptQuery, KeptRow,
    KeptRows, Lease, Limits, NotKept, SWEPT_MAX, Sender, is_old,
};

use super::books::{Account, Books, Message};
use super::kept_message::Kept;

impl Books {
    /// Removes messages that were read from their mailboxes. Their recipients may keep them.
    pub(super) fn remove_read(&mut self, leases: &[Lease], limits: Limits) {
        for lease in leases {
            let (recipient, sequence) = (lease.account(), lease.sequence());
            let read = self.account_mut(recipient).mailbox.remove(&sequence);
            if let Some(Message { sender: other, text, stored }) = read {
                let kept = Kept { as_what: KeptAs::Received, other, text, stored };
                self.keep(recipient, sequence, kept, limits.keep_read);
            }
        }
    }

    /// A message is stored, whose sender may keep it.
    pub(super) fn keep_sent(
        &mut self,
        recipient: AccountId,
        sequence: u64,
        message: &Message,
        limits: Limits,
    ) {
        let Some(sender) = message.sender.account().filter(|sender| *sender != recipient) else {
            return;
        };
        let (text, stored) = (message.text.clone(), message.stored);
        let kept = Kept { as_what: KeptAs::Sent, other: recipient.into(), text, stored };
        self.keep(sender, sequence, kept, limits.keep_read);
    }

    fn keep(&mut self, account: AccountId, sequence: u64, kept: Kept, keep_read: Option<KeepRead>) {
        let account = self.account_mut(account);
        if keep_read.is_some() && account.password.is_some() && !account.is_deleted {
            account.kept.insert(sequence, kept);
            trim(account, keep_read);
        }
    }

    /// Lets go what is beyond what accounts keep.
    pub(super) fn trim_kept(&mut self, keep_read: Option<KeepRead>) {
        self.accounts.iter_mut().for_each(|account| trim(account, keep_read));
    }

    /// Lets go some of what was kept for long enough; returns how much.
    pub(super) fn expire_kept(&mut self, cutoff: Timestamp) -> u32 {
        let mut left = SWEPT_MAX;
        for account in &mut self.accounts {
            account.kept.retain(|_, kept| {
                let goes = left > 0 && is_old(kept.stored, cutoff);
                left -= usize::from(goes);
                !goes
            });
        }
        u32::try_from(SWEPT_MAX - left).unwrap_or(u32::MAX)
    }

    /// Whether an account is named in what others keep, or keeps something itself.
    pub(super) fn is_named_in_kept(&self, id: AccountId) -> bool {
        let mut kept = self.accounts.iter().flat_map(|account| account.kept.values());
        !self.account(id).kept.is_empty() || kept.any(|kept| kept.other == Sender::Account(id))
    }

    pub(super) fn kept(&self, query: KeptQuery, limits: Limits) -> Result<KeptRows, NotKept> {
        if limits.keep_read.is_none() {
            return Err(NotKept::Off);
        }
        let account = self.account(query.account);
        if account.password.is_none() {
            return Err(NotKept::HasNoPassword);
        }
        let row = |(sequence, kept): (&u64, &Kept)| KeptRow {
            id: MessageId(*sequence),
            kept: kept.as_what,
        };
        Ok(KeptRows::new(
            query,
            |from| account.kept.range(from..).map(row),
            |before| account.kept.range(..before).rev().map(row),
        ))
    }

    pub(super) fn kept_page(&self, rows: &KeptRows) -> Result<KeptPage, HistoryFailure> {
        rows.page(|KeptRow { id, .. }| {
            let found = self.account(rows.account()).kept.get(&id.0).cloned();
            Ok(found.map(|Kept { as_what: kept, other, text, stored }| {
                let other = self.sender_name(other);
                KeptMessage { id, stored, kept, other, text }
            }))
        })
    }

    /// From where the messages are that were stored at a time or later.
    pub(super) fn first_message_at(&self, time: Timestamp) -> MessageId {
        let unread = self.accounts.iter().flat_map(|account| {
            account.mailbox.iter().map(|(sequence, message)| (*sequence, message.stored))
        });
        let kept = self.accounts.iter().flat_map(|account| {
            account.kept.iter().map(|(sequence, kept)| (*sequence, kept.stored))
        });
        let mut all: Vec<_> = unread.chain(kept).collect();
        all.sort_unstable_by_key(|(sequence, _)| *sequence);
        let place = all.partition_point(|(_, stored)| *stored < time);
        let before = place.checked_sub(1).and_then(|place| all.get(place));
        MessageId(before.map_or(0, |(sequence, _)| sequence + 1))
    }
}

/// Lets go what is beyond what an account keeps.
fn trim(account: &mut Account, keep_read: Option<KeepRead>) {
    let most = keep_read.map_or(0, |keep| keep.messages_max as usize);
    while account.kept.len() > most {
        account.kept.pop_first();
    }
}
