//! Accounts that come with what they had elsewhere.

use std::sync::Arc;

use super::{Desk, Fixture, append, limits, name, open};
use crate::{
    AccountId, AccountRef, Admits, BLOCKED_MAX, Call, Import, ImportedMessage, Key, Limits,
    Outcome, PasswordHash, PasswordOf, Timestamp,
};
use postroom_model::Text;

fn password() -> PasswordHash {
    PasswordHash("$argon2id$x".into())
}

/// Bob, with these messages, each with its sender.
fn import_with(blocked: &[String], messages: &[(&str, &str)]) -> Call {
    let message = |(sender, text): &(&str, &str)| ImportedMessage {
        sender: name(sender),
        stored: Timestamp(1),
        text: Text::from_stored(text.as_bytes()).expect("a text"),
    };
    let blocked = blocked.iter().map(|sender| name(sender)).collect();
    let messages = messages.iter().map(message).collect();
    let import = Arc::new(Import { password: password(), blocked, messages });
    Call::Import { name: name("Bob"), import }
}

fn import(messages: &[(&str, &str)]) -> Call {
    import_with(&[], messages)
}

fn log_in<F: Fixture>(desk: &mut Desk<'_, F>) -> (AccountId, u32) {
    let (key, admits) = (Key::Verified(password()), Admits::NONE);
    match desk.call(Call::Open { name: name("bob"), key, admits, may_create: 0 }) {
        Outcome::Opened { account, name, registered: false, unread } => {
            assert_eq!(name.as_str(), "Bob");
            (account, unread)
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn an_import_has_its_messages_from_whom_they_are_in_their_order<F: Fixture>(
    fixture: &mut F,
) {
    let mut desk = Desk::open(fixture, limits(9));
    let (ann, _) = desk.log_in("Ann");
    let (gone, of) = (name("Gone"), PasswordOf::New);
    desk.call(Call::SetPassword { name: gone.clone(), password: password(), of });
    desk.call(Call::Delete { name: gone });
    let messages = [
        ("stranger", "one"),
        ("ann", "two"),
        ("BOB", "three"),
        ("Stranger", "four"),
        ("gone", "five"),
        ("eve", "six"),
    ];
    let outcome = desk.call(import_with(&["eve".to_owned()], &messages));
    assert!(matches!(&outcome, Outcome::Imported { name } if name.as_str() == "Bob"));
    assert!(!matches!(desk.append(ann, "bob", "seven"), Outcome::MailboxFull { .. }));
    // The names of strangers are free, and theirs who register them now.
    let (eve, _) = desk.log_in("eve");
    assert!(matches!(desk.append(eve, "bob", "refused"), Outcome::MailboxFull { .. }));
    assert!(matches!(desk.call(open("gone")), Outcome::NameReserved));
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, unread) = log_in(&mut desk);
    assert_eq!(unread, 7);
    let expected = [
        ("stranger", "one"),
        ("Ann", "two"),
        ("Bob", "three"),
        ("stranger", "four"),
        ("Gone", "five"),
        ("eve", "six"),
        ("Ann", "seven"),
    ];
    for (from, says) in expected {
        match desk.call(Call::Read { account: bob }) {
            Outcome::Read { lease, sender, text, .. } => {
                assert_eq!((sender.as_str(), text.as_str()), (from, says));
                desk.call(Call::Confirm { leases: vec![lease] });
            }
            other => panic!("{other:?}"),
        }
    }
    match desk.call(Call::ListBlocked { account: AccountRef::Id(bob) }) {
        Outcome::BlockedNames(names) => assert_eq!(names, [name("eve")]),
        other => panic!("{other:?}"),
    }
    assert!(matches!(desk.call(open("Stranger")), Outcome::Opened { registered: true, .. }));
}

pub(super) fn an_import_is_all_or_nothing<F: Fixture>(fixture: &mut F) {
    let few = Limits { accounts_max: 4, ..limits(2) };
    let mut desk = Desk::open(fixture, few);
    desk.log_in("ann");
    let none_of_it = |desk: &mut Desk<'_, F>| {
        let unknown = Call::Delete { name: name("bob") };
        assert!(matches!(desk.call(unknown), Outcome::NoSuchAccount));
    };
    let outcome = desk.call(import(&[("ann", "1"), ("ann", "2"), ("ann", "3")]));
    assert!(matches!(outcome, Outcome::MailboxFull { capacity: 2, .. }), "{outcome:?}");
    none_of_it(&mut desk);
    let many: Vec<_> = (0..=BLOCKED_MAX).map(|number| format!("sender{number}")).collect();
    let outcome = desk.call(import_with(&many, &[]));
    assert!(matches!(outcome, Outcome::TooManyBlocked), "{outcome:?}");
    none_of_it(&mut desk);
    desk.log_in("carol");
    let outcome = desk.call(import(&[("one", "1"), ("two", "2")]));
    assert!(matches!(outcome, Outcome::TooManyAccounts), "no place for both: {outcome:?}");
    none_of_it(&mut desk);
    let outcome = desk.call(import(&[("one", "1"), ("ONE", "2")]));
    assert!(matches!(outcome, Outcome::Imported { .. }), "{outcome:?}");
    let outcome = desk.call(import(&[]));
    assert!(
        matches!(&outcome, Outcome::AccountExists { name } if name.as_str() == "Bob"),
        "{outcome:?}"
    );
    assert_eq!(log_in(&mut desk).1, 2);
    desk.call(Call::Delete { name: name("bob") });
    assert!(matches!(desk.call(import(&[])), Outcome::NameReserved));
    // Its messages are gone with it.
    desk.call(Call::ReleaseName { name: name("bob") });
    assert!(matches!(desk.call(import(&[])), Outcome::Imported { .. }));
    assert_eq!(log_in(&mut desk).1, 0);
}

pub(super) fn an_import_that_is_not_committed_leaves_nothing<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (ann, _) = desk.log_in("ann");
    desk.submit(import_with(&["eve".to_owned()], &[("ann", "one"), ("eve", "two")]));
    drop(desk.job());
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    let outcomes = desk.group([import(&[("eve", "one")]), append(ann, "bob", "two")]);
    assert!(
        matches!(outcomes[..], [Outcome::Imported { .. }, Outcome::Composed { .. }]),
        "{outcomes:?}"
    );
    assert_eq!(log_in(&mut desk).1, 2);
}
