//! Telling sessions what happened: replies to what they asked, and events.

use postroom_model::{Attendee, Event};
use postroom_office::{Audience, News, SessionId};
use postroom_protocol::Input;
use postroom_store::Store;

use crate::connection::{Buffer, Phase};
use crate::event_loop::Server;

/// Bytes that may gather for one connection within a turn before they are
/// written.
const GATHERED_BYTES_MAX: usize = 64 << 10;

impl<S: Store> Server<S> {
    /// Tells the news, in their order.
    pub(crate) fn tell(&mut self, news: &mut Vec<News>) {
        for news in news.drain(..) {
            match news {
                News::Reply(session, reply) => {
                    let Some(front) = self.seats.find(session).map(|seat| seat.front) else {
                        continue;
                    };
                    let waits = self.connections[front].readable;
                    self.feed(session.key(), Input::Reply(reply));
                    if waits {
                        self.will_take(front);
                    }
                }
                News::Event(audience, event) => self.tell_event(&audience, &event),
            }
        }
    }

    fn tell_event(&mut self, audience: &Audience, event: &Event) {
        log(event);
        let mut sessions = std::mem::take(&mut self.audience);
        self.office.audience(audience, &mut sessions);
        for session in sessions.drain(..) {
            self.tell_one(session, event);
        }
        self.audience = sessions;
    }

    fn tell_one(&mut self, session: SessionId, event: &Event) {
        let Some(front) = self.seats.find(session).map(|seat| seat.front) else {
            return;
        };
        if self.connections[front].phase != Phase::Open {
            return;
        }
        self.feed(session.key(), Input::Event(event));
        if self.connections[front].output.len() > GATHERED_BYTES_MAX {
            self.relieve(front);
        }
    }

    /// Writes what has gathered; a reader that does not keep up loses its
    /// connection.
    fn relieve(&mut self, key: usize) {
        let connection = &mut self.connections[key];
        let is_broken = connection.buffer == Buffer::HasRoom && connection.flush().is_err();
        let waiting = connection.output.len();
        if !is_broken && waiting > self.settings.session.output_bytes_max {
            tracing::info!(bytes = waiting, "a client reads too slowly and loses its connection");
        }
        if is_broken || waiting > self.settings.session.output_bytes_max {
            self.remove(key);
        }
    }
}

/// The log tells who comes and goes.
fn log(event: &Event) {
    match event {
        Event::Arrived(Attendee { name, active }) => {
            tracing::info!(%name, active, "User has joined");
        }
        Event::Departed(Attendee { name, active }) => {
            tracing::info!(%name, active, "User has left");
        }
        _ => {}
    }
}
