//! What members that read slowly, or never, cost the others, and what they miss.
//!
//! The same members get the same posts at the same rate, in rounds without and with the
//! slow ones.

mod slow;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;

use crate::drive::side::Side;
use crate::measure::measurement::{Measurement, float, median};
use crate::measure::memory::Growth;
use crate::measure::pairs::{self, Figure, Pairs};
use crate::measure::rounds;
use crate::measure::table::SLOW_MEMBER;
use crate::options::{address, at_least_one, seconds};
use crate::outcome::Outcome;
use crate::report;
use crate::workloads::channel::{Audience, Channel, Pace, Plan, Protocol, post_bytes};

use slow::{Ending, SlowMembers};

/// Posts of a sender that may be unseen; a server that is further behind does not
/// keep up with the rate.
const UNSEEN_MAX: u32 = 1024;

#[derive(Debug, Args)]
pub(crate) struct SlowMemberOptions {
    /// Address of the server's `chat` listener
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) server: SocketAddr,
    /// Process id of the server [default: the owner of the listening socket]
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Members that read at once; the first of them are the senders
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
    /// Slow members
    #[arg(long, default_value_t = 1, value_parser = at_least_one())]
    pub(crate) slow: u32,
    /// Bytes that each slow member reads a second; 0 for none until the round is over
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub(crate) slow_rate: u32,
    /// Length of a round
    #[arg(long, default_value_t = 10, value_parser = at_least_one())]
    pub(crate) seconds: u32,
    /// Pairs of rounds, one without the slow members and one with them
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) rounds: u32,
    /// Print the medians as a Markdown table
    #[arg(long)]
    pub(crate) markdown: bool,
}

pub(crate) fn run(options: &SlowMemberOptions) -> anyhow::Result<Outcome> {
    let side = Side::new(Protocol::Chat, options.server, options.server_pid);
    let process = side.process.context("the server's process is unknown; give --server-pid")?;
    let mut channel = Channel::open(side.dialect, side.address, &plan(options))?;
    let SlowMemberOptions { members, senders, rate, body, slow, rounds, markdown, .. } = *options;
    let pairs = Pairs {
        name: "slow-member",
        table: &SLOW_MEMBER,
        labels: ["none".to_owned(), slow.to_string()],
        settings: [members, senders, rate, body].map(|count| count.to_string()).to_vec(),
        rounds,
        markdown,
    };
    let mut all_endings = Vec::new();
    pairs.play(|with, number| {
        let count = if with { slow } else { 0 };
        let slow = SlowMembers::join(&side, process, &channel, number, count)?;
        let (measured, growth, endings) = play(process, &mut channel, options, slow)?;
        let figures = figures(&measured, growth, &endings);
        all_endings.extend(endings);
        Ok(figures)
    })?;
    channel.end()?;
    Ok(report_endings(&all_endings))
}

fn plan(options: &SlowMemberOptions) -> Plan {
    let SlowMemberOptions { members, senders, body, .. } = *options;
    let audience = Audience::Everyone;
    let (unseen, witnesses) = (UNSEEN_MAX, None);
    Plan { audience, members, senders, unseen, witnesses, body: body as usize }
}

fn play(
    process: u32,
    channel: &mut Channel,
    options: &SlowMemberOptions,
    mut slow: SlowMembers,
) -> anyhow::Result<(Measurement, Growth, Vec<Ending>)> {
    let interval = Duration::from_secs(1) / options.rate;
    let pace = Pace::Every(interval, seconds(options.seconds));
    let over = AtomicBool::new(false);
    let mut growth = Growth::begin(process)?;
    let measured = thread::scope(|scope| {
        let attending = scope.spawn(|| slow.attend(options.slow_rate, &over));
        let watching = scope.spawn(|| growth.watch(&over));
        let measured = rounds::measure(Some(process), || channel.run(pace));
        over.store(true, Ordering::Relaxed);
        watching.join().map_err(|_| anyhow!("the thread that watches the memory panicked"))??;
        attending.join().map_err(|_| anyhow!("the thread of the slow members panicked"))??;
        measured
    });
    let endings = slow.catch_up(&channel.follower())?;
    Ok((measured?.0, growth, endings))
}

/// After the measured figures: how many slow members the server ended, and when; the
/// posts that the others missed, what they all got, and how far the server's memory grew.
fn figures(measured: &Measurement, growth: Growth, endings: &[Ending]) -> Vec<Figure> {
    let with = |value: Option<f64>, decimals| {
        Figure::alone(value.filter(|_| !endings.is_empty()), decimals)
    };
    let closed = endings.iter().filter_map(|ending| ending.closed_after);
    let missed: u64 = endings.iter().map(|ending| ending.seen.missed).sum();
    let arrived: u64 = endings.iter().map(|ending| ending.arrived).sum();
    let mut figures = pairs::figures(measured);
    figures.extend([
        with(Some(float(endings.iter().filter(|ending| ending.ended).count() as u64)), 0),
        with(median(closed.map(|after| after.as_secs_f64()).collect()), 2),
        with(Some(float(missed)), 0),
        with(Some(float(arrived) / 1e6), 2),
        Figure::alone(Some(growth.megabytes()), 1),
    ]);
    figures
}

/// Says what became of the slow members: the server should end none of them, and each
/// should get the posts in order with every gap named.
fn report_endings(endings: &[Ending]) -> Outcome {
    let count = |is: fn(&Ending) -> bool| endings.iter().filter(|ending| is(ending)).count();
    let ended = count(|ending| ending.ended);
    let unnamed = count(|ending| ending.seen.named != ending.seen.missed);
    let behind = count(|ending| !ending.caught_up);
    let missed: u64 = endings.iter().map(|ending| ending.seen.missed).sum();
    report::line(&format!(
        "of {} slow members the server ended {ended}, {behind} did not catch up, and {unnamed} \
         missed another number of posts than the server said; all together missed {missed}",
        endings.len()
    ));
    let wrong = endings.iter().find_map(|ending| ending.seen.wrong.as_deref());
    if let Some(line) = wrong {
        report::line(&format!("a post out of order: `{line}`"));
    }
    if ended + unnamed + behind == 0 && wrong.is_none() {
        Outcome::Clean
    } else {
        Outcome::WrongAnswers
    }
}
