//! Damaged rows of blocked senders: each costs itself.

use postroom_store::Limits;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

#[test]
fn a_damaged_block_costs_itself() {
    for (change, left, key) in [
        ("UPDATE block SET sender = 'two words' WHERE number = 1", ["eve2", "eve3"], 1),
        ("UPDATE block SET account = 99 WHERE number = 2", ["eve1", "eve3"], 2),
        ("UPDATE block SET sender = 'EVE1' WHERE number = 3", ["eve1", "eve2"], 3),
    ] {
        let folder = TempDir::new().unwrap();
        let mut store = open(&folder, Limits::default());
        let ann = account(&mut store, "ann");
        let password = PasswordHash("$argon2id$x".into());
        settle(
            &mut store,
            [Call::SetPassword {
                name: Name::new("ann").unwrap(),
                password,
                of: PasswordOf::Anyone,
            }],
        );
        let block = |sender: &str| Call::Block {
            account: AccountRef::Id(ann),
            sender: Name::new(sender).unwrap(),
            is_blocked: true,
        };
        settle(&mut store, ["eve1", "eve2", "eve3"].map(block));
        drop(store);
        Connection::open(database_file(folder.path())).unwrap().execute_batch(change).unwrap();
        let mut store = open(&folder, Limits::default());
        let damaged = store.take_damaged();
        let damaged: Vec<_> = damaged.iter().map(|of| (of.table, of.key)).collect();
        assert_eq!(damaged, [("block", key)], "{change}");
        // A number is not given out twice.
        settle(&mut store, [block("eve4")]);
        match settle(&mut store, [Call::ListBlocked { account: AccountRef::Id(ann) }]).pop() {
            Some(Outcome::BlockedNames(names)) => {
                assert_eq!(
                    names.iter().map(Name::as_str).collect::<Vec<_>>(),
                    [left[0], left[1], "eve4"]
                );
            }
            other => panic!("{other:?}"),
        }
    }
}
