//! How often clients may post, say something or log in.
//!
//! Each such request takes a token from the bucket of its session, from that of its
//! peer's network and, with IPv6, from that of the network's site (/48). A post takes one
//! for each of its channels. Where a bucket has none left, the session is not read from
//! until there is one for it, behind those for others that waited before: nothing is
//! refused, and who says much waits.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use postroom_model::{ChannelCommand, Fault, Network, Request, SITE_NETWORKS, Site, faulty};

use crate::settings::{Rate, RateLimits};

/// How long a bucket may owe tokens: nobody waits for longer for what others on the
/// network did.
const DEBT_MAX: Duration = Duration::from_mins(1);

/// Networks whose buckets are kept, and sites. Full ones are forgotten first.
const NETWORKS_MAX: usize = 65_536;

/// A token bucket: when it would be full again, if nothing more were taken.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Bucket(Option<Instant>);

impl Bucket {
    /// Takes tokens; returns when there will be one for the next request, if that is
    /// later than now.
    fn take(&mut self, tokens: u32, rate: Rate, now: Instant) -> Option<Instant> {
        let full_at = self.0.filter(|at| *at > now).unwrap_or(now) + rate.interval() * tokens;
        let latest = now + rate.interval() * rate.burst + DEBT_MAX;
        self.0 = Some(full_at.min(latest));
        self.free_at(rate).filter(|at| *at > now)
    }

    /// When there is a token for the next request.
    fn free_at(self, rate: Rate) -> Option<Instant> {
        self.0?.checked_sub(rate.interval() * rate.burst.saturating_sub(1))
    }

    /// How many tokens are left.
    fn left(self, rate: Rate, now: Instant) -> u32 {
        let until_full = self.0.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let missing = until_full.as_nanos().div_ceil(rate.interval().as_nanos().max(1));
        rate.burst.saturating_sub(u32::try_from(missing).unwrap_or(u32::MAX))
    }
}

/// What a request takes a token for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Charge {
    Words,
    Login,
}

impl Charge {
    /// What a request takes tokens for, and how many. COMPOSE and READ cost nothing:
    /// mailboxes have limits of their own.
    fn of(request: &Request) -> Option<(Self, u32)> {
        match request.without_key() {
            Request::Post { channels, .. } => {
                Some((Self::Words, u32::try_from(channels.len()).unwrap_or(u32::MAX)))
            }
            // A change of a block is a line of the log, and a commit.
            Request::ManageChannel { command: ChannelCommand::UseKey(_), .. } => {
                Some((Self::Login, 1))
            }
            Request::Tell { .. }
            | Request::Block { .. }
            | Request::DeletePost { .. }
            | Request::ManageChannel { .. } => Some((Self::Words, 1)),
            // So often a key may be guessed.
            Request::LogIn { .. }
            | Request::ChangePassword { .. }
            | Request::JoinWithKey { .. } => Some((Self::Login, 1)),
            _ => None,
        }
    }
}

impl RateLimits {
    /// The rates of a session and of a network.
    fn of(&self, charge: Charge) -> (Rate, Rate) {
        match charge {
            Charge::Words => (self.words, self.words_of_network),
            Charge::Login => (self.logins, self.logins_of_network),
        }
    }
}

/// A bucket for each charge.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pair {
    words: Bucket,
    logins: Bucket,
}

/// The buckets of a session.
#[derive(Debug)]
pub(crate) enum Buckets {
    /// It pays nothing.
    Exempt,
    /// Its own, and its peer's network.
    Own(Box<(Pair, Network)>),
}

impl Pair {
    fn of(&mut self, charge: Charge) -> &mut Bucket {
        match charge {
            Charge::Words => &mut self.words,
            Charge::Login => &mut self.logins,
        }
    }
}

/// The buckets of networks and of the sites of IPv6.
#[derive(Debug)]
pub(crate) struct Rates {
    limits: RateLimits,
    networks: BTreeMap<Network, Pair>,
    sites: BTreeMap<Site, Pair>,
}

impl Rates {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self { limits, networks: BTreeMap::new(), sites: BTreeMap::new() }
    }

    pub(crate) fn set_limits(&mut self, limits: RateLimits) {
        self.limits = limits;
    }

    /// The buckets of a new session.
    pub(crate) fn buckets(&self, network: Network) -> Buckets {
        if network.is_loopback() && !self.limits.loopback {
            Buckets::Exempt
        } else {
            Buckets::Own(Box::new((Pair::default(), network)))
        }
    }

    /// Charges a session and its network for a request. Returns until when the session
    /// is not to be read from, if it has to wait.
    pub(crate) fn charge(
        &mut self,
        session: &mut Buckets,
        request: &Request,
        now: Instant,
    ) -> Option<Instant> {
        let Buckets::Own(own) = session else {
            return None;
        };
        if faulty(Fault::RateIgnored) {
            return None;
        }
        let ((charge, tokens), (session, network)) = (Charge::of(request)?, &mut **own);
        let (of_session, of_network) = self.limits.of(charge);
        let mut until = session.of(charge).take(tokens, of_session, now);
        let bucket = buckets(&mut self.networks, *network, now).of(charge);
        until = until.max(bucket.take(tokens, of_network, now));
        if let Some(site) = site(*network) {
            let bucket = buckets(&mut self.sites, site, now).of(charge);
            until = until.max(bucket.take(tokens, of_network.of_site(), now));
        }
        until
    }

    /// Until when a request of a session has to wait for its tokens, if it has to.
    pub(crate) fn waits(
        &self,
        session: &Buckets,
        request: &Request,
        now: Instant,
    ) -> Option<Instant> {
        let Buckets::Own(own) = session else {
            return None;
        };
        let ((charge, _), (mut session, network)) = (Charge::of(request)?, **own);
        let (of_session, of_network) = self.limits.of(charge);
        let of = |pair: Option<Pair>, rate| pair.and_then(|mut pair| pair.of(charge).free_at(rate));
        let free_at = [
            session.of(charge).free_at(of_session),
            of(self.networks.get(&network).copied(), of_network),
            of(self.of_site(network).copied(), of_network.of_site()),
        ];
        free_at.into_iter().flatten().max().filter(|at| *at > now)
    }

    /// How many requests a session may take at a time: as many as there are tokens, and
    /// one where there is none.
    pub(crate) fn requests(&self, session: &Buckets, now: Instant) -> u32 {
        let Buckets::Own(own) = session else {
            return u32::MAX;
        };
        let (session, network) = &**own;
        let RateLimits { words, words_of_network, logins, logins_of_network, .. } = self.limits;
        let of_network = self.networks.get(network).copied().unwrap_or_default();
        let of_site = self.of_site(*network).copied().unwrap_or_default();
        let left = [
            session.words.left(words, now),
            session.logins.left(logins, now),
            of_network.words.left(words_of_network, now),
            of_network.logins.left(logins_of_network, now),
            of_site.words.left(words_of_network.of_site(), now),
            of_site.logins.left(logins_of_network.of_site(), now),
        ];
        left.into_iter().min().unwrap_or(1).max(1)
    }

    /// Until when a session of a protocol with posts is not to be read from at first: its
    /// network has said too much, or logged in too often.
    pub(crate) fn wait_of_newcomer(
        &self,
        network: Network,
        has_posts: bool,
        now: Instant,
    ) -> Option<Instant> {
        let RateLimits { words_of_network: words, logins_of_network: logins, .. } = self.limits;
        let free_at = |buckets: &Pair, words, logins| {
            let words = buckets.words.free_at(words).filter(|_| has_posts);
            words.max(buckets.logins.free_at(logins))
        };
        let of_network = self.networks.get(&network).and_then(|own| free_at(own, words, logins));
        let of_site =
            self.of_site(network).and_then(|own| free_at(own, words.of_site(), logins.of_site()));
        of_network.max(of_site).filter(|at| *at > now)
    }

    fn of_site(&self, network: Network) -> Option<&Pair> {
        self.sites.get(&site(network)?)
    }
}

/// The site of a network of IPv6. A peer easily has many networks of one.
pub(crate) fn site(network: Network) -> Option<Site> {
    match network.site() {
        Site::V4(_) => None,
        site @ Site::V6(_) => Some(site),
    }
}

/// The buckets of a network or site. Where too many are kept, forgets full ones, and the
/// half that is full soonest, if too few are full.
fn buckets<K: Copy + Ord>(all: &mut BTreeMap<K, Pair>, key: K, now: Instant) -> &mut Pair {
    if all.len() >= NETWORKS_MAX && !all.contains_key(&key) {
        forget_idle(all, now, |Pair { words, logins }| words.0.max(logins.0));
    }
    all.entry(key).or_default()
}

/// Forgets what has nothing taken from it any more, and the half from which least is taken.
/// `full_at` tells when nothing is.
pub(crate) fn forget_idle<K: Ord, V>(
    all: &mut BTreeMap<K, V>,
    now: Instant,
    full_at: impl Fn(&V) -> Option<Instant>,
) {
    let mut times: Vec<_> = all.values().map(&full_at).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let forgotten = (*median).max(Some(now));
    all.retain(|_, kept| full_at(kept) > forgotten);
}

impl Rate {
    /// What a site may say, where this is for a network.
    fn of_site(self) -> Self {
        Self {
            per_second: self.per_second.saturating_mul(SITE_NETWORKS),
            burst: self.burst.saturating_mul(SITE_NETWORKS),
        }
    }

    fn interval(self) -> Duration {
        Duration::from_secs(1) / self.per_second.max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use postroom_model::{Channel, Text};
    use proptest::prelude::*;

    use super::*;
    use crate::tests::any_time;

    fn post() -> Request {
        let (channels, text) = (vec![Channel::lobby()], Text::default());
        Request::Post { channels, text, awaits_delivery: false }
    }

    fn network(address: &str) -> Network {
        address.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn loopback_and_mail_cost_nothing() {
        let now = any_time();
        let limits =
            RateLimits { words: Rate { per_second: 1, burst: 1 }, ..RateLimits::default() };
        let mut rates = Rates::new(limits);
        let [mut v4, mut v6, mut remote] =
            ["127.0.0.1", "::1", "192.0.2.1"].map(|address| rates.buckets(network(address)));
        for _ in 0..10 {
            assert_eq!(rates.charge(&mut v4, &post(), now), None);
            assert_eq!(rates.charge(&mut v6, &post(), now), None);
            assert_eq!(rates.charge(&mut remote, &Request::Read, now), None);
        }
        assert!(rates.charge(&mut remote, &post(), now).is_some());
    }

    #[test]
    fn the_table_of_networks_is_bounded() {
        let (now, mut rates) = (any_time(), Rates::new(RateLimits::default()));
        for number in 0..100_000_u32 {
            let address = format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
            let mut session = rates.buckets(network(&address));
            rates.charge(&mut session, &post(), now);
            assert!(rates.networks.len() <= NETWORKS_MAX);
        }
    }

    #[test]
    fn the_networks_of_a_site_share_what_it_may_say() {
        let (now, limits) = (any_time(), RateLimits::default());
        let burst = limits.words_of_network.burst;
        let mut rates = Rates::new(limits);
        let mut said = 0;
        for number in 0..u16::MAX {
            let mut session = rates.buckets(network(&format!("2001:db8:1:{number:x}::1")));
            if rates.charge(&mut session, &post(), now).is_some() {
                break;
            }
            said += 1;
        }
        assert_eq!(said, SITE_NETWORKS * burst - 1);
        let other = rates.buckets(network("2001:db8:2::1"));
        assert_eq!(rates.requests(&other, now), RateLimits::default().logins.burst);
        assert!(rates.wait_of_newcomer(network("2001:db8:1:ffff::1"), true, now).is_some());
        assert!(rates.wait_of_newcomer(network("2001:db8:2::1"), true, now).is_none());
    }

    #[test]
    fn a_network_that_owes_much_is_not_forgotten_for_others() {
        let (now, mut rates) = (any_time(), Rates::new(RateLimits::default()));
        let greedy = network("192.0.2.1");
        let mut session = rates.buckets(greedy);
        for _ in 0..10_000 {
            rates.charge(&mut session, &post(), now);
        }
        for number in 0..200_000_u32 {
            let address = format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
            let mut session = rates.buckets(network(&address));
            rates.charge(&mut session, &post(), now);
        }
        assert!(rates.wait_of_newcomer(greedy, true, now).is_some());
    }

    proptest! {
        /// Who waits as told may say so much in any time and no more.
        #[test]
        fn a_bucket_gives_its_burst_and_then_its_rate(
            per_second in 1..50_u32,
            burst in 1..50_u32,
            pauses in prop::collection::vec(0..2_000_u64, 1..200),
        ) {
            let rate = Rate { per_second, burst };
            let (begun, mut bucket) = (any_time(), Bucket::default());
            let mut now = begun;
            for (taken, pause) in (1..).zip(pauses) {
                let until = bucket.take(1, rate, now);
                let seconds = now.duration_since(begun).as_secs_f64();
                let allowed = f64::from(burst) + seconds * f64::from(per_second);
                prop_assert!(f64::from(taken) <= allowed + 1e-3, "{taken} of {allowed}");
                now = until.unwrap_or(now) + Duration::from_millis(pause);
            }
        }
    }
}
