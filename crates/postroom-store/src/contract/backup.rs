//! Backups, of stores that make them.

use super::{Desk, Fixture, append, limits};
use crate::{Backup, BackupGuard, Call, NotBackedUp, Store};

/// More parts than any backup here takes.
const PARTS_MAX: usize = 10_000;

impl<F: Fixture> Desk<'_, F> {
    /// Copies parts until the backup ends.
    fn finish_backup(&mut self) -> Result<Backup, NotBackedUp> {
        for _ in 0..PARTS_MAX {
            self.store.continue_backup();
            let job = self.job();
            self.finish(job);
            if let Some(ended) = self.store.take_backup() {
                return ended;
            }
        }
        panic!("the backup does not end");
    }
}

fn contains(backup: Backup, text: &str) -> bool {
    let Backup { bytes, mut content } = backup;
    let mut copy = Vec::new();
    content.read_to_end(&mut copy).expect("the copy can be read");
    assert_eq!(copy.len() as u64, bytes);
    copy.windows(text.len()).any(|window| window == text.as_bytes())
}

pub(super) fn a_backup_has_what_was_committed_before_it<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    desk.call(append(bob, "bob", "a text of before"));
    let (guard, token) = BackupGuard::new();
    if desk.store.begin_backup(token) == Err(NotBackedUp::Unsupported) {
        return;
    }
    // Others go on.
    desk.call(append(bob, "bob", "a text of meanwhile"));
    let second = desk.store.begin_backup(BackupGuard::new().1);
    assert_eq!(second, Err(NotBackedUp::UnderWay));
    let backup = desk.finish_backup().expect("the store is copied");
    assert!(contains(backup, "a text of before"));
    drop(guard);
    let (guard, token) = BackupGuard::new();
    desk.store.begin_backup(token).expect("nobody has the other any more");
    drop(guard);
    assert!(matches!(desk.finish_backup(), Err(NotBackedUp::Canceled)));
    let read = desk.call(Call::Read { account: bob });
    assert!(format!("{read:?}").contains("a text of before"), "{read:?}");
}

pub(super) fn no_backup_needs_no_job<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    desk.log_in("bob");
    desk.store.continue_backup();
    assert!(desk.store.next_job(desk.now).is_none());
    assert!(desk.store.take_backup().is_none());
}
