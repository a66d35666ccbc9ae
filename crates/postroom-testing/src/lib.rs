//! Shared code of the tests of several crates: transcripts and their players, and a
//! model of mailboxes.

#![expect(clippy::missing_panics_doc, reason = "in a test a panic is the failure")]

pub mod mailboxes;
pub mod transcript;
