//! A server that is killed again and again, and a recorder that it cannot fool.
//!
//! The recorder is this process: it writes down what was asked, what was
//! answered and what was read, and after each kill compares that with what a
//! server started on the same folder hands out.
//!
//! `POSTROOM_CRASH_KILLS` says how often the server is killed (100 times unless
//! it is set; a long run has 2,000), `POSTROOM_CRASH_SEED` repeats the choices of
//! an earlier run, though not the timing of its threads:
//!
//! ```sh
//! POSTROOM_CRASH_KILLS=2000 cargo test -p postroom --test integration crash::
//! ```

mod record;
mod work;

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;

use crate::support::{Random, Server};
use record::{Letter, Record};
use work::{Moment, Trigger, Workload};

const KILLS_DEFAULT: u64 = 100;
/// Few, so that mailboxes are full every now and then.
const CAPACITY: usize = 20;
/// The last one is read so seldom that it is full most of the time.
const MAILBOXES: [&str; 4] = ["shared", "busy", "quiet", "full"];
/// Longest time until a kill that nothing else triggers.
const DELAY_MS_MAX: u64 = 30;

#[test]
fn what_was_acknowledged_outlives_any_kill_and_what_was_confirmed_never_comes_back() {
    let kills = setting("POSTROOM_CRASH_KILLS").unwrap_or(KILLS_DEFAULT);
    let seed = setting("POSTROOM_CRASH_SEED").unwrap_or_else(seed_of_the_day);
    println!("{kills} kills, POSTROOM_CRASH_SEED={seed}");
    let mut random = Random::new(seed);
    let mut server = Server::with(&[&format!("--capacity={CAPACITY}"), "--set=log.level=warn"]);
    let mut record = Record::new();
    let workload = Workload::new();
    for kill in 0..kills {
        // Now and then the server is killed with nothing to do in between: two
        // full reads must then agree to the letter.
        let idle = kill > 0 && random.once_in(10);
        if idle {
            server.signal(Signal::KILL);
        } else {
            let trigger = Trigger::new(server.pid(), choose(&mut random));
            for log in workload.run(&server, &trigger, &mut random) {
                record.merge(log);
            }
        }
        assert_eq!(server.wait().signal(), Some(9), "the server ended before it was killed");
        server.restart();
        for (mailbox, name) in MAILBOXES.iter().enumerate() {
            let found = read_all(&server, name, random.once_in(2));
            record.compare(mailbox, found, idle);
        }
    }
    println!("{kills} kills, {}", record.counts());
    let counts = record.counts();
    assert!(counts.acknowledged >= kills, "the server was hardly used: {counts}");
    assert!(kills < KILLS_DEFAULT || counts.refused > 0, "no mailbox was ever full: {counts}");
}

fn setting(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is a whole number, not {value:?}")))
}

fn seed_of_the_day() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// When the next kill comes.
fn choose(random: &mut Random) -> Moment {
    let count = 1 + random.below(12);
    match random.below(5) {
        0 | 1 => Moment::After(Duration::from_micros(random.below(DELAY_MS_MAX * 1_000 + 1))),
        2 => Moment::Acknowledged(count),
        3 => Moment::HandedOut(count),
        _ => Moment::Confirmed(count),
    }
}

/// Everything that waits in a mailbox, in order, and left there: the commands go
/// out together, so none proves that an earlier answer arrived, and then the
/// connection is reset.
fn read_all(server: &Server, name: &str, verbose: bool) -> Vec<Letter> {
    let (mut client, count, command): (_, usize, _) = if verbose {
        let mut client = server.connect("mailbox-verbose");
        let welcome = client.ask(&format!("LOGIN {name}"));
        let count = match welcome.split_once(". You have ") {
            Some((_, rest)) => rest.split(' ').next().unwrap().parse().unwrap(),
            None => 0,
        };
        (client, count, format!("READ {name}\n"))
    } else {
        let mut client = server.connect("mailbox");
        let count = client.ask(&format!("LOGIN {name}")).parse().unwrap();
        (client, count, "READ\n".to_owned())
    };
    assert!(count <= CAPACITY, "{count} messages in a mailbox for {CAPACITY}");
    client.send(&command.repeat(count + 1));
    let letters = (0..count)
        .map(|number| {
            if verbose {
                let line = client.line();
                let mut words = line.splitn(3, ' ');
                let left: usize = words.next().unwrap().parse().unwrap();
                assert_eq!(left, count - number - 1, "{line}");
                let sender = words.next().unwrap().to_owned();
                Letter { sender, text: words.next().unwrap().to_owned() }
            } else {
                Letter { sender: client.line(), text: client.line() }
            }
        })
        .collect();
    let end = if verbose { "No More Unread Messages." } else { "READ ERROR" };
    assert_eq!(client.line(), end, "LOGIN told {count} messages");
    client.reset();
    letters
}
