//! Backups of a store in memory: its texts, a line each.

use std::io::Cursor;

use postroom_model::{Fault, faulty};

use crate::{Backup, BackupToken, NotBackedUp};

/// Jobs that a backup takes.
const PARTS: u32 = 3;

/// The backup, if there is one.
#[derive(Debug, Default)]
pub(super) struct Copying {
    /// Whose it is, while it is made or read.
    token: Option<BackupToken>,
    parts_left: u32,
    is_due: bool,
    ended: Option<Result<Backup, NotBackedUp>>,
    /// What was copied by earlier parts, where a fault says so.
    torn: Vec<(String, String)>,
}

impl Copying {
    pub(super) fn begin(&mut self, token: BackupToken) -> Result<(), NotBackedUp> {
        let is_read = |token: &BackupToken| !token.is_canceled() || faulty(Fault::BackupKept);
        let is_read = self.token.as_ref().is_some_and(is_read);
        if self.parts_left > 0 || is_read {
            return Err(NotBackedUp::UnderWay);
        }
        (self.token, self.parts_left) = (Some(token), PARTS);
        self.torn.clear();
        Ok(())
    }

    pub(super) fn proceed(&mut self) {
        self.is_due = self.parts_left > 0;
    }

    /// Whether the job that begins copies a part.
    pub(super) fn takes_part(&mut self) -> bool {
        std::mem::take(&mut self.is_due)
    }

    pub(super) fn copy(&mut self, is_full: bool, texts: impl FnOnce() -> Vec<(String, String)>) {
        if self.parts_left == 0 {
            return;
        }
        let is_canceled = self.token.as_ref().is_none_or(BackupToken::is_canceled);
        self.parts_left -= 1;
        let mut texts = texts();
        if faulty(Fault::BackupTorn) {
            texts = self.tear(&texts);
        }
        let ended = match () {
            () if is_canceled => Err(NotBackedUp::Canceled),
            () if is_full => Err(NotBackedUp::DiskFull),
            () if self.parts_left > 0 => return,
            () => {
                let lines = texts.into_iter().map(|(place, text)| format!("{place} {text}\n"));
                let content = lines.collect::<String>().into_bytes();
                Ok(Backup { bytes: content.len() as u64, content: Box::new(Cursor::new(content)) })
            }
        };
        self.parts_left = 0;
        self.ended = Some(ended);
    }

    /// Copies the next third of these, and no more.
    fn tear(&mut self, texts: &[(String, String)]) -> Vec<(String, String)> {
        let done = (PARTS - self.parts_left) as usize;
        let third = |part: usize| texts.len() * part / PARTS as usize;
        self.torn.extend_from_slice(&texts[third(done - 1)..third(done)]);
        self.torn.clone()
    }

    pub(super) fn take(&mut self) -> Option<Result<Backup, NotBackedUp>> {
        self.ended.take()
    }
}
