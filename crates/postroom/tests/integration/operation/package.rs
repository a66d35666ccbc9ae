//! What the Debian package and the image are made of, as far as it can be seen without making
//! them; `scripts/testPackage.sh` and `scripts/testImage.sh` make and run them.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use toml::Table;

use crate::harness::support::run_program;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn table(path: &str) -> Table {
    read(path).parse().unwrap()
}

#[test]
fn the_settings_of_the_package_are_those_of_a_server_for_this_machine_alone() {
    let file = root().join("contrib/debian/postroom.toml");
    let words = ["config", "show", "--json", "--config", file.to_str().unwrap()];
    let output = run_program(words, b"");
    assert!(output.status.success(), "{output:?}");
    let settings = table("contrib/debian/postroom.toml");
    assert_eq!(settings.keys().collect::<Vec<_>>(), ["data"], "the listeners are the default ones");
    assert_eq!(settings["data"].as_str(), Some("/var/lib/postroom/data"));
    // What it offers to uncomment is accepted as it is, but for the files.
    let offered: String = read("contrib/debian/postroom.toml")
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.starts_with(['[', 'l', 'c', 'k']) && line.contains(['=', ']']))
        .fold(String::new(), |text, line| text + line + "\n");
    let folder = TempDir::new().unwrap();
    let certificate = folder.path().join("certificate.pem");
    let offered = offered.replace("/var/lib/postroom/tls", folder.path().to_str().unwrap());
    let offered_file = folder.path().join("offered.toml");
    fs::write(&offered_file, &offered).unwrap();
    let words = ["config", "check", "--config", offered_file.to_str().unwrap()];
    let said = String::from_utf8(run_program(words, b"").stderr).unwrap();
    assert!(said.contains(certificate.to_str().unwrap()), "{offered}: {said}");
}

#[test]
fn what_the_package_packs_is_there() {
    let manifest = table("crates/postroom/Cargo.toml");
    let deb = manifest["package"]["metadata"]["deb"].as_table().unwrap();
    for asset in deb["assets"].as_array().unwrap() {
        let source = asset[0].as_str().unwrap();
        // `scripts/buildPackage.sh` writes the others.
        if let Some(path) = source.strip_prefix("../../") {
            let folder = root().join(path.rsplit_once('/').map_or("", |(folder, _)| folder));
            assert!(root().join(path).exists() || path.contains('*') && folder.exists(), "{path}");
        }
    }
    let service = read("contrib/systemd/postroom.service");
    assert!(service.contains("ExecStart=/usr/local/bin/postroom "), "its path is replaced");
    for script in ["postinst", "postrm"] {
        let text = read(&format!("contrib/debian/{script}"));
        assert!(text.starts_with("#!/bin/sh\n") && text.ends_with("\n#DEBHELPER#\n"), "{script}");
    }
}

#[test]
fn the_image_is_of_this_version_of_rust_and_of_no_privileged_user() {
    let dockerfile = read("Dockerfile");
    let line = |word: &str| {
        let lines = dockerfile.lines().map(str::trim);
        lines.filter_map(|line| line.strip_prefix(word)).collect::<Vec<_>>()
    };
    let rust = table("Cargo.toml")["workspace"]["package"]["rust-version"].clone();
    let compiler = format!("rust:{}-slim-bookworm AS build", rust.as_str().unwrap());
    assert_eq!(line("FROM "), [&compiler, "debian:bookworm-slim"]);
    let [user] = line("USER ")[..] else { panic!("{dockerfile}") };
    let (user, group) = user.split_once(':').unwrap();
    assert!(user.parse::<u32>().unwrap() > 0 && group.parse::<u32>().unwrap() > 0);
    assert_eq!(line("CMD "), [r#"["postroom", "status"]"#, r#"["serve"]"#]);
    // The settings of the build: without them each sync costs more.
    assert!(read(".dockerignore").lines().any(|line| line == "!.cargo"));
}
