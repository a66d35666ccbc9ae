//! The end of a simulation with a retention: all that is left grows too old, and goes.

use std::time::Duration;

use postroom_engine::{AdminAnswer, AdminRequest, Status, What};

use crate::world::{TroubledDisk, World};

/// The time from one sweep to the next.
const MINUTE: Duration = Duration::from_mins(1);
/// After a sleep of hours the clock of the retention is behind for so many minutes at most.
const MINUTES_BEHIND: u64 = 60;

impl<D: TroubledDisk> World<D> {
    /// Time passes until nothing is young any more: nothing is left, and as much is told as
    /// was there.
    pub(crate) fn check_expiry(&mut self) {
        let Some(retention_ms) = self.scenario.rules.limits.retention.messages_ms else {
            return;
        };
        let (before, there) = self.removed_and_unread();
        self.driver.log.clear();
        let minutes = MINUTES_BEHIND + Duration::from_millis(retention_ms).as_secs() / 60;
        for _ in 0..=minutes {
            self.driver.wall = self.driver.wall.after(MINUTE);
            self.driver.pass(MINUTE);
        }
        let (removed, left) = self.removed_and_unread();
        assert_eq!(left, 0, "messages are left of {there} that are too old");
        assert_eq!(
            removed - before,
            there,
            "messages are told to be removed since they were too old"
        );
        let logged = self.driver.log.iter().map(|what| match what {
            What::Expired { messages, .. } => *messages,
            _ => 0,
        });
        assert_eq!(logged.sum::<u64>(), there, "messages are logged to be too old");
        self.tally.expired += there;
    }

    /// How many messages are told to have been removed since the process has started, and how
    /// many are unread.
    fn removed_and_unread(&mut self) -> (u64, u64) {
        match self.driver.administer(AdminRequest::Status) {
            AdminAnswer::Status(Status { expired, usage, .. }) => (expired.messages, usage.unread),
            other => panic!("{other:?} answers how the server is"),
        }
    }
}
