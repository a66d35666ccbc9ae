//! The clients of Postroom: `mail`, `send` and `read` for mailboxes, `im` and
//! `chat` for live conversation, `board`, and `tail`, `post` and `history` for channels.
//!
//! The server removes a message once the client has confirmed it, by its next
//! command or by an orderly end. The clients for mailboxes therefore keep one
//! rule: they write and flush what they received before they send anything more,
//! and a connection that ends in any other way than by `Exchange::leave` is
//! reset, which confirms nothing.
//!
//! `settings` puts together what the command line, the environment and `client.toml` say.
//!
//! `transport` carries bytes, over TLS where `trust` says whom to trust, and alone knows
//! sockets. `connection` makes lines of
//! them, and `exchange` waits for the answers to requests.
//!
//! A `mailbox` speaks one of two protocols over an `exchange`; its `answers` are
//! parsed without a socket.
//!
//! `http` is the other thing that a server may be asked by: `send` and `read` speak it where the
//! address says so, and `tail`, `post` and `history` of `channel` always. Nothing is confirmed
//! there either before it is written and flushed.
//!
//! `im` and `chat` wait for both sides at once (`live`): for lines of the server,
//! and for those of a person or a script at a `console`. A `live::Session` is the
//! state machine of both, to which each adds its protocol. At a terminal it survives the end
//! of its connection (`live::returning`), and the console keeps what is typed in a file.

// One pattern for modules: a module with parts is `name/mod.rs`.
#![deny(clippy::self_named_module_files)]

mod arguments;
mod backoff;
mod board;
mod channel;
mod chat;
mod colour;
mod connection;
mod console;
mod echo;
mod entry;
mod error;
mod exchange;
mod fingerprint;
mod http;
mod im;
mod input;
mod line_splitter;
mod listener;
mod live;
mod mail;
mod mailbox;
mod obstacle;
mod parse;
mod password;
mod read;
mod refusal;
mod returning;
mod send;
mod server_address;
mod settings;
mod signals;
mod status;
mod tls_failure;
mod transport;
mod trust;
mod typed;

pub use arguments::{
    BoardArguments, ChatArguments, DefaultsArguments, HistoryArguments, ImArguments, MailArguments,
    PostArguments, ReadArguments, SendArguments, ServerArguments, TailArguments, TlsArguments,
};
pub use board::{board, board_with};
pub use channel::{history, history_to, post, post_from, tail, tail_to};
pub use chat::{chat, chat_with};
pub use error::{ClientError, Deviation};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use im::{im, im_with};
pub use mail::{mail, mail_with};
pub use password::password_from_file;
pub use read::{read, read_to};
pub use refusal::Refusal;
pub use send::{send, send_from};
pub use server_address::{GivenServer, ServerAddress, ServerAddressError};
pub use settings::{Environment, Origin, SettingsError};
pub use status::ExitStatus;
pub use tls_failure::TlsFailure;

/// Bytes of the longest line that a server accepts by default, without its line
/// end.
const LINE_BYTES_MAX: usize = 8_192;

/// Bytes of the longest line that a server sends, without its line end.
const ANSWER_BYTES_MAX: usize = 32_768;
