//! Telling the sessions what they asked for, and what happened elsewhere.
//!
//! Posts are the work: one post may go to a thousand members of a channel. They are kept
//! once (`recent/mod.rs`), and a member is told all that it has not been told yet at one
//! time: one system call for each, from memory that the processor has at hand.

use std::time::Instant;
use std::vec;

use postroom_model::{Event, Fault, Reply, SessionKey, faulty};
use postroom_office::{Output, Posts};
use postroom_protocol::{Input, PostHandling, Reading};

use crate::administration::AdminAnswer;
use postroom_store::Store;

use crate::Engine;
use crate::backlog::Backlog;
use crate::connection::Phase;
use crate::log::What;
use crate::recent::{ChannelPlace, Next, Position, RecentPosts};

/// Sessions that are told of posts, joins and leaves in a turn.
pub(crate) const TELLS_MAX: usize = 512;
/// Bytes that they are told.
const TELL_BYTES_MAX: usize = 2 << 20;

/// Bytes that an event, and the posts before it, may leave to be transmitted before more
/// sessions are told.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// Bytes that may gather for one connection before they are transmitted.
const GATHERED_BYTES_MAX: usize = 64 << 10;

/// Takes what a session is to be told next.
type NextKept = for<'a> fn(&'a RecentPosts, &mut [Position], SessionKey) -> Option<Next<'a>>;

/// How much may still be told of posts in a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TellsLeft {
    sessions: usize,
    bytes: usize,
}

impl TellsLeft {
    pub(crate) const WHOLE: Self = Self { sessions: TELLS_MAX, bytes: TELL_BYTES_MAX };

    fn is_nothing(self) -> bool {
        self.sessions == 0 || self.bytes == 0
    }
}

/// An event that is being passed on to several sessions.
#[derive(Debug)]
pub(crate) struct Telling {
    event: Event,
    sessions: vec::IntoIter<SessionKey>,
}

impl<S: Store> Engine<S> {
    /// Passes on the next output of the office; returns whether there was one. Replies
    /// to one session keep their order, and so do the events of one sender.
    pub(crate) fn tell(&mut self) -> bool {
        if let Some(telling) = self.telling.take() {
            self.tell_event(telling);
            return true;
        }
        let Some(output) = self.office.take_output() else {
            return self.announce_if_due();
        };
        match output {
            Output::Reply(session, reply) => self.tell_replies(session, reply),
            Output::Event(sessions, event) => {
                if let Event::PostDeleted { channel, id } = &event {
                    self.recent.forget_post(channel, *id);
                    self.tell_http_of_deletion(channel, *id);
                }
                self.telling = Some(Telling { event, sessions: sessions.into_iter() });
            }
            Output::Posts(posts) => self.keep_posts(posts),
            Output::Announcements(announcements) => self.announced(announcements),
            Output::Arrived(attendee) => self.log_presence(What::Joined(attendee)),
            Output::Departed(attendee) => self.log_presence(What::Left(attendee)),
            Output::Left(session, channel) => {
                // What was posted before is still on its way.
                self.tell_posts(session);
                if let Some(session) = self.sessions.get_mut(session) {
                    self.recent.leave(&mut session.positions, &channel);
                }
            }
            Output::Gone(channel) => self.tell_http_of_end(channel),
            Output::Operator(told) => self.log_operator(told),
            Output::Administered(ticket, answer) => {
                self.log_change(&answer);
                let answer = Box::new(AdminAnswer::Accounts(answer));
                self.outputs.push_back(crate::Output::Administered(ticket, answer));
            }
            Output::AboutChannels(ticket, about) => self.tell_about_channels(ticket, about),
            Output::AboutBan(ticket, about) => self.tell_about_ban(ticket, about),
            Output::Swept(swept) => self.swept(swept),
            Output::Expelled(session) => self.end_by_operator(session),
        }
        true
    }

    /// Keeps posts, and lists the members to be told of them.
    fn keep_posts(&mut self, Posts { channels, posts }: Posts) {
        let begin = |(channel, members)| {
            let is_due = self.recent.place(&channel).is_some_and(|place| self.due.is_due(place));
            (self.recent.end_of(channel, is_due), members)
        };
        let listed: Vec<_> = channels.into_iter().map(begin).collect();
        for post in posts {
            self.tell_http_of_post(&post.posted);
            self.recent.add(post);
        }
        for (position, members) in listed {
            self.list_due(position, members);
            for author in self.recent.authors_since(position) {
                if let Some(session) = self.sessions.get_mut(author) {
                    RecentPosts::note_own(&mut session.positions, position);
                }
            }
            self.recent.forget_if_nobody_reads(position);
        }
    }

    /// Passes on a reply, and the replies to the same session that follow it.
    fn tell_replies(&mut self, key: SessionKey, first: Reply) {
        self.tell_posts(key);
        let Some(mut buffers) = self.lend_buffers(key, 0) else {
            return;
        };
        let mut reading = Reading::Nothing;
        let mut next = Some(first);
        while let Some(reply) = next
            && let Some(session) = self.sessions.get_mut(key)
        {
            if let Reply::LoggedIn { name, .. } = &reply {
                session.account = Some(name.into());
            }
            self.log_reply(key, &reply);
            if let Some(session) = self.sessions.get_mut(key) {
                reading = session.state.input(Input::Reply(reply), &mut buffers.outputs);
            }
            next = self.office.take_reply(key).filter(|_| !faulty(Fault::RepliesCut));
        }
        self.carry_out(key, buffers, reading);
    }

    fn tell_event(&mut self, telling: Telling) {
        let Telling { event, mut sessions } = telling;
        let before = self.held_bytes;
        while let Some(session) = sessions.next() {
            self.tell_posts(session);
            self.tell_announcements(session);
            if self.has_room_for_a_line(session, &event) {
                self.tell_missed_lines(session);
                self.feed(session, Input::Event(&event));
            }
            self.event_bytes = self.held_bytes.saturating_sub(before);
            if self.event_bytes > EVENT_BYTES_MAX && sessions.len() > 0 {
                self.telling = Some(Telling { event, sessions });
                return;
            }
        }
        self.event_bytes = 0;
    }

    /// Whether bytes must be transmitted before more sessions are told of an event.
    pub(crate) fn transmits_first(&mut self) -> bool {
        if self.unsent.is_empty() {
            self.event_bytes = 0;
        }
        self.telling.is_some() && self.event_bytes > EVENT_BYTES_MAX
    }

    /// Whether a live line may be added to what waits for a session. Where it may not,
    /// the session has missed it.
    fn has_room_for_a_line(&mut self, key: SessionKey, event: &Event) -> bool {
        let output_bytes_max = self.output_bytes_max();
        let Some(session) = self.sessions.get_mut(key) else {
            return false;
        };
        let connection = &self.connections[session.front.index()];
        let has_room = matches!(session.protocol.posts, PostHandling::Queued)
            || connection.waiting() <= output_bytes_max;
        if !has_room && matches!(event, Event::Told(_)) && connection.phase == Phase::Open {
            session.missed_lines += 1;
            self.counts.lines_missed += 1;
        }
        has_room && connection.phase == Phase::Open
    }

    /// Lists sessions to be told what follows a position, but those that are behind: they
    /// catch up once their connections have room.
    pub(crate) fn list_due(&mut self, position: Position, mut sessions: Vec<SessionKey>) {
        sessions.retain(|key| {
            let Some(session) = self.sessions.get_mut(*key) else {
                return false;
            };
            let entered = self.recent.enter(&mut session.positions, position);
            let queues = matches!(session.protocol.posts, PostHandling::Queued);
            let is_stuck = self.connections[session.front.index()].is_stuck && !queues;
            session.backlog = session.backlog.added(is_stuck);
            session.backlog == Backlog::Due && !std::mem::replace(&mut entered.is_due, true)
        });
        self.due.add(position.channel, sessions);
    }

    /// Tells the next session that is due, if this turn may tell one more.
    pub(crate) fn tell_next_due(&mut self) -> bool {
        if self.tells_left.is_nothing() {
            return false;
        }
        // Of four, one that catches up.
        let catches_up = self.tells_left.sessions.is_multiple_of(4) || self.due.is_empty();
        let behind = if catches_up { self.catching_up.pop_front() } else { None };
        let told = if let Some(key) = behind {
            if let Some(session) = self.sessions.get_mut(key) {
                session.is_catching_up = false;
            }
            self.tell_posts(key)
        } else if let Some((channel, member)) = self.due.next() {
            self.tell_member(channel, member)
        } else {
            return false;
        };
        self.tells_left.sessions -= 1;
        self.tells_left.bytes = self.tells_left.bytes.saturating_sub(told);
        true
    }

    /// Tells a member what is new in a channel, and in its others; returns how many bytes
    /// that took.
    fn tell_member(&mut self, channel: ChannelPlace, key: SessionKey) -> usize {
        let told = self.tell_posts(key);
        let mut again = None;
        if let Some(session) = self.sessions.get_mut(key) {
            again = (session.backlog == Backlog::Due).then_some(key);
            let mut positions = session.positions.iter_mut();
            if let Some(position) = positions.find(|position| position.channel == channel) {
                position.is_due = again.is_some();
            }
        }
        let posters = self.due.told(channel, told, again);
        self.queued.ready.extend(posters);
        told
    }

    /// Lists a session whose connection has room again, if it has fallen behind.
    pub(crate) fn catch_up(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if session.backlog == Backlog::Behind
            && !faulty(Fault::BehindForgotten)
            && !std::mem::replace(&mut session.is_catching_up, true)
        {
            self.catching_up.push_back(key);
        }
        self.tell_missed_lines(key);
    }

    /// Tells a session how many live lines it has missed, before those that come after.
    fn tell_missed_lines(&mut self, key: SessionKey) {
        let session = self.sessions.get_mut(key);
        let missed = session.map_or(0, |session| std::mem::take(&mut session.missed_lines));
        if missed > 0 {
            self.feed(key, Input::Event(&Event::MissedLines(missed)));
        }
    }

    /// Tells a session the posts, joins and leaves that it has not been told, as many as may
    /// gather, unless its connection has no room: it goes on from there when that has some.
    /// Returns how many bytes that took.
    fn tell_posts(&mut self, key: SessionKey) -> usize {
        let Some(session) = self.sessions.get(key).filter(|session| session.backlog.is_some())
        else {
            return 0;
        };
        let front = session.front;
        let bytes_max = GATHERED_BYTES_MAX.min(self.output_bytes_max());
        let connection = &mut self.connections[front.index()];
        // A client of a protocol that queues posts reads them elsewhere.
        let (is_stuck, bytes_max) = match session.protocol.posts {
            PostHandling::Queued => (false, usize::MAX),
            PostHandling::Rendered(_) | PostHandling::None => (connection.is_stuck, bytes_max),
        };
        let has_room = !is_stuck && connection.waiting() <= bytes_max;
        if !has_room || connection.phase != Phase::Open {
            if let Some(session) = self.sessions.get_mut(key) {
                session.backlog = session.backlog.had_no_room();
            }
            return 0;
        }
        let before = connection.waiting();
        if connection.output.capacity() == 0 {
            connection.output = self.spare.take_large();
        }
        let has_more = match self.write_untold(key, bytes_max) {
            Some(has_more) => has_more,
            None => self.tell_kept(key, bytes_max, RecentPosts::next),
        };
        if let Some(session) = self.sessions.get_mut(key) {
            session.backlog = session.backlog.told(has_more);
        }
        self.connections[front.index()].waiting() - before
    }

    /// Writes a session the lines of posts that were rendered for another one before, where
    /// those are all that it has to be told; returns whether there are more.
    fn write_untold(&mut self, key: SessionKey, bytes_max: usize) -> Option<bool> {
        let session = self.sessions.get_mut(key)?;
        let (protocol, front) = (session.protocol, session.front);
        let connection = &mut self.connections[front.index()];
        let PostHandling::Rendered(render) = protocol.posts else {
            return None;
        };
        if connection.waiting() > 0 || !session.state.shows_posts() {
            return None;
        }
        let untold = self.recent.untold(&mut session.positions)?;
        let asked_at = untold.asked_at();
        let (lines, posts) = self.rendered.lines(protocol.name, render, &untold, bytes_max);
        let has_more = posts < untold.len();
        connection.output.extend_from_slice(lines);
        self.held_bytes += connection.held();
        untold.told(posts);
        self.turn.told(asked_at, posts as u64);
        self.will_transmit(front);
        Some(has_more)
    }

    /// Tells a session who has joined and left, before a line that waits for no posts: it
    /// may be from one of them.
    fn tell_announcements(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get(key).filter(|session| session.backlog.is_some())
        else {
            return;
        };
        let connection = &self.connections[session.front.index()];
        let bytes_max = self.output_bytes_max();
        if connection.waiting() <= bytes_max && connection.phase == Phase::Open {
            self.tell_kept(key, bytes_max, RecentPosts::next_announcement);
        }
    }

    /// Tells a session what `next` gives until more than so many bytes wait; returns
    /// whether there may be more.
    fn tell_kept(&mut self, key: SessionKey, bytes_max: usize, next: NextKept) -> bool {
        let Some(front) = self.sessions.get(key).map(|session| session.front) else {
            return false;
        };
        let mut reading = self.connections[front.index()].reading;
        let Some(mut buffers) = self.lend_buffers(key, 0) else {
            return false;
        };
        let mut has_more = false;
        let mut told = Told::default();
        if let Some(session) = self.sessions.get_mut(key) {
            while let Some(next) = next(&self.recent, &mut session.positions, key) {
                let outputs = &mut buffers.outputs;
                match (next, session.protocol.posts) {
                    (Next::Post(posted, asked_at), PostHandling::Rendered(render)) => {
                        if session.state.shows_posts() {
                            render(posted, &mut outputs.front);
                            told.add(asked_at);
                        }
                    }
                    (Next::Post(posted, asked_at), _) => {
                        told.add(asked_at);
                        reading = session.state.input(Input::Post(posted), outputs);
                    }
                    (Next::Announced(event), _) => {
                        reading = session.state.input(Input::Event(event), outputs);
                    }
                    (Next::Missed(event), _) => {
                        if let Event::Missed { missed, .. } = &event {
                            self.counts.posts_missed += missed;
                        }
                        reading = session.state.input(Input::Event(&event), outputs);
                    }
                }
                if buffers.outputs.front.len() > bytes_max {
                    has_more = true;
                    break;
                }
            }
        }
        if let Some(earliest) = told.earliest {
            self.turn.told(earliest, told.posts);
        }
        self.carry_out(key, buffers, reading);
        has_more
    }
}

/// Posts that a session is told together.
#[derive(Debug, Default)]
struct Told {
    posts: u64,
    /// When the earliest of them was asked for.
    earliest: Option<Instant>,
}

impl Told {
    fn add(&mut self, asked_at: Instant) {
        self.posts += 1;
        self.earliest.get_or_insert(asked_at);
    }
}
