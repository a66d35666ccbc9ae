//! What was acknowledged before a backup began is in it, and nothing that was never there.

use postroom_store::Timestamp;

use super::{Judge, Subject};
use crate::copied::Copied;
use crate::person::{HASHTAGS, MOVED};
use crate::texts::{Place, TextId, Written, text_of};

impl Judge {
    /// A backup was made, for which an operator has asked at this moment. Where channels
    /// keep all posts, all are in it.
    pub(crate) fn check_copy(&mut self, copied: &Copied, begun: u64, keeps_posts: bool) {
        for (place, shown) in &copied.texts {
            let ids: Vec<TextId> = shown.iter().map(|shown| self.copied_text(shown)).collect();
            if !place.starts_with(['#', '@']) {
                self.mailboxes.check_copied(&self.texts, place, &ids, begun);
            }
        }
        for account in self.mailboxes.accounts() {
            let names = if account == MOVED[0] { &MOVED[..] } else { &[account] };
            let all = names.iter().filter_map(|name| copied.texts.get(*name)).flatten();
            let all: Vec<TextId> = all.map(|shown| text_of(shown)).collect();
            self.mailboxes.check_all_copied(&self.texts, account, &all, begun);
        }
        for channel in HASHTAGS.into_iter().filter(|_| keeps_posts) {
            let kept = copied.texts.get(channel).into_iter().flatten();
            let kept: Vec<TextId> = kept.map(|shown| text_of(shown)).collect();
            self.check_posts_copied(channel, &kept, begun);
        }
    }

    /// The same, of accounts and bans.
    pub(crate) fn check_others_copied(
        &mut self,
        copied: &Copied,
        banned: &[(Subject, Option<Timestamp>)],
        begun: u64,
    ) {
        let Some((accounts, _)) = &copied.others else {
            return;
        };
        let standings = accounts.iter().map(|of| (of.name.as_str(), of.standing));
        self.locks.check_list(&standings.collect::<Vec<_>>(), begun);
        self.bans.check_copied(banned, begun);
    }

    /// A text of a backup, which was written so and is not refused.
    fn copied_text(&self, shown: &str) -> TextId {
        let id = text_of(shown);
        let Some(written) = self.texts.get(id.0) else {
            panic!("nobody has written {shown:?}, which is in a backup");
        };
        assert_eq!(written.shown, *shown, "{id:?} in a backup");
        assert!(!written.is_refused(), "{id:?} is refused, and is in a backup");
        id
    }

    fn check_posts_copied(&self, channel: &'static str, kept: &[TextId], begun: u64) {
        let is_due = |written: &Written| {
            let is_in = matches!(&written.place, Place::Channels(of) if of.contains(&channel));
            is_in && written.acknowledged_at().is_some_and(|at| at < begun)
        };
        let due = self.texts.iter().enumerate().filter(|(_, written)| is_due(written));
        let missing = due.map(|(number, _)| TextId(number)).find(|id| !kept.contains(id));
        assert_eq!(missing, None, "a backup lacks a post of {channel}");
    }
}
