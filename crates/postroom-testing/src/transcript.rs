//! Transcripts: the lines that clients send and the server answers.
//!
//! ```text
//! # A comment, to the end of its line.
//! set mailbox.capacity=2        at the top: a setting of the server
//! account dora secret           at the top: an account with a password
//! fill alice 100                leaves so many messages in a mailbox
//! use bob mailbox-verbose       the listener of a client, unless the folder's
//! bob C: LOGIN bob              sent by the client bob, with a line feed
//! bob C- EXIT                   the same without one
//! bob S: 0                      the next line that bob is sent
//! bob S- 0                      all that bob is still sent, no line feed after it:
//!                               then the server ends the connection
//! C: READ                       a client without a name
//! pause 300 ms                  time passes
//! silent bob                    nothing was sent to bob so far (without I/O only)
//! interactive                   what follows is not sent before this point
//! end bob                       the client ends its side
//! leave bob                     the client closes, whatever it has not read
//! reset bob                     the client resets its connection
//! close bob                     the server ends the connection, no line more
//! kill                          the server is killed, and started again
//! restart                       the server is stopped, and started again
//! stop                          the server is asked to stop
//! start                         it has stopped, and is started again
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
pub use file::{Action, Step, Transcript};
pub use play::{Cut, Stage, play};
