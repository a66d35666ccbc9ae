//! Import circles between the files of a crate.
//!
//! A file depends on the files of its own crate that its `use` lines and
//! `crate::` paths name, re-exports followed. What a file takes from the file
//! of a folder that it lies in does not count: a parent and its parts are one
//! module.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The crates whose files must not import each other in a circle.
const CRATES: &[&str] = &[
    "postroom-bench",
    "postroom-client",
    "postroom-engine",
    "postroom-model",
    "postroom-office",
    "postroom-protocol",
    "postroom-server",
    "postroom-simulator",
    "postroom-store",
    "postroom-store-sqlite",
    "postroom-virtual-disk",
    "postroom",
];

/// A module's path below the crate's root, which is empty for the root itself.
type Module = Vec<String>;

/// The text of each module of a crate, without its tests.
type Modules = BTreeMap<Module, String>;

/// Fails with the first circle.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    for name in CRATES {
        let modules = modules(&root.join("crates").join(name).join("src"))?;
        let imports: BTreeMap<_, _> =
            modules.keys().map(|module| (module, imports(&modules, module))).collect();
        for module in modules.keys() {
            if let Some(circle) = circle(&imports, module) {
                let names: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
                return Err(format!("{name} has an import circle: {}", names.join(" -> ")));
            }
        }
    }
    Ok(())
}

fn modules(source: &Path) -> Result<Modules, String> {
    let mut modules = Modules::new();
    for file in crate::layers::rust_files(source)? {
        let text = fs::read_to_string(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        let path = file.strip_prefix(source).unwrap_or(&file).with_extension("");
        let mut module: Module =
            path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        module.retain(|part| !["lib", "main", "mod"].contains(&part.as_str()));
        if module.last().is_none_or(|last| last != "tests") {
            modules.insert(module, without_tests_and_comments(&text));
        }
    }
    Ok(modules)
}

fn without_tests_and_comments(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    code.lines().filter(is_code).collect::<Vec<_>>().join(" ")
}

/// The modules that a module imports, its ancestors left out.
fn imports(modules: &Modules, module: &[String]) -> BTreeSet<Module> {
    let text = &modules[module];
    let used = uses(text).into_iter().filter_map(|path| absolute(modules, module, &path));
    let named = text.split("crate::").skip(1).map(|rest| vec_of(leading_path(rest)));
    used.chain(named)
        .filter_map(|path| owner(modules, &path))
        .filter(|owner| !module.starts_with(owner))
        .collect()
}

/// The paths of all `use` lines, their braces expanded.
pub(crate) fn uses(text: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for rest in text.split(" use ").skip(1).chain(text.strip_prefix("use ")) {
        let tree: String = rest.split(';').next().unwrap_or_default().replace(' ', "");
        expand(&[], &tree, &mut paths);
    }
    paths
}

fn expand(before: &[String], tree: &str, paths: &mut Vec<Vec<String>>) {
    let (path, group) = tree.split_once('{').unwrap_or((tree, ""));
    let mut path: Vec<String> = [before.to_vec(), vec_of(path)].concat();
    path.retain(|part| !part.is_empty());
    if group.is_empty() {
        paths.push(path);
        return;
    }
    let (mut depth, mut start) = (0, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                if at > start {
                    expand(&path, &group[start..at], paths);
                }
                start = at + 1;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
}

/// A path from the crate's root; `None` for what is not of this crate.
fn absolute(modules: &Modules, module: &[String], path: &[String]) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module, rest].concat()),
        "super" => absolute_below(modules, &module[..module.len().checked_sub(1)?], rest),
        _ => {
            let child = [module, std::slice::from_ref(first)].concat();
            modules.contains_key(&child).then(|| [module, path].concat())
        }
    }
}

fn absolute_below(modules: &Modules, module: &[String], rest: &[String]) -> Option<Vec<String>> {
    match rest.first().map(String::as_str) {
        Some("super") => absolute(modules, module, rest),
        _ => Some([module, rest].concat()),
    }
}

/// The module that defines what a path from the root names.
fn owner(modules: &Modules, path: &[String]) -> Option<Module> {
    let depth = (0..=path.len()).rev().find(|&depth| modules.contains_key(&path[..depth]))?;
    let (module, rest) = path.split_at(depth);
    let name = rest.first();
    let reexported = uses(&modules[module]).into_iter().find(|path| path.last() == name);
    let reexported = reexported.and_then(|path| absolute(modules, module, &path));
    match reexported {
        Some(path) if name.is_some() && !path.starts_with(&[module, rest].concat()) => {
            owner(modules, &path)
        }
        _ => Some(module.to_vec()),
    }
}

/// The way from a module back to itself, if there is one.
fn circle<'a>(
    imports: &'a BTreeMap<&Module, BTreeSet<Module>>,
    start: &'a Module,
) -> Option<Vec<&'a Module>> {
    let mut seen = BTreeSet::new();
    let mut ways = vec![vec![start]];
    while let Some(way) = ways.pop() {
        for next in way.last().into_iter().flat_map(|last| &imports[*last]) {
            if next == start {
                return Some(way);
            }
            if seen.insert(next) {
                ways.push([way.as_slice(), &[next]].concat());
            }
        }
    }
    None
}

fn leading_path(text: &str) -> &str {
    let is_path = |c: char| c == '_' || c == ':' || c.is_alphanumeric();
    text.split(|c| !is_path(c)).next().unwrap_or_default()
}

fn vec_of(path: &str) -> Vec<String> {
    path.split("::").map(str::to_owned).collect()
}
