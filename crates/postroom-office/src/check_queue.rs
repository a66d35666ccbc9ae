//! The password checks that have not begun, in a fair order.
//!
//! Sites take turns, and so do the networks of a site (a /48 of IPv6 has many) and the
//! accounts of a network. At a limit the site with most waiting checks loses one: of its
//! network with most, of that network's account with most, the newest. So a host that
//! asks for many checks makes only its own wait, and loses only its own. A few checks of
//! accounts that have logged in from the same network before do not count there: guesses
//! from ever new addresses do not shut an owner out.
//!
//! The lists are searched from their beginning: they are short, and most logins need no
//! check.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use postroom_model::{Name, Network, SITE_NETWORKS, Site};

use crate::calls::RequestKey;
use crate::check::Check;
use crate::failed_logins::FailedLogins;

/// So many checks of a network do not count among those that may be evicted, if they are
/// of accounts that have logged in from there before.
const KNOWN_FREE: usize = 8;

/// The waiting checks.
#[derive(Debug)]
pub(crate) struct CheckQueue {
    /// Those with waiting checks; the first has its turn.
    networks: VecDeque<OfNetwork>,
    /// How many checks of each site wait.
    sites: HashMap<Site, usize>,
    len: usize,
    max: usize,
    per_network_max: usize,
}

/// The waiting checks of a network.
#[derive(Debug)]
struct OfNetwork {
    network: Network,
    /// Those with waiting checks; the first has its turn.
    accounts: VecDeque<OfAccount>,
    len: usize,
    /// Those of accounts that have logged in from there before.
    known: usize,
}

/// The waiting checks of an account for one network, the earliest first; at least one.
#[derive(Debug)]
struct OfAccount {
    name: Name,
    checks: VecDeque<Check>,
}

/// The next check, or when there is one.
#[derive(Debug)]
pub(crate) enum Next {
    Check(Check),
    /// Checks wait until this time; `None` if there are none.
    NotBefore(Option<Instant>),
}

impl CheckQueue {
    /// An empty queue for at most `max` checks, of which `per_network_max` may be those
    /// of one network.
    pub(crate) fn new(max: usize, per_network_max: usize) -> Self {
        let (networks, sites) = (VecDeque::new(), HashMap::new());
        Self { networks, sites, len: 0, max, per_network_max }
    }

    /// What waits beyond them stays.
    pub(crate) fn set_limits(&mut self, max: usize, per_network_max: usize) {
        (self.max, self.per_network_max) = (max, per_network_max);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Checks that wait, and those that may.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.len, self.max)
    }

    /// Adds a check. At a limit returns the one that is evicted.
    pub(crate) fn add(&mut self, check: Check) -> Option<Check> {
        let network = check.peer.network;
        let place = self.networks.iter().position(|of| of.network == network);
        let place = place.unwrap_or_else(|| {
            self.networks.push_back(OfNetwork::new(network));
            self.networks.len() - 1
        });
        self.networks[place].add(check);
        *self.sites.entry(network.site()).or_default() += 1;
        self.len += 1;
        self.overfull(place).and_then(|place| self.evict(place))
    }

    /// The network that loses a check, if a limit is exceeded now that `added` has one
    /// more.
    fn overfull(&self, added: usize) -> Option<usize> {
        let of_site = |network: Network| self.sites.get(&network.site()).copied();
        let networks = self.networks.iter().enumerate();
        let by_len = |(_, of): &(usize, &OfNetwork)| {
            let free = of.known.min(KNOWN_FREE);
            (of_site(of.network).map(|len| len - free), of.len - free)
        };
        let OfNetwork { network, len, .. } = self.networks[added];
        let busiest = if len > self.per_network_max {
            return Some(added);
        } else if of_site(network)
            > Some(self.per_network_max.saturating_mul(SITE_NETWORKS as usize))
        {
            networks.filter(|(_, of)| of.network.site() == network.site()).max_by_key(by_len)
        } else if self.len > self.max {
            networks.max_by_key(by_len)
        } else {
            None
        };
        busiest.map(|(place, _)| place)
    }

    /// Evicts a check of a network: of the account with most, the newest.
    fn evict(&mut self, network: usize) -> Option<Check> {
        let accounts = self.networks[network].accounts.iter().enumerate();
        let by_len = |of: &OfAccount| (!of.is_known(), of.checks.len());
        let (account, of) = accounts.max_by_key(|(_, of)| by_len(of))?;
        self.remove_at(network, account, of.checks.len().checked_sub(1)?)
    }

    /// Removes the check of a login, if it waits.
    pub(crate) fn remove(&mut self, request: RequestKey, name: &Name, network: Network) {
        let place = self.networks.iter().position(|of| of.network == network);
        let found = place.and_then(|place| {
            let account = self.networks[place].accounts.iter().position(|of| of.name == *name)?;
            let checks = &self.networks[place].accounts[account].checks;
            Some((place, account, checks.iter().position(|check| check.request == request)?))
        });
        if let Some((network, account, check)) = found {
            self.remove_at(network, account, check);
        }
    }

    /// Takes the next check that may begin.
    pub(crate) fn take(&mut self, now: Instant, failed: &FailedLogins) -> Next {
        let (network, account) = match self.find(now, failed) {
            Ok(place) => place,
            Err(at) => return Next::NotBefore(at),
        };
        // The site, the network and the account have had their turn.
        if let Some(mut of) = self.networks.remove(network) {
            of.accounts.rotate_left(account + 1);
            let account = of.accounts.len() - 1;
            self.let_others_pass(of.network.site());
            self.networks.push_back(of);
            if let Some(check) = self.remove_at(self.networks.len() - 1, account, 0) {
                return Next::Check(check);
            }
        }
        Next::NotBefore(None)
    }

    /// Moves the networks of a site behind all others.
    fn let_others_pass(&mut self, site: Site) {
        let is_other = |of: &OfNetwork| of.network.site() != site;
        let (others, of_site): (Vec<_>, Vec<_>) = self.networks.drain(..).partition(is_other);
        self.networks.extend(others.into_iter().chain(of_site));
    }

    /// The network and the account of the next check that may begin. If there is none,
    /// the time of the first one that may.
    fn find(&self, now: Instant, failed: &FailedLogins) -> Result<(usize, usize), Option<Instant>> {
        let mut first: Option<Instant> = None;
        let mut waits = |until: Option<Instant>| {
            let until = until.filter(|until| *until > now);
            first = [first, until].into_iter().flatten().min();
            until.is_some()
        };
        for (network, of) in self.networks.iter().enumerate() {
            if waits(failed.network_until(of.network)) {
                continue;
            }
            for (account, of_account) in of.accounts.iter().enumerate() {
                if !waits(failed.account_until(&of_account.name, of.network)) {
                    return Ok((network, account));
                }
            }
        }
        Err(first)
    }

    fn remove_at(&mut self, network: usize, account: usize, check: usize) -> Option<Check> {
        let of_network = self.networks.get_mut(network)?;
        let of_account = of_network.accounts.get_mut(account)?;
        let check = of_account.checks.remove(check)?;
        let site = of_network.network.site();
        if of_account.checks.is_empty() {
            of_network.accounts.remove(account);
        }
        of_network.len -= 1;
        of_network.known -= usize::from(check.is_known);
        if of_network.accounts.is_empty() {
            self.networks.remove(network);
        }
        self.len -= 1;
        if let Some(len) = self.sites.get_mut(&site) {
            *len -= 1;
            if *len == 0 {
                self.sites.remove(&site);
            }
        }
        Some(check)
    }
}

impl OfAccount {
    /// Whether the account had logged in from this network when the first check was added.
    fn is_known(&self) -> bool {
        self.checks.front().is_some_and(|check| check.is_known)
    }
}

impl OfNetwork {
    fn new(network: Network) -> Self {
        Self { network, accounts: VecDeque::new(), len: 0, known: 0 }
    }

    fn add(&mut self, check: Check) {
        self.len += 1;
        self.known += usize::from(check.is_known);
        match self.accounts.iter_mut().find(|of| of.name == check.name) {
            Some(of) => of.checks.push_back(check),
            None => self
                .accounts
                .push_back(OfAccount { name: check.name.clone(), checks: VecDeque::from([check]) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use postroom_model::{Password, Peer, SessionKey};
    use proptest::prelude::*;

    use super::*;
    use crate::check::Against;

    /// The first number of the networks of one /48.
    const SITE: u8 = 100;

    fn peer(number: u8) -> Peer {
        let network = match number {
            ..SITE => Network::V4(Ipv4Addr::new(192, 0, 2, number)),
            SITE.. => Network::V6([0x2001, 0xdb8, 1, number.into()]),
        };
        Peer { network, is_shared: false, is_local: false }
    }

    /// A check for an account, from a network.
    fn check(name: &str, from: u8, number: u32) -> Check {
        let login = RequestKey { session: SessionKey::new(number, 0), number: 0 };
        let given = Password::from_bytes(b"wrong").unwrap();
        Check::new(login, Name::new(name).unwrap(), given, Against::Nothing, peer(from))
    }

    fn number(check: &Check) -> usize {
        check.request.session.index()
    }

    fn no_failures() -> (FailedLogins, Instant) {
        #[expect(clippy::disallowed_methods, reason = "any time will do as the first")]
        let now = Instant::now();
        (FailedLogins::new(Duration::from_secs(10), Duration::from_secs(5)), now)
    }

    /// The numbers of the checks in the order in which they begin.
    fn all(queue: &mut CheckQueue) -> Vec<usize> {
        let (failed, now) = no_failures();
        let next = || match queue.take(now, &failed) {
            Next::Check(check) => Some(number(&check)),
            Next::NotBefore(_) => None,
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn networks_take_turns_and_so_do_the_accounts_of_each() {
        let mut queue = CheckQueue::new(100, 100);
        for number in 0..4 {
            assert!(queue.add(check("ann", 1, number)).is_none());
        }
        for (number, name, from) in [(4, "bob", 1), (5, "ann", 2), (6, "cat", 3), (7, "ann", 2)] {
            assert!(queue.add(check(name, from, number)).is_none());
        }
        assert_eq!(all(&mut queue), [0, 5, 6, 4, 7, 1, 2, 3]);
        assert!(queue.is_empty());
    }

    #[test]
    fn the_networks_of_a_48_share_its_turn() {
        let mut queue = CheckQueue::new(100, 100);
        for number in 0..4 {
            queue.add(check("ann", SITE + u8::try_from(number).unwrap(), number));
        }
        for (number, from) in [(4, SITE), (5, 1), (6, 1), (7, 2)] {
            queue.add(check("ann", from, number));
        }
        assert_eq!(all(&mut queue), [0, 5, 7, 1, 6, 2, 3, 4]);
        assert!(queue.sites.is_empty());
    }

    #[test]
    fn a_48_holds_as_many_checks_as_four_of_its_networks() {
        let mut queue = CheckQueue::new(100, 2);
        for number in 0..8 {
            assert!(
                queue.add(check("ann", SITE + u8::try_from(number / 2).unwrap(), number)).is_none()
            );
        }
        let evicted = queue.add(check("ann", SITE + 9, 8)).unwrap();
        assert_eq!(number(&evicted), 7, "the newest of a network with most");
        assert!(queue.add(check("ann", 1, 9)).is_none());
    }

    #[test]
    fn at_a_limit_the_account_with_most_loses_its_newest() {
        let mut queue = CheckQueue::new(5, 4);
        let evicted = |queue: &mut CheckQueue, name, from, of| {
            queue.add(check(name, from, of)).map(|check| number(&check))
        };
        for number in 0..4 {
            assert_eq!(evicted(&mut queue, "ann", 1, number), None);
        }
        // The limit of a network.
        assert_eq!(evicted(&mut queue, "bob", 1, 4), Some(3));
        // The limit of all.
        assert_eq!(evicted(&mut queue, "cat", 2, 5), None);
        assert_eq!(evicted(&mut queue, "dan", 3, 6), Some(2));
        assert_eq!(all(&mut queue), [0, 5, 6, 4, 1]);
    }

    #[test]
    fn an_account_that_has_logged_in_from_its_network_keeps_its_check() {
        let mut queue = CheckQueue::new(8, 4);
        let known = |number| {
            let mut check = check("ann", 99, number);
            check.is_known = true;
            check
        };
        for number in 0..8 {
            assert!(queue.add(check("ann", u8::try_from(number).unwrap(), number)).is_none());
        }
        // Each network has one check, and this one two.
        for own in [8, 9] {
            let evicted = queue.add(known(own)).unwrap();
            assert!(number(&evicted) < 8, "an owner lost its login");
        }
        assert_eq!(all(&mut queue).len(), 8);
        // Many of them count like any others.
        let mut queue = CheckQueue::new(3 * KNOWN_FREE, 2 * KNOWN_FREE);
        for own in 0..2 * KNOWN_FREE {
            assert!(queue.add(known(u32::try_from(own).unwrap())).is_none());
        }
        for other in 0..2 * KNOWN_FREE {
            let from = u8::try_from(other).unwrap();
            queue.add(check("bob", from, 100 + u32::from(from)));
        }
        let own = all(&mut queue).into_iter().filter(|number| *number < 100);
        assert_eq!(own.count(), KNOWN_FREE + 1);
    }

    #[test]
    fn a_check_that_waits_for_its_delay_lets_others_pass() {
        let ((mut failed, now), mut queue) = (no_failures(), CheckQueue::new(9, 9));
        for _ in 0..20 {
            failed.failed(&Name::new("ann").unwrap(), peer(1), now);
        }
        for (number, name, from) in [(0, "ann", 1), (1, "ann", 2), (2, "bob", 1), (3, "bob", 2)] {
            queue.add(check(name, from, number));
        }
        let mut passed = Vec::new();
        let mut at = now;
        loop {
            match queue.take(at, &failed) {
                Next::Check(check) => passed.push((number(&check), (at - now).as_millis())),
                Next::NotBefore(None) => break,
                Next::NotBefore(Some(next)) => {
                    assert!(next > at);
                    at = next;
                }
            }
        }
        // The account waits 160 ms, the network 5 s.
        assert_eq!(passed, [(3, 0), (1, 160), (0, 5_000), (2, 5_000)]);
    }

    proptest! {
        #[test]
        fn no_check_is_lost_and_the_limits_hold(
            steps in prop::collection::vec((0..9_u8, 0..3_usize, 0..6_u8), 0..200),
        ) {
            let (failed, now) = no_failures();
            let mut queue = CheckQueue::new(12, 2);
            let mut waiting = std::collections::BTreeMap::new();
            for (number_added, (from, name, step)) in (0..).zip(steps) {
                let name = ["ann", "bob", "cat"][name];
                let from = if from < 2 { from } else { SITE + from };
                match step {
                    0 => match queue.take(now, &failed) {
                        Next::Check(check) => prop_assert!(waiting.remove(&number(&check)).is_some()),
                        Next::NotBefore(at) => prop_assert!(at.is_none() && waiting.is_empty()),
                    },
                    1 => {
                        if let Some((number, (name, from))) = waiting.pop_first() {
                            let of = check(name, from, u32::try_from(number).unwrap());
                            queue.remove(of.request, &of.name, of.peer.network);
                        }
                    }
                    _ => {
                        let added = check(name, from, number_added);
                        waiting.insert(number(&added), (name, from));
                        if let Some(check) = queue.add(added) {
                            prop_assert!(waiting.remove(&number(&check)).is_some());
                        }
                    }
                }
                prop_assert_eq!(queue.len, waiting.len());
                prop_assert!(queue.len <= 12);
                let mut sites = HashMap::new();
                for of in &queue.networks {
                    prop_assert!(of.len <= 2);
                    prop_assert_eq!(of.len, of.accounts.iter().map(|of| of.checks.len()).sum());
                    *sites.entry(of.network.site()).or_default() += of.len;
                }
                prop_assert!(sites.values().all(|len| *len <= 2 * SITE_NETWORKS as usize));
                prop_assert_eq!(&sites, &queue.sites);
            }
        }
    }
}
