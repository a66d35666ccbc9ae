//! Presence and channels.

use std::sync::Arc;

use postroom_model::{
    Author, Channel, Entry, Page, Position, Post, PresenceKind,
    PresenceKind::{Device, Sole},
    TEXT_BYTES_MAX, TEXT_LINES_MAX, Text, Unknown,
};

use super::{Desk, Fixture, append, limits, name};
use crate::{
    AccountId, Admits, Call, Key, Limits, Outcome, PAGE_BYTES, PAGE_ENTRIES_MAX, PasswordHash,
    PasswordOf, Presence,
};

pub(super) fn channel(tag: &str) -> Channel {
    Channel::parse(tag).expect("a channel of a test is one")
}

pub(super) fn post(author: Option<(AccountId, &str)>, tags: &[&str], words: &str) -> Call {
    let text = Text::from_stored(words.as_bytes()).expect("a text of a test is one");
    let channels = tags.iter().map(|tag| channel(tag)).collect();
    let shown = author.map_or(Author::Board, |(_, shown)| Author::Account(name(shown)));
    let post = Arc::new(Post { author: shown, channels, text });
    Call::Post { author: author.map(|(account, _)| account.into()), post, may_create: 10 }
}

impl<F: Fixture> Desk<'_, F> {
    pub(super) fn page(&mut self, tag: &str, from: Position) -> Page {
        match self.call(Call::Timeline { channel: channel(tag), from, reader: None }) {
            Outcome::Timeline(page) => page,
            other => panic!("a timeline is answered by {other:?}"),
        }
    }

    /// All of a channel's entries, as `author: text`.
    pub(super) fn timeline(&mut self, tag: &str) -> Vec<String> {
        let mut entries = Vec::new();
        let mut next = Some(Position::default());
        while let Some(from) = next {
            let page = self.page(tag, from);
            entries.extend(page.entries.iter().map(shown));
            next = page.next;
        }
        entries
    }

    pub(super) fn latest(&mut self, tag: &str) -> Option<String> {
        match self.call(Call::Latest { channel: channel(tag), reader: None }) {
            Outcome::Latest(entry) => entry.as_ref().map(shown),
            other => panic!("the latest is answered by {other:?}"),
        }
    }

    /// Claims a presence, if it is granted: it, whether it is the account's first, and how many
    /// accounts are present. A question whether it would be granted says the same.
    pub(super) fn claim(
        &mut self,
        account: AccountId,
        kind: PresenceKind,
    ) -> Option<(Presence, bool, u32)> {
        let may_claim = match self.call(Call::MayClaim { account, kind }) {
            Outcome::MayClaim => true,
            Outcome::PresentAlready => false,
            other => panic!("a question about a claim is answered by {other:?}"),
        };
        let claimed = match self.call(Call::Claim { account, kind }) {
            Outcome::Claimed { presence, is_first, active, .. } => {
                Some((presence, is_first, active))
            }
            Outcome::PresentAlready => None,
            other => panic!("a claim is answered by {other:?}"),
        };
        assert_eq!(may_claim, claimed.is_some());
        claimed
    }

    pub(super) fn release(&mut self, presence: Presence) -> (String, bool, u32) {
        match self.call(Call::Release { presence }) {
            Outcome::Released { name, remains, active } => (name.to_string(), remains, active),
            other => panic!("a release is answered by {other:?}"),
        }
    }

    fn present(&mut self) -> Vec<String> {
        match self.call(Call::ListPresent) {
            Outcome::Present(names) => names.iter().map(ToString::to_string).collect(),
            other => panic!("the present are told by {other:?}"),
        }
    }
}

pub(super) fn shown(entry: &Entry) -> String {
    let text = entry.content.text().map_or("(deleted)", Text::as_str);
    format!("{}: {text}", entry.author)
}

pub(super) fn is_posted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Posted { .. })
}

pub(super) fn a_post_is_in_each_of_its_channels_in_one_order<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("Bob");
    let outcomes = desk.group([
        post(Some((bob, "Bob")), &["#rust"], "one"),
        post(None, &["#rust", "#c"], "two"),
        Call::Latest { channel: channel("#rust"), reader: None },
        post(Some((bob, "Bob")), &["#rust"], "three"),
    ]);
    assert!([0, 1, 3].iter().all(|&at| is_posted(&outcomes[at])), "{outcomes:?}");
    match &outcomes[2] {
        Outcome::Latest(Some(entry)) => assert_eq!(shown(entry), "@board: two", "of its group"),
        other => panic!("{other:?}"),
    }
    for _ in 0..2 {
        assert_eq!(desk.timeline("#rust"), ["Bob: one", "@board: two", "Bob: three"]);
        assert_eq!(desk.timeline("#RUST").len(), 3);
        assert_eq!(desk.timeline("#c"), ["@board: two"]);
        assert_eq!(desk.timeline("#unknown"), Vec::<String>::new());
        assert_eq!(desk.latest("#rust").as_deref(), Some("Bob: three"));
        assert_eq!(desk.latest("#unknown"), None);
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    desk.call(post(None, &["#rust"], "four"));
    assert_eq!(desk.timeline("#rust").last().map(String::as_str), Some("@board: four"));
}

pub(super) fn a_channel_keeps_its_latest_posts<F: Fixture>(fixture: &mut F) {
    let kept = Limits { channel_posts: 5, ..Limits::default() };
    let mut desk = Desk::open(fixture, kept);
    desk.call(post(None, &["#quiet"], "first"));
    for part in 0..40 {
        let numbers = (0..10).map(|number| (part * 10 + number).to_string());
        desk.group(numbers.map(|number| post(None, &["#busy"], &number)));
        if part % 16 == 7 {
            drop(desk);
            desk = Desk::open(fixture, kept);
        }
    }
    let expected = [395, 396, 397, 398, 399].map(|number| format!("@board: {number}"));
    assert_eq!(desk.timeline("#busy"), expected);
    drop(desk);
    desk = Desk::open(fixture, kept);
    assert_eq!(desk.timeline("#busy"), expected);
    assert_eq!(desk.timeline("#quiet"), ["@board: first"]);
}

pub(super) fn a_timeline_comes_in_pages<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let posts = PAGE_ENTRIES_MAX + 3;
    desk.group((0..posts).map(|number| post(None, &["#a"], &number.to_string())));
    let page = desk.page("#a", Position::default());
    assert_eq!(page.entries.len(), PAGE_ENTRIES_MAX);
    let page = desk.page("#a", page.next.expect("there are more"));
    assert_eq!((page.entries.len(), page.next), (3, None));
    let words = "x".repeat(PAGE_BYTES / 2);
    desk.group((0..3).map(|_| post(None, &["#long"], &words)));
    let page = desk.page("#long", Position::default());
    assert_eq!(page.entries.len(), 2);
    assert_eq!(desk.page("#long", page.next.expect("one more")).entries.len(), 1);
}

pub(super) fn a_text_of_several_lines_stays_what_it_is<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    let texts = [
        "one\n\nthree\n".to_owned(),
        "\n".repeat(TEXT_LINES_MAX - 1),
        "x\n".repeat(TEXT_LINES_MAX - 1) + &"y".repeat(TEXT_BYTES_MAX - 2 * (TEXT_LINES_MAX - 1)),
    ];
    for text in &texts {
        desk.append(bob, "bob", text);
        assert!(is_posted(&desk.call(post(Some((bob, "bob")), &["#a", "#b"], text))));
    }
    let posts: Vec<_> = texts.iter().map(|text| format!("bob: {text}")).collect();
    let is_unchanged = |desk: &mut Desk<'_, F>| {
        for tag in ["#a", "#b"] {
            assert_eq!(desk.timeline(tag), posts);
            assert_eq!(desk.latest(tag).as_ref(), posts.last());
        }
        let leases: Vec<_> = std::iter::from_fn(|| desk.lease(bob)).collect();
        assert_eq!(leases.iter().map(|(_, text, _)| text).collect::<Vec<_>>(), texts.each_ref());
    };
    is_unchanged(&mut desk);
    drop(desk);
    is_unchanged(&mut Desk::open(fixture, limits(9)));
}

pub(super) fn a_sole_session_is_present_once<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let ((bob, _), (ann, _)) = (desk.log_in("Bob"), desk.log_in("ann"));
    let (presence, is_first, active) = desk.claim(bob, Sole).expect("no one is there");
    assert_eq!((is_first, active), (true, 1));
    assert!(desk.claim(bob, Sole).is_none());
    let (of_ann, _, active) = desk.claim(ann, Sole).expect("someone else is there");
    assert_eq!((active, desk.present()), (2, vec!["Bob".to_owned(), "ann".to_owned()]));
    assert_eq!(desk.release(presence), ("Bob".to_owned(), false, 1));
    let (presence, ..) = desk.claim(bob, Sole).expect("the name is free");
    assert_eq!(desk.present(), ["ann", "Bob"], "in the order of coming");
    desk.release(of_ann);
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    assert_eq!(desk.present(), Vec::<String>::new(), "no session outlives its store");
    drop(presence);
}

pub(super) fn an_account_without_a_password_is_present_in_one_session<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    for (first, second) in [(Device, Device), (Device, Sole), (Sole, Device), (Sole, Sole)] {
        let (presence, is_first, _) = desk.claim(bob, first).expect("no one is there");
        assert!(is_first && desk.claim(bob, second).is_none(), "{first:?}, {second:?}");
        assert_eq!(desk.release(presence), ("bob".to_owned(), false, 0));
    }
    // What it may have, it may have from when it has a password.
    let (device, ..) = desk.claim(bob, Device).expect("no one is there");
    let password = PasswordHash("$argon2id$x".into());
    desk.call(Call::SetPassword { name: name("bob"), password, of: PasswordOf::Known });
    let (sole, is_first, _) = desk.claim(bob, Sole).expect("it has a password");
    assert!(!is_first);
    desk.call(Call::RemovePassword { name: name("bob") });
    assert!(desk.claim(bob, Device).is_none());
    assert!(desk.release(sole).1);
    assert!(desk.claim(bob, Device).is_none());
    assert_eq!(desk.release(device), ("bob".to_owned(), false, 0));
}

pub(super) fn devices_share_a_presence_until_the_last_leaves<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    let password = PasswordHash("$argon2id$x".into());
    desk.call(Call::SetPassword { name: name("bob"), password, of: PasswordOf::Known });
    let (one, is_first, active) = desk.claim(bob, Device).expect("no one is there");
    assert_eq!((is_first, active), (true, 1));
    let (two, is_first, active) = desk.claim(bob, Device).expect("it is shared");
    assert_eq!((is_first, active, desk.present().len()), (false, 1, 1));
    let (sole, is_first, active) = desk.claim(bob, Sole).expect("it is the only sole one");
    assert_eq!((is_first, active, desk.present().len()), (false, 1, 1));
    assert!(desk.claim(bob, Sole).is_none());
    let (three, ..) = desk.claim(bob, Device).expect("a sole one keeps no device out");
    assert_eq!(desk.release(sole), ("bob".to_owned(), true, 1));
    assert_eq!(desk.release(one), ("bob".to_owned(), true, 1));
    let (sole, ..) = desk.claim(bob, Sole).expect("the sole one has left");
    assert!(desk.claim(bob, Sole).is_none());
    for device in [two, three] {
        assert_eq!(desk.release(device), ("bob".to_owned(), true, 1));
    }
    assert_eq!(desk.release(sole), ("bob".to_owned(), false, 0));
    assert_eq!(desk.present(), Vec::<String>::new());
}

pub(super) fn strangers_are_admitted_where_they_are<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("bob");
    desk.call(append(bob, "bob", "hi"));
    let text = Text::from_bytes(b"hi").expect("a text");
    let to_no_one = Call::Compose {
        sender: bob.into(),
        recipient: name("carol"),
        text,
        unknown: Unknown::Refuse,
        may_create: 1,
    };
    assert!(matches!(desk.call(to_no_one), Outcome::UnknownRecipient));
    assert!(matches!(desk.call(Call::CountUnread { account: bob }), Outcome::Unread(1)));
    let open = |spelling: &str, key: Key| Call::Open {
        name: name(spelling),
        key,
        admits: Admits::NONE,
        may_create: 1,
    };
    for (refused, exists) in [("bob", true), ("carol", false)] {
        let outcome = desk.call(open(refused, Key::None));
        let is_right = matches!(outcome, Outcome::NotAdmitted { is_known } if is_known == exists);
        assert!(is_right, "{outcome:?}");
    }
    let password = PasswordHash("$argon2id$x".into());
    desk.call(Call::SetPassword { name: name("bob"), password, of: PasswordOf::Anyone });
    assert!(matches!(desk.call(open("bob", Key::None)), Outcome::Locked { .. }));
    let outcome = desk.call(open("bob", Key::Trusted));
    assert!(matches!(outcome, Outcome::Opened { unread: 1, .. }), "{outcome:?}");
    let outcome = desk.call(open("carol", Key::Trusted));
    assert!(matches!(outcome, Outcome::Opened { registered: true, .. }), "{outcome:?}");
}
