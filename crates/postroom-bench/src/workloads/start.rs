//! How long a server takes from its start to `ready`, and its resident memory
//! then.

use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Args;

use crate::drive::program::{Program, ProgramOptions};
use crate::measure::measurement::{float, median};
use crate::measure::memory::Memory;
use crate::measure::table::Table;
use crate::options::at_least_one;
use crate::outcome::Outcome;
use crate::report;

const STARTS: Table =
    Table::new(&["workload", "round", "ready ms", "VmRSS MiB", "RssAnon MiB", "stop ms"], 1);

/// The results of one start and the stop after it.
#[derive(Debug)]
struct Start {
    ready: Duration,
    memory: Memory,
    stop: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct StartOptions {
    #[command(flatten)]
    program: ProgramOptions,
    /// Starts, each followed by a stop
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    rounds: u32,
}

pub(crate) fn run(options: &StartOptions) -> anyhow::Result<Outcome> {
    report::line(&STARTS.heading());
    let mut starts = Vec::new();
    for round in 1..=options.rounds {
        let start = measure(&options.program)?;
        report::line(&row(&round.to_string(), figures(&start)));
        starts.push(start);
    }
    let medians = [0, 1, 2, 3].map(|column| {
        let values = starts.iter().map(|start| figures(start)[column]).collect();
        median(values).unwrap_or_default()
    });
    report::line(&row("median", medians));
    Ok(Outcome::Clean)
}

fn measure(options: &ProgramOptions) -> anyhow::Result<Start> {
    let begin = Instant::now();
    let mut server = Program::start(options, &["mailbox"])?;
    let ready = begin.elapsed();
    let memory = Memory::of(server.id())?;
    let begin = Instant::now();
    let status = server.stop()?;
    ensure!(status.success(), "the server was asked to stop and ended with {status}");
    Ok(Start { ready, memory, stop: begin.elapsed() })
}

/// The columns from `ready` on, in the table's units.
fn figures(start: &Start) -> [f64; 4] {
    [
        start.ready.as_secs_f64() * 1e3,
        float(start.memory.vm_rss) / 1024.0,
        float(start.memory.rss_anon) / 1024.0,
        start.stop.as_secs_f64() * 1e3,
    ]
}

fn row(round: &str, figures: [f64; 4]) -> String {
    let cells: Vec<String> = ["start".to_owned(), round.to_owned()]
        .into_iter()
        .chain(figures.map(|figure| format!("{figure:.1}")))
        .collect();
    STARTS.row(&cells)
}
