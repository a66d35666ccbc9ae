//! Posts that their authors have deleted, in the file.

use postroom_model::{PostDeletionRefusal, PostId};
use postroom_store::Limits;

use super::*;

fn set_password(name: &str) -> Call {
    let password = PasswordHash("$argon2id$x".into());
    Call::SetPassword { name: Name::new(name).unwrap(), password, of: PasswordOf::Known }
}

/// `ann`, with a password, and posts of hers, each in two channels.
fn store_of_posts(texts: &[&str]) -> (TempDir, SqliteStore, AccountId) {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits::default());
    let ann = account(&mut store, "ann");
    settle(&mut store, [set_password("ann")]);
    let say = |words: &&str| {
        let channels = ["#a", "#b"].map(|tag| Channel::parse(tag).unwrap()).into();
        let text = Text::from_bytes(words.as_bytes()).unwrap();
        let author = Author::Account(Name::new("ann").unwrap());
        let post = Arc::new(Post { author, channels, text });
        Call::Post { author: Some(ann.into()), post, may_create: 9 }
    };
    settle(&mut store, texts.iter().map(say));
    (folder, store, ann)
}

fn texts(folder: &TempDir) -> Vec<String> {
    let rows = Connection::open(database_file(folder.path())).unwrap();
    let mut select = rows.prepare("SELECT text FROM post ORDER BY number").unwrap();
    let texts = select.query_map([], |row| row.get(0)).unwrap();
    texts.collect::<rusqlite::Result<_>>().unwrap()
}

#[test]
fn the_text_of_a_deleted_post_leaves_the_table_and_its_export() {
    let (folder, mut store, ann) = store_of_posts(&["one", "two"]);
    settle(&mut store, [Call::DeletePost { author: ann, id: PostId(1) }]);
    assert_eq!(texts(&folder), ["", "", "two", "two"]);
    let mut export =
        crate::Export::open(crate::Place::OwnServer(folder.path()), &Name::new("ann").unwrap())
            .unwrap();
    let mut exported = Vec::new();
    while export.page(|of| exported.push(of)).unwrap() {}
    let posts = exported.iter().filter_map(|of| match of {
        crate::Exported::Post { text, .. } => Some(text.as_str()),
        _ => None,
    });
    assert_eq!(posts.collect::<Vec<_>>(), ["two", "two"]);
    drop((export, store));
    let mut findings = 0;
    let checked = crate::check(folder.path(), |_| true, |_| findings += 1).unwrap();
    assert_eq!((checked.posts, findings), (4, 0));
}

/// Whatever is in its row, and whatever says so.
#[test]
fn what_is_marked_as_deleted_is_never_shown() {
    for mark in ["1", "0", "7"] {
        let (folder, store, _) = store_of_posts(&["one", "two"]);
        drop(store);
        let change = format!("UPDATE post SET deleted = {mark} WHERE number IN (1, 2)");
        Connection::open(database_file(folder.path())).unwrap().execute_batch(&change).unwrap();
        let mut store = open(&folder, Limits::default());
        assert_eq!(entries(&mut store, "#a"), ["ann: (deleted)", "ann: two"], "{mark}");
        assert_eq!(store.take_damaged(), []);
    }
}

/// A row that cannot be what it should be is left as it is, and hinders no other.
#[test]
fn a_post_with_a_damaged_row_is_deleted_as_far_as_it_can_be() {
    let (folder, mut store, ann) = store_of_posts(&["one", "two"]);
    let change = "UPDATE post SET author = -2 WHERE number = 1;
        UPDATE post SET channel = -1 WHERE number = 3";
    Connection::open(database_file(folder.path())).unwrap().execute_batch(change).unwrap();
    for id in [1, 3] {
        let outcome = settle(&mut store, [Call::DeletePost { author: ann, id: PostId(id) }]).pop();
        match outcome {
            Some(Outcome::PostDeleted { channels, .. }) => assert_eq!(channels.len(), 1),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(texts(&folder), ["one", "", "", ""]);
    let beyond = Call::DeletePost { author: ann, id: PostId(u64::MAX) };
    match settle(&mut store, [beyond]).pop() {
        Some(Outcome::PostNotDeleted(PostDeletionRefusal::NotFound)) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_store_of_version_9_opens() {
    let (_folder, mut store) = released(9);
    assert_eq!(store.take_damaged(), []);
    holds_the_mail_of_the_fixtures(&mut store);
    assert_eq!(entries(&mut store, "#milk"), ["@board: both", "@board: one", "carol: (deleted)"]);
    assert_eq!(entries(&mut store, "#tea"), ["Bob: hot #tea", "carol: (deleted)", "carol: kept"]);
}
