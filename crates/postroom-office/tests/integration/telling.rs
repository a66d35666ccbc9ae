//! Which session receives which post when several requests are under way.

use std::net::IpAddr;
use std::time::Instant;

use postroom_model::{
    Access, Author, Channel, Mark, Name, Notice, Peer, Posted, PresenceTerms, Reply, Request,
    SessionKey, Terms, Text,
};
use postroom_office::{CreationLimits, LoginLimits, NewPost, Office, Output, Posts};
use postroom_store::{Job as _, Limits, MemoryDisk, MemoryStore, Timestamp};

fn office() -> Office<MemoryStore> {
    let store = MemoryDisk::default().open(Limits::default());
    Office::new(any_time(), store, LoginLimits::default(), CreationLimits::default())
}

/// A first instant for tests, whose clock may begin anywhere.
#[expect(clippy::disallowed_methods, reason = "any time will do as the first")]
pub(crate) fn any_time() -> Instant {
    Instant::now()
}

/// Where the clients come from.
pub(crate) fn peer() -> Peer {
    let network = IpAddr::from([192, 0, 2, 1]).into();
    Peer { network, is_shared: false, is_local: false }
}

fn settle(office: &mut Office<MemoryStore>) -> Vec<Output> {
    let mut outputs = Vec::new();
    while office.has_work() {
        if let Some(job) = office.next_job(Timestamp(0)) {
            office.finish(job.run()).unwrap();
        }
        outputs.extend(std::iter::from_fn(|| office.take_output()));
    }
    outputs
}

fn enter(office: &mut Office<MemoryStore>, name: &str) -> SessionKey {
    enter_on(office, name, PresenceTerms::SOLE)
}

/// Logs a session in that returns delivery receipts for posts.
fn enter_confirming(office: &mut Office<MemoryStore>, name: &str) -> SessionKey {
    let terms = PresenceTerms { confirms_posts: true, ..PresenceTerms::SOLE };
    enter_on(office, name, terms)
}

fn enter_on(office: &mut Office<MemoryStore>, name: &str, presence: PresenceTerms) -> SessionKey {
    let session = office.enter(peer(), Access::OPEN, None);
    let presence = Some(presence);
    let terms = Terms { admits_strangers: true, presence };
    let name = Name::new(name).unwrap();
    office.ask(session, Request::LogIn { name, password: None, terms });
    let outputs = settle(office);
    let is_in = |output: &Output| matches!(output, Output::Reply(to, Reply::LoggedIn { .. }) if *to == session);
    assert!(outputs.iter().any(is_in), "{outputs:?}");
    session
}

fn rust() -> Channel {
    Channel::parse("#rust").unwrap()
}

fn say(words: &str) -> Request {
    let text = Text::from_bytes(words.as_bytes()).unwrap();
    Request::Post { channels: vec![rust()], text, awaits_delivery: false }
}

/// The posts that a session receives.
fn shown(session: SessionKey, outputs: &[Output]) -> Vec<String> {
    let mut shown = Vec::new();
    for output in outputs {
        let Output::Posts(Posts { channels, posts }) = output else {
            continue;
        };
        let is_member = |posted: &Posted| {
            let mut channels = channels.iter().filter(|(channel, _)| *channel == posted.channel);
            channels.any(|(_, members)| members.contains(&session))
        };
        let others = posts.iter().filter(|post| post.author != session);
        for NewPost { posted, .. } in others.filter(|post| is_member(&post.posted)) {
            let Author::Account(author) = &posted.post().author else { panic!("{posted:?}") };
            shown.push(format!("{author}: {}", posted.shown()));
        }
    }
    shown
}

#[test]
fn a_member_is_shown_what_is_committed_after_it_joined_but_its_own() {
    let mut office = office();
    let [ann, ben, cat] = ["ann", "ben", "cat"].map(|name| enter(&mut office, name));
    office.ask(ann, say("zero"));
    office.ask(ben, Request::Join(rust()));
    office.ask(ann, say("one"));
    office.ask(ben, say("two"));
    let outputs = settle(&mut office);
    // A join waits only for the commits of its own session.
    assert_eq!(shown(ben, &outputs), ["ann: zero", "ann: one"]);
    office.ask(cat, Request::Join(rust()));
    office.ask(ann, say("three"));
    office.ask(ben, say("four"));
    let outputs = settle(&mut office);
    assert_eq!(shown(ben, &outputs), ["ann: three"]);
    assert_eq!(shown(cat, &outputs), ["ann: three", "ben: four"]);
    assert_eq!(shown(ann, &outputs), Vec::<String>::new());
}

#[test]
fn a_session_joins_after_what_it_posted_before() {
    let mut office = office();
    let [ann, ben] = ["ann", "ben"].map(|name| enter(&mut office, name));
    // Committed in one group; the join is between the posts of its own session.
    office.ask(ben, say("one"));
    office.ask(ben, Request::Join(rust()));
    office.ask(ann, say("two"));
    let outputs = settle(&mut office);
    assert_eq!(shown(ben, &outputs), ["ann: two"]);
}

#[test]
fn the_posts_of_a_group_go_to_a_member_together() {
    let mut office = office();
    let [ann, ben, cat] = ["ann", "ben", "cat"].map(|name| enter(&mut office, name));
    office.ask(cat, Request::Join(rust()));
    for words in ["one", "two", "three"] {
        office.ask(ann, say(words));
        office.ask(ben, say(words));
    }
    let outputs = settle(&mut office);
    let together = outputs.iter().filter(|output| matches!(output, Output::Posts(_))).count();
    assert_eq!((together, shown(cat, &outputs).len()), (1, 6));
}

#[test]
fn the_members_of_channels_are_listed_once_for_posts_that_alternate() {
    let mut office = office();
    let [ann, cat] = ["ann", "cat"].map(|name| enter(&mut office, name));
    office.ask(cat, Request::Join(rust()));
    let words = ["one", "two", "three", "four"];
    for (number, words) in words.iter().enumerate() {
        let text = Text::from_bytes(words.as_bytes()).unwrap();
        let channels = vec![if number % 2 == 0 { rust() } else { Channel::lobby() }];
        office.ask(ann, Request::Post { channels, text, awaits_delivery: false });
    }
    let outputs = settle(&mut office);
    let listed = outputs.iter().filter_map(|output| match output {
        Output::Posts(posts) => Some(posts.channels.len()),
        _ => None,
    });
    assert_eq!(listed.collect::<Vec<_>>(), [2]);
    assert_eq!(shown(cat, &outputs), words.map(|words| format!("ann: {words}")));
}

/// Posts in `#lobby` and waits for delivery receipts. Returns the mark of the post.
fn post_awaiting(office: &mut Office<MemoryStore>, session: SessionKey) -> Mark {
    let (channels, text) = (vec![Channel::lobby()], Text::default());
    office.ask(session, Request::Post { channels, text, awaits_delivery: true });
    let outputs = settle(office);
    let posts = outputs.iter().find_map(|output| match output {
        Output::Posts(posts) => Some(posts),
        _ => None,
    });
    let Some(NewPost { posted, .. }) = posts.and_then(|posts| posts.posts.first()) else {
        panic!("{outputs:?}");
    };
    assert_eq!(reply(session, &outputs), None);
    posted.mark.unwrap()
}

/// Whether all receipts arrived, once the author of a post is answered.
fn reply(session: SessionKey, outputs: &[Output]) -> Option<bool> {
    outputs.iter().find_map(|output| match output {
        Output::Reply(to, Reply::Posted(_)) if *to == session => Some(true),
        Output::Reply(to, Reply::Undelivered(_)) if *to == session => Some(false),
        _ => None,
    })
}

#[test]
fn an_author_waits_for_the_sessions_that_confirm_posts() {
    let mut office = office();
    let author = enter(&mut office, "ann");
    let _chat = enter(&mut office, "chat");
    let [ben, cat] = ["ben", "cat"].map(|name| enter_confirming(&mut office, name));
    let mark = post_awaiting(&mut office, author);
    office.note(ben, Notice::Delivered(mark));
    assert_eq!(reply(author, &settle(&mut office)), None);
    office.note(cat, Notice::Delivered(mark));
    assert_eq!(reply(author, &settle(&mut office)), Some(true));
}

#[test]
fn a_refused_post_is_undelivered_once_the_others_have_confirmed_it() {
    // The refusal comes before the receipt, or after it.
    for is_first in [true, false] {
        let mut office = office();
        let author = enter(&mut office, "ann");
        let [ben, cat] = ["ben", "cat"].map(|name| enter_confirming(&mut office, name));
        let mark = post_awaiting(&mut office, author);
        let mut notes = [(ben, Notice::Refused(mark)), (cat, Notice::Delivered(mark))];
        if !is_first {
            notes.reverse();
        }
        for (number, (session, notice)) in notes.into_iter().enumerate() {
            office.note(session, notice);
            assert_eq!(reply(author, &settle(&mut office)), (number == 1).then_some(false));
        }
    }
}
