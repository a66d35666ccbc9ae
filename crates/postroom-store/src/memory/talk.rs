//! The calls about channels of a store in memory.

use postroom_model::{Fault, Page, PostRefusal, Timestamp, faulty};

use crate::{Call, Limits, Outcome, Sender};

use super::books::{Books, Creator};
use super::channels::entry;
use super::session::Session;

impl Books {
    /// Answers a call about channels.
    pub(super) fn converse(
        &mut self,
        session: &mut Session,
        call: Call,
        limits: Limits,
        now: Timestamp,
    ) -> Outcome {
        match call {
            Call::Post { author: Some(Sender::Account(author)), .. }
                if self.account(author).is_deleted =>
            {
                Outcome::NotPosted(PostRefusal::AuthorDeleted)
            }
            Call::Post { author, post, may_create } => {
                match self.admitted(author.and_then(Sender::account), &post) {
                    Some(post) => self.channels.post(session, &post, may_create, limits, now),
                    None => Outcome::NotPosted(PostRefusal::NotInvited),
                }
            }
            Call::ManageChannel { account, channel, command, may_create } => {
                let creator = Creator { session, may_create, limits };
                self.manage_channel(account, channel, command, creator, now)
            }
            Call::Latest { channel, reader } if !self.may_enter(&channel, reader) => {
                Outcome::Latest(None)
            }
            Call::Timeline { channel, reader, .. } if !self.may_enter(&channel, reader) => {
                Outcome::Timeline(Page::default())
            }
            Call::Latest { channel, .. } => {
                let said = self.channels.said(&channel);
                let stale = said.front().filter(|_| faulty(Fault::LatestStale));
                Outcome::Latest(stale.or(said.back()).map(entry))
            }
            Call::Timeline { channel, from, .. } => {
                Outcome::Timeline(self.channels.page(&channel, from))
            }
            Call::DeleteChannel { channel } => {
                self.private.retain(|private| private.channel != channel);
                self.channels.delete(session, &channel)
            }
            Call::ListChannels { after } => self.channels.list(session, after.as_ref()),
            call => unreachable!("{call:?} is about no channel"),
        }
    }
}
