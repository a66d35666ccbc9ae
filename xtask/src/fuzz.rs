//! `cargo xtask fuzz`: libFuzzer over all fuzz targets.
//!
//! The flags of the compiler that count what an input covers are stable ones, so this needs
//! neither a nightly toolchain nor cargo-fuzz. New inputs are kept below the folder of
//! builds, and the next run begins with them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::{env, fs, thread};

use crate::tell;

/// Counts the edges that are taken, and shows libFuzzer what is compared.
const RUSTFLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

const CRATE: &str = "crates/postroom-fuzz";

/// How long all targets run unless said otherwise, and in the checks.
const SECONDS: u64 = 60;

/// Bytes of the longest input: the limits in the targets are within its reach.
const INPUT_BYTES_MAX: &str = "-max_len=1200";

/// Runs `[SECONDS [TARGET]]` or `replay TARGET FILE`.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let all = targets(root)?;
    let known = |name: &str| {
        let is_it = all.iter().any(|target| target == name);
        if is_it {
            Ok(())
        } else {
            Err(format!("no fuzz target {name}; there are: {}", all.join(", ")))
        }
    };
    match arguments {
        ["replay", target, file] => {
            known(target)?;
            Fuzzer::build(root)?.replay(target, file)
        }
        [] => Fuzzer::build(root)?.run_all(&all, SECONDS),
        [seconds] => Fuzzer::build(root)?.run_all(&all, parse(seconds)?),
        [seconds, target] => {
            known(target)?;
            Fuzzer::build(root)?.run_all(&[(*target).to_owned()], parse(seconds)?)
        }
        _ => Err("use it as: cargo xtask fuzz [SECONDS [TARGET]] | replay TARGET FILE".to_owned()),
    }
}

fn parse(seconds: &str) -> Result<u64, String> {
    seconds.parse().map_err(|_| format!("{seconds} is no number of seconds"))
}

/// The targets: each has a corpus, which a test checks.
fn targets(root: &Path) -> Result<Vec<String>, String> {
    let corpus = root.join(CRATE).join("corpus");
    let mut names = Vec::new();
    let refused = |error| format!("cannot list {}: {error}", corpus.display());
    for entry in fs::read_dir(&corpus).map_err(refused)? {
        names.push(entry.map_err(refused)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// The program that fuzzes, and where it works.
struct Fuzzer<'a> {
    root: &'a Path,
    program: PathBuf,
    folder: PathBuf,
}

impl<'a> Fuzzer<'a> {
    fn build(root: &'a Path) -> Result<Self, String> {
        let target = env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
        let (folder, host) = (target.join("fuzz"), host()?);
        // With a target, the flags are not for build scripts.
        let status = Command::new("cargo")
            .args(["build", "--locked", "--package", "postroom-fuzz", "--features", "libfuzzer"])
            .args(["--profile", "fuzz", "--target", &host, "--target-dir"])
            .arg(&folder)
            .env("RUSTFLAGS", RUSTFLAGS)
            .current_dir(root)
            .status()
            .map_err(|error| format!("cannot run cargo build: {error}"))?;
        if !status.success() {
            return Err(
                "the fuzz targets cannot be built; libFuzzer needs a C++ compiler".to_owned()
            );
        }
        Ok(Self { root, program: folder.join(host).join("fuzz/postroom-fuzz"), folder })
    }

    /// Runs the targets for so many seconds in all, as many at a time as there are
    /// processors.
    fn run_all(&self, targets: &[String], seconds: u64) -> Result<(), String> {
        let jobs = thread::available_parallelism().map_or(1, usize::from).min(targets.len());
        let each = (seconds * jobs as u64 / targets.len() as u64).max(1);
        tell(&format!("== fuzz: {} targets, {each} s each, {jobs} at a time", targets.len()));
        let waiting = Mutex::new(targets.iter());
        let failures = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    while let Some(target) = waiting.lock().ok().and_then(|mut all| all.next()) {
                        match (self.run(target, each), failures.lock()) {
                            (Ok(summary), _) => tell(&summary),
                            (Err(failure), Ok(mut all)) => all.push(failure),
                            (Err(failure), Err(_)) => tell(&failure),
                        }
                    }
                });
            }
        });
        let failures = failures.into_inner().unwrap_or_default();
        if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
    }

    /// Runs a target, and returns what it did in a line.
    fn run(&self, target: &str, seconds: u64) -> Result<String, String> {
        let (found, crashes) = (self.made("found", target)?, self.made("crashes", target)?);
        let output = Command::new(&self.program)
            .arg(&found)
            .arg(self.root.join(CRATE).join("corpus").join(target))
            .arg(format!("-dict={}", self.root.join(CRATE).join("dictionary").display()))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/", crashes.display()))
            .args([INPUT_BYTES_MAX, "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"])
            .env("POSTROOM_FUZZ_TARGET", target)
            // The replay shows it; here it would hide what has failed.
            .env("RUST_BACKTRACE", "0")
            .current_dir(self.root)
            .output()
            .map_err(|error| format!("cannot run {}: {error}", self.program.display()))?;
        let log = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            return Ok(summary(target, &log));
        }
        Err(failure(target, &log))
    }

    fn replay(&self, target: &str, file: &str) -> Result<(), String> {
        let status = Command::new(&self.program)
            .arg(file)
            .env("POSTROOM_FUZZ_TARGET", target)
            .env("RUST_BACKTRACE", "1")
            .status()
            .map_err(|error| format!("cannot run {}: {error}", self.program.display()))?;
        if status.success() { Ok(()) } else { Err(format!("{target} fails with {file}")) }
    }

    fn made(&self, kind: &str, target: &str) -> Result<PathBuf, String> {
        let folder = self.folder.join(kind).join(target);
        fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
        Ok(folder)
    }
}

/// What libFuzzer says of a run, in a line.
fn summary(target: &str, log: &str) -> String {
    let stat = |name: &str| {
        log.lines().find_map(|line| line.strip_prefix(name)).map_or("?", str::trim).to_owned()
    };
    let coverage: Vec<&str> = log
        .lines()
        .filter_map(|line| Some(line.split_once(" cov: ")?.1.split_once(' ')?.0))
        .collect();
    let (first, last) = (coverage.first().unwrap_or(&"?"), coverage.last().unwrap_or(&"?"));
    format!(
        "{target}: {} inputs, {} a second, edges {first} to {last}",
        stat("stat::number_of_executed_units:"),
        stat("stat::average_exec_per_sec:"),
    )
}

/// What a target that failed said last, and how to see it again.
fn failure(target: &str, log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.starts_with('#')).collect();
    let last = lines[lines.len().saturating_sub(30)..].join("\n");
    let written = "Test unit written to ";
    let file = lines.iter().find_map(|line| line.split_once(written).map(|(_, file)| file));
    let again = file.map_or(String::new(), |file| {
        format!("\nthe input: {file}\nagain: cargo xtask fuzz replay {target} {file}")
    });
    format!("{last}\nfuzz target {target} failed{again}")
}

/// The name of the machine that the compiler runs on.
fn host() -> Result<String, String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .map_err(|error| format!("cannot run rustc: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or("rustc names no host".to_owned())
}
