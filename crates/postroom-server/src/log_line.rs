//! Writing the engine's lines to the log.

use std::fmt::Display;

use postroom_engine::{Level, LogLine, Origin, What};
use postroom_model::Attendee;
use postroom_office::Operator;
use postroom_store::Damaged;
use tracing::field::display;
use tracing::{debug, error, info, warn};

/// Writes a line.
pub(crate) fn write(line: LogLine) {
    let LogLine { level, origin, what } = line;
    match origin {
        Some(origin) => write_of_session(level, &origin, what),
        None => write_of_server(level, what),
    }
}

/// Writes a line at a level that is known only now.
macro_rules! log {
    ($level:expr, $($field:tt)*) => {
        match $level {
            Level::Error => error!($($field)*),
            Level::Warn => warn!($($field)*),
            Level::Info => info!($($field)*),
            Level::Debug => debug!($($field)*),
        }
    };
}

fn write_of_session(level: Level, origin: &Origin, what: What) {
    let Origin { peer, listener, account } = origin;
    let account = account.as_ref().map(display);
    match what {
        What::Connected => log!(level, %peer, %listener, "connected"),
        What::ConnectionRefused(reason) => {
            log!(level, %peer, %listener, reason, "connection refused");
        }
        What::LoggedIn => log!(level, %peer, %listener, account, "logged in"),
        What::LoginFailed(reason) => log!(level, %peer, %listener, account, reason, "login failed"),
        What::Limit(what) => log!(level, %peer, %listener, account, "{what}"),
        What::MailboxFull { what, recipient, capacity } => {
            log!(level, %peer, %listener, account, %recipient, capacity, "{what}");
        }
        What::Refused(reason) => log!(level, %peer, %listener, reason, "refused"),
        What::Reported { what, characters } => {
            log!(level, %peer, %listener, characters, "{what}");
        }
        What::Request(what) => log!(level, %peer, %listener, account, what, "request"),
        What::DialRefused { port, reason } => {
            log!(level, %peer, %listener, account, port, reason, "dialling back refused");
        }
        What::DialFailed { port, reason: Some(reason) } => {
            log!(level, %peer, %listener, account, port, %reason, "dialling back failed");
        }
        What::DialFailed { port, reason: None } => {
            log!(level, %peer, %listener, account, port, reason = "no answer", "dialling back failed");
        }
        What::Disconnected(reason) => {
            log!(level, %peer, %listener, account, reason, "disconnected");
        }
        What::Full { .. }
        | What::LeftOut { .. }
        | What::Joined(_)
        | What::Left(_)
        | What::Operator(_) => write_of_server(level, what),
    }
}

fn write_of_server(level: Level, what: What) {
    match what {
        What::Full { connections } => {
            log!(level, connections, "the server is full (connection.max): new connections wait");
        }
        What::LeftOut { peer, kind, left_out } => {
            let peer = peer.map(display);
            log!(level, peer, kind, left_out, "more lines of this kind within a second");
        }
        What::Joined(Attendee { name, active }) => {
            log!(level, %name, active, "User has joined");
        }
        What::Left(Attendee { name, active }) => log!(level, %name, active, "User has left"),
        What::Operator(told) => write_to_operator(level, &told),
        // Lines of sessions.
        _ => {}
    }
}

fn write_to_operator(level: Level, told: &Operator) {
    let what: &dyn Display = match told {
        Operator::NotLocked => {
            &"the store has no room to lock an account of the password file: \
              make room, or raise accounts.max, before its line is removed; \
              until then the lock is tried again at logins"
        }
        Operator::AllLocked => &"all accounts of the password file are locked now",
        Operator::PasswordsLate => {
            &"reading the password file takes too long: \
              logins go on with the passwords read before"
        }
        Operator::PasswordsInTime => &"the password file is read in time again",
        Operator::Damaged(Damaged { table, key, what }) => {
            return log!(level, table, key, what, "a damaged record was set aside");
        }
    };
    log!(level, "{what}");
}
