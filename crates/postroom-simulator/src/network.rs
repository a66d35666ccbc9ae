//! The network: how what clients and server send reaches the other side.

use std::collections::BTreeSet;
use std::time::Duration;

use postroom_engine::Broken;

use crate::judge::Visit;
use crate::peer::PeerKey;
use crate::person::Manners;
use crate::segment::Segment;
use crate::world::{Client, Event, TroubledDisk, World};

/// How long the kernel waits for a peer that says nothing.
pub(crate) const DEAD_AFTER: Duration = Duration::from_secs(90);

impl<D: TroubledDisk> World<D> {
    /// A client sends something.
    pub(crate) fn send(&mut self, peer: PeerKey, segment: Segment) {
        if matches!(&segment, Segment::Bytes(bytes) if bytes.is_empty()) {
            return;
        }
        let segments = self.links.get_mut(&peer).map(|link| link.encrypt(segment));
        for segment in segments.into_iter().flatten() {
            self.send_through(peer, segment);
        }
    }

    /// A client's kernel sends something.
    pub(crate) fn send_through(&mut self, peer: PeerKey, segment: Segment) {
        let pieces = match segment {
            Segment::Bytes(bytes) => self.split(&bytes),
            Segment::End | Segment::Reset => vec![segment],
        };
        // A pause within a line may end it, so pieces follow each other closely.
        let silence = self.network.silence(&mut self.random);
        for piece in pieces {
            let at = self.driver.now + silence + self.network.delay(&mut self.random);
            let Some(link) = self.links.get_mut(&peer).filter(|link| !link.is_dead) else {
                return;
            };
            link.up_until = link.up_until.max(at);
            let at = link.up_until;
            link.up.push_back((at, piece));
            self.plan_at(at, Event::Up(peer));
        }
    }

    /// Cuts bytes as a network may.
    fn split(&mut self, bytes: &[u8]) -> Vec<Segment> {
        if !self.random.chance(self.network.splits) {
            return vec![Segment::Bytes(bytes.to_vec())];
        }
        let mut pieces = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let most = if self.random.chance(300) { 3 } else { 200 };
            let length = self.random.between(1, most).min(rest.len());
            let (piece, later) = rest.split_at(length);
            pieces.push(Segment::Bytes(piece.to_vec()));
            rest = later;
        }
        pieces
    }

    /// What a client has sent reaches the server.
    pub(crate) fn arrive_up(&mut self, peer: PeerKey) {
        let now = self.driver.now;
        self.is_woken |= self.links.get(&peer).is_some_and(|link| link.is_dead);
        while let Some(link) = self.links.get_mut(&peer)
            && link.up.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, segment)) = link.up.pop_front()
        {
            if !self.driver.engine.is_running() || link.is_dead {
                continue;
            }
            match segment {
                Segment::Bytes(bytes) => {
                    if link.up.is_empty() && link.is_open() {
                        link.arrived.get_or_insert(self.turns);
                    }
                    self.driver.put(peer, &bytes);
                }
                Segment::End => self.driver.put_end(peer),
                Segment::Reset => self.driver.broken(peer, Broken::Reset),
            }
            self.is_woken = true;
        }
    }

    /// Takes what the server has written in a turn.
    pub(crate) fn collect(&mut self) {
        // Neither side knows these any more.
        let driver = &self.driver;
        self.links.retain(|peer, link| !(link.is_left && driver.is_gone(*peer)));
        let live: Vec<PeerKey> = self.links.keys().copied().collect();
        for peer in live {
            let bytes = self.driver.take_transmitted(peer);
            let has_end = self.driver.is_closed(peer);
            let network = self.network;
            let delay = network.silence(&mut self.random) + network.delay(&mut self.random);
            let Some(link) = self.links.get_mut(&peer) else {
                continue;
            };
            if link.is_dead {
                continue;
            }
            let ends = has_end && !std::mem::replace(&mut link.has_end, has_end);
            if ends {
                link.ended = Some(self.turns);
                self.judge.closed(link.visit);
            }
            if bytes.is_empty() && !ends {
                continue;
            }
            link.down_until = link.down_until.max(self.driver.now + delay);
            let at = link.down_until;
            // The end itself has no bytes.
            if !bytes.is_empty() {
                link.down.push_back((at, bytes));
            }
            self.plan_at(at, Event::Down(peer));
        }
    }

    /// What the server has sent reaches a client's machine, which acknowledges it.
    pub(crate) fn arrive_down(&mut self, peer: PeerKey) {
        let now = self.driver.now;
        let Some(link) = self.links.get_mut(&peer).filter(|link| !link.is_dead) else {
            return;
        };
        let mut found = BTreeSet::new();
        while link.down.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, bytes)) = link.down.pop_front()
        {
            if link.is_left {
                // Nobody is there: the machine answers with a reset.
                self.driver.broken(peer, Broken::Reset);
                self.is_woken = true;
                return;
            }
            self.driver.acknowledge(peer, bytes.len());
            link.scan(&bytes, &mut found);
            link.inbox.extend_from_slice(&bytes);
        }
        link.is_over = link.has_end && link.down.is_empty();
        let (client, visit, is_back) = (link.client, link.visit, link.is_back);
        for id in &found {
            self.judge.mailboxes.arrived(*id, visit);
        }
        // A push has arrived once its client says so.
        if !is_back {
            self.judge.arrived.extend(found);
        }
        let Client { person, talk, .. } = &self.clients[client];
        let reads = match person.manners {
            Manners::Slow => false,
            Manners::Deaf => talk.as_ref().is_some_and(|talk| !talk.is_in),
            _ => true,
        };
        if reads || self.is_calm() {
            self.read(peer, usize::MAX);
        }
    }

    /// A client's machine is not heard of any more.
    pub(crate) fn die(&mut self, visit: Visit) {
        let mut dead = Vec::new();
        for (peer, link) in self.links.iter_mut().filter(|(_, link)| link.visit == visit) {
            link.is_dead = true;
            link.up_until = self.driver.now;
            link.up.clear();
            link.down.clear();
            dead.push(*peer);
        }
        for peer in dead {
            self.plan(DEAD_AFTER, Event::Up(peer));
        }
    }

    /// The kernel has given up on peers that are dead.
    pub(crate) fn give_up_dead(&mut self) {
        let now = self.driver.now;
        let dead = self.links.iter().filter(|(_, link)| {
            link.is_dead && now.saturating_duration_since(link.up_until) >= DEAD_AFTER
        });
        let dead: Vec<PeerKey> = dead.map(|(peer, _)| *peer).collect();
        for peer in dead {
            self.driver.broken(peer, Broken::TimedOut);
            self.links.remove(&peer);
        }
    }
}
