//! Runs the rounds of a workload, on one side or on several in turn, and prints
//! the results.

use std::fmt;
use std::time::Instant;

use anyhow::Context as _;

use crate::measure::cpu::CpuTime;
use crate::measure::measurement::Measurement;
use crate::measure::schedule;
use crate::measure::table::{self, Table};
use crate::measure::tally::Tally;
use crate::outcome::Outcome;
use crate::report;

/// A workload, as the table's rows name it.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) table: &'static Table,
    /// The cells between the side and the round.
    pub(crate) settings: Vec<String>,
    pub(crate) rounds: u32,
    pub(crate) markdown: bool,
}

/// The load that a side gets in a round.
pub(crate) trait Load: fmt::Debug {
    /// Runs one round.
    fn run(&mut self) -> anyhow::Result<Tally>;

    /// Closes the connections in order.
    fn end(self: Box<Self>) -> anyhow::Result<()>;
}

/// A side, ready for its rounds.
#[derive(Debug)]
pub(crate) struct Player {
    label: &'static str,
    /// The process whose CPU time counts, if known.
    process: Option<u32>,
    load: Box<dyn Load>,
    measured: Vec<Measurement>,
    wrong: u64,
    first_wrong: Option<String>,
}

/// The results of all rounds.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) outcome: Outcome,
    /// Of each side, in the order of the players.
    pub(crate) medians: Vec<(&'static str, Measurement)>,
}

impl Player {
    pub(crate) fn new(
        label: &'static str,
        process: Option<u32>,
        load: impl Load + 'static,
    ) -> Self {
        let load = Box::new(load);
        Self { label, process, load, measured: Vec::new(), wrong: 0, first_wrong: None }
    }

    fn play(&mut self) -> anyhow::Result<Measurement> {
        let (measured, tally) = measure(self.process, || self.load.run()).context(self.label)?;
        self.measured.push(measured);
        self.keep_wrong(tally);
        Ok(measured)
    }

    fn keep_wrong(&mut self, tally: Tally) {
        self.wrong += tally.wrong;
        self.first_wrong = self.first_wrong.take().or(tally.first_wrong);
    }
}

/// Runs `work` and measures its wall time, the CPU time of the server `process`
/// and the CPU time of this process.
pub(crate) fn measure(
    process: Option<u32>,
    work: impl FnOnce() -> anyhow::Result<Tally>,
) -> anyhow::Result<(Measurement, Tally)> {
    let server = || process.map(CpuTime::of).transpose();
    let own = std::process::id();
    let cpu_before = server()?;
    let own_before = CpuTime::of(own)?;
    let begin = Instant::now();
    let tally = work()?;
    let elapsed = begin.elapsed();
    let own_cpu = CpuTime::of(own)?.since(own_before);
    let cpu = server()?.zip(cpu_before).map(|(after, before)| after.since(before));
    Ok((Measurement::new(&tally, elapsed, cpu, own_cpu), tally))
}

/// Runs all rounds and ends the connections.
pub(crate) fn play(workload: &Workload, mut players: Vec<Player>) -> anyhow::Result<Played> {
    report::line(&workload.table.heading());
    for (at, round) in schedule::abba(players.len(), workload.rounds) {
        let player = &mut players[at];
        let measured = player.play()?;
        let figures = table::figures(&measured);
        let cells = cells(workload, player.label, &round.to_string(), figures);
        report::line(&workload.table.row(&cells));
    }
    let medians: Vec<(&'static str, Measurement)> = players
        .iter()
        .filter_map(|player| Some((player.label, Measurement::medians(&player.measured)?)))
        .collect();
    conclude(workload, &medians);
    let outcome = report_wrong(&players);
    players.into_iter().try_for_each(|player| player.load.end())?;
    Ok(Played { outcome, medians })
}

/// Prints the medians of all sides, and the first as a multiple of the second.
fn conclude(workload: &Workload, medians: &[(&'static str, Measurement)]) {
    let mut rows: Vec<Vec<String>> = medians
        .iter()
        .map(|(label, medians)| cells(workload, label, "median", table::figures(medians)))
        .collect();
    if let [(_, own), (_, other), ..] = medians {
        rows.push(cells(workload, "ratio", "median", table::ratios(&own.ratio_to(other))));
    }
    report::line("");
    workload.table.print(workload.markdown, &rows);
}

fn report_wrong(players: &[Player]) -> Outcome {
    let mut outcome = Outcome::Clean;
    for player in players.iter().filter(|player| player.wrong > 0) {
        outcome = Outcome::WrongAnswers;
        report::line(&format!(
            "{} gave {} wrong answers, the first: `{}`",
            player.label,
            player.wrong,
            player.first_wrong.as_deref().unwrap_or_default()
        ));
    }
    outcome
}

fn cells(workload: &Workload, side: &str, round: &str, figures: Vec<String>) -> Vec<String> {
    [workload.name.to_owned(), side.to_owned()]
        .into_iter()
        .chain(workload.settings.iter().cloned())
        .chain([round.to_owned()])
        .chain(figures)
        .collect()
}
