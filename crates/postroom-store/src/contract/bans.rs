//! Who is banned.

use std::net::IpAddr;
use std::time::Duration;

use super::{Desk, Fixture, limits, name, open};
use crate::{BANS_PAGE, BanPlace, BanSubject, Call, Limits, Outcome, Store as _, Timestamp};

const SECOND: Duration = Duration::from_secs(1);

fn of_name(spelling: &str) -> BanSubject {
    BanSubject::Name(name(spelling))
}

fn of_addresses(words: &str) -> BanSubject {
    BanSubject::Addresses(words.parse().expect("addresses of a test are some"))
}

fn ban(subject: BanSubject) -> Call {
    Call::Ban { subject, lasts: None }
}

fn ban_for(subject: BanSubject, lasts: Duration) -> Call {
    Call::Ban { subject, lasts: Some(lasts) }
}

impl<F: Fixture> Desk<'_, F> {
    fn is_banned(&self, spelling: &str) -> bool {
        self.store.is_banned(&name(spelling), self.now)
    }

    /// The ban of an address.
    fn banned_with(&self, address: &str) -> Option<String> {
        let address: IpAddr = address.parse().expect("an address of a test is one");
        self.store.banned_with(address, self.now).map(|prefix| prefix.to_string())
    }

    /// Those in force, with the beginnings and ends of their bans.
    fn bans(&self) -> Vec<(String, u64, Option<u64>)> {
        let page = self.store.bans(BanPlace::default(), self.now);
        assert_eq!(page.next, None);
        let of = |ban: &crate::Ban| {
            (ban.subject.to_string(), ban.since.0, ban.until.map(|until| until.0))
        };
        page.bans.iter().map(of).collect()
    }

    fn is_lifted(&mut self, subject: BanSubject) -> bool {
        match self.call(Call::Unban { subject }) {
            Outcome::Unbanned => true,
            Outcome::NotBanned => false,
            other => panic!("{other:?}"),
        }
    }
}

fn is_new(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Banned { was_banned: false, .. })
}

pub(super) fn a_ban_holds_until_it_ends_or_is_lifted<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    desk.now = Timestamp(5_000);
    assert!(desk.bans().is_empty() && !desk.is_banned("bob"));
    let (bob, _) = desk.log_in("Bob");
    match desk.call(ban_for(of_name("BOB"), SECOND)) {
        Outcome::Banned { ban, was_banned: false, account } => {
            assert_eq!((ban.since, ban.until), (Timestamp(5_000), Some(Timestamp(6_000))));
            assert_eq!(account, Some(bob));
        }
        other => panic!("{other:?}"),
    }
    let outcomes = desk.group([ban(of_name("nobody")), ban_for(of_addresses("192.0.2.1"), SECOND)]);
    for outcome in outcomes {
        assert!(matches!(outcome, Outcome::Banned { was_banned: false, account: None, .. }));
    }
    let all = [
        ("BOB".to_owned(), 5_000, Some(6_000)),
        ("nobody".to_owned(), 5_000, None),
        ("192.0.2.1".to_owned(), 5_000, Some(6_000)),
    ];
    for _ in 0..2 {
        desk.now = Timestamp(5_999);
        assert_eq!(desk.bans(), all);
        assert!(desk.is_banned("bob") && desk.is_banned("Nobody") && !desk.is_banned("ann"));
        assert_eq!(desk.banned_with("192.0.2.1").as_deref(), Some("192.0.2.1"));
        // A ban ends by itself, without a commit.
        desk.now = Timestamp(6_000);
        assert_eq!(desk.bans(), [all[1].clone()]);
        assert!(!desk.is_banned("bob") && desk.is_banned("nobody"));
        assert_eq!(desk.banned_with("192.0.2.1"), None);
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    desk.now = Timestamp(6_000);
    assert!(!desk.is_lifted(of_name("bob")), "it has ended");
    assert!(!desk.is_lifted(of_name("ann")) && !desk.is_lifted(of_addresses("192.0.2.0/24")));
    assert!(desk.is_lifted(of_name("NOBODY")) && !desk.is_lifted(of_name("nobody")));
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    desk.now = Timestamp(7_000);
    assert_eq!(desk.bans(), []);
    assert!(is_new(&desk.call(ban(of_addresses("192.0.2.1")))));
    assert_eq!(desk.bans(), [("192.0.2.1".to_owned(), 7_000, None)]);
}

pub(super) fn a_ban_is_made_longer_or_shorter<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    desk.now = Timestamp(1_000);
    desk.group([ban_for(of_name("bob"), SECOND), ban(of_name("ann"))]);
    desk.now = Timestamp(1_500);
    let outcomes = desk.group([
        ban_for(of_name("Bob"), 10 * SECOND),
        ban_for(of_name("ann"), SECOND),
        ban_for(of_addresses("192.0.2.0/24"), SECOND),
        ban(of_addresses("192.0.2.7/24")),
        Call::Unban { subject: of_name("eve") },
        ban(of_name("eve")),
        Call::Unban { subject: of_name("eve") },
    ]);
    let were_banned: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Banned { was_banned, .. } => Some(*was_banned),
            _ => None,
        })
        .collect();
    let expected = [Some(true), Some(true), Some(false), Some(true), None, Some(false), None];
    assert_eq!(were_banned, expected);
    assert!(matches!(outcomes[4], Outcome::NotBanned) && matches!(outcomes[6], Outcome::Unbanned));
    for _ in 0..2 {
        desk.now = Timestamp(1_500);
        let expected = [
            ("Bob".to_owned(), 1_000, Some(11_500)),
            ("ann".to_owned(), 1_000, Some(2_500)),
            ("192.0.2.0/24".to_owned(), 1_500, None),
        ];
        assert_eq!(desk.bans(), expected);
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    // It is shown as it was spelt last, also where one group lifts it and bans anew.
    desk.now = Timestamp(1_600);
    desk.group([
        Call::Unban { subject: of_name("Bob") },
        ban(of_name("bob")),
        ban_for(of_name("BOB"), SECOND),
        ban_for(of_name("Ann"), SECOND),
    ]);
    for _ in 0..2 {
        desk.now = Timestamp(1_600);
        let mut shown = desk.bans();
        shown.sort();
        let expected = [
            ("192.0.2.0/24".to_owned(), 1_500, None),
            ("Ann".to_owned(), 1_000, Some(2_600)),
            ("BOB".to_owned(), 1_600, Some(2_600)),
        ];
        assert_eq!(shown, expected);
        drop(desk);
        desk = Desk::open(fixture, limits(9));
    }
    // One that has ended begins anew.
    desk.now = Timestamp(3_000);
    assert!(is_new(&desk.call(ban_for(of_name("ann"), Duration::MAX))));
    let (_, since, until) = desk.bans().pop().expect("she is banned");
    assert!(since == 3_000 && until.is_some_and(|until| until > 1 << 60));
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    desk.now = Timestamp(1 << 60);
    assert!(desk.is_banned("ann"));
}

pub(super) fn an_address_is_banned_with_all_that_begin_like_it<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let prefixes =
        ["192.0.2.0/24", "192.0.2.128/25", "::ffff:198.51.100.7", "2001:db8::/32", "2001:db8::1"];
    desk.group(prefixes.map(|words| ban(of_addresses(words))));
    for lifted in [false, true] {
        for (address, expected) in [
            ("192.0.2.1", Some("192.0.2.0/24")),
            ("::ffff:192.0.2.1", Some("192.0.2.0/24")),
            ("192.0.2.129", Some(if lifted { "192.0.2.0/24" } else { "192.0.2.128/25" })),
            ("192.0.3.1", None),
            ("198.51.100.7", Some("198.51.100.7")),
            ("198.51.100.6", None),
            ("2001:db8::1", Some(if lifted { "2001:db8::/32" } else { "2001:db8::1" })),
            ("2001:db8:ffff::1", Some("2001:db8::/32")),
            ("2001:db9::1", None),
            ("127.0.0.1", None),
        ] {
            assert_eq!(desk.banned_with(address).as_deref(), expected, "{address}, {lifted}");
        }
        let lift = ["192.0.2.128/25", "2001:db8::1"];
        desk.group(lift.map(|words| Call::Unban { subject: of_addresses(words) }));
    }
    desk.group([ban(of_addresses("0.0.0.0/0")), ban(of_addresses("::/0"))]);
    assert_eq!(desk.banned_with("127.0.0.1").as_deref(), Some("0.0.0.0/0"));
    assert_eq!(desk.banned_with("::1").as_deref(), Some("::/0"));
}

pub(super) fn there_are_no_more_bans_than_allowed<F: Fixture>(fixture: &mut F) {
    let few = Limits { bans_max: 3, ..limits(9) };
    let mut desk = Desk::open(fixture, few);
    desk.group([ban(of_addresses("192.0.2.0/24")), ban(of_addresses("2001:db8::/32"))]);
    let outcomes = desk.group([ban_for(of_name("bob"), SECOND), ban(of_name("ann"))]);
    assert!(is_new(&outcomes[0]) && matches!(outcomes[1], Outcome::TooManyBans), "{outcomes:?}");
    drop(desk);
    let mut desk = Desk::open(fixture, few);
    let outcomes = desk.group([ban(of_name("ann")), ban_for(of_name("bob"), 2 * SECOND)]);
    assert!(matches!(outcomes[0], Outcome::TooManyBans), "after a restart too: {outcomes:?}");
    assert!(matches!(outcomes[1], Outcome::Banned { was_banned: true, .. }), "{outcomes:?}");
    // One that has ended makes a place.
    desk.now = Timestamp(desk.now.0 + 2_000);
    let outcomes = desk.group([ban(of_name("ann")), ban(of_name("eve"))]);
    assert!(is_new(&outcomes[0]) && matches!(outcomes[1], Outcome::TooManyBans), "{outcomes:?}");
    assert!(desk.is_banned("ann") && !desk.is_banned("bob"));
    let lift = Call::Unban { subject: of_addresses("192.0.2.0/24") };
    let outcomes = desk.group([lift, ban(of_name("eve")), ban(of_name("carl"))]);
    assert!(is_new(&outcomes[1]) && matches!(outcomes[2], Outcome::TooManyBans), "{outcomes:?}");
}

pub(super) fn bans_are_listed_in_pages<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let subject = |number: usize| of_name(&format!("user{number}"));
    let all = BANS_PAGE + 3;
    desk.group((0..all).map(|number| match number {
        7 => ban_for(subject(number), SECOND),
        number => ban(subject(number)),
    }));
    assert!(desk.is_lifted(subject(9)));
    desk.now = Timestamp(desk.now.0 + 1_000);
    let expected: Vec<_> =
        (0..all).filter(|number| ![7, 9].contains(number)).map(subject).collect();
    for _ in 0..2 {
        let now = desk.now;
        let page = desk.store.bans(BanPlace::default(), now);
        assert_eq!(page.bans.len(), BANS_PAGE);
        let rest = desk.store.bans(page.next.expect("there is one more"), now);
        assert_eq!((rest.bans.len(), rest.next), (1, None));
        let listed: Vec<_> =
            page.bans.into_iter().chain(rest.bans).map(|ban| ban.subject).collect();
        assert_eq!(listed, expected);
        assert_eq!(desk.store.bans(BanPlace(u64::MAX), now).bans, []);
        drop(desk);
        desk = Desk::open(fixture, limits(9));
        desk.now = now;
    }
}

pub(super) fn a_ban_that_is_not_committed_does_not_count<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    desk.call(ban(of_name("bob")));
    desk.submit(ban(of_name("ann")));
    desk.submit(ban(of_addresses("192.0.2.1")));
    desk.submit(Call::Unban { subject: of_name("bob") });
    let job = desk.job();
    let check = |desk: &Desk<'_, F>| {
        assert!(desk.is_banned("bob") && !desk.is_banned("ann"));
        assert_eq!(desk.banned_with("192.0.2.1"), None);
        assert_eq!(desk.bans().len(), 1);
    };
    check(&desk);
    drop(job);
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    check(&desk);
    let outcomes = desk.group([open("ann"), ban(of_name("ann"))]);
    match &outcomes[..] {
        [Outcome::Opened { account, .. }, Outcome::Banned { account: of, .. }] => {
            assert_eq!(*of, Some(*account), "of the same group");
        }
        other => panic!("{other:?}"),
    }
}
