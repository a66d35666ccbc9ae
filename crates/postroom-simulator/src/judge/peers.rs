//! No address has more connections, or connects more often, than the limits let it, and none
//! is refused below them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use postroom_engine::PeerLimits;

/// A /48 may have as much as so many of its /64.
const SITE_NETWORKS: u32 = 4;

/// Those whose connections count together: an address of IPv4, or the /64 or the /48 of one
/// of IPv6.
pub(crate) type Group = (IpAddr, u8);

/// The groups of an address, with how many times the limits of an address each has.
pub(crate) fn groups(address: IpAddr) -> Vec<(Group, u32)> {
    match address {
        IpAddr::V4(_) => vec![((address, 32), 1)],
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            let network = IpAddr::from([a, b, c, d, 0, 0, 0, 0]);
            let site = IpAddr::from([a, b, c, 0, 0, 0, 0, 0]);
            vec![((network, 64), 1), ((site, 48), SITE_NETWORKS)]
        }
    }
}

/// The limits of the connections of each address.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    limits: PeerLimits,
    /// What is left of the new connections of a group, and since when.
    left: BTreeMap<Group, (f64, Duration)>,
}

impl Peers {
    /// From now on these are the limits. Who had so much of their new connections left has as
    /// much of the new ones.
    pub(super) fn set_limits(&mut self, limits: &PeerLimits, now: Duration) {
        let before = f64::from(self.limits.new_per_minute);
        let after = f64::from(limits.new_per_minute);
        let groups: Vec<Group> = self.left.keys().copied().collect();
        for group in groups {
            let times = if group.1 == 48 { SITE_NETWORKS } else { 1 };
            let left = self.left(group, times, now) / before * after;
            self.left.insert(group, (left, now));
        }
        self.limits = limits.clone();
    }

    /// A process starts, and knows nothing of who connected before.
    pub(crate) fn started(&mut self) {
        self.left.clear();
    }

    /// A client is let in, while `open` connections of each of its groups are there.
    pub(crate) fn let_in(&mut self, address: IpAddr, now: Duration, open: impl Fn(Group) -> u32) {
        if !self.limits(address) {
            return;
        }
        for (group, times) in groups(address) {
            let (connections, most) = (open(group), self.limits.connections * times);
            assert!(connections < most, "{address} has a connection more than {most} of {group:?}");
            let left = self.left(group, times, now);
            assert!(left > 0.999, "{address} connects more often than it may, of {group:?}");
            self.left.insert(group, (left - 1.0, now));
        }
    }

    /// A client is refused, while `open` connections of each of its groups are there.
    pub(crate) fn refused(&self, address: IpAddr, now: Duration, open: impl Fn(Group) -> u32) {
        let meets_limit = |(group, times): (Group, u32)| {
            open(group) >= self.limits.connections * times || self.left(group, times, now) < 1.001
        };
        let is_right = self.limits(address) && groups(address).into_iter().any(meets_limit);
        assert!(is_right, "{address} is refused, and has met no limit");
    }

    fn limits(&self, address: IpAddr) -> bool {
        self.limits.loopback || !address.is_loopback()
    }

    fn left(&self, group: Group, times: u32, now: Duration) -> f64 {
        let most = f64::from(self.limits.new_per_minute) * f64::from(times);
        let (left, since) = self.left.get(&group).copied().unwrap_or((most, now));
        let minutes = now.saturating_sub(since).as_secs_f64() / 60.0;
        (left + most * minutes).min(most)
    }
}
