//! Faults that can be put into the server on purpose, to prove that the simulator finds
//! them.
//!
//! Each stands for a plausible mistake. Without the feature `faults`, which no program that
//! ships has, [`faulty`] is the constant `false`, and the compiler removes all of it.

#[cfg(feature = "faults")]
use std::sync::atomic::{AtomicU8, Ordering};

/// Makes the enum of the faults and the table of them.
macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $fault:ident, $name:literal, $breaks:literal;)+) => {
        /// A mistake that the server can be made to make.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[repr(u8)]
        pub enum Fault {
            $($(#[doc = $doc])+ $fault,)+
        }

        impl Fault {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$fault,)+];

            /// Its name on a command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$fault => $name,)+ }
            }

            /// The promise or rule that it breaks.
            #[must_use]
            pub const fn breaks(self) -> &'static str {
                match self { $(Self::$fault => $breaks,)+ }
            }
        }
    };
}

faults! {
    /// A group is committed when the next one begins.
    AcknowledgedTooEarly, "acknowledged-too-early", "an acknowledgement follows the commit";
    /// A post is shown when the store is asked to keep it.
    ShownTooEarly, "shown-too-early", "posts are stored before they are shown";
    /// The database does not sync.
    SyncForgotten, "sync-forgotten", "an acknowledgement follows the sync";
    /// A failed sync counts as done.
    SyncFailureIgnored, "sync-failure-ignored", "after a failed sync nothing is acknowledged";
    /// What a group planned stays in memory when the disk is full.
    UndoSkipped, "undo-skipped", "what is not stored leaves no trace";
    /// After the first full disk the store takes no more messages.
    FullDiskRemembered, "full-disk-remembered", "writing resumes when there is room";
    /// Nothing is read while the disk is full.
    FullDiskStopsReads, "full-disk-stops-reads", "reading goes on while the disk is full";
    /// The deletion of what was read takes one more message.
    SweepTakesUnread, "sweep-takes-unread", "only confirmed messages are deleted";
    /// A damaged record ends the process.
    DamageStopsServer, "damage-stops-server", "a damaged record costs that record";
    /// A message whose outcome is unknown is stored twice.
    StoredTwice, "stored-twice", "no answer means zero or one copy";
    /// A message for a full mailbox is refused, and stored.
    RefusedAndStored, "refused-and-stored", "what is refused is not stored";
    /// A mailbox takes one message more.
    CapacityExceeded, "capacity-exceeded", "a mailbox holds no more than its capacity";
    /// One sender may fill a mailbox.
    ShareIgnored, "share-ignored", "one sender fills a share of a mailbox";
    /// The latest message is read first.
    ReadOutOfOrder, "read-out-of-order", "messages are read in the order of their commits";
    /// A message that one session has is handed to another.
    LeasedTwice, "leased-twice", "a message is handed to one session at a time";
    /// The messages that a session had are not returned when it ends.
    LeaseDropped, "lease-dropped", "what is not confirmed is unread again";
    /// What a client has sent proves the receipt of all earlier answers.
    ConfirmedTooEarly, "confirmed-too-early", "only a proof of receipt removes a message";
    /// Ciphertext that is acknowledged counts as so much plaintext.
    CiphertextCounted, "ciphertext-counted", "an acknowledged record proves its plaintext";
    /// A FIN without the end of TLS is the end (in the simulated transport).
    TruncationProves, "truncation-proves", "an end without close_notify proves nothing";
    /// The line after an answer confirms nothing.
    ConfirmForgotten, "confirm-forgotten", "a proof of receipt removes the message";
    /// A confirmed message is not removed.
    RemovalNotStored, "removal-not-stored", "a confirmed message never comes back";
    /// The next line is answered though the removal has failed.
    RemovalFailureIgnored, "removal-failure-ignored", "the removal is stored before the next answer";
    /// An account with unread messages is evicted for a new one.
    UnreadEvicted, "unread-evicted", "an account with unread messages stays";
    /// There may be more accounts than the limit says.
    AccountsUnlimited, "accounts-unlimited", "the number of accounts has a limit";
    /// A peer may create as many accounts as it likes.
    CreationUnlimited, "creation-unlimited", "a peer creates so many accounts an hour";
    /// A channel keeps one post less.
    ChannelTrimmed, "channel-trimmed", "a channel keeps its latest posts";
    /// The board's oldest text counts as its latest.
    LatestStale, "latest-stale", "the board shows its latest text";
    /// The posts of a group are told in another order than they are stored.
    PostsReordered, "posts-reordered", "a channel has one order for all";
    /// A member that fell behind is not told that it missed posts.
    GapUntold, "gap-untold", "a member is told how many posts it missed";
    /// A member's own posts count as missed.
    GapMiscounted, "gap-miscounted", "a member is told how many posts it missed";
    /// A member that fell behind is never told the rest.
    BehindForgotten, "behind-forgotten", "a slow member goes on where it was";
    /// A member is told its own posts.
    OwnPostsTold, "own-posts-told", "posts go to the other members";
    /// A member that has left a channel is told its posts.
    ToldAfterLeaving, "told-after-leaving", "posts go to members";
    /// An account may be present twice.
    PresentTwice, "present-twice", "an account is present once on chat and im";
    /// An account stays present when its session ends.
    PresenceKept, "presence-kept", "presence ends with the session";
    /// An account leaves before its last requests are completed.
    LeavesFirst, "leaves-first", "nobody is seen to leave before what they said";
    /// No password is needed.
    PasswordIgnored, "password-ignored", "an account with a password is opened by it alone";
    /// Registration is open everywhere.
    RegistrationOpen, "registration-open", "where registration is closed nobody registers";
    /// No account needs a password anywhere.
    PasswordsOptional, "passwords-optional", "where passwords are required none comes in without one";
    /// A name is registered without the password that its client gave.
    RegisteredUnlocked, "registered-unlocked", "a name is registered with the password given for it";
    /// Where nobody registers, an unknown name is told from a known one.
    UnknownNameTold, "unknown-name-told", "an unknown name is answered as a wrong password";
    /// A change of a password leaves the old one.
    ChangeForgotten, "change-forgotten", "after a change the new password alone opens the account";
    /// The old password is not checked for a change.
    ChangeUnproved, "change-unproved", "a change needs the old password";
    /// A change replaces a password that is not the one that was checked.
    ChangeOverwrites, "change-overwrites", "of two changes of one password one is refused";
    /// A password is not written to the disk.
    PasswordNotStored, "password-not-stored", "passwords survive a restart";
    /// Messages of blocked senders are stored.
    BlockIgnored, "block-ignored", "a blocked sender's messages are refused";
    /// Live lines of blocked senders are passed on.
    BlockedLinePassed, "blocked-line-passed", "a blocked sender's live lines are not passed on";
    /// Who was blocked once stays blocked.
    UnblockForgotten, "unblock-forgotten", "an unblocked sender can write again";
    /// A block is not written to the disk.
    BlockNotStored, "block-not-stored", "blocks survive a restart";
    /// `/to` is answered when the line was passed on.
    ReceiptForged, "receipt-forged", "303 follows the 302 of the recipient";
    /// The receipt of a live line is dropped.
    ReceiptLost, "receipt-lost", "a 302 in time makes a 303";
    /// `/toall` is answered with the first receipt.
    OneReceiptForAll, "one-receipt-for-all", "303 follows the 302s of all";
    /// Pushes do not wait for the 302 before.
    PushesOverlap, "pushes-overlap", "one push at a time is in flight";
    /// A client of im is not told of new messages.
    MailNotPushed, "mail-not-pushed", "messages for a client of im are pushed";
    /// A line of `/private` is dropped.
    LiveLineLost, "live-line-lost", "a live line reaches an account that is present";
    /// Ports below 1,024 are dialled.
    LowPortDialled, "low-port-dialled", "no port below 1,024 is dialled";
    /// Of several replies to a session only the first is passed on.
    RepliesCut, "replies-cut", "every request is answered";
    /// A reply that comes early is taken for the earliest request's.
    RepliesSwapped, "replies-swapped", "answers come in the order of the lines";
    /// A half-close ends the session at once.
    HalfCloseHangsUp, "half-close-hangs-up", "a half-close is no hang-up";
    /// A byte is lost where a line is received in pieces.
    ByteLost, "byte-lost", "any split of the input gives the same result";
    /// Texts are shown as they came.
    ControlCharactersShown, "control-characters-shown", "texts are safe to show";
    /// A timer that is set again never elapses.
    TimerLost, "timer-lost", "every deadline elapses";
    /// Connections with input left over are not served again.
    RestStarved, "rest-starved", "everyone is served within a bounded number of turns";
    /// There is always work.
    BusyLoop, "busy-loop", "an idle server waits";
    /// Counts and lists wait for the commit under way.
    MemoryWaits, "memory-waits", "a slow disk delays what is stored and nothing else";
    /// The record of a session stays when it ends.
    SessionLeaked, "session-leaked", "nothing grows without bound";
    /// A connection whose peer is dead is kept.
    DeadPeerKept, "dead-peer-kept", "a dead peer's connection ends";
    /// There may be one connection more.
    ConnectionsExceeded, "connections-exceeded", "the number of connections has a limit";
    /// An address may have any number of connections.
    PeersUnlimited, "peers-unlimited", "the connections of an address have a limit";
    /// Any number of connections may wait for their login.
    WaitingUnlimited, "waiting-unlimited", "a quarter of the connections may wait for their login";
    /// A connection whose login is under way may be evicted.
    LoginEvicted, "login-evicted", "no login that has arrived is lost to an eviction";
    /// Any number of bytes may wait for a connection.
    OutputUnlimited, "output-unlimited", "the bytes that wait for a connection have a limit";
    /// Any number of bytes may wait for all connections together.
    OutputUnlimitedInAll, "output-unlimited-in-all", "the bytes that wait in all have a limit";
    /// The sessions that an operator ends go on.
    KickForgotten, "kick-forgotten", "a kicked session ends";
    /// Sessions of all addresses end with those of some.
    KickTooWide, "kick-too-wide", "a kick ends no other session";
    /// What a kicked session was handed counts as confirmed.
    KickConfirms, "kick-confirms", "what a kicked session has not confirmed is unread again";
    /// To add an account that is there gives it another password.
    AddedTwice, "added-twice", "an account is added once";
    /// A password that an operator sets is not written to the disk.
    SetPasswordNotStored, "set-password-not-stored", "a password set by an operator survives a restart";
    /// The removal of a password is not written to the disk.
    PasswordRemovalNotStored, "password-removal-not-stored", "a password removed by an operator does not come back";
    /// The limits of the store stay when the settings are read again.
    LimitsKept, "limits-kept", "limits apply once the settings are read again";
    /// What clients may do stays when the settings are read again.
    AccessKept, "access-kept", "who may log in is as the settings say that were read last";
    /// A list of accounts counts one unread message less.
    UnreadUnlisted, "unread-unlisted", "a list of accounts counts what is unread";
    /// A list of sessions leaves out those before their login.
    SessionUnlisted, "session-unlisted", "a list of sessions has them all";
    /// An account stays that an operator deletes.
    DeletionForgotten, "deletion-forgotten", "a deleted account is gone with its mailbox";
    /// The mailbox of a deleted account is that of the next one of its name.
    MailboxInherited, "mailbox-inherited", "nothing of a deleted mailbox comes back";
    /// A deletion is not written to the disk.
    DeletionNotStored, "deletion-not-stored", "a deleted account stays deleted";
    /// The sessions of an account that is deleted or renamed go on.
    ExpulsionForgotten, "expulsion-forgotten", "the sessions of a deleted or renamed account end";
    /// Anyone may register a reserved name.
    ReservedRegistered, "reserved-registered", "a reserved name is registered by nobody";
    /// A renamed account has an empty mailbox.
    RenameLosesMail, "rename-loses-mail", "a renamed account keeps its messages";
    /// A rename is not written to the disk.
    RenameNotStored, "rename-not-stored", "a renamed account keeps its name";
    /// Whoever has a banned name may log in.
    BannedNameLetIn, "banned-name-let-in", "nobody logs in with a banned name";
    /// Whoever has a banned address may connect.
    BannedAddressLetIn, "banned-address-let-in", "nobody connects from a banned address";
    /// A login that has passed the look at the bans goes on.
    BanOvertaken, "ban-overtaken", "a login that began before the ban does not get past it";
    /// The sessions of a banned name go on.
    BannedNameStays, "banned-name-stays", "the sessions of a banned name end";
    /// The sessions of banned addresses go on.
    BannedAddressStays, "banned-address-stays", "the sessions of banned addresses end";
    /// Addresses next to the banned ones are banned, too.
    BanTooWide, "ban-too-wide", "a ban shuts out nobody else";
    /// A ban for a time holds until it is lifted.
    BanEndless, "ban-endless", "a ban ends at its time";
    /// A ban that is lifted stays.
    UnbanForgotten, "unban-forgotten", "whoever is not banned any more may come";
    /// There may be any number of bans.
    BansUnlimited, "bans-unlimited", "the number of bans has a limit";
    /// A ban is not written to the disk.
    BanNotStored, "ban-not-stored", "a ban survives a restart";
    /// The end of a ban is not written to the disk.
    UnbanNotStored, "unban-not-stored", "a ban that is lifted does not come back";
    /// The last message of an import is not written to the disk.
    ImportTorn, "import-torn", "an account is imported as a whole";
    /// What is imported for an account that there is is put into its mailbox.
    RefusedImportStored, "refused-import-stored", "nothing of a refused import is stored";
    /// The messages of an import are stored in another order.
    ImportReordered, "import-reordered", "imported messages keep their order";
    /// The senders of imported messages become accounts.
    SenderRegistered, "sender-registered", "a sender that is unknown gets no account by an import";
    /// Whom an imported account blocks is forgotten.
    ImportUnblocks, "import-unblocks", "an imported account blocks whom it has blocked";
    /// A backup has the table file, and not what is in the log.
    BackupWithoutLog, "backup-without-log", "a backup has all that was committed before it began";
    /// What changes between two parts of a backup is not carried along.
    BackupTorn, "backup-torn", "a backup has what there was at one moment";
    /// A backup that nobody reads any more keeps others from beginning.
    BackupKept, "backup-kept", "another backup can begin once the last one is read";
    /// Messages are removed at half their age.
    RetentionTakesYoung, "retention-takes-young", "a message younger than the retention stays";
    /// Nothing is removed for its age.
    RetentionForgotten, "retention-forgotten", "a message older than the retention goes";
    /// What is removed for its age is not counted.
    RetentionUncounted, "retention-uncounted", "what was too old is counted and told";
    /// A post has another id in each of its channels.
    IdOfEachChannel, "id-of-each-channel", "a post has one id in all its channels";
    /// A page of history begins one post too late.
    HistoryGap, "history-gap", "the pages of a history miss no post";
    /// A session may say as much as it likes.
    RateIgnored, "rate-ignored", "a session posts at a limited rate";
}

impl Fault {
    /// The fault of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fault| fault.name() == name)
    }
}

/// Whether the server is to make this mistake: never, without the feature `faults`.
#[cfg(not(feature = "faults"))]
#[inline]
#[must_use]
pub const fn faulty(_: Fault) -> bool {
    false
}

#[cfg(feature = "faults")]
const NONE: u8 = u8::MAX;

#[cfg(feature = "faults")]
static SET: AtomicU8 = AtomicU8::new(NONE);

/// Whether the server is to make this mistake.
#[cfg(feature = "faults")]
#[must_use]
pub fn faulty(fault: Fault) -> bool {
    SET.load(Ordering::Relaxed) == fault as u8
}

/// From now on all threads of the process make this mistake and no other.
#[cfg(feature = "faults")]
pub fn set_fault(fault: Option<Fault>) {
    SET.store(fault.map_or(NONE, |fault| fault as u8), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_found_by_its_own_name() {
        for fault in Fault::ALL {
            assert_eq!(Fault::find(fault.name()), Some(*fault));
        }
    }
}
