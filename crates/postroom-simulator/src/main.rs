//! `cargo run --release -p postroom-simulator -- --seeds 10000`: simulates seeds, and shows
//! the first that fails, with the command that shows it again.

#![expect(clippy::print_stdout, reason = "its findings are what this program is for")]

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use clap::Parser;
#[cfg(feature = "faults")]
use postroom_model::{Fault, set_fault};
#[cfg(feature = "faults")]
use postroom_simulator::prove;
use postroom_simulator::{Case, Cut, Failure, On, Tally, replay, shrink, simulate};

/// Simulates the server with clients, network, clock and disk that misbehave, and checks
/// what it promises.
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
struct Arguments {
    /// How many seeds to simulate
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    seeds: u64,
    /// The first of them; one alone unless --seeds says otherwise
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
    let is_one =
        arguments.seed.is_some() && !std::env::args().any(|word| word.starts_with("--seeds"));
    let first = arguments.seed.unwrap_or(0);
    let seeds = if is_one { 1 } else { arguments.seeds };
    let cut = Cut { actions: arguments.actions, without: arguments.without.clone() };
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
    let (seed, failure) = match simulate_all(on, first, seeds, &cut) {
        Ok(tally) => {
            let seconds = began.elapsed().as_secs_f64();
            println!("{seeds} seeds from {first}: no promise was broken ({seconds:.1} s)");
            println!("{tally}");
            return ExitCode::SUCCESS;
        }
        Err(first) => first,
    };
    println!("seed {seed}: {}", failure.what);
    let cut = if cut == Cut::default() { shrink(Case { seed, on }, &failure) } else { cut };
    let (again, trace) = replay(Case { seed, on }, &cut);
    if arguments.trace {
        println!("{}", trace.join("\n"));
    }
    if let Err(failure) = again {
        println!("cut short: {}", failure.what);
    }
    println!("again: {}", command(Case { seed, on }, &cut));
    ExitCode::FAILURE
}

#[cfg(feature = "faults")]
fn fault(name: &str) -> Result<Fault, String> {
    Fault::find(name).ok_or_else(|| "there is no such fault".to_owned())
}

/// Looks for each fault, or for one.
#[cfg(feature = "faults")]
fn prove_judges(fault: Option<Fault>, seeds: u64) -> ExitCode {
    let faults = fault.map_or(Fault::ALL.to_vec(), |fault| vec![fault]);
    let first_failure = |on, seeds| simulate_all(on, 0, seeds, &Cut::default()).err();
    let not_found = prove(&faults, seeds, first_failure, |line| println!("{line}"));
    if not_found.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("not found: {not_found:?}");
    ExitCode::FAILURE
}

/// Simulates on all processors; what happened, or the failing seed with the lowest number.
fn simulate_all(on: On, first: u64, seeds: u64, cut: &Cut) -> Result<Tally, (u64, Failure)> {
    let next = AtomicU64::new(first);
    let found: Mutex<Result<Tally, (u64, Failure)>> = Mutex::new(Ok(Tally::default()));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    let simulated = simulate(Case { seed, on }, cut);
                    let mut found = found.lock().expect("nobody panics with it");
                    match (&mut *found, simulated) {
                        (Ok(all), Ok(tally)) => *all += tally,
                        (Err((other, _)), Err(_)) if *other < seed => {}
                        (_, Err(failure)) => {
                            *found = Err((seed, failure));
                            next.store(first + seeds, Ordering::Relaxed);
                        }
                        (Err(_), Ok(_)) => {}
                    }
                }
            });
        }
    });
    found.into_inner().expect("nobody panics with it")
}

/// The command that simulates a seed again.
fn command(Case { seed, on }: Case, cut: &Cut) -> String {
    let mut command = format!("cargo run --release -p postroom-simulator -- --seed {seed} --trace");
    if on == On::Disk {
        command.push_str(" --disk");
    }
    if let Some(actions) = cut.actions {
        let _ = write!(command, " --actions {actions}");
    }
    if !cut.without.is_empty() {
        let without: Vec<String> = cut.without.iter().map(ToString::to_string).collect();
        let _ = write!(command, " --without {}", without.join(","));
    }
    command
}
