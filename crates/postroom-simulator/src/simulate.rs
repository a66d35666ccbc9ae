//! Running seeds.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

use postroom_store::MemoryDisk;

use crate::scenario::Scenario;
use crate::sqlite::SqliteDisk;
use crate::tally::Tally;
use crate::world::{TroubledDisk, World};

/// The store of a simulation.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum On {
    /// The one in memory, whose calls end late, in another order, or not at all.
    #[default]
    Memory,
    /// The one on one machine, on a disk that fails and loses power.
    Disk,
}

/// A simulation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Case {
    /// What decides everything that happens.
    pub seed: u64,
    /// The store.
    pub on: On,
}

/// What is left out of a simulation, to find the least that fails.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cut {
    /// Clients do so much at most.
    pub actions: Option<usize>,
    /// Clients that do nothing, by their numbers. That of the operator is one more than the
    /// last.
    pub without: Vec<usize>,
}

/// A simulation that has shown a defect.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What was wrong.
    pub what: String,
    /// What clients had done by then.
    pub actions: usize,
}

/// Runs a simulation.
pub fn simulate(case: Case, cut: &Cut) -> Result<Tally, Failure> {
    run(case, cut, false).0
}

/// Runs a simulation, and tells all that happens, the latest last.
pub fn replay(case: Case, cut: &Cut) -> (Result<Tally, Failure>, Vec<String>) {
    run(case, cut, true)
}

fn run(case: Case, cut: &Cut, is_traced: bool) -> (Result<Tally, Failure>, Vec<String>) {
    match case.on {
        On::Memory => run_on(case, MemoryDisk::default(), cut, is_traced),
        On::Disk => {
            let disk = SqliteDisk::new(case.seed).expect("a folder can be made");
            run_on(case, disk, cut, is_traced)
        }
    }
}

fn scenario(Case { seed, on }: Case) -> Scenario {
    match on {
        On::Memory => Scenario::new(seed),
        On::Disk => Scenario::on_disk(seed),
    }
}

fn run_on<D: TroubledDisk>(
    case: Case,
    disk: D,
    cut: &Cut,
    is_traced: bool,
) -> (Result<Tally, Failure>, Vec<String>) {
    let mut scenario = scenario(case);
    if let Some(actions) = cut.actions {
        scenario.actions = scenario.actions.min(actions);
    }
    scenario.rules.settings.logs_requests |= is_traced;
    let actions = scenario.actions;
    let mut world = World::new(case.seed, scenario, disk, is_traced);
    world.leave_out(&cut.without);
    let ran = panic::catch_unwind(AssertUnwindSafe(|| world.run()));
    let ran = ran.map(|()| world.tally()).map_err(|panic| Failure {
        what: message(panic.as_ref()),
        actions: actions - world.actions,
    });
    (ran, world.trace.take().unwrap_or_default())
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

/// Leaves out of a failing simulation what it does not need to fail.
#[must_use]
pub fn shrink(case: Case, failure: &Failure) -> Cut {
    let fails = |cut: &Cut| simulate(case, cut).is_err();
    let mut cut = Cut { actions: Some(failure.actions), without: Vec::new() };
    if !fails(&cut) {
        cut.actions = None;
    }
    let scenario = scenario(case);
    // Fewer clients, one after the other.
    for client in 0..=scenario.people.len() {
        let fewer = Cut { without: [&cut.without[..], &[client]].concat(), ..cut.clone() };
        if fails(&fewer) {
            cut = fewer;
        }
    }
    // The shortest beginning that fails, looked for by halves: a shorter one need not
    // fail where a longer one does.
    let (mut passes, mut most) = (0, cut.actions.unwrap_or(scenario.actions));
    while most - passes > 1 {
        let half = passes.midpoint(most);
        if fails(&Cut { actions: Some(half), ..cut.clone() }) {
            most = half;
        } else {
            passes = half;
        }
    }
    let shorter = Cut { actions: Some(most), ..cut.clone() };
    if fails(&shorter) { shorter } else { cut }
}
