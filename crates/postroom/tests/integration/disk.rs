//! Disks that fail, disks that are full, files that are damaged, and whether the
//! server waits for them.

mod damage;
mod failing;
mod full;
mod order;
mod small_disk;
mod trace;

use std::process::{Command, Stdio};

/// Fails with what to do where a program that a test needs is missing.
fn need(program: &str, package: &str) {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    assert!(
        found.is_ok_and(|status| status.success()),
        "this test needs the program {program}; install the package {package}"
    );
}
