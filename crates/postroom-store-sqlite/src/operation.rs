//! What a group writes and reads, planned in memory and carried out by its job.

use postroom_store::{AccountId, Sender, Timestamp};

use crate::bans::BanRow;
use crate::expiry::Block;
use crate::idle::ChannelId;
use crate::keys::KeyRow;
use crate::state::State;

/// What becomes of messages that were read, or that are kept no longer. Each is deleted once
/// nobody has it any more.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MessageChange {
    /// Their recipients have them no longer. Those that their senders keep are left to them.
    Delete,
    /// Their recipients have read and keep them.
    Keep,
    /// Their recipients keep them no longer.
    GiveUpReceived,
    /// Their senders keep them no longer.
    GiveUpSent,
}

/// One step of a group's transaction. Names and texts stay in the calls: `call` is
/// the place of one in its group.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    InsertAccount {
        account: AccountId,
        call: u32,
        /// Which of the call's names it gets.
        place: u32,
    },
    /// Gives an unused account's place to another one.
    RenameAccount {
        account: AccountId,
        call: u32,
        place: u32,
    },
    SetPassword {
        account: AccountId,
        call: u32,
    },
    RemovePassword {
        account: AccountId,
    },
    /// Adds a row for the name of an account that is to get another one.
    ReserveName {
        reserved: AccountId,
        of: AccountId,
    },
    /// An account is deleted, or the name of a deleted one is released.
    DeleteAccount {
        account: AccountId,
        state: State,
    },
    InsertBlock {
        number: u64,
        account: AccountId,
        call: u32,
    },
    DeleteBlock {
        number: u64,
    },
    /// Adds a ban, or gives it another end.
    PutBan {
        row: BanRow,
        call: u32,
    },
    DeleteBan {
        number: u64,
    },

    /// Adds a row for the sender of an imported message who has no account.
    InsertStranger {
        account: AccountId,
        call: u32,
        place: u32,
    },
    ImportBlock {
        number: u64,
        account: AccountId,
        call: u32,
        place: u32,
    },
    ImportMessage {
        sequence: u64,
        recipient: AccountId,
        sender: Sender,
        call: u32,
        place: u32,
    },
    InsertMessage {
        sequence: u64,
        recipient: AccountId,
        sender: Sender,
        /// By its sender.
        is_kept: bool,
        call: u32,
    },
    ReadMessage {
        sequence: u64,
    },
    /// Reads messages as far as a page goes.
    ReadMessages(Numbers),
    InsertRemoval {
        message: u64,
        /// By its recipient.
        is_kept: bool,
    },
    InsertChannel {
        channel: ChannelId,
        call: u32,
        place: u32,
    },
    /// Gives an evicted channel's number to another one.
    NameChannel {
        channel: ChannelId,
        call: u32,
        place: u32,
    },
    EvictChannel {
        channel: ChannelId,
    },
    /// Makes a channel private.
    SetCreator {
        channel: ChannelId,
        creator: AccountId,
    },
    /// Gives a private channel the key that the call has.
    SetKey {
        channel: ChannelId,
        call: u32,
    },
    InsertInvitation {
        number: u64,
        channel: ChannelId,
        account: AccountId,
    },
    DeleteInvitation {
        number: u64,
    },
    InsertPost {
        number: u64,
        channel: ChannelId,
        author: Option<Sender>,
        /// The row of its first channel, if this is another one.
        first: Option<u64>,
        call: u32,
    },
    /// Erases the text of a post, if it is by this author.
    ErasePost {
        id: u64,
        author: AccountId,
    },
    ReadPost {
        number: u64,
    },
    ReadPage(Numbers),
    BeginSweep {
        last_sequence: u64,
        removals: u32,
    },
    ChangeMessages(MessageChange, Numbers),
    DeleteRemovals {
        through: i64,
    },
    DeletePosts(Numbers),
    /// Adds the key of a request: the one at this place beside the operations.
    InsertKey {
        place: u32,
    },
    DeleteKeys(Numbers),
    SetLastSequence {
        last_sequence: u64,
    },
    SetLastPost {
        last_post: u64,
    },
    KeepRetentionClock {
        time: Timestamp,
    },
    /// Reads when the records of a block were stored.
    Look {
        block: Block,
    },
}

/// Some of the numbers kept beside the operations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    first: u32,
    count: u32,
}

/// The operations of a group, in order. Its memory is used for one group after the
/// other.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    list: Vec<Operation>,
    numbers: Vec<u64>,
    keys: Vec<KeyRow>,
}

impl Operations {
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.numbers.clear();
        self.keys.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether one of them changes the disk.
    pub(crate) fn write(&self) -> bool {
        let reads = |operation: &Operation| {
            matches!(
                operation,
                Operation::ReadMessage { .. }
                    | Operation::ReadMessages(_)
                    | Operation::ReadPost { .. }
                    | Operation::ReadPage(_)
                    | Operation::Look { .. }
            )
        };
        !self.list.iter().all(reads)
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Drops those behind the first so many.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.list.truncate(len);
    }

    pub(crate) fn push(&mut self, operation: Operation) {
        self.list.push(operation);
    }

    pub(crate) fn push_key(&mut self, row: KeyRow) {
        let place = place(self.keys.len());
        self.keys.push(row);
        self.list.push(Operation::InsertKey { place });
    }

    pub(crate) fn key(&self, place: u32) -> &KeyRow {
        &self.keys[place as usize]
    }

    /// Adds an operation on these numbers, if there are any; returns how many.
    pub(crate) fn push_numbers(
        &mut self,
        numbers: impl Iterator<Item = u64>,
        operation: impl FnOnce(Numbers) -> Operation,
    ) -> u32 {
        let first = self.numbers.len();
        self.numbers.extend(numbers);
        let count = place(self.numbers.len() - first);
        if count > 0 {
            self.list.push(operation(Numbers { first: place(first), count }));
        }
        count
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Operation> + '_ {
        self.list.iter().copied()
    }

    pub(crate) fn numbers(&self, Numbers { first, count }: Numbers) -> &[u64] {
        &self.numbers[first as usize..][..count as usize]
    }
}

/// A place in a group, which memory keeps far below the limit.
pub(crate) fn place(place: usize) -> u32 {
    u32::try_from(place).expect("a group has fewer than 2^32 calls and numbers")
}
