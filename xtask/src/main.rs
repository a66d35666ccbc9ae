//! `cargo xtask ci`: everything that must hold, in one command.

mod circles;
mod fuzz;
mod layers;
mod mutants;
mod purity;

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};

/// One check: what is told of it, the program, its arguments, and what is added
/// to its environment.
struct Check {
    title: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

const CHECKS: &[Check] = &[
    Check {
        title: "format",
        program: "cargo",
        arguments: &["fmt", "--all", "--check"],
        environment: &[],
    },
    Check {
        title: "lints",
        program: "cargo",
        arguments: &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
        environment: &[],
    },
    Check {
        title: "documentation",
        program: "cargo",
        arguments: &["doc", "--workspace", "--no-deps", "--locked", "--document-private-items"],
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
    },
    Check {
        title: "dependencies",
        program: "cargo",
        arguments: &["deny", "--log-level", "error", "check", "bans", "licenses", "sources"],
        environment: &[],
    },
    Check { title: "tests", program: "scripts/test.sh", arguments: &[], environment: &[] },
];

const USAGE: &str = "use it as: cargo xtask ci | layers | fuzz [SECONDS [TARGET]] | \
    mutants [--sample N] [--seed S]";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let task: Vec<String> = env::args().skip(1).collect();
    let done = match task.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ci"] => check_layers(root)
            .and_then(|()| CHECKS.iter().try_for_each(|c| run(root, c)))
            .and_then(|()| fuzz::run(root, &[])),
        ["layers"] => check_layers(root),
        ["fuzz", ref options @ ..] => fuzz::run(root, options),
        ["mutants", ref options @ ..] => mutants::run(root, options),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            ExitCode::FAILURE
        }
    }
}

fn check_layers(root: &Path) -> Result<(), String> {
    tell("== layers");
    layers::check(root)?;
    circles::check(root)
}

fn run(root: &Path, check: &Check) -> Result<(), String> {
    tell(&format!("== {}", check.title));
    let status = Command::new(check.program)
        .args(check.arguments)
        .envs(check.environment.iter().copied())
        .current_dir(root)
        .status()
        .map_err(|error| format!("cannot run {}: {error}", check.program))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{} failed: {} {}", check.title, check.program, check.arguments.join(" ")))
}

#[expect(clippy::print_stderr, reason = "telling what is checked is what this program does")]
fn tell(text: &str) {
    eprintln!("{text}");
}
