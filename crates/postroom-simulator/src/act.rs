//! What clients do.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::clients::{Talk, What};
use crate::judge::{Group, Visit, groups};
use crate::link::{Link, LinkTls};
use crate::network::DEAD_AFTER;
use crate::peer::PeerKey;
use crate::person::{Manners, Speaks};
use crate::segment::Segment;
use crate::tls::{ClientTls, Decoder};
use crate::world::{Event, Phase, TroubledDisk, World};

impl<D: TroubledDisk> World<D> {
    /// A client does what it does next.
    pub(crate) fn act(&mut self, client: usize) {
        match self.phase {
            Phase::Storm if self.actions > 0 => self.do_something(client),
            Phase::Storm => {}
            Phase::Calm => self.read_all(client, usize::MAX),
            Phase::Farewell => self.part(client),
        }
    }

    fn do_something(&mut self, client: usize) {
        self.actions -= 1;
        let wait = self.clients[client].random.micros(30_000);
        self.plan(wait, Event::Act(client));
        if self.clients[client].talk.is_none() {
            self.connect(client);
        } else {
            self.go_on(client);
        }
    }

    fn connect(&mut self, client: usize) {
        if self.clients[client].is_connecting || !self.driver.engine.is_running() {
            return;
        }
        self.clients[client].is_connecting = true;
        self.backlog.push(client);
        self.is_woken = true;
    }

    /// A client was taken out of its listener's backlog.
    pub(crate) fn connected(&mut self, number: usize) {
        let visit = Visit(self.visits);
        self.visits += 1;
        let Some(front) = self.open(number, visit) else {
            self.note(|| format!("{visit:?} is refused"));
            return;
        };
        let client = &mut self.clients[number];
        client.person.access = self.scenario.rules.access[client.person.speaks as usize];
        let mut link = Link::new(number, visit, false, self.driver.now);
        link.opened = self.turns;
        if client.random.chance(self.scenario.tls) {
            let record_bytes_max = client.random.pick(&[7, 100, 16 << 10]);
            let client = ClientTls::new(record_bytes_max);
            link.tls = Some(LinkTls { client, arrived: Decoder::default() });
            self.driver.secure(front);
        }
        self.links.insert(front, link);
        self.judge.usage.connected(visit, client.person.address, self.driver.now - self.began);
        let talk = Talk::new(visit, front, &client.person, &mut client.random, &mut self.judge);
        let window = match client.person.manners {
            Manners::Deaf | Manners::Slow if !talk.is_mute => {
                client.random.pick(&[100, 500, 2_000])
            }
            _ => usize::MAX,
        };
        self.driver.set_window(front, window);
        client.talk = Some(talk);
        let name = client.person.name;
        let speaks = client.person.speaks;
        self.note(|| format!("{visit:?} of {name} on {speaks:?}"));
        self.flush(number);
    }

    /// Opens the connection of a client, unless its address has met a limit.
    fn open(&mut self, number: usize, visit: Visit) -> Option<PeerKey> {
        let person = &self.clients[number].person;
        let (address, speaks) = (person.address, person.speaks);
        let listener = self.listeners[speaks as usize];
        let open = self.open_connections();
        let open = |group| open.get(&group).copied().unwrap_or_default();
        let now = self.driver.now - self.began;
        let opened = self.driver.open(listener, SocketAddr::from((address, visit.port())));
        let may_be_banned = self.judge.bans.may_be_address(address);
        let is_banned = self.judge.bans.is_address(address);
        match opened {
            Ok(_) => {
                assert!(!is_banned, "{address} is banned, and is let in");
                self.judge.peers.let_in(address, now, open);
            }
            Err(refused) => {
                // Who is banned is told nothing.
                let is_told = !refused.farewell.is_empty();
                assert!(!is_told || !is_banned, "{address} is banned, and is told");
                if is_told || !may_be_banned {
                    self.judge.peers.refused(address, now, open);
                }
            }
        }
        opened.ok()
    }

    /// How many connections clients have opened and the server has not closed.
    fn open_connections(&self) -> BTreeMap<Group, u32> {
        let mut open = BTreeMap::new();
        let links = self.driver.live().filter_map(|peer| self.links.get(&peer));
        for link in links.filter(|link| !link.is_back) {
            for (group, _) in groups(self.clients[link.client].person.address) {
                *open.entry(group).or_default() += 1;
            }
        }
        open
    }

    fn go_on(&mut self, number: usize) {
        let manners = self.clients[number].person.manners;
        let network = self.network;
        let breaks_off = self.may_break_off(number);
        if self.clients[number].random.chance(network.deaths) && breaks_off {
            return self.lose(number);
        }
        let is_rude = manners == Manners::Rude;
        if is_rude && self.clients[number].random.chance(network.resets) && breaks_off {
            if self.clients[number].random.chance(500) {
                return self.reset(number);
            }
            return self.truncate(number);
        }
        if manners == Manners::Slow && self.clients[number].random.chance(400) {
            let most = self.clients[number].random.pick(&[20, 400]);
            let bytes = self.clients[number].random.between(1, most);
            self.read_all(number, bytes);
        }
        let client = &mut self.clients[number];
        if let Some(talk) = &mut client.talk {
            let lines = match manners {
                Manners::Flooding => 10,
                Manners::Deaf => 40,
                _ => 1,
            };
            for _ in 0..lines {
                talk.say(&mut client.random, &mut self.judge);
            }
            if manners != Manners::Deaf {
                talk.im_receipt(&mut self.judge);
            }
        }
        self.flush(number);
        if manners == Manners::Rude && self.clients[number].random.chance(network.resets) {
            self.half_close(number);
        }
    }

    /// Whether what a client has sent is all there or not sent at all, where the beginning
    /// of a line would be one once a pause follows it.
    fn may_break_off(&self, number: usize) -> bool {
        let Some(talk) = &self.clients[number].talk else {
            return true;
        };
        let has_arrived = self.links.get(&talk.front).is_none_or(|link| link.up.is_empty());
        has_arrived || !talk.speaks().has_pauses()
    }

    /// Sends what a client has said.
    pub(crate) fn flush(&mut self, number: usize) {
        let is_calm = self.is_calm();
        let client = &mut self.clients[number];
        let Some(talk) = &mut client.talk else {
            return;
        };
        let bytes = match client.person.manners {
            // A pause within a line of these may end it.
            Manners::Rude if !is_calm && !client.person.speaks.has_pauses() => {
                client.random.between(1, 60)
            }
            _ => usize::MAX,
        };
        let (front, visit) = (talk.front, talk.visit);
        let ends = client.person.speaks == Speaks::Board && talk.has_ended;
        let said = talk.take_outbox(bytes);
        let receipts = std::mem::take(&mut talk.back_outbox);
        if !receipts.is_empty() {
            self.note(|| format!("{visit:?} b> {:?}", String::from_utf8_lossy(&receipts)));
        }
        let is_first = !said.is_empty();
        if is_first {
            let shown = String::from_utf8_lossy(&said).into_owned();
            self.note(|| format!("{visit:?} > {shown:?}"));
        }
        self.send(front, Segment::Bytes(said));
        if ends && is_first {
            self.send(front, Segment::End);
        }
        let back = self.links.iter().find(|(_, link)| link.visit == visit && link.is_back);
        if let Some((back, _)) = back.map(|(peer, link)| (*peer, link.client)) {
            self.send(back, Segment::Bytes(receipts));
        }
    }

    /// A client reads from both of its connections.
    pub(crate) fn read_all(&mut self, number: usize, bytes: usize) {
        let of_client = self.links.iter().filter(|(_, link)| link.client == number);
        let peers: Vec<PeerKey> = of_client.map(|(peer, _)| *peer).collect();
        for peer in peers {
            self.read(peer, bytes);
        }
    }

    /// A client reads so many bytes of what has reached its machine.
    pub(crate) fn read(&mut self, peer: PeerKey, bytes: usize) {
        let Some(link) = self.links.get_mut(&peer) else {
            return;
        };
        let (number, visit, is_back) = (link.client, link.visit, link.is_back);
        let bytes: Vec<u8> = link.inbox.drain(..bytes.min(link.inbox.len())).collect();
        let is_over = link.is_over && link.inbox.is_empty();
        self.driver.regain(peer, bytes.len());
        self.is_woken |= !bytes.is_empty();
        let (bytes, answer) = link.decrypt(bytes);
        for segment in answer {
            self.send_through(peer, segment);
        }
        if !bytes.is_empty() {
            let stream = if is_back { "b" } else { "" };
            self.note(|| format!("{visit:?} {stream}< {:?}", String::from_utf8_lossy(&bytes)));
        }
        let is_calm = self.is_calm();
        self.judge.now = self.driver.now - self.began;
        let client = &mut self.clients[number];
        let Some(talk) = client.talk.as_mut().filter(|talk| talk.visit == visit) else {
            return;
        };
        if is_back {
            talk.receive_back(&bytes, &mut self.judge);
        } else {
            talk.receive(&bytes, &mut self.judge);
        }
        while !talk.pushes.is_empty() && (is_calm || client.person.manners != Manners::Deaf) {
            talk.im_receipt(&mut self.judge);
        }
        if is_over {
            self.over(peer);
        } else {
            self.flush(number);
        }
    }

    /// The server has ended a connection, and its client has read all.
    fn over(&mut self, peer: PeerKey) {
        let Some(link) = self.links.get(&peer) else {
            return;
        };
        let (number, is_back) = (link.client, link.is_back);
        let is_cut_off = self.driver.is_cut_off(peer);
        if let Some(talk) = &mut self.clients[number].talk
            && !is_back
        {
            if !is_cut_off {
                talk.check_end(&mut self.judge);
            }
            // On im a message may be on its way to be removed, for which the store waits.
            let is_certain =
                talk.speaks() != Speaks::Im || self.scenario.store.job_micros.is_none();
            if is_certain && talk.asked.is_empty() {
                let at = self.judge.tick();
                self.judge.presences.gone(talk.visit, at);
            }
        }
        self.check_served(number, is_back);
        self.send(peer, Segment::End);
        if is_back {
            return;
        }
        self.finish(number);
    }

    /// A polite client is not sent away without its answers.
    fn check_served(&mut self, number: usize, is_back: bool) {
        let client = &self.clients[number];
        let Some(talk) = client.talk.as_ref().filter(|_| !is_back) else {
            return;
        };
        let is_store_sound = self.scenario.store.is_sound();
        let is_process_sound = self.scenario.is_process_sound();
        // A receipt that takes a minute logs a client of im out.
        let is_in_time = self.scenario.process.sleeps == 0 && self.scenario.network.silences == 0;
        // A request on the board that is not complete counts as a connection before its
        // login, which may be evicted.
        let rates = self.scenario.limits_rates();
        let link = self.links.get(&talk.front);
        let turns = link.and_then(|link| Some((link.arrived?, link.ended?)));
        let has_arrived = turns.is_some_and(|(arrived, ended)| arrived + 2 <= ended);
        let login = talk.asked.iter().find(|asked| asked.what == What::LogIn);
        let may_refuse = |at| self.judge.may_refuse(talk.login(), at);
        let logs_in = login.is_some_and(|login| !may_refuse(login.at));
        let may_be_evicted = match talk.speaks() {
            Speaks::Board => self.scenario.limits_connections(),
            // A login that has arrived is answered, unless the rates of its network delay it, or
            // it may be refused.
            _ if rates || self.scenario.limits_accounts() => !talk.is_in,
            _ => !(talk.is_in || has_arrived && logs_in),
        };
        let is_excused = !is_store_sound
            || !is_process_sound
            || !is_in_time
            || may_be_evicted
            // Pushes that wait until a client is connected back count, too.
            || self.scenario.rules.settings.output_bytes_in_all < 64 << 10
            || talk.is_at_fault
            || talk.is_sent_away;
        let waits = talk.asked.iter().any(|asked| asked.what != What::Posts);
        let is_polite = client.person.manners == Manners::Polite;
        assert!(
            is_excused || !is_polite || !waits,
            "{} was sent away and waits for {:?}",
            client.person.name,
            talk.asked
        );
    }

    /// A client's connection is over: it knows of nothing that is still on its way.
    pub(crate) fn finish(&mut self, number: usize) {
        let Some(mut talk) = self.clients[number].talk.take() else {
            return;
        };
        let visit = talk.visit;
        self.note(|| format!("{visit:?} is over"));
        talk.ended(&mut self.judge);
        for link in self.links.values_mut().filter(|link| link.visit == visit) {
            link.is_left = true;
            link.inbox.clear();
        }
    }

    /// A client resets its connections.
    pub(crate) fn reset(&mut self, number: usize) {
        let Some(visit) = self.clients[number].talk.as_ref().map(|talk| talk.visit) else {
            return;
        };
        self.note(|| format!("{visit:?} resets"));
        let of_visit = self.links.iter_mut().filter(|(_, link)| link.visit == visit);
        let mut peers = Vec::new();
        for (peer, link) in of_visit {
            peers.push(*peer);
            // What was sent last may be overtaken.
            let lost = self.random.below(3);
            link.up.truncate(link.up.len().saturating_sub(lost));
        }
        for peer in peers {
            self.send(peer, Segment::Reset);
        }
        self.finish(number);
    }

    /// A client's program ends without a word, and its kernel ends the connections. Without
    /// TLS nobody can tell that from a half-close.
    fn truncate(&mut self, number: usize) {
        let Some(talk) = self.clients[number].talk.as_ref() else {
            return;
        };
        let visit = talk.visit;
        let of_visit = self.links.iter().filter(|(_, link)| link.visit == visit);
        let peers: Vec<PeerKey> = of_visit.map(|(peer, _)| *peer).collect();
        if self.links.get(&talk.front).is_none_or(|link| link.tls.is_none()) {
            return self.half_close(number);
        }
        self.note(|| format!("{visit:?} ends without the end of TLS"));
        for peer in peers {
            self.send_through(peer, Segment::End);
            // A server that reads nothing learns of it by the answer to a probe.
            if let Some(link) = self.links.get_mut(&peer) {
                link.up_until += DEAD_AFTER;
            }
            self.send_through(peer, Segment::Reset);
        }
        self.finish(number);
    }

    /// Nothing of a client's machine is heard any more.
    fn lose(&mut self, number: usize) {
        if let Some(visit) = self.clients[number].talk.as_ref().map(|talk| talk.visit) {
            self.note(|| format!("{visit:?} is lost"));
            self.die(visit);
            self.finish(number);
        }
    }

    fn half_close(&mut self, number: usize) {
        let Some(talk) = &mut self.clients[number].talk else {
            return;
        };
        if talk.has_ended {
            return;
        }
        talk.has_ended = true;
        talk.is_at_fault = true;
        talk.lines += 1;
        let (front, visit) = (talk.front, talk.visit);
        self.judge.tick();
        self.judge.leaves(visit);
        let rest = talk.take_outbox(usize::MAX);
        self.note(|| format!("{visit:?} half-closes after {:?}", String::from_utf8_lossy(&rest)));
        self.send(front, Segment::Bytes(rest));
        self.send(front, Segment::End);
    }
}
