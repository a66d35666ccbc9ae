//! What goes when a table is full.

use postroom_model::PostRefusal;

use super::live::{channel, is_posted, post};
use super::{Desk, Fixture};
use crate::{AccountId, Limits, Outcome, PROTECTED_MS, Store, Timestamp};

fn channels(channels_max: u32) -> Limits {
    Limits { channels_max, ..Limits::default() }
}

fn is_refused(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::NotPosted(PostRefusal::TooManyChannels))
}

impl<F: Fixture> Desk<'_, F> {
    /// Posts in channels as the board, or as an account.
    fn say(&mut self, author: Option<(AccountId, &str)>, tags: &[&str]) -> Outcome {
        self.call(post(author, tags, "hi"))
    }

    /// Posts in each of these channels by itself, as the board.
    fn fill(&mut self, tags: &[&str]) {
        for tag in tags {
            let outcome = self.say(None, &[tag]);
            assert!(is_posted(&outcome), "{tag}: {outcome:?}");
        }
    }

    /// Which of these channels have posts.
    fn kept<'a>(&mut self, tags: &[&'a str]) -> Vec<&'a str> {
        tags.iter().copied().filter(|tag| !self.timeline(tag).is_empty()).collect()
    }
}

pub(super) fn there_are_no_more_channels_than_allowed<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, channels(2));
    assert!(is_posted(&desk.say(None, &["#a"])));
    let refused = desk.say(None, &["#a", "#b", "#c"]);
    assert!(is_refused(&refused), "a post evicts none of its own channels: {refused:?}");
    assert_eq!(desk.timeline("#a").len(), 1, "nothing of it is stored");
    assert!(is_posted(&desk.say(None, &["#a", "#b"])));
    for tag in ["#a", "#b"] {
        desk.store.set_members(&channel(tag), true);
    }
    assert!(is_refused(&desk.say(None, &["#c"])));
    assert!(is_posted(&desk.say(None, &["#lobby"])), "it is no hashtag");
    desk.store.set_members(&channel("#b"), false);
    assert!(is_posted(&desk.say(None, &["#c"])));
    assert_eq!(desk.kept(&["#a", "#b", "#c"]), ["#a", "#c"]);
}

pub(super) fn the_channel_of_one_author_with_the_fewest_posts_goes_first<F: Fixture>(
    fixture: &mut F,
) {
    let all = ["#a", "#b", "#c", "#d", "#e", "#f"];
    let mut desk = Desk::open(fixture, channels(3));
    desk.fill(&["#a", "#a", "#a", "#b", "#c"]);
    // Of equal ones that goes which was posted in longest ago, however old it is.
    desk.fill(&["#c", "#b", "#d"]);
    assert_eq!(desk.kept(&all), ["#a", "#b", "#d"]);
    desk.fill(&["#e"]);
    assert_eq!(desk.kept(&all), ["#a", "#b", "#e"], "one post is fewer than two");
    drop(desk);
    let mut desk = Desk::open(fixture, channels(3));
    assert!(is_posted(&desk.say(None, &["#f", "#d"])), "the order is that before the restart");
    assert_eq!(desk.kept(&all), ["#a", "#d", "#f"]);
}

pub(super) fn a_channel_with_members_or_several_authors_stays<F: Fixture>(fixture: &mut F) {
    let all = ["#a", "#b", "#c", "#d", "#e"];
    let limits = Limits { channel_posts: 2, ..channels(3) };
    let mut desk = Desk::open(fixture, limits);
    let (bob, _) = desk.log_in("bob");
    let author = Some((bob, "bob"));
    // A channel that has members before it has a post is none that goes.
    desk.store.set_members(&channel("#a"), true);
    desk.fill(&["#a", "#b", "#c", "#c"]);
    assert!(is_posted(&desk.say(author, &["#b"])));
    desk.fill(&["#d"]);
    assert_eq!(desk.kept(&all), ["#a", "#b", "#d"]);
    drop(desk);
    let mut desk = Desk::open(fixture, limits);
    desk.store.set_members(&channel("#a"), true);
    desk.fill(&["#e"]);
    assert_eq!(desk.kept(&all), ["#a", "#b", "#e"]);
    // Only the posts count that a channel keeps: those of #b are now of one author.
    assert!(is_posted(&desk.say(author, &["#b"])));
    desk.fill(&["#e", "#e", "#d"]);
    assert_eq!(desk.kept(&all), ["#a", "#d", "#e"]);
}

pub(super) fn a_channel_with_several_authors_goes_after_thirty_days<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, channels(2));
    let (bob, _) = desk.log_in("bob");
    let author = Some((bob, "bob"));
    desk.now = Timestamp(PROTECTED_MS);
    desk.fill(&["#a", "#b"]);
    assert!(is_posted(&desk.say(author, &["#b"])));
    desk.now = Timestamp(PROTECTED_MS + 9);
    assert!(is_posted(&desk.say(author, &["#a"])));
    desk.now = Timestamp(2 * PROTECTED_MS);
    assert!(is_refused(&desk.say(None, &["#c"])));
    drop(desk);
    let mut desk = Desk::open(fixture, channels(2));
    desk.now = Timestamp(2 * PROTECTED_MS + 1);
    assert!(is_refused(&desk.say(None, &["#c", "#d"])), "only one may go");
    assert!(is_posted(&desk.say(None, &["#c"])));
    assert_eq!(desk.kept(&["#a", "#b", "#c"]), ["#a", "#c"]);
    // A clock that has gone back protects.
    desk.now = Timestamp(0);
    assert!(is_posted(&desk.say(author, &["#c"])));
    assert!(is_refused(&desk.say(None, &["#d"])));
}

pub(super) fn nothing_of_an_evicted_channel_comes_back<F: Fixture>(fixture: &mut F) {
    let limits = channels(3);
    let mut desk = Desk::open(fixture, limits);
    let tag = |number: u32| format!("#t{number}");
    for number in 0..300 {
        let posts = 1 + number % 3;
        let new = tag(number);
        desk.group((0..posts).map(|_| post(None, &[&new], &new)));
        for old in (0..=number).map(tag) {
            let said = desk.timeline(&old);
            assert!(said.iter().all(|said| *said == format!("@board: {old}")), "{old}: {said:?}");
        }
        if number % 40 == 7 {
            drop(desk);
            desk = Desk::open(fixture, limits);
        }
    }
    let kept: Vec<_> = (0..300).map(tag).filter(|tag| !desk.timeline(tag).is_empty()).collect();
    assert!(kept.len() <= 3, "{kept:?}");
}

pub(super) fn an_eviction_that_is_not_committed_leaves_the_channel<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, channels(1));
    desk.fill(&["#a"]);
    desk.submit(post(None, &["#b"], "hi"));
    drop(desk.job());
    drop(desk);
    let mut desk = Desk::open(fixture, channels(1));
    assert_eq!(desk.kept(&["#a", "#b"]), ["#a"]);
    desk.submit(post(None, &["#b"], "hi"));
    let job = desk.job();
    // Perhaps too late for the job.
    desk.store.set_members(&channel("#a"), true);
    desk.finish(job);
    assert_eq!(desk.take().len(), 1);
    assert_eq!(desk.kept(&["#a", "#b"]).len(), 1);
    assert!(is_posted(&desk.say(None, &["#a"])));
    assert_eq!(desk.kept(&["#a", "#b"]), ["#a"]);
}
