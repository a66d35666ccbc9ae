//! How long a server takes after a kill until it is ready, and until it answers a client.
//!
//! It is killed while clients store messages in one mailbox and post on the board. The
//! first answer after the restart says how many messages that mailbox has: none that was
//! acknowledged may be missing.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;

use crate::drive::program::{Program, ProgramOptions};
use crate::measure::measurement::percentile;
use crate::measure::table::Table;
use crate::options::at_least_one;
use crate::outcome::Outcome;

const PROTOCOLS: [&str; 2] = ["mailbox", "board"];

const LOGIN: &[u8] = b"LOGIN crash\n";
const COMPOSE: &[u8] = b"COMPOSE crash\nIs this here after the crash?\n";
const POST: &[u8] = b"u\nIs this here after the crash? #crash\n";

const CRASHES: Table = Table::new(
    &[
        "workload",
        "kills",
        "messages",
        "lost",
        "posts",
        "ready p50 ms",
        "p99 ms",
        "worst ms",
        "answer p50 ms",
        "p99 ms",
        "worst ms",
    ],
    1,
);

#[derive(Debug, Args)]
pub(crate) struct CrashOptions {
    #[command(flatten)]
    program: ProgramOptions,
    /// Kills, each followed by a start
    #[arg(long, default_value_t = 100, value_parser = at_least_one())]
    kills: u32,
    /// Connections that send messages, one after the other
    #[arg(long, default_value_t = 4, value_parser = at_least_one())]
    connections: u32,
    /// Milliseconds between a start and the next kill
    #[arg(long, default_value_t = 200)]
    load_ms: u64,
}

/// What happened so far.
#[derive(Debug, Default)]
struct Crashes {
    messages: u64,
    lost: u64,
    posts: u64,
    /// From the start of the process, one of each for a kill.
    ready: Vec<Duration>,
    answered: Vec<Duration>,
}

pub(crate) fn run(options: &CrashOptions) -> anyhow::Result<Outcome> {
    let mut server = Program::start(&options.program, &PROTOCOLS)?;
    let mut stored = stored_messages(server.address("mailbox")?)?;
    let mut crashes = Crashes::default();
    for _ in 0..options.kills {
        let acknowledged = work_until_killed(&mut server, options)?;
        let begun = Instant::now();
        server = Program::start(&options.program, &PROTOCOLS)?;
        crashes.ready.push(begun.elapsed());
        let found = stored_messages(server.address("mailbox")?)?;
        crashes.answered.push(begun.elapsed());
        crashes.messages += acknowledged.messages;
        crashes.posts += acknowledged.posts;
        crashes.lost += (stored + acknowledged.messages).saturating_sub(found);
        stored = found;
    }
    let status = server.stop()?;
    ensure!(status.success(), "the server was asked to stop and ended with {status}");
    ensure!(crashes.messages > 0, "no message was acknowledged; give it more time (`--load-ms`)");
    CRASHES.print(false, &[crashes.row()]);
    Ok(if crashes.lost == 0 { Outcome::Clean } else { Outcome::WrongAnswers })
}

impl Crashes {
    fn row(&self) -> Vec<String> {
        let counts = [self.ready.len() as u64, self.messages, self.lost, self.posts];
        let times = [&self.ready, &self.answered]
            .into_iter()
            .flat_map(|times| [50, 99, 100].map(|percent| percentile(times, percent)));
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        ["crash".to_owned()]
            .into_iter()
            .chain(counts.map(|count| count.to_string()))
            .chain(times.map(|time| format!("{:.1}", ms(time.unwrap_or_default()))))
            .collect()
    }
}

/// How many messages the mailbox has: the answer to a login.
fn stored_messages(address: SocketAddr) -> anyhow::Result<u64> {
    let answer = Client::connect(address).and_then(|mut client| client.ask(LOGIN));
    let answer = answer.with_context(|| format!("logging in at {address}"))?;
    answer.parse().with_context(|| format!("`{answer}` is no number of messages"))
}

/// What the clients of one server saw acknowledged.
#[derive(Debug, Default)]
struct Acknowledged {
    messages: u64,
    posts: u64,
}

fn work_until_killed(server: &mut Program, options: &CrashOptions) -> anyhow::Result<Acknowledged> {
    let [mailbox, board] = PROTOCOLS.map(|protocol| server.address(protocol));
    let (mailbox, board) = (mailbox?, board?);
    thread::scope(|scope| {
        let senders: Vec<_> =
            (0..options.connections).map(|_| scope.spawn(move || send(mailbox))).collect();
        let poster = scope.spawn(move || post(board));
        thread::sleep(Duration::from_millis(options.load_ms));
        server.kill()?;
        let joined = |thread: thread::ScopedJoinHandle<'_, anyhow::Result<u64>>| {
            thread.join().map_err(|_| anyhow!("a client panicked"))?
        };
        let mut acknowledged = Acknowledged { posts: joined(poster)?, ..Default::default() };
        for sender in senders {
            acknowledged.messages += joined(sender)?;
        }
        Ok(acknowledged)
    })
}

/// Sends messages until the server is gone; says how many were acknowledged.
fn send(address: SocketAddr) -> anyhow::Result<u64> {
    let mut client = None;
    count(|| match &mut client {
        None => {
            client.insert(Client::connect(address)?).ask(LOGIN)?;
            Ok(None)
        }
        Some(client) => client.ask(COMPOSE).map(|answer| Some(answer == "MESSAGE SENT")),
    })
}

/// Posts until the server is gone; says how many posts were acknowledged.
fn post(address: SocketAddr) -> anyhow::Result<u64> {
    count(|| Client::connect(address)?.post().map(|answer| Some(answer == "operation success\n")))
}

/// Repeats a step until the server is gone; counts those that it acknowledged, and fails
/// at one that it refused.
fn count(mut step: impl FnMut() -> io::Result<Option<bool>>) -> anyhow::Result<u64> {
    let mut acknowledged = 0;
    while let Ok(answer) = step() {
        ensure!(answer != Some(false), "the server refused what it was to store; see its log");
        acknowledged += u64::from(answer.is_some());
    }
    Ok(acknowledged)
}

/// A client that asks and waits for the answer.
#[derive(Debug)]
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// The line that answers, without its end.
    fn ask(&mut self, request: &[u8]) -> io::Result<String> {
        self.0.get_mut().write_all(request)?;
        let mut answer = String::new();
        self.0.read_line(&mut answer)?;
        match answer.strip_suffix('\n') {
            Some(line) => Ok(line.to_owned()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn post(mut self) -> io::Result<String> {
        self.0.get_mut().write_all(POST)?;
        self.0.get_mut().shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        self.0.read_to_string(&mut answer)?;
        if answer.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(answer) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_fills_the_columns() {
        let times: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        let crashes = Crashes {
            messages: 7,
            lost: 1,
            posts: 3,
            ready: times.clone(),
            answered: times.iter().map(|time| *time * 2).collect(),
        };
        let row = crashes.row();
        assert_eq!(row.len(), CRASHES.columns());
        assert_eq!(row[1..5], ["100", "7", "1", "3"]);
        assert_eq!(row[5..], ["50.0", "99.0", "100.0", "100.0", "198.0", "200.0"]);
    }

    #[test]
    fn a_refusal_is_not_the_end_of_the_server() {
        let mut answers = [Some(true), None, Some(true)].into_iter();
        let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(count(|| answers.next().ok_or_else(gone)).unwrap(), 2);
        assert!(count(|| Ok(Some(false))).is_err());
    }
}
