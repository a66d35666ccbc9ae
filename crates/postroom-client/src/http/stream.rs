//! A stream of server-sent events.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hyper::body::Incoming;

use super::connection::{Open, PROTOCOL, failure, unspoken};
use super::event::{Event, EventParser};
use crate::signals::Signals;
use crate::{ClientError, ServerAddress};

/// A stream on which nothing has come for so long is lost: the server shows every 15 s that it is
/// there.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// The events of a server, as they come.
pub(crate) struct Stream {
    open: Open,
    body: Incoming,
    parser: EventParser,
    come: VecDeque<Event>,
    server: ServerAddress,
    signals: Signals,
}

impl Stream {
    pub(super) fn new(open: Open, body: Incoming, server: ServerAddress, signals: Signals) -> Self {
        let parser = EventParser::new();
        Self { open, body, parser, come: VecDeque::new(), server, signals }
    }

    /// The next event. A stream has no end but that of its connection.
    pub(crate) fn next(&mut self) -> Result<Event, ClientError> {
        loop {
            if let Some(event) = self.come.pop_front() {
                return Ok(event);
            }
            let deadline = Instant::now() + SILENCE_MAX;
            let frame = self.open.frame(&mut self.body, deadline, &self.signals);
            let frame = frame
                .map_err(|error| failure(&self.server, self.open.wire(), SILENCE_MAX, error))?;
            let bytes = match frame {
                None => return Err(ClientError::Gone { server: self.server.clone() }),
                Some(Err(error)) => {
                    let wire = Some(self.open.wire());
                    return Err(unspoken(&self.server, SILENCE_MAX, &error, wire));
                }
                Some(Ok(bytes)) => bytes,
            };
            let come = self.parser.push(&bytes);
            let come = come
                .map_err(|deviation| ClientError::deviation(&self.server, PROTOCOL, deviation))?;
            self.come.extend(come);
        }
    }
}
