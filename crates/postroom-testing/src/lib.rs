//! Shared code of the tests of several crates: transcripts and their players, a model of
//! mailboxes, and what a terminal may be shown.

#![expect(clippy::missing_panics_doc, reason = "in a test a panic is the failure")]

pub mod mailboxes;
pub mod terminal;
pub mod transcript;
