//! The operator ends the sessions of an account, or of addresses.

use ipnet::IpNet;
use postroom_engine::{AdminAnswer, AdminRequest, Kick};
use postroom_model::Name;

use crate::link::Link;
use crate::peer::PeerKey;
use crate::person::{Person, Speaks};
use crate::random::Random;
use crate::world::{TroubledDisk, World};

/// Whose sessions end, as the simulation has it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose {
    Account(&'static str),
    Addresses(IpNet),
}

/// A session that is there when some end.
struct There {
    peer: PeerKey,
    /// It may be one of them.
    may_end: bool,
    /// It is one of them for certain, unless it has ended already.
    must_end: bool,
    /// Nothing waits for its client: it has not ended already.
    is_open: bool,
}

impl Whose {
    /// Those of one of these people, or of addresses around its own.
    pub(super) fn pick(people: &[Person], random: &mut Random) -> Self {
        let person = &people[random.below(people.len())];
        if random.chance(500) {
            return Self::Account(person.name);
        }
        let bits = match (person.address.is_ipv4(), random.chance(500)) {
            (true, true) => 32,
            (true, false) => 24,
            (false, true) => 128,
            (false, false) => 48,
        };
        let prefix = IpNet::new(person.address, bits).expect("no address has fewer bits");
        Self::Addresses(prefix.trunc())
    }
}

impl<D: TroubledDisk> World<D> {
    pub(super) fn kick(&mut self) {
        let whose = Whose::pick(&self.scenario.people, &mut self.operator.random);
        let kick = match whose {
            Whose::Account(name) => Kick::Account(Name::new(name).expect("a name")),
            Whose::Addresses(prefix) => Kick::Addresses(prefix),
        };
        // What the server was about to do is no part of it.
        self.driver.perform();
        let there = self.there(whose);
        let answer = self.ask_at_once(AdminRequest::Kick(kick));
        let AdminAnswer::Kicked(kicked) = answer else {
            panic!("{answer:?} answers a kick");
        };
        self.note(|| format!("the operator kicks {whose:?}: {kicked} sessions"));
        self.check_kicked(whose, &there, kicked);
        for There { peer, .. } in there.iter().filter(|there| there.may_end) {
            self.sent_away(*peer);
        }
    }

    /// The sessions that are there.
    fn there(&self, whose: Whose) -> Vec<There> {
        let fronts = self.links.iter().filter(|(_, link)| !link.is_back);
        let fronts = fronts.filter(|(peer, _)| !self.driver.is_closed(**peer));
        let there = fronts.map(|(peer, link)| {
            let (may_end, must_end) = self.is_of(link, whose);
            let is_open = self.driver.waiting(*peer) == 0;
            There { peer: *peer, may_end, must_end, is_open }
        });
        there.collect()
    }

    /// Whether a session may be one of these, and whether it is for certain.
    pub(super) fn is_of(&self, link: &Link, whose: Whose) -> (bool, bool) {
        let client = &self.clients[link.client];
        match whose {
            Whose::Addresses(prefix) => {
                let is_of = prefix.contains(&client.person.address);
                (is_of, is_of)
            }
            Whose::Account(name) => {
                let is_of = client.person.name == name && client.person.speaks != Speaks::Board;
                let talk = client.talk.as_ref().filter(|talk| talk.visit == link.visit);
                (is_of, is_of && talk.is_some_and(|talk| talk.is_in))
            }
        }
    }

    /// Those who were meant are sent away, as many as the operator is told, and nobody else.
    fn check_kicked(&self, whose: Whose, there: &[There], kicked: usize) {
        let may_end = there.iter().filter(|there| there.may_end).count();
        let must_end = there.iter().filter(|there| there.must_end && there.is_open).count();
        assert!(
            (must_end..=may_end).contains(&kicked),
            "{kicked} sessions of {whose:?} end, not {must_end} to {may_end}"
        );
        for There { peer, may_end, must_end, .. } in there {
            let is_closed = self.driver.is_closed(*peer);
            let visit = self.links.get(peer).map(|link| link.visit);
            assert!(*may_end || !is_closed, "{visit:?} is kicked, and is not of {whose:?}");
            // What waits for a client is transmitted first.
            let may_wait = self.driver.waiting(*peer) > 0 || self.driver.is_shaking_hands(*peer);
            assert!(is_closed || !must_end || may_wait, "{visit:?} of {whose:?} is not kicked");
        }
    }

    /// The operator may have ended this session.
    pub(super) fn sent_away(&mut self, peer: PeerKey) {
        let Some(link) = self.links.get(&peer) else {
            return;
        };
        let talk = self.clients[link.client].talk.as_mut();
        if let Some(talk) = talk.filter(|talk| talk.visit == link.visit) {
            talk.is_sent_away = true;
        }
    }
}
