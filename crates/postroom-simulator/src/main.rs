//! `cargo run --release -p postroom-simulator -- --seeds 10000`: simulates seeds, and shows
//! the first that fails, with the command that shows it again.

#![expect(clippy::print_stdout, reason = "its findings are what this program is for")]

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
#[cfg(feature = "faults")]
use postroom_model::{Fault, set_fault};
#[cfg(feature = "faults")]
use postroom_simulator::prove;
use postroom_simulator::{Cut, Found, On, replay, shrink, simulate_all};

/// Simulates the server with clients, network, clock and disk that misbehave, and checks
/// what it promises.
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
struct Arguments {
    /// How many seeds to simulate [default: 1000, or 1 with --seed]
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// The first of them [default: 0]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Use the store on one machine, on a disk that fails and loses power
    #[arg(long)]
    disk: bool,
    /// Clients act so often at most
    #[arg(long, value_name = "N")]
    actions: Option<usize>,
    /// Clients that do nothing, by their numbers
    #[arg(long, value_name = "CLIENT", value_delimiter = ',')]
    without: Vec<usize>,
    /// Makes the server make this mistake (docs/simulation.md lists them)
    #[cfg(feature = "faults")]
    #[arg(long, value_name = "NAME", value_parser = fault)]
    fault: Option<Fault>,
    /// Looks for each mistake in N seeds at most, or for that of --fault alone
    #[cfg(feature = "faults")]
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "10000")]
    prove: Option<u64>,
    /// Show what happens, of one seed
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let first = arguments.seed.unwrap_or(0);
    let count = arguments.seeds.unwrap_or(if arguments.seed.is_some() { 1 } else { 1_000 });
    let cut = Cut { actions: arguments.actions, without: arguments.without };
    let on = if arguments.disk { On::Disk } else { On::Memory };
    let began = Instant::now();
    // A panic is a finding, which is shown once.
    std::panic::set_hook(Box::new(|_| {}));
    #[cfg(feature = "faults")]
    if let Some(seeds) = arguments.prove {
        return prove_judges(arguments.fault, seeds);
    }
    #[cfg(feature = "faults")]
    set_fault(arguments.fault);
    match simulate_all(on, first..first.saturating_add(count), &cut) {
        Ok(tally) => {
            let seconds = began.elapsed().as_secs_f64();
            println!("{count} seeds from {first}: no promise was broken ({seconds:.1} s)");
            println!("{tally}");
            ExitCode::SUCCESS
        }
        Err(found) => {
            show(found, arguments.trace);
            ExitCode::FAILURE
        }
    }
}

/// Shows a failure, cut short unless it was before.
fn show(found: Found, is_traced: bool) {
    println!("{found}");
    let Found { case, cut, failure } = found;
    let cut = if cut == Cut::default() { shrink(case, &failure) } else { cut };
    let (again, trace) = replay(case, &cut);
    if is_traced {
        println!("{}", trace.join("\n"));
    }
    if let Err(failure) = again {
        println!("cut short, {}", Found { case, cut, failure });
    }
}

#[cfg(feature = "faults")]
fn fault(name: &str) -> Result<Fault, String> {
    Fault::find(name).ok_or_else(|| "there is no such fault".to_owned())
}

/// Looks for each fault, or for one.
#[cfg(feature = "faults")]
fn prove_judges(fault: Option<Fault>, seeds: u64) -> ExitCode {
    let faults = fault.map_or(Fault::ALL.to_vec(), |fault| vec![fault]);
    let not_found = prove(&faults, seeds, |line| println!("{line}"));
    if not_found.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("not found: {not_found:?}");
    ExitCode::FAILURE
}
