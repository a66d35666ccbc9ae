//! Reading over HTTP: a lease hands a message out, and is confirmed once the message is printed.
//!
//! A confirmation may be lost with its connection, or come too late. The message is then either
//! removed or handed out once more; it is printed once.

use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;

use crate::ClientError;
use crate::entry::{Format, write};
use crate::http::{HttpClient, Leased};
use crate::returning::Returning;

/// How long a message is handed out, unless it is confirmed: after it, a message whose reader was
/// killed comes again.
const LEASE: Duration = Duration::from_secs(30);

/// How long one request waits for a message.
const WAIT: Duration = Duration::from_mins(1);

/// How long the end waits for the last confirmation.
const SETTLING_MAX: Duration = Duration::from_secs(2);

/// Printed messages that may come again, at most.
const DOUBTFUL_MAX: usize = 256;

/// A reader of a mailbox.
pub(super) struct Reader<'a> {
    client: HttpClient,
    format: Format,
    output: &'a mut dyn Write,
    /// It is printed, and its confirmation has no answer yet.
    printed: Option<Leased>,
    /// Ids of messages that were printed and perhaps not removed.
    doubtful: VecDeque<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(client: HttpClient, format: Format, output: &'a mut dyn Write) -> Self {
        Self { client, format, output, printed: None, doubtful: VecDeque::new() }
    }

    /// Prints the earliest unread message, or all of them; returns whether there was none.
    pub(super) fn read(&mut self, all: bool) -> Result<bool, ClientError> {
        let mut is_empty = true;
        while self.next(None)? {
            is_empty = false;
            if !all {
                break;
            }
        }
        if self.doubtful.is_empty() {
            return Ok(is_empty);
        }
        Err(ClientError::Unconfirmed { server: self.client.server().clone() })
    }

    /// Prints the next message, if there is one soon.
    pub(super) fn follow(&mut self, returning: &mut Returning<'_>) -> Result<(), ClientError> {
        // It is told that the client is there, before a message comes.
        let wait = returning.is_here().then_some(WAIT);
        self.next(wait)?;
        returning.arrive();
        Ok(())
    }

    /// Whatever has ended the client, what is printed is confirmed if that can be done at once.
    pub(super) fn settled(mut self, done: Result<(), ClientError>) -> Result<(), ClientError> {
        if self.printed.is_some() && done.is_ok() {
            self.client.hurry(SETTLING_MAX);
            // If it fails, the message comes again in the next run.
            let _ = self.confirm();
        }
        done
    }

    /// Prints the earliest unread message and removes it; returns whether there was one.
    fn next(&mut self, wait: Option<Duration>) -> Result<bool, ClientError> {
        self.confirm()?;
        let Some(leased) = self.client.lease(LEASE, wait)? else { return Ok(false) };
        let id = &leased.message.id;
        if let Some(at) = self.doubtful.iter().position(|doubtful| doubtful == id) {
            self.doubtful.remove(at);
        } else {
            let printed = leased.message.printed(self.format)?;
            write(self.output, &printed).map_err(ClientError::Output)?;
        }
        self.printed = Some(leased);
        self.confirm()?;
        Ok(true)
    }

    /// Confirms what is printed. A lease is the key's, so another connection can do it, too.
    fn confirm(&mut self) -> Result<(), ClientError> {
        let Some(leased) = &self.printed else { return Ok(()) };
        let is_removed = self.client.confirm(leased)?;
        if let Some(leased) = self.printed.take().filter(|_| !is_removed) {
            if self.doubtful.len() == DOUBTFUL_MAX {
                self.doubtful.pop_front();
            }
            self.doubtful.push_back(leased.message.id);
        }
        Ok(())
    }
}
