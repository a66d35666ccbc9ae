//! Coming back, for the clients that wait for what comes and have nobody who types: each pause
//! before another attempt, and what is told of it.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::ClientError;
use crate::backoff::{Backoff, LASTING};
use crate::signals::Signals;

/// The longest pause that a server can ask for.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// How far the client has come, and how it comes back.
pub(crate) struct Returning<'a> {
    backoff: Backoff,
    phase: Phase,
    /// The obstacle that was told last.
    told: String,
    is_wanted: bool,
    signals: Signals,
    complaints: &'a mut dyn Write,
}

/// How far it has come.
///
/// ```text
/// New ─▶ Here ◀─▶ Away
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// The server has granted nothing yet: a failure ends the client.
    New,
    /// It is connected.
    Here { since: Instant },
    /// The connection is lost.
    Away,
}

impl<'a> Returning<'a> {
    /// `is_wanted`: whether to come back at all. What happens is told to `complaints`.
    pub(crate) fn new(is_wanted: bool, signals: Signals, complaints: &'a mut dyn Write) -> Self {
        let (backoff, told) = (Backoff::new(), String::new());
        Self { backoff, phase: Phase::New, told, is_wanted, signals, complaints }
    }

    /// Whether the connection is lost.
    fn is_away(&self) -> bool {
        self.phase == Phase::Away
    }

    /// Whether it is connected, as far as it knows.
    pub(crate) fn is_here(&self) -> bool {
        matches!(self.phase, Phase::Here { .. })
    }

    /// The server has granted what was asked for.
    pub(crate) fn arrive(&mut self) {
        if self.is_away() {
            self.say("Connected again.");
        }
        if !self.is_here() {
            self.phase = Phase::Here { since: Instant::now() };
        }
    }

    /// Waits after an error before the next attempt. Fails with the error where that is not
    /// wanted, or would not help, and with `Interrupted` by a signal.
    pub(crate) fn recover(&mut self, error: ClientError) -> Result<(), ClientError> {
        if !self.is_wanted || self.phase == Phase::New || !error.may_pass() {
            return Err(error);
        }
        let obstacle = error.in_short();
        if let Phase::Here { since } = self.phase {
            if since.elapsed() >= LASTING {
                self.backoff = Backoff::new();
            }
            self.phase = Phase::Away;
            self.say(&format!("Connection lost: {obstacle}. Connecting again; Ctrl-C leaves."));
        } else if self.told != obstacle {
            self.say(&format!("Not connected yet: {obstacle}."));
        }
        self.told = obstacle;
        let wanted = match &error {
            ClientError::Refusal(refusal) => refusal.retry_after().unwrap_or_default(),
            _ => 0,
        };
        let pause = self.backoff.pause().max(Duration::from_secs(wanted)).min(PAUSE_MAX);
        self.signals.pause(pause).map_err(|error| match error.kind() {
            std::io::ErrorKind::Interrupted => ClientError::Interrupted,
            _ => ClientError::Input(error),
        })
    }

    fn say(&mut self, words: &str) {
        // If nobody can be told, the client goes on.
        let _ = writeln!(self.complaints, "postroom: {}", postroom_model::Safe(words));
    }
}

/// Does something until a signal ends it, and again where it fails and may go well later.
pub(crate) fn repeat(
    returning: &mut Returning<'_>,
    mut attempt: impl FnMut(&mut Returning<'_>) -> Result<(), ClientError>,
) -> Result<(), ClientError> {
    loop {
        let error = match attempt(returning) {
            Ok(()) => continue,
            Err(error) => error,
        };
        match error {
            ClientError::Interrupted => return Ok(()),
            error => match returning.recover(error) {
                Err(ClientError::Interrupted) => return Ok(()),
                recovered => recovered?,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerAddress;

    fn gone() -> ClientError {
        ClientError::Gone { server: ServerAddress::new("h", 1) }
    }

    #[test]
    fn only_who_has_been_there_comes_back() {
        let mut complaints = Vec::new();
        let mut returning = Returning::new(true, Signals::default(), &mut complaints);
        assert!(returning.recover(gone()).is_err());
        returning.arrive();
        returning.recover(gone()).unwrap();
        assert!(returning.is_away());
        returning.recover(gone()).unwrap();
        returning.arrive();
        assert!(returning.recover(ClientError::NameMissing).is_err());
        let said = "postroom: Connection lost: h:1 has ended the connection. Connecting again; \
                    Ctrl-C leaves.\npostroom: Connected again.\n";
        assert_eq!(String::from_utf8(complaints).unwrap(), said);
    }

    #[test]
    fn who_is_not_to_come_back_does_not() {
        let mut complaints = Vec::new();
        let mut returning = Returning::new(false, Signals::default(), &mut complaints);
        returning.arrive();
        assert!(returning.recover(gone()).is_err());
        assert!(complaints.is_empty());
    }
}
