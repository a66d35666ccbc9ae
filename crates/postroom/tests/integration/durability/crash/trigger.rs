//! When the server is killed: after a time or after an event that a client sees.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::support::{Random, Server};

/// How long a kill waits for the event that is to trigger it.
const TRIGGER_WAIT: Duration = Duration::from_millis(500);

/// Longest time until a kill that nothing else triggers, and that of one in four:
/// a password takes longer to be checked than most servers live.
const DELAY_US_MAX: u64 = 30_000;
const LONG_DELAY_US_MAX: u64 = 150_000;

/// When the server is killed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// So long after the clients have begun.
    After(Duration),
    /// Right after this was seen so often.
    Seen(Seen, u64),
}

/// What a client has just seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Seen {
    /// That a message is stored.
    Acknowledged,
    /// An answer to READ; its reader has sent nothing since.
    HandedOut,
    /// The answer that shows a removal.
    Confirmed,
    /// That a post is stored.
    Posted,
    /// Another's post.
    Shown,
    /// A push, which is not answered yet.
    Pushed,
    /// A push, which has just been answered.
    Receipted,
}

impl Moment {
    pub(super) fn choose(random: &mut Random) -> Self {
        let count = 1 + random.below(12);
        // A message is pushed when the one before it is off the disk.
        let few = 1 + count / 2;
        match random.below(12) {
            0..=2 => {
                let is_long = random.once_in(4);
                let end = if is_long { LONG_DELAY_US_MAX } else { DELAY_US_MAX };
                Self::After(Duration::from_micros(random.below(end + 1)))
            }
            3 => Self::Seen(Seen::Acknowledged, count),
            4 => Self::Seen(Seen::HandedOut, count),
            5 => Self::Seen(Seen::Confirmed, count),
            6 => Self::Seen(Seen::Posted, count),
            7 => Self::Seen(Seen::Shown, count),
            8 | 9 => Self::Seen(Seen::Pushed, few),
            _ => Self::Seen(Seen::Receipted, few),
        }
    }

    /// Whether the server lives long enough to check passwords.
    pub(super) fn is_late(self) -> bool {
        match self {
            Self::After(delay) => delay > Duration::from_micros(DELAY_US_MAX),
            Self::Seen(seen, _) => matches!(seen, Seen::Pushed | Seen::Receipted),
        }
    }
}

/// Kills the server at its moment, from whichever thread sees it first.
#[derive(Debug)]
pub(super) struct Trigger {
    server: Pid,
    moment: Moment,
    seen: AtomicU64,
    killed: mpsc::Sender<()>,
}

impl Trigger {
    /// A trigger, and what tells that it was pulled.
    pub(super) fn new(server: &Server, moment: Moment) -> (Self, mpsc::Receiver<()>) {
        let server = Pid::from_raw(i32::try_from(server.pid()).unwrap()).unwrap();
        let (killed, was_killed) = mpsc::channel();
        (Self { server, moment, seen: AtomicU64::new(0), killed }, was_killed)
    }

    /// Takes note of what a client sees; says whether it killed the server.
    pub(super) fn saw(&self, seen: Seen) -> bool {
        let is_it = match self.moment {
            Moment::Seen(awaited, count) if awaited == seen => {
                self.seen.fetch_add(1, Ordering::Relaxed) + 1 == count
            }
            _ => false,
        };
        if is_it {
            self.kill();
            let _ = self.killed.send(());
        }
        is_it
    }

    /// Waits for the moment and sees that the server is dead after it.
    pub(super) fn wait(&self, was_killed: &mpsc::Receiver<()>) {
        match self.moment {
            Moment::After(delay) => thread::sleep(delay),
            // Where the event does not come, the time is as good a moment.
            Moment::Seen(..) => drop(was_killed.recv_timeout(TRIGGER_WAIT)),
        }
        self.kill();
    }

    /// The process may be dead; it is not reaped before all clients have ended.
    fn kill(&self) {
        kill_process(self.server, Signal::KILL).unwrap();
    }
}
