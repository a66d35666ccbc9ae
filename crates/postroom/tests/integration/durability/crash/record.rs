//! Which messages must, may and must not be in the mailboxes.

use std::collections::{HashMap, HashSet, VecDeque};

use super::counts::{Counts, PushCounts};
use super::{CAPACITY, MAILBOXES, PUSHED};

/// A message as a reader sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Letter {
    pub(super) sender: String,
    pub(super) text: String,
}

/// What one client saw, in its order.
#[derive(Debug)]
pub(super) enum Event {
    /// About to be sent; `number` tells the order of one author's texts.
    Asked {
        mailbox: usize,
        author: usize,
        number: u64,
        letter: Letter,
    },
    Acknowledged {
        text: String,
    },
    Refused {
        text: String,
    },
    HandedOut {
        mailbox: usize,
        letter: Letter,
    },
    /// The same over a back stream.
    Pushed {
        mailbox: usize,
        letter: Letter,
    },
    /// A push was not answered, or only some of its pieces were.
    BrokenOff {
        halfway: bool,
    },
    /// A push is about to be answered.
    Receipted {
        text: String,
    },
    /// Something that proves receipt was sent and not yet answered.
    PerhapsConfirmed {
        text: String,
    },
    Confirmed {
        text: String,
    },
}

/// Whether a message is in its mailbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stored {
    Yes,
    Perhaps,
    Never,
    /// It was there once.
    Gone,
}

/// What is known of the answer to its sender.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Answer {
    /// There was none, and what it would have been is not known.
    None,
    /// It came, or is known by what was found.
    Given,
    Refusal,
}

#[derive(Debug)]
struct Entry {
    mailbox: usize,
    author: usize,
    number: u64,
    sender: String,
    stored: Stored,
    answer: Answer,
    /// To a reader, which perhaps did not confirm it.
    handed_out: bool,
    confirmations: u32,
    perhaps_confirmed: bool,
    was_pushed: bool,
}

/// All that ever happened, by text.
#[derive(Debug)]
pub(super) struct Record {
    entries: HashMap<String, Entry>,
    /// The texts of each mailbox that are, or may be, in it.
    open: [HashSet<String>; MAILBOXES.len()],
    /// What each mailbox held when it was last read in full.
    last_seen: [Vec<Letter>; MAILBOXES.len()],
    pushes: Pushes,
    counts: Counts,
    push_counts: PushCounts,
}

/// What is to be pushed to the only reader of [`PUSHED`].
#[derive(Debug, Default)]
struct Pushes {
    /// What waited at the start of the server, as far as it was not pushed since.
    first: VecDeque<String>,
    last: Option<String>,
    /// The latest number of each author.
    latest: HashMap<usize, u64>,
}

impl Record {
    pub(super) fn new() -> Self {
        Self {
            entries: HashMap::new(),
            open: Default::default(),
            last_seen: Default::default(),
            pushes: Pushes::default(),
            counts: Counts::default(),
            push_counts: PushCounts::default(),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn push_counts(&self) -> PushCounts {
        self.push_counts
    }

    /// Takes one client's log; those of writers must come before those of
    /// readers.
    pub(super) fn merge(&mut self, log: Vec<Event>) {
        for event in log {
            match event {
                Event::Asked { mailbox, author, number, letter } => {
                    self.asked(mailbox, author, number, letter);
                }
                Event::Acknowledged { text } => {
                    self.counts.acknowledged += 1;
                    let entry = self.entry(&text);
                    entry.answer = Answer::Given;
                    entry.stored = Stored::Yes;
                }
                Event::Refused { text } => {
                    self.counts.refused += 1;
                    let entry = self.entry(&text);
                    entry.answer = Answer::Refusal;
                    entry.stored = Stored::Never;
                }
                Event::HandedOut { mailbox, letter } => self.handed_out(mailbox, &letter),
                Event::Pushed { mailbox, letter } => self.pushed(mailbox, &letter),
                Event::BrokenOff { halfway: true } => self.push_counts.halves += 1,
                Event::BrokenOff { halfway: false } => self.push_counts.unanswered += 1,
                Event::Receipted { text } => {
                    self.push_counts.acknowledged += 1;
                    self.entry(&text).perhaps_confirmed = true;
                }
                Event::PerhapsConfirmed { text } => self.entry(&text).perhaps_confirmed = true,
                Event::Confirmed { text } => self.confirmed(&text),
            }
        }
    }

    fn confirmed(&mut self, text: &str) {
        self.counts.confirmed += 1;
        let entry = self.entry(text);
        entry.confirmations += 1;
        entry.stored = Stored::Gone;
        assert_eq!(entry.confirmations, 1, "confirmed by two readers: {text}");
    }

    fn asked(&mut self, mailbox: usize, author: usize, number: u64, letter: Letter) {
        let entry = Entry {
            mailbox,
            author,
            number,
            sender: letter.sender,
            stored: Stored::Perhaps,
            answer: Answer::None,
            handed_out: false,
            confirmations: 0,
            perhaps_confirmed: false,
            was_pushed: false,
        };
        self.open[mailbox].insert(letter.text.clone());
        assert!(self.entries.insert(letter.text, entry).is_none(), "a text was sent twice");
    }

    fn entry(&mut self, text: &str) -> &mut Entry {
        match self.entries.get_mut(text) {
            Some(entry) => entry,
            None => panic!("no one ever wrote {text:?}"),
        }
    }

    fn handed_out(&mut self, mailbox: usize, letter: &Letter) {
        let entry = self.entry(&letter.text);
        assert_eq!(entry.mailbox, mailbox, "in another's mailbox: {letter:?}");
        assert_eq!(entry.sender, letter.sender, "under another's name: {letter:?}");
        assert_ne!(entry.answer, Answer::Refusal, "refused, and yet handed out: {letter:?}");
        let again = std::mem::replace(&mut entry.handed_out, true);
        self.counts.redelivered += u64::from(again);
        self.is_there(&letter.text);
    }

    fn pushed(&mut self, mailbox: usize, letter: &Letter) {
        self.handed_out(mailbox, letter);
        let entry = self.entry(&letter.text);
        let is_first = !std::mem::replace(&mut entry.was_pushed, true);
        if mailbox == PUSHED {
            // Whatever its last receipt was for, it is there.
            assert_ne!(entry.stored, Stored::Gone, "gone, and yet pushed: {letter:?}");
            entry.perhaps_confirmed = false;
            self.check_place(&letter.text);
        }
        self.push_counts.shown += 1;
        self.push_counts.redelivered += u64::from(!is_first);
    }

    /// The earliest unread comes first: what waited since before the server began,
    /// then what came since, each author's in its order.
    fn check_place(&mut self, text: &str) {
        let Entry { author, number, .. } = self.entries[text];
        let pushes = &mut self.pushes;
        if pushes.last.as_deref() != Some(text) {
            if let Some(first) = pushes.first.pop_front() {
                assert_eq!(text, first, "not the earliest was pushed");
            }
            let before = pushes.latest.insert(author, number);
            assert!(before < Some(number), "{text} is pushed after number {before:?}");
            pushes.last = Some(text.to_owned());
        }
    }

    /// What was pushed last is the first, if it is there, and comes again.
    fn begin_pushes(&mut self, found: &[Letter]) {
        let pushes = &mut self.pushes;
        let is_last = |letter: &Letter| pushes.last.as_ref() == Some(&letter.text);
        let place = found.iter().position(is_last);
        assert!(place.is_none_or(|place| place == 0), "what was pushed last is not the first");
        pushes.first = found.iter().skip(place.map_or(0, |_| 1)).map(|l| l.text.clone()).collect();
        if place.is_none() {
            pushes.last = None;
        }
    }

    /// Whatever its sender was told, or not told: it is stored.
    fn is_there(&mut self, text: &str) {
        let entry = self.entry(text);
        if entry.stored == Stored::Perhaps {
            entry.stored = Stored::Yes;
        }
        if entry.answer == Answer::None {
            entry.answer = Answer::Given;
            self.counts.unanswered += 1;
            self.counts.unanswered_but_stored += 1;
        }
    }

    /// Compares a mailbox with what must be in it, and remembers it.
    pub(super) fn compare(&mut self, mailbox: usize, found: Vec<Letter>, idle: bool) {
        let name = MAILBOXES[mailbox];
        for letter in &found {
            self.check_found(mailbox, letter);
        }
        self.check_missing(mailbox, &found);
        self.check_order(&found);
        assert!(found.len() <= CAPACITY, "{} messages in {name}", found.len());
        let before = &self.last_seen[mailbox];
        if idle {
            assert_eq!(*before, found, "{name} has changed by a restart alone");
        }
        check_kept_order(before, &found);
        if mailbox == PUSHED {
            self.begin_pushes(&found);
        }
        self.last_seen[mailbox] = found;
    }

    fn check_found(&mut self, mailbox: usize, letter: &Letter) {
        let text = &letter.text;
        let stored = self.entry(text).stored;
        assert_ne!(stored, Stored::Gone, "read and confirmed, and yet back: {text}");
        assert_ne!(
            stored,
            Stored::Never,
            "refused or unanswered and absent, and yet there: {text}"
        );
        self.is_there(text);
        let entry = self.entry(text);
        assert_eq!(entry.mailbox, mailbox, "in another's mailbox: {letter:?}");
        assert_eq!(entry.sender, letter.sender, "under another's name: {letter:?}");
        entry.perhaps_confirmed = false;
        let again = std::mem::take(&mut entry.handed_out);
        self.counts.redelivered += u64::from(again);
    }

    /// Settles what no answer has settled.
    fn check_missing(&mut self, mailbox: usize, found: &[Letter]) {
        let mut present: Vec<_> = found.iter().map(|letter| letter.text.as_str()).collect();
        present.sort_unstable();
        let all = present.len();
        present.dedup();
        assert_eq!(present.len(), all, "something is in {} twice", MAILBOXES[mailbox]);
        let mut open = std::mem::take(&mut self.open[mailbox]);
        open.retain(|text| {
            let is_present = present.binary_search(&text.as_str()).is_ok();
            if !is_present {
                self.settle_missing(text);
            }
            is_present
        });
        self.open[mailbox] = open;
    }

    /// Sees that a text may be missing, now and from now on.
    fn settle_missing(&mut self, text: &str) {
        let entry = self.entry(text);
        match entry.stored {
            Stored::Yes if entry.perhaps_confirmed => entry.stored = Stored::Gone,
            Stored::Yes => panic!("acknowledged, not confirmed, and yet lost: {text}"),
            Stored::Perhaps => {
                entry.stored = Stored::Never;
                entry.answer = Answer::Given;
                self.counts.unanswered += 1;
            }
            Stored::Never | Stored::Gone => {}
        }
    }

    /// What one client wrote comes in the order in which it wrote it.
    fn check_order(&self, found: &[Letter]) {
        let mut latest = HashMap::new();
        for Letter { text, .. } in found {
            let Entry { author, number, .. } = self.entries[text];
            let before = latest.insert(author, number);
            assert!(before < Some(number), "{text} comes after number {before:?}");
        }
    }
}

/// What was there before is still in its order, and everything new after it.
fn check_kept_order(before: &[Letter], after: &[Letter]) {
    let kept: Vec<_> = before.iter().filter(|letter| after.contains(letter)).collect();
    let beginning: Vec<_> = after.iter().take(kept.len()).collect();
    assert_eq!(kept, beginning, "the order has changed");
}
