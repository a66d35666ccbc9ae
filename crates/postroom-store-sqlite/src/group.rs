//! A group of calls and what it writes and reads.

use postroom_model::{ChannelCommand, ChannelKey, Fault, Name, faulty};
use postroom_store::{BanSubject, Call, Import, ImportedMessage, Key, Ticket, Timestamp};

use crate::allowed::Allowed;
use crate::operation::Operations;

/// The calls that one transaction commits, and its operations.
#[derive(Debug)]
pub(crate) struct Group {
    /// They own the texts that are written. Empty: there is no group.
    pub(crate) calls: Vec<(Ticket, Call)>,
    pub(crate) operations: Operations,
    pub(crate) allowed: Allowed,
    pub(crate) now: Timestamp,
    /// One more than the highest number of an account.
    pub(crate) accounts: u32,
}

impl Group {
    pub(crate) fn new() -> Self {
        Self {
            calls: Vec::new(),
            operations: Operations::default(),
            allowed: Allowed::Everything,
            now: Timestamp(0),
            accounts: 0,
        }
    }

    /// Forgets the group, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.calls.clear();
        self.operations.clear();
        if !faulty(Fault::FullDiskRemembered) {
            self.allowed = Allowed::Everything;
        }
    }

    /// The account that a call opens, writes to, gives a password, renames or blocks: of those
    /// that it writes to, the one at this place.
    pub(crate) fn name(&self, call: u32, place: u32) -> &Name {
        match self.calls[call as usize].1.without_key() {
            Call::Open { name, .. }
            | Call::SetPassword { name, .. }
            | Call::Import { name, .. } => name,
            Call::Compose { recipient, .. } => recipient,
            Call::ComposeAll { recipients, .. } => &recipients.names()[place as usize],
            Call::Block { sender, .. } => sender,
            Call::Rename { to, .. } => to,
            call => unreachable!("{call:?} names no account"),
        }
    }

    /// Who is banned by a call, as it is stored. No name has a slash, and all prefixes have
    /// one.
    pub(crate) fn banned(&self, call: u32) -> String {
        match self.calls[call as usize].1.without_key() {
            Call::Ban { subject: BanSubject::Name(name), .. } => name.to_string(),
            Call::Ban { subject: BanSubject::Addresses(prefix), .. } => prefix.net().to_string(),
            call => unreachable!("{call:?} bans nobody"),
        }
    }

    /// The text of a message or a post.
    pub(crate) fn text(&self, call: u32) -> &str {
        match self.calls[call as usize].1.without_key() {
            Call::Compose { text, .. } | Call::ComposeAll { text, .. } => text.as_str(),
            Call::Post { post, .. } => post.text.as_str(),
            call => unreachable!("{call:?} has no text"),
        }
    }

    /// The password that a call sets.
    pub(crate) fn password(&self, call: u32) -> &str {
        match self.calls[call as usize].1.without_key() {
            Call::SetPassword { password, .. }
            | Call::Open { key: Key::New(password), .. }
            | Call::ChangePassword { to: password, .. } => &password.0,
            Call::Import { import, .. } => &import.password.0,
            call => unreachable!("{call:?} sets no password"),
        }
    }

    /// What an account is imported with.
    pub(crate) fn import(&self, call: u32) -> &Import {
        match self.calls[call as usize].1.without_key() {
            Call::Import { import, .. } => import,
            call => unreachable!("{call:?} imports nothing"),
        }
    }

    /// One of the messages of an import.
    pub(crate) fn imported(&self, call: u32, place: u32) -> &ImportedMessage {
        &self.import(call).messages[place as usize]
    }

    /// The key that a private channel gets, or none.
    pub(crate) fn channel_key(&self, call: u32) -> Option<&ChannelKey> {
        match &self.calls[call as usize].1 {
            Call::ManageChannel { command: ChannelCommand::SetKey(key), .. } => key.as_ref(),
            call => unreachable!("{call:?} sets no key"),
        }
    }

    /// One of the channels of a post, or the one that is made private.
    pub(crate) fn channel(&self, call: u32, place: u32) -> &str {
        match self.calls[call as usize].1.without_key() {
            Call::ManageChannel { channel, .. } => channel.as_str(),
            Call::Post { post, .. } => post.channels[place as usize].as_str(),
            call => unreachable!("{call:?} is said in no channel"),
        }
    }

    /// Bytes that the rows of the messages and posts take.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.calls.iter().filter_map(|(_, call)| stored_bytes(call)).sum()
    }
}

/// Bytes that the rows of a call take, if it adds messages or posts.
fn stored_bytes(call: &Call) -> Option<u64> {
    /// The row's other columns, and what of a page stays empty behind it.
    const ROW_BYTES: usize = 64;
    let (rows, text_bytes) = match call.without_key() {
        Call::Compose { text, .. } => (1, text.as_str().len()),
        Call::ComposeAll { recipients, text, .. } => {
            let rows = recipients.names().len();
            (rows, rows * text.as_str().len())
        }
        Call::Post { post, .. } => {
            let rows = post.channels.len();
            (rows, rows * post.text.as_str().len())
        }
        // Each message may add its sender.
        Call::Import { import, .. } => {
            (2 * import.messages.len() + import.blocked.len(), import.text_bytes())
        }
        _ => return None,
    };
    let rows = rows + usize::from(matches!(call, Call::Once { .. }));
    Some((rows * ROW_BYTES + text_bytes) as u64)
}
