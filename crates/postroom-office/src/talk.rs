//! Talking: posts in channels, live words, and who has heard them.

use std::collections::HashSet;
use std::sync::Arc;

use postroom_model::{
    Channel, Committed, Event, Name, NotTold, Notice, Post, PostRefusal, Posted, Reply, Text, Told,
};
use postroom_store::{AccountId, Call, Store};

use crate::Office;
use crate::news::{Audience, News};
use crate::visit::{self, Awaited, SessionKey, Waiting};

/// Channels that one session may be in, `#lobby` left out.
const CHANNELS_PER_SESSION_MAX: usize = 64;

impl<S: Store> Office<S> {
    pub(crate) fn join(&mut self, session: SessionKey, channel: Channel) {
        let Some(visit) = self.visit(session) else {
            return;
        };
        let reply = if visit.channels.contains(&channel) {
            Reply::Joined
        } else if visit.channels.len() == CHANNELS_PER_SESSION_MAX {
            Reply::NotJoined
        } else {
            visit.channels.push(channel.clone());
            self.live.join(session, channel);
            Reply::Joined
        };
        self.reply(session, reply);
    }

    pub(crate) fn part(&mut self, session: SessionKey, channel: &Channel) {
        let Some(visit) = self.visit(session) else {
            return;
        };
        let place = visit.channels.iter().position(|joined| joined == channel);
        if let Some(place) = place {
            visit.channels.swap_remove(place);
            self.live.part(session, channel);
        }
        self.reply(session, Reply::Left(place.is_some()));
    }

    pub(crate) fn post(
        &mut self,
        session: SessionKey,
        channels: Vec<Channel>,
        text: Text,
        awaits_delivery: bool,
    ) {
        let Some(visit) = self.visit(session) else {
            return;
        };
        let mut attendance = visit.attendance();
        if let Some(attendance) = attendance.as_mut().filter(|_| awaits_delivery) {
            let mark = attendance.next_mark(session);
            attendance.awaited = Some(Awaited { mark, what: Waiting::ToBeStored });
        }
        let attendance = attendance.as_deref();
        let author = attendance.map(|attendance| attendance.account);
        let post = visit::post(attendance, channels, text);
        self.submit(session, Call::Post { author, post });
    }

    /// The post is on disk: whoever is in its channels is to see it.
    pub(crate) fn posted(&mut self, session: SessionKey, post: &Committed<Arc<Post>>) {
        let awaited = self.stored(session);
        let mark = match &awaited {
            Some(Awaited { mark, what: Waiting::ToBeStored }) => Some(*mark),
            _ => None,
        };
        let (mut missing, mut heard_in) = (HashSet::new(), None);
        for posted in Posted::in_each(post, mark) {
            let (channel, at) = (posted.channel.clone(), self.live.tick());
            let audience = Audience::Channel { channel, except: session, at };
            if self.live.iter(&audience).next().is_some() {
                if mark.is_some() {
                    missing.extend(self.live.iter(&audience));
                }
                heard_in = Some(audience.clone());
                self.news.push(News::Event(audience, Event::Posted(posted)));
            }
        }
        let receipt = post.derive(|_| ());
        match (awaited, mark, heard_in) {
            (_, Some(mark), Some(audience)) => {
                let what = Waiting::ToBeDelivered { receipt, missing, audience };
                self.wait(session, Awaited { mark, what });
            }
            (Some(_), None, _) => self.reply(session, Reply::Undelivered(receipt)),
            _ if self.visit(session).is_some() => self.reply(session, Reply::Posted(receipt)),
            _ => {}
        }
    }

    /// What the session waits for, if its post, just stored, is to be heard.
    fn stored(&mut self, session: SessionKey) -> Option<Awaited> {
        let attendance = self.visit(session)?.attendance()?;
        attendance.awaited.take_if(|awaited| {
            matches!(awaited.what, Waiting::ToBeStored | Waiting::ToBeStoredOnly)
        })
    }

    fn wait(&mut self, session: SessionKey, awaited: Awaited) {
        if let Some(attendance) = self.visit(session).and_then(|visit| visit.attendance()) {
            attendance.awaited = Some(awaited);
            self.live.wait(session);
        }
    }

    pub(crate) fn not_posted(&mut self, session: SessionKey, refusal: PostRefusal) -> Reply {
        self.stored(session);
        Reply::NotPosted(refusal)
    }

    pub(crate) fn tell(
        &mut self,
        session: SessionKey,
        recipient: &Name,
        text: Text,
        awaits_delivery: bool,
    ) {
        let found = self.live.find(recipient);
        let Some(attendance) = self.visit(session).and_then(|visit| visit.attendance()) else {
            return;
        };
        let Some(account) = found else {
            self.reply(session, Reply::NotTold(NotTold::Absent));
            return;
        };
        let sender = attendance.name.clone();
        let mark = awaits_delivery.then(|| attendance.next_mark(session));
        // Before the reply: whoever speaks to itself and leaves at once still sees it.
        let told = Event::Told(Told { sender, text, mark });
        self.news.push(News::Event(Audience::Account(account), told));
        match mark {
            Some(mark) => {
                self.wait(session, Awaited { mark, what: Waiting::Reply { recipient: account } });
            }
            None => self.reply(session, Reply::Told),
        }
    }

    pub(crate) fn tell_of_mail(&mut self, recipient: AccountId) {
        for session in self.live.mail(recipient) {
            self.news.push(News::Event(Audience::Session(*session), Event::Mail));
        }
    }

    /// Takes a notice of a session.
    pub fn note(&mut self, session: SessionKey, notice: Notice) {
        match notice {
            Notice::Delivered(mark) => {
                self.delivered(mark.into(), |awaited| match &mut awaited.what {
                    _ if awaited.mark != mark => false,
                    Waiting::ToBeStored | Waiting::ToBeStoredOnly => false,
                    Waiting::ToBeDelivered { missing, .. } => {
                        missing.remove(&session);
                        missing.is_empty()
                    }
                    Waiting::Reply { .. } => true,
                });
            }
            Notice::Abandon => self.abandon(session),
            Notice::Ending => self.ends(session),
        }
    }

    /// A session is there no more: no one waits until it hears anything.
    pub(crate) fn awaits_no_more_from(&mut self, session: SessionKey, account: AccountId) {
        for waiting in self.live.waiting().to_vec() {
            self.delivered(waiting, |awaited| match &mut awaited.what {
                Waiting::ToBeDelivered { missing, .. } => {
                    missing.remove(&session) && missing.is_empty()
                }
                _ => false,
            });
            let is_for_it = self.visit(waiting).and_then(|visit| visit.attendance()).is_some_and(
                |attendance| match &attendance.awaited {
                    Some(Awaited { what: Waiting::Reply { recipient }, .. }) => {
                        *recipient == account
                    }
                    _ => false,
                },
            );
            if is_for_it && !self.live.is_here(account) {
                self.abandon(waiting);
            }
        }
    }

    /// Answers a session that waits, if what it waits for has been heard by now.
    fn delivered(&mut self, session: SessionKey, is_all: impl FnOnce(&mut Awaited) -> bool) {
        let Some(attendance) = self.visit(session).and_then(|visit| visit.attendance()) else {
            return;
        };
        let reply = match attendance.awaited.take_if(is_all).map(|awaited| awaited.what) {
            Some(Waiting::ToBeDelivered { receipt, .. }) => Reply::Posted(receipt),
            Some(Waiting::Reply { .. }) => Reply::Told,
            Some(Waiting::ToBeStored | Waiting::ToBeStoredOnly) | None => return,
        };
        self.live.wait_no_more(session);
        self.reply(session, reply);
    }

    fn abandon(&mut self, session: SessionKey) {
        if self.take_deferred(session) {
            return self.reply(session, Reply::NotTold(NotTold::Undelivered));
        }
        let Some(attendance) = self.visit(session).and_then(|visit| visit.attendance()) else {
            return;
        };
        let Some(Awaited { mark, what }) = attendance.awaited.take() else {
            return;
        };
        let (audience, reply) = match what {
            Waiting::ToBeStored | Waiting::ToBeStoredOnly => {
                attendance.awaited = Some(Awaited { mark, what: Waiting::ToBeStoredOnly });
                return;
            }
            Waiting::ToBeDelivered { receipt, audience, .. } => {
                (audience, Reply::Undelivered(receipt))
            }
            Waiting::Reply { recipient } => {
                (Audience::Account(recipient), Reply::NotTold(NotTold::Undelivered))
            }
        };
        self.live.wait_no_more(session);
        self.news.push(News::Event(audience, Event::Withdrawn(mark)));
        self.reply(session, reply);
    }
}
