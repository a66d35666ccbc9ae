//! What is exported of an account, between commits and from damaged stores.

use super::*;
use crate::{Export, ExportError, Exported, Place};

/// Reads the rest of an export, with something done before each page; what it has told, in
/// short.
fn finish(mut export: Export, mut before_page: impl FnMut()) -> Result<Vec<String>, ExportError> {
    let mut told = Vec::new();
    loop {
        before_page();
        if !export.page(|exported| told.push(short(exported)))? {
            return Ok(told);
        }
    }
}

fn short(exported: Exported) -> String {
    match exported {
        Exported::Account { name, has_password } => format!("account {name} {has_password}"),
        Exported::Block { sender } => format!("block {sender}"),
        Exported::Message { sender, stored, text } => {
            format!("message {sender} {} {}", stored.0, text.as_str())
        }
        Exported::Read { sender, stored, text } => {
            format!("read {sender} {} {}", stored.0, text.as_str())
        }
        Exported::Sent { recipient, stored, text } => {
            format!("sent {recipient} {} {}", stored.0, text.as_str())
        }
        Exported::Post { channel, stored, text } => {
            format!("post {channel} {} {}", stored.0, text.as_str())
        }
        Exported::Damaged => "damaged".to_owned(),
    }
}

fn export_of(folder: &TempDir, name: &str) -> Export {
    let name = Name::new(name).unwrap();
    let mut export = Export::open(Place::OwnServer(folder.path()), &name).unwrap();
    assert!(export.pace().is_beside_server());
    export.page_rows = 2;
    export
}

fn say(author: AccountId, tag: &str, words: &str) -> Call {
    let Call::Post { post, may_create, .. } = post(tag, words) else {
        panic!("it is a post");
    };
    Call::Post { author: Some(author.into()), post, may_create }
}

/// A store in which ann has something of each kind, and bob, too.
fn store_of_ann() -> (TempDir, SqliteStore, AccountId) {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder, Limits { channels_max: 2, ..Limits::default() });
    let [bob, ann] = ["bob", "Ann"].map(|name| account(&mut store, name));
    let (name, password) = (Name::new("ann").unwrap(), PasswordHash("hash".into()));
    settle(&mut store, [Call::SetPassword { name: name.clone(), password, of: PasswordOf::Known }]);
    for sender in ["eve", "Mallory"] {
        let (account, sender) = (AccountRef::Id(ann), Name::new(sender).unwrap());
        settle(&mut store, [Call::Block { account, sender, is_blocked: true }]);
    }
    settle(
        &mut store,
        [
            append(bob, "ann", "read"),
            append(bob, "ann", "one"),
            append(ann, "bob", "to bob"),
            append(ann, "ann", "to herself"),
            append(bob, "bob", "not hers"),
            append(bob, "ann", "leased"),
            say(ann, "#gone", "in a channel that is evicted"),
            say(ann, "#tea", "hot"),
            say(bob, "#tea", "cold"),
        ],
    );
    settle(&mut store, [say(ann, "#rust", "fast")]);
    assert_eq!(read(&mut store, ann, 1), ["read"]);
    (folder, store, ann)
}

const OF_ANN: [&str; 9] = [
    "account Ann true",
    "block eve",
    "block Mallory",
    "message bob 1 one",
    "sent bob 1 to bob",
    "message Ann 1 to herself",
    "message bob 1 leased",
    "post #tea 1 hot",
    "post #rust 1 fast",
];

#[test]
fn an_export_has_all_of_an_account_and_nothing_of_others() {
    let (folder, mut store, ann) = store_of_ann();
    let Some(Outcome::Read { lease, .. }) = settle(&mut store, [Call::Read { account: ann }]).pop()
    else {
        panic!("one is unread");
    };
    assert_eq!(finish(export_of(&folder, "ANN"), || ()).unwrap(), OF_ANN);
    let error = finish(export_of(&folder, "carol"), || ()).unwrap_err();
    assert!(matches!(error, ExportError::NoSuchAccount), "{error}");
    // Where no server runs, and in files of earlier versions.
    settle(&mut store, [Call::Return { leases: vec![lease] }]);
    drop(store);
    let name = Name::new("ann").unwrap();
    let export = Export::open(Place::Folder(folder.path()), &name).unwrap();
    assert!(!export.pace().is_beside_server());
    assert_eq!(finish(export, || ()).unwrap(), OF_ANN);
    let name = Name::new("bob").unwrap();
    for version in 1..=12 {
        let folder = fixture(&format!("version-{version}"));
        let export = Export::open(Place::Folder(folder.path()), &name).unwrap();
        let told = finish(export, || ()).unwrap();
        let messages = told.iter().filter(|line| line.starts_with("message "));
        let texts: Vec<_> = messages.map(|line| line.splitn(4, ' ').nth(3).unwrap()).collect();
        assert_eq!(texts, ["Hi Bob!", "grüße"], "version {version}: {told:?}");
        let has_posted = told.iter().any(|line| line.starts_with("post #tea "));
        assert_eq!(has_posted, version >= 3, "version {version}: {told:?}");
    }
}

/// What stays is exported whatever else is stored and removed meanwhile; what goes may be.
#[test]
fn an_export_between_commits_has_what_stays() {
    let (folder, mut store, ann) = store_of_ann();
    let mut number = 0;
    let told = finish(export_of(&folder, "ann"), || {
        number += 1;
        let words = format!("later {number}");
        let bob = AccountId(0);
        settle(&mut store, [append(bob, "ann", &words), append(bob, "bob", &words)]);
        read(&mut store, bob, 1);
        if number == 8 {
            let call =
                Call::Rename { from: Name::new("bob").unwrap(), to: Name::new("rob").unwrap() };
            settle(&mut store, [call]);
        }
    })
    .unwrap();
    for line in OF_ANN.iter().filter(|line| !line.contains("bob")) {
        assert!(told.contains(&(*line).to_owned()), "{line}: {told:?}");
    }
    // The first that is read is the one that goes.
    assert_eq!(read(&mut store, ann, 1), ["one"]);
    let told = finish(export_of(&folder, "ann"), || ()).unwrap();
    assert!(!told.iter().any(|line| line.ends_with(" one")), "{told:?}");
    assert!(told.contains(&"message rob 1 later 1".to_owned()), "{told:?}");
}

/// Another account may get the name or the number.
#[test]
fn an_account_that_goes_during_its_export_ends_it() {
    let rename = |from: &str, to: &str| Call::Rename {
        from: Name::new(from).unwrap(),
        to: Name::new(to).unwrap(),
    };
    for call in [rename("ann", "anna"), Call::Delete { name: Name::new("ann").unwrap() }] {
        let (folder, mut store, _) = store_of_ann();
        let mut export = export_of(&folder, "ann");
        let mut told = Vec::new();
        while told.len() < 4 {
            assert!(export.page(|exported| told.push(short(exported))).unwrap());
        }
        settle(&mut store, [call]);
        let error = finish(export, || ()).unwrap_err();
        assert!(matches!(error, ExportError::Gone), "{error}");
    }
    // Only its spelling is another one.
    let (folder, mut store, _) = store_of_ann();
    let mut calls = vec![rename("ann", "ANN")];
    let told = finish(export_of(&folder, "ann"), || drop(settle(&mut store, calls.drain(..))));
    assert_eq!(told.unwrap().len(), OF_ANN.len());
}

#[test]
fn what_is_damaged_is_counted_and_left_out() {
    let (folder, store, _) = store_of_ann();
    connection(&store)
        .execute_batch(
            "UPDATE message SET text = 'a' || char(0) WHERE text = 'one';
             UPDATE message SET sender = 77 WHERE text = 'leased';
             UPDATE block SET sender = 'two words' WHERE sender = 'eve';
             UPDATE post SET channel = 77 WHERE text = 'hot';
             INSERT INTO removal VALUES (77, -5, NULL);
             UPDATE message SET text = 'a' || char(0) WHERE text = 'not hers'",
        )
        .unwrap();
    let told = finish(export_of(&folder, "ann"), || ()).unwrap();
    let count =
        |is_damaged: bool| told.iter().filter(|line| (*line == "damaged") == is_damaged).count();
    assert_eq!((count(true), count(false)), (4, OF_ANN.len() - 4), "{told:?}");
}
