//! What a seed decides: limits, people, and how bad network, store and clock are.

use std::net::IpAddr;
use std::time::Duration;

use postroom_engine::{
    CreationLimits, CreationRates, EngineSettings, LoginLimits, Rate, RateLimits, RecentLimits,
};
use postroom_model::{Access, Anonymous, Passwords, Registration};
use postroom_protocol::Settings;
use postroom_store::{KeepRead, Limits, Retention};

use crate::lock::{FIRST, Lock};
use crate::person::{DOOMED, LOCKED, MOVED, NEW, OPEN, Person, Speaks, pick_aside};
use crate::random::Random;

/// The address from which it is looked at what is left in the end. It has no limit.
pub(crate) const OPERATOR: [u8; 4] = [127, 0, 0, 9];

/// What the operator has written into the settings.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) settings: EngineSettings,
    pub(crate) limits: Limits,
    /// What the listener of each protocol lets its clients do.
    pub(crate) access: [Access; Speaks::ALL.len()],
}

/// Everything that is decided before the clients begin.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// Those in force.
    pub(crate) rules: Rules,
    /// Those that may come into force, with the first ones.
    pub(crate) all_rules: Vec<Rules>,
    /// What [`OPEN`] accounts have at first.
    pub(crate) first: Lock,
    pub(crate) people: Vec<Person>,
    /// Of a thousand connections so many are TLS.
    pub(crate) tls: usize,
    pub(crate) network: Network,
    pub(crate) store: StoreTroubles,
    pub(crate) process: ProcessTroubles,
    pub(crate) operator: Habits,
    /// There are accounts that the operator may rename and delete.
    pub(crate) has_aside: bool,
    /// What clients do before everything calms down.
    pub(crate) actions: usize,
}

/// How bad the network is. Chances are per mille.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    /// Microseconds that bytes travel, at most.
    pub(crate) delay_micros: usize,
    /// Of each sending: it arrives in pieces.
    pub(crate) splits: usize,
    /// Of each sending: it takes seconds.
    pub(crate) silences: usize,
    /// Of what a rude client does: it resets.
    pub(crate) resets: usize,
    /// Of what a client does: nothing of its machine is heard any more.
    pub(crate) deaths: usize,
    /// Of each dial: nobody answers.
    pub(crate) unanswered_dials: usize,
}

/// How bad the store is. Chances are per mille.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoreTroubles {
    /// Jobs run on a thread, for so many microseconds at most.
    pub(crate) job_micros: Option<usize>,
    /// Of each call of a store that may end it so.
    pub(crate) late: usize,
    pub(crate) unavailable: usize,
    pub(crate) unknown: usize,
    /// Of each turn: the disk becomes full, or has room again.
    pub(crate) full: usize,
    /// One of so many writes or syncs fails, none if 0.
    pub(crate) io_errors_one_in: u32,
    /// Of each turn: the power goes off at one of the next changes of the disk.
    pub(crate) power_cuts: usize,
}

/// How bad the machine is. Chances are per mille of each turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessTroubles {
    /// The process is killed, and started again later.
    pub(crate) kills: usize,
    /// The operator stops it, and starts it again.
    pub(crate) stops: usize,
    /// The wall clock is set, by years at most.
    pub(crate) clock_sets: usize,
    /// The machine sleeps, up to hours.
    pub(crate) sleeps: usize,
}

/// What an operator does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// So often it does something, never in some seeds.
    pub(crate) acts: usize,
    /// Microseconds between two acts, at most.
    pub(crate) wait_micros: usize,
    /// Whether it bans clients.
    pub(crate) bans: bool,
    /// Whether it imports accounts.
    pub(crate) imports: bool,
    /// Whether it has the store backed up.
    pub(crate) backs_up: bool,
}

impl Scenario {
    /// What a seed decides for the store on one machine: it carries out all that the disk
    /// lets it.
    pub(crate) fn on_disk(seed: u64) -> Self {
        let random = &mut Random::new(seed, 4);
        let mut scenario = Self::new(seed);
        let StoreTroubles { job_micros, full, .. } = scenario.store;
        scenario.store = StoreTroubles { job_micros, full, ..StoreTroubles::CALM };
        if random.chance(500) {
            scenario.store.io_errors_one_in = random.pick(&[0, 100, 1_000]);
            scenario.store.power_cuts = random.pick(&[0, 5, 20]);
        }
        scenario
    }

    /// Whether the process lives until it is asked to stop.
    pub(crate) fn is_process_sound(&self) -> bool {
        let (process, store) = (self.process, self.store);
        process.kills == 0
            && process.stops == 0
            && store.io_errors_one_in == 0
            && store.power_cuts == 0
    }

    /// Whether nothing is late or lost on the network, and the process runs without a break.
    pub(crate) fn is_punctual(&self) -> bool {
        let Network { silences, deaths, .. } = self.network;
        self.is_process_sound() && self.process.sleeps + silences + deaths == 0
    }

    /// Whether a new account may be refused.
    pub(crate) fn limits_accounts(&self) -> bool {
        let creation = CreationLimits::default();
        let Rules { settings, limits, .. } = &self.rules;
        limits.accounts_max < 12 || settings.creation != creation
    }

    /// Whether clients may have to wait before they say something or log in.
    pub(crate) fn limits_rates(&self) -> bool {
        self.all_rules.iter().any(|rules| rules.settings.rates != RateLimits::default())
    }

    /// Whether there may be too many connections.
    pub(crate) fn limits_connections(&self) -> bool {
        self.all_rules.iter().any(|rules| rules.settings.connections_max < 100)
    }

    /// What a seed decides.
    pub(crate) fn new(seed: u64) -> Self {
        let random = &mut Random::new(seed, 0);
        let people = random.between(1, 12);
        let process = process(random);
        // While a machine sleeps, the pause within a line that arrives in pieces may end it.
        let mut network = network(random);
        network.splits = if process.sleeps > 0 { 0 } else { network.splits };
        let access = [Access::OPEN; Speaks::ALL.len()];
        let mut scenario = Self {
            rules: Rules { settings: settings(random), limits: limits(random), access },
            all_rules: Vec::new(),
            first: Lock::Absent,
            people: (0..people).map(|_| Person::new(random)).collect(),
            tls: Random::new(seed, 7).pick(&[0, 0, 500, 1_000]),
            network,
            store: store(random),
            process,
            has_aside: false,
            operator: habits(&mut Random::new(seed, 8)),
            actions: random.between(10, 300),
        };
        scenario.limit_peers(&mut Random::new(seed, 5));
        scenario.limit_access(&mut Random::new(seed, 6));
        if scenario.operator.acts > 0 {
            scenario.set_aside(&mut Random::new(seed, 11));
            scenario.allow_bans(&mut Random::new(seed, 13));
            scenario.operator.imports = Random::new(seed, 15).chance(400);
            scenario.operator.backs_up = Random::new(seed, 17).chance(400);
        }
        scenario.let_expire(&mut Random::new(seed, 18));
        scenario.let_keep(&mut Random::new(seed, 20));
        scenario.all_rules = vec![scenario.rules.clone()];
        if scenario.operator.acts > 0 {
            scenario.vary_rules(&mut Random::new(seed, 10));
        }
        scenario
    }

    /// Decides whether there are accounts that the operator may rename and delete, and who has
    /// one.
    fn set_aside(&mut self, random: &mut Random) {
        self.has_aside = random.chance(500);
        if !self.has_aside {
            return;
        }
        for person in &mut self.people {
            let is_mailbox = matches!(person.speaks, Speaks::Mailbox | Speaks::MailboxVerbose);
            if is_mailbox && !person.is_restless && random.chance(400) {
                person.name = pick_aside(random);
            }
        }
        self.make_room_for_accounts();
    }

    /// Decides whether unread messages grow too old. Where the clock jumps, nobody knows when.
    fn let_expire(&mut self, random: &mut Random) {
        if self.process.clock_sets == 0 && random.chance(200) {
            let messages_ms = Some(random.pick(&[100, 5_000, 60_000, 600_000]));
            self.rules.limits.retention = Retention { messages_ms, posts_ms: None };
        }
    }

    /// Decides whether accounts keep what they read and send.
    fn let_keep(&mut self, random: &mut Random) {
        if random.chance(400) {
            let messages_max = random.pick(&[1, 3, KeepRead::ALL.messages_max]);
            let age_ms = random.pick(&[Some(100), Some(60_000), None]);
            self.rules.limits.keep_read = Some(KeepRead { messages_max, age_ms });
        }
    }

    /// Decides whether the operator bans clients, and how many bans there may be.
    fn allow_bans(&mut self, random: &mut Random) {
        self.operator.bans = random.chance(400);
        if self.operator.bans && random.chance(200) {
            self.rules.limits.bans_max = 2;
        }
    }

    /// Decides between which settings the operator changes while the server runs.
    fn vary_rules(&mut self, random: &mut Random) {
        for _ in 0..random.pick(&[0, 0, 1, 2]) {
            let mut rules = self.rules.clone();
            rules.limits.mailbox_capacity = random.pick(&[2, 3, 8, 100]);
            let settings = &mut rules.settings;
            settings.connections_max = random.pick(&[6, 20, 100]);
            if random.chance(300) {
                settings.rates = rates(random, settings.rates.loopback);
            }
            if random.chance(300) {
                settings.peers.connections = random.pick(&[1, 2, 5]);
                settings.peers.new_per_minute = random.pick(&[5, 100, 6_000]);
            }
            if random.chance(300) {
                rules.access = rules.access.map(|_| access(random));
            }
            self.all_rules.push(rules);
        }
    }

    /// Decides what listeners let their clients do, who has a password, and who comes with
    /// a name that is new.
    fn limit_access(&mut self, random: &mut Random) {
        if random.chance(500) {
            let of_all = access(random);
            let differ = random.chance(400);
            self.rules.access =
                self.rules.access.map(|_| if differ { access(random) } else { of_all });
        }
        if self.rules.access.into_iter().any(|access| !access.registers_without_password()) {
            self.first = random.pick(&[Lock::Open, Lock::Password(FIRST)]);
            self.make_room_for_accounts();
        }
        if random.chance(150) {
            self.rules.settings.logins.checks_max = random.pick(&[1, 2]);
        }
        // Several clients of one account that change its password at once.
        let are_restless = random.chance(100);
        for person in &mut self.people {
            if person.speaks == Speaks::MailboxVerbose && are_restless {
                (person.name, person.is_restless) = (LOCKED[0], true);
            } else if person.speaks != Speaks::Im && random.chance(150) {
                person.name = random.pick(&NEW);
            }
            person.access = self.rules.access[person.speaks as usize];
        }
    }

    /// Lets there be as many accounts as there are at first.
    fn make_room_for_accounts(&mut self) {
        let accounts = self.accounts().filter(|(_, lock)| *lock != Lock::Absent).count();
        let accounts = u32::try_from(accounts).unwrap_or(u32::MAX);
        let limits = &mut self.rules.limits;
        limits.accounts_max = limits.accounts_max.max(accounts);
    }

    /// Whether a check of a password may be refused.
    pub(crate) fn limits_checks(&self) -> bool {
        self.rules.settings.logins != LoginLimits::default()
    }

    /// All accounts, and what each is locked with at first.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = (&'static str, Lock)> {
        let first = self.first;
        let open = OPEN.map(|name| (name, first));
        let locked = LOCKED.map(|name| (name, Lock::Password(FIRST)));
        let new = NEW.map(|name| (name, Lock::Absent));
        let doomed = DOOMED.map(|name| (name, Lock::Password(FIRST)));
        let [moved, free @ ..] = MOVED;
        let moved = [(moved, Lock::Password(FIRST))].into_iter();
        let aside = doomed.into_iter().chain(moved).chain(free.map(|name| (name, Lock::Absent)));
        let aside = aside.filter(|_| self.has_aside);
        open.into_iter().chain(locked).chain(new).chain(aside)
    }

    /// Decides what an address may have, and who comes by IPv6.
    fn limit_peers(&mut self, random: &mut Random) {
        let peers = &mut self.rules.settings.peers;
        peers.trusted = vec![IpAddr::from(OPERATOR).into()];
        if random.chance(300) {
            peers.connections = random.pick(&[1, 2, 5]);
            peers.new_per_minute = random.pick(&[5, 100, 6_000]);
            peers.loopback = random.chance(500);
        }
        for person in &mut self.people {
            if let IpAddr::V4(address) = person.address
                && !address.is_loopback()
                && random.chance(300)
            {
                let [.., network] = address.octets();
                let host = random.pick(&[1, 2]);
                person.address = [0x2001, 0xdb8, 1, network.into(), 0, 0, 0, host].into();
            }
        }
    }
}

fn settings(random: &mut Random) -> EngineSettings {
    let output_bytes_max = random.pick(&[512, 2 << 10, 8 << 10, 96 << 10]);
    let recent = RecentLimits {
        posts: random.pick(&[3, 3, 20, 1_000]),
        bytes: random.pick(&[4 << 10, 1 << 20]),
        ..RecentLimits::default()
    };
    let mut settings = EngineSettings {
        session: Settings { output_bytes_max, ..Settings::default() },
        connections_max: random.pick(&[6, 20, 100]),
        output_bytes_in_all: random.pick(&[2 << 10, 64 << 10, 1 << 20, 256 << 20]),
        recent,
        logs_requests: random.chance(100),
        ..EngineSettings::default()
    };
    if random.chance(100) {
        settings.creation.accounts = CreationRates { per_hour: 2, per_hour_local: 2 };
    }
    if random.chance(300) {
        let loopback = random.chance(500);
        settings.rates = low_rates(loopback);
    }
    settings
}

fn rates(random: &mut Random, loopback: bool) -> RateLimits {
    let low = low_rates(loopback);
    if random.chance(500) { low } else { RateLimits { loopback, ..RateLimits::default() } }
}

fn low_rates(loopback: bool) -> RateLimits {
    RateLimits {
        words: Rate { per_second: 5, burst: 3 },
        words_of_network: Rate { per_second: 10, burst: 8 },
        logins: Rate { per_second: 1, burst: 2 },
        logins_of_network: Rate { per_second: 5, burst: 6 },
        loopback,
    }
}

fn habits(random: &mut Random) -> Habits {
    let acts = if random.chance(500) { random.between(1, 100) } else { 0 };
    let wait_micros = random.pick(&[5_000, 50_000, 300_000]);
    Habits { acts, wait_micros, bans: false, imports: false, backs_up: false }
}

fn access(random: &mut Random) -> Access {
    Access {
        registration: random.pick(&[Registration::Open, Registration::Closed]),
        passwords: random.pick(&[Passwords::Optional, Passwords::Required]),
        anonymous: random.pick(&[Anonymous::Post, Anonymous::Read]),
    }
}

fn limits(random: &mut Random) -> Limits {
    Limits {
        mailbox_capacity: random.pick(&[3, 8, 100]),
        mailbox_percent_of_sender: random.pick(&[100, 100, 50]),
        accounts_max: if random.chance(100) { random.pick(&[4, 7]) } else { 2_000_000 },
        channels_max: random.pick(&[2, 10_000]),
        channel_posts: random.pick(&[4, 1_000]),
        ..Limits::default()
    }
}

fn network(random: &mut Random) -> Network {
    let is_bad = random.chance(500);
    let bad = |chance| if is_bad { chance } else { 0 };
    Network {
        delay_micros: random.pick(&[1, 500, 50_000]),
        splits: random.pick(&[0, 100, 600]),
        silences: bad(random.pick(&[0, 5, 30])),
        resets: random.pick(&[0, 50, 200]),
        deaths: bad(random.pick(&[0, 5])),
        unanswered_dials: random.pick(&[0, 200]),
    }
}

fn store(random: &mut Random) -> StoreTroubles {
    let is_bad = random.chance(400);
    let bad = |chance| if is_bad { chance } else { 0 };
    StoreTroubles {
        job_micros: random.chance(500).then(|| random.pick(&[200, 20_000, 400_000])),
        late: bad(random.pick(&[0, 50, 300])),
        unavailable: bad(random.pick(&[0, 30])),
        unknown: bad(random.pick(&[0, 20])),
        full: bad(random.pick(&[0, 10])),
        io_errors_one_in: 0,
        power_cuts: 0,
    }
}

fn process(random: &mut Random) -> ProcessTroubles {
    let is_bad = random.chance(400);
    let bad = |chance| if is_bad { chance } else { 0 };
    ProcessTroubles {
        kills: bad(random.pick(&[0, 4])),
        stops: bad(random.pick(&[0, 2])),
        clock_sets: random.pick(&[0, 20]),
        sleeps: bad(random.pick(&[0, 2])),
    }
}

impl StoreTroubles {
    /// A store that does what it should, in the loop.
    pub(crate) const CALM: Self = Self {
        job_micros: None,
        late: 0,
        unavailable: 0,
        unknown: 0,
        full: 0,
        io_errors_one_in: 0,
        power_cuts: 0,
    };

    /// Whether every call is carried out, sooner or later.
    pub(crate) fn is_sound(self) -> bool {
        self.unknown == 0 && self.unavailable == 0 && self.full == 0
    }
}

impl StoreTroubles {
    /// Whether what is there can be read, though nothing be stored.
    pub(crate) fn always_reads(self) -> bool {
        self.unknown == 0 && self.unavailable == 0
    }

    /// Whether what needs no commit is answered at once.
    pub(crate) fn is_prompt(self) -> bool {
        self.late == 0
    }
}

impl Network {
    /// A network that does what it should.
    pub(crate) const CALM: Self = Self {
        delay_micros: 100,
        splits: 0,
        silences: 0,
        resets: 0,
        deaths: 0,
        unanswered_dials: 0,
    };

    /// How long bytes travel.
    pub(crate) fn delay(&self, random: &mut Random) -> Duration {
        random.micros(self.delay_micros)
    }

    /// How long they wait before.
    pub(crate) fn silence(&self, random: &mut Random) -> Duration {
        if random.chance(self.silences) { random.micros(20_000_000) } else { Duration::ZERO }
    }
}
