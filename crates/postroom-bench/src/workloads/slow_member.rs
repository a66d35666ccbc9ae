//! What a member that never reads costs the others, and whether the server ends its
//! connection.
//!
//! The same members get the same posts at the same rate, in rounds with and
//! without one more member that never reads.

use std::io::{ErrorKind, Read as _};
use std::net::SocketAddr;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;

use crate::drive::dial;
use crate::drive::login::Login;
use crate::drive::side::Side;
use crate::measure::measurement::{Measurement, float, median};
use crate::measure::process::PeerSocket;
use crate::measure::rounds;
use crate::measure::schedule;
use crate::measure::table::{self, SLOW_MEMBER};
use crate::options::{address, at_least_one, seconds};
use crate::outcome::Outcome;
use crate::report;
use crate::workloads::channel::{Audience, Channel, Pace, Plan, Protocol, post_bytes};

/// Posts of a sender that may be unseen; a server that is further behind does not
/// keep up with the rate.
const UNSEEN_MAX: u32 = 1024;

/// How often to check whether the server has ended the connection.
const INTERVAL: Duration = Duration::from_millis(10);

/// How long the bytes left in the connection may take to arrive.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// The names of the two kinds of rounds: without and with a slow member.
const WITH: [&str; 2] = ["none", "one"];

/// The results of a round, and the end of its slow member if it had one.
#[derive(Clone, Copy, Debug)]
struct Round {
    measured: Measurement,
    slow: Option<Ending>,
}

/// How the slow member's connection ended.
#[derive(Clone, Copy, Debug)]
struct Ending {
    /// When the server closed it, counted from the first post.
    closed_after: Option<Duration>,
    /// Bytes that had arrived without being read.
    arrived: u64,
    /// Whether an end of file or a reset followed them.
    ended: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SlowMemberOptions {
    /// Address of the server's `chat` listener
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) server: SocketAddr,
    /// Process id of the server [default: the owner of the listening socket]
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Members that read; the first of them are the senders
    #[arg(long, default_value_t = 100, value_parser = at_least_one())]
    pub(crate) members: u32,
    /// Members that post
    #[arg(long, default_value_t = 4, value_parser = at_least_one())]
    pub(crate) senders: u32,
    /// Posts a second, of all senders together
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) rate: u32,
    /// Bytes of a post
    #[arg(long, default_value_t = 1000, value_parser = post_bytes())]
    pub(crate) body: u32,
    /// Length of a round
    #[arg(long, default_value_t = 10, value_parser = at_least_one())]
    pub(crate) seconds: u32,
    /// Pairs of rounds, one with a member that never reads and one without
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) rounds: u32,
    /// Print the medians as a Markdown table
    #[arg(long)]
    pub(crate) markdown: bool,
}

pub(crate) fn run(options: &SlowMemberOptions) -> anyhow::Result<Outcome> {
    let side = Side::new(Protocol::Chat, options.server, options.server_pid);
    let mut channel = Channel::open(side.dialect, side.address, &plan(options))?;
    report::line(&SLOW_MEMBER.heading());
    let mut rounds: [Vec<Round>; 2] = [Vec::new(), Vec::new()];
    for (at, number) in schedule::abba(2, options.rounds) {
        let slow = (at == 1).then(|| SlowMember::join(&side, number)).transpose()?;
        let round = play(&side, &mut channel, options, slow)?;
        let endings: Vec<Ending> = round.slow.into_iter().collect();
        let figures =
            [table::figures(&round.measured), ending_cells(options, &channel, &endings)].concat();
        let cells = cells(options, WITH[at], &number.to_string(), figures);
        report::line(&SLOW_MEMBER.row(&cells));
        rounds[at].push(round);
    }
    conclude(options, &channel, &rounds);
    channel.end()?;
    Ok(report_endings(&rounds[1]))
}

fn plan(options: &SlowMemberOptions) -> Plan {
    let SlowMemberOptions { members, senders, body, .. } = *options;
    let audience = Audience::Everyone;
    let (unseen, witnesses) = (UNSEEN_MAX, None);
    Plan { audience, members, senders, unseen, witnesses, body: body as usize }
}

fn play(
    side: &Side<Protocol>,
    channel: &mut Channel,
    options: &SlowMemberOptions,
    slow: Option<SlowMember>,
) -> anyhow::Result<Round> {
    let interval = Duration::from_secs(1) / options.rate;
    let pace = Pace::Every(interval, seconds(options.seconds));
    let over = AtomicBool::new(false);
    let (result, closed_after) = thread::scope(|scope| {
        let watcher = slow.as_ref().map(|slow| scope.spawn(|| slow.watch(&over)));
        let result = rounds::measure(side.process, || channel.run(pace));
        over.store(true, Ordering::Relaxed);
        (result, watcher.and_then(|watcher| watcher.join().ok()).flatten())
    });
    let (measured, _) = result?;
    let slow = slow.map(|slow| slow.drain(closed_after)).transpose()?;
    Ok(Round { measured, slow })
}

/// A member that does not read.
#[derive(Debug)]
struct SlowMember {
    stream: TcpStream,
    peer: PeerSocket,
}

impl SlowMember {
    fn join(side: &Side<Protocol>, number: u32) -> anyhow::Result<Self> {
        let process = side.process.context("the server's process is unknown; give --server-pid")?;
        let name = |_| format!("slow{number}");
        let mut entered = dial::log_in(side.address, 1, Login::Chat, &name)?;
        let stream = entered.pop().context("nobody logged in")?.into_inner();
        let local = stream.local_addr().context("asking for an address")?;
        let peer = PeerSocket::find(process, side.address, local).with_context(|| {
            format!("process {process} does not have the slow member's connection")
        })?;
        Ok(Self { stream, peer })
    }

    /// Waits until the server closes its end or the round is over.
    fn watch(&self, over: &AtomicBool) -> Option<Duration> {
        let begin = Instant::now();
        while !over.load(Ordering::Relaxed) {
            if !self.peer.is_open() {
                return Some(begin.elapsed());
            }
            thread::sleep(INTERVAL);
        }
        None
    }

    /// Reads what arrived, now that the round is over.
    fn drain(mut self, closed_after: Option<Duration>) -> anyhow::Result<Ending> {
        self.stream.set_read_timeout(Some(DRAIN_LIMIT)).context("setting a read timeout")?;
        let mut buffer = vec![0; 64 * 1024];
        let mut arrived = 0;
        loop {
            let ended = match self.stream.read(&mut buffer) {
                Ok(0) => true,
                Ok(size) => {
                    arrived += size as u64;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => error.kind() != ErrorKind::WouldBlock,
            };
            return Ok(Ending { closed_after, arrived, ended });
        }
    }
}

/// Prints the medians of both kinds of rounds, and the medians of the ratios
/// within each pair of rounds.
fn conclude(options: &SlowMemberOptions, channel: &Channel, rounds: &[Vec<Round>; 2]) {
    let measured = |at: usize| rounds[at].iter().map(|round| round.measured);
    let ratios: Vec<Measurement> =
        measured(1).zip(measured(0)).map(|(with, without)| with.ratio_to(&without)).collect();
    let mut rows = Vec::new();
    for at in 0..rounds.len() {
        let all: Vec<Measurement> = measured(at).collect();
        let endings: Vec<Ending> = rounds[at].iter().filter_map(|round| round.slow).collect();
        let figures = Measurement::medians(&all).as_ref().map(table::figures).unwrap_or_default();
        let figures = [figures, ending_cells(options, channel, &endings)].concat();
        rows.push(cells(options, WITH[at], "median", figures));
    }
    let figures = Measurement::medians(&ratios).as_ref().map(table::ratios).unwrap_or_default();
    let figures = [figures, ending_cells(options, channel, &[])].concat();
    rows.push(cells(options, "ratio", "median", figures));
    report::line("");
    SLOW_MEMBER.print(options.markdown, &rows);
}

/// Says how many slow members the server ended during their rounds; it should end none.
fn report_endings(rounds: &[Round]) -> Outcome {
    let endings: Vec<Ending> = rounds.iter().filter_map(|round| round.slow).collect();
    let ended =
        endings.iter().filter(|ending| ending.closed_after.is_some() && ending.ended).count();
    report::line(&format!(
        "the server ended {ended} of {} slow members during their rounds",
        endings.len()
    ));
    // It falls behind and stays.
    if ended == 0 { Outcome::Clean } else { Outcome::WrongAnswers }
}

fn cells(
    options: &SlowMemberOptions,
    with: &str,
    round: &str,
    figures: Vec<String>,
) -> Vec<String> {
    let settings = [options.members, options.senders, options.rate, options.body];
    ["slow-member", with]
        .map(str::to_owned)
        .into_iter()
        .chain(settings.map(|count| count.to_string()))
        .chain([round.to_owned()])
        .chain(figures)
        .collect()
}

/// Medians of the times at which the connections ended, of the megabytes posted
/// by then, and of the megabytes that had arrived.
fn ending_cells(options: &SlowMemberOptions, channel: &Channel, endings: &[Ending]) -> Vec<String> {
    let seconds = |ending: &Ending| ending.closed_after.map(|after| after.as_secs_f64());
    let closed_after = median(endings.iter().filter_map(seconds).collect());
    let line_bytes = float(channel.line_bytes() as u64);
    let posted = closed_after.map(|after| after * f64::from(options.rate) * line_bytes / 1e6);
    let arrived = median(endings.iter().map(|ending| float(ending.arrived) / 1e6).collect());
    [closed_after, posted, arrived]
        .map(|value| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}")))
        .to_vec()
}
