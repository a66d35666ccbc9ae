//! The simulator itself, and some of its seeds.

#![expect(clippy::unwrap_used, reason = "in a test it is the failure")]

use postroom_simulator::{Case, Cut, On, replay, simulate, simulate_all};

/// Simulates seeds, none of which may fail: so many, unless `POSTROOM_SEEDS` says otherwise.
fn run(on: On, seeds: u64) {
    let seeds = std::env::var("POSTROOM_SEEDS").map_or(seeds, |seeds| seeds.parse().unwrap());
    if let Err(found) = simulate_all(on, 0..seeds, &Cut::default()) {
        panic!("{found}");
    }
}

#[test]
fn no_promise_is_broken() {
    run(On::Memory, 10_000);
}

#[test]
fn no_promise_is_broken_on_a_bad_disk() {
    run(On::Disk, 300);
}

#[test]
fn a_seed_replays() {
    for on in [On::Memory, On::Disk] {
        for seed in 1_000..1_030 {
            let first = replay(Case { seed, on }, &Cut::default());
            let second = replay(Case { seed, on }, &Cut::default());
            assert_eq!(first.1, second.1, "seed {seed} on {on:?}");
            assert_eq!(first.0.ok(), second.0.ok());
        }
    }
}

#[test]
fn what_is_left_out_does_nothing() {
    let nobody = Cut { actions: None, without: (0..20).collect() };
    let tally = simulate(Case { seed: 1, on: On::Memory }, &nobody).unwrap();
    assert_eq!(tally.visits, 0);
    let all = simulate(Case { seed: 1, on: On::Memory }, &Cut::default()).unwrap();
    let few = Cut { actions: Some(5), ..Cut::default() };
    let few = simulate(Case { seed: 1, on: On::Memory }, &few).unwrap();
    assert!(0 < few.visits && few.visits < all.visits);
}
