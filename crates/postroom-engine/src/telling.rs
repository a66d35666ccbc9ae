//! Telling the sessions what they asked for, and what happened elsewhere.
//!
//! Posts are the work: one post may go to a thousand members of a channel. So the posts
//! in one channel that follow each other are passed to a member together, and
//! transmitted at once: one system call for each, from memory that the processor has at
//! hand.

use std::vec;

use postroom_model::{Event, Reply, SessionKey};
use postroom_office::{Output, Posts};
use postroom_protocol::{Input, Reading};
use postroom_store::Store;

use crate::Engine;
use crate::connection::{Ending, Phase};
use crate::key::ConnectionKey;

/// Bytes that may gather for one connection before they are transmitted.
const GATHERED_BYTES_MAX: usize = 64 << 10;

/// Something that is being passed on to several sessions.
pub(crate) struct Telling {
    what: Told,
    sessions: vec::IntoIter<SessionKey>,
    /// The session whose bytes are being transmitted.
    current: Option<Current>,
}

/// What [`Engine::tell`] has done.
pub(crate) enum Progress {
    /// The bytes of this connection are to be transmitted before the next is told.
    Transmit(ConnectionKey),
    /// Something, and there may be more.
    Told,
    /// There is nothing to tell.
    Nothing,
}

enum Told {
    Event(Event),
    /// Each with the session that posted it.
    Posts(Vec<(SessionKey, Event)>),
}

/// How far a session has been told.
#[derive(Clone, Copy)]
struct Current {
    session: SessionKey,
    front: ConnectionKey,
    /// How many of the posts.
    told: usize,
}

impl<S: Store> Engine<S> {
    /// Tells the next session: events in their order, replies to one session in theirs.
    pub(crate) fn tell(&mut self) -> Progress {
        if let Some(mut telling) = self.telling.take() {
            let key = self.tell_next(&mut telling);
            if telling.is_unfinished() {
                self.telling = Some(telling);
            }
            return key.map_or(Progress::Told, Progress::Transmit);
        }
        let Some(output) = self.office.take_output() else {
            return Progress::Nothing;
        };
        match output {
            Output::Reply(session, reply) => self.tell_reply(session, reply),
            Output::Event(sessions, event) => {
                self.log_event(&event);
                self.telling = Some(Telling::new(Told::Event(event), sessions));
            }
            Output::Posts(Posts { members, posts, .. }) => {
                self.telling = Some(Telling::new(Told::Posts(posts), members));
            }
            Output::Operator(told) => self.log_operator(told),
        }
        Progress::Told
    }

    fn tell_reply(&mut self, key: SessionKey, reply: Reply) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if let Reply::LoggedIn { name, .. } = &reply {
            session.account = Some(name.into());
        }
        self.log_reply(key, &reply);
        self.feed(key, Input::Reply(reply));
    }

    /// Tells one session, or the rest to the one before. Returns its connection if its
    /// bytes are to be transmitted before the next one is told.
    fn tell_next(&mut self, telling: &mut Telling) -> Option<ConnectionKey> {
        if let Some(current) = telling.current.take() {
            self.end_if_too_slow(current.front);
            if let Some(key) = self.tell_posts(telling, current) {
                return Some(key);
            }
        }
        let session = telling.sessions.next()?;
        let front = self.open_front(session)?;
        let current = Current { session, front, told: 0 };
        match &telling.what {
            Told::Posts(_) => self.tell_posts(telling, current),
            Told::Event(event) => {
                self.feed(session, Input::Event(event));
                let output = &self.connections.get(front.index())?.output;
                (output.len() > GATHERED_BYTES_MAX).then(|| {
                    telling.current = Some(current);
                    front
                })
            }
        }
    }

    /// Passes posts that are left to a member, as many as may gather.
    fn tell_posts(&mut self, telling: &mut Telling, current: Current) -> Option<ConnectionKey> {
        let Current { session, front, mut told } = current;
        let Told::Posts(posts) = &telling.what else {
            return None;
        };
        let is_new = |(author, _): &&(SessionKey, Event)| *author != session;
        if !posts[told..].iter().any(|post| is_new(&post)) || self.open_front(session)? != front {
            return None;
        }
        let output = &mut self.connections[front.index()].output;
        if output.capacity() == 0 {
            *output = self.spare.take_large();
        }
        self.run_session(session, |session, outputs| {
            // There is a new one, as seen above.
            let mut reading = Reading::Nothing;
            for post in &posts[told..] {
                told += 1;
                if is_new(&post) {
                    reading = session.input(Input::Event(&post.1), outputs);
                    if outputs.front.len() > GATHERED_BYTES_MAX {
                        break;
                    }
                }
            }
            reading
        });
        telling.current = Some(Current { session, front, told });
        let connection = self.connections.get(front.index())?;
        if connection.phase != Phase::Open {
            self.will_transmit(front);
            return None;
        }
        (!connection.output.is_empty()).then_some(front)
    }

    /// The client's connection of a session that is open still.
    fn open_front(&self, session: SessionKey) -> Option<ConnectionKey> {
        let front = self.sessions.get(session)?.front;
        (self.connections[front.index()].phase == Phase::Open).then_some(front)
    }

    /// A reader that does not keep up loses its connection.
    fn end_if_too_slow(&mut self, key: ConnectionKey) {
        let waiting = self.connections.get(key.index()).map(|connection| connection.output.len());
        if waiting.is_some_and(|waiting| waiting > self.settings.session.output_bytes_max) {
            self.remove(key, Ending::Overflow);
        }
    }
}

impl Telling {
    fn new(what: Told, sessions: Vec<SessionKey>) -> Self {
        Self { what, sessions: sessions.into_iter(), current: None }
    }

    fn is_unfinished(&self) -> bool {
        self.current.is_some() || self.sessions.len() > 0
    }
}
