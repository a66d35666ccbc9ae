//! The clients for channels, over HTTP: `tail` is told of posts as they come, `post` says
//! something, and `history` reads what was said.

mod history;
mod post;
mod tail;

pub use history::{history, history_to};
pub use post::{post, post_from};
pub use tail::{tail, tail_to};
