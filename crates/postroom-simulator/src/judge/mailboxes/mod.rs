//! What is acknowledged is read once, in order; what is confirmed is gone, and nothing else.

mod copies;
mod deletion;
mod kept;
mod retention;

use std::collections::{BTreeMap, BTreeSet};

use postroom_store::Limits;

use super::Visit;
use crate::person::{MOVED, is_aside};
use crate::scenario::StoreTroubles;
use crate::texts::{TextId, Written};

/// What clients know of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// It is in its mailbox if it was stored.
    Waiting,
    /// It has reached the machine of a client, which has not looked at it: what that says
    /// next may be taken for a proof.
    Arrived { visit: Visit },
    /// A client has it, and has given no proof of that.
    Seen {
        visit: Visit,
        /// The lines that the client had said when it asked for it: later ones may be
        /// taken for proofs.
        said: u32,
    },
    /// It may have been removed.
    Perhaps,
    /// An operator may have deleted its account with it, or it may have been too old.
    MayBeDeleted,
    /// It was deleted with its account.
    Deleted {
        /// When an operator knew.
        at: u64,
        /// The last client that had connected by then.
        last: Visit,
    },
    /// It was removed.
    Gone {
        /// When a client knew.
        at: u64,
    },
}

/// All mailboxes.
#[derive(Debug, Default)]
pub(crate) struct Mailboxes {
    of: BTreeMap<&'static str, BTreeMap<TextId, State>>,
    /// Connections that the server has ended, which their clients may not know.
    closed: BTreeSet<Visit>,
    /// The limits that were in force, and since when.
    limits: Vec<(u64, Limits)>,
    /// The store may refuse what it is asked for.
    may_refuse: bool,
    /// The store may not read what it is asked for.
    may_not_read: bool,
    /// Unread messages are too old after so many milliseconds.
    retention_ms: Option<u64>,
    /// The clients that each account has had.
    visits: BTreeMap<&'static str, Vec<Visit>>,
    last_visit: Visit,
    /// Accounts that an operator is deleting.
    under_deletion: BTreeSet<&'static str>,
}

/// The name under which the messages are known that were sent to a name: those to accounts
/// that are renamed are known together.
fn estate(account: &str) -> &str {
    if MOVED.contains(&account) { MOVED[0] } else { account }
}

/// The highest of some limits.
fn most(limits: impl Iterator<Item = Limits>, of: impl Fn(Limits) -> u32) -> usize {
    limits.map(of).max().unwrap_or(0) as usize
}

/// How many messages may be in a mailbox.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    least: u32,
    most: u32,
}

impl Mailboxes {
    /// From this moment on these are the limits.
    pub(super) fn set_limits(&mut self, limits: Limits, at: u64) {
        self.limits.push((at, limits));
    }

    /// The limits that were in force at some moment since this one.
    fn limits(&self, since: u64) -> impl Iterator<Item = Limits> {
        let until = self.limits.iter().skip(1).map(|(at, _)| *at).chain([u64::MAX]);
        let in_force = self.limits.iter().zip(until).filter(move |(_, until)| *until >= since);
        in_force.map(|((_, limits), _)| *limits)
    }

    /// Whether one sender could fill no mailbox, at some moment since this one.
    pub(super) fn has_share(&self, since: u64) -> bool {
        self.limits(since).any(|limits| limits.mailbox_share().is_some())
    }

    /// How the store is.
    pub(crate) fn set_store(&mut self, store: StoreTroubles) {
        (self.may_refuse, self.may_not_read) = (!store.is_sound(), !store.always_reads());
    }

    pub(super) fn add(&mut self, recipient: &'static str, id: TextId) {
        self.of.entry(estate(recipient)).or_default().insert(id, State::Waiting);
    }

    /// The accounts that someone has written to.
    pub(crate) fn accounts(&self) -> Vec<&'static str> {
        self.of.keys().copied().collect()
    }

    /// The server has ended a connection.
    pub(crate) fn closed(&mut self, visit: Visit) {
        self.closed.insert(visit);
    }

    /// A text has reached the machine of a client.
    pub(crate) fn arrived(&mut self, id: TextId, visit: Visit) {
        let mut mailboxes = self.of.values_mut();
        if let Some(state) = mailboxes.find_map(|mailbox| mailbox.get_mut(&id))
            && *state == State::Waiting
        {
            *state = State::Arrived { visit };
        }
    }

    /// A client sees a message of a mailbox, which it asked for with its line of this
    /// number, or which was pushed after it.
    pub(crate) fn seen(&mut self, account: &'static str, id: TextId, visit: Visit, said: u32) {
        let mailbox = self.of.entry(estate(account)).or_default();
        let Some(state) = mailbox.get_mut(&id) else {
            panic!("{account} reads {id:?}, which is for someone else");
        };
        if self.closed.contains(&visit) {
            // The server may have taken it back, and given it to another reader.
            if matches!(state, State::Waiting | State::Arrived { .. }) {
                *state = State::Perhaps;
            }
            return;
        }
        match *state {
            State::Gone { .. } => panic!("{account} reads {id:?} again, which was confirmed"),
            // It was read before the account was deleted.
            State::Deleted { last, .. } if visit <= last => {}
            State::Deleted { .. } => panic!("{account} reads {id:?}, which was deleted with it"),
            // Its proof could not be stored, so it comes again.
            State::Seen { visit: other, said: before, .. } if other == visit && said > before => {
                *state = State::Seen { visit, said };
            }
            // The store may have refused to remove it.
            State::Seen { visit: other, .. } if self.may_refuse || self.closed.contains(&other) => {
                *state = State::Seen { visit, said };
            }
            State::Seen { visit: other, .. } => {
                panic!("{visit:?} of {account} reads {id:?}, which {other:?} has not lost")
            }
            State::Waiting | State::Arrived { .. } | State::Perhaps | State::MayBeDeleted => {
                *state = State::Seen { visit, said };
            }
        }
    }

    /// A client sees the answer to its line of this number: what it had seen before it said
    /// that is removed.
    pub(crate) fn answered(&mut self, visit: Visit, line: u32, at: u64) {
        for state in self.of.values_mut().flat_map(BTreeMap::values_mut) {
            if let State::Seen { visit: of, said } = *state
                && of == visit
                && line > said
            {
                *state = State::Gone { at };
            }
        }
    }

    /// A client has lost its connection, and had said so many lines. What it saw may be
    /// removed only if it has said something since.
    pub(crate) fn ended(&mut self, visit: Visit, lines: u32) {
        for state in self.of.values_mut().flat_map(BTreeMap::values_mut) {
            if let State::Seen { visit: of, said } = *state
                && of == visit
            {
                *state = if lines > said { State::Perhaps } else { State::Waiting };
            }
            if *state == (State::Arrived { visit }) {
                *state = State::Perhaps;
            }
        }
    }

    /// A message was not stored: nobody may have seen it.
    pub(super) fn check_refused(&self, id: TextId) {
        let mut states = self.of.values().filter_map(|mailbox| mailbox.get(&id));
        let is_unread = states.all(|state| matches!(state, State::Waiting | State::MayBeDeleted));
        assert!(is_unread, "{id:?} was read and is refused");
    }

    /// How many messages there may have been at one moment between `from` and now.
    fn bounds(
        &self,
        texts: &[Written],
        account: &str,
        from: u64,
        is_counted: impl Fn(&Written) -> bool,
    ) -> Bounds {
        let mut bounds = Bounds::default();
        let may_be_less = MOVED.contains(&account) || self.under_deletion.contains(account);
        for (id, state) in self.of.get(estate(account)).into_iter().flatten() {
            let written = &texts[id.0];
            if written.is_refused() || !is_counted(written) {
                continue;
            }
            let is_in = written.acknowledged_at().is_some_and(|at| at <= from);
            match state {
                State::Gone { at } | State::Deleted { at, .. } => {
                    bounds.most += u32::from(*at >= from);
                }
                State::Waiting => {
                    bounds.least += u32::from(is_in && !may_be_less);
                    bounds.most += 1;
                }
                State::Arrived { .. }
                | State::Seen { .. }
                | State::Perhaps
                | State::MayBeDeleted => bounds.most += 1,
            }
        }
        bounds
    }

    /// A client that asked at this moment is told that so many are unread.
    pub(crate) fn check_count(&self, texts: &[Written], account: &str, asked: u64, count: u32) {
        let Bounds { least, most } = self.bounds(texts, account, asked, |_| true);
        assert!((least..=most).contains(&count), "{account} has {count}, not {least} to {most}");
    }

    /// A mailbox never holds more than its capacity, and takes no message more while it does
    /// since its capacity was lowered.
    pub(super) fn check_capacity(&self, texts: &[Written], id: TextId, account: &str) {
        if MOVED.contains(&account) {
            return;
        }
        let certain = self.certain(texts, account);
        let capacity = most(self.limits(0), |limits| limits.mailbox_capacity);
        let count = certain.len();
        assert!(count <= capacity, "{account} has {count} messages of {capacity}");
        for author in certain.iter().map(|id| texts[id.0].author) {
            self.check_share(texts, account, author, (&certain, 0));
        }
        // Those that were there when this one was stored.
        let Written { begun, author, .. } = texts[id.0];
        let is_before = |other: &TextId| {
            *other == id || texts[other.0].acknowledged_at().is_some_and(|at| at < begun)
        };
        let before: Vec<TextId> = certain.into_iter().filter(is_before).collect();
        if before.contains(&id) {
            let capacity = most(self.limits(begun), |limits| limits.mailbox_capacity);
            let count = before.len();
            assert!(count <= capacity, "{account} has {count} messages of {capacity}");
            self.check_share(texts, account, author, (&before, begun));
        }
    }

    /// Among these messages are no more of a sender than its share was since a moment.
    fn check_share(
        &self,
        texts: &[Written],
        account: &str,
        author: &str,
        (messages, since): (&[TextId], u64),
    ) {
        // An account that was deleted is another one than its successor.
        if is_aside(author) {
            return;
        }
        let share = most(self.limits(since), |limits| {
            limits.mailbox_share().unwrap_or(limits.mailbox_capacity)
        });
        // What an account is imported with may be more.
        let is_of = |written: &Written| written.author == author && written.import.is_none();
        let count = messages.iter().filter(|id| is_of(&texts[id.0])).count();
        assert!(count <= share, "{account} has {count} messages of {author}, not {share}");
    }

    /// There are no more accounts than there may be, as far as unread messages show it.
    /// `others` are there without a message.
    pub(super) fn check_accounts(&self, texts: &[Written], others: &[&str]) {
        let has_mail = |account: &&&str| !self.certain(texts, account).is_empty();
        let is_one = |name: &&&str| !others.contains(name) && !MOVED.contains(name);
        let with_mail = self.of.keys().filter(has_mail).filter(is_one);
        let accounts = with_mail.count() + others.len();
        let most = self.limits(0).map(|limits| limits.accounts_max as usize).max().unwrap_or(0);
        assert!(accounts <= most, "there are {accounts} accounts of {most}");
    }

    /// A client of an account connects.
    pub(crate) fn visits(&mut self, account: &'static str, visit: Visit) {
        self.visits.entry(account).or_default().push(visit);
        self.last_visit = visit;
    }

    /// A client that asked at this moment is told that nothing is unread.
    pub(crate) fn check_empty(&self, texts: &[Written], account: &str, visit: Visit, asked: u64) {
        // Another client of the account may have what waits.
        let is_alone = self.visits.get(account).is_some_and(|visits| *visits == [visit]);
        if is_alone && !self.may_not_read {
            let Bounds { least, .. } = self.bounds(texts, account, asked, |_| true);
            assert_eq!(least, 0, "{account} is told that nothing is unread");
        }
    }

    /// Everything is quiet: a client of im that is connected back has been pushed all.
    pub(crate) fn check_pushed(&self, texts: &[Written], account: &str) {
        let untold = self.certain(texts, account);
        assert!(untold.is_empty(), "{account} is not pushed {untold:?}");
    }

    /// Somebody who asked at this moment is told that a mailbox is full with so many messages.
    pub(crate) fn check_told_capacity(&self, account: &str, told: Option<u32>, asked: u64) {
        let is_right = self.limits(asked).any(|limits| told == Some(limits.mailbox_capacity));
        assert!(is_right, "the mailbox of {account} is said to be full with {told:?}");
    }

    /// A message that was asked for at this moment is refused since the mailbox is full.
    pub(crate) fn check_full(&self, texts: &[Written], id: TextId, account: &str, asked: u64) {
        let author = texts[id.0].author;
        let others = |written: &Written| written.begun != texts[id.0].begun;
        let all = self.bounds(texts, account, asked, others);
        let own = self
            .bounds(texts, account, asked, |written| others(written) && written.author == author);
        let is_met = |limits: Limits| {
            let is_share_used = limits.mailbox_share().is_some_and(|share| own.most >= share);
            all.most >= limits.mailbox_capacity || is_share_used
        };
        assert!(
            self.limits(asked).any(is_met),
            "the mailbox of {account} is full for {author} with {all:?}, of {author} {own:?}"
        );
    }

    /// All that is left in a mailbox, in its order: what must be there is, nothing else may
    /// be, and what was acknowledged before another was begun comes first.
    pub(crate) fn check_rest(&self, texts: &[Written], account: &str, rest: &[TextId]) {
        self.check_order(texts, account, rest);
        self.check_all_there(texts, account, rest);
    }

    /// The same where a mailbox may have parts of what was sent to a name, and others the rest:
    /// what is in one of them.
    pub(crate) fn check_order(&self, texts: &[Written], account: &str, rest: &[TextId]) {
        let nothing = BTreeMap::new();
        let mailbox = self.of.get(estate(account)).unwrap_or(&nothing);
        check_sequence(texts, account, rest);
        for id in rest {
            match mailbox.get(id) {
                Some(State::Gone { .. }) => panic!("{id:?} was confirmed and is back"),
                Some(State::Deleted { .. }) => panic!("{id:?} was deleted and is back"),
                Some(_) => {}
                None => panic!("{id:?} is in the mailbox of {account}"),
            }
            assert!(!texts[id.0].is_refused(), "{id:?} was refused and is stored");
        }
    }

    /// What must be there is.
    pub(crate) fn check_all_there(&self, texts: &[Written], account: &str, rest: &[TextId]) {
        for (id, state) in self.of.get(estate(account)).into_iter().flatten() {
            let is_stored = texts[id.0].acknowledged_at().is_some();
            let is_certain = is_stored && *state == State::Waiting;
            assert!(!is_certain || rest.contains(id), "{id:?} for {account} is lost");
        }
    }

    /// The messages that must be in a mailbox.
    pub(crate) fn certain(&self, texts: &[Written], account: &str) -> Vec<TextId> {
        let is_there = !self.under_deletion.contains(account);
        let of = self.of.get(estate(account)).filter(|_| is_there).into_iter().flatten();
        let is_certain = |(id, state): &(&TextId, &State)| {
            texts[id.0].acknowledged_at().is_some() && **state == State::Waiting
        };
        of.filter(is_certain).map(|(id, _)| *id).collect()
    }

    /// Everything is quiet: who has proved to have a message has it removed.
    pub(crate) fn settled(&mut self, visit: Visit, lines: u32, at: u64) {
        for state in self.of.values_mut().flat_map(BTreeMap::values_mut) {
            if let State::Seen { visit: of, said } = *state
                && of == visit
                && lines > said
            {
                *state = State::Gone { at };
            }
        }
    }
}

/// These follow each other in a mailbox.
fn check_sequence(texts: &[Written], account: &str, rest: &[TextId]) {
    for (number, id) in rest.iter().enumerate() {
        assert!(!rest[..number].contains(id), "{id:?} is twice in the mailbox of {account}");
        let Written { begun, import, .. } = texts[id.0];
        let late = |other: &&TextId| {
            let of = &texts[other.0];
            let is_of_import = import.is_some() && of.import == import;
            let is_before = of.acknowledged_at().is_some_and(|at| at < begun);
            is_before || is_of_import && of.begun < begun
        };
        if let Some(other) = rest[number + 1..].iter().find(late) {
            panic!("{id:?} comes before {other:?} in the mailbox of {account}");
        }
    }
}
