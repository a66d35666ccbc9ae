//! What operators do with accounts.

use super::live::post;
use super::{Desk, Fixture, LIST_ACCOUNTS, append, limits, name, open};
use crate::{
    ACCOUNTS_PAGE, AccountId, AccountRef, Call, Key, Limits, Outcome, PasswordHash, PasswordOf,
    Standing,
};
use postroom_model::{Channel, Position};

fn password() -> PasswordHash {
    PasswordHash("$argon2id$x".into())
}

fn set(spelling: &str, of: PasswordOf) -> Call {
    Call::SetPassword { name: name(spelling), password: password(), of }
}

fn rename(from: &str, to: &str) -> Call {
    Call::Rename { from: name(from), to: name(to) }
}

pub(super) fn a_password_is_set_of_whom_it_is_meant_for<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    desk.log_in("Bob");
    let outcome = desk.call(set("ann", PasswordOf::Known));
    assert!(matches!(outcome, Outcome::NoSuchAccount), "{outcome:?}");
    let outcome = desk.call(set("bob", PasswordOf::New));
    assert!(
        matches!(&outcome, Outcome::AccountExists { name } if name.as_str() == "Bob"),
        "{outcome:?}"
    );
    for (spelling, of, expected) in [
        ("ann", PasswordOf::New, None),
        ("ann", PasswordOf::Known, Some(Standing::Password)),
        ("bob", PasswordOf::Known, Some(Standing::Open)),
        ("bob", PasswordOf::Anyone, Some(Standing::Password)),
        ("eve", PasswordOf::Anyone, None),
    ] {
        let outcome = desk.call(set(spelling, of));
        assert!(
            matches!(outcome, Outcome::PasswordSet { before, .. } if before == expected),
            "{spelling}: {outcome:?}"
        );
    }
}

pub(super) fn an_account_without_its_password_opens_to_anyone<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let outcome = desk.call(Call::RemovePassword { name: name("bob") });
    assert!(matches!(outcome, Outcome::NoSuchAccount), "{outcome:?}");
    desk.call(set("Bob", PasswordOf::New));
    for expected in [true, false] {
        match desk.call(Call::RemovePassword { name: name("bob") }) {
            Outcome::PasswordRemoved { name, had_password } => {
                assert_eq!((name.as_str(), had_password), ("Bob", expected));
            }
            other => panic!("{other:?}"),
        }
    }
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    let outcome = desk.call(open("bob"));
    assert!(matches!(outcome, Outcome::Opened { registered: false, .. }), "{outcome:?}");
}

pub(super) fn a_renamed_account_keeps_what_it_has_and_what_it_has_written<F: Fixture>(
    fixture: &mut F,
) {
    let mut desk = Desk::open(fixture, limits(9));
    let ((bob, _), (ann, _)) = (desk.log_in("bob"), desk.log_in("ann"));
    desk.append(bob, "ann", "from bob");
    desk.append(ann, "bob", "to bob");
    desk.call(post(Some((bob, "bob")), &["#a"], "said by bob"));
    desk.call(set("bob", PasswordOf::Known));
    for (from, to) in [("nobody", "robert"), ("bob", "ann")] {
        let outcome = desk.call(rename(from, to));
        let is_refused = matches!(outcome, Outcome::NoSuchAccount | Outcome::AccountExists { .. });
        assert!(is_refused, "{outcome:?}");
    }
    match desk.call(rename("BOB", "Robert")) {
        Outcome::Renamed { from, is_reserved: true, .. } => assert_eq!(from.as_str(), "bob"),
        other => panic!("{other:?}"),
    }
    for _ in 0..2 {
        assert!(matches!(desk.call(open("bob")), Outcome::NameReserved));
        assert!(matches!(desk.call(rename("ann", "bob")), Outcome::NameReserved));
        assert!(matches!(desk.append(ann, "bob", "hi"), Outcome::NameReserved));
        let key = Key::Verified(password());
        let admits = crate::Admits::NONE;
        match desk.call(Call::Open { name: name("robert"), key, admits, may_create: 0 }) {
            Outcome::Opened { account, name, unread: 1, .. } => {
                assert_eq!((account, name.as_str()), (bob, "Robert"));
            }
            other => panic!("{other:?}"),
        }
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    match desk.call(Call::Read { account: ann }) {
        Outcome::Read { sender, lease, .. } => {
            assert_eq!(sender.as_str(), "Robert");
            desk.give_back(lease);
        }
        other => panic!("{other:?}"),
    }
    let channel = Channel::parse("#a").expect("a channel");
    match desk.call(Call::Timeline { channel, from: Position::default(), reader: None }) {
        Outcome::Timeline(page) => assert_eq!(page.entries[0].author.to_string(), "Robert"),
        other => panic!("{other:?}"),
    }
    // Another spelling of its own name reserves nothing, and the old one can be released.
    let outcome = desk.call(rename("robert", "ROBERT"));
    assert!(matches!(outcome, Outcome::Renamed { is_reserved: false, .. }), "{outcome:?}");
    desk.call(Call::ReleaseName { name: name("bob") });
    let outcome = desk.call(rename("ann", "bob"));
    assert!(matches!(outcome, Outcome::Renamed { is_reserved: false, .. }), "{outcome:?}");
    assert!(matches!(desk.call(open("ann")), Outcome::Opened { registered: true, .. }));
}

pub(super) fn a_rename_that_is_not_committed_leaves_the_name<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, Limits { accounts_max: 2, ..limits(9) });
    desk.call(set("bob", PasswordOf::New));
    desk.submit(rename("bob", "robert"));
    drop(desk.job());
    drop(desk);
    let mut desk = Desk::open(fixture, Limits { accounts_max: 2, ..limits(9) });
    assert!(matches!(desk.call(open("bob")), Outcome::Locked { .. }));
    desk.call(set("ann", PasswordOf::New));
    let outcome = desk.call(rename("bob", "robert"));
    assert!(matches!(outcome, Outcome::TooManyAccounts), "no place for the name: {outcome:?}");
}

pub(super) fn an_account_blocks_by_its_name<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (eve, _) = desk.log_in("eve");
    let account = || AccountRef::Name(name("bob"));
    let block = || Call::Block { account: account(), sender: name("eve"), is_blocked: true };
    assert!(matches!(desk.call(block()), Outcome::NoSuchAccount));
    let list = Call::ListBlocked { account: account() };
    assert!(matches!(desk.call(list), Outcome::NoSuchAccount));
    let outcomes = desk.group([set("bob", PasswordOf::New), block(), append(eve, "bob", "hi")]);
    assert!(
        matches!(&outcomes[1..], [Outcome::BlockSet { .. }, Outcome::MailboxFull { .. }]),
        "{outcomes:?}"
    );
    match desk.call(Call::ListBlocked { account: account() }) {
        Outcome::BlockedNames(names) => assert_eq!(names, [name("eve")]),
        other => panic!("{other:?}"),
    }
}

pub(super) fn accounts_are_listed_in_pages<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let all: Vec<_> = (0..ACCOUNTS_PAGE + 2).map(|number| format!("user{number}")).collect();
    desk.group(all.iter().map(|spelling| open(spelling)));
    desk.call(Call::Delete { name: name("user7") });
    let mut listed = Vec::new();
    let mut list = LIST_ACCOUNTS;
    loop {
        match desk.call(list) {
            Outcome::Accounts { accounts, next } => {
                assert!(accounts.len() <= ACCOUNTS_PAGE);
                listed.extend(accounts.into_iter().map(|account| account.name.to_string()));
                match next {
                    Some(from) => list = Call::ListAccounts { from },
                    None => break,
                }
            }
            other => panic!("{other:?}"),
        }
    }
    let expected: Vec<_> = all.into_iter().filter(|name| name != "user7").collect();
    assert_eq!(listed, expected);
    let beyond = Call::ListAccounts { from: AccountId(u32::MAX) };
    let outcome = desk.call(beyond);
    assert!(
        matches!(&outcome, Outcome::Accounts { accounts, next: None } if accounts.is_empty()),
        "{outcome:?}"
    );
}
