//! The file, the environment and `--set`, as tables of known keys.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use toml::{Table, Value};

use super::{Config, ConfigError};

pub(super) fn utf8_pair(
    (name, value): (std::ffi::OsString, std::ffi::OsString),
) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}

pub(super) fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let text =
        read_text(path).map_err(|cause| ConfigError::Read { path: path.to_path_buf(), cause })?;
    let refused = |error: toml::de::Error| ConfigError::Parse {
        path: path.to_path_buf(),
        cause: describe(&text, &error),
    };
    // Parsed as the configuration too, so that an error has its line.
    toml::from_str::<Config>(&text).map_err(refused)?;
    toml::from_str(&text).map_err(refused)
}

/// Bytes of a file of settings, at most: one with all keys has a thousandth.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Reads a regular file. Others may block whoever opens them, or never end.
fn read_text(path: &Path) -> io::Result<String> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    let file = File::open(path)?;
    if file.take(FILE_BYTES_MAX).read_to_string(&mut text)? as u64 == FILE_BYTES_MAX {
        return Err(io::Error::other("it is too long for a file of settings"));
    }
    Ok(text)
}

fn describe(text: &str, error: &toml::de::Error) -> String {
    let message = one_line(error.message());
    match error.span() {
        Some(span) => {
            let line = text[..span.start.min(text.len())].matches('\n').count() + 1;
            format!("line {line}: {message}")
        }
        None => message,
    }
}

pub(super) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The known keys, with values of their types.
pub(super) struct Keys(pub(super) Vec<(String, Value)>);

impl Keys {
    pub(super) fn new() -> Self {
        // The defaults can always be written as TOML; the tests compare them with the
        // documented ones.
        let defaults = Table::try_from(Config::default()).unwrap_or_default();
        Self(collect_keys(&defaults))
    }

    /// The key of an environment variable, given without its prefix.
    pub(super) fn find_variable(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .map(|(key, _)| key.as_str())
            .find(|key| key.replace('.', "_").eq_ignore_ascii_case(name))
    }

    pub(super) fn set(
        &self,
        table: &mut Table,
        key: &str,
        value: &str,
        origin: &str,
    ) -> Result<(), ConfigError> {
        let unknown = || ConfigError::Unknown { key: key.to_owned(), origin: origin.to_owned() };
        let (_, like) = self.0.iter().find(|(known, _)| known == key).ok_or_else(unknown)?;
        let value = typed(value, like).and_then(|value| accepted(key, value)).map_err(|cause| {
            let (key, origin, value) = (key.to_owned(), origin.to_owned(), value.to_owned());
            ConfigError::Value { key, origin, value, cause }
        })?;
        insert(table, key, value).ok_or_else(unknown)
    }
}

/// The keys of a table and its sections, dotted, with their values.
pub(super) fn collect_keys(table: &Table) -> Vec<(String, Value)> {
    let mut keys = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(section) => {
                let below = collect_keys(section).into_iter();
                keys.extend(below.map(|(name, value)| (format!("{key}.{name}"), value)));
            }
            value => keys.push((key.clone(), value.clone())),
        }
    }
    keys
}

/// Inserts a value at its key.
pub(super) fn insert(table: &mut Table, key: &str, value: Value) -> Option<()> {
    let (table, key) = match key.split_once('.') {
        Some((section, key)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            (section.as_table_mut()?, key)
        }
        None => (table, key),
    };
    table.insert(key.to_owned(), value);
    Some(())
}

/// The value, if the settings accept it by itself.
fn accepted(key: &str, value: Value) -> Result<Value, String> {
    let mut alone = Table::new();
    insert(&mut alone, key, value.clone());
    match Value::Table(alone).try_into::<Config>() {
        Ok(_) => Ok(value),
        Err(_) if value.is_integer() => Err("it is out of the range of this setting".to_owned()),
        Err(error) => Err(one_line(error.message())),
    }
}

/// Parses a value of the type of `like`; the error says which type that is.
fn typed(value: &str, like: &Value) -> Result<Value, String> {
    match like {
        Value::Integer(_) => {
            let number = value.trim().replace('_', "").parse();
            number.map(Value::Integer).map_err(|_| "it must be a whole number".to_owned())
        }
        Value::Boolean(_) => value
            .trim()
            .parse()
            .map(Value::Boolean)
            .map_err(|_| "it must be true or false".to_owned()),
        Value::Array(_) => Ok(Value::Array(
            value
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_owned()))
                .collect(),
        )),
        _ => Ok(Value::String(value.to_owned())),
    }
}
