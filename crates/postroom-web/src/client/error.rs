//! Why a server did not do what it was asked.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::api::Problem;

/// Why a server did not do what it was asked.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The socket cannot be used.
    #[error("cannot ask the server at {}: {cause}", socket.display())]
    Socket {
        /// The socket.
        socket: PathBuf,
        /// The error of the system.
        cause: io::Error,
    },
    /// The system refuses it.
    #[error(
        "only the user who runs the server, and root, may use {}; run this command as that user",
        socket.display()
    )]
    Denied {
        /// The socket.
        socket: PathBuf,
    },
    /// The server refuses it.
    #[error("{}", .0.detail)]
    Refused(Problem),
    /// It has ended the connection.
    #[error("the server at {} has ended before its answer was whole; {}", socket.display(), asked.advice())]
    Ended {
        /// The socket.
        socket: PathBuf,
        /// What it was asked for.
        asked: Asked,
    },
    /// It keeps the connection and says nothing.
    #[error(
        "the server at {} has not answered for {} seconds: it is suspended, or its disk does not \
         answer; {}",
        socket.display(), waited.as_secs(), asked.advice()
    )]
    Silent {
        /// The socket.
        socket: PathBuf,
        /// How long nothing came.
        waited: Duration,
        /// What it was asked for.
        asked: Asked,
    },
    /// Its answer is none of this API.
    #[error(
        "what answers at {} is no Postroom server, or one of another version: {cause}",
        socket.display()
    )]
    NotUnderstood {
        /// The socket.
        socket: PathBuf,
        /// What is wrong with it.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What it sends does not end as announced.
    #[error(
        "the server at {} has ended in the middle: {received} of {bytes} bytes have come",
        socket.display()
    )]
    Cut {
        /// The socket.
        socket: PathBuf,
        /// Bytes that have come.
        received: u64,
        /// Bytes that were announced.
        bytes: u64,
    },
    /// What it sends cannot be kept.
    #[error(transparent)]
    Kept(io::Error),
}

/// What a server was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asked {
    /// To tell something.
    Tell,
    /// To change something.
    Change,
}

impl Asked {
    fn advice(self) -> &'static str {
        match self {
            Self::Tell => "nothing was changed; try again",
            Self::Change => "look whether it has carried out the request before you try again",
        }
    }
}
