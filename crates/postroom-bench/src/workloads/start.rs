//! How long a server takes from its start to `ready`, and its resident memory
//! then.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};

use crate::measure::measurement::{float, median};
use crate::measure::memory::Memory;
use crate::measure::table::Table;
use crate::options::at_least_one;
use crate::outcome::Outcome;
use crate::report;

/// High enough for stores that `fill` made.
const CAPACITY: &str = "1000000";

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
    /// The `postroom` program
    #[arg(long, value_name = "PATH")]
    pub(crate) program: PathBuf,
    /// The data folder to start with
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Starts, each followed by a stop
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) rounds: u32,
    /// Further arguments of `postroom serve`
    #[arg(last = true)]
    pub(crate) extra: Vec<String>,
}

pub(crate) fn run(options: &StartOptions) -> anyhow::Result<Outcome> {
    report::line(&STARTS.heading());
    let mut starts = Vec::new();
    for round in 1..=options.rounds {
        let start = measure(options)?;
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

fn measure(options: &StartOptions) -> anyhow::Result<Start> {
    let begin = Instant::now();
    let mut server = Server::start(options)?;
    server.await_ready()?;
    let ready = begin.elapsed();
    let memory = Memory::of(server.child.id())?;
    let begin = Instant::now();
    let status = server.stop()?;
    ensure!(status.success(), "the server was asked to stop and ended with {status}");
    Ok(Start { ready, memory, stop: begin.elapsed() })
}

/// A server process that is killed when its round ends early.
#[derive(Debug)]
struct Server {
    child: Child,
}

impl Server {
    fn start(options: &StartOptions) -> anyhow::Result<Self> {
        let child = Command::new(&options.program)
            .arg("serve")
            .arg("--data")
            .arg(&options.data)
            .args(["--listen", "mailbox=127.0.0.1:0", "--capacity", CAPACITY])
            .args(&options.extra)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", options.program.display()))?;
        Ok(Self { child })
    }

    fn await_ready(&mut self) -> anyhow::Result<()> {
        let stdout = self.child.stdout.as_mut().context("the server's output is a pipe")?;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next().transpose().context("reading the server's output")? {
            if line == "ready" {
                return Ok(());
            }
        }
        let status = self.child.wait().context("waiting for the server")?;
        bail!("the server ended before it was ready, with {status}; see its log above");
    }

    fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("stopping the server")?;
        self.child.wait().context("waiting for the server to stop")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After an orderly stop the process is gone and both calls fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
