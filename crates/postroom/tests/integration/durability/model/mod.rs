//! Random histories of mailboxes against a model of them, in memory and simple.
//!
//! The model knows mailboxes alone: what is in each, in order, and who holds
//! what. The office over the real store must answer every request as the model
//! does, whatever is asked, broken off and restarted, and in whatever groups it
//! is committed; and so must the server over its sockets.

mod mailboxes;
mod office;
mod program;
