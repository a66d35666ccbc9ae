//! Simulating many seeds.

use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::simulate::{Case, Cut, Failure, On, simulate};
use crate::tally::Tally;

/// A simulation that has failed among others.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which one.
    pub case: Case,
    /// What was left out of it.
    pub cut: Cut,
    /// What was wrong.
    pub failure: Failure,
}

/// Simulates seeds on all processors.
///
/// # Errors
///
/// One has failed; of those that did before all had stopped, that with the lowest number.
pub fn simulate_all(on: On, seeds: Range<u64>, cut: &Cut) -> Result<Tally, Found> {
    let next = AtomicU64::new(seeds.start);
    let ended = Mutex::new(Ok(Tally::default()));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let seed = next.fetch_add(1, Ordering::Relaxed)
                    && seed < seeds.end
                {
                    let case = Case { seed, on };
                    let simulated = simulate(case, cut);
                    let mut ended = ended.lock().expect("nobody panics with it");
                    match (&mut *ended, simulated) {
                        (Ok(all), Ok(tally)) => *all += tally,
                        (Err(Found { case: other, .. }), Err(_)) if other.seed < seed => {}
                        (_, Err(failure)) => {
                            *ended = Err(Found { case, cut: cut.clone(), failure });
                            next.store(seeds.end, Ordering::Relaxed);
                        }
                        (Err(_), Ok(_)) => {}
                    }
                }
            });
        }
    });
    ended.into_inner().expect("nobody panics with it")
}

impl fmt::Display for Found {
    /// What was wrong, and the command that simulates it again.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case: Case { seed, on }, cut, failure } = self;
        writeln!(formatter, "seed {seed}: {}", failure.what)?;
        write!(
            formatter,
            "again: cargo run --release -p postroom-simulator -- --seed {seed} --trace"
        )?;
        if *on == On::Disk {
            write!(formatter, " --disk")?;
        }
        if let Some(actions) = cut.actions {
            write!(formatter, " --actions {actions}")?;
        }
        if !cut.without.is_empty() {
            let without: Vec<String> = cut.without.iter().map(ToString::to_string).collect();
            write!(formatter, " --without {}", without.join(","))?;
        }
        Ok(())
    }
}
