//! The threads beside the event loop. Only this module starts threads.
//!
//! Two threads check passwords, which is slow by design, below the priority of the event
//! loop; one reads the password file, which may be on a slow disk, and one the settings;
//! one runs the store's jobs while the store's disk is slow; one does the store's housekeeping. The server joins
//! all of them when it ends, except a read that hangs.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder, JoinHandle};

use mio::Waker;
use postroom_office::password::Checker;
use postroom_office::{Check, Checked, PasswordRead, PasswordsRead};
use postroom_store::{Job, StoreFailure};
use rustix::process::nice;

use crate::commits::{self, Ran};
use crate::new_settings::{NewSettings, SettingsError, SettingsSource};
use crate::parts::PasswordSource;
use crate::salt::salt;

/// Concurrent password checks; each takes 19 MiB.
const CHECKERS: usize = 2;

/// How much nicer than the event loop the threads are that check passwords: on a busy
/// machine each gets about a tenth of the loop's share.
const CHECKERS_NICER_BY: i32 = 10;

/// A message from a thread to the event loop.
#[derive(Debug)]
pub(crate) enum Told<D> {
    /// A job of the store has run.
    Committed(Ran<D>),
    Checked(Checked),
    PasswordsRead(PasswordsRead),
    /// The operating system gives no random bytes.
    NoSalt(io::Error),
    SettingsRead(Box<Result<NewSettings, SettingsError>>),
    Failed(StoreFailure),
    /// The thread of this name has panicked.
    Panicked(String),
}

/// The threads and the channels to them.
#[derive(Debug)]
pub(crate) struct Threads<J: Job> {
    jobs: Option<Sender<J>>,
    /// The thread that runs them.
    committer: Option<JoinHandle<()>>,
    /// Jobs that have not come back.
    jobs_under_way: usize,
    checks: Option<Sender<Check>>,
    /// Threads without a password check.
    idle_checkers: usize,
    /// Set at a stop: checks that have not begun are skipped.
    stopping: Arc<AtomicBool>,
    passwords: Option<Reader<PasswordRead>>,
    settings: Reader<()>,
    told: Receiver<Told<J::Done>>,
    handles: Vec<JoinHandle<()>>,
}

/// The files that threads read.
pub(crate) struct Sources {
    pub(crate) passwords: Option<Box<dyn PasswordSource>>,
    pub(crate) settings: Box<dyn SettingsSource>,
}

/// A thread that reads a file.
#[derive(Debug)]
struct Reader<T> {
    reads: Sender<T>,
    /// Reads that have not come back.
    under_way: usize,
    handle: JoinHandle<()>,
}

/// Sends messages of a thread to the event loop, and wakes it.
struct Notifier<D> {
    told: Sender<Told<D>>,
    waker: Arc<Waker>,
}

impl<D> Clone for Notifier<D> {
    fn clone(&self) -> Self {
        Self { told: self.told.clone(), waker: Arc::clone(&self.waker) }
    }
}

impl<D> Notifier<D> {
    fn tell(&self, told: Told<D>) {
        // Without a receiver the server is ending, and needs no messages.
        if self.told.send(told).is_ok() {
            let _ = self.waker.wake();
        }
    }
}

/// Reports a panic of its thread. Without it the event loop would wait for ever for the
/// result of that thread.
struct Alarm<D>(Notifier<D>);

impl<D> Drop for Alarm<D> {
    fn drop(&mut self) {
        if thread::panicking() {
            let name = thread::current().name().unwrap_or("unnamed").to_owned();
            self.0.tell(Told::Panicked(name));
        }
    }
}

/// Starts a thread whose panic ends the server.
fn spawn<D: Send + 'static>(
    name: &str,
    notifier: &Notifier<D>,
    work: impl FnOnce(&Notifier<D>) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let alarm = Alarm(notifier.clone());
    Builder::new().name(name.to_owned()).spawn(move || {
        let alarm = alarm;
        work(&alarm.0);
    })
}

impl<J: Job> Threads<J> {
    pub(crate) fn start(
        waker: Arc<Waker>,
        sources: Sources,
        housekeeping: impl FnOnce() -> Result<(), StoreFailure> + Send + 'static,
    ) -> io::Result<Self> {
        let (told_in, told) = channel();
        let notifier = Notifier { told: told_in, waker };
        let (checks, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let stopping = Arc::new(AtomicBool::new(false));
        let mut handles = Vec::new();
        for number in 0..CHECKERS {
            let (queue, stopping) = (Arc::clone(&queue), Arc::clone(&stopping));
            handles.push(spawn(&format!("password-{number}"), &notifier, move |notifier| {
                check_passwords(&queue, &stopping, notifier);
            })?);
        }
        let (jobs, queue) = channel::<J>();
        let committer = spawn("commit", &notifier, move |notifier| {
            for job in queue {
                notifier.tell(Told::Committed(commits::run(job)));
            }
        })?;
        let Sources { passwords, mut settings } = sources;
        let read_passwords = |mut source: Box<dyn PasswordSource>| {
            Reader::start("password-file", &notifier, move |read| {
                Told::PasswordsRead(source.read(read))
            })
        };
        let passwords = passwords.map(read_passwords).transpose()?;
        let read_settings = move |()| Told::SettingsRead(Box::new(settings.read()));
        let settings = Reader::start("settings", &notifier, read_settings)?;
        handles.push(spawn("housekeeping", &notifier, move |notifier| {
            if let Err(failure) = housekeeping() {
                notifier.tell(Told::Failed(failure));
            }
        })?);
        Ok(Self {
            jobs: Some(jobs),
            committer: Some(committer),
            jobs_under_way: 0,
            checks: Some(checks),
            idle_checkers: CHECKERS,
            stopping,
            passwords,
            settings,
            told,
            handles,
        })
    }

    /// Runs a job of the store, behind those before it.
    pub(crate) fn commit(&mut self, job: J) {
        if let Some(jobs) = &self.jobs {
            self.jobs_under_way += 1;
            // The receiver lives until `jobs` is dropped.
            let _ = jobs.send(job);
        }
    }

    /// Waits until all jobs have run; what they came to can be [taken](Self::take_told) then.
    pub(crate) fn end_commits(&mut self) {
        self.jobs = None;
        if let Some(committer) = self.committer.take() {
            join(committer);
        }
    }

    /// Whether a job of the store has not come back.
    pub(crate) fn commits(&self) -> bool {
        self.jobs_under_way > 0
    }

    /// Whether a check submitted now starts at once.
    pub(crate) fn can_check(&self) -> bool {
        self.idle_checkers > 0
    }

    pub(crate) fn check(&mut self, check: Check) {
        if let Some(checks) = &self.checks {
            self.idle_checkers -= 1;
            // The receivers live until `checks` is dropped.
            let _ = checks.send(check);
        }
    }

    /// Starts a read of the password file; the previous read has ended.
    pub(crate) fn read_passwords(&mut self, read: PasswordRead) {
        if let Some(reader) = &mut self.passwords {
            reader.read(read);
        }
    }

    /// Starts a read of the settings.
    pub(crate) fn read_settings(&mut self) {
        self.settings.read(());
    }

    /// Takes a message from a thread.
    pub(crate) fn take_told(&mut self) -> Option<Told<J::Done>> {
        let told = self.told.try_recv().ok()?;
        match &told {
            Told::Committed(_) => self.jobs_under_way -= 1,
            Told::Checked(_) => self.idle_checkers += 1,
            Told::PasswordsRead(_) => self.passwords.iter_mut().for_each(Reader::came_back),
            Told::SettingsRead(_) => self.settings.came_back(),
            Told::NoSalt(_) | Told::Failed(_) | Told::Panicked(_) => {}
        }
        Some(told)
    }

    /// Joins all threads. The caller must have stopped their work.
    pub(crate) fn join(mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.end_commits();
        self.checks = None;
        // With what has come back and was not taken: as long as a job keeps the store's
        // files, its housekeeping does not end.
        drop(self.told);
        let readers = [self.passwords.map(Reader::end), Some(self.settings.end())];
        self.handles.extend(readers.into_iter().flatten().flatten());
        self.handles.into_iter().for_each(join);
    }
}

fn join(handle: JoinHandle<()>) {
    let name = handle.thread().name().unwrap_or("unnamed").to_owned();
    if handle.join().is_err() {
        tracing::error!(thread = name, "a thread has panicked");
    }
}

impl<T: Send + 'static> Reader<T> {
    fn start<D: Send + 'static>(
        name: &str,
        notifier: &Notifier<D>,
        mut read: impl FnMut(T) -> Told<D> + Send + 'static,
    ) -> io::Result<Self> {
        let (reads, queue) = channel();
        let handle = spawn(name, notifier, move |notifier| {
            for asked in queue {
                notifier.tell(read(asked));
            }
        })?;
        Ok(Self { reads, under_way: 0, handle })
    }

    fn read(&mut self, asked: T) {
        self.under_way += 1;
        // The receiver lives until `reads` is dropped.
        let _ = self.reads.send(asked);
    }

    fn came_back(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Ends the thread; returns it to be joined. A read that hangs must not block the stop:
    /// its thread is not joined and ends with the process.
    fn end(self) -> Option<JoinHandle<()>> {
        drop(self.reads);
        (self.under_way == 0 || self.handle.is_finished()).then_some(self.handle)
    }
}

fn check_passwords<D>(
    queue: &Mutex<Receiver<Check>>,
    stopping: &AtomicBool,
    notifier: &Notifier<D>,
) {
    // On Linux this is the priority of the calling thread alone.
    if let Err(error) = nice(CHECKERS_NICER_BY) {
        tracing::warn!(%error, "password checks run at the priority of the server");
    }
    // The memory of a check is reused for the next one.
    let mut checker = Checker::default();
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(check) if !stopping.load(Ordering::Relaxed) => match salt() {
                Ok(salt) => notifier.tell(Told::Checked(check.run(&mut checker, salt))),
                Err(cause) => notifier.tell(Told::NoSalt(cause)),
            },
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use mio::{Events, Poll, Token};

    use super::*;

    struct NoSettings;

    impl SettingsSource for NoSettings {
        fn read(&mut self) -> Result<NewSettings, SettingsError> {
            Err("nobody asks for them".into())
        }
    }

    #[test]
    fn a_panic_of_a_thread_is_told_to_the_event_loop() {
        let mut poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let sources = Sources { passwords: None, settings: Box::new(NoSettings) };
        let mut threads =
            Threads::<postroom_store::MemoryJob>::start(waker, sources, || panic!("a defect"))
                .unwrap();
        let mut events = Events::with_capacity(1);
        let told = loop {
            if let Some(told) = threads.take_told() {
                break told;
            }
            poll.poll(&mut events, None).unwrap();
        };
        assert!(matches!(&told, Told::Panicked(name) if name == "housekeeping"), "{told:?}");
        threads.join();
    }
}
