//! A check whose pages are read between commits.

use postroom_store::Damaged;

use super::*;
use crate::{Check, Finding, Place};

/// A check beside this store, with few rows a page.
fn check_of(folder: &TempDir) -> Check {
    let mut check = Check::open(Place::OwnServer(folder.path()), |_| true).unwrap();
    assert!(check.pace().is_beside_server());
    check.page_rows = 3;
    check
}

/// Reads the rest of a check, with something done before each page; returns the findings
/// and how many pages there were.
fn finish(mut check: Check, mut before_page: impl FnMut()) -> (Vec<String>, usize) {
    let mut findings = Vec::new();
    for pages in 1.. {
        before_page();
        if check.page(|finding| findings.push(finding.to_string())).unwrap().is_some() {
            return (findings, pages);
        }
    }
    unreachable!("a check ends")
}

/// A name that one record had is another one's by the time that it is read.
#[test]
fn a_name_that_moves_during_a_check_is_no_double() {
    let folder = TempDir::new().unwrap();
    let limits = Limits { channels_max: 4, ..Limits::default() };
    let mut store = open(&folder, limits);
    let name = |name| Name::new(name).unwrap();
    for number in 0..9 {
        account(&mut store, &format!("account-{number}"));
    }
    settle(&mut store, (0..4).map(|number| post(&format!("#tag{number}"), "hello")));
    let mut check = check_of(&folder);
    let mut findings = Vec::new();
    let mut page = |check: &mut Check| {
        check.page(|finding| findings.push(finding.to_string())).unwrap();
    };
    page(&mut check);
    settle(&mut store, [Call::Rename { from: name("account-1"), to: name("other") }]);
    account(&mut store, "account-1");
    // To the page with the first channels, without the last ones.
    while check.next_table() != Some("channel") {
        page(&mut check);
    }
    page(&mut check);
    settle(&mut store, (4..8).map(|number| post(&format!("#tag{number}"), "hello")));
    settle(&mut store, (0..3).map(|number| post(&format!("#tag{number}"), "again")));
    assert_eq!(store.take_damaged(), []);
    let (rest, _) = finish(check, || ());
    findings.extend(rest);
    assert_eq!(findings, Vec::<String>::new());
    // Two of one name are found, each once, in small pages, too.
    connection(&store)
        .execute_batch(
            "UPDATE account SET name = 'OTHER', password = 'two words' WHERE id = 5;
             UPDATE account SET name = 'account-8' WHERE id IN (2, 7)",
        )
        .unwrap();
    let (mut findings, pages) = finish(check_of(&folder), || ());
    findings.sort_unstable();
    let what = |key, what: &str| {
        Finding::Record(Damaged { table: "account", key, what: what.to_owned() }).to_string()
    };
    let expected = [
        what(5, "its password is not a hash, and opens to nobody"),
        what(7, "its name is that of account 2"),
        what(8, "its name is that of account 2"),
    ];
    assert_eq!(findings, expected);
    assert!(pages > 8, "{pages}");
}

/// Whatever a server does during a check, what is sound is not called damaged.
#[test]
fn a_check_between_commits_finds_nothing_where_nothing_is_damaged() {
    const CHECKS: u64 = 6;
    let mut pages = 0;
    for seed in 0..CHECKS {
        let folder = TempDir::new().unwrap();
        let limits =
            Limits { accounts_max: 25, channels_max: 8, channel_posts: 5, ..Limits::default() };
        let mut store = open(&folder, limits);
        // The power does not fail here.
        connection(&store).pragma_update(None, "synchronous", "OFF").unwrap();
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..80 {
            act(&mut store, &mut random);
        }
        let (findings, of_this) = finish(check_of(&folder), || {
            for _ in 0..random.usize(..40) {
                act(&mut store, &mut random);
            }
        });
        assert_eq!(findings, Vec::<String>::new(), "seed {seed}");
        pages += of_this;
    }
    assert!(pages > 60, "{pages}");
}

/// Does one thing that sessions and operators do.
fn act(store: &mut SqliteStore, random: &mut fastrand::Rng) {
    let word = format!("name-{}", random.u8(..40));
    let name = Name::new(&word).unwrap();
    let open =
        Call::Open { name: name.clone(), key: Key::None, admits: Admits::ALL, may_create: 1 };
    let known = match settle(store, [open]).pop() {
        Some(Outcome::Opened { account, .. }) => Some(account),
        _ => None,
    };
    let other = Name::new(&format!("name-{}", random.u8(..40))).unwrap();
    let password = PasswordHash("hash".into());
    match (random.u8(..13), known) {
        (10.., _) => {
            settle(store, [post(&format!("#tag{}", random.u8(..20)), "hello")]);
        }
        (0..3, Some(account)) => drop(settle(store, [append(account, other.as_str(), "hi")])),
        (3, Some(account)) => drop(read(store, account, 5)),
        (4..7, _) => drop(settle(store, [Call::Rename { from: name, to: other }])),
        (7, _) => {
            let call = Call::SetPassword { name, password, of: PasswordOf::Anyone };
            settle(store, [call]);
        }
        (8, _) => {
            settle(store, [Call::Delete { name: name.clone() }]);
            settle(store, [Call::ReleaseName { name }]);
        }
        _ => {
            let account = AccountRef::Name(name);
            settle(store, [Call::Block { account, sender: other, is_blocked: true }]);
        }
    }
}
