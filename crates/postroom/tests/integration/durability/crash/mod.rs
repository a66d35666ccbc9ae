//! A server that is killed again and again, and a recorder of its answers.
//!
//! The recorder is this process. It records requests, answers, messages read and
//! posts shown, and after each kill compares them with what a server on the same
//! folder returns.
//!
//! `POSTROOM_CRASH_KILLS` says how often the server is killed (100 times unless
//! it is set; a long run has 2,000), `POSTROOM_CRASH_SEED` repeats the choices of
//! an earlier run, though not the timing of its threads:
//!
//! ```sh
//! POSTROOM_CRASH_KILLS=2000 cargo test -p postroom --test integration crash:: -- --nocapture
//! ```
//!
//! At its end the test prints what happened, also by commit path ([`tally`]).

mod counts;
mod look;
mod posts;
mod pushes;
mod record;
mod talk;
mod tally;
mod trigger;
mod web;
mod web_mail;
mod web_talk;
mod work;

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::harness::support::{COMMIT_PATHS, Random, Server};
use crate::harness::tls::{Authority, Valid};
use look::Timelines;
use posts::{CHANNELS, Posts};
use record::Record;
use tally::Tally;
use work::Workload;

const KILLS_DEFAULT: u64 = 100;
/// Small, so that mailboxes are full now and then.
const CAPACITY: usize = 20;
const MAILBOXES: [&str; 6] = ["shared", "busy", "quiet", "full", "pushed", "mixed"];
/// Read so seldom that it is full most of the time.
const FULL: usize = 3;
/// Its messages are pushed to one reader, and nothing else reads them. This account
/// and those after it have a password.
const PUSHED: usize = 4;
/// Its messages are pushed to one reader, and another one reads them.
const MIXED: usize = 5;
/// The password of the mailboxes that are pushed.
const PASSWORD: &str = "secret";
/// One client in so many connects over TLS.
const TLS_EVERY: usize = 3;
/// Kills after which other hashtags are posted in, lest the timelines grow too
/// long to be read after every kill.
const KILLS_PER_TAG: u64 = 20;

/// Where commits run, and the setting for it: in the event loop, on the thread, or in the
/// event loop and after the first sync on the thread. The first server has the first.
const COMMITS: [(&str, &str); 3] = [
    ("inline", COMMIT_PATHS[0]),
    ("thread", COMMIT_PATHS[1]),
    ("auto", "--set=store.slow_sync_ms=0"),
];

#[test]
fn what_was_acknowledged_outlives_any_kill_and_what_was_confirmed_never_comes_back() {
    let kills = setting("POSTROOM_CRASH_KILLS").unwrap_or(KILLS_DEFAULT);
    let seed = setting("POSTROOM_CRASH_SEED").unwrap_or_else(seed_of_the_day);
    println!("{kills} kills, POSTROOM_CRASH_SEED={seed}");
    let mut random = Random::new(seed);
    let folder = TempDir::new().unwrap();
    let mut trial = Trial::new(start(folder.path()));
    for kill in 0..kills {
        if kill % KILLS_PER_TAG == 0 {
            trial.begin_tags(kill / KILLS_PER_TAG);
        }
        // Now and then the server is killed with nothing to do in between: two
        // full reads must then agree to the letter.
        let idle = kill > 0 && random.once_in(10);
        let had_receivers = trial.kill(idle, &mut random);
        let is_last = kill + 1 == kills;
        trial.compare(idle, had_receivers || is_last, &mut random);
    }
    trial.begin_tags(kills / KILLS_PER_TAG + 1);
    println!("{kills} kills\n{}", trial.end(kills));
}

fn setting(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is a whole number, not {value:?}")))
}

fn seed_of_the_day() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A server whose password file is in a folder of its own.
fn start(folder: &Path) -> Server {
    let passwords = folder.join("passwords");
    let lines = [PUSHED, MIXED].map(|mailbox| format!("{} {PASSWORD}\n", MAILBOXES[mailbox]));
    std::fs::write(&passwords, lines.concat()).unwrap();
    std::fs::set_permissions(&passwords, std::fs::Permissions::from_mode(0o600)).unwrap();
    let authority = Authority::new();
    let pair = authority.issue(folder, &["localhost"], Valid::Now);
    let listeners = pair.arguments();
    let listeners: Vec<_> = listeners.iter().map(String::as_str).collect();
    let capacity = format!("--capacity={CAPACITY}");
    let settings = [
        "--passwords",
        passwords.to_str().unwrap(),
        &capacity,
        "--set=channels.posts=1000000",
        "--set=chat.announce=false",
        "--set=log.level=warn",
        COMMITS[0].1,
    ];
    let mut server = Server::with(&[&listeners[..], &settings].concat());
    server.share_tls(authority.client(), TLS_EVERY);
    server
}

/// What begins a session of `mailbox` and of `mailbox-verbose`.
fn log_in(name: &str) -> String {
    if [PUSHED, MIXED].iter().any(|mailbox| MAILBOXES[*mailbox] == name) {
        format!("PASS {PASSWORD}\nLOGIN {name}\n")
    } else {
        format!("LOGIN {name}\n")
    }
}

struct Trial {
    server: Server,
    workload: Workload,
    record: Record,
    posts: Posts,
    tally: Tally,
    /// The place in [`COMMITS`] of the path on which the server commits.
    path: usize,
    /// The mailboxes that have a password were read when the others were.
    was_thorough: bool,
    /// The hashtags that are posted in.
    tags: [String; CHANNELS],
    /// Those before, which nothing changes any more.
    closed: Vec<([String; CHANNELS], Timelines)>,
}

impl Trial {
    fn new(server: Server) -> Self {
        Self {
            server,
            workload: Workload::new(),
            record: Record::new(),
            posts: Posts::default(),
            tally: Tally::default(),
            path: 0,
            was_thorough: false,
            tags: Default::default(),
            closed: Vec::new(),
        }
    }

    fn begin_tags(&mut self, number: u64) {
        let tags = ["red", "blue"].map(|colour| format!("#{colour}{number}"));
        let tags = std::mem::replace(&mut self.tags, tags);
        let timelines = self.posts.begin_anew();
        if number > 0 {
            self.closed.push((tags, timelines));
        }
    }

    /// Kills the server, perhaps with all clients at work, and starts it again; says
    /// whether anyone read the mailboxes that have a password.
    fn kill(&mut self, idle: bool, random: &mut Random) -> bool {
        let before = self.acknowledged();
        let had_receivers = if idle {
            self.server.signal(Signal::KILL);
            false
        } else {
            let logs = self.workload.run(&self.server, &self.tags, random);
            for log in logs.letters {
                self.record.merge(log);
            }
            self.posts.merge(logs.posts);
            logs.has_receivers
        };
        assert_eq!(self.server.wait().signal(), Some(9), "it ended before it was killed");
        let path = std::mem::replace(&mut self.path, random.index(COMMITS.len()));
        self.server.set_last_argument(COMMITS[self.path].1);
        let begun = Instant::now();
        self.server.restart();
        self.tally.killed(path, self.acknowledged() - before, begun.elapsed());
        had_receivers
    }

    /// Messages and posts that were acknowledged to their senders.
    fn acknowledged(&self) -> u64 {
        self.record.counts().acknowledged + self.posts.counts().acknowledged
    }

    /// Compares what the server has with the records. The mailboxes that have a
    /// password are left out where no one has read them, since checking it takes
    /// longer than all else.
    fn compare(&mut self, idle: bool, thorough: bool, random: &mut Random) {
        let is_known = std::mem::replace(&mut self.was_thorough, thorough);
        self.was_thorough |= idle && is_known;
        let count = if self.was_thorough { MAILBOXES.len() } else { PUSHED };
        let found = look::read_all(&self.server, &MAILBOXES[..count], random.once_in(2));
        for (mailbox, found) in found.into_iter().enumerate() {
            let is_idle = idle && (is_known || mailbox < PUSHED);
            self.record.compare(mailbox, found, is_idle);
        }
        let found = look::timelines(&self.server, &self.tags);
        self.posts.compare(found, idle, self.workload.now());
        self.posts.check_latest(&look::latest(&self.server, ""));
        for (channel, tag) in self.tags.iter().enumerate() {
            self.posts.check_latest_in(channel, &look::latest(&self.server, tag));
        }
    }

    /// Sees that the old timelines are what they were, and that there was enough of
    /// everything; says how much.
    fn end(&self, kills: u64) -> String {
        for (tags, timelines) in &self.closed {
            let found = look::timelines(&self.server, tags);
            assert_eq!(found, *timelines, "{tags:?} have changed");
        }
        let (messages, posts) = (self.record.counts(), self.posts.counts());
        let pushes = self.record.push_counts();
        assert!(messages.acknowledged >= kills, "the server was hardly used");
        if kills >= KILLS_DEFAULT {
            assert!(messages.refused > 0, "no mailbox was ever full");
            assert!(posts.acknowledged > 0 && posts.shown > 0, "hardly anyone posted");
            assert!(pushes.acknowledged > 0 && pushes.redelivered > 0, "hardly anyone received");
            let resumptions = self.workload.followed.lock().unwrap().resumptions;
            assert!(resumptions > 0, "no stream went on after a kill");
        }
        format!("{messages}\n{posts}\n{pushes}\n{}", self.tally)
    }
}
