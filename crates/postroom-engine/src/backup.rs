//! The backup that an operator asked for: when the store copies the next part.

use std::time::{Duration, Instant};

use postroom_office::AdminTicket;
use postroom_store::{Backup, BackupToken, NotBackedUp, Store};

use crate::administration::AdminAnswer;
use crate::{Engine, Output};

/// Time from one part of a backup to the next, at least. A part takes a millisecond or two,
/// so commits wait for a backup for a tenth of their time.
pub const BACKUP_PAUSE: Duration = Duration::from_millis(10);

/// A backup that the store makes.
#[derive(Debug)]
pub(crate) struct BackupUnderWay {
    /// Whose answer it is.
    ticket: AdminTicket,
    /// When the next part is due.
    next_part: Instant,
}

impl<S: Store> Engine<S> {
    /// Begins a backup. It is refused at once, or answered when it has ended.
    pub(crate) fn begin_backup(&mut self, ticket: AdminTicket, token: BackupToken) {
        match self.office.begin_backup(token) {
            Ok(()) => {
                self.backup = Some(BackupUnderWay { ticket, next_part: self.now });
                self.log_administered("backup begun", "the store".to_owned());
            }
            Err(refusal) => self.answer_backup(ticket, Err(refusal)),
        }
    }

    /// Lets the next job copy a part if one is due.
    pub(crate) fn continue_backup(&mut self) {
        if let Some(backup) = &mut self.backup
            && backup.next_part <= self.now
            && self.office.continue_backup()
        {
            backup.next_part = self.now + BACKUP_PAUSE;
        }
    }

    /// When the next part is due: none while a job is under way, whose end wakes the driver.
    pub(crate) fn next_backup_part(&self) -> Option<Instant> {
        let backup = self.backup.as_ref().filter(|_| !self.office.has_job());
        backup.map(|backup| backup.next_part)
    }

    /// Answers the operator if the backup has ended.
    pub(crate) fn end_backup(&mut self) {
        let Some(ended) = self.office.take_backup() else {
            return;
        };
        match &ended {
            Ok(backup) => self.log_administered("backup made", format!("{} bytes", backup.bytes)),
            Err(NotBackedUp::Canceled) => {
                self.log_administered("backup canceled", "nobody waits for it".to_owned());
            }
            Err(error) => self.log_administered("backup failed", error.to_string()),
        }
        if let Some(BackupUnderWay { ticket, .. }) = self.backup.take() {
            self.answer_backup(ticket, ended);
        }
    }

    fn answer_backup(&mut self, ticket: AdminTicket, answer: Result<Backup, NotBackedUp>) {
        let answer = Box::new(AdminAnswer::Backup(answer));
        self.outputs.push_back(Output::Administered(ticket, answer));
    }
}
