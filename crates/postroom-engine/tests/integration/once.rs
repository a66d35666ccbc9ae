//! Requests with a key, as sessions of HTTP ask for them.

use postroom_model::{
    Access, Channel, Forbidden, IdempotencyKey, KeyRefusal, Name, Once, Repeated, Reply, Request,
    Terms, Text, Unknown,
};
use postroom_simulator::Driver;
use postroom_store::Limits;

use crate::clients::chat;
use crate::guests::{Http, driver_with};

fn once(key: &str, request: Request) -> Request {
    let key = IdempotencyKey::new(key.as_bytes()).unwrap();
    Request::Once(Once::new(key, request).expect("it stores something"))
}

fn compose(to: &str, words: &str) -> Request {
    let (recipient, text) = (Name::new(to).unwrap(), Text::from_bytes(words.as_bytes()).unwrap());
    Request::Compose { recipient, text, unknown: Unknown::Register }
}

fn post(words: &str) -> Request {
    let channels = vec![Channel::parse("#rust").unwrap()];
    let text = Text::from_bytes(words.as_bytes()).unwrap();
    Request::Post { channels, text, awaits_delivery: false }
}

fn enter(driver: &mut Driver) -> Http {
    let http = Http::enter(driver, Access::OPEN);
    let (name, terms) = (Name::new("bob").unwrap(), Terms::WITHOUT_PRESENCE);
    let reply = http.ask(driver, Request::LogIn { name, password: None, terms });
    assert!(matches!(reply, Reply::LoggedIn { .. }), "{reply:?}");
    http
}

#[test]
fn what_is_asked_for_again_with_its_key_is_told_and_not_stored() {
    let mut driver = driver_with(Limits::default());
    let member = chat(&mut driver, "carl", "/join #rust\n");
    let http = enter(&mut driver);
    let Reply::Composed(first) = http.ask(&mut driver, once("a", compose("carl", "hi"))) else {
        panic!("it is stored");
    };
    let Reply::Posted(stamp) = http.ask(&mut driver, once("b", post("hello"))) else {
        panic!("it is posted");
    };
    driver.lines(member);
    for _ in 0..2 {
        match http.ask(&mut driver, once("a", compose("CARL", "hi"))) {
            Reply::Repeated(again) => match again.get() {
                Repeated::Composed(again) => {
                    assert_eq!((again.id, again.stored), (first.get().id, first.get().stored));
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
        match http.ask(&mut driver, once("b", post("hello"))) {
            Reply::Repeated(again) => assert_eq!(*again.get(), Repeated::Posted(*stamp.get())),
            other => panic!("{other:?}"),
        }
    }
    let told = driver.lines(member);
    assert_eq!(told, [""; 0], "nobody is told again");
    assert_eq!(driver.disk.texts().len(), 2);
    for request in [compose("carl", "ho"), compose("bob", "hi"), post("hi")] {
        let reply = http.ask(&mut driver, once("a", request));
        assert!(matches!(reply, Reply::KeyRefused(KeyRefusal::OtherRequest)), "{reply:?}");
    }
    assert_eq!(driver.disk.texts().len(), 2);
}

#[test]
fn an_account_has_so_many_keys_and_a_client_without_a_login_none() {
    let mut driver = driver_with(Limits { keys_of_account_max: 1, ..Limits::default() });
    let guest = Http::enter(&mut driver, Access::OPEN);
    let reply = guest.ask(&mut driver, once("a", compose("carl", "hi")));
    assert!(matches!(reply, Reply::Forbidden(Forbidden::Anonymous)), "{reply:?}");
    let http = enter(&mut driver);
    let reply = http.ask(&mut driver, once("a", compose("carl", "hi")));
    assert!(matches!(reply, Reply::Composed(_)), "{reply:?}");
    let reply = http.ask(&mut driver, once("b", compose("carl", "hi")));
    assert!(matches!(reply, Reply::KeyRefused(KeyRefusal::TooMany { .. })), "{reply:?}");
    assert_eq!(driver.disk.texts().len(), 1);
}
