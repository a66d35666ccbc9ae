//! Private channels: who may enter them, and what becomes of them.

use postroom_model::{
    ChannelCommand, ChannelKey, HASHTAGS_MAX, ManageRefusal, Managed, Page, Position, PostRefusal,
    Text,
};

use super::live::{channel, is_posted, post};
use super::{Desk, Fixture, limits, name, open};
use crate::{
    AccountId, Call, HistoryFrom, INVITED_MAX, Limits, Outcome, PRIVATE_CHANNELS_MAX, PasswordHash,
    PasswordOf, Store as _,
};

impl<F: Fixture> Desk<'_, F> {
    fn manage(
        &mut self,
        account: AccountId,
        tag: &str,
        command: ChannelCommand,
    ) -> Result<Managed, ManageRefusal> {
        let (of, may_create) = (channel(tag), 1);
        let call = Call::ManageChannel { account, channel: of.clone(), command, may_create };
        match self.call(call) {
            Outcome::ChannelManaged { channel, managed } => {
                assert_eq!(channel, of);
                Ok(managed)
            }
            Outcome::ChannelNotManaged(refusal) => Err(refusal),
            other => panic!("a private channel is managed by {other:?}"),
        }
    }

    fn make(&mut self, account: AccountId, tag: &str) -> Result<Managed, ManageRefusal> {
        self.manage(account, tag, ChannelCommand::MakePrivate)
    }

    fn invite(&mut self, account: AccountId, tag: &str, whom: &str, is_invited: bool) -> bool {
        let command = ChannelCommand::Invite { name: name(whom), is_invited };
        match self.manage(account, tag, command) {
            Ok(Managed::Invitation { name, is_invited: is, is_new }) => {
                assert_eq!((name.as_str(), is), (whom, is_invited));
                is_new
            }
            other => panic!("an invitation is answered by {other:?}"),
        }
    }

    fn invited(&mut self, account: AccountId, tag: &str) -> Vec<String> {
        match self.manage(account, tag, ChannelCommand::ListInvited) {
            Ok(Managed::Invited { names, .. }) => names.iter().map(ToString::to_string).collect(),
            other => panic!("the invited are told by {other:?}"),
        }
    }

    /// Who of these may enter a channel, and reads and posts in it.
    fn entered(&mut self, tag: &str, all: &[Option<AccountId>]) -> Vec<bool> {
        let may_enter = |account: &Option<AccountId>| {
            let may_enter = self.store.may_enter(&channel(tag), *account);
            let (of, reader) = (channel(tag), *account);
            let latest = self.call(Call::Latest { channel: of.clone(), reader });
            let Outcome::Latest(entry) = latest else { panic!("{latest:?}") };
            let from = Position::default();
            let timeline = self.call(Call::Timeline { channel: of, from, reader });
            let Outcome::Timeline(page) = timeline else { panic!("{timeline:?}") };
            let posted = self.call(post(account.map(|of| (of, "x")), &[tag], "hi"));
            if may_enter {
                assert!(is_posted(&posted), "{account:?} in {tag}: {posted:?}");
                assert_eq!(entry.is_some(), !page.entries.is_empty());
            } else {
                let is_refused = matches!(posted, Outcome::NotPosted(PostRefusal::NotInvited));
                assert!(is_refused, "{account:?} in {tag}: {posted:?}");
                assert_eq!((entry, page), (None, Page::default()));
            }
            may_enter
        };
        all.iter().map(may_enter).collect()
    }
}

/// The tests.
pub(super) fn tests<F: Fixture>() -> [fn(&mut F); 6] {
    [
        who_knows_the_key_of_a_private_channel_is_invited,
        who_enters_a_private_channel_has_made_it_or_is_invited,
        a_private_channel_is_left_out_of_a_post_of_several,
        a_private_channel_is_new_and_never_evicted,
        an_account_has_a_limited_number_of_private_channels,
        a_private_channel_goes_with_its_creator,
    ]
}

fn who_enters_a_private_channel_has_made_it_or_is_invited<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (ann, ben) = (desk.with_password("ann"), desk.with_password("ben"));
    let (cat, _) = desk.log_in("cat");
    let all = [None, Some(ann), Some(ben), Some(cat)];
    assert_eq!(desk.make(cat, "#a"), Err(ManageRefusal::HasNoPassword));
    assert_eq!(desk.make(ann, "#a"), Ok(Managed::MadePrivate));
    assert_eq!(desk.make(ann, "#a"), Err(ManageRefusal::Exists));
    assert_eq!(desk.make(ben, "#A"), Err(ManageRefusal::Exists));
    assert_eq!(desk.entered("#a", &all), [false, true, false, false]);
    for whom in ["cat", "nobody"] {
        let command = ChannelCommand::Invite { name: name(whom), is_invited: true };
        assert_eq!(desk.manage(ann, "#a", command), Err(ManageRefusal::MayNotBeInvited));
    }
    assert!(desk.invite(ann, "#a", "ben", true));
    assert!(!desk.invite(ann, "#a", "ben", true));
    for _ in 0..2 {
        assert_eq!(desk.entered("#a", &all), [false, true, true, false]);
        assert_eq!(desk.invited(ann, "#a"), ["ben"]);
        let commands = [
            ChannelCommand::ListInvited,
            ChannelCommand::Delete,
            ChannelCommand::Invite { name: name("ben"), is_invited: false },
        ];
        for command in commands {
            let refused = desk.manage(ben, "#a", command.clone());
            assert_eq!(refused, Err(ManageRefusal::NotCreator));
            assert_eq!(desk.manage(ann, "#unknown", command), Err(ManageRefusal::NotCreator));
        }
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    // Anyone could be an account without a password.
    desk.call(Call::RemovePassword { name: name("ben") });
    assert_eq!(desk.entered("#a", &all), [false, true, false, false]);
    let password = PasswordHash("$argon2id$y".into());
    desk.call(Call::SetPassword { name: name("ben"), password, of: PasswordOf::Known });
    assert_eq!(desk.entered("#a", &all), [false, true, true, false]);
    assert!(desk.invite(ann, "#a", "ben", false));
    assert!(!desk.invite(ann, "#a", "ben", false));
    assert_eq!(desk.entered("#a", &all), [false, true, false, false]);
    let renamed = desk.call(Call::Rename { from: name("ann"), to: name("anna") });
    assert!(matches!(renamed, Outcome::Renamed { .. }), "{renamed:?}");
    assert_eq!(desk.entered("#a", &all), [false, true, false, false]);
}

fn who_knows_the_key_of_a_private_channel_is_invited<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let [ann, ben, cat] = ["ann", "ben", "cat"].map(|name| desk.with_password(name));
    let (dan, _) = desk.log_in("dan");
    let key = |tag, typed: &[u8]| ChannelKey::of(&channel(tag), typed).expect("a key");
    desk.make(ann, "#a").expect("it is new");
    desk.make(ann, "#b").expect("it is new");
    let uses = |tag, typed| ChannelCommand::UseKey(key(tag, typed));
    assert_eq!(desk.manage(ben, "#a", uses("#a", b"x")), Err(ManageRefusal::WrongKey));
    let set = |typed| ChannelCommand::SetKey(Some(key("#a", typed)));
    assert_eq!(desk.manage(ben, "#a", set(b"x")), Err(ManageRefusal::NotCreator));
    assert_eq!(desk.manage(ann, "#a", set(b"x")), Ok(Managed::KeySet { has_key: true }));
    for (tag, command) in [
        ("#a", uses("#a", b"y")),
        ("#a", uses("#b", b"x")),
        ("#b", uses("#b", b"x")),
        ("#unknown", uses("#unknown", b"x")),
    ] {
        assert_eq!(desk.manage(ben, tag, command), Err(ManageRefusal::WrongKey));
    }
    // Anyone could be an account without a password.
    let refused = desk.manage(dan, "#a", uses("#a", b"x"));
    assert_eq!(refused, Err(ManageRefusal::HasNoPassword));
    assert!(!desk.store.may_enter(&channel("#a"), Some(ben)));
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    for _ in 0..2 {
        assert_eq!(desk.manage(ben, "#a", uses("#a", b"x")), Ok(Managed::Admitted));
    }
    assert_eq!(desk.manage(ann, "#a", uses("#a", b"x")), Ok(Managed::Admitted));
    assert_eq!(desk.invited(ann, "#a"), ["ben"]);
    // Who has entered stays; the key counts no more.
    assert_eq!(desk.manage(ann, "#a", set(b"y")), Ok(Managed::KeySet { has_key: true }));
    assert_eq!(desk.manage(cat, "#a", uses("#a", b"x")), Err(ManageRefusal::WrongKey));
    let none = ChannelCommand::SetKey(None);
    assert_eq!(desk.manage(ann, "#a", none), Ok(Managed::KeySet { has_key: false }));
    assert_eq!(desk.manage(cat, "#a", uses("#a", b"y")), Err(ManageRefusal::WrongKey));
    assert!(desk.store.may_enter(&channel("#a"), Some(ben)));
    // A new channel of the name has no key of the old one.
    desk.manage(ann, "#a", set(b"x")).expect("it is hers");
    desk.manage(ann, "#a", ChannelCommand::Delete).expect("it is hers");
    desk.make(ann, "#a").expect("it is new");
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    assert_eq!(desk.manage(ben, "#a", uses("#a", b"x")), Err(ManageRefusal::WrongKey));
    assert_eq!(desk.entered("#a", &[Some(ann), Some(ben)]), [true, false]);
}

fn a_private_channel_is_left_out_of_a_post_of_several<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let ann = desk.with_password("ann");
    desk.make(ann, "#secret").expect("it is new");
    let stored = desk.call(post(None, &["#open", "#secret"], "plain #secret text"));
    let Outcome::Posted { post: stored, created: 1, .. } = stored else { panic!("{stored:?}") };
    assert_eq!(stored.channels, [channel("#open")]);
    desk.call(post(Some((ann, "ann")), &["#open", "#secret"], "both"));
    for _ in 0..2 {
        assert_eq!(desk.timeline("#open"), ["@board: plain #secret text", "ann: both"]);
        assert_eq!(desk.timeline("#secret"), Vec::<String>::new());
        let page = desk.history("#secret", HistoryFrom::Oldest, HASHTAGS_MAX);
        let texts = page.entries.iter().filter_map(|entry| entry.content.text());
        assert_eq!(
            texts.map(Text::as_str).collect::<Vec<_>>(),
            ["both"],
            "who asks the store itself decides who reads it"
        );
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
}

fn a_private_channel_is_new_and_never_evicted<F: Fixture>(fixture: &mut F) {
    let few = Limits { channels_max: 6, ..Limits::default() };
    let mut desk = Desk::open(fixture, few);
    let (ann, ben) = (desk.with_password("ann"), desk.with_password("ben"));
    desk.call(post(None, &["#said"], "hi"));
    assert_eq!(desk.make(ann, "#said"), Err(ManageRefusal::Exists));
    assert_eq!(desk.make(ann, "#lobby"), Err(ManageRefusal::Exists));
    // An operator or a hashtag of others is not kept out: at most half are private.
    for (account, tag) in [(ann, "#a"), (ben, "#b"), (ann, "#c")] {
        assert_eq!(desk.make(account, tag), Ok(Managed::MadePrivate));
    }
    assert_eq!(desk.make(ben, "#d"), Err(ManageRefusal::TooManyChannels));
    for _ in 0..2 {
        for number in 0..9 {
            assert!(is_posted(&desk.call(post(None, &[&format!("#p{number}")], "hi"))));
        }
        for tag in ["#a", "#b", "#c"] {
            assert!(!desk.store.may_enter(&channel(tag), None), "{tag}");
        }
        drop(desk);
        desk = Desk::open(fixture, few);
    }
    let Outcome::Channels { channels, .. } = desk.call(Call::ListChannels { after: None }) else {
        panic!("channels are listed");
    };
    let private = channels.iter().filter(|listed| listed.is_private);
    assert_eq!(private.map(|listed| listed.channel.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    let of = channel("#e");
    let command = ChannelCommand::MakePrivate;
    let call = Call::ManageChannel { account: ann, channel: of, command, may_create: 0 };
    let refused = desk.call(call);
    assert!(
        matches!(refused, Outcome::ChannelNotManaged(ManageRefusal::MayNotCreate)),
        "{refused:?}"
    );
}

fn an_account_has_a_limited_number_of_private_channels<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let ann = desk.with_password("ann");
    for number in 0..PRIVATE_CHANNELS_MAX {
        assert_eq!(desk.make(ann, &format!("#a{number}")), Ok(Managed::MadePrivate));
    }
    assert_eq!(desk.make(ann, "#more"), Err(ManageRefusal::TooManyOfAccount));
    let deleted = desk.manage(ann, "#a7", ChannelCommand::Delete);
    assert_eq!(deleted, Ok(Managed::Deleted { posts: 0 }));
    assert_eq!(desk.make(ann, "#more"), Ok(Managed::MadePrivate));
    let names = || (0..INVITED_MAX).map(|number| name(&format!("b{number}")));
    let password = PasswordHash("$argon2id$x".into());
    let add = |name| {
        let (password, of) = (password.clone(), PasswordOf::New);
        Call::SetPassword { name, password, of }
    };
    desk.group(names().map(add));
    let invite = |name| {
        let command = ChannelCommand::Invite { name, is_invited: true };
        Call::ManageChannel { account: ann, channel: channel("#more"), command, may_create: 0 }
    };
    let invited = desk.group(names().map(invite));
    let is_done = |outcome: &Outcome| matches!(outcome, Outcome::ChannelManaged { .. });
    assert!(invited.iter().all(is_done), "{invited:?}");
    desk.with_password("cat");
    let command = ChannelCommand::Invite { name: name("cat"), is_invited: true };
    assert_eq!(desk.manage(ann, "#more", command), Err(ManageRefusal::TooManyInvited));
    assert!(desk.invite(ann, "#a1", "cat", true));
}

fn a_private_channel_goes_with_its_creator<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let [ann, ben, cat] = ["ann", "ben", "cat"].map(|name| desk.with_password(name));
    for (account, tag) in [(ann, "#a"), (ben, "#b"), (ben, "#c")] {
        desk.make(account, tag).expect("it is new");
    }
    desk.call(post(Some((ann, "ann")), &["#a"], "hi"));
    desk.call(post(Some((ben, "ben")), &["#b"], "hi"));
    for (account, tag, whom) in [(ann, "#a", "ben"), (ann, "#a", "cat"), (ben, "#b", "ann")] {
        assert!(desk.invite(account, tag, whom, true));
    }
    let deleted = desk.call(Call::Delete { name: name("ann") });
    let Outcome::Deleted { channels, .. } = deleted else { panic!("{deleted:?}") };
    assert_eq!(channels, [channel("#a")]);
    let is_free = |desk: &mut Desk<'_, F>| {
        assert!(desk.store.may_enter(&channel("#a"), None));
        assert_eq!(desk.timeline("#a"), Vec::<String>::new());
        assert_eq!(desk.invited(ben, "#b"), Vec::<String>::new());
    };
    is_free(&mut desk);
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    is_free(&mut desk);
    // Whoever gets the name, or the place, of a deleted account is not invited.
    desk.call(Call::ReleaseName { name: name("ann") });
    desk.call(open("ann"));
    let ann = desk.with_password("ann");
    assert!(!desk.store.may_enter(&channel("#b"), Some(ann)));
    // An operator deletes what it wants to; the name is free.
    let deleted = desk.call(Call::DeleteChannel { channel: channel("#b") });
    assert!(
        matches!(deleted, Outcome::ChannelDeleted { posts: 1, was_private: true }),
        "{deleted:?}"
    );
    assert!(desk.store.may_enter(&channel("#b"), None));
    assert_eq!(desk.make(cat, "#b"), Ok(Managed::MadePrivate));
    let deleted = desk.call(Call::DeleteChannel { channel: channel("#c") });
    assert!(
        matches!(deleted, Outcome::ChannelDeleted { posts: 0, was_private: true }),
        "{deleted:?}"
    );
    let made = desk.manage(ben, "#c", ChannelCommand::ListInvited);
    assert_eq!(made, Err(ManageRefusal::NotCreator));
}
