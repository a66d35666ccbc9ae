//! Whom accounts have blocked, as far as clients can know.

use super::Judge;
use crate::person::is_aside;
use crate::texts::{Place, TextId, Written};

/// A client blocks a sender, or no longer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BlockId(usize);

/// What clients know of one setting.
#[derive(Debug)]
struct Setting {
    account: &'static str,
    sender: &'static str,
    is_blocked: bool,
    begun: u64,
    answer: Answer,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Answer {
    /// It may be carried out, now or later.
    Open,
    Acknowledged {
        at: u64,
    },
    Refused,
}

impl Setting {
    /// Whether it is known to be carried out before this moment.
    fn is_done_before(&self, moment: u64) -> bool {
        matches!(self.answer, Answer::Acknowledged { at } if at < moment)
    }

    /// Whether it is known to be carried out after another one.
    fn is_after(&self, other: &Self) -> bool {
        other.is_done_before(self.begun)
    }
}

/// All that clients have set.
#[derive(Debug, Default)]
pub(crate) struct Blocks(Vec<Setting>);

impl Blocks {
    /// A client of an account blocks a sender, or no longer.
    pub(crate) fn sets(
        &mut self,
        account: &'static str,
        sender: &'static str,
        is_blocked: bool,
        begun: u64,
    ) -> BlockId {
        self.0.push(Setting { account, sender, is_blocked, begun, answer: Answer::Open });
        BlockId(self.0.len() - 1)
    }

    /// It is so now, and was not so before, or was.
    pub(crate) fn is_set(&mut self, id: BlockId, is_new: bool, at: u64) {
        let Setting { account, sender, is_blocked, begun, .. } = self.0[id.0];
        // What it was before it was set.
        self.0[id.0].answer = Answer::Refused;
        let was_blocked = is_blocked != is_new;
        let is_possible = if was_blocked {
            self.may_be(account, sender, begun)
        } else {
            !self.is_certain(account, sender, begun)
        };
        assert!(is_possible, "{sender} was blocked by {account}: {was_blocked}, is told");
        self.0[id.0].answer = Answer::Acknowledged { at };
    }

    /// Nothing was set.
    pub(crate) fn is_refused(&mut self, id: BlockId) {
        self.0[id.0].answer = Answer::Refused;
    }

    fn of(&self, account: &str, sender: &str) -> impl Iterator<Item = &Setting> {
        let is_of = move |set: &&Setting| set.account == account && set.sender == sender;
        self.0.iter().filter(is_of).filter(|set| set.answer != Answer::Refused)
    }

    /// Whether a sender may have been blocked at some moment since this one.
    pub(crate) fn may_be(&self, account: &str, sender: &str, since: u64) -> bool {
        let is_lifted = |block: &Setting| {
            let mut lifts = self.of(account, sender).filter(|set| !set.is_blocked);
            lifts.any(|lift| lift.is_after(block) && lift.is_done_before(since))
        };
        let mut blocks = self.of(account, sender).filter(|set| set.is_blocked);
        blocks.any(|block| !is_lifted(block))
    }

    /// Whether a sender was blocked all the time since this moment.
    pub(crate) fn is_certain(&self, account: &str, sender: &str, since: u64) -> bool {
        let is_before = |block: &Setting| {
            let mut lifts = self.of(account, sender).filter(|set| !set.is_blocked);
            lifts.all(|lift| block.is_after(lift))
        };
        let mut blocks = self.of(account, sender).filter(|set| set.is_blocked);
        blocks.any(|block| block.is_done_before(since) && is_before(block))
    }

    /// A text for an account has reached it.
    pub(crate) fn check_passed(&self, written: &Written) {
        let (Place::Mailbox(recipient) | Place::Live(recipient)) = written.place else {
            return;
        };
        let Written { author, begun, shown, .. } = written;
        let is_blocked = self.is_certain(recipient, author, *begun);
        assert!(!is_blocked, "{recipient} has blocked {author}, and has {shown:?}");
    }

    /// A client of an account that asked at this moment is told whom it has blocked.
    pub(crate) fn check_list(&self, account: &str, listed: &[&str], asked: u64) {
        for sender in listed {
            let is_possible = self.may_be(account, sender, asked);
            assert!(is_possible, "{account} has not blocked {sender}, which is listed");
        }
        let mut senders = self.0.iter().filter(|set| set.account == account).map(|set| set.sender);
        let missing = senders
            .find(|sender| !listed.contains(sender) && self.is_certain(account, sender, asked));
        assert_eq!(missing, None, "{account} has blocked others than {listed:?}");
    }
}

impl Judge {
    /// A message is refused since the mailbox is full, which holds so many.
    pub(crate) fn check_full(
        &self,
        id: TextId,
        recipient: &str,
        asked: u64,
        capacity: Option<u32>,
    ) {
        self.mailboxes.check_told_capacity(recipient, capacity, asked);
        // A blocked sender is told the same.
        let author = self.texts[id.0].author;
        // What an account wrote under another name counts, too.
        let has_other_names = is_aside(author) && self.mailboxes.has_share(asked);
        if !has_other_names && !self.blocks.may_be(recipient, author, asked) {
            self.mailboxes.check_full(&self.texts, id, recipient, asked);
        }
    }
}
