//! Properties of the engine for all behaviour of clients, store and clock.

mod endings;
mod hostile;
