//! Streams of live lines to an account. It is present while one is open.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::stream;
use postroom_model::{Mark, PresenceTerms, Reply, Request};
use postroom_server::now;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::connection::{Client, Common};
use super::event::Event;
use super::link::{Lines, Session};
use super::problem::{Problem, TAKEN};
use super::reply::{not_replied, unavailable, unexpected};
use super::stream::left;
use super::streams::{HEARTBEAT, Place, Telling, Told};
use crate::api::Time;
use crate::places::Held;

/// A live line.
#[derive(Serialize)]
struct Line {
    id: String,
    time: Time,
    from: String,
    text: String,
}

/// Lines for which there was no room.
#[derive(Serialize)]
struct Missed {
    missed: usize,
}

/// Tells lines.
struct Live {
    common: Arc<Common>,
    session: Arc<Session>,
    socket: Arc<TcpStream>,
    /// What was taken and is to be told.
    waiting: VecDeque<Told>,
    /// The number of the line that was told last.
    last: u64,
    /// The connection waits for something as long as this.
    _held: Held,
    _place: Place,
}

/// The live lines to an account from now on.
pub(super) async fn follow(
    client: &Client,
    session: Arc<Session>,
    held: Held,
) -> Result<Telling, Problem> {
    let common = client.common();
    let place = Place::take(common, &session)?;
    match session.ask(Request::Appear(PresenceTerms::DEVICE)).await.map_err(not_replied)? {
        Reply::Appeared => {}
        Reply::NotAppeared => {
            let detail = "an account without a password is present once, and this one is \
                          elsewhere; nothing was changed";
            return Err(Problem::new(&TAKEN, detail));
        }
        Reply::Unavailable => return Err(unavailable()),
        _ => return Err(unexpected()),
    }
    let live = Live {
        common: Arc::clone(common),
        session: Arc::clone(&session),
        socket: Arc::clone(client.socket()),
        waiting: VecDeque::new(),
        last: 0,
        _held: held,
        _place: place,
    };
    let next = |mut live: Live| async move {
        let told = live.next().await?;
        Some((told, live))
    };
    let told = Box::pin(stream::unfold(live, next));
    Ok(Telling { session, told, confirmed: Arc::default() })
}

impl Live {
    /// What comes next; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Told> {
        if let Some(told) = self.waiting.pop_front() {
            return Some(told);
        }
        let lines = tokio::select! {
            lines = self.session.lines() => lines,
            () = self.session.ended() => return None,
            () = self.common.stopped() => return None,
            () = left(&self.socket) => return None,
            () = sleep(HEARTBEAT) => return Some(Told::Quiet),
        };
        self.take(lines);
        self.waiting.pop_front()
    }

    fn take(&mut self, Lines { waiting, missed }: Lines) {
        for line in waiting {
            self.last += 1;
            let id = format!("l{}", self.last);
            let (from, text) = (line.sender.to_string(), line.text.as_str().to_owned());
            let shown = Line { id: id.clone(), time: now().into(), from, text };
            let mark: Option<Mark> = line.mark;
            let event = Event::new("private", &id, shown);
            self.waiting.push_back(Told::Line { id, mark, event });
        }
        if missed > 0 {
            let event = Event::passing("missed", Missed { missed });
            self.waiting.push_back(Told::Events(vec![event]));
        }
    }
}
