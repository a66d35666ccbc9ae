//! The crates below the server own no input or output, clock, thread or randomness.
//!
//! `cargo tree` shows which crates they depend on; this module reads their sources for
//! what the standard library has of it, and for iteration over tables whose order
//! differs from run to run. It is a check of the text: it sees paths, calls and
//! declarations, not types. Tests, comments and the contents of strings do not count.

use std::collections::BTreeSet;
use std::path::Path;

use crate::circles::uses;
use crate::layers::{is_test_file, read, rust_files};

/// Paths that must not be used, with all below them.
const PATHS: &[&str] = &[
    "std::env",
    "std::fs",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
    "std::time::UNIX_EPOCH",
    // Their names are looked for below; `*` would bring them in unnamed.
    "std::*",
    "std::hash::*",
    "std::io::*",
    "std::net::*",
    "std::time::*",
    // Crates that are there for others, or may come to be.
    "fastrand",
    "getrandom",
    "libc",
    "mio",
    "rand",
    "rand_core",
    "rusqlite",
    "rustix",
    "signal_hook",
    "socket2",
    "tokio",
    "tracing",
];

/// Names that must not be part of any path.
const NAMES: &[&str] = &[
    "DefaultHasher",
    "OsRng",
    "RandomState",
    "Stderr",
    "Stdin",
    "Stdout",
    "SystemTime",
    "TcpListener",
    "TcpStream",
    "ToSocketAddrs",
    "UdpSocket",
    "UnixDatagram",
    "UnixListener",
    "UnixStream",
    "stderr",
    "stdin",
    "stdout",
    "to_socket_addrs",
];

/// What reads a clock, whatever its type is called there.
const NOW: &str = "::now";
const ELAPSED: &str = ".elapsed()";

const MACROS: &[&str] = &["dbg", "eprint", "eprintln", "print", "println", "thread_local"];

/// Tables that are iterated in another order in each run.
const HASHED: &[&str] = &["HashMap", "HashSet"];

/// What visits the entries of a table. `retain` is not among them: what it keeps does
/// not depend on the order.
const VISITS: &[&str] = &[
    "drain",
    "extract_if",
    "into_iter",
    "into_keys",
    "into_values",
    "iter",
    "iter_mut",
    "keys",
    "values",
    "values_mut",
];

/// Fails with the first source of a crate that has something of its own that belongs to
/// the driver.
pub(crate) fn check(root: &Path, name: &str) -> Result<(), String> {
    for file in rust_files(&root.join("crates").join(name).join("src"))? {
        if is_test_file(&file) {
            continue;
        }
        if let Some(violation) = violation(&read(&file)?) {
            return Err(format!(
                "{}: {violation}; {name} is below the server and must not",
                file.display()
            ));
        }
    }
    Ok(())
}

/// What a source does that it must not, if anything.
fn violation(source: &str) -> Option<String> {
    let code = code(source);
    // A word of one part is a crate only where it is imported, or leads on.
    let imports = uses(&code).into_iter().map(|path| path.join("::") + "::");
    let paths: Vec<String> = imports.chain(paths(&code)).collect();
    let path = paths.iter().find(|path| is_forbidden(path));
    let called = MACROS.iter().find(|name| calls_macro(&code, name));
    path.map(|path| format!("uses {}", path.trim_end_matches(':')))
        .or_else(|| code.contains(ELAPSED).then(|| "reads a clock".to_owned()))
        .or_else(|| called.map(|name| format!("uses {name}!")))
        .or_else(|| iterated(&code).map(|table| format!("iterates over {table}, a hashed table")))
}

fn is_forbidden(path: &str) -> bool {
    // `core` and `alloc` have nothing of it, and all in `std` that they lack is named.
    PATHS.iter().any(|forbidden| {
        path.strip_prefix(forbidden).is_some_and(|rest| {
            rest.starts_with("::") || rest.is_empty() && forbidden.contains("::")
        })
    }) || path.ends_with(NOW)
        || path.split("::").any(|part| NAMES.contains(&part))
}

/// A source on one line, without comments, the contents of strings and the tests at its
/// end.
fn code(source: &str) -> String {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = source.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    let mut code = String::new();
    for line in lines {
        // Every other part stands between quotes.
        let parts = line.replace("\\\"", "").replace("'\"'", "");
        for (number, part) in parts.split('"').enumerate() {
            code.push_str(if number % 2 == 0 { part } else { "\"\"" });
        }
        code.push(' ');
    }
    code
}

/// All paths and words in the code. A method is a word.
fn paths(code: &str) -> impl Iterator<Item = String> + '_ {
    let is_path =
        |character: char| character == '_' || character == ':' || character.is_alphanumeric();
    code.split(move |character| !is_path(character))
        .map(|path| path.trim_matches(':').to_owned())
        .filter(|path| !path.is_empty())
}

fn calls_macro(code: &str, name: &str) -> bool {
    let call = format!("{name}!");
    code.match_indices(&call).any(|(at, _)| !code[..at].ends_with(is_word))
}

/// The first hashed table whose entries are visited.
fn iterated(code: &str) -> Option<&str> {
    declared(code).into_iter().find(|name| {
        after_each(code, name).any(|rest| VISITS.iter().any(|visit| is_call(rest, visit)))
            || is_looped_over(code, name)
    })
}

/// The names that are declared as hashed tables: of fields, arguments and variables.
/// The field of a tuple is `0`.
fn declared(code: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for kind in HASHED {
        for (at, _) in code.match_indices(kind) {
            let before = code[..at].trim_end_matches("std::collections::");
            let before = before.trim_end_matches(['<', '&', ' ']);
            let before = before.trim_end_matches("mut").trim_end_matches(['&', ' ']);
            let before = before.trim_end_matches("Option").trim_end_matches("Arc").trim_end();
            if let Some(before) = before.strip_suffix([':', '=']) {
                names.extend(last_word(before.trim_end()));
            } else if before.ends_with('(') {
                names.insert("0");
            }
        }
    }
    names
}

fn last_word(text: &str) -> Option<&str> {
    let start = text.rfind(|character| !is_word(character)).map_or(0, |at| at + 1);
    Some(&text[start..]).filter(|word| !word.is_empty())
}

/// What follows each use of a name.
fn after_each<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(name)
        .filter(move |(at, _)| !code[..*at].ends_with(is_word))
        .map(move |(at, _)| &code[at + name.len()..])
        .filter(|rest| !rest.starts_with(is_word))
}

fn is_call(rest: &str, method: &str) -> bool {
    let rest = rest.trim_start().strip_prefix('.');
    rest.and_then(|rest| rest.strip_prefix(method)).is_some_and(|rest| rest.starts_with('('))
}

fn is_looped_over(code: &str, name: &str) -> bool {
    ["in ", "in &", "in &mut ", "in self.", "in &self.", "in &mut self."].iter().any(|before| {
        let looped = format!("{before}{name} {{");
        code.match_indices(&looped).any(|(at, _)| !code[..at].ends_with(is_word))
    })
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_driver_is_found() {
        for planted in [
            "use std::fs;",
            "use std::{collections::BTreeMap, fs::read};",
            "use std::io::{self, Write as _, stdin};",
            "fn f() { io::stdout().lock(); }",
            "fn f() { ::std::fs::File::open(path) }",
            "use std::net::{IpAddr, TcpStream};",
            "use std::net;\nfn f() { net::UdpSocket::bind(address) }",
            "fn f() { std::process::exit(1) }",
            "fn f() { let home = std::env::var(name); }",
            "fn f() { std::thread::sleep(time) }",
            "fn f() { let now = Instant::now(); }",
            "use std::time::Instant as Clock;\nfn f() { let clock = Clock::now; }",
            "fn f(start: Instant) { start.elapsed() }",
            "use std::time::{Duration, SystemTime};",
            "use std::time::*;",
            "fn f() { println!(\"hello\"); }",
            "fn f() { eprintln!(); }",
            "fn f() { tracing::info!(number, text); }",
            "use tracing::warn;",
            "use rand;",
            "fn f() { rand::random() }",
            "fn f() { getrandom::fill(bytes) }",
            "use std::collections::hash_map::RandomState;",
            "use std::hash::{BuildHasher, DefaultHasher};",
            "struct S { map: HashMap<K, V> }\nfn f(s: &S) { s.map.iter() }",
            "struct S { set: HashSet<K> }\nfn f(s: &S) { for key in &s.set {} }\nfn g(set: &HashSet<K>) { for key in set {} }",
            "struct S(HashMap<K, V>);\nimpl S { fn f(&self) { self.0.values() } }",
            "fn f() { let mut map = HashMap::new();\nmap\n    .drain().collect() }",
            "fn f(map: &mut HashMap<K, V>) { for (key, value) in map {} }",
            "fn f() { let map: std::collections::HashMap<K, V> = g(); map.into_keys() }",
            "struct S { table: Arc<HashMap<K, V>> }\nimpl S { fn f(&self) { self.table.keys() } }",
        ] {
            assert!(violation(planted).is_some(), "{planted}");
        }
    }

    #[test]
    fn what_needs_no_driver_is_not() {
        for innocent in [
            "use std::io::{self, Write as _};\nfn f(bytes: &mut Vec<u8>) -> io::Result<()> { write!(bytes, \"\") }",
            "use std::net::{IpAddr, SocketAddr};",
            "use std::time::{Duration, Instant};\nfn f(now: Instant) -> Instant { now + SECOND }",
            "//! No std::fs here, and no Instant::now().\n/// println!()\nfn f() {}",
            "fn f() -> &'static str { \"std::fs \\\" println!\" }",
            "struct S { map: HashMap<K, V>, list: Vec<K> }\nfn f(s: &S) { s.map.get(key); s.list.iter() }",
            "struct S { map: BTreeMap<K, V> }\nfn f(s: &S) { s.map.iter() }",
            "struct S(HashMap<K, V>);\nimpl S { fn f(&mut self) { self.0.retain(|_, _| true) } }",
            "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn now() -> Instant { Instant::now() }\n}",
            "mod log;\nfn f(engine: &Engine) { engine.log(rand) }",
            "struct Operand;\nfn f(operand: Operand) { operand.known() }",
        ] {
            assert_eq!(violation(innocent), None, "{innocent}");
        }
    }
}
