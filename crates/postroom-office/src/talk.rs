//! Posts in channels, live lines, and their delivery receipts.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use postroom_model::{
    Channel, Committed, Event, Fault, Mark, Name, NotTold, Notice, Post, PostId, PostRefusal,
    Posted, Reply, SessionKey, Stamp, Text, Told, faulty,
};
use postroom_store::{AccountId, Call, Store};

use crate::Office;
use crate::calls::{Origin, RequestKey};
use crate::creations::Kind;
use crate::find;
use crate::once::Keyed;
use crate::output::{NewPost, Output, Posts};
use crate::session::{self, Awaited, Session, Stage};

/// Maximum channels per session, without `#lobby`.
const CHANNELS_PER_SESSION_MAX: usize = 64;

/// Channels whose posts are gathered.
const GATHERED_MAX: usize = 16;

impl<S: Store> Office<S> {
    pub(crate) fn join(&mut self, key: RequestKey, channel: &Channel) {
        if !self.may_enter(key.session, channel) {
            let reply = self.refusal_to_join(key.session);
            return self.resolve(key, reply);
        }
        let Some(work) = self.session(key.session).and_then(|record| record.work()) else {
            return;
        };
        let reply = if work.channels.contains(channel) {
            Reply::Joined
        } else if work.channels.len() == CHANNELS_PER_SESSION_MAX {
            Reply::NotJoined
        } else {
            work.channels.push(channel.clone());
            self.push_posts();
            if self.live.join(key.session, channel) {
                self.store.set_members(channel, true);
            }
            Reply::Joined
        };
        self.resolve(key, reply);
    }

    /// Makes a session, or what stands for several, a member of a channel whatever else it is a
    /// member of, or no longer. It hears the posts from now on.
    pub fn listen(&mut self, session: SessionKey, channel: &Channel, listens: bool) {
        self.push_posts();
        if listens && self.live.join(session, channel) {
            self.store.set_members(channel, true);
        } else if !listens && self.live.leave_channel(session, channel) {
            self.store.set_members(channel, false);
        }
    }

    pub(crate) fn leave_channel(&mut self, key: RequestKey, channel: &Channel) {
        let Some(work) = self.session(key.session).and_then(|record| record.work()) else {
            return;
        };
        let place = work.channels.iter().position(|joined| joined == channel);
        if let Some(place) = place {
            work.channels.swap_remove(place);
            self.push_posts();
            if !faulty(Fault::ToldAfterLeaving) && self.live.leave_channel(key.session, channel) {
                self.store.set_members(channel, false);
            }
            self.outputs.push_back(Output::Left(key.session, channel.clone()));
        }
        self.resolve(key, Reply::Left(place.is_some()));
    }

    pub(crate) fn post(
        &mut self,
        key: RequestKey,
        mut channels: Vec<Channel>,
        text: Text,
        awaits_delivery: bool,
        keyed: Option<Keyed>,
    ) {
        let Some(record) = self.session(key.session) else {
            return;
        };
        if let Some(present) = record.present().filter(|_| awaits_delivery) {
            let mark = present.next_mark(key.session);
            let stage = Stage::Storing { is_abandoned: false };
            present.awaited = Some(Awaited { number: key.number, mark, stage });
        }
        let has_proved = record.has_proved;
        let (shown, author) = session::author(record.known(), record.guest);
        if author.is_some() && !has_proved {
            // The store knows accounts, and not how a session has come to its own.
            channels.retain(|channel| self.store.may_enter(channel, None));
            if channels.is_empty() {
                self.stored(key);
                return self.resolve(key, Reply::NotPosted(PostRefusal::NotInvited));
            }
        }
        let post = Arc::new(Post { author: shown, channels, text });
        let hashtags = post.channels.iter().filter(|channel| !channel.is_built_in()).count();
        let wanted = u32::try_from(hashtags).unwrap_or(u32::MAX);
        let reservation = self.reserve(key.session, Kind::Channel, wanted);
        let may_create = reservation.map_or(0, |reserved| reserved.count());
        let call = Keyed::wrap(keyed, Call::Post { author, post, may_create });
        self.submit_reserved(Origin::Request(key), call, reservation);
    }

    /// Handles a post that is on disk: sends it to the members of its channels.
    pub(crate) fn posted(
        &mut self,
        key: RequestKey,
        stored: &Committed<(Arc<Post>, Stamp)>,
        asked_at: Instant,
    ) {
        self.announce_first(key.session);
        let (mark, is_abandoned) = match self.stored(key) {
            Some((mark, is_abandoned)) => (Some(mark), is_abandoned),
            None => (None, false),
        };
        let awaited = mark.filter(|_| !is_abandoned);
        let mut members = Vec::new();
        for posted in Posted::in_each(stored, awaited) {
            let others = self.live.members(&posted.channel);
            let mut others = others.iter().copied().filter(|member| *member != key.session);
            if awaited.is_some() {
                // Others, as on chat, may read slowly: no author waits for them.
                members.extend(others.clone().filter(|member| self.live.confirms_posts(*member)));
            }
            if others.next().is_some() {
                self.push_post(NewPost { author: key.session, posted, asked_at });
            }
        }
        let committed = stored.derive(|(_, stamp)| *stamp);
        match awaited {
            Some(mark) if !members.is_empty() => {
                let missing: HashSet<_> = members.iter().copied().collect();
                let is_refused = false;
                self.wait(key, mark, Stage::Posted { committed, members, missing, is_refused });
            }
            _ if is_abandoned => self.resolve(key, Reply::Undelivered(committed)),
            _ => self.resolve(key, Reply::Posted(committed)),
        }
    }

    /// Appends a post to the gathered posts, unless another event or a change of members
    /// came between: each member gets them together, and the members of a channel are
    /// listed once.
    fn push_post(&mut self, post: NewPost) {
        let channel = &post.posted.channel;
        let is_in = |posts: &Posts| posts.channels.iter().any(|(other, _)| other == channel);
        if !self.posts.as_ref().is_some_and(is_in) {
            if self.posts.as_ref().is_some_and(|posts| posts.channels.len() == GATHERED_MAX) {
                self.push_posts();
            }
            let members = self.live.members(channel).iter().copied().collect();
            let posts = self.posts.get_or_insert_default();
            posts.channels.push((channel.clone(), members));
        }
        let posts = &mut self.posts.get_or_insert_default().posts;
        let place = if faulty(Fault::PostsReordered) { 0 } else { posts.len() };
        posts.insert(place, post);
    }

    /// Makes an output of the gathered posts. Of the later outputs only replies may
    /// precede it.
    pub(crate) fn push_posts(&mut self) {
        self.outputs.extend(self.posts.take().map(Output::Posts));
    }

    pub(crate) fn push_event(&mut self, sessions: Vec<SessionKey>, event: Event) {
        self.push_posts();
        self.outputs.push_back(Output::Event(sessions, event));
    }

    /// The mark of a post that was being stored, and whether its sender has stopped
    /// waiting for delivery receipts.
    pub(crate) fn stored(&mut self, key: RequestKey) -> Option<(Mark, bool)> {
        let present = self.session(key.session)?.present()?;
        let awaited = present.awaited.take_if(|awaited| {
            awaited.number == key.number && matches!(awaited.stage, Stage::Storing { .. })
        })?;
        match awaited.stage {
            Stage::Storing { is_abandoned } => Some((awaited.mark, is_abandoned)),
            Stage::Posted { .. } | Stage::Told { .. } => None,
        }
    }

    fn wait(&mut self, key: RequestKey, mark: Mark, stage: Stage) {
        if let Some(present) = self.session(key.session).and_then(|record| record.present()) {
            present.awaited = Some(Awaited { number: key.number, mark, stage });
            self.live.wait(key.session);
        }
    }

    pub(crate) fn tell(
        &mut self,
        key: RequestKey,
        recipient: &Name,
        text: Text,
        awaits_delivery: bool,
    ) {
        let found = self.live.find(recipient);
        let Some(present) = find(&mut self.sessions, key.session).and_then(Session::present) else {
            // The session is closed: its client gets no reply.
            self.resolve(key, Reply::NotTold(NotTold::Absent));
            return;
        };
        let reaches = |account: &AccountId| {
            !self.store.has_blocked(*account, &present.name) || faulty(Fault::BlockedLinePassed)
        };
        let Some(account) = found.filter(reaches) else {
            self.resolve(key, Reply::NotTold(NotTold::Absent));
            return;
        };
        let sender = present.name.clone();
        let mark = awaits_delivery.then(|| present.next_mark(key.session));
        let sessions = self.live.sessions(account).to_vec();
        self.announce_first(key.session);
        // Before the reply: a session that sends a line to itself and quits still
        // receives it.
        let told = Event::Told(Told { sender, text, mark });
        self.counts.lines_told += 1;
        if mark.is_some() || !faulty(Fault::LiveLineLost) {
            self.push_event(sessions.clone(), told);
        }
        match mark.filter(|_| !faulty(Fault::ReceiptForged)) {
            Some(mark) => self.wait(key, mark, Stage::Told { sessions }),
            None => self.resolve(key, Reply::Told),
        }
    }

    /// Tells the members of the channels of a post that it is deleted, whoever has deleted it.
    pub(crate) fn tell_of_deletion(&mut self, id: PostId, channels: &[Channel]) {
        for channel in channels {
            let members: Vec<_> = self.live.members(channel).iter().copied().collect();
            if !members.is_empty() {
                let channel = channel.clone();
                self.push_event(members, Event::PostDeleted { channel, id });
            }
        }
    }

    pub(crate) fn tell_of_mail(&mut self, recipient: AccountId) {
        let sessions = self.live.mail(recipient).to_vec();
        if !sessions.is_empty() && !faulty(Fault::MailNotPushed) {
            self.push_event(sessions, Event::Mail);
        }
    }

    /// Handles a notice of a session.
    pub fn note(&mut self, session: SessionKey, notice: Notice) {
        match notice {
            Notice::Delivered(mark) => {
                self.delivered(mark.session, |awaited| match &mut awaited.stage {
                    _ if awaited.mark != mark => false,
                    Stage::Storing { .. } => false,
                    Stage::Posted { missing, .. } => {
                        missing.remove(&session);
                        missing.is_empty() || faulty(Fault::OneReceiptForAll)
                    }
                    // One session is enough. The others show the line all the same, and what they
                    // confirm then is of a mark that nobody waits for.
                    Stage::Told { sessions } => {
                        sessions.contains(&session) && !faulty(Fault::ReceiptLost)
                    }
                });
            }
            Notice::Refused(mark) => self.refused_by(session, mark),
            Notice::Abandon => self.abandon(session),
            Notice::Ending => self.ends(session),
        }
    }

    /// Handles the end of a session: no sender waits for its delivery receipts any
    /// more.
    pub(crate) fn awaits_no_more_from(&mut self, session: SessionKey) {
        let waiting: Vec<_> = self.live.waiting().iter().copied().collect();
        for waiting in waiting {
            self.delivered(waiting, |awaited| match &mut awaited.stage {
                Stage::Posted { missing, .. } => missing.remove(&session) && missing.is_empty(),
                Stage::Storing { .. } | Stage::Told { .. } => false,
            });
            if self.told_no_more(waiting, session) {
                self.abandon(waiting);
            }
        }
    }

    /// Notes that a session will not confirm the live line that another one waits for; returns
    /// whether nobody is left who could.
    fn told_no_more(&mut self, waiting: SessionKey, session: SessionKey) -> bool {
        let present = self.session(waiting).and_then(|record| record.present());
        match present.and_then(|present| present.awaited.as_mut()) {
            Some(Awaited { stage: Stage::Told { sessions }, .. }) => {
                let before = sessions.len();
                sessions.retain(|other| *other != session);
                before > 0 && sessions.is_empty()
            }
            _ => false,
        }
    }

    /// Answers a waiting session if no delivery receipt is awaited any more.
    fn delivered(&mut self, session: SessionKey, is_all: impl FnOnce(&mut Awaited) -> bool) {
        let Some(present) = self.session(session).and_then(|record| record.present()) else {
            return;
        };
        let Some(Awaited { number, stage, .. }) = present.awaited.take_if(is_all) else {
            return;
        };
        let reply = match stage {
            Stage::Posted { committed, is_refused: true, .. } => Reply::Undelivered(committed),
            Stage::Posted { committed, .. } => Reply::Posted(committed),
            Stage::Told { .. } => Reply::Told,
            Stage::Storing { .. } => return,
        };
        self.live.wait_no_more(session);
        self.resolve(RequestKey { session, number }, reply);
    }

    /// Handles a line that a session had no room for. The author of a post is answered
    /// once the other sessions have confirmed it, or its time is over.
    fn refused_by(&mut self, session: SessionKey, mark: Mark) {
        let mut is_undelivered = false;
        self.delivered(mark.session, |awaited| match &mut awaited.stage {
            _ if awaited.mark != mark => false,
            Stage::Storing { .. } => false,
            Stage::Posted { missing, is_refused, .. } => {
                *is_refused |= missing.remove(&session);
                missing.is_empty()
            }
            Stage::Told { sessions, .. } => {
                sessions.retain(|other| *other != session);
                is_undelivered = sessions.is_empty();
                false
            }
        });
        if is_undelivered {
            self.abandon(mark.session);
        }
    }

    fn abandon(&mut self, session: SessionKey) {
        let Some(record) = self.session(session) else {
            return;
        };
        if let Some(number) = record.work().and_then(|work| work.requests.deferred_delivery()) {
            let reply = Reply::NotTold(NotTold::Undelivered);
            return self.resolve(RequestKey { session, number }, reply);
        }
        let Some(present) = record.present() else {
            return;
        };
        if let Some(Awaited { stage: Stage::Storing { is_abandoned }, .. }) = &mut present.awaited {
            *is_abandoned = true;
            return;
        }
        let Some(Awaited { number, mark, stage }) = present.awaited.take() else {
            return;
        };
        let (sessions, reply) = match stage {
            Stage::Posted { committed, members, .. } => (members, Reply::Undelivered(committed)),
            Stage::Told { sessions, .. } => (sessions, Reply::NotTold(NotTold::Undelivered)),
            Stage::Storing { .. } => return,
        };
        self.live.wait_no_more(session);
        self.push_event(sessions, Event::Withdrawn(mark));
        self.resolve(RequestKey { session, number }, reply);
    }
}

#[cfg(test)]
mod tests {
    use postroom_model::{Request, Unknown};

    use super::*;
    use crate::tests::Bench;

    #[test]
    fn members_are_told_after_a_post_that_it_is_deleted_and_before_its_author_is_answered() {
        let mut bench = Bench::new();
        let author = bench.ask_to_enter("ann", Some("secret"));
        let member = bench.ask_to_enter("bob", None);
        bench.settle();
        let rust = Channel::parse("#rust").unwrap();
        bench.office.ask(member, Request::Join(rust.clone()));
        bench.settle();
        let (channels, text) = (vec![rust.clone()], Text::default());
        bench.office.ask(author, Request::Post { channels, text, awaits_delivery: false });
        bench.office.ask(author, Request::DeletePost { id: PostId(1) });
        bench.office.ask(author, Request::DeletePost { id: PostId(1) });
        bench.office.ask(author, Request::DeletePost { id: PostId(2) });
        bench.office.ask(member, Request::DeletePost { id: PostId(1) });
        bench.outputs.clear();
        bench.settle();
        let told = |output: &Output| match output {
            Output::Posts(posts) => Some(format!("{} posts", posts.posts.len())),
            Output::Event(to, Event::PostDeleted { channel, id }) => {
                assert_eq!((&to[..], channel), (&[member][..], &rust));
                Some(format!("{id} is deleted"))
            }
            Output::Reply(to, Reply::PostDeleted(id)) if *to == author => {
                Some(format!("reply: {}", id.get()))
            }
            Output::Reply(to, Reply::PostNotDeleted(refusal)) => {
                Some(format!("{} {refusal:?}", if *to == author { "author" } else { "member" }))
            }
            _ => None,
        };
        let told: Vec<_> = bench.outputs.iter().filter_map(told).collect();
        let id = PostId(1);
        let deleted = format!("{id} is deleted");
        let replies = [format!("reply: {id}"), format!("reply: {id}")];
        let [first, later @ ..] = &told[..] else {
            panic!("{told:?}");
        };
        assert_eq!(first, "1 posts");
        let events = later.iter().filter(|line| **line == deleted).count();
        assert_eq!((&later[0], events), (&deleted, 1), "{told:?}");
        assert!(replies.iter().all(|reply| later.contains(reply)), "{told:?}");
        assert!(later.contains(&"author NotFound".to_owned()), "{told:?}");
        assert!(later.contains(&"member HasNoPassword".to_owned()), "{told:?}");
    }

    #[test]
    fn a_session_that_has_ended_joins_nothing() {
        let mut bench = Bench::new();
        let session = bench.ask_to_enter("bob", None);
        bench.settle();
        let (recipient, text) = (Name::new("ann").unwrap(), Text::default());
        let rust = Channel::parse("#rust").unwrap();
        bench.office.ask(session, Request::Compose { recipient, text, unknown: Unknown::Register });
        bench.office.ask(session, Request::Join(rust.clone()));
        bench.office.leave(session);
        bench.settle();
        assert!(bench.office.live.members(&rust).is_empty());
    }
}
