//! Posts that their authors delete.

use postroom_model::{Position, PostDeletionRefusal, PostId, Stamp};

use super::ids::stamp;
use super::live::{channel, post, shown};
use super::{Desk, Fixture, limits, name};
use crate::{
    AccountId, Call, HistoryFrom, Limits, Outcome, PasswordHash, PasswordOf, Retention, Store as _,
    Timestamp,
};

impl<F: Fixture> Desk<'_, F> {
    /// An account with a password.
    pub(super) fn author(&mut self, spelling: &str) -> AccountId {
        let (account, _) = self.log_in(spelling);
        let password = PasswordHash("$argon2id$x".into());
        let of = PasswordOf::Known;
        let outcome = self.call(Call::SetPassword { name: name(spelling), password, of });
        assert!(matches!(outcome, Outcome::PasswordSet { .. }), "{outcome:?}");
        account
    }

    fn say_as(&mut self, author: (AccountId, &str), tags: &[&str], words: &str) -> Stamp {
        stamp(&self.call(post(Some(author), tags, words)))
    }

    /// Deletes a post; returns the channels that had its text.
    fn delete_post(
        &mut self,
        author: AccountId,
        id: PostId,
    ) -> Result<Vec<String>, PostDeletionRefusal> {
        deleted(self.call(Call::DeletePost { author, id }), id)
    }
}

fn deleted(outcome: Outcome, id: PostId) -> Result<Vec<String>, PostDeletionRefusal> {
    match outcome {
        Outcome::PostDeleted { id: deleted, channels } => {
            assert_eq!(deleted, id);
            Ok(channels.iter().map(ToString::to_string).collect())
        }
        Outcome::PostNotDeleted(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

pub(super) fn an_author_deletes_a_post_in_all_its_channels<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let ann = (desk.author("ann"), "ann");
    desk.say_as(ann, &["#a"], "one");
    desk.now = Timestamp(7);
    let two = desk.say_as(ann, &["#b", "#a", "#c"], "two");
    desk.say_as(ann, &["#b"], "three");
    assert_eq!(desk.delete_post(ann.0, two.id), Ok(["#b", "#a", "#c"].map(str::to_owned).into()));
    for _ in 0..2 {
        assert_eq!(desk.timeline("#a"), ["ann: one", "ann: (deleted)"]);
        assert_eq!(desk.timeline("#b"), ["ann: (deleted)", "ann: three"]);
        assert_eq!(desk.latest("#c").as_deref(), Some("ann: (deleted)"));
        assert_eq!(desk.all("#b", HistoryFrom::Latest, 9), ["three", "(deleted)"]);
        assert_eq!(desk.stamps("#c"), [two], "it has its id and its time");
        // Once more, and nobody need be told.
        assert_eq!(desk.delete_post(ann.0, two.id), Ok(Vec::new()));
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    // Under its new name the account is the author still.
    let one = desk.stamps("#a")[0];
    desk.call(Call::Rename { from: name("ann"), to: name("eve") });
    assert_eq!(desk.delete_post(ann.0, one.id), Ok(vec!["#a".to_owned()]));
    assert_eq!(desk.timeline("#a"), ["eve: (deleted)", "eve: (deleted)"]);
}

pub(super) fn nobody_deletes_the_post_of_another<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, Limits { channel_posts: 4, ..limits(9) });
    let (ann, bob) = ((desk.author("ann"), "ann"), (desk.author("bob"), "bob"));
    let (eve, _) = desk.log_in("eve");
    let of_ann = desk.say_as(ann, &["#a", "#b"], "by ann").id;
    let of_eve = desk.say_as((eve, "eve"), &["#a"], "by eve").id;
    let of_board = stamp(&desk.call(post(None, &["#a"], "by nobody"))).id;
    for id in [of_ann, of_eve, of_board, PostId(0), PostId(of_ann.0 + 1), PostId(u64::MAX)] {
        let refused = desk.delete_post(bob.0, id);
        assert_eq!(refused, Err(PostDeletionRefusal::NotFound), "{id:?}");
    }
    // Anyone could log in as eve.
    assert_eq!(desk.delete_post(eve, of_eve), Err(PostDeletionRefusal::HasNoPassword));
    assert_eq!(desk.timeline("#a"), ["ann: by ann", "eve: by eve", "@board: by nobody"]);
    // What is kept no longer is not there: neither of a channel, nor of one that is gone.
    desk.group((0..4).map(|_| post(None, &["#a"], "later")));
    assert_eq!(desk.delete_post(ann.0, of_ann), Ok(vec!["#b".to_owned()]), "it is in one still");
    let last = desk.say_as(ann, &["#b"], "last").id;
    desk.call(Call::DeleteChannel { channel: channel("#b") });
    for id in [of_ann, last] {
        assert_eq!(desk.delete_post(ann.0, id), Err(PostDeletionRefusal::NotFound), "{id:?}");
    }
}

pub(super) fn the_mark_of_a_deleted_post_goes_like_a_post<F: Fixture>(fixture: &mut F) {
    const DAY: u64 = 86_400_000;
    let at = |days: u64| Timestamp(crate::EARLIEST.0 + days * DAY);
    let retention = Retention { messages_ms: None, posts_ms: Some(10 * DAY) };
    let limits = Limits { channel_posts: 2, retention, ..limits(9) };
    let mut desk = Desk::open(fixture, limits);
    let (ann, bob) = ((desk.author("ann"), "ann"), (desk.author("bob"), "bob"));
    desk.now = at(100);
    let one = desk.say_as(ann, &["#a", "#b", "#c"], "one").id;
    assert_eq!(desk.delete_post(ann.0, one).map(|channels| channels.len()), Ok(3));
    // For later posts.
    desk.say_as(bob, &["#a"], "two");
    desk.say_as(bob, &["#a"], "three");
    assert_eq!(desk.timeline("#a"), ["bob: two", "bob: three"]);
    // For its age.
    desk.now = at(111);
    while {
        desk.call(Call::Sweep { passed_ms: 11 * DAY });
        desk.store.sweep_due() == crate::SweepDue::Soon
    } {}
    assert!(desk.timeline("#b").is_empty() && desk.timeline("#c").is_empty());
    // With its author.
    let four = desk.say_as(ann, &["#b"], "four").id;
    assert_eq!(desk.delete_post(ann.0, four), Ok(vec!["#b".to_owned()]));
    let outcome = desk.call(Call::Delete { name: name("ann") });
    assert!(matches!(outcome, Outcome::Deleted { posts: 1, .. }), "{outcome:?}");
    assert!(desk.timeline("#b").is_empty());
}

pub(super) fn a_group_sees_that_a_post_is_deleted<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let ann = (desk.author("ann"), "ann");
    desk.say_as(ann, &["#a"], "one");
    let id = desk.say_as(ann, &["#a"], "two").id;
    let mut outcomes = desk.group([
        Call::DeletePost { author: ann.0, id },
        Call::DeletePost { author: ann.0, id },
        Call::Timeline { channel: channel("#a"), from: Position::default(), reader: None },
        Call::Latest { channel: channel("#a"), reader: None },
    ]);
    match (outcomes.pop(), outcomes.pop()) {
        (Some(Outcome::Latest(Some(latest))), Some(Outcome::Timeline(page))) => {
            assert_eq!(shown(&latest), "ann: (deleted)");
            assert_eq!((page.entries.len(), page.entries.last()), (2, Some(&latest)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(outcomes.pop().map(|again| deleted(again, id)), Some(Ok(Vec::new())));
    assert_eq!(outcomes.pop().map(|first| deleted(first, id)), Some(Ok(vec!["#a".to_owned()])));
}

pub(super) fn a_deletion_that_is_not_committed_leaves_the_text<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let ann = (desk.author("ann"), "ann");
    let id = desk.say_as(ann, &["#a", "#b"], "one").id;
    desk.submit(Call::DeletePost { author: ann.0, id });
    drop(desk.job());
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    assert_eq!(desk.timeline("#a"), ["ann: one"]);
    assert_eq!(desk.timeline("#b"), ["ann: one"]);
    assert_eq!(desk.delete_post(ann.0, id).map(|channels| channels.len()), Ok(2));
}
