//! Clients that have no account, and write all the same.

use std::sync::Arc;

use postroom_model::{Author, Full, Name, Post, Text};

use super::live::{channel, is_posted, post};
use super::{Desk, Fixture, append, limits, name};
use crate::{
    AccountId, AccountRef, Admits, Call, Import, ImportedMessage, Key, Limits, Outcome,
    PasswordHash, PasswordOf, Sender, Store as _, Timestamp,
};

fn post_of_the_web(tag: &str, words: &str) -> Call {
    let text = Text::from_stored(words.as_bytes()).expect("a text of a test is one");
    let post = Arc::new(Post { author: Author::Web, channels: vec![channel(tag)], text });
    Call::Post { author: Some(Sender::Web), post, may_create: 10 }
}

impl<F: Fixture> Desk<'_, F> {
    /// Leases and confirms the earliest message; its sender and its text.
    fn read_one(&mut self, account: AccountId) -> (Name, String) {
        match self.call(Call::Read { account }) {
            Outcome::Read { lease, sender, text, .. } => {
                self.confirm(lease);
                (sender, text.as_str().to_owned())
            }
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn a_message_without_an_account_is_of_the_web<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (ann, _) = desk.log_in("ann");
    let outcomes = desk.group([
        append(Sender::Web, "ann", "one"),
        append(ann, "ann", "two"),
        append(Sender::Web, "new", "three"),
    ]);
    let [Outcome::Composed { .. }, _, Outcome::Composed { registered: true, .. }] = &outcomes[..]
    else {
        panic!("{outcomes:?}");
    };
    assert_eq!(desk.read_one(ann), (Name::web(), "one".to_owned()));
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    assert_eq!(desk.names(), ["ann", "new"], "it is no account");
    assert_eq!(desk.read_one(ann), (name("ann"), "two".to_owned()));
    let (new, unread) = desk.log_in("new");
    assert_eq!(unread, 1);
    assert_eq!(desk.read_one(new), (Name::web(), "three".to_owned()));
}

pub(super) fn the_web_is_one_sender<F: Fixture>(fixture: &mut F) {
    let shared = Limits { mailbox_percent_of_sender: 50, ..limits(4) };
    let mut desk = Desk::open(fixture, shared);
    let (ann, _) = desk.log_in("ann");
    let refused = |outcomes: Vec<Outcome>| -> Vec<Option<Full>> {
        let full = |outcome: &Outcome| match outcome {
            Outcome::Composed { .. } => None,
            Outcome::MailboxFull { full, .. } => Some(*full),
            other => panic!("{other:?}"),
        };
        outcomes.iter().map(full).collect()
    };
    let web = || append(Sender::Web, "ann", "hi");
    assert_eq!(refused(desk.group([web(), web(), web()])), [None, None, Some(Full::Share)]);
    drop(desk);
    let mut desk = Desk::open(fixture, shared);
    assert_eq!(refused(desk.group([web(), append(ann, "ann", "hi")])), [Some(Full::Share), None]);
    // It can be blocked as others can.
    let password = PasswordHash("$argon2id$x".into());
    desk.call(Call::SetPassword { name: name("ann"), password, of: PasswordOf::Anyone });
    desk.read_one(ann);
    let block = |is_blocked| {
        let account = AccountRef::Id(ann);
        Call::Block { account, sender: Name::web(), is_blocked }
    };
    assert!(matches!(desk.call(block(true)), Outcome::BlockSet { .. }));
    drop(desk);
    let mut desk = Desk::open(fixture, shared);
    assert!(desk.store.has_blocked(ann, &Name::web()));
    assert_eq!(refused(desk.group([web()])), [Some(Full::Blocked)]);
    assert!(matches!(desk.call(block(false)), Outcome::BlockSet { .. }));
    assert_eq!(refused(desk.group([web()])), [None]);
}

pub(super) fn a_post_without_an_account_is_of_the_web_or_the_board<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    let outcomes = desk.group([
        post(Some((bob, "bob")), &["#a"], "one"),
        post_of_the_web("#a", "two"),
        post(None, &["#a"], "three"),
    ]);
    assert!(outcomes.iter().all(is_posted), "{outcomes:?}");
    for _ in 0..2 {
        assert_eq!(desk.timeline("#a"), ["bob: one", "@web: two", "@board: three"]);
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    desk.call(Call::Delete { name: name("bob") });
    assert_eq!(desk.timeline("#a"), ["@web: two", "@board: three"]);
    assert_eq!(desk.latest("#a").as_deref(), Some("@board: three"));
}

/// The web and the board are different authors of a channel.
pub(super) fn a_channel_of_the_web_and_the_board_has_two_authors<F: Fixture>(fixture: &mut F) {
    let most = Limits { channels_max: 2, ..limits(9) };
    let mut desk = Desk::open(fixture, most);
    let outcomes = desk.group([
        post_of_the_web("#two", "one"),
        post(None, &["#two"], "two"),
        post_of_the_web("#one", "one"),
        post_of_the_web("#one", "two"),
        post_of_the_web("#one", "three"),
    ]);
    assert!(outcomes.iter().all(is_posted), "{outcomes:?}");
    drop(desk);
    let mut desk = Desk::open(fixture, most);
    assert!(is_posted(&desk.call(post_of_the_web("#new", "one"))));
    assert_eq!(desk.timeline("#two"), ["@web: one", "@board: two"]);
    assert_eq!(desk.timeline("#one"), [""; 0], "it was evicted");
}

pub(super) fn an_import_may_have_messages_of_the_web<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, Limits { accounts_max: 1, ..limits(9) });
    let text = Text::from_stored(b"hi").expect("a text");
    let message = ImportedMessage { sender: Name::web(), stored: Timestamp(1), text };
    let (password, blocked) = (PasswordHash("$argon2id$x".into()), vec![Name::web()]);
    let import = Arc::new(Import { password, blocked, messages: vec![message] });
    let outcome = desk.call(Call::Import { name: name("ann"), import });
    assert!(matches!(outcome, Outcome::Imported { .. }), "it takes no place: {outcome:?}");
    assert_eq!(desk.names(), ["ann"]);
    let key = Key::Trusted;
    let open = Call::Open { name: name("ann"), key, admits: Admits::NONE, may_create: 0 };
    let Outcome::Opened { account: ann, .. } = desk.call(open) else { panic!("she is known") };
    assert!(desk.store.has_blocked(ann, &Name::web()));
    assert_eq!(desk.read_one(ann).0, Name::web());
}
