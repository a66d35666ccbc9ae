//! Private channels on all listeners: who joins them, speaks in them and reads them, and what
//! the others find under their names.

use std::time::Duration;

use postroom_engine::{AccountCommand, AccountRequest, AdminRequest, HttpOutput, HttpSession};
use postroom_model::{Channel, ChannelCommand, Name, PostRefusal, Reply, Request, Text};
use postroom_protocol::HttpInput;
use postroom_simulator::PeerKey;
use postroom_store::{HistoryFrom, HistoryQuery, PasswordHash};

use crate::clients::client;
use crate::http::Http;

fn secret() -> Channel {
    Channel::parse("#secret").unwrap()
}

/// A client of the chat, with the password `right` if the account has one.
fn chat(http: &mut Http, name: &str) -> PeerKey {
    let pass = if name == "bob" { "" } else { "/pass right\n" };
    let key = client(&mut http.driver, "chat", &format!("{pass}/setname {name}\n"));
    http.driver.pass(Duration::from_secs(1));
    http.driver.look(key);
    key
}

/// Those in the chat, each of whom has been told of the others.
fn chats<const N: usize>(http: &mut Http, names: [&str; N]) -> [PeerKey; N] {
    let keys = names.map(|name| chat(http, name));
    for key in keys {
        http.driver.look(key);
    }
    keys
}

fn say(http: &mut Http, key: PeerKey, line: &str) -> Vec<String> {
    http.driver.send(key, format!("{line}\n").as_bytes());
    http.driver.settle();
    http.driver.lines(key)
}

fn administer(http: &mut Http, name: &str, command: AccountCommand) {
    let name = Name::new(name).unwrap();
    http.driver.administer(AdminRequest::Account(AccountRequest { name, command }));
}

/// What the board answers.
fn board(http: &mut Http, request: &str) -> Vec<String> {
    let key = http.driver.connect("board");
    http.driver.send(key, request.as_bytes());
    http.driver.half_close(key);
    http.driver.settle();
    let told = String::from_utf8(http.driver.look(key)).unwrap();
    told.lines().map(str::to_owned).collect()
}

const REFUSED: &str = "You cannot join #secret: it is private. Ask for its key, or to be invited.";
const TAKEN_OUT: &str = "(you are no longer in #secret)";
const NOT_SAID: &str = "Nothing was said: the channel is private, and you are not invited.";

#[test]
fn those_who_are_invited_join_a_private_channel_and_speak_in_it() {
    let mut http = Http::new();
    let [ann, ian, bob] = chats(&mut http, ["ann", "ian", "bob"]);
    let only = "Only an account with a password can have a private channel; ask the operator for \
                one.";
    assert_eq!(say(&mut http, bob, "/create #secret"), [only]);
    let made = "#secret is private now: those whom you /invite can /join it, read it and speak in \
                it.";
    assert_eq!(say(&mut http, ann, "/create #secret"), [made]);
    assert_eq!(say(&mut http, ann, "/join #secret"), ["You are in #secret now."]);
    for other in [ian, bob] {
        assert_eq!(say(&mut http, other, "/join #secret"), [REFUSED]);
        assert_eq!(say(&mut http, other, "/say #secret hi"), [NOT_SAID]);
        let none = "You have made no private channel #secret.";
        assert_eq!(say(&mut http, other, "/delete #secret").len(), 1);
        assert!(other == bob || say(&mut http, other, "/invited #secret") == [none]);
    }
    assert!(http.driver.lines(ann).is_empty());
    let nobody = "Nobody was invited: there is no such user with a password.";
    assert_eq!(say(&mut http, ann, "/invite #secret bob"), [nobody]);
    assert_eq!(say(&mut http, ann, "/invite #secret ian"), ["ian can join #secret now."]);
    assert_eq!(say(&mut http, ann, "/invited #secret"), ["Invited to #secret:", "ian"]);
    assert_eq!(say(&mut http, ian, "/join #secret"), ["You are in #secret now."]);
    assert_eq!(say(&mut http, ann, "/say #secret hello"), ["Said in #secret."]);
    assert_eq!(http.driver.lines(ian), ["ann(#secret): hello"]);
    assert_eq!(say(&mut http, ian, "/say #secret hi"), ["Said in #secret."]);
    assert_eq!(http.driver.lines(ann), ["ian(#secret): hi"]);
    // Whoever is no longer invited is no longer in it.
    assert_eq!(say(&mut http, ann, "/uninvite #secret ian"), ["ian can no longer join #secret."]);
    assert_eq!(http.driver.lines(ian), [TAKEN_OUT]);
    say(&mut http, ann, "/say #secret alone");
    assert!(http.driver.lines(ian).is_empty());
    assert_eq!(say(&mut http, ian, "/leave #secret"), ["You are not in #secret."]);
    assert_eq!(say(&mut http, ian, "/join #secret"), [REFUSED]);
    let deleted = say(&mut http, ann, "/delete #secret");
    assert_eq!(deleted, [TAKEN_OUT, "#secret is deleted, with 3 posts."]);
    assert_eq!(say(&mut http, ann, "/leave #secret"), ["You are not in #secret."]);
    assert_eq!(say(&mut http, ian, "/join #secret"), ["You are in #secret now."]);
    assert!(http.driver.lines(bob).is_empty());
}

#[test]
fn the_board_knows_no_private_channel() {
    let mut http = Http::new();
    let [ann] = chats(&mut http, ["ann"]);
    say(&mut http, ann, "/create #secret");
    say(&mut http, ann, "/join #secret");
    say(&mut http, ann, "/join #open");
    // Who waits for posts waits as for those in a channel that nobody has made.
    let streams = ["#secret", "#unknown"].map(|tag| {
        let key = http.driver.connect("board");
        http.driver.send(key, format!("s\n{tag}\n").as_bytes());
        http.driver.settle();
        key
    });
    assert_eq!(board(&mut http, "u\n#secret is plain, #open is not"), ["operation success"]);
    assert_eq!(http.driver.lines(ann), ["@board(#open): #secret is plain, #open is not"]);
    assert_eq!(say(&mut http, ann, "/say #secret hello"), ["Said in #secret."]);
    for tag in ["#secret", "#unknown"] {
        assert_eq!(board(&mut http, &format!("d\n{tag}\n")), ["Empty Message"], "{tag}");
        assert_eq!(board(&mut http, &format!("t\n{tag}\n")), Vec::<String>::new(), "{tag}");
    }
    assert_eq!(board(&mut http, "d\n#open\n"), ["#secret is plain, #open is not"]);
    for stream in streams {
        assert!(http.driver.lines(stream).is_empty());
        assert!(!http.driver.is_closed(stream));
    }
}

#[test]
fn who_was_in_a_channel_before_it_became_private_is_taken_out() {
    let mut http = Http::new();
    let [ann, ian, bob] = chats(&mut http, ["ann", "ian", "bob"]);
    for key in [ann, ian, bob] {
        say(&mut http, key, "/join #secret");
    }
    let stream = http.driver.connect("board");
    http.driver.send(stream, b"s\n#secret\n");
    http.driver.settle();
    say(&mut http, ann, "/create #secret");
    for key in [ian, bob] {
        assert_eq!(http.driver.lines(key), [TAKEN_OUT]);
    }
    assert_eq!(say(&mut http, ann, "/say #secret hello"), ["Said in #secret."]);
    for key in [ian, bob, stream] {
        assert!(http.driver.lines(key).is_empty());
    }
    assert_eq!(say(&mut http, bob, "/leave #secret"), ["You are not in #secret."]);
}

#[test]
fn who_has_no_password_any_more_is_taken_out() {
    let mut http = Http::new();
    let [ann, ian] = chats(&mut http, ["ann", "ian"]);
    say(&mut http, ann, "/create #secret");
    say(&mut http, ann, "/join #secret");
    say(&mut http, ann, "/invite #secret ian");
    say(&mut http, ian, "/join #secret");
    administer(&mut http, "ian", AccountCommand::RemovePassword);
    assert_eq!(http.driver.lines(ian), [TAKEN_OUT]);
    say(&mut http, ann, "/say #secret hello");
    assert!(http.driver.lines(ian).is_empty());
    assert_eq!(say(&mut http, ian, "/say #secret hi"), [NOT_SAID]);
    assert_eq!(say(&mut http, ian, "/join #secret"), [REFUSED]);
}

/// Whoever is in an account that has no password may be anyone, and stays there when it gets
/// one.
#[test]
fn who_came_before_the_account_had_a_password_is_a_stranger() {
    let mut http = Http::new();
    let [ann, bob] = chats(&mut http, ["ann", "bob"]);
    let connection = http.open();
    let device = http.log_in(connection, "bob");
    say(&mut http, ann, "/create #secret");
    let hash = PasswordHash("$argon2id$x".into());
    administer(&mut http, "bob", AccountCommand::SetPassword(hash));
    assert_eq!(say(&mut http, ann, "/invite #secret bob"), ["bob can join #secret now."]);
    say(&mut http, ann, "/join #secret");
    say(&mut http, ann, "/say #secret hello");
    assert_eq!(say(&mut http, bob, "/join #secret"), [REFUSED]);
    assert_eq!(say(&mut http, bob, "/say #secret hi"), [NOT_SAID]);
    let only = "Only an account with a password can have a private channel; ask the operator for \
                one.";
    assert_eq!(say(&mut http, bob, "/create #mine"), [only]);
    assert_eq!(read(&mut http, device), Vec::<String>::new());
    assert!(http.driver.lines(ann).is_empty());
}

#[test]
fn who_knows_the_key_joins() {
    let mut http = Http::new();
    let [ann, ian, bob] = chats(&mut http, ["ann", "ian", "bob"]);
    say(&mut http, ann, "/create #secret");
    let set = "#secret has this key now: who knows it can /join #secret KEY.";
    assert_eq!(say(&mut http, ann, "/key #secret open  sesame"), [set]);
    assert_eq!(say(&mut http, ian, "/join #secret"), [REFUSED]);
    assert_eq!(say(&mut http, ian, "/join #secret open sesame"), [REFUSED]);
    assert_eq!(
        say(&mut http, ian, "/key #secret x"),
        ["You have made no private channel #secret."]
    );
    assert_eq!(say(&mut http, ian, "/join #secret open  sesame"), ["You are in #secret now."]);
    assert_eq!(say(&mut http, bob, "/join #secret open  sesame"), [REFUSED]);
    assert_eq!(say(&mut http, ann, "/invited #secret"), ["Invited to #secret:", "ian"]);
    assert_eq!(say(&mut http, ann, "/key #secret"), ["#secret has no key now."]);
    say(&mut http, ann, "/uninvite #secret ian");
    assert_eq!(http.driver.lines(ian), [TAKEN_OUT]);
    assert_eq!(say(&mut http, ian, "/join #secret open  sesame"), [REFUSED]);
    // A channel that needs none is joined with any.
    assert_eq!(say(&mut http, ian, "/join #open x"), ["You are in #open now."]);
}

/// What a session of HTTP reads of the channel.
fn read(http: &mut Http, session: HttpSession) -> Vec<String> {
    let query = HistoryQuery { channel: secret(), from: HistoryFrom::Oldest, count: 9 };
    http.driver.engine.http_history(http.driver.now, session, 7, query);
    let told = http.all_told();
    let [HttpOutput::History { rows, number: 7, .. }] = &told[..] else { panic!("{told:?}") };
    let page = postroom_store::History::page(&mut http.driver.disk.history(), rows).unwrap();
    let texts = page.entries.iter().filter_map(|entry| entry.content.text());
    texts.map(|text| text.as_str().to_owned()).collect()
}

fn ask(http: &mut Http, session: HttpSession, request: Request) -> Reply {
    http.ask(session, request);
    match http.told(session).pop() {
        Some(HttpInput::Reply(reply)) => reply,
        other => panic!("{other:?}"),
    }
}

#[test]
fn http_reads_and_posts_in_a_private_channel_as_its_account() {
    let mut http = Http::new();
    let connection = http.open();
    let [ann, ian, bob] = ["ann", "ian", "bob"].map(|name| http.log_in(connection, name));
    let manage = |command| Request::ManageChannel { channel: secret(), command };
    let made = ask(&mut http, ann, manage(ChannelCommand::MakePrivate));
    assert!(matches!(made, Reply::ChannelManaged(_)), "{made:?}");
    let post = || {
        let (channels, text) = (vec![secret()], Text::from_bytes(b"hi").unwrap());
        Request::Post { channels, text, awaits_delivery: false }
    };
    for other in [ian, bob] {
        let refused = ask(&mut http, other, post());
        assert!(matches!(refused, Reply::NotPosted(PostRefusal::NotInvited)), "{refused:?}");
    }
    assert!(matches!(ask(&mut http, ann, post()), Reply::Posted(_)));
    assert_eq!([ann, ian, bob].map(|session| read(&mut http, session).len()), [1, 0, 0]);
    let name = Name::new("ian").unwrap();
    ask(&mut http, ann, manage(ChannelCommand::Invite { name, is_invited: true }));
    assert_eq!([ann, ian, bob].map(|session| read(&mut http, session).len()), [1, 1, 0]);
    // A stream is told that there is something to read, and nothing of it.
    http.driver.engine.http_watch(http.driver.now, &secret(), true);
    http.ask(ian, post());
    let told = http.all_told();
    let withheld = told.iter().find_map(|told| match told {
        HttpOutput::Withheld(channel, id) if *channel == secret() => Some(*id),
        _ => None,
    });
    assert!(!told.iter().any(|told| matches!(told, HttpOutput::Post(_))), "{told:?}");
    let withheld = withheld.unwrap();
    http.ask(ian, Request::DeletePost { id: withheld });
    let told = http.all_told();
    let is_deletion = |told: &HttpOutput| match told {
        HttpOutput::PostDeleted { channel, id, is_private: true } => {
            *channel == secret() && *id == withheld
        }
        _ => false,
    };
    assert!(told.iter().any(is_deletion), "{told:?}");
    http.ask(ann, manage(ChannelCommand::Delete));
    let told = http.all_told();
    let is_gone =
        |told: &HttpOutput| matches!(told, HttpOutput::Gone(channel) if *channel == secret());
    assert!(told.iter().any(is_gone), "{told:?}");
    http.ask(bob, post());
    let told = http.all_told();
    assert!(told.iter().any(|told| matches!(told, HttpOutput::Post(_))), "{told:?}");
}
