//! The operator has the store backed up, while everything goes on, and looks at the copy.

use std::io::Read as _;

use postroom_engine::{AdminRequest, AdminTicket};
use postroom_store::{Backup, BackupGuard, NotBackedUp};

use crate::operator::What;
use crate::world::{TroubledDisk, World};

impl<D: TroubledDisk> World<D> {
    pub(super) fn back_up(&mut self) {
        let Some(random) = &mut self.operator.backups else {
            return;
        };
        if !self.operator.guards.is_empty() && random.chance(200) {
            self.note(|| "the operator waits for no backup any more".to_owned());
            self.operator.guards.clear();
            return;
        }
        let (guard, token) = BackupGuard::new();
        let is_alone = self.operator.backs_nothing_up();
        let begun = self.judge.tick();
        let ticket = self.ask(begun, AdminRequest::Backup(token), What::Backup { is_alone });
        self.operator.guards.push((ticket, guard));
    }

    /// A backup was made, or was not, for which was asked at this moment.
    pub(super) fn backed_up(
        &mut self,
        ticket: AdminTicket,
        (begun, is_alone): (u64, bool),
        ended: Result<Backup, NotBackedUp>,
    ) {
        let place = self.operator.guards.iter().position(|(of, _)| *of == ticket);
        let guard = place.map(|place| self.operator.guards.swap_remove(place));
        let store = self.scenario.store;
        match ended {
            Ok(backup) if guard.is_some() => self.check_backup(backup, begun),
            Ok(_) => {}
            Err(NotBackedUp::Canceled) => assert!(guard.is_none(), "somebody waits for a backup"),
            Err(NotBackedUp::UnderWay) => assert!(!is_alone, "there is no other backup"),
            Err(NotBackedUp::DiskFull) => {
                assert!(store.full > 0, "the operator is told that the disk is full");
            }
            Err(NotBackedUp::Failed(why)) => {
                let may_fail = store.full > 0 || store.io_errors_one_in > 0 || store.power_cuts > 0;
                assert!(may_fail, "a backup fails: {why}");
            }
            Err(NotBackedUp::Unsupported) => panic!("no backup is made"),
        }
    }

    fn check_backup(&mut self, backup: Backup, begun: u64) {
        let Backup { bytes, mut content } = backup;
        let mut copy = Vec::new();
        content.read_to_end(&mut copy).expect("a backup can be read");
        assert_eq!(copy.len() as u64, bytes, "bytes of a backup");
        let limits = self.scenario.rules.limits;
        let copied = self.driver.disk.read_backup(&copy, limits, self.driver.wall);
        // Nothing is evicted, and no older post gives way.
        let keeps_posts = limits.channels_max > 10 && limits.channel_posts > 100;
        self.judge.check_copy(&copied, begun, keeps_posts);
        let bans = copied.others.iter().flat_map(|(_, bans)| bans);
        let banned: Vec<_> = bans.map(|ban| (self.subject(&ban.subject), ban.until)).collect();
        self.judge.check_others_copied(&copied, &banned, begun);
        self.tally.backups += 1;
    }
}
