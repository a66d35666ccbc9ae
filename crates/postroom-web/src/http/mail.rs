//! Streams of the messages of a mailbox.

use std::sync::Arc;

use futures_util::stream;
use postroom_model::{Delivery, MessageId, PEEK_MAX, Peeked, Reply, Request};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::connection::{Client, Common};
use super::event::Event;
use super::link::Session;
use super::message::{DeliveryLine, MessageLine};
use super::problem::Problem;
use super::stream::left;
use super::streams::{HEARTBEAT, Place, Telling, Told};
use crate::places::Held;

/// Hands out messages, each once the one before is confirmed.
struct Mail {
    common: Arc<Common>,
    session: Arc<Session>,
    socket: Arc<TcpStream>,
    confirmed: Arc<Notify>,
    /// A message is handed out that is not confirmed yet.
    awaits: bool,
    /// The session is told when a message comes.
    watches: bool,
    /// The connection waits for something as long as this.
    _held: Held,
    _place: Place,
}

/// The messages of a mailbox, the earliest first, for ever.
pub(super) fn follow(
    client: &Client,
    session: Arc<Session>,
    held: Held,
) -> Result<Telling, Problem> {
    let common = client.common();
    let confirmed = Arc::<Notify>::default();
    let mail = Mail {
        common: Arc::clone(common),
        session: Arc::clone(&session),
        socket: Arc::clone(client.socket()),
        confirmed: Arc::clone(&confirmed),
        awaits: false,
        watches: false,
        _held: held,
        _place: Place::take(common, &session)?,
    };
    let next = |mut mail: Mail| async move {
        let told = mail.next().await?;
        Some((told, mail))
    };
    Ok(Telling { session, told: Box::pin(stream::unfold(mail, next)), confirmed })
}

impl Mail {
    /// What comes next; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Told> {
        loop {
            let session = Arc::clone(&self.session);
            // From now on: a message may come before the session has answered.
            let mail = session.mail();
            if !self.awaits {
                match self.session.ask(Request::Read).await.ok()? {
                    Reply::Read(delivery) => {
                        self.awaits = true;
                        return Some(told(delivery));
                    }
                    Reply::NothingUnread if !self.watches => {
                        self.watches = true;
                        match self.session.ask(Request::WatchMail).await.ok()? {
                            // A message may have come before: it asks once more.
                            Reply::WatchesMail => continue,
                            _ => return None,
                        }
                    }
                    Reply::NothingUnread => {}
                    // The client comes again, and the store may be available then.
                    _ => return None,
                }
            }
            tokio::select! {
                () = self.confirmed.notified(), if self.awaits => self.awaits = false,
                () = mail, if !self.awaits => {}
                () = session.ended() => return None,
                () = self.common.stopped() => return None,
                () = left(&self.socket) => return None,
                () = sleep(HEARTBEAT) => return Some(Told::Quiet),
            }
        }
    }
}

/// Shows messages and hands none out.
struct View {
    common: Arc<Common>,
    session: Arc<Session>,
    socket: Arc<TcpStream>,
    /// It has shown everything up to this message.
    position: Option<MessageId>,
    watches: bool,
    _held: Held,
    _place: Place,
}

/// The unread messages of a mailbox behind this one, and those that come.
pub(super) fn show(
    client: &Client,
    session: Arc<Session>,
    after: Option<MessageId>,
    held: Held,
) -> Result<Telling, Problem> {
    let common = client.common();
    let view = View {
        common: Arc::clone(common),
        session: Arc::clone(&session),
        socket: Arc::clone(client.socket()),
        position: after,
        watches: false,
        _held: held,
        _place: Place::take(common, &session)?,
    };
    let next = |mut view: View| async move {
        let told = view.next().await?;
        Some((told, view))
    };
    let told = Box::pin(stream::unfold(view, next));
    Ok(Telling { session, told, confirmed: Arc::default() })
}

impl View {
    /// What comes next; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Told> {
        loop {
            let session = Arc::clone(&self.session);
            let mail = session.mail();
            let request = Request::Peek { after: self.position, count: PEEK_MAX };
            // The client comes again, and the store may be available then.
            let Reply::Peeked(Peeked { messages, .. }) = self.session.ask(request).await.ok()?
            else {
                return None;
            };
            if let Some(last) = messages.last() {
                self.position = Some(last.id);
                let event = |message| {
                    let line = MessageLine::of(message);
                    Event::new("message", &line.id.clone(), line)
                };
                return Some(Told::Events(messages.iter().map(event).collect()));
            }
            if !self.watches {
                self.watches = true;
                match self.session.ask(Request::WatchMail).await.ok()? {
                    // A message may have come before: it looks once more.
                    Reply::WatchesMail => continue,
                    _ => return None,
                }
            }
            tokio::select! {
                () = mail => {}
                () = session.ended() => return None,
                () = self.common.stopped() => return None,
                () = left(&self.socket) => return None,
                () = sleep(HEARTBEAT) => return Some(Told::Quiet),
            }
        }
    }
}

fn told(delivery: Delivery) -> Told {
    let id = delivery.id;
    Told::Message(id, Event::new("message", &id.to_string(), DeliveryLine::from(delivery)))
}
