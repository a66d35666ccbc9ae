//! Which session receives which post when several requests are under way.

use postroom_model::{
    Author, Channel, Event, Name, PresenceTerms, Reply, Request, SessionKey, Terms, Text,
};
use postroom_office::{CreationLimits, Office, Output, Peer, Posts};
use postroom_store::{Job as _, Limits, MemoryDisk, MemoryStore, Timestamp};

fn office() -> Office<MemoryStore> {
    Office::new(MemoryDisk::default().open(Limits::default()), 1, CreationLimits::default())
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
    let session = office.enter(Peer::Local);
    let presence = Some(PresenceTerms { alone: true, arrivals: false, mail: false });
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
        let Output::Posts(Posts { members, posts, .. }) = output else {
            continue;
        };
        let others = posts.iter().filter(|(author, _)| *author != session);
        for (_, post) in others.filter(|_| members.contains(&session)) {
            let Event::Posted(posted) = post else { panic!("{post:?}") };
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
