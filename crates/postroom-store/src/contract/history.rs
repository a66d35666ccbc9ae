//! Reading what channels keep, beside the calls.

use postroom_model::{Entry, PostId, Text};

use super::ids::stamp;
use super::live::{channel, post};
use super::{Desk, Fixture, limits, name};
use crate::{
    Call, HISTORY_ENTRIES_MAX, History as _, HistoryFrom, HistoryPage, HistoryQuery, HistoryRows,
    Limits, PAGE_BYTES, Store as _, Timestamp,
};

impl<F: Fixture> Desk<'_, F> {
    fn rows(&self, tag: &str, from: HistoryFrom, count: usize) -> HistoryRows {
        self.store.history(HistoryQuery { channel: channel(tag), from, count })
    }

    fn read(&mut self, rows: &HistoryRows) -> HistoryPage {
        let page = self.fixture.history(&self.store).page(rows).expect("it can be read");
        assert_eq!(page.damaged, []);
        page
    }

    pub(super) fn history(&mut self, tag: &str, from: HistoryFrom, count: usize) -> HistoryPage {
        let rows = self.rows(tag, from, count);
        self.read(&rows)
    }

    /// The texts of a page.
    fn texts(&mut self, tag: &str, from: HistoryFrom, count: usize) -> Vec<String> {
        texts(&self.history(tag, from, count))
    }

    /// The texts of all pages.
    pub(super) fn all(&mut self, tag: &str, from: HistoryFrom, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        let mut next = Some(from);
        while let Some(from) = next {
            let page = self.history(tag, from, count);
            assert!(page.entries.len() <= count, "{page:?}");
            all.extend(texts(&page));
            next = page.next;
        }
        all
    }

    /// Posts, each at another millisecond; returns the ids.
    fn say_all<const N: usize>(&mut self, posts: [(&[&str], &str); N]) -> [PostId; N] {
        posts.map(|(tags, words)| {
            self.now.0 += 1;
            stamp(&self.call(post(None, tags, words))).id
        })
    }
}

fn texts(page: &HistoryPage) -> Vec<String> {
    let text = |entry: &Entry| entry.content.text().map_or("(deleted)", Text::as_str).to_owned();
    page.entries.iter().map(text).collect()
}

pub(super) fn a_history_is_read_in_both_directions<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    assert_eq!(desk.texts("#a", HistoryFrom::Oldest, 9), [""; 0]);
    assert_eq!(desk.texts("#a", HistoryFrom::Latest, 9), [""; 0]);
    let (bob, _) = desk.log_in("Bob");
    desk.now = Timestamp(7);
    let one = stamp(&desk.call(post(Some((bob, "Bob")), &["#b", "#a"], "one")));
    desk.say_all([(&["#a"], "two"), (&["#b"], "other"), (&["#a"], "three")]);
    for _ in 0..2 {
        let forwards = ["one", "two", "three"];
        let backwards = ["three", "two", "one"];
        for count in [1, 2, 3, 4, 9] {
            assert_eq!(desk.all("#a", HistoryFrom::Oldest, count), forwards, "{count}");
            assert_eq!(desk.all("#a", HistoryFrom::Latest, count), backwards, "{count}");
        }
        assert_eq!(desk.all("#A", HistoryFrom::Latest, 1), backwards);
        let page = desk.history("#a", HistoryFrom::Oldest, 1);
        let [Entry { id, stored, author, .. }] = &page.entries[..] else {
            panic!("{page:?}");
        };
        assert_eq!((*id, *stored, author.to_string()), (one.id, one.stored, "Bob".to_owned()));
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
}

pub(super) fn a_page_begins_at_any_post_of_any_channel<F: Fixture>(fixture: &mut F) {
    use HistoryFrom::{After, At, Before};
    let mut desk = Desk::open(fixture, Limits { channel_posts: 4, ..limits(9) });
    let [one, two, three, four, five] = desk.say_all([
        (&["#a", "#b"], "one"),
        (&["#c", "#b", "#a"], "two"),
        (&["#b"], "three"),
        (&["#c", "#a"], "four"),
        (&["#a"], "five"),
    ]);
    for (from, expected) in [
        (At(two), &["two", "four", "five"][..]),
        (After(two), &["four", "five"]),
        (Before(two), &["one"]),
        (At(three), &["four", "five"]),
        (After(three), &["four", "five"]),
        (Before(three), &["two", "one"]),
        (Before(four), &["two", "one"]),
        (Before(five), &["four", "two", "one"]),
        (At(one), &["one", "two", "four", "five"]),
        (After(five), &[]),
        (After(PostId(u64::MAX)), &[]),
        (Before(PostId(u64::MAX)), &["five", "four", "two", "one"]),
        (Before(PostId(0)), &[]),
    ] {
        for count in [1, 2, 9] {
            assert_eq!(desk.all("#a", from, count), expected, "{from:?}");
        }
    }
    // The post is kept no longer.
    desk.say_all([(&["#a"], "six"), (&["#a"], "seven")]);
    assert_eq!(desk.all("#a", After(one), 2), ["four", "five", "six", "seven"]);
    assert_eq!(desk.all("#a", At(two), 2), ["four", "five", "six", "seven"]);
    assert_eq!(desk.all("#a", Before(two), 2), [""; 0]);
}

pub(super) fn a_page_has_as_many_entries_as_it_may<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let posts = HISTORY_ENTRIES_MAX + 5;
    desk.group((0..posts).map(|number| post(None, &["#a"], &number.to_string())));
    for from in [HistoryFrom::Oldest, HistoryFrom::Latest] {
        let page = desk.history("#a", from, usize::MAX);
        assert_eq!(page.entries.len(), HISTORY_ENTRIES_MAX);
        let page = desk.history("#a", page.next.expect("there are more"), usize::MAX);
        assert_eq!((page.entries.len(), page.next), (5, None));
        assert_eq!(desk.history("#a", from, 0).entries.len(), 1, "it goes on");
    }
    let words = "x".repeat(PAGE_BYTES / 2);
    desk.group((0..3).map(|_| post(None, &["#long"], &words)));
    for from in [HistoryFrom::Oldest, HistoryFrom::Latest] {
        let page = desk.history("#long", from, 9);
        assert_eq!(page.entries.len(), 2);
        let page = desk.history("#long", page.next.expect("one more"), 9);
        assert_eq!((page.entries.len(), page.next), (1, None));
    }
}

pub(super) fn what_is_removed_meanwhile_is_left_out<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    let by_bob = || post(Some((bob, "bob")), &["#a"], "by bob");
    desk.group([by_bob(), post(None, &["#a", "#b"], "one"), by_bob()]);
    let rows = desk.rows("#a", HistoryFrom::Oldest, 9);
    desk.call(Call::Delete { name: name("bob") });
    assert_eq!(texts(&desk.read(&rows)), ["one"]);
    while desk.store.sweep_due() == crate::SweepDue::Soon {
        desk.call(Call::Sweep { passed_ms: 0 });
    }
    assert_eq!(texts(&desk.read(&rows)), ["one"]);
    desk.call(Call::DeleteChannel { channel: channel("#a") });
    assert_eq!(texts(&desk.read(&rows)), [""; 0]);
    // The channel of before had another history.
    desk.say_all([(&["#a"], "new")]);
    assert_eq!(texts(&desk.read(&rows)), [""; 0]);
    assert_eq!(desk.all("#a", HistoryFrom::Oldest, 9), ["new"]);
    assert_eq!(desk.all("#b", HistoryFrom::Oldest, 9), ["one"]);
}

pub(super) fn what_is_not_committed_is_not_read<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    desk.say_all([(&["#a"], "one")]);
    desk.submit(post(None, &["#a", "#new"], "two"));
    for _ in 0..3 {
        desk.submit(post(None, &["#a"], "three"));
    }
    let job = desk.job();
    for from in [HistoryFrom::Oldest, HistoryFrom::Latest] {
        assert_eq!(desk.all("#a", from, 9), ["one"]);
        assert_eq!(desk.all("#new", from, 9), [""; 0]);
    }
    for count in 1..9 {
        // Who goes on from there misses none.
        assert_eq!(desk.history("#a", HistoryFrom::Oldest, count).next, None, "{count}");
    }
    desk.finish(job);
    desk.settle(4);
    assert_eq!(desk.all("#a", HistoryFrom::Oldest, 9), ["one", "two", "three", "three", "three"]);
    assert_eq!(desk.all("#new", HistoryFrom::Latest, 9), ["two"]);
    desk.submit(post(None, &["#a"], "lost"));
    drop(desk.job());
    assert_eq!(desk.all("#a", HistoryFrom::Latest, 1).len(), 5);
}

pub(super) fn a_history_begins_at_a_time<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let since = |desk: &mut Desk<'_, F>, time: u64| {
        let from = desk.fixture.history(&desk.store).first_at(Timestamp(time)).expect("it reads");
        let before = desk.all("#a", HistoryFrom::Before(from), 9);
        let mut all = desk.all("#a", HistoryFrom::At(from), 9);
        let since = all.clone();
        all.splice(0..0, before.into_iter().rev());
        assert_eq!(all, desk.all("#a", HistoryFrom::Oldest, 9), "a time cuts a history in two");
        since
    };
    assert_eq!(since(&mut desk, 5), [""; 0]);
    for (time, words) in [(10, "one"), (10, "two"), (20, "three"), (30, "four")] {
        desk.now = Timestamp(time);
        desk.call(post(None, &["#b", "#a"], words));
        desk.call(post(None, &["#b"], "beside"));
    }
    for (time, expected) in [
        (0, &["one", "two", "three", "four"][..]),
        (10, &["one", "two", "three", "four"]),
        (11, &["three", "four"]),
        (20, &["three", "four"]),
        (30, &["four"]),
        (31, &[]),
    ] {
        assert_eq!(since(&mut desk, time), expected, "{time}");
    }
    // The clock is set back: the history begins at one of the places where it may.
    desk.now = Timestamp(15);
    desk.call(post(None, &["#a"], "back"));
    for time in 0..40 {
        since(&mut desk, time);
    }
}
