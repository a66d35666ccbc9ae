//! What a crowd costs honest senders beside it, in rounds without and with the crowd.

mod lists;
mod pages;
mod senders;
mod streams;
mod wrong_logins;

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};

use crate::drive::exchange::{self, Exchange};
use crate::drive::fleet::Extent;
use crate::drive::request::{Numbers, Requests};
use crate::drive::side::{Dialect, OWN, RECIPIENT, Side};
use crate::measure::measurement::{float, microseconds};
use crate::measure::memory::Growth;
use crate::measure::pairs::{Figure, Pairs};
use crate::measure::rounds::Load as _;
use crate::measure::table::Table;
use crate::measure::tally::Tally;
use crate::options::{address, at_least_one, seconds};
use crate::outcome::Outcome;
use crate::report;

use lists::ListsOptions;
use pages::PagesOptions;
use senders::SendersOptions;
use streams::StreamsOptions;
use wrong_logins::WrongLoginsOptions;

/// The figures of the honest senders, the server's memory, and those of the crowd.
const BESIDE: Table = Table::new(
    &[
        "workload",
        "beside",
        "connections",
        "round",
        "rate/s",
        "p50 us",
        "p99 us",
        "longest us",
        "memory MB",
        "crowd/s",
        "crowd ms",
    ],
    2,
);

#[derive(Debug, Args)]
pub(crate) struct BesideOptions {
    #[command(subcommand)]
    crowd: CrowdOptions,
}

#[derive(Debug, Subcommand)]
enum CrowdOptions {
    /// Beside connections that keep many messages unanswered
    Senders(SendersOptions),
    /// Beside logins with a wrong password from one address; right ones come from others;
    /// `crowd ms` is the time of the slowest of these
    WrongLogins(WrongLoginsOptions),
    /// Beside users of the chat who ask for the names of all users and do not read them
    Lists(ListsOptions),
    /// Beside streams of a channel over HTTP that all get each post; `crowd ms` is the time
    /// from the request to post until a stream has the post, at p99
    Streams(StreamsOptions),
    /// Beside pages of a channel's history, read over HTTP at random places; `crowd ms` is
    /// the time from when a page was due until it is there, at p99
    Pages(PagesOptions),
}

/// The honest senders, and the rounds.
#[derive(Debug, Args)]
struct HonestOptions {
    /// Address of the server's `mailbox` listener
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    server: SocketAddr,
    /// Process id of the server [default: the owner of the listening socket]
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Honest connections, each with one message unanswered
    #[arg(long, default_value_t = 100, value_parser = at_least_one())]
    connections: u32,
    /// Messages go to this many accounts, picked at random
    #[arg(long, default_value_t = 10_000, value_parser = at_least_one())]
    recipients: u32,
    /// Bytes of a message's body
    #[arg(long, default_value_t = 100)]
    body: usize,
    /// Length of a round
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    seconds: u32,
    /// Pairs of rounds, one without the crowd and one with it
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    rounds: u32,
    /// Print the medians as a Markdown table
    #[arg(long)]
    markdown: bool,
}

/// Clients beside the honest senders.
trait Crowd: fmt::Debug + Send {
    /// The workload's name and what the crowd is, for the table.
    fn labels(&self) -> (&'static str, String);

    /// Comes before a round; its memory does not count.
    fn enter(&mut self, _round: u32) -> anyhow::Result<()> {
        Ok(())
    }

    /// Puts its load on the server until the round is over, if it is there at all.
    fn run(&mut self, is_there: bool, over: &AtomicBool) -> anyhow::Result<Crowded>;

    /// Leaves after a round.
    fn leave(&mut self) {}
}

/// What a crowd did in a round.
#[derive(Debug, Default)]
struct Crowded {
    /// Messages, logins, lists or pages that it asked for, or posts that its streams got.
    requests: u64,
    /// How long it waited, as its command says.
    wait: Option<Duration>,
    /// What the server should not have answered.
    wrong: Option<String>,
}

pub(crate) fn run(options: &BesideOptions) -> anyhow::Result<Outcome> {
    match &options.crowd {
        CrowdOptions::Senders(options) => beside(&options.honest, |side| options.crowd(side)),
        CrowdOptions::WrongLogins(options) => beside(&options.honest, |_| options.crowd()),
        CrowdOptions::Lists(options) => beside(&options.honest, |_| Ok(options.crowd())),
        CrowdOptions::Streams(options) => beside(&options.honest, |_| Ok(options.crowd())),
        CrowdOptions::Pages(options) => beside(&options.honest, |_| options.crowd()),
    }
}

fn beside<C: Crowd>(
    options: &HonestOptions,
    crowd: impl FnOnce(&Side) -> anyhow::Result<C>,
) -> anyhow::Result<Outcome> {
    let side = &Side::new(Dialect::Mailbox, options.server, options.server_pid);
    let mut crowd = crowd(side)?;
    let process = side.process.context("the server's process is unknown; give --server-pid")?;
    let mut honest = honest(options, side)?;
    let (name, label) = crowd.labels();
    let pairs = Pairs {
        name,
        table: &BESIDE,
        labels: ["none".to_owned(), label],
        settings: vec![options.connections.to_string()],
        rounds: options.rounds,
        markdown: options.markdown,
    };
    let mut wrong = Vec::new();
    pairs.play(|with, number| {
        if with {
            crowd.enter(number)?;
        }
        let mut round = play(process, &mut honest, &mut crowd, with)?;
        if with {
            crowd.leave();
        }
        wrong.extend(round.tally.first_wrong.take().into_iter().chain(round.crowd.wrong.take()));
        Ok(round.figures())
    })?;
    Box::new(honest).end()?;
    if let Some(first) = wrong.first() {
        report::line(&format!("the server gave wrong answers, the first: `{first}`"));
        return Ok(Outcome::WrongAnswers);
    }
    Ok(Outcome::Clean)
}

fn honest(options: &HonestOptions, side: &Side) -> anyhow::Result<Exchange> {
    let HonestOptions { connections, recipients, body, .. } = *options;
    exchange::prepare(side, RECIPIENT, recipients, recipients.into(), body)?;
    let (template, expected) = side.dialect.send(RECIPIENT, recipients, body);
    Ok(Exchange {
        fleet: side.connect(OWN, connections, 1, expected)?,
        requests: Requests::new(template, Numbers::random(recipients), 1),
        extent: Extent::For(seconds(options.seconds)),
        farewell: side.dialect.farewell(),
    })
}

#[derive(Debug)]
struct Round {
    tally: Tally,
    elapsed: Duration,
    growth: Growth,
    crowd: Crowded,
}

fn play(
    process: u32,
    honest: &mut Exchange,
    crowd: &mut impl Crowd,
    with: bool,
) -> anyhow::Result<Round> {
    let over = AtomicBool::new(false);
    let mut growth = Growth::begin(process)?;
    let begin = Instant::now();
    let (tally, elapsed, crowd) = thread::scope(|scope| {
        let crowd = scope.spawn(|| crowd.run(with, &over));
        let watching = scope.spawn(|| growth.watch(&over));
        let tally = honest.run();
        let elapsed = begin.elapsed();
        over.store(true, Ordering::Relaxed);
        watching.join().map_err(|_| anyhow!("the thread that watches the memory panicked"))??;
        let crowd = crowd.join().map_err(|_| anyhow!("the thread of the crowd panicked"))?;
        // A crowd that the server has ended says more than what follows from it.
        anyhow::Ok((tally, elapsed, crowd.context("the crowd")?))
    })?;
    Ok(Round { tally: tally.context("the honest senders")?, elapsed, growth, crowd })
}

impl Round {
    fn figures(&self) -> Vec<Figure> {
        let Self { tally, elapsed, growth, crowd } = self;
        let a_second = |count: u64| float(count) / elapsed.as_secs_f64();
        let quantile = |share| Figure::compared(Some(microseconds(tally.quantile(share))), 0);
        let wait = crowd.wait.map(|time| microseconds(time) / 1e3);
        vec![
            Figure::compared(Some(a_second(tally.answers)), 0),
            quantile(0.5),
            quantile(0.99),
            quantile(1.0),
            Figure::alone(Some(growth.megabytes()), 1),
            Figure::alone((crowd.requests > 0).then(|| a_second(crowd.requests)), 0),
            Figure::compared(wait, 1),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::answer::Expected;
    use crate::drive::dial;
    use crate::drive::request::Template;
    use crate::measure::bare_server::{self, Work};

    /// A crowd that does nothing but count how often it was asked to.
    #[derive(Debug, Default)]
    struct Idle {
        rounds: Vec<bool>,
    }

    impl Crowd for Idle {
        fn labels(&self) -> (&'static str, String) {
            ("beside", "nobody".to_owned())
        }

        fn run(&mut self, is_there: bool, over: &AtomicBool) -> anyhow::Result<Crowded> {
            while !over.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            self.rounds.push(is_there);
            Ok(Crowded { requests: u64::from(is_there), ..Crowded::default() })
        }
    }

    #[test]
    fn the_crowd_stays_until_the_honest_senders_are_answered() {
        let address = bare_server::tests::start(Work::Echo);
        let streams = dial::open(address, 2).unwrap();
        let mut honest = Exchange {
            fleet: crate::drive::fleet::Fleet::new(streams, 1, Expected::Echo(1)).unwrap(),
            requests: Requests::new(Template::single_byte(), Numbers::Own, 1),
            extent: Extent::Each(5),
            farewell: b"",
        };
        let mut crowd = Idle::default();
        for with in [false, true] {
            let round = play(std::process::id(), &mut honest, &mut crowd, with).unwrap();
            let figures = round.figures();
            assert_eq!((round.tally.answers, figures[5].value.is_some()), (10, with));
            assert_eq!(figures.len() + 4, BESIDE.columns());
        }
        assert_eq!(crowd.rounds, [false, true]);
    }
}
