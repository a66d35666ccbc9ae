//! Planning a sweep: what has become too old.

use postroom_store::{AccountId, Outcome, Swept};

use super::Planner;
use crate::allowed::Allowed;
use crate::damage;
use crate::expiry::{Aged, Kind, Step};
use crate::idle::ChannelId;
use crate::index::Undo;
use crate::operation::{MessageChange, Operation};
use crate::state::State;

/// What has become of a message that was found to be too old.
enum Fate {
    Removed,
    /// It is handed out, or may be.
    Kept,
    /// It is gone, or damaged.
    Gone,
}

impl Planner<'_> {
    /// Plans to remove what the last sweep has found, and a look for more.
    pub(super) fn begin_sweep(&mut self, passed_ms: u64) -> Outcome {
        if !matches!(self.allowed, Allowed::Everything | Allowed::NoMessages) {
            return Outcome::DiskFull;
        }
        if self.is_sweeping {
            return Outcome::Swept(Swept::default());
        }
        self.is_sweeping = true;
        let clock = self.index.expiry.clock(self.now, passed_ms);
        let kept_clock = self.index.expiry.to_keep(clock);
        if let Some(time) = kept_clock {
            self.operations.push(Operation::KeepRetentionClock { time });
        }
        let mut swept = Swept { behind_ms: clock.behind_ms(self.now), ..Swept::default() };
        let mut kept = Vec::new();
        if let Some((kind, found)) = self.index.expiry.found() {
            match kind {
                Kind::Message => swept.messages = self.remove_old_messages(&found, &mut kept),
                Kind::Post => swept.posts = self.remove_old_posts(&found),
                Kind::Kept => swept.kept = self.give_up_old(&found),
            }
        }
        let look = self.index.expiry.next_look(clock, self.now);
        if let Some(look) = look {
            self.operations.push(Operation::Look { block: look.block });
        }
        self.plan.expiry = Some(Step { clock, kept_clock, look, kept });
        Outcome::Swept(swept)
    }

    /// Removes the messages that were found to be too old; returns how many, and adds those that
    /// must be kept.
    fn remove_old_messages(&mut self, found: &[Aged], kept: &mut Vec<Aged>) -> u32 {
        let mut removed = Vec::new();
        for row in found {
            match self.remove_old_message(row) {
                Fate::Removed => removed.push(row.number),
                Fate::Kept => kept.push(*row),
                Fate::Gone => {}
            }
        }
        if !removed.is_empty() {
            let last_sequence = self.index.last_sequence();
            self.operations.push(Operation::SetLastSequence { last_sequence });
        }
        let delete = |numbers| Operation::ChangeMessages(MessageChange::Delete, numbers);
        self.operations.push_numbers(removed.into_iter(), delete)
    }

    /// Removes the posts that were found to be too old; returns how many.
    fn remove_old_posts(&mut self, found: &[Aged]) -> u32 {
        let mut removed: Vec<_> = found.iter().map(|row| (row.number, ChannelId(row.of))).collect();
        removed.retain(|(number, channel)| self.remove_old_post(*channel, *number));
        if !removed.is_empty() {
            self.keep_last_post();
        }
        let numbers = removed.into_iter().map(|(number, _)| number);
        self.operations.push_numbers(numbers, Operation::DeletePosts)
    }

    fn remove_old_message(&mut self, row: &Aged) -> Fate {
        let (account, sequence) = (AccountId(row.of), row.number);
        let is_known = self.index.get(account).is_some_and(|of| of.state == State::Known);
        if !is_known || self.index.damages.contains("message", damage::key(sequence)) {
            return Fate::Gone;
        }
        let mailbox = &mut self.index.account_mut(account).mailbox;
        if !mailbox.set_aside(sequence) {
            return if mailbox.has_leased() { Fate::Kept } else { Fate::Gone };
        }
        self.plan.undo.push(Undo::SetAside(account, sequence));
        self.uncount(account, sequence);
        Fate::Removed
    }

    /// Whether there was such a post to be removed.
    fn remove_old_post(&mut self, channel: ChannelId, number: u64) -> bool {
        let is_known = channel.0 < self.index.channels.len();
        if !is_known || self.index.damages.contains("post", damage::key(number)) {
            return false;
        }
        let taken = self.index.channels.set_aside(channel, number);
        self.plan.undo.extend(taken.map(|taken| Undo::SetPostAside(channel, taken)));
        taken.is_some()
    }
}
