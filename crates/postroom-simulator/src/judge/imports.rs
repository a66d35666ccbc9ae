//! What an account is imported with is there as a whole, in its order, or nothing of it is.

use postroom_store::Timestamp;

use super::{BlockId, Judge};
use crate::random::Random;
use crate::texts::{Answer, ImportId, Place, TextId};

/// Bytes of a text, at most.
const TEXT_BYTES: usize = 2_000;

/// What an account is to have from the beginning.
#[derive(Debug, Default)]
struct Import {
    /// The messages, in their order.
    texts: Vec<TextId>,
    /// Whom it blocks.
    blocks: Vec<BlockId>,
}

/// All that operators have imported, or tried to.
#[derive(Debug, Default)]
pub(super) struct Imports(Vec<Import>);

impl Judge {
    /// An operator begins to import an account.
    pub(crate) fn import_begins(&mut self) -> ImportId {
        self.imports.0.push(Import::default());
        ImportId(self.imports.0.len() - 1)
    }

    /// A message of it, behind the others, which was stored elsewhere at this time; returns
    /// what it says.
    pub(crate) fn import_text(
        &mut self,
        import: ImportId,
        (author, recipient): (&'static str, &'static str),
        stored: Timestamp,
        random: &mut Random,
    ) -> String {
        let (id, said) = self.write(author, Place::Mailbox(recipient), TEXT_BYTES, random);
        let text = &mut self.texts[id.0];
        (text.import, text.stored) = (Some(import), text.stored.min(stored));
        self.imports.0[import.0].texts.push(id);
        said
    }

    /// A sender that it blocks.
    pub(crate) fn import_block(
        &mut self,
        import: ImportId,
        (account, sender): (&'static str, &'static str),
        begun: u64,
    ) {
        let id = self.blocks.sets(account, sender, true, begun);
        self.imports.0[import.0].blocks.push(id);
    }

    /// An operator is told that all of it is stored: so many messages and blocks.
    pub(crate) fn is_imported(
        &mut self,
        import: ImportId,
        account: &'static str,
        told: (usize, usize),
        at: u64,
    ) {
        let Import { texts, blocks } = &self.imports.0[import.0];
        assert_eq!(told, (texts.len(), blocks.len()), "messages and blocks of {account}");
        for id in blocks {
            self.blocks.is_set(*id, true, at);
        }
        let last = texts.last().copied();
        self.import_is_there(import, at);
        if let Some(last) = last {
            self.mailboxes.check_capacity(&self.texts, last, account);
        }
        self.mailboxes.check_accounts(&self.texts, &self.locks.locked());
    }

    /// Nothing of it is stored.
    pub(crate) fn is_not_imported(&mut self, import: ImportId) {
        let Import { texts, blocks } = std::mem::take(&mut self.imports.0[import.0]);
        for id in blocks {
            self.blocks.is_refused(id);
        }
        for id in texts {
            self.refused(id);
        }
    }

    /// It is refused, since a mailbox holds no more than this.
    pub(crate) fn check_import_too_large(
        &mut self,
        import: ImportId,
        account: &str,
        begun: u64,
        capacity: u32,
    ) {
        self.mailboxes.check_told_capacity(account, Some(capacity), begun);
        let messages = self.imports.0[import.0].texts.len();
        assert!(messages > capacity as usize, "{messages} messages are too many for {account}");
        self.is_not_imported(import);
    }

    /// One of its messages is there, so all of them were stored before this moment.
    pub(super) fn import_is_there(&mut self, import: ImportId, at: u64) {
        for id in &self.imports.0[import.0].texts {
            let answer = &mut self.texts[id.0].answer;
            if *answer == Answer::Open {
                *answer = Answer::Acknowledged { at };
            }
        }
    }
}
