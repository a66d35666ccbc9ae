//! Private channels on disk.

use postroom_model::{ChannelCommand, ChannelKey, Managed};
use postroom_store::Damaged;

use super::*;

fn den() -> Channel {
    Channel::parse("#den").unwrap()
}

fn manage(store: &mut SqliteStore, by: AccountId, command: ChannelCommand) -> Option<Managed> {
    let call = Call::ManageChannel { account: by, channel: den(), command, may_create: 1 };
    match settle(store, [call]).pop() {
        Some(Outcome::ChannelManaged { managed, .. }) => Some(managed),
        _ => None,
    }
}

/// The account of a name, whatever its password.
fn trusted(store: &mut SqliteStore, name: &str) -> AccountId {
    let name = Name::new(name).unwrap();
    let open = Call::Open { name, key: Key::Trusted, admits: Admits::NONE, may_create: 0 };
    match settle(store, [open]).pop() {
        Some(Outcome::Opened { account, .. }) => account,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_store_of_version_11_opens() {
    let (folder, mut store) = released(11);
    assert_eq!(store.take_damaged(), []);
    holds_the_mail_of_the_fixtures(&mut store);
    let [carol, erika] = ["carol", "Erika"].map(|name| trusted(&mut store, name));
    let dora = account(&mut store, "Dora");
    let may_enter = [Some(carol), Some(erika), Some(dora), None]
        .map(|account| store.may_enter(&den(), account));
    assert_eq!(may_enter, [true, true, false, false]);
    let invited = manage(&mut store, carol, ChannelCommand::ListInvited);
    let names = vec![Name::new("Erika").unwrap()];
    assert_eq!(invited, Some(Managed::Invited { names, has_key: true }));
    let key = ChannelKey::of(&den(), b"sesame").unwrap();
    assert_eq!(manage(&mut store, erika, ChannelCommand::UseKey(key)), Some(Managed::Admitted));
    drop(store);
    let checked = crate::check(folder.path(), |_| true, |found| panic!("{found:?}")).unwrap();
    assert_eq!(checked.invitations, 1);
}

/// Whether the store of the fixture, changed by a statement, lets its creator, the invited and
/// anyone enter the private channel; and in which tables it finds damage, as a check does.
fn entered_after(change: &str) -> ([bool; 3], Vec<&'static str>) {
    let folder = fixture("version-11");
    drop(open(&folder, Limits::default()));
    let file = Connection::open(database_file(folder.path())).unwrap();
    file.execute_batch(&format!("PRAGMA ignore_check_constraints = ON; {change}")).unwrap();
    drop(file);
    let mut checked = Vec::new();
    crate::check(
        folder.path(),
        |_| true,
        |found| match found {
            crate::Finding::Record(Damaged { table, .. }) => checked.push(table),
            other @ crate::Finding::Structure(_) => panic!("{other:?}"),
        },
    )
    .unwrap();
    let mut store = open(&folder, Limits::default());
    let damaged: Vec<_> = store.take_damaged().into_iter().map(|record| record.table).collect();
    assert_eq!(damaged, checked);
    let [carol, erika] = ["carol", "Erika"].map(|name| trusted(&mut store, name));
    let all = [Some(carol), Some(erika), None];
    (all.map(|account| store.may_enter(&den(), account)), damaged)
}

#[test]
fn a_channel_whose_creator_is_lost_stays_private() {
    let (entered, damaged) = entered_after("UPDATE channel SET creator = -7 WHERE name = 'den'");
    assert_eq!((entered, damaged), ([false, true, false], vec!["channel"]));
    let (entered, damaged) = entered_after("UPDATE channel SET creator = 77 WHERE name = 'den'");
    assert_eq!((entered, damaged), ([false, true, false], vec!["channel"]));
}

#[test]
fn a_channel_whose_key_is_lost_stays_private() {
    for key in ["x'00'", "x''"] {
        let (entered, damaged) =
            entered_after(&format!("UPDATE channel SET key = {key} WHERE name = 'den'"));
        assert_eq!((entered, damaged), ([true, true, false], vec!["channel"]));
    }
}

#[test]
fn an_invitation_that_is_damaged_invites_nobody() {
    let (entered, damaged) = entered_after("UPDATE invitation SET account = -7");
    assert_eq!((entered, damaged), ([true, false, false], vec!["invitation"]));
    let (entered, damaged) = entered_after("UPDATE invitation SET channel = 77");
    assert_eq!((entered, damaged), ([true, false, false], vec!["invitation"]));
}
