//! Planning a sweep: what has become too old.

use postroom_store::{AccountId, Outcome, Swept};

use super::Planner;
use crate::allowed::Allowed;
use crate::damage;
use crate::expiry::{Aged, Kind, Step};
use crate::idle::ChannelId;
use crate::index::Undo;
use crate::operation::{Operation, Operations, place};
use crate::state::State;

/// What has become of a record that was found to be too old.
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
            let count = self.remove_old(kind, &found, &mut kept);
            match kind {
                Kind::Message => swept.messages = count,
                Kind::Post => swept.posts = count,
            }
        }
        let look = self.index.expiry.next_look(clock, self.now);
        if let Some(look) = look {
            self.operations.push(Operation::Look { block: look.block });
        }
        self.plan.expiry = Some(Step { clock, kept_clock, look, kept });
        Outcome::Swept(swept)
    }

    /// Removes what was found to be too old; returns how much, and adds what must be kept.
    fn remove_old(&mut self, kind: Kind, found: &[Aged], kept: &mut Vec<Aged>) -> u32 {
        let mut removed = Vec::new();
        for row in found {
            let fate = match kind {
                Kind::Message => self.remove_old_message(row),
                Kind::Post => self.remove_old_post(row),
            };
            match fate {
                Fate::Removed => removed.push(row.number),
                Fate::Kept => kept.push(*row),
                Fate::Gone => {}
            }
        }
        let count = place(removed.len());
        match kind {
            Kind::Message if count > 0 => {
                let last_sequence = self.index.last_sequence();
                self.operations.push(Operation::SetLastSequence { last_sequence });
            }
            Kind::Post if count > 0 => self.keep_last_post(),
            Kind::Message | Kind::Post => {}
        }
        let delete: fn(_) -> _ = match kind {
            Kind::Message => Operation::DeleteMessages,
            Kind::Post => Operation::DeletePosts,
        };
        Operations::push_numbers(self.operations, removed.into_iter(), delete);
        count
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

    fn remove_old_post(&mut self, row: &Aged) -> Fate {
        let (channel, number) = (ChannelId(row.of), row.number);
        let is_known = row.of < self.index.channels.len();
        if !is_known || self.index.damages.contains("post", damage::key(number)) {
            return Fate::Gone;
        }
        match self.index.channels.set_aside(channel, number) {
            Some(taken) => {
                self.plan.undo.push(Undo::SetPostAside(channel, taken));
                Fate::Removed
            }
            None => Fate::Gone,
        }
    }
}
