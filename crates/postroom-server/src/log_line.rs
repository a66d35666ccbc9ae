//! Writing the engine's lines to the log.
//!
//! The lines of the audit trail have the field `audit`, which says what they are: a login, a
//! failed login, a registration, a change of a password or of a block, or a limit that was
//! met. docs/operating.md names all values.

use std::fmt::Display;

use postroom_engine::{Cause, Level, LogLine, Origin, What};
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
            log!(level, %peer, %listener, reason, audit = "limit", "connection refused");
        }
        What::ConnectionBanned(ban) => {
            let (reason, audit) = ("the address is banned", "banned");
            log!(level, %peer, %listener, reason, %ban, audit, "connection refused");
        }
        What::LoggedIn => log!(level, %peer, %listener, account, audit = "login", "logged in"),
        What::LoginFailed(reason) => {
            log!(level, %peer, %listener, account, reason, audit = "login_failed", "login failed");
        }
        What::Registered(name) => {
            log!(level, %peer, %listener, account, %name, audit = "registration", "registered");
        }
        What::PasswordChanged => {
            log!(level, %peer, %listener, account, audit = "password", "password changed");
        }
        What::PasswordNotChanged(reason) => {
            let audit = "password_failed";
            log!(level, %peer, %listener, account, reason, audit, "password not changed");
        }
        What::BlockSet { sender, is_blocked } => {
            let audit = if is_blocked { "block" } else { "unblock" };
            log!(level, %peer, %listener, account, %sender, audit, "{audit}ed a sender");
        }
        What::Limit(what) => log!(level, %peer, %listener, account, audit = "limit", "{what}"),
        What::MailboxFull { what, recipient, capacity, is_limit } => {
            let audit = if is_limit { "limit" } else { "blocked" };
            log!(level, %peer, %listener, account, %recipient, capacity, audit, "{what}");
        }
        What::Refused(reason) => log!(level, %peer, %listener, reason, "refused"),
        What::Reported { what, characters } => {
            log!(level, %peer, %listener, characters, "{what}");
        }
        What::Request(what) => log!(level, %peer, %listener, account, what, "request"),
        What::DialRefused { port, reason } => {
            let audit = "limit";
            log!(level, %peer, %listener, account, port, reason, audit, "dialling back refused");
        }
        What::DialFailed { port, reason: Some(reason) } => {
            log!(level, %peer, %listener, account, port, %reason, "dialling back failed");
        }
        What::DialFailed { port, reason: None } => {
            log!(level, %peer, %listener, account, port, reason = "no answer", "dialling back failed");
        }
        What::Disconnected(reason, cause) => {
            let audit = (cause == Cause::Limit).then_some("limit");
            log!(level, %peer, %listener, account, reason, audit, "disconnected");
        }
        What::Full { .. }
        | What::LeftOut { .. }
        | What::Joined(_)
        | What::Left(_)
        | What::Administered { .. }
        | What::Banned { .. }
        | What::ConnectionsBanned { .. }
        | What::Expired { .. }
        | What::ClockAhead { .. }
        | What::Operator(_) => write_of_server(level, what),
    }
}

fn write_of_server(level: Level, what: What) {
    match what {
        What::Full { connections } => {
            let audit = "limit";
            log!(
                level,
                connections,
                audit,
                "the server is full (connection.max): new connections wait"
            );
        }
        What::LeftOut { peer, kind, left_out } => {
            let peer = peer.map(display);
            log!(level, peer, kind, left_out, "more lines of this kind within a second");
        }
        What::Joined(Attendee { name, active }) => {
            log!(level, %name, active, "User has joined");
        }
        What::Left(Attendee { name, active }) => log!(level, %name, active, "User has left"),
        What::Administered { what, subject } => {
            log!(level, subject, audit = "administration", "an operator: {what}");
        }
        What::Banned { subject, until } => {
            let (subject, until) = (subject.to_string(), until.map(display));
            log!(level, subject, until, audit = "administration", "an operator: banned");
        }
        What::ConnectionsBanned { ban, left_out } => {
            let audit = "banned";
            log!(level, %ban, left_out, audit, "more connections refused within a minute");
        }

        What::Expired { messages, posts } => {
            log!(level, messages, posts, "removed what is older than the retention allows");
        }
        What::ClockAhead { behind } => {
            let behind_s = behind.as_secs();
            log!(
                level,
                behind_s,
                "the clock is days ahead of that of the retention: either the server has not run \
                 since then, or the clock is wrong; the retention follows it 60 times as fast as \
                 time passes, so set a wrong clock right before messages go that are not old"
            );
        }
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
