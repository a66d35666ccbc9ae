//! Transcripts: the lines that clients send and the server answers.
//!
//! ```text
//! # A comment, to the end of its line.
//! set mailbox.capacity=2        at the top: a setting of the server
//! account dora secret           at the top: an account with a password
//! fill alice 100                stores this many messages in a mailbox
//! use bob mailbox-verbose       the client's listener, if not the folder's
//! bob C: LOGIN bob              sent by the client bob, with a line feed
//! bob C- EXIT                   the same without one
//! bob S: 0                      the next line from the server to bob
//! bob S- 0                      the remaining bytes for bob, without a line feed;
//!                               then the server closes the connection
//! C: READ                       a client without a name
//! pause 300 ms                  time passes
//! silent bob                    the server has sent bob nothing more (without I/O only)
//! interactive                   the lines after this are not sent ahead of it
//! end bob                       the client half-closes
//! leave bob                     the client closes, even with unread bytes
//! reset bob                     the client resets its connection
//! close bob                     the server closes the connection without another line
//! kill                          the server is killed and restarted
//! restart                       the server is stopped and restarted
//! stop                          the server is asked to stop
//! start                         the server has stopped, and is started again
//! ```
//!
//! A client of `im` has a second stream, which the server opens: `bob.b`.
//!
//! ```text
//! listen bob                    bob listens on a port of its own
//! bob C: /port {port}           that port
//! bob.b S: /from jacky Hi       sent over the second stream
//! ```
//!
//! A client of [`LINES`] says several lines at once, which no line protocol can; it is played
//! without I/O only. `\x1E` is between the lines of its texts.
//!
//! ```text
//! use ann lines
//! ann C: /name ann              ann is present; `ann S: named`
//! ann C: /post #a one\x1Etwo    a post; once all have it: `ann S: posted`
//! ann C: /tell bob one\x1Etwo   a live line; once bob has it: `ann S: told`
//! ann C: /send bob one\x1Etwo   a message; once it is stored: `ann S: sent`
//! ```
//!
//! In a line, `\r`, `\t` and `\\` are the usual escapes, `\xFF` is a byte and
//! `\(64*ab)` is `ab` 64 times. At the end the clients half-close all remaining
//! connections, and the server must send nothing more.
//!
//! Tests play them on a [`Stage`]: against the engine without I/O, or against the
//! program over TCP.

mod cuts;
mod file;
mod play;

pub use cuts::{every_cut, for_each_transcript};
pub use file::{Action, LINES, Step, Transcript};
pub use play::{Cut, Stage, play};
