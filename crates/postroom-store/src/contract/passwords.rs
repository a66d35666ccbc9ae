//! Who is let in without a password, and how accounts get theirs.

use super::{Desk, Fixture, limits, name};
use crate::{Admits, Call, Key, Outcome, PasswordHash, PasswordOf};

pub(super) fn unknown_names_and_accounts_without_a_password_are_admitted_apart<F: Fixture>(
    fixture: &mut F,
) {
    let mut desk = Desk::open(fixture, limits(9));
    desk.log_in("bob");
    let password = || PasswordHash("$argon2id$new".into());
    let open = |spelling: &str, key: Key, unknown: bool| Call::Open {
        name: name(spelling),
        key,
        admits: Admits { unknown, without_password: !unknown },
        may_create: 1,
    };
    let outcome = desk.call(open("bob", Key::None, true));
    assert!(matches!(outcome, Outcome::NotAdmitted { is_known: true }), "{outcome:?}");
    let outcome = desk.call(open("carol", Key::None, false));
    assert!(matches!(outcome, Outcome::NotAdmitted { is_known: false }), "{outcome:?}");
    let outcome = desk.call(open("bob", Key::New(password()), true));
    assert!(matches!(outcome, Outcome::NotAdmitted { is_known: true }), "{outcome:?}");
    let outcome = desk.call(open("bob", Key::New(password()), false));
    assert!(matches!(outcome, Outcome::Opened { registered: false, .. }), "{outcome:?}");
    let outcome = desk.call(open("Carol", Key::New(password()), true));
    assert!(
        matches!(&outcome, Outcome::Opened { name, registered: true, .. }
        if name.as_str() == "Carol"),
        "{outcome:?}"
    );
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    let outcome = desk.call(open("bob", Key::None, false));
    assert!(matches!(outcome, Outcome::Opened { .. }), "no password was given to it: {outcome:?}");
    for key in [Key::None, Key::New(password()), Key::Verified(PasswordHash("$x".into()))] {
        let outcome = desk.call(open("carol", key, true));
        assert!(matches!(&outcome, Outcome::Locked { password: it } if *it == password()));
    }
    let outcome = desk.call(open("carol", Key::Verified(password()), true));
    assert!(matches!(outcome, Outcome::Opened { registered: false, .. }), "{outcome:?}");
}

pub(super) fn a_password_is_changed_by_those_who_know_it<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("Bob");
    let [one, two, three] = ["$one", "$two", "$three"].map(|hash| PasswordHash(hash.into()));
    let change = |from: &PasswordHash, to: &PasswordHash| Call::ChangePassword {
        account: bob,
        from: from.clone(),
        to: to.clone(),
    };
    let told = |outcome: Outcome| match outcome {
        Outcome::Password { name, password } => (name.to_string(), password),
        other => panic!("{other:?}"),
    };
    assert_eq!(told(desk.call(Call::Password { account: bob })), ("Bob".to_owned(), None));
    let outcome = desk.call(change(&one, &two));
    assert!(matches!(outcome, Outcome::PasswordDiffers), "it has none: {outcome:?}");
    desk.call(Call::SetPassword {
        name: name("bob"),
        password: one.clone(),
        of: PasswordOf::Anyone,
    });
    let outcomes = desk.group([
        change(&two, &three),
        change(&one, &two),
        change(&one, &three),
        Call::Password { account: bob },
    ]);
    let set = |outcome: &Outcome| matches!(outcome, Outcome::PasswordSet { before: Some(_), .. });
    let differs = |outcome: &Outcome| matches!(outcome, Outcome::PasswordDiffers);
    let [first, second, third, last] = outcomes.try_into().expect("four");
    assert!(differs(&first) && set(&second) && differs(&third), "{first:?} {second:?} {third:?}");
    assert_eq!(told(last), ("Bob".to_owned(), Some(two.clone())));
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    let password = told(desk.call(Call::Password { account: bob })).1;
    assert_eq!(password, Some(two));
}
