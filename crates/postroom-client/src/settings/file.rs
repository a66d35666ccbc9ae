//! `client.toml`: keys for all clients, and a table for each.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::Client;
use super::environment::Environment;
use super::error::{Origin, SettingsError};
use super::keys::{Draft, Folders, Key, Value};
use super::layer::Layer;

/// Bytes of a file of defaults.
const BYTES_MAX: u64 = 65_536;

/// A file that was read.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
    folders: Folders<'a>,
}

/// The keys for all clients, or for one.
#[derive(Default)]
struct Section {
    draft: Draft,
    /// Where the last key about TLS is: only these can contradict each other.
    last_of_tls: usize,
}

/// What the file says for a client: this one, which must be there, or that of the user,
/// which need not.
pub(super) fn load(
    client: Client,
    given: Option<&Path>,
    environment: &Environment,
) -> Result<Layer, SettingsError> {
    let path = given.map(Path::to_owned).or_else(|| environment.config_file());
    let Some(path) = path else { return Ok(Layer::default()) };
    let text = match read(&path) {
        Err(error) if given.is_none() && is_absent(&error) => return Ok(Layer::default()),
        text => text.map_err(|source| SettingsError::Read { path: path.clone(), source })?,
    };
    let home = environment.home();
    let folders = Folders { base: path.parent(), home: home.as_deref() };
    Source { path: &path, text: &text, folders }.layer(client)
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let length = File::open(path)?.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if length as u64 > BYTES_MAX {
        return Err(io::Error::other(format!("it has more than {BYTES_MAX} bytes")));
    }
    Ok(text)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

impl Source<'_> {
    /// All of the file is checked, whatever the client.
    fn layer(&self, client: Client) -> Result<Layer, SettingsError> {
        let table = DeTable::parse(self.text).map_err(|error| SettingsError::Syntax {
            origin: self.origin(error.span().map_or(0, |span| span.start)),
            cause: error.message().split_whitespace().collect::<Vec<_>>().join(" "),
        })?;
        let mut general = Section::default();
        let mut own = Layer::default();
        for (name, value) in table.get_ref() {
            let (at, name) = (name.span().start, name.get_ref().as_ref());
            match value.get_ref() {
                DeValue::Table(table) if Client::is_one_of(name) => {
                    let layer = self.client_layer(name, table)?;
                    if name == client.name() {
                        own = layer;
                    }
                }
                DeValue::Table(_) if Key::find(name).is_none() => {
                    let tables = Client::NAMES.map(|name| format!("[{name}]")).join(", ");
                    let (origin, table) = (self.origin(at), name.to_owned());
                    return Err(SettingsError::Table { origin, table, tables });
                }
                value => self.set(&mut general, None, name, at, value)?,
            }
        }
        let mut general = self.finish(general)?;
        if !Key::Name.is_for(client.name()) {
            general = Layer { name: None, password_file: None, ..general };
        }
        Ok(own.over(general))
    }

    fn client_layer(&self, client: &str, table: &DeTable<'_>) -> Result<Layer, SettingsError> {
        let mut section = Section::default();
        for (name, value) in table {
            let (at, name) = (name.span().start, name.get_ref().as_ref());
            self.set(&mut section, Some(client), name, at, value.get_ref())?;
        }
        self.finish(section)
    }

    fn set(
        &self,
        section: &mut Section,
        client: Option<&str>,
        name: &str,
        at: usize,
        value: &DeValue<'_>,
    ) -> Result<(), SettingsError> {
        let shown = || client.map_or_else(|| name.to_owned(), |client| format!("{client}.{name}"));
        let key = Key::find(name).filter(|key| client.is_none_or(|client| key.is_for(client)));
        let Some(key) = key else {
            let keys = Key::listed(client);
            return Err(SettingsError::Key { origin: self.origin(at), key: shown(), keys });
        };
        let value = match value {
            DeValue::String(text) => Value::Text(text),
            DeValue::Boolean(truth) => Value::Truth(*truth),
            _ => Value::Other,
        };
        if matches!(key, Key::Tls | Key::Ca | Key::Pin) {
            section.last_of_tls = at;
        }
        section.draft.set(key, value, self.folders).map_err(|cause| SettingsError::Value {
            origin: self.origin(at),
            key: shown(),
            cause,
        })
    }

    fn finish(&self, section: Section) -> Result<Layer, SettingsError> {
        let origin = || self.origin(section.last_of_tls);
        section
            .draft
            .finish()
            .map_err(|cause| SettingsError::Contradiction { origin: origin(), cause })
    }

    /// The line of the byte `at`.
    fn origin(&self, at: usize) -> Origin {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        Origin::Line { path: self.path.to_owned(), line }
    }
}
