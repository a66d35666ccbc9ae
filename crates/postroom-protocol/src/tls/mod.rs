//! What can be known of a stream of TLS without its keys: where its records end, and which
//! plaintext is acknowledged with its ciphertext.

mod positions;
mod records;

pub use positions::Positions;
pub use records::Records;
