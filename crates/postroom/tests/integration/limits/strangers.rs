//! What a stranger learns about names from logins that are refused.
//!
//! A statistical test: it compares how long refusals take, of names in random order. Its
//! seed decides the order; the times are those of the machine.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::harness::chat::read_greeting;
use crate::harness::support::{Client, Server, run_program};

const SEED: u64 = 11;

/// Names of each kind.
const NAMES: usize = 16;

/// A standard normal variable is as far from 0 as this once in 16,000 times.
const FAR: f64 = 4.0;

const PROTOCOLS: [&str; 4] = ["mailbox", "mailbox-verbose", "im", "chat"];

/// What a name may be, as a stranger must not learn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    WithPassword,
    Open,
    Deleted,
    Unknown,
}

const KINDS: [Kind; 4] = [Kind::WithPassword, Kind::Open, Kind::Deleted, Kind::Unknown];

/// Names of all kinds sort, and look, alike.
fn name(kind: Kind, number: usize) -> String {
    format!("user{}", 4 * number + KINDS.iter().position(|other| *other == kind).unwrap())
}

/// Each connection comes from an address of its own: no refusal delays another one.
#[derive(Debug, Default)]
struct Addresses(u16);

impl Addresses {
    fn connect(&mut self, server: &Server, protocol: &str) -> Client {
        self.0 += 1;
        let [high, low] = self.0.to_be_bytes();
        Client::connect_from(Ipv4Addr::new(127, 1, high, low), server.address(protocol))
    }
}

/// A folder whose store has the accounts.
fn accounts(server: &mut Server, addresses: &mut Addresses) {
    for number in 0..NAMES {
        for kind in [Kind::WithPassword, Kind::Open, Kind::Deleted] {
            let mut client = addresses.connect(server, "mailbox");
            if kind != Kind::Open {
                client.send("PASS secret\n");
            }
            assert_eq!(client.ask(&format!("LOGIN {}", name(kind, number))), "0");
        }
    }
    assert!(server.stop().success());
    for number in 0..NAMES {
        let name = name(Kind::Deleted, number);
        let words = ["account", "delete", &name, "--data", server.data().to_str().unwrap()];
        assert!(run_program(words, b"").status.success(), "{name}");
    }
}

/// The lines of a login with a wrong password.
fn login(protocol: &str, name: &str) -> String {
    match protocol {
        "im" => format!("/login {name} wrong\n"),
        "chat" => format!("/pass wrong\n/setname {name}\n"),
        _ => format!("PASS wrong\nLOGIN {name}\n"),
    }
}

/// How long the server takes to answer all lines and to close, and what it says.
fn answer(mut client: Client, protocol: &str, lines: &str) -> (Duration, String) {
    if protocol == "chat" {
        read_greeting(&mut client);
    }
    let begun = Instant::now();
    client.send(lines);
    client.end();
    let said = client.rest();
    (begun.elapsed(), said)
}

/// How far the times of one sample lie from those of another, in standard deviations of
/// what chance makes of two samples of the same: the statistic of Mann and Whitney.
fn distance(one: &[Duration], other: &[Duration]) -> f64 {
    let wins = |time: &Duration| -> f64 {
        let wins = other.iter().map(|against| match time.cmp(against) {
            std::cmp::Ordering::Less => 0.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Greater => 1.0,
        });
        wins.sum()
    };
    let count = |sample: &[Duration]| f64::from(u32::try_from(sample.len()).unwrap());
    let (few, many) = (count(one), count(other));
    let expected = few * many / 2.0;
    let deviation = (few * many * (few + many + 1.0) / 12.0).sqrt();
    (one.iter().map(wins).sum::<f64>() - expected) / deviation
}

#[test]
fn refused_logins_do_not_tell_which_names_are_known() {
    let mut addresses = Addresses::default();
    let mut server = Server::start();
    accounts(&mut server, &mut addresses);
    let closed: Vec<_> = PROTOCOLS
        .iter()
        .flat_map(|protocol| {
            let listener = format!("{protocol}=127.0.0.1:0 registration=closed passwords=required");
            ["--listen".to_owned(), listener]
        })
        .collect();
    let closed = closed.iter().map(String::as_str);
    let listeners: Vec<_> = closed.chain(["--listen", "mailbox=127.0.0.1:0"]).collect();
    let server = Server::in_folder(server.data(), &listeners);
    let open = server.addresses("mailbox")[1];
    let mut tries: Vec<_> = (0..NAMES)
        .flat_map(|number| PROTOCOLS.map(|protocol| (number, protocol)))
        .flat_map(|(number, protocol)| KINDS.map(|kind| (kind, number, protocol)))
        .collect();
    Rng::with_seed(SEED).shuffle(&mut tries);
    let mut refusals: Vec<(Kind, &str, Duration, String)> = Vec::new();
    let mut without = Vec::new();
    for (kind, number, protocol) in tries {
        let (client, name) = (addresses.connect(&server, protocol), name(kind, number));
        let (time, said) = answer(client, protocol, &login(protocol, &name));
        refusals.push((kind, protocol, time, said.replace(&name, "NAME")));
        if kind == Kind::Open && protocol == "mailbox" {
            let client = Client::connect(open);
            without.push(answer(client, protocol, &format!("LOGIN {name}\n")).0);
        }
    }
    for protocol in PROTOCOLS {
        let mut said: Vec<_> =
            refusals.iter().filter(|(_, of, ..)| *of == protocol).map(|(.., said)| said).collect();
        said.dedup();
        assert_eq!(said.len(), 1, "{protocol}: {said:?}");
    }
    let times = |kind| -> Vec<_> {
        refusals.iter().filter(|(of, ..)| *of == kind).map(|(_, _, time, _)| *time).collect()
    };
    let known = times(Kind::WithPassword);
    // As few tries show a login for which no password is hashed; they would show a name.
    let unhashed = distance(&known, &without);
    assert!(unhashed > FAR, "{unhashed}");
    for kind in [Kind::Open, Kind::Deleted, Kind::Unknown] {
        let distance = distance(&times(kind), &known);
        assert!(distance.abs() < FAR, "{kind:?}: {distance}");
    }
}
