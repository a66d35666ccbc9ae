//! Telling sessions what happened: replies to what they asked, and events.
//!
//! Posts that follow each other in one channel are told member by member, all to
//! one before the next, and written at once: one call for each, from memory that
//! the processor has at hand.

use std::io;

use postroom_model::{Attendee, Event, Reply};
use postroom_office::{Audience, Member, Moment, News, SessionKey};
use postroom_protocol::Input;
use postroom_store::{Damaged, Store};

use crate::connection::{Buffer, Ending, Phase};
use crate::event_loop::Server;

/// Bytes that may gather for one connection within a turn before they are
/// written.
const GATHERED_BYTES_MAX: usize = 64 << 10;

/// A post that is still to be told.
pub(crate) struct Untold {
    /// Who knows it already.
    except: SessionKey,
    at: Moment,
    event: Event,
}

impl<S: Store> Server<S> {
    /// Tells the news: events in their order, replies to one session in theirs.
    pub(crate) fn tell(&mut self, news: &mut Vec<News>) {
        for news in news.drain(..) {
            match news {
                News::Reply(session, reply) => self.tell_reply(session, reply),
                News::Event(Audience::Channel { except, at, .. }, event @ Event::Posted(_)) => {
                    if !self.is_of_the_same_channel(&event) {
                        self.tell_posts();
                    }
                    self.posts.push(Untold { except, at, event });
                }
                News::Event(audience, event) => {
                    self.tell_posts();
                    self.tell_event(&audience, &event);
                }
                other => tell_operator(&other),
            }
        }
        self.tell_posts();
    }

    fn tell_reply(&mut self, session: SessionKey, reply: Reply) {
        let Some(front) = self.seats.find(session).map(|seat| seat.front) else {
            return;
        };
        let waits = self.connections[front].readable;
        if let Reply::LoggedIn { name, .. } = &reply
            && let Some(seat) = self.seats.get_mut(session.key())
        {
            seat.account = Some(name.into());
        }
        self.log_reply(session.key(), &reply);
        self.feed(session.key(), Input::Reply(reply));
        if waits {
            self.will_take(front);
        }
    }

    fn tell_event(&mut self, audience: &Audience, event: &Event) {
        log(event);
        let mut sessions = std::mem::take(&mut self.audience);
        self.office.audience(audience, &mut sessions);
        for session in sessions.drain(..) {
            if let Some(front) = self.open_front(session) {
                self.feed(session.key(), Input::Event(event));
                if self.connections[front].output.len() > GATHERED_BYTES_MAX {
                    self.relieve(front);
                }
            }
        }
        self.audience = sessions;
    }

    fn is_of_the_same_channel(&self, event: &Event) -> bool {
        match (self.posts.last(), event) {
            (Some(Untold { event: Event::Posted(last), .. }), Event::Posted(posted)) => {
                last.channel == posted.channel
            }
            _ => true,
        }
    }

    /// Tells the posts that have gathered to all who are in their channel.
    fn tell_posts(&mut self) {
        let mut posts = std::mem::take(&mut self.posts);
        let mut members = std::mem::take(&mut self.members);
        if let Some(Untold { event: Event::Posted(first), .. }) = posts.first() {
            members.extend_from_slice(self.office.members(&first.channel));
        }
        for member in members.drain(..) {
            self.tell_posts_to(member, &posts);
        }
        posts.clear();
        (self.posts, self.members) = (posts, members);
    }

    fn tell_posts_to(&mut self, Member { session, since }: Member, posts: &[Untold]) {
        let is_new = |post: &&Untold| post.except != session && since < post.at;
        let mut new = posts.iter().filter(is_new).peekable();
        while new.peek().is_some()
            && let Some(front) = self.open_front(session)
        {
            self.run_session(session.key(), |session, outputs| {
                for post in new.by_ref() {
                    session.input(Input::Event(&post.event), outputs);
                    if outputs.front.len() > GATHERED_BYTES_MAX {
                        return;
                    }
                }
            });
            self.relieve(front);
            self.will_flush_session(session.key());
        }
    }

    /// The client's connection of a session that is open still.
    fn open_front(&self, session: SessionKey) -> Option<usize> {
        let front = self.seats.find(session)?.front;
        (self.connections[front].phase == Phase::Open).then_some(front)
    }

    /// Writes what has gathered; a reader that does not keep up loses its
    /// connection.
    fn relieve(&mut self, key: usize) {
        let connection = &mut self.connections[key];
        let is_broken = connection.buffer == Buffer::HasRoom && connection.flush().is_err();
        let waiting = connection.output.len();
        if is_broken {
            self.remove(key, Ending::Broken(io::ErrorKind::ConnectionReset));
        } else if waiting > self.settings.session.output_bytes_max {
            self.remove(key, Ending::Overflow);
        } else if waiting == 0 {
            self.spare.put(std::mem::take(&mut connection.output));
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

/// Tells the operator, in the log, what the office has found out about the password
/// file.
fn tell_operator(news: &News) {
    match news {
        News::NotLocked => tracing::warn!(
            "the store has no room to lock an account of the password file: \
             make room, or raise accounts.max, before its line is removed; \
             until then the lock is tried again at logins"
        ),
        News::Damaged(Damaged { table, key, what }) => {
            tracing::error!(table, key, what, "a damaged record was set aside");
        }
        News::AllLocked => {
            tracing::info!("all accounts of the password file are locked now");
        }
        News::PasswordsLate => tracing::warn!(
            "reading the password file takes too long: \
             logins go on with the passwords read before"
        ),
        News::PasswordsInTime => tracing::info!("the password file is read in time again"),
        News::Reply(..) | News::Event(..) => {}
    }
}
