//! Requests with a key: however often they come, they are carried out once.

use postroom_model::{KeyRefusal, MessageId, PostId, Recipients, Repeated, Text, Unknown};

use super::live::{channel, is_posted, post};
use super::{Desk, Fixture, append, limits, name};
use crate::{AccountId, Call, Fingerprint, KEY_KEPT_MS, Limits, Outcome, Timestamp};

/// A call with a key; its content is whatever number says that.
fn once(account: AccountId, key: u64, content: u64, call: Call) -> Call {
    Call::Once { account, fingerprint: Fingerprint { key, content }, call: Box::new(call) }
}

fn message(account: AccountId, key: u64, to: &str) -> Call {
    once(account, key, 1, append(account, to, &key.to_string()))
}

fn message_id(outcome: &Outcome) -> (MessageId, Timestamp) {
    match outcome {
        Outcome::Composed { id, stored, .. } => (*id, *stored),
        other => panic!("it is stored, not {other:?}"),
    }
}

fn repeated(outcome: &Outcome) -> (MessageId, Timestamp) {
    match outcome {
        Outcome::Repeated(Repeated::Composed(composed)) => {
            assert!(!composed.registered);
            (composed.id, composed.stored)
        }
        other => panic!("it is a repeat, not {other:?}"),
    }
}

fn is_repeated(outcome: &Outcome) {
    let (MessageId(id), _) = repeated(outcome);
    assert_ne!(id, 0);
}

fn is_refused(outcome: &Outcome, why: KeyRefusal) -> bool {
    matches!(outcome, Outcome::KeyRefused(refusal) if *refusal == why)
}

impl<F: Fixture> Desk<'_, F> {
    fn unread(&mut self, account: AccountId) -> u32 {
        match self.call(Call::CountUnread { account }) {
            Outcome::Unread(count) => count,
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn what_is_repeated_is_stored_once<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("Bob");
    desk.now = Timestamp(7);
    let outcomes = desk.group([message(bob, 1, "bob"), message(bob, 1, "BOB")]);
    let first = message_id(&outcomes[0]);
    assert_eq!(repeated(&outcomes[1]), first, "in the same group");
    desk.now = Timestamp(9);
    match desk.call(message(bob, 1, "bob")) {
        Outcome::Repeated(Repeated::Composed(of)) => assert_eq!(of.recipient.as_str(), "Bob"),
        other => panic!("{other:?}"),
    }
    // Once it is read, too, and after a restart.
    assert_eq!(desk.unread(bob), 1);
    let (lease, ..) = desk.lease(bob).expect("it is there");
    desk.confirm(lease);
    for _ in 0..2 {
        assert_eq!(repeated(&desk.call(message(bob, 1, "bob"))), first);
        assert_eq!(desk.unread(bob), 0);
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    assert_ne!(message_id(&desk.call(message(bob, 2, "bob"))), first, "another key");
}

pub(super) fn several_messages_and_posts_are_repeated_as_they_were<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    desk.now = Timestamp(7);
    let all = |desk: &mut Desk<'_, F>| {
        let recipients = Recipients::new(["ann", "eve", "carl"].map(name)).expect("they are");
        let (text, unknown) = (Text::default(), Unknown::Register);
        let sender = bob.into();
        let all = Call::ComposeAll { sender, recipients, text, unknown, may_create: 9 };
        let post = post(Some((bob, "bob")), &["#a", "#b"], "hi");
        desk.group([once(bob, 1, 1, all), once(bob, 2, 1, post)])
    };
    let first = all(&mut desk);
    let [Outcome::ComposedAll { sent, .. }, Outcome::Posted { stamp, .. }] = &first[..] else {
        panic!("{first:?}");
    };
    let ids: Vec<_> = sent.iter().map(|sent| (sent.id, sent.name.clone())).collect();
    for _ in 0..2 {
        desk.now = Timestamp(9);
        let second = all(&mut desk);
        let [Outcome::Repeated(Repeated::ComposedAll(again)), posted] = &second[..] else {
            panic!("{second:?}");
        };
        assert!(again.iter().all(|of| of.stored == Timestamp(7) && !of.registered), "{again:?}");
        let again: Vec<_> = again.iter().map(|of| (of.id, of.recipient.clone())).collect();
        assert_eq!(again, ids);
        match posted {
            Outcome::Repeated(Repeated::Posted(again)) => assert_eq!(again, stamp),
            other => panic!("{other:?}"),
        }
        assert_eq!(desk.timeline("#b"), ["bob: hi"]);
        assert_eq!(second[0].created() + second[1].created(), 0);
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    assert_ne!(stamp.id, PostId(0));
    let (eve, unread) = desk.log_in("eve");
    assert_eq!((eve, unread), (sent[1].recipient, 1));
}

pub(super) fn a_key_is_of_one_account_and_one_content<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    let (ann, _) = desk.log_in("ann");
    let other = |content| once(bob, 1, content, append(bob, "ann", "other"));
    let outcomes = desk.group([message(bob, 1, "ann"), other(2), message(ann, 1, "ann")]);
    assert!(is_refused(&outcomes[1], KeyRefusal::OtherRequest), "{outcomes:?}");
    assert_ne!(message_id(&outcomes[0]), message_id(&outcomes[2]));
    assert!(is_refused(&desk.call(other(3)), KeyRefusal::OtherRequest));
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    assert!(is_refused(&desk.call(other(2)), KeyRefusal::OtherRequest), "after a restart, too");
    assert_eq!(desk.unread(ann), 2);
}

pub(super) fn a_key_is_kept_for_a_day<F: Fixture>(fixture: &mut F) {
    let few = Limits { keys_of_account_max: 2, ..limits(9) };
    let mut desk = Desk::open(fixture, few);
    let (bob, _) = desk.log_in("bob");
    desk.now = Timestamp(1_000);
    let outcomes = desk.group([message(bob, 1, "bob"), message(bob, 2, "bob")]);
    let first = message_id(&outcomes[0]);
    for _ in 0..2 {
        desk.now = Timestamp(1_000 + KEY_KEPT_MS - 1);
        assert_eq!(repeated(&desk.call(message(bob, 1, "bob"))), first);
        drop(desk);
        desk = Desk::open(fixture, few);
    }
    desk.now = Timestamp(1_000 + KEY_KEPT_MS);
    // Those that have ended count for no limit.
    let outcomes = desk.group([message(bob, 3, "bob"), message(bob, 1, "bob")]);
    let second = message_id(&outcomes[1]);
    assert!(second.0 > first.0, "{outcomes:?}");
    let until = Timestamp(1_000 + 2 * KEY_KEPT_MS);
    assert!(is_refused(&desk.call(message(bob, 2, "bob")), KeyRefusal::TooMany { until }));
    assert_eq!(repeated(&desk.call(message(bob, 1, "bob"))), second);
    // While the clock is behind, what was used is still known; where a clock was far ahead, the
    // oldest makes room.
    desk.now = Timestamp(1_000);
    assert_eq!(repeated(&desk.call(message(bob, 1, "bob"))), second);
    message_id(&desk.call(message(bob, 4, "bob")));
    assert_eq!(repeated(&desk.call(message(bob, 1, "bob"))), second);
    assert!(message_id(&desk.call(message(bob, 3, "bob"))).0 > second.0);
    let until = Timestamp(1_000 + KEY_KEPT_MS);
    assert!(is_refused(&desk.call(message(bob, 1, "bob")), KeyRefusal::TooMany { until }));
}

pub(super) fn there_are_no_more_keys_than_allowed<F: Fixture>(fixture: &mut F) {
    let few = Limits { keys_of_account_max: 3, keys_max: 4, ..limits(9) };
    let mut desk = Desk::open(fixture, few);
    let accounts = ["bob", "ann", "eve"].map(|spelling| desk.log_in(spelling).0);
    let [bob, ann, eve] = accounts;
    let outcomes = desk.group((1..=4).map(|key| message(bob, key, "bob")));
    assert!(outcomes[..3].iter().all(|outcome| outcome.first_id().is_some()), "{outcomes:?}");
    let is_too_many =
        |outcome: &Outcome| matches!(outcome, Outcome::KeyRefused(KeyRefusal::TooMany { .. }));
    assert!(is_too_many(&outcomes[3]), "{outcomes:?}");
    message_id(&desk.call(message(ann, 1, "ann")));
    // The account with most loses its oldest.
    message_id(&desk.call(message(eve, 1, "eve")));
    for _ in 0..2 {
        let outcomes = desk.group([message(bob, 2, "bob"), message(bob, 3, "bob")]);
        outcomes.iter().for_each(is_repeated);
        let outcomes = desk.group([message(ann, 1, "ann"), message(eve, 1, "eve")]);
        outcomes.iter().for_each(is_repeated);
        drop(desk);
        desk = Desk::open(fixture, few);
    }
    message_id(&desk.call(message(bob, 1, "bob")));
    message_id(&desk.call(message(bob, 2, "bob")));
    is_repeated(&desk.call(message(ann, 1, "ann")));
}

pub(super) fn what_is_refused_leaves_no_key<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(1));
    let (bob, _) = desk.log_in("bob");
    desk.append(bob, "bob", "full");
    let outcomes = desk.group([message(bob, 1, "bob"), message(bob, 1, "bob")]);
    let is_full = |outcome: &Outcome| matches!(outcome, Outcome::MailboxFull { .. });
    assert!(outcomes.iter().all(is_full), "{outcomes:?}");
    let (lease, ..) = desk.lease(bob).expect("one is there");
    desk.confirm(lease);
    message_id(&desk.call(message(bob, 1, "bob")));
}

pub(super) fn a_key_that_is_not_committed_counts_for_nothing<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    desk.submit(message(bob, 1, "bob"));
    drop(desk.job());
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, unread) = desk.log_in("bob");
    assert_eq!(unread, 0);
    message_id(&desk.call(message(bob, 1, "bob")));
    // One that comes while the other is being stored waits for it.
    let first = desk.submit(message(bob, 2, "bob"));
    let job = desk.job();
    let second = desk.submit(message(bob, 2, "bob"));
    assert!(desk.take().is_empty());
    desk.finish(job);
    assert_eq!(desk.settle(2), [first, second]);
    assert_eq!(desk.unread(bob), 2);
}

/// An account that is evicted for a new one is there again if the new one is not registered.
pub(super) fn an_account_that_is_not_evicted_after_all_keeps_its_keys<F: Fixture>(fixture: &mut F) {
    let two = Limits { accounts_max: 2, ..limits(1) };
    let mut desk = Desk::open(fixture, two);
    let say = |bob| once(bob, 1, 1, post(Some((bob, "bob")), &["#a"], "hi"));
    let (bob, _) = desk.log_in("bob");
    let (ann, _) = desk.log_in("ann");
    desk.append(ann, "ann", "full");
    let Outcome::Posted { stamp, .. } = desk.call(say(bob)) else {
        panic!("it is posted");
    };
    // Nothing of bob's is left then but the key.
    desk.call(Call::DeleteChannel { channel: channel("#a") });
    desk.call(Call::Sweep { passed_ms: 0 });
    for round in 0..2 {
        drop(desk);
        desk = Desk::open(fixture, two);
        if round == 0 {
            let recipients = Recipients::new(["eve", "ann"].map(name)).expect("they are");
            let (text, unknown) = (Text::default(), Unknown::Register);
            let sender = ann.into();
            let all = Call::ComposeAll { sender, recipients, text, unknown, may_create: 9 };
            let outcome = desk.call(all);
            let is_of_ann = |outcome: &Outcome| {
                matches!(outcome, Outcome::NotComposedAll { recipient, .. }
                    if *recipient == name("ann"))
            };
            assert!(is_of_ann(&outcome), "eve was registered for a while, not {outcome:?}");
        }
        match desk.call(say(bob)) {
            Outcome::Repeated(Repeated::Posted(again)) => assert_eq!(again, stamp),
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn nobody_inherits_the_keys_of_another_account<F: Fixture>(fixture: &mut F) {
    let one = Limits { accounts_max: 1, ..limits(9) };
    let mut desk = Desk::open(fixture, one);
    let say =
        |account, spelling| once(account, 1, 1, post(Some((account, spelling)), &["#a"], "hi"));
    let (bob, _) = desk.log_in("bob");
    assert!(is_posted(&desk.call(say(bob, "bob"))));
    desk.call(Call::Delete { name: name("bob") });
    desk.call(Call::Sweep { passed_ms: 0 });
    drop(desk);
    let mut desk = Desk::open(fixture, one);
    let (eve, _) = desk.log_in("eve");
    assert!(is_posted(&desk.call(say(eve, "eve"))));
    assert_eq!(desk.timeline("#a"), ["eve: hi"]);
}
