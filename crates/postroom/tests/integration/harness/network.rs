//! A network namespace for one test, so that the test can cut its network.

use std::env;
use std::fs;
use std::process::{Command, Stdio};

/// Set in the environment of a test that runs in its own network.
const MARK: &str = "A_NETWORK_OF_ITS_OWN";

/// Runs a test in a network namespace of its own, with its loopback interface up.
/// The test runs twice: the first run starts the second in the namespace.
pub(crate) fn in_its_own_network(name: &str, test: impl FnOnce()) {
    if env::var_os(MARK).is_some() {
        set_loopback("up");
        test();
        return;
    }
    // As root, or as root of a user namespace.
    let is_root = unshare("-n").arg("true").stderr(Stdio::null()).status();
    let is_root = is_root.expect("this test needs unshare; install the package util-linux");
    let output = unshare(if is_root.success() { "-n" } else { "-rn" })
        .arg(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(MARK, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{errors}");
}

fn unshare(option: &str) -> Command {
    let mut command = Command::new("unshare");
    command.arg(option);
    command
}

/// Lets all packets through, or none: `up` or `down`.
pub(crate) fn set_loopback(state: &str) {
    let done = Command::new("ip").args(["link", "set", "lo", state]).status();
    let done = done.expect("this test needs the program ip; install the package iproute2");
    assert!(done.success());
}

/// Sets the range of ephemeral ports.
pub(crate) fn limit_ports(lowest: u16, highest: u16) {
    let range = format!("{lowest} {highest}");
    fs::write("/proc/sys/net/ipv4/ip_local_port_range", range).unwrap();
}

/// Gives the loopback interface a link-local address of IPv6; returns its scope.
pub(crate) fn add_link_local_address(address: &str) -> u32 {
    let address = format!("{address}/64");
    let added = Command::new("ip").args(["addr", "add", &address, "dev", "lo", "nodad"]).status();
    assert!(added.unwrap().success());
    // In each network the loopback interface is the first.
    1
}
