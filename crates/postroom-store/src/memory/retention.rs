//! Messages and posts of a store in memory that are too old.

use crate::{Limits, Outcome, RetentionClock, SWEPT_MAX, Swept, Timestamp, is_old};

use super::books::Books;
use super::session::Session;

impl Books {
    /// Removes some of what is too old.
    pub(super) fn sweep(
        &mut self,
        session: &mut Session,
        Limits { retention, keep_read, .. }: Limits,
        now: Timestamp,
        passed_ms: u64,
    ) -> Outcome {
        let clock = self.clock.unwrap_or_else(|| RetentionClock::new(self.latest()));
        let clock = clock.advanced(now, passed_ms);
        self.clock = Some(clock);
        let messages = self.expire(session, clock.cutoff(now, retention.messages_ms));
        let posts = self.channels.expire(clock.cutoff(now, retention.posts_ms));
        let kept = self.expire_kept(clock.cutoff(now, keep_read.and_then(|keep| keep.age_ms)));
        let counts = [messages, posts, kept];
        session.has_more_old = counts.iter().any(|count| *count as usize == SWEPT_MAX);
        Outcome::Swept(Swept { messages, posts, kept, behind_ms: clock.behind_ms(now) })
    }

    /// When the latest message or post was stored.
    fn latest(&self) -> Option<Timestamp> {
        let messages = self.accounts.iter().filter_map(|account| account.mailbox.last_key_value());
        let message = messages.max_by_key(|(sequence, _)| *sequence).map(|(_, last)| last.stored);
        message.max(self.channels.latest())
    }

    fn expire(&mut self, session: &Session, cutoff: Timestamp) -> u32 {
        let mut left = SWEPT_MAX;
        for (id, account) in (0..).zip(&mut self.accounts) {
            account.mailbox.retain(|sequence, message| {
                let is_leased = session.leased.contains(&(crate::AccountId(id), *sequence));
                let goes = left > 0 && !is_leased && is_old(message.stored, cutoff);
                left -= usize::from(goes);
                !goes
            });
        }
        u32::try_from(SWEPT_MAX - left).unwrap_or(u32::MAX)
    }
}
