//! Logins with a password while others guess passwords.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::im::{LOGGED_IN, login};
use crate::harness::logged::{LoggedServer, wait_until};
use crate::harness::support::{Client, Server};

const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// More connections than password checks may wait.
const ATTACKERS: usize = 400;
/// Those of one address.
const WAITING_MAX: usize = 128;
/// Wrong logins of all of them in a second.
const WRONG_LOGINS_A_SECOND: usize = 1_000;
/// How long each waits after an answer: those whose check waits send nothing meanwhile.
const PAUSE: Duration =
    Duration::from_millis((1_000 * (ATTACKERS - WAITING_MAX) / WRONG_LOGINS_A_SECOND) as u64);

/// A right login takes no longer.
const LIMIT: Duration = Duration::from_millis(500);

/// How long a right login takes from the host of this number, which is not the attacker.
fn right_login(server: &Server, name: &str, host: u8) -> Duration {
    let address = Ipv4Addr::new(127, 0, 1, host);
    let mut client = Client::connect_from(address, server.address("im"));
    let begun = Instant::now();
    assert_eq!(client.ask(&login(name)), LOGGED_IN, "{name}");
    let elapsed = begun.elapsed();
    client.send("/exit\n");
    client.rest();
    elapsed
}

/// Connections that are ended with this, also by a test that fails: their threads end.
struct Attack(Vec<TcpStream>);

impl Drop for Attack {
    fn drop(&mut self) {
        for stream in &self.0 {
            // The server may have ended it already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Guesses passwords until the connection ends.
fn guess(mut client: Client, name: &str, refused: &AtomicUsize) {
    while client.stream().write_all(format!("/login {name} wrong\n").as_bytes()).is_ok()
        && client.try_line().is_ok()
    {
        refused.fetch_add(1, Ordering::Relaxed);
        thread::sleep(PAUSE);
    }
}

#[test]
fn one_host_that_guesses_shuts_nobody_out() {
    let server = LoggedServer::start(&["dora", "fay"], &[]);
    let refused = AtomicUsize::new(0);
    let connect = || Client::connect_from(ATTACKER, server.address("im"));
    let clients: Vec<_> = (0..ATTACKERS).map(|_| connect()).collect();
    let streams = clients.iter().map(|client| client.stream().try_clone().unwrap()).collect();
    thread::scope(|scope| {
        let attack = Attack(streams);
        for (number, client) in clients.into_iter().enumerate() {
            let refused = &refused;
            // One account, and many more.
            let name = if number % 4 == 0 { "dora" } else { &format!("name{number}") };
            let name = name.to_owned();
            scope.spawn(move || guess(client, &name, refused));
        }
        wait_until("the attack is under way", || refused.load(Ordering::Relaxed) > ATTACKERS);
        // First an account that is not guessed at, then one that is.
        let times = ["fay", "dora"].map(|name| {
            // Each time from a new address; the machine may be busy with other tests.
            (1..=5).map(|host| right_login(&server, name, host)).min().unwrap()
        });
        drop(attack);
        assert!(times.iter().all(|time| *time < LIMIT), "{times:?}");
    });
}

/// The niceness of the thread of a server that has this name, if it has begun.
fn niceness(server: &Server, name: &str) -> Option<i32> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    // A thread may end meanwhile.
    let mut stats =
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let stat = stats.find(|stat| stat.contains(&format!("({name})")))?;
    // After the name, which is in parentheses, the niceness is the 17th field.
    let fields = stat.rsplit_once(')')?.1;
    fields.split_whitespace().nth(16)?.parse().ok()
}

#[test]
fn passwords_are_checked_below_the_priority_of_the_loop() {
    let server = Server::start();
    let event_loop = niceness(&server, "postroom").unwrap();
    let nicer = Some((event_loop + 10).min(19));
    for name in ["password-0", "password-1"] {
        // Each thread begins with that.
        wait_until("the thread has begun", || niceness(&server, name) == nicer);
    }
    assert_eq!(niceness(&server, "postroom"), Some(event_loop));
}
