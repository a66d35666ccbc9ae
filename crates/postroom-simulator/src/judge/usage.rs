//! Nobody says, logs in or creates more than the limits let them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use postroom_engine::{CreationRates, EngineSettings, Rate, RateLimits};

use super::Visit;

/// What a client does of which there may be so much.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Act {
    /// A post or a live line.
    Word,
    Login,
    /// It has registered an account.
    Account,
}

/// What clients have done since the process started.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    /// Those that are in force, and were since the process started.
    settings: Vec<EngineSettings>,
    started: Duration,
    visits: BTreeMap<Visit, (IpAddr, Duration)>,
    of_visits: BTreeMap<(Visit, Act), u32>,
    of_addresses: BTreeMap<(IpAddr, Act), u32>,
}

impl Usage {
    pub(crate) fn set_limits(&mut self, settings: &EngineSettings) {
        self.settings.push(settings.clone());
    }

    /// A process starts, and knows nothing of what clients did before.
    pub(crate) fn started(&mut self, now: Duration) {
        self.started = now;
        self.settings.drain(..self.settings.len().saturating_sub(1));
        self.visits.clear();
        self.of_visits.clear();
        self.of_addresses.clear();
    }

    /// A client has connected.
    pub(crate) fn connected(&mut self, visit: Visit, address: IpAddr, now: Duration) {
        self.visits.insert(visit, (address, now));
    }

    /// A client sees the answer to what it did.
    pub(crate) fn done(&mut self, visit: Visit, act: Act, now: Duration) {
        let Some((address, connected)) = self.visits.get(&visit).copied() else {
            return;
        };
        let of_visit = self.of_visits.entry((visit, act)).or_default();
        *of_visit += 1;
        let of_visit = *of_visit;
        let of_address = self.of_addresses.entry((address, act)).or_default();
        *of_address += 1;
        let of_address = *of_address;
        let (alone, since) = (now.saturating_sub(connected), now.saturating_sub(self.started));
        if act == Act::Account {
            let settings = self.settings.iter();
            let most = settings.map(|of| created_most(of.creation.accounts, address, since));
            let most = most.max().unwrap_or(0);
            return assert!(of_address <= most, "{address} has created {of_address} of {most}");
        }
        let rates = || self.settings.iter().map(|settings| settings.rates);
        if address.is_loopback() && rates().any(|rates| !rates.loopback) {
            return;
        }
        let of_act = |rates: RateLimits| match act {
            Act::Login => (rates.logins, rates.logins_of_network),
            Act::Word | Act::Account => (rates.words, rates.words_of_network),
        };
        // Each of several sessions may take one where there is none left.
        let sessions = u32::try_from(self.visits.len()).unwrap_or(u32::MAX);
        let own = rates().map(|rates| done_most(of_act(rates).0, alone)).max().unwrap_or(0);
        let network = rates().map(|rates| done_most(of_act(rates).1, since)).max().unwrap_or(0);
        let (most, of_all) = (own + 1, network + sessions);
        assert!(of_visit <= most, "{visit:?} has done {of_visit} {act:?} in {alone:?}, not {most}");
        assert!(
            of_address <= of_all,
            "{address} has done {of_address} {act:?} in {since:?}, not {of_all}"
        );
    }
}

fn done_most(rate: Rate, time: Duration) -> u32 {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    rate.per_second.saturating_mul(seconds).saturating_add(rate.burst)
}

fn created_most(rates: CreationRates, address: IpAddr, time: Duration) -> u32 {
    let per_hour = if address.is_loopback() { rates.per_hour_local } else { rates.per_hour };
    // So many at once, and those of each hour begun.
    let hours = u32::try_from(time.as_secs() / 3_600).unwrap_or(u32::MAX).saturating_add(2);
    per_hour.saturating_mul(hours)
}
