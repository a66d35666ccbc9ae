//! Gathers who becomes present and who is no longer, so that a crowd makes one
//! announcement.
//!
//! The engine decides when the gathered changes are announced. The office announces them
//! earlier where a session that has just become present says something: others must not
//! read its words before they know that it is there.
//!
//! A session is told how the accounts that are present differ from those when it was told
//! last, or became present itself. So it never sees its own arrival, nor one before that,
//! and an account that has joined and left in between is in no announcement.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use postroom_model::{
    Announcement, Attendee, Event, NAMES_ANNOUNCED_MAX, Name, NameList, SessionKey,
};
use postroom_store::Store;

use crate::Office;
use crate::output::{Announcements, Output};

/// Changes that gather before they are announced without further delay.
const CHANGES_MAX: usize = 8_192;

impl<S: Store> Office<S> {
    pub(crate) fn arrived(&mut self, session: SessionKey, attendee: Attendee) {
        if !self.live.listeners().is_empty() {
            self.gathering.joined(session, &attendee);
        }
        self.outputs.push_back(Output::Arrived(attendee));
        self.announce_crowd();
    }

    /// Handles a session of an account that is present already: it is told what changes from
    /// now on, and others know that its account is there before they read its words.
    pub(crate) fn joined_its_account(&mut self, session: SessionKey) {
        if self.has_changes() {
            self.gathering.entered(session);
        }
    }

    pub(crate) fn departed(&mut self, attendee: Attendee) {
        if !self.live.listeners().is_empty() {
            self.gathering.left(&attendee);
        }
        self.outputs.push_back(Output::Departed(attendee));
        self.announce_crowd();
    }

    fn announce_crowd(&mut self) {
        if self.gathering.changes.len() >= CHANGES_MAX {
            self.announce();
        }
    }

    /// Whether arrivals or departures wait to be announced.
    pub fn has_changes(&self) -> bool {
        !self.gathering.changes.is_empty()
    }

    /// The number of sessions to which arrivals and departures are announced.
    pub fn listeners(&self) -> usize {
        self.live.listeners().len()
    }

    /// Announces the arrivals and departures that have gathered.
    pub fn announce(&mut self) {
        if let Some(announcements) = self.gathering.take(self.live.listeners()) {
            // Departures follow what was said before them.
            self.push_posts();
            self.outputs.push_back(Output::Announcements(announcements));
        }
    }

    /// Announces the arrival of a session, if it was not announced yet: others are to
    /// see what it says.
    pub(crate) fn announce_first(&mut self, session: SessionKey) {
        if self.gathering.newcomers.contains(&session) {
            self.announce();
        }
    }
}

/// Changes that were not announced yet.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    changes: Vec<Change>,
    /// The sessions that became present.
    newcomers: HashSet<SessionKey>,
    /// Accounts that are present after the last change.
    active: u32,
}

#[derive(Debug)]
enum Change {
    Of(Name, What),
    /// A further session of an account that is present: nothing changes for others.
    Entered(SessionKey),
}

#[derive(Clone, Copy, Debug)]
enum What {
    Joined(SessionKey),
    Left,
}

impl Gathering {
    fn joined(&mut self, session: SessionKey, attendee: &Attendee) {
        self.newcomers.insert(session);
        self.add(attendee, What::Joined(session));
    }

    fn entered(&mut self, session: SessionKey) {
        self.newcomers.insert(session);
        self.changes.push(Change::Entered(session));
    }

    fn left(&mut self, attendee: &Attendee) {
        self.add(attendee, What::Left);
    }

    fn add(&mut self, Attendee { name, active }: &Attendee, what: What) {
        self.changes.push(Change::Of(name.clone(), what));
        self.active = *active;
    }

    /// Takes the changes, as `listeners` are told of them; `None` if there is nothing to
    /// tell anyone.
    fn take(&mut self, listeners: &BTreeSet<SessionKey>) -> Option<Announcements> {
        let Self { changes, active, .. } = std::mem::take(self);
        let mut later = Difference::new(active);
        let mut to_newcomers = HashMap::new();
        // From the last change to the first: at a newcomer's own, those after it are known.
        for (place, change) in changes.iter().enumerate().rev() {
            if let Change::Of(_, What::Joined(session)) | Change::Entered(session) = change
                && listeners.contains(session)
            {
                to_newcomers.insert(*session, later.event());
            }
            if let Change::Of(name, what) = change {
                later.add(place, name, *what);
            }
        }
        let to_earlier = later.event();
        let mut announcements = Announcements { sessions: Vec::new(), to_earlier, to_newcomers };
        let is_told = |session: &SessionKey| announcements.event_for(*session).is_some();
        announcements.sessions = listeners.iter().copied().filter(is_told).collect();
        (!announcements.sessions.is_empty()).then_some(announcements)
    }
}

/// How the present accounts after the last change differ from those before some change.
struct Difference<'a> {
    /// The place of the last change of each account.
    last: HashMap<&'a Name, (usize, What)>,
    /// The accounts that joined, by the places of their last changes.
    joined: BTreeMap<usize, &'a Name>,
    /// The accounts that left.
    left: BTreeMap<usize, &'a Name>,
    active: u32,
}

impl<'a> Difference<'a> {
    fn new(active: u32) -> Self {
        let (joined, left) = (BTreeMap::new(), BTreeMap::new());
        Self { last: HashMap::new(), joined, left, active }
    }

    /// Adds the change before those that were added. An account whose first and last
    /// changes are opposite is where it was.
    fn add(&mut self, place: usize, name: &'a Name, first: What) {
        let (place, latest) = *self.last.entry(name).or_insert((place, first));
        let list = match latest {
            What::Joined(_) => &mut self.joined,
            What::Left => &mut self.left,
        };
        let is_opposite = matches!(first, What::Left) != matches!(latest, What::Left);
        if is_opposite {
            list.remove(&place);
        } else {
            list.insert(place, name);
        }
    }

    fn event(&self) -> Option<Event> {
        let (joined, left) = (name_list(&self.joined), name_list(&self.left));
        let is_empty = joined.is_empty() && left.is_empty();
        let announcement = Announcement { joined, left, active: self.active };
        (!is_empty).then(|| Event::Announced(Box::new(announcement)))
    }
}

fn name_list(accounts: &BTreeMap<usize, &Name>) -> NameList {
    let names: Vec<Name> =
        accounts.values().take(NAMES_ANNOUNCED_MAX).map(|name| (*name).clone()).collect();
    let others = accounts.len() - names.len();
    NameList { names, others }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Bench;

    fn attendee(number: usize) -> Attendee {
        Attendee { name: Name::new(&format!("user{number}")).unwrap(), active: 1 }
    }

    /// How many were announced as gone, once for each announcement.
    fn announced(bench: &mut Bench, listener: SessionKey) -> Vec<usize> {
        let outputs = std::iter::from_fn(|| bench.office.take_output());
        let told = outputs.filter_map(|output| match output {
            Output::Announcements(announcements) => {
                assert_eq!(announcements.sessions, [listener]);
                let Some(Event::Announced(told)) = announcements.event_for(listener) else {
                    panic!("{announcements:?}");
                };
                assert_eq!(told.left.names.len(), NAMES_ANNOUNCED_MAX);
                Some(told.left.names.len() + told.left.others)
            }
            _ => None,
        });
        told.collect()
    }

    #[test]
    fn at_the_limit_the_changes_are_announced_at_once() {
        let mut bench = Bench::new();
        let listener = bench.listen("ann");
        for number in 0..CHANGES_MAX - 1 {
            bench.office.departed(attendee(number));
        }
        assert!(announced(&mut bench, listener).is_empty());
        bench.office.departed(attendee(CHANGES_MAX));
        assert_eq!(announced(&mut bench, listener), [CHANGES_MAX]);
        assert!(!bench.office.has_changes());
    }

    #[test]
    fn what_nobody_is_told_does_not_gather() {
        let mut bench = Bench::new();
        bench.ask_to_enter("ann", None);
        bench.settle();
        bench.office.departed(attendee(1));
        assert!(!bench.office.has_changes());
        // A listener alone is told nothing of itself.
        bench.listen("bob");
        bench.office.announce();
        let outputs = std::iter::from_fn(|| bench.office.take_output());
        assert!(outputs.filter(|output| matches!(output, Output::Announcements(_))).count() == 0);
    }
}
