//! Posts of accounts and of channels that are deleted.

use postroom_model::{Position, PostRefusal};

use super::live::{channel, is_posted, post};
use super::{Desk, Fixture, append, limits, name, open};
use crate::{
    AccountId, CHANNELS_PAGE, Call, ChannelSummary, Limits, Outcome, PAGE_ENTRIES_MAX,
    PROTECTED_MS, SWEPT_MAX, Store as _, SweepDue, Timestamp,
};

const SWEEP: Call = Call::Sweep { passed_ms: 0 };

fn delete(spelling: &str) -> Call {
    Call::Delete { name: name(spelling) }
}

fn delete_channel(tag: &str) -> Call {
    Call::DeleteChannel { channel: channel(tag) }
}

impl<F: Fixture> Desk<'_, F> {
    /// Sweeps until nothing is left to be swept.
    fn sweep(&mut self) {
        while self.store.sweep_due() == SweepDue::Soon {
            let outcome = self.call(SWEEP);
            assert!(matches!(outcome, Outcome::Swept(_)), "{outcome:?}");
        }
    }

    fn summaries(&mut self) -> Vec<ChannelSummary> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            match self.call(Call::ListChannels { after: after.clone() }) {
                Outcome::Channels { channels, next } => {
                    assert!(channels.len() <= CHANNELS_PAGE);
                    all.extend(channels);
                    match next {
                        Some(_) => after = next,
                        None => return all,
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// The channels, each with how many posts it keeps.
    fn channels(&mut self) -> Vec<(String, u32)> {
        let all = self.summaries().into_iter();
        all.map(|summary| (summary.channel.to_string(), summary.posts)).collect()
    }
}

pub(super) fn the_posts_of_a_deleted_account_go_with_it<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let ((bob, _), (ann, _)) = (desk.log_in("Bob"), desk.log_in("ann"));
    let (by_bob, by_ann) = (Some((bob, "Bob")), Some((ann, "ann")));
    desk.group([
        post(by_bob, &["#a", "#b"], "bob in two"),
        post(by_ann, &["#a"], "ann"),
        post(None, &["#a"], "board"),
        post(by_bob, &["#a", "#lobby"], "bob last"),
        append(bob, "ann", "unread"),
    ]);
    match desk.call(delete("bob")) {
        Outcome::Deleted { posts: 4, .. } => {}
        other => panic!("{other:?}"),
    }
    for round in 0..4 {
        assert_eq!(desk.timeline("#a"), ["ann: ann", "@board: board"], "{round}");
        assert_eq!(desk.latest("#a").as_deref(), Some("@board: board"), "{round}");
        assert!(desk.timeline("#b").is_empty() && desk.latest("#lobby").is_none(), "{round}");
        let counts = [("#a".to_owned(), 2), ("#b".to_owned(), 0), ("#lobby".to_owned(), 0)];
        assert_eq!(desk.channels(), counts, "{round}");
        if round == 1 {
            desk.sweep();
        }
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    let outcome = desk.call(open("bob"));
    assert!(matches!(outcome, Outcome::Opened { registered: true, .. }), "{outcome:?}");
    assert_eq!(desk.timeline("#a").len(), 2, "a successor inherits nothing");
    match desk.call(Call::Read { account: ann }) {
        Outcome::Read { sender, text, .. } => {
            assert_eq!((sender.as_str(), text.as_str()), ("Bob", "unread"));
        }
        other => panic!("it is ann's mail: {other:?}"),
    }
}

pub(super) fn an_erasure_that_is_broken_off_goes_on<F: Fixture>(fixture: &mut F) {
    const POSTS: usize = 3 * SWEPT_MAX;
    let mut desk = Desk::open(fixture, limits(9));
    let ((bob, _), (ann, _)) = (desk.log_in("bob"), desk.log_in("ann"));
    desk.group((0..POSTS).map(|number| {
        let author = if number % 3 == 0 { (ann, "ann") } else { (bob, "bob") };
        post(Some(author), &["#a"], &number.to_string())
    }));
    let expected: Vec<_> = (0..POSTS).step_by(3).map(|number| format!("ann: {number}")).collect();
    let first = desk.page("#a", Position::default());
    assert_eq!(first.entries.len(), PAGE_ENTRIES_MAX);
    desk.call(delete("bob"));
    // A page that was begun before goes on behind it, with what is left.
    let rest = desk.page("#a", first.next.expect("there are more"));
    let shown: Vec<_> = rest.entries.iter().map(super::live::shown).collect();
    assert_eq!(shown, expected[PAGE_ENTRIES_MAX.div_ceil(3)..][..PAGE_ENTRIES_MAX]);
    for _ in 0..3 {
        assert_eq!(desk.timeline("#a"), expected);
        desk.call(SWEEP);
        assert_eq!(desk.timeline("#a"), expected);
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    desk.sweep();
    assert!(is_posted(&desk.call(post(Some((ann, "ann")), &["#a"], "new"))));
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    assert_eq!(desk.store.sweep_due(), SweepDue::Never);
    let expected: Vec<_> = expected.into_iter().chain(["ann: new".to_owned()]).collect();
    assert_eq!(desk.timeline("#a"), expected);
}

pub(super) fn a_deleted_account_posts_no_more<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    let late = || post(Some((bob, "bob")), &["#a"], "late");
    // Which of them comes first is the store's affair.
    let outcomes = desk.group([late(), delete("bob"), late()]);
    assert!(matches!(outcomes[1], Outcome::Deleted { .. }), "{outcomes:?}");
    assert!(desk.timeline("#a").is_empty());
    let outcome = desk.call(late());
    assert!(matches!(outcome, Outcome::NotPosted(PostRefusal::AuthorDeleted)), "{outcome:?}");
    desk.sweep();
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    assert!(desk.timeline("#a").is_empty());
}

pub(super) fn a_deleted_channel_begins_anew<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (ann, _) = desk.log_in("ann");
    let author = Some((ann, "ann"));
    desk.store.set_members(&channel("#a"), true);
    desk.store.set_members(&channel("#quiet"), true);
    desk.group([
        post(author, &["#a", "#b"], "in both"),
        post(None, &["#a"], "board"),
        post(None, &["#lobby"], "lobby"),
    ]);
    for (tag, expected) in [("#a", 2), ("#quiet", 0), ("#lobby", 1)] {
        let outcome = desk.call(delete_channel(tag));
        assert!(
            matches!(outcome, Outcome::ChannelDeleted { posts, .. } if posts == expected),
            "{tag}: {outcome:?}"
        );
    }
    let outcome = desk.call(delete_channel("#never"));
    assert!(matches!(outcome, Outcome::NoSuchChannel), "{outcome:?}");
    assert!(desk.timeline("#a").is_empty() && desk.timeline("#lobby").is_empty());
    assert_eq!(desk.timeline("#b"), ["ann: in both"]);
    // It is posted in before and after its rows are gone, and across a restart.
    let mut expected = Vec::new();
    for round in 0..3 {
        assert!(is_posted(&desk.call(post(author, &["#a", "#lobby"], &round.to_string()))));
        expected.push(format!("ann: {round}"));
        for tag in ["#a", "#lobby"] {
            assert_eq!(desk.timeline(tag), expected);
        }
        desk.sweep();
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    let counts = [("#a".to_owned(), 3), ("#b".to_owned(), 1), ("#lobby".to_owned(), 3)];
    assert_eq!(desk.channels(), counts);
    let outcomes = desk.group([
        post(author, &["#a"], "of one group"),
        delete_channel("#a"),
        post(author, &["#a"], "after it"),
    ]);
    assert!(
        matches!(outcomes[1], Outcome::ChannelDeleted { posts: 4, was_private: false }),
        "{outcomes:?}"
    );
    assert_eq!(desk.timeline("#a"), ["ann: after it"]);
}

pub(super) fn a_removal_that_is_not_committed_leaves_the_posts<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    desk.call(post(Some((bob, "bob")), &["#a", "#b"], "hi"));
    desk.submit(delete("bob"));
    desk.submit(delete_channel("#b"));
    drop(desk.job());
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    assert_eq!(desk.timeline("#a"), ["bob: hi"]);
    assert_eq!(desk.timeline("#b"), ["bob: hi"]);
    assert_eq!(desk.store.sweep_due(), SweepDue::Never);
}

pub(super) fn channels_are_listed_in_pages<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    desk.now = Timestamp(7);
    let tag = |number: usize| format!("#t{number:04}");
    let all: Vec<_> = (0..CHANNELS_PAGE + 2).map(tag).collect();
    desk.group(all.iter().rev().map(|tag| post(None, &[tag], "hi")));
    desk.store.set_members(&channel("#t0003_quiet"), true);
    desk.store.set_members(&channel("#t0003"), true);
    desk.call(delete_channel("#t0005"));
    let mut expected: Vec<_> = all.iter().map(|tag| (tag.clone(), 1)).collect();
    expected.remove(5);
    expected.insert(4, ("#t0003_quiet".to_owned(), 0));
    assert_eq!(desk.channels(), expected);
    let summaries = desk.summaries();
    assert_eq!(summaries[3].latest, Some(Timestamp(7)));
    assert_eq!(summaries[4].latest, None);
}

/// Once a channel has the posts of one author alone, it goes like any such channel.
pub(super) fn an_erasure_counts_for_the_order_of_evictions<F: Fixture>(fixture: &mut F) {
    let limits = Limits { channels_max: 2, ..limits(9) };
    let mut desk = Desk::open(fixture, limits);
    desk.now = Timestamp(PROTECTED_MS);
    let authors: [AccountId; 2] = ["ann", "bob"].map(|name| desk.log_in(name).0);
    let [ann, bob] = [Some((authors[0], "ann")), Some((authors[1], "bob"))];
    desk.group([post(ann, &["#a"], "x"), post(bob, &["#a"], "y")]);
    desk.group([post(ann, &["#b"], "x"), post(bob, &["#b"], "y"), post(ann, &["#b"], "z")]);
    let is_refused =
        |outcome: &Outcome| matches!(outcome, Outcome::NotPosted(PostRefusal::TooManyChannels));
    assert!(is_refused(&desk.call(post(ann, &["#c"], "x"))), "both have several authors");
    desk.call(delete("bob"));
    assert!(is_posted(&desk.call(post(ann, &["#c"], "x"))));
    assert_eq!(desk.channels(), [("#b".to_owned(), 2), ("#c".to_owned(), 1)]);
}
