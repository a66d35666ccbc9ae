//! Random histories of mailboxes against a model of them.

mod program;
