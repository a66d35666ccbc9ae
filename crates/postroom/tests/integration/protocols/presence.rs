//! One session an account: who wins a race for a name, and how soon a name is free
//! once its client has left.

use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::chat::{self, enter};
use crate::harness::im::{ImClient, LOGGED_IN, LOGGED_IN_ALREADY, log_in, login};
use crate::harness::logged::{LoggedServer, password};
use crate::harness::support::{Client, Server};

/// A client that has left must be absent within this time.
const ABSENT_WITHIN: Duration = Duration::from_secs(1);

/// Who is present, as `/allusers` lists them.
fn present(client: &mut Client) -> Vec<String> {
    assert_eq!(client.ask("/allusers"), "Users in chat:");
    // The answer to this marks the end of the names.
    client.send("/nonsense\n");
    let names = std::iter::from_fn(|| Some(client.line()));
    names.take_while(|line| !line.starts_with("Unknown command")).collect()
}

/// A way to log in under a name and to leave.
#[derive(Clone, Copy)]
enum Way {
    Chat,
    /// With the password of the account.
    ChatWithPassword,
    Im,
}

impl Way {
    fn connect(self, server: &Server) -> Client {
        let mut client = match self {
            Self::Chat | Self::ChatWithPassword => chat::connect(server),
            Self::Im => server.connect("im"),
        };
        if let Self::ChatWithPassword = self {
            client.ask(&format!("/pass {}", password("mary")));
        }
        client
    }

    /// Logs in; returns whether it has the name. Otherwise the answer must say that
    /// the name is taken.
    fn enter(self, client: &mut Client) -> bool {
        match self {
            Self::Im => match client.ask(&login("mary")).as_str() {
                LOGGED_IN => true,
                other => {
                    assert_eq!(other, LOGGED_IN_ALREADY);
                    false
                }
            },
            Self::Chat | Self::ChatWithPassword => {
                let answer = client.ask("/setname mary");
                let has_it = answer.starts_with("Username accepted");
                assert!(has_it != answer.contains("taken"), "{answer}");
                has_it
            }
        }
    }

    fn leave(self, client: &mut Client) {
        client.send(if let Self::Im = self { "/exit\n" } else { "/quit\n" });
        client.rest();
    }
}

/// Lets two clients race for one name.
fn race(server: &Server, ways: [Way; 2], rounds: u32) {
    for _ in 0..rounds {
        let mut clients = ways.map(|way| way.connect(server));
        let start = Barrier::new(2);
        let has_it: Vec<bool> = thread::scope(|scope| {
            let racers: Vec<_> = std::iter::zip(ways, &mut clients)
                .map(|(way, client)| {
                    let start = &start;
                    scope.spawn(move || {
                        start.wait();
                        way.enter(client)
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        assert_ne!(has_it[0], has_it[1], "both have the name, or neither");
        let winner = usize::from(has_it[1]);
        // Once the winner has left, the loser can log in at once.
        ways[winner].leave(&mut clients[winner]);
        if let Way::ChatWithPassword = ways[1 - winner] {
            clients[1 - winner].ask(&format!("/pass {}", password("mary")));
        }
        assert!(ways[1 - winner].enter(&mut clients[1 - winner]));
        ways[1 - winner].leave(&mut clients[1 - winner]);
    }
}

#[test]
fn of_two_that_want_one_name_in_chat_one_has_it() {
    let server = LoggedServer::start(&[], &[]);
    race(&server, [Way::Chat, Way::Chat], 150);
}

#[test]
fn of_two_that_log_in_to_one_account_of_im_one_is_in() {
    let server = LoggedServer::start(&["mary"], &[]);
    race(&server, [Way::Im, Way::Im], 20);
}

#[test]
fn of_two_that_want_one_name_on_two_listeners_one_has_it() {
    let server = LoggedServer::start(&["mary"], &[]);
    race(&server, [Way::ChatWithPassword, Way::Im], 20);
}

#[test]
fn of_many_that_want_one_name_one_has_it() {
    const RACERS: usize = 12;
    let server = LoggedServer::start(&[], &[]);
    for _ in 0..10 {
        let mut clients: Vec<_> = (0..RACERS).map(|_| chat::connect(&server)).collect();
        let start = Barrier::new(RACERS);
        let winners = thread::scope(|scope| {
            let racers: Vec<_> = clients
                .iter_mut()
                .map(|client| {
                    scope.spawn(|| {
                        start.wait();
                        Way::Chat.enter(client)
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).filter(|has| *has).count()
        });
        assert_eq!(winners, 1);
        for mut client in clients {
            Way::Chat.leave(&mut client);
        }
    }
}

/// A way in which a client leaves.
#[derive(Clone, Copy, Debug)]
enum Gone {
    /// The process that has the connection is killed.
    Killed,
    /// The same, with unread bytes.
    KilledBehind,
    Closed,
    Reset,
}

const ALL_WAYS: [Gone; 4] = [Gone::Killed, Gone::KilledBehind, Gone::Closed, Gone::Reset];

/// A connection that a child process holds.
struct Held(Child);

impl Held {
    fn by(program: &str, arguments: &[&str], client: Client) -> Self {
        let socket = OwnedFd::from(client.into_stream());
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::from(socket)).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Ends the connection and returns the time at which it ended.
fn vanish(client: Client, way: Gone) -> Instant {
    match way {
        Gone::Killed => {
            let held = Held::by("cat", &[], client);
            let gone = Instant::now();
            held.kill();
            gone
        }
        Gone::KilledBehind => {
            // The child reads nothing; the server reads half a line.
            let mut client = client;
            client.send("/al");
            let held = Held::by("sleep", &["1000"], client);
            let gone = Instant::now();
            held.kill();
            gone
        }
        Gone::Closed => {
            drop(client);
            Instant::now()
        }
        Gone::Reset => {
            client.reset();
            Instant::now()
        }
    }
}

/// Ends a client of this name; returns the time until the others see that it is
/// absent. Then its name is free.
fn time_to_be_absent(
    observer: &mut Client,
    name: &str,
    vanish: impl FnOnce() -> Instant,
) -> Duration {
    let joined = observer.line();
    assert!(joined.starts_with(&format!("{name} has joined")), "{joined}");
    let gone = vanish();
    let left = observer.line();
    let took = gone.elapsed();
    assert!(left.starts_with(&format!("{name} has left")), "{left}");
    assert_eq!(present(observer), ["observer"]);
    took
}

/// At least one of three times must be short: the machine may be slow now and then.
fn assert_soon(mut time: impl FnMut() -> Duration, what: &str) {
    let times: Vec<_> = (0..3).map(|_| time()).collect();
    assert!(times.iter().any(|time| *time < ABSENT_WITHIN), "{what}: {times:?}");
}

#[test]
fn a_client_of_chat_that_is_gone_is_absent_within_a_second() {
    let server = LoggedServer::start(&[], &[]);
    let mut observer = enter(&server, "observer");
    for way in ALL_WAYS {
        assert_soon(
            || {
                let mary = enter(&server, "mary");
                time_to_be_absent(&mut observer, "mary", || vanish(mary, way))
            },
            &format!("{way:?}"),
        );
    }
}

#[test]
fn a_client_of_im_whose_stream_a_is_gone_is_absent_within_a_second() {
    let server = LoggedServer::start(&["mary"], &[]);
    let mut observer = enter(&server, "observer");
    for way in ALL_WAYS {
        assert_soon(
            || {
                let ImClient { a, mut b } = ImClient::enter(&server, "mary");
                let took = time_to_be_absent(&mut observer, "mary", || vanish(a, way));
                // The server ends the other stream too.
                assert!(b.try_line().is_err());
                took
            },
            &format!("{way:?}"),
        );
    }
}

#[test]
fn a_client_of_im_whose_stream_b_is_gone_is_absent_within_a_second() {
    let server = LoggedServer::start(&["mary"], &[]);
    let mut observer = enter(&server, "observer");
    for way in ALL_WAYS {
        assert_soon(
            || {
                let ImClient { mut a, b } = ImClient::enter(&server, "mary");
                let took = time_to_be_absent(&mut observer, "mary", || vanish(b, way));
                assert_eq!(a.rest(), "");
                took
            },
            &format!("{way:?}"),
        );
    }
}

#[test]
fn a_client_of_im_that_is_gone_without_a_stream_b_is_absent() {
    let server = LoggedServer::start(&["mary"], &[]);
    let mut observer = enter(&server, "observer");
    for way in ALL_WAYS {
        let mary = log_in(&server, "mary");
        time_to_be_absent(&mut observer, "mary", || vanish(mary, way));
    }
}

/// Fails if an arrival of mary was announced: the next announcement must be that
/// of another client.
fn assert_never_came(server: &LoggedServer, observer: &mut Client) {
    let marker = enter(server, "marker");
    assert_eq!(observer.line(), "marker has joined (2 users active)");
    drop(marker);
    assert_eq!(observer.line(), "marker has left (1 user active)");
    assert!(!server.log().contains("name=mary"), "{}", server.log());
}

#[test]
fn a_session_that_ends_during_its_login_is_never_present() {
    let server = LoggedServer::start(&["mary"], &[]);
    let mut observer = enter(&server, "observer");
    let login = format!("/pass {}\n/setname mary\n", password("mary"));
    for _ in 0..10 {
        // The check of a password takes longer than the reset.
        let mut client = chat::connect(&server);
        client.send(&login);
        client.reset();
    }
    assert_never_came(&server, &mut observer);
    // A client that half-closes is answered and then leaves.
    let mut client = chat::connect(&server);
    client.send(&login);
    client.end();
    assert!(client.rest().lines().last().unwrap().starts_with("Username accepted"));
    assert_never_came(&server, &mut observer);
    let mut client = chat::connect(&server);
    client.send("/setname observer\n");
    client.end();
    assert!(client.rest().contains("taken"));
    // Only a client that is present can send to all.
    let mut client = chat::connect(&server);
    client.send(&format!("{login}/all hello\n"));
    client.end();
    client.rest();
    assert_eq!(observer.line(), "mary has joined (2 users active)");
    assert_eq!(observer.line(), "mary: hello");
    assert_eq!(observer.line(), "mary has left (1 user active)");
}

#[test]
fn a_chat_member_that_ends_its_side_is_answered_first_and_absent_then() {
    let server = LoggedServer::start(&[], &[]);
    let mut observer = enter(&server, "observer");
    let mut mary = enter(&server, "mary");
    assert_eq!(observer.line(), "mary has joined (2 users active)");
    mary.send("/all last words\n/inbox\n");
    mary.end();
    assert_eq!(mary.rest(), "You have 0 unread messages.\n");
    assert_eq!(observer.line(), "mary: last words");
    assert_eq!(observer.line(), "mary has left (1 user active)");
}
