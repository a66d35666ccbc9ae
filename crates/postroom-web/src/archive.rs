//! What of a store is read beside the event loop: everything, a page at a time.

use postroom_model::Name;
use thiserror::Error;

use crate::api::{CheckLine, ExportLine};

/// The store of a running server, as operators read it. The program implements it: nothing
/// here knows what the store is.
pub trait Archive: Send + Sync + 'static {
    /// Begins to read everything, for damage.
    fn check(&self) -> Result<Box<dyn Reading<CheckLine>>, ReadFailure>;

    /// Begins to read what there is of an account.
    fn export(&self, name: &Name) -> Result<Box<dyn Reading<ExportLine>>, ReadFailure>;
}

/// A question to a store whose answer is long.
pub trait Reading<L>: Send {
    /// Reads a page of limited length, and adds its lines, which may be none; returns
    /// whether there is more. The store is held up by a page for milliseconds, and between
    /// two pages by nothing.
    ///
    /// To be called on a thread that may wait.
    fn page(&mut self, lines: &mut Vec<L>) -> Result<bool, ReadFailure>;
}

/// Why something cannot be read.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ReadFailure {
    /// There is no such account.
    #[error("there is no account {0}")]
    NoSuchAccount(Name),
    /// It was deleted or renamed meanwhile.
    #[error("the account {0} was deleted or renamed during the export; export it again")]
    Gone(Name),
    /// The store cannot be read.
    #[error("{0}")]
    Store(String),
}

/// A line of an answer, of which the last one says that the rest cannot be read.
pub(crate) trait Line: serde::Serialize + Send + 'static {
    fn failed(failure: &ReadFailure) -> Self;
}

impl Line for CheckLine {
    fn failed(failure: &ReadFailure) -> Self {
        Self::Failed { detail: failure.to_string() }
    }
}

impl Line for ExportLine {
    fn failed(failure: &ReadFailure) -> Self {
        Self::Failed { detail: failure.to_string() }
    }
}
