//! Looking at a mailbox without taking anything out of it.

use postroom_model::{MessageId, PEEK_MAX, Peeked, Timestamp};

use super::{Desk, Fixture, append, limits};
use crate::{AccountId, Call, Outcome, PAGE_BYTES, Sender};

impl<F: Fixture> Desk<'_, F> {
    fn peek(&mut self, account: AccountId, after: Option<MessageId>, count: usize) -> Peeked {
        match self.call(Call::Peek { account, after, count }) {
            Outcome::Peeked(peeked) => peeked,
            other => panic!("{other:?}"),
        }
    }

    /// The texts of a whole mailbox, in pages of so many, each with whether it is handed out.
    fn peek_all(&mut self, account: AccountId, count: usize) -> Vec<(String, bool)> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let Peeked { messages, next } = self.peek(account, after, count);
            assert!(messages.len() <= count, "{messages:?}");
            all.extend(messages.iter().map(|of| (of.text.as_str().to_owned(), of.is_leased)));
            match next {
                Some(next) => after = Some(next),
                None => return all,
            }
        }
    }
}

fn texts(all: &[(String, bool)]) -> Vec<&str> {
    all.iter().map(|(text, _)| text.as_str()).collect()
}

pub(super) fn a_look_at_a_mailbox_leaves_it_as_it_is<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (ann, _) = desk.log_in("ann");
    assert_eq!(desk.peek(ann, None, 9), Peeked::default());
    desk.now = Timestamp(7);
    desk.group([append(ann, "ann", "one"), append(Sender::Web, "ann", "two")]);
    desk.group([append(ann, "ann", "three"), append(ann, "ann", "four")]);
    for _ in 0..2 {
        let peeked = desk.peek(ann, None, 2);
        let [one, two] = &peeked.messages[..] else { panic!("{peeked:?}") };
        assert_eq!((one.sender.as_str(), one.stored, one.is_leased), ("ann", Timestamp(7), false));
        assert_eq!((two.sender.as_str(), two.text.as_str()), ("@web", "two"));
        assert_eq!(peeked.next, Some(two.id));
        let last = desk.peek(ann, Some(two.id), 2);
        assert_eq!((last.messages.len(), last.next), (2, None));
        let after = Some(MessageId(u64::MAX));
        assert_eq!(desk.peek(ann, after, 2), Peeked::default());
        assert_eq!(desk.peek(ann, None, 0), Peeked::default());
        for count in [1, 2, 3, 4, 9] {
            let all = desk.peek_all(ann, count);
            assert_eq!(texts(&all), ["one", "two", "three", "four"], "{count}");
        }
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    let (lease, text, remaining) = desk.lease(ann).expect("it is still there");
    assert_eq!((text.as_str(), remaining), ("one", 3));
    desk.confirm(lease);
}

pub(super) fn a_look_tells_what_is_handed_out<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (ann, _) = desk.log_in("ann");
    desk.group(["one", "two", "three"].map(|words| append(ann, "ann", words)));
    let (one, ..) = desk.lease(ann).expect("there are three");
    let (two, ..) = desk.lease(ann).expect("there are three");
    let owned = |of: &[(&str, bool)]| -> Vec<_> {
        of.iter().map(|(text, is_leased)| ((*text).to_owned(), *is_leased)).collect()
    };
    let all = owned(&[("one", true), ("two", true), ("three", false)]);
    assert_eq!(desk.peek_all(ann, 9), all);
    assert_eq!(desk.peek_all(ann, 1), all);
    let id = two.message();
    desk.give_back(one);
    assert_eq!(desk.peek(ann, Some(id), 9).messages.len(), 1);
    desk.confirm(two);
    let all = owned(&[("one", false), ("three", false)]);
    assert_eq!(desk.peek_all(ann, 9), all);
    // One that is gone still says where to begin.
    assert_eq!(desk.peek(ann, Some(id), 9).messages.len(), 1);
    // A look sees what its group has done before it.
    let calls = [Call::Read { account: ann }, append(ann, "ann", "four")];
    let peek = Call::Peek { account: ann, after: None, count: 9 };
    let outcomes = desk.group(calls.into_iter().chain([peek]));
    let [Outcome::Read { lease, .. }, _, Outcome::Peeked(peeked)] = &outcomes[..] else {
        panic!("{outcomes:?}");
    };
    let seen: Vec<_> = peeked.messages.iter().map(|of| of.is_leased).collect();
    assert_eq!((peeked.messages[0].id, seen), (lease.message(), vec![true, false, false]));
}

pub(super) fn a_look_has_no_more_than_a_page<F: Fixture>(fixture: &mut F) {
    const LONG: usize = 8_000;
    let most = u32::try_from(2 * PEEK_MAX).unwrap_or(u32::MAX);
    let mut desk = Desk::open(fixture, limits(most));
    let (ann, _) = desk.log_in("ann");
    desk.group((0..PEEK_MAX + 3).map(|number| append(ann, "ann", &number.to_string())));
    let peeked = desk.peek(ann, None, usize::MAX);
    assert_eq!((peeked.messages.len(), peeked.next.is_some()), (PEEK_MAX, true));
    assert_eq!(desk.peek_all(ann, PEEK_MAX).len(), PEEK_MAX + 3);
    let (bob, _) = desk.log_in("bob");
    desk.group((0..20).map(|_| append(bob, "bob", &"x".repeat(LONG))));
    let peeked = desk.peek(bob, None, PEEK_MAX);
    let bytes: usize = peeked.messages.iter().map(|message| message.text.as_str().len()).sum();
    assert!((PAGE_BYTES..PAGE_BYTES + LONG).contains(&bytes), "{bytes}");
    assert_eq!(peeked.next, peeked.messages.last().map(|last| last.id));
    assert_eq!(desk.peek_all(bob, PEEK_MAX).len(), 20);
}
