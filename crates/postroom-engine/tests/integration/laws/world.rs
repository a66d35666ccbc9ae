//! An engine with several clients, a store that ends calls as it likes, and what must
//! hold at each moment.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use postroom_engine::EngineSettings;
use postroom_protocol::Settings;
use postroom_store::{Fate, Job as _, Limits, MemoryDisk};

use super::client::{Client, LOCKED, Word};
use super::steps::allowed;
use crate::clients::set_password;
use postroom_simulator::{Driver, PeerKey};

/// Connections at a time: few enough to be reached.
const CONNECTIONS_MAX: usize = 8;

pub(super) struct World {
    pub(super) driver: Driver,
    pub(super) clients: Vec<Client>,
    texts: usize,
    /// Texts that have been on the disk.
    stored: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
    refused: BTreeSet<String>,
}

impl World {
    pub(super) fn new(fates: Vec<Fate>, room: usize) -> Self {
        let disk = MemoryDisk::default();
        let limits = Limits { mailbox_capacity: 5, ..Limits::default() };
        for name in LOCKED {
            set_password(&disk, limits, name, "1");
        }
        let settings = EngineSettings {
            connections_max: CONNECTIONS_MAX,
            session: Settings { output_bytes_max: 2 << 10, ..Settings::default() },
            ..EngineSettings::default()
        };
        let mut driver = Driver::on(disk, settings, limits);
        driver.room = room;
        driver.held = Some(Vec::new());
        driver.held_dials = Some(Vec::new());
        let turn = Cell::new(0);
        driver.disk.decide(move |call| {
            let fate = fates[turn.get() % fates.len()];
            turn.set(turn.get() + 1);
            allowed(call, fate)
        });
        Self {
            driver,
            clients: Vec::new(),
            texts: 0,
            stored: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            refused: BTreeSet::new(),
        }
    }

    /// A text that nobody has said.
    pub(super) fn next_text(&mut self) -> String {
        self.texts += 1;
        format!("<{}>", self.texts)
    }

    fn place(&self, client: usize) -> Option<usize> {
        client.checked_rem(self.clients.len())
    }

    pub(super) fn key(&self, client: usize) -> Option<PeerKey> {
        self.place(client).map(|place| self.clients[place].key)
    }

    pub(super) fn with(&mut self, client: usize, act: impl FnOnce(&mut Client)) {
        self.with_driver(client, |_, client| act(client));
    }

    pub(super) fn with_driver(
        &mut self,
        client: usize,
        act: impl FnOnce(&mut Driver, &mut Client),
    ) {
        if let Some(place) = self.place(client) {
            act(&mut self.driver, &mut self.clients[place]);
        }
    }

    pub(super) fn look(&mut self, client: usize) {
        let mut words = Vec::new();
        self.with_driver(client, |driver, client| {
            words = client.look(&driver.look(client.key));
        });
        for word in words {
            match word {
                Word::Acknowledged(text) => self.acknowledged.insert(text),
                Word::Refused(text) => self.refused.insert(text),
            };
        }
    }

    pub(super) fn settle(&mut self) {
        self.driver.settle();
        self.check();
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.driver.pass(time);
        self.check();
    }

    /// Runs one of the jobs that are held.
    pub(super) fn finish(&mut self, which: usize) {
        let Some(held) = &mut self.driver.held else {
            return;
        };
        if let Some(place) = which.checked_rem(held.len()) {
            let job = held.remove(place);
            self.driver.engine.finish(job.run()).unwrap();
            let texts = self.driver.disk.texts();
            self.stored.extend(texts.iter().flat_map(|(_, text)| marked(text.as_bytes())));
            check_copies(&texts);
        }
        self.check_shown();
    }

    pub(super) fn dialled(&mut self, which: usize, is_connected: bool) {
        let Some(held) = &mut self.driver.held_dials else {
            return;
        };
        if let Some(place) = which.checked_rem(held.len()) {
            let dial = held.remove(place);
            self.driver.answer_dial(&dial, is_connected);
        }
    }

    /// Everything that is under way comes to its end.
    pub(super) fn finish_all(&mut self) {
        self.driver.disk.carry_out();
        self.driver.disk.set_full(false);
        self.settle();
        while self.has_held() {
            self.finish(0);
            self.dialled(0, true);
            self.settle();
        }
    }

    fn has_held(&self) -> bool {
        let Driver { held, held_dials, .. } = &self.driver;
        held.as_ref().is_some_and(|held| !held.is_empty())
            || held_dials.as_ref().is_some_and(|held| !held.is_empty())
    }

    fn check(&mut self) {
        self.check_shown();
        let connections = self.driver.engine.connections();
        assert!(connections <= CONNECTIONS_MAX, "{connections} connections");
    }

    /// What clients receive has been on the disk before.
    fn check_shown(&mut self) {
        let backs = self.clients.iter().filter_map(|client| self.driver.back(client.key));
        let keys: Vec<_> = self.clients.iter().map(|client| client.key).chain(backs).collect();
        for key in keys {
            let shown = marked(self.driver.received(key).make_contiguous());
            let uncommitted: Vec<_> = shown.difference(&self.stored).collect();
            assert!(uncommitted.is_empty(), "{uncommitted:?} shown and not stored");
        }
    }

    /// What was acknowledged is on the disk, unless somebody has read it; what was
    /// refused never was there. To be called when all have looked at what they received.
    pub(super) fn check_promises(&self) {
        let mut kept = BTreeSet::new();
        let texts = self.driver.disk.texts();
        check_copies(&texts);
        for (_, text) in &texts {
            kept.extend(marked(text.as_bytes()));
        }
        let seen: BTreeSet<_> =
            self.clients.iter().flat_map(|client| marked(&client.seen)).collect();
        for text in &self.acknowledged {
            assert!(kept.contains(text) || seen.contains(text), "{text} is acknowledged and lost");
        }
        for text in &self.refused {
            assert!(!self.stored.contains(text), "{text} is refused and was stored");
        }
    }
}

/// No mailbox or channel holds a text twice.
fn check_copies(texts: &[(String, String)]) {
    let mut copies = BTreeMap::new();
    for kept in texts {
        let count: &mut u32 = copies.entry(kept).or_default();
        *count += 1;
        assert_eq!(*count, 1, "{kept:?} is there twice");
    }
}

/// The texts of clients in some bytes.
pub(super) fn marked(bytes: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(bytes);
    let ends = text.split('<').skip(1).filter_map(|rest| rest.split_once('>'));
    let is_number = |number: &&str| number.parse::<usize>().is_ok();
    ends.map(|(number, _)| number).filter(is_number).map(|number| format!("<{number}>")).collect()
}
