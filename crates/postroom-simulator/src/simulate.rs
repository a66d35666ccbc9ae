//! Running seeds.

use std::panic::{self, AssertUnwindSafe};

use postroom_store::MemoryDisk;

use crate::scenario::Scenario;
use crate::world::World;

/// What is left out of a simulation, to find the least that fails.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cut {
    /// Clients do so much at most.
    pub actions: Option<usize>,
    /// Clients that do nothing, by their numbers.
    pub without: Vec<usize>,
}

/// A simulation that has shown a defect.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What was wrong.
    pub what: String,
    /// What happened, the latest last; empty unless it was asked for.
    pub trace: Vec<String>,
    /// What clients had done by then.
    pub actions: usize,
}

/// Runs the simulation of a seed.
pub fn simulate(seed: u64, cut: &Cut, is_traced: bool) -> Result<(), Failure> {
    let mut scenario = Scenario::new(seed);
    if let Some(actions) = cut.actions {
        scenario.actions = scenario.actions.min(actions);
    }
    let actions = scenario.actions;
    let mut world = World::new(seed, scenario, MemoryDisk::default(), is_traced);
    world.leave_out(&cut.without);
    let ran = panic::catch_unwind(AssertUnwindSafe(|| world.run()));
    ran.map_err(|panic| Failure {
        what: message(panic.as_ref()),
        trace: world.trace.take().unwrap_or_default(),
        actions: actions - world.actions,
    })
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

/// Leaves out of a failing simulation what it does not need to fail.
#[must_use]
pub fn shrink(seed: u64, failure: &Failure) -> Cut {
    let fails = |cut: &Cut| simulate(seed, cut, false).is_err();
    let mut cut = Cut { actions: Some(failure.actions), without: Vec::new() };
    if !fails(&cut) {
        cut.actions = None;
    }
    // Fewer clients, one after the other.
    for client in 0..Scenario::new(seed).people.len() {
        let fewer = Cut { without: [&cut.without[..], &[client]].concat(), ..cut.clone() };
        if fails(&fewer) {
            cut = fewer;
        }
    }
    // The shortest beginning that fails, looked for by halves: a shorter one need not
    // fail where a longer one does.
    let (mut passes, mut most) = (0, cut.actions.unwrap_or(Scenario::new(seed).actions));
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
