//! What becomes of accounts that are deleted, and of their names.

use postroom_model::Unknown;

use super::{Desk, Fixture, LIST_ACCOUNTS, append, limits, name, open};
use crate::{
    AccountId, AccountRef, AccountSummary, Admits, Call, Key, Limits, Outcome, PasswordHash,
    PasswordOf, Standing, Store as _,
};

fn delete(spelling: &str) -> Call {
    Call::Delete { name: name(spelling) }
}

fn release(spelling: &str) -> Call {
    Call::ReleaseName { name: name(spelling) }
}

fn set_password(spelling: &str) -> Call {
    Call::SetPassword {
        name: name(spelling),
        password: PasswordHash("$argon2id$x".into()),
        of: PasswordOf::Anyone,
    }
}

fn block(account: AccountId, sender: &str) -> Call {
    Call::Block { account: AccountRef::Id(account), sender: name(sender), is_blocked: true }
}

fn is_reserved(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::NameReserved)
}

impl<F: Fixture> Desk<'_, F> {
    fn accounts(&mut self) -> Vec<AccountSummary> {
        match self.call(LIST_ACCOUNTS) {
            Outcome::Accounts { accounts, .. } => accounts,
            other => panic!("{other:?}"),
        }
    }

    fn standings(&mut self) -> Vec<(String, Standing)> {
        let accounts = self.accounts().into_iter();
        accounts.map(|account| (account.name.to_string(), account.standing)).collect()
    }

    /// Messages of all that are listed.
    fn unread_listed(&mut self) -> u32 {
        self.accounts().into_iter().map(|account| account.unread).sum()
    }
}

pub(super) fn a_deleted_account_leaves_nothing_to_its_successor<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let ((bob, _), (ann, _)) = (desk.log_in("Bob"), desk.log_in("ann"));
    desk.append(ann, "bob", "one");
    desk.append(bob, "bob", "two");
    desk.append(bob, "ann", "written by bob");
    match desk.call(delete("bob")) {
        Outcome::Deleted { name, unread: 2, is_reserved: false, .. } => {
            assert_eq!(name.as_str(), "Bob");
        }
        other => panic!("{other:?}"),
    }
    let again = desk.call(delete("bob"));
    assert!(matches!(again, Outcome::NoSuchAccount), "{again:?}");
    assert_eq!(desk.standings(), [("ann".to_owned(), Standing::Open)]);
    for round in 0..2 {
        let admits = Admits { unknown: false, without_password: true };
        let closed = Call::Open { name: name("bob"), key: Key::None, admits, may_create: 1 };
        let outcome = desk.call(closed);
        assert!(matches!(outcome, Outcome::NotAdmitted { is_known: false }), "{round} {outcome:?}");
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    let outcome = desk.call(open("bob"));
    let Outcome::Opened { account, name, registered: true, unread: 0 } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(name.as_str() == "bob" && account != bob, "bob has messages in other mailboxes");
    assert!(desk.lease(account).is_none());
    match desk.call(Call::Read { account: ann }) {
        Outcome::Read { sender, text, .. } => {
            assert_eq!((sender.as_str(), text.as_str()), ("Bob", "written by bob"));
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn a_name_that_had_a_password_is_reserved_until_it_is_released<F: Fixture>(
    fixture: &mut F,
) {
    let mut desk = Desk::open(fixture, limits(9));
    let ((pal, _), (ann, _)) = (desk.log_in("Pal"), desk.log_in("ann"));
    desk.call(set_password("pal"));
    desk.call(block(pal, "ann"));
    desk.append(pal, "pal", "to myself");
    // The calls of one group see the deletion.
    let outcomes = desk.group([delete("pal"), append(ann, "pal", "hi"), open("pal")]);
    assert!(
        matches!(
            &outcomes[..],
            [
                Outcome::Deleted { unread: 1, is_reserved: true, .. },
                Outcome::NameReserved,
                Outcome::NameReserved,
            ]
        ),
        "{outcomes:?}"
    );
    for _ in 0..2 {
        for key in [Key::None, Key::New(PasswordHash("$x".into())), Key::Trusted] {
            let admits = Admits::ALL;
            let outcome = desk.call(Call::Open { name: name("PAL"), key, admits, may_create: 1 });
            assert!(is_reserved(&outcome), "{outcome:?}");
        }
        assert!(is_reserved(&desk.call(set_password("pal"))));
        let closed =
            Call::Open { name: name("pal"), key: Key::None, admits: Admits::NONE, may_create: 1 };
        let outcome = desk.call(closed);
        assert!(matches!(outcome, Outcome::NotAdmitted { is_known: false }), "{outcome:?}");
        let outcome = desk.call(open("p\u{430}l"));
        assert!(matches!(outcome, Outcome::LooksAlike), "{outcome:?}");
        let Call::Compose { sender, recipient, text, .. } = append(ann, "pal", "hi") else {
            unreachable!("it composes");
        };
        let unknown = Unknown::Refuse;
        let refused = Call::Compose { sender, recipient, text, unknown, may_create: 1 };
        let outcome = desk.call(refused);
        assert!(matches!(outcome, Outcome::UnknownRecipient), "{outcome:?}");
        let listed = [("Pal".to_owned(), Standing::Reserved), ("ann".to_owned(), Standing::Open)];
        assert_eq!(desk.standings(), listed);
        let outcome = desk.call(delete("pal"));
        assert!(matches!(outcome, Outcome::NoSuchAccount), "{outcome:?}");
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    let outcome = desk.call(release("ann"));
    assert!(matches!(outcome, Outcome::NoSuchAccount), "{outcome:?}");
    let outcome = desk.call(release("PAL"));
    assert!(matches!(outcome, Outcome::NameReleased), "{outcome:?}");
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    assert_eq!(desk.standings(), [("ann".to_owned(), Standing::Open)]);
    let outcome = desk.call(set_password("pal"));
    assert!(matches!(outcome, Outcome::PasswordSet { before: None, .. }), "{outcome:?}");
    let outcome = desk.append(ann, "pal", "hi");
    assert!(matches!(outcome, Outcome::Composed { .. }), "nobody is blocked: {outcome:?}");
    // Another one of the same name is reserved again, and its name alone is released.
    assert!(matches!(desk.call(delete("pal")), Outcome::Deleted { is_reserved: true, .. }));
    assert!(matches!(desk.call(release("pal")), Outcome::NameReleased));
    assert!(matches!(desk.call(open("pal")), Outcome::Opened { registered: true, .. }));
}

pub(super) fn what_was_handed_out_at_the_deletion_never_comes_back<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let ((bob, _), (ann, _)) = (desk.log_in("bob"), desk.log_in("ann"));
    desk.call(set_password("bob"));
    for words in ["returned", "confirmed", "lost"] {
        desk.append(ann, "bob", words);
    }
    let (returned, ..) = desk.lease(bob).expect("one waits");
    let (confirmed, ..) = desk.lease(bob).expect("two wait");
    let (_lost, ..) = desk.lease(bob).expect("three wait");
    desk.call(delete("bob"));
    assert_eq!(desk.unread_listed(), 0, "a name without an account has no messages");
    desk.give_back(returned);
    assert!(desk.lease(bob).is_none());
    desk.confirm(confirmed);
    assert_eq!(desk.unread_listed(), 0);
    desk.call(release("bob"));
    for _ in 0..2 {
        drop(desk);
        desk = Desk::open(fixture, limits(9));
        let (bob, unread) = desk.log_in("bob");
        assert!(unread == 0 && desk.lease(bob).is_none());
        assert!(desk.lease(ann).is_none());
    }
}

pub(super) fn a_deletion_that_is_not_committed_leaves_the_account<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    desk.append(bob, "bob", "hi");
    desk.call(set_password("bob"));
    desk.call(block(bob, "eve"));
    desk.submit(delete("bob"));
    drop(desk.job());
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    assert_eq!(desk.standings(), [("bob".to_owned(), Standing::Password)]);
    assert!(desk.store.has_blocked(bob, &name("eve")));
    let (_lease, text, _) = desk.lease(bob).expect("it waits");
    assert_eq!(text, "hi");
}

pub(super) fn a_released_place_is_the_first_to_be_taken<F: Fixture>(fixture: &mut F) {
    let two = Limits { accounts_max: 2, ..limits(9) };
    let mut desk = Desk::open(fixture, two);
    let (bob, _) = desk.log_in("bob");
    desk.append(bob, "bob", "named, so that it stays");
    desk.call(set_password("ann"));
    desk.call(delete("ann"));
    let is_full = |outcome: &Outcome| matches!(outcome, Outcome::TooManyAccounts);
    assert!(is_full(&desk.call(open("carol"))), "a reserved name keeps its place");
    desk.call(release("ann"));
    let outcome = desk.call(open("carol"));
    assert!(matches!(outcome, Outcome::Opened { registered: true, .. }), "{outcome:?}");
    let names = [("bob".to_owned(), Standing::Open), ("carol".to_owned(), Standing::Open)];
    assert_eq!(desk.standings(), names);
    drop(desk);
    let mut desk = Desk::open(fixture, two);
    assert_eq!(desk.standings(), names);
}
