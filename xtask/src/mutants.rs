//! `cargo xtask mutants`: whether the tests notice a change of the core.
//!
//! A seed chooses a sample of all mutants that `cargo mutants` knows, so that a run can be
//! repeated. One run of the tests takes as little as it can: a profile with some
//! optimisation, few cases of each property, and no further test after the first failure.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::tell;

/// The crates that are mutated.
const MUTATED: [&str; 3] = ["postroom-protocol", "postroom-office", "postroom-engine"];

/// The crates whose tests must notice it: those, and the contract of stores, which the
/// office is tested through.
const TESTED: &str = "postroom-protocol,postroom-office,postroom-engine,postroom-store";

/// Cases of each property in a run.
const PROPERTY_CASES: &str = "32";

/// How many mutants are tried, and which.
struct Sample {
    size: usize,
    seed: u64,
}

/// Tries a sample of mutants: `[--sample N] [--seed S] [OPTIONS OF cargo mutants]`.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let (sample, options) = parse(arguments)?;
    let chosen = choose(list(root)?, &sample);
    tell(&format!("== {} mutants, seed {}", chosen.len(), sample.seed));
    let config = root.join("target/mutants.toml");
    let patterns: Vec<String> =
        chosen.iter().map(|name| format!("  '''{}''',\n", pattern(name))).collect();
    let text = format!("examine_re = [\n{}]\n", patterns.concat());
    fs::create_dir_all(root.join("target"))
        .and_then(|()| fs::write(&config, text))
        .map_err(|error| format!("cannot write {}: {error}", config.display()))?;
    let status = Command::new("cargo")
        .arg("mutants")
        .args(MUTATED.iter().flat_map(|name| ["--package", name]))
        .args(["--test-package", TESTED, "--test-tool", "nextest", "--profile", "mutants"])
        .args(["--shuffle", "--minimum-test-timeout", "60", "--config"])
        .arg(&config)
        // Below the folder of builds, which is nobody's to commit.
        .args(if options.contains(&"--output") { &[][..] } else { &["--output", "target"] })
        .args(options)
        .env("PROPTEST_CASES", PROPERTY_CASES)
        .current_dir(root)
        .status()
        .map_err(|error| format!("cannot run cargo mutants: {error}"))?;
    match status.code() {
        // 2: some survived; 3: some ran into the time limit, which counts as caught.
        Some(0 | 2 | 3) => Ok(()),
        _ => {
            Err("cargo mutants failed; it is installed by `cargo install --locked cargo-mutants`, \
             and runs the tests with cargo-nextest"
                .to_owned())
        }
    }
}

fn parse<'a, 'b>(arguments: &'b [&'a str]) -> Result<(Sample, &'b [&'a str]), String> {
    let mut sample = Sample { size: 300, seed: 1 };
    let mut rest = arguments;
    while let [option @ ("--sample" | "--seed"), value, tail @ ..] = rest {
        let number: u64 = value.parse().map_err(|_| format!("{option} needs a number"))?;
        match *option {
            "--seed" => sample.seed = number,
            _ => sample.size = usize::try_from(number).unwrap_or(usize::MAX),
        }
        rest = tail;
    }
    Ok((sample, rest))
}

/// The names of all mutants.
fn list(root: &Path) -> Result<Vec<String>, String> {
    let output = Command::new("cargo")
        .args(["mutants", "--list"])
        .args(MUTATED.iter().flat_map(|name| ["--package", name]))
        .current_dir(root)
        .output()
        .map_err(|error| format!("cannot run cargo mutants: {error}"))?;
    let names: Vec<String> =
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    if names.is_empty() {
        return Err(format!(
            "cargo mutants lists nothing: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(names)
}

/// The sample, by the first steps of a shuffle.
fn choose(mut names: Vec<String>, sample: &Sample) -> Vec<String> {
    let mut seed = sample.seed;
    let size = sample.size.min(names.len());
    for place in 0..size {
        let others = (names.len() - place) as u64;
        let other = usize::try_from(next_random(&mut seed) % others).unwrap_or(0);
        names.swap(place, place + other);
    }
    names.truncate(size);
    names
}

/// `SplitMix64`.
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The regular expression that is this name and nothing else.
fn pattern(name: &str) -> String {
    let mut pattern = "^".to_owned();
    for character in name.chars() {
        if r".+*?()|[]{}^$\".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern + "$"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(size: usize, seed: u64) -> Vec<String> {
        let names = (0..100).map(|number: usize| number.to_string()).collect();
        choose(names, &Sample { size, seed })
    }

    #[test]
    fn a_seed_chooses_the_same_sample_and_each_mutant_once() {
        assert_eq!(sample(30, 1), sample(30, 1));
        assert_ne!(sample(30, 1), sample(30, 2));
        let mut all = sample(200, 3);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 100);
        assert_eq!(sample(10, 1), sample(30, 1)[..10]);
    }

    #[test]
    fn a_name_is_matched_as_it_is() {
        // `\<` would be the beginning of a word.
        assert_eq!(pattern("a.rs:1:2: f -> S<'_>"), "^a\\.rs:1:2: f -> S<'_>$");
    }

    #[test]
    fn the_options_of_the_sample_come_first() {
        let (sample, rest) = parse(&["--seed", "7", "--sample", "20", "--jobs", "2"]).unwrap();
        assert_eq!((sample.seed, sample.size, rest), (7, 20, &["--jobs", "2"][..]));
        assert!(parse(&["--seed", "x"]).is_err());
    }
}
