//! What a mailbox holds, and who gets it.

use postroom_model::Full;

use super::{Desk, Fixture, append, limits, name};
use crate::{Admits, Call, Key, Limits, Outcome};

pub(super) fn an_unknown_recipient_is_registered<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    let outcome = desk.append(bob, "carol", "hi");
    assert!(matches!(outcome, Outcome::Composed { registered: true, .. }), "{outcome:?}");
    let outcome = desk.append(bob, "Carol", "hi");
    assert!(matches!(outcome, Outcome::Composed { registered: false, .. }), "{outcome:?}");
    match desk.call(Call::Open {
        name: name("CAROL"),
        key: Key::None,
        admits: Admits::ALL,
        may_create: 1,
    }) {
        Outcome::Opened { name, registered: false, unread: 2, .. } => {
            assert_eq!(name.as_str(), "carol");
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn a_mailbox_never_holds_more_than_its_capacity<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(2));
    let (bob, _) = desk.log_in("bob");
    desk.append(bob, "bob", "one");
    desk.append(bob, "bob", "two");
    let is_full = |outcome: Outcome| matches!(outcome, Outcome::MailboxFull { capacity: 2, .. });
    assert!(is_full(desk.append(bob, "bob", "three")));
    let (lease, ..) = desk.lease(bob).expect("one waits");
    assert!(is_full(desk.append(bob, "bob", "three")), "a leased message counts");
    desk.confirm(lease);
    assert!(!is_full(desk.append(bob, "bob", "three")));
    drop(desk);
    let mut desk = Desk::open(fixture, limits(2));
    assert!(is_full(desk.append(bob, "bob", "four")), "after a restart too");
}

pub(super) fn a_sender_fills_no_more_of_a_mailbox_than_its_share<F: Fixture>(fixture: &mut F) {
    let limits = Limits { mailbox_percent_of_sender: 50, ..limits(5) };
    let is_full = |outcome: Outcome| matches!(outcome, Outcome::MailboxFull { capacity: 5, .. });
    let of = |outcome: &Outcome| match outcome {
        Outcome::MailboxFull { full, .. } => Some(*full),
        _ => None,
    };
    let mut desk = Desk::open(fixture, limits);
    let ((bob, _), (ann, _)) = (desk.log_in("bob"), desk.log_in("ann"));
    let full = desk.group((0..3).map(|_| append(bob, "ann", "hi")));
    assert_eq!(full.into_iter().map(is_full).collect::<Vec<_>>(), [false, false, true]);
    assert!(!is_full(desk.append(bob, "bob", "hi")), "another mailbox");
    assert!(!is_full(desk.append(ann, "ann", "hi")), "another sender");
    let (lease, _, _) = desk.lease(ann).expect("bob has written");
    let outcome = desk.append(bob, "ann", "hi");
    assert_eq!(of(&outcome), Some(Full::Share), "what is handed out counts");
    desk.call(Call::Return { leases: vec![lease] });
    drop(desk);
    let mut desk = Desk::open(fixture, limits);
    assert!(is_full(desk.append(bob, "ann", "hi")));
    let (lease, _, _) = desk.lease(ann).expect("bob has written");
    desk.call(Call::Confirm { leases: vec![lease] });
    let sent = desk.group((0..2).map(|_| append(bob, "ann", "hi")));
    assert_eq!(sent.into_iter().map(is_full).collect::<Vec<_>>(), [false, true]);
    // The mailbox itself is full after two more.
    assert!(!is_full(desk.append(ann, "ann", "hi")));
    let (carl, _) = desk.log_in("carl");
    assert!(!is_full(desk.append(carl, "ann", "hi")));
    assert_eq!(of(&desk.append(carl, "ann", "hi")), Some(Full::Mailbox));
    drop(desk);
    let small = Limits { mailbox_percent_of_sender: 1, ..limits };
    let mut desk = Desk::open(fixture, small);
    assert!(!is_full(desk.append(carl, "carl", "hi")), "one message at least");
    assert!(is_full(desk.append(carl, "carl", "hi")));
}

pub(super) fn a_message_is_leased_to_one_alone_and_earliest_first<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    for words in ["one", "two", "three"] {
        desk.append(bob, "bob", words);
    }
    let leases: Vec<_> = std::iter::from_fn(|| desk.lease(bob)).collect();
    let seen: Vec<_> = leases.iter().map(|(_, text, left)| (text.as_str(), *left)).collect();
    assert_eq!(seen, [("one", 2), ("two", 1), ("three", 0)]);
    assert_eq!(desk.log_in("bob").1, 3, "leased messages are unread");
}

pub(super) fn what_is_returned_waits_in_its_old_place<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    for words in ["one", "two", "three", "four"] {
        desk.append(bob, "bob", words);
    }
    let (one, ..) = desk.lease(bob).expect("one");
    let (two, ..) = desk.lease(bob).expect("two");
    let (three, ..) = desk.lease(bob).expect("three");
    desk.give_back(three);
    desk.give_back(one);
    desk.confirm(two);
    let order: Vec<_> =
        std::iter::from_fn(|| desk.lease(bob)).map(|(_lease, text, _)| text).collect();
    assert_eq!(order, ["one", "three", "four"]);
}

pub(super) fn what_is_confirmed_never_comes_back<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    for words in ["one", "two"] {
        desk.append(bob, "bob", words);
    }
    let (one, ..) = desk.lease(bob).expect("one");
    desk.confirm(one);
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    assert_eq!(desk.log_in("bob").1, 1);
    let (two, text, _) = desk.lease(bob).expect("two");
    assert_eq!(text, "two");
    desk.confirm(two);
    assert!(desk.lease(bob).is_none());
}

pub(super) fn what_was_only_leased_waits_again_after_a_restart<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    for words in ["one", "two"] {
        desk.append(bob, "bob", words);
    }
    let _lost = desk.lease(bob).expect("one");
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    let (_lease, text, _) = desk.lease(bob).expect("one again");
    assert_eq!(text, "one");
}

pub(super) fn a_group_sees_its_own_changes<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    let mut outcomes = desk.group([
        append(bob, "bob", "one"),
        append(bob, "bob", "two"),
        Call::Read { account: bob },
        append(bob, "new", "three"),
        Call::Open { name: name("new"), key: Key::None, admits: Admits::ALL, may_create: 1 },
        Call::Read { account: bob },
    ]);
    match &outcomes[4] {
        Outcome::Opened { registered: false, unread: 1, .. } => {}
        other => panic!("{other:?}"),
    }
    match (outcomes.pop(), outcomes.swap_remove(2)) {
        (Some(Outcome::Read { text: two, .. }), Outcome::Read { text: one, .. }) => {
            assert_eq!((one.as_str(), two.as_str()), ("one", "two"));
        }
        other => panic!("{other:?}"),
    }
}
