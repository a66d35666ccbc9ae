//! Properties of the engine for all behaviour of clients, store and clock.

mod answers;
mod bounds;
mod client;
mod endings;
mod hostile;
