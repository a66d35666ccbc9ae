//! Proving the judges: each fault that the server can be made to make is found.

use postroom_model::{Fault, set_fault};

use crate::{Failure, On};

/// Faults that need the store on one machine.
const OF_DISK: &[Fault] = &[
    Fault::SyncForgotten,
    Fault::SyncFailureIgnored,
    Fault::UndoSkipped,
    Fault::FullDiskRemembered,
    Fault::SweepTakesUnread,
    Fault::DamageStopsServer,
];

/// The longest text of a judge in the table, in characters.
const SAID_MAX: usize = 90;

/// Puts each fault into the server, one after the other, and prints by `line` a row of a
/// table for it. `first_failure` simulates so many seeds from the first on; returns the
/// faults that it has not found.
pub fn prove(
    faults: &[Fault],
    seeds: u64,
    first_failure: impl Fn(On, u64) -> Option<(u64, Failure)>,
    mut line: impl FnMut(String),
) -> Vec<Fault> {
    line("| fault | what it breaks | store | seeds | what the judge says |".to_owned());
    line("|---|---|---|---|---|".to_owned());
    let mut not_found = Vec::new();
    for fault in faults {
        let is_of_disk = OF_DISK.contains(fault);
        let (on, store) = if is_of_disk { (On::Disk, "disk") } else { (On::Memory, "memory") };
        set_fault(Some(*fault));
        let found = first_failure(on, seeds);
        set_fault(None);
        let (needed, said) = match found {
            Some((seed, failure)) => ((seed + 1).to_string(), said(&failure.what)),
            None => {
                not_found.push(*fault);
                (format!("not within {seeds}"), String::new())
            }
        };
        line(format!("| `{}` | {} | {store} | {needed} | {said} |", fault.name(), fault.breaks()));
    }
    not_found
}

/// The beginning of what a judge says, as one cell of a table.
fn said(what: &str) -> String {
    let one_line = what.lines().next().unwrap_or_default().replace('|', "/");
    let short: String = one_line.chars().take(SAID_MAX).collect();
    if short.len() < one_line.len() { format!("{short} ...") } else { short }
}
