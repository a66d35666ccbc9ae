//! What holds at the end of each turn of the server, seen from outside.

use crate::clients::What;
use crate::link::Link;
use crate::person::{Manners, Person, Speaks};
use crate::world::{Client, TroubledDisk, World};

/// Turns in which a polite client is served, where nothing is in its way.
const TURNS_MAX: u32 = 400;

/// Bytes of the longest answer, but for the pages of a timeline: one of the longest texts,
/// and what is said around it.
const ANSWER_BYTES_MAX: usize = 2_200;

impl<D: TroubledDisk> World<D> {
    /// Checks a turn that has ended.
    pub(crate) fn check_turn(&mut self) {
        self.check_limits();
        self.check_waiting();
        self.check_before_login();
        self.check_prompt();
        self.check_banned();
        self.count_turn();
    }

    /// Limits of the engine that can be seen from outside.
    fn check_limits(&mut self) {
        let connections = self.driver.engine.connections();
        let backs = self.links.values().filter(|link| link.is_back).count() + self.dials.len();
        let all_rules = self.scenario.all_rules.iter();
        let most = all_rules.map(|rules| rules.settings.connections_max).max().unwrap_or(0);
        assert!(connections <= most + backs, "{connections} connections of {most}");
        // Where the limit is lower than it was, nobody comes in addition to those who stay.
        let most = self.scenario.rules.settings.connections_max.max(self.fronts);
        self.fronts = self.driver.live().filter(|peer| self.driver.front(*peer).is_none()).count();
        assert!(self.fronts <= most, "{} clients are connected, of {most}", self.fronts);
    }

    /// The bytes that wait are no more than may wait.
    fn check_waiting(&mut self) {
        let settings = &self.scenario.rules.settings;
        let most = settings.session.output_bytes_max + ANSWER_BYTES_MAX;
        let mut before = std::mem::take(&mut self.waited);
        let mut in_all = 0;
        for peer in self.driver.live() {
            let waiting = self.driver.waiting(peer);
            // Pages of a timeline are longer.
            let link = self.links.get(&peer);
            let has_pages =
                link.is_none_or(|link| self.clients[link.client].person.speaks == Speaks::Board);
            assert!(has_pages || waiting <= most, "{waiting} bytes of {most} wait for {peer:?}");
            // The limit in all holds when a turn begins.
            in_all += waiting.min(before.remove(&peer).unwrap_or(0));
            self.waited.insert(peer, waiting);
        }
        let most = settings.output_bytes_in_all;
        assert!(in_all <= most, "{in_all} bytes of {most} wait in all");
    }

    /// No more connections that say nothing than may wait for their login.
    fn check_before_login(&self) {
        let turns = self.turns;
        let is_mute = |link: &&Link| {
            let talk = self.clients[link.client].talk.as_ref();
            talk.is_some_and(|talk| talk.visit == link.visit && talk.is_mute)
        };
        // One that has just come is looked at in the next turn, and ended after it.
        let waits = |link: &&Link| !link.has_end && !link.is_dead && link.opened + 2 < turns;
        let waiting = self.links.values().filter(is_mute).filter(waits).count();
        // After a change of the settings they are ended within a turn or two.
        if self.rules_since.is_some_and(|since| turns < since + 4) {
            return;
        }
        let most = (self.scenario.rules.settings.connections_max / 4).max(1);
        assert!(waiting <= most, "{waiting} connections wait for their login, of {most}");
    }

    /// What waits for nothing but the server is answered when that has nothing to do, though
    /// a commit is under way.
    fn check_prompt(&self) {
        let is_idle = !self.is_woken && !self.driver.engine.has_work();
        let rates = self.scenario.limits_rates();
        if !is_idle || rates || !self.scenario.store.is_prompt() || self.is_stopping {
            return;
        }
        for client in &self.clients {
            let is_polite = client.person.manners == Manners::Polite;
            let talk = client.talk.as_ref().filter(|talk| is_polite && !talk.has_ended);
            // What was read may have to be removed first.
            let Some(talk) = talk.filter(|talk| talk.speaks() == Speaks::Chat && !talk.has_read)
            else {
                continue;
            };
            let waits = talk.outbox.is_empty()
                && !talk.asked.is_empty()
                && talk.asked.iter().all(|asked| asked.what.is_live());
            let is_quiet = self.links.get(&talk.front).is_some_and(Link::is_quiet);
            assert!(!waits || !is_quiet, "{} waits for {:?}", client.person.name, talk.asked);
        }
    }

    /// Nobody is there who is banned.
    fn check_banned(&self) {
        let bans = &self.judge.bans;
        if bans.is_empty() {
            return;
        }
        for (peer, link) in self.links.iter().filter(|(_, link)| !link.is_back) {
            // What waits for a client is transmitted first.
            let may_wait = self.driver.waiting(*peer) > 0 || self.driver.is_shaking_hands(*peer);
            if self.driver.is_closed(*peer) || may_wait {
                continue;
            }
            let Client { person, talk, .. } = &self.clients[link.client];
            let is_in = talk.as_ref().is_some_and(|talk| talk.visit == link.visit && talk.is_in);
            let has_name = is_in && person.speaks != Speaks::Board;
            let is_banned =
                bans.is_address(person.address) || has_name && bans.is_name(person.name);
            let Person { name, address, .. } = person;
            assert!(!is_banned, "{:?} of {name} at {address} is banned, and goes on", link.visit);
        }
    }

    /// A polite client whose lines have all arrived is served within a number of turns.
    fn count_turn(&mut self) {
        let store_waits =
            !self.jobs.is_empty() || (self.scenario.store.late > 0 && !self.is_calm());
        // A wrong password makes others wait.
        let has_failed = self.judge.locks.has_failed;
        for client in &mut self.clients {
            let is_polite = client.person.manners == Manners::Polite;
            // A request on the board may end with a pause.
            let pauses = client.person.speaks == Speaks::Board;
            let Some(talk) =
                client.talk.as_mut().filter(|talk| is_polite && talk.has_ended == pauses)
            else {
                continue;
            };
            let link = self.links.get(&talk.front);
            let is_quiet = link.is_some_and(Link::is_quiet);
            // On im some wait for others, or a message that is being pushed is read or removed
            // first; on the board all wait for the store.
            let speaks = client.person.speaks;
            let may_wait = speaks == Speaks::Im || store_waits;
            let own_waits = speaks == Speaks::Board || speaks == Speaks::Im && store_waits;
            let waits_for_server = |what: &What| {
                let may_wait = match what {
                    What::LogIn | What::Passwd(..) => may_wait || has_failed,
                    What::Posts => true,
                    _ => may_wait,
                };
                what.is_live() && !own_waits || !may_wait
            };
            let rates = self.scenario.limits_rates();
            if is_quiet
                && !rates
                && talk.outbox.is_empty()
                && !talk.asked.is_empty()
                && talk.asked.iter().all(|asked| waits_for_server(&asked.what))
            {
                talk.turns_waited += 1;
                assert!(
                    talk.turns_waited <= TURNS_MAX,
                    "{} waits for {:?} since {TURNS_MAX} turns",
                    client.person.name,
                    talk.asked
                );
            }
        }
    }
}
