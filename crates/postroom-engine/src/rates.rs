//! How often clients may post, say something or log in.
//!
//! Each such request takes a token from the bucket of its session and from that of its
//! peer's network. Where a bucket has none left, the session is not read from until it
//! has one: nothing is refused, and who says much waits.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use postroom_model::{Network, Request};

use crate::settings::{Rate, RateLimits};

/// Tokens that a bucket may owe. Requests that were sent at once are taken together, and
/// nobody waits for long for what others on the network did.
const DEBT_MAX: u32 = 32;

/// Networks whose buckets are kept. Full ones are forgotten first.
const NETWORKS_MAX: usize = 65_536;

/// A token bucket: when it would be full again, if nothing more were taken.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Bucket(Option<Instant>);

impl Bucket {
    /// Takes a token; returns when there will be one for the next request, if that is
    /// later than now.
    fn take(&mut self, rate: Rate, now: Instant) -> Option<Instant> {
        let full_at = self.0.filter(|at| *at > now).unwrap_or(now) + rate.interval();
        let latest = now + rate.interval() * rate.burst.saturating_add(DEBT_MAX);
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

    fn is_full(self, now: Instant) -> bool {
        self.0.is_none_or(|at| at <= now)
    }
}

/// What a request takes a token for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Charge {
    Words,
    Login,
}

impl Charge {
    /// COMPOSE and READ cost nothing: mailboxes have limits of their own.
    fn of(request: &Request) -> Option<Self> {
        match request {
            Request::Post { .. } | Request::Tell { .. } => Some(Self::Words),
            Request::LogIn { .. } => Some(Self::Login),
            _ => None,
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

/// The buckets of networks.
#[derive(Debug)]
pub(crate) struct Rates {
    limits: RateLimits,
    networks: HashMap<Network, Pair>,
}

impl Rates {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self { limits, networks: HashMap::new() }
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
        let (charge, (session, network)) = (Charge::of(request)?, &mut **own);
        let network = *network;
        let (of_session, of_network) = match charge {
            Charge::Words => (self.limits.words, self.limits.words_of_network),
            Charge::Login => (self.limits.logins, self.limits.logins_of_network),
        };
        if self.networks.len() >= NETWORKS_MAX && !self.networks.contains_key(&network) {
            self.forget_full(now);
        }
        let buckets = self.networks.entry(network).or_default();
        let until_network = buckets.of(charge).take(of_network, now);
        session.of(charge).take(of_session, now).max(until_network)
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
        let left = [
            session.words.left(words, now),
            session.logins.left(logins, now),
            of_network.words.left(words_of_network, now),
            of_network.logins.left(logins_of_network, now),
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
        let buckets = self.networks.get(&network)?;
        let words = buckets.words.free_at(self.limits.words_of_network).filter(|_| has_posts);
        let until = words.max(buckets.logins.free_at(self.limits.logins_of_network));
        until.filter(|at| *at > now)
    }

    /// Forgets networks whose buckets are full, or all, if none is.
    fn forget_full(&mut self, now: Instant) {
        self.networks
            .retain(|_, Pair { words, logins }| !(words.is_full(now) && logins.is_full(now)));
        if self.networks.len() >= NETWORKS_MAX {
            self.networks.clear();
        }
    }
}

impl Rate {
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
                let until = bucket.take(rate, now);
                let seconds = now.duration_since(begun).as_secs_f64();
                let allowed = f64::from(burst) + seconds * f64::from(per_second);
                prop_assert!(f64::from(taken) <= allowed + 1e-3, "{taken} of {allowed}");
                now = until.unwrap_or(now) + Duration::from_millis(pause);
            }
        }
    }
}
