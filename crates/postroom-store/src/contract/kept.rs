//! What accounts with a password have read and sent, and read again.

use postroom_model::MessageId;

use super::recipients::append_all;
use super::{Desk, Fixture, append, limits, name};
use crate::{
    AccountId, Call, EARLIEST, HISTORY_ENTRIES_MAX, History as _, HistoryFrom, KeepRead, KeptAs,
    KeptMessage, KeptPage, KeptQuery, KeptRows, Limits, NotKept, Outcome, PAGE_BYTES, SWEPT_MAX,
    Sender, Store as _, SweepDue, Timestamp,
};

pub(super) const DAY: u64 = 86_400_000;

pub(super) fn at(days: u64) -> Timestamp {
    Timestamp(EARLIEST.0 + days * DAY)
}

/// Accounts keep so many messages, for 30 days.
pub(super) fn keeping(messages_max: u32) -> Limits {
    let keep_read = Some(KeepRead { messages_max, age_ms: Some(30 * DAY) });
    Limits { keep_read, ..limits(9) }
}

impl<F: Fixture> Desk<'_, F> {
    fn kept_rows(&self, account: AccountId) -> KeptRows {
        let query = KeptQuery { account, from: HistoryFrom::Oldest, count: usize::MAX };
        self.store.kept(query).expect("it keeps what it reads")
    }

    fn read_kept(&mut self, rows: &KeptRows) -> KeptPage {
        let page = self.fixture.history(&self.store).kept(rows).expect("it can be read");
        assert_eq!(page.damaged, []);
        page
    }

    fn kept_page(
        &mut self,
        account: AccountId,
        from: HistoryFrom<MessageId>,
        count: usize,
    ) -> Result<KeptPage, NotKept> {
        let rows = self.store.kept(KeptQuery { account, from, count })?;
        Ok(self.read_kept(&rows))
    }

    /// What an account keeps from somewhere on, read in pages of so many.
    fn kept_from(
        &mut self,
        account: AccountId,
        from: HistoryFrom<MessageId>,
        count: usize,
    ) -> Result<Vec<String>, NotKept> {
        let mut all = Vec::new();
        let mut next = Some(from);
        while let Some(from) = next {
            let page = self.kept_page(account, from, count)?;
            assert!(page.messages.len() <= count, "{page:?}");
            all.extend(page.messages.iter().map(shown));
            next = page.next;
        }
        Ok(all)
    }

    /// What an account keeps, the oldest first.
    pub(super) fn kept_mail(&mut self, account: AccountId) -> Result<Vec<String>, NotKept> {
        self.kept_from(account, HistoryFrom::Oldest, HISTORY_ENTRIES_MAX)
    }

    pub(super) fn send(
        &mut self,
        sender: impl Into<Sender>,
        recipient: &str,
        words: &str,
    ) -> MessageId {
        match self.append(sender, recipient, words) {
            Outcome::Composed { id, .. } => id,
            other => panic!("{other:?}"),
        }
    }

    /// Reads the earliest messages of an account, and confirms them together.
    fn read_out(&mut self, account: AccountId, count: usize) {
        let leases = (0..count).map(|_| self.lease(account).expect("it is unread").0).collect();
        let outcome = self.call(Call::Confirm { leases });
        assert!(matches!(outcome, Outcome::Confirmed), "{outcome:?}");
    }

    pub(super) fn unread_of(&mut self, account: AccountId) -> u32 {
        match self.call(Call::CountUnread { account }) {
            Outcome::Unread(unread) => unread,
            other => panic!("{other:?}"),
        }
    }

    /// Sweeps, `passed_ms` after the last time, until nothing is due soon; returns how many
    /// messages are kept no longer for their age.
    pub(super) fn expire_kept(&mut self, passed_ms: u64) -> u32 {
        let (mut gone, mut passed_ms) = (0, passed_ms);
        loop {
            match self.call(Call::Sweep { passed_ms }) {
                Outcome::Swept(swept) => gone += swept.kept,
                other => panic!("{other:?}"),
            }
            passed_ms = 0;
            if self.store.sweep_due() != SweepDue::Soon {
                return gone;
            }
        }
    }

    fn delete_account(&mut self, spelling: &str) {
        let outcome = self.call(Call::Delete { name: name(spelling) });
        assert!(matches!(outcome, Outcome::Deleted { .. }), "{outcome:?}");
    }
}

/// A message, with whom it was exchanged.
fn shown(KeptMessage { kept, other, text, .. }: &KeptMessage) -> String {
    match kept {
        KeptAs::Received => format!("{other}: {}", text.as_str()),
        KeptAs::Sent => format!("to {other}: {}", text.as_str()),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with answers")]
fn kept<const N: usize>(expected: [&str; N]) -> Result<Vec<String>, NotKept> {
    Ok(expected.map(str::to_owned).into())
}

pub(super) fn what_was_read_and_sent_is_read_again_in_both_directions<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, keeping(9));
    let (ann, bob) = (desk.author("ann"), desk.author("Bob"));
    assert_eq!(desk.kept_mail(ann), kept([]));
    desk.now = Timestamp(7);
    let one = desk.send(bob, "ann", "one");
    desk.send(Sender::Web, "ann", "two");
    desk.send(ann, "ann", "three");
    let four = desk.send(ann, "bob", "four");
    assert_eq!(desk.kept_mail(ann), kept(["to Bob: four"]), "what is unread is not read");
    desk.read_out(ann, 3);
    let all = ["Bob: one", "@web: two", "ann: three", "to Bob: four"];
    let mut backwards = all;
    backwards.reverse();
    for _ in 0..2 {
        for count in [1, 2, 3, 4, 9] {
            assert_eq!(desk.kept_from(ann, HistoryFrom::Oldest, count), kept(all), "{count}");
            assert_eq!(desk.kept_from(ann, HistoryFrom::Latest, count), kept(backwards), "{count}");
        }
        let page = desk.kept_page(ann, HistoryFrom::Latest, 1).expect("it is kept");
        let [KeptMessage { id, stored, .. }] = page.messages[..] else { panic!("{page:?}") };
        assert_eq!((id, stored), (four, Timestamp(7)));
        assert_eq!(desk.kept_mail(bob), kept(["to ann: one"]), "he has not read it");
        for (from, expected) in [
            (HistoryFrom::At(one), &all[..]),
            (HistoryFrom::After(one), &all[1..]),
            (HistoryFrom::Before(four), &backwards[1..]),
            (HistoryFrom::Before(one), &[]),
            (HistoryFrom::After(four), &[]),
            (HistoryFrom::After(MessageId(u64::MAX)), &[]),
            (HistoryFrom::Before(MessageId(u64::MAX)), &backwards),
            (HistoryFrom::Before(MessageId(0)), &[]),
        ] {
            let expected = expected.iter().copied().map(str::to_owned).collect();
            assert_eq!(desk.kept_from(ann, from, 2), Ok(expected), "{from:?}");
        }
        drop(desk);
        desk = Desk::open(fixture, keeping(9));
    }
    // Under the name that it has now, and nothing of it is unread.
    desk.call(Call::Rename { from: name("bob"), to: name("eve") });
    assert_eq!(desk.kept_mail(ann), kept(["eve: one", "@web: two", "ann: three", "to eve: four"]));
    assert_eq!((desk.unread_of(ann), desk.unread_of(bob)), (0, 1));
}

pub(super) fn what_is_kept_takes_no_room_in_a_mailbox<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, Limits { mailbox_capacity: 2, ..keeping(99) });
    let (ann, bob) = (desk.author("ann"), desk.author("bob"));
    for _ in 0..5 {
        desk.send(ann, "bob", "one");
        desk.send(ann, "bob", "two");
        let outcome = desk.append(ann, "bob", "three");
        assert!(matches!(outcome, Outcome::MailboxFull { .. }), "{outcome:?}");
        desk.read_out(bob, 2);
    }
    assert_eq!(desk.store.usage().unread, 0);
    for account in [ann, bob] {
        assert_eq!(desk.kept_mail(account).map(|all| all.len()), Ok(10), "no more than was stored");
    }
}

pub(super) fn nothing_is_kept_unless_the_operator_says_so<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (ann, bob) = (desk.author("ann"), desk.author("bob"));
    desk.send(ann, "bob", "one");
    desk.read_out(bob, 1);
    desk.send(ann, "bob", "two");
    for account in [ann, bob] {
        assert_eq!(desk.kept_mail(account), Err(NotKept::Off));
    }
    assert_eq!(desk.store.sweep_due(), SweepDue::Never);
    drop(desk);
    // From now on.
    let mut desk = Desk::open(fixture, keeping(9));
    assert_eq!((desk.kept_mail(ann), desk.kept_mail(bob)), (kept([]), kept([])));
    desk.read_out(bob, 1);
    desk.send(bob, "ann", "three");
    assert_eq!(desk.kept_mail(bob), kept(["ann: two", "to ann: three"]));
    assert_eq!(desk.kept_mail(ann), kept([]), "it was sent before");
    drop(desk);
    // No longer, and it never comes back; what is unread stays.
    let mut desk = Desk::open(fixture, limits(9));
    assert_eq!(desk.kept_mail(bob), Err(NotKept::Off));
    desk.expire_kept(0);
    assert_eq!(desk.store.sweep_due(), SweepDue::Never);
    drop(desk);
    let mut desk = Desk::open(fixture, keeping(9));
    assert_eq!((desk.kept_mail(ann), desk.kept_mail(bob)), (kept([]), kept([])));
    desk.read_out(ann, 1);
    assert_eq!(desk.kept_mail(ann), kept(["bob: three"]));
}

pub(super) fn an_account_without_a_password_keeps_nothing<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, keeping(9));
    let (ann, (bob, _)) = (desk.author("ann"), desk.log_in("bob"));
    desk.send(ann, "bob", "one");
    desk.send(bob, "ann", "two");
    desk.read_out(bob, 1);
    desk.read_out(ann, 1);
    assert_eq!(desk.kept_mail(ann), kept(["to bob: one", "bob: two"]));
    assert_eq!(desk.kept_mail(bob), Err(NotKept::HasNoPassword));
    // What is read and sent from now on.
    desk.author("bob");
    assert_eq!(desk.kept_mail(bob), kept([]));
    desk.send(ann, "bob", "three");
    desk.read_out(bob, 1);
    desk.send(bob, "ann", "four");
    // While anyone can log in, nobody reads it, and nothing is added.
    let outcome = desk.call(Call::RemovePassword { name: name("bob") });
    assert!(matches!(outcome, Outcome::PasswordRemoved { .. }), "{outcome:?}");
    for _ in 0..2 {
        assert_eq!(desk.kept_mail(bob), Err(NotKept::HasNoPassword));
        drop(desk);
        desk = Desk::open(fixture, keeping(9));
    }
    desk.send(ann, "bob", "five");
    desk.send(bob, "ann", "six");
    desk.read_out(bob, 1);
    desk.author("bob");
    for _ in 0..2 {
        assert_eq!(desk.kept_mail(bob), kept(["ann: three", "to ann: four"]));
        drop(desk);
        desk = Desk::open(fixture, keeping(9));
    }
}

pub(super) fn what_was_only_handed_out_is_not_kept<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, keeping(9));
    let bob = desk.author("bob");
    desk.send(Sender::Web, "bob", "one");
    let (lease, ..) = desk.lease(bob).expect("it is unread");
    assert_eq!(desk.kept_mail(bob), kept([]));
    desk.give_back(lease);
    assert_eq!(desk.kept_mail(bob), kept([]));
    let _lease = desk.lease(bob).expect("it is unread again");
    drop(desk);
    let mut desk = Desk::open(fixture, keeping(9));
    assert_eq!(desk.kept_mail(bob), kept([]));
    desk.read_out(bob, 1);
    assert_eq!(desk.kept_mail(bob), kept(["@web: one"]));
}

pub(super) fn an_account_keeps_the_latest_alone<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, keeping(3));
    let (ann, bob) = (desk.author("ann"), desk.author("bob"));
    desk.send(bob, "ann", "early");
    for words in ["one", "two", "three", "four"] {
        desk.send(ann, "bob", words);
        desk.read_out(bob, 1);
    }
    for _ in 0..2 {
        assert_eq!(desk.kept_mail(ann), kept(["to bob: two", "to bob: three", "to bob: four"]));
        assert_eq!(desk.kept_mail(bob), kept(["ann: two", "ann: three", "ann: four"]));
        drop(desk);
        desk = Desk::open(fixture, keeping(3));
    }
    // By when they were stored: this one is read late.
    desk.read_out(ann, 1);
    assert_eq!(desk.kept_mail(ann), kept(["to bob: two", "to bob: three", "to bob: four"]));
    drop(desk);
    let mut desk = Desk::open(fixture, keeping(1));
    assert_eq!(
        (desk.kept_mail(ann), desk.kept_mail(bob)),
        (kept(["to bob: four"]), kept(["ann: four"]))
    );
    desk.expire_kept(0);
    drop(desk);
    let mut desk = Desk::open(fixture, keeping(9));
    assert_eq!(
        (desk.kept_mail(ann), desk.kept_mail(bob)),
        (kept(["to bob: four"]), kept(["ann: four"]))
    );
}

pub(super) fn what_is_kept_goes_when_it_is_too_old<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, keeping(9));
    let (ann, bob) = (desk.author("ann"), desk.author("bob"));
    for day in [100, 115, 120] {
        desk.now = at(day);
        desk.send(ann, "bob", &day.to_string());
        desk.send(ann, "bob", "unread");
    }
    desk.read_out(bob, 1);
    assert_eq!(desk.expire_kept(0), 0);
    desk.now = at(131);
    assert_eq!(desk.expire_kept(11 * DAY), 3, "of ann two, of bob one");
    for _ in 0..2 {
        assert_eq!(desk.store.sweep_due(), SweepDue::Later);
        assert_eq!(desk.expire_kept(0), 0);
        let of_ann = ["to bob: 115", "to bob: unread", "to bob: 120", "to bob: unread"];
        assert_eq!((desk.kept_mail(ann), desk.kept_mail(bob)), (kept(of_ann), kept([])));
        drop(desk);
        desk = Desk::open(fixture, keeping(9));
        desk.now = at(131);
    }
    // It is too old already when it is read, and what is unread grows no older.
    desk.read_out(bob, 1);
    assert_eq!(desk.kept_mail(bob), kept(["ann: unread"]));
    assert_eq!(desk.expire_kept(0), 1);
    assert_eq!(desk.kept_mail(bob), kept([]));
    desk.now = at(900);
    assert_eq!(desk.expire_kept(900 * DAY), 4);
    assert_eq!((desk.kept_mail(ann), desk.kept_mail(bob)), (kept([]), kept([])));
    assert_eq!(desk.unread_of(bob), 4);
}

pub(super) fn a_sweep_gives_up_a_limited_number<F: Fixture>(fixture: &mut F) {
    /// Three times as many as a sweep may give up.
    const COUNT: u32 = 768;
    let limits = || Limits { mailbox_capacity: COUNT, ..keeping(2 * COUNT) };
    let mut desk = Desk::open(fixture, limits());
    let (ann, bob) = (desk.author("ann"), desk.author("bob"));
    desk.now = at(100);
    desk.group((0..COUNT).map(|number| append(ann, "bob", &number.to_string())));
    desk.read_out(bob, COUNT as usize);
    desk.now = at(139);
    desk.send(bob, "ann", "young");
    desk.now = at(140);
    let (mut gone, mut sweeps, mut passed_ms) = (0, 0, DAY);
    while gone < 2 * COUNT {
        let outcome = desk.call(Call::Sweep { passed_ms });
        let Outcome::Swept(swept) = outcome else { panic!("{outcome:?}") };
        assert!(swept.kept as usize <= 2 * SWEPT_MAX, "{swept:?}");
        gone += swept.kept;
        sweeps += 1;
        assert!(sweeps < 40, "{gone} are gone");
        if sweeps % 3 == 2 {
            drop(desk);
            desk = Desk::open(fixture, limits());
            desk.now = at(140);
        }
        passed_ms = DAY / 60;
    }
    assert_eq!(desk.expire_kept(0), 0);
    assert_eq!((desk.kept_mail(ann), desk.kept_mail(bob)), (kept([]), kept(["to ann: young"])));
}

/// What an account keeps is its own: it goes with it, and not with another one.
pub(super) fn what_a_deleted_account_has_kept_goes_with_it_alone<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, keeping(9));
    let (ann, bob) = (desk.author("ann"), desk.author("bob"));
    for words in ["read", "unread"] {
        desk.send(ann, "bob", words);
        desk.send(bob, "ann", words);
    }
    desk.read_out(bob, 1);
    desk.read_out(ann, 1);
    let rows = desk.kept_rows(bob);
    desk.delete_account("bob");
    assert_eq!(desk.kept_mail(bob), Err(NotKept::HasNoPassword));
    assert_eq!(desk.read_kept(&rows).messages, [], "it was removed meanwhile");
    for round in 0..4 {
        assert_eq!(desk.kept_mail(ann), kept(["to bob: read", "bob: read", "to bob: unread"]));
        if round == 1 {
            desk.expire_kept(0);
        }
        drop(desk);
        desk = Desk::open(fixture, keeping(9));
    }
    // Neither the name nor the place of the account brings anything back.
    desk.call(Call::ReleaseName { name: name("bob") });
    let (again, unread) = desk.log_in("bob");
    desk.author("bob");
    assert_eq!((desk.kept_mail(again), unread), (kept([]), 0));
    desk.read_out(ann, 1);
    assert_eq!(desk.kept_mail(ann).map(|all| all.len()), Ok(4), "of the first one, still");
    desk.delete_account("ann");
    for _ in 0..3 {
        assert_eq!(desk.kept_mail(ann), Err(NotKept::HasNoPassword));
        assert_eq!(desk.kept_mail(again), kept([]));
        desk.expire_kept(0);
        drop(desk);
        desk = Desk::open(fixture, keeping(9));
    }
}

pub(super) fn what_is_kept_protects_its_accounts_from_eviction<F: Fixture>(fixture: &mut F) {
    let limits = || Limits { accounts_max: 2, ..keeping(9) };
    let mut desk = Desk::open(fixture, limits());
    let (ann, (bob, _)) = (desk.author("ann"), desk.log_in("bob"));
    desk.send(ann, "bob", "one");
    desk.send(bob, "ann", "two");
    desk.read_out(bob, 1);
    desk.read_out(ann, 1);
    for _ in 0..2 {
        let outcome = desk.call(super::open("eve"));
        assert!(matches!(outcome, Outcome::TooManyAccounts), "{outcome:?}");
        assert_eq!(desk.kept_mail(ann), kept(["to bob: one", "bob: two"]));
        drop(desk);
        desk = Desk::open(fixture, limits());
    }
}

pub(super) fn a_refused_message_is_not_kept<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, Limits { mailbox_capacity: 1, ..keeping(9) });
    let (ann, _) = (desk.author("ann"), desk.author("bob"));
    desk.send(ann, "bob", "one");
    let all = |to: &[&str]| append_all(ann, to, "all", 9);
    desk.group([all(&["cat", "eve", "bob"]), all(&["cat", "dan"])]);
    for _ in 0..2 {
        assert_eq!(desk.kept_mail(ann), kept(["to bob: one", "to cat: all", "to dan: all"]));
        drop(desk);
        desk = Desk::open(fixture, keeping(9));
    }
}

pub(super) fn a_page_of_what_is_kept_has_a_limited_length<F: Fixture>(fixture: &mut F) {
    let many = HISTORY_ENTRIES_MAX + 5;
    let mut desk = Desk::open(fixture, Limits { mailbox_capacity: 999, ..keeping(999) });
    let (ann, bob) = (desk.author("ann"), desk.author("bob"));
    desk.group((0..many).map(|number| append(ann, "bob", &number.to_string())));
    let words = "x".repeat(PAGE_BYTES / 2);
    desk.group((0..3).map(|_| append(bob, "ann", &words)));
    desk.read_out(ann, 3);
    for from in [HistoryFrom::Oldest, HistoryFrom::Latest] {
        let page = desk.kept_page(bob, from, 9).expect("it keeps");
        assert_eq!(page.messages.len(), 2);
        let page = desk.kept_page(bob, page.next.expect("one more"), 9).expect("it keeps");
        assert_eq!((page.messages.len(), page.next), (1, None));
        assert_eq!(desk.kept_page(bob, from, 0).expect("it keeps").messages.len(), 1);
    }
    let page = desk.kept_page(ann, HistoryFrom::Oldest, usize::MAX).expect("it keeps");
    assert_eq!(page.messages.len(), HISTORY_ENTRIES_MAX);
    let next = page.next.expect("there are more");
    let page = desk.kept_page(ann, next, usize::MAX).expect("it keeps");
    assert_eq!(page.messages.len(), 7, "five short ones, and long ones as far as a page goes");
}

pub(super) fn what_is_kept_begins_at_a_time<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, keeping(9));
    let (ann, bob) = (desk.author("ann"), desk.author("bob"));
    for time in [10, 20, 20, 30] {
        desk.now = Timestamp(time);
        desk.send(ann, "bob", &time.to_string());
    }
    desk.read_out(bob, 4);
    for (time, count) in [(0, 4), (10, 4), (11, 3), (20, 3), (21, 1), (30, 1), (31, 0)] {
        let mut history = desk.fixture.history(&desk.store);
        let from = history.first_message_at(Timestamp(time)).expect("it can be read");
        let found = desk.kept_from(bob, HistoryFrom::At(from), 2);
        assert_eq!(found.map(|all| all.len()), Ok(count), "{time}");
    }
}

pub(super) fn what_is_not_committed_is_not_kept<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, keeping(9));
    let (ann, bob) = (desk.author("ann"), desk.author("bob"));
    desk.send(ann, "bob", "one");
    let (lease, ..) = desk.lease(bob).expect("it is unread");
    desk.submit(Call::Confirm { leases: vec![lease] });
    desk.submit(append(ann, "bob", "two"));
    let job = desk.job();
    assert_eq!((desk.kept_mail(ann), desk.kept_mail(bob)), (kept(["to bob: one"]), kept([])));
    desk.finish(job);
    let mut completed = Vec::new();
    while completed.len() < 2 {
        desk.run_jobs(&mut completed);
    }
    let of_ann = ["to bob: one", "to bob: two"];
    assert_eq!((desk.kept_mail(ann), desk.kept_mail(bob)), (kept(of_ann), kept(["ann: one"])));
    desk.submit(append(ann, "bob", "three"));
    desk.submit(Call::Delete { name: name("bob") });
    drop(desk.job());
    drop(desk);
    let mut desk = Desk::open(fixture, keeping(9));
    assert_eq!((desk.kept_mail(ann), desk.kept_mail(bob)), (kept(of_ann), kept(["ann: one"])));
}
