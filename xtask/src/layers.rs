//! The layers of ARCHITECTURE.md, as the dependencies and the source show them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Of each crate, all of the workspace's that it may depend on.
const LAYERS: &[(&str, &[&str])] = &[
    ("postroom-model", &[]),
    ("postroom-protocol", &["postroom-model"]),
    ("postroom-store", &["postroom-model"]),
    ("postroom-store-sqlite", &["postroom-model", "postroom-store"]),
    ("postroom-office", &["postroom-model", "postroom-store"]),
    (
        "postroom-engine",
        &["postroom-model", "postroom-office", "postroom-protocol", "postroom-store"],
    ),
    (
        "postroom-server",
        &[
            "postroom-engine",
            "postroom-model",
            "postroom-office",
            "postroom-protocol",
            "postroom-store",
        ],
    ),
    (
        "postroom-web",
        &[
            "postroom-engine",
            "postroom-model",
            "postroom-office",
            "postroom-protocol",
            "postroom-server",
            "postroom-store",
        ],
    ),
    ("postroom-client", &["postroom-model"]),
    ("postroom-virtual-disk", &[]),
];

/// Crates that must not see a runtime or a socket, and have no input or output, clock,
/// thread or randomness of their own.
const BELOW_SERVER: &[&str] = &[
    "postroom-model",
    "postroom-protocol",
    "postroom-store",
    "postroom-office",
    "postroom-engine",
];
const RUNTIMES: &[&str] =
    &["mio", "rand", "rusqlite", "rustix", "rustls", "signal-hook", "socket2", "tokio", "tracing"];

/// The files that may start threads: those of the server, of its administration and of HTTP.
const THREADS: &[&str] = &[
    "crates/postroom-server/src/threads.rs",
    "crates/postroom-web/src/http/runtime.rs",
    "crates/postroom-web/src/socket.rs",
];

/// The one module of the clients that may know what carries their bytes, and how
/// a socket shows in the source.
const TRANSPORT: &str = "crates/postroom-client/src/transport";
const SOCKETS: &[&str] = &["TcpStream", "TcpListener", "socket2"];

/// Fails with the first layer that is broken.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    for (name, allowed) in LAYERS {
        check_dependencies(root, name, allowed)?;
    }
    for name in BELOW_SERVER {
        crate::purity::check(root, name)?;
    }
    check_faults(root)?;
    check_protocols(root)?;
    check_transport(root)?;
    check_threads(root)
}

fn check_dependencies(root: &Path, name: &str, allowed: &[&str]) -> Result<(), String> {
    let output = Command::new("cargo")
        .args(["tree", "--locked", "--edges", "normal", "--prefix", "none", "--package", name])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cannot run cargo tree: {error}"))?;
    let tree = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || tree.is_empty() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr)));
    }
    for found in tree.lines().filter_map(|line| line.split(' ').next()) {
        let is_ours = found.starts_with("postroom") && found != name;
        if is_ours && !allowed.contains(&found) {
            return Err(format!("{name} must not know {found}"));
        }
        if BELOW_SERVER.contains(&name) && RUNTIMES.contains(&found) {
            return Err(format!("{name} is below the server and must not know {found}"));
        }
    }
    Ok(())
}

/// The program cannot be made to make mistakes: see `Fault` of the model.
fn check_faults(root: &Path) -> Result<(), String> {
    let output = Command::new("cargo")
        .args(["tree", "--locked", "--edges", "features", "--package", "postroom"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cannot run cargo tree: {error}"))?;
    let tree = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !tree.contains("postroom-model feature \"default\"") {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr)));
    }
    if tree.contains("postroom-model feature \"faults\"") {
        return Err("postroom must not have the feature faults of postroom-model".to_owned());
    }
    Ok(())
}

/// Protocols never import each other.
fn check_protocols(root: &Path) -> Result<(), String> {
    let source = root.join("crates/postroom-protocol/src");
    let folders: Vec<PathBuf> =
        entries(&source)?.into_iter().filter(|path| path.is_dir()).collect();
    let names: Vec<String> = folders.iter().map(|folder| file_name(folder)).collect();
    for folder in &folders {
        for file in rust_files(folder)? {
            let text = read(&file)?;
            for other in names.iter().filter(|name| **name != file_name(folder)) {
                let import = format!("crate::{other}");
                let is_other =
                    |rest: &str| !rest.starts_with(|c: char| c == '_' || c.is_alphanumeric());
                if text.split(&import).skip(1).any(is_other) {
                    return Err(format!("{} imports the protocol {other}", file.display()));
                }
            }
        }
    }
    Ok(())
}

/// The clients' sockets stay in one module.
fn check_transport(root: &Path) -> Result<(), String> {
    for file in rust_files(&root.join("crates/postroom-client/src"))? {
        let is_transport = file.with_extension("").starts_with(root.join(TRANSPORT));
        let text = read(&file)?;
        if let Some(socket) = SOCKETS.iter().find(|socket| !is_transport && text.contains(**socket))
        {
            return Err(format!("{} uses {socket}; only {TRANSPORT} may", file.display()));
        }
    }
    Ok(())
}

fn check_threads(root: &Path) -> Result<(), String> {
    for name in LAYERS.iter().map(|(name, _)| name).filter(|name| **name != "postroom-client") {
        for file in rust_files(&root.join("crates").join(name).join("src"))? {
            if THREADS.iter().all(|allowed| file != root.join(allowed))
                && !is_test_file(&file)
                && read(&file)?.contains("thread::")
            {
                let allowed = THREADS.join(" and ");
                return Err(format!("{} uses threads; only {allowed} may", file.display()));
            }
        }
    }
    Ok(())
}

/// Whether a source file of a crate is `tests.rs`, or in a folder `tests`.
pub(crate) fn is_test_file(path: &Path) -> bool {
    let path = path.with_extension("");
    path.iter().rev().take_while(|part| *part != "src").any(|part| part == "tests")
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let refused = |error| format!("cannot list {}: {error}", folder.display());
    fs::read_dir(folder)
        .map_err(refused)?
        .map(|entry| entry.map(|entry| entry.path()).map_err(refused))
        .collect()
}

/// All Rust files below a folder.
pub(crate) fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}
