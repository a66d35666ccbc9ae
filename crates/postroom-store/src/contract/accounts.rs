//! Which accounts go when there are too many.

use postroom_model::PresenceKind;

use super::live::post;
use super::{Desk, Fixture, LIST_ACCOUNTS, append, limits, name, open};
use crate::{AccountId, AccountRef, Call, Limits, Outcome, PasswordHash, PasswordOf, Store};

fn accounts(accounts_max: u32) -> Limits {
    Limits { accounts_max, ..limits(9) }
}

fn is_refused(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::TooManyAccounts)
}

impl<F: Fixture> Desk<'_, F> {
    /// Opens an account for a session that stays.
    fn enter(&mut self, spelling: &str) -> AccountId {
        let (account, _) = self.log_in(spelling);
        self.store.session_began(account);
        account
    }

    /// The names of all accounts, in their order.
    pub(super) fn names(&mut self) -> Vec<String> {
        match self.call(LIST_ACCOUNTS) {
            Outcome::Accounts { accounts, .. } => {
                let mut names: Vec<_> =
                    accounts.iter().map(|account| account.name.to_string()).collect();
                names.sort();
                names
            }
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn there_are_no_more_than_allowed<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, accounts(2));
    let (bob, alice) = (desk.enter("bob"), desk.enter("alice"));
    assert!(is_refused(&desk.call(open("carol"))));
    assert!(is_refused(&desk.append(bob, "carol", "hi")));
    desk.log_in("bob");
    assert!(!is_refused(&desk.append(bob, "bob", "hi")));
    desk.store.session_began(alice);
    desk.store.session_ended(alice);
    assert!(is_refused(&desk.call(open("carol"))), "it has another session");
    desk.store.session_ended(alice);
    desk.log_in("carol");
    assert_eq!(desk.names(), ["bob", "carol"]);
}

pub(super) fn only_one_that_nobody_would_miss_is_evicted<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, accounts(6));
    let (bob, _) = desk.log_in("bob");
    desk.append(bob, "unread", "hi");
    let (author, _) = desk.log_in("author");
    desk.call(post(Some((author, "author")), &["#a"], "hi"));
    let password = PasswordHash("$argon2id$x".into());
    desk.call(Call::SetPassword { name: name("locked"), password, of: PasswordOf::Anyone });
    desk.enter("there");
    for new in ["one", "two", "three"] {
        desk.log_in(new);
        let expected = ["author", "bob", "locked", new, "there", "unread"];
        assert_eq!(desk.names(), sorted(expected));
    }
    let kept = desk.enter("three");
    assert!(is_refused(&desk.call(open("four"))));
    assert!(is_refused(&desk.append(bob, "four", "hi")));
    let password = PasswordHash("$argon2id$x".into());
    assert!(is_refused(&desk.call(Call::SetPassword {
        name: name("four"),
        password,
        of: PasswordOf::Anyone
    })));
    desk.store.session_ended(kept);
    drop(desk);
    let mut desk = Desk::open(fixture, accounts(6));
    // A restart ends the sessions, and nothing else that keeps an account.
    let (four, five) = (desk.enter("four"), desk.enter("five"));
    assert_eq!(desk.names(), ["author", "bob", "five", "four", "locked", "unread"]);
    assert!(is_refused(&desk.append(four, "six", "hi")));
    assert!(!is_refused(&desk.append(five, "four", "hi")));
}

pub(super) fn one_that_has_blocked_somebody_stays<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, accounts(2));
    let set = |name| Call::SetPassword {
        name,
        password: PasswordHash("$argon2id$x".into()),
        of: PasswordOf::Anyone,
    };
    desk.call(set(name("bob")));
    let (account, sender) = (AccountRef::Name(name("bob")), name("mallory"));
    desk.call(Call::Block { account, sender, is_blocked: true });
    desk.call(Call::RemovePassword { name: name("bob") });
    for new in ["one", "two"] {
        desk.log_in(new);
        assert_eq!(desk.names(), ["bob", new]);
    }
    drop(desk);
    let mut desk = Desk::open(fixture, accounts(2));
    desk.log_in("three");
    assert_eq!(desk.names(), ["bob", "three"]);
    // Once it is deleted nobody has blocked anybody.
    desk.call(Call::Delete { name: name("bob") });
    desk.enter("four");
    desk.log_in("five");
    assert_eq!(desk.names(), ["five", "four"]);
}

fn sorted<const N: usize>(mut names: [&str; N]) -> [&str; N] {
    names.sort_unstable();
    names
}

pub(super) fn nothing_of_an_evicted_one_comes_to_its_successor<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, accounts(2));
    desk.enter("bob");
    desk.log_in("old");
    desk.log_in("new");
    drop(desk);
    let mut desk = Desk::open(fixture, accounts(2));
    let bob = desk.enter("bob");
    let (old, unread) = desk.log_in("old");
    assert_eq!((unread, desk.names()), (0, vec!["bob".to_owned(), "old".to_owned()]));
    let shown = desk.claim(old, PresenceKind::Sole).map(|(presence, ..)| desk.release(presence).0);
    assert_eq!(shown.as_deref(), Some("old"));
    // The message is to the old name, whose place may be that of the new one by then.
    let outcomes = desk.group([open("new"), append(bob, "old", "for old")]);
    match &outcomes[..] {
        [Outcome::Opened { account, unread: 0, .. }, Outcome::TooManyAccounts] => {
            assert!(desk.lease(*account).is_none());
        }
        // It came first.
        [Outcome::TooManyAccounts, Outcome::Composed { name, .. }] => {
            assert_eq!(name.as_str(), "old");
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn an_eviction_that_is_not_committed_leaves_the_account<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, accounts(2));
    let (bob, _) = desk.log_in("bob");
    desk.append(bob, "bob", "hi");
    desk.log_in("old");
    desk.submit(open("new"));
    drop(desk.job());
    drop(desk);
    let mut desk = Desk::open(fixture, accounts(2));
    assert_eq!(desk.names(), ["bob", "old"]);
}

pub(super) fn a_name_that_looks_like_another_is_not_registered<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, accounts(3));
    let cyrillic = "p\u{430}yp\u{430}l";
    let is_refused = |outcome: &Outcome| matches!(outcome, Outcome::LooksAlike);
    let (bob, _) = desk.log_in("bob");
    let (first, _) = desk.log_in("paypal");
    desk.append(first, "paypal", "named, so that it stays");
    assert!(is_refused(&desk.call(open(cyrillic))));
    assert!(is_refused(&desk.append(bob, cyrillic, "hi")));
    drop(desk);
    let mut desk = Desk::open(fixture, accounts(3));
    assert!(is_refused(&desk.call(open(cyrillic))), "after a restart too");
    // The operator knows what the name is.
    let password = PasswordHash("$x".into());
    let set = Call::SetPassword { name: name(cyrillic), password, of: PasswordOf::Anyone };
    assert!(matches!(desk.call(set), Outcome::PasswordSet { before: None, .. }));
    assert!(!is_refused(&desk.call(open(cyrillic))), "what exists stays");
    // Within one group, and once a name has gone.
    let mut desk = Desk::open(
        {
            drop(desk);
            fixture.clear();
            fixture
        },
        accounts(2),
    );
    let outcomes = desk.group([open("eve"), open("\u{435}ve"), open("\u{65e5}")]);
    assert_eq!(outcomes.iter().map(is_refused).collect::<Vec<_>>(), [false, true, false]);
    assert!(!is_refused(&desk.call(open("ann"))), "in the place of eve");
    let outcome = desk.call(open("\u{435}ve"));
    assert!(matches!(outcome, Outcome::Opened { registered: true, .. }), "{outcome:?}");
}
