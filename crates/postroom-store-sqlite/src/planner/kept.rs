//! Planning what accounts keep of what they have read and sent.

use postroom_store::{AccountId, KeptAs, Lease, SWEPT_MAX, Sender, Standing};

use super::Planner;
use crate::damage;
use crate::expiry::{Aged, Kind};
use crate::index::Index;
use crate::kept::{Kept, KeptChange};
use crate::operation::{MessageChange, Operation, place};

/// Messages that a commit gives up, at least, once so many are due.
const GIVEN_UP: usize = 64;

impl Planner<'_> {
    /// Whether an account keeps what it reads and sends now: where anyone can log in, anyone
    /// could read it.
    pub(super) fn keeps(&self, account: AccountId) -> bool {
        let is_on = self.index.kept.is_on();
        is_on && self.index.account(account).standing() == Some(Standing::Password)
    }

    /// A message was read; returns whether its recipient keeps it.
    pub(super) fn keep_received(&mut self, lease: &Lease) -> bool {
        let (account, sequence) = (lease.account(), lease.sequence());
        let is_kept = self.keeps(account);
        if is_kept {
            let kept = Kept::new(sequence, KeptAs::Received);
            self.plan.kept.push(KeptChange::Added(account, kept));
            self.index.expiry.note(Kind::Kept, sequence, lease.stored());
        }
        is_kept
    }

    /// A message is stored; returns whether its sender keeps it. What an account writes to
    /// itself it keeps once it has read it.
    pub(super) fn keep_sent(
        &mut self,
        sequence: u64,
        recipient: AccountId,
        sender: Sender,
    ) -> bool {
        let sender = sender.account().filter(|sender| *sender != recipient && self.keeps(*sender));
        if let Some(sender) = sender {
            let kept = Kept::new(sequence, KeptAs::Sent);
            self.plan.kept.push(KeptChange::Added(sender, kept));
            self.index.expiry.note(Kind::Kept, sequence, self.now);
        }
        sender.is_some()
    }

    /// Gives up some of what accounts keep no longer; returns how much.
    pub(super) fn give_up_due(&mut self) -> usize {
        let (least, most) = match self.plan.kept.len() {
            _ if self.is_sweeping => (1, SWEPT_MAX),
            // A group that only reads must not have to be synced for it.
            0 => return 0,
            kept => (GIVEN_UP, GIVEN_UP.max(2 * kept)),
        };
        let due: Vec<_> = self.index.kept.due(most).collect();
        if due.len() < least {
            return 0;
        }
        self.give_up(&due);
        due.len()
    }

    fn give_up(&mut self, all: &[Kept]) {
        if all.is_empty() {
            return;
        }
        // The row with the highest number may be among them.
        let last_sequence = self.index.last_sequence();
        self.operations.push(Operation::SetLastSequence { last_sequence });
        let Index { damages, .. } = &*self.index;
        for (kept_as, change) in [
            (KeptAs::Received, MessageChange::GiveUpReceived),
            (KeptAs::Sent, MessageChange::GiveUpSent),
        ] {
            let of = all.iter().filter(|kept| kept.kept_as() == kept_as);
            let sound = |sequence: &u64| !damages.contains("message", damage::key(*sequence));
            let sequences = of.map(|kept| kept.sequence()).filter(sound);
            let give_up = |numbers| Operation::ChangeMessages(change, numbers);
            self.operations.push_numbers(sequences, give_up);
        }
    }

    /// Gives up what accounts have kept for long enough; returns how much. What is unread, or
    /// handed out, is not kept by its recipient.
    pub(super) fn give_up_old(&mut self, found: &[Aged]) -> u32 {
        let given_up: Vec<_> = found
            .iter()
            .filter_map(|row| {
                let account = AccountId(row.of);
                Some((account, self.index.kept.find(account, row.number)?))
            })
            .collect();
        let all: Vec<_> = given_up.iter().map(|(_, kept)| *kept).collect();
        self.give_up(&all);
        self.plan.kept.extend(given_up.into_iter().map(|(of, kept)| KeptChange::GivenUp(of, kept)));
        place(all.len())
    }
}
