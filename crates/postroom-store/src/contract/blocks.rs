//! Whose messages an account refuses.

use postroom_model::{Blocked, Full};

use super::{Desk, Fixture, append, limits, name};
use crate::{
    AccountId, AccountRef, BLOCKED_MAX, Call, Outcome, PasswordHash, PasswordOf, Store as _,
};

fn block(account: AccountId, sender: &str, is_blocked: bool) -> Call {
    Call::Block { account: AccountRef::Id(account), sender: name(sender), is_blocked }
}

impl<F: Fixture> Desk<'_, F> {
    /// Opens an account that has a password.
    pub(super) fn with_password(&mut self, spelling: &str) -> AccountId {
        let (account, _) = self.log_in(spelling);
        let password = PasswordHash("$argon2id$x".into());
        self.call(Call::SetPassword { name: name(spelling), password, of: PasswordOf::Anyone });
        account
    }

    fn blocked(&mut self, account: AccountId) -> Vec<String> {
        match self.call(Call::ListBlocked { account: AccountRef::Id(account) }) {
            Outcome::BlockedNames(names) => names.iter().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn messages_of_a_blocked_sender_are_refused<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (ann, (bob, _), (eve, _)) =
        (desk.with_password("ann"), desk.log_in("bob"), desk.log_in("Eve"));
    let outcome = desk.call(block(bob, "eve", true));
    assert!(matches!(outcome, Outcome::HasNoPassword), "{outcome:?}");
    for (sender, is_new) in [("eve", true), ("EVE", false), ("nobody", true)] {
        let outcome = desk.call(block(ann, sender, true));
        assert!(
            matches!(outcome, Outcome::BlockSet { set: Blocked { is_new: it, .. }, .. } if it == is_new),
            "{outcome:?}"
        );
    }
    let check = |desk: &mut Desk<'_, F>, refused: &[bool]| {
        let outcomes = desk.group([append(eve, "ann", "hi"), append(bob, "ann", "hi")]);
        let is_full = |outcome: &Outcome| {
            matches!(outcome, Outcome::MailboxFull { capacity: 9, full: Full::Blocked, .. })
        };
        assert_eq!(outcomes.iter().map(is_full).collect::<Vec<_>>(), refused, "{outcomes:?}");
        assert_eq!(desk.store.has_blocked(ann, &name("eve")), refused[0]);
        assert!(
            !desk.store.has_blocked(eve, &name("ann"))
                && !desk.store.has_blocked(bob, &name("eve"))
        );
    };
    check(&mut desk, &[true, false]);
    assert_eq!(desk.blocked(ann), ["eve", "nobody"]);
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    check(&mut desk, &[true, false]);
    assert_eq!(desk.blocked(ann), ["eve", "nobody"]);
    assert_eq!(desk.blocked(bob), [""; 0]);
    for is_new in [true, false] {
        let outcome = desk.call(block(ann, "Eve", false));
        assert!(
            matches!(outcome, Outcome::BlockSet { set: Blocked { is_new: it, .. }, .. } if it == is_new),
            "{outcome:?}"
        );
    }
    check(&mut desk, &[false, false]);
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    check(&mut desk, &[false, false]);
    assert_eq!(desk.blocked(ann), ["nobody"]);
}

pub(super) fn an_account_blocks_no_more_senders_than_it_may<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (ann, bob) = (desk.with_password("ann"), desk.with_password("bob"));
    let all = (0..BLOCKED_MAX).map(|number| block(ann, &format!("eve{number}"), true));
    assert!(
        desk.group(all)
            .iter()
            .all(|of| matches!(of, Outcome::BlockSet { set: Blocked { is_new: true, .. }, .. }))
    );
    let outcome = desk.call(block(ann, "one-more", true));
    assert!(matches!(outcome, Outcome::TooManyBlocked), "{outcome:?}");
    let outcome = desk.call(block(bob, "one-more", true));
    assert!(matches!(outcome, Outcome::BlockSet { .. }), "another account: {outcome:?}");
    desk.call(block(ann, "eve7", false));
    let outcome = desk.call(block(ann, "one-more", true));
    assert!(
        matches!(outcome, Outcome::BlockSet { set: Blocked { is_new: true, .. }, .. }),
        "{outcome:?}"
    );
    assert_eq!(desk.blocked(ann).len(), BLOCKED_MAX as usize);
}
