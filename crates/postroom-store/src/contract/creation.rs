//! What calls may create.

use postroom_model::PostRefusal;

use super::live::{is_posted, post};
use super::{Desk, Fixture, append, limits, open};
use crate::{Call, Outcome};

/// The call, which may create so many accounts or hashtags.
fn with(may: u32, mut call: Call) -> Call {
    if let Call::Open { may_create, .. }
    | Call::Compose { may_create, .. }
    | Call::Post { may_create, .. } = &mut call
    {
        *may_create = may;
    }
    call
}

pub(super) fn a_call_creates_no_more_than_it_may<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    for refused in [open("carol"), append(bob, "carol", "hi")] {
        let outcome = desk.call(with(0, refused));
        assert!(matches!(outcome, Outcome::MayNotCreate), "{outcome:?}");
    }
    for known in [open("bob"), append(bob, "bob", "hi"), post(None, &["#lobby"], "hi")] {
        let outcome = desk.call(with(0, known));
        assert!(!matches!(outcome, Outcome::MayNotCreate | Outcome::NotPosted(_)), "{outcome:?}");
        assert_eq!(outcome.created(), 0);
    }
    let outcome = desk.call(with(1, append(bob, "carol", "hi")));
    assert_eq!(outcome.created(), 1, "{outcome:?}");
    let refused = desk.call(with(1, post(None, &["#a", "#b"], "hi")));
    assert!(matches!(refused, Outcome::NotPosted(PostRefusal::MayNotCreate)), "{refused:?}");
    let posted = desk.call(with(2, post(None, &["#lobby", "#a", "#b"], "hi")));
    assert_eq!(posted.created(), 2, "{posted:?}");
    let posted = desk.call(with(0, post(None, &["#b"], "hi")));
    assert!(is_posted(&posted), "{posted:?}");
    assert_eq!(posted.created(), 0);
}
