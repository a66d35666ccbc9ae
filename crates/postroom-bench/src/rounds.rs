//! Plays the rounds of a workload, on one side or on two in turn, and prints
//! what each measured.

use std::time::Instant;

use anyhow::{Context as _, ensure};

use crate::Outcome;
use crate::cpu::CpuTime;
use crate::fleet::{Extent, Fleet};
use crate::measurement::Measurement;
use crate::report;
use crate::request::{Numbers, Requests};
use crate::schedule;
use crate::side::{SETUP, Side};
use crate::table::{self, ROUNDS};
use crate::tally::Tally;

/// Connections and requests in flight of what is not measured.
const SETUP_CONNECTIONS: u32 = 4;
const SETUP_IN_FLIGHT: u32 = 250;

/// A workload as its rows name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) connections: u32,
    pub(crate) in_flight: u32,
    pub(crate) rounds: u32,
    /// How long a round is.
    pub(crate) extent: Extent,
    pub(crate) markdown: bool,
}

/// A side, ready to play.
#[derive(Debug)]
pub(crate) struct Player {
    side: Side,
    fleet: Fleet,
    requests: Requests,
    measured: Vec<Measurement>,
    wrong: u64,
    first_wrong: Option<String>,
}

impl Player {
    pub(crate) fn new(side: Side, fleet: Fleet, requests: Requests) -> Self {
        Self { side, fleet, requests, measured: Vec::new(), wrong: 0, first_wrong: None }
    }

    fn play(&mut self, extent: Extent) -> anyhow::Result<Measurement> {
        let label = self.side.dialect.label();
        let own = std::process::id();
        let cpu_before = self.cpu()?;
        let own_before = CpuTime::of(own)?;
        let begin = Instant::now();
        let tally = self.fleet.run(&mut self.requests, extent).context(label)?;
        let elapsed = begin.elapsed();
        let own_cpu = CpuTime::of(own)?.since(own_before);
        let cpu = self.cpu()?.zip(cpu_before).map(|(after, before)| after.since(before));
        let measured = Measurement::new(&tally, elapsed, cpu, own_cpu);
        self.measured.push(measured);
        self.keep_wrong(tally);
        Ok(measured)
    }

    fn cpu(&self) -> anyhow::Result<Option<CpuTime>> {
        self.side.process.map(CpuTime::of).transpose()
    }

    fn keep_wrong(&mut self, tally: Tally) {
        self.wrong += tally.wrong;
        self.first_wrong = self.first_wrong.take().or(tally.first_wrong);
    }
}

/// Plays all rounds and ends the connections.
pub(crate) fn play(workload: &Workload, mut players: Vec<Player>) -> anyhow::Result<Outcome> {
    report::line(&ROUNDS.heading());
    for (at, round) in schedule::abba(players.len(), workload.rounds) {
        let player = &mut players[at];
        let measured = player.play(workload.extent)?;
        let label = player.side.dialect.label();
        let figures = table::figures(&measured);
        report::line(&ROUNDS.row(&cells(workload, label, &round.to_string(), figures)));
    }
    conclude(workload, &players);
    let outcome = report_wrong(&players);
    for player in players {
        let farewell = player.side.dialect.farewell();
        player.fleet.end(farewell)?;
    }
    Ok(outcome)
}

/// Does, unmeasured, `total` sends to the accounts `<prefix>NNN` in turn.
pub(crate) fn prepare(
    side: &Side,
    prefix: &str,
    accounts: u32,
    total: u64,
    body: usize,
) -> anyhow::Result<()> {
    let (template, expected) = side.dialect.send(prefix, accounts, body);
    let mut requests = Requests::new(template, Numbers::cycle(accounts), SETUP_IN_FLIGHT);
    let mut fleet = side.connect(SETUP, SETUP_CONNECTIONS, SETUP_IN_FLIGHT, expected)?;
    let label = side.dialect.label();
    let tally = fleet.run(&mut requests, Extent::Total(total)).context(label)?;
    ensure!(
        tally.wrong == 0,
        "{label} refused {} of {total} messages of the setup, the first with `{}`; \
         does it have room for them (`--capacity`)?",
        tally.wrong,
        tally.first_wrong.unwrap_or_default()
    );
    fleet.end(side.dialect.farewell())
}

/// Prints the medians of all sides, and the first as a multiple of the second.
fn conclude(workload: &Workload, players: &[Player]) {
    let medians: Vec<(&str, Measurement)> = players
        .iter()
        .filter_map(|player| {
            Some((player.side.dialect.label(), Measurement::medians(&player.measured)?))
        })
        .collect();
    let mut rows: Vec<Vec<String>> = medians
        .iter()
        .map(|(label, medians)| cells(workload, label, "median", table::figures(medians)))
        .collect();
    if let [(_, own), (_, other)] = medians.as_slice() {
        rows.push(cells(workload, "ratio", "median", table::ratios(&own.ratio_to(other))));
    }
    report::line("");
    let (heading, row): (String, fn(&[String]) -> String) = if workload.markdown {
        (ROUNDS.markdown_heading(), table::markdown_row)
    } else {
        (ROUNDS.heading(), |cells| ROUNDS.row(cells))
    };
    report::line(&heading);
    for cells in rows {
        report::line(&row(&cells));
    }
}

fn report_wrong(players: &[Player]) -> Outcome {
    let mut outcome = Outcome::Clean;
    for player in players.iter().filter(|player| player.wrong > 0) {
        outcome = Outcome::WrongAnswers;
        report::line(&format!(
            "{} gave {} wrong answers, the first: `{}`",
            player.side.dialect.label(),
            player.wrong,
            player.first_wrong.as_deref().unwrap_or_default()
        ));
    }
    outcome
}

fn cells(workload: &Workload, side: &str, round: &str, figures: Vec<String>) -> Vec<String> {
    let connections = workload.connections.to_string();
    let in_flight = workload.in_flight.to_string();
    [workload.name, side, &connections, &in_flight, round]
        .map(str::to_owned)
        .into_iter()
        .chain(figures)
        .collect()
}
