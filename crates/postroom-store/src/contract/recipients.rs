//! A message to several recipients at once: to all of them, or to none.

use postroom_model::{Full, MessageId, Recipients, Text, Timestamp, Unknown};

use super::{Desk, Fixture, LIST_ACCOUNTS, append, limits, name, open};
use crate::{AccountId, AccountRef, Call, Limits, Outcome, PasswordHash, PasswordOf, Sender, Sent};

fn recipients(names: &[&str]) -> Recipients {
    Recipients::new(names.iter().map(|recipient| name(recipient))).expect("they are recipients")
}

/// A message that may register so many of its recipients.
pub(super) fn append_all(
    sender: impl Into<Sender>,
    to: &[&str],
    words: &str,
    may_create: u32,
) -> Call {
    let text = Text::from_stored(words.as_bytes()).expect("a text of a test is one");
    let (sender, recipients, unknown) = (sender.into(), recipients(to), Unknown::Register);
    Call::ComposeAll { sender, recipients, text, unknown, may_create }
}

fn sent(outcome: &Outcome) -> &[Sent] {
    match outcome {
        Outcome::ComposedAll { sent, .. } => sent,
        other => panic!("it is stored, not {other:?}"),
    }
}

/// For whom it was refused, and what a message to them alone would have come to.
fn refused(outcome: Outcome) -> (String, Outcome) {
    match outcome {
        Outcome::NotComposedAll { recipient, why } => (recipient.to_string(), *why),
        other => panic!("it is refused, not {other:?}"),
    }
}

impl<F: Fixture> Desk<'_, F> {
    /// Opens an account; returns it and the texts in its mailbox, which are confirmed.
    fn mail_of(&mut self, spelling: &str) -> (AccountId, Vec<String>) {
        let (account, _) = self.log_in(spelling);
        let mut texts = Vec::new();
        while let Some((lease, text, _)) = self.lease(account) {
            self.confirm(lease);
            texts.push(text);
        }
        (account, texts)
    }

    /// The accounts, with their unread messages.
    fn unread_of_all(&mut self) -> Vec<(String, u32)> {
        match self.call(LIST_ACCOUNTS) {
            Outcome::Accounts { accounts, .. } => {
                accounts.iter().map(|account| (account.name.to_string(), account.unread)).collect()
            }
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn each_recipient_gets_a_message_of_its_own<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("Bob");
    desk.now = Timestamp(7);
    let outcome = desk.call(append_all(bob, &["ann", "BOB", "new"], "hi", 9));
    let all: Vec<_> = sent(&outcome).iter().map(|of| (of.name.as_str(), of.registered)).collect();
    assert_eq!(all, [("ann", true), ("Bob", false), ("new", true)]);
    assert!(matches!(outcome, Outcome::ComposedAll { stored: Timestamp(7), .. }), "{outcome:?}");
    let ids: Vec<MessageId> = sent(&outcome).iter().map(|sent| sent.id).collect();
    assert!(ids.is_sorted() && ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
    assert_eq!(outcome.created(), 2);
    // What is read by one is unread with the others, also after a restart.
    let (account, texts) = desk.mail_of("ann");
    assert_eq!((account, texts), (sent(&outcome)[0].recipient, vec!["hi".to_owned()]));
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    assert_eq!(desk.mail_of("ann").1, [""; 0]);
    assert_eq!(desk.mail_of("bob").1, ["hi"]);
    match desk.call(Call::Read { account: sent(&outcome)[2].recipient }) {
        Outcome::Read { lease, stored, .. } => {
            assert_eq!((lease.message(), stored), (ids[2], Timestamp(7)));
            desk.confirm(lease);
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn a_refusal_for_one_is_one_for_all<F: Fixture>(fixture: &mut F) {
    let shared = Limits { mailbox_percent_of_sender: 50, accounts_max: 5, ..limits(4) };
    let mut desk = Desk::open(fixture, shared);
    let (bob, _) = desk.log_in("bob");
    let (ann, _) = desk.log_in("ann");
    let password = PasswordHash("$argon2id$x".into());
    desk.call(Call::SetPassword { name: name("eve"), password, of: PasswordOf::New });
    let block = AccountRef::Name(name("eve"));
    desk.call(Call::Block { account: block, sender: name("bob"), is_blocked: true });
    desk.group([append(ann, "full", "1"), append(ann, "full", "2")]);
    let before = desk.unread_of_all();
    let unknown = |to: &[&str]| {
        let text = Text::default();
        let (sender, recipients, unknown) = (bob.into(), recipients(to), Unknown::Refuse);
        Call::ComposeAll { sender, recipients, text, unknown, may_create: 9 }
    };
    // Each begins with recipients that would get it.
    let outcomes = desk.group([
        append_all(bob, &["ann", "one", "eve", "full"], "hi", 9),
        append_all(ann, &["bob", "one", "full", "eve"], "hi", 9),
        append_all(bob, &["ann", "one", "two"], "hi", 9),
        append_all(bob, &["ann", "one"], "hi", 0),
        unknown(&["ann", "two"]),
    ]);
    let refused: Vec<_> = outcomes.into_iter().map(refused).collect();
    assert!(
        matches!(
            &refused[..],
            [
                (eve, Outcome::MailboxFull { full: Full::Blocked, .. }),
                (full, Outcome::MailboxFull { full: Full::Share, .. }),
                (two, Outcome::TooManyAccounts),
                (one, Outcome::MayNotCreate),
                (unknown, Outcome::UnknownRecipient),
            ] if [eve, full, two, one, unknown] == ["eve", "full", "two", "one", "two"]
        ),
        "{refused:?}"
    );
    for _ in 0..2 {
        assert_eq!(desk.unread_of_all(), before, "nothing has changed");
        drop(desk);
        desk = Desk::open(fixture, shared);
    }
    // What was taken back counts for nothing, and the place of "one" is free.
    let outcome = desk.call(append_all(bob, &["ann", "last"], "hi", 1));
    assert_eq!(sent(&outcome).len(), 2);
    assert_eq!(desk.mail_of("ann").1, ["hi"]);
    assert_eq!(desk.mail_of("last").1, ["hi"]);
}

/// One that would not be missed gives its place to another recipient of the same message.
pub(super) fn an_eviction_for_one_recipient_leaves_the_others<F: Fixture>(fixture: &mut F) {
    let most = Limits { accounts_max: 3, ..limits(9) };
    let mut desk = Desk::open(fixture, most);
    let (bob, _) = desk.log_in("bob");
    desk.append(bob, "bob", "here");
    desk.group([open("idle"), open("other")]);
    drop(desk);
    let mut desk = Desk::open(fixture, most);
    let (bob, _) = desk.log_in("bob");
    let before = desk.unread_of_all();
    // "new" takes the place of one, which leaves one for the two others.
    let outcome = desk.call(append_all(bob, &["new", "idle", "other"], "hi", 9));
    let (_, why) = refused(outcome);
    assert!(matches!(why, Outcome::TooManyAccounts), "{why:?}");
    assert_eq!(desk.unread_of_all(), before);
    let outcome = desk.call(append_all(bob, &["new", "bob"], "hi", 9));
    assert_eq!(sent(&outcome).len(), 2);
    drop(desk);
    let mut desk = Desk::open(fixture, most);
    assert_eq!(desk.mail_of("bob").1, ["here", "hi"]);
    assert_eq!(desk.mail_of("new").1, ["hi"]);
}

pub(super) fn what_follows_in_its_group_sees_all_of_it_or_nothing<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(2));
    let (bob, _) = desk.log_in("bob");
    let outcomes = desk.group([
        append_all(bob, &["ann", "eve"], "one", 9),
        append(bob, "eve", "two"),
        append_all(bob, &["ann", "eve"], "three", 9),
        append(bob, "ann", "four"),
        append(bob, "ann", "five"),
    ]);
    let is_full = |outcome: &Outcome| matches!(outcome, Outcome::MailboxFull { .. });
    assert!(matches!(outcomes[0], Outcome::ComposedAll { .. }), "{outcomes:?}");
    assert!(matches!(outcomes[2], Outcome::NotComposedAll { .. }), "{outcomes:?}");
    assert!(!is_full(&outcomes[3]) && is_full(&outcomes[4]), "{outcomes:?}");
    assert_eq!(desk.mail_of("ann").1, ["one", "four"]);
    assert_eq!(desk.mail_of("eve").1, ["one", "two"]);
}
