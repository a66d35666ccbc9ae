//! What becomes too old.

use super::live::{is_posted, post};
use super::{Desk, Fixture, limits};
use crate::{
    AccountId, Call, EARLIEST, Limits, Outcome, Retention, SWEPT_MAX, Store as _, SweepDue, Swept,
    Timestamp,
};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn at(days: u64) -> Timestamp {
    Timestamp(EARLIEST.0 + days * DAY)
}

/// Messages grow too old after 30 days, posts after 10.
fn aging(mailbox_capacity: u32) -> Limits {
    let retention = Retention { messages_ms: Some(30 * DAY), posts_ms: Some(10 * DAY) };
    Limits { retention, ..limits(mailbox_capacity) }
}

impl<F: Fixture> Desk<'_, F> {
    fn sweep_once(&mut self, passed_ms: u64) -> Swept {
        match self.call(Call::Sweep { passed_ms }) {
            Outcome::Swept(swept) => swept,
            other => panic!("{other:?}"),
        }
    }

    /// Sweeps, `passed_ms` after the last time, until nothing is due soon; returns how many
    /// messages and posts are gone.
    fn expire(&mut self, passed_ms: u64) -> (u32, u32) {
        let Swept { mut messages, mut posts, .. } = self.sweep_once(passed_ms);
        while self.store.sweep_due() == SweepDue::Soon {
            let swept = self.sweep_once(0);
            messages += swept.messages;
            posts += swept.posts;
        }
        (messages, posts)
    }

    /// Leaves a message for `bob` and posts in `#a`, both at this time.
    fn write(&mut self, author: AccountId, now: Timestamp, words: &str) {
        self.now = now;
        let outcome = self.append(author, "bob", words);
        assert!(matches!(outcome, Outcome::Composed { .. }), "{outcome:?}");
        assert!(is_posted(&self.call(post(Some((author, "ann")), &["#a"], words))));
    }

    /// All that waits in a mailbox; it waits again.
    fn waiting(&mut self, account: AccountId) -> Vec<String> {
        let mut waiting = Vec::new();
        let leased: Vec<_> = std::iter::from_fn(|| self.lease(account)).collect();
        for (lease, text, _) in leased {
            waiting.push(text);
            self.give_back(lease);
        }
        waiting
    }
}

pub(super) fn what_is_too_old_goes_and_nothing_else<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, aging(9));
    let ((bob, _), (ann, _)) = (desk.log_in("bob"), desk.log_in("ann"));
    for day in [100, 115, 120] {
        desk.write(ann, at(day), &day.to_string());
    }
    assert_eq!(desk.expire(0), (0, 1));
    assert_eq!(desk.timeline("#a"), ["ann: 115", "ann: 120"]);
    assert_eq!(desk.waiting(bob), ["100", "115", "120"]);
    desk.now = at(131);
    assert_eq!(desk.expire(11 * DAY), (1, 2));
    for _ in 0..2 {
        assert_eq!(desk.store.sweep_due(), SweepDue::Later);
        assert_eq!(desk.expire(0), (0, 0));
        assert_eq!(desk.waiting(bob), ["115", "120"]);
        assert!(desk.timeline("#a").is_empty() && desk.latest("#a").is_none());
        drop(desk);
        desk = Desk::open(fixture, aging(9));
    }
    // Where nothing has an age, nothing grows too old.
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    desk.now = at(9_000);
    assert_eq!(desk.store.sweep_due(), SweepDue::Never);
    assert_eq!(desk.expire(9_000 * DAY), (0, 0));
    assert_eq!(desk.waiting(bob), ["115", "120"]);
}

pub(super) fn what_is_handed_out_is_not_too_old<F: Fixture>(fixture: &mut F) {
    let limits = Limits { mailbox_percent_of_sender: 50, ..aging(4) };
    let mut desk = Desk::open(fixture, limits);
    let ((bob, _), (ann, _)) = (desk.log_in("bob"), desk.log_in("ann"));
    desk.write(ann, at(100), "one");
    desk.write(ann, at(100), "two");
    let is_full = |outcome: &Outcome| matches!(outcome, Outcome::MailboxFull { .. });
    assert!(is_full(&desk.append(ann, "bob", "three")));
    let (lease, text, _) = desk.lease(bob).expect("two wait");
    assert_eq!(text, "one");
    desk.now = at(140);
    assert_eq!(desk.expire(40 * DAY), (1, 2));
    assert!(desk.lease(bob).is_none());
    // There is room again, for this sender too.
    let outcome = desk.append(ann, "bob", "three");
    assert!(matches!(outcome, Outcome::Composed { .. }), "{outcome:?}");
    assert!(is_full(&desk.append(ann, "bob", "four")), "one is handed out");
    desk.give_back(lease);
    assert_eq!(desk.waiting(bob), ["one", "three"]);
    assert_eq!(desk.expire(0), (1, 0));
    assert_eq!(desk.waiting(bob), ["three"]);
    let (lease, ..) = desk.lease(bob).expect("one waits");
    desk.confirm(lease);
    desk.now = at(200);
    assert_eq!(desk.expire(60 * DAY), (0, 0), "it is gone already");
}

pub(super) fn a_clock_that_jumps_takes_nothing_at_once<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, aging(9));
    let ((bob, _), (ann, _)) = (desk.log_in("bob"), desk.log_in("ann"));
    desk.write(ann, at(100), "one");
    assert_eq!(desk.expire(0), (0, 0));
    desk.now = at(4_000);
    assert_eq!(desk.sweep_once(0).behind_ms, 3_900 * DAY);
    // An hour of 60.
    assert_eq!(desk.expire(4 * HOUR), (0, 0));
    assert_eq!(desk.expire(HOUR), (0, 1));
    // Back again, and all is as it was.
    desk.now = at(1);
    assert_eq!(desk.expire(DAY), (0, 0));
    desk.now = at(101);
    assert_eq!(desk.expire(DAY), (0, 0));
    assert_eq!(desk.sweep_once(0).behind_ms, 0);
    assert_eq!(desk.waiting(bob), ["one"]);
    drop(desk);
    // After a start, time goes on from where it was.
    let mut desk = Desk::open(fixture, aging(9));
    desk.now = at(4_000);
    assert_eq!(desk.expire(0), (0, 0));
    assert_eq!(desk.expire(11 * HOUR), (0, 0));
    assert_eq!(desk.expire(HOUR), (1, 0));
}

pub(super) fn a_record_of_a_clock_that_was_ahead_makes_nothing_older_after_a_restart<F: Fixture>(
    fixture: &mut F,
) {
    let mut desk = Desk::open(fixture, aging(9));
    let ((bob, _), (ann, _)) = (desk.log_in("bob"), desk.log_in("ann"));
    desk.write(ann, at(100), "one");
    assert_eq!(desk.expire(0), (0, 0));
    desk.write(ann, at(4_000), "two");
    for _ in 0..2 {
        drop(desk);
        desk = Desk::open(fixture, aging(9));
        desk.now = at(4_000);
        assert!(desk.sweep_once(0).behind_ms >= 3_890 * DAY);
        assert_eq!(desk.expire(HOUR), (0, 0));
    }
    // The clock is set right, and everything has the time that it should have.
    desk.now = at(109);
    assert_eq!(desk.expire(DAY), (0, 0));
    assert_eq!(desk.waiting(bob), ["one", "two"]);
    desk.now = at(131);
    assert_eq!(desk.expire(22 * DAY), (1, 1));
    assert_eq!(desk.waiting(bob), ["two"]);
    assert_eq!(desk.timeline("#a"), ["ann: two"]);
}

pub(super) fn the_clock_of_the_retention_goes_on_over_restarts<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, aging(9));
    let (ann, _) = desk.log_in("ann");
    desk.write(ann, at(100), "one");
    assert_eq!(desk.expire(0), (0, 0));
    // Nothing is stored meanwhile. In twelve hours it gets 30 days further, but for what each
    // stop costs.
    let mut gone = (0, 0);
    for _ in 0..13 {
        drop(desk);
        desk = Desk::open(fixture, aging(9));
        desk.now = at(4_000);
        assert_eq!(desk.expire(0), (0, 0));
        let (messages, posts) = desk.expire(HOUR);
        gone = (gone.0 + messages, gone.1 + posts);
    }
    assert_eq!(gone, (1, 1));
}

pub(super) fn what_was_stored_while_the_clock_was_not_set_stays<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, aging(9));
    let ((bob, _), (ann, _)) = (desk.log_in("bob"), desk.log_in("ann"));
    desk.write(ann, Timestamp(HOUR), "one");
    desk.write(ann, at(100), "two");
    desk.now = at(200);
    let (first, then) = (desk.expire(0), desk.expire(100 * DAY));
    assert_eq!((first.0 + then.0, first.1 + then.1), (1, 1));
    drop(desk);
    let mut desk = Desk::open(fixture, aging(9));
    desk.now = at(300);
    assert_eq!(desk.expire(100 * DAY), (0, 0));
    assert_eq!(desk.waiting(bob), ["one"]);
    assert_eq!(desk.timeline("#a"), ["ann: one"]);
}

pub(super) fn a_sweep_removes_a_limited_number<F: Fixture>(fixture: &mut F) {
    /// Three times as many as a sweep may remove.
    const COUNT: u32 = 768;
    let mut desk = Desk::open(fixture, aging(2 * COUNT));
    let ((bob, _), (ann, _)) = (desk.log_in("bob"), desk.log_in("ann"));
    desk.now = at(100);
    desk.group((0..COUNT).map(|number| super::append(ann, "bob", &number.to_string())));
    desk.group((0..COUNT).map(|_| post(Some((ann, "ann")), &["#a"], "old")));
    desk.write(ann, at(139), "young");
    desk.now = at(140);
    let (mut messages, mut posts, mut sweeps) = (0, 0, 0);
    let mut passed_ms = DAY;
    loop {
        let swept = desk.sweep_once(passed_ms);
        assert!(swept.messages.max(swept.posts) as usize <= SWEPT_MAX, "{swept:?}");
        messages += swept.messages;
        posts += swept.posts;
        sweeps += 1;
        if messages == COUNT && posts == COUNT {
            break;
        }
        assert!(sweeps < 40, "{messages} messages and {posts} posts are gone");
        if sweeps % 3 == 2 {
            drop(desk);
            desk = Desk::open(fixture, aging(2 * COUNT));
            desk.now = at(140);
        }
        passed_ms = DAY / 60;
    }
    assert_eq!(desk.expire(0), (0, 0));
    assert_eq!(desk.waiting(bob), ["young"]);
    assert_eq!(desk.timeline("#a"), ["ann: young"]);
    // All are gone, and what comes then is not taken for what was.
    desk.now = at(200);
    assert_eq!(desk.expire(60 * DAY), (1, 1));
    drop(desk);
    let mut desk = Desk::open(fixture, aging(2 * COUNT));
    desk.write(ann, at(200), "new");
    drop(desk);
    let mut desk = Desk::open(fixture, aging(2 * COUNT));
    assert_eq!(desk.waiting(bob), ["new"]);
    assert_eq!(desk.timeline("#a"), ["ann: new"]);
}

pub(super) fn a_sweep_that_is_not_committed_leaves_what_is_too_old<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, aging(9));
    let ((bob, _), (ann, _)) = (desk.log_in("bob"), desk.log_in("ann"));
    desk.write(ann, at(100), "one");
    desk.write(ann, at(129), "two");
    assert_eq!(desk.expire(0), (0, 1));
    desk.now = at(131);
    desk.submit(Call::Sweep { passed_ms: 2 * DAY });
    drop(desk.job());
    drop(desk);
    let mut desk = Desk::open(fixture, aging(9));
    assert_eq!(desk.waiting(bob), ["one", "two"]);
    desk.now = at(131);
    assert_eq!(desk.expire(2 * DAY), (1, 0));
    assert_eq!(desk.waiting(bob), ["two"]);
}
