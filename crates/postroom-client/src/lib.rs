//! The clients of Postroom: `mail`, `send` and `read` for mailboxes, `im` and
//! `chat` for those who are there at the same time, and `board`.
//!
//! The server removes a message that it handed out once the client proves that
//! it arrived, by its next command or by an orderly end. The clients for
//! mailboxes therefore keep one rule: what was received is written and flushed
//! before anything further is sent, and a connection that ends in any other way
//! than by `Exchange::leave` is reset, which proves nothing.
//!
//! A `mailbox` speaks one of two protocols, whose answers it parses in its
//! `answers` without a socket, over a `connection` that bounds every line and
//! every wait.
//!
//! The live clients, `im` and `chat`, wait for both sides at once (`live`): for
//! lines over a `link` to the server, and for those of a person or a script at
//! a `console`. Each is a state machine that takes in what came.

// One pattern for modules: a module with parts is `name/mod.rs`.
#![deny(clippy::self_named_module_files)]

mod arguments;
mod board;
mod chat;
mod colour;
mod connection;
mod console;
mod echo;
mod error;
mod exchange;
mod im;
mod input;
mod line_splitter;
mod listener;
mod live;
mod mail;
mod mailbox;
mod parse;
mod password;
mod read;
mod send;
mod server_address;
mod signals;
mod status;
mod transport;
mod typed;

pub use arguments::{
    BoardArguments, ChatArguments, ImArguments, MailArguments, ReadArguments, SendArguments,
};
pub use board::{board, board_with};
pub use chat::{chat, chat_with};
pub use error::{ClientError, Deviation};
pub use im::{im, im_with};
pub use mail::{mail, mail_with};
pub use password::password_from_file;
pub use read::{read, read_to};
pub use send::{send, send_from};
pub use server_address::{ServerAddress, ServerAddressError};
pub use status::ExitStatus;

/// Bytes of the longest line that a server takes, its end left out, unless it
/// is configured otherwise.
const LINE_BYTES_MAX: usize = 8_192;

/// Bytes of the longest line that a server sends, its end left out.
const ANSWER_BYTES_MAX: usize = 32_768;
