//! The ids and times of posts and messages.

use postroom_model::{Entry, MessageId, Position, PostId, Stamp};

use super::live::post;
use super::{Desk, Fixture, append, limits, name};
use crate::{AccountId, Call, Outcome, Store as _, SweepDue, Timestamp};

pub(super) fn stamp(outcome: &Outcome) -> Stamp {
    match outcome {
        Outcome::Posted { stamp, .. } => *stamp,
        other => panic!("a post is answered by {other:?}"),
    }
}

fn composed(outcome: &Outcome) -> (MessageId, Timestamp) {
    match outcome {
        Outcome::Composed { id, stored, .. } => (*id, *stored),
        other => panic!("a message is answered by {other:?}"),
    }
}

impl<F: Fixture> Desk<'_, F> {
    /// The ids and times of a channel's posts.
    pub(super) fn stamps(&mut self, tag: &str) -> Vec<Stamp> {
        let page = self.page(tag, Position::default());
        assert_eq!(page.next, None, "one page has all");
        page.entries
            .iter()
            .map(|Entry { id, stored, .. }| Stamp { id: *id, stored: *stored })
            .collect()
    }

    fn latest_stamp(&mut self, tag: &str) -> Option<Stamp> {
        self.stamps(tag).pop()
    }

    /// Takes the earliest message; returns its id and time.
    fn read_stamp(&mut self, account: AccountId) -> (MessageId, Timestamp) {
        match self.call(Call::Read { account }) {
            Outcome::Read { lease, stored, .. } => {
                let id = lease.message();
                self.confirm(lease);
                (id, stored)
            }
            other => panic!("{other:?}"),
        }
    }

    /// Sweeps until nothing that was deleted is on disk.
    fn sweep_all(&mut self) {
        while self.store.sweep_due() == SweepDue::Soon {
            self.call(Call::Sweep { passed_ms: 0 });
        }
    }
}

pub(super) fn a_post_has_one_id_and_one_time_in_all_its_channels<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    desk.now = Timestamp(1_000);
    let outcomes = desk.group([
        post(None, &["#a"], "one"),
        post(None, &["#a", "#b", "#c"], "two"),
        post(None, &["#c", "#a"], "three"),
    ]);
    let [one, two, three] = [0, 1, 2].map(|at| stamp(&outcomes[at]));
    desk.now = Timestamp(2_000);
    let four = stamp(&desk.call(post(None, &["#b"], "four")));
    assert_eq!([one, two, three, four].map(|of| of.stored.0), [1_000, 1_000, 1_000, 2_000]);
    assert!([one, two, three, four].is_sorted_by(|one, other| one.id < other.id));
    for _ in 0..2 {
        assert_eq!(desk.stamps("#a"), [one, two, three]);
        assert_eq!(desk.stamps("#b"), [two, four]);
        assert_eq!(desk.stamps("#c"), [two, three]);
        match desk.call(Call::Latest { channel: super::live::channel("#c"), reader: None }) {
            Outcome::Latest(Some(entry)) => {
                assert_eq!((entry.id, entry.stored), (three.id, three.stored));
            }
            other => panic!("{other:?}"),
        }
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    let five = stamp(&desk.call(post(None, &["#a"], "five")));
    assert!(five.id > four.id, "{five:?} {four:?}");
}

pub(super) fn a_message_has_one_id_and_one_time<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    desk.now = Timestamp(1_000);
    let one = composed(&desk.append(bob, "bob", "one"));
    desk.now = Timestamp(2_000);
    let outcomes = desk.group([append(bob, "bob", "two"), append(bob, "bob", "three")]);
    let (two, three) = (composed(&outcomes[0]), composed(&outcomes[1]));
    assert_eq!([one.1.0, two.1.0, three.1.0], [1_000, 2_000, 2_000]);
    assert!(one.0 < two.0 && two.0 < three.0);
    assert_eq!(desk.read_stamp(bob), one);
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    assert_eq!([desk.read_stamp(bob), desk.read_stamp(bob)], [two, three]);
    drop(desk);
    // What was read is gone, and nothing else gets its id.
    let mut desk = Desk::open(fixture, limits(9));
    let (four, _) = composed(&desk.append(bob, "bob", "four"));
    assert!(four > three.0, "{four:?} {three:?}");
}

/// The latest posts are deleted, and with them all that has their numbers.
pub(super) fn no_post_gets_the_id_of_another_one<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let mut latest = PostId(0);
    for round in 0..3 {
        let (bob, _) = desk.log_in("bob");
        desk.call(post(None, &["#kept"], "kept"));
        let kept = desk.latest_stamp("#kept").expect("it was stored").id;
        assert!(kept > latest, "{kept:?} {latest:?}");
        let gone = stamp(&desk.call(post(Some((bob, "bob")), &["#gone", "#kept"], "gone")));
        assert!(gone.id > kept, "{gone:?} {kept:?}");
        latest = gone.id;
        let removal = if round == 1 {
            Call::DeleteChannel { channel: super::live::channel("#gone") }
        } else {
            Call::Delete { name: name("bob") }
        };
        desk.call(removal);
        if round == 1 {
            desk.call(Call::DeleteChannel { channel: super::live::channel("#kept") });
        }
        desk.sweep_all();
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    let next = stamp(&desk.call(post(None, &["#new"], "new")));
    assert!(next.id > latest, "{next:?} {latest:?}");
}
