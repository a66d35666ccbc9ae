//! The locks that one account may have.
//!
//! Each password is chosen by one client for one act, so with clients alone it comes into
//! force once, and never again when another one has replaced it: an account goes from lock to
//! lock, and each that it may have is a [`Candidate`], from the moment at which a client
//! begins the act that would put it into force. What is refused is none any more, and a proof
//! of one ends all that it has replaced.
//!
//! An operator can put any lock into force again. Each act of an operator therefore begins a
//! [`Generation`] of candidates. Until it is known whether it was carried out, the locks of
//! several generations are possible, and what is proved of a later one ends the earlier ones.

use std::collections::BTreeSet;

use crate::lock::Lock;
use crate::texts::TextId;

use super::change::ChangeId;

/// A lock that an account has, or had, or may have.
#[derive(Clone, Debug)]
struct Candidate {
    lock: Lock,
    /// The one that it replaces, but for the first ones of a generation.
    after: Option<Lock>,
    /// Acts that may put it into force, or may have.
    attempts: u32,
    /// It was seen in force, or is the first of its generation.
    is_proved: bool,
    /// Since when it is not, for certain.
    until: Option<u64>,
}

impl Candidate {
    /// One that is in force when its generation begins.
    fn first(lock: Lock) -> Self {
        Self { lock, after: None, attempts: 0, is_proved: true, until: None }
    }

    fn after(after: Lock, lock: Lock, attempts: u32) -> Self {
        Self { lock, after: Some(after), attempts, is_proved: false, until: None }
    }

    /// Whether it may have been in force since this moment.
    fn is_possible(&self, since: u64) -> bool {
        self.until.is_none_or(|until| until >= since)
    }
}

/// The locks since an act of an operator that may have been carried out.
#[derive(Debug)]
struct Generation {
    /// The act; none for the beginning.
    change: Option<ChangeId>,
    /// Since when the act is not under way any more.
    ended: Option<u64>,
    candidates: Vec<Candidate>,
}

/// The locks of one account.
#[derive(Debug)]
pub(super) struct Account {
    /// The first one first.
    generations: Vec<Generation>,
    /// Logins under way that would register the name with a lock, and how many.
    logins: Vec<(Lock, u32)>,
    /// Messages under way that would register it.
    messages: BTreeSet<TextId>,
    /// An account without a password may be evicted.
    may_evict: bool,
}

/// A lock that was possible, in one generation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Possible {
    generation: usize,
    pub(super) lock: Lock,
}

impl Account {
    pub(super) fn new(lock: Lock, may_evict: bool) -> Self {
        let (generations, logins, messages) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut account = Self { generations, logins, messages, may_evict };
        account.begin(None, &[lock]);
        account
    }

    /// Begins a generation with one of these locks.
    pub(super) fn begin(&mut self, change: Option<ChangeId>, locks: &[Lock]) {
        let mut candidates: Vec<_> = locks.iter().map(|lock| Candidate::first(*lock)).collect();
        if self.may_evict && locks.contains(&Lock::Open) && !locks.contains(&Lock::Absent) {
            candidates = vec![
                Candidate::first(Lock::Absent),
                Candidate { after: Some(Lock::Absent), ..Candidate::first(Lock::Open) },
            ];
        }
        let under_way = u32::try_from(self.messages.len()).unwrap_or(u32::MAX);
        let by_message = (under_way > 0).then_some((Lock::Open, under_way));
        if candidates.iter().any(|candidate| candidate.lock == Lock::Absent) {
            for (lock, attempts) in self.logins.iter().copied().chain(by_message) {
                match candidates.iter_mut().find(|candidate| candidate.lock == lock) {
                    Some(known) => known.attempts += attempts,
                    None => candidates.push(Candidate::after(Lock::Absent, lock, attempts)),
                }
            }
        }
        self.generations.push(Generation { change, ended: None, candidates });
    }

    /// The act of a generation was carried out before this moment, and it began with one of
    /// these locks.
    pub(super) fn is_done(&mut self, change: ChangeId, locks: impl Fn(Lock) -> bool, at: u64) {
        let Some(place) = self.place(change) else {
            return;
        };
        self.end_before(place, at);
        let generation = &mut self.generations[place];
        generation.ended = Some(at);
        generation.candidates.retain(|first| first.after.is_some() || locks(first.lock));
        forget_orphans(&mut generation.candidates);
    }

    /// It was not carried out.
    pub(super) fn is_not_done(&mut self, change: ChangeId) {
        self.generations.retain(|generation| generation.change != Some(change));
    }

    /// It was carried out before this moment, or never is.
    pub(super) fn may_be_done(&mut self, change: ChangeId, at: u64) {
        if let Some(place) = self.place(change) {
            self.generations[place].ended = Some(at);
        }
    }

    pub(super) fn place(&self, change: ChangeId) -> Option<usize> {
        self.generations.iter().position(|generation| generation.change == Some(change))
    }

    /// The locks that it may have had since this moment.
    pub(super) fn possible(&self, since: u64) -> impl Iterator<Item = Possible> {
        let generations = self.generations.iter().enumerate();
        generations.flat_map(move |(generation, of)| {
            let possible =
                of.candidates.iter().filter(move |candidate| candidate.is_possible(since));
            possible.map(move |candidate| Possible { generation, lock: candidate.lock })
        })
    }

    /// All locks that it had.
    pub(super) fn past(&self) -> impl Iterator<Item = Lock> {
        let candidates = self.generations.iter().flat_map(|of| &of.candidates);
        candidates.filter(|candidate| candidate.until.is_some()).map(|candidate| candidate.lock)
    }

    /// A login that would register the name with this lock is under way.
    pub(super) fn login_begins(&mut self, lock: Lock) {
        match self.logins.iter_mut().find(|(of, _)| *of == lock) {
            Some((_, logins)) => *logins += 1,
            None => self.logins.push((lock, 1)),
        }
        self.attempt(Lock::Absent, lock);
    }

    /// It was answered.
    pub(super) fn login_ends(&mut self, lock: Lock) {
        for (_, logins) in self.logins.iter_mut().filter(|(of, _)| *of == lock) {
            *logins = logins.saturating_sub(1);
        }
        self.logins.retain(|(_, logins)| *logins > 0);
    }

    /// A message that would register the name is under way.
    pub(super) fn message_begins(&mut self, id: TextId) {
        self.messages.insert(id);
        self.attempt(Lock::Absent, Lock::Open);
    }

    /// It was answered; returns whether it would have registered the name.
    pub(super) fn message_ends(&mut self, id: TextId) -> bool {
        self.messages.remove(&id)
    }

    /// A client begins an act that may put a lock into force after another one.
    pub(super) fn attempt(&mut self, after: Lock, lock: Lock) {
        for Generation { candidates, .. } in &mut self.generations {
            let is_possible = |of: &Candidate| of.lock == after && of.until.is_none();
            if let Some(known) = candidates.iter_mut().find(|candidate| candidate.lock == lock) {
                known.attempts += 1;
            // What cannot be in force is replaced by nothing.
            } else if candidates.iter().any(is_possible) {
                candidates.push(Candidate::after(after, lock, 1));
            }
        }
    }

    /// An act was refused.
    pub(super) fn refused(&mut self, lock: Lock) {
        for Generation { candidates, .. } in &mut self.generations {
            for candidate in candidates.iter_mut().filter(|candidate| candidate.lock == lock) {
                candidate.attempts = candidate.attempts.saturating_sub(1);
            }
            candidates.retain(|candidate| candidate.attempts > 0 || candidate.is_proved);
            forget_orphans(candidates);
        }
    }

    /// A lock was in force at a moment between `since` and now: not those that it replaced,
    /// nor others in its place, nor those of an operator whose act had ended before.
    pub(super) fn prove(&mut self, Possible { generation, lock }: Possible, since: u64, at: u64) {
        self.end_before(generation, at);
        let mut place = 0;
        self.generations.retain(|of| {
            place += 1;
            place <= generation + 1 || of.ended.is_none_or(|ended| ended >= since)
        });
        prove_among(&mut self.generations[generation].candidates, lock, at, self.may_evict);
    }

    fn end_before(&mut self, generation: usize, at: u64) {
        for before in self.generations[..generation].iter_mut().flat_map(|of| &mut of.candidates) {
            before.until.get_or_insert(at);
        }
    }
}

/// A lock of a generation was in force.
fn prove_among(of: &mut Vec<Candidate>, lock: Lock, at: u64, may_evict: bool) {
    let mut next = Some(lock);
    while let Some(lock) = next {
        let Some(known) = of.iter_mut().find(|candidate| candidate.lock == lock) else {
            return;
        };
        known.is_proved = true;
        next = known.after;
        if lock == Lock::Open && may_evict {
            return;
        }
        let Some(after) = next else {
            return;
        };
        for before in of.iter_mut().filter(|candidate| candidate.lock == after) {
            before.until.get_or_insert(at);
        }
        let is_other = |other: &Candidate| other.after == Some(after) && other.lock != lock;
        if may_evict {
            // One without a password may have been there for a while.
            of.iter_mut().filter(|other| is_other(other)).for_each(|other| {
                other.until.get_or_insert(at);
            });
        } else {
            of.retain(|other| !is_other(other));
            forget_orphans(of);
        }
    }
}

/// What replaces a lock that never was in force never is.
fn forget_orphans(of: &mut Vec<Candidate>) {
    loop {
        let locks: Vec<Lock> = of.iter().map(|candidate| candidate.lock).collect();
        of.retain(|candidate| candidate.after.is_none_or(|after| locks.contains(&after)));
        if of.len() == locks.len() {
            return;
        }
    }
}
