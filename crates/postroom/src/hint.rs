//! Commands that messages advise.

use std::path::Path;

/// A command of this program for the same store, as a shell command line.
pub(crate) fn hint(command: &str, config: Option<&Path>, data: Option<&Path>) -> String {
    let given = |option, path: Option<&Path>| {
        let path = path.map(Path::to_string_lossy);
        path.map(|path| format!(" {option} {}", quoted(&path))).unwrap_or_default()
    };
    let (config, data) = (given("--config", config), given("--data", data));
    format!("postroom {command}{config}{data}")
}

/// A word, quoted for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
