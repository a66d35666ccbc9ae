//! What must hold whatever the clients, the store and the clock do.

mod endings;
mod hostile;
