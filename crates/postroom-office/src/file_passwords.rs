//! The passwords of a password file, prepared outside the event loop.
//!
//! A file can have a million lines. The thread that reads the file does all work
//! proportional to its length: building the table, finding the new names, and freeing
//! the replaced table.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use postroom_model::{Name, Password};

/// The passwords of a file by name.
pub(crate) type Table = Arc<HashMap<Name, Password>>;

/// The content of one reading of a password file, prepared for the office.
#[derive(Debug)]
pub struct FilePasswords {
    pub(crate) table: Table,
    pub(crate) new_names: NewNames,
}

/// The names in one reading that the previous reading did not have.
#[derive(Debug, Default)]
pub(crate) struct NewNames {
    set: HashSet<Name>,
    /// The same names in the order of the file.
    queue: VecDeque<Name>,
}

/// Prepares the readings of one file. It belongs to the thread that reads the file.
#[derive(Debug, Default)]
pub struct PasswordTables {
    current: Table,
    /// Kept so that the office, which holds the same table, never frees it.
    replaced: Option<Table>,
}

impl PasswordTables {
    /// Builds the reading for the office from the lines of the file, and the names
    /// without a password that can be used: those are locked.
    pub fn next(&mut self, lines: Vec<(Name, Password)>, without: &[Name]) -> FilePasswords {
        let names = lines.iter().map(|(name, _)| name).chain(without);
        let queue: VecDeque<_> =
            names.filter(|name| !self.current.contains_key(*name)).cloned().collect();
        let new_names = NewNames { set: queue.iter().cloned().collect(), queue };
        let table = Arc::new(lines.into_iter().collect());
        self.replaced = Some(std::mem::replace(&mut self.current, Arc::clone(&table)));
        FilePasswords { table, new_names }
    }

    /// Frees the replaced table. Call it once the office has the next one.
    pub fn free_replaced(&mut self) {
        self.replaced = None;
    }
}

impl NewNames {
    pub(crate) fn contains(&self, name: &Name) -> bool {
        self.set.contains(name)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn take(&mut self) -> Option<Name> {
        let name = self.queue.pop_front()?;
        self.set.remove(&name);
        Some(name)
    }
}
