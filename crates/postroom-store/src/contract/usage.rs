//! How much a store says that it holds.

use super::live::post;
use super::{Desk, Fixture, limits, name};
use crate::{Call, Limits, Store as _};

impl<F: Fixture> Desk<'_, F> {
    /// Accounts, channels and unread messages.
    fn holds(&self) -> (u32, u32, u64) {
        let usage = self.store.usage();
        (usage.accounts, usage.channels, usage.unread)
    }
}

pub(super) fn what_the_store_holds_is_counted<F: Fixture>(fixture: &mut F) {
    let limits = Limits { accounts_max: 7, channels_max: 5, ..limits(3) };
    let mut desk = Desk::open(fixture, limits);
    assert_eq!(desk.holds(), (0, 0, 0));
    let usage = desk.store.usage();
    assert_eq!((usage.accounts_max, usage.channels_max), (7, 5));
    let (bob, _) = desk.log_in("bob");
    for words in ["one", "two", "three", "one too many"] {
        desk.append(bob, "ann", words);
    }
    desk.call(post(Some((bob, "bob")), &["#a", "#b", "#lobby"], "hi"));
    assert_eq!(desk.holds(), (2, 2, 3));
    let (ann, _) = desk.log_in("ann");
    let (lease, ..) = desk.lease(ann).expect("one waits");
    assert_eq!(desk.holds().2, 3, "what is handed out is unread");
    desk.confirm(lease);
    let (lease, ..) = desk.lease(ann).expect("another one waits");
    desk.give_back(lease);
    assert_eq!(desk.holds(), (2, 2, 2));
    drop(desk);
    let mut desk = Desk::open(fixture, limits);
    assert_eq!(desk.holds(), (2, 2, 2), "after a restart too");
    desk.call(Call::Delete { name: name("ann") });
    assert_eq!(desk.holds().2, 0, "they are gone with their account");
}
