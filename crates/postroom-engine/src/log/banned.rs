//! How often connections from banned addresses are logged: the first one of each ban in a
//! minute. The others are counted, so that a program that goes on connecting fills no log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use postroom_model::Prefix;

/// How long the connections of a ban are counted for one line.
pub(super) const PERIOD: Duration = Duration::from_mins(1);

/// The refused connections of this minute, by their bans: no more than there are bans.
#[derive(Debug, Default)]
pub(crate) struct BannedCounts {
    refused: BTreeMap<Prefix, u32>,
    /// When the minute is over.
    over: Option<Instant>,
}

impl BannedCounts {
    /// Counts a connection; whether it is the first one of its ban.
    pub(super) fn is_first(&mut self, ban: Prefix, now: Instant) -> bool {
        self.over.get_or_insert(now + PERIOD);
        let count = self.refused.entry(ban).or_default();
        *count = count.saturating_add(1);
        *count == 1
    }

    /// When the others are to be logged.
    pub(crate) fn over_at(&self) -> Option<Instant> {
        self.over
    }

    /// Takes how many were not logged of each ban, once the minute is over.
    pub(super) fn take_left_out(
        &mut self,
        now: Instant,
    ) -> impl Iterator<Item = (Prefix, u32)> + use<> {
        let is_over = self.over.take_if(|over| *over <= now).is_some();
        let refused = if is_over { std::mem::take(&mut self.refused) } else { BTreeMap::new() };
        refused.into_iter().filter(|(_, count)| *count > 1).map(|(ban, count)| (ban, count - 1))
    }
}
