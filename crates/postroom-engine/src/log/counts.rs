//! How many lines of each kind come in a second: a peer that causes more has them counted.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::Level;

/// Lines at `warn` or `debug` of one kind and peer that are written in a second.
pub(super) const LINES_A_SECOND_MAX: u32 = 20;
/// Kinds and peers that are told apart in a second; further peers count as one.
const PEERS_MAX: usize = 4_096;
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// How many lines of each kind and peer came in this second.
#[derive(Debug, Default)]
pub(crate) struct LineCounts {
    /// Ordered, so that what was left out is logged in the same order in each run.
    lines: BTreeMap<(Level, &'static str, Option<IpAddr>), u32>,
    /// When the second is over.
    over: Option<Instant>,
}

impl LineCounts {
    /// Counts a line; whether it is to be written.
    pub(crate) fn admit(
        &mut self,
        level: Level,
        kind: &'static str,
        peer: Option<IpAddr>,
        now: Instant,
    ) -> bool {
        self.over.get_or_insert(now + SECOND);
        let is_full = self.lines.len() >= PEERS_MAX;
        let known = peer.filter(|_| !is_full || self.lines.contains_key(&(level, kind, peer)));
        let count = self.lines.entry((level, kind, known)).or_default();
        *count = count.saturating_add(1);
        *count <= LINES_A_SECOND_MAX
    }

    /// When what was left out is to be logged.
    pub(crate) fn over_at(&self) -> Option<Instant> {
        self.over
    }

    /// Takes what was left out, once the second is over.
    pub(super) fn take_left_out(
        &mut self,
        now: Instant,
    ) -> impl Iterator<Item = (Level, &'static str, Option<IpAddr>, u32)> + use<> {
        let is_over = self.over.take_if(|over| *over <= now).is_some();
        let lines = if is_over { std::mem::take(&mut self.lines) } else { BTreeMap::new() };
        lines.into_iter().filter_map(|((level, kind, peer), count)| {
            let left_out = count.checked_sub(LINES_A_SECOND_MAX).filter(|count| *count > 0)?;
            Some((level, kind, peer, left_out))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::any_time as now;

    #[test]
    fn beyond_twenty_a_second_lines_of_one_kind_and_peer_are_counted() {
        let (mut counts, now) = (LineCounts::default(), now());
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let admitted = |counts: &mut LineCounts, kind, peer, lines| {
            (0..lines).filter(|_| counts.admit(Level::Warn, kind, Some(peer), now)).count()
        };
        assert_eq!(admitted(&mut counts, "full", one, 50), 20);
        assert_eq!(admitted(&mut counts, "busy", one, 20), 20);
        assert_eq!(admitted(&mut counts, "full", other, 5), 5);
        assert_eq!(counts.over_at(), Some(now + SECOND));
        assert_eq!(counts.take_left_out(now).count(), 0, "the second is not over");
        let left_out: Vec<_> = counts.take_left_out(now + SECOND).collect();
        assert_eq!(left_out, [(Level::Warn, "full", Some(one), 30)]);
        assert_eq!(counts.over_at(), None);
        assert_eq!(admitted(&mut counts, "full", one, 1), 1, "a new second");
    }

    #[test]
    fn what_was_left_out_is_logged_in_the_same_order_in_each_run() {
        let (mut counts, now) = (LineCounts::default(), now());
        let peers: Vec<IpAddr> = (1..9_u8).map(|last| [192, 0, 2, last].into()).collect();
        for _ in 0..=LINES_A_SECOND_MAX {
            for peer in peers.iter().rev() {
                counts.admit(Level::Warn, "full", Some(*peer), now);
            }
        }
        let left_out = counts.take_left_out(now + SECOND);
        assert_eq!(left_out.filter_map(|(_, _, peer, _)| peer).collect::<Vec<_>>(), peers);
    }

    #[test]
    fn the_number_of_peers_is_bounded() {
        let (mut counts, now) = (LineCounts::default(), now());
        for peer in 0..20_000_u32 {
            counts.admit(Level::Warn, "full", Some(IpAddr::from(peer.to_be_bytes())), now);
        }
        assert!(counts.lines.len() <= PEERS_MAX + 1);
        let left_out: u32 = counts.take_left_out(now + SECOND).map(|(.., count)| count).sum();
        assert_eq!(left_out as usize, 20_000 - PEERS_MAX - LINES_A_SECOND_MAX as usize);
    }
}
