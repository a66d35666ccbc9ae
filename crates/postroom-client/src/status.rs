//! The exit statuses of the clients: those of sysexits(3), so that a script can
//! tell whether to try again.

use std::io;

use crate::ClientError;
use crate::refusal::Refusal;
use crate::settings::SettingsError;

/// Why a client's process ends, as a number for scripts.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum ExitStatus {
    /// Done. For `send`, `post` and `board -u`: the message is stored.
    Success = 0,
    /// `read --fail-empty` found no unread message. No failure has this status.
    NothingUnread = 1,
    /// The command line is wrong (`EX_USAGE`).
    Usage = 64,
    /// The message cannot be sent as it is (`EX_DATAERR`).
    Data = 65,
    /// The password file, that of `--ca` or that of defaults cannot be read (`EX_NOINPUT`).
    NoInput = 66,
    /// The host name has no address (`EX_NOHOST`).
    NoHost = 68,
    /// The server cannot do what was asked for (`EX_UNAVAILABLE`).
    Unavailable = 69,
    /// The operating system refused something (`EX_OSERR`).
    System = 71,
    /// Reading or writing failed (`EX_IOERR`).
    InputOutput = 74,
    /// It may work later, and nothing was stored (`EX_TEMPFAIL`).
    Temporary = 75,
    /// The port is not the listener that the client needs, or the server's certificate is
    /// not trusted (`EX_PROTOCOL`).
    Protocol = 76,
    /// The server did not let the name in (`EX_NOPERM`).
    NoPermission = 77,
    /// The file of defaults, or a variable of the environment, is wrong (`EX_CONFIG`).
    Settings = 78,
}

impl ExitStatus {
    /// The number that the process exits with.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// The part of each client's help about its exit status.
pub(crate) const HELP: &str = "\
Exit status, as in sysexits(3):
   0  done; for send, post and board -u: the message is stored
   1  read --fail-empty: nothing was unread
  64  the command line is wrong
  65  the message cannot be sent as it is, or the password cannot be used; over
      HTTP also: the server does not take a name, a channel, a text or a value
  66  the password file, that of --ca or client.toml cannot be read
  68  the host name has no address, or none that a certificate can be for
  69  the server has no way to connect back (im), or has a defect (HTTP)
  71  the operating system refused something
  74  reading or writing failed; or the connection broke before the answer, so
      that the message may or may not be stored
  75  temporary failure, nothing was stored: no connection, no answer in time,
      a full mailbox, a full disk, a server that stops; try again later
  76  the port is not the listener that the client needs, the server's
      certificate is not trusted, or its HTTP listener is not called so
  77  no permission: the server did not let the name in, an operator has ended
      the session (chat), or the server does not allow it to this name (HTTP)
  78  client.toml, or a variable POSTROOM_CLIENT_..., is wrong";

impl ClientError {
    /// The status that a process with this error exits with.
    #[must_use]
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NothingUnread => ExitStatus::NothingUnread,
            Self::Settings(error) if error.is_of_command_line() => ExitStatus::Usage,
            Self::Settings(SettingsError::Read { .. })
            | Self::PasswordFile { .. }
            | Self::AuthorityFile { .. } => ExitStatus::NoInput,
            Self::Settings(_) => ExitStatus::Settings,
            Self::Name { .. } | Self::NameMissing | Self::Hashtag { .. } => ExitStatus::Usage,
            Self::BoardRefused { reason } if is_full(reason) => ExitStatus::Temporary,
            Self::BoardRefused { .. }
            | Self::BoardTextTooLong
            | Self::EmptyInput
            | Self::EmptyLine
            | Self::LineTooLong
            | Self::Password { .. }
            | Self::PasswordSpace { .. }
            | Self::SeveralLines
            | Self::SeveralMessages { .. }
            | Self::Text(_) => ExitStatus::Data,
            Self::Refusal(refusal) => status_of(refusal),
            Self::HostUnknown { .. } | Self::HostForTls { .. } => ExitStatus::NoHost,
            Self::NotDialledBack { .. } => ExitStatus::Unavailable,
            Self::Listen { .. }
            | Self::Terminal(_)
            | Self::NoAuthorities
            | Self::TlsUnusable(_) => ExitStatus::System,
            Self::Output(_) | Self::Show(_) if self.is_quiet() => ExitStatus::Success,
            Self::Input(_) | Self::Output(_) | Self::Show(_) | Self::Unacknowledged(_) => {
                ExitStatus::InputOutput
            }
            Self::Connection { .. }
            | Self::Dropped { .. }
            | Self::AlreadyLoggedIn { .. }
            | Self::Gone { .. }
            | Self::Interrupted
            | Self::MessageRefused { .. }
            | Self::NameRefused { .. }
            | Self::Refused { .. }
            | Self::Stopped { .. }
            | Self::TimedOut { .. }
            | Self::Unconfirmed { .. } => ExitStatus::Temporary,
            Self::Deviation { .. }
            | Self::OtherListener { .. }
            | Self::Unanswered { .. }
            | Self::Tls { .. } => ExitStatus::Protocol,
            Self::LoginClosed { .. }
            | Self::LoginRefused { .. }
            | Self::ImLoginRefused { .. }
            | Self::Kicked { .. }
            | Self::NameTaken { .. }
            | Self::PasswordMissing { .. } => ExitStatus::NoPermission,
        }
    }

    /// Whether no message is printed: the reader of the output has closed it, as
    /// `head` does, or the status says everything.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        match self {
            Self::NothingUnread => true,
            Self::Output(error) | Self::Show(error) => error.kind() == io::ErrorKind::BrokenPipe,
            _ => false,
        }
    }
}

/// The status for a refusal over HTTP.
fn status_of(refusal: &Refusal) -> ExitStatus {
    match refusal.word() {
        "unreadable" | "defect" => ExitStatus::Unavailable,
        "name" | "channel" | "text" | "value" | "body-too-long" | "no-such-account" => {
            ExitStatus::Data
        }
        "looks-alike" | "taken" => ExitStatus::NoPermission,
        "unknown-host" | "cross-site" => ExitStatus::Protocol,
        _ if refusal.status() == 403 => ExitStatus::NoPermission,
        _ if refusal.status() == 410 || refusal.may_pass() => ExitStatus::Temporary,
        _ => ExitStatus::Protocol,
    }
}

/// Whether the board refused a valid text because it is full.
fn is_full(reason: &str) -> bool {
    matches!(reason, "disk full" | "too many hashtags")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerAddress;
    use crate::refusal::Head;

    #[test]
    fn each_refusal_over_http_has_the_status_of_what_a_script_can_do() {
        let ended = |status, body: &str| {
            let head = Head { status, retry_after: None, location: None };
            let refusal = Refusal::new(ServerAddress::new("h", 4406), head, body.as_bytes());
            ClientError::from(refusal).exit_status()
        };
        for (status, word, ends) in [
            (422, "text", ExitStatus::Data),
            (404, "no-such-account", ExitStatus::Data),
            (507, "mailbox-full", ExitStatus::Temporary),
            (507, "disk-full", ExitStatus::Temporary),
            (503, "busy", ExitStatus::Temporary),
            (429, "too-much", ExitStatus::Temporary),
            (410, "expired", ExitStatus::Temporary),
            (409, "taken", ExitStatus::NoPermission),
            (500, "unknown", ExitStatus::Temporary),
            (500, "defect", ExitStatus::Unavailable),
            (403, "unknown-host", ExitStatus::Protocol),
            (403, "not-invited", ExitStatus::NoPermission),
        ] {
            let body = format!(r#"{{"type":"/api/v1/problems/{word}","detail":"no"}}"#);
            assert_eq!(ended(status, &body), ends, "{word}");
        }
        // What a proxy says.
        assert_eq!(ended(502, "<html>"), ExitStatus::Temporary);
        assert_eq!(ended(404, "<html>"), ExitStatus::Protocol);
    }

    #[test]
    fn the_help_names_every_status() {
        for status in [
            ExitStatus::Success,
            ExitStatus::NothingUnread,
            ExitStatus::Usage,
            ExitStatus::Data,
            ExitStatus::NoInput,
            ExitStatus::NoHost,
            ExitStatus::Unavailable,
            ExitStatus::System,
            ExitStatus::InputOutput,
            ExitStatus::Temporary,
            ExitStatus::Protocol,
            ExitStatus::NoPermission,
            ExitStatus::Settings,
        ] {
            let row = format!("\n{:4}  ", status.code());
            assert!(HELP.contains(&row), "{status:?}");
        }
    }

    #[test]
    fn a_closed_output_is_no_failure() {
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        for error in [ClientError::Output(gone()), ClientError::Show(gone())] {
            assert!(error.is_quiet());
            assert_eq!(error.exit_status(), ExitStatus::Success);
        }
        let full = ClientError::Output(io::ErrorKind::StorageFull.into());
        assert!(!full.is_quiet());
        assert_eq!(full.exit_status(), ExitStatus::InputOutput);
    }
}
