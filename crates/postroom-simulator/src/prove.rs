//! Proving the judges: each fault that the server can be made to make is found.

use postroom_model::{Fault, set_fault};

use crate::campaign::simulate_all;
use crate::simulate::{Cut, On};

/// Faults that need the store on one machine.
const OF_DISK: &[Fault] = &[
    Fault::SyncForgotten,
    Fault::SyncFailureIgnored,
    Fault::UndoSkipped,
    Fault::FullDiskRemembered,
    Fault::SweepTakesUnread,
    Fault::DamageStopsServer,
    Fault::AcknowledgedTooEarly,
    Fault::CapacityExceeded,
    Fault::ShareIgnored,
    Fault::RemovalNotStored,
    Fault::AccountsUnlimited,
    Fault::ChannelTrimmed,
    Fault::UnreadEvicted,
    Fault::PresentTwice,
    Fault::PasswordIgnored,
    Fault::PasswordNotStored,
    Fault::BlockNotStored,
    Fault::SetPasswordNotStored,
    Fault::PasswordRemovalNotStored,
    Fault::DeletionNotStored,
    Fault::RenameNotStored,
    Fault::BanNotStored,
    Fault::UnbanNotStored,
    Fault::ImportTorn,
    Fault::BackupWithoutLog,
];

/// The longest text of a judge in the table, in characters.
const SAID_MAX: usize = 90;

/// Puts each fault into the server, one after the other, simulates so many seeds at most
/// with it, and prints by `line` a row of a table for it. Returns the faults that no seed
/// has found.
pub fn prove(faults: &[Fault], seeds: u64, mut line: impl FnMut(String)) -> Vec<Fault> {
    line("| fault | what it breaks | store | seeds | what the judge says |".to_owned());
    line("|---|---|---|---|---|".to_owned());
    let mut not_found = Vec::new();
    for fault in faults {
        let is_of_disk = OF_DISK.contains(fault);
        let (on, store) = if is_of_disk { (On::Disk, "disk") } else { (On::Memory, "memory") };
        set_fault(Some(*fault));
        let simulated = simulate_all(on, 0..seeds, &Cut::default());
        set_fault(None);
        let (needed, said) = match &simulated {
            Err(found) => ((found.case.seed + 1).to_string(), said(&found.failure.what)),
            Ok(_) => (format!("not within {seeds}"), String::new()),
        };
        if simulated.is_ok() {
            not_found.push(*fault);
        }
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
