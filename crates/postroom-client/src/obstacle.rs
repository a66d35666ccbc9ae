//! What keeps a client from coming back to its server: whether it may pass, and how it is told.

use crate::ClientError;
use crate::tls_failure::TlsFailure;

impl ClientError {
    /// Whether it may go well later, with the same name and password, where it has gone well
    /// before.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::TimedOut { .. }
                | Self::Dropped { .. }
                | Self::Unanswered { .. }
                | Self::Gone { .. }
                | Self::Stopped { .. }
                | Self::AlreadyLoggedIn { .. }
                | Self::NameRefused { .. }
                | Self::NotDialledBack { .. }
                | Self::Connection { .. }
                | Self::Tls { failure: TlsFailure::EndedEarly, .. }
        ) || matches!(self, Self::Refusal(refusal) if refusal.may_pass())
    }

    /// What happened, without the advice for a person who has to connect again.
    pub(crate) fn in_short(&self) -> String {
        match self {
            Self::Refused { server } => format!("{server} refuses connections"),
            Self::TimedOut { server, .. } => format!("{server} does not answer"),
            Self::Stopped { server } => format!("{server} is stopping"),
            Self::Dropped { server } | Self::Unanswered { server, .. } | Self::Gone { server } => {
                format!("{server} has ended the connection")
            }
            Self::AlreadyLoggedIn { name, .. } => {
                format!("{name} is still logged in, perhaps over the lost connection")
            }
            Self::NotDialledBack { server, .. } => {
                format!("{server} cannot connect back to this computer")
            }
            Self::Refusal(refusal) => refusal.in_short(),
            other => other.to_string(),
        }
    }
}
