//! The end of a simulation: everything calms down, all leave, and what is left is counted.

use std::collections::BTreeMap;
use std::time::Duration;

use postroom_engine::ListenerOptions;
use postroom_model::{Access, Registration};

use crate::clients::What;
use crate::judge::Judge;
use crate::lock::{Lock, Secret, secret};
use crate::peer::PeerKey;
use crate::person::{HASHTAGS, LOCKED, MOVED, Manners, NEW, OPEN, Speaks};
use crate::scenario::{OPERATOR, Scenario};
use crate::segment::Segment;
use crate::tally::Tally;
use crate::texts::{TextId, text_of};
use crate::world::{Client, Event, Phase, TroubledDisk, World};

/// Turns in which everything must have come to its end.
const TURNS_MAX: usize = 60_000;
/// Records that a page of the store holds, at most.
const PAGE_RECORDS: usize = 150;
/// How long it takes until nobody waits any more: deadlines of seconds follow each other,
/// and rates keep clients waiting for a minute.
const CALM: Duration = Duration::from_mins(20);
/// How long it takes until everything is answered: a client may have said hundreds of lines
/// with a wrong password, each of which waits for a while.
const ANSWERED: Duration = Duration::from_hours(10);

/// The passwords of the accounts that have one.
type Keys = BTreeMap<&'static str, Secret>;

impl<D: TroubledDisk> World<D> {
    /// The whole simulation.
    pub(crate) fn run(&mut self) {
        let Scenario { network, store, process, rules, .. } = &self.scenario;
        let limits = rules.limits;
        let decided = format!("{network:?}\n{store:?}\n{process:?}\n{limits:?}");
        self.note(|| decided);
        self.storm();
        self.calm_down();
        self.judge.posts.check(&self.judge.texts);
        self.farewell();
        self.take_stock();
    }

    /// What has happened.
    pub(crate) fn tally(&self) -> Tally {
        let texts = &self.judge.texts;
        let acknowledged = texts.iter().filter(|text| text.acknowledged_at().is_some()).count();
        Tally {
            turns: self.turns as u64,
            visits: self.visits as u64,
            acknowledged: acknowledged as u64,
            writes_lost: self.driver.disk.writes_lost(),
            ..self.tally
        }
    }

    /// Clients do what they do, and everything fails that may.
    fn storm(&mut self) {
        let end = self.began + Duration::from_hours(20 * 24);
        while self.actions > 0 && self.step(end) {
            assert!(
                self.turns < TURNS_MAX,
                "{TURNS_MAX} turns for {} actions",
                self.scenario.actions
            );
        }
    }

    /// Nothing fails any more, and everyone reads: all lines are answered.
    fn calm_down(&mut self) {
        self.note(|| "everything calms down".to_owned());
        self.phase = Phase::Calm;
        self.network = crate::scenario::Network::CALM;
        self.driver.disk.set_full(false);
        self.driver.disk.calm();
        for client in std::mem::take(&mut self.backlog) {
            self.clients[client].is_connecting = false;
        }
        self.is_woken = true;
        let peers: Vec<PeerKey> = self.links.keys().copied().collect();
        for peer in peers {
            self.driver.set_window(peer, usize::MAX);
            self.read(peer, usize::MAX);
        }
        for client in 0..self.clients.len() {
            self.flush(client);
            self.plan(Duration::ZERO, Event::Act(client));
        }
        self.go_on_until(ANSWERED, "everything is answered", Self::is_quiet);
        self.settled();
    }

    /// Goes on until something is true, which must become so.
    fn go_on_until(&mut self, time: Duration, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end = self.driver.now + time;
        let turns = self.turns + TURNS_MAX;
        while !is_so(self) {
            assert!(self.turns < turns, "{TURNS_MAX} turns, and not {what}: {}", self.waiting());
            let goes_on = self.step(end);
            assert!(goes_on || is_so(self), "{time:?}, and not {what}: {}", self.waiting());
        }
    }

    /// Whether nobody waits for anything.
    fn is_quiet(&self) -> bool {
        self.waiting().is_empty()
    }

    /// Who waits for what.
    fn waiting(&self) -> String {
        let engine = &self.driver.engine;
        let is_idle = engine.is_running() && !self.is_woken && !engine.has_work();
        if !is_idle || self.is_stopping || !self.jobs.is_empty() || !self.dials.is_empty() {
            return format!(
                "the server, for {} jobs and {} dials",
                self.jobs.len(),
                self.dials.len()
            );
        }
        for link in self.links.values().filter(|link| !link.is_dead) {
            if !link.up.is_empty() || !link.down.is_empty() {
                return format!("{:?}, for what is on its way", link.visit);
            }
        }
        if !self.operator.is_answered() {
            return "the operator".to_owned();
        }
        for client in &self.clients {
            let Some(talk) = client.talk.as_ref().filter(|talk| !talk.is_at_fault) else {
                continue;
            };
            let waits = talk.asked.iter().find(|asked| !is_open_end(&asked.what));
            if let Some(asked) = waits {
                return format!("{:?}, {:?}, for {asked:?}", talk.visit, client.person);
            }
        }
        String::new()
    }

    /// Everything is quiet: receipts of im have done what they do.
    fn settled(&mut self) {
        if !self.scenario.store.is_sound() {
            return;
        }
        let at = self.judge.tick();
        for talk in self.clients.iter().filter_map(|client| client.talk.as_ref()) {
            // A receipt that came after the server had ended the session proves nothing.
            if talk.speaks() == Speaks::Im && !self.driver.is_closed(talk.front) {
                self.judge.mailboxes.settled(talk.visit, talk.lines, at);
            }
        }
        for talk in self.clients.iter().filter_map(|client| client.talk.as_ref()) {
            let is_connected_back = self.judge.lives.is_connected_back(talk.visit);
            // A client whose machine is dead may have what waits, for all that the server knows.
            let has_dead = self
                .links
                .values()
                .any(|link| link.is_dead && self.clients[link.client].person.name == talk.name());
            // Those at fault were not waited for.
            let is_excused = has_dead || talk.is_at_fault || self.driver.is_closed(talk.front);
            if is_connected_back && !is_excused {
                self.judge.mailboxes.check_pushed(&self.judge.texts, talk.name());
            }
        }
        let clients = &self.clients;
        let reads_all = |visit| {
            let of_visit = |client: &&Client| {
                let talk = client.talk.as_ref().filter(|talk| talk.visit == visit);
                talk.is_some_and(|talk| talk.speaks() == Speaks::Chat && !talk.has_missed)
                    && client.person.manners == Manners::Polite
            };
            clients.iter().any(|client| of_visit(&client))
        };
        let Judge { lives, texts, presences, .. } = &self.judge;
        lives.check_heard(texts, presences, reads_all);
    }

    /// All clients leave.
    fn farewell(&mut self) {
        self.phase = Phase::Farewell;
        for client in 0..self.clients.len() {
            let person = &self.clients[client].person;
            let streams = person.speaks == Speaks::Board;
            if streams || person.manners == Manners::Rude {
                self.reset(client);
            } else {
                self.plan(Duration::ZERO, Event::Act(client));
            }
        }
        let gone = |world: &Self| {
            world.is_quiet()
                && world.driver.engine.connections() == 0
                && world.driver.engine.sessions() == 0
        };
        self.go_on_until(CALM, "everyone is gone", gone);
        // Some deadlines outlive the connections that they were for, and what was deleted is
        // removed from the disk a little at a time.
        // What grows old is looked for once in a while.
        let limits = self.scenario.rules.limits;
        let kept_grows_old = limits.keep_read.is_some_and(|keep| keep.age_ms.is_some());
        let sweeps = limits.retention.is_on() || kept_grows_old;
        let waits = |world: &Self| sweeps || world.driver.engine.next_deadline().is_none();
        let idle = |world: &Self| waits(world) && world.is_quiet();
        self.go_on_until(CALM, "the server is idle", idle);
        let engine = &mut self.driver.engine;
        assert!(!engine.has_work() && engine.has_stopped(), "nobody is there, and there is work");
    }

    /// What is left is what must be.
    fn take_stock(&mut self) {
        self.driver.held = None;
        let restarts = self.random.chance(300);
        self.lift_all_bans(restarts);
        self.check_room();
        let keys = self.find_keys();
        if restarts {
            self.restart();
            self.check_nobody_banned();
        }
        if self.random.chance(200) && self.damage() {
            return self.take_stock_of_the_damaged(&keys);
        }
        for account in self.judge.mailboxes.accounts() {
            self.check_mailbox(account, &keys);
        }
        let may_evict = self.scenario.rules.limits.channels_max < 10;
        for channel in HASHTAGS.into_iter().filter(|_| !may_evict) {
            let kept = self.read_channel(channel);
            self.check_history(channel, &kept);
            let has_gaps = !self.scenario.store.is_sound();
            self.judge.posts.histories.check(&self.judge.texts, channel, has_gaps);
            let most = self.scenario.rules.limits.channel_posts as usize;
            self.judge.posts.check_timeline(&self.judge.texts, channel, kept, most);
        }
        self.judge.posts.check(&self.judge.texts);
        self.check_names(&keys);
        self.check_expiry();
    }

    /// The process is killed and starts again.
    pub(crate) fn restart(&mut self) {
        self.driver.disk.cut();
        self.driver.stop_abruptly();
        let mut store = self.driver.open_store();
        self.check_kept(&mut store);
        self.driver.start_with(store);
    }

    /// What is left in a mailbox, or in those of accounts that were renamed, is what must be.
    fn check_mailbox(&mut self, account: &'static str, keys: &Keys) {
        if !MOVED.contains(&account) {
            let rest = self.read_mailbox(account, keys);
            return self.judge.mailboxes.check_rest(&self.judge.texts, account, &rest);
        }
        let mut all = Vec::new();
        for name in MOVED {
            let rest = self.read_mailbox(name, keys);
            self.judge.mailboxes.check_order(&self.judge.texts, name, &rest);
            all.extend(rest);
        }
        self.judge.mailboxes.check_all_there(&self.judge.texts, account, &all);
    }

    /// Nobody is present: every name can be taken, and nobody else is there.
    fn check_names(&mut self, keys: &Keys) {
        for name in OPEN.into_iter().chain(LOCKED).chain(NEW) {
            let key = keys.get(name).copied();
            // Some may be no accounts, and not be let in.
            let is_certain = key.is_some() || !self.scenario.limits_accounts();
            if !is_certain || NEW.contains(&name) && key.is_none() {
                continue;
            }
            let pass = key.map(|key| format!("/pass {key}\n")).unwrap_or_default();
            let lines = self
                .lines("chat", &format!("{pass}/setname {name}\n/allusers\n/blocked\n/inbox\n"));
            let lines = &lines[1 + usize::from(key.is_some())..];
            assert!(lines[0].starts_with("Username accepted"), "{name} is told {lines:?}");
            assert!(lines[1..3] == ["Users in chat:", name], "others are present: {lines:?}");
            let listed: Vec<&str> = lines[3..lines.len() - 1].iter().map(String::as_str).collect();
            let asked = self.judge.tick();
            let listed = listed.strip_prefix(&["Blocked users:"]).unwrap_or(&[]);
            self.judge.blocks.check_list(name, listed, asked);
        }
    }

    /// Of each account exactly one of the locks that it may have is there, and no password
    /// that it had opens it.
    fn find_keys(&mut self) -> Keys {
        let mut keys = Keys::new();
        let names: Vec<&'static str> = self.scenario.accounts().map(|(name, _)| name).collect();
        for name in names {
            for past in self.judge.locks.past(name) {
                assert!(!self.opens(name, past), "{past} opens {name} still");
            }
            let present = self.judge.locks.present(name);
            let secrets: Vec<Secret> = present.iter().copied().filter_map(secret).collect();
            let fits: Vec<Secret> =
                secrets.iter().copied().filter(|secret| self.opens(name, *secret)).collect();
            let needs_one = secrets.len() == present.len();
            let is_right = fits.len() == 1 || fits.is_empty() && !needs_one;
            assert!(is_right, "{name} has {present:?}, and {fits:?} fit");
            keys.extend(fits.iter().map(|secret| (name, *secret)));
            if fits.is_empty() {
                self.check_unlocked(name, &present);
            }
        }
        keys
    }

    /// An account that no password opens has none, or is none, as clients know.
    fn check_unlocked(&mut self, name: &str, present: &[Lock]) {
        let access = Access { registration: Registration::Closed, ..Access::OPEN };
        let lines = self.lines_at(access, "mailbox-verbose", &format!("LOGIN {name}\n"));
        let is_in = lines[0].starts_with("Login successful");
        let fits = |lock: &Lock| if is_in { *lock == Lock::Open } else { !lock.is_of_account() };
        assert!(
            present.iter().any(fits),
            "{name} lets in without a password: {is_in}: {present:?}"
        );
        if *present == [Lock::Reserved] {
            let lines = self.lines("mailbox-verbose", &format!("LOGIN {name}\n"));
            let is_in = lines[0].starts_with("Login successful");
            assert!(!is_in, "{name} is reserved, and is registered");
        }
    }

    /// Whether a password opens an account. Nobody is registered on im.
    fn opens(&mut self, name: &str, password: Secret) -> bool {
        let lines = self.lines("im", &format!("/login {name} {password}\n"));
        let is_in = lines == ["101 Authentication successful"];
        assert!(is_in || lines == ["102 Authentication Failed"], "{name} is told {lines:?}");
        is_in
    }

    /// A bit flips while the server is stopped.
    fn damage(&mut self) -> bool {
        self.driver.stop_abruptly();
        self.driver.disk.close();
        let is_damaged = self.driver.disk.flip_bit();
        if !is_damaged {
            self.driver.start();
        }
        is_damaged
    }

    /// A flipped bit costs no more than the records of a page, and the server serves on. It
    /// may refuse a file that is no store any more.
    fn take_stock_of_the_damaged(&mut self, keys: &Keys) {
        self.tally.flips += 1;
        let Some(store) = self.driver.disk.open_damaged(self.scenario.rules.limits) else {
            self.tally.refused += 1;
            return;
        };
        self.driver.start_with(store);
        let mut lost = 0;
        for account in self.judge.mailboxes.accounts() {
            if MOVED.contains(&account) {
                continue;
            }
            let reads = "READ\n".repeat(200);
            let lines = self.lines("mailbox", &format!("{}{reads}", log_in(account, keys)));
            for id in self.judge.mailboxes.certain(&self.judge.texts, account) {
                let shown = &self.judge.texts[id.0].shown;
                lost += usize::from(!lines.contains(shown));
            }
        }
        self.tally.flipped_messages += lost as u64;
        assert!(lost <= PAGE_RECORDS, "{lost} messages are lost for a flipped bit");
    }

    /// Whatever has failed, there is room for a post now.
    fn check_room(&mut self) {
        let lines = self.lines("board", "u\nroom");
        assert!(lines == ["operation success"], "nothing fails any more: {lines:?}");
    }

    /// All unread messages of an account.
    fn read_mailbox(&mut self, account: &'static str, keys: &Keys) -> Vec<TextId> {
        let log_in = log_in(account, keys);
        let lines = self.lines("mailbox", &log_in);
        let count = lines.first().and_then(|line| line.parse::<usize>().ok());
        let may_be_reserved = self.judge.locks.present(account).contains(&Lock::Reserved);
        if lines.is_empty() && (may_be_reserved || self.scenario.limits_accounts()) {
            return Vec::new();
        }
        let count = count.filter(|count| *count <= self.judge.texts.len());
        let count = count.unwrap_or_else(|| panic!("{account} is told {lines:?}"));
        let lines = self.lines("mailbox", &format!("{log_in}{}", "READ\n".repeat(count + 1)));
        let is_end = |line: &String| line == "READ ERROR";
        let read = match lines[1..].iter().position(is_end) {
            // Some have grown too old since they were counted.
            Some(end) if self.scenario.rules.limits.retention.is_on() => end.min(2 * count),
            _ => 2 * count,
        };
        let (texts, last) = lines[1..].split_at(read);
        let is_all = last.iter().all(is_end) && last.len() == count + 1 - read / 2;
        assert!(is_all, "{account} has more than {count} messages: {last:?}");
        let mut rest = Vec::new();
        for pair in texts.chunks(2) {
            let id = text_of(&pair[1]);
            self.judge.check_shown(id, &pair[0], &pair[1]);
            rest.push(id);
        }
        rest
    }

    fn read_channel(&mut self, channel: &str) -> Vec<TextId> {
        let lines = self.lines("board", &format!("t\n{channel}\n"));
        let mut kept = Vec::new();
        for line in lines {
            let (author, shown) = line.split_once(": ").expect("a post has an author");
            self.judge.check_shown(text_of(shown), author, shown);
            kept.push(text_of(shown));
        }
        kept
    }

    /// All lines that a client receives that says these and half-closes.
    fn lines(&mut self, protocol: &str, said: &str) -> Vec<String> {
        self.lines_at(Access::OPEN, protocol, said)
    }

    /// The same, at a listener that lets its clients do this.
    fn lines_at(&mut self, access: Access, protocol: &str, said: &str) -> Vec<String> {
        let options = ListenerOptions { access, ..ListenerOptions::default() };
        let key = self.driver.connect_with(OPERATOR.into(), protocol, options);
        self.driver.send(key, said.as_bytes());
        self.driver.half_close(key);
        for _ in 0..600 {
            self.driver.settle();
            if self.driver.is_closed(key) {
                break;
            }
            self.driver.pass(Duration::from_secs(1));
        }
        assert!(self.driver.is_closed(key), "{said:?} is not answered within 10 minutes");
        self.driver.lines(key)
    }

    /// A client leaves in order, once all is answered.
    pub(crate) fn part(&mut self, number: usize) {
        let Some(talk) = &mut self.clients[number].talk else {
            return;
        };
        let front = talk.front;
        if !talk.has_ended {
            talk.leave(&mut self.judge);
            self.flush(number);
            self.send(front, Segment::End);
        }
    }
}

/// What a client says to log in to a mailbox.
fn log_in(account: &str, keys: &Keys) -> String {
    let password = keys.get(account).map(|key| format!("PASS {key}\n"));
    format!("{}LOGIN {account}\n", password.unwrap_or_default())
}

/// Whether this has no answer that comes to an end.
fn is_open_end(what: &What) -> bool {
    matches!(what, What::Posts)
}
