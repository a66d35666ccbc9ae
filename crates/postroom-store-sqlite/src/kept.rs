//! What accounts have read and sent, as far as it is kept: the part of it that is in memory.
//!
//! The message's own row says who keeps it ([`Keepers`]). That its recipient has read it, and
//! keeps it, is noted in the removal table first, like any removal; the sweep then notes it in
//! the row, where it would delete others. So confirming costs what it always does.
//!
//! What an account keeps no longer is noted as due, and given up with later commits, a few at a
//! time: its row is deleted, or changed if the other one keeps it still. What is due when the
//! server ends is found again at start.

use std::collections::{HashMap, VecDeque};

use postroom_model::MessageId;
use postroom_store::{AccountId, KeepRead, KeptAs, KeptQuery, KeptRow, KeptRows, NotKept};

/// Who keeps a message, beside the mailbox in which it is unread: what its row says.
///
/// ```text
///                read and kept
///    Nobody --------------------> Recipient
///      ^                              ^
///      | the sender                   | the sender
///      | keeps it no longer           | keeps it no longer
///      |                              |
///    SenderUnread --------------> Both
///      | read, or gone                | the recipient keeps it no longer
///      +------------> Sender <--------+
/// ```
///
/// No step makes a row longer, for the pages of the table are full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Keepers {
    /// Nobody. It is unread.
    Nobody,
    /// Its recipient, who has read it.
    Recipient,
    /// Its sender, while it is unread.
    SenderUnread,
    /// Its recipient, who has read it, and its sender.
    Both,
    /// Its sender. Its recipient has it no longer.
    Sender,
}

impl Keepers {
    /// What is stored for them.
    pub(crate) fn stored(self) -> Option<i64> {
        match self {
            Self::Nobody => None,
            Self::Recipient => Some(1),
            Self::SenderUnread => Some(2),
            Self::Both => Some(3),
            Self::Sender => Some(4),
        }
    }

    pub(crate) fn from_stored(stored: Option<i64>) -> Option<Self> {
        let all = [Self::Nobody, Self::Recipient, Self::SenderUnread, Self::Both, Self::Sender];
        all.into_iter().find(|keepers| keepers.stored() == stored)
    }

    /// Those of a message whose removal is noted, which the sweep has not noted in its row yet;
    /// `None` if it is gone.
    pub(crate) fn removed(self, is_kept: bool) -> Option<Self> {
        match (self, is_kept) {
            (Self::Nobody, false) => None,
            (Self::Nobody, true) => Some(Self::Recipient),
            (Self::SenderUnread, true) => Some(Self::Both),
            (Self::SenderUnread, false) => Some(Self::Sender),
            (Self::Recipient | Self::Both | Self::Sender, _) => Some(self),
        }
    }

    /// Whether the message is in its recipient's mailbox.
    pub(crate) fn is_unread(self) -> bool {
        matches!(self, Self::Nobody | Self::SenderUnread)
    }

    /// Whether its recipient is one of them, or its sender.
    pub(crate) fn has(self, is_recipient: bool) -> bool {
        if is_recipient { self.has_recipient() } else { self.has_sender() }
    }

    pub(crate) fn has_recipient(self) -> bool {
        matches!(self, Self::Recipient | Self::Both)
    }

    pub(crate) fn has_sender(self) -> bool {
        matches!(self, Self::SenderUnread | Self::Both | Self::Sender)
    }
}

/// A message, and a word about it, in eight bytes. In the order of the messages: no store gives
/// out 2^63 numbers.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Packed(u64);

impl Packed {
    fn new(sequence: u64, is_set: bool) -> Self {
        Self(sequence << 1 | u64::from(is_set))
    }

    fn sequence(self) -> u64 {
        self.0 >> 1
    }

    fn is_set(self) -> bool {
        self.0 & 1 == 1
    }
}

/// A message whose removal is noted.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Noted(Packed);

impl Noted {
    /// `is_kept`: its recipient keeps it.
    pub(crate) fn new(sequence: u64, is_kept: bool) -> Self {
        Self(Packed::new(sequence, is_kept))
    }

    pub(crate) fn sequence(self) -> u64 {
        self.0.sequence()
    }

    pub(crate) fn is_kept(self) -> bool {
        self.0.is_set()
    }
}

/// A message that an account keeps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Kept(Packed);

impl Kept {
    pub(crate) fn new(sequence: u64, kept: KeptAs) -> Self {
        Self(Packed::new(sequence, kept == KeptAs::Sent))
    }

    pub(crate) fn sequence(self) -> u64 {
        self.0.sequence()
    }

    pub(crate) fn kept_as(self) -> KeptAs {
        if self.0.is_set() { KeptAs::Sent } else { KeptAs::Received }
    }

    fn row(self) -> KeptRow {
        KeptRow { id: MessageId(self.sequence()), kept: self.kept_as() }
    }
}

/// What a group changes of what accounts keep, once it is committed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeptChange {
    /// An account keeps a message from now on.
    Added(AccountId, Kept),
    /// The group gives up on disk what an account has kept for long enough.
    GivenUp(AccountId, Kept),
    /// An account is deleted.
    Erased(AccountId),
}

/// What each account keeps, as it is committed.
#[derive(Debug, Default)]
pub(crate) struct KeptMail {
    keep: Option<KeepRead>,
    /// Accounts that keep something.
    of: HashMap<AccountId, Keeping>,
    /// Kept no longer, and not given up on disk.
    due: VecDeque<Kept>,
    /// Whether something is due for another reason than that later ones are kept.
    is_erasing: bool,
}

/// What an account keeps, in the order of the messages; none of them twice.
#[derive(Debug, Default)]
struct Keeping(VecDeque<Kept>);

impl Keeping {
    fn place(&self, sequence: u64) -> usize {
        self.0.partition_point(|kept| kept.sequence() < sequence)
    }

    fn find(&self, sequence: u64) -> Option<(usize, Kept)> {
        let place = self.place(sequence);
        self.0.get(place).filter(|kept| kept.sequence() == sequence).map(|kept| (place, *kept))
    }

    fn insert(&mut self, kept: Kept) {
        if self.find(kept.sequence()).is_some() {
            return;
        }
        let len = self.0.len();
        if len == self.0.capacity() {
            // Most accounts keep as much for ever: no more than an eighth is left empty.
            self.0.reserve_exact(len / 8 + 2);
        }
        self.0.insert(self.place(kept.sequence()), kept);
    }
}

impl KeptMail {
    pub(crate) fn new(keep: Option<KeepRead>) -> Self {
        Self { keep, ..Self::default() }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.keep.is_some()
    }

    /// Takes up a message found at start.
    pub(crate) fn load(&mut self, account: AccountId, kept: Kept) {
        self.of.entry(account).or_default().insert(kept);
    }

    /// Takes up a message found at start that nobody keeps any longer as this.
    pub(crate) fn load_due(&mut self, kept: Kept) {
        self.due.push_back(kept);
        self.is_erasing = true;
    }

    /// All that was found at start is taken up.
    pub(crate) fn loaded(&mut self) {
        let accounts: Vec<_> = self.of.keys().copied().collect();
        for account in accounts {
            self.trim(account);
        }
    }

    /// A change is on disk.
    pub(crate) fn committed(&mut self, change: KeptChange) {
        match change {
            KeptChange::Added(account, kept) => {
                self.of.entry(account).or_default().insert(kept);
                self.trim(account);
            }
            KeptChange::GivenUp(account, kept) => self.given_up(account, kept),
            KeptChange::Erased(account) => {
                if let Some(Keeping(kept)) = self.of.remove(&account) {
                    self.due.extend(kept);
                    self.is_erasing = true;
                }
            }
        }
    }

    fn given_up(&mut self, account: AccountId, kept: Kept) {
        if let Some(keeping) = self.of.get_mut(&account) {
            if let Some((place, _)) = keeping.find(kept.sequence()) {
                keeping.0.remove(place);
            }
            if keeping.0.is_empty() {
                self.of.remove(&account);
            }
        }
    }

    /// Lets go what is beyond what an account keeps.
    fn trim(&mut self, account: AccountId) {
        let most = self.keep.map_or(0, |keep| keep.messages_max as usize);
        if let Some(Keeping(kept)) = self.of.get_mut(&account) {
            let excess = kept.len().saturating_sub(most);
            self.due.extend(kept.drain(..excess));
        }
    }

    /// What a message is to an account that keeps it.
    pub(crate) fn find(&self, account: AccountId, sequence: u64) -> Option<Kept> {
        self.of.get(&account)?.find(sequence).map(|(_, kept)| kept)
    }

    /// Whether something must be given up though nobody reads or sends anything.
    pub(crate) fn needs_sweep(&self) -> bool {
        self.is_erasing
    }

    /// The first that are due, at most `count`.
    pub(crate) fn due(&self, count: usize) -> impl ExactSizeIterator<Item = Kept> + Clone + '_ {
        self.due.range(..count.min(self.due.len())).copied()
    }

    /// The first `count` of those due are given up.
    pub(crate) fn due_given_up(&mut self, count: usize) {
        self.due.drain(..count.min(self.due.len()));
        self.is_erasing &= !self.due.is_empty();
        if self.due.is_empty() && self.due.capacity() > 1_024 {
            self.due = VecDeque::new();
        }
    }

    /// The messages that a page has. Whether the account has a password the caller has seen.
    pub(crate) fn history(&self, query: KeptQuery) -> Result<KeptRows, NotKept> {
        if !self.is_on() {
            return Err(NotKept::Off);
        }
        let nothing = Keeping::default();
        let keeping = self.of.get(&query.account).unwrap_or(&nothing);
        Ok(KeptRows::new(
            query,
            |from| keeping.0.range(keeping.place(from)..).map(|kept| kept.row()),
            |before| keeping.0.range(..keeping.place(before)).rev().map(|kept| kept.row()),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_message_takes_eight_bytes() {
        assert_eq!((size_of::<Kept>(), size_of::<Noted>()), (8, 8));
        let mut keeping = Keeping::default();
        for sequence in 0..100_000 {
            keeping.insert(Kept::new(3 * sequence, KeptAs::Received));
        }
        let bytes = keeping.0.capacity() * 8;
        assert!(bytes <= 900_100, "{bytes}");
    }

    #[test]
    fn what_is_stored_is_read_as_what_it_was() {
        for stored in [None, Some(1), Some(2), Some(3), Some(4)] {
            let keepers = Keepers::from_stored(stored).expect("it is known");
            assert_eq!(keepers.stored(), stored);
            assert_eq!(keepers.is_unread(), !keepers.has_recipient() && stored != Some(4));
        }
        assert_eq!(Keepers::from_stored(Some(5)), None);
    }

    #[test]
    fn a_message_is_kept_in_its_place_once() {
        let keep = KeepRead { messages_max: 3, age_ms: None };
        let mut mail = KeptMail::new(Some(keep));
        let account = AccountId(7);
        for sequence in [4, 2, 9, 2] {
            mail.committed(KeptChange::Added(account, Kept::new(sequence, KeptAs::Received)));
        }
        assert_eq!(mail.due(9).len(), 0);
        mail.committed(KeptChange::Added(account, Kept::new(5, KeptAs::Sent)));
        assert_eq!(mail.due(9).map(Kept::sequence).collect::<Vec<_>>(), [2]);
        assert!(mail.find(account, 2).is_none() && !mail.needs_sweep());
        assert_eq!(mail.find(account, 5).map(Kept::kept_as), Some(KeptAs::Sent));
        mail.committed(KeptChange::GivenUp(account, Kept::new(9, KeptAs::Received)));
        mail.committed(KeptChange::Erased(account));
        assert_eq!(mail.due(9).map(Kept::sequence).collect::<Vec<_>>(), [2, 4, 5]);
        assert!(mail.needs_sweep());
        mail.due_given_up(3);
        assert!(!mail.needs_sweep());
    }
}
