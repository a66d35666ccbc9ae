//! What holds while a group is being committed, and where it never is.

use std::collections::BTreeMap;

use postroom_model::{Position, PresenceKind};

use super::live::{channel, post};
use super::{Desk, Fixture, JobOf, append, limits, name, open};
use crate::{
    AccountId, Admits, Call, Completion, Key, Outcome, PasswordHash, PasswordOf, Store, Ticket,
    Timestamp,
};

impl<F: Fixture> Desk<'_, F> {
    /// The next job. A store across a network may have none at first.
    pub(super) fn job(&mut self) -> JobOf<F> {
        const TRIES: usize = 1_000;
        let next = || self.store.next_job(Timestamp(1));
        std::iter::repeat_with(next).take(TRIES).flatten().next().expect("a call waits for a job")
    }

    pub(super) fn take(&mut self) -> Vec<Completion> {
        let mut completions = Vec::new();
        self.store.take_completions(&mut completions);
        completions
    }

    /// Makes a call while a job is out, which it does not wait for.
    fn at_once(&mut self, call: Call) -> Outcome {
        let ticket = self.submit(call);
        let completions = self.take();
        let tickets: Vec<_> = completions.iter().map(|completion| completion.ticket).collect();
        assert_eq!(tickets, [ticket], "this call is answered, and no other");
        let outcome = completions.into_iter().find_map(Completion::into_outcome);
        outcome.expect("it is carried out")
    }

    fn unread_at_once(&mut self, account: AccountId) -> u32 {
        match self.at_once(Call::CountUnread { account }) {
            Outcome::Unread(count) => count,
            other => panic!("a count is answered by {other:?}"),
        }
    }

    /// Settles until so many calls are completed; their tickets, as they came.
    pub(super) fn settle(&mut self, count: usize) -> Vec<Ticket> {
        let mut completed = Vec::new();
        while completed.len() < count {
            self.run_jobs(&mut completed);
        }
        completed.iter().map(|completion| completion.ticket).collect()
    }

    /// Nothing is acknowledged, whatever is asked for.
    fn acknowledges_nothing(&mut self) {
        for _ in 0..10 {
            assert!(self.store.next_job(Timestamp(1)).is_none(), "its account is taken");
            assert!(self.take().is_empty());
        }
    }
}

pub(super) fn completions_keep_the_order_of_an_account_and_of_a_channel<F: Fixture>(
    fixture: &mut F,
) {
    let mut desk = Desk::open(fixture, limits(99));
    let (bob, _) = desk.log_in("bob");
    desk.log_in("ann");
    let mut submitted: BTreeMap<&str, Vec<Ticket>> = BTreeMap::new();
    for round in 0..10 {
        let words = round.to_string();
        let calls = [
            ("bob", append(bob, "bob", &words)),
            ("#a", post(None, &["#a"], &words)),
            ("ann", append(bob, "ann", &words)),
            ("bob", Call::Read { account: bob }),
            ("#b", post(None, &["#b"], &words)),
            ("#a", Call::Latest { channel: channel("#a"), reader: None }),
        ];
        for (subject, call) in calls {
            let ticket = desk.submit(call);
            submitted.entry(subject).or_default().push(ticket);
        }
    }
    let completed = desk.settle(60);
    for (subject, tickets) in submitted {
        let of_subject = completed.iter().copied().filter(|ticket| tickets.contains(ticket));
        assert_eq!(of_subject.collect::<Vec<_>>(), tickets, "{subject}");
    }
}

pub(super) fn what_comes_while_a_job_is_out_follows_it<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    let one = desk.submit(append(bob, "bob", "one"));
    let job = desk.job();
    let two = desk.submit(append(bob, "bob", "two"));
    assert!(desk.take().is_empty());
    desk.finish(job);
    assert_eq!(desk.settle(2), [one, two]);
    let texts = std::iter::from_fn(|| desk.lease(bob)).map(|(_lease, text, _)| text);
    assert_eq!(texts.collect::<Vec<_>>(), ["one", "two"]);
}

pub(super) fn counts_logins_and_presence_wait_for_no_job<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let ((bob, _), (ann, _)) = (desk.log_in("bob"), desk.log_in("ann"));
    desk.submit(append(bob, "bob", "one"));
    let job = desk.job();
    desk.submit(append(bob, "ann", "waits behind it"));
    assert_eq!(desk.unread_at_once(ann), 0);
    let opened = desk.at_once(open("ANN"));
    assert!(matches!(opened, Outcome::Opened { account, .. } if account == ann), "{opened:?}");
    let claimed = desk.at_once(Call::Claim { account: ann, kind: PresenceKind::Sole });
    let Outcome::Claimed { presence, active: 1, .. } = claimed else { panic!("{claimed:?}") };
    let present = desk.at_once(Call::ListPresent);
    assert!(matches!(&present, Outcome::Present(names) if **names == [name("ann")]), "{present:?}");
    let released = desk.at_once(Call::Release { presence });
    assert!(matches!(released, Outcome::Released { remains: false, .. }), "{released:?}");
    desk.finish(job);
    desk.settle(2);
}

pub(super) fn what_is_not_committed_does_not_show<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    desk.append(bob, "bob", "read");
    let (lease, ..) = desk.lease(bob).expect("it waits");
    for call in [append(bob, "bob", "one"), Call::Confirm { leases: vec![lease] }] {
        let before = desk.unread_at_once(bob);
        desk.submit(call);
        assert_eq!(desk.unread_at_once(bob), before, "a call that waits changes nothing");
        let job = desk.job();
        assert_eq!(desk.unread_at_once(bob), before, "nor does one in a job");
        let opened = desk.at_once(open("bob"));
        assert!(matches!(opened, Outcome::Opened { unread, .. } if unread == before), "{opened:?}");
        desk.finish(job);
        assert_eq!(desk.settle(1).len(), 1);
        assert_ne!(desk.unread_at_once(bob), before);
    }
    let registers = desk.submit(append(bob, "new", "hi"));
    let job = desk.job();
    let login = desk.submit(open("new"));
    assert!(desk.take().is_empty(), "the account does not exist yet");
    desk.finish(job);
    assert_eq!(desk.settle(2), [registers, login]);
}

pub(super) fn a_login_waits_for_the_password_that_is_being_set<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    desk.log_in("bob");
    let password = PasswordHash("$argon2id$new".into());
    let set = |password: &PasswordHash| Call::SetPassword {
        name: name("bob"),
        password: password.clone(),
        of: PasswordOf::Anyone,
    };
    let first = desk.submit(set(&password));
    let before_job = desk.submit(open("bob"));
    let job = desk.job();
    let during_job = desk.submit(open("bob"));
    assert!(desk.take().is_empty());
    desk.finish(job);
    assert_eq!(desk.settle(3), [first, before_job, during_job]);
    let locked = desk.group([set(&PasswordHash("$argon2id$newer".into())), open("bob")]).pop();
    assert!(
        matches!(&locked, Some(Outcome::Locked { password }) if &*password.0 == "$argon2id$newer"),
        "{locked:?}"
    );
    let opened = desk.call(Call::Open {
        name: name("bob"),
        key: Key::Verified(password),
        admits: Admits::ALL,
        may_create: 1,
    });
    assert!(matches!(opened, Outcome::Locked { .. }), "{opened:?}");
}

pub(super) fn a_job_that_never_ran_stored_and_acknowledged_nothing<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    desk.submit(append(bob, "bob", "lost"));
    drop(desk.job());
    desk.submit(append(bob, "bob", "waits for ever"));
    desk.acknowledges_nothing();
    assert_eq!(desk.unread_at_once(bob), 0);
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    assert_eq!(desk.log_in("bob"), (bob, 0));
    desk.append(bob, "bob", "after the restart");
    assert_eq!(desk.log_in("bob"), (bob, 1));
}

pub(super) fn a_job_whose_result_is_lost_acknowledged_nothing<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    desk.submit(append(bob, "bob", "perhaps"));
    desk.submit(post(None, &["#a"], "perhaps"));
    let job = desk.job();
    drop(desk.fixture.run(job));
    desk.submit(Call::Read { account: bob });
    for _ in 0..10 {
        while let Some(job) = desk.store.next_job(Timestamp(1)) {
            drop(job);
        }
        assert!(desk.take().is_empty());
    }
    assert_eq!(desk.unread_at_once(bob), 0);
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    let copies: Vec<_> =
        std::iter::from_fn(|| desk.lease(bob)).map(|(_lease, text, _)| text).collect();
    assert!(copies.is_empty() || copies == ["perhaps"], "{copies:?}");
    let timeline = Call::Timeline { channel: channel("#a"), from: Position(0), reader: None };
    match desk.call(timeline) {
        Outcome::Timeline(page) => assert!(page.entries.len() <= 1, "{page:?}"),
        other => panic!("{other:?}"),
    }
    desk.append(bob, "bob", "after the restart");
    assert_eq!(desk.lease(bob).map(|(_lease, text, _)| text).as_deref(), Some("after the restart"));
}
