//! How long a password check waits because of failed logins before it.
//!
//! Failures are counted by account, by network and by /48 of IPv6. After a few, the next
//! check of the same account, network or /48 begins only after a delay, which doubles with
//! each further failure up to a limit; the counts fall with time. So an account is guessed
//! at slowly, from however many networks, and a network guesses slowly, at however many
//! accounts. A /48 counts as four networks, and one network alone never delays the others
//! of its /48: they may belong to other people.
//!
//! The delay of an account must not lock its owner out:
//! - After a success from a network, checks of the same account from there wait only for
//!   its failures from there. Their refusals wait for all of them: so nobody who shares
//!   the network learns from the time of a refusal that the owner has logged in there.
//! - Failures from one network alone raise the delay of an account to at most
//!   10 ms · 2^([`ONE_NETWORK_MAX`] - [`ACCOUNT_FREE`] - 1), so that its owner can log in
//!   from anywhere else at once.
//!
//! All tables are bounded. They are in memory: a restart forgets them.

use std::time::{Duration, Instant};

use postroom_model::{Name, Network, Peer, SITE_NETWORKS, Site};

use crate::bounded_map::BoundedMap;

/// The delay after the first failure that has one.
const FIRST_DELAY: Duration = Duration::from_millis(10);

/// Failures of an account without a delay.
const ACCOUNT_FREE: u32 = 4;
/// Failures of an account above this count only if they come from another network than
/// the one before: one network alone delays an account by at most 160 ms.
const ONE_NETWORK_MAX: u32 = ACCOUNT_FREE + 5;
/// The time after which an account has one failure fewer.
const ACCOUNT_DECAY: Duration = Duration::from_mins(5);

/// Failures of a network without a delay.
const NETWORK_FREE: u32 = 10;
/// The time after which a network has one failure fewer.
const NETWORK_DECAY: Duration = Duration::from_secs(30);

/// Failures without a delay of a network that stands for many clients.
const SHARED_FREE: u32 = 100;
/// The longest delay of such a network: 50 checks a second are left to its clients.
const SHARED_DELAY_MAX: Duration = Duration::from_millis(20);

/// Failures beyond those without a delay count up to this number: a longer attack is not
/// remembered for longer.
const DELAYED_MAX: u32 = 16;

/// Accounts, networks, and /48, whose failures are counted.
const COUNTED_MAX: usize = 16_384;
/// Accounts with a network from which they have logged in.
const KNOWN_MAX: usize = 65_536;

/// The failed logins of a short time ago.
#[derive(Debug)]
pub(crate) struct FailedLogins {
    accounts: BoundedMap<Name, Failures>,
    networks: BoundedMap<Network, Failures>,
    /// Those of IPv6 only.
    sites: BoundedMap<Site, Failures>,
    /// Accounts that have logged in with their password, and from where; with their failures
    /// from there.
    known: BoundedMap<(Name, Network), Option<Failures>>,
    account_delay_max: Duration,
    network_delay_max: Duration,
}

/// The failures of an account, a network or a site.
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
    /// The network of the last one.
    from: Network,
    /// When the next check may begin.
    next: Instant,
    /// When it would, if checks from where the account has logged in before waited, too.
    next_of_all: Instant,
}

/// How failures delay checks.
#[derive(Clone, Copy, Debug)]
struct Rule {
    /// Failures without a delay.
    free: u32,
    /// Failures above this count only if they come from another network than the one
    /// before.
    alone_max: u32,
    /// The time after which there is one failure fewer.
    decay: Duration,
    delay_max: Duration,
}

impl Rule {
    /// How many failures count still.
    fn count(&self, failures: &Failures, now: Instant) -> u32 {
        let passed = now.saturating_duration_since(failures.last).as_nanos();
        let passed = passed / self.decay.as_nanos().max(1);
        failures.count.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX))
    }

    /// The time between two checks.
    fn delay(&self, failures: &Failures, now: Instant) -> Duration {
        delay(self.count(failures, now).saturating_sub(self.free), self.delay_max)
    }

    /// A check begins: the next one that is delayed begins a delay later, so that several
    /// at a time are no way around it.
    fn begin(&self, failures: Option<&mut Failures>, now: Instant) {
        if let Some(failures) = failures {
            failures.next = now + self.delay(failures, now);
            failures.next_of_all = failures.next_of_all.max(failures.next);
        }
    }

    /// A check begins that need not wait, and makes none wait. Returns how long it would
    /// have waited.
    fn begin_at_once(&self, failures: Option<&mut Failures>, now: Instant) -> Duration {
        let Some(failures) = failures else {
            return Duration::ZERO;
        };
        let at = failures.next_of_all.max(now);
        failures.next_of_all = at + self.delay(failures, at);
        at - now
    }

    /// One failure more than the last.
    fn fail(&self, last: Option<&Failures>, from: Network, now: Instant) -> Failures {
        let count = last.map_or(0, |failures| self.count(failures, now));
        let is_repeated = last.is_some_and(|failures| failures.from == from);
        let max = if is_repeated { count.max(self.alone_max) } else { self.free + DELAYED_MAX };
        let count = count.saturating_add(1).min(max);
        let failures = Failures { count, last: now, from, next: now, next_of_all: now };
        let next = now + self.delay(&failures, now);
        let earlier = last.map_or(next, |last| last.next_of_all);
        Failures { next, next_of_all: next.max(earlier), ..failures }
    }
}

/// The delay after this many failures beyond those without one.
fn delay(failures: u32, max: Duration) -> Duration {
    match failures {
        0 => Duration::ZERO,
        1..=31 => FIRST_DELAY.saturating_mul(1 << (failures - 1)).min(max),
        _ => max,
    }
}

impl FailedLogins {
    pub(crate) fn new(account_delay_max: Duration, network_delay_max: Duration) -> Self {
        Self {
            accounts: BoundedMap::new(COUNTED_MAX),
            networks: BoundedMap::new(COUNTED_MAX),
            sites: BoundedMap::new(COUNTED_MAX),
            known: BoundedMap::new(KNOWN_MAX),
            account_delay_max,
            network_delay_max,
        }
    }

    /// They apply to the next failures.
    pub(crate) fn set_limits(&mut self, account_delay_max: Duration, network_delay_max: Duration) {
        (self.account_delay_max, self.network_delay_max) = (account_delay_max, network_delay_max);
    }

    /// When the next check of a network may begin, if it or its /48 has failures.
    pub(crate) fn network_until(&self, network: Network) -> Option<Instant> {
        let own = self.networks.get(&network);
        let until = |failures: Option<&Failures>| failures.map(|failures| failures.next);
        until(own).max(until(self.sites.get(&network.site())))
    }

    /// When the next check of an account for a network may begin, as far as it depends
    /// on the failures of the account.
    pub(crate) fn account_until(&self, name: &Name, network: Network) -> Option<Instant> {
        let failures = match self.known.get(&(name.clone(), network)) {
            Some(from_there) => from_there.as_ref(),
            None => self.accounts.get(name),
        };
        failures.map(|failures| failures.next)
    }

    /// Whether the account has logged in from there before.
    pub(crate) fn is_known(&self, name: &Name, network: Network) -> bool {
        self.known.get(&(name.clone(), network)).is_some()
    }

    /// A check begins. Returns how long it would have waited for the account, had this not
    /// logged in from there before.
    pub(crate) fn begin(&mut self, name: &Name, peer: Peer, now: Instant) -> Duration {
        self.network_rule(peer).begin(self.networks.get_mut(&peer.network), now);
        self.site_rule().begin(self.sites.get_mut(&peer.network.site()), now);
        let rule = self.account_rule();
        if let Some(from_there) = self.known.get_mut(&(name.clone(), peer.network)) {
            rule.begin(from_there.as_mut(), now);
            return rule.begin_at_once(self.accounts.get_mut(name), now);
        }
        rule.begin(self.accounts.get_mut(name), now);
        Duration::ZERO
    }

    /// A login has failed.
    pub(crate) fn failed(&mut self, name: &Name, peer: Peer, now: Instant) {
        let (network, site) = (peer.network, peer.network.site());
        let rule = self.account_rule();
        let failures = rule.fail(self.accounts.get(name), network, now);
        self.accounts.set(name.clone(), failures);
        if let Some(from_there) = self.known.get_mut(&(name.clone(), network)) {
            *from_there = Some(rule.fail(from_there.as_ref(), network, now));
        }
        let failures = self.network_rule(peer).fail(self.networks.get(&network), network, now);
        self.networks.set(network, failures);
        // An address of IPv4 is a network itself, and a proxy's stands for many clients.
        if matches!(site, Site::V6(_)) && !peer.is_shared {
            let failures = self.site_rule().fail(self.sites.get(&site), network, now);
            self.sites.set(site, failures);
        }
    }

    /// A login has succeeded.
    pub(crate) fn succeeded(&mut self, name: Name, peer: Peer) {
        let place = (name, peer.network);
        let from_there = match self.known.get(&place) {
            Some(from_there) => *from_there,
            // They may be from there.
            None => self.accounts.get(&place.0).copied(),
        };
        self.known.set(place, from_there);
    }

    fn account_rule(&self) -> Rule {
        Rule {
            free: ACCOUNT_FREE,
            alone_max: ONE_NETWORK_MAX,
            decay: ACCOUNT_DECAY,
            delay_max: self.account_delay_max,
        }
    }

    fn network_rule(&self, peer: Peer) -> Rule {
        let (free, delay_max) = if peer.is_shared {
            (SHARED_FREE, self.network_delay_max.min(SHARED_DELAY_MAX))
        } else {
            (NETWORK_FREE, self.network_delay_max)
        };
        Rule { free, alone_max: free + DELAYED_MAX, decay: NETWORK_DECAY, delay_max }
    }

    fn site_rule(&self) -> Rule {
        let free = NETWORK_FREE * SITE_NETWORKS;
        Rule {
            free,
            alone_max: free,
            decay: NETWORK_DECAY / SITE_NETWORKS,
            delay_max: self.network_delay_max / SITE_NETWORKS,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ACCOUNT_MAX: Duration = Duration::from_secs(10);
    const NETWORK_MAX: Duration = Duration::from_secs(5);

    fn peer(number: u8) -> Peer {
        Peer {
            network: Network::V4(Ipv4Addr::new(192, 0, 2, number)),
            is_shared: false,
            is_local: false,
        }
    }

    fn logins() -> (FailedLogins, Instant) {
        #[expect(clippy::disallowed_methods, reason = "any time will do as the first")]
        let now = Instant::now();
        (FailedLogins::new(ACCOUNT_MAX, NETWORK_MAX), now)
    }

    /// The delay of a check that is asked for now.
    fn delay_of(logins: &FailedLogins, name: &Name, peer: Peer, now: Instant) -> Duration {
        let of_account = logins.account_until(name, peer.network);
        let until = of_account.max(logins.network_until(peer.network));
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    fn names() -> [Name; 2] {
        ["ann", "bob"].map(|name| Name::new(name).unwrap())
    }

    #[test]
    fn one_network_alone_delays_an_account_little_and_itself_much() {
        let ((mut logins, now), [ann, bob]) = (logins(), names());
        let mut delays = Vec::new();
        for _ in 0..100 {
            logins.failed(&ann, peer(1), now);
            delays.push(delay_of(&logins, &ann, peer(2), now).as_millis());
        }
        assert_eq!(delays[..9], [0, 0, 0, 0, 10, 20, 40, 80, 160]);
        assert_eq!(delays[99], 160);
        assert_eq!(delay_of(&logins, &bob, peer(1), now), NETWORK_MAX);
        assert_eq!(delay_of(&logins, &bob, peer(2), now), Duration::ZERO);
        // Time passes.
        let later = now + NETWORK_DECAY * 100;
        logins.begin(&ann, peer(1), later);
        assert_eq!(delay_of(&logins, &ann, peer(1), later), Duration::ZERO);
    }

    #[test]
    fn many_networks_delay_an_account_but_not_where_it_has_logged_in() {
        let ((mut logins, now), [ann, _]) = (logins(), names());
        logins.succeeded(ann.clone(), peer(200));
        for number in 0..100 {
            logins.failed(&ann, peer(number), now);
        }
        assert_eq!(delay_of(&logins, &ann, peer(201), now), ACCOUNT_MAX);
        assert_eq!(delay_of(&logins, &ann, peer(200), now), Duration::ZERO);
        // A check in between does not make the others wait longer. Its refusal waits.
        let half = now + ACCOUNT_MAX / 2;
        assert_eq!(logins.begin(&ann, peer(200), half), ACCOUNT_MAX / 2);
        assert_eq!(logins.begin(&ann, peer(200), half), ACCOUNT_MAX * 3 / 2);
        assert_eq!(delay_of(&logins, &ann, peer(201), now + ACCOUNT_MAX), Duration::ZERO);
        logins.begin(&ann, peer(200), now + ACCOUNT_MAX);
        assert_eq!(delay_of(&logins, &ann, peer(201), now + ACCOUNT_MAX), Duration::ZERO);
        logins.begin(&ann, peer(201), now + ACCOUNT_MAX);
        assert_eq!(delay_of(&logins, &ann, peer(202), now + ACCOUNT_MAX), ACCOUNT_MAX);
    }

    /// What somebody sees who guesses at two names, from where the owner of one has logged in:
    /// when the refusals come, of a few at a time.
    fn refusals(logins: &mut FailedLogins, name: &Name, from: Peer, now: Instant) -> Vec<u128> {
        const HASH: Duration = Duration::from_millis(20);
        let (mut at, mut told) = (now, Vec::new());
        for _ in 0..12 {
            let until = logins.account_until(name, from.network);
            let begun = until.map_or(at, |until| until.max(at));
            let withheld = logins.begin(name, from, begun);
            at = begun + HASH + withheld;
            logins.failed(name, from, at);
            told.push((at - now).as_millis());
        }
        told
    }

    #[test]
    fn refusals_come_as_late_where_the_account_has_logged_in() {
        for attacked_from_elsewhere in [false, true] {
            let ((mut logins, now), [ann, nobody]) = (logins(), names());
            logins.succeeded(ann.clone(), peer(200));
            for name in [&ann, &nobody].into_iter().filter(|_| attacked_from_elsewhere) {
                for number in 0..100 {
                    logins.failed(name, peer(number), now);
                }
            }
            let known = refusals(&mut logins, &ann, peer(200), now);
            assert_eq!(known, refusals(&mut logins, &nobody, peer(200), now));
            assert!(known[11] > known[0] + 500, "{known:?}");
        }
    }

    #[test]
    fn a_shared_network_is_delayed_little() {
        let ((mut logins, now), [ann, bob]) = (logins(), names());
        let shared = Peer { is_shared: true, ..peer(1) };
        for _ in 0..1_000 {
            logins.failed(&ann, shared, now);
        }
        assert_eq!(delay_of(&logins, &bob, shared, now), SHARED_DELAY_MAX);
        assert_eq!(delay_of(&logins, &ann, shared, now), Duration::from_millis(160));
    }

    #[test]
    fn a_48_counts_as_four_networks_and_one_of_them_alone_delays_no_other() {
        let ((mut logins, now), [ann, bob]) = (logins(), names());
        let of_site = |number| Peer { network: Network::V6([0x2001, 0xdb8, 1, number]), ..peer(1) };
        for _ in 0..100 {
            logins.failed(&ann, of_site(1), now);
        }
        assert_eq!(delay_of(&logins, &bob, of_site(1), now), NETWORK_MAX);
        assert_eq!(delay_of(&logins, &bob, of_site(2), now), Duration::ZERO);
        let mut delays = Vec::new();
        for number in 2..50 {
            logins.failed(&ann, of_site(number), now);
            delays.push(delay_of(&logins, &bob, of_site(1_000), now).as_millis());
        }
        // The 40 that are free are used up.
        assert_eq!(delays[..8], [10, 20, 40, 80, 160, 320, 640, 1_250]);
        assert_eq!(delays[47], 1_250);
        let proxy = Peer { is_shared: true, ..of_site(2_000) };
        for _ in 0..1_000 {
            logins.failed(&ann, proxy, now + NETWORK_DECAY * 100);
        }
        let delay = delay_of(&logins, &bob, of_site(3_000), now + NETWORK_DECAY * 100);
        assert_eq!(delay, Duration::ZERO);
    }
}
