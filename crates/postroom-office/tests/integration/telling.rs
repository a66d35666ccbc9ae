//! Who is told what is said, where several things happen in one group.

use postroom_model::{Author, Channel, Event, Name, PresenceTerms, Reply, Request, Terms, Text};
use postroom_office::{News, Office, SessionKey};
use postroom_store::{Limits, MemoryDisk, MemoryStore, Timestamp};

fn office() -> Office<MemoryStore> {
    Office::new(MemoryDisk::default().open(Limits::default()), 1)
}

fn settle(office: &mut Office<MemoryStore>) -> Vec<News> {
    let mut news = Vec::new();
    while office.is_unsettled() {
        office.settle(Timestamp(0), &mut news).unwrap();
    }
    news
}

fn enter(office: &mut Office<MemoryStore>, name: &str) -> SessionKey {
    let session = office.enter();
    let presence = Some(PresenceTerms { alone: true, arrivals: false, mail: false });
    let terms = Terms { admits_strangers: true, presence };
    let name = Name::new(name).unwrap();
    office.ask(session, Request::LogIn { name, password: None, terms });
    let news = settle(office);
    let is_in =
        |news: &News| matches!(news, News::Reply(to, Reply::LoggedIn { .. }) if *to == session);
    assert!(news.iter().any(is_in), "{news:?}");
    session
}

fn rust() -> Channel {
    Channel::parse("#rust").unwrap()
}

fn say(words: &str) -> Request {
    let text = Text::from_bytes(words.as_bytes()).unwrap();
    Request::Post { channels: vec![rust()], text, awaits_delivery: false }
}

/// What a session is told of what was said.
fn heard(office: &Office<MemoryStore>, session: SessionKey, news: &[News]) -> Vec<String> {
    let mut heard = Vec::new();
    for news in news {
        if let News::Event(audience, Event::Posted(posted)) = news {
            let mut sessions = Vec::new();
            office.audience(audience, &mut sessions);
            if sessions.contains(&session) {
                let Author::Account(author) = &posted.post().author else {
                    panic!("{posted:?}");
                };
                heard.push(format!("{author}: {}", posted.shown()));
            }
        }
    }
    heard
}

#[test]
fn who_joins_is_told_of_all_that_is_said_later_and_of_nothing_earlier() {
    let mut office = office();
    let [ann, ben, cat] = ["ann", "ben", "cat"].map(|name| enter(&mut office, name));
    office.ask(ben, Request::Join(rust()));
    // Only ben is there: what he says himself is told to no one.
    office.ask(ann, say("one"));
    office.ask(ben, say("two"));
    office.ask(cat, Request::Join(rust()));
    office.ask(ann, say("three"));
    office.ask(ben, say("four"));
    let news = settle(&mut office);
    assert_eq!(heard(&office, ben, &news), ["ann: one", "ann: three"]);
    assert_eq!(heard(&office, cat, &news), ["ann: three", "ben: four"]);
    assert_eq!(heard(&office, ann, &news), Vec::<String>::new());
}
